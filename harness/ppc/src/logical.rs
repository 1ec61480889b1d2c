//! Fixed-point logical instructions. Power ISA Book I 3.3.13

use crate::bits::{extend, ra, rb, rt, ui};
use crate::cpu::Cpu;
use crate::execute::{Outcome, Step};
use crate::table::Op;

/// `f` of every byte.
fn bytes(value: u64, f: impl Fn(u8) -> u8) -> u64 {
    u64::from_be_bytes(value.to_be_bytes().map(f))
}

/// Bits of `value` that the mask selects, gathered at the low end; also how many.
fn gather(value: u64, mask: u64) -> (u64, u32) {
    let (mut out, mut count) = (0, 0);
    for bit in (0..64).filter(|bit| mask >> bit & 1 != 0) {
        out |= (value >> bit & 1) << count;
        count += 1;
    }
    (out, count)
}

/// The low bits of `value` scattered to where the mask has ones.
fn scatter(value: u64, mask: u64) -> u64 {
    let ones = (0..64).filter(|bit| mask >> bit & 1 != 0);
    ones.enumerate().fold(0, |out, (i, bit)| out | (value >> i & 1) << bit)
}

impl Cpu {
    pub(crate) fn logical(&mut self, op: Op, word: u32) -> Outcome {
        let d = ra(word);
        let (s, b) = (self.gpr[rt(word)], self.gpr[rb(word)]);
        let value = match op {
            Op::Ori => s | ui(word),
            Op::Oris => s | ui(word) << 16,
            Op::Xori => s ^ ui(word),
            Op::Xoris => s ^ ui(word) << 16,
            Op::AndiDot | Op::AndisDot => {
                let value = s & if op == Op::AndiDot { ui(word) } else { ui(word) << 16 };
                self.set(d, value);
                self.record(value);
                return Ok(Step::Next);
            }
            Op::Popcntb => bytes(s, |byte| byte.count_ones() as u8),
            Op::Popcntw => u64::from((s >> 32).count_ones()) << 32 | u64::from((s as u32).count_ones()),
            Op::Popcntd => s.count_ones().into(),
            Op::Prtyw => {
                let odd = s & 0x0101_0101_0101_0101;
                u64::from((odd >> 32).count_ones() & 1) << 32 | u64::from((odd as u32).count_ones() & 1)
            }
            Op::Prtyd => (s & 0x0101_0101_0101_0101).count_ones() as u64 & 1,
            Op::Cmpb => bytes(s ^ b, |byte| if byte == 0 { 0xFF } else { 0 }),
            Op::Bpermd => s.to_le_bytes().iter().enumerate().fold(0, |value, (i, &index)| {
                let bit = if index < 64 { b >> (63 - index) & 1 } else { 0 };
                value | bit << i
            }),
            Op::Cfuged => {
                let (ones, count) = gather(s, b);
                gather(s, !b).0.checked_shl(count).unwrap_or(0) | ones
            }
            Op::Cntlzdm => {
                gather(s, b).0.checked_shl(64 - b.count_ones()).unwrap_or(0).leading_zeros().min(b.count_ones()).into()
            }
            Op::Cnttzdm => gather(s, b).0.trailing_zeros().min(b.count_ones()).into(),
            Op::Pdepd => scatter(s, b),
            Op::Pextd => gather(s, b).0,
            Op::Brh => (s & 0x00FF_00FF_00FF_00FF) << 8 | s >> 8 & 0x00FF_00FF_00FF_00FF,
            Op::Brw => s.swap_bytes().rotate_left(32),
            Op::Brd => s.swap_bytes(),
            _ => return self.logical_recording(op, word, s, b),
        };
        self.set(d, value);
        Ok(Step::Next)
    }

    fn logical_recording(&mut self, op: Op, word: u32, s: u64, b: u64) -> Outcome {
        let value = match op {
            Op::And => s & b,
            Op::Andc => s & !b,
            Op::Or => s | b,
            Op::Orc => s | !b,
            Op::Xor => s ^ b,
            Op::Nand => !(s & b),
            Op::Nor => !(s | b),
            Op::Eqv => !(s ^ b),
            Op::Extsb => i64::from(s as i8).cast_unsigned(),
            Op::Extsh => i64::from(s as i16).cast_unsigned(),
            Op::Extsw => extend(s),
            Op::Cntlzw => (s as u32).leading_zeros().into(),
            Op::Cntlzd => s.leading_zeros().into(),
            Op::Cnttzw => (s as u32).trailing_zeros().into(),
            Op::Cnttzd => s.trailing_zeros().into(),
            _ => return self.unknown_operation(word),
        };
        self.set_recording(ra(word), value, word);
        Ok(Step::Next)
    }
}
