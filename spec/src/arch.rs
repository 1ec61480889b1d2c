//! An architecture: registers, bit fields, modes, trap instructions and interrupts.

mod code;

pub use code::Decoded;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::expr::Expr;
use crate::word::Word;
use crate::yaml::At;

/// One file of `spec/arch/`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Arch {
    /// Short name, the file's name without its ending: `ppc64`.
    pub arch: String,
    /// What a person calls it.
    pub title: String,
    /// Width of a general register in bits.
    pub width: u8,
    /// The byte order of instructions, and of data unless a mode says otherwise.
    #[serde(default)]
    pub order: Order,
    /// The instruction table by which code is assembled (`powerpc`). Without one, code is made of `traps` alone, and a
    /// guest executes nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isa: Option<String>,
    /// The instruction, in assembly, that the suite puts behind a block of code, for backends that stop at a trap.
    pub end: String,
    /// The documents cited below, by tag.
    pub sources: IndexMap<String, String>,
    /// Registers in the order in which reports list them. `r0..r31` stands for 32 of them.
    pub registers: IndexMap<String, At<Register>>,
    /// Names for states of the machine, each a set of bit fields with their values.
    pub modes: IndexMap<String, At<Mode>>,
    /// Instructions that enter a hypervisor or a supervisor.
    pub traps: IndexMap<String, At<Trap>>,
    /// Interrupts by name.
    pub interrupts: IndexMap<String, At<Interrupt>>,
    /// Guest memory that taking an interrupt writes, whatever the interrupt: a cause, what was interrupted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interrupt_writes: Vec<At<InterruptWrite>>,
    /// Values that the suite gives to registers and fields before a call, instead of a pattern of its own choice.
    /// Supervisor registers that are not named here are left as they are.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub initial: IndexMap<String, Word>,
    /// Numbers that a machine of this architecture tells, which expressions call `machine.<name>`, with what they mean.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub facts: IndexMap<String, String>,
    /// Properties that a machine may have, for `requires`, with what they mean.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub features: IndexMap<String, String>,
}

/// A byte order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The most significant byte comes first.
    #[default]
    Big,
    /// The least significant byte comes first.
    Little,
}

/// What a register is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// General-purpose.
    General,
    /// Other registers of the user's state: condition, link, count.
    User,
    /// The program counter.
    Counter,
    /// Supervisor state that stays as it is unless an instruction or a call changes it.
    Supervisor,
    /// Supervisor state that an interrupt writes: save/restore, fault address.
    Interrupt,
    /// Runs by itself: time base, decrementer.
    Clock,
    /// State of the hypervisor, out of a guest's sight.
    Hypervisor,
}

/// A register.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Register {
    /// Its class.
    pub class: Class,
    /// Width in bits where it differs from the architecture's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u8>,
    /// Number as a special-purpose register.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spr: Option<u16>,
    /// Bit fields, `name: high..low` or `name: bit`, bits counted from the least significant.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub fields: IndexMap<String, Bits>,
    /// What it holds, where its name does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// Where this is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A range of bits, both ends included, counted from the least significant (0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bits {
    /// The most significant bit.
    pub high: u8,
    /// The least significant bit.
    pub low: u8,
}

impl Bits {
    /// The mask of the bits in place.
    #[must_use]
    pub fn mask(self) -> u64 {
        let width = u32::from(self.high - self.low) + 1;
        (u64::MAX >> (64 - width)) << self.low
    }

    /// Reads `31..16` or `14`.
    pub fn parse(text: &str) -> Option<Self> {
        let (high, low) = text.split_once("..").unwrap_or((text, text));
        let (high, low) = (high.trim().parse().ok()?, low.trim().parse().ok()?);
        (low <= high && high < 64).then_some(Self { high, low })
    }
}

impl std::fmt::Display for Bits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.high == self.low { write!(f, "{}", self.low) } else { write!(f, "{}..{}", self.high, self.low) }
    }
}

