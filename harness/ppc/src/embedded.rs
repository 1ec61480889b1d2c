//! Interrupts of BookE models: vectors in IVPR and IVORs, three or four pairs of save and restore registers.
//!
//! Power ISA 2.07 Book III-E 7.4 to 7.6; e500 Core Family Reference Manual chapter 5; e500mc Core Reference Manual chapter 4.

use crate::cpu::Cpu;
use crate::interrupt::{DSISR_STORE, Hypervisor, Interrupt, Program};
use crate::model::Model;
use crate::msr::*;
use crate::row::plain;
use crate::table::Spr;

/// ESR\[PIL\]. Power ISA 2.07 Book III-E 7.2.13
const ESR_PIL: u32 = 0x0800_0000;
/// ESR\[PPR\].
const ESR_PPR: u32 = 0x0400_0000;
/// ESR\[PTR\].
const ESR_PTR: u32 = 0x0200_0000;
/// ESR\[FP\].
const ESR_FP: u32 = 0x0100_0000;
/// ESR\[ST\].
const ESR_ST: u32 = 0x0080_0000;
/// ESR\[SPV\].
const ESR_SPV: u32 = 0x0000_0080;

/// EPCR\[EXTGS\]: external interrupts are the guest's. Power ISA 2.07 Book III-E 5.2.2
const EPCR_EXTGS: u64 = 0x8000_0000;

const EPCR: usize = plain(Spr::Epcr);

/// Which pair of registers an interrupt saves in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Base,
    Critical,
    Debug,
    MachineCheck,
}

impl Cpu {
    /// Whether external interrupts go to the guest of the embedded hypervisor and so obey its EE.
    pub(crate) fn external_to_guest(&self) -> bool {
        self.hypervisor != Hypervisor::Guest || self.plain[EPCR] & EPCR_EXTGS != 0
    }

    /// A guest of [`Hypervisor::Guest`] loses GS: its interrupts are taken by the hypervisor. Those that EPCR could give
    /// back to it, and sc 0, are not: the core has no guest save and restore registers.
    pub(crate) fn interrupt_embedded(&mut self, which: Interrupt) {
        self.show_syndrome(which);
        let old = self.msr;
        let guest = if self.hypervisor == Hypervisor::Guest { 0 } else { old & GS };
        self.msr = guest
            | match self.class(which) {
                Class::Base => {
                    (self.srr0, self.srr1) = (self.pc, old);
                    old & (CE | ME | DE | RI)
                }
                Class::Critical => {
                    (self.csrr0, self.csrr1) = (self.pc, old);
                    // Where debug interrupts have registers of their own a critical one does not mask them.
                    old & if self.model == Model::E500mc { ME | DE | RI } else { ME }
                }
                Class::Debug => {
                    (self.dsrr0, self.dsrr1) = (self.pc, old);
                    old & (CE | ME | RI)
                }
                Class::MachineCheck => {
                    (self.mcsrr0, self.mcsrr1) = (self.pc, old);
                    0
                }
            };
        // Level 1 is a hypervisor call, with a vector of its own.
        let call = matches!(which, Interrupt::SystemCall { lev: 1 }) && self.hypervisor == Hypervisor::Guest;
        let number = if call && self.model == Model::E500mc { Some(40) } else { which.ivor() };
        let offset = number.map_or(0, |number| self.ivor[number]);
        self.pc = (self.ivpr & 0xFFFF_0000) | u64::from(offset & 0xFFF0);
    }

    fn class(&self, which: Interrupt) -> Class {
        match which {
            Interrupt::MachineCheck => Class::MachineCheck,
            Interrupt::Debug { .. } if self.model == Model::E500mc => Class::Debug,
            Interrupt::Debug { .. }
            | Interrupt::CriticalInput
            | Interrupt::Watchdog
            | Interrupt::CriticalDoorbell
            | Interrupt::GuestCriticalDoorbell => Class::Critical,
            _ => Class::Base,
        }
    }

    /// DEAR, ESR and DBSR. Power ISA 2.07 Book III-E 7.2.13: an interrupt that sets ESR clears its other bits.
    fn show_syndrome(&mut self, which: Interrupt) {
        let store = |status: u32| if status & DSISR_STORE != 0 { ESR_ST } else { 0 };
        match which {
            Interrupt::DataStorage { address, status } | Interrupt::Alignment { address, status } => {
                self.dar = address & 0xFFFF_FFFF;
                self.esr = store(status);
            }
            Interrupt::DataTlb { address, store } => {
                self.dar = address & 0xFFFF_FFFF;
                self.esr = if store { ESR_ST } else { 0 };
            }
            Interrupt::InstructionStorage { .. } | Interrupt::InstructionTlb => self.esr = 0,
            Interrupt::Program(Program::Illegal) => self.esr = ESR_PIL,
            Interrupt::Program(Program::Privileged) => self.esr = ESR_PPR,
            Interrupt::Program(Program::Trap) => self.esr = ESR_PTR,
            Interrupt::Program(Program::FloatEnabled) => self.esr = ESR_FP,
            Interrupt::SpeUnavailable => self.esr = ESR_SPV,
            Interrupt::Debug { status } => self.dbsr |= status,
            _ => {}
        }
    }
}
