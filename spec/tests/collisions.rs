//! The collision map agrees with the predicates that it is computed from.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use hypercheck_spec::collisions::{
    Collision, Predicate, State, collisions, fall_throughs, predicates, render, spaces, winner,
};
use hypercheck_spec::library::{Home, Library};
use proptest::prelude::*;

const ARCH: &str = "
arch: ppc64
title: Power
width: 64
isa: powerpc
end: tw 31,0,0
sources: { isa: the ISA }
registers:
  r0..r31: { class: general }
  msr: { class: supervisor, fields: { sf: 63, pr: 14 } }
modes: { problem: { sets: { msr.pr: 1 }, says: user programs } }
traps:
  sc: { word: 0x4400_0002, fields: { lev: 11..5 }, says: system call, source: isa }
  scv: { word: 0x4400_0001, fields: { lev: 11..5 }, says: system call vectored, source: isa }
interrupts: {}
features: { pr: a hypervisor in problem state, smf: secure memory }
";

/// The ABIs that share `sc`, as far as it takes to tell them apart.
fn power() -> Library {
    let abi = |name: &str, conduits: &str| {
        format!("abi: {name}\ntitle: T\narch: [ppc64]\nsources: {{ s: S }}\nclauses: {{}}\nconduits:\n{conduits}")
    };
    let texts = [
        ("papr", "  sc-1: { code: sc 1, decode: { precedence: 1, lev: [1], when: { msr.pr: 0 } }, source: s }\n"),
        (
            "uv",
            "  sc-2: { code: sc 2, on: [smf], decode: { precedence: 0, lev: [2] }, source: s }\n  \
             degraded: { code: sc 2, decode: { precedence: 1, lev: [2], when: { msr.pr: 0 }, without: [smf] }, source: s }\n",
        ),
        ("osi", "  sc: { code: sc, decode: { precedence: 2, when: { r3: 0x1137_24FA, r4: 0x7781_0F9B }, compare-bits: 32 }, source: s }\n"),
        (
            "kvm",
            "  magic: { code: sc, on: [pr], decode: { precedence: 3, when: { r0: 0x4B56_4D21, msr.pr: 0 }, compare-bits: 32 }, source: s }\n",
        ),
        ("linux", "  sc: { code: sc, decode: { precedence: 9 }, source: s }\n  scv: { code: scv 0, decode: { precedence: 9, lev: [0] }, source: s }\n"),
    ]
    .map(|(name, conduits)| (format!("spec/abi/{name}.yaml"), abi(name, conduits)));
    let mut files = vec![("spec/arch/ppc64.yaml", ARCH)];
    files.extend(texts.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    Library::from_texts(&files).unwrap_or_else(|error| panic!("{error}"))
}

/// The data of this checkout, if it has any.
fn real() -> Option<Library> {
    Some(Library::read(&Home::find(None).ok()?).unwrap_or_else(|error| panic!("{error}")))
}

fn libraries() -> &'static [Library] {
    static ALL: LazyLock<Vec<Library>> = LazyLock::new(|| [power()].into_iter().chain(real()).collect());
    &ALL
}

fn between<'a>(all: &'a [Collision], first: &str, second: &str) -> &'a Collision {
    let found = all.iter().find(|pair| (&*pair.first, &*pair.second) == (first, second));
    found.unwrap_or_else(|| panic!("{first} over {second} is not among {all:#?}"))
}

#[test]
fn the_interfaces_of_power_meet_where_they_are_known_to() {
    let all = collisions(&power());
    let pairs: Vec<(&str, &str)> = all.iter().map(|pair| (&*pair.first, &*pair.second)).collect();
    assert_eq!(
        pairs,
        [
            ("kvm.magic", "linux.sc"),
            ("osi.sc", "kvm.magic"),
            ("osi.sc", "linux.sc"),
            ("papr.sc-1", "kvm.magic"),
            ("papr.sc-1", "linux.sc"),
            ("papr.sc-1", "osi.sc"),
            ("uv.degraded", "kvm.magic"),
            ("uv.degraded", "linux.sc"),
            ("uv.degraded", "osi.sc"),
            ("uv.sc-2", "kvm.magic"),
            ("uv.sc-2", "linux.sc"),
            ("uv.sc-2", "osi.sc"),
        ]
    );
    let both_magics = between(&all, "osi.sc", "kvm.magic");
    assert_eq!(both_magics.region.lev, [] as [u64; 0], "neither looks at LEV");
    assert_eq!(both_magics.region.when.get("msr.pr"), Some(&0), "KVM's magic is for the kernel");
    assert!(!both_magics.tied);
}

