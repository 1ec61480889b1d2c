//! The reference of RISC-V: an implementation of the SBI specification, version 3.0, for one hart of several.
//!
//! Every extension is there unless a guest is asked to lack it (`not sbi.pmu`). Where the specification leaves an
//! answer open, a feature with a dot in its name selects another one ([`profile`]).
//!
//! ```text
//! profile    features -> a machine        sbi        traps, and which extension a call is for
//! call       arguments, answers, addresses           registers  where things are
//! shared     memory that both use
//! base, time, ipi, rfence, hsm, system, pmu, console, cppc, nacl, sta, sse, fwft, dbtr, mpxy, legacy: the extensions
//! ```

mod base;
mod call;
mod console;
mod cppc;
mod dbtr;
mod fwft;
mod hsm;
mod ipi;
mod legacy;
mod mpxy;
mod nacl;
mod pmu;
mod profile;
mod registers;
mod rfence;
mod sbi;
mod shared;
mod sse;
mod sta;
mod system;
mod time;

use std::sync::Arc;

use hypercheck_spec::arch::Arch;

use super::Family;
use super::trap::TrapGuest;
use crate::contract::{BootError, Guest, Machine};
use crate::registers::RegisterFile;

/// The SBI implementation.
pub(super) fn family() -> Family {
    Family { arches: &["riscv64"], features: profile::features(), options: profile::options(), boot }
}

fn boot(machine: &Machine, arch: &Arc<Arch>, file: &Arc<RegisterFile>) -> Result<Box<dyn Guest>, BootError> {
    let profile = profile::Profile::new(machine)?;
    let facts = profile.facts();
    let slots = registers::Slots::new(file).ok_or_else(|| BootError::Failed {
        why: format!("spec/arch/{}.yaml lacks a register that the reference needs", arch.arch),
        log: String::new(),
    })?;
    Ok(Box::new(TrapGuest::boot(arch, file, sbi::Sbi::new(profile, slots), &facts, |_| {})?))
}
