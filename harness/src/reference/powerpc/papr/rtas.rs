//! KVMPPC_H_RTAS: run-time abstraction services.
//!
//! LoPAR, chapter "Run-Time Abstraction Services", says what a service does; the call and the tokens are QEMU's
//! (`hw/ppc/spapr_rtas.c`, `include/hw/ppc/spapr.h`). The block has big-endian words: token, number of arguments, number of
//! results, arguments, results. Nothing is written behind the results that the caller gives room for.

use super::super::partition::{CPUS, Partition};
use super::{Answer, code, xics};

/// Addresses in real mode have no meaning above this (LoPAR, real mode addressing).
const REAL: u64 = 0x0FFF_FFFF_FFFF_FFFF;
/// Words in a block at most.
const WORDS: u64 = 256;
/// Ticks of the time base in a second.
const FREQUENCY: u64 = 512_000_000;
/// The clock at power on: 2024-02-29 12:00:00, in seconds since 1970.
const START: i64 = 1_709_208_000;

/// Status: done.
const DONE: i32 = 0;
/// Status: no such service, or a parameter that it does not take.
const WRONG: i32 = -3;
/// Status of event-scan: there is no event.
const NO_EVENT: i32 = 1;

/// What the services keep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Services {
    /// Seconds by which the clock differs from the time base.
    ahead: i64,
}

/// A service: its name, number of arguments, number of results, and what it does with them.
struct Service {
    token: u64,
    name: &'static str,
    shape: (usize, usize),
    run: fn(&mut Partition, &[u64], &mut [u64]) -> i32,
}

macro_rules! services {
    ($($token:literal $name:literal ($arguments:literal, $results:literal) => $run:expr,)*) => {
        const SERVICES: &[Service] =
            &[$(Service { token: $token, name: $name, shape: ($arguments, $results), run: $run }),*];
    };
}

services! {
    0x2000 "display-character" (1, 1) => display,
    0x2001 "get-time-of-day" (0, 8) => get_time,
    0x2002 "set-time-of-day" (7, 1) => set_time,
    0x2005 "query-cpu-stopped-state" (1, 2) => stopped,
    0x200A "ibm,set-xive" (3, 1) => set_xive,
    0x200B "ibm,get-xive" (1, 3) => get_xive,
    0x200C "ibm,int-off" (1, 1) => |p, arguments, _| switch(p, arguments, false),
    0x200D "ibm,int-on" (1, 1) => |p, arguments, _| switch(p, arguments, true),
    0x200F "event-scan" (4, 1) => |_, _, _| NO_EVENT,
    0x201D "get-sensor-state" (2, 2) => |_, _, _| WRONG,
}

/// The token of display-character that QEMU's firmware has.
const DISPLAY_OF_FIRMWARE: u64 = 0xA;

/// The services by name, with their tokens.
pub(crate) fn tokens() -> impl Iterator<Item = (&'static str, u64)> {
    SERVICES.iter().map(|service| (service.name, service.token))
}

/// KVMPPC_H_RTAS. A block that is not all in memory is refused and left alone.
pub(super) fn call(p: &mut Partition) -> Answer {
    let [at] = p.arguments();
    let at = at & REAL;
    let word = |n: u64| p.load(at + 4 * n, 4);
    if !p.contains(at, 12) || word(1) > WORDS || word(2) > WORDS || !p.contains(at, 4 * (3 + word(1) + word(2))) {
        return Err(code::PARAMETER);
    }
    let (token, inputs, outputs) = (word(0), word(1), word(2));
    let arguments: Vec<u64> = (0..inputs).map(|n| word(3 + n)).collect();
    let mut results = vec![0; usize::try_from(outputs).unwrap_or_default()];
    let token = if token == DISPLAY_OF_FIRMWARE { 0x2000 } else { token };
    let service = SERVICES.iter().find(|service| service.token == token);
    let status = match service {
        Some(service) if service.shape == (arguments.len(), results.len()) => {
            (service.run)(p, &arguments, &mut results[1..])
        }
        _ => WRONG,
    };
    let first = at + 12 + 4 * inputs;
    // A service that failed has no other results.
    for (n, result) in (0..outputs).zip(&results).skip(1).filter(|_| status == DONE) {
        p.store(first + 4 * n, 4, *result);
    }
    if outputs > 0 {
        p.store(first, 4, i64::from(status).cast_unsigned());
    }
    if service.is_some() { Ok(()) } else { Err(code::PARAMETER) }
}

