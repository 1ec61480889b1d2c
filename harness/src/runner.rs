//! Runs many rows on a backend: in parallel, each in a guest that no other row has left its marks on, with a fresh
//! guest after a loss.

use std::any::Any;
use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hypercheck_report::model::{Evidence, Origin, Outcome, Verdict};
use hypercheck_report::text::shell_word;
use hypercheck_spec::case::{Scenario, Step};
use hypercheck_spec::library::Library;

use crate::contract::{BootError, GuestError, Hypervisor, Machine, SCRATCH};
use crate::derive::derive;
use crate::patches;
use crate::scenario::{self, Options, StepError};
use crate::session::{Plans, Session};

/// A row on a machine.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its name: the row's, with the architecture behind it where that is not the ABI's first.
    pub id: String,
    /// The row.
    pub scenario: Arc<Scenario>,
    /// Where it comes from.
    pub origin: Origin,
    /// The guest that it needs.
    pub machine: Machine,
    /// Why it cannot run, known before.
    pub skip: Option<String>,
}

/// What broke a run, as opposed to a verdict.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Something is not installed.
    #[error(transparent)]
    Backend(#[from] BootError),
    /// The spec does not fit together.
    #[error(transparent)]
    Plan(#[from] crate::plan::PlanError),
    /// A row is wrong.
    #[error("{id}: {what}")]
    Case {
        /// The row.
        id: String,
        /// What is wrong with it.
        what: String,
    },
    /// The way to the backend broke.
    #[error("{id}: the link to the backend broke: {what}; results so far are kept")]
    Link {
        /// The row that was running.
        id: String,
        /// What was seen.
        what: String,
    },
    /// The results could not be delivered.
    #[error("{0}")]
    Sink(String),
}

/// How to run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Workers.
    pub jobs: usize,
    /// How long a step may take where instructions cannot be counted.
    pub patience: Duration,
    /// The name by which rows are run again.
    pub command: String,
    /// Whether to keep registers of rows that passed.
    pub keep_evidence: bool,
}

/// All rows of the library, each with the machine that it needs on this backend: written ones first.
#[must_use]
pub fn jobs(library: &Library, hypervisor: &dyn Hypervisor) -> Vec<Job> {
    let mut jobs = Vec::new();
    let mut add = |scenario: Scenario, origin: Origin| {
        let scenario = Arc::new(scenario);
        let Some(abi) = library.abis.get(&scenario.abi).map(|abi| &abi.value) else { return };
        for arch in if scenario.arch.is_empty() { &abi.arch } else { &scenario.arch } {
            let modes = library.arches.get(arch).map(|arch| &arch.value.modes);
            let lacks = |mode: &String| modes.is_some_and(|modes| !modes.contains_key(mode));
            if origin == Origin::Derived && scenario.steps.iter().any(|step| step.mode.iter().any(lacks)) {
                continue;
            }
            let other = abi.arch.first() != Some(arch);
            let id = if other { format!("{}@{arch}", scenario.id) } else { scenario.id.clone() };
            let (machine, skip) = machine_for(&scenario, abi, arch, hypervisor);
            jobs.push(Job { id, scenario: Arc::clone(&scenario), origin, machine, skip });
        }
    };
    library.scenarios().for_each(|scenario| add(scenario, Origin::Written));
    for abi in library.abis.values() {
        let rows = derive(library, &abi.value).into_iter().chain(patches::derive(library, &abi.value));
        rows.for_each(|scenario| add(scenario, Origin::Derived));
    }
    jobs
}

