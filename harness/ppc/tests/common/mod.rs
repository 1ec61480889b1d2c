//! A small machine for tests.

use hypercheck_ppc::{Budget, Cpu, Exit, Memory, Model, assemble};

/// Where code is put.
pub const CODE: u64 = 0x1_0000;
/// Size of memory.
pub const MEMORY: usize = 0x4_0000;

/// A processor with memory.
pub struct Machine {
    pub cpu: Cpu,
    pub memory: Memory,
    count: u64,
}

impl Machine {
    /// A processor about to run `code`.
    pub fn new(model: Model, code: &str) -> Self {
        let mut machine = Self { cpu: Cpu::new(model), memory: Memory::new(MEMORY), count: 0 };
        machine.cpu.stop_on_interrupt = true;
        machine.load(code);
        machine
    }

    /// Puts `code` in place, in the processor's byte order, and points `pc` at it.
    pub fn load(&mut self, code: &str) {
        let words = assemble(code, CODE, &|_| None).unwrap_or_else(|error| panic!("{error}\n{code}"));
        self.words(&words);
    }

    /// Puts words in place.
    pub fn words(&mut self, words: &[u32]) {
        self.count = words.len() as u64;
        for (at, word) in (CODE..).step_by(4).zip(words) {
            self.memory.write_u32(at, *word, self.cpu.is_big_endian()).expect("code lies in memory");
        }
        self.cpu.pc = CODE;
    }

    /// Runs to the end of the code.
    pub fn run(&mut self) -> Exit {
        self.cpu.run(&mut self.memory, Budget::until(CODE + 4 * self.count, 1000))
    }

    /// Runs to the end of the code, which must be reached.
    #[track_caller]
    pub fn finish(mut self) -> Self {
        assert_eq!(self.run(), Exit::Until, "pc {:#x}", self.cpu.pc);
        self
    }
}
