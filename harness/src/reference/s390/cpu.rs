//! A processor of z/Architecture, as far as interruptions need one.
//!
//! z/Architecture Principles of Operation (SA22-7832), chapters Interruptions, Storage (prefixing); Linux
//! `arch/s390/include/asm/lowcore.h`.

use crate::contract::BootError;
use crate::reference::trap::{Machine, Next};
use crate::registers::{RegisterFile, Slot};

/// Program interruptions.
pub(super) const OPERATION: u64 = 1;
pub(super) const PRIVILEGED_OPERATION: u64 = 2;
pub(super) const ADDRESSING: u64 = 5;
pub(super) const SPECIFICATION: u64 = 6;
/// The architecture's file numbers the supervisor-call interruption so, beyond the codes of programs.
const SUPERVISOR_CALL: u64 = 0x100;

/// Bytes that prefixing exchanges.
const LOWCORE: u64 = 0x2000;
/// Where the lowcore has an interruption's identification, the old PSW and the new one.
const PROGRAM: [u64; 3] = [0x8C, 0x150, 0x1D0];
const SERVICE: [u64; 3] = [0x88, 0x140, 0x1C0];
/// The PSW that handlers begin with: addresses of 64 bits, nothing let in.
const HANDLER_PSW: u64 = 0x1_8000_0000;
const HANDLERS: u64 = 0x4000;

/// Where the guest's registers are.
#[derive(Debug, Clone)]
pub(super) struct Cpu {
    general: [Slot; 16],
    pc: Slot,
    psw: Slot,
    problem: Slot,
    prefix: Slot,
}

/// Gives a machine new PSWs, for interruptions to go somewhere.
pub(super) fn prepare(machine: &mut Machine) {
    for (n, [.., new]) in (0..).zip([PROGRAM, SERVICE]) {
        machine.store(new, 8, HANDLER_PSW);
        machine.store(new + 8, 8, HANDLERS + n * 0x100);
    }
}

impl Cpu {
    /// # Errors
    /// [`BootError::Failed`] if the architecture's file lacks a register.
    pub(super) fn new(file: &RegisterFile) -> Result<Self, BootError> {
        let slot = |name: &str| {
            let why = || BootError::Failed { why: format!("no register {name}"), log: String::new() };
            file.slot(name).ok_or_else(why)
        };
        let mut general = [slot("r0")?; 16];
        for (n, place) in general.iter_mut().enumerate() {
            *place = slot(&format!("r{n}"))?;
        }
        Ok(Self { general, pc: slot("pc")?, psw: slot("psw")?, problem: slot("psw.p")?, prefix: slot("prefix")? })
    }

    /// General register `n`.
    pub(super) fn get(&self, machine: &Machine, n: usize) -> u64 {
        machine.get(self.general[n & 15])
    }

    /// Sets general register `n`.
    pub(super) fn set(&self, machine: &mut Machine, n: usize, value: u64) {
        machine.set(self.general[n & 15], value);
    }

    /// Whether the processor is in problem state.
    pub(super) fn is_problem(&self, machine: &Machine) -> bool {
        machine.get(self.problem) == 1
    }

    fn lowcore(&self, machine: &Machine) -> u64 {
        machine.get(self.prefix) & 0x7FFF_E000
    }

    /// The absolute address of a real one.
    pub(super) fn absolute(&self, machine: &Machine, real: u64) -> u64 {
        let prefix = self.lowcore(machine);
        match real {
            0..LOWCORE => prefix + real,
            _ if real.wrapping_sub(prefix) < LOWCORE => real - prefix,
            _ => real,
        }
    }

    /// Interrupts the program behind an instruction of `length` bytes.
    pub(super) fn program(&self, machine: &mut Machine, code: u64, length: u64) -> Next {
        self.interrupt(machine, PROGRAM, code, length);
        Next::Interrupt(code)
    }

    /// Calls the guest's own supervisor.
    pub(super) fn supervisor_call(&self, machine: &mut Machine, number: u64) -> Next {
        self.interrupt(machine, SERVICE, number, 2);
        Next::Interrupt(SUPERVISOR_CALL)
    }

    /// The instruction at `at` does not exist. Its first two bits tell how long it would be.
    pub(super) fn no_instruction(&self, machine: &mut Machine, at: u64) -> Next {
        let length = match machine.load(at, 1).unwrap_or(0) >> 6 {
            0 => 2,
            3 => 6,
            _ => 4,
        };
        machine.set(self.pc, at.wrapping_add(length));
        self.program(machine, OPERATION, length)
    }

    /// Stores what was interrupted and goes on with the new PSW. The program counter is behind the instruction.
    fn interrupt(&self, machine: &mut Machine, [cause, old, new]: [u64; 3], code: u64, length: u64) {
        let lowcore = self.lowcore(machine);
        machine.store(lowcore + cause, 2, length);
        machine.store(lowcore + cause + 2, 2, code);
        for (n, half) in [self.psw, self.pc].into_iter().enumerate() {
            let offset = 8 * n as u64;
            let was = machine.get(half);
            machine.store(lowcore + old + offset, 8, was);
            let becomes = machine.load(lowcore + new + offset, 8).unwrap_or(0);
            machine.set(half, becomes);
        }
    }
}
