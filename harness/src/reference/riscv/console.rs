//! Debug console. SBI 3.0, chapter Debug Console Extension.

use std::collections::VecDeque;

use super::call::{Answer, Call, Done, FAILED, INVALID_PARAM, NOT_SUPPORTED};
use super::profile::Profile;
use super::sbi::Sbi;

/// Bytes that a console holds which gives back what was written to it.
pub(super) const CAPACITY: u64 = 16;

/// A console with nobody at it, or one that gives back what was written to it.
#[derive(Debug, Clone)]
pub(super) struct Console {
    held: VecDeque<u8>,
    loopback: bool,
}

impl Console {
    pub(super) fn new(profile: &Profile) -> Self {
        Self { held: VecDeque::new(), loopback: profile.has("sbi.console-loopback") }
    }

    /// How many bytes it takes now.
    fn room(&self) -> u64 {
        if self.loopback { CAPACITY.saturating_sub(self.held.len() as u64) } else { u64::MAX }
    }

    /// Writes a byte; whether there was room for it.
    pub(super) fn write(&mut self, byte: u8) -> bool {
        let room = self.room() > 0;
        if room && self.loopback {
            self.held.push_back(byte);
        }
        room
    }

    /// Reads a byte, if there is one.
    pub(super) fn read(&mut self) -> Option<u8> {
        self.held.pop_front()
    }
}

pub(super) fn answer(sbi: &mut Sbi, call: &mut Call<'_>) -> Done {
    let console = &mut sbi.console;
    match call.function {
        0 => write(console, call).into(),
        1 => read(console, call).into(),
        2 => {
            let byte = call.long(0).to_le_bytes()[0];
            if console.write(byte) { Ok(0) } else { Err(FAILED) }.into()
        }
        _ => Err(NOT_SUPPORTED).into(),
    }
}

/// Memory that is none is a wrong parameter here, not a wrong address.
fn memory(call: &Call<'_>) -> Result<(u64, u64), super::call::Refused> {
    let length = call.long(0);
    let at = call.memory(1, length).map_err(|_| INVALID_PARAM)?;
    Ok((at, length))
}

fn write(console: &mut Console, call: &Call<'_>) -> Answer {
    let (at, length) = memory(call)?;
    let count = length.min(console.room());
    for n in 0..count {
        let byte = call.machine.load(at + n, 1).unwrap_or(0).to_le_bytes()[0];
        console.write(byte);
    }
    Ok(count)
}

fn read(console: &mut Console, call: &mut Call<'_>) -> Answer {
    let (at, length) = memory(call)?;
    let mut count = 0;
    while count < length
        && let Some(byte) = console.read()
    {
        call.machine.store(at + count, 1, u64::from(byte));
        count += 1;
    }
    Ok(count)
}
