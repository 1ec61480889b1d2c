//! The assembler of cases, reports and tests.
//!
//! One statement a line or between semicolons: a label (`name:`), an instruction, `.long` with expressions, a comment
//! from `#` on. Operands are expressions over numbers (`42`, `0x2A`, `0b1`, with underscores), registers (`r3`, `cr1`,
//! `f0`, `v0`, `vs0`), labels, `.` for the present address and the caller's symbols, with `~ - * / + << >> & ^ |` and
//! parentheses, binding as in C. Mnemonics and extended mnemonics are those of `spec/isa/powerpc.yaml`.

mod expression;

use std::collections::HashMap;

use crate::row::{Alias, Kind, Operand, Prefixed, Privilege, Row, SprRow};
use crate::table::{ALIASES, FIELDS, MNEMONICS, PREFIXED, ROWS, SPRS};

pub(crate) use expression::{Value, ValueKind, evaluate};

/// A line that cannot be assembled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsmError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl std::fmt::Display for AsmError {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for AsmError {}

/// A message with the byte offset in the statement that it is about.
type Trouble = (usize, String);

/// A statement without its label and comment.
struct Statement<'a> {
    line: usize,
    /// Byte offset of `text` in its line.
    start: usize,
    /// The whole line, for columns.
    source: &'a str,
    text: &'a str,
    /// Address.
    at: u64,
}

/// An operand as written.
#[derive(Clone, Copy)]
struct Written<'a> {
    text: &'a str,
    start: usize,
    memory: bool,
}

/// Assembles `text` for the address `origin` into instruction words. `symbols` gives the value of names that are neither
/// labels nor registers.
///
/// # Errors
/// The first line that cannot be assembled, with what to write instead.
pub fn assemble(text: &str, origin: u64, symbols: &dyn Fn(&str) -> Option<u64>) -> Result<Vec<u32>, AsmError> {
    let mut labels = HashMap::new();
    let mut statements = Vec::new();
    let mut at = origin;
    for (index, source) in text.lines().enumerate() {
        let code = source.split('#').next().unwrap_or_default();
        let mut start = 0;
        for piece in code.split(';') {
            let mut offset = start;
            let mut rest = piece;
            start += piece.len() + 1;
            while let Some((label, after)) = rest.split_once(':') {
                let name = label.trim();
                let error = |message| Err(error_at(index + 1, source, offset, message));
                if !is_name(name) {
                    return error(format!("`{name}` is no label; use letters, digits, `_`, `.`, not a digit first"));
                }
                if labels.insert(name, at).is_some() {
                    return error(format!("label `{name}` is defined twice; rename one of them"));
                }
                offset += label.len() + 1;
                rest = after;
            }
            let trimmed = rest.trim_start();
            offset += rest.len() - trimmed.len();
            let text = trimmed.trim_end();
            if text.is_empty() {
                continue;
            }
            statements.push(Statement { line: index + 1, start: offset, source, text, at });
            at = at.wrapping_add(4 * words(text) as u64);
        }
    }
    let lookup = |name: &str| labels.get(name).copied().or_else(|| symbols(name));
    let mut out = Vec::with_capacity(statements.len());
    for statement in &statements {
        encode(statement, &lookup, &mut out)
            .map_err(|(at, message)| error_at(statement.line, statement.source, statement.start + at, message))?;
    }
    Ok(out)
}

fn error_at(line: usize, source: &str, offset: usize, message: String) -> AsmError {
    let column = source.char_indices().take_while(|&(at, _)| at < offset).count() + 1;
    AsmError { line, column, message }
}

fn is_name(text: &str) -> bool {
    let first = text.chars().next();
    first.is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '.'))
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$'))
}

/// How many words a statement gives.
fn words(text: &str) -> usize {
    match text.split_once(char::is_whitespace) {
        Some((".long", list)) => split(list, 0).len(),
        Some((mnemonic, _)) => 1 + usize::from(is_prefixed(mnemonic)),
        None => 1 + usize::from(is_prefixed(text)),
    }
}

/// The row of a prefixed instruction.
fn prefixed(mnemonic: &str) -> Option<&'static Prefixed> {
    PREFIXED.iter().find(|row| !row.name.is_empty() && row.name == mnemonic)
}

/// Whether the mnemonic, or the one it stands for, is of two words.
fn is_prefixed(mnemonic: &str) -> bool {
    prefixed(mnemonic).is_some() || aliases(mnemonic).iter().any(|alias| prefixed(alias.base).is_some())
}

