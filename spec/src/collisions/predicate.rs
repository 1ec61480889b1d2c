//! The states that one conduit claims.

use std::collections::{BTreeMap, BTreeSet};

use super::Region;
use crate::abi::{Abi, Conduit};
use crate::arch::Arch;
use crate::library::Library;
use crate::slots::Slots;

/// What a hypervisor looks at to tell whose call an instruction is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The architecture.
    pub arch: String,
    /// The instruction's mnemonic.
    pub trap: String,
    /// Its LEV field; 0 where it has none.
    pub lev: u64,
    /// Registers; those not named are 0.
    pub registers: BTreeMap<String, u64>,
    /// Features that the machine has: ABIs offered, properties.
    pub features: BTreeSet<String>,
}

/// A conduit's `decode` on one architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predicate {
    /// `abi.conduit`.
    pub name: String,
    /// The ABI.
    pub abi: String,
    /// The architecture.
    pub arch: String,
    /// The instruction's mnemonic.
    pub trap: String,
    /// Who is asked first: lower comes earlier.
    pub precedence: u8,
    /// Values of LEV that it accepts; empty for all.
    pub lev: BTreeSet<u64>,
    /// Features that must be there, the ABI itself included.
    pub with: BTreeSet<String>,
    /// Features that must be absent.
    pub without: BTreeSet<String>,
    conditions: Vec<Condition>,
    /// States in which it answers without carrying anything out: each a condition in place of its own of that register.
    refusals: Vec<Condition>,
}

/// Some bits of a register that must have a value.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    /// As the file writes it: `msr.pr`.
    slot: String,
    register: String,
    mask: u64,
    value: u64,
    shift: u8,
}

/// The predicates of all conduits, on each architecture of theirs that is known.
#[must_use]
pub fn predicates(library: &Library) -> Vec<Predicate> {
    let mut all = Vec::new();
    let ordinary = ordinary(library);
    for read in library.abis.values() {
        let abi = &read.value;
        for arch in abi.arch.iter().filter_map(|name| library.arches.get(name)) {
            let slots = Slots::of(&arch.value);
            let here = |conduit: &Conduit| conduit.arch.is_empty() || conduit.arch.contains(&arch.value.arch);
            for (name, conduit) in abi.conduits.iter().filter(|(_, conduit)| here(conduit)) {
                all.extend(Predicate::of(abi, name, conduit, &arch.value, &slots, &ordinary));
            }
        }
    }
    all
}

/// The interrupts by which an instruction reaches a guest that nobody takes it from: those of conduits that look at nothing.
fn ordinary(library: &Library) -> BTreeSet<&str> {
    let conduits = library.abis.values().flat_map(|read| read.value.conduits.values());
    let open = conduits.filter(|conduit| conduit.decode.lev.is_empty() && conduit.decode.when.is_empty());
    let refusals = open.flat_map(|conduit| conduit.value.refused.values());
    refusals.flat_map(|refusal| refusal.interrupts.iter().map(String::as_str)).collect()
}

/// The instruction that enters the hypervisor: of the conduit's code the last mnemonic that is a trap, or the last.
pub(super) fn trap_of(code: &str, arch: &Arch) -> String {
    let mnemonics = || code.split([';', '\n']).filter_map(|line| line.split_whitespace().next());
    mnemonics().rfind(|word| arch.traps.contains_key(*word)).or(mnemonics().next_back()).unwrap_or("").to_owned()
}

