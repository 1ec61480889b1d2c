//! Debug triggers. SBI 3.0, chapter Debug Triggers Extension; encodings of `tdata1`: RISC-V Debug Specification,
//! `mcontrol6`.
//!
//! Triggers match nothing here: they are installed, changed and shown.

use super::call::{Answer, BAD_RANGE, Call, Done, FAILED, INVALID_PARAM, NO_SHMEM, NOT_SUPPORTED, Refused};
use super::sbi::Sbi;
use super::shared;
use crate::reference::trap::Machine;

/// How many triggers the hart has.
pub(super) const TRIGGERS: u64 = 4;
/// Bytes of an entry: four words.
const ENTRY: u64 = 32;

const TYPE: u64 = 0xF << 60;
const MCONTROL6: u64 = 6 << 60;
const DMODE: u64 = 1 << 59;
const CHAIN: u64 = 1 << 11;
const M: u64 = 1 << 6;
/// Modes in which a trigger matches: vs, vu, s and u.
const MODES: u64 = 1 << 24 | 1 << 23 | 1 << 4 | 1 << 3;

#[derive(Debug, Clone, Copy)]
struct Trigger {
    /// `tdata1` to `tdata3` as they were given.
    given: [u64; 3],
    enabled: bool,
}

impl Trigger {
    /// Mapped, with the hardware trigger of the same number, and the modes as they were given.
    fn state(&self, number: usize) -> u64 {
        let bit = |from: u64, to: u64| (self.given[0] >> from & 1) << to;
        1 | bit(3, 1) | bit(4, 2) | bit(23, 3) | bit(24, 4) | 1 << 5 | (number as u64) << 8
    }

    const fn configuration(&self) -> u64 {
        if self.enabled { self.given[0] } else { self.given[0] & !MODES }
    }
}

/// The triggers of the hart.
#[derive(Debug, Clone, Default)]
pub(super) struct Dbtr {
    triggers: [Option<Trigger>; TRIGGERS as usize],
    memory: Option<u64>,
}

pub(super) fn answer(sbi: &mut Sbi, call: &mut Call<'_>) -> Done {
    let dbtr = &mut sbi.dbtr;
    let answer = match call.function {
        0 => Ok(count(call.long(0))),
        1 => shared::asked(call, 8, TRIGGERS * ENTRY, 0).map(|at| {
            dbtr.memory = at;
            0
        }),
        2 => read(dbtr, call),
        3 => install(dbtr, call),
        4 => update(dbtr, call),
        5 => change(dbtr, call, |trigger| *trigger = None),
        6 => change(dbtr, call, |trigger| trigger.iter_mut().for_each(|trigger| trigger.enabled = true)),
        7 => change(dbtr, call, |trigger| trigger.iter_mut().for_each(|trigger| trigger.enabled = false)),
        _ => Err(NOT_SUPPORTED),
    };
    answer.into()
}

/// How many triggers can do this: all of them any `mcontrol6`.
fn count(configuration: u64) -> u64 {
    if configuration == 0 || legal(configuration).is_ok() { TRIGGERS } else { 0 }
}

/// A configuration of a type that is there, and not for machine mode.
fn legal(configuration: u64) -> Result<(), Refused> {
    if configuration & TYPE != MCONTROL6 || configuration & (DMODE | M) != 0 { Err(INVALID_PARAM) } else { Ok(()) }
}

fn entry(machine: &Machine, at: u64, n: u64) -> [u64; 4] {
    std::array::from_fn(|word| shared::read(machine, at + n * ENTRY + 8 * word as u64))
}

