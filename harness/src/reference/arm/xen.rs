//! Xen's hypercalls: HVC #0xEA1, the number in x16, arguments from x0 on (xen/include/public/arch-arm.h, version.h).

use super::call::Call;

/// The immediate of Xen's conduit.
pub(super) const TAG: u64 = 0xEA1;
/// Names of the calls.
pub(super) const NAMES: &[&str] = &["XEN_VERSION"];

const ENOSYS: i64 = -38;
const EFAULT: i64 = -14;
const XEN_VERSION: u64 = 17;
/// Where the number is.
const NUMBER: usize = 16;
/// What a debug build leaves in registers that carried arguments.
const GARBAGE: u64 = 0xDEAD_BEEF;
/// Xen 4.19.
const VERSION: i64 = 4 << 16 | 19;
const EXTRA: &[u8; 16] = b".0-reference\0\0\0\0";
const PAGE: i64 = 0x1000;

/// Makes the hypercall.
pub(super) fn hypercall(call: &mut Call<'_>, debug: bool) {
    let result = match call.x(NUMBER) & 0xFFFF_FFFF {
        XEN_VERSION => version(call),
        _ => ENOSYS,
    };
    call.slots.set_x(call.machine, 0, result.cast_unsigned());
    if debug && result != ENOSYS {
        call.slots.set_x(call.machine, 1, GARBAGE);
        call.slots.set_x(call.machine, NUMBER, GARBAGE);
    }
}

/// HYPERVISOR_xen_version: a command and, for some, where to write.
fn version(call: &mut Call<'_>) -> i64 {
    let at = call.x(1);
    match call.x(0) & 0xFFFF_FFFF {
        0 => VERSION,
        1 => match call.machine.memory.write(at, EXTRA) {
            Ok(()) => 0,
            Err(_) => EFAULT,
        },
        7 => PAGE,
        _ => ENOSYS,
    }
}
