//! Interrupts: what is saved, which state they begin in, where they go.
//!
//! Power ISA Book III chapter 7; Programming Environments Manual chapter 6; e500 Core Family Reference Manual chapter 5.

use crate::cpu::Cpu;
use crate::model::Model;
use crate::msr::*;

/// Why a program interrupt is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Program {
    /// No such instruction, or an invalid form of one.
    Illegal,
    /// The state is not privileged enough.
    Privileged,
    /// A trap instruction's condition holds.
    Trap,
    /// A floating-point exception is enabled.
    FloatEnabled,
}

/// An interrupt, with what it tells the handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Interrupt {
    /// 0x100.
    SystemReset,
    /// 0x200, IVOR1.
    MachineCheck,
    /// 0x300, IVOR2.
    DataStorage {
        /// Effective address, to DAR or DEAR.
        address: u64,
        /// DSISR. On BookE only the store bit is used, for ESR\[ST\].
        status: u32,
    },
    /// 0x380 (server).
    DataSegment {
        /// Effective address.
        address: u64,
    },
    /// 0x400, IVOR3.
    InstructionStorage {
        /// Bits for SRR1.
        status: u32,
    },
    /// 0x480 (server).
    InstructionSegment,
    /// 0x500, IVOR4.
    External,
    /// 0x600, IVOR5.
    Alignment {
        /// Effective address.
        address: u64,
        /// DSISR before 3.0. On BookE only the store bit is used, for ESR\[ST\].
        status: u32,
    },
    /// 0x700, IVOR6.
    Program(Program),
    /// 0x800, IVOR7.
    FloatUnavailable,
    /// 0x900, IVOR10.
    Decrementer,
    /// 0xA00 (2.07), IVOR36.
    Doorbell,
    /// 0xC00, IVOR8. `pc` is the instruction after sc.
    SystemCall {
        /// LEV, which 3.1 shows in SRR1.
        lev: u8,
    },
    /// 0xD00 (Book3S).
    Trace,
    /// 0xE40, to hypervisor state (server). Used in place of [`Program::Illegal`] when MSR\[HV\] is 1.
    EmulationAssistance {
        /// The instruction, to HEIR.
        word: u32,
    },
    /// 0xF00, IVOR35.
    PerformanceMonitor,
    /// 0xF20.
    VectorUnavailable,
    /// 0xF40.
    VsxUnavailable,
    /// 0xF60 (2.07).
    FacilityUnavailable {
        /// Number of the facility, to the top byte of FSCR.
        cause: u8,
    },
    /// 0x17000 + 32 * LEV (3.0). `pc` is the instruction after scv.
    SystemCallVectored {
        /// LEV.
        lev: u8,
    },
    /// IVOR13 (BookE).
    DataTlb {
        /// Effective address.
        address: u64,
        /// The access is a store.
        store: bool,
    },
    /// IVOR14 (BookE).
    InstructionTlb,
    /// IVOR32 (e500v2).
    SpeUnavailable,
}

/// DSISR bit: no translation found.
pub(crate) const DSISR_NO_PAGE: u32 = 0x4000_0000;
/// DSISR bit: the access is a store.
pub(crate) const DSISR_STORE: u32 = 0x0200_0000;

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

impl Interrupt {
    /// The vector on Book3S, or none where only BookE has the interrupt.
    pub fn vector(self) -> Option<u64> {
        Some(match self {
            Self::SystemReset => 0x100,
            Self::MachineCheck => 0x200,
            Self::DataStorage { .. } => 0x300,
            Self::DataSegment { .. } => 0x380,
            Self::InstructionStorage { .. } => 0x400,
            Self::InstructionSegment => 0x480,
            Self::External => 0x500,
            Self::Alignment { .. } => 0x600,
            Self::Program(_) => 0x700,
            Self::FloatUnavailable => 0x800,
            Self::Decrementer => 0x900,
            Self::Doorbell => 0xA00,
            Self::SystemCall { .. } => 0xC00,
            Self::Trace => 0xD00,
            Self::EmulationAssistance { .. } => 0xE40,
            Self::PerformanceMonitor => 0xF00,
            Self::VectorUnavailable => 0xF20,
            Self::VsxUnavailable => 0xF40,
            Self::FacilityUnavailable { .. } => 0xF60,
            Self::SystemCallVectored { lev } => 0x1_7000 + 32 * u64::from(lev),
            Self::DataTlb { .. } | Self::InstructionTlb | Self::SpeUnavailable => return None,
        })
    }

    /// The number of its IVOR on BookE, or none where only Book3S has the interrupt.
    pub fn ivor(self) -> Option<usize> {
        Some(match self {
            Self::MachineCheck => 1,
            Self::DataStorage { .. } => 2,
            Self::InstructionStorage { .. } => 3,
            Self::External => 4,
            Self::Alignment { .. } => 5,
            Self::Program(_) => 6,
            Self::FloatUnavailable => 7,
            Self::SystemCall { .. } => 8,
            Self::Decrementer => 10,
            Self::DataTlb { .. } => 13,
            Self::InstructionTlb => 14,
            Self::SpeUnavailable => 32,
            Self::PerformanceMonitor => 35,
            Self::Doorbell => 36,
            _ => return None,
        })
    }

