//! Runs cases on both, and tells of the first that differs in the smallest form that still does.

use std::collections::BTreeMap;
use std::process::Command;

use super::batch;
use super::case::{Case, End, NOP, Outcome};
use super::generate::Generator;
use super::layout::BATCH;
use super::target::Target;
use super::undefined::defined_xer;

/// The seed: fixed, unless the environment has another.
pub fn seed() -> u64 {
    number("HYPERCHECK_SEED").unwrap_or(0x0050_5043)
}

/// How many cases all targets run together, unless the environment says otherwise.
pub fn cases(default: u64) -> u64 {
    number("HYPERCHECK_CASES").unwrap_or(default)
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let digits = text.strip_prefix("0x");
    let value = digits.map_or_else(|| text.parse(), |digits| u64::from_str_radix(digits, 16));
    Some(value.unwrap_or_else(|_| panic!("{name} is `{text}`; give a number, such as 300000 or 0x2A")))
}

/// Whether QEMU is installed. A failure where the environment insists on it.
pub fn is_installed(target: &Target) -> bool {
    let works = Command::new(target.program).arg("-version").output().is_ok_and(|output| output.status.success());
    let required = std::env::var("HYPERCHECK_REQUIRE").is_ok_and(|list| list.contains("qemu-user"));
    assert!(works || !required, "HYPERCHECK_REQUIRE names qemu-user, but {} does not run", target.program);
    if !works {
        println!("skipped: {} is missing; install qemu-user to run this test", target.program);
    }
    works
}

/// What QEMU and the core make of one case differently.
fn differences(generator: &mut Generator, core: &Outcome, qemu: &Outcome) -> Vec<String> {
    let target = generator.core.target;
    let names: Vec<_> = target.held_registers().iter().map(|row| row.name).collect();
    let mut qemu = qemu.clone();
    // Reserved bits of XER need not hold what was written. Book I 1.3.3
    qemu.after.xer &= defined_xer(&target);
    core.differences(&qemu, &names)
}

/// Kinds of difference that are told of.
const KINDS: usize = 6;
/// Cases that are looked into.
const LOOKS: usize = 12;

/// Runs cases of a target, and fails if any differs, with a case of each kind. Gives how many ended with each signal, 0
/// for none.
pub fn run(generator: &mut Generator, seed: u64, numbers: std::ops::Range<u64>) -> BTreeMap<u64, u64> {
    let mut ends = BTreeMap::new();
    let target = generator.core.target;
    let (mut kinds, mut followers, mut looks) = (BTreeMap::new(), 0, 0);
    let mut first = numbers.start;
    while first < numbers.end && kinds.len() < KINDS && looks < LOOKS {
        let last = numbers.end.min((first / BATCH as u64 + 1) * BATCH as u64);
        let cases: Vec<Case> = (first..last).map(|number| generator.case(seed, number)).collect();
        let outcomes = batch::run(&target, &cases);
        for (case, qemu) in cases.iter().zip(&outcomes) {
            let core = generator.core.run(case);
            *ends.entry(core.end.signal()).or_default() += 1;
            if kinds.len() == KINDS || looks == LOOKS || differences(generator, &core, qemu).is_empty() {
                continue;
            }
            // Nothing ran after a lost case, and to shrink one that hangs takes too long.
            if qemu.is_lost() {
                looks = LOOKS;
                kinds.insert(case.mnemonics(), describe(generator, case, seed));
                continue;
            }
            looks += 1;
            // A case that stored where it should not can spoil what comes after it.
            if !differs_alone(generator, case) {
                followers += 1;
                continue;
            }
            let small = shrink(generator, case);
            let text = describe(generator, &small, seed);
            kinds.entry(small.mnemonics()).or_insert(text);
        }
        first = last;
    }
    let texts: Vec<_> = kinds.into_values().collect();
    assert!(
        texts.is_empty() && followers == 0,
        "{followers} cases of {} differ only after those before them;\n{}",
        target.name(),
        texts.join("\n")
    );
    ends
}

fn differs_alone(generator: &mut Generator, case: &Case) -> bool {
    let core = generator.core.run(case);
    let qemu = batch::run(&generator.core.target, std::slice::from_ref(case)).remove(0);
    !qemu.is_lost() && !differences(generator, &core, &qemu).is_empty()
}

/// A case that differs, with everything to see why and to run it again.
fn describe(generator: &mut Generator, small: &Case, seed: u64) -> String {
    let target = generator.core.target;
    let core = generator.core.run(small);
    let qemu = batch::run(&target, std::slice::from_ref(small)).remove(0);
    let lines = differences(generator, &core, &qemu);
    let before = &small.before;
    let registers: Vec<_> = before.gpr.iter().enumerate().map(|(i, value)| format!("r{i}={value:#x}")).collect();
    format!(
        "{} differs from the core in case {}:\n{}{}before: {}\n  cr={:#x} xer={:#x} lr={:#x} ctr={:#x} held={:x?}\n\
         run it alone with\n  HYPERCHECK_SEED={seed:#x} HYPERCHECK_CASE={}/{} \
         cargo test -p hypercheck-ppc --test qemu_user one_case\n",
        target.name(),
        small.number,
        small.text(),
        lines.iter().map(|line| format!("  {line}\n")).collect::<String>(),
        registers.join(" "),
        before.cr,
        before.xer,
        before.lr,
        before.ctr,
        before.held,
        target.name(),
        small.number,
    )
}

/// Takes instructions away while the outcomes still differ.
fn shrink(generator: &mut Generator, case: &Case) -> Case {
    let mut small = case.clone();
    let mut changed = true;
    while changed {
        changed = false;
        for index in (0..small.words.len()).filter(|index| case.words[*index] != NOP).rev().collect::<Vec<_>>() {
            if small.words[index] == NOP {
                continue;
            }
            let mut candidate = small.clone();
            candidate.words[index] = NOP;
            if !generator.is_fit(&candidate) {
                continue;
            }
            if differs_alone(generator, &candidate) {
                small = candidate;
                changed = true;
            }
        }
    }
    small
}

/// Fails if the program itself does not work on a target: every other message would be of no use.
pub fn assert_that_the_program_works(generator: &mut Generator) {
    let target = generator.core.target;
    let mut case = generator.case(0, 0);
    case.words.fill(NOP);
    let outcome = batch::run(&target, &[case]).remove(0);
    assert_eq!(outcome.end, End::Finished, "{} does not run the program of this test", target.name());
}
