//! A hypercall ABI: conduits, registers, numbers, calls and the clauses that say what must hold.

mod call;
mod page;

pub use call::{
    AddressDomain, Argument, Call, Condition, Contents, Domain, Effect, Footprint, Hazard, HazardKind, Observation,
    Output,
};
pub use page::{Field, MapCall, Page, Patch, PatchKind};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::arch::Bits;
use crate::word::Word;
use crate::yaml::At;

/// One file of `spec/abi/`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Abi {
    /// Short name, the file's name without its ending; also the feature that a backend claims to offer it.
    pub abi: String,
    /// What a person calls it.
    pub title: String,
    /// The architectures on which it exists.
    pub arch: Vec<String>,
    /// What it is, in a few sentences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Other features that a machine needs before this ABI can be spoken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// The documents cited below, by tag.
    pub sources: IndexMap<String, String>,
    /// Names for numbers used in expressions.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub constants: IndexMap<String, Word>,
    /// The ways into the hypervisor. The first is the usual one.
    pub conduits: IndexMap<String, At<Conduit>>,
    /// What a caller in 32-bit mode may rely on.
    #[serde(default, skip_serializing_if = "Narrow::is_unstated")]
    pub narrow: Narrow,
    /// Where the call's number is and how it is built. Absent for an ABI that has no calls of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Number>,
    /// Registers that carry arguments, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// Registers that may carry results besides the return code, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<String>,
    /// Where the return code is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<ReturnRegister>,
    /// Return codes by name, with their value.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub codes: IndexMap<String, At<Code>>,
    /// What a call may change.
    #[serde(default)]
    pub registers: Frame,
    /// Which clause each oracle cites where the call names none of its own.
    #[serde(default)]
    pub cites: Cites,
    /// Numbered statements.
    pub clauses: IndexMap<String, At<Clause>>,
    /// Historical or competing forms of the calling convention.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub variants: IndexMap<String, At<Variant>>,
    /// A page shared between guest and hypervisor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
    /// Instructions that a guest replaces, and by what.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub patches: IndexMap<String, At<Patch>>,
    /// How a guest finds the ABI in a flattened device tree.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub discovery: IndexMap<String, At<Discovery>>,
    /// The calls.
    #[serde(default)]
    pub calls: IndexMap<String, At<Call>>,
}

/// What a caller in 32-bit mode on a 64-bit processor may rely on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Narrow {
    /// The documents do not say: behaviour with garbage in the upper halves is recorded, not judged.
    #[default]
    Unstated,
    /// The hypervisor looks at the low 32 bits of number and arguments only.
    Masked,
}

impl Narrow {
    /// Whether the documents leave it open.
    #[must_use]
    pub fn is_unstated(&self) -> bool {
        *self == Self::Unstated
    }
}

/// A way into the hypervisor.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Conduit {
    /// The instructions, in assembly.
    pub code: String,
    /// Registers that the caller must set besides number and arguments, such as a magic value.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub registers: IndexMap<String, Word>,
    /// Features of the machine without which the conduit does not exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<String>,
    /// Architectures to which it is limited; empty for all of the ABI's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arch: Vec<String>,
    /// What decides that an instruction is this conduit.
    pub decode: Decode,
    /// What happens in a state in which it is no hypercall, by mode: a return code or an interrupt.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub refused: IndexMap<String, Refusal>,
    /// Where this is stated.
    pub source: String,
    /// Section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// The predicate by which a hypervisor recognises a conduit.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Decode {
    /// Who is asked first: lower comes earlier.
    pub precedence: u8,
    /// Values that it accepts of the instruction's first field (LEV, an immediate), or of the one that `decides` names in the
    /// architecture's file (a function code); empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lev: Vec<Word>,
    /// Registers and fields that must have these values.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub when: IndexMap<String, Word>,
    /// How many low bits of a register in `when` are compared; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare_bits: Option<u8>,
    /// Features that must be absent for the predicate to hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
}

/// What a guest sees where a conduit is refused.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Refusal {
    /// A return code, with execution going on after the instruction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// An interrupt of the architecture. With `code` too, either is right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interrupts: Vec<String>,
    /// Registers that taking the interrupt writes, beside those that every interrupt writes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<String>,
    /// The clause that says so.
    pub clause: String,
}

/// How a call's number is built.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Number {
    /// The register that carries it, or its upper 32 bits where `low-in` has the lower ones.
    #[serde(rename = "in")]
    pub register: String,
    /// The register that carries the low 32 bits of a number in two registers, such as the function of an extension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_in: Option<String>,
    /// How many low bits of the register count.
    pub width: u8,
    /// Bits that a caller may set without naming another call, so that a number with them is no unknown one.
    #[serde(default)]
    pub hints: Word,
    /// Parts of the number.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub fields: IndexMap<String, Bits>,
    /// Values of the vendor field.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub vendors: IndexMap<String, Word>,
    /// Ranges of numbers and who owns them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<At<Range>>,
    /// The return code of a number that nobody implements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// The clause that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
}

