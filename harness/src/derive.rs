//! Cases that follow from the spec alone: nobody writes them, and a new call has them at once.
//!
//! For every call: registers poisoned, zero and all ones; each mode; problem state; the edge values of every
//! argument's domain. For every ABI: the numbers around those that are assigned, and each vendor missing and wrong.
//! The spec itself is the expectation: all four oracles judge every row.

use std::collections::BTreeSet;

use hypercheck_spec::abi::{Abi, Argument, Call, Conduit, Domain, Narrow};
use hypercheck_spec::arch::{Arch, Class, slice};
use hypercheck_spec::case::{Scenario, Step};
use hypercheck_spec::expr::{Binary, Expr};
use hypercheck_spec::library::Library;
use hypercheck_spec::yaml::At;
use indexmap::IndexMap;

use crate::scenario::example;

/// All rows derived from one ABI.
#[must_use]
pub fn derive(library: &Library, abi: &Abi) -> Vec<Scenario> {
    let Some(arch) = abi.arch.first().and_then(|arch| library.arches.get(arch)) else { return Vec::new() };
    let mut deriver = Deriver { abi, arch: &arch.value, assigned: assigned(library, abi), rows: Vec::new() };
    for (n, (name, conduit)) in abi.conduits.iter().enumerate() {
        let suffix = if n == 0 { String::new() } else { format!("-{name}") };
        for (call_name, call) in &abi.calls {
            match &call.conduit {
                None => deriver.call(call_name, call, name, conduit, &suffix),
                Some(own) if own == name => deriver.call(call_name, call, name, conduit, ""),
                Some(_) => {}
            }
        }
        deriver.unknown(name, conduit, &suffix);
    }
    deriver.rows
}

/// Numbers that somebody has assigned.
#[derive(Default)]
struct Assigned {
    whole: BTreeSet<u64>,
    /// Upper halves that are numbers of calls which do not look at the lower half.
    upper: BTreeSet<u64>,
}

impl Assigned {
    fn contains(&self, number: u64) -> bool {
        self.whole.contains(&number) || self.upper.contains(&(number >> 32))
    }
}

/// The numbers of all calls that share this ABI's numbers: its own, and those of ABIs with the same instruction and the
/// number in the same register. Where one of two has a second register for the low half, the other one does not look
/// at that: any number with such an upper half is a call.
fn assigned(library: &Library, abi: &Abi) -> Assigned {
    let Some(number) = &abi.number else { return Assigned::default() };
    let code = |abi: &Abi, code: &str| abi.conduits.values().any(|conduit| conduit.code == code);
    let shares = |other: &&Abi| {
        other.number.as_ref().is_some_and(|other| other.register == number.register)
            && !abi.excludes(other)
            && !other.excludes(abi)
            && other.arch.iter().any(|arch| abi.arch.contains(arch))
            && abi.conduits.values().any(|conduit| code(other, &conduit.code))
    };
    let mask = if number.width >= 64 { u64::MAX } else { (1 << number.width) - 1 };
    let mut all = Assigned::default();
    for other in library.abis.values().map(|other| &other.value).filter(shares) {
        let numbers = other.calls.values().map(|call| other.number_of(call) & mask);
        let low = other.number.as_ref().and_then(|number| number.low_in.as_ref());
        match (&number.low_in, low) {
            (None, None) => all.whole.extend(numbers),
            (None, Some(_)) => all.whole.extend(numbers.map(|number| number >> 32)),
            (Some(_), None) => all.upper.extend(numbers),
            (Some(ours), Some(theirs)) if ours == theirs => all.whole.extend(numbers),
            (Some(_), Some(_)) => {}
        }
    }
    all
}

/// The bits of general registers that are no part of a call, although lower ones are.
fn spare_bits(abi: &Abi, call: &Call, arch: &Arch) -> Vec<String> {
    let number = abi.number.iter().filter(|_| call.conduit.is_none()).map(|number| &number.register);
    let used: Vec<&String> = call.arguments.values().map(|argument| &argument.register).chain(number).collect();
    let alone = |register: &str| used.iter().filter(|name| name.split('[').next() == Some(register)).count() == 1;
    let spare = used.iter().filter_map(|name| {
        let (register, bits) = slice(name)?;
        let top = arch.width.checked_sub(1).filter(|top| bits.low == 0 && bits.high < *top && alone(register))?;
        Some(format!("{register}[{top}..{}]", bits.high + 1))
    });
    spare.collect()
}

