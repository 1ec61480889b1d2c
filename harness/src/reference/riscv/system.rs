//! Reset and suspension of the whole system. SBI 3.0, chapters System Reset and System Suspend Extension.

use super::call::{Call, DENIED, Done, INVALID_PARAM, NOT_SUPPORTED};
use super::sbi::Sbi;

/// Vendors' types and reasons are not implemented.
pub(super) fn reset(_: &mut Sbi, call: &mut Call<'_>) -> Done {
    if call.function != 0 {
        return Err(NOT_SUPPORTED).into();
    }
    let how = match (call.word(0), call.word(1)) {
        (0, 0 | 1) => "shutdown",
        (1, 0 | 1) => "cold reboot",
        (2, 0 | 1) => "warm reboot",
        _ => return Err(INVALID_PARAM).into(),
    };
    Done::End(how)
}

const SUSPEND_TO_RAM: u32 = 0;

/// Platform-specific types are not implemented.
pub(super) fn suspend(sbi: &mut Sbi, call: &mut Call<'_>) -> Done {
    let [_, address, opaque, ..] = call.arguments;
    match (call.function, call.word(0)) {
        (0, SUSPEND_TO_RAM) if !sbi.harts.alone() => Err(DENIED).into(),
        (0, SUSPEND_TO_RAM) => sbi.suspend_to(call, address, opaque).unwrap_or_else(|refused| Err(refused).into()),
        (0, _) => Err(INVALID_PARAM).into(),
        _ => Err(NOT_SUPPORTED).into(),
    }
}
