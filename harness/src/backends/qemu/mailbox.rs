//! The mailbox through which the suite and the agent in the guest talk. `harness/agents/ppc64.S` is the other end.
//!
//! The host writes the input record and rings the doorbell. The agent loads the registers, enters, and at the next
//! interrupt writes the output record and answers the doorbell. Everything is big-endian.

use super::memory::SharedRam;

/// Where the mailbox is.
const BOX: u64 = 0x10_0000;
const RUNG: u64 = BOX;
const ANSWERED: u64 = BOX + 0x08;
const BOOTS: u64 = BOX + 0x10;
const TREE: u64 = BOX + 0x20;
const FRESH_AT: u64 = BOX + 0x30;
const FRESH_LENGTH: u64 = BOX + 0x38;
const TIMED: u64 = BOX + 0x40;
const IN: u64 = BOX + 0x400;
const OUT: u64 = BOX + 0x600;

/// The first address that belongs to neither the agent nor the mailbox.
pub const END: u64 = BOX + 0x1000;
/// The first address that the agent's instructions do not reach.
pub const AGENT_END: u64 = 0x1_8000;

/// Doublewords of a record.
pub const SLOTS: usize = 50;
/// General register 0; the other 31 follow.
pub const GPR: usize = 0;
/// Condition register.
pub const CR: usize = 32;
/// Link register.
pub const LR: usize = 33;
/// Count register.
pub const CTR: usize = 34;
/// Fixed-point exception register.
pub const XER: usize = 35;
/// Machine state register: to run with, or as the handler has it.
pub const MSR: usize = 36;
/// Where to start; where the interrupt went.
pub const PC: usize = 37;
/// Data address register.
pub const DAR: usize = 38;
/// Data storage interrupt status register.
pub const DSISR: usize = 39;
/// Software-use register 0; the other three follow.
pub const SPRG0: usize = 40;
/// Decrementer.
pub const DEC: usize = 44;
/// Save/restore register 0. Only in the output record: entering by `rfid` takes it.
pub const SRR0: usize = 45;
/// Save/restore register 1. Only in the output record.
pub const SRR1: usize = 46;
/// Vector save register.
pub const VRSAVE: usize = 47;
/// Target address register.
pub const TAR: usize = 48;
/// Facility status and control register. The output record has the machine's own value of it after boot.
pub const FSCR: usize = 49;

/// Instructions in the agent that the host runs for itself, each with a trap after it: `sc 1`.
pub const STUB_HYPERCALL: u64 = 0x1c00;
/// `slbmte r5,r6`.
pub const STUB_SLBMTE: u64 = 0x1c10;
/// Nothing but the trap.
pub const STUB_TRAP: u64 = 0x1c20;

/// Registers of one doorbell.
pub type Record = [u64; SLOTS];

/// The agent's doorbell number that was rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bell(u64);

/// How often the agent booted since memory was last all zero.
#[must_use]
pub fn boots(ram: &SharedRam) -> u64 {
    ram.load(BOOTS)
}

/// Where the machine put the device tree.
#[must_use]
pub fn device_tree(ram: &SharedRam) -> u64 {
    ram.load(TREE)
}

/// Hands a record in. The agent first stores `fresh` again, a range of words that was written over by the host. It
/// loads the decrementer only if `timed`.
#[must_use]
pub fn ring(ram: &SharedRam, record: &Record, fresh: Option<(u64, u64)>, timed: bool) -> Bell {
    let mut bytes = [0; SLOTS * 8];
    for (to, value) in bytes.as_chunks_mut().0.iter_mut().zip(record) {
        *to = value.to_be_bytes();
    }
    let written = ram.write(IN, &bytes);
    debug_assert!(written, "the mailbox is RAM");
    let (at, length) = fresh.unwrap_or_default();
    ram.store(FRESH_AT, at);
    ram.store(FRESH_LENGTH, length / 4);
    ram.store(TIMED, timed.into());
    let bell = ram.load(RUNG).wrapping_add(1);
    ram.store(RUNG, bell);
    Bell(bell)
}

/// Whether the agent answered.
#[must_use]
#[inline]
pub fn answered(ram: &SharedRam, bell: Bell) -> bool {
    ram.load(ANSWERED) == bell.0
}

/// Takes the record that the agent answered with.
pub fn take(ram: &SharedRam, into: &mut Record) {
    let bytes = ram.bytes(OUT, SLOTS * 8).unwrap_or_default();
    for (value, from) in into.iter_mut().zip(bytes.as_chunks().0) {
        *value = u64::from_be_bytes(*from);
    }
}
