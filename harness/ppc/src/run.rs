//! The run loop: time, pending interrupts, fetch, decode, execute.

use crate::cpu::Cpu;
use crate::execute::{Outcome, Step};
use crate::interrupt::{Hypervisor, Interrupt, Program};
use crate::memory::Memory;
use crate::msr;
use crate::row::{Group, KEYS, Key, Privilege, decode_number};
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
    /// [`Cpu::hypervisor`] is [`Hypervisor::Caller`] and this interrupt is for the hypervisor: nothing is saved, and
    /// `pc` is where it was raised.
    Hypervisor(Interrupt),
}

/// When a run remembers what it decoded and translated. The guest cannot see any difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Caching {
    /// Never: every instruction is fetched, decoded and translated anew. What the others are compared with.
    Never,
    /// From the 65th instruction of a run on: short runs, as a fuzzer makes them, do not pay for it.
    Loops,
    /// From the first instruction on.
    Always,
}

/// Instructions of a run before [`Caching::Loops`] remembers anything.
const COLD: u64 = 64;

impl Cpu {
    /// Runs until something needs the caller, see [`Exit`]. Whether a run is made in one go or in pieces makes no
    /// difference to the guest.
    pub fn run(&mut self, memory: &mut Memory, budget: Budget) -> Exit {
        self.run_with(memory, budget, Caching::Loops)
    }

    /// As [`run`](Self::run), with a choice of caching.
    pub fn run_with(&mut self, memory: &mut Memory, budget: Budget, caching: Caching) -> Exit {
        let end = self.instructions.saturating_add(budget.instructions);
        let warm = match caching {
            Caching::Never => end,
            Caching::Loops => self.instructions.saturating_add(COLD),
            Caching::Always => self.instructions,
        };
        memory.cache.forget_translations();
        let mut stuck = false;
        loop {
            if budget.until == Some(self.pc) {
                return Exit::Until;
            }
            if self.instructions >= end {
                return Exit::Budget;
            }
            if let Some(which) = self.deliverable() {
                match self.take(memory, which) {
                    Some(exit) => return exit,
                    None => continue,
                }
            }
            if self.instructions >= warm && !stuck && self.may_run_fast() {
                // What waits while the magic page says "critical" may be let through by any instruction.
                let watched = self.overlay.is_some() && self.exception_waits();
                let quantum = if watched { 0 } else { (end - self.instructions).min(self.quiet_for()) };
                stuck = self.run_fast(memory, quantum, budget.until);
                continue;
            }
            stuck = false;
            // What the instruction is must be known before it changes its own word.
            let traced = self.msr & (msr::SE | msr::BE) != 0 && self.traced(memory);
            let outcome = self.step(memory);
            self.instructions += 1;
            self.tick();
            let raised = match outcome {
                Ok(step) => {
                    self.pc = match step {
                        Step::Jump(target) | Step::Return(target) => target,
                        _ => self.effective(self.pc.wrapping_add(4)),
                    };
                    match step {
                        Step::SystemCall(lev) if self.hypervisor == Hypervisor::Guest => Interrupt::SystemCall { lev },
                        Step::SystemCallVectored(lev) if self.hypervisor == Hypervisor::Guest => {
                            Interrupt::SystemCallVectored { lev }
                        }
                        Step::SystemCall(lev) => return Exit::SystemCall { lev },
                        Step::SystemCallVectored(lev) => return Exit::SystemCallVectored { lev },
                        Step::Wait => return Exit::Wait,
                        Step::HypervisorPrivilege(code) => {
                            self.pc = self.effective(self.pc.wrapping_sub(4));
                            return Exit::HypervisorPrivilege { code };
                        }
                        Step::Next | Step::Jump(_) if traced => Interrupt::Trace,
                        Step::Next | Step::Jump(_) | Step::Return(_) => continue,
                    }
                }
                Err(which) => which,
            };
            if let Some(exit) = self.take(memory, raised) {
                return exit;
            }
        }
    }

    /// Takes an interrupt, or leaves it to the caller. Says whether the run ends with it.
    fn take(&mut self, memory: &mut Memory, which: Interrupt) -> Option<Exit> {
        if self.leaves(which) {
            self.prefixed = false;
            return Some(Exit::Hypervisor(which));
        }
        self.interrupt(which);
        self.mark_prefixed(which);
        memory.cache.forget_translations();
        self.stop_on_interrupt.then_some(Exit::Interrupt(which))
    }

