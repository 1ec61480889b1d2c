//! Checks of the ways into the hypervisor.

use super::abi::View;
use super::place::{self, Place};
use super::{Report, suggest};
use crate::abi::Conduit;
use crate::yaml::At;

pub(super) fn check(view: &View<'_>, report: &mut Report) {
    for (name, conduit) in &view.abi.conduits {
        let from = place::of(conduit);
        view.features(from, "on:", &conduit.on, report);
        view.features(from, "without:", &conduit.decode.without, report);
        for register in conduit.registers.keys() {
            let what = format!("what conduit `{name}` sets");
            view.carrier(from, &["registers:", register], register, &what, report);
        }
        decode(view, name, conduit, report);
        refused(view, name, conduit, report);
    }
}

/// A condition must be decidable on every architecture. A field that lies above the bits of a narrower one reads as
/// zero there.
fn decode(view: &View<'_>, name: &str, conduit: &At<Conduit>, report: &mut Report) {
    let from = place::of(conduit);
    for (slot, value) in &conduit.decode.when {
        let widest = view.arches.iter().find_map(|(_, slots)| slots.get(slot));
        let widest = widest.as_ref();
        for (arch, slots) in &view.arches {
            let beyond = widest.is_some_and(|found| slot.contains('.') && found.bits.low >= slots.width);
            if slots.get(slot).is_none() && !beyond {
                let message = format!("conduit `{name}` looks at `{slot}`, which {arch} does not have");
                report.error(view.at(from, &["when:", slot], message).hint(suggest(slot, slots.names())));
                break;
            }
        }
        let limit = widest.map_or(u64::MAX, |found| found.bits.mask() >> found.bits.low);
        if value.0 > limit {
            let message = format!("`{slot}` can never be {value}: it has {} bits", limit.count_ones());
            report.error(view.at(from, &["when:", slot], message).hint("correct the value"));
        }
        let compared = conduit.decode.compare_bits.map_or(u64::MAX, |bits| u64::MAX >> (64 - bits.clamp(1, 64)));
        if !slot.contains('.') && value.0 & !compared != 0 {
            let message = format!("`{slot}` is compared in {} low bits, and {value} has more", compared.count_ones());
            report.error(view.at(from, &["when:", slot], message).hint("correct the value or `compare-bits`"));
        }
    }
    for lev in &conduit.decode.lev {
        for (arch, _) in &view.arches {
            let Some(arch) = view.world.library.arches.get(*arch) else { continue };
            let traps = conduit.code.split([';', '\n']).filter_map(|line| line.split_whitespace().next());
            let field = traps.filter_map(|name| arch.value.traps.get(name)?.value.deciding()).next_back();
            let widest = field.map_or(u64::MAX, |bits| bits.mask() >> bits.low);
            if lev.0 > widest {
                let message = format!("the field that decides ends at {widest:#x} and cannot be {lev}");
                report.error(view.at(from, &["lev:"], message).hint("correct the value or the conduit's code"));
            }
        }
    }
}

fn refused(view: &View<'_>, name: &str, conduit: &At<Conduit>, report: &mut Report) {
    let arches = || view.arches.iter().filter_map(|(arch, _)| view.world.library.arches.get(*arch));
    for (mode, refusal) in &conduit.refused {
        let key = format!("{mode}:");
        let words = |last: &'_ str| -> Place { place::find(view.read, place::of(conduit), &["refused:", &key, last]) };
        if !view.arches.is_empty() && !arches().any(|arch| arch.value.modes.contains_key(mode)) {
            let hint = suggest(mode, arches().flat_map(|arch| arch.value.modes.keys()).map(String::as_str));
            let message = format!("conduit `{name}` is refused in mode `{mode}`, which no architecture has");
            report.error(view.at(words(""), &[], message).hint(hint));
        }
        if let Some(code) = &refusal.code {
            view.code(words(code), &[], code, report);
        }
        for interrupt in &refusal.interrupts {
            if !view.arches.is_empty() && !arches().any(|arch| arch.value.interrupts.contains_key(interrupt)) {
                let hint =
                    suggest(interrupt, arches().flat_map(|arch| arch.value.interrupts.keys()).map(String::as_str));
                report.error(view.at(words(interrupt), &[], format!("no interrupt `{interrupt}`")).hint(hint));
            }
        }
        if refusal.code.is_none() && refusal.interrupts.is_empty() {
            let message = format!("conduit `{name}` is refused in mode `{mode}`, but not how");
            report.error(view.at(words(""), &[], message).hint("add `code:`, `interrupts:` or both"));
        }
        view.clause(words("clause:"), &[&refusal.clause], &refusal.clause, report);
    }
}
