//! Address translation. One function, so that page tables can take its place.

use crate::cpu::{Cpu, SlbEntry};
use crate::interrupt::{DSISR_NO_PAGE, DSISR_STORE, Interrupt};
use crate::memory::Memory;
use crate::msr;

/// What an access is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Instruction fetch.
    Fetch,
    /// Load.
    Load,
    /// Store.
    Store,
}

/// What translation finds while MSR\[IR\] or MSR\[DR\] is on. On BookE, where translation is never off, address space 0
/// is mapped one to one as by a large entry of the TLB, and this holds for address space 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Translation {
    /// Every effective address is mapped to the real address of the same number with full permissions: the mapping a
    /// harness prepares for code that runs with translation on.
    #[default]
    Identity,
    /// No translation exists. Servers search the SLB first: a missing segment gives the segment interrupt, a present one
    /// the storage interrupt for a missing page.
    None,
}

/// Where an address leads, and what else may be done there without another search.
///
/// It holds for the whole aligned range of `size` bytes around the address, as long as the registers and tables that
/// decide it (MSR, SLB, segment and block registers, TLB, pages reported to [`Memory::watch`]) stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    /// Real address of the byte.
    pub real: u64,
    /// Bytes of the range, a power of two, at least 4096.
    pub size: u64,
    /// Loads are permitted.
    pub readable: bool,
    /// Stores are permitted and leave the tables as they are: the changed bit is set.
    pub writable: bool,
    /// Instruction fetches are permitted.
    pub executable: bool,
}

impl Mapping {
    /// The mapping of an address that is not translated: everything is permitted.
    #[inline]
    pub(crate) const fn untranslated(address: u64) -> Self {
        Self { real: address & REAL, size: REAL + 1, readable: true, writable: true, executable: true }
    }
}

/// Bits of an effective address that real mode uses on servers: the upper four are ignored. Power ISA Book III 6.7.3
pub(crate) const REAL: u64 = 0x0FFF_FFFF_FFFF_FFFF;

impl Cpu {
    /// The mapping of an effective address, found anew in the tables, or the interrupt that the access raises. `address`
    /// must already be cut to the mode's width. Reference and change bits are set as by the access itself.
    #[inline]
    pub fn translate(&mut self, memory: &mut Memory, address: u64, access: Access) -> Result<Mapping, Interrupt> {
        let _ = memory;
        let switch = if access == Access::Fetch { msr::IR } else { msr::DR };
        if self.msr & switch == 0 || self.translation == Translation::Identity {
            return Ok(Mapping::untranslated(address));
        }
        Err(self.no_translation(address, access))
    }

    #[cold]
    fn no_translation(&self, address: u64, access: Access) -> Interrupt {
        if self.model.is_server() && !self.has_segment(address) {
            return match access {
                Access::Fetch => Interrupt::InstructionSegment,
                Access::Load | Access::Store => Interrupt::DataSegment { address },
            };
        }
        if self.model.is_embedded() {
            return match access {
                Access::Fetch => Interrupt::InstructionTlb,
                Access::Load | Access::Store => Interrupt::DataTlb { address, store: access == Access::Store },
            };
        }
        self.storage_interrupt(address, access)
    }

    /// The interrupt for an address that has no storage behind it.
    #[cold]
    pub(crate) fn storage_interrupt(&self, address: u64, access: Access) -> Interrupt {
        match access {
            Access::Fetch => Interrupt::InstructionStorage { status: DSISR_NO_PAGE },
            Access::Load => Interrupt::DataStorage { address, status: DSISR_NO_PAGE },
            Access::Store => Interrupt::DataStorage { address, status: DSISR_NO_PAGE | DSISR_STORE },
        }
    }

    /// Whether a valid SLB entry covers `address`; B of the VSID selects segments of 256 MiB or 1 TiB.
    fn has_segment(&self, address: u64) -> bool {
        self.slb.iter().any(|entry| {
            let shift = if entry.vsid >> 62 == 1 { 40 } else { 28 };
            entry.esid & SlbEntry::VALID != 0 && (entry.esid ^ address) >> shift == 0
        })
    }
}
