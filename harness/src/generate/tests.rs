//! Generators, benches and cases on the bundled reference.

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::Unstructured;
use hypercheck_report::model::{Mismatch, Oracle};
use hypercheck_spec::case::Case;
use hypercheck_spec::library::{Home, Library};
use proptest::prelude::*;

use super::*;
use crate::contract::{
    BootError, Budget, Facts, Guest, GuestError, Hypervisor, Identity, Machine, Rewinding, Stop, Watching,
};
use crate::reference::Reference;
use crate::registers::{RegisterFile, Registers};
use crate::scenario::{self, Options};
use crate::session::{Plans, Session};

const LENGTH: usize = 512;

fn library() -> Library {
    Library::read_spec(&Home::find(None).unwrap()).unwrap()
}

fn reference(library: &Library) -> Box<dyn Hypervisor> {
    Box::new(Reference::new(library.arches.values().map(|arch| &arch.value)))
}

fn bench() -> (Library, Bench) {
    let library = library();
    let bench = Bench::new(&library, reference(&library)).unwrap();
    (library, bench)
}

fn input(menu: &Menu, seed: u64) -> Input {
    Input::generate(&mut Unstructured::new(&noise(seed, LENGTH)), menu).unwrap()
}

#[test]
fn every_call_is_drawn_before_long() {
    let (_, bench) = bench();
    let mut missing = BTreeSet::new();
    for offer in bench.menu.sites.iter().flat_map(|site| &site.offers) {
        // What always ends a guest is rarely drawn.
        let entries = offer.entries.iter().filter(|entry| !entry.always_hazardous());
        missing.extend(entries.map(|entry| (offer.plan.abi.abi.clone(), entry.call.name.clone())));
    }
    assert!(missing.len() > 600, "only {} calls", missing.len());
    let mut kinds = BTreeMap::new();
    for seed in 0..40_000 {
        let input = input(&bench.menu, seed);
        for attempt in &input.attempts {
            missing.remove(&(attempt.plan.abi.abi.clone(), attempt.call.name.clone()));
            *kinds.entry(attempt.plan.call(&attempt.call.name).is_some()).or_insert(0) += 1;
        }
    }
    assert!(missing.is_empty(), "never drawn: {missing:?}");
    assert!(kinds[&true] > 4 * kinds[&false] && kinds[&false] > 1000, "{kinds:?}");
}

#[test]
fn the_same_bytes_are_the_same_input_with_the_same_result() {
    let ((_, mut one), (_, mut two)) = (bench(), bench());
    for seed in 0..300 {
        let text = |menu: &Menu| {
            let input = input(menu, seed);
            hypercheck_spec::yaml::write(&input.to_case(menu, &[])).unwrap()
        };
        assert_eq!(text(&one.menu), text(&two.menu));
        let (a, b) = (one.try_bytes(&noise(seed, LENGTH)).unwrap(), two.try_bytes(&noise(seed, LENGTH)).unwrap());
        assert_eq!((a.made, a.finding.map(|f| f.case)), (b.made, b.finding.map(|f| f.case)));
    }
}

#[test]
fn what_a_finding_ran_in_does_not_matter() {
    let (_, mut used) = bench();
    for seed in 0..2000 {
        if let Some(finding) = used.try_bytes(&noise(seed, LENGTH)).unwrap().finding {
            let (_, mut fresh) = bench();
            let again = fresh.try_input(&finding.input).unwrap().finding.unwrap();
            assert_eq!(finding.mismatches, again.mismatches, "seed {seed}");
        }
    }
}

/// How a wrapper around the reference is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    ClobbersR14,
    WrongCode,
    StrayWrite,
    Sprg3,
}

struct Faulty(Box<dyn Hypervisor>, Fault, Vec<std::sync::Arc<RegisterFile>>);

struct FaultyGuest {
    guest: Box<dyn Guest>,
    fault: Fault,
    file: std::sync::Arc<RegisterFile>,
    code: Vec<u8>,
}

impl Hypervisor for Faulty {
    fn identity(&self) -> &Identity {
        self.0.identity()
    }
    fn boot(&self, machine: &Machine) -> Result<Box<dyn Guest>, BootError> {
        let file = self.2.iter().find(|file| file.arch == machine.arch).unwrap().clone();
        let guest = self.0.boot(machine)?;
        Ok(Box::new(FaultyGuest { guest, fault: self.1, file, code: Vec::new() }))
    }
}

impl Guest for FaultyGuest {
    fn facts(&self) -> &Facts {
        self.guest.facts()
    }
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), GuestError> {
        self.guest.read(at, into)
    }
    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), GuestError> {
        if at == self.facts().code {
            self.code = bytes.to_vec();
        }
        self.guest.write(at, bytes)
    }
    fn registers(&mut self, into: &mut Registers) -> Result<(), GuestError> {
        self.guest.registers(into)
    }
    fn set_registers(&mut self, registers: &Registers) -> Result<(), GuestError> {
        self.guest.set_registers(registers)
    }
    fn run(&mut self, budget: Budget) -> Result<Stop, GuestError> {
        let stop = self.guest.run(budget)?;
        // Only blocks with an instruction besides the trap at their end are calls.
        if stop == Stop::Reached && self.code.len() > 4 {
            let mut wrong = Registers::default();
            // Machines other than Power are left alone.
            let mut set = |name: &str, value| self.file.id(name).into_iter().for_each(|id| wrong.set(id, value));
            match self.fault {
                Fault::ClobbersR14 => set("r14", 0xBAD),
                Fault::WrongCode => set("r3", 0x7777),
                Fault::Sprg3 => set("sprg3", 0x77),
                Fault::StrayWrite => {
                    let at = self.guest.facts().scratch + 0x8008;
                    self.guest.write(at, &[0xEE; 4])?;
                }
            }
            self.guest.set_registers(&wrong)?;
        }
        Ok(stop)
    }
    fn rewinding(&mut self) -> Option<&mut dyn Rewinding> {
        self.code.clear();
        self.guest.rewinding()
    }
    fn watching(&mut self) -> Option<&mut dyn Watching> {
        self.guest.watching()
    }
}

