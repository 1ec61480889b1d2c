//! Watchdogs: H_WATCHDOG.
//!
//! The codes are those that Linux `drivers/watchdog/pseries-wdt.c` lists; QEMU `hw/watchdog/spapr_watchdog.c` has the
//! order of judging. Milliseconds are counted by the time base, so a watchdog runs out while the guest executes or
//! sleeps.

use super::super::partition::Partition;
use super::{Reply, code};

/// How many there are.
const WATCHDOGS: usize = 4;
/// The least timeout in milliseconds.
const LEAST: u64 = 1;
/// Ticks of the time base in a millisecond, at 512 MHz.
const MILLISECOND: u64 = 512_000;

/// Flag: other watchdogs go on when one is started.
const LEAVE_OTHERS: u64 = 0x1_0000;
/// The flags that are known.
const FLAGS: u64 = LEAVE_OTHERS | 0xFFFF;

/// Those that run: the time base at which each runs out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Watchdogs {
    ends: [Option<u64>; WATCHDOGS],
}

impl Watchdogs {
    /// Ticks from `now` until one runs out.
    pub(crate) fn left(&self, now: u64) -> Option<u64> {
        self.ends.iter().flatten().map(|end| end.saturating_sub(now)).min()
    }
}

/// The place of a watchdog; the first has number 1.
fn place(number: u64) -> Option<usize> {
    usize::try_from(number).ok()?.checked_sub(1).filter(|&n| n < WATCHDOGS)
}

/// H_WATCHDOG.
pub(super) fn watchdog(p: &mut Partition) -> Reply {
    let [flags, number, timeout] = p.arguments();
    if flags & !FLAGS != 0 {
        return code::PARAMETER.into();
    }
    match flags >> 8 & 0xFF {
        1 => start(p, flags, number, timeout),
        2 => stop(p, number),
        3 => {
            p.cpu.gpr[4] = LEAST << 48 | (WATCHDOGS as u64) << 32;
            code::SUCCESS
        }
        4 => {
            if place(number).is_none() {
                return code::P2.into();
            }
            // A watchdog that runs is stopped while a partition migrates.
            p.cpu.gpr[4] = 2;
            code::SUCCESS
        }
        _ => code::PARAMETER,
    }
    .into()
}

fn start(p: &mut Partition, flags: u64, number: u64, timeout: u64) -> i64 {
    if !matches!(flags & 0xFF, 1..=3) {
        return code::PARAMETER;
    }
    let Some(place) = place(number) else { return code::P2 };
    if timeout < LEAST {
        return code::P3;
    }
    let ends = &mut p.state.watchdogs.ends;
    if flags & LEAVE_OTHERS == 0 {
        *ends = [None; WATCHDOGS];
    }
    ends[place] = Some(p.cpu.tb.saturating_add(timeout.saturating_mul(MILLISECOND)));
    code::SUCCESS
}

fn stop(p: &mut Partition, number: u64) -> i64 {
    let ends = &mut p.state.watchdogs.ends;
    let stopped = if number == u64::MAX {
        let ran = ends.iter().any(Option::is_some);
        *ends = [None; WATCHDOGS];
        ran
    } else {
        let Some(place) = place(number) else { return code::P2 };
        ends[place].take().is_some()
    };
    if stopped { code::SUCCESS } else { code::NOOP }
}
