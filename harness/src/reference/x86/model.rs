//! What an instruction means, and which hypervisor is asked first.

use std::collections::BTreeMap;

use super::processor::{Slots, vector};
use super::profile::Profile;
use super::{hyperv, kvm, system, xen};
use crate::contract::{Answered, Configuring, Exchange, GuestError, Refusal};
use crate::reference::trap::{Machine, Model, Next, Trap};

/// `vmcall`.
pub(super) const VMCALL: [u8; 3] = [0x0F, 0x01, 0xC1];
/// `vmmcall`.
pub(super) const VMMCALL: [u8; 3] = [0x0F, 0x01, 0xD9];
/// The vector of a 32-bit paravirtual guest's way into Xen.
const XEN_GATE: u64 = 0x82;
/// Error code of a page fault: the page is present, the access was a write.
const WRITE_TO_PRESENT: u64 = 3;

/// Whose call is out in user space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Out {
    Nobody,
    Kvm,
    HyperV,
    Xen,
}

/// The hypervisors of one guest.
#[derive(Debug, Clone)]
pub(super) struct X86 {
    profile: Profile,
    slots: Slots,
    out: Out,
}

impl X86 {
    /// The hypervisors that a profile asks for.
    pub(super) fn new(profile: Profile, slots: Slots) -> Self {
        Self { profile, slots, out: Out::Nobody }
    }

    /// `vmcall` or `vmmcall` at `at`.
    fn hypercall(&mut self, machine: &mut Machine, amd: bool, at: u64) -> Next {
        if self.profile.pv {
            return self.slots.undefined(machine, at);
        }
        if amd != self.profile.amd {
            return self.foreign(machine, at);
        }
        let viridian = self.profile.hyperv && hyperv::is_on(&self.slots, machine);
        let (who, next) = if self.profile.xen && !(viridian && machine.get(self.slots.rax) >> 31 & 1 == 1) {
            let next = if self.profile.kvm {
                Next::Forward(xen::exit(&self.slots, machine, at))
            } else {
                xen::call(&self.profile, &self.slots, machine)
            };
            (Out::Xen, next)
        } else if viridian {
            (Out::HyperV, hyperv::call(&self.profile, &self.slots, machine, at))
        } else if self.profile.kvm {
            (Out::Kvm, kvm::call(&self.profile, &self.slots, machine, at))
        } else {
            (Out::Nobody, self.slots.undefined(machine, at))
        };
        if matches!(next, Next::Forward(_)) {
            self.out = who;
            // The instruction counts as executed when user space has answered.
            machine.set(self.slots.pc, at);
        }
        next
    }

    /// Whether `int` is a paravirtual guest's way into Xen.
    fn is_pv_call(&self, machine: &Machine, vector: u64) -> bool {
        let kernel = machine.get(self.slots.cpl) == 0 && !self.slots.is_64_bit(machine);
        self.profile.pv && kernel && vector == XEN_GATE
    }

    /// The other vendor's instruction: the processor does not know it, and KVM mends it.
    fn foreign(&self, machine: &mut Machine, at: u64) -> Next {
        if !self.profile.kvm || !self.profile.patching {
            return self.slots.undefined(machine, at);
        }
        if machine.get(self.slots.cpl) != 0 {
            return self.slots.general_protection(machine, at);
        }
        let own = if self.profile.amd { VMMCALL } else { VMCALL };
        if !self.profile.writable_code || machine.memory.write(at, &own).is_err() {
            machine.set(self.slots.cr2, at);
            return self.slots.raise(machine, vector::PAGE_FAULT, at, WRITE_TO_PRESENT);
        }
        machine.set(self.slots.pc, at);
        Next::Resume
    }
}

impl Model for X86 {
    fn trap(&mut self, machine: &mut Machine, trap: &Trap<'_>) -> Next {
        let Some(instruction) = &trap.instruction else { return self.slots.undefined(machine, trap.at) };
        let behind = machine.get(self.slots.pc);
        match instruction.name {
            "vmcall" => self.hypercall(machine, false, trap.at),
            "vmmcall" => self.hypercall(machine, true, trap.at),
            "nop" => Next::Resume,
            "cpuid" => {
                system::cpuid(&self.profile, &self.slots, machine);
                Next::Resume
            }
            "rdmsr" => system::read(&self.profile, &self.slots, machine, trap.at),
            "wrmsr" => system::write(&self.profile, &self.slots, machine, trap.at),
            "mov-eax" => {
                machine.set(self.slots.rax, instruction.field(0));
                Next::Resume
            }
            "call-rax" => self.slots.call_rax(machine, trap.at, behind),
            "ret" => self.slots.ret(machine, trap.at),
            "int3" => self.slots.raise(machine, vector::BREAKPOINT, behind, 0),
            "int" if self.is_pv_call(machine, instruction.field(0)) => xen::call(&self.profile, &self.slots, machine),
            "int" => self.slots.raise(machine, instruction.field(0), behind, 0),
            "syscall" => {
                machine.set(self.slots.rcx, behind);
                let flags = machine.get(self.slots.rflags);
                machine.set(self.slots.r11, flags);
                if self.profile.pv && machine.get(self.slots.cpl) == 0 && self.slots.is_64_bit(machine) {
                    return xen::call(&self.profile, &self.slots, machine);
                }
                self.slots.raise(machine, vector::SYSTEM_CALL, behind, 0)
            }
            "hlt" if machine.get(self.slots.cpl) == 0 => Next::Sleep,
            "hlt" => self.slots.general_protection(machine, trap.at),
            _ => self.slots.undefined(machine, trap.at),
        }
    }

    fn configuring(&mut self) -> Option<&mut dyn Configuring> {
        self.profile.kvm.then_some(self as &mut dyn Configuring)
    }

    fn answer(&mut self, machine: &mut Machine, answer: &Exchange) -> Next {
        machine.set_all(&answer.registers);
        match std::mem::replace(&mut self.out, Out::Nobody) {
            Out::Nobody => {}
            Out::Kvm => kvm::complete(&self.slots, machine, answer),
            Out::HyperV => hyperv::complete(&self.slots, machine, answer),
            Out::Xen => xen::complete(&self.slots, machine, answer),
        }
        let behind = machine.get(self.slots.pc).wrapping_add(VMCALL.len() as u64);
        machine.set(self.slots.pc, behind);
        Next::Resume
    }
}

impl Configuring for X86 {
    /// `exit-hypercall` is KVM_CAP_EXIT_HYPERCALL: a mask of calls that go out to user space.
    fn set(&mut self, name: &str, value: u64) -> Answered {
        if name != "exit-hypercall" || value & !kvm::CAN_EXIT != 0 {
            return Ok(Err(Refusal("EINVAL")));
        }
        self.profile.exits = value;
        Ok(Ok(()))
    }

    fn get(&mut self) -> Result<BTreeMap<String, u64>, GuestError> {
        Ok(BTreeMap::from([("exit-hypercall".to_owned(), self.profile.exits)]))
    }
}
