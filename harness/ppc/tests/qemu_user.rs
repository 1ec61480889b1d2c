//! The core against QEMU in user mode, which is a second implementation of the same instructions.
//!
//! A program written here runs thousands of short random programs in one process of QEMU and writes down registers and
//! memory after each; the core runs the same, and nothing may differ. `HYPERCHECK_CASES` says how many are run on all
//! processors together, `HYPERCHECK_SEED` which, `HYPERCHECK_CASE` one of them alone.

mod qemu_user {
    pub mod batch;
    pub mod case;
    pub mod compare;
    pub mod core;
    pub mod deviations;
    pub mod draw;
    pub mod elf;
    pub mod generate;
    pub mod known_words;
    pub mod layout;
    pub mod prefixed;
    pub mod program;
    pub mod random;
    pub mod target;
    pub mod undefined;
    pub mod words;
}
#[path = "common/split_mix.rs"]
mod split_mix;

use std::collections::BTreeSet;

use hypercheck_ppc::table::{PREFIXED, ROWS};
use hypercheck_ppc::{Model, disassemble};
use qemu_user::deviations::{DEVIATIONS, NOT_RUN};
use qemu_user::generate::Generator;
use qemu_user::known_words::KNOWN_WORDS;
use qemu_user::target::Target;
use qemu_user::{compare, known_words, words};

/// Cases on all targets together where the environment does not say otherwise. CI says 300000.
const CASES: u64 = 30_000;

/// Cases on a target among which every form and every end must occur.
const ENOUGH: u64 = 2000;
/// Signals of Linux on PowerPC.
const SIGILL: u64 = 4;
const SIGTRAP: u64 = 5;
const SIGBUS: u64 = 7;
const SIGSEGV: u64 = 11;

/// Runs the share of cases of some targets.
fn run(targets: &[Target]) {
    let share = compare::cases(CASES).div_ceil(Target::all().len() as u64);
    for target in targets.iter().filter(|target| compare::is_installed(target)) {
        let mut generator = Generator::new(*target);
        compare::assert_that_the_program_works(&mut generator);
        let start = std::time::Instant::now();
        let ends = compare::run(&mut generator, compare::seed(), 0..share);
        println!("{}: {share} cases in {:?}, no difference; by signal {ends:?}", target.name(), start.elapsed());
        let never: Vec<_> =
            generator.forms().into_iter().filter(|form| !generator.executed.contains_key(form)).collect();
        assert!(share < ENOUGH || never.is_empty(), "{} never executed {never:x?}", target.name());
        let missing = [0, SIGILL, SIGTRAP, SIGBUS, SIGSEGV].into_iter().find(|signal| !ends.contains_key(signal));
        assert!(share < ENOUGH || missing.is_none(), "{} had no case with signal {missing:?}", target.name());
    }
}

#[test]
fn programs_of_64_bit_processors_in_big_endian_mode() {
    let wide = Model::ALL.into_iter().map(Target::big).filter(Target::is_wide);
    run(&wide.collect::<Vec<_>>());
}

#[test]
fn programs_of_64_bit_processors_in_little_endian_mode() {
    run(&Model::ALL.into_iter().filter_map(Target::little).collect::<Vec<_>>());
}

#[test]
fn programs_of_32_bit_processors() {
    let narrow = Model::ALL.into_iter().map(Target::big).filter(|target| !target.is_wide());
    run(&narrow.collect::<Vec<_>>());
}

/// The case of `HYPERCHECK_CASE`, which a failure names: program, processor and number.
#[test]
fn one_case() {
    let Ok(wanted) = std::env::var("HYPERCHECK_CASE") else { return };
    let (name, number) = wanted.rsplit_once('/').expect("HYPERCHECK_CASE is program/processor/number");
    let number = number.parse().expect("the number of a case");
    let target = Target::all().into_iter().find(|target| target.name() == name).expect("a target of this test");
    let mut generator = Generator::new(target);
    println!("{}", generator.case(compare::seed(), number).text());
    compare::run(&mut generator, compare::seed(), number..number + 1);
}

/// Every extended opcode, and random words: an instruction of the core's model is one of QEMU's processor, needs the same
/// privilege, and what is none is illegal on both.
#[test]
fn words_are_instructions_of_the_same_processors() {
    let mut words = words::words();
    words.extend(words::random_words(compare::seed(), compare::cases(CASES) as usize / 50));
    let mut used = BTreeSet::new();
    let targets: Vec<_> = Target::all().into_iter().filter(compare::is_installed).collect();
    for target in &targets {
        let mut generator = Generator::new(*target);
        let (different, compared) = words::differences(&mut generator, &words);
        let mut known = 0;
        for row in different.iter().filter_map(|(word, ..)| known_words::known(*word, target).map(|row| (row, *word))) {
            used.insert((row.0, row.1 >> 1 & 0x3FF));
            known += 1;
        }
        println!("{}: {compared} words, {known} known differences", target.name());
        assert!(compared > 10_000, "{compared} words were compared");
        let unknown: Vec<_> = different
            .iter()
            .filter(|(word, ..)| known_words::known(*word, target).is_none())
            .map(|(word, core, qemu)| format!("{word:#010x} {}: core {core:?}, QEMU {qemu:?}", disassemble(*word, 0)))
            .collect();
        assert!(unknown.is_empty(), "{} words differ on {}:\n{}", unknown.len(), target.name(), unknown.join("\n"));
    }
    let rows = KNOWN_WORDS.iter().enumerate();
    let entries = rows.flat_map(|(row, known)| known.extended.iter().map(move |extended| (row, *extended)));
    let unused: Vec<_> = entries.filter(|entry| !used.contains(entry)).collect();
    let all = targets.len() == Target::all().len();
    assert!(
        !all || unused.is_empty(),
        "rows and extended opcodes of known words that do not differ on any target: {unused:?}"
    );
}

/// The tables of what is left out speak of instructions that exist, and say who decides.
#[test]
fn what_is_left_out_is_named_and_explained() {
    let exists = |name: &&str| ROWS.iter().any(|row| row.name == *name) || PREFIXED.iter().any(|row| row.name == *name);
    for row in DEVIATIONS {
        assert!(row.of.iter().all(exists), "{:?}", row.of);
        assert!(!row.qemu.is_empty() && row.architecture.contains(' '), "{:?} has no source", row.of);
    }
    assert!(NOT_RUN.iter().all(|(name, why)| exists(name) && !why.is_empty()));
    assert!(KNOWN_WORDS.iter().all(|row| row.primary < 64 && !row.why.is_empty()));
}
