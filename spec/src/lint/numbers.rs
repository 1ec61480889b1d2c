//! Call numbers: in their range, and given once.

use std::collections::BTreeMap;

use super::abi::View;
use super::{Report, place, suggest};
use crate::abi::{Abi, Call, Number, Range};
use crate::library::{Library, Read};
use crate::word::Word;
use crate::yaml::At;

pub(super) fn check(view: &View<'_>, report: &mut Report) {
    let Some(number) = &view.abi.number else {
        if let Some((name, call)) = view.abi.calls.iter().find(|(_, call)| call.conduit.is_none()) {
            let message = format!("call `{name}` has a number, but the ABI does not say where numbers go");
            report.error(
                place::key(view.read, call, name, message)
                    .hint("add `number: { in: REGISTER, width: BITS }`, or name the call's conduit"),
            );
        }
        return;
    };
    let from = place::find(view.read, (1, 1), &["number:"]);
    if let Some(code) = &number.unknown {
        view.code(from, &["unknown:", code], code, report);
    }
    if let Some(clause) = &number.clause {
        view.clause(from, &["clause:", clause], clause, report);
    }
    ranges(view, number, report);
    for (name, call) in &view.abi.calls {
        vendor(view, number, name, call, report);
        in_range(view, number, name, call, report);
    }
    duplicates(view, report);
}

fn ranges(view: &View<'_>, number: &Number, report: &mut Report) {
    for (n, range) in number.ranges.iter().enumerate() {
        let shown = |range: &Range| format!("{:#x}..{:#x}", range.from.0, range.to.0);
        if range.from > range.to {
            let message = format!("range {} of {} ends before it starts", shown(range), range.owner);
            report.error(view.at(place::of(range), &["from:"], message).hint("swap `from` and `to`"));
        }
        if range.step == 0 {
            let message = format!("range {} of {} has step 0", shown(range), range.owner);
            report.error(view.at(place::of(range), &["step:"], message).hint("write `step: 1`, or leave it out"));
        }
        for other in &number.ranges[..n] {
            if range.from <= other.to && other.from <= range.to {
                let message =
                    format!("range {} of {} overlaps {} of {}", shown(range), range.owner, shown(other), other.owner);
                let hint = format!("{}:{} has the other one; a number has one owner", view.read.file, other.line);
                report.error(view.at(place::of(range), &["from:"], message).hint(hint));
            }
        }
    }
}

fn vendor(view: &View<'_>, number: &Number, name: &str, call: &At<Call>, report: &mut Report) {
    let vendors = || number.vendors.keys().map(String::as_str);
    match &call.vendor {
        Some(vendor) if !number.vendors.contains_key(vendor) => {
            let message = format!("no vendor `{vendor}`");
            report.error(view.at(place::of(call), &["vendor:", vendor], message).hint(suggest(vendor, vendors())));
        }
        None if !number.vendors.is_empty() => {
            let message = format!("call `{name}` has no vendor");
            report.error(place::key(view.read, call, name, message).hint(suggest("", vendors())));
        }
        _ => {}
    }
    let full = view.abi.number_of(call);
    if number.width < 64 && full >> number.width != 0 {
        let message = format!("number {full:#x} of `{name}` has more than {} bits", number.width);
        report.error(view.at(place::of(&call.number), &[], message).hint("correct the number, or `width`"));
    }
}

fn in_range(view: &View<'_>, number: &Number, name: &str, call: &At<Call>, report: &mut Report) {
    let full = Word(view.abi.number_of(call));
    let inside: Vec<_> = number.ranges.iter().filter(|range| range.from <= full && full <= range.to).collect();
    let misaligned = |range: &&At<Range>| !(full.0 - range.from.0).is_multiple_of(u64::from(range.step.max(1)));
    if inside.is_empty() && !number.ranges.is_empty() {
        let message = format!("number {full:?} of `{name}` is in no range").replace(&format!("{full:?}"), &hex(full));
        report.error(view.at(place::of(&call.number), &[], message).hint("correct it, or add the range to `ranges`"));
    } else if let Some(range) = inside.iter().find(|range| misaligned(range)) {
        let message =
            format!("number {} of `{name}` is no multiple of {} from {}", hex(full), range.step, hex(range.from));
        report.error(view.at(place::of(&call.number), &[], message).hint("correct it, or the range's `step`"));
    }
}

fn hex(word: Word) -> String {
    format!("{:#x}", word.0)
}

/// Whether two calls can be there at once: on one architecture, and not one gone before the other came.
fn coexist(a: &Call, b: &Call) -> bool {
    let one_arch = a.arch.is_empty() || b.arch.is_empty() || a.arch.iter().any(|arch| b.arch.contains(arch));
    let succeeded = a.until.is_some() && b.since.is_some() || b.until.is_some() && a.since.is_some();
    one_arch && !succeeded
}

fn duplicates(view: &View<'_>, report: &mut Report) {
    let mut seen: BTreeMap<u64, Vec<(&String, &At<Call>)>> = BTreeMap::new();
    for (name, call) in &view.abi.calls {
        let number = view.abi.number_of(call);
        let earlier = seen.entry(number).or_default();
        for (other, first) in earlier.iter().filter(|(_, first)| coexist(first, call)) {
            let message = format!("`{name}` has the number {number:#x} of `{other}`");
            let hint = format!("`{other}` is at {}; correct one of them", place::show(view.read, first, other));
            report.error(view.at(place::of(&call.number), &[], message).hint(hint));
        }
        earlier.push((name, call));
    }
}

/// Numbers that two ABIs give to calls which the hypervisor cannot tell apart.
pub(super) fn across(library: &Library, report: &mut Report) {
    let abis: Vec<&Read<Abi>> = library.abis.values().collect();
    for (n, later) in abis.iter().enumerate() {
        for earlier in abis[..n].iter().filter(|earlier| confusable(library, earlier, later)) {
            for (name, call) in &later.value.calls {
                let number = later.value.number_of(call);
                let twin = earlier
                    .value
                    .calls
                    .iter()
                    .find(|(_, twin)| earlier.value.number_of(twin) == number && coexist(twin, call));
                if let Some((other, twin)) = twin {
                    let theirs = &earlier.value.abi;
                    let message = format!(
                        "`{name}` has the number {number:#x} of `{theirs}.{other}`, which one conduit carries too"
                    );
                    let hint = format!(
                        "that one is at {}; correct one, or let one ABI say `needs: [not {theirs}]`",
                        place::show(earlier, twin, other)
                    );
                    report.error(place::at(later, place::of(&call.number), &[], message).hint(hint));
                }
            }
        }
    }
}

/// Whether one instruction with the number in one register may be a call of either ABI.
fn confusable(library: &Library, a: &Read<Abi>, b: &Read<Abi>) -> bool {
    let (a, b) = (&a.value, &b.value);
    let (Some(one), Some(two)) = (&a.number, &b.number) else { return false };
    one.register == two.register
        && !a.excludes(b)
        && !b.excludes(a)
        && crate::collisions::one_instruction(library, a, b)
}
