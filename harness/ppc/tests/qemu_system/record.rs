//! One case as the agent in the guest reads it, and what it writes back.
//!
//! A record is 1 KiB in guest memory: the upper half says how to enter (registers, MSR, instructions), the lower half is
//! what the handler of the interrupt that ended it saw. All fields are 64 bits wide and big-endian.

use hypercheck_ppc::{Model, msr};

/// Bytes of a record.
pub const SIZE: u64 = 0x400;
/// Where records are.
pub const RECORDS: u64 = 0x400_0000;
/// Where the code of a record is, from its start.
pub const CODE: u64 = 0x180;
/// Instructions that fit.
pub const WORDS: usize = 30;
/// Where the answer begins.
pub const ANSWER: usize = 0x200;

/// How a case is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// rfid, rfi.
    Return,
    /// hrfid, rfci.
    Other,
}

/// A case.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it is about.
    pub name: String,
    /// The special-purpose register, trap, system call level it is about.
    pub number: u32,
    /// Family, by which known differences find it.
    pub family: &'static str,
    pub gpr: [u64; 32],
    /// MSR to enter with.
    pub msr: u64,
    pub entry: Entry,
    pub lpcr: u64,
    pub hid0: u64,
    pub fscr: u64,
    pub hfscr: u64,
    pub cr: u64,
    pub lr: u64,
    pub ctr: u64,
    pub xer: u64,
    /// Instructions; the record ends with a trap after them.
    pub code: Vec<u32>,
    /// Registers that hold time or what the machine was built with.
    pub ignored: Vec<&'static str>,
}

/// What a handler saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub gpr: [u64; 32],
    /// Named registers.
    pub named: Vec<(&'static str, u64)>,
}

/// Named registers and where the answer has them.
pub const NAMED_64: &[(&str, usize)] = &[
    ("vector", 0x100),
    ("srr0", 0x108),
    ("srr1", 0x110),
    ("msr", 0x118),
    ("cr", 0x120),
    ("lr", 0x128),
    ("ctr", 0x130),
    ("xer", 0x138),
    ("dar", 0x140),
    ("dsisr", 0x148),
    ("fscr", 0x150),
];
/// Those that only a machine with hypervisor state has.
pub const NAMED_HV: &[(&str, usize)] = &[("hsrr0", 0x158), ("hsrr1", 0x160), ("heir", 0x168), ("hfscr", 0x170)];
/// Those of 32-bit Book3S.
pub const NAMED_32: &[(&str, usize)] = &[
    ("vector", 0x100),
    ("srr0", 0x108),
    ("srr1", 0x110),
    ("msr", 0x118),
    ("cr", 0x120),
    ("lr", 0x128),
    ("ctr", 0x130),
    ("xer", 0x138),
    ("dar", 0x140),
    ("dsisr", 0x148),
];
/// Those of BookE.
pub const NAMED_BOOKE: &[(&str, usize)] = &[
    ("vector", 0x100),
    ("srr0", 0x108),
    ("srr1", 0x110),
    ("msr", 0x118),
    ("cr", 0x120),
    ("lr", 0x128),
    ("ctr", 0x130),
    ("xer", 0x138),
    ("dear", 0x140),
    ("esr", 0x148),
    ("csrr0", 0x150),
    ("csrr1", 0x158),
];

/// The trap that ends every case.
pub const TRAP: u32 = 0x7FE0_0008;

impl Case {
    /// A case with recognisable registers.
    pub fn new(model: Model, family: &'static str, name: impl Into<String>, state: u64, code: &[u32]) -> Self {
        assert!(code.len() < WORDS, "too much code");
        let mask = if model.is_server() { u64::MAX } else { 0xFFFF_FFFF };
        Self {
            name: name.into(),
            number: 0,
            family,
            gpr: std::array::from_fn(|i| (0x1111_0000_1111_0000 + i as u64 * 0x0000_0101_0000_0101) & mask),
            msr: state,
            entry: Entry::Return,
            lpcr: 0,
            hid0: 0,
            fscr: 0,
            hfscr: u64::MAX >> 8,
            cr: 0x1234_5678,
            lr: 0x0AAA_BBB0,
            ctr: 0x55,
            xer: 0,
            code: code.to_vec(),
            ignored: Vec::new(),
        }
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Little-endian while its code runs.
    pub fn is_little(&self, model: Model) -> bool {
        self.msr & msr::LE != 0 && model.has_little_endian()
    }

    /// The bytes for the record at `at`.
    pub fn bytes(&self, model: Model, at: u64) -> Vec<u8> {
        let mut bytes = vec![0; ANSWER];
        let mut put = |offset: usize, value: u64| bytes[offset..offset + 8].copy_from_slice(&value.to_be_bytes());
        for (i, value) in self.gpr.iter().enumerate() {
            put(8 * i, *value);
        }
        let fields = [
            self.msr,
            at + CODE,
            u64::from(self.entry == Entry::Other),
            self.lpcr,
            self.hid0,
            self.fscr,
            self.hfscr,
            self.cr,
            self.lr,
            self.ctr,
            self.xer,
        ];
        for (i, value) in fields.into_iter().enumerate() {
            put(0x100 + 8 * i, value);
        }
        for (i, word) in self.code.iter().chain([&TRAP]).enumerate() {
            let at = CODE as usize + 4 * i;
            let raw = if self.is_little(model) { word.to_le_bytes() } else { word.to_be_bytes() };
            bytes[at..at + 4].copy_from_slice(&raw);
        }
        bytes
    }
}

impl Seen {
    /// The answer in a record.
    pub fn read(record: &[u8], named: &[(&'static str, usize)]) -> Self {
        let get = |offset: usize| {
            let at = ANSWER + offset;
            u64::from_be_bytes(record[at..at + 8].try_into().expect("eight bytes"))
        };
        Self {
            gpr: std::array::from_fn(|i| get(8 * i)),
            named: named.iter().map(|&(name, offset)| (name, get(offset))).collect(),
        }
    }

    /// Every register whose value differs: name, here, there.
    pub fn differences(&self, other: &Self) -> Vec<(String, u64, u64)> {
        let general = self.gpr.iter().zip(&other.gpr).enumerate();
        let general = general.filter(|(_, (a, b))| a != b).map(|(i, (a, b))| (format!("r{i}"), *a, *b));
        let named = self.named.iter().zip(&other.named).filter(|(a, b)| a.1 != b.1);
        general.chain(named.map(|(a, b)| (a.0.to_owned(), a.1, b.1))).collect()
    }

    pub fn named(&self, name: &str) -> u64 {
        self.named.iter().find(|(known, _)| *known == name).map_or(0, |(_, value)| *value)
    }
}
