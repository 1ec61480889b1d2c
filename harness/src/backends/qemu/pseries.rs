//! The backend `qemu-pseries`.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::frame::Frame;
use super::guest::PseriesGuest;
use super::machine::{Launcher, PROGRAM, missing};
use super::{NAME, Options, facts, process};
use crate::contract::{BootError, Guest, Hypervisor, Identity, Machine};
use crate::registers::RegisterFile;

/// QEMU's `pseries` machine.
pub struct QemuPseries {
    options: Options,
    frame: Arc<Frame>,
    identity: OnceLock<Identity>,
    /// The guest that was booted to learn the identity, for the first who wants one.
    spare: Mutex<Option<PseriesGuest>>,
}

impl QemuPseries {
    /// A backend whose guests have the registers of `file`. Starts nothing yet.
    #[must_use]
    pub fn new(file: &Arc<RegisterFile>, options: Options) -> Self {
        Self { options, frame: Arc::new(Frame::new(file)), identity: OnceLock::new(), spare: Mutex::new(None) }
    }

    fn launch(&self) -> Result<PseriesGuest, BootError> {
        let program = self.options.program.clone().or_else(|| process::find(PROGRAM)).ok_or_else(missing)?;
        PseriesGuest::boot(Launcher { program, cpu: self.options.cpu }, Arc::clone(&self.frame))
    }

    fn spare(&self) -> std::sync::MutexGuard<'_, Option<PseriesGuest>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hypervisor for QemuPseries {
    /// Boots a guest the first time, since only its device tree says which calls there are. Without QEMU the version
    /// is empty, and [`QemuPseries::boot`] says why.
    fn identity(&self) -> &Identity {
        self.identity.get_or_init(|| {
            let mut identity = Identity {
                name: NAME.to_owned(),
                arch: vec!["ppc64".to_owned()],
                features: facts::base(self.options.cpu),
                ..Identity::default()
            };
            if let Ok(guest) = self.launch() {
                guest.version().clone_into(&mut identity.version);
                identity.features = facts::features(guest.tree(), self.options.cpu);
                *self.spare() = Some(guest);
            }
            identity
        })
    }

    fn boot(&self, machine: &Machine) -> Result<Box<dyn Guest>, BootError> {
        if machine.arch != "ppc64" {
            return Err(BootError::Unsupported(format!("{NAME} is no {}", machine.arch)));
        }
        if let Some(feature) = machine.features.iter().next() {
            return Err(BootError::Unsupported(format!("{NAME} cannot be told to have {feature}")));
        }
        let spare = self.spare().take();
        Ok(Box::new(spare.map_or_else(|| self.launch(), Ok)?))
    }
}