/// Where the parenthesis of `d(rA)` opens: the one whose partner ends the operand, after something that is a value.
fn opening(operand: &str) -> Option<usize> {
    if !operand.ends_with(')') {
        return None;
    }
    let mut depth = 0;
    let open = operand.char_indices().rev().find(|(_, c)| {
        depth += match c {
            ')' => 1,
            '(' => -1,
            _ => 0,
        };
        depth == 0
    });
    let (open, _) = open?;
    let value = |c: char| c.is_ascii_alphanumeric() || matches!(c, ')' | '_' | '.');
    operand[..open].trim_end().ends_with(value).then_some(open)
}

/// Splits operands at commas outside of parentheses and takes `d(rA)` apart.
fn split(text: &str, start: usize) -> Vec<Written<'_>> {
    let mut list = Vec::new();
    let (mut depth, mut from) = (0u32, 0);
    for (i, c) in text.char_indices().chain([(text.len(), ',')]) {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 || i == text.len() => {
                let piece = &text[from..i];
                let at = start + from + (piece.len() - piece.trim_start().len());
                let piece = piece.trim();
                match opening(piece) {
                    None => list.push(Written { text: piece, start: at, memory: false }),
                    Some(open) => {
                        list.push(Written { text: &piece[..open], start: at, memory: false });
                        let base = &piece[open + 1..piece.len() - 1];
                        list.push(Written { text: base, start: at + open + 1, memory: true });
                    }
                }
                from = i + 1;
            }
            _ => {}
        }
    }
    if list.len() == 1 && list[0].text.trim().is_empty() {
        list.clear();
    }
    list
}

fn encode(statement: &Statement, lookup: &dyn Fn(&str) -> Option<u64>, out: &mut Vec<u32>) -> Result<(), Trouble> {
    let text = statement.text;
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (mnemonic, rest) = text.split_at(end);
    let written = split(rest, end);
    let mut values = Vec::with_capacity(written.len());
    for operand in &written {
        let value = evaluate(operand.text, &|name| match name {
            "." => Some(Value::number(statement.at.into())),
            _ => lookup(name).map(|value| Value::number(value.into())),
        });
        values.push(value.map_err(|(at, message)| (operand.start + at, message))?);
    }
    if mnemonic == ".long" {
        for (value, operand) in values.iter().zip(&written) {
            let word = u32::try_from(value.number).or_else(|_| i32::try_from(value.number).map(i32::cast_unsigned));
            out.push(word.map_err(|_| (operand.start, format!("{} does not fit 32 bits", value.number)))?);
        }
        return Ok(());
    }
    let operands: Vec<_> = values.iter().zip(&written).map(|(value, w)| (*value, w.memory, w.start)).collect();
    let made = instruction(mnemonic, &operands, statement.at)?;
    if is_prefixed(mnemonic) {
        out.push((made >> 32) as u32);
    }
    out.push(made as u32);
    Ok(())
}

/// Whether `row` is what the assembler takes its mnemonic for with that many operands: of two rows with one name and
/// different opcodes only the first is.
pub(crate) fn is_first_of_its_name(row: &Row) -> bool {
    let same = |other: &Row| other.operands.len() == row.operands.len();
    rows(row.name).find(|(other, _)| same(other)).is_none_or(|(other, _)| other.value == row.value)
}

/// Base rows of a mnemonic with its suffixes, and the bits the suffixes set.
fn rows(mnemonic: &str) -> impl Iterator<Item = (&'static Row, u32)> {
    let start = MNEMONICS.partition_point(|(name, ..)| *name < mnemonic);
    let rows = MNEMONICS[start..].iter().take_while(move |(name, ..)| *name == mnemonic);
    rows.map(|&(_, row, bits)| (&ROWS[usize::from(row)], bits)).collect::<Vec<_>>().into_iter()
}

/// Extended mnemonics of a name.
fn aliases(mnemonic: &str) -> &'static [Alias] {
    let start = ALIASES.partition_point(|alias| alias.name < mnemonic);
    let length = ALIASES[start..].partition_point(|alias| alias.name == mnemonic);
    &ALIASES[start..start + length]
}

