//! Taking an interrupt: what is saved, which state it begins in, where it goes.
//!
//! Power ISA Book III 7.5, figures 65 to 67; Programming Environments Manual chapter 6. BookE is in
//! [`embedded`](crate::embedded).

use crate::cpu::Cpu;
use crate::doorbell::Doorbell;
use crate::interrupt::{Hypervisor, Interrupt, Program};
use crate::model::Model;
use crate::msr::*;
use crate::row::plain;
use crate::table::Spr;

const HDAR: usize = plain(Spr::Hdar);
const HDSISR: usize = plain(Spr::Hdsisr);
const HFSCR: usize = plain(Spr::Hfscr);

impl Cpu {
    /// Takes an interrupt as the architecture says: saves `pc` and MSR, tells the handler why, and goes to the vector.
    /// Who takes an interrupt to hypervisor state, [`hypervisor`](Self::hypervisor) says. An interrupt that the model does
    /// not have is replaced by the nearest one.
    pub fn interrupt(&mut self, which: Interrupt) {
        let which = self.reflected(which.on(self.model));
        match which {
            Interrupt::Decrementer => self.decrementer_pending = false,
            _ => {
                if let Some(doorbell) = Doorbell::of(which, self.model) {
                    self.silence(doorbell);
                }
            }
        }
        if self.model.is_embedded() {
            self.interrupt_embedded(which);
            return;
        }
        self.show_cause(which);
        if self.model.is_classic() { self.interrupt_classic(which) } else { self.interrupt_server(which) }
    }

    /// Whether an interrupt is one that the caller has to decide about, see [`Hypervisor::Caller`].
    pub(crate) fn leaves(&self, which: Interrupt) -> bool {
        self.hypervisor == Hypervisor::Caller && which.is_hypervisors() && self.model.is_server() && self.msr & HV == 0
    }

    /// HFSCR denies a facility. It counts only where its owner is in memory: the harness denies none.
    pub(crate) fn denied_by_hypervisor(&self, switch: u64) -> bool {
        self.hypervisor == Hypervisor::Guest && self.msr & HV == 0 && self.plain[HFSCR] & switch == 0
    }

    /// What a partition of the harness sees of an interrupt to its hypervisor, chosen as Linux KVM does where it has
    /// nothing to emulate (`arch/powerpc/kvm/book3s_hv.c`, `kvmppc_handle_exit_hv`). Emulation assistance is not among
    /// them: the core asks for it only where it is to be delivered.
    fn reflected(&self, which: Interrupt) -> Interrupt {
        if self.hypervisor == Hypervisor::Guest || self.msr & HV != 0 || !self.model.is_server() {
            return which;
        }
        match which {
            Interrupt::HypervisorDataStorage { address, status } => Interrupt::DataStorage { address, status },
            Interrupt::HypervisorInstructionStorage { status } => Interrupt::InstructionStorage { status },
            Interrupt::HypervisorFacilityUnavailable { .. } => Interrupt::Program(Program::Illegal),
            Interrupt::HypervisorDecrementer => Interrupt::Decrementer,
            Interrupt::HypervisorDoorbell => Interrupt::Doorbell,
            Interrupt::HypervisorVirtualization => Interrupt::External,
            Interrupt::HypervisorMaintenance => Interrupt::MachineCheck,
            _ => which,
        }
    }

    /// The registers that tell the handler why.
    fn show_cause(&mut self, which: Interrupt) {
        let facility = |register: u64, cause: u8| (register & !(0xFF << 56)) | u64::from(cause) << 56;
        match which {
            Interrupt::DataStorage { address, status } => {
                self.dar = address & self.model.register_mask();
                self.dsisr = status;
            }
            Interrupt::DataSegment { address } => self.dar = address,
            Interrupt::Alignment { address, status } => {
                self.dar = address & self.model.register_mask();
                if !self.model.is_v30() {
                    self.dsisr = status;
                }
            }
            Interrupt::HypervisorDataStorage { address, status } => {
                (self.plain[HDAR], self.plain[HDSISR]) = (address, status.into());
            }
            Interrupt::FacilityUnavailable { cause } => self.fscr = facility(self.fscr, cause),
            Interrupt::HypervisorFacilityUnavailable { cause } => {
                self.plain[HFSCR] = facility(self.plain[HFSCR], cause);
            }
            Interrupt::EmulationAssistance { word } => self.heir = word,
            _ => {}
        }
    }

