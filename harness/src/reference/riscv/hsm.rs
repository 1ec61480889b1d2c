//! Hart state management. SBI 3.0, chapter Hart State Management Extension; masks of harts: chapter Binary Encoding.

use super::call::{ALREADY_AVAILABLE, Answer, Call, Done, INVALID_ADDRESS, INVALID_PARAM, NOT_SUPPORTED, Refused};
use super::profile::{HART, HARTS, Profile, SUSPENDED};
use super::sbi::Sbi;

/// Bytes at a start address that must be there: the longest plain instruction.
pub(super) const INSTRUCTION: u64 = 4;

const DEFAULT_RETENTIVE: u32 = 0;
const DEFAULT_NON_RETENTIVE: u32 = 0x8000_0000;

/// States of a hart, with their numbers in the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Started = 0,
    Stopped = 1,
    StartPending = 2,
    Suspended = 4,
}

/// The states of all harts.
#[derive(Debug, Clone)]
pub(super) struct Harts {
    states: [State; 64],
    /// Whether a start takes until somebody has looked once.
    slow: bool,
}

impl Harts {
    pub(super) fn new(profile: &Profile) -> Self {
        let mut states = [State::Stopped; 64];
        states[index(HART)] = State::Started;
        if profile.has("sbi.suspended-hart") {
            states[index(SUSPENDED)] = State::Suspended;
        }
        Self { states, slow: profile.has("sbi.start-pending") }
    }

    /// Interrupts harts, bit n for hart n: those that are suspended go on.
    pub(super) fn wake(&mut self, targets: u64) {
        for (n, state) in self.states.iter_mut().enumerate() {
            if targets >> n & 1 == 1 && *state == State::Suspended {
                *state = State::Started;
            }
        }
    }

    /// Whether all harts but the calling one are stopped.
    pub(super) fn alone(&self) -> bool {
        let others = (0..64).filter(|n| HARTS >> n & 1 == 1 && *n != HART);
        others.map(index).all(|n| self.states[n] == State::Stopped)
    }
}

fn index(hart: u64) -> usize {
    usize::try_from(hart % 64).unwrap_or(0)
}

pub(super) fn exists(hart: u64) -> bool {
    hart < 64 && HARTS >> hart & 1 == 1
}

/// The harts of a mask that begins at hart `base`, bit n for hart n; all of them if `base` is -1. A mask without bits
/// is good whatever `base` is.
pub(super) fn targets(mask: u64, base: u64) -> Result<u64, Refused> {
    if base == u64::MAX {
        return Ok(HARTS);
    }
    let mut all = 0;
    for n in (0..64).filter(|n| mask >> n & 1 == 1) {
        let hart = base.checked_add(n).filter(|hart| exists(*hart)).ok_or(INVALID_PARAM)?;
        all |= 1 << hart;
    }
    Ok(all)
}

pub(super) fn answer(sbi: &mut Sbi, call: &mut Call<'_>) -> Done {
    match call.function {
        0 => start(sbi, call).into(),
        1 => Done::End("the hart stopped itself"),
        2 => status(sbi, call).into(),
        3 => suspend(sbi, call),
        _ => Err(NOT_SUPPORTED).into(),
    }
}

/// Hart ids are as wide as a register.
fn start(sbi: &mut Sbi, call: &Call<'_>) -> Answer {
    let [hart, address, ..] = call.arguments;
    if !exists(hart) {
        return Err(INVALID_PARAM);
    }
    if !call.machine.contains(address, INSTRUCTION) {
        return Err(INVALID_ADDRESS);
    }
    let slow = sbi.harts.slow;
    let state = &mut sbi.harts.states[index(hart)];
    if *state != State::Stopped {
        return Err(ALREADY_AVAILABLE);
    }
    *state = if slow { State::StartPending } else { State::Started };
    Ok(0)
}

fn status(sbi: &mut Sbi, call: &Call<'_>) -> Answer {
    let hart = call.long(0);
    if !exists(hart) {
        return Err(INVALID_PARAM);
    }
    let state = &mut sbi.harts.states[index(hart)];
    let told = *state;
    if told == State::StartPending {
        *state = State::Started;
    }
    Ok(told as u64)
}

/// Platform-specific types are not implemented.
fn suspend(sbi: &mut Sbi, call: &mut Call<'_>) -> Done {
    let [_, address, opaque, ..] = call.arguments;
    match call.word(0) {
        DEFAULT_RETENTIVE if sbi.wakes(call.machine) => Ok(0).into(),
        DEFAULT_RETENTIVE => Done::Sleep,
        DEFAULT_NON_RETENTIVE => sbi.suspend_to(call, address, opaque).unwrap_or_else(|refused| Err(refused).into()),
        _ => Err(INVALID_PARAM).into(),
    }
}

impl Sbi {
    /// Sleeps without keeping registers, to go on at `address`.
    pub(super) fn suspend_to(&mut self, call: &mut Call<'_>, address: u64, opaque: u64) -> Result<Done, Refused> {
        if !call.machine.contains(address, INSTRUCTION) {
            return Err(INVALID_ADDRESS);
        }
        let awake = self.wakes(call.machine);
        self.restart(call.machine, address, opaque);
        Ok(Done::Elsewhere { asleep: !awake })
    }
}
