//! Which states of a machine two ABIs both take for a call of theirs, who goes first, and what is left to the guest.
//!
//! Several ABIs of PowerPC share the instruction `sc`. What tells them apart is data: the `decode` of their conduits.
//! From these predicates the map is computed; each overlap comes with a state that both predicates accept.

mod numbers;
mod predicate;
mod table;

use std::collections::BTreeMap;

use crate::abi::Abi;
use crate::library::Library;

pub use numbers::{Claim, Space, spaces};
pub use predicate::{Predicate, State, predicates};
pub use table::render;

/// A set of states: those that meet all of this.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Region {
    /// Values of LEV; empty for all.
    pub lev: Vec<u64>,
    /// Registers and fields, with the value that they must have.
    pub when: BTreeMap<String, u64>,
    /// Features that must be there.
    pub with: Vec<String>,
    /// Features that must be absent.
    pub without: Vec<String>,
}

/// Two conduits that claim the same states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collision {
    /// The architectures on which they meet.
    pub arches: Vec<String>,
    /// The instruction.
    pub trap: String,
    /// The one that is asked first, `abi.conduit`.
    pub first: String,
    /// The other one.
    pub second: String,
    /// Whether both have the same precedence, so that nothing says who goes first.
    pub tied: bool,
    /// The states that both claim.
    pub region: Region,
    /// One of these states.
    pub example: State,
}

/// A state that misses a conduit by one condition, and who takes it then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FallThrough {
    /// The conduit missed, `abi.conduit`.
    pub missed: String,
    /// The condition that does not hold, in words.
    pub because: String,
    /// The state.
    pub state: State,
    /// Who takes it; none if nobody does. The conduit missed itself if it refuses it in a way of its own.
    pub taken_by: Option<String>,
}

/// All pairs of conduits of two ABIs that claim the same states, sorted.
#[must_use]
pub fn collisions(library: &Library) -> Vec<Collision> {
    let all = predicates(library);
    let mut found: Vec<Collision> = Vec::new();
    for (n, a) in all.iter().enumerate() {
        for b in all[n + 1..].iter().filter(|b| b.abi != a.abi) {
            let Some((region, example)) = a.overlap(b) else { continue };
            let (first, second) = if (b.precedence, &b.name) < (a.precedence, &a.name) { (b, a) } else { (a, b) };
            let same = |known: &&mut Collision| {
                (&known.trap, &known.first, &known.second) == (&first.trap, &first.name, &second.name)
            };
            if let Some(known) = found.iter_mut().find(same) {
                known.arches.push(a.arch.clone());
                continue;
            }
            found.push(Collision {
                arches: vec![a.arch.clone()],
                trap: a.trap.clone(),
                first: first.name.clone(),
                second: second.name.clone(),
                tied: a.precedence == b.precedence,
                region,
                example,
            });
        }
    }
    found.sort_by(|a, b| (&a.trap, &a.first, &a.second).cmp(&(&b.trap, &b.first, &b.second)));
    found
}

/// Who takes `state`: of the conduits that claim or refuse it the one with the lowest precedence, by name where they tie.
#[must_use]
pub fn winner<'a>(all: &'a [Predicate], state: &State) -> Option<&'a Predicate> {
    all.iter()
        .filter(|predicate| predicate.claims(state) || predicate.refuses(state))
        .min_by_key(|predicate| (predicate.precedence, &predicate.name))
}

/// For each conduit and each of its conditions: who takes a state in which only that condition fails. Conduits
/// without any condition of their own (a guest's system call) are there in all these states; another ABI is added
/// where it would take the state.
#[must_use]
pub fn fall_throughs(library: &Library) -> Vec<FallThrough> {
    let all = predicates(library);
    let mut found: Vec<FallThrough> = Vec::new();
    for missed in all.iter().filter(|predicate| !predicate.takes_all()) {
        let rivals = || all.iter().filter(|rival| rival.rivals(missed));
        let ground: Vec<&Predicate> = rivals().filter(|rival| rival.takes_all()).collect();
        for (because, mut state) in missed.near_misses() {
            for rival in &ground {
                state.features.extend(rival.with.iter().cloned());
            }
            let mut add = |state: State, missed: &Predicate| {
                let taken_by = winner(&all, &state).map(|taker| taker.name.clone());
                let row = FallThrough { missed: missed.name.clone(), because: because.clone(), state, taken_by };
                if !missed.claims(&row.state) && !found.iter().any(|known| known.same_story(&row)) {
                    found.push(row);
                }
            };
            for rival in rivals().filter(|rival| !rival.takes_all() && rival.abi != missed.abi) {
                let mut with = state.clone();
                with.features.extend(rival.with.iter().cloned());
                if rival.claims(&with) {
                    add(with, missed);
                }
            }
            add(state, missed);
        }
    }
    found.sort_by(|a, b| (&a.missed, &a.because, &a.taken_by).cmp(&(&b.missed, &b.because, &b.taken_by)));
    found
}

impl FallThrough {
    fn same_story(&self, other: &Self) -> bool {
        (&self.missed, &self.because, &self.taken_by) == (&other.missed, &other.because, &other.taken_by)
    }
}

/// Whether a conduit of `a` and one of `b` are the same instruction in the same registers, LEV and features aside: a
/// call of one may then be taken for a call of the other, as `sc 2` is judged as `sc 1` where there is no ultravisor.
pub(crate) fn one_instruction(library: &Library, a: &Abi, b: &Abi) -> bool {
    let all = predicates(library);
    let bare = |abi: &Abi| -> Vec<Predicate> {
        all.iter().filter(|predicate| predicate.abi == abi.abi).cloned().map(Predicate::registers_alone).collect()
    };
    let (ours, theirs) = (bare(a), bare(b));
    ours.iter().any(|one| theirs.iter().any(|two| one.overlap(two).is_some()))
}
