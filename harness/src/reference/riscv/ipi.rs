//! IPI extension. SBI 3.0, chapter IPI Extension.

use super::call::{Call, Done, NOT_SUPPORTED};
use super::hsm;
use super::pmu::event;
use super::profile::HART;
use super::sbi::Sbi;
use crate::reference::trap::Machine;

pub(super) fn answer(sbi: &mut Sbi, call: &mut Call<'_>) -> Done {
    if call.function != 0 {
        return Err(NOT_SUPPORTED).into();
    }
    let targets = match hsm::targets(call.long(0), call.long(1)) {
        Ok(targets) => targets,
        Err(refused) => return Err(refused).into(),
    };
    sbi.interrupt(call.machine, targets);
    Ok(0).into()
}

impl Sbi {
    /// Interrupts harts, bit n for hart n.
    pub(super) fn interrupt(&mut self, machine: &mut Machine, targets: u64) {
        self.pmu.count(event::IPI_SENT, (targets & !(1 << HART)).count_ones());
        if targets >> HART & 1 == 1 {
            machine.set(self.slots.ssip, 1);
        }
        self.harts.wake(targets);
    }
}