fn faulty(library: &Library, fault: Fault) -> Bench {
    let files = library.arches.values().map(|arch| RegisterFile::new(&arch.value)).collect();
    Bench::new(library, Box::new(Faulty(reference(library), fault, files))).unwrap()
}

/// The first findings of a fault by its oracle.
fn findings(library: &Library, fault: Fault, oracle: Oracle, wanted: usize) -> (Bench, Vec<Finding>) {
    let mut bench = faulty(library, fault);
    let mut all = Vec::new();
    for seed in 0..1000 {
        let finding = bench.try_bytes(&noise(seed, LENGTH)).unwrap().finding;
        all.extend(finding.map(|f| *f).filter(|f| f.mismatches.iter().any(|m| m.oracle == oracle)));
        if all.len() == wanted {
            break;
        }
    }
    (bench, all)
}

#[rstest::rstest]
#[case(Fault::ClobbersR14, Oracle::RegisterFrame)]
#[case(Fault::WrongCode, Oracle::ReturnSet)]
#[case(Fault::StrayWrite, Oracle::MemoryFootprint)]
#[case(Fault::Sprg3, Oracle::State)]
fn a_planted_fault_is_found_before_long(#[case] fault: Fault, #[case] oracle: Oracle) {
    let (_, all) = findings(&library(), fault, oracle, 1);
    assert!(!all.is_empty(), "{fault:?} was not found");
    assert!(all[0].report().contains("steps:"), "{}", all[0].report());
}

/// Runs a case as `hypercheck run` does.
fn run_case(library: &Library, hypervisor: &dyn Hypervisor, case: &Case) -> Vec<Mismatch> {
    let scenarios = case.scenarios("fuzz/finding", "cases/fuzz/finding.yaml");
    let abi = &library.abis[&case.abi].value;
    let wanted = case.requires.iter().chain(&abi.needs).chain([&case.abi]);
    let features = wanted.filter(|name| hypervisor.identity().options.contains(*name)).cloned().collect();
    let machine = Machine { arch: case.arch[0].clone(), features };
    let mut session = Session::boot(hypervisor, &machine, |facts| {
        Plans::new(library, &machine, facts, hypervisor).map(std::sync::Arc::new)
    })
    .unwrap();
    scenario::run(&mut session, library, &scenarios[0], Options::default()).unwrap().mismatches
}

#[rstest::rstest]
#[case(Fault::ClobbersR14, Oracle::RegisterFrame)]
#[case(Fault::WrongCode, Oracle::ReturnSet)]
#[case(Fault::StrayWrite, Oracle::MemoryFootprint)]
#[case(Fault::Sprg3, Oracle::State)]
fn the_case_of_a_finding_shows_the_same(#[case] fault: Fault, #[case] oracle: Oracle) {
    let library = library();
    let (bench, all) = findings(&library, fault, oracle, 25);
    assert!(!all.is_empty());
    for finding in &all {
        let case: Case = hypercheck_spec::yaml::parse("finding.yaml", &finding.case)
            .unwrap_or_else(|error| panic!("{error}\n{}", finding.case));
        let found = run_case(&library, bench.hypervisor(), &case);
        assert_eq!(found, finding.mismatches, "{}", finding.case);
    }
}

#[test]
fn every_drawn_input_is_a_case_that_reads_back() {
    let (_, bench) = bench();
    for seed in 0..500 {
        let text = hypercheck_spec::yaml::write(&input(&bench.menu, seed).to_case(&bench.menu, &[])).unwrap();
        let case: Case = hypercheck_spec::yaml::parse("input.yaml", &text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(hypercheck_spec::yaml::write(&case).unwrap(), text);
    }
}

#[test]
fn noise_makes_streams_of_all_kinds() {
    let (mut words, mut models) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..4000 {
        let stream = Stream::generate(&mut Unstructured::new(&noise(seed, LENGTH))).unwrap();
        models.insert(stream.cpu.model as u8);
        let known = |word: &u32| hypercheck_ppc::row::decode(*word, stream.cpu.model);
        words.extend(stream.words.iter().filter_map(known).map(|row| row.value));
    }
    assert_eq!(models.len(), hypercheck_ppc::Model::ALL.len());
    let rows: BTreeSet<u32> = hypercheck_ppc::table::ROWS.iter().map(|row| row.value).collect();
    assert!(words.len() * 20 > rows.len() * 19, "{} of {} rows", words.len(), rows.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_bytes_break_the_stream(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert_eq!(Track::default().try_bytes(&bytes), Ok(()));
    }
}

#[test]
fn most_inputs_make_calls_that_come_back() {
    let (_, mut bench) = bench();
    let (mut made, mut skipped, mut sites) = (0, 0, BTreeMap::<usize, usize>::new());
    for seed in 0..2000 {
        let tried = bench.try_bytes(&noise(seed, LENGTH)).unwrap();
        made += tried.made;
        skipped += tried.skipped.len();
        *sites.entry(input(&bench.menu, seed).site).or_default() += 1;
    }
    assert!(made > 2500 && skipped < 1200, "{made} calls made, {skipped} left out; machines {sites:?}");
}
