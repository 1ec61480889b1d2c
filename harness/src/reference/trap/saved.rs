//! A trap-level guest as bytes: registers, memory that differs from boot, and what its model keeps.
//!
//! All numbers are little-endian: count of registers, then number (1 byte) and value (8) of each; count of blocks (4), then
//! address (8) and bytes of each; the model's bytes to the end.

use hypercheck_ppc::{BLOCK, Memory};

use super::Machine;
use crate::registers::RegisterId;

/// Saves registers and memory, with the bytes of the model behind them.
pub(super) fn pack(machine: &Machine, model: &[u8]) -> Vec<u8> {
    let registers: Vec<_> = machine.registers.iter().collect();
    let mut bytes = vec![u8::try_from(registers.len()).unwrap_or(u8::MAX)];
    for (id, value) in registers {
        bytes.push(id.0);
        bytes.extend(value.to_le_bytes());
    }
    let blocks: Vec<_> = machine.memory.dirty_blocks().map(|block| (block.at, block.now)).collect();
    bytes.extend(u32::try_from(blocks.len()).unwrap_or(u32::MAX).to_le_bytes());
    for (at, now) in blocks {
        bytes.extend(at.to_le_bytes());
        bytes.extend(now);
    }
    bytes.extend(model);
    bytes
}

/// Takes over registers and memory. The model's bytes; `None` if these bytes are no saved guest.
pub(super) fn unpack(machine: &mut Machine, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut rest = bytes;
    let mut take = |count: usize| {
        let (now, later) = rest.split_at_checked(count)?;
        rest = later;
        Some(now)
    };
    let count = take(1)?[0];
    for _ in 0..count {
        let id = RegisterId(take(1)?[0]);
        let value = u64::from_le_bytes(take(8)?.try_into().ok()?);
        if usize::from(id.0) >= machine.file.len() {
            return None;
        }
        machine.registers.set(id, value);
    }
    let blocks = u32::from_le_bytes(take(4)?.try_into().ok()?);
    for _ in 0..blocks {
        let at = u64::from_le_bytes(take(8)?.try_into().ok()?);
        machine.memory.write(at, take(BLOCK)?).ok()?;
    }
    Some(rest.to_vec())
}

/// Gives `to`, whose memory is empty, the memory that `from` had at boot.
pub(super) fn base_line(to: &mut Machine, from: &Machine) {
    let mut memory = Memory::new(from.memory.len());
    let mut whole = vec![0; from.memory.len()];
    if from.memory.read(0, &mut whole).is_ok() {
        for block in from.memory.dirty_blocks() {
            let at = usize::try_from(block.at).unwrap_or(0);
            whole[at..at + block.before.len()].copy_from_slice(block.before);
        }
        // Both have the same length.
        let _ = memory.write(0, &whole);
    }
    memory.baseline();
    to.memory = memory;
}
