//! RFENCE extension. SBI 3.0, chapter RFENCE Extension.
//!
//! There are no translations here that could be fenced: what counts is who is asked, and with which range.

use super::call::{Answer, Call, Done, INVALID_ADDRESS, NOT_SUPPORTED};
use super::hsm;
use super::sbi::Sbi;

/// The last function that is not for hypervisors.
const LAST_PLAIN: u64 = 2;
const LAST: u64 = 6;

pub(super) fn answer(sbi: &mut Sbi, call: &mut Call<'_>) -> Done {
    fence(sbi, call).into()
}

fn fence(sbi: &mut Sbi, call: &mut Call<'_>) -> Answer {
    if call.function > LAST {
        return Err(NOT_SUPPORTED);
    }
    let targets = hsm::targets(call.long(0), call.long(1))?;
    if call.function > LAST_PLAIN && targets & !sbi.profile.hypervisor_harts() != 0 {
        return Err(NOT_SUPPORTED);
    }
    if call.function > 0 && !is_range(call.long(2), call.long(3)) {
        return Err(INVALID_ADDRESS);
    }
    Ok(0)
}

/// What makes a range invalid is not stated. One that goes beyond the end of the address space is none.
fn is_range(start: u64, size: u64) -> bool {
    size == u64::MAX || start.checked_add(size).is_some()
}
