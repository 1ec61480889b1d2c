//! What the architecture leaves undefined, as rows of `spec/isa/powerpc.yaml`.
//!
//! Whoever compares the core with another machine asks [`Cpu::undefined_results`] before the instruction, and leaves out
//! of the comparison afterwards what comes back.

use crate::bits::{ra, rb, rc, rt, spr as spr_number};
use crate::condition::fields;
use crate::cpu::{Cpu, SlbEntry};
use crate::msr;
use crate::row::{Row, decode, spr};
use crate::table::{Op, UNDEFINED};
use crate::translate::REAL;

/// Results that are undefined under a condition.
#[derive(Debug)]
pub struct Undefined {
    /// Instructions.
    pub ops: &'static [Op],
    /// Conditions that must all hold; none means always.
    pub when: &'static [When],
    /// Part of the state with the first and last bit, numbered from the most significant of the part.
    pub what: &'static [(Part, u8, u8)],
    /// What the core does.
    pub is: Choice,
    /// Models, see [`MODELS`](crate::table::MODELS).
    pub models: u32,
    /// Name of a document in the table and the section that says so.
    pub source: &'static str,
}

/// A condition on the instruction word and on the state before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum When {
    /// The word records in CR0.
    Rc,
    /// 64-bit mode.
    Mode64,
    /// 32-bit mode, or a 32-bit model.
    Mode32,
    /// The divisor is 0, or the quotient or remainder cannot be represented.
    NoQuotient,
    /// The RA field is 0.
    RaZero,
    /// The RA field is the RT field.
    RaIsRt,
    /// The RT field is odd.
    RtOdd,
    /// The RT field is the RA or the RB field.
    RtIsAnOperand,
    /// RA, or RB in an indexed form, is among the registers that are loaded.
    OperandLoaded,
    /// The string count in XER is 0.
    CountZero,
    /// BO asks to decrement CTR.
    Decrements,
    /// The CY field is not 0.
    CyNotZero,
    /// The L field of a comparison is 1.
    L,
    /// The TBR field is neither 268 nor 269.
    NotTimeBase,
    /// Exactly one bit of FXM is set.
    OneField,
    /// No bit of FXM is set, or several.
    NotOneField,
    /// The SPR field names XER.
    Xer,
    /// The SPR field names no register of the model.
    UnknownSpr,
    /// There is a reservation of another address or length.
    ReservedElsewhere,
    /// More than one SLB entry matches.
    ManySegments,
    /// A decimal digit of the source is above 9.
    BadDigit,
}

/// A part of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The register RT, 64 bits.
    Rt,
    /// Bits 32-63 of RT without the field that FXM names.
    RtOtherFields,
    /// The register RA, 64 bits.
    Ra,
    /// XER, 64 bits.
    Xer,
    /// The condition register, 32 bits.
    Cr,
    /// CR field 0, 4 bits.
    Cr0,
    /// The CR field that BF names, 4 bits.
    Bf,
    /// The operand in storage.
    Memory,
    /// The whole outcome is boundedly undefined: an invalid form. Book I 1.8.2
    Everything,
}

/// What the core does where the architecture leaves it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Choice {
    /// The part is 0.
    Zero,
    /// The part is all ones.
    Ones,
    /// The part is as before.
    Kept,
    /// CR0 compares the register as it is written.
    AsResult,
    /// The fields that FXM selects are moved; the others are 0 in a register and as before in CR.
    Fields,
    /// A store conditional or paste does not store.
    Fails,
    /// The first match counts.
    First,
    /// Illegal-instruction interrupt.
    Illegal,
    /// As for any other operand.
    Runs,
}

/// State that an instruction leaves undefined: bits that are 1 are not to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UndefinedBits {
    /// General-purpose registers.
    pub gpr: [u64; 32],
    /// Condition register.
    pub cr: u32,
    /// Fixed-point exception register.
    pub xer: u64,
    /// The operand in storage.
    pub memory: bool,
    /// The whole outcome, by an invalid form.
    pub everything: bool,
}

/// Bits `from` to `to` of a number of `width` bits, counted from its most significant one.
fn range(from: u8, to: u8, width: u32) -> u64 {
    (u64::MAX >> (63 - (to - from))) << (width - 1 - u32::from(to))
}

