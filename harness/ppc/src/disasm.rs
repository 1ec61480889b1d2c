//! The disassembler of reports.

use crate::asm::{Value, ValueKind, evaluate, is_first_of_its_name};
use crate::model::Model;
use crate::row::{Alias, Kind, Operand, Prefixed, Row, decode, decode_prefixed};
use crate::table::{ALIASES, FIELDS, SHOWN};

/// The instruction at address `at`, with the extended mnemonic where there is a usual one. A word that no model has, or
/// with reserved bits set, is `.long 0x...`: what comes out can be assembled to the same word again.
pub fn disassemble(word: u32, at: u64) -> String {
    let Some((row, values)) = take_apart(word, at) else {
        return format!(".long {word:#010x}");
    };
    let mnemonic = mnemonic(row, word);
    let shown = SHOWN.iter().map(|&index| &ALIASES[usize::from(index)]).filter(|alias| alias.base == mnemonic);
    for alias in shown {
        if let Some(bound) = reverse(alias, row.operands, &values) {
            let operands = bound.iter().zip(alias.parameters).map(|(text, p)| (text.clone(), p.memory));
            return join(alias.name, operands);
        }
    }
    base(row, word, &values)
}

/// As [`disassemble`], with base mnemonics only.
pub fn disassemble_base(word: u32, at: u64) -> String {
    match take_apart(word, at) {
        Some((row, values)) => base(row, word, &values),
        None => format!(".long {word:#010x}"),
    }
}

/// The instruction at the beginning of `words`, which lie from address `at` on, and how many words it has: two where it is
/// prefixed, else one, none at the end.
pub fn disassemble_next(words: &[u32], at: u64) -> (String, usize) {
    match *words {
        [] => (String::new(), 0),
        [prefix, suffix, ..] => match take_prefixed_apart(prefix, suffix) {
            Some((row, values)) => (show_prefixed(row, &values), 2),
            None => (disassemble(prefix, at), 1),
        },
        [word] => (disassemble(word, at), 1),
    }
}

/// The row of a prefixed instruction without reserved bits, and the values of all its operands. What follows a pnop is
/// not part of its text, so it must be 0.
fn take_prefixed_apart(prefix: u32, suffix: u32) -> Option<(&'static Prefixed, Vec<Value>)> {
    let word = u64::from(prefix) << 32 | u64::from(suffix);
    let row = decode_prefixed(prefix, suffix).filter(|row| !row.name.is_empty() && word & row.reserved == 0)?;
    let known = row.operands.iter().fold(row.mask, |bits, operand| bits | FIELDS[operand.field as usize].mask_long());
    if word & !known != 0 {
        return None;
    }
    Some((row, row.operands.iter().map(|operand| value(operand, word, false, 0)).collect()))
}

fn show_prefixed(row: &Prefixed, values: &[Value]) -> String {
    let shown = SHOWN.iter().map(|&index| &ALIASES[usize::from(index)]).filter(|alias| alias.base == row.name);
    for alias in shown {
        if let Some(bound) = reverse(alias, row.operands, values) {
            let operands = bound.iter().zip(alias.parameters).map(|(text, p)| (text.clone(), p.memory));
            return join(alias.name, operands);
        }
    }
    plain(row.name, row.operands, values)
}

/// The value of an operand in a word, or in prefix and suffix.
fn value(operand: &Operand, word: u64, absolute: bool, at: u64) -> Value {
    let field = &FIELDS[operand.field as usize];
    let (raw, width) = (field.extract_long(word), field.width());
    let signed = ((raw << (64 - width)).cast_signed() >> (64 - width)) * i64::from(field.scale);
    let (kind, number) = match field.kind {
        Kind::Gpr | Kind::Gpr0 => (ValueKind::Gpr, i128::from(raw)),
        Kind::Fpr => (ValueKind::Fpr, raw.into()),
        Kind::Vr => (ValueKind::Vr, raw.into()),
        Kind::Vsr => (ValueKind::Vsr, raw.into()),
        Kind::Cr => (ValueKind::Cr, raw.into()),
        Kind::Signed | Kind::Wrapped => (ValueKind::Number, signed.into()),
        Kind::Negative => (ValueKind::Number, (i128::from(raw) - (1 << width)) * i128::from(field.scale)),
        Kind::Relative if absolute => (ValueKind::Number, signed.into()),
        Kind::Relative => (ValueKind::Number, at.wrapping_add(signed.cast_unsigned()).into()),
        Kind::Count if raw == 0 => (ValueKind::Number, 1 << width),
        Kind::Crbit | Kind::Unsigned | Kind::Count | Kind::Spr => (ValueKind::Number, raw.into()),
    };
    Value { kind, number }
}

