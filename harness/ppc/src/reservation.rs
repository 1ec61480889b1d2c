//! Load and reserve, store conditional. Power ISA Book II 4.6.2
//!
//! There is one processor, so a reservation lasts until the next store conditional, whatever happens in between. A store
//! conditional succeeds if the reservation is of the same address and length; what the architecture leaves undefined
//! where they differ is a failure here.

use crate::bits::rt;
use crate::cpu::{Cpu, Reservation, XER_SO};
use crate::execute::{Outcome, Step};
use crate::memory::Memory;
use crate::table::Op;
use crate::translate::Access;

impl Cpu {
    pub(crate) fn reserve(&mut self, memory: &mut Memory, op: Op, word: u32) -> Outcome {
        let (length, store) = match op {
            Op::Lbarx => (1, false),
            Op::Lharx => (2, false),
            Op::Lwarx => (4, false),
            Op::Ldarx => (8, false),
            Op::Lqarx => (16, false),
            Op::StbcxDot => (1, true),
            Op::SthcxDot => (2, true),
            Op::StwcxDot => (4, true),
            Op::StdcxDot => (8, true),
            Op::StqcxDot => (16, true),
            _ => return self.unknown_operation(word),
        };
        let access = if store { Access::Store } else { Access::Load };
        let address = self.effective(self.indexed(word));
        let register = rt(word);
        if length == 16
            && (!register.is_multiple_of(2)
                || !store && [word >> 16 & 31, word >> 11 & 31].contains(&(register as u32)))
        {
            return self.invalid_form(word);
        }
        if !address.is_multiple_of(length) {
            return Err(self.alignment(word, address, access));
        }
        let reservation = Reservation { at: self.translate(memory, address, access)?.real, length };
        if !store {
            if length == 16 {
                self.load_quadword(memory, address, register)?;
            } else {
                let value = self.load(memory, address, length as usize)?;
                self.set(register, value);
            }
            self.reservation = Some(reservation);
            return Ok(Step::Next);
        }
        self.probe(memory, address, Access::Store)?;
        let held = self.reservation == Some(reservation);
        if held && length == 16 {
            self.store_quadword(memory, address, register)?;
        } else if held {
            self.store(memory, address, length as usize, self.gpr[register])?;
        }
        self.reservation = None;
        self.set_cr(0, u32::from(held) << 1 | u32::from(self.xer & XER_SO != 0));
        Ok(Step::Next)
    }
}
