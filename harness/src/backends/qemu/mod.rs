//! Stock QEMU, driven through an agent in the guest and a mailbox in shared memory.
//!
//! `qemu-pseries` is `qemu-system-ppc64` with the machine type `pseries`: QEMU itself is the hypervisor that answers
//! `sc 1`. Everything is emulated (`-accel tcg`), so any host will do and no privilege is needed.
//!
//! What differs from the contract: SRR0 and SRR1 cannot be handed in, since entering the guest takes them, and they
//! cannot be observed after [`Stop::Reached`](crate::contract::Stop::Reached), which is an interrupt underneath.
//! Memory below `machine.reserved-end` belongs to the agent.

use std::path::PathBuf;

#[cfg(unix)]
mod activity;
#[cfg(unix)]
mod code;
#[cfg(unix)]
mod facts;
#[cfg(unix)]
mod frame;
#[cfg(unix)]
mod guest;
#[cfg(unix)]
mod machine;
#[cfg(unix)]
mod mailbox;
#[cfg(unix)]
mod memory;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod pseries;
#[cfg(unix)]
mod qmp;
#[cfg(unix)]
mod recover;
#[cfg(unix)]
mod wait;
#[cfg(unix)]
mod watch;

#[cfg(unix)]
pub use pseries::QemuPseries;

#[cfg(not(unix))]
mod elsewhere;
#[cfg(not(unix))]
pub use elsewhere::QemuPseries;

/// The backend's name.
pub const NAME: &str = "qemu-pseries";

/// The processor that QEMU emulates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cpu {
    /// POWER8, Power ISA 2.07.
    Power8,
    /// POWER9, Power ISA 3.0.
    #[default]
    Power9,
    /// POWER10, Power ISA 3.1.
    Power10,
}

impl Cpu {
    /// QEMU's name of the model.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Power8 => "power8",
            Self::Power9 => "power9",
            Self::Power10 => "power10",
        }
    }
}

impl std::str::FromStr for Cpu {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Power8, Self::Power9, Self::Power10];
        all.into_iter()
            .find(|cpu| cpu.name() == text)
            .ok_or_else(|| format!("`{text}` is no processor of {NAME}; say power8, power9 or power10"))
    }
}

/// What can be chosen.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The program; otherwise `HYPERCHECK_QEMU_PSERIES`, `HYPERCHECK_QEMU`, or `qemu-system-ppc64` on the `PATH`.
    pub program: Option<PathBuf>,
    /// The processor.
    pub cpu: Cpu,
}
