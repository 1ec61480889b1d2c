//! Hashes of return addresses. Power ISA 3.1 Book I 3.3.16, Book III 5.4.5

use crate::bits::{ra, rb};
use crate::cpu::Cpu;
use crate::execute::{Outcome, Step};
use crate::interrupt::{Interrupt, Program};
use crate::memory::Memory;
use crate::msr;
use crate::table::{Op, Spr};
use crate::translate::Access;

/// Constants of the key schedule.
const ROUND: u16 = 0xFFFC;
const SEQUENCE: u64 = 0xFA25_61CD_F44A_C398;

/// DEXCR aspects that let problem state and privileged states use the instructions. Book III 9.3
const NPHIE: u32 = 5;
const PHIE: u32 = 6;

/// One lane: 32 rounds over a block of two halfwords. The subkeys of four rounds are turned by the number of the lane.
fn lane(block: u32, key: u64, number: usize) -> u32 {
    let mut subkeys = [0u16; 32];
    for (i, subkey) in subkeys[..4].iter_mut().enumerate() {
        *subkey = (key >> (48 - 16 * i)) as u16;
    }
    for i in 0..28 {
        let mixed = subkeys[i + 3].rotate_right(3) ^ subkeys[i + 1];
        let bit = (SEQUENCE >> (63 - i)) as u16 & 1;
        subkeys[i + 4] = ROUND ^ bit ^ subkeys[i] ^ mixed ^ mixed.rotate_right(1);
    }
    let (mut left, mut right) = (block as u16, (block >> 16) as u16);
    for i in 0..32 {
        let subkey = subkeys[i / 4 * 4 + (i + number) % 4];
        let mixed = left.rotate_left(1) & left.rotate_left(8) ^ left.rotate_left(2);
        (left, right) = (right ^ mixed ^ subkey, left);
    }
    u32::from(right) << 16 | u32::from(left)
}

/// The digest of two doublewords: their bytes interleaved to four blocks, each of which goes through a lane.
fn digest(a: u64, b: u64, key: u64) -> u64 {
    let interleaved = |a: u64, b: u64| {
        (0..4).fold(0u64, |block, i| {
            let (low, high) = (a >> (8 * i) & 0xFF, b >> (8 * i) & 0xFF);
            block | low << (16 * i) | high << (56 - 16 * i)
        })
    };
    let (high, low) = (interleaved(a >> 32, b), interleaved(a, b >> 32));
    let double = |block: u64, first: usize| {
        u64::from(lane((block >> 32) as u32, key, first)) << 32 | u64::from(lane(block as u32, key, first + 1))
    };
    double(high, 0) ^ double(low, 2)
}

impl Cpu {
    pub(crate) fn hash(&mut self, memory: &mut Memory, op: Op, word: u32) -> Outcome {
        let (key, aspect) = match op {
            Op::Hashst | Op::Hashchk => (Spr::Hashkeyr, NPHIE),
            Op::Hashstp | Op::Hashchkp => (Spr::Hashpkeyr, PHIE),
            _ => return self.unknown_operation(word),
        };
        if !self.aspect(aspect) {
            return Ok(Step::Next);
        }
        // The displacement has its bits 3 to 8 in the word, and ones above.
        let displacement = u64::from(word >> 21 & 31 | (word & 1) << 5) * 8;
        let address = self.effective(self.gpr[ra(word)].wrapping_add(displacement).wrapping_sub(512));
        let store = matches!(op, Op::Hashst | Op::Hashstp);
        if !address.is_multiple_of(8) {
            return Err(self.alignment(word, address, if store { Access::Store } else { Access::Load }));
        }
        let digest = digest(self.gpr[ra(word)], self.gpr[rb(word)], self.spr(key));
        if store {
            self.store(memory, address, 8, digest)?;
        } else if self.load(memory, address, 8)? != digest {
            return Err(Interrupt::Program(Program::Trap));
        }
        Ok(Step::Next)
    }

    /// An aspect of DEXCR is on: the upper half counts in privileged state, the lower half in problem state, HDEXCR's
    /// upper half in hypervisor state; HDEXCR's lower half switches on for everybody below. Book III 9.3
    fn aspect(&self, number: u32) -> bool {
        let (own, above) = (self.spr(Spr::Dexcr), self.spr(Spr::Hdexcr));
        let (upper, lower) = (63 - number, 31 - number);
        let on = |value: u64, bit: u32| value >> bit & 1 != 0;
        match (self.msr & msr::PR != 0, self.msr & msr::HV != 0) {
            (true, _) => on(own, lower) || on(above, lower),
            (false, true) => on(above, upper),
            (false, false) => on(own, upper) || on(above, lower),
        }
    }
}
