//! The names that an expression may use, and what it is worth where it uses none.

use std::cell::Cell;
use std::collections::BTreeSet;

use super::place::Place;
use super::{MACHINE_FACTS, Report, place, suggest};
use crate::abi::Abi;
use crate::expr::{Expr, Scope};
use crate::library::Read;
use crate::slots::Slots;

/// Names that mean something where an expression stands.
#[derive(Default, Clone)]
pub(super) struct Names<'a> {
    known: BTreeSet<&'a str>,
    slots: Vec<&'a Slots>,
    /// Names of outputs that may follow `after.`.
    after: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    /// Registers of these architectures, constants and codes of `abi`, facts of the machine.
    pub fn of(abi: &'a Abi, arches: &[(&'a str, &'a Slots)]) -> Self {
        let slots = arches.iter().map(|(_, slots)| *slots).collect();
        Self { slots, ..Self::default() }.with(abi.constants.keys()).with(abi.codes.keys())
    }

    /// These names as well.
    pub fn with(mut self, names: impl Iterator<Item = &'a String>) -> Self {
        self.known.extend(names.map(String::as_str));
        self
    }

    /// Outputs, which are known bare and after `after.`.
    pub fn with_outputs(mut self, names: impl Iterator<Item = &'a String> + Clone) -> Self {
        self.after.extend(names.clone().map(String::as_str));
        self.with(names)
    }

    /// Whether `name` means something; otherwise what may have been meant.
    pub fn hint_for(&self, name: &str) -> Option<String> {
        let is_slot = |name: &str| self.slots.iter().any(|slots| slots.get(name).is_some());
        let slot_names = || self.slots.iter().flat_map(|slots| slots.names());
        if let Some(fact) = name.strip_prefix("machine.") {
            let own = self.slots.iter().flat_map(|slots| slots.facts.iter().map(String::as_str));
            let facts = MACHINE_FACTS.iter().map(|(name, _)| *name).chain(own);
            return (!facts.clone().any(|known| known == fact)).then(|| suggest(fact, facts));
        }
        if let Some(seen) = name.strip_prefix("after.") {
            let known = is_slot(seen) || self.after.contains(seen);
            return (!known).then(|| suggest(seen, slot_names().chain(self.after.iter().copied())));
        }
        let known = self.known.contains(name) || is_slot(name);
        (!known).then(|| suggest(name, self.known.iter().copied().chain(slot_names())))
    }

    /// Reports the names in `expr` that mean nothing; `from` is where to look for them.
    pub fn check<T>(&self, read: &Read<T>, from: Place, expr: &Expr, report: &mut Report) {
        for name in expr.names() {
            if let Some(hint) = self.hint_for(name) {
                let message = format!("nothing is called `{name}` here");
                report.error(place::at(read, from, &[name], message).hint(hint));
            }
        }
        for (low, high) in reversed_sets(expr) {
            let message = format!("`{low}..{high}` is empty: its end comes before its start");
            report.error(place::at(read, from, &[&format!("{low}..")], message).hint(format!("write `{high}..{low}`")));
        }
    }
}

/// The value of `expr` if it is the same in all states.
pub(super) fn constant(expr: &Expr, abi: &Abi) -> Option<u64> {
    struct Fixed<'a>(&'a Abi, Cell<bool>);
    impl Scope for Fixed<'_> {
        fn name(&self, name: &str) -> Option<u64> {
            let code = || Some(self.0.codes.get(name)?.value.value?.0);
            self.0.constants.get(name).map(|word| word.0).or_else(code)
        }
        fn memory(&self, _: u64, _: u64) -> Option<u64> {
            self.1.set(true);
            None
        }
        fn is_ram(&self, _: u64, _: u64) -> bool {
            self.1.set(true);
            false
        }
    }
    let scope = Fixed(abi, Cell::new(false));
    let value = expr.evaluate(&scope).ok()?;
    (!scope.1.get()).then_some(value)
}

fn reversed_sets(expr: &Expr) -> Vec<(&Expr, &Expr)> {
    match expr {
        Expr::Number(_) | Expr::Name(_) => Vec::new(),
        Expr::Unary(_, x) => reversed_sets(x),
        Expr::Binary(_, a, b) => [reversed_sets(a), reversed_sets(b)].concat(),
        Expr::Call(_, items) => items.iter().flat_map(reversed_sets).collect(),
        Expr::In(x, ranges) => {
            let mut found = reversed_sets(x);
            for (from, to) in ranges {
                if matches!((from, to), (Expr::Number(a), Expr::Number(b)) if a > b) {
                    found.push((from, to));
                }
                found.extend(reversed_sets(from));
                found.extend(reversed_sets(to));
            }
            found
        }
    }
}
