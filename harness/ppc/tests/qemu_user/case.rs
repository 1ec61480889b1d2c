//! A case and what came of it.

use super::layout::{SCRATCH_SIZE, WORDS, code};
use hypercheck_ppc::disassemble_next;

/// Registers of a program.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// General-purpose registers.
    pub gpr: [u64; 32],
    /// Condition register.
    pub cr: u64,
    /// Fixed-point exception register.
    pub xer: u64,
    /// Link register.
    pub lr: u64,
    /// Count register.
    pub ctr: u64,
    /// Those of [`Target::held_registers`](super::target::Target::held_registers).
    pub held: Vec<u64>,
}

/// A few instructions and the registers they begin with.
#[derive(Debug, Clone)]
pub struct Case {
    /// Number, which with the seed makes the case.
    pub number: u64,
    /// Slot of the batch, on which the addresses of the code depend.
    pub slot: usize,
    /// Registers before.
    pub before: State,
    /// Instructions.
    pub words: [u32; WORDS],
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It came to its last instruction or a branch to the end.
    Finished,
    /// A signal, or the interrupt that Linux makes one of.
    Signal {
        /// Its number.
        signal: u64,
        /// si_code. The core gives all that fit.
        codes: Vec<u64>,
        /// Address of the instruction.
        at: u64,
        /// si_addr, where it is compared.
        address: Option<u64>,
    },
    /// It made the program end, or never ended.
    Lost(String),
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// Registers after.
    pub after: State,
    /// The scratch area after.
    pub scratch: [u8; SCRATCH_SIZE as usize],
}

impl Case {
    /// The instructions, two words where one is prefixed, but for no-operations: place and text.
    fn instructions(&self) -> Vec<(usize, String)> {
        let start = code(self.slot);
        let mut instructions = Vec::new();
        let mut index = 0;
        while index < WORDS {
            let (text, length) = disassemble_next(&self.words[index..], start + 4 * index as u64);
            if self.words[index] != NOP {
                instructions.push((index, text));
            }
            index += length;
        }
        instructions
    }

    /// The instructions as text, but for no-operations.
    pub fn text(&self) -> String {
        let lines = self.instructions().into_iter().map(|(index, text)| {
            let at = code(self.slot) + 4 * index as u64;
            format!("  {at:#x}: {:08x}  {text}\n", self.words[index])
        });
        lines.collect()
    }

    /// The mnemonics of the instructions, but for no-operations.
    pub fn mnemonics(&self) -> String {
        let names =
            self.instructions().into_iter().map(|(_, text)| text.split(' ').next().unwrap_or_default().to_owned());
        names.collect::<Vec<_>>().join(" ")
    }
}

/// ori 0,0,0.
pub const NOP: u32 = 0x6000_0000;

impl Outcome {
    /// Whether the case took the program with it.
    pub fn is_lost(&self) -> bool {
        matches!(self.end, End::Lost(_))
    }

    /// What QEMU's outcome has different from the core's, a line each; empty if nothing.
    pub fn differences(&self, qemu: &Self, held: &[&str]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut note = |name: &str, core: u64, qemu: u64| {
            if core != qemu {
                lines.push(format!("{name}: core {core:#x}, QEMU {qemu:#x}"));
            }
        };
        for i in 0..32 {
            note(&format!("r{i}"), self.after.gpr[i], qemu.after.gpr[i]);
        }
        note("cr", self.after.cr, qemu.after.cr);
        note("xer", self.after.xer, qemu.after.xer);
        note("lr", self.after.lr, qemu.after.lr);
        note("ctr", self.after.ctr, qemu.after.ctr);
        for (i, name) in held.iter().enumerate() {
            note(name, self.after.held[i], qemu.after.held[i]);
        }
        for (i, (core, qemu)) in self.scratch.iter().zip(&qemu.scratch).enumerate() {
            note(&format!("byte {i:#x} of the scratch area"), (*core).into(), (*qemu).into());
        }
        if !self.end.agrees(&qemu.end) {
            lines.push(format!("end: core {:x?}, QEMU {:x?}", self.end, qemu.end));
        }
        lines
    }
}

impl End {
    /// The signal, 0 for none.
    pub fn signal(&self) -> u64 {
        if let Self::Signal { signal, .. } = self { *signal } else { 0 }
    }

    fn agrees(&self, qemu: &Self) -> bool {
        match (self, qemu) {
            (
                Self::Signal { signal, codes, at, address },
                Self::Signal { signal: other, codes: code, at: place, address: shown },
            ) => {
                signal == other
                    && at == place
                    && code.iter().all(|code| codes.contains(code))
                    && (address.is_none() || address == shown)
            }
            _ => self == qemu,
        }
    }
}
