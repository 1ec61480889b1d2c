//! Checks of a case: what it is about, and that nothing in it is passed over.

use super::place::{self, Place};
use super::{Report, World, rows, suggest};
use crate::abi::Abi;
use crate::case::{Case, Expect, Given, Row, Step};
use crate::library::{NamedCase, Read};
use crate::yaml::At;

pub(super) fn check(world: &World<'_>, case: &NamedCase, report: &mut Report) {
    let read = &case.read;
    let Some(abi) = world.library.abis.get(&read.value.abi) else {
        let name = &read.value.abi;
        let hint = suggest(name, world.library.abis.keys().map(String::as_str));
        report.error(place::at(read, (1, 1), &["abi:", name], format!("no ABI `{name}`")).hint(hint));
        return;
    };
    let abi = &abi.value;
    about(world, read, abi, (1, 1), (&read.value.clauses, &read.value.requires, &read.value.arch), report);
    for row in read.value.rows.values() {
        about(world, read, abi, place::of(row), (&row.clauses, &row.requires, &row.arch), report);
    }
    let rows = &read.value.rows;
    if read.value.clauses.is_empty() && (rows.is_empty() || rows.values().any(|row| row.clauses.is_empty())) {
        let message = "a case without clauses";
        let hint = "add `clauses: [NAME]`: a failure has to cite what it violates";
        report.warning(place::at(read, (1, 1), &["title:"], message).hint(hint));
    }
    passed_over(read, report);
    for step in &read.value.steps {
        shape(read, step, report);
    }
    twins(read, report);
    rows::check(world, case, abi, report);
}

fn about(
    world: &World<'_>,
    read: &Read<Case>,
    abi: &Abi,
    from: Place,
    (clauses, requires, arches): (&[At<String>], &[String], &[String]),
    report: &mut Report,
) {
    for clause in clauses {
        if let Some(hint) = world.clause_hint(&abi.abi, clause) {
            let message = format!("no clause `{}`", clause.value);
            report.error(place::at(read, place::of(clause), &[], message).hint(hint));
        }
    }
    for feature in requires {
        if let Some(hint) = world.feature_hint(feature) {
            let message = format!("no feature `{feature}`");
            report.error(place::at(read, from, &["requires:", feature], message).hint(hint));
        }
    }
    for arch in arches.iter().filter(|arch| !abi.arch.contains(arch)) {
        let message = format!("`{}` is no architecture of {}", arch, abi.abi);
        let hint = suggest(arch, abi.arch.iter().map(String::as_str));
        report.error(place::at(read, from, &["arch:", arch], message).hint(hint));
    }
}

/// A case is either one call, perhaps in rows, or steps. What belongs to the other form would be ignored.
fn passed_over(read: &Read<Case>, report: &mut Report) {
    let case = &read.value;
    let hint = "put it into a step, or take the steps out";
    let mut ignored = |from: Place, present: bool, key: &str| {
        if present {
            let message = format!("`{}` is passed over, because the case has steps", key.trim_end_matches(':'));
            report.error(place::at(read, from, &[key], message).hint(hint));
        }
    };
    if !case.steps.is_empty() {
        let entries = |call: bool, conduit: bool, expect: &Expect| {
            [(call, "call:"), (conduit, "conduit:"), (!expect.is_empty(), "expect:")]
        };
        for (present, key) in entries(case.call.is_some(), case.conduit.is_some(), &case.expect) {
            ignored((1, 1), present, key);
        }
        for row in case.rows.values() {
            for (present, key) in entries(row.call.is_some(), row.conduit.is_some(), &row.expect) {
                ignored(place::of(row), present, key);
            }
        }
        return;
    }
    let aimless = |row: &Row| row.call.is_none() && row.conduit.is_none();
    if case.call.is_none()
        && case.conduit.is_none()
        && (case.rows.is_empty() || case.rows.values().any(|row| aimless(row)))
    {
        let hint = "add `call:`, `conduit:` or `steps:`";
        report.error(place::at(read, (1, 1), &["title:"], "the case does nothing").hint(hint));
    }
}

fn shape(read: &Read<Case>, step: &At<Step>, report: &mut Report) {
    let calls = step.call.is_some() || step.conduit.is_some();
    let host = [step.filter.is_some(), step.filters.is_some(), !step.configure.is_empty(), step.migrate.is_some()];
    let guest = [calls, step.code.is_some(), step.device_tree.is_some()];
    let kinds = guest.into_iter().chain(host).filter(|is| *is).count();
    if kinds > 1 {
        let message = "a step does one thing, and this one does several";
        let hint = "make one step each of the call, the code, the look at the device tree and what the host does";
        report.error(place::at(read, place::of(step), &[], message).hint(hint));
    } else if kinds == 0 && step.expect.is_empty() {
        let message = "a step that does nothing and expects nothing";
        let hint = "add `call:`, `conduit:`, `code:`, `device-tree:`, `filter:`, `configure:`, `migrate:` or `expect:`";
        report.error(place::at(read, place::of(step), &[], message).hint(hint));
    }
    let idle = [
        (!step.arguments.is_empty() && step.call.is_none(), "arguments:", "`call`"),
        (step.variant.is_some() && !calls, "variant:", "`call` or `conduit`"),
        (!step.answer.is_empty() && !calls, "answer:", "`call` or `conduit`"),
    ];
    for (_, key, need) in idle.into_iter().filter(|(idle, ..)| *idle) {
        let message = format!("`{}` is passed over in a step without {need}", key.trim_end_matches(':'));
        report.error(place::at(read, place::of(step), &[key], message).hint("set registers instead, or add the call"));
    }
}

/// Rows that do the same although their names differ.
fn twins(read: &Read<Case>, report: &mut Report) {
    let lines = |clauses: &[At<String>]| clauses.iter().map(|clause| clause.value.clone()).collect::<Vec<_>>();
    let same = |a: &Row, b: &Row| {
        let call = |row: &Row| row.call.as_ref().map(|call| call.value.clone());
        lines(&a.clauses) == lines(&b.clauses)
            && call(a) == call(b)
            && (&a.requires, &a.arch, a.record, &a.bindings) == (&b.requires, &b.arch, b.record, &b.bindings)
            && (&a.conduit, &a.given, &a.expect) == (&b.conduit, &b.given, &b.expect)
    };
    for (n, (name, row)) in read.value.rows.iter().enumerate() {
        if let Some((other, _)) = read.value.rows.iter().take(n).find(|(_, earlier)| same(earlier, row)) {
            let message = format!("row `{name}` does what row `{other}` does");
            report.warning(place::key(read, row, name, message).hint("take one of them out, or make them differ"));
        }
    }
    let given = |given: &Given| !given.arguments.is_empty();
    let calls = |row: &Row| row.call.is_some() || read.value.call.is_some() || !read.value.steps.is_empty();
    for (name, row) in read.value.rows.iter().filter(|(_, row)| given(&row.given) && !calls(row)) {
        let message = format!("row `{name}` gives arguments, and there is no call");
        report.error(place::key(read, row, name, message).hint("add `call:`, or give registers"));
    }
}
