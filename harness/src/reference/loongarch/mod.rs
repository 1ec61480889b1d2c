//! The reference hypervisor of LoongArch: KVM's hypercalls, on a guest that executes nothing but traps.

mod kvm;

use std::collections::BTreeSet;
use std::sync::Arc;

use hypercheck_spec::arch::Arch;

use super::Family;
use super::trap::TrapGuest;
use crate::contract::{BootError, Guest, Machine};
use crate::registers::RegisterFile;

/// Features of every guest: reading configuration words, and the calls by name.
const ALWAYS: &[&str] = &[
    "loongarch-cpucfg",
    "KVM_SIGNATURE",
    "KVM_FEATURES",
    "KVM_HCALL_FUNC_IPI",
    "KVM_HCALL_FUNC_NOTIFY",
    "KVM_HCALL_SWDBG",
    "KVM_HCALL_USER_SERVICE",
];

/// Features that can be asked for: hypercalls at all, every code of them, and a user space that takes code 0x102.
const OPTIONS: &[&str] = &["loongarch-hvcl", "loongarch-hvcl-codes", "loongarch.user-service"];

/// The hypervisor of LoongArch.
pub(super) fn family() -> Family {
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    Family { arches: &["loongarch64"], features: names(ALWAYS), options: names(OPTIONS), boot }
}

fn boot(machine: &Machine, arch: &Arc<Arch>, file: &Arc<RegisterFile>) -> Result<Box<dyn Guest>, BootError> {
    let known = |name: &&String| OPTIONS.contains(&name.as_str()) || ALWAYS.contains(&name.as_str());
    if let Some(unknown) = machine.features.iter().find(|name| !known(name) && **name != arch.arch) {
        return Err(BootError::Unsupported(format!("{unknown} is no feature of a LoongArch guest")));
    }
    let hypervisor = machine.features.iter().any(|name| OPTIONS.contains(&name.as_str()));
    let user_service = machine.features.contains("loongarch.user-service");
    let model = kvm::Kvm::new(file, hypervisor, user_service)?;
    let facts = [("cpu", kvm::CPU)];
    Ok(Box::new(TrapGuest::boot(arch, file, model, &facts, |_| {})?))
}
