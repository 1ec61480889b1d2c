//! Interrupts: which there are, their vectors and the bits of SRR1 that say why. [`delivery`](crate::delivery) takes them.
//!
//! Power ISA Book III chapter 7; Programming Environments Manual chapter 6; e500 Core Family Reference Manual chapter 5.

use crate::model::Model;

/// Who is the hypervisor of the processor: where an interrupt goes that the architecture gives to hypervisor state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Hypervisor {
    /// The caller, and the processor runs a partition of it. The core makes the choices of a hypervisor that emulates
    /// nothing: such an interrupt reaches the partition in the form that it knows (an illegal instruction is a program
    /// interrupt, an external interrupt is always the partition's own), and HV and GS stay as they are. System calls leave
    /// [`run`](crate::Cpu::run).
    #[default]
    Harness,
    /// The caller as well, but it makes those choices itself: such an interrupt leaves [`run`](crate::Cpu::run) as
    /// [`Exit::Hypervisor`](crate::Exit::Hypervisor) before anything is saved.
    Caller,
    /// Code in memory: the caller runs a whole machine. Everything is delivered as the architecture says, system calls
    /// too, and the hypervisor decrementer runs.
    Guest,
}

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
    /// 0x980, to hypervisor state (server).
    HypervisorDecrementer,
    /// 0xA00 (2.07), IVOR36.
    Doorbell,
    /// 0xC00, IVOR8. `pc` is the instruction after sc.
    SystemCall {
        /// LEV, which 3.1 shows in SRR1.
        lev: u8,
    },
    /// 0xD00 (Book3S).
    Trace,
    /// 0xE00, to hypervisor state (server).
    HypervisorDataStorage {
        /// Effective address, to HDAR.
        address: u64,
        /// HDSISR.
        status: u32,
    },
    /// 0xE20, to hypervisor state (server).
    HypervisorInstructionStorage {
        /// Bits for HSRR1.
        status: u32,
    },
    /// 0xE40, to hypervisor state (server). Used in place of [`Program::Illegal`] when MSR\[HV\] is 1.
    EmulationAssistance {
        /// The instruction, to HEIR.
        word: u32,
    },
    /// 0xE60, to hypervisor state (server).
    HypervisorMaintenance,
    /// 0xE80, to hypervisor state (2.07).
    HypervisorDoorbell,
    /// 0xEA0, to hypervisor state (3.0).
    HypervisorVirtualization,
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
    /// 0xF80, to hypervisor state (2.07).
    HypervisorFacilityUnavailable {
        /// Number of the facility, to the top byte of HFSCR.
        cause: u8,
    },
    /// 0x1300 (classic).
    InstructionBreakpoint,
    /// 0x1400 (classic).
    SystemManagement,
    /// 0x1600 (7400 class).
    VectorAssist,
    /// 0x1700 (classic).
    Thermal,
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
    /// IVOR0, critical (BookE).
    CriticalInput,
    /// IVOR11 (BookE).
    FixedInterval,
    /// IVOR12, critical (BookE).
    Watchdog,
    /// IVOR15, critical on e500v2, with registers of its own on e500mc (BookE).
    Debug {
        /// Bits to set in DBSR.
        status: u32,
    },
    /// IVOR37, critical (e500mc).
    CriticalDoorbell,
    /// IVOR38 (e500mc): taken by the hypervisor when its guest could take an external interrupt.
    GuestDoorbell,
    /// IVOR39, critical (e500mc).
    GuestCriticalDoorbell,
    /// IVOR41, to hypervisor state (e500mc).
    HypervisorPrivilege,
}

/// DSISR bit: no translation found.
pub(crate) const DSISR_NO_PAGE: u32 = 0x4000_0000;
/// DSISR bit: the access is a store.
pub(crate) const DSISR_STORE: u32 = 0x0200_0000;

