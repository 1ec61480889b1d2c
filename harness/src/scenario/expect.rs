//! What a step must show: compares the row's expectations with what was seen.

use hypercheck_report::model::{Mismatch, Oracle};
use hypercheck_spec::arch::names;
use hypercheck_spec::case::{End, Expect, Step};
use hypercheck_spec::expr::Expr;

use super::{Runner, StepError};
use crate::contract::Stop;
use crate::judge::{self, hex};
use crate::plan::{CallPlan, Plan};
use crate::program::sign_extend;

impl Runner<'_> {
    pub(super) fn expectations(
        &mut self,
        step: &Step,
        plan: &Plan,
        call: Option<&CallPlan>,
        found: &mut Vec<Mismatch>,
    ) -> Result<(), StepError> {
        let clause = self.scenario.clauses.first().cloned();
        let expect = &step.expect;
        let before = found.len();
        self.expected_end(expect, step, plan, found);
        if found.len() == before {
            self.expected_code(expect, plan, call, found)?;
            self.expected_values(expect, plan, call, found)?;
            self.expected_of_host(expect, step, plan, call, found)?;
        }
        for mismatch in &mut found[before..] {
            if mismatch.clause.is_none() {
                let owner =
                    clause.as_deref().and_then(|name| self.library.clause(name)).map_or(&*plan.abi, |(abi, _)| abi);
                *mismatch = judge::cite(owner, clause.clone(), mismatch.clone());
            }
        }
        Ok(())
    }

    fn expected_end(&self, expect: &Expect, step: &Step, plan: &Plan, found: &mut Vec<Mismatch>) {
        let stop = &self.session.seen.stop;
        if !expect.interrupt.is_empty() {
            let vectors: Vec<u64> =
                expect.interrupt.iter().filter_map(|name| plan.vectors.get(name).copied()).collect();
            if !matches!(stop, Stop::Interrupt { vector } if vectors.contains(vector)) {
                found.push(expectation(
                    "end of the step",
                    format!("the interrupt {}", expect.interrupt.join(" or ")),
                    judge::show_stop(plan, stop),
                ));
            }
            return;
        }
        let bare = step.code.is_some() || (step.conduit.is_some() && step.call.is_none());
        let runs = bare || (step.call.is_some() && expect.end.is_some());
        // `return` may name an interrupt among the codes: then that decides.
        let interrupts = expect.code.iter().flat_map(|codes| &codes.0).any(|expr| {
            matches!(expr, Expr::Name(name) if plan.abi.codes.get(name).is_some_and(|code| code.interrupt.is_some()))
        });
        let named = interrupts && matches!(stop, Stop::Interrupt { .. });
        let right = match expect.end {
            None | Some(End::Returned) => !runs || *stop == Stop::Reached || named,
            Some(End::Asleep) => *stop == Stop::Asleep,
            Some(End::Forwarded) => *stop == Stop::Forwarded,
            Some(End::Ended) => matches!(stop, Stop::Ended { .. }),
        };
        if !right {
            let wanted = match expect.end {
                None | Some(End::Returned) => "execution goes on",
                Some(End::Asleep) => "the processor sleeps",
                Some(End::Forwarded) => "the call goes out to user space",
                Some(End::Ended) => "the guest ends",
            };
            found.push(expectation("end of the step", wanted.to_owned(), judge::show_stop(plan, stop)));
        }
    }

    fn expected_code(
        &mut self,
        expect: &Expect,
        plan: &Plan,
        call: Option<&CallPlan>,
        found: &mut Vec<Mismatch>,
    ) -> Result<(), StepError> {
        let place = call.map_or(plan.result, |call| call.result);
        let Some(codes) = &expect.code else { return Ok(()) };
        let narrow = plan.is_narrow(&self.current);
        let ended = match self.session.seen.stop {
            Stop::Interrupt { vector } if expect.interrupt.is_empty() => Some(judge::interrupt_name(plan, vector)),
            _ => None,
        };
        let actual = place.and_then(|place| place.read(&self.session.seen.after, narrow));
        if place.is_some() && actual.is_none() {
            return Ok(());
        }
        let mut wanted = Vec::new();
        for expr in &codes.0 {
            if let Expr::Name(name) = expr
                && let Some(code) = plan.abi.codes.get(name).filter(|code| code.value.value.is_none())
            {
                let stop = match &code.interrupt {
                    Some(interrupt) => plan.vectors.get(interrupt).map(|vector| Stop::Interrupt { vector: *vector }),
                    None => Some(Stop::Reached),
                };
                if stop.is_some_and(|stop| self.session.seen.stop == stop) {
                    return Ok(());
                }
                wanted.push(name.clone());
                continue;
            }
            let Some(place) = place else {
                return Err(StepError::Case(format!("nothing is returned here that could be `{expr}`")));
            };
            let value = sign_extend(self.value(Some(plan), call, expr)?, place.width);
            let range = match expr {
                Expr::Name(name) => plan.abi.codes.get(name).filter(|code| code.to.is_some()).and_then(|c| c.bounds()),
                _ => None,
            };
            let inside = |actual: u64| range.is_some_and(|(low, high)| (low..=high).contains(&actual.cast_signed()));
            if (Some(value) == actual || actual.is_some_and(inside)) && ended.is_none() {
                return Ok(());
            }
            wanted.push(judge::show_code(plan, value));
        }
        // A call that the machine does not offer may say so, whatever the row is about.
        let unclaimed = call.is_some_and(|call| !call.claimed);
        let unknown = plan.unknown.returns.first().map(|entry| entry.code);
        let came = match self.session.seen.stop {
            Stop::Interrupt { vector } => plan.interrupt_code(vector, 0),
            _ => actual.and_then(|actual| plan.code(actual)),
        };
        if unclaimed && unknown.is_some() && came == unknown {
            return Err(StepError::Skip(format!(
                "{} is not offered here",
                call.map_or("the call", |call| call.name.as_str())
            )));
        }
        let shown = match (ended, actual) {
            (Some(ended), _) => format!("the interrupt {ended}"),
            (None, Some(actual)) => judge::show_code(plan, actual),
            (None, None) => "execution goes on".to_owned(),
        };
        found.push(expectation("return", wanted.join(" or "), shown));
        Ok(())
    }

    fn expected_values(
        &mut self,
        expect: &Expect,
        plan: &Plan,
        call: Option<&CallPlan>,
        found: &mut Vec<Mismatch>,
    ) -> Result<(), StepError> {
        for (name, expr) in &expect.outputs {
            let output = call.and_then(|call| call.outputs.iter().find(|output| output.name == *name));
            let output = output.ok_or_else(|| StepError::Case(format!("the call has no output {name}")))?;
            let value = self.value(Some(plan), call, expr)?;
            self.compare(output.slot, &format!("output {name}"), value, plan, found);
        }
        for (name, expr) in &expect.registers {
            let Some(slot) = plan.file.slot(name) else {
                return Err(StepError::Skip(format!("{} has no register {name}", plan.file.arch)));
            };
            let value = self.value(Some(plan), call, expr)?;
            self.compare(slot, name, value, plan, found);
        }
        for name in expect.unchanged.iter().flat_map(|entry| names(entry)) {
            let Some(slot) = plan.file.slot(&name) else { continue };
            if let Some(value) = self.current.get(slot.register) {
                self.compare(slot, &name, slot.extract(value), plan, found);
            }
        }
        for expr in &expect.holds {
            if self.value(Some(plan), call, expr)? == 0 {
                found.push(expectation("condition", expr.to_string(), "it does not hold".to_owned()));
            }
        }
        for (at, bytes) in &expect.memory {
            let address = self.value(Some(plan), call, at)?;
            let expected = self.bytes(plan, bytes)?;
            let mut actual = vec![0; expected.len()];
            self.session.guest().read(address, &mut actual)?;
            if actual != expected {
                found.push(expectation(&format!("memory at {at} ({address:#x})"), hex(&expected), hex(&actual)));
            }
        }
        Ok(())
    }

    fn compare(&self, slot: crate::registers::Slot, name: &str, value: u64, plan: &Plan, found: &mut Vec<Mismatch>) {
        let Some(actual) = self.session.seen.after.get(slot.register) else { return };
        let actual = slot.extract(actual & plan.file.mask(slot.register));
        let value = value & (slot.bits.mask() >> slot.bits.low);
        if actual != value {
            found.push(expectation(name, format!("{value:#x}"), format!("{actual:#x}")));
        }
    }
}

pub(super) fn expectation(subject: &str, expected: String, actual: String) -> Mismatch {
    Mismatch::new(Oracle::Expectation, subject.to_owned(), expected, actual)
}
