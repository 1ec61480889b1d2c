//! Results that the architecture leaves undefined: rows, their checks, their part of the generated table.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Names;
use super::generate::variant_name;

/// A result that the architecture leaves undefined, and what the core does there.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UndefinedRow {
    /// Base mnemonics.
    pub of: Vec<String>,
    /// Conditions that must all hold; none means always.
    #[serde(default)]
    pub when: Vec<When>,
    /// Parts of the state, such as `rt[0:31]`; bits are numbered from the most significant of the register.
    pub what: Vec<String>,
    /// What the core does.
    pub is: Choice,
    /// Models.
    #[serde(default, rename = "in")]
    pub models: Option<Names>,
    /// First level.
    #[serde(default)]
    pub since: Option<String>,
    /// Last level.
    #[serde(default)]
    pub until: Option<String>,
    /// Name of a source and the section that says so.
    pub source: String,
}

/// A condition on the instruction word and on the state before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "explained in the table and where the core evaluates them")]
pub enum When {
    Rc,
    Mode64,
    Mode32,
    NoQuotient,
    RaZero,
    RaIsRt,
    RtOdd,
    RtIsAnOperand,
    OperandLoaded,
    CountZero,
    Decrements,
    CyNotZero,
    L,
    NotTimeBase,
    OneField,
    NotOneField,
    Xer,
    UnknownSpr,
    ReservedElsewhere,
    ManySegments,
    BadDigit,
}

/// What the core does where the architecture leaves it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "explained in the table and in the core's enum")]
pub enum Choice {
    Zero,
    Ones,
    Kept,
    AsResult,
    Fields,
    Fails,
    First,
    Illegal,
    Runs,
}

/// A row with masks.
#[derive(Debug, Clone)]
pub struct ResolvedUndefined {
    /// Base mnemonics.
    pub of: Vec<String>,
    /// Conditions.
    pub when: Vec<When>,
    /// Part, first and last bit.
    pub what: Vec<(&'static str, u32, u32)>,
    /// What the core does.
    pub is: Choice,
    /// Bit i is model i.
    pub models: u32,
    /// Name of a source and the section.
    pub source: String,
}

/// Names of the parts in the table, their variant in the core, and their width in bits.
const PARTS: [(&str, &str, u32); 9] = [
    ("rt", "Rt", 64),
    ("rt-other-fields", "RtOtherFields", 64),
    ("ra", "Ra", 64),
    ("xer", "Xer", 64),
    ("cr", "Cr", 32),
    ("cr0", "Cr0", 4),
    ("bf", "Bf", 4),
    ("memory", "Memory", 64),
    ("everything", "Everything", 64),
];

/// `rt[0:31]` as its variant and bits; a bare name is the whole part.
pub(super) fn part(text: &str) -> Option<(&'static str, u32, u32)> {
    let (name, range) = match text.split_once('[') {
        Some((name, range)) => (name, Some(range.strip_suffix(']')?)),
        None => (text, None),
    };
    let &(_, variant, width) = PARTS.iter().find(|(known, ..)| *known == name)?;
    let Some(range) = range else { return Some((variant, 0, width - 1)) };
    let (from, to) = range.split_once(':').unwrap_or((range, range));
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    (from <= to && to < width).then_some((variant, from, to))
}

pub(super) fn write(rows: &[ResolvedUndefined], out: &mut String) -> std::fmt::Result {
    writeln!(out, "\n/// Results that the architecture leaves undefined, and what the core does there.")?;
    writeln!(out, "pub static UNDEFINED: [Undefined; {}] = [", rows.len())?;
    for row in rows {
        let ops: Vec<_> = row.of.iter().map(|name| format!("Op::{}", variant_name(name))).collect();
        let when: Vec<_> = row.when.iter().map(|when| format!("When::{when:?}")).collect();
        let what: Vec<_> = row.what.iter().map(|(part, from, to)| format!("(Part::{part}, {from}, {to})")).collect();
        writeln!(
            out,
            "    Undefined {{ ops: &[{}], when: &[{}], what: &[{}], is: Choice::{:?}, models: {:#X}, source: \"{}\" }},",
            ops.join(", "),
            when.join(", "),
            what.join(", "),
            row.is,
            row.models,
            row.source,
        )?;
    }
    writeln!(out, "];")
}
