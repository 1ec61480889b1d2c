//! The reference hypervisor of s390: DIAGNOSE as KVM with QEMU answers it, on a guest that executes nothing but traps.
//!
//! Without options it is what every hypervisor of s390 has: functions 0x44, 0x308 and 0x500. What more there is, and where
//! versions differ, options say; their names are those of the features in `spec/arch/s390x.yaml`.
//!
//! ```text
//! cpu        registers, PSW, lowcore      virtio     0x500
//! host       which function it is         ipl        0x308
//!                                         services   0x10, 0x258, 0x288
//! ```

mod cpu;
mod host;
mod ipl;
mod services;
mod virtio;

use std::collections::BTreeSet;
use std::sync::Arc;

use hypercheck_spec::arch::Arch;

use super::Family;
use super::trap::TrapGuest;
use crate::contract::{BootError, Guest, Machine};
use crate::registers::RegisterFile;

/// Features of every guest: the ABIs, and by name the calls that are no option.
const ALWAYS: &[&str] = &[
    "s390-diag500",
    "s390-diag308",
    "s390-diag",
    "VIRTIO_NOTIFY",
    "VIRTIO_CCW_NOTIFY",
    "RESET_MODIFIED_CLEAR",
    "RESET_LOAD_NORMAL",
    "LOAD_CLEAR",
    "SET_BLOCK",
    "STORE_BLOCK",
    "RELEASE_PAGES",
    "YIELD",
    "YIELD_TO",
    "PAGE_REFERENCE",
    "WATCHDOG",
    "CONTROL_PROGRAM",
    "BREAKPOINT",
];

/// Features that can be asked for.
const OPTIONS: &[&str] = &[
    "s390.storage-limit",
    "s390.queue-16",
    "s390.kernel-notify",
    "s390.diag10",
    "s390.diag9c",
    "s390.diag258",
    "s390.diag288",
    "s390.diag318",
    "s390.diag501",
    "s390.dump",
    "s390.unpack",
];

/// The options that a guest has, by position in the list of all.
#[derive(Debug, Clone, Copy, Default)]
struct Features(u32);

impl Features {
    fn has(self, name: &str) -> bool {
        OPTIONS.iter().position(|option| *option == name).is_some_and(|n| self.0 >> n & 1 == 1)
    }
}

/// The hypervisor of s390.
pub(super) fn family() -> Family {
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    Family { arches: &["s390x"], features: names(ALWAYS), options: names(OPTIONS), boot }
}

fn boot(machine: &Machine, arch: &Arc<Arch>, file: &Arc<RegisterFile>) -> Result<Box<dyn Guest>, BootError> {
    let mut features = Features::default();
    for name in machine.features.iter().filter(|name| **name != arch.arch && !ALWAYS.contains(&name.as_str())) {
        let Some(n) = OPTIONS.iter().position(|option| option == name) else {
            return Err(BootError::Unsupported(format!("{name} is no feature of an s390 guest")));
        };
        features.0 |= 1 << n;
    }
    let host = host::Host::new(cpu::Cpu::new(file)?, features);
    Ok(Box::new(TrapGuest::boot(arch, file, host, virtio::FACTS, cpu::prepare)?))
}
