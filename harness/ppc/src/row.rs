//! The shape of the generated table's rows.

use crate::model::Model;
use crate::table::{Field, GROUPS, Op, PREFIXED, PRIMARIES, ROWS, SPR_START, SPRS, Spr};

/// An instruction.
#[derive(Debug)]
pub struct Row {
    /// Base mnemonic, without the suffixes of its variants; empty for the remainder of a primary opcode.
    pub name: &'static str,
    /// Instruction form, as the manual names it.
    pub form: &'static str,
    /// What it does.
    pub op: Op,
    /// Family of its semantics.
    pub group: Group,
    /// Bits that decide whether a word is this instruction.
    pub mask: u32,
    /// What those bits are.
    pub value: u32,
    /// Bits that no field uses.
    pub reserved: u32,
    /// Bits of its variants: OE `0x400`, AA `0x2`, LK or Rc `0x1`.
    pub variants: u32,
    /// Whether bit `0x2` is AA, which makes a branch target absolute.
    pub absolute: bool,
    /// Least privilege.
    pub privilege: Privilege,
    /// Models that have it, see [`MODELS`](crate::table::MODELS).
    pub models: u32,
    /// Operands in assembler order.
    pub operands: &'static [Operand],
}

/// Family of an instruction's semantics. A `Stub` group decodes only as far as its "unavailable" interrupt; with the
/// facility switched on its instructions are illegal, because the core has no such unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are explained by the table")]
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
    /// Vector where the register is one of the upper half, else vector-scalar.
    VsxVectorStub,
    /// Vector where the register is one of the upper half, else floating point.
    FloatVectorStub,
    SpeStub,
    TransactionStub,
    /// First word of a prefixed instruction.
    Prefix,
    Nop,
}

impl Group {
    /// Whether its instructions decode only as far as their "unavailable" interrupt.
    pub const fn is_stub(self) -> bool {
        use Group::*;
        matches!(self, FloatStub | VectorStub | VsxStub | VsxVectorStub | FloatVectorStub | SpeStub | TransactionStub)
    }
}

/// Least privilege. Power ISA Book III 1.2.1
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Privilege {
    /// Any program.
    Problem,
    /// MSR\[PR\] = 0.
    Supervisor,
    /// MSR\[HV\] = 1 and MSR\[PR\] = 0; supervisor on models without a hypervisor state.
    Hypervisor,
    /// Supervisor when LPCR\[GTSE\] = 1, else hypervisor.
    HypervisorUnlessGtse,
    /// The direction does not exist (registers only).
    None,
}

/// An operand of an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operand {
    /// Its field.
    pub field: Field,
    /// Written in parentheses after the operand before it.
    pub memory: bool,
    /// Value when it is left out.
    pub default: Option<u32>,
}

impl Operand {
    pub(crate) const fn plain(field: Field) -> Self {
        Self { field, memory: false, default: None }
    }

    pub(crate) const fn memory(field: Field) -> Self {
        Self { field, memory: true, default: None }
    }

    pub(crate) const fn optional(field: Field, default: u32) -> Self {
        Self { field, memory: false, default: Some(default) }
    }
}

/// What a field's value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
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

/// Where a field lies.
#[derive(Debug)]
pub struct FieldInfo {
    /// Name.
    pub name: &'static str,
    /// Meaning.
    pub kind: Kind,
    /// `(shift, width)` of each part, the most significant first; parts of a prefix are shifted by 32 or more.
    pub parts: &'static [(u32, u32)],
    /// The operand is the encoded value times this.
    pub scale: u32,
}

impl FieldInfo {
    /// Width of the encoded value in bits.
    pub fn width(&self) -> u32 {
        self.parts.iter().map(|&(_, width)| width).sum()
    }

    /// Bits of the word that belong to the field.
    pub fn mask(&self) -> u32 {
        self.mask_long() as u32
    }

    /// Bits of prefix and suffix that belong to the field, the prefix in the upper half.
    pub fn mask_long(&self) -> u64 {
        self.parts.iter().fold(0, |mask, &(shift, width)| mask | (((1 << width) - 1) << shift))
    }

    /// The encoded value in `word`, without sign and scale.
    pub fn extract(&self, word: u32) -> u32 {
        self.extract_long(word.into()) as u32
    }

    /// The encoded value in prefix and suffix, without sign and scale.
    pub fn extract_long(&self, word: u64) -> u64 {
        self.parts.iter().fold(0, |value, &(shift, width)| (value << width) | ((word >> shift) & ((1 << width) - 1)))
    }

    /// `value` placed in an otherwise empty word; bits beyond the width are dropped.
    pub fn place(&self, value: u32) -> u32 {
        self.place_long(value.into()) as u32
    }

    /// `value` placed in otherwise empty prefix and suffix; bits beyond the width are dropped.
    pub fn place_long(&self, mut value: u64) -> u64 {
        let mut word = 0;
        for &(shift, width) in self.parts.iter().rev() {
            word |= (value & ((1 << width) - 1)) << shift;
            value >>= width;
        }
        word
    }
}

