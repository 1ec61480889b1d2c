//! The reference hypervisors of x86: KVM, Hyper-V and Xen.
//!
//! Its guests execute nothing but the instructions of `spec/arch/x86-64.yaml`. A machine with `kvm-x86` is a guest of KVM,
//! which may speak for Xen or Hyper-V as well; without it Hyper-V or Xen themselves are there.
//!
//! ```text
//! profile      features -> a machine           model        what an instruction means, and who is asked first
//! processor    registers, exceptions, CPUID    others       the other processors of the guest
//! system       CPUID, model-specific registers      kvm, xen, hyperv/   who answers
//! ```

mod hyperv;
mod kvm;
mod model;
mod others;
mod processor;
mod profile;
mod system;
mod xen;

use std::sync::Arc;

use hypercheck_spec::arch::Arch;

use super::Family;
use super::trap::{self, TrapGuest};
use crate::contract::{BootError, Guest, Machine};
use crate::registers::RegisterFile;

/// The hypervisors of x86.
pub(super) fn family() -> Family {
    Family { arches: profile::ARCHES, features: profile::features(), options: profile::options(), boot }
}

fn boot(machine: &Machine, arch: &Arc<Arch>, file: &Arc<RegisterFile>) -> Result<Box<dyn Guest>, BootError> {
    let profile = profile::Profile::new(machine)?;
    let slots = processor::Slots::new(file).map_err(|why| BootError::Failed { why, log: String::new() })?;
    let facts = profile.facts();
    let model = model::X86::new(profile, slots);
    let page = |machine: &mut trap::Machine| {
        if profile.hyperv {
            // Where HV_X64_MSR_HYPERCALL points at first, by spec/arch.
            let at = arch.initial.get("hv_page").map_or(0, |page| page.0 & !0xFFF);
            system::place(&profile, machine, at);
        }
    };
    Ok(Box::new(TrapGuest::boot(arch, file, model, &facts, page)?))
}
