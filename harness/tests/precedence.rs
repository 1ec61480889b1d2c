//! The collision map against the reference: each example of two conduits that claim the same state, and of a conduit missed by
//! one condition, is run, and the answer is that of the conduit that the map names.

#[expect(dead_code, reason = "the tests of the reference use the rest of it")]
mod lab;

use std::collections::BTreeSet;

use hypercheck::contract::{Hypervisor, Stop};
use hypercheck_spec::collisions::{Predicate, State, collisions, fall_throughs, predicates, winner};
use hypercheck_spec::library::{Home, Library};
use lab::{Lab, POISON};

/// H_SET_SPRG0, a PAPR call that changes one register; the ultravisor has no call of this number.
const TOKEN: u64 = 0x24;
/// A number that neither KVM nor ePAPR has.
const UNKNOWN: u64 = 0x2A_00FF;
/// A selector that OSI does not have: it leaves `r3` alone.
const SELECTOR: u64 = 100;

/// Who answered, as far as the state lets one tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// PAPR or the ultravisor: a small negative number in `r3`, or the token's effect.
    Papr,
    Ultravisor,
    /// One of these two, to both of which the number is unknown.
    Either,
    /// PAPR refuses problem state.
    Privilege,
    Kvm,
    Osi,
    /// BookE's program interrupt.
    Program,
    /// An interrupt of the guest: system call, or what scv raises.
    Guest,
}

fn library() -> Library {
    let home = Home::find(None).expect("the test runs in a checkout");
    Library::read(&home).unwrap_or_else(|error| panic!("{error}"))
}

/// The machine that is asked for, with what the reference adds to it: an ultravisor sits beside PAPR.
fn closed(state: &State) -> State {
    let mut state = state.clone();
    if state.features.contains("ultravisor.enabled") {
        state.features.insert("ultravisor".to_owned());
    }
    if state.features.contains("ultravisor") {
        state.features.insert("papr".to_owned());
    }
    // Power ISA, "System Call": without an enabled ultravisor LEV 2 is LEV 1. The map knows it only where there is an
    // ultravisor that could be enabled.
    if state.lev == 2 && state.arch == "ppc64" && !state.features.contains("ultravisor.enabled") && state.trap == "sc" {
        state.lev = 1;
    }
    state
}

/// What the conduit that takes a state answers.
fn expected(all: &[Predicate], state: &State) -> Answer {
    let state = closed(state);
    let unknown = state.registers.get("r3").is_some_and(|&r3| r3 != 0);
    match winner(all, &state) {
        Some(taker) if taker.abi == "papr" && taker.refuses(&state) => Answer::Privilege,
        Some(taker) if taker.refuses(&state) => Answer::Program,
        Some(taker) => match taker.abi.as_str() {
            "papr" | "ultravisor" if unknown => Answer::Either,
            "papr" => Answer::Papr,
            "ultravisor" => Answer::Ultravisor,
            "kvm-epapr" => Answer::Kvm,
            "osi" => Answer::Osi,
            "linux-syscall" => Answer::Guest,
            other => panic!("{other} takes {state:?}, and this test does not know its answers"),
        },
        None => Answer::Guest,
    }
}

/// Whether the reference has such a machine: KVM offers OSI on Book3S only, so that it has none on BookE.
fn exists(state: &State) -> bool {
    let features: Vec<&str> = state.features.iter().map(String::as_str).collect();
    lab::reference().boot(&lab::machine(&state.arch, &features)).is_ok()
}

