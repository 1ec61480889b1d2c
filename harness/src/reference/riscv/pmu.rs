//! Performance counters. SBI 3.0, chapter Performance Monitoring Unit Extension.
//!
//! Nothing counts by itself but the firmware counters, which count what this hart asks the implementation for. Hardware
//! counters keep what they are given.

use super::call::{
    ALREADY_STARTED, ALREADY_STOPPED, Answer, Call, Done, INVALID_ADDRESS, INVALID_PARAM, NO_SHMEM, NOT_SUPPORTED,
    Refused,
};
use super::sbi::Sbi;
use super::shared;

/// How many counters there are.
pub(super) const COUNTERS: u64 = 8;
/// The first of the firmware counters.
pub(super) const FIRMWARE: u64 = 4;
/// `cycle`, `instret`, `hpmcounter3` and `hpmcounter4`.
const CSRS: [u64; FIRMWARE as usize] = [0xC00, 0xC02, 0xC03, 0xC04];
/// Those that can count any hardware event.
const PROGRAMMABLE: u64 = 0b1100;
const FIRMWARE_SET: u64 = 0b1111_0000;

/// Codes of firmware events.
pub(super) mod event {
    pub(crate) const SET_TIMER: u64 = 5;
    pub(crate) const IPI_SENT: u64 = 6;
    pub(crate) const FENCE_I_SENT: u64 = 8;
    pub(crate) const SFENCE_VMA_SENT: u64 = 10;
    pub(crate) const SFENCE_VMA_ASID_SENT: u64 = 12;
    pub(crate) const HFENCE_GVMA_SENT: u64 = 14;
    pub(crate) const HFENCE_GVMA_VMID_SENT: u64 = 16;
    pub(crate) const HFENCE_VVMA_SENT: u64 = 18;
    pub(crate) const HFENCE_VVMA_ASID_SENT: u64 = 20;
}

/// The last firmware event that is defined.
const LAST_FIRMWARE_EVENT: u64 = 21;

const SKIP_MATCH: u64 = 1;
const CLEAR_VALUE: u64 = 1 << 1;
const AUTO_START: u64 = 1 << 2;
const CONFIG_FLAGS: u64 = 0xFF;

const SET_INIT_VALUE: u64 = 1;
const INIT_SNAPSHOT: u64 = 1 << 1;

const RESET: u64 = 1;
const TAKE_SNAPSHOT: u64 = 1 << 1;

#[derive(Debug, Clone, Copy, Default)]
struct Counter {
    event: Option<u64>,
    value: u64,
    started: bool,
}

/// The counters of the hart.
#[derive(Debug, Clone, Default)]
pub(super) struct Pmu {
    counters: [Counter; COUNTERS as usize],
    snapshot: Option<u64>,
}

impl Pmu {
    /// Counts `times` firmware events.
    pub(super) fn count(&mut self, event: u64, times: u32) {
        let counts = |counter: &&mut Counter| counter.started && counter.event == Some(0xF_0000 | event);
        for counter in self.counters.iter_mut().filter(counts) {
            counter.value = counter.value.wrapping_add(u64::from(times));
        }
    }
}

/// The counters of a mask that begins with counter `base`: bit n for counter n.
fn set(base: u64, mask: u64) -> Result<u64, Refused> {
    let mut all = 0;
    for n in (0..64).filter(|n| mask >> n & 1 == 1) {
        all |= 1 << base.checked_add(n).filter(|counter| *counter < COUNTERS).ok_or(INVALID_PARAM)?;
    }
    Ok(all)
}

/// The counters that can count an event.
fn able(event: u64, data: u64) -> u64 {
    let code = event & 0xFFFF;
    match (event >> 16, code) {
        (0, 1) if data == 0 => PROGRAMMABLE | 1,
        (0, 2) if data == 0 => PROGRAMMABLE | 2,
        (0, 3..=10) if data == 0 => PROGRAMMABLE,
        (1, _) if data == 0 && code >> 3 <= 6 && code >> 1 & 3 <= 2 => PROGRAMMABLE,
        (2 | 3, 0) => PROGRAMMABLE,
        (15, 0..=LAST_FIRMWARE_EVENT) if data == 0 => FIRMWARE_SET,
        _ => 0,
    }
}

fn members(set: u64) -> impl Iterator<Item = usize> {
    (0..COUNTERS as usize).filter(move |n| set >> n & 1 == 1)
}

pub(super) fn answer(sbi: &mut Sbi, call: &mut Call<'_>) -> Done {
    let pmu = &mut sbi.pmu;
    let answer = match call.function {
        0 => Ok(COUNTERS),
        1 => info(call.long(0)),
        2 => configure(pmu, call),
        3 => start(pmu, call),
        4 => stop(pmu, call),
        5 => firmware(pmu, call.long(0)),
        6 => firmware(pmu, call.long(0)).map(|_| 0),
        7 => shared::asked(call, 4096, 4096, 0).map(|at| {
            pmu.snapshot = at;
            0
        }),
        8 => events(call),
        _ => Err(NOT_SUPPORTED),
    };
    answer.into()
}