/// The machine that a row needs, and why the backend does not have it.
///
/// What the calls of the row need is asked for as far as the backend can be asked for it. `sturdy` is no feature of a
/// machine: a row that requires it is for hypervisors that may be sent anything.
fn machine_for(
    scenario: &Scenario,
    abi: &hypercheck_spec::abi::Abi,
    arch: &str,
    hypervisor: &dyn Hypervisor,
) -> (Machine, Option<String>) {
    let identity = hypervisor.identity();
    let asked = scenario.requires.iter().chain(&abi.needs).map(String::as_str);
    let (unwanted, wanted): (Vec<&str>, Vec<&str>) = asked.partition(|name| name.starts_with("not "));
    let mut wanted: BTreeSet<&str> = wanted.into_iter().collect();
    let unwanted: BTreeSet<&str> = unwanted.into_iter().map(|name| name.trim_start_matches("not ").trim()).collect();
    wanted.insert(&abi.abi);
    // A set of calls that the backend has when asked for is asked for by who makes one of its calls.
    let called = scenario.steps.iter().filter_map(|step| abi.calls.get(&step.call.as_ref()?.value));
    wanted.extend(called.filter_map(|call| call.set.as_deref()).filter(|&set| identity.options.contains(set)));
    if hypervisor.sturdy() {
        wanted.remove("sturdy");
    }
    wanted.retain(|name| !unwanted.contains(name));
    let skip = if identity.arch.iter().any(|known| known == arch) {
        identity.offers(wanted.iter().copied(), unwanted.iter().copied()).err()
    } else {
        Some(format!("{} has no {arch} guests", identity.name))
    };
    let lacking = unwanted.iter().map(|name| format!("not {name}"));
    let asked = wanted.into_iter().map(str::to_owned).chain(lacking);
    let features = asked.filter(|name| identity.options.contains(name)).collect();
    (Machine { arch: arch.to_owned(), features }, skip)
}

/// Runs `jobs` and hands each outcome to `sink` as it comes. Stops early, without error, when `stop` is set.
///
/// # Errors
/// See [`RunError`]; outcomes handed over before stay good.
pub fn run(
    library: &Library,
    hypervisor: &dyn Hypervisor,
    jobs: &[Job],
    settings: &Settings,
    stop: &AtomicBool,
    sink: &(dyn Fn(Outcome) -> Result<(), String> + Sync),
) -> Result<(), RunError> {
    let mut order: Vec<&Job> = jobs.iter().collect();
    order.sort_by(|a, b| a.machine.cmp(&b.machine));
    let next = AtomicUsize::new(0);
    let plans = Mutex::new(HashMap::new());
    let broken: Mutex<Option<RunError>> = Mutex::new(None);
    let worker = || {
        let mut worker = Worker { library, hypervisor, settings, plans: &plans, session: None, failed_boots: 0 };
        loop {
            const CHUNK: usize = 8;
            let start = next.fetch_add(CHUNK, Ordering::Relaxed);
            for job in order.iter().skip(start).take(CHUNK) {
                if stop.load(Ordering::Relaxed) || broken.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
                    return;
                }
                let done = worker.job(job).and_then(|outcome| sink(outcome).map_err(RunError::Sink));
                if let Err(error) = done {
                    broken.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    return;
                }
            }
            if start >= order.len() {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..settings.jobs.max(1) {
            scope.spawn(worker);
        }
        worker();
    });
    broken.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

type SharedPlans = Mutex<HashMap<Machine, Arc<Plans>>>;

struct Worker<'a> {
    library: &'a Library,
    hypervisor: &'a dyn Hypervisor,
    settings: &'a Settings,
    plans: &'a SharedPlans,
    session: Option<(Machine, Session)>,
    failed_boots: u32,
}

