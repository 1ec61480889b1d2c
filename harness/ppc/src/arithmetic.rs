//! Fixed-point arithmetic. Power ISA Book I 3.3.9
//!
//! What the architecture leaves undefined is in [`UNDEFINED`](crate::table::UNDEFINED): the upper half of a word result
//! is 0 for divide, modulo and multiply high, and an impossible quotient or remainder is 0.

use crate::bits::{ra, rb, rc, rt, si};
use crate::cpu::{Cpu, XER_CA, XER_OV, XER_OV32};
use crate::execute::{Outcome, Step};
use crate::table::Op;

/// A quotient or remainder, or none where it does not exist or cannot be represented.
pub(crate) fn divide(op: Op, a: u64, b: u64) -> Option<u64> {
    let (wide_a, wide_b) = (i128::from(a.cast_signed()), i128::from(b.cast_signed()));
    let (word_a, word_b) = (i64::from(a as i32), i64::from(b as i32));
    let signed = |quotient: i128| i64::try_from(quotient).ok().map(i64::cast_unsigned);
    let word = |quotient: i64| i32::try_from(quotient).ok().map(|quotient| u64::from(quotient.cast_unsigned()));
    let unsigned_word = |quotient: u64| u32::try_from(quotient).ok().map(u64::from);
    match op {
        Op::Divw => word(word_a.checked_div(word_b)?),
        Op::Divwu => unsigned_word(u64::from(a as u32).checked_div(u64::from(b as u32))?),
        Op::Divwe => word((word_a << 32).checked_div(word_b)?),
        Op::Divweu => unsigned_word((a << 32).checked_div(u64::from(b as u32))?),
        Op::Divd => signed(wide_a.checked_div(wide_b)?),
        Op::Divdu => a.checked_div(b),
        Op::Divde => signed((wide_a << 64).checked_div(wide_b)?),
        Op::Modsw => (a as i32).checked_rem(b as i32).map(|remainder| u64::from(remainder.cast_unsigned())),
        Op::Moduw => (a as u32).checked_rem(b as u32).map(u64::from),
        Op::Modsd => a.cast_signed().checked_rem(b.cast_signed()).map(i64::cast_unsigned),
        Op::Modud => a.checked_rem(b),
        _ => u64::try_from((u128::from(a) << 64).checked_div(u128::from(b))?).ok(),
    }
}