impl Condition {
    /// The states in which a conduit refuses by an answer of its own. The first field of a mode tells it.
    fn refusals(conduit: &Conduit, arch: &Arch, slots: &Slots, ordinary: &BTreeSet<&str>) -> Vec<Self> {
        let own = |interrupts: &[String]| interrupts.iter().any(|name| !ordinary.contains(name.as_str()));
        let answered = conduit.refused.iter().filter(|(_, refusal)| refusal.code.is_some() || own(&refusal.interrupts));
        let fields = answered.filter_map(|(mode, _)| arch.modes.get(mode)?.sets.iter().next());
        let condition = |(slot, value): (&String, &crate::word::Word)| {
            let found = slots.get(slot)?;
            let (mask, shift) = (found.bits.mask(), found.bits.low);
            Some(Self { slot: slot.clone(), register: found.register.clone(), mask, value: value.0 << shift, shift })
        };
        fields.filter_map(condition).collect()
    }
}

impl Predicate {
    /// The predicate of a conduit; none where a register that it looks at is not known.
    fn of(
        abi: &Abi,
        name: &str,
        conduit: &Conduit,
        arch: &Arch,
        slots: &Slots,
        ordinary: &BTreeSet<&str>,
    ) -> Option<Self> {
        let decode = &conduit.decode;
        let mut conditions = Vec::new();
        for (slot, value) in &decode.when {
            let Some(found) = slots.get(slot) else {
                // A field above the bits of a narrower architecture reads as zero: it decides alone, or not at all.
                if slot.contains('.') && value.0 == 0 {
                    continue;
                }
                return None;
            };
            let whole = !slot.contains('.');
            let compared = decode.compare_bits.filter(|bits| whole && (1..64).contains(bits));
            let mask = found.bits.mask() & compared.map_or(u64::MAX, |bits| u64::MAX >> (64 - bits));
            conditions.push(Condition {
                slot: slot.clone(),
                register: found.register.clone(),
                mask,
                value: value.0 << found.bits.low & mask,
                shift: found.bits.low,
            });
        }
        let lacking = abi.needs.iter().filter_map(|need| need.strip_prefix("not "));
        let needed = abi.needs.iter().filter(|need| !need.starts_with("not "));
        Some(Self {
            name: format!("{}.{name}", abi.abi),
            abi: abi.abi.clone(),
            arch: arch.arch.clone(),
            trap: trap_of(&conduit.code, arch),
            precedence: decode.precedence,
            lev: decode.lev.iter().map(|lev| lev.0).collect(),
            with: [&abi.abi].into_iter().chain(needed).chain(&conduit.on).cloned().collect(),
            without: lacking.map(str::to_owned).chain(decode.without.iter().cloned()).collect(),
            conditions,
            refusals: Condition::refusals(conduit, arch, slots, ordinary),
        })
    }

    /// Whether the conduit takes this state for a call of its own.
    #[must_use]
    pub fn claims(&self, state: &State) -> bool {
        let register = |name: &str| state.registers.get(name).copied().unwrap_or(0);
        (&self.arch, &self.trap) == (&state.arch, &state.trap)
            && (self.lev.is_empty() || self.lev.contains(&state.lev))
            && self.conditions.iter().all(|condition| register(&condition.register) & condition.mask == condition.value)
            && self.with.is_subset(&state.features)
            && self.without.is_disjoint(&state.features)
    }

    /// Whether the conduit answers this state, though not by the call: by a code, or by an interrupt that the
    /// instruction would not raise by itself.
    #[must_use]
    pub fn refuses(&self, state: &State) -> bool {
        self.refusals.iter().any(|refusal| {
            let instead =
                self.conditions.iter().filter(|own| own.register != refusal.register || own.mask & refusal.mask == 0);
            let conditions = instead.chain([refusal]).cloned().collect();
            Self { conditions, ..self.clone() }.claims(state)
        })
    }

    /// Registers that it looks at.
    pub fn registers(&self) -> impl Iterator<Item = (&str, u64)> {
        self.conditions.iter().map(|condition| (condition.register.as_str(), condition.value))
    }

    /// Whether any state with its features is its own.
    pub(super) fn takes_all(&self) -> bool {
        self.lev.is_empty() && self.conditions.is_empty()
    }

