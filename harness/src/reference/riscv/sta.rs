//! Steal-time accounting. SBI 3.0, chapter Steal-time Accounting Extension.
//!
//! No time is ever stolen: what was set up stays zero.

use super::call::{Answer, Call, Done, NOT_SUPPORTED};
use super::sbi::Sbi;
use super::shared;

const SIZE: usize = 64;

pub(super) fn answer(_: &mut Sbi, call: &mut Call<'_>) -> Done {
    match call.function {
        0 => set(call).into(),
        _ => Err(NOT_SUPPORTED).into(),
    }
}

fn set(call: &mut Call<'_>) -> Answer {
    if let Some(at) = shared::asked(call, SIZE as u64, SIZE as u64, 0)? {
        call.machine.fill(at, SIZE, 0);
    }
    Ok(0)
}
