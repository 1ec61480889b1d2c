//! Binary coded decimal assist. Power ISA Book I 3.3.15

use crate::bits::{ra, rb, rt};
use crate::cpu::Cpu;
use crate::execute::{Outcome, Step};
use crate::table::Op;

/// Ten bits of densely packed decimal as three digits. Power ISA Book I appendix B.2
fn digits(declet: u64) -> u64 {
    let bit = |place: u32| declet >> place & 1;
    let (low, small) = (declet & 1, |high: u64, middle: u64, low: u64| high << 2 | middle << 1 | low);
    let (p, q, r, s, t, u) = (bit(9), bit(8), bit(7), bit(6), bit(5), bit(4));
    let (w, x) = (bit(2), bit(1));
    let large = |low: u64| 8 | low;
    let (a, b, c) = if bit(3) == 0 {
        (small(p, q, r), small(s, t, u), small(w, x, low))
    } else {
        match (w, x) {
            (0, 0) => (small(p, q, r), small(s, t, u), large(low)),
            (0, 1) => (small(p, q, r), large(u), small(s, t, low)),
            (1, 0) => (large(r), small(s, t, u), small(p, q, low)),
            _ => match (s, t) {
                (0, 0) => (large(r), large(u), small(p, q, low)),
                (0, 1) => (large(r), small(p, q, u), large(low)),
                (1, 0) => (small(p, q, r), large(u), large(low)),
                _ => (large(r), large(u), large(low)),
            },
        }
    };
    a << 8 | b << 4 | c
}

/// Three digits as ten bits of densely packed decimal. Power ISA Book I appendix B.1
fn declet(digits: u64) -> u64 {
    let (a, b, c) = (digits >> 8 & 15, digits >> 4 & 15, digits & 15);
    let upper = |digit: u64| digit >> 1 & 3;
    let low = |digit: u64| digit & 1;
    let join = |first: u64, r: u64, second: u64, u: u64, third: u64| {
        first << 8 | r << 7 | second << 5 | u << 4 | third << 1 | low(c)
    };
    match (a >> 3, b >> 3, c >> 3) {
        (0, 0, 0) => join(upper(a), low(a), upper(b), low(b), upper(c)),
        (0, 0, _) => join(upper(a), low(a), upper(b), low(b), 4),
        (0, _, 0) => join(upper(a), low(a), upper(c), low(b), 5),
        (_, 0, 0) => join(upper(c), low(a), upper(b), low(b), 6),
        (_, _, 0) => join(upper(c), low(a), 0, low(b), 7),
        (_, 0, _) => join(upper(b), low(a), 1, low(b), 7),
        (0, _, _) => join(upper(a), low(a), 2, low(b), 7),
        _ => join(0, low(a), 3, low(b), 7),
    }
}

impl Cpu {
    pub(crate) fn decimal(&mut self, op: Op, word: u32) -> Outcome {
        let s = self.gpr[rt(word)];
        match op {
            Op::Addg6s => {
                let (a, b) = (self.gpr[ra(word)], self.gpr[rb(word)]);
                // A six where a digit's sum gives no carry.
                let carries = |digit: u32| {
                    let mask = u128::from(u64::MAX >> (60 - 4 * digit));
                    (u128::from(a) & mask) + (u128::from(b) & mask) > mask
                };
                let sixes = (0..16).filter(|digit| !carries(*digit)).fold(0, |sixes, digit| sixes | 6 << (4 * digit));
                self.set(rt(word), sixes);
            }
            Op::Cdtbcd => {
                let half = |value: u64| digits(value >> 10 & 0x3FF) << 12 | digits(value & 0x3FF);
                self.set(ra(word), half(s >> 32) << 32 | half(s));
            }
            Op::Cbcdtd => {
                let half = |value: u64| declet(value >> 12 & 0xFFF) << 10 | declet(value & 0xFFF);
                self.set(ra(word), half(s >> 32) << 32 | half(s));
            }
            _ => return self.unknown_operation(word),
        }
        Ok(Step::Next)
    }
}

#[cfg(test)]
mod tests {
    use super::{declet, digits};

    #[test]
    fn a_thousand_numbers_pack_and_unpack() {
        for number in 0..1000u64 {
            let decimal = ((number / 100) << 8) | ((number / 10 % 10) << 4) | (number % 10);
            assert_eq!(digits(declet(decimal)), decimal, "{number}");
        }
        assert_eq!((declet(0x005), declet(0x099), declet(0x999)), (0x005, 0x05F, 0x0FF));
    }
}
