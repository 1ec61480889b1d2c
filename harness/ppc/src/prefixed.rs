//! Prefixed instructions. Power ISA 3.1 Book I 1.6.3, 3.3.2 to 3.3.4 and 3.3.9

use crate::bits::{extend, ra, rt};
use crate::cpu::Cpu;
use crate::execute::{Outcome, Step};
use crate::interrupt::Interrupt;
use crate::memory::Memory;
use crate::msr;
use crate::row::{Group, decode, decode_prefixed};
use crate::table::Op;
use crate::translate::Access;

/// SRR1 or HSRR1: the instruction is prefixed. Book III 7.5
const PREFIXED: u64 = 0x2000_0000;
/// SRR1: a prefixed instruction crosses a boundary of 64 bytes. Book III 7.5.8
const BOUNDARY: u64 = 0x1000_0000;

/// Bytes and sign of a simple load.
fn load_shape(op: Op) -> Option<(usize, bool)> {
    Some(match op {
        Op::Plbz => (1, false),
        Op::Plhz => (2, false),
        Op::Plha => (2, true),
        Op::Plwz => (4, false),
        Op::Plwa => (4, true),
        Op::Pld => (8, false),
        _ => return None,
    })
}

/// Bytes of a simple store.
fn store_shape(op: Op) -> Option<usize> {
    Some(match op {
        Op::Pstb => 1,
        Op::Psth => 2,
        Op::Pstw => 4,
        Op::Pstd => 8,
        _ => return None,
    })
}

/// Whether the prefix may cross the boundary behind it.
fn crosses(address: u64) -> bool {
    address & 63 == 60
}

impl Cpu {
    /// The instruction whose first word is at `pc`.
    pub(crate) fn prefixed(&mut self, memory: &mut Memory, prefix: u32) -> Outcome {
        self.prefixed = true;
        let address = self.effective(self.pc) & !3;
        if crosses(address) {
            return Err(Interrupt::Alignment { address, status: 0 });
        }
        self.facility(msr::FSCR_PREFIX, 13)?;
        let suffix = self.fetch(memory, address.wrapping_add(4))?;
        let Some(row) = decode_prefixed(prefix, suffix) else { return Err(self.illegal(prefix)) };
        let word = u64::from(prefix) << 32 | u64::from(suffix);
        if word & row.reserved != 0 && self.reserved_bits.refuses(self.model) {
            return Err(self.illegal(prefix));
        }
        self.suffix(memory, row.op, row.group, prefix, suffix)?;
        self.prefixed = false;
        Ok(Step::Jump(self.effective(self.pc.wrapping_add(8))))
    }

    fn suffix(&mut self, memory: &mut Memory, op: Op, group: Group, prefix: u32, suffix: u32) -> Outcome {
        let relative = prefix & 1 << 20 != 0;
        let based = matches!(group, Group::Load | Group::Store | Group::Arithmetic);
        if based && relative && ra(suffix) != 0 {
            return self.invalid_form(prefix);
        }
        let displacement = u64::from(prefix & 0x3_FFFF) << 16 | u64::from(suffix & 0xFFFF);
        let displacement = ((displacement << 30).cast_signed() >> 30).cast_unsigned();
        let base = if relative { self.pc } else { self.base(ra(suffix)) };
        let address = base.wrapping_add(displacement);
        let register = rt(suffix);
        if let Some((length, sign)) = load_shape(op) {
            let value = self.load(memory, address, length)?;
            self.set(
                register,
                match (sign, length) {
                    (false, _) => value,
                    (true, 2) => i64::from(value as i16).cast_unsigned(),
                    (true, _) => extend(value),
                },
            );
            return Ok(Step::Next);
        }
        if let Some(length) = store_shape(op) {
            self.store(memory, address, length, self.gpr[register])?;
            return Ok(Step::Next);
        }
        match group {
            Group::FloatStub => return Err(self.unavailable(prefix, msr::FP, Interrupt::FloatUnavailable)),
            Group::VectorStub => return Err(self.unavailable(prefix, msr::VEC, Interrupt::VectorUnavailable)),
            // The lowest bit of the opcode is the highest of the register.
            Group::VsxVectorStub if suffix & 1 << 26 != 0 => {
                return Err(self.unavailable(prefix, msr::VEC, Interrupt::VectorUnavailable));
            }
            Group::VsxVectorStub | Group::VsxStub => {
                return Err(self.unavailable(prefix, msr::VSX, Interrupt::VsxUnavailable));
            }
            _ => {}
        }
        match op {
            Op::Paddi => self.set(register, address),
            Op::Plq | Op::Pstq => return self.prefixed_quadword(memory, op, prefix, suffix, address),
            // Book I 3.3.20: not before a branch, nor before an instruction that changes the context.
            Op::Pnop => {
                let row = decode(suffix, self.model);
                if row.is_some_and(|row| matches!(row.group, Group::Branch | Group::System | Group::Prefix)) {
                    return self.invalid_form(prefix);
                }
            }
            _ => return self.unknown_operation(prefix),
        }
        Ok(Step::Next)
    }

    /// plq and pstq: the even register goes with the first doubleword in either byte order. Book I 3.3.4
    fn prefixed_quadword(&mut self, memory: &mut Memory, op: Op, prefix: u32, suffix: u32, address: u64) -> Outcome {
        let register = rt(suffix);
        let relative = prefix & 1 << 20 != 0;
        if !register.is_multiple_of(2) || op == Op::Plq && !relative && register == ra(suffix) {
            return self.invalid_form(prefix);
        }
        let address = self.effective(address);
        if !address.is_multiple_of(16) {
            return Err(self.alignment(suffix, address, if op == Op::Pstq { Access::Store } else { Access::Load }));
        }
        if op == Op::Pstq {
            self.store(memory, address, 8, self.gpr[register])?;
            self.store(memory, address + 8, 8, self.gpr[register + 1])?;
        } else {
            let values = [self.load(memory, address, 8)?, self.load(memory, address + 8, 8)?];
            self.set(register, values[0]);
            self.set(register + 1, values[1]);
        }
        Ok(Step::Next)
    }

    /// Shows in SRR1, or HSRR1, that the interrupt just taken was raised by a prefixed instruction. A fetch that fails shows
    /// nothing.
    pub(crate) fn mark_prefixed(&mut self, which: Interrupt) {
        if !std::mem::take(&mut self.prefixed) {
            return;
        }
        match which {
            Interrupt::InstructionStorage { .. } | Interrupt::InstructionSegment => {}
            Interrupt::EmulationAssistance { .. } => self.hsrr1 |= PREFIXED,
            Interrupt::Alignment { .. } if crosses(self.srr0) => self.srr1 |= PREFIXED | BOUNDARY,
            _ => self.srr1 |= PREFIXED,
        }
    }
}
