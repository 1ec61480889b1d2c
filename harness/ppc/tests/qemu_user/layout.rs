//! Where things are in the memory of the program.
//!
//! Everything the program needs without a register of its own lies in reach of a displacement from zero, so that all 32
//! registers belong to the cases.

/// Variables of the program, one every eight bytes.
pub const STATE: u64 = 0x1000;
/// Record of the present case.
pub const RECORD: u64 = STATE;
/// End of the records.
pub const RECORDS_END: u64 = STATE + 0x08;
/// Code of the present case.
pub const SLOT: u64 = STATE + 0x10;
/// Output of the present case.
pub const OUTPUT: u64 = STATE + 0x18;
/// A register while its place is needed.
pub const SAVED: u64 = STATE + 0x20;
/// A word for a store conditional that drops the reservation.
pub const DROP: u64 = STATE + 0x28;
/// The argument of sigaltstack.
pub const SIGNAL_STACK: u64 = STATE + 0x40;
/// The argument of rt_sigaction.
pub const SIGNAL_ACTION: u64 = STATE + 0x60;
/// What the scratch area holds when a case begins.
pub const TEMPLATE: u64 = STATE + 0x400;
/// Bytes of the segment of the above.
pub const STATE_SIZE: u64 = 0x1000;

/// A branch to the end of a case, in reach of an absolute branch.
pub const NEAR_END: u64 = 0x5000;

/// The area that cases load from and store to. It lies across a page boundary.
pub const SCRATCH: u64 = 0x6F00;
/// Its size.
pub const SCRATCH_SIZE: u64 = 0x200;
/// The segment with it.
pub const SCRATCH_PAGES: (u64, u64) = (0x6000, 0x2000);

/// The program.
pub const PROGRAM: u64 = 0x1_0000;
/// Code of the cases.
pub const SLOTS: u64 = 0x10_0000;
/// Bytes of code of a case.
pub const SLOT_SIZE: u64 = 0x80;
/// Words that load the last registers, before those of the case.
pub const PROLOGUE: u64 = 4;
/// Words of a case.
pub const WORDS: usize = 20;
/// Registers of the cases.
pub const RECORDS: u64 = 0x40_0000;
/// Bytes of a record.
pub const RECORD_SIZE: u64 = 0x180;
/// What came out.
pub const OUTPUTS: u64 = 0x80_0000;
/// Bytes of an output: 64 registers, then the scratch area.
pub const OUTPUT_SIZE: u64 = 0x400;
/// Where the scratch area is in an output.
pub const OUTPUT_SCRATCH: u64 = 0x200;
/// The stack of signal handlers, in the middle of a segment.
pub const STACK: u64 = 0x100_0000;
/// Its size.
pub const STACK_SIZE: u64 = 0x4_0000;
/// Most cases of a batch.
pub const BATCH: usize = 4000;

/// Addresses behind which there is no memory, in the core nor in QEMU: its stack of a 32-bit program is at 0x4000_0000.
pub const HOLE: std::ops::Range<u64> = 0x5000_0000..0xF000_0000;
/// Where QEMU puts the memory of the program in its own: far from everything else, so that no address of a case reaches
/// what belongs to QEMU.
pub const GUEST_BASE: u64 = 0x2000_0000_0000;

/// Address of the first word of the case in a slot.
pub fn code(slot: usize) -> u64 {
    SLOTS + slot as u64 * SLOT_SIZE + 4 * PROLOGUE
}

/// Address after the last word of the case in a slot.
pub fn end(slot: usize) -> u64 {
    code(slot) + 4 * WORDS as u64
}

/// What the scratch area holds at the beginning of a case: numbers of all sizes and signs.
pub fn template() -> [u8; SCRATCH_SIZE as usize] {
    let mut random = super::random::Random::new(0x7363_7261_7463_6821);
    let mut bytes = [0; SCRATCH_SIZE as usize];
    bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&random.operand().to_be_bytes()));
    bytes
}
