//! KVM's own calls: number in RAX, arguments in RBX, RCX, RDX and RSI, result in RAX.
//!
//! Linux `Documentation/virt/kvm/x86/hypercalls.rst` and `arch/x86/kvm/x86.c` (`kvm_emulate_hypercall`).

use std::collections::BTreeMap;

use super::others;
use super::processor::Slots;
use super::profile::Profile;
use crate::contract::Exchange;
use crate::reference::trap::{Machine, Next};

const VAPIC_POLL_IRQ: u64 = 1;
const KICK_CPU: u64 = 5;
const CLOCK_PAIRING: u64 = 9;
const SEND_IPI: u64 = 10;
const SCHED_YIELD: u64 = 11;
const MAP_GPA_RANGE: u64 = 12;

/// The calls that user space can ask to see (KVM_CAP_EXIT_HYPERCALL).
pub(super) const CAN_EXIT: u64 = 1 << MAP_GPA_RANGE;

/// Errors, which are returned negated (`include/uapi/linux/kvm_para.h`).
const EPERM: u64 = 1;
const EFAULT: u64 = 14;
const EINVAL: u64 = 22;
const EOPNOTSUPP: u64 = 95;
const ENOSYS: u64 = 1000;

/// Bits of CPUID leaf 0x40000001, EAX (`arch/x86/include/uapi/asm/kvm_para.h`).
const PV_UNHALT: u64 = 1 << 7;
const PV_SEND_IPI: u64 = 1 << 11;
const PV_SCHED_YIELD: u64 = 1 << 13;

/// Logical destination mode and both bits of the shorthand in the interrupt command register.
const ICR_REFUSED: u64 = 1 << 11 | 3 << 18;

/// Bytes of `struct kvm_clock_pairing`.
const PAIRING: u64 = 64;
/// The host's clock stands still: seconds, nanoseconds and TSC.
const CLOCK: [u64; 3] = [1_700_000_000, 123_456_789, 0x0123_4567_89AB];

/// What becomes of a call.
enum Answer {
    Value(u64),
    Error(u64),
    Exit,
}

/// Makes the call that the registers ask for. `at` is the instruction's address.
pub(super) fn call(profile: &Profile, slots: &Slots, machine: &mut Machine, at: u64) -> Next {
    if machine.get(slots.cpl) != 0 {
        slots.put(machine, slots.rax, EPERM.wrapping_neg());
        return Next::Resume;
    }
    let number = slots.operand(machine, slots.rax);
    let [a0, a1, a2, a3] = [slots.rbx, slots.rcx, slots.rdx, slots.rsi].map(|slot| slots.operand(machine, slot));
    let offered = |bit: u64| !profile.enforce || machine.get(slots.features) & bit != 0;
    let answer = match number {
        VAPIC_POLL_IRQ => Answer::Value(0),
        KICK_CPU if offered(PV_UNHALT) => {
            kick(slots, machine, a1);
            Answer::Value(0)
        }
        CLOCK_PAIRING => pair_clocks(profile, machine, a0, a1),
        SEND_IPI if offered(PV_SEND_IPI) => send_ipi(profile, slots, machine, [a0, a1], a2, a3),
        SCHED_YIELD if offered(PV_SCHED_YIELD) => Answer::Value(0),
        MAP_GPA_RANGE if profile.exits >> MAP_GPA_RANGE & 1 == 1 => map_gpa_range(a0, a1),
        _ => Answer::Error(ENOSYS),
    };
    match answer {
        Answer::Value(value) => slots.put(machine, slots.rax, value),
        Answer::Error(error) => slots.put(machine, slots.rax, error.wrapping_neg()),
        Answer::Exit => return Next::Forward(exit(slots, machine, at, number, [a0, a1, a2])),
    }
    Next::Resume
}

/// Ends a call that user space has answered.
pub(super) fn complete(slots: &Slots, machine: &mut Machine, answer: &Exchange) {
    slots.put(machine, slots.rax, answer.fields.get("ret").copied().unwrap_or(0));
}

fn kick(slots: &Slots, machine: &mut Machine, apic: u64) {
    if let Some(id) = others::APIC_IDS.into_iter().find(|id| u64::from(*id) == apic) {
        let kicked = machine.get(slots.kicked) | others::seen(id);
        machine.set(slots.kicked, kicked);
    }
}

fn pair_clocks(profile: &Profile, machine: &mut Machine, gpa: u64, clock_type: u64) -> Answer {
    if clock_type != 0 || !profile.tsc_clock {
        return Answer::Error(EOPNOTSUPP);
    }
    if !machine.contains(gpa, PAIRING) {
        return Answer::Error(EFAULT);
    }
    for (at, value) in (gpa..).step_by(8).zip(CLOCK) {
        machine.store(at, 8, value);
    }
    machine.fill(gpa + 24, 40, 0);
    Answer::Value(0)
}

fn send_ipi(
    profile: &Profile,
    slots: &Slots,
    machine: &mut Machine,
    bitmap: [u64; 2],
    lowest: u64,
    icr: u64,
) -> Answer {
    if icr & ICR_REFUSED != 0 {
        return Answer::Error(EINVAL);
    }
    if !profile.apic_map {
        return Answer::Error(EOPNOTSUPP);
    }
    let width = if slots.is_64_bit(machine) { 64 } else { 32 };
    let lowest = lowest & 0xFFFF_FFFF;
    let halves = [(bitmap[0], lowest), (bitmap[1], lowest + u64::from(width))];
    let mut count = 0;
    for id in halves.into_iter().flat_map(|(bits, lowest)| others::named(bits, width, lowest)) {
        let ipis = machine.get(slots.ipis) | others::seen(id);
        machine.set(slots.ipis, ipis);
        count += 1;
    }
    Answer::Value(count)
}

/// Checks what is checked before user space is asked. Page numbers, unlike addresses, wrap at 64 bits.
fn map_gpa_range(gpa: u64, pages: u64) -> Answer {
    let first = gpa >> 12;
    let wraps = first.checked_add(pages).is_none();
    if gpa & 0xFFF != 0 || pages == 0 || wraps { Answer::Error(EINVAL) } else { Answer::Exit }
}

fn exit(slots: &Slots, machine: &Machine, at: u64, number: u64, arguments: [u64; 3]) -> Exchange {
    let fields = [
        ("nr", number),
        ("args0", arguments[0]),
        ("args1", arguments[1]),
        ("args2", arguments[2]),
        ("ret", 0),
        ("flags", u64::from(slots.is_64_bit(machine))),
    ];
    Exchange {
        exit: "KVM_EXIT_HYPERCALL".to_owned(),
        fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>(),
        registers: slots.all_at(machine, at),
    }
}