    /// Whether both look at one instruction on one architecture.
    pub(super) fn rivals(&self, other: &Self) -> bool {
        (&self.arch, &self.trap) == (&other.arch, &other.trap) && self.name != other.name
    }

    /// The same, whatever the machine and LEV are.
    pub(super) fn registers_alone(mut self) -> Self {
        self.lev.clear();
        self.with.clear();
        self.without.clear();
        self
    }

    /// The states that both claim, and one of them.
    #[must_use]
    pub fn overlap(&self, other: &Self) -> Option<(Region, State)> {
        if !self.rivals(other) {
            return None;
        }
        let lev: BTreeSet<u64> = match (self.lev.is_empty(), other.lev.is_empty()) {
            (true, _) => other.lev.clone(),
            (_, true) => self.lev.clone(),
            _ => self.lev.intersection(&other.lev).copied().collect(),
        };
        let no_lev = lev.is_empty() && !(self.lev.is_empty() && other.lev.is_empty());
        let conditions: Vec<&Condition> = self.conditions.iter().chain(&other.conditions).collect();
        let contradict =
            |a: &Condition, b: &Condition| a.register == b.register && (a.value ^ b.value) & a.mask & b.mask != 0;
        if no_lev || conditions.iter().any(|a| conditions.iter().any(|b| contradict(a, b))) {
            return None;
        }
        let with: BTreeSet<String> = self.with.union(&other.with).cloned().collect();
        let without: BTreeSet<String> = self.without.union(&other.without).cloned().collect();
        if !with.is_disjoint(&without) {
            return None;
        }
        let mut registers: BTreeMap<String, u64> = BTreeMap::new();
        for condition in &conditions {
            *registers.entry(condition.register.clone()).or_default() |= condition.value;
        }
        let example = State {
            arch: self.arch.clone(),
            trap: self.trap.clone(),
            lev: lev.first().copied().unwrap_or(0),
            registers,
            features: with.clone(),
        };
        debug_assert!(
            self.claims(&example) && other.claims(&example),
            "{self:?} and {other:?} do not share {example:?}"
        );
        let when = conditions.iter().map(|condition| (condition.slot.clone(), condition.value >> condition.shift));
        let region = Region {
            lev: lev.into_iter().collect(),
            when: when.collect(),
            with: with.into_iter().collect(),
            without: without.into_iter().collect(),
        };
        Some((region, example))
    }

    /// A state that it claims.
    fn own(&self) -> State {
        let mut registers: BTreeMap<String, u64> = BTreeMap::new();
        for condition in &self.conditions {
            *registers.entry(condition.register.clone()).or_default() |= condition.value;
        }
        State {
            arch: self.arch.clone(),
            trap: self.trap.clone(),
            lev: self.lev.first().copied().unwrap_or(0),
            registers,
            features: self.with.clone(),
        }
    }

    /// States that it does not claim because of one condition, with that condition in words.
    pub(super) fn near_misses(&self) -> Vec<(String, State)> {
        let mut all = Vec::new();
        for condition in &self.conditions {
            let mut state = self.own();
            *state.registers.entry(condition.register.clone()).or_default() ^= 1 << condition.mask.trailing_zeros();
            let single = condition.mask.count_ones() == 1;
            let value = condition.value >> condition.shift;
            let because = if single {
                format!("{} is {}", condition.slot, value ^ 1)
            } else {
                format!("{} is not {value:#x}", condition.slot)
            };
            all.push((because, state));
        }
        for lev in (0..4).filter(|lev| !self.lev.is_empty() && !self.lev.contains(lev)) {
            all.push((format!("LEV is {lev}"), State { lev, ..self.own() }));
        }
        for feature in &self.with {
            let mut state = self.own();
            state.features.remove(feature);
            all.push((format!("{feature} is absent"), state));
        }
        for feature in &self.without {
            let mut state = self.own();
            state.features.insert(feature.clone());
            all.push((format!("{feature} is there"), state));
        }
        all
    }
}