/// Runs a state on the reference.
fn run(state: &State) -> Answer {
    let features: Vec<&str> = state.features.iter().map(String::as_str).collect();
    let mut lab = Lab::boot(&state.arch, &features);
    let kernel = lab.msr();
    lab.poison();
    lab.set(&[("r3", TOKEN), ("r4", 7), ("r5", SELECTOR), ("r11", UNKNOWN), ("sprg0", 1)]);
    for (register, &value) in &state.registers {
        let value = if register == "msr" { kernel & !0x4000 | value } else { value };
        lab.set(&[(register.as_str(), value)]);
    }
    let (r3, r4) = (lab.get("r3"), lab.get("r4"));
    let stop = lab.run(&format!("{} {}", state.trap, state.lev));
    let (seen3, seen4, sprg0) = (lab.get("r3"), lab.get("r4"), lab.get("sprg0"));
    assert_eq!(lab.get("r20"), POISON + 20, "{state:?}");
    match stop {
        Stop::Interrupt { vector: 0x700 } if state.trap == "sc" => Answer::Program,
        Stop::Interrupt { .. } => {
            assert_eq!((seen3, seen4), (r3, r4), "the guest gets its registers as they were: {state:?}");
            Answer::Guest
        }
        Stop::Reached if (seen3, seen4) == (12, 0) => Answer::Kvm,
        Stop::Reached if (seen3, seen4, sprg0) == (0, r4, r4) => Answer::Papr,
        Stop::Reached if seen3.cast_signed() == -3 => Answer::Privilege,
        Stop::Reached if seen3.cast_signed() == -2 && r3 == TOKEN => Answer::Ultravisor,
        Stop::Reached if seen3.cast_signed() == -2 => Answer::Either,
        Stop::Reached if (seen3, seen4) == (r3, r4) => Answer::Osi,
        other => panic!("{other:?} with r3 {seen3:#x} and r4 {seen4:#x} after {state:?}"),
    }
}

#[test]
fn where_two_conduits_claim_a_state_the_one_that_the_map_names_answers() {
    let library = library();
    let all = predicates(&library);
    let pairs = collisions(&library);
    let known = lab::reference().identity().arch.clone();
    let mut run_pairs = 0;
    for pair in pairs.iter().filter(|pair| known.contains(&pair.example.arch)) {
        assert!(!pair.tied, "nothing says who goes first: {pair:?}");
        assert_eq!(winner(&all, &pair.example).map(|taker| taker.name.as_str()), Some(&*pair.first));
        for arch in pair.arches.iter().filter(|arch| ["ppc64", "ppc32"].contains(&arch.as_str())) {
            let state = State { arch: arch.clone(), ..pair.example.clone() };
            assert_eq!(run(&state), expected(&all, &state), "{} against {}: {state:?}", pair.first, pair.second);
            run_pairs += 1;
        }
    }
    assert!(run_pairs >= 15, "only {run_pairs} examples were run");
}

#[test]
fn where_a_conduit_is_missed_by_one_condition_the_one_that_the_map_names_answers() {
    let library = library();
    let all = predicates(&library);
    let mut named = BTreeSet::new();
    let (mut runs, mut missing) = (0, Vec::new());
    for row in fall_throughs(&library).iter().filter(|row| ["ppc64", "ppc32"].contains(&row.state.arch.as_str())) {
        if !exists(&row.state) {
            missing.push(format!("{} missed because {}", row.missed, row.because));
            continue;
        }
        let expected = expected(&all, &row.state);
        assert_eq!(run(&row.state), expected, "{} missed because {}: {:?}", row.missed, row.because, row.state);
        runs += 1;
        // Where the reference's machine has more than the example asks for, its taker may be another one.
        let taker = winner(&all, &closed(&row.state)).map(|taker| taker.name.clone());
        if taker != row.taken_by {
            named.insert(format!("{} missed because {}", row.missed, row.because));
        }
    }
    assert!(runs >= 40, "only {runs} examples were run");
    missing.dedup();
    assert_eq!(
        missing,
        ["osi.magic-sc missed because booke-hv is there", "osi.magic-sc missed because e500v2 is there"]
    );
    let with_more: Vec<&str> = named.iter().map(String::as_str).collect();
    assert_eq!(
        with_more,
        [
            "papr.sc1 missed because LEV is 2",
            "ultravisor.sc2 missed because LEV is 1",
            "ultravisor.sc2 missed because ultravisor is absent",
            "ultravisor.sc2 missed because ultravisor.enabled is absent",
            "ultravisor.sc2-degraded missed because LEV is 1",
            "ultravisor.sc2-degraded missed because msr.pr is 1",
        ],
        "states in which LEV 2 is LEV 1, or the ultravisor brings PAPR along"
    );
}
