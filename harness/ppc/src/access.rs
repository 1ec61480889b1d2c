//! Loads and stores: mode, translation, the paravirtual page, byte order.

use crate::cpu::Cpu;
use crate::interrupt::{DSISR_STORE, Interrupt, alignment_syndrome};
use crate::memory::{Memory, PAGE, number, raw};
use crate::translate::Access;

/// Where an access goes.
enum Place {
    Memory(u64),
    Overlay(usize),
}

impl Cpu {
    /// Finds the place of an access that lies within a page, and checks that storage is there.
    #[inline]
    fn place(&mut self, memory: &mut Memory, address: u64, length: usize, access: Access) -> Result<Place, Interrupt> {
        // The paravirtual page is mapped whatever the guest's own tables say.
        if let Some(offset) = self.overlaid_effective(address) {
            return Ok(Place::Overlay(offset));
        }
        let real = self.real(memory, address, access)?;
        if let Some(offset) = self.overlaid_real(address, real) {
            return Ok(Place::Overlay(offset));
        }
        if real.checked_add(length as u64).is_some_and(|end| end <= memory.len() as u64) {
            Ok(Place::Memory(real))
        } else {
            Err(self.storage_interrupt(address, access))
        }
    }

    fn crosses(address: u64, length: usize) -> bool {
        address as usize % PAGE + length > PAGE
    }

    /// Loads bytes in address order, across pages if need be.
    #[inline(always)]
    pub(crate) fn load_bytes(&mut self, memory: &mut Memory, address: u64, into: &mut [u8]) -> Result<(), Interrupt> {
        let address = self.effective(address);
        if Self::crosses(address, into.len()) {
            return self.load_crossing(memory, address, into);
        }
        match self.place(memory, address, into.len(), Access::Load)? {
            Place::Memory(real) => memory.read(real, into).map_err(|_| self.storage_interrupt(address, Access::Load)),
            Place::Overlay(offset) => {
                self.load_overlay(offset, into);
                Ok(())
            }
        }
    }

    /// Stores bytes in address order. Either all are stored or none.
    #[inline(always)]
    pub(crate) fn store_bytes(&mut self, memory: &mut Memory, address: u64, from: &[u8]) -> Result<(), Interrupt> {
        let address = self.effective(address);
        if Self::crosses(address, from.len()) {
            return self.store_crossing(memory, address, from);
        }
        match self.place(memory, address, from.len(), Access::Store)? {
            Place::Memory(real) => memory.write(real, from).map_err(|_| self.storage_interrupt(address, Access::Store)),
            Place::Overlay(offset) => {
                self.store_overlay(offset, from);
                Ok(())
            }
        }
    }

    /// A load across pages, byte by byte.
    #[cold]
    fn load_crossing(&mut self, memory: &mut Memory, address: u64, into: &mut [u8]) -> Result<(), Interrupt> {
        for (i, byte) in into.iter_mut().enumerate() {
            self.load_bytes(memory, address.wrapping_add(i as u64), std::slice::from_mut(byte))?;
        }
        Ok(())
    }

    /// A store across pages, byte by byte, once it is known that every byte can be stored.
    #[cold]
    fn store_crossing(&mut self, memory: &mut Memory, address: u64, from: &[u8]) -> Result<(), Interrupt> {
        for i in 0..from.len() as u64 {
            self.place(memory, self.effective(address.wrapping_add(i)), 1, Access::Store)?;
        }
        for (i, byte) in from.iter().enumerate() {
            self.store_bytes(memory, address.wrapping_add(i as u64), std::slice::from_ref(byte))?;
        }
        Ok(())
    }

    /// Loads a number of 1, 2, 4 or 8 bytes in the mode's byte order.
    #[inline]
    pub(crate) fn load(&mut self, memory: &mut Memory, address: u64, length: usize) -> Result<u64, Interrupt> {
        match length {
            1 => self.load_sized::<1>(memory, address),
            2 => self.load_sized::<2>(memory, address),
            4 => self.load_sized::<4>(memory, address),
            _ => self.load_sized::<8>(memory, address),
        }
    }

    /// A size known to the compiler makes this a single load.
    #[inline]
    fn load_sized<const N: usize>(&mut self, memory: &mut Memory, address: u64) -> Result<u64, Interrupt> {
        let mut bytes = [0; N];
        self.load_bytes(memory, address, &mut bytes)?;
        Ok(number(&bytes, self.is_big_endian()))
    }

    /// Stores the low `length` bytes of a number in the mode's byte order.
    #[inline]
    pub(crate) fn store(
        &mut self,
        memory: &mut Memory,
        address: u64,
        length: usize,
        value: u64,
    ) -> Result<(), Interrupt> {
        let bytes = raw(value, length, self.is_big_endian());
        match length {
            4 => self.store_bytes(memory, address, &bytes[..4]),
            8 => self.store_bytes(memory, address, &bytes),
            _ => self.store_bytes(memory, address, &bytes[..length]),
        }
    }

    /// Raises what a load or store of one byte would raise, without doing it.
    pub(crate) fn probe(&mut self, memory: &mut Memory, address: u64, access: Access) -> Result<(), Interrupt> {
        self.place(memory, self.effective(address), 1, access).map(|_| ())
    }

    /// Clears the aligned block of `length` bytes, a power of two up to 128, around `address`.
    pub(crate) fn clear_block(&mut self, memory: &mut Memory, address: u64, length: u64) -> Result<(), Interrupt> {
        let address = self.effective(address) & !(length - 1);
        match self.place(memory, address, length as usize, Access::Store)? {
            Place::Memory(real) => {
                memory.fill(real, length as usize, 0).map_err(|_| self.storage_interrupt(address, Access::Store))
            }
            Place::Overlay(offset) => {
                self.clear_overlay(offset, length as usize);
                Ok(())
            }
        }
    }

    /// The alignment interrupt of an instruction.
    pub(crate) fn alignment(&self, word: u32, address: u64, access: Access) -> Interrupt {
        let store = if self.model.is_embedded() && access == Access::Store { DSISR_STORE } else { 0 };
        // DSISR has them before 3.0.
        let none = self.model.is_embedded() || self.model.is_v30();
        let fields = if none { 0 } else { alignment_syndrome(word) };
        Interrupt::Alignment { address: self.effective(address), status: store | fields }
    }
}