    /// Power ISA Book III 7.5: figure 65 for the MSR, 7.5.2 for the vectors.
    fn interrupt_server(&mut self, which: Interrupt) {
        let old = self.msr;
        let whole = self.hypervisor == Hypervisor::Guest;
        let external = matches!(which, Interrupt::External);
        let hypervisors = which.is_hypervisors() || whole && external && self.lpcr & LPCR_LPES == 0;
        let mut new = SF | (old & (HV | S | ME));
        if matches!(which, Interrupt::SystemCallVectored { .. }) {
            self.lr = self.pc;
            self.ctr = old & !SRR1_INTERRUPT;
            new |= old & (EE | RI);
        } else if hypervisors {
            self.hsrr0 = self.pc;
            self.hsrr1 = (old & !SRR1_INTERRUPT) | which.srr1(self.model);
            // SRR0 and SRR1 survive, and so does the state that they make recoverable.
            new |= HV | (old & RI);
        } else {
            self.srr0 = self.pc;
            self.srr1 = (old & !SRR1_INTERRUPT) | which.srr1(self.model);
        }
        match which {
            Interrupt::SystemReset if whole => new |= HV,
            Interrupt::MachineCheck => {
                new &= !ME;
                new |= if whole { HV } else { 0 };
            }
            Interrupt::SystemCall { lev: 1 } if whole => new |= HV,
            _ => {}
        }
        let little = if new & HV == 0 {
            self.lpcr & LPCR_ILE
        } else if self.model.is_v30() {
            self.hid0 & 1 << 59
        } else {
            self.hid0 & 1 << 44
        };
        if little != 0 {
            // The 970 has no such mode.
            new |= LE & self.model.msr_bits();
        }
        let mut vector = which.vector().unwrap_or(0x700);
        let scv = matches!(which, Interrupt::SystemCallVectored { .. });
        match self.alternate_location(which, old, new) {
            3 if scv => vector = 0xC000_0000_0000_3000 + (vector - 0x1_7000),
            3 => vector |= 0xC000_0000_0000_4000,
            2 if scv => {}
            2 => vector |= 0x1_8000,
            _ => {
                self.msr = new;
                self.pc = vector;
                return;
            }
        }
        self.msr = new | IR | DR;
        self.pc = vector;
    }

    /// AIL in effect, 0 for none. Power ISA Book III 2.2: not before 2.07, not for interrupts that gain HV, not for reset, machine check and
    /// hypervisor maintenance, and only where IR and DR were both 1. From 3.1 on hypervisor state has HAIL, also for what
    /// comes to it from a guest whatever its IR and DR, and guests know only 0 and 3.
    fn alternate_location(&self, which: Interrupt, old: u64, new: u64) -> u64 {
        let translated = old & (IR | DR) == IR | DR;
        let gained = (new & !old) & HV != 0;
        let never =
            matches!(which, Interrupt::SystemReset | Interrupt::MachineCheck | Interrupt::HypervisorMaintenance);
        if never || !self.model.is_v207() {
            return 0;
        }
        if self.model == Model::Power10 && new & HV != 0 {
            return if self.lpcr & LPCR_HAIL != 0 && (translated || gained) { 3 } else { 0 };
        }
        if !translated || gained {
            return 0;
        }
        match (self.lpcr & LPCR_AIL) >> 23 {
            // The value 1 is reserved.
            1 => 0,
            2 if self.model == Model::Power10 => 0,
            ail => ail,
        }
    }

    /// Programming Environments Manual, table 6-3 and section 6.4.
    fn interrupt_classic(&mut self, which: Interrupt) {
        let old = self.msr;
        self.srr0 = self.pc;
        self.srr1 = (old & SRR1_CLASSIC) | which.srr1(self.model);
        let mut new = old & (ME | ILE | IP);
        if matches!(which, Interrupt::MachineCheck) {
            new &= !ME;
        }
        if old & ILE != 0 {
            new |= LE;
        }
        self.msr = new;
        let prefix = if old & IP != 0 { 0xFFF0_0000 } else { 0 };
        self.pc = prefix | which.vector().unwrap_or(0x700);
    }
}
