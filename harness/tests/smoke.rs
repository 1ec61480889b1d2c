//! What every backend must be able to do before anything else is asked of it.

use std::collections::BTreeSet;
use std::time::Duration;

use hypercheck::backends::{self, Entry};
use hypercheck::contract::{BootError, Budget, Guest, Hypervisor, Machine, Stop};
use hypercheck::registers::{RegisterFile, Registers};
use hypercheck_spec::library::{Home, Library};
use rstest::rstest;

const NOP: u32 = 0x6000_0000;
const TRAP: u32 = 0x7FE0_0008;
/// `addi r5, r4, 1`
const ADD: u32 = 0x38A4_0001;
/// `std r5, 0(r6)`
const STORE: u32 = 0xF8A6_0000;

fn library() -> Library {
    Library::read_spec(&Home::find(None).expect("the test runs in a checkout")).expect("the spec is valid")
}

/// Whether the environment demands that the backend is there.
fn demanded(name: &str) -> bool {
    let required = std::env::var("HYPERCHECK_REQUIRE").unwrap_or_default();
    required.split(',').any(|word| !word.is_empty() && name.starts_with(word.trim()))
}

fn boot(hypervisor: &dyn Hypervisor, name: &str) -> Option<Box<dyn Guest>> {
    let machine = Machine { arch: "ppc64".to_owned(), features: BTreeSet::new() };
    match hypervisor.boot(&machine) {
        Ok(guest) => Some(guest),
        Err(error @ BootError::Missing { .. }) if !demanded(name) => {
            eprintln!("skipped: {name}: {error}");
            None
        }
        Err(error) => panic!("{name}: {error}"),
    }
}

struct Bench<'a> {
    guest: Box<dyn Guest>,
    file: &'a RegisterFile,
}

impl Bench<'_> {
    fn run(&mut self, words: &[u32], set: &[(&str, u64)]) -> (Stop, Registers) {
        let code = self.guest.facts().code;
        let bytes: Vec<u8> = words.iter().chain([&TRAP]).flat_map(|word| word.to_be_bytes()).collect();
        self.guest.write(code, &bytes).expect("code can be written");
        let mut registers = Registers::default();
        for (name, value) in [("pc", code), ("msr", 0x8000_0000_0000_1002)].iter().chain(set) {
            registers.set(self.file.id(name).expect("a register of ppc64"), *value);
        }
        self.guest.set_registers(&registers).expect("registers can be set");
        let until = code + 4 * words.len() as u64;
        let budget = Budget { until, instructions: 100_000, patience: Duration::from_secs(5) };
        let stop = self.guest.run(budget).expect("the guest runs");
        let mut after = Registers::default();
        self.guest.registers(&mut after).expect("registers can be read");
        (stop, after)
    }

    fn get(&self, registers: &Registers, name: &str) -> Option<u64> {
        registers.get(self.file.id(name)?)
    }
}

#[rstest]
fn every_backend_runs_code_and_shows_registers_and_memory(#[values(0, 1)] number: usize) {
    let entry: &Entry = &backends::ALL[number];
    let library = library();
    let hypervisor = (entry.open)(&library).expect("opening needs nothing");
    assert_eq!(hypervisor.identity().name, entry.name);
    let Some(guest) = boot(&*hypervisor, entry.name) else { return };
    let file = RegisterFile::new(&library.arches["ppc64"].value);
    let mut bench = Bench { guest, file: &file };
    let scratch = bench.guest.facts().scratch;

    let (stop, after) = bench.run(&[ADD, STORE], &[("r4", 41), ("r6", scratch + 8), ("r31", 0x1234_5678_9ABC_DEF0)]);
    assert_eq!(stop, Stop::Reached);
    assert_eq!(bench.get(&after, "r5"), Some(42));
    assert_eq!(bench.get(&after, "r31"), Some(0x1234_5678_9ABC_DEF0));
    let mut stored = [0; 8];
    bench.guest.read(scratch + 8, &mut stored).expect("RAM can be read");
    assert_eq!(u64::from_be_bytes(stored), 42);

    bench.guest.write(scratch, &[0xAB; 16]).expect("RAM can be written");
    let (stop, after) = bench.run(&[0xE8A6_0000], &[("r6", scratch)]);
    assert_eq!((stop, bench.get(&after, "r5")), (Stop::Reached, Some(0xABAB_ABAB_ABAB_ABAB)));

    let (stop, after) = bench.run(&[NOP, 0x4400_0002], &[("r0", 7)]);
    assert_eq!(stop, Stop::Interrupt { vector: 0xC00 });
    assert_eq!(bench.get(&after, "srr0"), Some(bench.guest.facts().code + 8));

    let beyond = bench.guest.facts().ram;
    assert!(bench.guest.read(beyond, &mut stored).is_err(), "there is no RAM at its end");
}

#[rstest]
fn every_backend_watches_and_rewinds_what_it_says_it_can(#[values(0, 1)] number: usize) {
    let entry: &Entry = &backends::ALL[number];
    let library = library();
    let hypervisor = (entry.open)(&library).expect("opening needs nothing");
    let Some(guest) = boot(&*hypervisor, entry.name) else { return };
    let file = RegisterFile::new(&library.arches["ppc64"].value);
    let mut bench = Bench { guest, file: &file };
    let scratch = bench.guest.facts().scratch;
    bench.run(&[NOP, NOP], &[]);
    bench.guest.watching().expect("both backends watch").mark().expect("a mark can be set");
    // The same block again: no code is written between the mark and the run.
    let mut registers = Registers::default();
    for (name, value) in [("pc", bench.guest.facts().code), ("msr", 0x8000_0000_0000_1002)] {
        registers.set(file.id(name).expect("a register"), value);
    }
    let mut seen = Vec::new();
    let mut changes = |at: u64, before: &[u8], after: &[u8]| seen.push((at, before.to_vec(), after.to_vec()));
    bench.guest.write(scratch + 100, &[1, 2, 3]).expect("RAM can be written");
    bench.guest.watching().expect("watches").changes(&mut changes).expect("changes can be told");
    assert_eq!(seen, [(scratch + 100, vec![0; 3], vec![1, 2, 3])]);
    bench.guest.rewinding().expect("both backends rewind").rewind().expect("the guest can be rewound");
    let mut bytes = [0xFF; 3];
    bench.guest.read(scratch + 100, &mut bytes).expect("RAM can be read");
    assert_eq!(bytes, [0; 3]);
    let (stop, _) = bench.run(&[NOP], &[]);
    assert_eq!(stop, Stop::Reached);
}
