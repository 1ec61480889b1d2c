//! The instruction tables in `spec/isa/`: read, checked, and turned into the checked-in Rust table of the core.
//!
//! A table states opcodes, operands and levels; masks are not written down but computed here, so that they cannot
//! disagree with the rows. [`Isa::read`] reports every overlap, duplicate and unknown name at once, each with the name
//! of its row. [`generate`] is a pure function of the table.

mod generate;
mod prefixed;
mod resolve;
mod undefined;

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

pub use generate::{COMMAND, generate};
pub use prefixed::{PrefixedRow, ResolvedPrefixed};
pub use resolve::{Resolved, ResolvedAlias, ResolvedField, ResolvedOperand, ResolvedRegister, ResolvedRow};
pub use undefined::{Choice, ResolvedUndefined, UndefinedRow, When};

/// A table that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IsaError {
    /// The text is no YAML of the expected shape.
    #[error(transparent)]
    Yaml(#[from] crate::yaml::Error),
    /// Rows contradict each other or name something that does not exist.
    #[error("{name}: {} problems in the rows\n{}", problems.len(), problems.join("\n"))]
    Rows {
        /// Name of the table.
        name: String,
        /// One line a problem, beginning with the row's name.
        problems: Vec<String>,
    },
}

/// One instruction-set table, as written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Isa {
    /// Short name.
    pub isa: String,
    /// One line for people.
    pub title: String,
    /// Documents the rows follow.
    pub sources: BTreeMap<String, String>,
    /// Levels of the architecture, oldest first.
    pub levels: Vec<String>,
    /// Models, in the order of the core's `Model` enum.
    pub models: Vec<ModelRow>,
    /// Named sets of models.
    pub sets: BTreeMap<String, Vec<String>>,
    /// Place of the extended opcode, by form.
    pub forms: BTreeMap<String, String>,
    /// Operand fields.
    pub fields: BTreeMap<String, FieldRow>,
    /// Instructions.
    pub instructions: Vec<InstructionRow>,
    /// Prefixed instructions.
    pub prefixed: Vec<PrefixedRow>,
    /// Primary opcodes whose remaining words belong to one group.
    pub remainders: Vec<RemainderRow>,
    /// Special-purpose registers.
    pub registers: Vec<RegisterRow>,
    /// Results that the architecture leaves undefined.
    pub undefined: Vec<UndefinedRow>,
    /// Columns over which aliases expand.
    pub lists: BTreeMap<String, Vec<BTreeMap<String, Text>>>,
    /// Extended mnemonics.
    pub aliases: Vec<AliasRow>,
}

/// A processor model.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelRow {
    /// Name of the variant in the core.
    pub name: String,
    /// Level of the architecture it implements.
    pub level: String,
    /// Width of a general-purpose register in bits.
    pub width: u32,
}

/// An operand field.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldRow {
    /// Bit ranges, the most significant part of the value first.
    pub bits: Vec<Text>,
    /// What the value means.
    pub kind: FieldKind,
    /// The encoded value is the operand divided by this.
    #[serde(default = "one")]
    pub scale: u32,
}

fn one() -> u32 {
    1
}

/// What an operand field means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FieldKind {
    /// General-purpose register.
    Gpr,
    /// General-purpose register, with 0 for the value zero.
    Gpr0,
    /// Floating-point register.
    Fpr,
    /// Vector register.
    Vr,
    /// Vector-scalar register.
    Vsr,
    /// Condition register field.
    Cr,
    /// Condition register bit.
    Crbit,
    /// Signed number.
    Signed,
    /// Unsigned number.
    Unsigned,
    /// Number from 1 on, of which the largest is encoded as 0.
    Count,
    /// Negative number: minus the scale is encoded as all ones.
    Negative,
    /// Number of either sign, taken modulo the field.
    Wrapped,
    /// Branch displacement from the instruction.
    Relative,
    /// Special-purpose register number.
    Spr,
}

/// One instruction.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstructionRow {
    /// Base mnemonic.
    pub name: String,
    /// Instruction form.
    pub form: String,
    /// Primary opcode.
    pub op: u32,
    /// Extended opcode.
    #[serde(default)]
    pub xo: u32,
    /// Operands in assembler order.
    #[serde(default)]
    pub args: String,
    /// Variants.
    #[serde(default)]
    pub with: Vec<Variant>,
    /// Fields that are part of the opcode.
    #[serde(default)]
    pub fixed: BTreeMap<String, u32>,
    /// Least privilege.
    #[serde(default, rename = "for")]
    pub privilege: Privilege,
    /// Models.
    #[serde(default, rename = "in")]
    pub models: Option<Names>,
    /// Models that have it whatever their level.
    #[serde(default)]
    pub also: Option<Names>,
    /// First level.
    #[serde(default)]
    pub since: Option<String>,
    /// Last level.
    #[serde(default)]
    pub until: Option<String>,
    /// Family of the semantics.
    pub group: Group,
}

