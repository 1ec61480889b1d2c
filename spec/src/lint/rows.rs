//! Checks of the steps of a case as each row runs them.

use std::collections::BTreeSet;

use super::names::{Names, constant};
use super::place::{self, Place};
use super::{Report, World, suggest};
use crate::abi::{Abi, Call};
use crate::arch;
use crate::case::{Bytes, Case, Expect, Scenario, Step, TreeLook};
use crate::expr::Expr;
use crate::library::{NamedCase, Read};
use crate::slots::Slots;

pub(super) fn check(world: &World<'_>, case: &NamedCase, abi: &Abi, report: &mut Report) {
    let read = &case.read;
    let rows: Vec<_> = read.value.rows.values().collect();
    for (n, scenario) in read.value.scenarios(&case.stem, &read.file).iter().enumerate() {
        let arches = if scenario.arch.is_empty() { &abi.arch } else { &scenario.arch };
        let row = rows.get(n).map(|row| {
            let end = rows.get(n + 1).map_or(usize::MAX, |next| next.line.max(row.line + 1));
            (place::of(row), end)
        });
        let mut check = Check { world, read, row, step: None, abi, arches: world.arches(arches), report: &mut *report };
        check.scenario(scenario);
    }
}

/// Where we are.
struct Check<'a> {
    world: &'a World<'a>,
    read: &'a Read<Case>,
    /// Where the row begins, and the line where the next one does.
    row: Option<(Place, usize)>,
    step: Option<Place>,
    abi: &'a Abi,
    arches: Vec<(&'a str, &'a Slots)>,
    report: &'a mut Report,
}

impl<'a> Check<'a> {
    /// Reports at `word`, which stands in the row, in the step or elsewhere in the file, in this order.
    fn error(&mut self, word: &str, message: String, hint: String) {
        let text = &self.read.text;
        let in_row = self.row.and_then(|(from, end)| place::next(text, from, word).filter(|at| at.0 < end));
        let found = in_row
            .or_else(|| place::next(text, self.step?, word))
            .or_else(|| place::next(text, place::find(self.read, (1, 1), &["abi:", &self.read.value.abi]), word))
            .or(self.step)
            .or(self.row.map(|(from, _)| from))
            .unwrap_or((1, 1));
        self.report.error(place::at(self.read, found, &[], message).hint(hint));
    }

    fn scenario(&mut self, scenario: &'a Scenario) {
        let mut saved: BTreeSet<&'a String> = BTreeSet::new();
        let base = Names::of(self.abi, &self.arches).with(scenario.bindings.keys());
        for expr in scenario.bindings.values() {
            self.expression(&base, expr);
        }
        for (n, step) in scenario.steps.iter().enumerate() {
            self.step = self.read.value.steps.get(n).map(place::of);
            let names = base.clone().with(saved.iter().copied());
            self.check_step(step, names);
            saved.extend(step.save.keys());
        }
    }

    fn expression(&mut self, names: &Names<'_>, expr: &Expr) {
        for name in expr.names() {
            if let Some(hint) = names.hint_for(name) {
                self.error(name, format!("nothing is called `{name}` here"), hint);
            }
        }
    }

    fn check_step(&mut self, step: &'a Step, mut names: Names<'a>) {
        let mut abi = self.abi;
        let mut called: Option<(&'a str, &'a Call)> = None;
        if let Some(wanted) = &step.call {
            if let Some((other, name, call)) = self.world.library.call(&self.abi.abi, wanted) {
                (abi, called) = (other, Some((name, call)));
                names = names.with(other.constants.keys()).with(other.codes.keys()).with(call.arguments.keys());
            } else if crate::word::Word::parse(wanted).is_none() {
                let hint = self.world.call_hint(&self.abi.abi, wanted);
                self.error(wanted, format!("no call `{}`", wanted.value), hint);
            }
        }
        let conduits = || abi.conduits.keys().map(String::as_str);
        if let Some(conduit) = step.conduit.as_ref().filter(|name| !abi.conduits.contains_key(*name)) {
            self.error(conduit, format!("no conduit `{conduit}` in {}", abi.abi), suggest(conduit, conduits()));
        }
        let variants = || abi.variants.keys().map(String::as_str);
        if let Some(variant) = step.variant.as_ref().filter(|name| !abi.variants.contains_key(*name)) {
            self.error(variant, format!("no variant `{variant}` in {}", abi.abi), suggest(variant, variants()));
        }
        self.modes(&step.mode);
        if let Some((name, call)) = called {
            let known = || call.arguments.keys().map(String::as_str);
            for argument in step.arguments.keys().filter(|argument| !call.arguments.contains_key(*argument)) {
                self.error(argument, format!("`{name}` has no argument `{argument}`"), suggest(argument, known()));
            }
        }
        let answers = step.answer.keys().filter(|name| !name.starts_with("exit."));
        for register in step.registers.keys().chain(answers) {
            self.slot(register);
        }
        for expr in step.arguments.values().chain(step.registers.values()).chain(step.answer.values()) {
            self.expression(&names, expr);
        }
        for (address, bytes) in &step.memory {
            self.bytes(&names, address, bytes);
        }
        for filter in step.filter.iter().chain(step.filters.iter().flatten()) {
            self.expression(&names, &filter.base);
            self.expression(&names, &filter.count);
        }
        for expr in step.configure.values() {
            self.expression(&names, expr);
        }
        for expr in step.device_tree.iter().flat_map(TreeLook::expressions) {
            self.expression(&names, expr);
        }
        self.expect(step, abi, called, &names);
    }