struct Deriver<'a> {
    abi: &'a Abi,
    arch: &'a Arch,
    /// Numbers that are not unknown.
    assigned: Assigned,
    rows: Vec<Scenario>,
}

/// A row before it gets its name.
#[derive(Default)]
struct Draft {
    mode: Vec<String>,
    arguments: IndexMap<String, Expr>,
    registers: IndexMap<String, Expr>,
    clauses: Vec<String>,
}

impl Deriver<'_> {
    fn push(&mut self, group: &str, row: &str, call: &str, conduit: (&str, &Conduit), arch: &[String], draft: Draft) {
        let cites = &self.abi.cites;
        let mut clauses: Vec<String> =
            [&cites.returns, &cites.frame, &cites.memory, &cites.state].into_iter().flatten().cloned().collect();
        clauses.extend(draft.clauses);
        let clauses: BTreeSet<String> = clauses.into_iter().map(|clause| self.abi.qualify(&clause)).collect();
        self.rows.push(Scenario {
            id: format!("{}/{group}/derived/{row}", self.abi.abi),
            title: format!("{call}: {row}"),
            abi: self.abi.abi.clone(),
            clauses: clauses.into_iter().collect(),
            requires: needs(conduit.1),
            arch: if conduit.1.arch.is_empty() {
                arch.to_vec()
            } else {
                let both = |name: &&String| arch.is_empty() || arch.contains(name);
                conduit.1.arch.iter().filter(both).cloned().collect()
            },
            record: false,
            bindings: IndexMap::new(),
            steps: vec![Step {
                call: Some(At::nowhere(call.to_owned())),
                conduit: Some(conduit.0.to_owned()),
                mode: draft.mode,
                arguments: draft.arguments,
                registers: draft.registers,
                ..Step::default()
            }],
            place: None,
        });
    }

    fn call(&mut self, name: &str, call: &Call, conduit_name: &str, conduit: &Conduit, suffix: &str) {
        let via = (conduit_name, conduit);
        let own: Vec<String> = call.clauses.clone();
        let returns = call.returns.values().filter_map(|condition| condition.clause.clone());
        let looks = call.observe.iter().filter_map(|look| look.clause.clone());
        let clauses: Vec<String> = own.into_iter().chain(returns).chain(looks).collect();
        let draft = |extra: Draft| Draft { clauses: clauses.iter().cloned().chain(extra.clauses).collect(), ..extra };
        let mut rows: Vec<(String, Draft)> = Vec::new();
        let mut push = |row: String, extra: Draft| rows.push((row, draft(extra)));
        push("plain".to_owned(), Draft::default());
        for (row, value) in [("others-zero", 0), ("others-ones", u64::MAX), ("others-sign", 1 << 63)] {
            let registers = others(self.abi, self.arch, call, conduit).map(|register| (register, Expr::number(value)));
            push(row.to_owned(), Draft { registers: registers.collect(), ..Draft::default() });
        }
        for (mode, refusal) in &conduit.refused {
            let extra = Draft { mode: vec![mode.clone()], clauses: vec![refusal.clause.clone()], ..Draft::default() };
            push(mode.clone(), extra);
        }
        for mode in ["little-endian", "interrupts-on"] {
            if self.arch.modes.contains_key(mode) {
                push(mode.to_owned(), Draft { mode: vec![mode.to_owned()], ..Draft::default() });
            }
        }
        // A conduit that sets the mode's fields itself is not there in another mode.
        let narrow = self
            .arch
            .modes
            .get("32-bit")
            .is_some_and(|mode| mode.sets.keys().all(|field| !conduit.registers.contains_key(field)));
        if narrow && self.narrow_is_clear(call) {
            push("32-bit".to_owned(), Draft { mode: vec!["32-bit".to_owned()], ..Draft::default() });
        }
        if narrow && self.abi.narrow == Narrow::Masked && !call.arguments.is_empty() {
            let garbage = |argument: &At<Argument>| {
                let value = example(argument).unwrap_or(Expr::number(0x1234_5678));
                let low = Expr::Call(hypercheck_spec::expr::Function::Low32, vec![value]);
                Expr::Binary(Binary::BitOr, Box::new(low), Box::new(Expr::number(0xDEAD_BEEF_0000_0000)))
            };
            let arguments = call.arguments.iter().map(|(name, argument)| (name.clone(), garbage(argument))).collect();
            let extra = Draft { mode: vec!["32-bit".to_owned()], arguments, ..Draft::default() };
            push("32-bit-upper-garbage".to_owned(), extra);
        }
        let spare = spare_bits(self.abi, call, self.arch);
        for (row, value) in [("spare-bits", u64::MAX), ("spare-pattern", 0x5EED_BEEF)] {
            if !spare.is_empty() {
                let registers = spare.iter().map(|bits| (bits.clone(), Expr::number(value))).collect();
                push(row.to_owned(), Draft { registers, ..Draft::default() });
            }
        }
        for (argument_name, argument) in &call.arguments {
            for (label, value) in edges(argument, !call.writes.is_empty()) {
                let arguments = IndexMap::from([(argument_name.clone(), value)]);
                push(format!("{argument_name}-{label}"), Draft { arguments, ..Draft::default() });
            }
        }
        for (row, draft) in rows {
            self.push(name, &format!("{row}{suffix}"), name, via, &call.arch, draft);
        }
    }

    /// Whether the call means the same in 32-bit mode: every argument is known and fits.
    fn narrow_is_clear(&self, call: &Call) -> bool {
        self.abi.narrow == Narrow::Masked
            || call.arguments.values().all(|argument| match example(argument) {
                Some(Expr::Number(word)) => u32::try_from(word.0).is_ok(),
                Some(_) => true,
                None => false,
            })
    }

    /// Numbers that nobody has assigned, around those that are.
    fn unknown(&mut self, conduit_name: &str, conduit: &Conduit, suffix: &str) {
        let Some(number) = &self.abi.number else { return };
        let mask = if number.width >= 64 { u64::MAX } else { (1 << number.width) - 1 };
        let own: BTreeSet<u64> = self.abi.calls.values().map(|call| self.abi.number_of(call) & mask).collect();
        let mut candidates: Vec<(String, u64)> = Vec::new();
        for range in &number.ranges {
            let step = u64::from(range.step);
            candidates.push(("before-range".to_owned(), range.from.0.wrapping_sub(step)));
            candidates.push(("after-range".to_owned(), range.to.0.wrapping_add(step)));
            candidates.push(("range-start".to_owned(), range.from.0));
            candidates.push(("range-end".to_owned(), range.to.0));
            let misaligned = if step > 1 { own.range(range.from.0..=range.to.0).copied().collect() } else { vec![] };
            for call in misaligned {
                candidates.extend((1..step.min(4)).map(|n| ("misaligned".to_owned(), call + n)));
            }
        }
        for call in &own {
            candidates.push(("next".to_owned(), call.wrapping_add(1)));
            candidates.push(("previous".to_owned(), call.wrapping_sub(1)));
            if number.width >= 64 {
                candidates.push(("bit-63".to_owned(), call | 1 << 63));
                candidates.push(("bit-32".to_owned(), call | 1 << 32));
            }
        }
        candidates.extend([("zero".to_owned(), 0), ("all-ones".to_owned(), u64::MAX)]);
        candidates.extend([("int-max".to_owned(), 0x7FFF_FFFF), ("int-min".to_owned(), 0x8000_0000)]);
        self.vendors(&mut candidates);
        let mut seen = BTreeSet::new();
        let clauses: Vec<String> = number.clause.iter().cloned().collect();
        for (label, value) in candidates {
            if self.assigned.contains(value & mask & !number.hints.0) || !seen.insert(value & mask) {
                continue;
            }
            let call = format!("{:#x}", value & mask);
            let row = format!("{label}-{}{suffix}", &call[2..]);
            let draft = Draft { clauses: clauses.clone(), ..Draft::default() };
            self.push("unknown", &row, &call, (conduit_name, conduit), &[], draft);
        }
    }

    /// Each call's number with its vendor missing and with each of the others.
    fn vendors(&self, candidates: &mut Vec<(String, u64)>) {
        let Some(number) = &self.abi.number else { return };
        let Some(bits) = number.fields.get("vendor") else { return };
        for call in self.abi.calls.values().filter(|call| call.vendor.is_some()) {
            for (vendor, value) in &number.vendors {
                if Some(vendor) != call.vendor.as_ref() {
                    candidates.push((format!("vendor-{vendor}"), value.0 << bits.low | call.number.0));
                }
            }
            candidates.push(("vendor-unassigned".to_owned(), 0x7F << bits.low | call.number.0));
            candidates.push(("vendor-top-bit".to_owned(), self.abi.number_of(call) | 1 << bits.high));
        }
    }
}

