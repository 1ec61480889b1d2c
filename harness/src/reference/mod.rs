//! The bundled reference: hypervisors that answer as the documents say.
//!
//! It needs nothing of the host and is deterministic: the same requests give the same bytes. One folder an
//! architecture family; each says which machines it can be ([`Family`]).
//!
//! ```text
//! arm/         AArch64 and AArch32, at the level of traps
//! powerpc/     on the core of hypercheck-ppc
//! loongarch/   KVM's hypercalls by hvcl
//! riscv/       the SBI
//! s390/        DIAGNOSE
//! x86/         KVM, Hyper-V and Xen
//! trap/        guests of other architectures, which execute nothing but the instructions that trap
//! watch        what changed in memory
//! ```

mod arm;
mod loongarch;
mod powerpc;
mod riscv;
mod s390;
mod trap;
mod watch;
mod x86;

use std::collections::BTreeSet;
use std::sync::Arc;

use hypercheck_spec::arch::Arch;

use crate::contract::{BootError, Guest, Hypervisor, Identity, Machine};
use crate::registers::RegisterFile;

/// The hypervisors of one family of architectures.
struct Family {
    /// Its architectures.
    arches: &'static [&'static str],
    /// Features that every guest has.
    features: BTreeSet<String>,
    /// Features that a guest has when asked for.
    options: BTreeSet<String>,
    /// Boots a guest of one of the architectures.
    boot: Boot,
}

type Boot = fn(&Machine, &Arc<Arch>, &Arc<RegisterFile>) -> Result<Box<dyn Guest>, BootError>;

/// All families. A new one is a folder here and a line.
fn families() -> Vec<Family> {
    vec![arm::family(), loongarch::family(), powerpc::family(), riscv::family(), s390::family(), x86::family()]
}

/// The reference hypervisor.
pub struct Reference {
    identity: Identity,
    machines: Vec<(Arc<Arch>, Arc<RegisterFile>, Boot)>,
}

impl Reference {
    /// The reference for those of `arches` that it can be.
    #[must_use]
    pub fn new<'a>(arches: impl IntoIterator<Item = &'a Arch>) -> Self {
        let families = families();
        let known = arches.into_iter().filter_map(|arch| {
            let family = families.iter().find(|family| family.arches.contains(&arch.arch.as_str()))?;
            Some((Arc::new(arch.clone()), RegisterFile::new(arch), family.boot))
        });
        let machines: Vec<_> = known.collect();
        let identity = Identity {
            name: "reference".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            arch: machines.iter().map(|(arch, ..)| arch.arch.clone()).collect(),
            features: families.iter().flat_map(|family| family.features.iter().cloned()).collect(),
            options: families.iter().flat_map(|family| family.options.iter().cloned()).collect(),
        };
        Self { identity, machines }
    }
}

impl Hypervisor for Reference {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn sturdy(&self) -> bool {
        true
    }

    fn boot(&self, machine: &Machine) -> Result<Box<dyn Guest>, BootError> {
        let Some((arch, file, boot)) = self.machines.iter().find(|(arch, ..)| arch.arch == machine.arch) else {
            return Err(BootError::Unsupported(format!("the reference has no {} guests", machine.arch)));
        };
        boot(machine, arch, file)
    }
}
