//! DIAGNOSE 0x10, release of pages; 0x258, page faults that do not stop the processor; 0x288, the watchdog.
//!
//! Linux `arch/s390/kvm/diag.c`; kvm-unit-tests `s390x/diag10.c`, `diag258.c`, `diag288.c`; QEMU `target/s390x/diag.c`.

use super::cpu::{ADDRESSING, Cpu, SPECIFICATION};
use super::host::{Operands, Outcome};
use crate::reference::trap::Machine;

const PAGE: u64 = 4096;

/// Function 0x10: pages from the one in R1's register to the one in R3's are of no use any more. They read as zero.
pub(super) fn release_pages(cpu: &Cpu, machine: &mut Machine, Operands { r1, r3 }: Operands) -> Outcome {
    let (first, last) = (cpu.get(machine, r1), cpu.get(machine, r3));
    // The lowcore takes the first two pages.
    if !(first | last).is_multiple_of(PAGE) || first < 2 * PAGE || first > last {
        return Outcome::Program(SPECIFICATION);
    }
    let mut page = first;
    while page <= last && page < machine.ram() {
        let absolute = cpu.absolute(machine, page);
        machine.fill(absolute, 4096, 0);
        page += PAGE;
    }
    Outcome::Done
}

/// Function 0x258: where the guest has a token for page faults.
#[derive(Debug, Clone, Default)]
pub(super) struct PageFaults {
    token: Option<u64>,
}

impl PageFaults {
    /// Bytes of a parameter block.
    const BLOCK: u64 = 40;
    const VERSION: u64 = 2;
    const DOUBLEWORDS: u64 = 5;
    /// The last doubleword of a block that sets up.
    const ZARCH: u64 = 1 << 63;
    const NOT_ACTIVE: u64 = 4;
    const ACTIVE: u64 = 8;

    /// The token's address, if it is set up.
    pub(super) const fn token(&self) -> Option<u64> {
        self.token
    }

    /// Carries out what the block at R1's register asks for; R3's takes the return code.
    pub(super) fn call(&mut self, cpu: &Cpu, machine: &mut Machine, Operands { r1, r3 }: Operands) -> Outcome {
        let real = cpu.get(machine, r1);
        if !real.is_multiple_of(8) {
            return Outcome::Program(SPECIFICATION);
        }
        let block = cpu.absolute(machine, real);
        if !machine.contains(block, Self::BLOCK) {
            return Outcome::Program(ADDRESSING);
        }
        let half = |n: u64| machine.load(block + 2 * n, 2).unwrap_or(0);
        let double = |n: u64| machine.load(block + 8 * n, 8).unwrap_or(0);
        if half(0) != 0x258 || half(2) < Self::DOUBLEWORDS || half(3) != Self::VERSION {
            return Outcome::Program(SPECIFICATION);
        }
        let (token, select, compare, last) = (double(1), double(2), double(3), double(4));
        let code = match half(1) {
            0 if self.token.is_some() => Self::ACTIVE,
            0 if compare & !select != 0 || !token.is_multiple_of(8) || last != Self::ZARCH => {
                return Outcome::Program(SPECIFICATION);
            }
            0 if !machine.contains(token, 8) => return Outcome::Program(ADDRESSING),
            0 => {
                self.token = Some(token);
                0
            }
            1 if token | select | compare | last != 0 => return Outcome::Program(SPECIFICATION),
            1 => self.token.take().map_or(Self::NOT_ACTIVE, |_| 0),
            _ => return Outcome::Program(SPECIFICATION),
        };
        cpu.set(machine, r3, code);
        Outcome::Done
    }
}

/// Function 0x288: restarts a guest that does not call again in time.
#[derive(Debug, Clone, Default)]
pub(super) struct Watchdog {
    seconds: Option<u64>,
}

impl Watchdog {
    const BEGIN: u64 = 0;
    const CHANGE: u64 = 1;
    const CANCEL: u64 = 2;
    const LEAST_SECONDS: u64 = 15;

    /// In how many seconds it acts, if it was begun.
    pub(super) const fn seconds(&self) -> Option<u64> {
        self.seconds
    }

    /// Carries out the function in R1's register, with the time behind it and the action in R3's.
    pub(super) fn call(&mut self, cpu: &Cpu, machine: &Machine, Operands { r1, r3 }: Operands) -> Outcome {
        let (function, seconds) = (cpu.get(machine, r1), cpu.get(machine, r1 + 1));
        let short = function != Self::CANCEL && seconds < Self::LEAST_SECONDS;
        if r1 % 2 == 1 || cpu.get(machine, r3) != 0 || short {
            return Outcome::Program(SPECIFICATION);
        }
        match (function, self.seconds) {
            (Self::BEGIN, _) | (Self::CHANGE, Some(_)) => self.seconds = Some(seconds),
            (Self::CANCEL, Some(_)) => self.seconds = None,
            _ => return Outcome::Program(SPECIFICATION),
        }
        Outcome::Done
    }
}