/// A range of call numbers, both ends included.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Range {
    /// First number.
    pub from: Word,
    /// Last number.
    pub to: Word,
    /// Distance between legal numbers.
    #[serde(default = "one")]
    pub step: u16,
    /// Whose numbers these are.
    pub owner: String,
    /// Where this is stated.
    pub source: String,
}

const fn one() -> u16 {
    1
}

/// Where the return code is.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReturnRegister {
    /// The register.
    #[serde(rename = "in")]
    pub register: String,
    /// How many low bits of it count, sign-extended, where not all do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u8>,
    /// Whether a caller in 32-bit mode gets 32 bits, and zeros above them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub narrow: bool,
}

/// A return code, or an interrupt that a call ends in instead of returning. One of class success with neither value nor
/// interrupt stands for a call that goes on and returns nothing.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Code {
    /// Its value; the first one where it stands for several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Word>,
    /// The last one where it stands for a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Word>,
    /// The interrupt of the architecture that stands for it, where nothing is returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupt: Option<String>,
    /// What it means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// Whether it tells of success, of work still going on, or of an error.
    #[serde(default)]
    pub class: CodeClass,
    /// Where this is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl Code {
    /// The first and the last value that it stands for, as signed numbers; none for an interrupt.
    #[must_use]
    pub fn bounds(&self) -> Option<(i64, i64)> {
        let value = self.value?;
        let (a, b) = (value.0.cast_signed(), self.to.unwrap_or(value).0.cast_signed());
        Some((a.min(b), a.max(b)))
    }
}

/// What a return code tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CodeClass {
    /// Done.
    Success,
    /// Done in part, or to be called again.
    Continue,
    /// Refused or failed.
    #[default]
    Error,
}

/// What a call may do to registers. Entries are registers (`r3`), ranges (`r14..r31`) or fields (`cr.cr2`).
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Frame {
    /// May hold anything afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volatile: Vec<String>,
    /// Must hold what it held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preserved: Vec<String>,
    /// The documents do not say, or disagree: recorded, never judged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unstated: Vec<String>,
    /// The clause that says so, where it is not the ABI's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
}

/// The clause that an oracle cites.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cites {
    /// For a return code outside the set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returns: Option<String>,
    /// For a register that changed and must not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<String>,
    /// For memory that changed and must not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    /// For an effect that is missing or one too many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// How binding a clause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// A violation is a failure.
    Must,
    /// A violation is a failure unless the backend says why.
    Should,
    /// Allowed, not demanded.
    May,
}

/// A numbered statement.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Clause {
    /// How binding it is.
    pub level: Level,
    /// The statement, in our words.
    pub says: String,
    /// A tag of `sources`.
    pub source: String,
    /// Section, requirement number or function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Where documents or implementations disagree: who says what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disputed: Option<String>,
    /// Why no case can check it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unverifiable: Option<String>,
}

/// A historical or competing form of the calling convention.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Variant {
    /// The register that carries the number in this form.
    pub number_in: String,
    /// Argument registers in this form.
    pub arguments: Vec<String>,
    /// What it was and what became of it.
    pub says: String,
    /// Where this is stated.
    pub source: String,
}

/// Something in the device tree by which a guest finds the ABI.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Discovery {
    /// Path of the node.
    pub node: String,
    /// Name of the property.
    pub property: String,
    /// A string that the property's list holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string: Option<String>,
    /// Cells that it holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<Word>,
    /// Other names under which it is documented.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// What it tells the guest.
    pub says: String,
    /// Where this is stated.
    pub source: String,
}

impl Abi {
    /// The full number of a call, the vendor's part included.
    pub fn number_of(&self, call: &Call) -> u64 {
        let vendor = self.number.as_ref().and_then(|number| {
            let value = number.vendors.get(call.vendor.as_ref()?)?;
            Some(value.0 << number.fields.get("vendor").map_or(0, |bits| bits.low))
        });
        vendor.unwrap_or(0) | call.number.0
    }

    /// Whether a machine with this ABI must lack `other`.
    #[must_use]
    pub fn excludes(&self, other: &Self) -> bool {
        self.needs.iter().any(|need| need.strip_prefix("not ") == Some(&other.abi))
    }

    /// A clause of this ABI, or the one of another that is named with it, as reports name it: `abi.clause`.
    #[must_use]
    pub fn qualify(&self, clause: &str) -> String {
        if clause.contains('.') { clause.to_owned() } else { format!("{}.{clause}", self.abi) }
    }

    /// The document behind a tag of `sources`, with the place in it.
    #[must_use]
    pub fn cite(&self, tag: &str, at: Option<&str>) -> String {
        let document = self.sources.get(tag).map_or(tag, String::as_str);
        at.map_or_else(|| document.to_owned(), |at| format!("{document}, {at}"))
    }

    /// The name of the code with this value, if it has one.
    pub fn code_name(&self, value: u64) -> Option<&str> {
        self.codes.iter().find_map(|(name, code)| {
            let (low, high) = code.bounds()?;
            (low..=high).contains(&value.cast_signed()).then_some(name.as_str())
        })
    }
}
