//! Address translation. One function, so that page tables can take its place.

use crate::cpu::{Cpu, SlbEntry};
use crate::interrupt::{DSISR_NO_PAGE, DSISR_STORE, Interrupt};
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

/// Bits of an effective address that real mode uses on servers: the upper four are ignored. Power ISA Book III 6.7.3
pub(crate) const REAL: u64 = 0x0FFF_FFFF_FFFF_FFFF;

impl Cpu {
    /// The real address of an effective address, or the interrupt that the access raises. `address` must already be cut
    /// to the mode's width.
    #[inline]
    pub fn translate(&self, address: u64, access: Access) -> Result<u64, Interrupt> {
        let switch = if access == Access::Fetch { msr::IR } else { msr::DR };
        if self.msr & switch == 0 || self.translation == Translation::Identity {
            return Ok(address & REAL);
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
