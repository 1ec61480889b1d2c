//! The core with the memory of the program around it.

use super::case::{Case, End, Outcome, State};
use super::layout::*;
use super::program::{self, FINISH};
use super::target::Target;
use hypercheck_ppc::row::{Group, SprRow, decode};
use hypercheck_ppc::{Budget, Cpu, Exit, Interrupt, Memory, Program};

/// Instructions after which a case is taken to hang. It has 20, and loops of a few rounds.
const LIMIT: u64 = 400;

/// A core that runs cases.
pub struct Core {
    /// What it is compared with.
    pub target: Target,
    /// The processor.
    pub cpu: Cpu,
    /// Its memory.
    pub memory: Memory,
    held: Vec<&'static SprRow>,
    fresh: Cpu,
}

impl Core {
    /// A core for a target.
    pub fn new(target: Target) -> Self {
        let cpu = target.processor();
        let mut memory = Memory::new((SLOTS + BATCH as u64 * SLOT_SIZE) as usize);
        memory.write(SCRATCH, &template()).expect("the scratch area lies in memory");
        let near = program::branch(NEAR_END, FINISH);
        memory.write_u32(NEAR_END, near, !target.little).expect("in memory");
        memory.baseline();
        Self { target, fresh: cpu.clone(), cpu, memory, held: target.held_registers() }
    }

    /// Sets registers and memory as at the beginning of a case.
    pub fn begin(&mut self, slot: usize, before: &State) {
        self.memory.rewind();
        self.cpu.clone_from(&self.fresh);
        self.restore(before);
        for (row, value) in self.held.iter().zip(&before.held) {
            self.cpu.set_spr(row.spr, *value);
        }
        self.cpu.pc = code(slot);
        self.put(end(slot), program::branch(end(slot), FINISH));
    }

    /// Sets the registers but the held ones.
    pub fn restore(&mut self, state: &State) {
        self.cpu.gpr = state.gpr;
        self.cpu.cr = state.cr as u32;
        self.cpu.xer = state.xer;
        self.cpu.lr = state.lr;
        self.cpu.ctr = state.ctr;
    }

    /// The registers.
    pub fn state(&self) -> State {
        State {
            gpr: self.cpu.gpr,
            cr: self.cpu.cr.into(),
            xer: self.cpu.xer,
            lr: self.cpu.lr,
            ctr: self.cpu.ctr,
            held: self.held.iter().map(|row| self.cpu.spr(row.spr)).collect(),
        }
    }

    /// Puts an instruction in place.
    pub fn put(&mut self, at: u64, word: u32) {
        self.memory.write_u32(at, word, !self.target.little).expect("code lies in memory");
    }

    /// Runs a case.
    pub fn run(&mut self, case: &Case) -> Outcome {
        self.begin(case.slot, &case.before);
        for (at, word) in (code(case.slot)..).step_by(4).zip(&case.words) {
            self.put(at, *word);
        }
        let exit = self.cpu.run(&mut self.memory, Budget::until(FINISH, LIMIT));
        self.outcome(exit)
    }

    /// What came of a run that ended so.
    pub fn outcome(&self, exit: Exit) -> Outcome {
        let end = match exit {
            Exit::Until => End::Finished,
            Exit::Interrupt(which) => self.signal(which),
            other => End::Lost(format!("{other:?}")),
        };
        let mut scratch = [0; SCRATCH_SIZE as usize];
        self.memory.read(SCRATCH, &mut scratch).expect("the scratch area lies in memory");
        Outcome { end, after: self.state(), scratch }
    }

    /// The signal that Linux makes of an interrupt of a program. Linux `arch/powerpc/kernel/traps.c`, `mm/fault.c`;
    /// ILL_ILLOPC 1, ILL_ILLOPN 2, ILL_PRVOPC 5, ILL_PRVREG 6, TRAP_BRKPT 1, BUS_ADRALN 1, SEGV_MAPERR 1, SEGV_ACCERR 2
    fn signal(&self, which: Interrupt) -> End {
        let (signal, codes): (u64, &[u64]) = match which {
            Interrupt::Program(Program::Illegal) => (4, &[1, 2]),
            Interrupt::Program(Program::Privileged) => (4, &[5, 6]),
            Interrupt::Program(Program::Trap) => (5, &[1]),
            Interrupt::FacilityUnavailable { .. } => (4, &[1, 5]),
            Interrupt::Alignment { .. } => (7, &[1]),
            Interrupt::DataStorage { .. } | Interrupt::DataSegment { .. } | Interrupt::DataTlb { .. } => (11, &[1, 2]),
            Interrupt::InstructionStorage { .. } | Interrupt::InstructionSegment | Interrupt::InstructionTlb => {
                (11, &[1, 2])
            }
            other => return End::Lost(format!("{other:?}")),
        };
        // DAR of a cache instruction is any address of the block.
        let word = self.memory.read_u32(self.cpu.srr0, !self.target.little).unwrap_or(0);
        let block = decode(word, self.target.model).is_some_and(|row| row.group == Group::Cache);
        let told = |address: &u64| HOLE.contains(address) && !block;
        let address = if signal == 11 { Some(self.cpu.dar).filter(told) } else { None };
        End::Signal { signal, codes: codes.to_vec(), at: self.cpu.srr0, address }
    }
}
