//! Messages to processors. Power ISA Book III 11.2
//!
//! There is one processor: a message goes to itself or to nobody. The doorbell for privileged state is a bit of DPDES;
//! doorbells of hypervisor and ultravisor, and those of BookE, are sent to whoever runs the machine, who has no need of
//! them, so they only show their privilege.

use crate::bits::rb;
use crate::cpu::Cpu;
use crate::execute::{Outcome, Step};
use crate::table::{Op, Spr};

/// Type of a message in bits 32-36 of RB: a directed doorbell.
const DOORBELL: u64 = 5;

impl Cpu {
    pub(crate) fn message(&mut self, op: Op, word: u32) -> Outcome {
        let message = self.gpr[rb(word)];
        // Bits 57-63 name the thread, of which the core has the first.
        let own = message >> 27 & 31 == DOORBELL && message & 0x7F == 0;
        match op {
            Op::Msgsndp if own => self.set_spr(Spr::Dpdes, self.spr(Spr::Dpdes) | 1),
            Op::Msgclrp if own => self.set_spr(Spr::Dpdes, self.spr(Spr::Dpdes) & !1),
            Op::Msgsnd | Op::Msgclr | Op::Msgsndu | Op::Msgclru | Op::Msgsndp | Op::Msgclrp | Op::Msgsync => {}
            _ => return self.unknown_operation(word),
        }
        Ok(Step::Next)
    }
}
