//! The reference with a fault planted in it: what one run did is rewritten before the suite sees it.

#![allow(dead_code, clippy::allow_attributes, reason = "each test uses its part of this")]

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex};

use hypercheck::contract::{
    BootError, Budget, Facts, Forwarding, Guest, GuestError, Hypervisor, Identity, Machine, Rewinding, Stop, Watching,
};
use hypercheck::reference::Reference;
use hypercheck::registers::{RegisterFile, Registers};
use hypercheck::session::{Plans, Session};
use hypercheck_spec::case::{Case, Scenario};
use hypercheck_spec::library::{Home, Library};

/// The spec of the checkout.
pub static SPEC: LazyLock<Library> = LazyLock::new(|| {
    let home = Home::find(None).expect("the test runs in a checkout");
    Library::read_spec(&home).unwrap_or_else(|error| panic!("{error}"))
});

/// The reference for the architectures of `library`.
pub fn reference(library: &Library) -> Box<dyn Hypervisor> {
    Box::new(Reference::new(library.arches.values().map(|arch| &arch.value)))
}

/// A machine.
pub fn machine(arch: &str, features: &[&str]) -> Machine {
    Machine { arch: arch.to_owned(), features: features.iter().map(|name| (*name).to_owned()).collect() }
}

/// The one row of a case in YAML.
pub fn scenario(name: &str, text: &str) -> Scenario {
    let case: Case = hypercheck_spec::yaml::parse("case.yaml", text).unwrap_or_else(|error| panic!("{error}"));
    case.scenarios(name, "cases/case.yaml").remove(0)
}

