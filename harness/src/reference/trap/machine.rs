//! Registers and memory of a trap-level guest.

use std::sync::Arc;

use hypercheck_ppc::Memory;
use hypercheck_spec::arch::Arch;

use crate::registers::{RegisterFile, Registers, Slot};

/// Registers and memory.
#[derive(Debug)]
pub(crate) struct Machine {
    /// The architecture.
    pub(crate) arch: Arc<Arch>,
    /// Its registers by name.
    pub(crate) file: Arc<RegisterFile>,
    /// Their values.
    pub(crate) registers: Registers,
    /// RAM, from address 0.
    pub(crate) memory: Memory,
}

impl Machine {
    /// The value of a register or field.
    #[must_use]
    pub(crate) fn get(&self, slot: Slot) -> u64 {
        slot.extract(self.registers.get(slot.register).unwrap_or(0))
    }

    /// Sets a register or field.
    pub(crate) fn set(&mut self, slot: Slot, value: u64) {
        let whole = self.registers.get(slot.register).unwrap_or(0);
        self.registers.set(slot.register, slot.insert(whole, value));
    }

    /// Sets those registers that are present.
    pub(crate) fn set_all(&mut self, registers: &Registers) {
        for (id, value) in registers.iter() {
            self.registers.set(id, value & self.file.mask(id));
        }
    }

    /// Bytes of RAM.
    #[must_use]
    pub(crate) fn ram(&self) -> u64 {
        self.memory.len() as u64
    }

    /// Whether `length` bytes at `at` are RAM.
    #[must_use]
    pub(crate) fn contains(&self, at: u64, length: u64) -> bool {
        at.checked_add(length).is_some_and(|end| end <= self.ram())
    }

    /// A number of up to 8 bytes, in the architecture's byte order; `None` outside RAM.
    #[must_use]
    pub(crate) fn load(&self, at: u64, size: usize) -> Option<u64> {
        self.memory.read_number(at, size, self.big()).ok()
    }

    /// Stores the low `size` bytes of a number in the architecture's byte order. Whether they are RAM.
    pub(crate) fn store(&mut self, at: u64, size: usize, value: u64) -> bool {
        let big = self.big();
        self.memory.write_number(at, size, value, big).is_ok()
    }

    /// Fills a range of RAM. Whether it is RAM.
    pub(crate) fn fill(&mut self, at: u64, size: usize, value: u8) -> bool {
        self.memory.fill(at, size, value).is_ok()
    }

    fn big(&self) -> bool {
        self.arch.order == hypercheck_spec::arch::Order::Big
    }
}
