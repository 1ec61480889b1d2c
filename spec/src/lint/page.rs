//! Checks of a shared page and of the instructions that are replaced.

use super::abi::View;
use super::{Report, place, suggest};
use crate::abi::{Page, Patch};
use crate::arch::names;
use crate::yaml::At;

pub(super) fn check(view: &View<'_>, report: &mut Report) {
    if let Some(page) = &view.abi.page {
        fields(view, page, report);
        mapping(view, page, report);
    }
    for (n, (name, patch)) in view.abi.patches.iter().enumerate() {
        patch_field(view, name, patch, report);
        view.features(place::of(patch), "on:", &patch.on, report);
        feature(view, patch.feature.as_deref(), place::of(patch), report);
        for (other, earlier) in view.abi.patches.iter().take(n) {
            let apart =
                !patch.on.is_empty() && !earlier.on.is_empty() && !patch.on.iter().any(|on| earlier.on.contains(on));
            if patch.word == earlier.word && !apart {
                let message = format!("patch `{name}` is for the word {:#010x} of patch `{other}`", patch.word.0);
                let hint = format!("`{other}` is at {}", place::show(view.read, earlier, other));
                report.error(view.at(place::of(patch), &["word:"], message).hint(hint));
            }
        }
    }
}

/// The call that maps the page must be there, with the arguments that are given to it, and so must its platforms.
fn mapping(view: &View<'_>, page: &Page, report: &mut Report) {
    let from = place::of(&page.map);
    view.features(from, "platforms:", &page.platforms, report);
    let wanted = &page.map.call;
    let Some((_, name, call)) = view.world.library.call(&view.abi.abi, wanted) else {
        let hint = view.world.call_hint(&view.abi.abi, wanted);
        report.error(view.at(from, &["call:", wanted], format!("no call `{wanted}`")).hint(hint));
        return;
    };
    for argument in page.map.arguments.keys().filter(|argument| !call.arguments.contains_key(*argument)) {
        let message = format!("`{name}` has no argument `{argument}`");
        report.error(
            view.at(from, &[argument], message).hint(suggest(argument, call.arguments.keys().map(String::as_str))),
        );
    }
}

fn fields(view: &View<'_>, page: &Page, report: &mut Report) {
    let mut taken: Vec<(u64, u64, &str)> = Vec::new();
    for (name, field) in &page.fields {
        let (from, length) = (field.offset.0, u64::from(field.size) * u64::from(field.count));
        let end = from.saturating_add(length);
        if end > page.size.0 {
            let message = format!("field `{name}` ends at byte {end:#x} of a page of {:#x}", page.size.0);
            report.error(place::key(view.read, field, name, message).hint("correct its offset, size or count"));
        }
        if let Some((other_from, other_end, other)) = taken.iter().find(|(a, b, _)| from < *b && *a < end) {
            let message = format!("field `{name}` overlaps `{other}`, which has bytes {other_from:#x}..{other_end:#x}");
            report.error(place::key(view.read, field, name, message).hint("correct the offset or size of one"));
        }
        taken.push((from, end, name));
        if let Some(register) = &field.register {
            for name in names(register) {
                view.subject(place::of(field), &["register:", register], &name, report);
            }
        }
        feature(view, field.feature.as_deref(), place::of(field), report);
    }
}

/// A feature bit is a constant, or a bit of some call's output.
fn feature(view: &View<'_>, feature: Option<&str>, from: place::Place, report: &mut Report) {
    let abis = || view.world.library.abis.values().map(|read| &read.value);
    let bits = abis().flat_map(|abi| abi.calls.values()).flat_map(|call| call.value.outputs.values());
    let known = bits.flat_map(|output| output.value.bits.keys()).chain(abis().flat_map(|abi| abi.constants.keys()));
    let known: Vec<&str> = known.map(String::as_str).collect();
    if let Some(feature) = feature.filter(|feature| !known.contains(feature)) {
        let message = format!("no feature bit `{feature}`");
        let hint = suggest(feature, known.into_iter());
        report.error(view.at(from, &["feature:", feature], message).hint(hint));
    }
}

fn patch_field(view: &View<'_>, name: &str, patch: &At<Patch>, report: &mut Report) {
    let Some(wanted) = &patch.field else { return };
    let fields = view.abi.page.iter().flat_map(|page| &page.fields);
    let Some((_, field)) = fields.clone().find(|(name, _)| *name == wanted) else {
        let hint = suggest(wanted, fields.map(|(name, _)| name.as_str()));
        let message = format!("patch `{name}` uses field `{wanted}`, which the page does not have");
        report.error(view.at(place::of(patch), &["field:", wanted], message).hint(hint));
        return;
    };
    let length = u64::from(field.size) * u64::from(field.count);
    let size = patch.size.unwrap_or_else(|| field.size.saturating_sub(patch.skip));
    if u64::from(patch.skip) + u64::from(size) > length || patch.skip >= field.size.max(1) && field.count == 1 {
        let message = format!("patch `{name}` reads behind field `{wanted}` of {length} bytes");
        report.error(view.at(place::of(patch), &["field:", wanted], message).hint("correct `skip` or `size`"));
    }
}
