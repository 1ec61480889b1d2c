//! Messages to processors. Power ISA Book III 11.2
//!
//! There is one processor: a message goes to itself or to nobody, and becomes a [`Doorbell`]. Those of an ultravisor only
//! show their privilege.

use crate::bits::rb;
use crate::cpu::Cpu;
use crate::doorbell::Doorbell;
use crate::execute::{Outcome, Step};
use crate::table::Op;

/// Type of a message in bits 32-36 of RB: a directed doorbell of a server.
const DOORBELL: u64 = 5;
/// Bit 37 of RB on BookE: to every processor.
const BROADCAST: u64 = 1 << 26;

impl Cpu {
    pub(crate) fn message(&mut self, op: Op, word: u32) -> Outcome {
        let message = self.gpr[rb(word)];
        match op {
            Op::Msgsnd | Op::Msgsndp => {
                if let Some(doorbell) = self.addressed(op == Op::Msgsndp, message) {
                    self.ring(doorbell);
                }
            }
            Op::Msgclr | Op::Msgclrp => {
                if let Some(doorbell) = self.kind(op == Op::Msgclrp, message) {
                    self.silence(doorbell);
                }
            }
            Op::Msgsndu | Op::Msgclru | Op::Msgsync => {}
            _ => return self.unknown_operation(word),
        }
        Ok(Step::Next)
    }

    /// Which doorbell a message is, by its type in bits 32-36.
    fn kind(&self, privileged: bool, message: u64) -> Option<Doorbell> {
        match (message >> 27 & 31, self.model.is_embedded()) {
            (0, true) => Some(Doorbell::Processor),
            (1, true) => Some(Doorbell::Critical),
            (2, true) => Some(Doorbell::Guest),
            (3, true) => Some(Doorbell::GuestCritical),
            (DOORBELL, false) if privileged => Some(Doorbell::Privileged),
            (DOORBELL, false) => Some(Doorbell::Hypervisor),
            _ => None,
        }
    }

    /// The doorbell of a message that is for this processor: PIR in bits 44-63 (BookE: 50-63, or to all), the number of the
    /// thread, of which the core has the first, in bits 57-63 of msgsndp.
    fn addressed(&self, privileged: bool, message: u64) -> Option<Doorbell> {
        let pir = u64::from(self.pir);
        let own = match (self.model.is_embedded(), privileged) {
            (true, _) => message & BROADCAST != 0 || (message ^ pir) & 0x3FFF == 0,
            (false, true) => message & 0x7F == 0,
            (false, false) => (message ^ pir) & 0xF_FFFF == 0,
        };
        self.kind(privileged, message).filter(|_| own)
    }
}