#[test]
fn sc_2_without_secure_memory_is_judged_as_a_hypercall_of_the_kernel() {
    let library = power();
    let all = fall_throughs(&library);
    let taken = |missed: &str, because: &str| -> Vec<Option<&str>> {
        let story = all.iter().filter(|row| row.missed == missed && row.because == because);
        story.map(|row| row.taken_by.as_deref()).collect()
    };
    assert_eq!(taken("uv.sc-2", "smf is absent"), [Some("uv.degraded")]);
    assert_eq!(taken("uv.degraded", "msr.pr is 1"), [Some("linux.sc")]);
    assert_eq!(taken("kvm.magic", "msr.pr is 1"), [Some("linux.sc")]);
    assert_eq!(taken("papr.sc-1", "msr.pr is 1"), [Some("linux.sc")]);
    assert_eq!(taken("papr.sc-1", "LEV is 3"), [Some("linux.sc")]);
    assert_eq!(taken("osi.sc", "r4 is not 0x77810f9b"), [Some("linux.sc")]);
    assert_eq!(taken("linux.scv", "LEV is 1"), [None], "nobody takes a reserved scv");
}

#[test]
fn every_overlap_has_a_state_that_both_claim_and_the_first_one_gets() {
    for library in libraries() {
        let all = predicates(library);
        for pair in collisions(library) {
            let named = |name: &str| -> Vec<&Predicate> { all.iter().filter(|one| one.name == name).collect() };
            assert!(named(&pair.first).iter().any(|one| one.claims(&pair.example)), "{pair:#?}");
            assert!(named(&pair.second).iter().any(|one| one.claims(&pair.example)), "{pair:#?}");
            let taker = winner(&all, &pair.example).expect("two claim it");
            let abi = |name: &str| name.split_once('.').map(|(abi, _)| abi.to_owned());
            assert!(
                pair.tied || taker.name == pair.first || Some(&taker.abi) == abi(&pair.second).as_ref(),
                "{pair:#?}"
            );
        }
        for row in fall_throughs(library) {
            let missed: Vec<_> = all.iter().filter(|one| one.name == row.missed).collect();
            assert!(!missed.iter().any(|one| one.claims(&row.state)), "{row:#?}");
            assert_eq!(winner(&all, &row.state).map(|taker| taker.name.clone()), row.taken_by, "{row:#?}");
        }
    }
}

#[test]
fn the_map_is_the_same_each_time_it_is_drawn() {
    let text = render(&power());
    assert_eq!(text, render(&power()));
    assert!(text.starts_with("12 pairs of conduits claim the same states\n"), "{text}");
    assert!(text.contains("sc 0 msr=0 r0=0x4b564d21 r3=0x113724fa r4=0x77810f9b [kvm osi pr]"), "{text}");
}

/// A state made of what the predicates look at, so that it often lies at their edges.
fn state_of(all: &[Predicate], seed: &[u64]) -> State {
    let mut draws = seed.iter().copied().cycle();
    let mut draw = || draws.next().unwrap_or(0).rotate_left(7);
    let pick = |n: u64, from: &[String]| from.get(usize::try_from(n % from.len().max(1) as u64).unwrap_or(0)).cloned();
    let list = |of: &dyn Fn(&Predicate) -> Vec<String>| all.iter().flat_map(of).collect::<Vec<String>>();
    let arch = pick(draw(), &list(&|one| vec![one.arch.clone()])).unwrap_or_default();
    let trap = pick(draw(), &list(&|one| vec![one.trap.clone()])).unwrap_or_default();
    let mut registers: BTreeMap<String, u64> = BTreeMap::new();
    for (register, value) in all.iter().flat_map(Predicate::registers) {
        let noise = draw();
        match noise % 4 {
            0 => {}
            1 => drop(registers.insert(register.to_owned(), noise)),
            2 => drop(registers.insert(register.to_owned(), value | noise << 32)),
            _ => drop(registers.insert(register.to_owned(), value)),
        }
    }
    let features = list(&|one| one.with.iter().chain(&one.without).cloned().collect());
    let features = features.into_iter().filter(|_| draw() % 4 != 0).collect();
    State { arch, trap, lev: draw() % 4, registers, features }
}

