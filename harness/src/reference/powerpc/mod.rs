//! The reference hypervisors of PowerPC: KVM and ePAPR, the magic page, PAPR, OSI, the ultravisor.
//!
//! They run on the core of `hypercheck-ppc`. Which machine a guest is, its features decide; where documents leave an
//! answer open, a feature with a dot in its name selects the other one, and the comments say which was taken by default
//! and why.
//!
//! ```text
//! profile      features -> a machine           dispatch     what a system call means
//! guest        the contract                    kvm, epapr/, osi, ultravisor, papr/   who answers
//! registers    names -> places in the core     sleep        waiting for interrupts
//! device_tree  what the guest is told
//! ```

mod device_tree;
mod dispatch;
mod epapr;
mod guest;
mod kvm;
mod osi;
mod papr;
mod partition;
mod profile;
mod registers;
mod secure_pages;
mod sleep;
mod ultravisor;

use std::sync::Arc;

use hypercheck_spec::arch::Arch;

use super::Family;
use crate::contract::{BootError, Guest, Machine};
use crate::registers::RegisterFile;

/// The hypervisors of PowerPC.
pub(super) fn family() -> Family {
    Family { arches: profile::ARCHES, features: profile::features(), options: profile::options(), boot }
}

fn boot(machine: &Machine, _: &Arc<Arch>, file: &Arc<RegisterFile>) -> Result<Box<dyn Guest>, BootError> {
    Ok(Box::new(guest::ReferenceGuest::boot(profile::Profile::new(machine)?, Arc::clone(file))?))
}
