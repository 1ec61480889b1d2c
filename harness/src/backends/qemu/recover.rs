//! How a run of a guest ended, and getting the guest back when it did not end by itself.

use std::time::{Duration, Instant};

use super::guest::{ALL, PROGRAM, PROMPT, PseriesGuest, TRAP};
use super::mailbox::{self, Bell, MSR, PC, SRR0, SRR1};
use super::wait::{Waited, wait};
use crate::contract::{Guest, GuestError, Stop};

/// SRR1 bits that say something of the interrupt; the others are the MSR's (Power ISA, Book III, 7.5).
const REASONS: u64 = 0x783f_0000;
const SYSTEM_RESET: u64 = 0x100;

impl PseriesGuest {
    /// Takes the registers that the agent answered with.
    pub(super) fn take(&mut self, until: u64) -> Stop {
        mailbox::take(&self.machine.ram, &mut self.current);
        self.known = ALL;
        let (vector, srr0, srr1) = (self.current[PC], self.current[SRR0], self.current[SRR1]);
        if vector == PROGRAM && srr1 & TRAP != 0 && srr0 == until {
            self.interrupted();
            return Stop::Reached;
        }
        Stop::Interrupt { vector }
    }

    /// The interrupt was the harness's own: the registers are those before it, and what it overwrote is unknown.
    fn interrupted(&mut self) {
        self.current[PC] = self.current[SRR0];
        self.current[MSR] = self.current[SRR1] & !REASONS;
        self.known = ALL & !(1 << SRR0 | 1 << SRR1);
        // Caught between two cases: these are the agent's registers.
        if self.current[PC] < mailbox::AGENT_END {
            self.known = 0;
        }
    }

    /// Gets the processor back from a guest that does not end by itself.
    pub(super) fn recover(&mut self, bell: Bell, stop: Stop, until: u64) -> Result<Stop, GuestError> {
        if let Err(error) = self.machine.qmp.execute("inject-nmi") {
            return Err(self.failed(&error.to_string()));
        }
        match wait(&mut self.machine, bell, PROMPT, true) {
            Ok(Waited::Answered) => {
                let natural = self.take(until);
                if natural != (Stop::Interrupt { vector: SYSTEM_RESET }) {
                    return Ok(natural);
                }
                self.interrupted();
                // Where the operating system does not tell whether the guest slept, the instruction does.
                let mut word = [0; 4];
                let called = self.read(self.current[PC].wrapping_sub(4), &mut word).is_ok() && is_sc(word);
                let blind = stop == Stop::Exhausted && cfg!(not(target_os = "linux")) && called;
                Ok(if blind { Stop::Asleep } else { stop })
            }
            Ok(_) => self.start_over().map(|()| stop),
            Err(status) => Err(self.lost(self.machine.process.describe(status))),
        }
    }

    /// Resets a guest that is of no use as it is, keeping its memory as far as that can be.
    pub(super) fn start_over(&mut self) -> Result<(), GuestError> {
        let log = self.machine.process.log();
        match self.machine.reset(false) {
            Ok(()) => {
                self.fresh();
                self.known = 0;
                Ok(())
            }
            Err(why) => {
                self.gone = Some((why.clone(), log.clone()));
                Err(GuestError::Lost { why, log })
            }
        }
    }

    /// The monitor or the agent failed: is QEMU gone, or only out of touch?
    pub(super) fn failed(&mut self, what: &str) -> GuestError {
        let deadline = Instant::now() + Duration::from_millis(500);
        while Instant::now() < deadline {
            if let Some(status) = self.machine.process.ended() {
                return self.lost(self.machine.process.describe(status));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        GuestError::Link(what.to_owned())
    }

    pub(super) fn lost(&mut self, why: String) -> GuestError {
        let log = self.machine.process.log();
        self.gone = Some((why.clone(), log.clone()));
        self.known = 0;
        GuestError::Lost { why, log }
    }
}

fn is_sc(word: [u8; 4]) -> bool {
    [u32::from_be_bytes(word), u32::from_le_bytes(word)].iter().any(|word| word & 0xfc00_0003 == 0x4400_0002)
}
