//! Nested acceleration. SBI 3.0, chapter Nested Acceleration Extension.
//!
//! CSRs of the hypervisor extension are kept as values with the bits that can be written; nothing is virtualised.

use super::call::{Answer, Call, Done, INVALID_PARAM, NO_SHMEM, NOT_SUPPORTED, Refused};
use super::sbi::Sbi;
use super::shared;
use crate::reference::trap::Machine;

/// A scratch page, and 1024 CSRs.
const SIZE: u64 = 4096 + 1024 * 8;
const SRET_CONTEXT: u64 = 0;
const AUTOSWAP_FLAGS: u64 = 0x200;
const AUTOSWAP_HSTATUS: u64 = 0x208;
const HFENCES: u64 = 0x800;
const DIRTY: u64 = 0xF80;
const CSRS: u64 = 0x1000;
/// `3840 / XLEN` entries of four words.
const HFENCE_COUNT: u64 = 60;
const HFENCE_SIZE: u64 = 32;
const PENDING: u64 = 1 << 63;

const HSTATUS: u64 = 0x600;
const HVIP: u64 = 0x645;
const HIP: u64 = 0x644;

/// Features by number, with the names under which a guest can be asked to lack them.
pub(super) const FEATURES: [&str; 4] =
    ["sbi.nacl-sync-csr", "sbi.nacl-sync-hfence", "sbi.nacl-sync-sret", "sbi.nacl-autoswap-csr"];
const SYNC_CSR: usize = 0;
const SYNC_HFENCE: usize = 1;
const SYNC_SRET: usize = 2;
const AUTOSWAP_CSR: usize = 3;

/// CSRs with the bits that can be written. One that depends on another stands behind it.
const IMPLEMENTED: [(u64, u64); 20] = [
    (HSTATUS, 0x30_07C0),
    (0x602, 0xB1FF),
    (0x603, 0x444),
    (HVIP, 0x444),
    (0x604, 0x444),
    (HIP, 0x4),
    (0x605, u64::MAX),
    (0x606, 0xFFFF_FFFF),
    (0x607, 0),
    (0x643, u64::MAX),
    (0x64A, u64::MAX),
    (0x680, 0x83FF_FFFF_FFFF_FFFC),
    (0xE12, 0),
    (0x200, 0xC_6122),
    (0x204, 0x222),
    (0x205, !2),
    (0x240, u64::MAX),
    (0x241, !1),
    (0x242, u64::MAX),
    (0x280, 0xF000_0FFF_FFFF_FFFF),
];

/// What is kept.
#[derive(Debug, Clone, Default)]
pub(super) struct Nacl {
    memory: Option<u64>,
    values: [u64; IMPLEMENTED.len()],
}

impl Nacl {
    fn place(csr: u64) -> Option<usize> {
        IMPLEMENTED.iter().position(|(known, _)| *known == csr)
    }

    fn get(&self, csr: u64) -> u64 {
        Self::place(csr).map_or(0, |n| self.values[n])
    }

    fn set(&mut self, csr: u64, value: u64) {
        let Some(n) = Self::place(csr) else { return };
        let mask = IMPLEMENTED[n].1;
        self.values[n] = value & mask | self.values[n] & !mask;
        // The bit for a software interrupt is one in both; the others of hip follow those of hvip.
        match csr {
            HVIP => self.alias(HIP, self.get(HVIP)),
            HIP => self.alias(HVIP, self.get(HVIP) & !4 | self.get(HIP) & 4),
            _ => {}
        }
    }

    fn alias(&mut self, csr: u64, value: u64) {
        if let Some(n) = Self::place(csr) {
            self.values[n] = value;
        }
    }

    /// Synchronizes one CSR.
    fn sync(&mut self, machine: &mut Machine, at: u64, csr: u64) {
        let index = (csr & 0xC00) >> 2 | csr & 0xFF;
        let (dirty, bit) = (at + DIRTY + index / 8, 1 << (index % 8));
        let word = at + CSRS + index * 8;
        let byte = machine.load(dirty, 1).unwrap_or(0);
        if byte & bit != 0 {
            self.set(csr, shared::read(machine, word));
            machine.store(dirty, 1, byte & !bit);
        }
        machine.store(word, 8, self.get(csr));
    }

