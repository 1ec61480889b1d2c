//! Registers of collaborative processor performance control. SBI 3.0, chapter CPPC Extension.

use super::call::{Answer, Call, DENIED, Done, INVALID_PARAM, NOT_SUPPORTED, Refused};
use super::sbi::Sbi;

/// The last register of the first half, and the only one of the second.
const LAST: u32 = 0x14;
const TRANSITION_LATENCY: u32 = 0x8000_0000;

#[derive(Debug, Clone, Copy)]
struct Register {
    number: u32,
    width: u64,
    writable: bool,
    value: u64,
}

const fn register(number: u32, width: u64, writable: bool, value: u64) -> Register {
    Register { number, width, writable, value }
}

/// The registers that there are: highest, nominal, lowest nonlinear and lowest performance; desired, minimum and
/// maximum performance; the counters; and how long a change takes.
#[derive(Debug, Clone)]
pub(super) struct Cppc([Register; 10]);

impl Cppc {
    pub(super) fn new() -> Self {
        Self([
            register(0x0, 32, false, 400),
            register(0x1, 32, false, 300),
            register(0x2, 32, false, 200),
            register(0x3, 32, false, 100),
            register(0x5, 32, true, 300),
            register(0x6, 32, true, 100),
            register(0x7, 32, true, 400),
            register(0xB, 64, false, 0x1_2345_6789),
            register(0xC, 64, false, 0x2_3456_789A),
            register(TRANSITION_LATENCY, 32, false, 50_000),
        ])
    }

    fn find(&mut self, number: u32) -> Result<Option<&mut Register>, Refused> {
        if number > LAST && number != TRANSITION_LATENCY {
            return Err(INVALID_PARAM);
        }
        Ok(self.0.iter_mut().find(|register| register.number == number))
    }
}

pub(super) fn answer(sbi: &mut Sbi, call: &mut Call<'_>) -> Done {
    cppc(&mut sbi.cppc, call).into()
}

fn cppc(cppc: &mut Cppc, call: &Call<'_>) -> Answer {
    if call.function > 3 {
        return Err(NOT_SUPPORTED);
    }
    let found = cppc.find(call.word(0))?;
    if call.function == 0 {
        return Ok(found.map_or(0, |register| register.width));
    }
    let register = found.ok_or(NOT_SUPPORTED)?;
    match call.function {
        1 => Ok(register.value),
        // The upper half of what a 64-bit register has shown already.
        2 => Ok(0),
        _ if register.writable => {
            register.value = call.long(1) & 0xFFFF_FFFF;
            Ok(0)
        }
        _ => Err(DENIED),
    }
}
