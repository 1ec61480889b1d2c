//! Paravirtualized time (DEN0057): where a processor finds how long it did not run.

use super::call::{Call, NOT_SUPPORTED, Reply};
use super::profile::{Profile, STOLEN_TIME};
use crate::reference::trap::Machine;

/// Names of the calls.
pub(super) const NAMES: &[&str] = &["PV_TIME_FEATURES", "PV_TIME_ST"];

/// PV_TIME_FEATURES.
pub(super) const FEATURES: u32 = 0xC500_0020;
const STOLEN: u32 = 0xC500_0021;

/// Nanoseconds that the processor did not run before the case began.
const BEFORE: u64 = 1_500_000;

/// Writes the record: revision and attributes 0, then the time.
pub(super) fn prepare(machine: &mut Machine) {
    machine.fill(STOLEN_TIME, 64, 0);
    machine.store(STOLEN_TIME + 8, 8, BEFORE);
}

/// The answer, if the function is one of these.
pub(super) fn answer(profile: &Profile, call: &Call<'_>) -> Option<Reply> {
    if !profile.time {
        return None;
    }
    let there = !profile.unwatched;
    Some(match call.id {
        FEATURES if call.w(1) == FEATURES => Reply::SUCCESS,
        FEATURES if call.w(1) == STOLEN && there => Reply::SUCCESS,
        STOLEN if there => Reply::Code(STOLEN_TIME.cast_signed()),
        FEATURES | STOLEN => Reply::Code(NOT_SUPPORTED),
        _ => return None,
    })
}
