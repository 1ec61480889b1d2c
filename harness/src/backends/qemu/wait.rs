//! Waiting for the agent.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use super::activity::{Nap, nap, part};
use super::machine::Machine;
use super::mailbox::{Bell, answered, boots};

/// Most answers take some microseconds, so the first look is a long one.
const SPIN: Duration = Duration::from_micros(40);
/// After so many answers in a row that came later, the guest's processor probably waits for the one that we run on:
/// sleep at once, since a busy loop would keep the guest waiting for a whole time slice. Now and then ask the
/// operating system to part the two, and look long again.
const MISSES: u32 = 4;
const RETRY: u32 = 32;
/// Longest pause between two looks.
const PAUSE: Duration = Duration::from_millis(1);
/// A processor that slept so long before and after the monitor answered is waiting for nothing inside QEMU.
const NAP: Duration = Duration::from_millis(4);

/// How the wait ended, while QEMU runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waited {
    /// The agent answered.
    Answered,
    /// The guest's processor sleeps.
    Asleep,
    /// It does not, and time is up.
    Exhausted,
    /// The agent booted again.
    Reset,
    /// QEMU stopped the machine; its word for why.
    Halted(String),
    /// The monitor does not answer.
    Unreachable(String),
}

/// Waits for the agent's answer, for `patience` at most. A guest that will wake by itself may sleep so long.
///
/// # Errors
/// How QEMU ended.
pub fn wait(machine: &mut Machine, bell: Bell, patience: Duration, wakes: bool) -> Result<Waited, ExitStatus> {
    let start = Instant::now();
    while machine.misses < MISSES || machine.misses.is_multiple_of(RETRY) {
        for _ in 0..64 {
            if answered(&machine.ram, bell) {
                machine.misses = 0;
                return Ok(answer(machine));
            }
            std::hint::spin_loop();
        }
        if start.elapsed() > SPIN {
            break;
        }
    }
    machine.misses = machine.misses.wrapping_add(1);
    if machine.misses % RETRY == MISSES {
        part(machine.thread);
    }
    watch(machine, bell, start, patience, wakes)
}

/// A guest that boots answers whatever is open, since nothing else will.
fn answer(machine: &Machine) -> Waited {
    if boots(&machine.ram) == machine.boots { Waited::Answered } else { Waited::Reset }
}

/// The slow part: looks at the process now and then.
#[cold]
fn watch(
    machine: &mut Machine,
    bell: Bell,
    start: Instant,
    patience: Duration,
    wakes: bool,
) -> Result<Waited, ExitStatus> {
    let mut pause = Duration::from_micros(10);
    let mut napping: Option<(Nap, Instant)> = None;
    // The monitor was asked during this nap.
    let mut asked = false;
    loop {
        std::thread::sleep(pause);
        pause = (pause + pause / 4).min(PAUSE);
        if answered(&machine.ram, bell) {
            return Ok(answer(machine));
        }
        if let Some(status) = machine.process.ended() {
            return Err(status);
        }
        let late = start.elapsed() > patience;
        if pause < PAUSE && !late {
            continue;
        }
        let now = nap(machine.process.id(), machine.thread);
        if napping.as_ref().map(|(nap, _)| nap) != now.as_ref() {
            napping = now.map(|nap| (nap, Instant::now()));
            asked = false;
        }
        let long = napping.as_ref().is_some_and(|(_, since)| since.elapsed() > NAP);
        if long && !asked || late {
            match machine.status() {
                Ok(status) if status == "running" => asked = true,
                Ok(status) => return Ok(Waited::Halted(status)),
                Err(error) => return machine.process.ended().map_or(Ok(Waited::Unreachable(error.to_string())), Err),
            }
            // From here on the nap counts again.
            if let Some((_, since)) = &mut napping {
                *since = Instant::now();
            }
        } else if long && !wakes {
            return Ok(Waited::Asleep);
        }
        if late {
            return Ok(if napping.is_some() { Waited::Asleep } else { Waited::Exhausted });
        }
    }
}
