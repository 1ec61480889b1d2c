//! Checks of an ABI as a whole: names, registers, codes and what is cited.

use std::collections::BTreeMap;

use super::names::Names;
use super::place::{self, Place};
use super::{Report, World, calls, conduits, named_for, numbers, page, sources, suggest};
use crate::abi::{Abi, CodeClass, Frame};
use crate::arch::{Class, names};
use crate::library::Read;
use crate::slots::Slots;

/// An ABI, and what its names are looked up in.
pub(super) struct View<'a> {
    pub world: &'a World<'a>,
    pub read: &'a Read<Abi>,
    pub abi: &'a Abi,
    /// Its architectures, as far as they are known.
    pub arches: Vec<(&'a str, &'a Slots)>,
}

pub(super) fn check(world: &World<'_>, read: &Read<Abi>, report: &mut Report) {
    let view = View { world, read, abi: &read.value, arches: world.arches(&read.value.arch) };
    named_for(read, "abi", &view.abi.abi, report);
    view.arches_and_needs(report);
    sources::abi(read, report);
    conduits::check(&view, report);
    view.registers(report);
    view.codes(report);
    numbers::check(&view, report);
    view.cites(report);
    page::check(&view, report);
    for (name, call) in &view.abi.calls {
        calls::check(&view, name, call, report);
    }
}

impl<'a> View<'a> {
    fn arches_and_needs(&self, report: &mut Report) {
        for arch in self.abi.arch.iter().filter(|arch| !self.world.slots.contains_key(arch.as_str())) {
            let hint = suggest(arch, self.world.slots.keys().copied());
            report.error(self.at((1, 1), &["arch:", arch], format!("no architecture `{arch}`")).hint(hint));
        }
        self.features((1, 1), "needs:", &self.abi.needs, report);
    }

    /// A diagnostic in this file.
    pub fn at(&self, from: Place, words: &[&str], message: impl Into<String>) -> crate::yaml::Diagnostic {
        place::at(self.read, from, words, message)
    }

    /// Features that a list names must exist.
    pub fn features(&self, from: Place, key: &str, list: &[String], report: &mut Report) {
        for feature in list {
            if let Some(hint) = self.world.feature_hint(feature) {
                report.error_once(self.at(from, &[key, feature], format!("no feature `{feature}`")).hint(hint));
            }
        }
    }

    /// A register that carries something must exist on every architecture.
    pub fn carrier(&self, from: Place, words: &[&str], name: &str, what: &str, report: &mut Report) {
        for (arch, slots) in &self.arches {
            if slots.get(name).is_none() {
                let message = format!("{what} is in `{name}`, which {arch} does not have");
                report.error(self.at(from, words, message).hint(suggest(name, slots.names())));
                return;
            }
        }
    }

    /// A register or field that a rule is about must exist somewhere. One that an architecture lacks has nothing to
    /// keep or lose there; but a general register is either everywhere or misspelt.
    pub fn subject(&self, from: Place, words: &[&str], name: &str, report: &mut Report) {
        let (have, lack): (Vec<_>, Vec<_>) = self.arches.iter().partition(|(_, slots)| slots.get(name).is_some());
        let general = have.iter().any(|(_, slots)| slots.get(name).is_some_and(|slot| slot.class == Class::General));
        if let ([(arch, slots), ..], true) = (&*lack, have.is_empty() || general) {
            let message = format!("{arch} has no register or field `{name}`");
            report.error(self.at(from, words, message).hint(suggest(name, slots.names())));
        }
    }

    /// A code must be one of the ABI's.
    pub fn code(&self, from: Place, words: &[&str], code: &str, report: &mut Report) {
        if !self.abi.codes.contains_key(code) {
            let hint = suggest(code, self.abi.codes.keys().map(String::as_str));
            report.error(self.at(from, words, format!("no return code `{code}`")).hint(hint));
        }
    }

    /// A clause must be one of this ABI's, or of the one named before a dot.
    pub fn clause(&self, from: Place, words: &[&str], clause: &str, report: &mut Report) {
        if let Some(hint) = self.world.clause_hint(&self.abi.abi, clause) {
            report.error(self.at(from, words, format!("no clause `{clause}`")).hint(hint));
        }
    }

