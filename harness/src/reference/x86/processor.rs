//! The processor: its registers by name, exceptions, the stack.

use crate::reference::trap::{Machine, Next};
use crate::registers::{RegisterFile, Slot};

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
        }

        impl Slots {
            /// Looks the names up.
            ///
            /// # Errors
            /// The one that the architecture's file lacks.
            pub(super) fn new(file: &RegisterFile) -> Result<Self, String> {
                let slot = |name: &str| file.slot(name).ok_or_else(|| format!("spec/arch/x86-64.yaml has no {name}"));
                Ok(Self { $($field: slot($name)?,)* })
            }
        }
    };
}

slots! {
    rax = "rax", rbx = "rbx", rcx = "rcx", rdx = "rdx", rsi = "rsi", rdi = "rdi", rsp = "rsp", r11 = "r11",
    rflags = "rflags", pc = "pc", cpl = "cs.cpl", long_code = "cs.l", protected = "cr0.pe", long_mode = "efer.lma",
    cr2 = "cr2", return_to = "ripsave", error_code = "errcode",
    features = "kvm_features", kicked = "kicked", ipis = "ipis",
}

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

    /// An instruction at `at` that there is not.
    pub(super) fn undefined(&self, machine: &mut Machine, at: u64) -> Next {
        self.raise(machine, vector::UNDEFINED_OPCODE, at, 0)
    }

    /// A violation at `at`.
    pub(super) fn general_protection(&self, machine: &mut Machine, at: u64) -> Next {
        self.raise(machine, vector::GENERAL_PROTECTION, at, 0)
    }
}