/// The features that a conduit needs, and those that must be lacking.
fn needs(conduit: &Conduit) -> Vec<String> {
    let lacking = conduit.decode.without.iter().map(|feature| format!("not {feature}"));
    conduit.on.iter().cloned().chain(lacking).collect()
}

/// Argument and output registers that the call does not use, and the volatile ones beside them.
fn others<'a>(abi: &'a Abi, arch: &'a Arch, call: &'a Call, conduit: &'a Conduit) -> impl Iterator<Item = String> + 'a {
    let whole = |name: &'a str| name.split('[').next().unwrap_or(name);
    let used: BTreeSet<&str> = call
        .arguments
        .values()
        .map(|argument| whole(&argument.register))
        .chain(
            abi.number
                .iter()
                .flat_map(|number| [Some(&number.register), number.low_in.as_ref()])
                .flatten()
                .map(|r| whole(r)),
        )
        .chain(conduit.registers.keys().map(String::as_str))
        .collect();
    let general = arch.expand().into_iter().filter(|(_, register)| register.class == Class::General);
    let all: Vec<String> = general.map(|(name, _)| name).collect();
    all.into_iter().filter(move |register| !used.contains(register.as_str()))
}

/// Values at and beyond the edges of an argument's domain, each with a label.
fn edges(argument: &Argument, writes: bool) -> Vec<(String, Expr)> {
    let plus = |expr: &Expr, n: u64| Expr::Binary(Binary::Add, Box::new(expr.clone()), Box::new(Expr::number(n)));
    let minus = |expr: &Expr, n: u64| Expr::Binary(Binary::Subtract, Box::new(expr.clone()), Box::new(Expr::number(n)));
    let number = |value: u64| Expr::number(value);
    let mut all: Vec<(String, Expr)> = Vec::new();
    let mut add = |label: &str, value: Expr| all.push((label.to_owned(), value));
    match &argument.domain {
        Domain::Any => {
            for (label, value) in [
                ("zero", 0),
                ("one", 1),
                ("all-ones", u64::MAX),
                ("top-bit", 1 << 63),
                ("largest", (1 << 63) - 1),
                ("32-bit-ones", 0xFFFF_FFFF),
                ("bit-32", 1 << 32),
            ] {
                add(label, number(value));
            }
        }
        Domain::OneOf(values) => {
            for (n, value) in values.iter().enumerate() {
                add(&format!("valid-{}", n + 1), value.clone());
                add(&format!("above-{}", n + 1), plus(value, 1));
                add(&format!("below-{}", n + 1), minus(value, 1));
            }
            add("bit-32", Expr::Binary(Binary::BitOr, Box::new(values[0].clone()), Box::new(number(1 << 32))));
            add("all-ones", number(u64::MAX));
        }
        Domain::Range([from, to]) => {
            add("first", from.clone());
            add("last", to.clone());
            add("below", minus(from, 1));
            add("above", plus(to, 1));
            add("all-ones", number(u64::MAX));
            add("bit-32", number(1 << 32));
        }
        Domain::Flags(flags) => {
            let every = flags.values().fold(0, |all, mask| all | mask.0);
            for (name, mask) in flags {
                add(&name.to_ascii_lowercase().replace('_', "-"), number(mask.0));
            }
            add("no-flag", number(0));
            add("every-flag", number(every));
            if let Some(bit) = (0..64).find(|bit| every >> bit & 1 == 0) {
                add("lowest-undefined", number(1 << bit));
            }
            if let Some(bit) = (0..64).rev().find(|bit| every >> bit & 1 == 0) {
                add("highest-undefined", number(1 << bit));
            }
        }
        Domain::Address(address) => {
            let ram = Expr::Name("machine.ram".to_owned());
            let start = example(argument).unwrap_or_else(|| Expr::Name("machine.scratch".to_owned()));
            let less = |a: &Expr, b: &Expr| Expr::Binary(Binary::Subtract, Box::new(a.clone()), Box::new(b.clone()));
            let align_down = Expr::Unary(hypercheck_spec::expr::Unary::Complement, Box::new(minus(&address.align, 1)));
            let last = Expr::Binary(Binary::BitAnd, Box::new(less(&ram, &address.length)), Box::new(align_down));
            add("last", last);
            add("misaligned", plus(&start, 1));
            add("half-aligned", plus(&start, 8));
            add("end-of-ram", ram.clone());
            add("beyond-ram", plus(&ram, 0x10_0000));
            add("all-ones", number(u64::MAX));
            add("top-page", number(u64::MAX - 0xFFF));
            add("bit-60", Expr::Binary(Binary::BitOr, Box::new(start), Box::new(number(1 << 60))));
            if !writes {
                add("zero", number(0));
            }
        }
    }
    let mut seen = BTreeSet::new();
    all.retain(|(_, value)| seen.insert(value.to_string()));
    all
}
