//! Checks of what a call changes, of how that is observed and of what makes it dangerous.

use super::abi::View;
use super::names::Names;
use super::place::Place;
use super::{Report, place, suggest};
use crate::abi::{Call, Contents, Observation};
use crate::yaml::At;

pub(super) fn check(view: &View<'_>, call: &At<Call>, names: &Names<'_>, report: &mut Report) {
    let codes = |from: Place, codes: &[String], report: &mut Report| {
        for code in codes {
            view.code(from, &["when:", code], code, report);
        }
    };
    for footprint in &call.writes {
        let from = place::of(footprint);
        codes(from, &footprint.when, report);
        let becomes = footprint.becomes.as_ref().and_then(|contents| match contents {
            Contents::Number(expr) | Contents::Little(expr) | Contents::Fill(expr) | Contents::CopyOf(expr) => {
                Some(expr)
            }
            Contents::Any => None,
        });
        for expr in [&footprint.at, &footprint.length].into_iter().chain(&footprint.condition).chain(becomes) {
            names.check(view.read, from, expr, report);
        }
    }
    let effects_at = place::find(view.read, place::of(call), &["effects:"]);
    for (slot, effect) in &call.effects {
        let from = place::of(effect);
        view.subject(effects_at, &[slot], slot, report);
        codes(from, &effect.when, report);
        for expr in effect.becomes.iter().chain(&effect.condition) {
            names.check(view.read, from, expr, report);
        }
    }
    for hazard in &call.hazards {
        if let Some(condition) = &hazard.condition {
            names.check(view.read, place::of(hazard), condition, report);
        }
    }
    // What a call gave out may be what the other call is asked about: the entry taken, the handle made.
    let names = names.clone().with_outputs(call.outputs.keys());
    for observation in &call.observe {
        codes(place::of(observation), &observation.when, report);
        observe(view, observation, &names, report);
    }
}

fn observe(view: &View<'_>, observation: &At<Observation>, names: &Names<'_>, report: &mut Report) {
    let from = place::of(observation);
    if let Some(clause) = &observation.clause {
        view.clause(from, &["clause:", clause], clause, report);
    }
    for expr in observation.arguments.values().chain(observation.outputs.values()) {
        names.check(view.read, from, expr, report);
    }
    let Some((abi, name, call)) = view.world.library.call(&view.abi.abi, &observation.call) else {
        let hint = view.world.call_hint(&view.abi.abi, &observation.call);
        let message = format!("no call `{}`", observation.call);
        report.error(view.at(from, &["call:", &observation.call], message).hint(hint));
        return;
    };
    if !abi.codes.contains_key(&observation.returns) {
        let message = format!("no return code `{}`", observation.returns);
        let hint = suggest(&observation.returns, abi.codes.keys().map(String::as_str));
        report.error(view.at(from, &["returns:"], message).hint(hint));
    }
    for argument in observation.arguments.keys().filter(|argument| !call.arguments.contains_key(*argument)) {
        let message = format!("`{name}` has no argument `{argument}`");
        let hint = suggest(argument, call.arguments.keys().map(String::as_str));
        report.error(view.at(from, &["arguments:", argument], message).hint(hint));
    }
    for output in observation.outputs.keys().filter(|output| !call.outputs.contains_key(*output)) {
        let message = format!("`{name}` has no output `{output}`");
        let hint = suggest(output, call.outputs.keys().map(String::as_str));
        report.error(view.at(from, &["outputs:", output], message).hint(hint));
    }
}
