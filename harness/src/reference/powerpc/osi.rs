//! OSI, the calls of Mac-on-Linux, and the part of its user space that is built in.
//!
//! Mac-on-Linux `mol-src/src/shared/osi.h`, `osi_calls.h` and `src/main/os_interface.c`; Linux
//! `arch/powerpc/kvm/book3s_pr.c`, `KVM_EXIT_OSI`. Selector in `r5`, arguments from `r6` on, result in `r3`.

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
const EXIT: u32 = 54;
const USLEEP: u32 = 58;
/// Those that are there.
const REGISTERED: [u32; 6] = [CALL_AVAILABLE, GET_GMT_TIME, GET_LOCALTIME, LOG_PUTC, EXIT, USLEEP];

/// Whether a system call is one of these.
pub(crate) fn claims(cpu: &Cpu) -> bool {
    [low_word(cpu.gpr[3]), low_word(cpu.gpr[4])] == MAGIC
}

/// Carries out the call, or sends it out to the harness.
pub(crate) fn call(p: &mut Partition) -> Next {
    if p.profile.osi == Some(UserSpace::Harness) {
        return Next::Forward(Route::Osi);
    }
    let selector = low_word(p.cpu.gpr[5]);
    let seconds = BOOT_TIME + p.cpu.tb / FREQUENCY;
    p.cpu.gpr[3] = match selector {
        // Mac-on-Linux leaves r3 alone.
        SELECTORS.. => return Next::Resume,
        EXIT => return Next::End("OSI_EXIT"),
        CALL_AVAILABLE => u64::from(REGISTERED.contains(&low_word(p.cpu.gpr[6]))),
        // The header speaks of 1904, the code leaves the offset out.
        GET_GMT_TIME => seconds & 0xFFFF_FFFF,
        GET_LOCALTIME => (seconds + MAC_EPOCH) & 0xFFFF_FFFF,
        // LOG_PUTC and USLEEP have nothing to return, and selectors that nobody registered return 0 too.
        _ => 0,
    };
    Next::Resume
}
