//! Clauses: named rightly, and checked by something.

use std::collections::BTreeSet;

use super::{Report, World, place, suggest};

impl World<'_> {
    /// What to say of `clause` (of `abi`, or of the one named before a dot) if there is none.
    pub(super) fn clause_hint(&self, abi: &str, clause: &str) -> Option<String> {
        let (abi, name) = clause.split_once('.').unwrap_or((abi, clause));
        let Some(read) = self.library.abis.get(abi) else {
            return Some(suggest(abi, self.library.abis.keys().map(String::as_str)));
        };
        let clauses = &read.value.clauses;
        (!clauses.contains_key(name)).then(|| suggest(name, clauses.keys().map(String::as_str)))
    }

    /// What to say of a call that `abi`, or the one named before a dot, does not have.
    pub(super) fn call_hint(&self, abi: &str, call: &str) -> String {
        let (abi, name) = call.split_once('.').unwrap_or((abi, call));
        match self.library.abis.get(abi) {
            None => suggest(abi, self.library.abis.keys().map(String::as_str)),
            Some(read) => {
                let elsewhere = self.library.abis.values().find(|other| other.value.calls.contains_key(name));
                elsewhere.map_or_else(
                    || suggest(name, read.value.calls.keys().map(String::as_str)),
                    |other| format!("write `{}.{name}`", other.value.abi),
                )
            }
        }
    }
}

/// Warns of clauses that nothing refers to.
pub(super) fn check(world: &World<'_>, report: &mut Report) {
    let used = used(world);
    for read in world.library.abis.values() {
        for (name, clause) in &read.value.clauses {
            let qualified = format!("{}.{name}", read.value.abi);
            if !used.contains(&qualified) && clause.unverifiable.is_none() {
                let message = format!("clause `{qualified}` without a case");
                let hint = "name it in a case or a call, or say under `unverifiable` why no case can check it";
                report.warning(place::key(read, clause, name, message).hint(hint));
            }
        }
    }
}

fn used(world: &World<'_>) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for read in world.library.abis.values() {
        let abi = &read.value;
        let mut add = |clause: Option<&String>| {
            used.extend(
                clause.map(|name| if name.contains('.') { name.clone() } else { format!("{}.{name}", abi.abi) }),
            );
        };
        let cites = &abi.cites;
        for clause in [&cites.returns, &cites.frame, &cites.memory, &cites.state] {
            add(clause.as_ref());
        }
        add(abi.number.as_ref().and_then(|number| number.clause.as_ref()));
        add(abi.registers.clause.as_ref());
        for conduit in abi.conduits.values() {
            conduit.refused.values().for_each(|refusal| add(Some(&refusal.clause)));
        }
        for call in abi.calls.values() {
            call.clauses.iter().for_each(|clause| add(Some(clause)));
            call.returns.values().for_each(|condition| add(condition.clause.as_ref()));
            call.observe.iter().for_each(|observation| add(observation.clause.as_ref()));
            add(call.registers.as_ref().and_then(|frame| frame.clause.as_ref()));
        }
    }
    used.extend(world.library.scenarios().flat_map(|scenario| scenario.clauses));
    used
}