    /// Registers, constants, codes and facts.
    pub fn names(&self) -> Names<'_> {
        Names::of(self.abi, &self.arches)
    }

    fn registers(&self, report: &mut Report) {
        let abi = self.abi;
        if let Some(number) = &abi.number {
            self.carrier((1, 1), &["number:", "in:", &number.register], &number.register, "the call's number", report);
        }
        for low in abi.number.iter().filter_map(|number| number.low_in.as_ref()) {
            self.carrier((1, 1), &["number:", "low-in:", low], low, "the low half of the call's number", report);
        }
        if let Some(result) = &abi.result {
            self.carrier((1, 1), &["result:", "in:", &result.register], &result.register, "the return code", report);
        }
        for (key, list, what) in
            [("\narguments:", &abi.arguments, "an argument"), ("\noutputs:", &abi.outputs, "an output")]
        {
            let from = self.top(key);
            for name in list {
                self.carrier(from, &[name], name, what, report);
            }
        }
        for (name, variant) in &abi.variants {
            let what = format!("the number of variant `{name}`");
            self.carrier(place::of(variant), &["number-in:"], &variant.number_in, &what, report);
            for register in &variant.arguments {
                self.carrier(place::of(variant), &["arguments:", register], register, "an argument", report);
            }
        }
        self.frame(self.top("\nregisters:"), &abi.registers, report);
    }

    /// The place of a key that begins a line; `key` has the line break before it.
    fn top(&self, key: &str) -> Place {
        let line = self.read.text.find(key).map_or(0, |n| self.read.text[..=n].lines().count());
        (line + 1, 1)
    }

    /// Checks what a frame says of registers, the text beginning at `from`.
    pub fn frame(&self, from: Place, frame: &Frame, report: &mut Report) {
        let mut said: BTreeMap<String, &str> = BTreeMap::new();
        for (list, kind) in
            [(&frame.volatile, "volatile"), (&frame.preserved, "preserved"), (&frame.unstated, "unstated")]
        {
            let key = format!("{kind}:");
            for entry in list {
                let missing = |slots: &&Slots| slots.missing(entry);
                for name in self.arches.first().map(|(_, slots)| slots).map(missing).unwrap_or_default() {
                    self.subject(from, &[&key, entry], &name, report);
                }
                for name in names(entry) {
                    if let Some(other) = said.insert(name.clone(), kind) {
                        let message = format!("`{name}` is both {other} and {kind}");
                        let hint = "keep it in one list; a field such as `cr.cr2` may differ from its register";
                        report.error(self.at(from, &[&key, entry], message).hint(hint));
                    }
                }
            }
        }
        if let Some(clause) = &frame.clause {
            self.clause(from, &["clause:", clause], clause, report);
        }
    }

    fn codes(&self, report: &mut Report) {
        let is_alias = |code: &crate::abi::Code, other: &str| {
            code.says.as_ref().is_some_and(|says| says.to_lowercase().contains("alias") || says.contains(other))
        };
        for (n, (name, code)) in self.abi.codes.iter().enumerate() {
            self.outcome(name, code, report);
            for (other, earlier) in self.abi.codes.iter().take(n) {
                let (Some((a, b)), Some((c, d))) = (code.bounds(), earlier.bounds()) else { continue };
                // A value of its own before a range that holds it is found first: that is how an exception is written.
                let exception = c == d && a < b;
                if a <= d && c <= b && !exception && !is_alias(code, other) && !is_alias(earlier, name) {
                    let message =
                        format!("`{name}` has the value {} of `{other}`", crate::word::Word(a.cast_unsigned()));
                    let hint = format!(
                        "{} gave it first; if both are right, let one's `says` tell that it is an alias of the other",
                        place::show(self.read, earlier, other)
                    );
                    report.warning(place::key(self.read, code, name, message).hint(hint));
                }
            }
        }
    }

    /// A code is either a value or an interrupt that some architecture has, or neither where success returns nothing.
    fn outcome(&self, name: &str, code: &crate::yaml::At<crate::abi::Code>, report: &mut Report) {
        let arches = || self.arches.iter().filter_map(|(arch, _)| self.world.library.arches.get(*arch));
        match (&code.interrupt, code.value.value) {
            (Some(interrupt), None) => {
                if !self.arches.is_empty() && !arches().any(|arch| arch.value.interrupts.contains_key(interrupt)) {
                    let known = arches().flat_map(|arch| arch.value.interrupts.keys()).map(String::as_str);
                    let hint = suggest(interrupt, known);
                    let message = format!("no interrupt `{interrupt}`");
                    report.error(self.at(place::of(code), &["interrupt:", interrupt], message).hint(hint));
                }
            }
            (None, Some(_)) => {}
            (None, None) if code.class == CodeClass::Success => {}
            _ => {
                let message = format!("code `{name}` is a value or an interrupt, one of the two");
                report.error(place::key(self.read, code, name, message).hint("give `value:` or `interrupt:`"));
            }
        }
    }

    fn cites(&self, report: &mut Report) {
        let cites = &self.abi.cites;
        for (key, clause) in [
            ("returns:", &cites.returns),
            ("frame:", &cites.frame),
            ("memory:", &cites.memory),
            ("state:", &cites.state),
        ] {
            if let Some(clause) = clause {
                self.clause((1, 1), &["cites:", key, clause], clause, report);
            }
        }
    }
}
