//! A guest of the reference with registers by name and code as text.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hypercheck::contract::{Budget, Guest, Hypervisor, Machine, Stop};
use hypercheck::reference::Reference;
use hypercheck::registers::{RegisterFile, Registers};
use hypercheck_spec::arch::Arch;
use hypercheck_spec::yaml;

/// What general register n holds after [`Lab::poison`], less n.
pub const POISON: u64 = 0x5A5A_0000;

/// The architectures of `spec/arch`.
fn arches() -> Vec<Arch> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/arch");
    ["ppc64.yaml", "ppc32.yaml"]
        .iter()
        .map(|name| {
            let text = std::fs::read_to_string(folder.join(name)).unwrap();
            yaml::parse::<Arch>(name, &text).unwrap_or_else(|error| panic!("{error}"))
        })
        .collect()
}

/// The reference.
pub fn reference() -> Reference {
    Reference::new(&arches())
}

/// A machine by the names of its features.
pub fn machine(arch: &str, features: &[&str]) -> Machine {
    Machine { arch: arch.to_owned(), features: features.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>() }
}

/// A guest under observation.
pub struct Lab {
    /// The guest.
    pub guest: Box<dyn Guest>,
    /// Its registers.
    pub file: Arc<RegisterFile>,
    end: u64,
}

impl Lab {
    /// Boots a guest with these features.
    pub fn boot(arch: &str, features: &[&str]) -> Self {
        let guest = reference().boot(&machine(arch, features)).unwrap_or_else(|error| panic!("{error}"));
        let file = arches().iter().find(|one| one.arch == arch).map(RegisterFile::new).unwrap();
        Self { guest, file, end: 0 }
    }

    /// All registers.
    pub fn all(&mut self) -> Registers {
        let mut all = Registers::default();
        self.guest.registers(&mut all).unwrap();
        all
    }

    /// One register.
    pub fn get(&mut self, name: &str) -> u64 {
        let id = self.file.id(name).unwrap();
        self.all().get(id).unwrap_or_else(|| panic!("{name} cannot be observed"))
    }

    /// The machine state register.
    pub fn msr(&mut self) -> u64 {
        self.get("msr")
    }

    /// Sets registers.
    pub fn set(&mut self, values: &[(&str, u64)]) {
        let mut registers = Registers::default();
        for (name, value) in values {
            registers.set(self.file.id(name).unwrap(), *value);
        }
        self.guest.set_registers(&registers).unwrap();
    }

    /// Gives every general register a value of its own.
    pub fn poison(&mut self) {
        let mut registers = Registers::default();
        for n in 0..32 {
            registers.set(self.file.id(&format!("r{n}")).unwrap(), POISON + n);
        }
        self.guest.set_registers(&registers).unwrap();
    }

    /// The registers that differ from `before`, time and program counter left out.
    pub fn changed_since(&mut self, before: &Registers) -> Vec<String> {
        let now = self.all();
        let names = self.file.ids().filter(|&id| before.get(id) != now.get(id)).map(|id| self.file.name(id).to_owned());
        names.filter(|name| !["tb", "dec", "pc"].contains(&name.as_str())).collect()
    }

    /// Reads memory.
    pub fn read(&mut self, at: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.guest.read(at, &mut bytes).unwrap();
        bytes
    }

    /// Writes memory.
    pub fn write(&mut self, at: u64, bytes: &[u8]) {
        self.guest.write(at, bytes).unwrap();
    }

    /// Where the code ends.
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// Puts code into memory and the program counter before it.
    pub fn prepare(&mut self, code: &str) {
        let at = self.guest.facts().code;
        let words = hypercheck_ppc::assemble(code, at, &|_| None).unwrap_or_else(|error| panic!("{code}: {error}"));
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        self.write(at, &bytes);
        self.set(&[("pc", at)]);
        self.end = at + bytes.len() as u64;
    }

    /// Runs code.
    pub fn run(&mut self, code: &str) -> Stop {
        self.prepare(code);
        self.go_on()
    }

    /// Runs from the program counter to the end of the code.
    pub fn go_on(&mut self) -> Stop {
        let budget = Budget { until: self.end, instructions: 1000, patience: Duration::from_secs(1) };
        self.guest.run(budget).unwrap()
    }

    /// Poisons, puts `values` into `r3` and on, and runs the code.
    pub fn stop_of(&mut self, code: &str, values: &[u64]) -> Stop {
        self.poison();
        for (n, &value) in (3..).zip(values) {
            self.set(&[(format!("r{n}").as_str(), value)]);
        }
        self.run(code)
    }

    /// As [`stop_of`](Self::stop_of), to the end; gives `r3`.
    pub fn call(&mut self, code: &str, values: &[u64]) -> i64 {
        assert_eq!(self.stop_of(code, values), Stop::Reached);
        self.get("r3").cast_signed()
    }

    /// Calls PAPR to the end; gives `r3`.
    pub fn hcall(&mut self, token: u64, arguments: &[u64]) -> i64 {
        self.call("sc 1", &[&[token], arguments].concat())
    }

    /// Calls PAPR.
    pub fn stop_of_hcall(&mut self, token: u64, arguments: &[u64]) -> Stop {
        self.stop_of("sc 1", &[&[token], arguments].concat())
    }

    /// Which registers a call changes.
    pub fn changed_by(&mut self, code: &str, values: &[u64]) -> Vec<String> {
        self.poison();
        for (n, &value) in (3..).zip(values) {
            self.set(&[(format!("r{n}").as_str(), value)]);
        }
        let before = self.all();
        assert_eq!(self.run(code), Stop::Reached);
        self.changed_since(&before)
    }
}
