//! Prefixed instructions: two words, of which the first has primary opcode 1. Power ISA 3.1 Book I 1.6.3

use std::fmt::Write;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Group;
use super::generate::variant_name;
use super::resolve::{ResolvedField, ResolvedOperand, operands};

/// A prefixed instruction, of every model from 3.1 on.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrefixedRow {
    /// Mnemonic; none for words that only decode as far as an interrupt.
    #[serde(default)]
    pub name: String,
    /// Form of the prefix.
    pub form: PrefixForm,
    /// Primary opcode of the suffix; any suffix will do without it.
    #[serde(default)]
    pub op: Option<u32>,
    /// Operands in assembler order.
    #[serde(default)]
    pub args: String,
    /// Family of the semantics.
    pub group: Group,
}

/// Form of a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum PrefixForm {
    /// Modified load, store or addition.
    #[serde(rename = "MLS")]
    Mls,
    /// Load or store with an opcode of its own.
    #[serde(rename = "8LS")]
    EightLS,
    /// Register operation with an opcode of its own.
    #[serde(rename = "8RR")]
    EightRR,
    /// Modified register operation.
    #[serde(rename = "MRR")]
    Mrr,
    /// Modified register operation with masks.
    #[serde(rename = "MMIRR")]
    Mmirr,
}

impl PrefixForm {
    /// Bits of the prefix that decide, and what they are: the opcode, the type and the subtype. Bit 8 alone is the subtype
    /// of loads and stores, bits 8 to 11 that of register operations.
    fn opcode(self) -> (u32, u32) {
        let (subtype, kind, value) = match self {
            Self::EightLS => (0x0080_0000, 0, 0),
            Self::EightRR => (0x00F0_0000, 1, 0),
            Self::Mls => (0x0080_0000, 2, 0),
            Self::Mrr => (0x00F0_0000, 3, 0),
            Self::Mmirr => (0x00F0_0000, 3, 9),
        };
        (0xFF00_0000 | subtype, 0x0400_0000 | kind << 24 | value << 20)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Mls => "MLS",
            Self::EightLS => "8LS",
            Self::EightRR => "8RR",
            Self::Mrr => "MRR",
            Self::Mmirr => "MMIRR",
        }
    }
}

/// A prefixed instruction with masks over prefix and suffix, the prefix in the upper half.
#[derive(Debug, Clone)]
pub struct ResolvedPrefixed {
    /// Mnemonic, or empty.
    pub name: String,
    /// Form of the prefix.
    pub form: PrefixForm,
    /// Bits that decide.
    pub mask: u64,
    /// What they must be.
    pub value: u64,
    /// Bits nobody uses.
    pub reserved: u64,
    /// Operands.
    pub operands: Vec<ResolvedOperand>,
    /// Family.
    pub group: Group,
}

/// Masks of a row, or what is wrong with it. `field` finds a field by its name.
pub(super) fn resolve<'a>(
    row: &PrefixedRow,
    field: impl Fn(&str) -> Option<&'a ResolvedField>,
) -> Result<ResolvedPrefixed, String> {
    let (mask, value) = row.form.opcode();
    let (mut mask, mut value) = (u64::from(mask) << 32, u64::from(value) << 32);
    if let Some(op) = row.op {
        if op >= 64 {
            return Err("primary opcode must be below 64".to_owned());
        }
        mask |= 0xFC00_0000;
        value |= u64::from(op) << 26;
    }
    let operands = operands(&row.args);
    let mut used = 0;
    for operand in &operands {
        let field = field(&operand.field).ok_or_else(|| format!("operand `{}` is not in `fields`", operand.field))?;
        let bits = field.mask_long();
        // A register number may take the last bit of the opcode.
        if used & bits != 0 || mask & bits & !0x0400_0000 != 0 {
            return Err(format!("operand `{}` lies on bits that are taken", operand.field));
        }
        used |= bits;
    }
    mask &= !used;
    // Where any suffix will do, none of its bits is reserved.
    let reserved =
        if row.op.is_some() && !row.name.is_empty() { !(mask | used) } else { !(mask | used) & !0xFFFF_FFFF };
    let reserved = if row.name.is_empty() { 0 } else { reserved };
    Ok(ResolvedPrefixed { name: row.name.clone(), form: row.form, mask, value, reserved, operands, group: row.group })
}

pub(super) fn write(rows: &[ResolvedPrefixed], out: &mut String) -> std::fmt::Result {
    writeln!(out, "\n/// Prefixed instructions.")?;
    writeln!(out, "pub static PREFIXED: [Prefixed; {}] = [", rows.len())?;
    for row in rows {
        let operands: Vec<_> = row.operands.iter().map(ResolvedOperand::written).collect();
        let op = if row.name.is_empty() { "Remainder".to_owned() } else { variant_name(&row.name) };
        writeln!(
            out,
            "    Prefixed {{ name: \"{}\", form: \"{}\", op: Op::{op}, group: Group::{:?}, mask: {:#018X}, value: {:#018X}, reserved: {:#018X}, operands: &[{}] }},",
            row.name,
            row.form.name(),
            row.group,
            row.mask,
            row.value,
            row.reserved,
            operands.join(", "),
        )?;
    }
    writeln!(out, "];")
}
