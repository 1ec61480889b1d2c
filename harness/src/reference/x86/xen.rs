//! Xen's calls, as itself and as KVM hands them to user space.
//!
//! Xen `docs/guest-guide/x86/hypercall-abi.rst` and `xen/arch/x86/hvm/hypercall.c`; Linux `arch/x86/kvm/xen.c`.

use std::collections::BTreeMap;

use super::processor::Slots;
use super::profile::Profile;
use crate::contract::Exchange;
use crate::reference::trap::{Machine, Next};
use crate::registers::Slot;

const SET_TIMER_OP: u64 = 15;
const VERSION: u64 = 17;
const CONSOLE_IO: u64 = 18;
const IRET: u64 = 23;
const SCHED_OP: u64 = 29;

/// Errors, which are returned negated (`xen/include/public/errno.h`).
const EPERM: u64 = 1;
const EFAULT: u64 = 14;
const EINVAL: u64 = 22;
const ENOSYS: u64 = 38;

/// Version 4.20: the major number in bits 31..16, the minor one below.
pub(super) const RELEASE: u64 = 4 << 16 | 20;
/// What builds for debugging leave in the registers of arguments.
const CLOBBERED: u64 = 0xDEAD_BEEF_DEAD_F00D;
/// Bytes between two entries of the hypercall page, and how many entries there are.
const ENTRY: u64 = 32;
const ENTRIES: u64 = 0x1000 / ENTRY;

/// The registers of arguments in the caller's mode.
fn arguments(slots: &Slots, machine: &Machine) -> [Slot; 6] {
    if slots.is_64_bit(machine) {
        [slots.rdi, slots.rsi, slots.rdx, slots.r10, slots.r8, slots.r9]
    } else {
        [slots.rbx, slots.rcx, slots.rdx, slots.rsi, slots.rdi, slots.rbp]
    }
}

/// Makes the call that the registers ask for.
pub(super) fn call(profile: &Profile, slots: &Slots, machine: &mut Machine) -> Next {
    if machine.get(slots.cpl) != 0 {
        machine.set(slots.rax, EPERM.wrapping_neg());
        return Next::Resume;
    }
    let number = slots.operand(machine, slots.rax);
    let registers = arguments(slots, machine);
    let [a, b, c] = [0, 1, 2].map(|n| slots.operand(machine, registers[n]));
    let (result, used) = match number {
        SET_TIMER_OP => (Ok(0), 1),
        VERSION => (version(machine, a & 0xFFFF_FFFF, b), 2),
        CONSOLE_IO => (console(machine, a & 0xFFFF_FFFF, b, c), 3),
        SCHED_OP => match a & 0xFFFF_FFFF {
            0 => (Ok(0), 2),
            1 => return Next::Sleep,
            2 => return Next::End("the domain shuts down".to_owned()),
            _ => (Err(ENOSYS), 2),
        },
        _ => (Err(ENOSYS), 0),
    };
    let value = result.unwrap_or_else(u64::wrapping_neg);
    slots.put(machine, slots.rax, value);
    if profile.xen_debug && result != Err(ENOSYS) {
        for register in &registers[..used] {
            slots.put(machine, *register, CLOBBERED);
        }
    }
    Next::Resume
}

/// Texts that commands of `xen_version` fill a structure with: command, text, bytes.
const TEXTS: [(u64, &[u8], u64); 6] = [
    (1, b".0", 16),
    (2, b"reference", 144),
    (3, b"xen-3.0-x86_64 hvm-3.0-x86_64", 1024),
    (4, b"", 64),
    (8, b"", 16),
    (9, b"", 1024),
];

/// `xen_version`.
fn version(machine: &mut Machine, command: u64, structure: u64) -> Result<u64, u64> {
    match command {
        0 => Ok(RELEASE),
        5 if machine.store(structure, 8, 0) => Ok(0),
        6 => match machine.load(structure, 4).filter(|_| machine.contains(structure, 8)) {
            Some(0) => {
                machine.store(structure + 4, 4, 0);
                Ok(0)
            }
            Some(_) => Err(EINVAL),
            None => Err(EFAULT),
        },
        7 => Ok(4096),
        1..=9 => {
            let text = TEXTS.iter().find(|(known, ..)| *known == command);
            let (_, text, length) = text.filter(|(.., length)| machine.contains(structure, *length)).ok_or(EFAULT)?;
            machine.fill(structure, usize::try_from(*length).unwrap_or(0), 0);
            // The structure is guest memory, as was just seen.
            let _ = machine.memory.write(structure, text);
            Ok(0)
        }
        _ => Err(ENOSYS),
    }
}

/// `console_io`: an ordinary domain may write, and what it writes goes nowhere.
fn console(machine: &Machine, command: u64, count: u64, buffer: u64) -> Result<u64, u64> {
    match command {
        0 if machine.contains(buffer, count & 0xFFFF_FFFF) => Ok(0),
        0 | 1 => Err(EFAULT),
        _ => Err(ENOSYS),
    }
}

/// KVM's exit for a call at `at`.
pub(super) fn exit(slots: &Slots, machine: &Machine, at: u64) -> Exchange {
    let wide = slots.is_64_bit(machine);
    let mut fields = BTreeMap::from([
        ("type".to_owned(), 1),
        ("longmode".to_owned(), u64::from(wide)),
        ("cpl".to_owned(), machine.get(slots.cpl)),
        ("input".to_owned(), slots.operand(machine, slots.rax)),
    ]);
    for (n, register) in arguments(slots, machine).into_iter().enumerate() {
        fields.insert(format!("params{n}"), slots.operand(machine, register));
    }
    Exchange { exit: "KVM_EXIT_XEN".to_owned(), fields, registers: slots.all_at(machine, at) }
}

/// Ends a call that user space has answered.
pub(super) fn complete(slots: &Slots, machine: &mut Machine, answer: &Exchange) {
    machine.set(slots.rax, answer.fields.get("result").copied().unwrap_or(0));
}

/// Writes a hypercall page of a hardware-assisted domain. Whether it is guest memory.
pub(super) fn place(machine: &mut Machine, at: u64, instruction: [u8; 3]) -> bool {
    if !at.is_multiple_of(0x1000) || !machine.contains(at, 0x1000) {
        return false;
    }
    for number in 0..ENTRIES {
        let mut entry = vec![0xB8];
        entry.extend(u32::try_from(number).unwrap_or(0).to_le_bytes());
        entry.extend(instruction);
        entry.push(0xC3);
        if number == IRET {
            entry = vec![0x0F, 0x0B];
        }
        // The page is guest memory, as was just seen.
        let _ = machine.memory.write(at + ENTRY * number, &entry);
    }
    true
}