    /// The nearest interrupt that `model` has: a caller may ask for any.
    fn on(self, model: Model) -> Self {
        match self {
            Self::EmulationAssistance { .. } if !model.is_server() => Self::Program(Program::Illegal),
            _ if model.is_embedded() && self.ivor().is_none() => match self {
                Self::DataSegment { address } => Self::DataTlb { address, store: false },
                Self::InstructionSegment => Self::InstructionTlb,
                Self::SystemCallVectored { lev } => Self::SystemCall { lev },
                Self::SystemReset => Self::MachineCheck,
                _ => Self::Program(Program::Illegal),
            },
            Self::DataTlb { address, store } if !model.is_embedded() => {
                Self::DataStorage { address, status: DSISR_NO_PAGE | if store { DSISR_STORE } else { 0 } }
            }
            Self::InstructionTlb if !model.is_embedded() => Self::InstructionStorage { status: DSISR_NO_PAGE },
            Self::SpeUnavailable if !model.is_embedded() => Self::VectorUnavailable,
            _ => self,
        }
    }

    /// Bits of SRR1 that say why. Power ISA Book III 7.5.9 and following
    fn srr1(self, model: Model) -> u64 {
        match self {
            Self::InstructionStorage { status } => status.into(),
            Self::Program(Program::Illegal) => 0x0008_0000,
            Self::Program(Program::Privileged) => 0x0004_0000,
            Self::Program(Program::Trap) => 0x0002_0000,
            Self::Program(Program::FloatEnabled) => 0x0010_0000,
            Self::SystemCall { lev } if model == Model::Power10 => u64::from(lev & 3) << 20,
            _ => 0,
        }
    }
}

impl Cpu {
    /// Takes an interrupt as the architecture says: saves `pc` and MSR, tells the handler why, and goes to the vector.
    /// It goes to the state the processor is in (a guest's interrupt stays in the guest), as if a hypervisor had
    /// reflected it. An interrupt that the model does not have is replaced by the nearest one.
    pub fn interrupt(&mut self, which: Interrupt) {
        let which = which.on(self.model);
        if self.model.is_embedded() {
            self.interrupt_embedded(which);
            return;
        }
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
            Interrupt::FacilityUnavailable { cause } => {
                self.fscr = (self.fscr & !(0xFF << 56)) | u64::from(cause) << 56;
            }
            Interrupt::EmulationAssistance { word } => self.heir = word,
            Interrupt::Decrementer => self.decrementer_pending = false,
            _ => {}
        }
        if self.model.is_classic() { self.interrupt_classic(which) } else { self.interrupt_server(which) }
    }

    /// Power ISA Book III 7.5: figure 65 for the MSR, 7.5.2 for the vectors.
    fn interrupt_server(&mut self, which: Interrupt) {
        let old = self.msr;
        match which {
            Interrupt::SystemCallVectored { .. } => {
                self.lr = self.pc;
                self.ctr = old & !SRR1_INTERRUPT;
            }
            Interrupt::EmulationAssistance { .. } => {
                self.hsrr0 = self.pc;
                self.hsrr1 = old & !SRR1_INTERRUPT;
            }
            _ => {
                self.srr0 = self.pc;
                self.srr1 = (old & !SRR1_INTERRUPT) | which.srr1(self.model);
            }
        }
        let mut new = SF | (old & (HV | S | ME));
        if matches!(which, Interrupt::EmulationAssistance { .. }) {
            new |= HV;
        }
        if matches!(which, Interrupt::SystemCallVectored { .. }) {
            new |= old & (EE | RI);
        }
        if matches!(which, Interrupt::MachineCheck) {
            new &= !ME;
        }
        let little = if new & HV == 0 {
            self.lpcr & LPCR_ILE
        } else if self.model == Model::Power8 {
            self.hid0 & 1 << 44
        } else {
            self.hid0 & 1 << 59
        };
        if little != 0 {
            new |= LE;
        }
        let mut vector = which.vector().unwrap_or(0x700);
        let scv = matches!(which, Interrupt::SystemCallVectored { .. });
        match self.alternate_location(which, old, new) {
            3 if scv => vector = 0xC000_0000_0000_3000 + (vector - 0x1_7000),
            3 => vector |= 0xC000_0000_0000_4000,
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

    /// AIL in effect, 0 for none. Power ISA Book III 2.2: not for interrupts that gain HV, not for reset and machine
    /// check, and only where IR and DR were both 1. From 3.1 on hypervisor state has HAIL and guests know only 0 and 3.
    fn alternate_location(&self, which: Interrupt, old: u64, new: u64) -> u64 {
        let translated = old & (IR | DR) == IR | DR;
        if matches!(which, Interrupt::SystemReset | Interrupt::MachineCheck) || !translated || (new & !old) & HV != 0 {
            return 0;
        }
        if self.model == Model::Power10 && new & HV != 0 {
            return if self.lpcr & LPCR_HAIL != 0 { 3 } else { 0 };
        }
        match (self.lpcr & LPCR_AIL) >> 23 {
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

    /// Power ISA 2.07 Book III-E 7.4 to 7.6.
    fn interrupt_embedded(&mut self, which: Interrupt) {
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
            Interrupt::InstructionStorage { .. } => self.esr = 0,
            Interrupt::Program(Program::Illegal) => self.esr = ESR_PIL,
            Interrupt::Program(Program::Privileged) => self.esr = ESR_PPR,
            Interrupt::Program(Program::Trap) => self.esr = ESR_PTR,
            Interrupt::Program(Program::FloatEnabled) => self.esr = ESR_FP,
            Interrupt::SpeUnavailable => self.esr = ESR_SPV,
            _ => {}
        }
        let old = self.msr;
        if matches!(which, Interrupt::MachineCheck) {
            self.mcsrr0 = self.pc;
            self.mcsrr1 = old;
            self.msr = old & GS;
        } else {
            self.srr0 = self.pc;
            self.srr1 = old;
            self.msr = old & (GS | CE | ME | DE);
        }
        let offset = which.ivor().map_or(0, |number| self.ivor[number]);
        self.pc = (self.ivpr & 0xFFFF_0000) | u64::from(offset & 0xFFF0);
    }
}
