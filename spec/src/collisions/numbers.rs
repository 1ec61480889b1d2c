//! Ranges of call numbers, where several ABIs number their calls in one register behind one instruction.

use std::collections::BTreeSet;

use super::predicate::trap_of;
use crate::abi::Abi;
use crate::library::Library;
use crate::ranges::Span;

/// A range of numbers that an ABI describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The ABI.
    pub abi: String,
    /// Whose numbers these are, in the ABI's words.
    pub owner: String,
    /// The numbers.
    pub span: Span,
    /// How many of them are calls of this ABI.
    pub calls: usize,
    /// How many ranges of other ABIs it lies in; the map nests them.
    pub depth: usize,
    /// Ranges of other ABIs that share some of its numbers without one holding the other, as `abi: owner`.
    pub crosses: Vec<String>,
    /// Numbers in it that are calls of two ABIs, as `number abi.CALL`.
    pub twice: Vec<String>,
}

/// A number space: the numbers in one register behind one instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// The instructions.
    pub traps: BTreeSet<String>,
    /// The architectures.
    pub arches: BTreeSet<String>,
    /// The register, or both where the number is in two.
    pub register: String,
    /// The ranges, by their first number, wide ones before those inside.
    pub claims: Vec<Claim>,
}

/// The traps by which an ABI is called, and where its numbers are.
fn place(library: &Library, abi: &Abi) -> Option<(BTreeSet<String>, BTreeSet<String>, String)> {
    let number = abi.number.as_ref()?;
    let arch = abi.arch.iter().find_map(|arch| library.arches.get(arch))?;
    let traps = abi.conduits.values().map(|conduit| trap_of(&conduit.code, &arch.value)).collect();
    let low = number.low_in.as_ref().map(|low| format!(":{low}")).unwrap_or_default();
    let register = number.register.split('[').next().unwrap_or(&number.register);
    Some((traps, abi.arch.iter().cloned().collect(), format!("{register}{low}")))
}

/// The number spaces that two or more ABIs share.
#[must_use]
pub fn spaces(library: &Library) -> Vec<Space> {
    let mut spaces: Vec<(Space, Vec<&Abi>)> = Vec::new();
    for abi in library.abis.values().map(|read| &read.value) {
        let Some((traps, arches, register)) = place(library, abi) else { continue };
        let meets = |space: &Space| {
            space.register == register && !space.traps.is_disjoint(&traps) && !space.arches.is_disjoint(&arches)
        };
        if let Some((space, abis)) = spaces.iter_mut().find(|(space, _)| meets(space)) {
            space.traps.extend(traps);
            space.arches.extend(arches);
            abis.push(abi);
        } else {
            spaces.push((Space { traps, arches, register, claims: Vec::new() }, vec![abi]));
        }
    }
    spaces.retain(|(_, abis)| abis.len() > 1);
    for (space, abis) in &mut spaces {
        space.claims = claims(abis);
    }
    spaces.into_iter().map(|(space, _)| space).collect()
}

/// Whether a machine can have both: neither is for machines that lack the other.
fn meet(a: &Abi, b: &Abi) -> bool {
    !a.excludes(b) && !b.excludes(a)
}

fn claims(abis: &[&Abi]) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    for abi in abis {
        for range in abi.number.iter().flat_map(|number| &number.ranges) {
            let Some(span) = Span::new(range.from.0, range.to.0) else { continue };
            let inside = |abi: &Abi, number: u64| {
                abi.calls.iter().find(|(_, call)| abi.number_of(call) == number).map(|(name, _)| name.clone())
            };
            let own: Vec<u64> =
                abi.calls.values().map(|call| abi.number_of(call)).filter(|n| span.contains(*n)).collect();
            let others = || abis.iter().filter(|other| other.abi != abi.abi && meet(abi, other));
            let twice = own.iter().flat_map(|number| {
                others().filter_map(move |other| Some(format!("{number:#x} {}.{}", other.abi, inside(other, *number)?)))
            });
            claims.push(Claim {
                abi: abi.abi.clone(),
                owner: range.owner.clone(),
                span,
                calls: own.len(),
                depth: 0,
                crosses: Vec::new(),
                twice: twice.collect(),
            });
        }
    }
    claims.sort_by_key(|claim| (claim.span.first, std::cmp::Reverse(claim.span.last)));
    let all = claims.clone();
    let of = |name: &str| abis.iter().find(|abi| abi.abi == name);
    let meet = |a: &str, b: &str| of(a).zip(of(b)).is_some_and(|(a, b)| meet(a, b));
    let holds = |a: Span, b: Span| a.intersection(b) == Some(b);
    for claim in &mut claims {
        let others = all.iter().filter(|other| other.abi != claim.abi && other.span.overlaps(claim.span));
        let crosses = others
            .filter(|other| meet(&claim.abi, &other.abi))
            .filter(|other| !holds(other.span, claim.span) && !holds(claim.span, other.span));
        let crosses: Vec<String> = crosses.map(|other| format!("{}: {}", other.abi, other.owner)).collect();
        let depth = all.iter().filter(|other| holds(other.span, claim.span) && other.span != claim.span).count();
        (claim.crosses, claim.depth) = (crosses, depth);
    }
    claims
}
