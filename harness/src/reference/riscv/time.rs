//! Timer extension. SBI 3.0, chapter Timer Extension.

use super::call::{Call, Done, NOT_SUPPORTED};
use super::pmu::event;
use super::sbi::Sbi;
use crate::reference::trap::Machine;

pub(super) fn answer(sbi: &mut Sbi, call: &mut Call<'_>) -> Done {
    if call.function != 0 {
        return Err(NOT_SUPPORTED).into();
    }
    let at = call.long(0);
    sbi.set_timer(call.machine, at);
    Ok(0).into()
}

impl Sbi {
    /// The timer goes off when the clock reaches `at`; until then it is not pending.
    pub(super) fn set_timer(&mut self, machine: &mut Machine, at: u64) {
        self.pmu.count(event::SET_TIMER, 1);
        let due = machine.get(self.slots.time) >= at;
        machine.set(self.slots.stip, u64::from(due));
    }
}
