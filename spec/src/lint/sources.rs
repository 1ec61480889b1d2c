//! Every statement names a document, and every document is named by a statement.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::place::Place;
use super::{Report, place, suggest};
use crate::abi::Abi;
use crate::arch::Arch;
use crate::library::Read;

type Cited<'a> = Vec<(Place, &'a str)>;

pub(super) fn arch<'a>(read: &'a Read<Arch>, report: &mut Report) {
    let arch = &read.value;
    let mut cited: Cited<'a> = Vec::new();
    let mut add = |place, tag: Option<&'a String>| cited.extend(tag.map(|tag| (place, tag.as_str())));
    for register in arch.registers.values() {
        add(place::of(register), register.value.source.as_ref());
    }
    for trap in arch.traps.values() {
        add(place::of(trap), Some(&trap.value.source));
    }
    for interrupt in arch.interrupts.values() {
        add(place::of(interrupt), interrupt.value.source.as_ref());
    }
    for write in &arch.interrupt_writes {
        add(place::of(write), write.value.source.as_ref());
    }
    check(read, &arch.sources, &cited, report);
}

pub(super) fn abi<'a>(read: &'a Read<Abi>, report: &mut Report) {
    let abi = &read.value;
    let mut cited: Cited<'a> = Vec::new();
    let mut add = |place, tag: Option<&'a String>| cited.extend(tag.map(|tag| (place, tag.as_str())));
    for conduit in abi.conduits.values() {
        add(place::of(conduit), Some(&conduit.value.source));
    }
    for range in abi.number.iter().flat_map(|number| &number.ranges) {
        add(place::of(range), Some(&range.value.source));
    }
    for code in abi.codes.values() {
        add(place::of(code), code.value.source.as_ref());
    }
    for clause in abi.clauses.values() {
        add(place::of(clause), Some(&clause.value.source));
    }
    for variant in abi.variants.values() {
        add(place::of(variant), Some(&variant.value.source));
    }
    if let Some(page) = &abi.page {
        add(place::find(read, (1, 1), &["page:"]), Some(&page.source));
    }
    for discovery in abi.discovery.values() {
        add(place::of(discovery), Some(&discovery.value.source));
    }
    for call in abi.calls.values() {
        add(place::of(call), Some(&call.value.source));
        for condition in call.value.returns.values() {
            add(place::of(condition), condition.value.source.as_ref());
        }
        for hazard in &call.value.hazards {
            add(place::of(hazard), hazard.value.source.as_ref());
        }
    }
    check(read, &abi.sources, &cited, report);
}

fn check<T>(read: &Read<T>, declared: &IndexMap<String, String>, cited: &Cited<'_>, report: &mut Report) {
    let mut used = BTreeSet::new();
    for (place, tag) in cited {
        used.insert(*tag);
        if !declared.contains_key(*tag) {
            let hint = suggest(tag, declared.keys().map(String::as_str));
            report.error(place::at(read, *place, &["source:", tag], format!("no source `{tag}`")).hint(hint));
        }
    }
    for tag in declared.keys().filter(|tag| !used.contains(tag.as_str())) {
        let message = format!("source `{tag}` is never cited");
        let key = format!("{tag}:");
        report.warning(place::at(read, (1, 1), &["sources:", &key], message).hint("cite it or take it out"));
    }
}