/// The word of an instruction, or prefix and suffix with the prefix in the upper half.
fn instruction(mnemonic: &str, operands: &[(Value, bool, usize)], at: u64) -> Result<u64, Trouble> {
    let mut expected = Vec::new();
    let mut refused = None;
    // Levels of the architecture widen fields: the first row that can hold the operands is meant.
    for (row, bits) in rows(mnemonic) {
        if fits(row.operands, operands) {
            match encode_row(row, bits, operands, at) {
                Ok(word) => return Ok(word.into()),
                Err(trouble) => refused = refused.or(Some(trouble)),
            }
        }
        expected.push(usage(row.name, row.operands));
    }
    if let Some(row) = prefixed(mnemonic) {
        if fits(row.operands, operands) {
            return encode_prefixed(row, operands, at);
        }
        expected.push(usage(row.name, row.operands));
    }
    if let Some(trouble) = refused {
        return Err(trouble);
    }
    for alias in aliases(mnemonic) {
        let shape = alias.parameters.iter().map(|parameter| parameter.memory);
        if shape.eq(operands.iter().map(|operand| operand.1)) {
            return expand(alias, operands, at);
        }
        expected.push(alias_usage(alias));
    }
    if expected.is_empty() {
        return Err((0, unknown(mnemonic)));
    }
    expected.dedup();
    Err((0, format!("`{mnemonic}` does not take these operands; write `{}`", expected.join("` or `"))))
}

fn fits(row: &[Operand], written: &[(Value, bool, usize)]) -> bool {
    let required = row.iter().filter(|operand| operand.default.is_none()).count();
    (required..=row.len()).contains(&written.len())
        && row.iter().zip(written).all(|(operand, written)| operand.memory == written.1)
}

fn encode_prefixed(row: &Prefixed, operands: &[(Value, bool, usize)], at: u64) -> Result<u64, Trouble> {
    let mut word = row.value;
    for (index, operand) in row.operands.iter().enumerate() {
        let encoded = match operands.get(index) {
            Some(&(value, _, start)) => {
                encode_operand(operand, value, false, at).map_err(|message| (start, message))?
            }
            None => operand.default.unwrap_or(0).into(),
        };
        word |= FIELDS[operand.field as usize].place_long(encoded);
    }
    Ok(word)
}

fn encode_row(row: &Row, bits: u32, operands: &[(Value, bool, usize)], at: u64) -> Result<u32, Trouble> {
    let mut word = row.value | bits;
    let write = row.name == "mtspr";
    for (index, operand) in row.operands.iter().enumerate() {
        let field = &FIELDS[operand.field as usize];
        let encoded = match operands.get(index) {
            Some(&(value, _, start)) => {
                let value = if value.kind == ValueKind::Spr { spr_number(value, write) } else { value };
                let absolute = row.absolute && bits & 2 != 0;
                encode_operand(operand, value, absolute, at).map_err(|message| (start, message))? as u32
            }
            None => operand.default.unwrap_or(0),
        };
        word |= field.place(encoded);
    }
    Ok(word)
}

fn expand(alias: &Alias, operands: &[(Value, bool, usize)], at: u64) -> Result<u64, Trouble> {
    let bound = |name: &str| {
        let index = alias.parameters.iter().position(|parameter| parameter.name == name)?;
        Some(operands[index].0)
    };
    let start = operands.first().map_or(0, |operand| operand.2);
    let mut values = Vec::with_capacity(alias.template.len());
    for text in alias.template {
        let value = evaluate(text, &bound).map_err(|(_, message)| (start, message))?;
        let parameter = alias.parameters.iter().position(|parameter| parameter.name == *text);
        values.push((value, parameter.map_or(start, |index| operands[index].2)));
    }
    let shape = |operands: &[Operand]| -> Vec<_> {
        let memory = |i: usize| operands.get(i).is_some_and(|operand| operand.memory);
        values.iter().enumerate().map(|(i, &(value, start))| (value, memory(i), start)).collect()
    };
    for (row, bits) in rows(alias.base) {
        let shaped = shape(row.operands);
        if fits(row.operands, &shaped) {
            return encode_row(row, bits, &shaped, at).map(u64::from);
        }
    }
    if let Some(row) = prefixed(alias.base) {
        return encode_prefixed(row, &shape(row.operands), at);
    }
    Err((0, format!("`{}` stands for `{}`, which the table lacks", alias.name, alias.base)))
}