/// As the text has it, a range that ends with the last trigger is out of range already.
fn read(dbtr: &Dbtr, call: &mut Call<'_>) -> Answer {
    let at = dbtr.memory.ok_or(NO_SHMEM)?;
    let [first, count, ..] = call.arguments;
    if first >= TRIGGERS || first.saturating_add(count) >= TRIGGERS {
        return Err(BAD_RANGE);
    }
    for (n, (number, trigger)) in (0..count).zip((0..).zip(dbtr.triggers).skip(usize::try_from(first).unwrap_or(0))) {
        let words = trigger.map_or([0; 4], |trigger| {
            [trigger.state(number), trigger.configuration(), trigger.given[1], trigger.given[2]]
        });
        for (word, value) in (0..).zip(words) {
            call.machine.store(at + n * ENTRY + 8 * word, 8, value);
        }
    }
    Ok(0)
}

/// The memory and the number of entries in it.
fn entries(dbtr: &Dbtr, call: &Call<'_>) -> Result<(u64, u64), Refused> {
    let at = dbtr.memory.ok_or(NO_SHMEM)?;
    if call.long(0) >= TRIGGERS { Err(BAD_RANGE) } else { Ok((at, call.long(0))) }
}

/// Nothing is installed unless everything can be. A chain gets neighbours.
fn install(dbtr: &mut Dbtr, call: &mut Call<'_>) -> Answer {
    let (at, count) = entries(dbtr, call)?;
    let mut triggers = dbtr.triggers;
    let mut numbers = Vec::new();
    for n in 0..count {
        let [_, given @ ..] = entry(call.machine, at, n);
        legal(given[0]).map_err(|refused| refused.with(n))?;
        if given[0] & CHAIN != 0 && n + 1 == count {
            return Err(INVALID_PARAM.with(n));
        }
        let chained = n > 0 && entry(call.machine, at, n - 1)[1] & CHAIN != 0;
        let number = match numbers.last() {
            Some(last) if chained => Some(last + 1).filter(|next| triggers.get(*next).is_some_and(Option::is_none)),
            _ => room(&triggers, call.machine, at, n, count),
        };
        let number = number.ok_or(FAILED.with(n))?;
        triggers[number] = Some(Trigger { given, enabled: true });
        numbers.push(number);
    }
    for (n, number) in (0..).zip(numbers) {
        call.machine.store(at + n * ENTRY, 8, number as u64);
    }
    dbtr.triggers = triggers;
    Ok(0)
}

/// The first free trigger with as many free ones behind it as the chain that begins with entry `n` is long.
fn room(triggers: &[Option<Trigger>], machine: &Machine, at: u64, n: u64, count: u64) -> Option<usize> {
    let links = (n..count).take_while(|n| entry(machine, at, *n)[1] & CHAIN != 0).count();
    triggers.windows(links + 1).position(|window| window.iter().all(Option::is_none))
}

fn update(dbtr: &mut Dbtr, call: &mut Call<'_>) -> Answer {
    let (at, count) = entries(dbtr, call)?;
    for n in 0..count {
        let [number, given @ ..] = entry(call.machine, at, n);
        let place = usize::try_from(number).ok().and_then(|number| dbtr.triggers.get_mut(number));
        let trigger = place.ok_or(INVALID_PARAM.with(n))?;
        let trigger = trigger.as_mut().ok_or(FAILED.with(n))?;
        legal(given[0]).map_err(|refused| refused.with(n))?;
        if (given[0] ^ trigger.given[0]) & (TYPE | CHAIN) != 0 {
            return Err(INVALID_PARAM.with(n));
        }
        trigger.given = given;
    }
    Ok(0)
}

/// Does something to every trigger of a mask, if all of them are installed.
fn change(dbtr: &mut Dbtr, call: &Call<'_>, change: impl Fn(&mut Option<Trigger>)) -> Answer {
    let [base, mask, ..] = call.arguments;
    let mut triggers = dbtr.triggers;
    for n in (0..64).filter(|n| mask >> n & 1 == 1) {
        let number = base.checked_add(n).and_then(|number| usize::try_from(number).ok());
        let trigger = number.and_then(|number| triggers.get_mut(number)).filter(|trigger| trigger.is_some());
        change(trigger.ok_or(INVALID_PARAM)?);
    }
    dbtr.triggers = triggers;
    Ok(0)
}