fn info(counter: u64) -> Answer {
    match usize::try_from(counter) {
        Ok(n) if n < CSRS.len() => Ok(CSRS[n] | 63 << 12),
        _ if counter < COUNTERS => Ok(1 << 63),
        _ => Err(INVALID_PARAM),
    }
}

fn configure(pmu: &mut Pmu, call: &Call<'_>) -> Answer {
    let [base, mask, flags, event, data, _] = call.arguments;
    let set = set(base, mask)?;
    if flags & !CONFIG_FLAGS != 0 {
        return Err(INVALID_PARAM);
    }
    let chosen = if flags & SKIP_MATCH != 0 {
        members(set).next()
    } else {
        members(set & able(event, data)).find(|n| !pmu.counters[*n].started)
    };
    let n = chosen.ok_or(NOT_SUPPORTED)?;
    let counter = &mut pmu.counters[n];
    counter.event = Some(event);
    if flags & CLEAR_VALUE != 0 {
        counter.value = 0;
    }
    counter.started |= flags & AUTO_START != 0;
    Ok(n as u64)
}

fn start(pmu: &mut Pmu, call: &Call<'_>) -> Answer {
    let [base, mask, flags, value, ..] = call.arguments;
    let set = set(base, mask)?;
    if flags & !(SET_INIT_VALUE | INIT_SNAPSHOT) != 0 || flags == SET_INIT_VALUE | INIT_SNAPSHOT {
        return Err(INVALID_PARAM);
    }
    let snapshot = if flags & INIT_SNAPSHOT != 0 { Some(pmu.snapshot.ok_or(NO_SHMEM)?) } else { None };
    if members(set).any(|n| pmu.counters[n].started) {
        return Err(ALREADY_STARTED);
    }
    for n in members(set) {
        let counter = &mut pmu.counters[n];
        if let Some(at) = snapshot {
            counter.value = shared::read(call.machine, at + 8 + 8 * (n as u64 - base));
        } else if flags & SET_INIT_VALUE != 0 {
            counter.value = value;
        }
        counter.started = true;
    }
    Ok(0)
}

fn stop(pmu: &mut Pmu, call: &mut Call<'_>) -> Answer {
    let [base, mask, flags, ..] = call.arguments;
    let set = set(base, mask)?;
    if flags & !(RESET | TAKE_SNAPSHOT) != 0 {
        return Err(INVALID_PARAM);
    }
    let snapshot = if flags & TAKE_SNAPSHOT != 0 { Some(pmu.snapshot.ok_or(NO_SHMEM)?) } else { None };
    if members(set).any(|n| !pmu.counters[n].started) {
        return Err(ALREADY_STOPPED);
    }
    for n in members(set) {
        let counter = &mut pmu.counters[n];
        counter.started = false;
        if let Some(at) = snapshot {
            call.machine.store(at + 8 + 8 * (n as u64 - base), 8, counter.value);
        }
        if flags & RESET != 0 {
            counter.event = None;
        }
    }
    if let Some(at) = snapshot {
        // Without Sscofpmf the bitmap of overflows is zero.
        call.machine.store(at, 8, 0);
    }
    Ok(0)
}

fn firmware(pmu: &Pmu, counter: u64) -> Answer {
    if !(FIRMWARE..COUNTERS).contains(&counter) {
        return Err(INVALID_PARAM);
    }
    let n = usize::try_from(counter).map_err(|_| INVALID_PARAM)?;
    Ok(pmu.counters[n].value)
}

/// Entries of 16 bytes: event, answer, data. All are looked at before any is answered.
fn events(call: &mut Call<'_>) -> Answer {
    let [at, _, count, flags, ..] = call.arguments;
    if flags != 0 || !at.is_multiple_of(16) {
        return Err(INVALID_PARAM);
    }
    let length = count.checked_mul(16).ok_or(INVALID_ADDRESS)?;
    call.memory(0, length)?;
    let entries = || (0..count).map(|n| at + 16 * n);
    if entries().any(|entry| shared::read_word(call.machine, entry) >> 20 != 0) {
        return Err(INVALID_PARAM);
    }
    for entry in entries() {
        let event = u64::from(shared::read_word(call.machine, entry));
        // For types that take none the data is not looked at.
        let data = if matches!(event >> 16, 2 | 3 | 15) { shared::read(call.machine, entry + 8) } else { 0 };
        call.machine.store(entry + 4, 4, u64::from(able(event, data) != 0));
    }
    Ok(0)
}
