//! For each clause a planted fault that violates it, and the row that notices.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hypercheck_report::model::{Mismatch, Oracle, Origin};
use hypercheck_spec::abi::Level;
use hypercheck_spec::library::Library;

use super::{Fault, Faulty, Plant, faults};
use crate::contract::{BootError, Hypervisor, Machine};
use crate::runner::{self, Job};
use crate::scenario::{self, Options};
use crate::session::{Plans, Session};

/// How many rows are tried for a clause before it counts as unproved.
const ROWS: usize = 120;

/// What was found for a clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A row that stands for the clause failed under a fault, and said that the clause is violated.
    Noticed {
        /// The row.
        row: String,
        /// The fault, in words.
        fault: String,
        /// What the row said.
        said: String,
    },
    /// No row that stands for the clause runs on this backend.
    NoRow,
    /// Rows run, and whatever was planted, none failed for the clause.
    Unnoticed {
        /// How many rows were tried.
        rows: usize,
        /// How many faults were planted in them.
        faults: usize,
    },
}

/// How a row that fails tells which clause is violated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// What differs cites the clause.
    ByName,
    /// The row is written for the clause, and what it expects does not hold.
    ByExpectation,
}

/// Searches proofs on one backend.
pub struct Prover<'a> {
    library: &'a Library,
    hypervisor: Faulty<'a>,
    rows: BTreeMap<String, Vec<Arc<Job>>>,
    sessions: HashMap<Machine, Session>,
}

impl<'a> Prover<'a> {
    /// A prover with all rows of the library that run on `hypervisor`.
    #[must_use]
    pub fn new(library: &'a Library, hypervisor: &'a dyn Hypervisor) -> Self {
        let mut rows: BTreeMap<String, Vec<Arc<Job>>> = BTreeMap::new();
        for job in runner::jobs(library, hypervisor).into_iter().filter(|job| job.skip.is_none()).map(Arc::new) {
            for clause in &job.scenario.clauses {
                let of = rows.entry(clause.clone()).or_default();
                if of.len() < ROWS || job.origin == Origin::Written {
                    of.push(Arc::clone(&job));
                }
            }
        }
        for of in rows.values_mut() {
            // Rows that name the clause first are the likeliest to say so.
            of.sort_by_key(|job| (job.origin != Origin::Written, job.scenario.clauses.len()));
        }
        Self { library, hypervisor: Faulty::new(hypervisor), rows, sessions: HashMap::new() }
    }

    /// The clauses that need a proof, as `abi.clause`: level must or should, and none that says why it cannot be checked.
    pub fn clauses(&self) -> impl Iterator<Item = String> + use<'a> {
        let binding = |level: Level| matches!(level, Level::Must | Level::Should);
        self.library.abis.values().flat_map(move |abi| {
            let abi = &abi.value;
            let needed = abi.clauses.iter().filter(move |(_, c)| binding(c.level) && c.unverifiable.is_none());
            needed.map(|(name, _)| abi.qualify(name))
        })
    }

    /// Searches a fault by which a row that stands for `clause` fails and says so.
    ///
    /// # Errors
    /// A row that cannot be run, or a machine that does not boot.
    pub fn prove(&mut self, clause: &str) -> Result<Proof, String> {
        let rows = self.rows.get(clause).cloned().unwrap_or_default();
        if rows.is_empty() {
            return Ok(Proof::NoRow);
        }
        let mut planted = 0;
        // Better a row that cites the clause than one that only stands for it.
        for told in [Told::ByName, Told::ByExpectation] {
            for job in &rows {
                let (requests, all) = self.prepare(job)?;
                for fault in &all {
                    for at in (0..requests).rev() {
                        planted += 1;
                        let plant = Plant { fault: fault.clone(), at };
                        if let Some(said) = self.attempt(job, Some(plant), Some((clause, told)))? {
                            let file = Arc::clone(&self.sessions[&job.machine].plans.file);
                            let fault = fault.describe(&|id| file.name(id).to_owned());
                            return Ok(Proof::Noticed { row: job.id.clone(), fault, said });
                        }
                    }
                }
            }
        }
        Ok(Proof::Unnoticed { rows: rows.len(), faults: planted })
    }

    /// Runs the row without a fault: how many requests it makes, and the faults of its ABI.
    fn prepare(&mut self, job: &Job) -> Result<(usize, Vec<Fault>), String> {
        if !self.sessions.contains_key(&job.machine) {
            self.hypervisor.switch.plant(None);
            let (library, hypervisor) = (self.library, &self.hypervisor);
            let plans = |facts: &_| Ok(Arc::new(Plans::new(library, &job.machine, facts, hypervisor)?));
            let session = match Session::boot(hypervisor, &job.machine, plans) {
                Ok(session) => session,
                // A skip, as in a run.
                Err(BootError::Unsupported(_)) => return Ok((0, Vec::new())),
                Err(error) => return Err(error.to_string()),
            };
            self.sessions.insert(job.machine.clone(), session);
        }
        if let Some(said) = self.attempt(job, None, None)? {
            return Err(format!("{} fails without a fault: {said}", job.id));
        }
        let requests = self.hypervisor.switch.requests();
        let plan = self.sessions[&job.machine].plans.get(&job.scenario.abi).map_err(|error| error.to_string())?;
        Ok((requests.min(12), plan.map(|plan| faults(&plan)).unwrap_or_default()))
    }

    /// Runs the row. What it says if it fails, and for the clause if there is one.
    fn attempt(
        &mut self,
        job: &Job,
        plant: Option<Plant>,
        about: Option<(&str, Told)>,
    ) -> Result<Option<String>, String> {
        let Some(session) = self.sessions.get_mut(&job.machine) else { return Ok(None) };
        self.hypervisor.switch.plant(None);
        let clean = session.rewind();
        self.hypervisor.switch.plant(plant);
        let result = scenario::run(session, self.library, &job.scenario, Options::default());
        let requests = self.hypervisor.switch.requests();
        self.hypervisor.switch.plant(None);
        if clean.is_err() {
            self.sessions.remove(&job.machine);
            return Ok(None);
        }
        // The next rewind must not count.
        self.hypervisor.switch.count(requests);
        let Ok(row) = result else { return Ok(None) };
        let about = |mismatch: &&Mismatch| match about {
            None => true,
            Some((clause, Told::ByName)) => mismatch.clause.as_deref() == Some(clause),
            Some((_, Told::ByExpectation)) => job.origin == Origin::Written && mismatch.oracle == Oracle::Expectation,
        };
        Ok(row.mismatches.iter().find(about).map(|m| format!("{}: {} instead of {}", m.subject, m.actual, m.expected)))
    }
}
