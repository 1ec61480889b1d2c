//! The disassembler of reports.

use crate::asm::{Value, ValueKind, evaluate, is_first_of_its_name};
use crate::model::Model;
use crate::row::{Alias, Kind, Row, decode};
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
        if let Some(bound) = reverse(alias, row, &values) {
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
    let values = row
        .operands
        .iter()
        .map(|operand| {
            let field = &FIELDS[operand.field as usize];
            let (raw, width) = (field.extract(word), field.width());
            let signed = i64::from((raw << (32 - width)).cast_signed() >> (32 - width)) * i64::from(field.scale);
            let (kind, number) = match field.kind {
                Kind::Gpr | Kind::Gpr0 => (ValueKind::Gpr, i128::from(raw)),
                Kind::Fpr => (ValueKind::Fpr, raw.into()),
                Kind::Vr => (ValueKind::Vr, raw.into()),
                Kind::Vsr => (ValueKind::Vsr, raw.into()),
                Kind::Cr => (ValueKind::Cr, raw.into()),
                Kind::Signed | Kind::Wrapped => (ValueKind::Number, signed.into()),
                Kind::Negative => (ValueKind::Number, (i128::from(raw) - (1 << width)) * i128::from(field.scale)),
                Kind::Relative if row.absolute && word & 2 != 0 => (ValueKind::Number, signed.into()),
                Kind::Relative => (ValueKind::Number, at.wrapping_add(signed.cast_unsigned()).into()),
                Kind::Count if raw == 0 => (ValueKind::Number, 1 << width),
                Kind::Crbit | Kind::Unsigned | Kind::Count | Kind::Spr => (ValueKind::Number, raw.into()),
            };
            Value { kind, number }
        })
        .collect();
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

/// Text of an operand of a row.
fn show(row: &Row, index: usize, value: Value) -> String {
    let field = &FIELDS[row.operands[index].field as usize];
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
    let left_out = |(i, value): (usize, &Value)| {
        row.operands[i].default.is_some_and(|default| value.number == i128::from(default))
    };
    let trailing = values.iter().enumerate().rev().take_while(|&pair| left_out(pair)).count();
    let shown = values.iter().enumerate().take(values.len() - trailing);
    join(&mnemonic(row, word), shown.map(|(i, &value)| (show(row, i, value), row.operands[i].memory)))
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
fn reverse(alias: &Alias, row: &Row, values: &[Value]) -> Option<Vec<String>> {
    let rest = values.iter().zip(row.operands).skip(alias.template.len());
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
    bound.into_iter().map(|place| place.map(|(index, value)| show(row, index, value))).collect()
}
