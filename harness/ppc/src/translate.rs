//! Address translation, always searched anew: nothing is kept from one access to the next.
//!
//! ```text
//! hash       64-bit servers: segment look-aside buffer, hashed page table, real modes
//! table      where that table is: guest memory or a hypervisor model
//! classic    32-bit: block address registers, segment registers, hashed page table
//! embedded   BookE: the TLB that the guest itself fills
//! ```

mod classic;
mod embedded;
mod hash;
mod table;

use crate::cpu::{Cpu, SlbEntry};
use crate::interrupt::{DSISR_NO_PAGE, DSISR_STORE, Interrupt};
use crate::memory::Memory;
use crate::msr;

pub use embedded::{Tlb, TlbEntry};
pub use table::HashTable;

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

/// What translation finds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Translation {
    /// Every effective address is mapped to the real address of the same number with full permissions, with MSR\[IR\] and
    /// MSR\[DR\] as without: the mapping a harness prepares for code that runs with translation on.
    #[default]
    Identity,
    /// As with `Identity` while MSR\[IR\] or MSR\[DR\] is off; no translation exists while it is on. Servers search the
    /// SLB first: a missing segment gives the segment interrupt, a present one the storage interrupt for a missing page.
    /// On BookE, where translation is never off, address space 0 is as with `Identity`.
    None,
    /// What the processor's registers and the tables in guest memory say, as the architecture defines it. That includes
    /// the real modes of servers (HRMOR, RMLS, VRMA), and both address spaces of BookE.
    Tables,
    /// A partition of a hypervisor that holds its hashed page table outside guest memory; only servers have any. With
    /// translation off real addresses are the partition's own.
    Held(HashTable),
}

/// Where an address leads, and what else may be done there without another search.
///
/// It holds for the whole aligned range of `size` bytes around the address, as long as the registers and tables that
/// decide it (MSR, SLB, segment and block registers, TLB, pages reported to `Memory::watch`) stay.
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

    /// Whether an access is permitted, changed bit or not.
    const fn permits(&self, access: Access) -> bool {
        match access {
            Access::Fetch => self.executable,
            Access::Load => self.readable,
            Access::Store => self.writable,
        }
    }
}

/// Bits of an effective address that real mode uses on servers: the upper four are ignored. Power ISA Book III 6.7.3
pub(crate) const REAL: u64 = 0x0FFF_FFFF_FFFF_FFFF;

/// DSISR and SRR1: the access is not permitted. Power ISA Book III 7.2.5; the same bits in the Programming Environments
/// Manual, tables 6-9 and 6-10.
const PROTECTION: u32 = 0x0800_0000;
/// SRR1: a fetch from no-execute or guarded storage.
const NO_EXECUTE: u32 = 0x1000_0000;

impl Cpu {
    /// The mapping of an effective address, found anew in the tables, or the interrupt that the access raises. `address`
    /// must already be cut to the mode's width. Reference and change bits are set as by the access itself, and the
    /// assist registers of BookE are filled as by its interrupt.
    #[inline]
    pub fn translate(&mut self, memory: &mut Memory, address: u64, access: Access) -> Result<Mapping, Interrupt> {
        if self.is_plain(access) { Ok(Mapping::untranslated(address)) } else { self.search(memory, address, access) }
    }

    /// The real address alone.
    #[inline(always)]
    pub(crate) fn real(&mut self, memory: &mut Memory, address: u64, access: Access) -> Result<u64, Interrupt> {
        if self.is_plain(access) { Ok(address & REAL) } else { Ok(self.search(memory, address, access)?.real) }
    }

    /// Whether an access goes to the real address of the same number, whatever registers and tables say.
    #[inline(always)]
    fn is_plain(&self, access: Access) -> bool {
        match self.translation {
            Translation::Identity => true,
            Translation::Tables => false,
            Translation::None | Translation::Held(_) => !self.translates(access),
        }
    }

    #[cold]
    #[inline(never)]
    fn search(&mut self, memory: &mut Memory, address: u64, access: Access) -> Result<Mapping, Interrupt> {
        if let Translation::None = self.translation {
            return Err(self.no_translation(address, access));
        }
        if self.model.is_embedded() {
            return self.embedded(address, access);
        }
        let found = if self.model.is_server() {
            if self.translates(access) && self.segment_of(address).is_none() && !self.is_radix(memory) {
                return Err(self.segment_interrupt(address, access));
            }
            self.hashed(memory, address, access)
        } else {
            self.classic(memory, address, access)
        };
        found.map_err(|status| self.storage_fault(address, access, status))
    }

    /// Whether MSR\[IR\] or MSR\[DR\] is on for an access.
    #[inline]
    fn translates(&self, access: Access) -> bool {
        self.msr & if access == Access::Fetch { msr::IR } else { msr::DR } != 0
    }

    #[cold]
    fn no_translation(&self, address: u64, access: Access) -> Interrupt {
        if self.model.is_server() && self.segment_of(address).is_none() {
            return self.segment_interrupt(address, access);
        }
        if self.model.is_embedded() {
            return self.tlb_interrupt(address, access);
        }
        self.storage_interrupt(address, access)
    }

    fn segment_interrupt(&self, address: u64, access: Access) -> Interrupt {
        match access {
            Access::Fetch => Interrupt::InstructionSegment,
            Access::Load | Access::Store => Interrupt::DataSegment { address },
        }
    }

    fn tlb_interrupt(&self, address: u64, access: Access) -> Interrupt {
        match access {
            Access::Fetch => Interrupt::InstructionTlb,
            Access::Load | Access::Store => Interrupt::DataTlb { address, store: access == Access::Store },
        }
    }

    /// The interrupt for an address that has no storage behind it.
    #[cold]
    pub(crate) fn storage_interrupt(&self, address: u64, access: Access) -> Interrupt {
        self.storage_fault(address, access, DSISR_NO_PAGE)
    }

    /// A storage interrupt with the bits of DSISR or SRR1 that say why; a store adds its own.
    #[cold]
    fn storage_fault(&self, address: u64, access: Access, status: u32) -> Interrupt {
        match access {
            Access::Fetch => Interrupt::InstructionStorage { status },
            Access::Load => Interrupt::DataStorage { address, status },
            Access::Store => Interrupt::DataStorage { address, status: status | DSISR_STORE },
        }
    }

    /// The entry of the SLB that covers an address. Of several, which is an error of the program, the first.
    pub(crate) fn segment_of(&self, address: u64) -> Option<SlbEntry> {
        self.slb.iter().copied().find(|entry| entry.covers(address))
    }
}

impl Translation {
    /// The table held for the guest; an empty one of `entries` entries is made if there is none.
    pub fn held(&mut self, entries: u64) -> &mut HashTable {
        if !matches!(self, Self::Held(_)) {
            *self = Self::Held(HashTable::new(entries));
        }
        match self {
            Self::Held(table) => table,
            _ => unreachable!("it was just made"),
        }
    }
}