    /// Says whether the instruction at `pc` is traced: by SE every one but the returns, by BE every branch. Power ISA
    /// Book III 7.5.15
    #[cold]
    fn traced(&mut self, memory: &mut Memory) -> bool {
        if self.model.is_embedded() {
            return false;
        }
        let row = self.fetch(memory, self.pc).ok().and_then(|word| decode_number(word, self.model));
        row.is_some_and(|number| self.msr & msr::SE != 0 || KEYS[usize::from(number)].group == Group::Branch)
    }

    /// The instruction word at an address.
    #[inline]
    pub(crate) fn fetch(&mut self, memory: &mut Memory, address: u64) -> Result<u32, Interrupt> {
        let address = self.effective(address) & !3;
        let real = self.translate(memory, address, Access::Fetch)?.real;
        memory.read_u32(real, self.is_big_endian()).map_err(|_| self.storage_interrupt(address, Access::Fetch))
    }

    /// Executes the instruction at `pc`, which stays.
    #[inline]
    fn step(&mut self, memory: &mut Memory) -> Outcome {
        let word = self.fetch(memory, self.pc)?;
        let Some(number) = decode_number(word, self.model) else {
            return Err(self.illegal(word));
        };
        let row = &KEYS[usize::from(number)];
        if word & row.reserved != 0 && self.reserved_bits.refuses(self.model) {
            return Err(self.illegal(word));
        }
        if row.privilege != Privilege::Problem && !self.is_privileged(row.privilege) {
            return Err(Interrupt::Program(Program::Privileged));
        }
        let outcome = self.execute(memory, row, word);
        let may_change_translation = match row.group {
            Group::Spr | Group::System | Group::SegmentTlb => !matches!(row.op, Op::Mfspr | Op::Mfmsr | Op::Mftb),
            // The magic page shows segment registers.
            Group::Store | Group::Cache | Group::Reservation | Group::Atomic | Group::Hash | Group::Prefix => {
                self.overlay.is_some()
            }
            _ => false,
        };
        if may_change_translation {
            memory.cache.forget_translations();
        }
        outcome
    }

    fn execute(&mut self, memory: &mut Memory, row: &Key, word: u32) -> Outcome {
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
            Group::Decimal => self.decimal(op, word),
            Group::Atomic => self.atomic(memory, op, word),
            Group::Hash => self.hash(memory, op, word),
            Group::Message => self.message(op, word),
            Group::FloatStub => Err(self.unavailable(word, msr::FP, Interrupt::FloatUnavailable)),
            Group::VectorStub => Err(self.unavailable(word, msr::VEC, Interrupt::VectorUnavailable)),
            Group::VsxStub => Err(self.unavailable(word, msr::VSX, Interrupt::VsxUnavailable)),
            Group::VsxVectorStub | Group::FloatVectorStub => Err(self.upper_half_unavailable(row.group, word)),
            Group::Prefix => self.prefixed(memory, word),
            Group::Nop => Ok(Step::Next),
            Group::TransactionStub => Err(self.unavailable(word, msr::TM, Interrupt::FacilityUnavailable { cause: 5 })),
            Group::SpeStub => Err(self.unavailable(word, msr::SPE, Interrupt::SpeUnavailable)),
        }
    }

    /// The interrupt of a stub group: "unavailable" while the facility is off, illegal once it is on.
    pub(crate) fn unavailable(&self, word: u32, switch: u64, which: Interrupt) -> Interrupt {
        if self.msr & switch == 0 { which } else { self.illegal(word) }
    }

    /// The interrupt of a stub whose facility depends on the register: the bit that makes it one of the upper half is 28 in
    /// DQ forms and 31 elsewhere.
    fn upper_half_unavailable(&self, group: Group, word: u32) -> Interrupt {
        let upper = if word >> 26 == 61 { word & 8 } else { word & 1 };
        match group {
            _ if upper != 0 => self.unavailable(word, msr::VEC, Interrupt::VectorUnavailable),
            Group::FloatVectorStub => self.unavailable(word, msr::FP, Interrupt::FloatUnavailable),
            _ => self.unavailable(word, msr::VSX, Interrupt::VsxUnavailable),
        }
    }

    /// The interrupt of a word that is no instruction: a program interrupt, and in hypervisor state hypervisor emulation
    /// assistance (Power ISA Book III 7.5.18). A partition sees the program interrupt because its hypervisor
    /// reflects it so.
    pub(crate) fn illegal(&self, word: u32) -> Interrupt {
        let to_hypervisor = self.msr & msr::HV != 0 || self.hypervisor != Hypervisor::Harness;
        if to_hypervisor && self.model.has_emulation_assistance() {
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
