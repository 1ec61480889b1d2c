//! What tells a guest of its hypervisors, and sets them up: CPUID leaves from 0x40000000 on, model-specific registers.
//!
//! Linux `Documentation/virt/kvm/x86/cpuid.rst`; Hyper-V's Feature and Interface Discovery.

use super::model::{VMCALL, VMMCALL};
use super::processor::Slots;
use super::profile::Profile;
use super::xen;
use crate::reference::trap::{Machine, Next};

/// The first leaf of the first hypervisor.
const LEAVES: u64 = 0x4000_0000;
/// How far apart two hypervisors' leaves are.
const APART: u64 = 0x100;

/// HV_X64_MSR_GUEST_OS_ID.
const GUEST_OS_ID: u64 = 0x4000_0000;
/// HV_X64_MSR_HYPERCALL.
const HYPERCALL: u64 = 0x4000_0001;

/// The register to which the address of a hypercall page of Xen is written, and where it is beside Hyper-V's.
const XEN_PAGE: u64 = 0x4000_0000;
const XEN_PAGE_BESIDE: u64 = 0x4000_0200;

/// Bits of HV_X64_MSR_HYPERCALL.
const ENABLE: u64 = 1;
const LOCKED: u64 = 2;
/// A near return.
const RETURN: u8 = 0xC3;

/// Four registers of text.
fn text(words: &[u8; 12]) -> [u64; 3] {
    [0, 4, 8].map(|at| u64::from(u32::from_le_bytes([words[at], words[at + 1], words[at + 2], words[at + 3]])))
}

/// `cpuid`.
pub(super) fn cpuid(profile: &Profile, slots: &Slots, machine: &mut Machine) {
    let leaf = machine.get(slots.rax) & 0xFFFF_FFFF;
    let xen_page = xen_page(profile);
    let who = [(profile.hyperv, Leaves::HyperV), (profile.xen, Leaves::Xen(xen_page)), (profile.kvm, Leaves::Kvm)];
    let there = who.into_iter().filter(|(there, _)| *there).map(|(_, leaves)| leaves);
    let found = (LEAVES..).step_by(usize::try_from(APART).unwrap_or(1)).zip(there);
    let found = found.filter(|(base, _)| (*base..base + APART).contains(&leaf)).last();
    let [a, b, c, d] = found.map_or([0; 4], |(base, leaves)| leaves.show(slots, machine, base, leaf - base));
    for (register, value) in [(slots.rax, a), (slots.rbx, b), (slots.rcx, c), (slots.rdx, d)] {
        machine.set(register, value & 0xFFFF_FFFF);
    }
}

#[derive(Clone, Copy)]
enum Leaves {
    HyperV,
    /// With the register for its page.
    Xen(u64),
    Kvm,
}

/// Where a guest of Xen writes the address of its hypercall page.
fn xen_page(profile: &Profile) -> u64 {
    if profile.hyperv { XEN_PAGE_BESIDE } else { XEN_PAGE }
}

impl Leaves {
    fn show(self, slots: &Slots, machine: &Machine, base: u64, leaf: u64) -> [u64; 4] {
        let signed = |highest: u64, words: &[u8; 12]| {
            let [b, c, d] = text(words);
            [base + highest, b, c, d]
        };
        let (features, hints) = (machine.get(slots.hv_features), machine.get(slots.hv_hints));
        match (self, leaf) {
            (Self::HyperV, 0) => signed(5, b"Microsoft Hv"),
            (Self::HyperV, 1) => [u64::from(u32::from_le_bytes(*b"Hv#1")), 0, 0, 0],
            (Self::HyperV, 3) => [0, features, 0, features >> 32],
            (Self::HyperV, 4) => [hints, hints >> 32, 0, 0],
            (Self::Xen(_), 0) => signed(2, b"XenVMMXenVMM"),
            (Self::Xen(_), 1) => [xen::RELEASE, 0, 0, 0],
            (Self::Xen(page), 2) => [1, page, 0, 0],
            (Self::Kvm, 0) => signed(1, b"KVMKVMKVM\0\0\0"),
            (Self::Kvm, 1) => [machine.get(slots.features), 0, 0, 0],
            _ => [0; 4],
        }
    }
}

/// `rdmsr` at `at`.
pub(super) fn read(profile: &Profile, slots: &Slots, machine: &mut Machine, at: u64) -> Next {
    let value = match machine.get(slots.rcx) & 0xFFFF_FFFF {
        _ if machine.get(slots.cpl) != 0 || !profile.hyperv => return slots.general_protection(machine, at),
        GUEST_OS_ID => machine.get(slots.hv_os_id),
        HYPERCALL => machine.get(slots.hv_page),
        _ => return slots.general_protection(machine, at),
    };
    machine.set(slots.rax, value & 0xFFFF_FFFF);
    machine.set(slots.rdx, value >> 32);
    Next::Resume
}

/// `wrmsr` at `at`.
pub(super) fn write(profile: &Profile, slots: &Slots, machine: &mut Machine, at: u64) -> Next {
    let low = |slot| machine.get(slot) & 0xFFFF_FFFF;
    let value = low(slots.rdx) << 32 | low(slots.rax);
    let page = machine.get(slots.hv_page);
    match low(slots.rcx) {
        _ if machine.get(slots.cpl) != 0 => return slots.general_protection(machine, at),
        register if profile.xen && !profile.pv && register == xen_page(profile) => {
            // The low bits are the number of the page; there is one.
            if value & 0xFFF != 0 || !xen::place(machine, value, native(profile)) {
                return slots.general_protection(machine, at);
            }
        }
        _ if !profile.hyperv => return slots.general_protection(machine, at),
        GUEST_OS_ID => {
            machine.set(slots.hv_os_id, value);
            if value == 0 {
                machine.set(slots.hv_page, page & !ENABLE);
            }
        }
        HYPERCALL if page & LOCKED != 0 => {}
        HYPERCALL => {
            let value = if machine.get(slots.hv_os_id) == 0 { value & !ENABLE } else { value };
            if value & ENABLE != 0 && !place(profile, machine, value & !0xFFF) {
                return slots.general_protection(machine, at);
            }
            machine.set(slots.hv_page, value);
        }
        _ => return slots.general_protection(machine, at),
    }
    Next::Resume
}

/// The instruction of the processor's vendor.
const fn native(profile: &Profile) -> [u8; 3] {
    if profile.amd { VMMCALL } else { VMCALL }
}

/// Writes the hypercall page of Hyper-V. Whether it is guest memory.
pub(super) fn place(profile: &Profile, machine: &mut Machine, at: u64) -> bool {
    let instruction = native(profile);
    machine.contains(at, 0x1000)
        && machine.memory.write(at, &instruction).is_ok()
        && machine.memory.write(at + instruction.len() as u64, &[RETURN]).is_ok()
}
