//! Atomic memory operations, copy and paste. Power ISA Book II 4.4 and 4.5
//!
//! There is one processor and no accelerator: an atomic operation is a load and a store, and a paste has no target that
//! would take what was copied.

use crate::bits::{fc, ra, rt};
use crate::cpu::{Cpu, XER_SO};
use crate::execute::{Outcome, Step};
use crate::interrupt::{DSISR_STORE, Interrupt};
use crate::memory::Memory;
use crate::table::Op;
use crate::translate::Access;

/// DSISR bit: the function code of an atomic operation is reserved. Linux `arch/powerpc/include/asm/reg.h`, DSISR_BAD_AMO
const BAD_FUNCTION: u32 = 0x0000_0004;
/// Bytes that copy and paste move.
const LINE: u64 = 128;

/// Sign extension of an operand of `length` bytes.
fn signed(value: u64, length: usize) -> i64 {
    if length == 4 { i64::from(value as i32) } else { value.cast_signed() }
}

/// What functions 0 to 7 leave in storage that held `old`.
fn combined(function: u32, old: u64, operand: u64, length: usize) -> u64 {
    let unsigned = |value: u64| if length == 4 { value & 0xFFFF_FFFF } else { value };
    let (a, b) = (unsigned(old), unsigned(operand));
    let pick = |first: bool| if first { a } else { b };
    match function {
        0 => a.wrapping_add(b),
        1 => a ^ b,
        2 => a | b,
        3 => a & b,
        4 => a.max(b),
        5 => pick(signed(a, length) >= signed(b, length)),
        6 => a.min(b),
        _ => pick(signed(a, length) <= signed(b, length)),
    }
}

impl Cpu {
    pub(crate) fn atomic(&mut self, memory: &mut Memory, op: Op, word: u32) -> Outcome {
        match op {
            Op::Lwat => self.fetch_and(memory, word, 4),
            Op::Ldat => self.fetch_and(memory, word, 8),
            Op::Stwat => self.store_and(memory, word, 4),
            Op::Stdat => self.store_and(memory, word, 8),
            Op::Copy | Op::PasteDot => self.copy_or_paste(memory, op, word),
            Op::Cpabort => {
                self.copied = None;
                Ok(Step::Next)
            }
            _ => self.unknown_operation(word),
        }
    }

    /// The address of an operand that must be aligned and, where it has a neighbour, lie in the same 32 bytes as that.
    fn atomic_address(&self, word: u32, length: usize, from: u64, bytes: u64) -> Result<u64, Interrupt> {
        let address = self.effective(self.base(ra(word)));
        let first = address.wrapping_sub(from);
        if !address.is_multiple_of(length as u64) || first / 32 != first.wrapping_add(bytes - 1) / 32 {
            return Err(self.alignment(word, address, Access::Store));
        }
        Ok(address)
    }

    fn bad_function(&self, word: u32, store: bool) -> Outcome {
        let address = self.effective(self.base(ra(word)));
        Err(Interrupt::DataStorage { address, status: BAD_FUNCTION | if store { DSISR_STORE } else { 0 } })
    }

    /// lwat, ldat: RT is what was in storage; RT+1 and RT+2 are operands.
    fn fetch_and(&mut self, memory: &mut Memory, word: u32, length: usize) -> Outcome {
        let size = length as u64;
        let (from, bytes) = match fc(word) {
            0..=8 | 16 => (0, size),
            24 | 25 => (0, 2 * size),
            28 => (size, 2 * size),
            _ => return self.bad_function(word, false),
        };
        let address = self.atomic_address(word, length, from, bytes)?;
        self.probe(memory, address, Access::Store)?;
        let old = self.load(memory, address, length)?;
        let cut = |value: u64| if length == 4 { value & 0xFFFF_FFFF } else { value };
        let (first, second) = (self.gpr[(rt(word) + 1) % 32], self.gpr[(rt(word) + 2) % 32]);
        let new = match fc(word) {
            function @ 0..=7 => Some(combined(function, old, first, length)),
            8 => Some(first),
            16 => Some(second).filter(|_| old != cut(first)),
            24 | 25 => Some(old.wrapping_add(1)),
            _ => Some(old.wrapping_sub(1)),
        };
        let neighbour = match fc(word) {
            24 | 25 => Some(self.load(memory, address.wrapping_add(size), length)?),
            28 => Some(self.load(memory, address.wrapping_sub(size), length)?),
            _ => None,
        };
        // The bounded functions stop at the bound, the other one counts only at it; then RT is the smallest number.
        let stopped = neighbour.is_some_and(|bound| (bound == old) != (fc(word) == 25));
        if let Some(new) = new.filter(|_| !stopped) {
            self.store(memory, address, length, new)?;
        }
        self.set(rt(word), if stopped { 1 << (8 * length - 1) } else { old });
        Ok(Step::Next)
    }

    /// stwat, stdat: RS is the operand.
    fn store_and(&mut self, memory: &mut Memory, word: u32, length: usize) -> Outcome {
        let size = length as u64;
        let bytes = match fc(word) {
            0..=7 => size,
            24 => 2 * size,
            _ => return self.bad_function(word, true),
        };
        let address = self.atomic_address(word, length, 0, bytes)?;
        self.probe(memory, address, Access::Store)?;
        let (old, operand) = (self.load(memory, address, length)?, self.gpr[rt(word)]);
        if fc(word) == 24 {
            let second = address.wrapping_add(size);
            if self.load(memory, second, length)? == old {
                self.store(memory, address, length, operand)?;
                self.store(memory, second, length, operand)?;
            }
            return Ok(Step::Next);
        }
        self.store(memory, address, length, combined(fc(word), old, operand, length))?;
        Ok(Step::Next)
    }

    /// copy keeps the address of the line; paste. finds no accelerator at its target and says so in CR0.
    fn copy_or_paste(&mut self, memory: &mut Memory, op: Op, word: u32) -> Outcome {
        let address = self.effective(self.indexed(word));
        let access = if op == Op::Copy { Access::Load } else { Access::Store };
        if !address.is_multiple_of(LINE) {
            return Err(self.alignment(word, address, access));
        }
        self.probe(memory, address, access)?;
        if op == Op::Copy {
            self.copied = Some(address);
        } else {
            self.copied = None;
            self.set_cr(0, u32::from(self.xer & XER_SO != 0));
        }
        Ok(Step::Next)
    }
}