impl Worker<'_> {
    fn job(&mut self, job: &Job) -> Result<Outcome, RunError> {
        let mut outcome = self.blank(job);
        if let Some(reason) = &job.skip {
            outcome.reason = Some(reason.clone());
            return Ok(outcome);
        }
        let booted = catch_unwind(AssertUnwindSafe(|| self.fresh(job))).unwrap_or_else(|panic| {
            self.session = None;
            self.failed_boots += 1;
            Err(BootError::Failed { why: last_words(&*panic), log: String::new() })
        });
        if let Err(error) = booted {
            return match error {
                BootError::Unsupported(reason) => {
                    outcome.reason = Some(reason);
                    Ok(outcome)
                }
                BootError::Failed { why, log } if self.failed_boots < 3 => {
                    outcome.verdict = Verdict::Crash;
                    outcome.reason = Some(format!("the guest did not boot: {why}"));
                    outcome.evidence = Some(Evidence { log: Some(log), ..Evidence::default() });
                    Ok(outcome)
                }
                error => Err(error.into()),
            };
        }
        let Some((_, session)) = &mut self.session else { return Ok(outcome) };
        let options = Options {
            careful: job.origin != Origin::Written && !self.hypervisor.sturdy(),
            keep_evidence: self.settings.keep_evidence,
        };
        let result = catch_unwind(AssertUnwindSafe(|| scenario::run(session, self.library, &job.scenario, options)));
        match result {
            Ok(Ok(row)) => {
                outcome.verdict = if row.hung {
                    Verdict::Hang
                } else if row.mismatches.is_empty() {
                    Verdict::Pass
                } else {
                    Verdict::Fail
                };
                outcome.mismatches = row.mismatches;
                outcome.evidence = row.evidence;
                outcome.digest = row.behaviour.join("; ");
                if row.hung {
                    outcome.reason = Some("no end within the budget".to_owned());
                    self.session = None;
                }
            }
            Ok(Err(StepError::Skip(reason) | StepError::Guest(GuestError::Unsupported(reason)))) => {
                outcome.reason = Some(reason);
            }
            Ok(Err(StepError::Case(what))) => {
                return Err(RunError::Case { id: job.id.clone(), what });
            }
            Ok(Err(StepError::Guest(GuestError::Lost { why, log }))) => {
                outcome.verdict = Verdict::Crash;
                outcome.reason = Some(why);
                outcome.evidence = Some(Evidence { log: Some(log), ..Evidence::default() });
                self.session = None;
            }
            Ok(Err(StepError::Guest(error @ GuestError::OutOfRange { .. }))) => {
                return Err(RunError::Case { id: job.id.clone(), what: error.to_string() });
            }
            Ok(Err(StepError::Guest(GuestError::Link(what)))) => {
                self.session = None;
                return Err(RunError::Link { id: job.id.clone(), what });
            }
            Err(panic) => {
                outcome.verdict = Verdict::Crash;
                outcome.reason = Some(last_words(&*panic));
                self.session = None;
            }
        }
        Ok(outcome)
    }

    fn blank(&self, job: &Job) -> Outcome {
        let scenario = &job.scenario;
        let call = scenario.steps.iter().rev().find_map(|step| step.call.as_ref()).map(|call| call.value.clone());
        let identity = self.hypervisor.identity();
        let named = |call: &String| self.library.call(&scenario.abi, call).is_some() && !call.contains('.');
        let call = call.filter(named);
        Outcome {
            id: job.id.clone(),
            abi: scenario.abi.clone(),
            call,
            clauses: scenario.clauses.clone(),
            backend: identity.name.clone(),
            origin: job.origin,
            file: scenario.place.clone(),
            verdict: Verdict::Skip,
            reason: None,
            mismatches: Vec::new(),
            evidence: None,
            reproduce: format!("{} {}", self.settings.command, shell_word(&job.id)),
            digest: String::new(),
        }
    }

    /// Makes sure that there is a guest of this kind without traces of earlier rows.
    fn fresh(&mut self, job: &Job) -> Result<(), BootError> {
        let machine = &job.machine;
        let unrun = job.scenario.steps.iter().any(Step::is_of_host);
        if let Some((have, session)) = &mut self.session
            && have == machine
        {
            let clean = if session.tainted || unrun { session.rewind() } else { wipe(session) };
            if clean.is_ok() {
                return Ok(());
            }
        }
        self.session = None;
        let shared = self.plans.lock().unwrap_or_else(PoisonError::into_inner).get(machine).cloned();
        let booted = Session::boot(self.hypervisor, machine, |facts| match shared {
            Some(plans) if plans.facts == *facts => Ok(plans),
            _ => {
                let plans = Arc::new(Plans::new(self.library, machine, facts, self.hypervisor)?);
                let mut all = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
                all.insert(machine.clone(), Arc::clone(&plans));
                Ok(plans)
            }
        });
        match booted {
            Ok(mut session) => {
                session.patience = self.settings.patience;
                self.session = Some((machine.clone(), session));
                self.failed_boots = 0;
                Ok(())
            }
            Err(error) => {
                self.failed_boots += u32::from(matches!(error, BootError::Failed { .. }));
                Err(error)
            }
        }
    }
}

/// What a backend said when it panicked.
fn last_words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    format!("the backend panicked: {text}")
}

/// Clears the memory that belongs to the suite.
fn wipe(session: &mut Session) -> Result<(), GuestError> {
    if !session.dirty() {
        return Ok(());
    }
    let scratch = session.plans.facts.scratch;
    session.write(scratch, &[0; SCRATCH as usize])?;
    session.wiped();
    Ok(())
}