/// A prefixed instruction: two words, written as one number with the prefix in the upper half.
#[derive(Debug)]
pub struct Prefixed {
    /// Mnemonic; empty for words that only decode as far as an "unavailable" interrupt.
    pub name: &'static str,
    /// Form of the prefix, as the manual names it.
    pub form: &'static str,
    /// What it does.
    pub op: Op,
    /// Family of its semantics.
    pub group: Group,
    /// Bits that decide whether a pair of words is this instruction.
    pub mask: u64,
    /// What those bits are.
    pub value: u64,
    /// Bits that no field uses.
    pub reserved: u64,
    /// Operands in assembler order.
    pub operands: &'static [Operand],
}

/// The row of a prefixed instruction, or none if there is no such.
pub fn decode_prefixed(prefix: u32, suffix: u32) -> Option<&'static Prefixed> {
    let word = u64::from(prefix) << 32 | u64::from(suffix);
    PREFIXED.iter().find(|row| (word ^ row.value) & row.mask == 0)
}

/// Second step of the decoder for one primary opcode.
#[derive(Debug)]
pub struct Primary {
    pub(crate) shift: u32,
    pub(crate) mask: u32,
    pub(crate) slots: &'static [u16],
}

/// A special-purpose register on some models.
#[derive(Debug)]
pub struct SprRow {
    /// Lower-case name.
    pub name: &'static str,
    /// Which register it is.
    pub spr: Spr,
    /// Number in mfspr and mtspr.
    pub number: u16,
    /// Least privilege to read it.
    pub read: Privilege,
    /// Least privilege to write it.
    pub write: Privilege,
    /// Models that have it under this number.
    pub models: u32,
    /// Width in bits, 32 or 64.
    pub bits: u32,
    /// How it is kept.
    pub storage: Storage,
}

/// How the core keeps a special-purpose register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// A field of [`Cpu`](crate::Cpu) with an effect of its own.
    Field,
    /// An element of [`Cpu::plain`](crate::Cpu::plain): it holds what was written.
    Plain(u16),
}

/// Where [`Cpu::plain`](crate::Cpu::plain) keeps a register, which the table must call plain.
pub(crate) const fn plain(which: Spr) -> usize {
    let mut n = 0;
    while n < SPRS.len() {
        if let Storage::Plain(index) = SPRS[n].storage
            && SPRS[n].spr as u32 == which as u32
        {
            return index as usize;
        }
        n += 1;
    }
    panic!("not a plain register");
}

/// An extended mnemonic.
#[derive(Debug)]
pub struct Alias {
    /// Mnemonic with suffixes.
    pub name: &'static str,
    /// Its operands.
    pub parameters: &'static [Parameter],
    /// The mnemonic it stands for.
    pub base: &'static str,
    /// Operands of the base, as expressions over the parameters.
    pub template: &'static [&'static str],
}

/// An operand of an extended mnemonic.
#[derive(Debug)]
pub struct Parameter {
    /// Name in the template.
    pub name: &'static str,
    /// Written in parentheses after the operand before it.
    pub memory: bool,
}

/// What decoding and execution need of a row, close together: all of them fit in a processor's first cache.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) mask: u32,
    pub(crate) value: u32,
    pub(crate) reserved: u32,
    pub(crate) models: u16,
    pub(crate) op: Op,
    pub(crate) group: Group,
    pub(crate) privilege: Privilege,
}

/// One for every one of [`ROWS`].
pub(crate) static KEYS: [Key; ROWS.len()] = {
    let first =
        Key { mask: 0, value: 0, reserved: 0, models: 0, op: Op::B, group: Group::Branch, privilege: Privilege::None };
    let mut keys = [first; ROWS.len()];
    let mut i = 0;
    while i < keys.len() {
        let Row { mask, value, reserved, models, op, group, privilege, .. } = ROWS[i];
        assert!(models <= u16::MAX as u32);
        keys[i] = Key { mask, value, reserved, models: models as u16, op, group, privilege };
        i += 1;
    }
    keys
};

/// The row of `word` on `model`, or none if the model has no such instruction. Reserved bits are not looked at.
#[inline]
pub fn decode(word: u32, model: Model) -> Option<&'static Row> {
    decode_number(word, model).map(|number| &ROWS[usize::from(number)])
}

/// The place in [`ROWS`] and [`KEYS`] of the row that [`decode`] gives.
#[inline]
pub(crate) fn decode_number(word: u32, model: Model) -> Option<u16> {
    let primary = &PRIMARIES[(word >> 26) as usize];
    let slot = primary.slots[((word >> primary.shift) & primary.mask) as usize];
    let fits = |number: &u16| {
        let key = &KEYS[usize::from(*number)];
        (word ^ key.value) & key.mask == 0 && u32::from(key.models) & model.bit() != 0
    };
    match slot {
        0 => None,
        1..0x8000 => Some(slot - 1).filter(fits),
        _ => GROUPS[usize::from(slot & 0x7FFF)].iter().copied().find(|number| fits(number)),
    }
}

/// The register that `number` names on `model`.
pub fn spr(number: u32, model: Model) -> Option<&'static SprRow> {
    let start = usize::from(SPR_START[number as usize & 1023]);
    let rows = SPRS[start..].iter().take_while(|row| u32::from(row.number) == number);
    rows.into_iter().find(|row| row.models & model.bit() != 0)
}