impl<'de> Deserialize<'de> for Bits {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ranges;
        impl serde::de::Visitor<'_> for Ranges {
            type Value = Bits;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a bit number or a range `high..low`, least significant bit 0")
            }
            fn visit_u64<E: serde::de::Error>(self, bit: u64) -> Result<Bits, E> {
                self.visit_str(&bit.to_string())
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Bits, E> {
                Bits::parse(text).ok_or_else(|| {
                    E::custom(format!("`{text}` is no bit range; write `high..low` with 63 >= high >= low"))
                })
            }
        }
        deserializer.deserialize_any(Ranges)
    }
}

impl Serialize for Bits {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Bits {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Bits".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "a bit or a range high..low, least significant bit 0",
            "type": ["integer", "string"],
            "pattern": "^[0-9]+(\\.\\.[0-9]+)?$"
        })
    }
}

/// A named state: the fields that make it up.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Mode {
    /// `register.field` and its value.
    pub sets: IndexMap<String, Word>,
    /// What the state is.
    pub says: String,
}

/// An instruction that enters a hypervisor or supervisor.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Trap {
    /// The encoding with all fields zero, in memory in the architecture's byte order.
    pub word: Word,
    /// Its length in bytes.
    #[serde(default = "four")]
    pub length: u8,
    /// Fields of the encoding, in the order of the operands in assembly.
    #[serde(default)]
    pub fields: IndexMap<String, Bits>,
    /// The field that tells what the instruction asks for (LEV, an immediate, a function code), if not the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decides: Option<String>,
    /// Bits that the architecture reserves.
    #[serde(default)]
    pub reserved: Word,
    /// What it does.
    pub says: String,
    /// Where this is stated.
    pub source: String,
}

const fn four() -> u8 {
    4
}

impl Trap {
    /// The field that tells what the instruction asks for.
    #[must_use]
    pub fn deciding(&self) -> Option<Bits> {
        match &self.decides {
            Some(name) => self.fields.get(name).copied(),
            None => self.fields.values().next().copied(),
        }
    }
}

/// An interrupt of the guest.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Interrupt {
    /// The vector: offset from the interrupt prefix, for `ivor` machines the IVOR's number, for others what tells the
    /// cause (Arm: exception class, x86: vector number, s390: program-interruption code, RISC-V: scause).
    pub vector: Word,
    /// Bits of SRR1 or ESR that tell the cause.
    #[serde(default)]
    pub causes: IndexMap<String, Word>,
    /// What raises it.
    pub says: String,
    /// Where this is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// Guest memory that taking an interrupt writes.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct InterruptWrite {
    /// First address, over registers as they were before the interrupt.
    pub at: Expr,
    /// Length in bytes.
    pub length: Word,
    /// What is written there.
    pub says: String,
    /// Where this is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl Arch {
    /// All registers with `r0..r31` written out, in order.
    pub fn expand(&self) -> Vec<(String, &Register)> {
        self.registers
            .iter()
            .flat_map(|(name, register)| names(name).into_iter().map(|n| (n, &register.value)))
            .collect()
    }
}

/// The names that a list entry such as `r14..r31` or `r3` stands for.
pub fn names(entry: &str) -> Vec<String> {
    let range = || {
        let (from, to) = entry.split_once("..")?;
        let stem = from.trim_end_matches(|c: char| c.is_ascii_digit());
        let first: u32 = from[stem.len()..].parse().ok()?;
        let last: u32 = to.strip_prefix(stem)?.parse().ok()?;
        Some((first..=last).map(|n| format!("{stem}{n}")).collect())
    };
    range().unwrap_or_else(|| vec![entry.to_owned()])
}

/// The register and the bits of a name such as `x1[31..0]`.
#[must_use]
pub fn slice(name: &str) -> Option<(&str, Bits)> {
    let (register, bits) = name.strip_suffix(']')?.split_once('[')?;
    Some((register, Bits::parse(bits)?))
}
