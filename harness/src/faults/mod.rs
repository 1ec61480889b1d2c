//! Planted faults: hypervisors that misbehave on purpose, to prove that the suite notices.
//!
//! [`Faulty`] puts itself between the suite and any backend and changes what one run of a row shows, so that the backend stays
//! clean. [`violations`] searches, for each clause of the spec, a fault by which a row that stands for the clause fails and says
//! so: a clause without one is a sentence that nothing checks.

mod guest;
mod kinds;
pub mod violations;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use kinds::{Fault, faults};

use crate::contract::{BootError, Guest, Hypervisor, Identity, Machine};

/// A fault, and the run of a row that it spoils.
#[derive(Debug, Clone)]
pub struct Plant {
    /// What goes wrong.
    pub fault: Fault,
    /// Which request to the guest it spoils, from 0: a run, an answer of the host, a look at the device tree.
    pub at: usize,
}

#[derive(Debug, Default)]
struct State {
    plant: Option<Plant>,
    requests: usize,
}

/// Says when which fault is at work. All guests of a [`Faulty`] share it.
#[derive(Debug, Clone, Default)]
pub struct Switch(Arc<Mutex<State>>);

impl Switch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plants a fault, or none, and counts requests from 0 again.
    pub fn plant(&self, plant: Option<Plant>) {
        *self.state() = State { plant, requests: 0 };
    }

    /// How many requests there were since something was planted.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.state().requests
    }

    /// Says how many requests there were.
    fn count(&self, requests: usize) {
        self.state().requests = requests;
    }

    /// Counts a request. The fault that spoils it, if one does.
    fn next(&self) -> Option<Fault> {
        let mut state = self.state();
        let n = state.requests;
        state.requests += 1;
        state.plant.as_ref().filter(|plant| plant.at == n).map(|plant| plant.fault.clone())
    }
}

/// A backend with a fault.
pub struct Faulty<'a> {
    inner: &'a dyn Hypervisor,
    /// Says when which fault is at work.
    pub switch: Switch,
}

impl<'a> Faulty<'a> {
    /// `inner`, so far without a fault.
    #[must_use]
    pub fn new(inner: &'a dyn Hypervisor) -> Self {
        Self { inner, switch: Switch::default() }
    }
}

impl Hypervisor for Faulty<'_> {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }

    fn sturdy(&self) -> bool {
        self.inner.sturdy()
    }

    fn boot(&self, machine: &Machine) -> Result<Box<dyn Guest>, BootError> {
        Ok(Box::new(guest::FaultyGuest::new(self.inner.boot(machine)?, self.switch.clone())))
    }
}