    fn sync_all(&mut self, machine: &mut Machine, at: u64) {
        for (csr, _) in IMPLEMENTED {
            self.sync(machine, at, csr);
        }
    }
}

fn fence(machine: &mut Machine, at: u64, entry: u64) {
    let config = at + HFENCES + entry * HFENCE_SIZE;
    let value = shared::read(machine, config);
    if value & PENDING != 0 {
        machine.store(config, 8, value & !PENDING);
    }
}

impl Sbi {
    fn accelerates(&self, feature: usize) -> bool {
        FEATURES.get(feature).is_some_and(|name| !self.profile.lacks(name))
    }

    /// The memory, if the function is there.
    fn acceleration(&self, feature: usize) -> Result<u64, Refused> {
        if !self.accelerates(feature) {
            return Err(NOT_SUPPORTED);
        }
        self.nacl.memory.ok_or(NO_SHMEM)
    }
}

pub(super) fn answer(sbi: &mut Sbi, call: &mut Call<'_>) -> Done {
    match call.function {
        0 => Ok(u64::from(sbi.accelerates(call.word(0) as usize))).into(),
        1 => set_memory(sbi, call).into(),
        2 => sync_csr(sbi, call).into(),
        3 => sync_hfence(sbi, call).into(),
        4 => sync_sret(sbi, call).unwrap_or_else(|refused| Err(refused).into()),
        _ => Err(NOT_SUPPORTED).into(),
    }
}

fn set_memory(sbi: &mut Sbi, call: &mut Call<'_>) -> Answer {
    sbi.nacl.memory = shared::asked(call, 4096, SIZE, 0)?;
    Ok(0)
}

fn sync_csr(sbi: &mut Sbi, call: &mut Call<'_>) -> Answer {
    let at = sbi.acceleration(SYNC_CSR)?;
    match call.long(0) {
        u64::MAX => sbi.nacl.sync_all(call.machine, at),
        csr if Nacl::place(csr).is_some() => sbi.nacl.sync(call.machine, at, csr),
        _ => return Err(INVALID_PARAM),
    }
    Ok(0)
}

fn sync_hfence(sbi: &mut Sbi, call: &mut Call<'_>) -> Answer {
    let at = sbi.acceleration(SYNC_HFENCE)?;
    match call.long(0) {
        u64::MAX => (0..HFENCE_COUNT).for_each(|entry| fence(call.machine, at, entry)),
        entry if entry < HFENCE_COUNT => fence(call.machine, at, entry),
        _ => return Err(INVALID_PARAM),
    }
    Ok(0)
}

fn sync_sret(sbi: &mut Sbi, call: &mut Call<'_>) -> Result<Done, Refused> {
    let at = sbi.acceleration(SYNC_SRET)?;
    if sbi.accelerates(SYNC_CSR) {
        sbi.nacl.sync_all(call.machine, at);
    }
    if sbi.accelerates(SYNC_HFENCE) {
        (0..HFENCE_COUNT).for_each(|entry| fence(call.machine, at, entry));
    }
    if sbi.accelerates(AUTOSWAP_CSR) && shared::read(call.machine, at + AUTOSWAP_FLAGS) & 1 != 0 {
        let old = sbi.nacl.get(HSTATUS);
        sbi.nacl.set(HSTATUS, shared::read(call.machine, at + AUTOSWAP_HSTATUS));
        call.machine.store(at + AUTOSWAP_HSTATUS, 8, old);
    }
    for (n, slot) in (1..).zip(sbi.slots.x) {
        let value = shared::read(call.machine, at + SRET_CONTEXT + 8 * n);
        call.machine.set(slot, value);
    }
    let s = &sbi.slots;
    let machine = &mut *call.machine;
    machine.set(s.pc, machine.get(s.sepc));
    machine.set(s.mode, machine.get(s.status_spp));
    machine.set(s.status_sie, machine.get(s.status_spie));
    machine.set(s.status_spie, 1);
    machine.set(s.status_spp, 0);
    Ok(Done::Elsewhere { asleep: false })
}
