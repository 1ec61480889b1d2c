//! RFENCE extension. SBI 3.0, chapter RFENCE Extension.
//!
//! There are no translations here that could be fenced: what counts is who is asked, and with which range.

use super::call::{Answer, Call, Done, INVALID_ADDRESS, NOT_SUPPORTED};
use super::hsm;
use super::pmu::event;
use super::profile::HART;
use super::sbi::Sbi;

/// The last function that is not for hypervisors.
const LAST_PLAIN: u64 = 2;
const LAST: u64 = 6;

pub(super) fn answer(sbi: &mut Sbi, call: &mut Call<'_>) -> Done {
    remote(sbi, call).into()
}

fn remote(sbi: &mut Sbi, call: &mut Call<'_>) -> Answer {
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
    // Requests that carry the number of an address space or a machine are events of their own.
    let event = match call.function {
        0 => event::FENCE_I_SENT,
        1 => event::SFENCE_VMA_SENT,
        2 => event::SFENCE_VMA_ASID_SENT,
        3 => event::HFENCE_GVMA_VMID_SENT,
        4 => event::HFENCE_GVMA_SENT,
        5 => event::HFENCE_VVMA_ASID_SENT,
        _ => event::HFENCE_VVMA_SENT,
    };
    sbi.fence(event, targets);
    Ok(0)
}

impl Sbi {
    /// Asks harts for a fence, bit n for hart n.
    pub(super) fn fence(&mut self, event: u64, targets: u64) {
        self.pmu.count(event, (targets & !(1 << HART)).count_ones());
    }
}

/// What makes a range invalid is not stated. One that goes beyond the end of the address space is none.
pub(super) fn is_range(start: u64, size: u64) -> bool {
    size == u64::MAX || start.checked_add(size).is_some()
}
