//! The registers of an Arm guest, found once, and the exceptions that it takes.

use crate::reference::trap::{Machine, Next};
use crate::registers::{RegisterFile, Slot};

/// Why a guest takes an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// An instruction that does not exist here.
    Undefined,
    /// A call of the supervisor, with its immediate.
    Supervisor(u64),
    /// A breakpoint, with its immediate.
    Breakpoint(u64),
}

/// Where things are in the register file.
#[derive(Debug)]
pub(super) struct Slots {
    general: Vec<Slot>,
    pc: Slot,
    state: State,
}

/// Process state and what exceptions write, which the two execution states have under names of their own.
#[derive(Debug)]
enum State {
    /// AArch64.
    Wide { nzcv: Slot, pstate: Slot, el: Slot, spsel: Slot, daif: Slot, elr: Slot, spsr: Slot, esr: Slot, vbar: Slot },
    /// AArch32.
    Narrow { cpsr: Slot, mode: Slot, undefined: [Slot; 2], supervisor: [Slot; 2], abort: [Slot; 2], vbar: Slot },
}

/// CPSR.M of user mode.
const USER: u64 = 0x10;
/// CPSR.I, which every exception sets.
const MASKED: u64 = 1 << 7;

impl Slots {
    /// Those of `arm64` or `aarch32`; `None` if the architecture's file lacks one.
    pub(super) fn of(file: &RegisterFile) -> Option<Self> {
        let slot = |name: &str| file.slot(name);
        let wide = file.arch == "arm64";
        let (letter, count) = if wide { ('x', 31) } else { ('r', 15) };
        let general = (0..count).map(|n| slot(&format!("{letter}{n}"))).collect::<Option<Vec<_>>>()?;
        let banked = |mode: &str| Some([slot(&format!("lr_{mode}"))?, slot(&format!("spsr_{mode}"))?]);
        let state = if wide {
            State::Wide {
                nzcv: slot("nzcv")?,
                pstate: slot("pstate")?,
                el: slot("pstate.el")?,
                spsel: slot("pstate.spsel")?,
                daif: slot("pstate.daif")?,
                elr: slot("elr")?,
                spsr: slot("spsr")?,
                esr: slot("esr")?,
                vbar: slot("vbar")?,
            }
        } else {
            State::Narrow {
                cpsr: slot("cpsr")?,
                mode: slot("cpsr.mode")?,
                undefined: banked("und")?,
                supervisor: banked("svc")?,
                abort: banked("abt")?,
                vbar: slot("vbar")?,
            }
        };
        Some(Self { general, pc: slot("pc")?, state })
    }

    /// Whether the guest is in AArch64 state.
    pub(super) const fn is_wide(&self) -> bool {
        matches!(self.state, State::Wide { .. })
    }

    /// Whether the guest runs a user program.
    pub(super) fn is_user(&self, machine: &Machine) -> bool {
        match &self.state {
            State::Wide { el, .. } => machine.get(*el) == 0,
            State::Narrow { mode, .. } => machine.get(*mode) == USER,
        }
    }

    /// General register `n`.
    pub(super) fn x(&self, machine: &Machine, n: usize) -> u64 {
        machine.get(self.general[n])
    }

    /// Sets general register `n`.
    pub(super) fn set_x(&self, machine: &mut Machine, n: usize, value: u64) {
        machine.set(self.general[n], value);
    }

    /// Goes on at `pc`.
    pub(super) fn jump(&self, machine: &mut Machine, pc: u64) {
        machine.set(self.pc, pc);
    }

    /// Takes an exception to the guest's kernel. The instruction is at `at`.
    ///
    /// In AArch64 the vector is the exception class, and the return address that of the instruction except for a call
    /// (DDI 0487, D1.3). In AArch32 it is the offset of the vector, and LR has the address behind the instruction
    /// (G1.13).
    pub(super) fn take(&self, machine: &mut Machine, cause: Cause, at: u64) -> Next {
        let behind = machine.get(self.pc).max(at.wrapping_add(4));
        match &self.state {
            State::Wide { nzcv, pstate, el, spsel, daif, elr, spsr, esr, vbar } => {
                let (class, details) = match cause {
                    Cause::Undefined => (0x00, 0),
                    Cause::Supervisor(immediate) => (0x15, immediate),
                    Cause::Breakpoint(immediate) => (0x3C, immediate),
                };
                let offset = match (machine.get(*el), machine.get(*spsel)) {
                    (0, _) => 0x400,
                    (_, 0) => 0x000,
                    _ => 0x200,
                };
                machine.set(*elr, if matches!(cause, Cause::Supervisor(_)) { behind } else { at });
                machine.set(*spsr, machine.get(*nzcv) | machine.get(*pstate));
                machine.set(*esr, class << 26 | 1 << 25 | details);
                machine.set(*el, 1);
                machine.set(*spsel, 1);
                machine.set(*daif, 0xF);
                machine.set(self.pc, machine.get(*vbar).wrapping_add(offset));
                Next::Interrupt(class)
            }
            State::Narrow { cpsr, mode, undefined, supervisor, abort, vbar } => {
                let (vector, number, [lr, spsr]) = match cause {
                    Cause::Undefined => (0x04, 0x1B, undefined),
                    Cause::Supervisor(_) => (0x08, 0x13, supervisor),
                    Cause::Breakpoint(_) => (0x0C, 0x17, abort),
                };
                machine.set(*lr, behind);
                machine.set(*spsr, machine.get(*cpsr));
                machine.set(*cpsr, machine.get(*cpsr) | MASKED);
                machine.set(*mode, number);
                machine.set(self.pc, machine.get(*vbar).wrapping_add(vector));
                Next::Interrupt(vector)
            }
        }
    }

    /// Returns from an exception in AArch64: pc from ELR, flags and process state from SPSR.
    pub(super) fn go_back(&self, machine: &mut Machine) {
        let State::Wide { nzcv, pstate, elr, spsr, .. } = &self.state else { return };
        let saved = machine.get(*spsr);
        machine.set(*nzcv, saved & 0xF000_0000);
        machine.set(*pstate, saved & 0x0FFF_FFFF);
        machine.set(self.pc, machine.get(*elr));
    }
}
