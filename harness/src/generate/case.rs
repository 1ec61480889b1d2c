//! An input as a case that a person can read, run and keep.

use std::collections::BTreeSet;

use hypercheck_report::model::Mismatch;
use hypercheck_spec::case::{Bytes, Case, Step};
use hypercheck_spec::expr::{Binary, Expr};
use hypercheck_spec::word::Word;
use hypercheck_spec::yaml::At;

use super::input::{enter, set};
use super::{Attempt, Input, Menu, Site};

impl Input {
    /// The case that makes the same calls in the same state. `mismatches` is what it showed, for title and clauses.
    #[must_use]
    pub fn to_case(&self, menu: &Menu, mismatches: &[Mismatch]) -> Case {
        let site = &menu.sites[self.site];
        let Some(last) = self.attempts.last() else { return Case::default() };
        let abi = &last.plan.abi;
        let clauses: BTreeSet<&String> = mismatches.iter().filter_map(|mismatch| mismatch.clause.as_ref()).collect();
        let title = match mismatches.first() {
            Some(mismatch) => format!("{}: wrong {} ({})", last.call.name, mismatch.subject, mismatch.oracle),
            None => format!("{}: a fuzz input", last.call.name),
        };
        let implied = |feature: &str| feature == abi.abi || abi.needs.iter().any(|need| need == feature);
        let have = site.machine.features.iter().filter(|feature| !implied(feature)).cloned();
        Case {
            title,
            abi: abi.abi.clone(),
            clauses: clauses.into_iter().map(|clause| At::nowhere(clause.clone())).collect(),
            requires: have.collect(),
            arch: vec![site.machine.arch.clone()],
            steps: self.attempts.iter().map(|attempt| At::nowhere(step(site, attempt, &abi.abi))).collect(),
            ..Case::default()
        }
    }
}

/// The step that makes a call. What it leaves out has the value that a case gives it anyway.
fn step(site: &Site, attempt: &Attempt, abi: &str) -> Step {
    let (plan, call, conduit) = (&attempt.plan, &attempt.call, attempt.conduit());
    let named = plan.call(&call.name).is_some();
    let name = if named { call.name.clone() } else { format!("{:#x}", attempt.number) };
    let name = if plan.abi.abi == abi { name } else { format!("{}.{name}", plan.abi.abi) };
    let mut registers = site.usual.clone();
    enter(plan, &mut registers, &attempt.modes);
    for (slot, value) in &conduit.registers {
        set(plan, &mut registers, *slot, *value);
    }
    plan.clear_sliced(call, &mut registers);
    if let Some(place) = plan.number.filter(|_| call.conduit.is_none()) {
        let number = if named { call.number } else { attempt.number };
        place.place(number, &mut |slot, value| set(plan, &mut registers, slot, value));
    }
    let mut step = Step {
        call: Some(At::nowhere(name)),
        conduit: (attempt.conduit > 0).then(|| conduit.name.clone()),
        mode: attempt.modes.clone(),
        ..Step::default()
    };
    for (name, slot) in &call.arguments {
        let value = slot.extract(attempt.registers.get(slot.register).unwrap_or(0));
        set(plan, &mut registers, *slot, value);
        step.arguments.insert(name.clone(), Expr::number(value));
    }
    for (id, value) in attempt.registers.iter().filter(|(id, value)| registers.get(*id) != Some(*value)) {
        step.registers.insert(plan.file.name(id).to_owned(), Expr::number(value));
    }
    for (offset, bytes) in &attempt.memory {
        let scratch = Box::new(Expr::Name("machine.scratch".to_owned()));
        let at = Expr::Binary(Binary::Add, scratch, Box::new(Expr::Number(Word(*offset))));
        let digits = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        step.memory.insert(at, Bytes::Hex(digits));
    }
    step
}
