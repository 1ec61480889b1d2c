//! Systems that have no Unix sockets and signals.

use std::sync::Arc;

use super::{NAME, Options};
use crate::contract::{BootError, Guest, Hypervisor, Identity, Machine};
use crate::registers::RegisterFile;

/// QEMU's `pseries` machine, which this system cannot drive.
#[derive(Debug)]
pub struct QemuPseries {
    identity: Identity,
}

impl QemuPseries {
    /// A backend that boots nothing.
    #[must_use]
    pub fn new(_: &Arc<RegisterFile>, _: Options) -> Self {
        Self { identity: Identity { name: NAME.to_owned(), arch: vec!["ppc64".to_owned()], ..Identity::default() } }
    }
}

impl Hypervisor for QemuPseries {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn boot(&self, _: &Machine) -> Result<Box<dyn Guest>, BootError> {
        Err(BootError::Unsupported(format!("{NAME} needs a Unix system")))
    }
}
