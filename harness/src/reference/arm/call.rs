//! A call as a service sees it, and what a service answers.

use super::registers::Slots;
use crate::reference::trap::{Machine, Next};

/// The instruction by which a call came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conduit {
    /// `hvc`
    Hvc,
    /// `smc`
    Smc,
}

/// The answer NOT_SUPPORTED, which an unknown function has too (DEN0028, 5.2).
pub(super) const NOT_SUPPORTED: i64 = -1;

/// What a service answers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a call that goes out is rare, and then it is moved once")]
pub(super) enum Reply {
    /// A code or a value in x0; the other registers stay as they are.
    Code(i64),
    /// x0 and on.
    Values(Vec<u64>),
    /// The guest does not simply go on.
    Next(Next),
}

impl Reply {
    /// Done.
    pub(super) const SUCCESS: Self = Self::Code(0);
    /// Nobody knows the function.
    pub(super) const UNKNOWN: Self = Self::Code(NOT_SUPPORTED);
}

/// A call.
pub(super) struct Call<'a> {
    pub(super) machine: &'a mut Machine,
    pub(super) slots: &'a Slots,
    /// The function identifier, W0.
    pub(super) id: u32,
    pub(super) conduit: Conduit,
}

impl Call<'_> {
    /// Whether the identifier is that of an SMC64 or HVC64 function.
    pub(super) const fn is_64(&self) -> bool {
        self.id >> 30 & 1 == 1
    }

    /// Argument register `n`, all of it.
    pub(super) fn x(&self, n: usize) -> u64 {
        self.slots.x(self.machine, n)
    }

    /// Argument register `n`, its low half.
    #[expect(clippy::cast_possible_truncation, reason = "that is what a W register is")]
    pub(super) fn w(&self, n: usize) -> u32 {
        self.x(n) as u32
    }

    /// Argument `n` as wide as the function's arguments are: the upper half of an SMC32 argument is no part of it.
    /// Those of PSCI 0.1, whose numbers are older than the convention, are as wide as registers.
    pub(super) fn argument(&self, n: usize) -> u64 {
        if self.is_64() || super::psci::old(self.id).is_some() { self.x(n) } else { u64::from(self.w(n)) }
    }
}
