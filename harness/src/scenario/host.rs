//! What the host does to a guest: filters, properties, a move to another machine, and what user space sees.

use hypercheck_report::model::Mismatch;
use hypercheck_spec::case::{Expect, FilterRange, Migration, Step};
use hypercheck_spec::word::Word;

use super::expect::expectation;
use super::{Runner, StepError};
use crate::contract::{BootError, CallRange, FilterAction, GuestError};
use crate::plan::{CallPlan, Plan};

impl Runner<'_> {
    /// Does what the host has to do in this step. What was done, in words; none if it is no such step.
    pub(super) fn host_step(&mut self, step: &Step, plan: &Plan) -> Result<Option<String>, StepError> {
        if let Some(filter) = &step.filter {
            let range = self.range(plan, filter)?;
            let Some(filtering) = self.session.guest().filtering() else { return Err(cannot("filter calls")) };
            self.answered = Some(filtering.set(range)?);
        } else if step.filters.is_some() {
            let Some(filtering) = self.session.guest().filtering() else { return Err(cannot("filter calls")) };
            self.ranges = Some(filtering.get()?);
        } else if !step.configure.is_empty() {
            self.answered = Some(Ok(()));
            for (name, expr) in &step.configure {
                let value = self.value(Some(plan), None, expr)?;
                let Some(configuring) = self.session.guest().configuring() else { return Err(cannot("be configured")) };
                self.answered = Some(configuring.set(name, value)?);
            }
        } else if let Some(migration) = step.migrate {
            self.migrate(migration)?;
        } else {
            return Ok(None);
        }
        self.session.tainted = true;
        Ok(Some(match (&self.answered, &self.ranges) {
            (Some(Err(refusal)), _) => format!("refused with {}", refusal.0),
            (Some(Ok(())), _) => "accepted".to_owned(),
            (None, Some(ranges)) => format!("{} ranges", ranges.len()),
            (None, None) => "looked".to_owned(),
        }))
    }

    fn range(&mut self, plan: &Plan, filter: &FilterRange) -> Result<CallRange, StepError> {
        let base = self.value(Some(plan), None, &filter.base)?;
        let count = self.value(Some(plan), None, &filter.count)?;
        Ok(CallRange { base, count, action: filter.action })
    }

    fn migrate(&mut self, migration: Migration) -> Result<(), StepError> {
        let guest = self.session.guest();
        let Some(migrating) = guest.migrating() else { return Err(cannot("be migrated")) };
        let saved = migrating.save()?;
        let mut destination = migrating.destination().map_err(|error| match error {
            BootError::Unsupported(why) => StepError::Skip(why),
            other => StepError::Guest(GuestError::Lost { why: other.to_string(), log: String::new() }),
        })?;
        if migration == Migration::Replayed {
            if let (Some(from), Some(to)) = (guest.filtering(), destination.filtering()) {
                for range in from.get()?.into_iter().filter(|range| range.action != FilterAction::Handle) {
                    if let Err(refusal) = to.set(range)? {
                        self.answered = Some(Err(refusal));
                        return Ok(());
                    }
                }
            }
            if let (Some(from), Some(to)) = (guest.configuring(), destination.configuring()) {
                for (name, value) in from.get()? {
                    if let Err(refusal) = to.set(&name, value)? {
                        self.answered = Some(Err(refusal));
                        return Ok(());
                    }
                }
            }
        }
        let Some(arriving) = destination.migrating() else { return Err(cannot("be migrated")) };
        self.answered = Some(arriving.restore(&saved, migration == Migration::Restored)?);
        self.session.replace(destination);
        Ok(())
    }

    /// What the host had to answer, and what user space had to see.
    pub(super) fn expected_of_host(
        &mut self,
        expect: &Expect,
        step: &Step,
        plan: &Plan,
        call: Option<&CallPlan>,
        found: &mut Vec<Mismatch>,
    ) -> Result<(), StepError> {
        if let Some(answered) = &self.answered {
            let actual = answered.as_ref().err().map_or("accepted", |refusal| refusal.0);
            let right = if expect.error.is_empty() {
                answered.is_ok()
            } else {
                expect.error.iter().any(|error| error == actual)
            };
            if !right {
                let wanted = if expect.error.is_empty() { "accepted".to_owned() } else { expect.error.join(" or ") };
                found.push(expectation("the host's answer", wanted, actual.to_owned()));
            }
        }
        if let (Some(wanted), Some(actual)) = (&step.filters, self.ranges.take()) {
            let wanted = wanted.iter().map(|range| self.range(plan, range)).collect::<Result<Vec<_>, _>>()?;
            if wanted != actual {
                found.push(expectation("filters", show(&wanted), show(&actual)));
            }
        }
        for (name, expr) in &expect.configured {
            let wanted = self.value(Some(plan), call, expr)?;
            let Some(configuring) = self.session.guest().configuring() else { return Err(cannot("be configured")) };
            let actual = configuring.get()?.get(name).copied();
            found.extend(unlike(name, wanted, actual, "no such property"));
        }
        self.expected_forwarding(expect, plan, call, found)
    }

    fn expected_forwarding(
        &mut self,
        expect: &Expect,
        plan: &Plan,
        call: Option<&CallPlan>,
        found: &mut Vec<Mismatch>,
    ) -> Result<(), StepError> {
        let Some(wanted) = &expect.forwarded else { return Ok(()) };
        let Some(sent) = self.sent.take() else {
            let actual = crate::judge::show_stop(plan, &self.session.seen.stop);
            found.push(expectation("user space", "the call goes out to user space".to_owned(), actual));
            return Ok(());
        };
        if let Some(exit) = wanted.exit.as_ref().filter(|exit| **exit != sent.exit) {
            found.push(expectation("user space", exit.clone(), sent.exit.clone()));
        }
        for (name, expr) in &wanted.fields {
            let value = self.value(Some(plan), call, expr)?;
            let actual = sent.fields.get(name).copied();
            found.extend(unlike(&format!("exit.{name}"), value, actual, "no such field"));
        }
        for (name, expr) in &wanted.registers {
            let slot = plan.file.slot(name).ok_or_else(|| StepError::Case(format!("no register {name}")))?;
            let value = self.value(Some(plan), call, expr)? & (slot.bits.mask() >> slot.bits.low);
            let actual = sent.registers.get(slot.register).map(|whole| slot.extract(whole));
            found.extend(unlike(&format!("{name} in user space"), value, actual, "not shown"));
        }
        Ok(())
    }
}

/// What differs between a value and what the host shows, which is `absent` where it shows nothing.
fn unlike(subject: &str, wanted: u64, actual: Option<u64>, absent: &str) -> Option<Mismatch> {
    let shown = || actual.map_or_else(|| absent.to_owned(), |value| Word(value).to_string());
    (actual != Some(wanted)).then(|| expectation(subject, Word(wanted).to_string(), shown()))
}

fn cannot(what: &str) -> StepError {
    StepError::Guest(GuestError::Unsupported(what.to_owned()))
}

fn show(ranges: &[CallRange]) -> String {
    let one = |range: &CallRange| {
        let action = match range.action {
            FilterAction::Handle => "handle",
            FilterAction::Deny => "deny",
            FilterAction::Forward => "forward",
            FilterAction::Undefined => "undefined",
        };
        format!("{:#x}..{:#x} {action}", range.base, range.base.wrapping_add(range.count).wrapping_sub(1))
    };
    ranges.iter().map(one).collect::<Vec<_>>().join(", ")
}
