//! Checks of a call: its arguments, results and return codes.

use std::collections::BTreeMap;

use super::abi::View;
use super::names::{Names, constant};
use super::{Report, effects, place, suggest};
use crate::abi::{Argument, Call, Domain};
use crate::expr::Expr;
use crate::yaml::At;

pub(super) fn check(view: &View<'_>, name: &str, call: &At<Call>, report: &mut Report) {
    let from = place::of(call);
    for arch in call.arch.iter().filter(|arch| !view.abi.arch.contains(arch)) {
        let hint = suggest(arch, view.abi.arch.iter().map(String::as_str));
        let message = format!("call `{name}` is for `{arch}`, the ABI is not");
        report.error(view.at(from, &["arch:", arch], message).hint(hint));
    }
    if let Some(conduit) = call.conduit.as_ref().filter(|conduit| !view.abi.conduits.contains_key(*conduit)) {
        let hint = suggest(conduit, view.abi.conduits.keys().map(String::as_str));
        report.error(view.at(from, &["conduit:", conduit], format!("no conduit `{conduit}`")).hint(hint));
    }
    if let Some(result) = &call.result {
        view.carrier(from, &["result:", &result.register], &result.register, "the return code", report);
    }
    for clause in &call.clauses {
        view.clause(from, &["clauses:", clause], clause, report);
    }
    if let Some(frame) = &call.registers {
        view.frame(from, frame, report);
    }
    let before = view.names().with(call.arguments.keys());
    arguments(view, name, call, &before, report);
    outputs(view, name, call, &before, report);
    returns(view, name, call, &before, report);
    effects::check(view, call, &before, report);
}

fn arguments(view: &View<'_>, name: &str, call: &Call, names: &Names<'_>, report: &mut Report) {
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    for (argument, about) in &call.arguments {
        let register = about.register.as_str();
        let place = place::of(about);
        if !view.abi.arguments.iter().any(|known| known == register) {
            let message = format!("argument `{argument}` of `{name}` is in `{register}`, which carries no arguments");
            let hint = suggest(register, view.abi.arguments.iter().map(String::as_str));
            report.error(view.at(place, &["in:", register], message).hint(hint));
        }
        if let Some(other) = taken.insert(register, argument) {
            let message = format!("`{argument}` is in `{register}`, where `{other}` is");
            report.error(view.at(place, &["in:", register], message).hint("give one of them another register"));
        }
        if let Some(example) = &about.example {
            names.check(view.read, place, example, report);
        }
        domain(view, argument, about, names, report);
    }
}

fn domain(view: &View<'_>, argument: &str, about: &At<Argument>, names: &Names<'_>, report: &mut Report) {
    let place = place::of(about);
    let value = |expr: &Expr| constant(expr, view.abi);
    let all: Vec<&Expr> = match &about.domain {
        Domain::Any => Vec::new(),
        Domain::OneOf(values) => values.iter().collect(),
        Domain::Range(ends) => ends.iter().collect(),
        Domain::Flags(flags) => {
            if let Some((flag, _)) = flags.iter().find(|(_, bits)| bits.0 == 0) {
                let message = format!("flag `{flag}` of `{argument}` has no bit");
                report.error(view.at(place, &["flags:", flag], message).hint("give its mask, such as 0x8000"));
            }
            Vec::new()
        }
        Domain::Address(address) => vec![&address.align, &address.length],
    };
    for expr in all {
        names.check(view.read, place, expr, report);
    }
    let wrong = match &about.domain {
        Domain::OneOf(values) if values.is_empty() => {
            Some(("one-of:", "no value is valid".to_owned(), "list the values"))
        }
        Domain::Range([from, to]) => match (value(from), value(to)) {
            (Some(a), Some(b)) if a > b => {
                Some(("range:", format!("range [{from}, {to}] is empty"), "swap its ends; values are unsigned"))
            }
            _ => None,
        },
        Domain::Address(address) => value(&address.align).filter(|align| !align.is_power_of_two()).map(|align| {
            ("align:", format!("alignment {align:#x} is no power of two"), "write 1 where any address is aligned")
        }),
        _ => None,
    };
    if let Some((key, what, hint)) = wrong {
        report.error(view.at(place, &[key], format!("argument `{argument}`: {what}")).hint(hint));
    }
}

fn outputs(view: &View<'_>, name: &str, call: &Call, before: &Names<'_>, report: &mut Report) {
    let result = view.abi.result.as_ref().map(|result| &result.register);
    let after = before.clone().with_outputs(call.outputs.keys());
    for (output, about) in &call.outputs {
        let place = place::of(about);
        if !view.abi.outputs.iter().chain(result).any(|known| *known == about.register) {
            let message = format!("output `{output}` of `{name}` is in `{}`, which carries no outputs", about.register);
            let hint = suggest(&about.register, view.abi.outputs.iter().map(String::as_str));
            report.error(view.at(place, &["in:", &about.register], message).hint(hint));
        }
        for code in &about.when {
            view.code(place, &["when:", code], code, report);
        }
        if let Some(is) = &about.is {
            before.check(view.read, place, is, report);
        }
        if let Some(holds) = &about.holds {
            after.check(view.read, place, holds, report);
        }
    }
}

fn returns(view: &View<'_>, name: &str, call: &At<Call>, names: &Names<'_>, report: &mut Report) {
    let mut decided: Option<&str> = None;
    for (code, condition) in &call.returns {
        let place = place::of(condition);
        if !view.abi.codes.contains_key(code) {
            let hint = suggest(code, view.abi.codes.keys().map(String::as_str));
            let message = format!("`{name}` returns `{code}`, which is no return code of the ABI");
            report.error(place::key(view.read, condition, code, message).hint(hint));
        }
        if let Some(clause) = &condition.clause {
            view.clause(place, &["clause:", clause], clause, report);
        }
        for expr in condition.forced.iter().chain(&condition.only_if) {
            names.check(view.read, place, expr, report);
        }
        let never = |expr: &Option<Expr>| expr.as_ref().and_then(|expr| constant(expr, view.abi)) == Some(0);
        if never(&condition.forced) || never(&condition.only_if) {
            let message = format!("`{name}` can never return `{code}`: its condition is always false");
            report.error(
                place::key(view.read, condition, code, message).hint("correct the condition, or take the code out"),
            );
        }
        if let Some(first) = decided.filter(|_| call.ordered && condition.forced.is_some()) {
            let message = format!("`{name}` can never return `{code}`: `{first}` always comes first");
            report.error(
                place::key(view.read, condition, code, message)
                    .hint("the first condition that holds decides; move it up"),
            );
        }
        let always =
            condition.forced.as_ref().and_then(|expr| constant(expr, view.abi)).is_some_and(|value| value != 0);
        decided = decided.or_else(|| always.then_some(code));
    }
    if !call.returns.is_empty()
        && decided.is_none()
        && call.returns.values().all(|condition| condition.forced.is_some())
    {
        let message = format!("`{name}` has no code to return where none of its conditions holds");
        let hint = "give the code of success neither `if` nor `only-if`: `H_SUCCESS: {}`";
        report.warning(place::key(view.read, call, name, message).hint(hint));
    }
}
