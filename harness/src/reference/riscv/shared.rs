//! Memory that the supervisor shares with the implementation. SBI 3.0, Shared memory physical address range parameter.

use super::call::{Call, INVALID_PARAM, Refused};
use crate::reference::trap::Machine;

/// What a function that sets shared memory asks for, with the address in its first two arguments: `None` to have none.
/// `flags` are those that are allowed.
pub(super) fn asked(call: &Call<'_>, align: u64, length: u64, flags: u64) -> Result<Option<u64>, Refused> {
    if call.long(2) & !flags != 0 {
        return Err(INVALID_PARAM);
    }
    let (low, high) = (call.long(0), call.long(1));
    if low == u64::MAX && high == u64::MAX {
        return Ok(None);
    }
    if !low.is_multiple_of(align) {
        return Err(INVALID_PARAM);
    }
    call.memory(0, length).map(Some)
}

/// Reads 8 bytes of memory that was checked before.
pub(super) fn read(machine: &Machine, at: u64) -> u64 {
    machine.load(at, 8).unwrap_or(0)
}

/// Reads 4 bytes of memory that was checked before.
pub(super) fn read_word(machine: &Machine, at: u64) -> u32 {
    u32::try_from(machine.load(at, 4).unwrap_or(0)).unwrap_or(0)
}