impl Cpu {
    pub(crate) fn arithmetic(&mut self, op: Op, word: u32) -> Outcome {
        let (d, ra, rb) = (rt(word), ra(word), rb(word));
        let (a, b) = (self.gpr[ra], self.gpr[rb]);
        let carry = self.xer & XER_CA != 0;
        match op {
            Op::Addi => self.set(d, self.base(ra).wrapping_add(si(word))),
            Op::Addis => self.set(d, self.base(ra).wrapping_add(si(word) << 16)),
            Op::Addpcis => {
                let immediate = (word & 0xFFC1) | (word >> 15) & 0x3E;
                self.set(d, self.pc.wrapping_add(4).wrapping_add(si(immediate) << 16));
            }
            Op::Addic => self.add_immediate(d, a, si(word), false),
            Op::AddicDot => {
                self.add_immediate(d, a, si(word), false);
                self.record(self.gpr[d]);
            }
            Op::Subfic => self.add_immediate(d, !a, si(word), true),
            Op::Mulli => self.set(d, a.wrapping_mul(si(word))),
            Op::Add => self.add(word, a, b, false, false),
            Op::Addc => self.add(word, a, b, false, true),
            Op::Adde => self.add(word, a, b, carry, true),
            Op::Addme => self.add(word, a, u64::MAX, carry, true),
            Op::Addze => self.add(word, a, 0, carry, true),
            Op::Subf => self.add(word, !a, b, true, false),
            Op::Subfc => self.add(word, !a, b, true, true),
            Op::Subfe => self.add(word, !a, b, carry, true),
            Op::Subfme => self.add(word, !a, u64::MAX, carry, true),
            Op::Subfze => self.add(word, !a, 0, carry, true),
            Op::Neg => self.add(word, !a, 0, true, false),
            Op::Addex => {
                if word & 0x600 != 0 {
                    return self.invalid_form(word);
                }
                let (sum, double, word) = sum(a, b, self.xer & XER_OV != 0);
                self.set(d, sum);
                let carry = if self.is_64_bit() { double } else { word };
                self.set_xer(XER_OV, carry);
                self.set_xer(XER_OV32, word);
            }
            Op::Mullw => {
                let product = i64::from(a as i32) * i64::from(b as i32);
                let overflow = i32::try_from(product).is_err();
                self.finish(word, product.cast_unsigned(), overflow);
            }
            Op::Mulld => {
                let product = i128::from(a.cast_signed()) * i128::from(b.cast_signed());
                self.finish(word, product as u64, i64::try_from(product).is_err());
            }
            Op::Mulhw => {
                let product = i64::from(a as i32) * i64::from(b as i32);
                self.set_recording(d, product.cast_unsigned() >> 32, word);
            }
            Op::Mulhwu => self.set_recording(d, (u64::from(a as u32) * u64::from(b as u32)) >> 32, word),
            Op::Mulhd => {
                let product = i128::from(a.cast_signed()) * i128::from(b.cast_signed());
                self.set_recording(d, (product >> 64) as u64, word);
            }
            Op::Mulhdu => self.set_recording(d, ((u128::from(a) * u128::from(b)) >> 64) as u64, word),
            Op::Maddld => self.set(d, a.wrapping_mul(b).wrapping_add(self.gpr[rc(word)])),
            Op::Maddhd => {
                let addend = i128::from(self.gpr[rc(word)].cast_signed());
                let product = i128::from(a.cast_signed()) * i128::from(b.cast_signed()) + addend;
                self.set(d, (product >> 64) as u64);
            }
            Op::Maddhdu => {
                let product = u128::from(a) * u128::from(b) + u128::from(self.gpr[rc(word)]);
                self.set(d, (product >> 64) as u64);
            }
            Op::Divw | Op::Divwu | Op::Divwe | Op::Divweu | Op::Divd | Op::Divdu | Op::Divde | Op::Divdeu => {
                let quotient = divide(op, a, b);
                self.finish(word, quotient.unwrap_or(0), quotient.is_none());
            }
            Op::Modsw | Op::Moduw | Op::Modsd | Op::Modud => self.set(d, divide(op, a, b).unwrap_or(0)),
            // No random number is ever available, which the architecture reports like this; L=3 is reserved.
            Op::Darn => self.set(d, u64::MAX),
            _ => return self.unknown_operation(word),
        }
        Ok(Step::Next)
    }

    fn add_immediate(&mut self, register: usize, a: u64, immediate: u64, carry: bool) {
        let (sum, double, word) = sum(a, immediate, carry);
        self.set(register, sum);
        self.set_carry(double, word);
    }

    /// An addition of the XO form: `carries` writes CA, OE overflow, Rc CR0.
    fn add(&mut self, word: u32, a: u64, b: u64, carry: bool, carries: bool) {
        let (sum, double, low) = sum(a, b, carry);
        if carries {
            self.set_carry(double, low);
        }
        if word & 0x400 != 0 {
            let signs = (a ^ sum) & (b ^ sum);
            self.set_overflow(signs >> 63 != 0, signs >> 31 & 1 != 0);
        }
        self.set_recording(rt(word), sum, word);
    }

    /// The end of a multiplication or division, whose overflow does not depend on the mode.
    fn finish(&mut self, word: u32, value: u64, overflow: bool) {
        if word & 0x400 != 0 {
            self.set_overflow(overflow, overflow);
        }
        self.set_recording(rt(word), value, word);
    }
}

/// Sum, carry out of the doubleword, carry out of the low word.
fn sum(a: u64, b: u64, carry: bool) -> (u64, bool, bool) {
    let (partial, first) = a.overflowing_add(b);
    let (total, second) = partial.overflowing_add(u64::from(carry));
    let low = (a & 0xFFFF_FFFF) + (b & 0xFFFF_FFFF) + u64::from(carry);
    (total, first | second, low >> 32 != 0)
}
