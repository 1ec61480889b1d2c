//! Hyper-V's hypercalls on Arm (TLFS, Hypercall Interface): the input value, and one call that needs no memory.

use super::call::Call;

/// What x0 holds in a hypercall by HVC #0.
pub(super) const ID: u32 = 0x4600_0001;
/// The immediate of the older way in, with the input value in x0.
pub(super) const LEGACY: u64 = 1;
/// Names of the calls.
pub(super) const NAMES: &[&str] = &["HvCallNotifyLongSpinWait"];

const INVALID_HYPERCALL_CODE: u64 = 2;
const INVALID_HYPERCALL_INPUT: u64 = 3;
const INVALID_ALIGNMENT: u64 = 4;
const NOTIFY_LONG_SPIN_WAIT: u64 = 0x0008;
/// The parameters are in registers.
const FAST: u64 = 1 << 16;
/// Everything in an input value but the code and the fast flag; bit 31 is for nested hypervisors.
const REST: u64 = 0xFFFF_FFFF_7FFE_0000;

/// The status of the hypercall whose input value is in register `input`; parameters are from the next register on.
pub(super) fn status(call: &Call<'_>, input: usize) -> u64 {
    let value = call.x(input);
    if value & 0xFFFF != NOTIFY_LONG_SPIN_WAIT {
        return INVALID_HYPERCALL_CODE;
    }
    if value & REST != 0 {
        return INVALID_HYPERCALL_INPUT;
    }
    let at = call.x(input + 1);
    let readable = at & 7 == 0 && call.machine.contains(at, 8);
    if value & FAST == 0 && !readable { INVALID_ALIGNMENT } else { 0 }
}
