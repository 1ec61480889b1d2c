//! Condition register. Power ISA Book I 2.5 and 3.3.17

use crate::bits::{bf, bfa, ra, rb, rt};
use crate::cpu::{Cpu, XER_CA, XER_CA32, XER_OV, XER_OV32};
use crate::execute::{Outcome, Step};
use crate::table::Op;

/// Bits of the condition register that FXM selects.
pub(crate) fn fields(word: u32) -> u32 {
    (0..8).filter(|field| word >> (12 + field) & 1 != 0).fold(0, |mask, field| mask | 0xF << (4 * field))
}

impl Cpu {
    pub(crate) fn condition(&mut self, op: Op, word: u32) -> Outcome {
        let value = match op {
            Op::Mcrf => {
                self.set_cr(bf(word), self.cr >> (28 - 4 * bfa(word)));
                return Ok(Step::Next);
            }
            Op::Mtcrf | Op::Mtocrf => {
                let fields = fields(word);
                self.cr = self.cr & !fields | self.gpr[rt(word)] as u32 & fields;
                return Ok(Step::Next);
            }
            Op::Mcrxr => {
                self.set_cr(bf(word), (self.xer >> 28) as u32);
                self.xer &= !0xF000_0000;
                return Ok(Step::Next);
            }
            Op::Mcrxrx => {
                let bit = |mask, place: u32| u32::from(self.xer & mask != 0) << place;
                let value = bit(XER_OV, 3) | bit(XER_OV32, 2) | bit(XER_CA, 1) | bit(XER_CA32, 0);
                self.set_cr(bf(word), value);
                return Ok(Step::Next);
            }
            Op::Mfcr => self.cr.into(),
            // The fields that are not asked for are undefined; zero here.
            Op::Mfocrf => u64::from(self.cr & fields(word)),
            Op::Setb => match self.cr >> (28 - 4 * bfa(word)) & 0xC {
                0 => 0,
                4 => 1,
                _ => u64::MAX,
            },
            Op::Setbc => u64::from(self.cr_bit(ra(word))),
            Op::Setbcr => u64::from(!self.cr_bit(ra(word))),
            Op::Setnbc => u64::from(self.cr_bit(ra(word))).wrapping_neg(),
            Op::Setnbcr => u64::from(!self.cr_bit(ra(word))).wrapping_neg(),
            _ => return self.condition_logical(op, word),
        };
        self.set(rt(word), value);
        Ok(Step::Next)
    }

    fn condition_logical(&mut self, op: Op, word: u32) -> Outcome {
        let (a, b) = (self.cr_bit(ra(word)), self.cr_bit(rb(word)));
        let result = match op {
            Op::Crand => a && b,
            Op::Crandc => a && !b,
            Op::Creqv => a == b,
            Op::Crnand => !(a && b),
            Op::Crnor => !(a || b),
            Op::Cror => a || b,
            Op::Crorc => a || !b,
            Op::Crxor => a != b,
            _ => return self.unknown_operation(word),
        };
        let shift = 31 - rt(word);
        self.cr = self.cr & !(1 << shift) | u32::from(result) << shift;
        Ok(Step::Next)
    }
}