/// The row and the values of all its operands.
fn take_apart(word: u32, at: u64) -> Option<(&'static Row, Vec<Value>)> {
    // Newest first: a word that two models read differently is shown as the newer one reads it.
    let newest = [
        Model::Power10,
        Model::Power9,
        Model::Power8,
        Model::Power7,
        Model::Ppc970,
        Model::E500mc,
        Model::E500v2,
        Model::G4,
        Model::G3,
    ];
    let known = |row: &&Row| !row.name.is_empty() && word & row.reserved == 0 && is_first_of_its_name(row);
    let row = newest.into_iter().find_map(|model| decode(word, model).filter(known))?;
    let absolute = row.absolute && word & 2 != 0;
    let values = row.operands.iter().map(|operand| value(operand, word.into(), absolute, at)).collect();
    Some((row, values))
}

/// The base mnemonic with the suffixes that the word's variants ask for.
fn mnemonic(row: &Row, word: u32) -> String {
    let set = word & row.variants;
    let mut text = row.name.to_owned();
    if set & 0x400 != 0 {
        text.push('o');
    }
    if set & 1 != 0 {
        text.push(if row.group == crate::row::Group::Branch { 'l' } else { '.' });
    }
    if set & 2 != 0 {
        text.push('a');
    }
    text
}

/// Text of an operand.
fn show(operand: &Operand, value: Value) -> String {
    let field = &FIELDS[operand.field as usize];
    match (field.kind, value.kind) {
        (Kind::Gpr0, _) if value.number == 0 => "0".to_owned(),
        (_, ValueKind::Gpr) => format!("r{}", value.number),
        (_, ValueKind::Fpr) => format!("f{}", value.number),
        (_, ValueKind::Vr) => format!("v{}", value.number),
        (_, ValueKind::Vsr) => format!("vs{}", value.number),
        (_, ValueKind::Cr) => format!("cr{}", value.number),
        (Kind::Relative, _) if value.number >= 0 => format!("{:#x}", value.number),
        (Kind::Unsigned, _) if field.width() >= 15 && value.number > 9 => {
            format!("{:#x}", value.number)
        }
        _ => value.number.to_string(),
    }
}

fn base(row: &Row, word: u32, values: &[Value]) -> String {
    plain(&mnemonic(row, word), row.operands, values)
}

/// A base mnemonic with its operands, but for those at the end that have their default.
fn plain(mnemonic: &str, operands: &[Operand], values: &[Value]) -> String {
    let left_out =
        |(i, value): (usize, &Value)| operands[i].default.is_some_and(|default| value.number == i128::from(default));
    let trailing = values.iter().enumerate().rev().take_while(|&pair| left_out(pair)).count();
    let shown = values.iter().enumerate().take(values.len() - trailing);
    join(mnemonic, shown.map(|(i, &value)| (show(&operands[i], value), operands[i].memory)))
}

fn join(mnemonic: &str, operands: impl Iterator<Item = (String, bool)>) -> String {
    let mut text = mnemonic.to_owned();
    for (index, (operand, memory)) in operands.enumerate() {
        match (index, memory) {
            (_, true) => text += &format!("({operand})"),
            (0, false) => text += &format!(" {operand}"),
            (_, false) => text += &format!(", {operand}"),
        }
    }
    text
}

/// The operands an alias needs to stand for this instruction, or none if it cannot.
fn reverse(alias: &Alias, operands: &[Operand], values: &[Value]) -> Option<Vec<String>> {
    let rest = values.iter().zip(operands).skip(alias.template.len());
    for (value, operand) in rest {
        if value.number != i128::from(operand.default?) {
            return None;
        }
    }
    if alias.template.len() > values.len() {
        return None;
    }
    let mut bound: Vec<Option<(usize, Value)>> = vec![None; alias.parameters.len()];
    for (index, text) in alias.template.iter().enumerate() {
        if let Some(parameter) = alias.parameters.iter().position(|parameter| parameter.name == *text) {
            match bound[parameter] {
                None => bound[parameter] = Some((index, values[index])),
                Some((_, value)) if value.number == values[index].number => {}
                Some(_) => return None,
            }
        }
    }
    let lookup = |name: &str| {
        let index = alias.parameters.iter().position(|parameter| parameter.name == name)?;
        bound[index].map(|(_, value)| value)
    };
    for (text, value) in alias.template.iter().zip(values) {
        if evaluate(text, &lookup).ok()?.number != value.number {
            return None;
        }
    }
    bound.into_iter().map(|place| place.map(|(index, value)| show(&operands[index], value))).collect()
}
