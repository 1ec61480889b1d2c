//! What an instruction hands back to the run loop.

use crate::cpu::Cpu;
use crate::interrupt::Interrupt;

/// Where execution goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// At the next instruction.
    Next,
    /// There.
    Jump(u64),
    /// There, by a return from interrupt, which is never traced.
    Return(u64),
    /// sc.
    SystemCall(u8),
    /// scv.
    SystemCallVectored(u8),
    /// ehpriv.
    HypervisorPrivilege(u16),
    /// Nowhere until an interrupt.
    Wait,
}

/// The result of a family's instruction.
pub(crate) type Outcome = Result<Step, Interrupt>;

impl Cpu {
    /// An invalid form, which the architecture leaves boundedly undefined (Book I 1.8.2): this core takes it for illegal.
    pub(crate) fn invalid_form(&self, word: u32) -> Outcome {
        Err(self.illegal(word))
    }

    /// A row whose group does not know its operation. A test shows that the table has none.
    pub(crate) fn unknown_operation(&self, word: u32) -> Outcome {
        debug_assert!(false, "no semantics for {word:#010x}");
        Err(self.illegal(word))
    }
}
