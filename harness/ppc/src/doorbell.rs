//! Doorbells: interrupts that one processor sends to another, here to itself.
//!
//! Power ISA Book III chapter 11; Power ISA 2.07 Book III-E chapter 11.

use crate::cpu::Cpu;
use crate::interrupt::Interrupt;
use crate::model::Model;
use crate::row::plain;
use crate::table::Spr;

const DPDES: usize = plain(Spr::Dpdes);

/// A doorbell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Doorbell {
    /// To privileged state (2.07), where DPDES shows it: msgsndp.
    Privileged,
    /// To hypervisor state (2.07): msgsnd.
    Hypervisor,
    /// To the processor (e500mc): msgsnd of type 0.
    Processor,
    /// The same, critical (e500mc): type 1.
    Critical,
    /// For the guest of the embedded hypervisor (e500mc): type 2.
    Guest,
    /// The same, critical (e500mc): type 3.
    GuestCritical,
}

impl Doorbell {
    /// The doorbell whose interrupt this is.
    pub(crate) fn of(which: Interrupt, model: Model) -> Option<Self> {
        Some(match which {
            Interrupt::Doorbell if model.is_embedded() => Self::Processor,
            Interrupt::Doorbell => Self::Privileged,
            Interrupt::HypervisorDoorbell => Self::Hypervisor,
            Interrupt::CriticalDoorbell => Self::Critical,
            Interrupt::GuestDoorbell => Self::Guest,
            Interrupt::GuestCriticalDoorbell => Self::GuestCritical,
            _ => return None,
        })
    }
}

impl Cpu {
    /// Rings a doorbell: its interrupt waits from now on.
    pub fn ring(&mut self, doorbell: Doorbell) {
        match doorbell {
            Doorbell::Privileged => self.plain[DPDES] |= 1,
            _ => self.doorbells |= 1 << doorbell as u8,
        }
    }

    /// Takes the ringing back: msgclr, and the interrupt itself.
    pub fn silence(&mut self, doorbell: Doorbell) {
        match doorbell {
            Doorbell::Privileged => self.plain[DPDES] &= !1,
            _ => self.doorbells &= !(1 << doorbell as u8),
        }
    }

    /// Whether a doorbell has rung and its interrupt was not taken yet.
    pub fn rings(&self, doorbell: Doorbell) -> bool {
        match doorbell {
            Doorbell::Privileged => self.model.is_server() && self.plain[DPDES] & 1 != 0,
            _ => self.doorbells & 1 << doorbell as u8 != 0,
        }
    }

    /// Whether any has.
    #[inline]
    pub(crate) fn anything_rings(&self) -> bool {
        self.doorbells != 0 || self.rings(Doorbell::Privileged)
    }
}
