//! Writes the core's Rust table.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::resolve::{Resolved, ResolvedRow, mnemonics};
use super::{Isa, Privilege, Storage};

/// The command that brings `harness/ppc/src/table.rs` up to date.
pub const COMMAND: &str = "cargo run -p hypercheck-spec --example generate-table";

/// The text of `harness/ppc/src/table.rs`.
pub fn generate(isa: &Isa, resolved: &Resolved) -> String {
    let mut out = String::new();
    write_table(isa, resolved, &mut out).expect("writing to a string cannot fail");
    out
}

/// `stwcx.` as `StwcxDot`.
pub(super) fn variant_name(name: &str) -> String {
    let mut out = String::new();
    for part in name.split(['_', ' ']) {
        let mut letters = part.chars();
        if let Some(first) = letters.next() {
            out.extend(first.to_uppercase());
            out.push_str(&letters.as_str().replace('.', "Dot"));
        }
    }
    out
}

fn privilege(value: Privilege) -> String {
    format!("Privilege::{value:?}")
}

fn op(row: &ResolvedRow) -> String {
    if row.name.is_empty() { "Remainder".to_owned() } else { variant_name(&row.name) }
}

fn write_table(isa: &Isa, resolved: &Resolved, out: &mut String) -> std::fmt::Result {
    writeln!(out, "// Generated from spec/isa/{}.yaml. Do not edit; change the rows and run", isa.isa)?;
    writeln!(out, "//     {COMMAND}")?;
    writeln!(out, "//! The instruction table: {}.", isa.title)?;
    writeln!(out, "//!")?;
    writeln!(out, "//! Bit i of a `models` mask is `MODELS[i]`.\n")?;
    writeln!(out, "use crate::model::Model;")?;
    writeln!(
        out,
        "use crate::row::{{Alias, FieldInfo, Group, Kind, Operand, Parameter, Prefixed, Primary, Privilege, Row, SprRow, Storage}};"
    )?;
    writeln!(out, "use crate::undefined::{{Choice, Part, Undefined, When}};\n")?;
    let models: Vec<_> = isa.models.iter().map(|model| format!("Model::{}", model.name)).collect();
    writeln!(out, "/// The models, in the order of the bits of a mask.")?;
    writeln!(out, "pub const MODELS: [Model; {}] = [{}];\n", models.len(), models.join(", "))?;
    write_ops(resolved, out)?;
    write_fields(resolved, out)?;
    write_rows(resolved, out)?;
    write_decoder(resolved, out)?;
    write_mnemonics(resolved, out)?;
    write_registers(resolved, out)?;
    write_aliases(resolved, out)?;
    super::prefixed::write(&resolved.prefixed, out)?;
    super::undefined::write(&resolved.undefined, out)
}

fn write_ops(resolved: &Resolved, out: &mut String) -> std::fmt::Result {
    writeln!(out, "/// An instruction, whatever its variants and models.")?;
    writeln!(out, "#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]")?;
    writeln!(out, "#[repr(u16)]")?;
    writeln!(out, "#[expect(missing_docs, reason = \"each variant is the mnemonic\")]")?;
    writeln!(out, "pub enum Op {{")?;
    let mut seen = std::collections::BTreeSet::new();
    for row in &resolved.rows {
        let name = op(row);
        if seen.insert(name.clone()) {
            writeln!(out, "    {name},")?;
        }
    }
    for row in resolved.prefixed.iter().filter(|row| !row.name.is_empty()) {
        writeln!(out, "    {},", variant_name(&row.name))?;
    }
    writeln!(out, "}}\n")
}

fn write_fields(resolved: &Resolved, out: &mut String) -> std::fmt::Result {
    writeln!(out, "/// An operand field; [`FIELDS`] says where it lies.")?;
    writeln!(out, "#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]")?;
    writeln!(out, "#[repr(u8)]")?;
    writeln!(out, "#[expect(missing_docs, reason = \"the names of the architecture\")]")?;
    writeln!(out, "pub enum Field {{")?;
    for name in resolved.fields.keys() {
        writeln!(out, "    {name},")?;
    }
    writeln!(out, "}}\n")?;
    writeln!(out, "/// Fields, indexed by [`Field`].")?;
    writeln!(out, "pub static FIELDS: [FieldInfo; {}] = [", resolved.fields.len())?;
    for (name, field) in &resolved.fields {
        let parts: Vec<_> = field.parts.iter().map(|(shift, width)| format!("({shift}, {width})")).collect();
        writeln!(
            out,
            "    FieldInfo {{ name: \"{name}\", kind: Kind::{:?}, parts: &[{}], scale: {} }},",
            field.kind,
            parts.join(", "),
            field.scale
        )?;
    }
    writeln!(out, "];\n")
}

