//! The processor: its registers by name, exceptions, the stack.

use crate::reference::trap::{Machine, Next};
use crate::registers::{RegisterFile, Registers, Slot};

/// Vectors of exceptions (Software Developer's Manual, volume 3, chapter on interrupts).
pub(super) mod vector {
    pub(crate) const BREAKPOINT: u64 = 3;
    pub(crate) const UNDEFINED_OPCODE: u64 = 6;
    pub(crate) const GENERAL_PROTECTION: u64 = 13;
    pub(crate) const PAGE_FAULT: u64 = 14;
    /// No vector: `syscall`, as `spec/arch/x86-64.yaml` counts it.
    pub(crate) const SYSTEM_CALL: u64 = 0x100;
}

/// Where the handler of a vector is: nobody runs it, but the program counter has to be somewhere.
const HANDLERS: u64 = 0x1000;
/// Bytes between two handlers.
const HANDLER: u64 = 16;

macro_rules! slots {
    ($($field:ident = $name:literal),* $(,)?) => {
        /// The registers and fields that the hypervisors look at.
        #[derive(Debug, Clone, Copy)]
        pub(super) struct Slots {
            $(pub(super) $field: Slot,)*
            /// General registers in the order of their encoding.
            pub(super) general: [Slot; 16],
            /// XMM0 to XMM5, each its low half and then its high one.
            pub(super) xmm: [Slot; 12],
        }

        impl Slots {
            /// Looks the names up.
            ///
            /// # Errors
            /// The one that the architecture's file lacks.
            pub(super) fn new(file: &RegisterFile) -> Result<Self, String> {
                let slot = |name: &str| file.slot(name).ok_or_else(|| format!("spec/arch/x86-64.yaml has no {name}"));
                let mut general = [slot("rax")?; 16];
                for (slot_of, name) in general.iter_mut().zip(GENERAL) {
                    *slot_of = slot(name)?;
                }
                let mut xmm = [general[0]; 12];
                for (n, slot_of) in xmm.iter_mut().enumerate() {
                    *slot_of = slot(&format!("xmm{}{}", if n % 2 == 0 { "l" } else { "h" }, n / 2))?;
                }
                Ok(Self { $($field: slot($name)?,)* general, xmm })
            }
        }
    };
}

slots! {
    rax = "rax", rbx = "rbx", rcx = "rcx", rdx = "rdx", rsi = "rsi", rdi = "rdi", rsp = "rsp", rbp = "rbp", r8 = "r8", r9 = "r9", r10 = "r10", r11 = "r11",
    rflags = "rflags", pc = "pc", cpl = "cs.cpl", long_code = "cs.l", protected = "cr0.pe", long_mode = "efer.lma",
    cr0 = "cr0", cr2 = "cr2", cr3 = "cr3", cr4 = "cr4", return_to = "ripsave", error_code = "errcode",
    features = "kvm_features", kicked = "kicked", ipis = "ipis",
    hv_os_id = "hv_os_id", hv_page = "hv_page", hv_features = "hv_features", hv_hints = "hv_hints",
}

/// General registers in the order of their encoding.
const GENERAL: [&str; 16] =
    ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];

impl Slots {
    /// Whether the caller runs 64-bit code.
    pub(super) fn is_64_bit(&self, machine: &Machine) -> bool {
        machine.get(self.long_mode) == 1 && machine.get(self.long_code) == 1
    }

    /// A register as an instruction of the caller's mode reads it.
    pub(super) fn operand(&self, machine: &Machine, register: Slot) -> u64 {
        let value = machine.get(register);
        if self.is_64_bit(machine) { value } else { value & 0xFFFF_FFFF }
    }

    /// Sets a register as the caller's mode does it: outside 64-bit code the upper half becomes zero.
    pub(super) fn put(&self, machine: &mut Machine, register: Slot, value: u64) {
        let value = if self.is_64_bit(machine) { value } else { value & 0xFFFF_FFFF };
        machine.set(register, value);
    }

    /// Raises an exception or interrupt that leaves `back` in its frame, with an error code (0 where it has none).
    pub(super) fn raise(&self, machine: &mut Machine, vector: u64, back: u64, error_code: u64) -> Next {
        machine.set(self.return_to, back);
        machine.set(self.error_code, error_code);
        machine.set(self.cpl, 0);
        machine.set(self.pc, HANDLERS + HANDLER * vector);
        Next::Interrupt(vector)
    }

    /// All registers as user space sees them while a call made at `at` is out.
    pub(super) fn all_at(&self, machine: &Machine, at: u64) -> Registers {
        let mut registers = machine.registers.clone();
        registers.set(self.pc.register, at);
        registers
    }

    /// `call` through RAX: pushes the address behind it. A page fault where there is no stack.
    pub(super) fn call_rax(&self, machine: &mut Machine, at: u64, behind: u64) -> Next {
        let (size, target) =
            if self.is_64_bit(machine) { (8, machine.get(self.rax)) } else { (4, machine.get(self.rax) & 0xFFFF_FFFF) };
        let stack = machine.get(self.rsp).wrapping_sub(size as u64);
        if !machine.store(stack, size, behind) {
            machine.set(self.cr2, stack);
            return self.raise(machine, vector::PAGE_FAULT, at, 2);
        }
        machine.set(self.rsp, stack);
        machine.set(self.pc, target);
        Next::Resume
    }

    /// A near return.
    pub(super) fn ret(&self, machine: &mut Machine, at: u64) -> Next {
        let size = if self.is_64_bit(machine) { 8 } else { 4 };
        let stack = machine.get(self.rsp);
        let Some(back) = machine.load(stack, size) else {
            machine.set(self.cr2, stack);
            return self.raise(machine, vector::PAGE_FAULT, at, 0);
        };
        machine.set(self.rsp, stack.wrapping_add(size as u64));
        machine.set(self.pc, back);
        Next::Resume
    }

    /// An instruction at `at` that there is not.
    pub(super) fn undefined(&self, machine: &mut Machine, at: u64) -> Next {
        self.raise(machine, vector::UNDEFINED_OPCODE, at, 0)
    }

    /// A violation at `at`.
    pub(super) fn general_protection(&self, machine: &mut Machine, at: u64) -> Next {
        self.raise(machine, vector::GENERAL_PROTECTION, at, 0)
    }
}
