//! A call: arguments with their domains, results, return conditions, footprint and effects.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Frame, ReturnRegister};
use crate::expr::Expr;
use crate::word::Word;
use crate::yaml::At;

/// A call.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Call {
    /// Its number, without the vendor's part where the ABI has vendors.
    pub number: At<Word>,
    /// The vendor, a key of `number.vendors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// The only conduit through which it is made, where the conduit is part of its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conduit: Option<String>,
    /// Where its return code is, if not where the ABI has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<ReturnRegister>,
    /// The feature under which it is advertised (`hcall-pft`). The call's own name is a feature too. Where a backend has
    /// the feature when asked for, a row that makes the call asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// A tag of `sources`.
    pub source: String,
    /// Section or function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Architectures to which it is limited; empty for all of the ABI's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arch: Vec<String>,
    /// First version of the source that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Last version of the source that has it, or why it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Arguments by name. Absent where the documents read do not give them: then nothing is derived from them.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub arguments: IndexMap<String, At<Argument>>,
    /// Results besides the return code, by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub outputs: IndexMap<String, At<Output>>,
    /// The codes that it may return. Empty where the documents read do not list them: then any code of the ABI may come.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub returns: IndexMap<String, At<Condition>>,
    /// Whether the first forced code in `returns` decides. Otherwise any forced code is right.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ordered: bool,
    /// Registers where the call is stricter or laxer than the ABI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registers: Option<Frame>,
    /// Guest memory that it may change. Nothing else may change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<At<Footprint>>,
    /// Supervisor state that it changes, by register or field. Nothing else may change.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub effects: IndexMap<String, At<Effect>>,
    /// Hypervisor state that it changes, seen through another call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observe: Vec<At<Observation>>,
    /// Why it must not be sent blindly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hazards: Vec<At<Hazard>>,
    /// Whether it leaves hypervisor state behind that a later call could see.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lasting: bool,
    /// Clauses about this call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clauses: Vec<String>,
    /// Where documents or implementations disagree: who says what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disputed: Option<String>,
}

/// An argument.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Argument {
    /// The register that carries it.
    #[serde(rename = "in")]
    pub register: String,
    /// The values that are valid.
    #[serde(default)]
    pub domain: Domain,
    /// A valid value for a call that is about something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<Expr>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
}

/// The values of an argument that are valid. Edge values on both sides are derived from it.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Domain {
    /// All.
    #[default]
    Any,
    /// These.
    OneOf(Vec<Expr>),
    /// `[from, to]`, both ends included.
    Range([Expr; 2]),
    /// Combinations of these bits, each named with its mask.
    Flags(IndexMap<String, Word>),
    /// A guest real address.
    Address(AddressDomain),
}

/// Addresses that are valid.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AddressDomain {
    /// A power of two of which it must be a multiple, in bytes.
    #[serde(default = "align_one")]
    pub align: Expr,
    /// How many bytes from it must be guest RAM.
    pub length: Expr,
}

const fn align_one() -> Expr {
    Expr::number(1)
}

/// A result besides the return code.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Output {
    /// The register that carries it.
    #[serde(rename = "in")]
    pub register: String,
    /// The codes with which it comes; success if absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<String>,
    /// Its value, where the document gives it: over the arguments as they were before the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<Expr>,
    /// A condition that it meets, over arguments as before and outputs as after the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<Expr>,
    /// Named bits, each with its mask.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub bits: IndexMap<String, Word>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
}

/// When a code is returned. With neither `if` nor `only-if`: whenever no other code is forced. With both: it must come
/// where `if` holds, and otherwise may come where `only-if` does and no other code is forced.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Condition {
    /// Where this holds, the code must be returned (or another one that is forced as well).
    #[serde(rename = "if", default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<Expr>,
    /// Where this does not hold, the code must not be returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_if: Option<Expr>,
    /// The clause that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
    /// Where this is stated, if it is not where the call is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What it means here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
}

/// Guest memory that a call may change.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Footprint {
    /// First address.
    pub at: Expr,
    /// Length in bytes.
    pub length: Expr,
    /// The codes with which it happens; success if absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<String>,
    /// Only where this holds.
    #[serde(rename = "if", default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Expr>,
    /// What stands there afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub becomes: Option<Contents>,
}

/// What stands in memory after a call.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Contents {
    /// The big-endian number, in as many bytes as the footprint is long (at most 8).
    Number(Expr),
    /// The little-endian number, in as many bytes as the footprint is long (at most 8).
    Little(Expr),
    /// This byte everywhere.
    Fill(Expr),
    /// What stood at this address before the call.
    CopyOf(Expr),
    /// Anything.
    Any,
}

/// Supervisor state after a call.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Effect {
    /// The value afterwards, over arguments and registers as before; anything if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub becomes: Option<Expr>,
    /// The codes with which it happens; success if absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<String>,
    /// Only where this holds.
    #[serde(rename = "if", default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Expr>,
}

/// A look at hypervisor state through another call.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Observation {
    /// The codes after which to look; success if absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<String>,
    /// The call that shows the state.
    pub call: String,
    /// Its arguments, over the arguments of the call that is watched.
    #[serde(default)]
    pub arguments: IndexMap<String, Expr>,
    /// The code it must return.
    pub returns: String,
    /// What it must show, over the arguments of the call that is watched.
    #[serde(default)]
    pub outputs: IndexMap<String, Expr>,
    /// The clause that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
}

/// What happens to a guest or its hypervisor if a call is made without thought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HazardKind {
    /// The processor sleeps until something wakes it.
    Sleeps,
    /// The guest is reset, powered off or stopped.
    EndsRun,
    /// Interrupts are taken elsewhere or otherwise.
    MovesInterrupts,
    /// Translation changes under the guest.
    ReplacesTranslation,
    /// Guest memory is overwritten at an address that the caller may not foresee.
    WritesMemory,
    /// A known implementation crashes, hangs or exits.
    Crashes,
}

/// Why a call must not be sent blindly.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Hazard {
    /// What happens.
    pub kind: HazardKind,
    /// With which arguments; with any if absent.
    #[serde(rename = "if", default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Expr>,
    /// In words.
    pub because: String,
    /// Where this is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}
