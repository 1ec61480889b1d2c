//! Another hashed page table in place of the present one: hcall-hpt-resize.
//!
//! LoPAR, "Hash Page Table Resize Option". The partition may have a table of one size only, the present one; preparing
//! takes two calls where the partition is asked to be slow, so that a table is seen that is not ready.

use super::super::partition::Partition;
use super::hpt::{ENTRIES, keep_bolted};
use super::{Reply, code};

/// A table that is being prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pending {
    /// Log 2 of its bytes.
    shift: i32,
    ready: bool,
}

/// Log 2 of the bytes of the greatest table that the partition may have.
const GREATEST: i32 = ENTRIES.ilog2().cast_signed() + 4;

/// The section declares `int32 shift`: the low 32 bits of the register.
fn shift(register: u64) -> i32 {
    super::super::kvm::low_word(register).cast_signed()
}

/// H_RESIZE_HPT_PREPARE. A pending table of that size is looked at before the parameters are judged.
pub(super) fn prepare(p: &mut Partition) -> Reply {
    let [flags, size] = p.arguments();
    let size = shift(size);
    match &mut p.state.pending_table {
        Some(pending) if flags == 0 && pending.shift == size => {
            // It was not ready when the caller last asked.
            pending.ready = true;
            return code::SUCCESS.into();
        }
        other => *other = None,
    }
    if flags != 0 {
        return code::PARAMETER.into();
    }
    if size == 0 {
        return code::SUCCESS.into();
    }
    if !(18..=46).contains(&size) {
        return code::PARAMETER.into();
    }
    if size > GREATEST {
        return code::RESOURCE.into();
    }
    let ready = !p.profile.slow;
    p.state.pending_table = Some(Pending { shift: size, ready });
    if ready { code::SUCCESS.into() } else { code::LONG_BUSY_1_MSEC.into() }
}

/// H_RESIZE_HPT_COMMIT: bolted entries are in the new table, in the same places since its size is the same; others are
/// not.
pub(super) fn commit(p: &mut Partition) -> Reply {
    let [flags, size] = p.arguments();
    let Some(pending) = p.state.pending_table else { return code::CLOSED.into() };
    if flags != 0 || shift(size) != pending.shift {
        return code::CLOSED.into();
    }
    if !pending.ready {
        return code::BUSY.into();
    }
    keep_bolted(p);
    p.state.pending_table = None;
    code::SUCCESS.into()
}