fn write_rows(resolved: &Resolved, out: &mut String) -> std::fmt::Result {
    writeln!(out, "/// Instructions in the order of the table, then the remainders.")?;
    writeln!(out, "pub static ROWS: [Row; {}] = [", resolved.rows.len())?;
    for row in &resolved.rows {
        let operands: Vec<_> = row.operands.iter().map(super::resolve::ResolvedOperand::written).collect();
        let variants = row.variants.iter().fold(0, |bits, variant| bits | variant.mask());
        let absolute = row.variants.iter().any(|variant| matches!(variant, super::Variant::AA));
        writeln!(
            out,
            "    Row {{ name: \"{}\", form: \"{}\", op: Op::{}, group: Group::{:?}, mask: {:#010X}, value: {:#010X}, reserved: {:#010X}, variants: {variants:#X}, absolute: {absolute}, privilege: {}, models: {:#X}, operands: &[{}] }},",
            row.name,
            row.form,
            op(row),
            row.group,
            row.mask,
            row.value,
            row.reserved,
            privilege(row.privilege),
            row.models,
            operands.join(", "),
        )?;
    }
    writeln!(out, "];\n")
}

/// A decoder indexed by the primary opcode and then by the bits in which that opcode's rows differ.
fn write_decoder(resolved: &Resolved, out: &mut String) -> std::fmt::Result {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut primaries = String::new();
    let mut slots_text = String::new();
    for primary in 0..64u32 {
        let rows: Vec<_> = resolved.rows.iter().enumerate().filter(|(_, row)| row.value >> 26 == primary).collect();
        let bits = rows.iter().fold(0, |bits, (_, row)| bits | row.index);
        let (shift, mask) = if bits == 0 { (0, 0) } else { (bits.trailing_zeros(), bits >> bits.trailing_zeros()) };
        if rows.is_empty() {
            writeln!(primaries, "    Primary {{ shift: 0, mask: 0, slots: &[0] }},")?;
            continue;
        }
        let mut slots = Vec::new();
        for slot in 0..=mask {
            // Rows come before remainders in the table, so the first that matches is the most specific one.
            let fitting: Vec<usize> = rows
                .iter()
                .filter(|(_, row)| ((slot << shift) ^ row.value) & row.index == 0)
                .map(|&(i, _)| i)
                .collect();
            slots.push(match fitting[..] {
                [] => 0,
                [one] => one + 1,
                _ => {
                    let known = groups.iter().position(|group| *group == fitting);
                    let index = known.unwrap_or_else(|| {
                        groups.push(fitting);
                        groups.len() - 1
                    });
                    0x8000 | index
                }
            });
        }
        writeln!(slots_text, "static SLOTS_{primary}: [u16; {}] = [", slots.len())?;
        for line in slots.chunks(24) {
            let line: Vec<_> = line.iter().map(ToString::to_string).collect();
            writeln!(slots_text, "    {},", line.join(", "))?;
        }
        writeln!(slots_text, "];\n")?;
        writeln!(primaries, "    Primary {{ shift: {shift}, mask: {mask:#X}, slots: &SLOTS_{primary} }},")?;
    }
    out.push_str(&slots_text);
    writeln!(
        out,
        "/// Decoder, by primary opcode. A slot is 0, a row's index plus 1, or 0x8000 plus an index into [`GROUPS`]."
    )?;
    writeln!(out, "pub static PRIMARIES: [Primary; 64] = [\n{primaries}];\n")?;
    writeln!(out, "/// Rows that share a slot: the first that has the model and matches the word is meant.")?;
    writeln!(out, "pub static GROUPS: [&[u16]; {}] = [", groups.len())?;
    for group in groups {
        let group: Vec<_> = group.iter().map(ToString::to_string).collect();
        writeln!(out, "    &[{}],", group.join(", "))?;
    }
    writeln!(out, "];\n")
}

