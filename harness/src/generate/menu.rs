//! What inputs can be made of: the machines of a backend, and the calls that each offers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arbitrary::Unstructured;
use hypercheck_report::model::Origin;
use hypercheck_spec::abi::HazardKind;
use hypercheck_spec::library::Library;

use super::values::Argument;
use crate::contract::{BootError, Hypervisor, Machine};
use crate::judge::poison;
use crate::plan::{CallPlan, Plan};
use crate::registers::Registers;
use crate::runner::{self, RunError};
use crate::session::Plans;

/// The machines of a backend with what each offers.
#[derive(Debug)]
pub struct Menu {
    /// The machines, in an order that only the library and the backend decide.
    pub sites: Vec<Site>,
}

/// A machine.
pub struct Site {
    /// The machine.
    pub machine: Machine,
    /// All ABIs, ready for it.
    pub plans: Arc<Plans>,
    /// The ABIs that it offers and that have calls.
    pub offers: Vec<Offer>,
    /// Registers as a case has them before anything is given.
    pub(super) usual: Registers,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let abis: Vec<&str> = self.offers.iter().map(|offer| &*offer.plan.abi.abi).collect();
        f.debug_struct("Site").field("machine", &self.machine).field("abis", &abis).finish_non_exhaustive()
    }
}

/// An ABI on a machine.
#[derive(Debug)]
pub struct Offer {
    /// The ABI.
    pub plan: Arc<Plan>,
    /// Its calls in order of their names.
    pub entries: Vec<Entry>,
    /// By conduit: the modes in which calling through it has a defined result.
    pub(super) modes: Vec<Vec<String>>,
}

/// A call with its arguments' domains.
#[derive(Debug)]
pub struct Entry {
    /// The call.
    pub call: Arc<CallPlan>,
    pub(super) arguments: Vec<Argument>,
}

impl Site {
    /// How many calls there are.
    pub(super) fn calls(&self) -> usize {
        self.offers.iter().map(|offer| offer.entries.len()).sum()
    }

    /// A call, each as likely as any other.
    pub(super) fn pick(&self, u: &mut Unstructured<'_>) -> Result<(&Offer, &Entry), arbitrary::Error> {
        let n = u.choose_index(self.calls())?;
        let mut all = self.offers.iter().flat_map(|offer| offer.entries.iter().map(move |entry| (offer, entry)));
        all.nth(n).ok_or(arbitrary::Error::EmptyChoose)
    }
}

impl Entry {
    /// Whether the call is never made blindly, whatever its arguments.
    pub(super) fn always_hazardous(&self) -> bool {
        let mut hazards = self.call.hazards.iter();
        hazards.any(|(kind, condition, _)| *kind != HazardKind::Sleeps && condition.is_none())
    }
}

impl Menu {
    /// Every machine for which the spec by itself says what a call does: those of derived rows, each with their calls. What
    /// other machines do, such as one on which two ABIs claim the same instruction, only written cases tell.
    ///
    /// # Errors
    /// The backend is not installed, a guest did not boot, or the spec does not fit together.
    pub fn new(library: &Library, hypervisor: &dyn Hypervisor) -> Result<Self, RunError> {
        let mut machines: BTreeMap<Machine, BTreeSet<(String, String)>> = BTreeMap::new();
        let derived = |job: &runner::Job| job.skip.is_none() && job.origin == Origin::Derived;
        for job in runner::jobs(library, hypervisor).into_iter().filter(derived) {
            let calls = job.scenario.steps.iter().filter_map(|step| Some(step.call.as_ref()?.value.clone()));
            machines.entry(job.machine).or_default().extend(calls.map(|call| (job.scenario.abi.clone(), call)));
        }
        let mut sites = Vec::new();
        for (machine, calls) in machines {
            let guest = match hypervisor.boot(&machine) {
                Ok(guest) => guest,
                Err(BootError::Unsupported(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            let plans = Arc::new(Plans::new(library, &machine, guest.facts(), hypervisor)?);
            let offers = offers(&plans, &calls);
            if !offers.is_empty() {
                let usual = poison(&plans.file, &plans.initial, 0);
                sites.push(Site { machine, plans, offers, usual });
            }
        }
        Ok(Self { sites })
    }
}

fn offers(plans: &Plans, wanted: &BTreeSet<(String, String)>) -> Vec<Offer> {
    let mut offers = Vec::new();
    for abi in plans.abis() {
        // What does not fit together is told by the linter, and offers nothing here.
        let Ok(Some(plan)) = plans.get(&abi.abi) else { continue };
        if plan.conduits.is_empty() || plan.calls.is_empty() {
            continue;
        }
        let here = |call: &&Arc<CallPlan>| wanted.contains(&(abi.abi.clone(), call.name.clone()));
        let mut calls: Vec<&Arc<CallPlan>> = plan.calls.values().filter(here).collect();
        if calls.is_empty() {
            continue;
        }
        calls.sort_by(|a, b| a.name.cmp(&b.name));
        let entries = calls.into_iter().map(|call| entry(&plan, call, plans)).collect();
        offers.push(Offer { entries, modes: modes(&plan), plan });
    }
    offers
}

fn entry(plan: &Plan, call: &Arc<CallPlan>, plans: &Plans) -> Entry {
    let described = plan.abi.calls.get(&call.name);
    let arguments = call.arguments.iter().filter_map(|(name, slot)| {
        let argument = described?.arguments.get(name)?;
        Some(Argument::new(plan, call, *slot, argument, &plans.facts))
    });
    Entry { arguments: arguments.collect(), call: Arc::clone(call) }
}

/// Modes that a conduit says something about, and those that change nothing for the hypervisor.
fn modes(plan: &Plan) -> Vec<Vec<String>> {
    let everywhere = ["little-endian", "interrupts-on", "32-bit"];
    plan.conduits
        .iter()
        .map(|conduit| {
            let refused = conduit.refused.iter().map(|refusal| refusal.mode.as_str());
            let all: BTreeSet<&str> = everywhere.into_iter().chain(refused).collect();
            all.into_iter().filter(|mode| plan.modes.contains_key(*mode)).map(str::to_owned).collect()
        })
        .collect()
}