proptest! {
    #[test]
    fn no_state_is_claimed_by_two_conduits_that_are_said_to_be_disjoint(seed in prop::collection::vec(any::<u64>(), 8..40)) {
        for library in libraries() {
            let all = predicates(library);
            let state = state_of(&all, &seed);
            let takers: Vec<&Predicate> = all.iter().filter(|one| one.claims(&state)).collect();
            for (n, one) in takers.iter().enumerate() {
                for two in &takers[n + 1..] {
                    prop_assert!(one.overlap(two).is_some(), "{} and {} both claim {state:?}", one.name, two.name);
                }
            }
        }
    }
}

/// Two ABIs with one instruction and the number in one register.
fn two(ranges: &str, calls: &str, other_ranges: &str, other_calls: &str) -> Library {
    let abi = |name: &str, ranges: &str, calls: &str| {
        format!(
            "abi: {name}\ntitle: T\narch: [ppc64]\nsources: {{ s: S }}\nclauses: {{}}\n\
             conduits:\n  c: {{ code: sc 1, decode: {{ precedence: 1 }}, source: s }}\n\
             number: {{ in: r3, width: 64, ranges: [{ranges}] }}\ncalls: {{ {calls} }}\n"
        )
    };
    let (one, other) = (abi("one", ranges, calls), abi("other", other_ranges, other_calls));
    let files =
        [("spec/arch/ppc64.yaml", ARCH), ("spec/abi/one.yaml", one.as_str()), ("spec/abi/other.yaml", other.as_str())];
    Library::from_texts(&files).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn ranges_inside_others_are_nested_and_ranges_that_cross_are_told() {
    let range = |from: u64, to: u64| format!("{{ from: {from}, to: {to}, owner: from {from}, source: s }}");
    let all = |ranges: &[(u64, u64)]| ranges.iter().map(|(a, b)| range(*a, *b)).collect::<Vec<_>>().join(", ");
    let library = two(&all(&[(0, 99), (200, 299)]), "", &all(&[(10, 19), (250, 349)]), "");
    let spaces = spaces(&library);
    assert_eq!(spaces.len(), 1);
    let told: Vec<_> = spaces[0].claims.iter().map(|c| (c.span.first, c.depth, c.crosses.clone())).collect();
    let crosses = |whom: &str| vec![whom.to_owned()];
    assert_eq!(
        told,
        [(0, 0, vec![]), (10, 1, vec![]), (200, 0, crosses("other: from 250")), (250, 0, crosses("one: from 200"))]
    );
}

#[test]
fn a_number_that_two_abis_give_away_is_told_at_both() {
    let range = "{ from: 0, to: 99, owner: all, source: s }";
    let library =
        two(range, "A: { number: 7, source: s }, B: { number: 8, source: s }", range, "C: { number: 7, source: s }");
    let found = spaces(&library);
    let twice: Vec<_> = found[0].claims.iter().flat_map(|claim| claim.twice.clone()).collect();
    assert_eq!(twice, ["0x7 other.C", "0x7 one.A"]);
    assert_eq!(found[0].claims.iter().map(|claim| claim.calls).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn the_owners_of_smccc_numbers_are_in_the_map() {
    let Some(library) = real() else { return };
    let found = spaces(&library);
    let smccc = found.iter().find(|space| space.register == "x0").expect("Arm's function identifiers");
    let psci = smccc.claims.iter().find(|claim| claim.abi == "psci" && claim.span.contains(0x8400_0003));
    assert_eq!(psci.map(|claim| (claim.span.first, claim.span.last)), Some((0x8400_0000, 0x8400_001F)));
    assert!(smccc.claims.iter().any(|claim| claim.span.contains(0x4600_0001) && claim.owner.contains("Hyper-V")));
    assert!(render(&library).contains("behind hvc, smc on arm64"));
}
