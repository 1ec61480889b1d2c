//! Base extension. SBI 3.0, chapter Base Extension.

use super::call::{Call, Done, NOT_SUPPORTED};
use super::profile::VERSION;
use super::sbi::Sbi;

/// An id that nobody has been given.
const IMPLEMENTATION: u64 = 0x4859;
const IMPLEMENTATION_VERSION: u64 = 1;

pub(super) fn answer(sbi: &mut Sbi, call: &mut Call<'_>) -> Done {
    let value = match call.function {
        0 => VERSION,
        1 => IMPLEMENTATION,
        2 => IMPLEMENTATION_VERSION,
        3 => probe(sbi, call.long(0)),
        // A vendor, an architecture and an implementation may be zero: not told.
        4..=6 => 0,
        _ => return Err(NOT_SUPPORTED).into(),
    };
    Ok(value).into()
}

fn probe(sbi: &Sbi, number: u64) -> u64 {
    u64::from(sbi.extension(number).is_some() || sbi.is_legacy(number))
}
