//! Fixed-point rotate and shift. Power ISA Book I 3.3.14

use crate::bits::{extend, mask, mb6, me, ra, rb, rc, rt, sh6};
use crate::cpu::Cpu;
use crate::execute::{Outcome, Step};
use crate::table::Op;

/// The low word rotated, in both halves, as ROTL32 is defined.
fn rotate_word(value: u64, by: u32) -> u64 {
    let rotated = u64::from((value as u32).rotate_left(by));
    rotated << 32 | rotated
}

impl Cpu {
    pub(crate) fn rotate(&mut self, op: Op, word: u32) -> Outcome {
        let (s, b) = (self.gpr[rt(word)], self.gpr[rb(word)]);
        let old = self.gpr[ra(word)];
        let sh = rb(word) as u32;
        let word_mask = || mask(rc(word) as u32 + 32, me(word) + 32);
        let value = match op {
            Op::Rlwinm => rotate_word(s, sh) & word_mask(),
            Op::Rlwnm => rotate_word(s, b as u32 & 31) & word_mask(),
            Op::Rlwimi => rotate_word(s, sh) & word_mask() | old & !word_mask(),
            Op::Rldicl => s.rotate_left(sh6(word)) & mask(mb6(word), 63),
            Op::Rldicr => s.rotate_left(sh6(word)) & mask(0, mb6(word)),
            Op::Rldic => s.rotate_left(sh6(word)) & mask(mb6(word), 63 - sh6(word)),
            Op::Rldimi => {
                let mask = mask(mb6(word), 63 - sh6(word));
                s.rotate_left(sh6(word)) & mask | old & !mask
            }
            Op::Rldcl => s.rotate_left(b as u32 & 63) & mask(mb6(word), 63),
            Op::Rldcr => s.rotate_left(b as u32 & 63) & mask(0, mb6(word)),
            Op::Slw => u64::from((s as u32).checked_shl(b as u32 & 63).unwrap_or(0)),
            Op::Srw => u64::from((s as u32).checked_shr(b as u32 & 63).unwrap_or(0)),
            Op::Sld => s.checked_shl(b as u32 & 127).unwrap_or(0),
            Op::Srd => s.checked_shr(b as u32 & 127).unwrap_or(0),
            Op::Srawi => self.shift_algebraic(extend(s), sh),
            Op::Sraw => self.shift_algebraic(extend(s), b as u32 & 63),
            Op::Sradi => self.shift_algebraic(s, sh6(word)),
            Op::Srad => self.shift_algebraic(s, b as u32 & 127),
            Op::Extswsli => extend(s) << sh6(word),
            _ => return self.unknown_operation(word),
        };
        self.set_recording(ra(word), value, word);
        Ok(Step::Next)
    }

    /// Shifts right with sign; CA says that ones were lost from a negative number.
    fn shift_algebraic(&mut self, value: u64, by: u32) -> u64 {
        let lost = if by >= 64 { value } else { value & ((1 << by) - 1) };
        let carry = value.cast_signed() < 0 && lost != 0;
        self.set_carry(carry, carry);
        (value.cast_signed() >> by.min(63)).cast_unsigned()
    }
}