impl Cpu {
    /// Rows that apply to `word` in this state, before it is executed.
    pub fn undefined_rows(&self, word: u32) -> impl Iterator<Item = &'static Undefined> {
        let op = decode(word, self.model).map(|row: &Row| row.op);
        UNDEFINED
            .iter()
            .filter(move |row| row.models & self.model.bit() != 0 && op.is_some_and(|op| row.ops.contains(&op)))
            .filter(move |row| row.when.iter().all(|when| self.condition_of_undefined(*when, word)))
    }

    /// What executing `word` in this state leaves undefined.
    pub fn undefined_results(&self, word: u32) -> UndefinedBits {
        let mut bits = UndefinedBits { gpr: [0; 32], cr: 0, xer: 0, memory: false, everything: false };
        for &(part, from, to) in self.undefined_rows(word).flat_map(|row| row.what) {
            match part {
                Part::Rt => bits.gpr[rt(word)] |= range(from, to, 64),
                Part::RtOtherFields => bits.gpr[rt(word)] |= 0xFFFF_FFFF & !u64::from(fields(word)),
                Part::Ra => bits.gpr[ra(word)] |= range(from, to, 64),
                Part::Xer => bits.xer |= range(from, to, 64),
                Part::Cr => bits.cr |= range(from, to, 32) as u32,
                Part::Cr0 => bits.cr |= (range(from, to, 4) as u32) << 28,
                Part::Bf => bits.cr |= (range(from, to, 4) as u32) << (28 - 4 * (word >> 23 & 7)),
                Part::Memory => bits.memory = true,
                Part::Everything => bits.everything = true,
            }
        }
        bits
    }

    fn condition_of_undefined(&self, when: When, word: u32) -> bool {
        let op = || decode(word, self.model).map(|row| row.op);
        match when {
            When::Rc => word & 1 != 0,
            When::Mode64 => self.is_64_bit(),
            When::Mode32 => !self.is_64_bit(),
            When::NoQuotient => {
                let (a, b) = (self.gpr[ra(word)], self.gpr[rb(word)]);
                op().is_some_and(|op| crate::arithmetic::divide(op, a, b).is_none())
            }
            When::RaZero => ra(word) == 0,
            When::RaIsRt => ra(word) == rt(word),
            When::RtOdd => !rt(word).is_multiple_of(2),
            When::RtIsAnOperand => rt(word) == ra(word) || rt(word) == rb(word),
            When::OperandLoaded => {
                let (registers, indexed) = match op() {
                    Some(Op::Lmw) => (32 - rt(word), false),
                    Some(Op::Lswi) => (if rb(word) == 0 { 8 } else { rb(word).div_ceil(4) }, false),
                    _ => ((self.xer as usize & 0x7F).div_ceil(4), true),
                };
                let loaded = |register: usize| (register + 32 - rt(word)) % 32 < registers;
                loaded(ra(word)) || indexed && loaded(rb(word))
            }
            When::CountZero => self.xer & 0x7F == 0,
            When::Decrements => word & 4 << 21 == 0,
            When::CyNotZero => rc(word) >> 3 != 0,
            When::L => word & 1 << 21 != 0,
            When::NotTimeBase => !matches!(spr_number(word), 268 | 269),
            When::OneField => (word >> 12 & 0xFF).count_ones() == 1,
            When::NotOneField => (word >> 12 & 0xFF).count_ones() != 1,
            When::Xer => spr_number(word) == 1,
            When::UnknownSpr => spr(spr_number(word), self.model).is_none(),
            When::ReservedElsewhere => self.reservation.is_some_and(|held| {
                let length = match op() {
                    Some(Op::StbcxDot) => 1,
                    Some(Op::SthcxDot) => 2,
                    Some(Op::StwcxDot) => 4,
                    Some(Op::StdcxDot) => 8,
                    _ => 16,
                };
                let address = self.effective(self.indexed(word));
                // A translation keeps the place in the page; without tables at hand that is what can be compared.
                let compared = if self.msr & msr::DR == 0 { REAL } else { 0xFFF };
                held.length != length || (address ^ held.at) & compared != 0
            }),
            When::ManySegments => {
                let matches = |entry: &&SlbEntry| {
                    let shift = if entry.vsid >> 62 == 1 { 40 } else { 28 };
                    entry.esid & SlbEntry::VALID != 0 && (entry.esid ^ self.gpr[rb(word)]) >> shift == 0
                };
                self.slb.iter().filter(matches).count() > 1
            }
            When::BadDigit => {
                let digits = self.gpr[rt(word)] & 0x00FF_FFFF_00FF_FFFF;
                (0..16).any(|digit| digits >> (4 * digit) & 0xF > 9)
            }
        }
    }
}
