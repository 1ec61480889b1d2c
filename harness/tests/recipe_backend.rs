//! The backend of the README's recipe, tested by running the suite on it.

use std::collections::BTreeSet;

use hypercheck::contract::{BootError, Budget, Facts, Guest, GuestError, Hypervisor, Identity, Machine, Stop};
use hypercheck::registers::Registers;

/// A hypervisor that answers every hypercall with H_FUNCTION and does nothing else.
struct Deaf(Identity);

struct DeafGuest {
    facts: Facts,
    ram: Vec<u8>,
    registers: Registers,
    pc: hypercheck::registers::RegisterId,
    r3: hypercheck::registers::RegisterId,
}

impl Hypervisor for Deaf {
    fn identity(&self) -> &Identity {
        &self.0
    }
    fn boot(&self, _: &Machine) -> Result<Box<dyn Guest>, BootError> {
        let home = hypercheck_spec::library::Home::find(None).map_err(BootError::Unsupported)?;
        let library = hypercheck_spec::library::Library::read_spec(&home).expect("the spec is valid");
        let file = hypercheck::registers::RegisterFile::new(&library.arches["ppc64"].value);
        let facts = Facts { ram: 0x40_0000, code: 0x20_0000, scratch: 0x30_0000, ..Facts::default() };
        let (pc, r3) = (file.id("pc").expect("a register"), file.id("r3").expect("a register"));
        Ok(Box::new(DeafGuest { facts, ram: vec![0; 0x40_0000], registers: Registers::default(), pc, r3 }))
    }
}

impl DeafGuest {
    fn range(&self, at: u64, length: usize) -> Result<std::ops::Range<usize>, GuestError> {
        let start = usize::try_from(at).ok().filter(|start| start + length <= self.ram.len());
        start.map(|start| start..start + length).ok_or(GuestError::OutOfRange { at, length })
    }
}

impl Guest for DeafGuest {
    fn facts(&self) -> &Facts {
        &self.facts
    }
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), GuestError> {
        let range = self.range(at, into.len())?;
        into.copy_from_slice(&self.ram[range]);
        Ok(())
    }
    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), GuestError> {
        let range = self.range(at, bytes.len())?;
        self.ram[range].copy_from_slice(bytes);
        Ok(())
    }
    fn registers(&mut self, into: &mut Registers) -> Result<(), GuestError> {
        into.clone_from(&self.registers);
        Ok(())
    }
    fn set_registers(&mut self, registers: &Registers) -> Result<(), GuestError> {
        for (id, value) in registers.iter() {
            self.registers.set(id, value);
        }
        Ok(())
    }
    fn run(&mut self, budget: Budget) -> Result<Stop, GuestError> {
        if self.registers.get(self.pc) != Some(budget.until) {
            self.registers.set(self.r3, 2_u64.wrapping_neg());
        }
        self.registers.set(self.pc, budget.until);
        Ok(Stop::Reached)
    }
}

fn deaf() -> Deaf {
    let features: BTreeSet<String> = ["papr".to_owned(), "hcall-sprg0".to_owned()].into();
    Deaf(Identity {
        name: "deaf".to_owned(),
        version: "1".to_owned(),
        arch: vec!["ppc64".to_owned()],
        features,
        ..Identity::default()
    })
}

#[test]
fn the_suite_runs_on_the_backend_of_the_recipe() {
    use std::sync::Mutex;
    use std::sync::atomic::AtomicBool;

    use hypercheck::runner::{self, Settings};
    use hypercheck_report::model::{Outcome, Verdict};
    use hypercheck_spec::library::{Home, Library};

    let library = Library::read(&Home::find(None).expect("the test runs in a checkout")).expect("the data is valid");
    let deaf = deaf();
    let mut jobs = runner::jobs(&library, &deaf);
    jobs.retain(|job| {
        job.id.starts_with("papr/H_SET_SPRG0/derived/") || job.id.starts_with("papr/unknown/derived/next-")
    });
    let rows = Mutex::new(Vec::new());
    let settings = Settings {
        jobs: 1,
        patience: std::time::Duration::from_secs(1),
        command: "hypercheck run".to_owned(),
        keep_evidence: false,
    };
    let sink = |row: Outcome| {
        rows.lock().expect("one worker").push(row);
        Ok(())
    };
    runner::run(&library, &deaf, &jobs, &settings, &AtomicBool::new(false), &sink).expect("the run does not break");
    let rows = rows.into_inner().expect("one worker");
    let verdicts =
        |part: &str| rows.iter().filter(|row| row.id.contains(part)).map(|row| row.verdict).collect::<Vec<_>>();
    let plain = verdicts("papr/H_SET_SPRG0/derived/plain");
    assert_eq!(plain, [Verdict::Fail], "it claims the set and does not do the call");
    let unknown = verdicts("papr/unknown/derived/next-");
    assert!(!unknown.is_empty() && unknown.iter().all(|verdict| *verdict == Verdict::Pass), "{unknown:?}");
}