fn display(p: &mut Partition, arguments: &[u64], _: &mut [u64]) -> i32 {
    p.state.terminals.show(arguments[0].to_le_bytes()[0]);
    DONE
}

/// Days from 1970 to a date, as the Gregorian calendar has it.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leaps + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// Year, month and day of a day.
fn date(day: i64) -> [i64; 3] {
    let mut year = 1970 + day / 366;
    while days(year + 1, 1, 1) <= day {
        year += 1;
    }
    let month = (2..=12).rev().find(|&month| days(year, month, 1) <= day).unwrap_or(1);
    [year, month, day - days(year, month, 1) + 1]
}

/// Seconds since 1970 by the time base, as if the clock had never been set.
fn clock(p: &Partition) -> i64 {
    START + (p.cpu.tb / FREQUENCY).cast_signed()
}

fn get_time(p: &mut Partition, _: &[u64], results: &mut [u64]) -> i32 {
    let now = clock(p) + p.state.services.ahead;
    let [year, month, day] = date(now.div_euclid(86_400));
    let second = now.rem_euclid(86_400);
    let all = [year, month, day, second / 3600, second / 60 % 60, second % 60, 0];
    for (result, value) in results.iter_mut().zip(all) {
        *result = value.cast_unsigned();
    }
    DONE
}

fn set_time(p: &mut Partition, arguments: &[u64], _: &mut [u64]) -> i32 {
    let [year, month, day, hour, minute, second, nanosecond] = std::array::from_fn(|n| arguments[n].cast_signed());
    let valid = (1970..10_000).contains(&year) && (1..=12).contains(&month) && hour < 24 && minute < 60 && second < 60;
    if !valid || nanosecond > 999_999_999 || date(days(year, month, day)) != [year, month, day] {
        return WRONG;
    }
    let then = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    p.state.services.ahead = then - clock(p);
    DONE
}

/// Only the processor that calls runs; a stopped one is 0, a running one 2.
fn stopped(_: &mut Partition, arguments: &[u64], results: &mut [u64]) -> i32 {
    match usize::try_from(arguments[0]) {
        Ok(processor) if processor < CPUS => {
            results[0] = if processor == 0 { 2 } else { 0 };
            DONE
        }
        _ => WRONG,
    }
}

fn source(p: &mut Partition, number: u64) -> Option<&mut xics::Source> {
    (!p.profile.exploitation && xics::is_source(number)).then(|| p.state.sources.entry(number).or_default())
}

fn set_xive(p: &mut Partition, arguments: &[u64], _: &mut [u64]) -> i32 {
    let &[number, server, priority] = arguments else { return WRONG };
    let Some(server) = usize::try_from(server).ok().filter(|&server| server < CPUS) else { return WRONG };
    let (Some(source), Ok(priority)) = (source(p, number), u8::try_from(priority)) else { return WRONG };
    (source.server, source.priority, source.saved) = (server, priority, priority);
    DONE
}

fn get_xive(p: &mut Partition, arguments: &[u64], results: &mut [u64]) -> i32 {
    let Some(source) = source(p, arguments[0]) else { return WRONG };
    results.copy_from_slice(&[source.server as u64, source.priority.into()]);
    DONE
}

fn switch(p: &mut Partition, arguments: &[u64], on: bool) -> i32 {
    let Some(source) = source(p, arguments[0]) else { return WRONG };
    if on {
        source.priority = source.saved;
    } else {
        source.priority = 0xFF;
    }
    DONE
}