/// What DSISR shows of an instruction that raised an alignment interrupt: its extended or primary opcode, its registers.
/// Power ISA 2.07 Book III-S 6.5.8; Programming Environments Manual 6.4.6.1
pub(crate) const fn alignment_syndrome(word: u32) -> u32 {
    // Bits 6 to 15 to 22 to 31.
    let registers = (word & 0x03FF_0000) >> 16;
    let primary = word >> 26;
    if primary == 31 {
        // Bits 29 and 30 to 15 and 16, 25 to 17, 21 to 24 to 18 to 21.
        return registers | (word & 0x6) << 14 | (word & 0x40) << 8 | (word & 0x780) << 3;
    }
    // Bits 30 and 31 of DS-form to 12 and 13.
    let extended = if matches!(primary, 57 | 58 | 61 | 62) { (word & 3) << 18 } else { 0 };
    // Bit 5 to 17, 1 to 4 to 18 to 21.
    registers | extended | (word & 0x0400_0000) >> 12 | (word & 0x7800_0000) >> 17
}

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
            Self::HypervisorDecrementer => 0x980,
            Self::Doorbell => 0xA00,
            Self::SystemCall { .. } => 0xC00,
            Self::Trace => 0xD00,
            Self::HypervisorDataStorage { .. } => 0xE00,
            Self::HypervisorInstructionStorage { .. } => 0xE20,
            Self::EmulationAssistance { .. } => 0xE40,
            Self::HypervisorMaintenance => 0xE60,
            Self::HypervisorDoorbell => 0xE80,
            Self::HypervisorVirtualization => 0xEA0,
            Self::PerformanceMonitor => 0xF00,
            Self::VectorUnavailable => 0xF20,
            Self::VsxUnavailable => 0xF40,
            Self::FacilityUnavailable { .. } => 0xF60,
            Self::HypervisorFacilityUnavailable { .. } => 0xF80,
            Self::InstructionBreakpoint => 0x1300,
            Self::SystemManagement => 0x1400,
            Self::VectorAssist => 0x1600,
            Self::Thermal => 0x1700,
            Self::SystemCallVectored { lev } => 0x1_7000 + 32 * u64::from(lev),
            _ => return None,
        })
    }

    /// The number of its IVOR on BookE, or none where only Book3S has the interrupt.
    pub fn ivor(self) -> Option<usize> {
        Some(match self {
            Self::CriticalInput => 0,
            Self::MachineCheck => 1,
            Self::DataStorage { .. } => 2,
            Self::InstructionStorage { .. } => 3,
            Self::External => 4,
            Self::Alignment { .. } => 5,
            Self::Program(_) => 6,
            Self::FloatUnavailable => 7,
            Self::SystemCall { .. } => 8,
            Self::Decrementer => 10,
            Self::FixedInterval => 11,
            Self::Watchdog => 12,
            Self::DataTlb { .. } => 13,
            Self::InstructionTlb => 14,
            Self::Debug { .. } => 15,
            Self::SpeUnavailable => 32,
            Self::PerformanceMonitor => 35,
            Self::Doorbell => 36,
            Self::CriticalDoorbell => 37,
            Self::GuestDoorbell => 38,
            Self::GuestCriticalDoorbell => 39,
            Self::HypervisorPrivilege => 41,
            _ => return None,
        })
    }

    /// The nearest interrupt that `model` has: a caller may ask for any.
    pub(crate) fn on(self, model: Model) -> Self {
        match self {
            _ if model.is_embedded() && self.ivor().is_none() => match self {
                Self::DataSegment { address } => Self::DataTlb { address, store: false },
                Self::HypervisorDataStorage { address, status } => Self::DataStorage { address, status },
                Self::InstructionSegment => Self::InstructionTlb,
                Self::HypervisorInstructionStorage { status } => Self::InstructionStorage { status },
                Self::SystemCallVectored { lev } => Self::SystemCall { lev },
                Self::SystemReset => Self::MachineCheck,
                Self::HypervisorDecrementer => Self::Decrementer,
                Self::HypervisorDoorbell => Self::Doorbell,
                Self::HypervisorVirtualization | Self::HypervisorMaintenance => Self::External,
                _ => Self::Program(Program::Illegal),
            },
            Self::DataTlb { address, store } if !model.is_embedded() => {
                Self::DataStorage { address, status: DSISR_NO_PAGE | if store { DSISR_STORE } else { 0 } }
            }
            Self::InstructionTlb if !model.is_embedded() => Self::InstructionStorage { status: DSISR_NO_PAGE },
            Self::SpeUnavailable if !model.is_embedded() => Self::VectorUnavailable,
            Self::SystemCallVectored { lev } if !model.is_v30() => Self::SystemCall { lev },
            _ if model.is_classic() => match self {
                Self::HypervisorDecrementer => Self::Decrementer,
                Self::HypervisorDataStorage { address, status } => Self::DataStorage { address, status },
                Self::HypervisorInstructionStorage { status } => Self::InstructionStorage { status },
                Self::HypervisorMaintenance => Self::MachineCheck,
                Self::HypervisorDoorbell | Self::HypervisorVirtualization => Self::External,
                Self::EmulationAssistance { .. }
                | Self::FacilityUnavailable { .. }
                | Self::HypervisorFacilityUnavailable { .. } => Self::Program(Program::Illegal),
                _ if self.vector().is_none() => Self::External,
                _ => self,
            },
            Self::InstructionBreakpoint => Self::Trace,
            Self::VectorAssist => Self::Program(Program::Illegal),
            Self::SystemManagement | Self::Thermal => Self::HypervisorMaintenance,
            _ if !model.is_embedded() && self.vector().is_none() => Self::External,
            _ => self,
        }
    }

    /// Whether a server always takes it in hypervisor state, with HSRR0 and HSRR1. Power ISA Book III figure 66
    pub(crate) fn is_hypervisors(self) -> bool {
        matches!(
            self,
            Self::HypervisorDecrementer
                | Self::HypervisorDataStorage { .. }
                | Self::HypervisorInstructionStorage { .. }
                | Self::EmulationAssistance { .. }
                | Self::HypervisorMaintenance
                | Self::HypervisorDoorbell
                | Self::HypervisorVirtualization
                | Self::HypervisorFacilityUnavailable { .. }
        )
    }

    /// Bits of SRR1 that say why. Power ISA Book III 7.5.9 and following
    pub(crate) fn srr1(self, model: Model) -> u64 {
        match self {
            Self::InstructionStorage { status } | Self::HypervisorInstructionStorage { status } => status.into(),
            Self::Program(Program::Illegal) => 0x0008_0000,
            Self::Program(Program::Privileged) => 0x0004_0000,
            Self::Program(Program::Trap) => 0x0002_0000,
            Self::Program(Program::FloatEnabled) => 0x0010_0000,
            Self::SystemCall { lev } if model == Model::Power10 => u64::from(lev & 3) << 20,
            _ => 0,
        }
    }
}
