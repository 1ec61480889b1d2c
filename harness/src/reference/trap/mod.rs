//! Guests that execute nothing but the instructions by which an architecture calls its hypervisor.
//!
//! Such a guest fetches real encodings from its memory, tells them apart by the `traps` of the architecture's file, and hands
//! each to a [`Model`]: the hypervisor. Everything else is an undefined instruction. That is enough for a calling
//! convention, and needs no core.

mod guest;
mod machine;
mod saved;
#[cfg(test)]
mod tests;

pub(crate) use guest::TrapGuest;
pub(crate) use machine::Machine;

use hypercheck_spec::arch::Decoded;

use crate::contract::{Configuring, Exchange, Filtering, Refusal};

/// An instruction that the guest has come to.
#[derive(Debug)]
pub(crate) struct Trap<'a> {
    /// Its mnemonic and fields; `None` for bytes that are no trap.
    pub(crate) instruction: Option<Decoded<'a>>,
    /// Its address. The program counter is behind it already, or still on it where it is no trap.
    pub(crate) at: u64,
}

/// How a guest goes on after a trap.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a call that goes out is rare, and then it is moved once")]
pub(crate) enum Next {
    /// At the program counter.
    Resume,
    /// With an interrupt, whose registers the model has written. The vector is that of the architecture's file.
    Interrupt(u64),
    /// Not before something wakes it, and nothing does.
    Sleep,
    /// Once user space has answered.
    Forward(Exchange),
    /// Not at all.
    End(String),
}

/// A hypervisor of trap-level guests, with what it keeps about one of them.
///
/// A model is cloned to rewind its guest: it holds values only.
pub(crate) trait Model: Clone + Send + 'static {
    /// Does what a trap asks for.
    fn trap(&mut self, machine: &mut Machine, trap: &Trap<'_>) -> Next;

    /// Goes on with what user space gave back for the call that went out.
    fn answer(&mut self, machine: &mut Machine, answer: &Exchange) -> Next {
        machine.set_all(&answer.registers);
        Next::Resume
    }

    /// Filters of calls, where the hypervisor has them.
    fn filtering(&mut self) -> Option<&mut dyn Filtering> {
        None
    }

    /// Properties that the host sets, where there are some.
    fn configuring(&mut self) -> Option<&mut dyn Configuring> {
        None
    }

    /// What the guest's own calls have left with the hypervisor, to be restored elsewhere; `None` if a guest cannot be
    /// moved.
    fn save_guest(&self) -> Option<Vec<u8>> {
        None
    }

    /// What the host has set, to be restored elsewhere.
    fn save_host(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Takes over what was saved.
    ///
    /// # Errors
    /// The host refuses it, such as `EINVAL` for bytes that were not saved by this model.
    fn restore(&mut self, _guest: &[u8], _host: Option<&[u8]>) -> Result<(), Refusal> {
        Err(Refusal("ENOTTY"))
    }
}
