//! The bundled reference: a hypervisor that answers as the documents say.
//!
//! It needs nothing of the host, runs on the PowerPC core of `hypercheck-ppc` and is deterministic: the same requests
//! give the same bytes. Which machine a guest is, [`Machine::features`] decides; where documents leave an answer open, a feature
//! with a dot in its name selects the other one, and the comments say which was taken by default and why.
//!
//! ```text
//! profile      features -> a machine           dispatch     what a system call means
//! guest        the contract                    kvm, osi, ultravisor, papr/   who answers
//! registers    names -> places in the core     sleep        waiting for interrupts
//! watch        what changed in memory          device_tree  what the guest is told
//! ```

mod device_tree;
mod dispatch;
mod guest;
mod kvm;
mod osi;
mod papr;
mod partition;
mod profile;
mod registers;
mod sleep;
mod ultravisor;
mod watch;

use std::sync::Arc;

use hypercheck_spec::arch::Arch;

use crate::contract::{BootError, Guest, Hypervisor, Identity, Machine};
use crate::registers::RegisterFile;

/// The reference hypervisor.
#[derive(Debug)]
pub struct Reference {
    identity: Identity,
    files: Vec<Arc<RegisterFile>>,
}

impl Reference {
    /// The reference for those of `arches` that it can be: `ppc64` and `ppc32`.
    #[must_use]
    pub fn new<'a>(arches: impl IntoIterator<Item = &'a Arch>) -> Self {
        let known = arches.into_iter().filter(|arch| profile::ARCHES.contains(&arch.arch.as_str()));
        let files: Vec<_> = known.map(RegisterFile::new).collect();
        let identity = Identity {
            name: "reference".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            arch: files.iter().map(|file| file.arch.clone()).collect(),
            features: profile::features(),
            options: profile::options(),
        };
        Self { identity, files }
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
        let profile = profile::Profile::new(machine)?;
        let Some(file) = self.files.iter().find(|file| file.arch == machine.arch) else {
            return Err(BootError::Unsupported(format!("the description of {} was not given", machine.arch)));
        };
        Ok(Box::new(guest::ReferenceGuest::boot(profile, Arc::clone(file))?))
    }
}
