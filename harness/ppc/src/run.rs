//! The run loop: time, pending interrupts, fetch, decode, execute.

use crate::cpu::{Cpu, ReservedBits};
use crate::execute::Step;
use crate::interrupt::{Interrupt, Program};
use crate::memory::Memory;
use crate::msr;
use crate::row::{Group, Privilege, Row, decode};
use crate::table::Op;
use crate::translate::Access;

/// How far to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Instructions to start at most. One that raises an interrupt counts.
    pub instructions: u64,
    /// Stop before the instruction at this address.
    pub until: Option<u64>,
}

impl Budget {
    /// So many instructions, wherever they lead.
    pub const fn instructions(instructions: u64) -> Self {
        Self { instructions, until: None }
    }

    /// Until `pc` is `address`, or so many instructions have been started.
    pub const fn until(address: u64, instructions: u64) -> Self {
        Self { instructions, until: Some(address) }
    }
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Exit {
    /// sc was executed: `pc` is the next instruction and nothing else has happened. Deliver
    /// [`Interrupt::SystemCall`] to give it to the guest.
    SystemCall {
        /// LEV, seven bits.
        lev: u8,
    },
    /// scv was executed with FSCR\[SCV\] set: as for sc, with [`Interrupt::SystemCallVectored`].
    SystemCallVectored {
        /// LEV, seven bits.
        lev: u8,
    },
    /// ehpriv was executed (e500mc): `pc` is that instruction.
    HypervisorPrivilege {
        /// Its OC field, 15 bits.
        code: u16,
    },
    /// The processor waits for an interrupt (wait, stop, nap, MSR\[POW\], MSR\[WE\]): `pc` is the next instruction.
    Wait,
    /// `pc` is [`Budget::until`].
    Until,
    /// [`Budget::instructions`] are used up.
    Budget,
    /// [`Cpu::stop_on_interrupt`] is set and this interrupt was just delivered: `pc` is its vector.
    Interrupt(Interrupt),
}

impl Cpu {
    /// Runs until something needs the caller, see [`Exit`]. Whether a run is made in one go or in pieces makes no
    /// difference to the guest.
    pub fn run(&mut self, memory: &mut Memory, budget: Budget) -> Exit {
        let end = self.instructions.saturating_add(budget.instructions);
        loop {
            if budget.until == Some(self.pc) {
                return Exit::Until;
            }
            if self.instructions >= end {
                return Exit::Budget;
            }
            if let Some(which) = self.deliverable() {
                self.interrupt(which);
                if self.stop_on_interrupt {
                    return Exit::Interrupt(which);
                }
                continue;
            }
            let traced = self.msr & (msr::SE | msr::BE);
            let result = self.step(memory);
            self.instructions += 1;
            self.tick();
            let raised = match result {
                Ok((step, branch)) => {
                    let next = self.effective(self.pc.wrapping_add(4));
                    self.pc = if let Step::Jump(target) | Step::Return(target) = step { target } else { next };
                    match step {
                        Step::SystemCall(lev) => return Exit::SystemCall { lev },
                        Step::SystemCallVectored(lev) => return Exit::SystemCallVectored { lev },
                        Step::Wait => return Exit::Wait,
                        Step::HypervisorPrivilege(code) => {
                            self.pc = self.effective(self.pc.wrapping_sub(4));
                            return Exit::HypervisorPrivilege { code };
                        }
                        _ if traced != 0 && self.traces(traced, branch) => Interrupt::Trace,
                        Step::Next | Step::Jump(_) | Step::Return(_) => continue,
                    }
                }
                Err(which) => which,
            };
            self.interrupt(raised);
            if self.stop_on_interrupt {
                return Exit::Interrupt(raised);
            }
        }
    }

    /// Power ISA Book III 7.5.15: SE traces every instruction but the returns, BE every branch.
    fn traces(&self, traced: u64, branch: Option<bool>) -> bool {
        let Some(branch) = branch else { return false };
        !self.model.is_embedded() && (traced & msr::SE != 0 || branch)
    }

