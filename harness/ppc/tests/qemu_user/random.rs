//! Random numbers: the same from the same seed, and with a taste for edges.

use crate::split_mix::split_mix;

/// SplitMix64.
#[derive(Debug, Clone)]
pub struct Random(u64);

/// Values at which carries, signs and shift counts change.
const EDGES: [u64; 34] = [
    0,
    1,
    2,
    u64::MAX,
    u64::MAX - 1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x1_0000,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    0x1_0000_0000,
    0x7FFF_FFFF_FFFF_FFFF,
    0x8000_0000_0000_0000,
    0xFFFF_FFFF_8000_0000,
    0xFFFF_FFFF_7FFF_FFFF,
    0xFFFF_FFFF_0000_0000,
    0x8000_0000_8000_0000,
    0x7FFF_FFFF_0000_0000,
    0xFFFF_FFFF_FFFF_8000,
    0xFFFF_FFFF_FFFF_FF80,
    31,
    32,
    33,
    63,
    64,
    65,
    127,
    128,
    0x5A5A_5A5A_5A5A_5A5A,
];

impl Random {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The sequence of one of many, each with a sequence of its own.
    pub fn of(seed: u64, number: u64) -> Self {
        let mut parent = Self(seed ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        parent.bits();
        Self(parent.bits())
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        split_mix(&mut self.0)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }

    /// True in one of `times`.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of several.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// An operand: an edge, its neighbour, one bit, a short number, a word with or without sign, decimal digits,
    /// or anything.
    pub fn operand(&mut self) -> u64 {
        let bits = self.bits();
        match self.below(11) {
            10 => {
                (0..16).fold(0, |digits, place| 16 * digits + (bits >> (4 * place) & 15) % 10) & 0x00FF_FFFF_00FF_FFFF
            }
            0..=2 => self.pick(&EDGES),
            3 => self.pick(&EDGES).wrapping_add(bits % 5).wrapping_sub(2),
            4 => 1 << (bits & 63),
            5 => i64::from(bits as i8).cast_unsigned(),
            6 => i64::from(bits as i32).cast_unsigned(),
            7 => bits & 0xFFFF_FFFF,
            _ => bits,
        }
    }

    /// The encoded value of a field of `width` bits, at its ends more often than by chance.
    pub fn field(&mut self, width: u32) -> u32 {
        let mask = (1u32 << width) - 1;
        match self.below(8) {
            0 => 0,
            1 => mask,
            2 => 1 << (width - 1) & mask,
            3 => self.pick(&[1, mask >> 1, mask - 1, (mask >> 1) + 1]) & mask,
            _ => self.bits() as u32 & mask,
        }
    }
}
