//! OSI, the calls of Mac-on-Linux, and the part of its user space that is built in.
//!
//! Mac-on-Linux `mol-src/src/shared/osi.h`, `osi_calls.h` and `src/main/os_interface.c`; Linux
//! `arch/powerpc/kvm/book3s_pr.c`, `KVM_EXIT_OSI`. Selector in `r5`, arguments from `r6` on, result in `r3`. Of the drivers'
//! calls those are here whose answers follow from other calls alone: NVRAM, palette and units of time (Mac-on-Linux
//! `nvram.c`, `video.c`, `timer.c`).

use std::collections::BTreeMap;

use hypercheck_ppc::Cpu;

use super::dispatch::{Next, Route};
use super::kvm::low_word;
use super::partition::Partition;
use super::profile::UserSpace;

/// The values of `r3` and `r4` that make a system call an OSI call.
pub(crate) const MAGIC: [u32; 2] = [0x1137_24FA, 0x7781_0F9B];

/// Selectors from here on do not exist.
const SELECTORS: u32 = 100;

/// Ticks of the time base in a second.
const FREQUENCY: u64 = 512_000_000;
/// Unix time when the time base is 0: 2010-08-05, the day on which KVM's OSI support was committed.
const BOOT_TIME: u64 = 1_280_966_400;
/// From 1904 to 1970 in seconds.
const MAC_EPOCH: u64 = 0x7C25_B080;

const CALL_AVAILABLE: u32 = 0;
const GET_GMT_TIME: u32 = 7;
const GET_LOCALTIME: u32 = 9;
const LOG_PUTC: u32 = 47;
const WRITE_NVRAM_BYTE: u32 = 52;
const READ_NVRAM_BYTE: u32 = 53;
const EXIT: u32 = 54;
const USLEEP: u32 = 58;
const SET_COLOR: u32 = 59;
const GET_COLOR: u32 = 64;
const NVRAM_SIZE: u32 = 91;
const MTICKS_TO_USECS: u32 = 92;
const USECS_TO_MTICKS: u32 = 93;
/// Those that are there.
const REGISTERED: [u32; 13] = [
    CALL_AVAILABLE,
    GET_GMT_TIME,
    GET_LOCALTIME,
    LOG_PUTC,
    WRITE_NVRAM_BYTE,
    READ_NVRAM_BYTE,
    EXIT,
    USLEEP,
    SET_COLOR,
    GET_COLOR,
    NVRAM_SIZE,
    MTICKS_TO_USECS,
    USECS_TO_MTICKS,
];

/// Bytes of NVRAM.
const NVRAM: u32 = 0x2000;
/// Colours of the palette.
const COLORS: u32 = 256;
/// -1 as an integer of the guest.
const FAILURE: u64 = 0xFFFF_FFFF;

/// What the built-in user space keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// Bytes and colours that were written; all others are 0.
    nvram: BTreeMap<u32, u8>,
    palette: BTreeMap<u32, u32>,
}

/// Whether a system call is one of these.
pub(crate) fn claims(cpu: &Cpu) -> bool {
    [low_word(cpu.gpr[3]), low_word(cpu.gpr[4])] == MAGIC
}

/// Carries out the call, or sends it out to the harness.
pub(crate) fn call(p: &mut Partition) -> Next {
    if p.profile.osi == Some(UserSpace::Harness) {
        return Next::Forward(Route::Osi);
    }
    let [selector, first, second] = [5, 6, 7].map(|register| low_word(p.cpu.gpr[register]));
    let seconds = BOOT_TIME + p.cpu.tb / FREQUENCY;
    let state = &mut p.state.osi;
    p.cpu.gpr[3] = match selector {
        // Mac-on-Linux leaves r3 alone.
        SELECTORS.. => return Next::Resume,
        EXIT => return Next::End("OSI_EXIT"),
        CALL_AVAILABLE => u64::from(REGISTERED.contains(&first)),
        // The header speaks of 1904, the code leaves the offset out.
        GET_GMT_TIME => seconds & 0xFFFF_FFFF,
        GET_LOCALTIME => (seconds + MAC_EPOCH) & 0xFFFF_FFFF,
        READ_NVRAM_BYTE => state.nvram.get(&first).copied().unwrap_or_default().into(),
        WRITE_NVRAM_BYTE => {
            if first < NVRAM {
                state.nvram.insert(first, second.to_be_bytes()[3]);
            }
            0
        }
        NVRAM_SIZE => NVRAM.into(),
        GET_COLOR if first < COLORS => state.palette.get(&first).copied().unwrap_or_default().into(),
        GET_COLOR => FAILURE,
        // A negative index applies the palette to a screen, which is not here.
        SET_COLOR if first.cast_signed() >= COLORS.cast_signed() => FAILURE,
        SET_COLOR => {
            if first < COLORS {
                state.palette.insert(first, second & 0x00FF_FFFF);
            }
            0
        }
        MTICKS_TO_USECS => u64::from(first) * 1_000_000 / FREQUENCY,
        USECS_TO_MTICKS => (u64::from(first) * FREQUENCY / 1_000_000) & 0xFFFF_FFFF,
        // LOG_PUTC and USLEEP have nothing to return, and selectors that nobody registered return 0 too.
        _ => 0,
    };
    Next::Resume
}
