//! A hypercall ABI: conduits, registers, numbers, calls and the clauses that say what must hold.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::arch::Bits;
use crate::expr::Expr;
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
    /// Values of the instruction's LEV field that it accepts; empty for all.
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
    /// The register that carries it.
    #[serde(rename = "in")]
    pub register: String,
    /// How many low bits of the register count.
    pub width: u8,
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
}

/// A return code.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Code {
    /// Its value; the first one where it stands for several.
    pub value: Word,
    /// The last one where it stands for a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Word>,
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

/// A page shared between guest and hypervisor.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Page {
    /// Its size in bytes.
    pub size: Word,
    /// The call that maps it, with its arguments.
    pub map: At<MapCall>,
    /// Features of the machine of which one is needed.
    pub platforms: Vec<String>,
    /// Its fields by name, in order of address.
    pub fields: IndexMap<String, At<Field>>,
    /// Where this is stated.
    pub source: String,
}

/// A call that maps a shared page.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MapCall {
    /// The call, `abi.NAME`.
    pub call: String,
    /// Its arguments.
    pub arguments: IndexMap<String, Expr>,
    /// Where the page is afterwards: an effective address.
    pub at: Word,
}

/// A field of a shared page.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Field {
    /// Offset from the start of the page in bytes.
    pub offset: Word,
    /// Size in bytes of one element.
    pub size: u8,
    /// How many elements follow one another.
    #[serde(default = "one")]
    pub count: u16,
    /// The register that it shows, if it shows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<String>,
    /// The feature bit without which it must not be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature: Option<String>,
    /// What it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
}

/// What a patched instruction becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PatchKind {
    /// A load from the page.
    Load,
    /// A store to the page.
    Store,
    /// Nothing.
    Nop,
    /// A branch to code that does the work.
    Branch,
}

/// An instruction that a guest replaces.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Patch {
    /// The original in assembly, register `{rt}` where it has one.
    pub code: String,
    /// Its encoding with register fields zero.
    pub word: Word,
    /// What it becomes.
    pub kind: PatchKind,
    /// The field of the page that is read or written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Byte offset into the field, for one that holds two registers.
    #[serde(default)]
    pub skip: u8,
    /// Size of the access in bytes on a 64-bit guest, where it is not the field's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u8>,
    /// Features of the machine to which it is limited; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<String>,
    /// Architectures to which it is limited; empty for all of the ABI's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arch: Vec<String>,
    /// The feature bit without which it must not be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature: Option<String>,
    /// A remark, such as a limit of the replacement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
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

/// A call.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Call {
    /// Its number, without the vendor's part where the ABI has vendors.
    pub number: At<Word>,
    /// The vendor, a key of `number.vendors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// The feature under which it is advertised (`hcall-pft`). The call's own name is a feature too.
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

/// When a code is returned. With neither `if` nor `only-if`: whenever no other code is forced.
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

impl Abi {
    /// The full number of a call, the vendor's part included.
    pub fn number_of(&self, call: &Call) -> u64 {
        let vendor = self.number.as_ref().and_then(|number| {
            let value = number.vendors.get(call.vendor.as_ref()?)?;
            Some(value.0 << number.fields.get("vendor").map_or(0, |bits| bits.low))
        });
        vendor.unwrap_or(0) | call.number.0
    }

    /// The name of the code with this value, if it has one.
    pub fn code_name(&self, value: u64) -> Option<&str> {
        self.codes.iter().find_map(|(name, code)| {
            let code = &code.value;
            let (a, b) = (code.value.0.cast_signed(), code.to.unwrap_or(code.value).0.cast_signed());
            (a.min(b)..=a.max(b)).contains(&value.cast_signed()).then_some(name.as_str())
        })
    }
}
