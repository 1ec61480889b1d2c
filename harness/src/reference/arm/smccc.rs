//! The Arm architecture's own calls (DEN0028, chapter 7): owner 0.

use super::call::{Call, NOT_SUPPORTED, Reply};
use super::profile::Profile;

/// Names of the calls.
pub(super) const NAMES: &[&str] = &["SMCCC_VERSION", "SMCCC_ARCH_FEATURES"];

/// SMCCC_VERSION.
pub(super) const VERSION: u32 = 0x8000_0000;
const ARCH_FEATURES: u32 = 0x8000_0001;

/// The answer, if the function is one of these.
pub(super) fn answer(profile: &Profile, call: &Call<'_>) -> Option<Reply> {
    if profile.smccc < 0x1_0001 {
        return None;
    }
    Some(match call.id {
        VERSION => Reply::Code(i64::from(profile.smccc)),
        ARCH_FEATURES => Reply::Code(features(call.w(1))),
        _ => return None,
    })
}

/// What SMCCC_ARCH_FEATURES says of a function: both mandatory ones are there (DEN0028, 7.3).
fn features(id: u32) -> i64 {
    match id {
        VERSION | ARCH_FEATURES => 0,
        _ => NOT_SUPPORTED,
    }
}
