//! A guest to test with, and short ways to say what it shall do.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hypercheck::backends::qemu::{Options, QemuPseries};
use hypercheck::contract::{BootError, Budget, Guest, GuestError, Hypervisor, Machine, Stop};
use hypercheck::registers::{RegisterFile, Registers};
use hypercheck_spec::arch::Arch;

/// Registers as the agent knows them.
const ARCH: &str = "
arch: ppc64
title: 64-bit Power
width: 64
isa: powerpc
end: tw 31,0,0
sources: {}
registers:
  r0..r31: { class: general }
  cr: { class: user, width: 32 }
  lr: { class: user }
  ctr: { class: user }
  xer: { class: user }
  vrsave: { class: user, width: 32 }
  tar: { class: user }
  fscr: { class: supervisor }
  pc: { class: counter }
  msr: { class: supervisor }
  sprg0..sprg3: { class: supervisor }
  srr0..srr1: { class: interrupt }
  dar: { class: interrupt }
  dsisr: { class: interrupt, width: 32 }
  dec: { class: clock }
modes: {}
traps: {}
interrupts: {}
";

pub const SF: u64 = 1 << 63;
pub const EE: u64 = 1 << 15;
pub const PR: u64 = 1 << 14;
pub const ME: u64 = 1 << 12;
pub const IR: u64 = 1 << 5;
pub const DR: u64 = 1 << 4;
pub const RI: u64 = 1 << 1;
pub const LE: u64 = 1;
/// 64-bit supervisor state.
pub const KERNEL: u64 = SF | ME | RI;
/// `tw 31,0,0`.
pub const TRAP: u32 = 0x7fe0_0008;
/// Long enough for anything that ends.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// `sc LEV`.
pub const fn sc(lev: u32) -> u32 {
    0x4400_0002 | lev << 5
}

/// `li RT,SI`.
pub const fn li(register: u32, value: u32) -> u32 {
    0x3800_0000 | register << 21 | value & 0xffff
}

pub fn file() -> &'static Arc<RegisterFile> {
    static FILE: OnceLock<Arc<RegisterFile>> = OnceLock::new();
    FILE.get_or_init(|| {
        RegisterFile::new(&hypercheck_spec::yaml::parse::<Arch>("ppc64", ARCH).expect("the test's own"))
    })
}

pub fn backend() -> QemuPseries {
    QemuPseries::new(file(), Options::default())
}

pub fn machine() -> Machine {
    Machine { arch: "ppc64".to_owned(), features: BTreeSet::new() }
}

/// A fresh guest of `backend`; `None`, and a word on it, where there is no QEMU.
pub fn boot(backend: &QemuPseries) -> Option<Steered> {
    match backend.boot(&machine()) {
        Ok(guest) => Some(Steered::new(guest)),
        Err(error @ BootError::Missing { .. }) => {
            assert!(!required("qemu"), "{error}");
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}: {error:?}"),
    }
}

/// A fresh guest of the default backend.
pub fn guest() -> Option<Steered> {
    boot(&backend())
}

/// Whether `HYPERCHECK_REQUIRE` names something.
pub fn required(what: &str) -> bool {
    std::env::var("HYPERCHECK_REQUIRE").is_ok_and(|all| all.split([',', ' ']).any(|one| one == what))
}

/// A guest with registers that are all different.
pub struct Steered {
    pub guest: Box<dyn Guest>,
    pub given: Registers,
    pub got: Registers,
}

impl Steered {
    fn new(guest: Box<dyn Guest>) -> Self {
        let mut all = Self { guest, given: Registers::default(), got: Registers::default() };
        all.poison();
        all
    }

    /// Sets every register that can be set to a value of its own.
    pub fn poison(&mut self) {
        for n in 0..32u64 {
            self.set(&format!("r{n}"), 0x1111_0000_0000_0000 * (n % 15 + 1) + 0x0101 * n);
        }
        let others = [
            ("cr", 0x1234_5678),
            ("lr", 0xaaaa_bbbb_cccc_dddd),
            ("ctr", 0x5555_0000_5555_0000),
            ("xer", 0xa000_0000),
            ("vrsave", 0x7654_3210),
            ("tar", 0x7777_0000_8888_0000),
            ("dar", 0x0123_4567_89ab_cdef),
            ("dsisr", 0x4200_0000),
            ("sprg0", 0x5050_0000),
            ("sprg1", 0x5050_1111),
            ("sprg2", 0x5050_2222),
            ("sprg3", 0x5050_3333),
            ("msr", KERNEL),
            ("pc", self.guest.facts().code),
        ];
        for (name, value) in others {
            self.set(name, value);
        }
    }

    pub fn set(&mut self, name: &str, value: u64) -> &mut Self {
        self.given.set(file().id(name).expect("a register"), value);
        self
    }

    pub fn get(&self, name: &str) -> Option<u64> {
        self.got.get(file().id(name).expect("a register"))
    }

    pub fn code(&self) -> u64 {
        self.guest.facts().code
    }

    /// Runs these instructions and a trap after them, in the byte order that the MSR says.
    pub fn try_run(&mut self, words: &[u32]) -> Result<Stop, GuestError> {
        self.try_for(words, PATIENCE)
    }

    pub fn try_for(&mut self, words: &[u32], patience: Duration) -> Result<Stop, GuestError> {
        let little = self.given.get(file().id("msr").unwrap()).unwrap() & LE != 0;
        let bytes: Vec<u8> = words
            .iter()
            .chain(&[TRAP])
            .flat_map(|word| if little { word.to_le_bytes() } else { word.to_be_bytes() })
            .collect();
        let code = self.code();
        self.guest.write(code, &bytes)?;
        self.guest.set_registers(&self.given)?;
        let until = code + 4 * words.len() as u64;
        let stop = self.guest.run(Budget { until, instructions: 1000, patience })?;
        self.guest.registers(&mut self.got)?;
        Ok(stop)
    }

    pub fn run(&mut self, words: &[u32]) -> Stop {
        self.try_run(words).expect("a run")
    }

    /// Runs `sc 1` with these in r3 and up.
    pub fn call(&mut self, arguments: &[u64]) -> Stop {
        for (n, value) in (3..).zip(arguments) {
            self.set(&format!("r{n}"), *value);
        }
        self.run(&[sc(1)])
    }

    /// Names of the registers that are not what was set, or not there.
    pub fn changed(&self) -> Vec<String> {
        let changed = self.given.iter().filter(|(id, value)| self.got.get(*id) != Some(*value));
        changed.map(|(id, _)| file().name(id).to_owned()).collect()
    }
}