/// The rest of a primary opcode.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemainderRow {
    /// Primary opcode.
    pub op: u32,
    /// Models.
    #[serde(default, rename = "in")]
    pub models: Option<Names>,
    /// First level.
    #[serde(default)]
    pub since: Option<String>,
    /// Family of the semantics.
    pub group: Group,
}

/// A special-purpose register.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterRow {
    /// Lower-case name.
    pub name: String,
    /// Number in mfspr and mtspr.
    pub number: u32,
    /// Least privilege to read it.
    #[serde(default = "supervisor")]
    pub read: Privilege,
    /// Least privilege to write it.
    #[serde(default = "supervisor")]
    pub write: Privilege,
    /// Models.
    #[serde(default, rename = "in")]
    pub models: Option<Names>,
    /// Models that have it whatever their level.
    #[serde(default)]
    pub also: Option<Names>,
    /// First level.
    #[serde(default)]
    pub since: Option<String>,
    /// Last level.
    #[serde(default)]
    pub until: Option<String>,
    /// Width, 32 or 64.
    #[serde(default = "sixty_four")]
    pub bits: u32,
    /// Whether it only holds what was written.
    #[serde(default)]
    pub storage: Storage,
}

fn supervisor() -> Privilege {
    Privilege::Supervisor
}

fn sixty_four() -> u32 {
    64
}

/// How the core keeps a special-purpose register.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// A field of its own, with an effect.
    #[default]
    Field,
    /// It holds what was written to it.
    Plain,
}

/// An extended mnemonic.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AliasRow {
    /// Mnemonic and operands.
    #[serde(rename = "as")]
    pub pattern: String,
    /// The base instruction it stands for.
    #[serde(rename = "is")]
    pub base: String,
    /// List to expand over.
    #[serde(default)]
    pub each: Option<String>,
    /// Variants taken on both sides.
    #[serde(default)]
    pub with: Vec<Variant>,
    /// Whether the disassembler may print it.
    #[serde(default)]
    pub show: bool,
}

/// A variant of an instruction, chosen by a suffix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
pub enum Variant {
    /// Records overflow: suffix `o`, bit 21.
    OE,
    /// Links: suffix `l`, bit 31.
    LK,
    /// Absolute address: suffix `a`, bit 30.
    AA,
    /// Records in CR0: suffix `.`, bit 31.
    Rc,
}

impl Variant {
    /// The bit in the instruction word.
    pub fn mask(self) -> u32 {
        match self {
            Self::OE => 0x400,
            Self::LK | Self::Rc => 1,
            Self::AA => 2,
        }
    }

    /// What the mnemonic ends with.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::OE => "o",
            Self::LK => "l",
            Self::AA => "a",
            Self::Rc => ".",
        }
    }
}

/// Least privilege.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Privilege {
    /// Any program.
    #[default]
    Problem,
    /// MSR\[PR\] must be 0.
    Supervisor,
    /// MSR\[HV\] must be 1 and MSR\[PR\] 0, where the model has a hypervisor state.
    Hypervisor,
    /// Supervisor when LPCR\[GTSE\] is 1, else hypervisor.
    HypervisorUnlessGtse,
    /// No access (registers only).
    None,
}

/// Family of the semantics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the documentation; the groups are listed in the table")]
pub enum Group {
    Branch,
    System,
    Spr,
    Cr,
    Arithmetic,
    Compare,
    Trap,
    Logical,
    Rotate,
    Load,
    Store,
    Decimal,
    Reservation,
    Atomic,
    Hash,
    Cache,
    Sync,
    Message,
    SegmentTlb,
    FloatStub,
    VectorStub,
    VsxStub,
    VsxVectorStub,
    FloatVectorStub,
    SpeStub,
    TransactionStub,
    Prefix,
    Nop,
}

/// A scalar taken as text, whether it looks like a number or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(pub String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl Visitor<'_> for Scalar {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a number or a word")
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<Text, E> {
                Ok(Text(v.to_owned()))
            }
            fn visit_u64<E: de::Error>(self, v: u64) -> Result<Text, E> {
                Ok(Text(v.to_string()))
            }
            fn visit_i64<E: de::Error>(self, v: i64) -> Result<Text, E> {
                Ok(Text(v.to_string()))
            }
        }
        deserializer.deserialize_any(Scalar)
    }
}

impl JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["integer", "string"] })
    }
}

/// One name, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names(pub Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;
        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Names;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("the name of a set or model, or a list of them")
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<Names, E> {
                Ok(Names(vec![v.to_owned()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = seq.next_element()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_any(OneOrMore)
    }
}

impl JsonSchema for Names {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Names".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "array"], "items": { "type": "string" } })
    }
}

impl Isa {
    /// Reads a table and checks it; `name` is used in messages.
    pub fn read(name: &str, text: &str) -> Result<(Self, Resolved), IsaError> {
        let isa: Self = crate::yaml::parse(name, text)?;
        let resolved = Resolved::new(&isa).map_err(|problems| IsaError::Rows { name: name.to_owned(), problems })?;
        Ok((isa, resolved))
    }
}

#[cfg(test)]
mod tests;