    fn modes(&mut self, modes: &[String]) {
        for mode in modes {
            let known = || self.arches.iter().filter_map(|(name, _)| self.world.library.arches.get(*name));
            if !self.arches.is_empty() && !known().any(|arch| arch.value.modes.contains_key(mode)) {
                let hint = suggest(mode, known().flat_map(|arch| arch.value.modes.keys()).map(String::as_str));
                self.error(mode, format!("no mode `{mode}`"), hint);
            }
        }
    }

    fn slot(&mut self, name: &str) {
        let Some((arch, slots)) = self.arches.first().copied() else { return };
        if !self.arches.iter().any(|(_, slots)| slots.get(name).is_some()) {
            let hint = suggest(name, slots.names());
            self.error(name, format!("{arch} has no register or field `{name}`"), hint);
        }
    }

    fn bytes(&mut self, names: &Names<'_>, address: &Expr, bytes: &Bytes) {
        self.expression(names, address);
        match bytes {
            Bytes::Be8(expr)
            | Bytes::Be16(expr)
            | Bytes::Be32(expr)
            | Bytes::Be64(expr)
            | Bytes::Le16(expr)
            | Bytes::Le32(expr)
            | Bytes::Le64(expr) => self.expression(names, expr),
            Bytes::Fill(both) => both.iter().for_each(|expr| self.expression(names, expr)),
            Bytes::Hex(digits) => {
                let bare: String = digits.chars().filter(|c| !c.is_whitespace()).collect();
                if !bare.len().is_multiple_of(2) || !bare.chars().all(|c| c.is_ascii_hexdigit()) {
                    let message = format!("`{digits}` is no row of bytes");
                    self.error(digits, message, "write two hexadecimal digits for each byte".to_owned());
                }
            }
        }
    }

    fn expect(&mut self, step: &'a Step, abi: &'a Abi, called: Option<(&'a str, &'a Call)>, names: &Names<'a>) {
        let expect = &step.expect;
        for code in expect.code.iter().flat_map(|choice| &choice.0) {
            self.code(code, abi, called, names);
        }
        let mut after = names.clone();
        if let Some((name, call)) = called {
            after = after.with_outputs(call.outputs.keys());
            let known = || call.outputs.keys().map(String::as_str);
            for output in expect.outputs.keys().filter(|output| !call.outputs.contains_key(*output)) {
                self.error(output, format!("`{name}` has no output `{output}`"), suggest(output, known()));
            }
        } else if let Some(output) = expect.outputs.keys().next() {
            let hint = "expect registers instead, or add `call:`".to_owned();
            self.error(output, format!("without a call there is no output `{output}`"), hint);
        }
        for entry in expect.registers.keys().chain(&expect.unchanged).flat_map(|entry| arch::names(entry)) {
            self.slot(&entry);
        }
        let exprs = expect.outputs.values().chain(expect.registers.values()).chain(&expect.holds);
        for expr in exprs.chain(step.save.values()) {
            self.expression(&after, expr);
        }
        for (register, expr) in expect.forwarded.iter().flat_map(|sent| &sent.registers) {
            self.slot(register);
            self.expression(&after, expr);
        }
        for expr in expect.configured.values() {
            self.expression(&after, expr);
        }
        for expr in expect.forwarded.iter().flat_map(|sent| sent.fields.values()) {
            self.expression(&after, expr);
        }
        for (address, bytes) in &expect.memory {
            self.bytes(&after, address, bytes);
        }
        self.interrupts(expect);
    }

    fn interrupts(&mut self, expect: &Expect) {
        for interrupt in &expect.interrupt {
            let known = || self.arches.iter().filter_map(|(name, _)| self.world.library.arches.get(*name));
            if !self.arches.is_empty() && !known().any(|arch| arch.value.interrupts.contains_key(interrupt)) {
                let hint =
                    suggest(interrupt, known().flat_map(|arch| arch.value.interrupts.keys()).map(String::as_str));
                self.error(interrupt, format!("no interrupt `{interrupt}`"), hint);
            }
        }
    }

    /// An expected code must exist, and the call must be able to return it: by its conditions, because a conduit
    /// refuses it, or because nobody implements it.
    fn code(&mut self, code: &Expr, abi: &Abi, called: Option<(&str, &Call)>, names: &Names<'_>) {
        if let Expr::Name(name) = code
            && let Some(hint) = names.hint_for(name).filter(|_| !abi.codes.contains_key(name))
        {
            let hint = crate::yaml::nearest(name, abi.codes.keys().map(String::as_str))
                .map_or(hint, |code| format!("did you mean `{code}`?"));
            return self.error(name, format!("no return code `{name}`"), hint);
        }
        if !matches!(code, Expr::Name(name) if abi.codes.contains_key(name)) {
            self.expression(names, code);
        }
        let (Some((call_name, call)), Some(value)) = (called, constant(code, abi)) else { return };
        let refusals = abi.conduits.values().flat_map(|conduit| conduit.value.refused.values());
        let unknown = abi.number.as_ref().and_then(|number| number.unknown.as_ref());
        let possible = call.returns.keys().chain(refusals.filter_map(|refusal| refusal.code.as_ref())).chain(unknown);
        let covers = |name: &String| {
            let bounds = abi.codes.get(name).and_then(|code| code.bounds());
            bounds.is_some_and(|(low, high)| (low..=high).contains(&value.cast_signed()))
        };
        if !call.returns.is_empty() && !possible.into_iter().any(covers) {
            let hint = suggest("", call.returns.keys().map(String::as_str)).replacen("there are", "it may return", 1);
            self.error(&code.to_string(), format!("`{call_name}` never returns `{code}`"), hint);
        }
    }
}