/// A special-purpose register by the number under which it can be read or written.
fn spr_number(value: Value, write: bool) -> Value {
    let first = usize::try_from(value.number).ok().and_then(|index| SPRS.get(index));
    let allowed = |row: &&SprRow| (if write { row.write } else { row.read }) != Privilege::None;
    let rows = SPRS.iter().filter(|row| first.is_some_and(|first| first.spr == row.spr));
    // Where several numbers do, the highest is the privileged one.
    let row = rows.clone().rfind(allowed).or(first);
    Value { kind: ValueKind::Spr, number: row.map_or(0, |row| row.number.into()) }
}

/// The encoded value of an operand, or why it does not fit.
fn encode_operand(operand: &Operand, value: Value, absolute: bool, at: u64) -> Result<u64, String> {
    let field = &FIELDS[operand.field as usize];
    let width = field.width();
    let wanted = match field.kind {
        Kind::Gpr | Kind::Gpr0 => ValueKind::Gpr,
        Kind::Fpr => ValueKind::Fpr,
        Kind::Vr => ValueKind::Vr,
        Kind::Vsr => ValueKind::Vsr,
        Kind::Cr => ValueKind::Cr,
        Kind::Spr => ValueKind::Spr,
        Kind::Crbit | Kind::Signed | Kind::Negative | Kind::Unsigned | Kind::Count | Kind::Wrapped | Kind::Relative => {
            ValueKind::Number
        }
    };
    if value.kind != wanted && value.kind != ValueKind::Number {
        return Err(format!("operand {} must be {}, not {}", field.name, wanted.describe(), value.kind.describe()));
    }
    let scale = i128::from(field.scale);
    let half = 1i128 << (width - 1);
    let (low, high) = match field.kind {
        Kind::Signed | Kind::Relative => (-half * scale, (half - 1) * scale),
        Kind::Negative => (-2 * half * scale, -scale),
        Kind::Wrapped => (-half, 2 * half - 1),
        Kind::Count => (1, 2 * half),
        _ => (0, (2 * half - 1) * scale),
    };
    // Numbers of 64 bits may stand for negative ones, as addresses near the top do.
    let signed = |number: i128| {
        let unsigned = u64::try_from(number).map(u64::cast_signed);
        unsigned.map_or(number, i128::from)
    };
    let number = match field.kind {
        Kind::Relative if !absolute => i128::from((signed(value.number) as i64).wrapping_sub(at.cast_signed())),
        Kind::Relative | Kind::Signed | Kind::Negative | Kind::Wrapped => signed(value.number),
        _ => value.number,
    };
    if !(low..=high).contains(&number) {
        let what = if field.kind == Kind::Relative && !absolute {
            format!("branch distance {number}")
        } else {
            format!("operand {} = {number}", field.name)
        };
        return Err(format!("{what} is out of range; it must be from {low} to {high}"));
    }
    if number % scale != 0 {
        return Err(format!("operand {} = {number} must be a multiple of {scale}", field.name));
    }
    Ok((number / scale) as u64)
}

/// `lwz RT, D(RA0)`.
fn usage(name: &str, operands: &[Operand]) -> String {
    let mut text = name.to_owned();
    for (index, operand) in operands.iter().enumerate() {
        let name = FIELDS[operand.field as usize].name;
        if operand.memory {
            text += &format!("({name})");
        } else {
            text += &format!("{} {name}", if index == 0 { "" } else { "," });
        }
    }
    text
}

fn alias_usage(alias: &Alias) -> String {
    let mut text = alias.name.to_owned();
    for (index, parameter) in alias.parameters.iter().enumerate() {
        if parameter.memory {
            text += &format!("({})", parameter.name);
        } else {
            text += &format!("{} {}", if index == 0 { "" } else { "," }, parameter.name);
        }
    }
    text
}

fn unknown(mnemonic: &str) -> String {
    let prefixed = PREFIXED.iter().map(|row| row.name).filter(|name| !name.is_empty());
    let names = MNEMONICS.iter().map(|(name, ..)| *name).chain(prefixed);
    let names = names.chain(ALIASES.iter().map(|alias| alias.name));
    let nearest = names.map(|name| (distance(mnemonic, name), name)).min();
    match nearest {
        Some((steps, name)) if steps <= 2 && steps < mnemonic.len() => {
            format!("unknown mnemonic `{mnemonic}`; did you mean `{name}`?")
        }
        _ => format!("unknown mnemonic `{mnemonic}`; write the word with `.long` if the table lacks it"),
    }
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
