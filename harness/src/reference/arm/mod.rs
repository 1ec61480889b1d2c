//! The reference hypervisors of Arm: the SMC calling convention, PSCI, TRNG, stolen time, and what KVM, Xen and Hyper-V
//! have of their own.
//!
//! They answer as Arm's documents say, the newest version of the convention by default. Where a document leaves a
//! choice, or an older version has another rule, a feature with a dot in its name selects it. The feature `kvm-arm`
//! makes the hypervisor Linux KVM, with what KVM's documents say of its answers and of its host's settings.
//!
//! ```text
//! profile    features -> a machine          smccc, psci, trng, time   Arm's services
//! model      an instruction -> a service    vendor                    KVM's services
//! registers  names -> places, exceptions    xen, hyperv               calls beside the convention
//! host       filters and settings           saved                     what migrates
//! ```

mod call;
mod host;
mod hyperv;
mod model;
mod profile;
mod psci;
mod registers;
mod saved;
mod smccc;
mod time;
mod trng;
mod vendor;
mod xen;

use std::sync::Arc;

use hypercheck_spec::arch::Arch;

use super::Family;
use super::trap::TrapGuest;
use crate::contract::{BootError, Guest, Machine};
use crate::registers::RegisterFile;

/// The hypervisors of Arm.
pub(super) fn family() -> Family {
    Family { arches: profile::ARCHES, features: profile::features(), options: profile::options(), boot }
}

fn boot(machine: &Machine, arch: &Arc<Arch>, file: &Arc<RegisterFile>) -> Result<Box<dyn Guest>, BootError> {
    let profile = profile::Profile::new(machine)?;
    let slots = registers::Slots::of(file)
        .ok_or_else(|| BootError::Failed { why: format!("{} lacks registers", arch.arch), log: String::new() })?;
    let model = model::ArmModel::new(profile, slots);
    let guest = TrapGuest::boot(arch, file, model, &profile::FACTS, |machine| {
        if profile.time {
            time::prepare(machine);
        }
    })?;
    Ok(Box::new(guest))
}
