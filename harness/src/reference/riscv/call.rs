//! A call: its arguments, the memory it names, and how it ends. SBI 3.0, chapter Binary Encoding.

use crate::reference::trap::Machine;

/// A refusal: the error for `a0`, and what `a1` holds then. Unless a function says otherwise `a1` is unspecified
/// after an error; it is zero here, as in the implementations that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) code: i64,
    pub(super) value: u64,
}

impl Refused {
    const fn new(code: i64) -> Self {
        Self { code, value: 0 }
    }

    /// The same, with `a1`.
    pub(super) const fn with(self, value: u64) -> Self {
        Self { value, ..self }
    }
}

pub(super) const FAILED: Refused = Refused::new(-1);
pub(super) const NOT_SUPPORTED: Refused = Refused::new(-2);
pub(super) const INVALID_PARAM: Refused = Refused::new(-3);
pub(super) const DENIED: Refused = Refused::new(-4);
pub(super) const INVALID_ADDRESS: Refused = Refused::new(-5);
pub(super) const ALREADY_AVAILABLE: Refused = Refused::new(-6);
pub(super) const ALREADY_STARTED: Refused = Refused::new(-7);
pub(super) const ALREADY_STOPPED: Refused = Refused::new(-8);
pub(super) const NO_SHMEM: Refused = Refused::new(-9);
pub(super) const INVALID_STATE: Refused = Refused::new(-10);
pub(super) const BAD_RANGE: Refused = Refused::new(-11);
pub(super) const DENIED_LOCKED: Refused = Refused::new(-14);

/// What a call returns: `a1`, or why not.
pub(super) type Answer = Result<u64, Refused>;

/// How a call ends.
#[derive(Debug)]
pub(super) enum Done {
    /// It returns.
    Answer(Answer),
    /// It succeeds, and the hart sleeps before it goes on behind the call.
    Sleep,
    /// It goes on elsewhere, at once or once something wakes the hart. Registers are as they shall be then.
    Elsewhere { asleep: bool },
    /// The hart or the machine is gone.
    End(&'static str),
}

impl From<Answer> for Done {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

/// A call.
pub(super) struct Call<'a> {
    pub(super) machine: &'a mut Machine,
    /// The function's number, as it stands in `a6`.
    pub(super) function: u64,
    /// `a0` to `a5`.
    pub(super) arguments: [u64; 6],
}

impl Call<'_> {
    /// An argument as wide as a register.
    pub(super) fn long(&self, n: usize) -> u64 {
        self.arguments[n]
    }

    /// An argument of 32 bits: the upper half of its register is not looked at.
    pub(super) fn word(&self, n: usize) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "the parameter has 32 bits")]
        let low = self.arguments[n] as u32;
        low
    }

    /// `length` bytes of RAM at the physical address whose two halves are arguments `n` and `n + 1`. No address has
    /// bits above 64.
    pub(super) fn memory(&self, n: usize, length: u64) -> Result<u64, Refused> {
        let (low, high) = (self.long(n), self.long(n + 1));
        if high == 0 && self.machine.contains(low, length) { Ok(low) } else { Err(INVALID_ADDRESS) }
    }
}