fn write_mnemonics(resolved: &Resolved, out: &mut String) -> std::fmt::Result {
    let mut names = BTreeMap::<String, Vec<(usize, u32)>>::new();
    for (index, row) in resolved.rows.iter().enumerate().filter(|(_, row)| !row.name.is_empty()) {
        for (name, bits) in mnemonics(row) {
            names.entry(name).or_default().push((index, bits));
        }
    }
    let total: usize = names.values().map(Vec::len).sum();
    writeln!(out, "/// Mnemonics with their suffixes, sorted: row, and the variant bits the suffixes set.")?;
    writeln!(out, "pub static MNEMONICS: [(&str, u16, u32); {total}] = [")?;
    for (name, rows) in names {
        for (index, bits) in rows {
            writeln!(out, "    (\"{name}\", {index}, {bits:#X}),")?;
        }
    }
    writeln!(out, "];\n")
}

fn write_registers(resolved: &Resolved, out: &mut String) -> std::fmt::Result {
    let mut names: Vec<(&str, Storage)> = Vec::new();
    for register in &resolved.registers {
        if !names.iter().any(|(name, _)| *name == register.name) {
            names.push((&register.name, register.storage));
        }
    }
    writeln!(out, "/// A special-purpose register, whatever its numbers.")?;
    writeln!(out, "#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]")?;
    writeln!(out, "#[repr(u8)]")?;
    writeln!(out, "#[expect(missing_docs, reason = \"the names of the architecture\")]")?;
    writeln!(out, "pub enum Spr {{")?;
    for (name, _) in &names {
        writeln!(out, "    {},", variant_name(name))?;
    }
    writeln!(out, "}}\n")?;
    let plain: Vec<&str> =
        names.iter().filter(|(_, storage)| *storage == Storage::Plain).map(|(name, _)| *name).collect();
    writeln!(out, "/// How many registers only hold what was written to them.")?;
    writeln!(out, "pub const PLAIN_COUNT: usize = {};\n", plain.len())?;
    writeln!(
        out,
        "/// Special-purpose registers by number; a number may stand for different registers on different models."
    )?;
    writeln!(out, "pub static SPRS: [SprRow; {}] = [", resolved.registers.len())?;
    for register in &resolved.registers {
        let storage = match plain.iter().position(|name| *name == register.name) {
            Some(index) => format!("Storage::Plain({index})"),
            None => "Storage::Field".to_owned(),
        };
        writeln!(
            out,
            "    SprRow {{ name: \"{}\", spr: Spr::{}, number: {}, read: {}, write: {}, models: {:#X}, bits: {}, storage: {storage} }},",
            register.name,
            variant_name(&register.name),
            register.number,
            privilege(register.read),
            privilege(register.write),
            register.models,
            register.bits,
        )?;
    }
    writeln!(out, "];\n")?;
    writeln!(out, "/// Index into [`SPRS`] of the first row of a number, or of the next number.")?;
    writeln!(out, "pub static SPR_START: [u16; 1024] = [")?;
    let starts: Vec<_> =
        (0..1024).map(|number| resolved.registers.partition_point(|row| row.number < number).to_string()).collect();
    for line in starts.chunks(32) {
        writeln!(out, "    {},", line.join(", "))?;
    }
    writeln!(out, "];\n")
}

fn write_aliases(resolved: &Resolved, out: &mut String) -> std::fmt::Result {
    let mut aliases: Vec<_> = resolved.aliases.iter().collect();
    aliases.sort_by(|a, b| a.name.cmp(&b.name).then(a.parameters.len().cmp(&b.parameters.len())));
    writeln!(out, "/// Extended mnemonics, sorted by name and number of operands.")?;
    writeln!(out, "pub static ALIASES: [Alias; {}] = [", aliases.len())?;
    for alias in &aliases {
        let parameters: Vec<_> = alias
            .parameters
            .iter()
            .map(|(name, memory)| format!("Parameter {{ name: \"{name}\", memory: {memory} }}"))
            .collect();
        let template: Vec<_> = alias.template.iter().map(|text| format!("\"{text}\"")).collect();
        writeln!(
            out,
            "    Alias {{ name: \"{}\", parameters: &[{}], base: \"{}\", template: &[{}] }},",
            alias.name,
            parameters.join(", "),
            alias.base,
            template.join(", ")
        )?;
    }
    writeln!(out, "];\n")?;
    let shown: Vec<_> = resolved
        .aliases
        .iter()
        .filter(|alias| alias.show)
        .map(|alias| aliases.iter().position(|other| std::ptr::eq(*other, alias)).unwrap_or_default().to_string())
        .collect();
    writeln!(out, "/// Aliases the disassembler may print, in order of preference.")?;
    writeln!(out, "pub static SHOWN: [u16; {}] = [", shown.len())?;
    for line in shown.chunks(24) {
        writeln!(out, "    {},", line.join(", "))?;
    }
    writeln!(out, "];")
}
