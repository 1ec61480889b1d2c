//! Makes the calls of an input and judges them.

use std::sync::Arc;

use arbitrary::Unstructured;
use hypercheck_report::model::{Mismatch, Oracle};
use hypercheck_spec::abi::HazardKind;
use hypercheck_spec::library::Library;

use super::{Attempt, Input, Menu};
use crate::contract::{GuestError, Hypervisor, Stop};
use crate::judge::GuestMemory;
use crate::program::View;
use crate::runner::RunError;
use crate::session::{Session, Shot};

/// A backend with its menu and the guests booted so far.
pub struct Bench {
    hypervisor: Box<dyn Hypervisor>,
    /// What inputs can be made of.
    pub menu: Menu,
    sessions: Vec<Option<Session>>,
}

/// What came of an input.
#[derive(Debug, Default)]
pub struct Tried {
    /// Calls that were made.
    pub made: usize,
    /// Why calls were left out, by their places in the input.
    pub skipped: Vec<(usize, String)>,
    /// What was found.
    pub finding: Option<Box<Finding>>,
}

/// An input that showed something.
#[derive(Debug)]
pub struct Finding {
    /// The input, cut after the call that showed it.
    pub input: Input,
    /// What differs from what must be.
    pub mismatches: Vec<Mismatch>,
    /// The case that shows it again, as YAML.
    pub case: String,
}

impl Finding {
    /// What was found, for a person: mismatches, the case, how to run it.
    #[must_use]
    pub fn report(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        for mismatch in &self.mismatches {
            let _ = writeln!(
                text,
                "{}: {}: expected {}, got {}",
                mismatch.oracle, mismatch.subject, mismatch.expected, mismatch.actual
            );
            if let (Some(clause), Some(says)) = (&mismatch.clause, &mismatch.says) {
                let _ = writeln!(text, "    {clause}: {says}");
            }
        }
        let _ = write!(text, "\n{}\nrun it: save the case below cases/ and run `hypercheck run NAME`\n", self.case);
        text
    }
}

impl Bench {
    /// A bench for `hypervisor`.
    ///
    /// # Errors
    /// As for [`Menu::new`].
    pub fn new(library: &Library, hypervisor: Box<dyn Hypervisor>) -> Result<Self, RunError> {
        let menu = Menu::new(library, &*hypervisor)?;
        let sessions = menu.sites.iter().map(|_| None).collect();
        Ok(Self { hypervisor, menu, sessions })
    }

    /// The backend.
    #[must_use]
    pub fn hypervisor(&self) -> &dyn Hypervisor {
        &*self.hypervisor
    }

    /// Makes an input from bytes and tries it. Bytes that make none do nothing.
    ///
    /// # Errors
    /// What breaks the run, as opposed to what tells against the backend.
    pub fn try_bytes(&mut self, bytes: &[u8]) -> Result<Tried, RunError> {
        match Input::generate(&mut Unstructured::new(bytes), &self.menu) {
            Ok(input) => self.try_input(&input),
            Err(_) => Ok(Tried::default()),
        }
    }

    /// Makes the calls of an input in a guest without traces of earlier ones.
    ///
    /// # Errors
    /// As for [`Bench::try_bytes`].
    pub fn try_input(&mut self, input: &Input) -> Result<Tried, RunError> {
        let mut tried = Tried::default();
        let mut mismatches = Vec::new();
        self.fresh(input.site)?;
        let Some(session) = &mut self.sessions[input.site] else { return Ok(tried) };
        let result = run(session, input, &mut tried, &mut mismatches);
        if session.seen.stop == Stop::Exhausted || result.is_err() {
            self.sessions[input.site] = None;
        }
        match result {
            Ok(()) | Err(GuestError::Unsupported(_)) => {}
            Err(GuestError::Lost { why, .. }) => mismatches.push(gone(&why)),
            Err(error @ (GuestError::Link(_) | GuestError::OutOfRange { .. })) => {
                return Err(RunError::Link { id: "a fuzz input".to_owned(), what: error.to_string() });
            }
        }
        if !mismatches.is_empty() {
            let mut input = input.clone();
            input.attempts.truncate(tried.made + tried.skipped.len());
            let mut place = 0..;
            input.attempts.retain(|_| place.next().is_some_and(|n| tried.skipped.iter().all(|(m, _)| *m != n)));
            let case = input.to_case(&self.menu, &mismatches);
            let case = hypercheck_spec::yaml::write(&case).unwrap_or_else(|error| format!("# no case: {error}\n"));
            tried.finding = Some(Box::new(Finding { input, mismatches, case }));
        }
        Ok(tried)
    }

    /// Boots the guest of a machine, or takes the one there is back to its first state.
    fn fresh(&mut self, site: usize) -> Result<(), RunError> {
        let kept = self.sessions[site].as_mut().is_some_and(|session| session.rewind().is_ok());
        if !kept {
            self.sessions[site] = None;
            let place = &self.menu.sites[site];
            let session = Session::boot(&*self.hypervisor, &place.machine, |_| Ok(Arc::clone(&place.plans)))?;
            self.sessions[site] = Some(session);
        }
        Ok(())
    }
}

/// Makes the calls, but for those that must not be made blindly, until one shows something or leaves a guest that
/// cannot make another.
fn run(session: &mut Session, input: &Input, tried: &mut Tried, found: &mut Vec<Mismatch>) -> Result<(), GuestError> {
    for (place, attempt) in input.attempts.iter().enumerate() {
        let shot = Shot {
            plan: &attempt.plan,
            call: &attempt.call,
            conduit: attempt.conduit(),
            registers: &attempt.registers,
        };
        if let Some(because) = hazard(session, attempt) {
            tried.skipped.push((place, because));
            continue;
        }
        let scratch = session.plans.facts.scratch;
        for (offset, bytes) in &attempt.memory {
            session.write(scratch + offset, bytes)?;
        }
        tried.made += 1;
        let code = session.call(&shot, found)?;
        let goes_on = matches!(session.seen.stop, Stop::Reached | Stop::Interrupt { .. });
        if let Some(code) = code
            && found.is_empty()
        {
            session.look_after(&shot, code, found)?;
        }
        if !found.is_empty() || !goes_on {
            return Ok(());
        }
    }
    Ok(())
}

/// Why not to make the call. Sleeping is no reason: the judge knows which calls may sleep, and a guest is woken for
/// the next.
fn hazard(session: &mut Session, attempt: &Attempt) -> Option<String> {
    let mut hazards = attempt.call.hazards.iter().filter(|(kind, ..)| *kind != HazardKind::Sleeps).peekable();
    hazards.peek()?;
    let mut memory = GuestMemory(session.guest());
    let mut view = View { before: &attempt.registers, after: &attempt.registers, memory: &mut memory };
    hazards.find_map(|(_, condition, because)| {
        let applies = condition.as_ref().is_none_or(|c| c.evaluate(&mut view) != Some(0));
        applies.then(|| because.clone())
    })
}

fn gone(why: &str) -> Mismatch {
    Mismatch {
        oracle: Oracle::Stop,
        subject: "end of the call".to_owned(),
        expected: "the hypervisor answers".to_owned(),
        actual: format!("the hypervisor is gone: {why}"),
        clause: None,
        says: None,
        source: None,
    }
}
