//! Calls of the first SBI. SBI 3.0, chapter Legacy Extensions.
//!
//! The function in `a6` is not looked at, nothing but `a0` changes, and masks of harts stand in memory.

use super::hsm;
use super::pmu::event;
use super::sbi::Sbi;
use crate::reference::trap::{Machine, Next};

/// The last extension that there is.
pub(super) const LAST: u64 = 8;

const LOAD_ACCESS_FAULT: u64 = 5;
const SHUTDOWN: &str = "shutdown";
/// For a mask that names a hart which is not there, or a range that is none.
const INVALID: i64 = -3;
const NO_BYTE: i64 = -1;

/// Carries out a call made at `at`.
pub(super) fn call(sbi: &mut Sbi, machine: &mut Machine, extension: u64, at: u64) -> Next {
    let [first, start, size]: [u64; 3] = std::array::from_fn(|n| machine.get(sbi.slots.a[n]));
    let result = match extension {
        0 => {
            sbi.set_timer(machine, first);
            0
        }
        1 => {
            sbi.console.write(first.to_le_bytes()[0]);
            0
        }
        2 => sbi.console.read().map_or(NO_BYTE, i64::from),
        3 => {
            let pending = machine.get(sbi.slots.ssip);
            machine.set(sbi.slots.ssip, 0);
            pending.cast_signed()
        }
        4..=7 => {
            // The faults of the mask's address are the caller's own, at its ecall.
            let Some(mask) = machine.load(first, 8) else {
                return sbi.take(machine, LOAD_ACCESS_FAULT, at, first);
            };
            masked(sbi, machine, extension, mask, start, size)
        }
        _ => return Next::End(SHUTDOWN.to_owned()),
    };
    machine.set(sbi.slots.a[0], result.cast_unsigned());
    Next::Resume
}

fn masked(sbi: &mut Sbi, machine: &mut Machine, extension: u64, mask: u64, start: u64, size: u64) -> i64 {
    let Ok(targets) = hsm::targets(mask, 0) else { return INVALID };
    match extension {
        4 => sbi.interrupt(machine, targets),
        5 => sbi.fence(event::FENCE_I_SENT, targets),
        6 | 7 if !super::rfence::is_range(start, size) => return INVALID,
        6 => sbi.fence(event::SFENCE_VMA_SENT, targets),
        _ => sbi.fence(event::SFENCE_VMA_ASID_SENT, targets),
    }
    0
}