    /// Executes the instruction at `pc`, which stays. Says whether it is a branch, none for a return from interrupt.
    #[inline]
    fn step(&mut self, memory: &mut Memory) -> Result<(Step, Option<bool>), Interrupt> {
        let address = self.effective(self.pc) & !3;
        let real = self.translate(memory, address, Access::Fetch)?.real;
        let word =
            memory.read_u32(real, self.is_big_endian()).map_err(|_| self.storage_interrupt(address, Access::Fetch))?;
        let Some(row) = decode(word, self.model) else {
            return Err(self.illegal(word));
        };
        if word & row.reserved != 0 && self.reserved_bits == ReservedBits::Illegal {
            return Err(self.illegal(word));
        }
        if row.privilege != Privilege::Problem && !self.is_privileged(row.privilege) {
            return Err(Interrupt::Program(Program::Privileged));
        }
        let step = self.execute(memory, row, word)?;
        Ok((step, if let Step::Return(_) = step { None } else { Some(row.group == Group::Branch) }))
    }

    fn execute(&mut self, memory: &mut Memory, row: &Row, word: u32) -> Result<Step, Interrupt> {
        let op: Op = row.op;
        match row.group {
            Group::Branch => self.branch(op, word),
            Group::Arithmetic => self.arithmetic(op, word),
            Group::Logical => self.logical(op, word),
            Group::Rotate => self.rotate(op, word),
            Group::Compare | Group::Trap => self.compare(op, word),
            Group::Cr => self.condition(op, word),
            Group::Load | Group::Store => self.load_store(memory, op, word),
            Group::Reservation => self.reserve(memory, op, word),
            Group::Cache => self.cache(memory, op, word),
            Group::Spr => self.move_spr(op, word),
            Group::System | Group::Sync => self.system(op, word),
            Group::SegmentTlb => self.segment(op, word),
            Group::FloatStub => Err(self.unavailable(word, msr::FP, Interrupt::FloatUnavailable)),
            Group::VectorStub => Err(self.unavailable(word, msr::VEC, Interrupt::VectorUnavailable)),
            Group::VsxStub => Err(self.unavailable(word, msr::VSX, Interrupt::VsxUnavailable)),
            Group::SpeStub => Err(self.unavailable(word, msr::SPE, Interrupt::SpeUnavailable)),
        }
    }

    /// The interrupt of a stub group: "unavailable" while the facility is off, illegal once it is on.
    fn unavailable(&self, word: u32, switch: u64, which: Interrupt) -> Interrupt {
        if self.msr & switch == 0 { which } else { self.illegal(word) }
    }

    /// The interrupt of a word that is no instruction: a program interrupt, and in hypervisor state hypervisor emulation
    /// assistance (Power ISA Book III 7.5.18). A partition sees the program interrupt because its hypervisor
    /// reflects it so.
    pub(crate) fn illegal(&self, word: u32) -> Interrupt {
        if self.msr & msr::HV != 0 && self.model.is_server() {
            Interrupt::EmulationAssistance { word }
        } else {
            Interrupt::Program(Program::Illegal)
        }
    }

    /// Whether the present state has at least this privilege.
    pub(crate) fn is_privileged(&self, least: Privilege) -> bool {
        let supervisor = self.msr & msr::PR == 0;
        let hypervisor = supervisor && (self.msr & msr::HV != 0 || !self.model.is_server());
        match least {
            Privilege::Problem => true,
            Privilege::Supervisor => supervisor,
            Privilege::Hypervisor => hypervisor,
            Privilege::HypervisorUnlessGtse => {
                hypervisor || (supervisor && self.model.is_v30() && self.lpcr & msr::LPCR_GTSE != 0)
            }
            Privilege::None => false,
        }
    }
}