/// How the outcome of a run is rewritten.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Nothing is: for comparison.
    None,
    /// A register or field has this value afterwards.
    Set(&'static str, u64),
    /// These bits of a register or field are turned round.
    Flip(&'static str, u64),
    /// Registers hold what they held before.
    Keep(&'static [&'static str]),
    /// Bytes in memory, at an offset from the scratch area.
    Poke(i64, &'static [u8]),
    /// The scratch area holds what it held before.
    KeepMemory,
    /// It ended like this.
    Stop(Stop),
    /// The hypervisor died.
    Lost,
    /// The way to it broke.
    Link,
    /// The backend panicked.
    Panic,
}

/// When a fault strikes.
#[derive(Debug, Clone)]
pub enum Strike {
    /// In the n-th block after boot or rewinding that has an instruction, from 0.
    Nth(usize),
    /// In every block that is entered with this value in this register.
    With(&'static str, u64),
    /// In every block that has an instruction.
    Always,
}

/// Answers to `boot` before it works: taken from the end.
pub type Boots = Vec<Box<dyn Fn() -> BootError + Send>>;

/// The reference with faults.
pub struct Planted {
    reference: Box<dyn Hypervisor>,
    files: Vec<Arc<RegisterFile>>,
    /// The faults.
    pub faults: Vec<(Strike, Fault)>,
    /// How the next boots fail.
    pub boots: Mutex<Boots>,
    /// The machines that were booted.
    pub booted: Mutex<Vec<Machine>>,
    /// Whether guests can be rewound.
    pub rewinds: bool,
    /// Whether changes in memory can be told.
    pub watches: bool,
    /// Whether it may be sent anything.
    pub sturdy: bool,
}

impl Planted {
    /// The reference for `library` with `faults`.
    pub fn new(library: &Library, faults: Vec<(Strike, Fault)>) -> Self {
        Self {
            reference: reference(library),
            files: library.arches.values().map(|arch| RegisterFile::new(&arch.value)).collect(),
            faults,
            boots: Mutex::default(),
            booted: Mutex::default(),
            rewinds: true,
            watches: true,
            sturdy: true,
        }
    }
}

impl Hypervisor for Planted {
    fn identity(&self) -> &Identity {
        self.reference.identity()
    }
    fn sturdy(&self) -> bool {
        self.sturdy
    }
    fn boot(&self, machine: &Machine) -> Result<Box<dyn Guest>, BootError> {
        let failure = self.boots.lock().expect("no panic here").pop();
        if let Some(failure) = failure {
            return Err(failure());
        }
        self.booted.lock().expect("no panic here").push(machine.clone());
        let file = self.files.iter().find(|file| file.arch == machine.arch).expect("an architecture").clone();
        Ok(Box::new(PlantedGuest {
            guest: self.reference.boot(machine)?,
            file,
            faults: self.faults.clone(),
            rewinds: self.rewinds,
            watches: self.watches,
            blocks: 0,
            empty: true,
            before: Registers::default(),
            wrong: Registers::default(),
        }))
    }
}

struct PlantedGuest {
    guest: Box<dyn Guest>,
    file: Arc<RegisterFile>,
    faults: Vec<(Strike, Fault)>,
    rewinds: bool,
    watches: bool,
    blocks: usize,
    empty: bool,
    before: Registers,
    wrong: Registers,
}

const SCRATCH: usize = 0x1_0000;

impl PlantedGuest {
    fn strikes(&self, strike: &Strike) -> bool {
        match strike {
            Strike::Nth(n) => *n == self.blocks,
            Strike::With(name, value) => {
                let id = self.file.id(name).unwrap_or_else(|| panic!("no register {name}"));
                self.before.get(id) == Some(*value)
            }
            Strike::Always => true,
        }
    }

    fn set(&mut self, name: &str, change: impl Fn(u64) -> u64) -> Result<(), GuestError> {
        let slot = self.file.slot(name).unwrap_or_else(|| panic!("no register {name}"));
        let mut now = Registers::default();
        self.guest.registers(&mut now)?;
        let whole = self.wrong.get(slot.register).or(now.get(slot.register)).expect("the reference shows all");
        self.wrong.set(slot.register, slot.insert(whole, change(slot.extract(whole))));
        Ok(())
    }
}

impl Guest for PlantedGuest {
    fn facts(&self) -> &Facts {
        self.guest.facts()
    }
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), GuestError> {
        self.guest.read(at, into)
    }
    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), GuestError> {
        if at == self.facts().code {
            self.empty = bytes.len() <= 4;
        }
        self.guest.write(at, bytes)
    }
    fn registers(&mut self, into: &mut Registers) -> Result<(), GuestError> {
        self.guest.registers(into)?;
        self.wrong.iter().for_each(|(id, value)| into.set(id, value));
        Ok(())
    }
    fn set_registers(&mut self, registers: &Registers) -> Result<(), GuestError> {
        self.guest.set_registers(registers)
    }
    fn run(&mut self, budget: Budget) -> Result<Stop, GuestError> {
        self.wrong.clear();
        if self.empty {
            return self.guest.run(budget);
        }
        self.guest.registers(&mut self.before)?;
        let faults: Vec<Fault> =
            self.faults.iter().filter(|(strike, _)| self.strikes(strike)).map(|(_, fault)| fault.clone()).collect();
        self.blocks += 1;
        let scratch = self.guest.facts().scratch;
        let mut memory = vec![0; SCRATCH];
        if faults.iter().any(|fault| matches!(fault, Fault::KeepMemory)) {
            self.guest.read(scratch, &mut memory)?;
        }
        let mut stop = self.guest.run(budget)?;
        for fault in faults {
            match fault {
                Fault::None => {}
                Fault::Set(name, value) => self.set(name, |_| value)?,
                Fault::Flip(name, bits) => self.set(name, |was| was ^ bits)?,
                Fault::Keep(names) => {
                    for name in names {
                        let slot = self.file.slot(name).expect("a register");
                        let was = slot.extract(self.before.get(slot.register).expect("the reference shows all"));
                        self.set(name, |_| was)?;
                    }
                }
                Fault::Poke(offset, bytes) => self.guest.write(scratch.wrapping_add_signed(offset), bytes)?,
                Fault::KeepMemory => self.guest.write(scratch, &memory)?,
                Fault::Stop(other) => stop = other,
                Fault::Lost => {
                    return Err(GuestError::Lost { why: "it fell over".to_owned(), log: "last words".to_owned() });
                }
                Fault::Link => return Err(GuestError::Link("the wire was cut".to_owned())),
                Fault::Panic => panic!("the backend has a bug"),
            }
        }
        Ok(stop)
    }
    fn rewinding(&mut self) -> Option<&mut dyn Rewinding> {
        self.rewinds.then_some(self)
    }
    fn watching(&mut self) -> Option<&mut dyn Watching> {
        if self.watches { self.guest.watching() } else { None }
    }
    fn forwarding(&mut self) -> Option<&mut dyn Forwarding> {
        self.guest.forwarding()
    }
}

impl Rewinding for PlantedGuest {
    fn rewind(&mut self) -> Result<(), GuestError> {
        self.blocks = 0;
        self.empty = true;
        self.wrong.clear();
        self.guest.rewinding().expect("the reference rewinds").rewind()
    }
}

/// Boots a session on a machine.
pub fn session(library: &Library, hypervisor: &dyn Hypervisor, machine: &Machine) -> Session {
    Session::boot(hypervisor, machine, |facts| Plans::new(library, machine, facts, hypervisor).map(Arc::new))
        .unwrap_or_else(|error| panic!("{error}"))
}

/// What occurs more than once.
pub fn twice<T: Ord + Clone>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    all.into_iter().filter(|one| !seen.insert(one.clone())).collect()
}
