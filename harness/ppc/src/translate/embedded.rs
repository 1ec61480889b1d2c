//! The TLB of the e500 family: one of 4 KiB pages (TLB0, sets of four ways) and one of pages of 4^n KiB (TLB1), which the
//! guest fills through the MAS registers. PowerPC e500 Core Family Reference Manual chapter 12; e500mc Core Reference
//! Manual chapter 6.
//!
//! Not modelled: the byte order of a page (MAS2\[E\]) and the logical partition of an entry (MAS5, MAS8).

use super::{Access, Mapping};
use crate::cpu::Cpu;
use crate::interrupt::{DSISR_STORE, Interrupt};
use crate::model::Model;
use crate::msr;
use crate::row::plain;
use crate::table::Spr;

/// Sets of TLB0.
const SETS: usize = 128;
/// Ways of a set.
const WAYS: usize = 4;

/// MAS0\[TLBSEL\] and MAS4\[TLBSELD\]: TLB1.
const SECOND: u64 = 1 << 28;
/// The field of which [`SECOND`] is a value.
const SELECT: u64 = 3 << 28;
/// MAS1\[V\].
const VALID: u32 = 1 << 31;
/// MAS1\[IPROT\]: the entry survives invalidations.
const PROTECTED: u32 = 1 << 30;
/// MAS1\[TID\].
const TID: u32 = 0xFF << 16;
/// MAS1\[TS\].
const SPACE: u32 = 1 << 12;
/// MAS1\[TSIZE\] and MAS4\[TSIZED\].
const SIZE: u32 = 0xF << 8;
/// MAS2\[EPN\].
const PAGE: u32 = 0xFFFF_F000;
/// MAS2\[W\], I, M, G, E with the two implementation's own bits above, and their defaults in MAS4.
const ATTRIBUTES: u32 = 0x7F;
/// MAS6\[SAS\].
const SEARCH_SPACE: u64 = 1;

const PIDS: [usize; 3] = [plain(Spr::Pid), plain(Spr::Pid1), plain(Spr::Pid2)];

/// An entry, as the MAS registers of the same numbers show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TlbEntry {
    /// V, IPROT, TID, TS, TSIZE.
    pub mas1: u32,
    /// Effective page number and attributes.
    pub mas2: u32,
    /// Real page number and permissions.
    pub mas3: u32,
    /// The upper four bits of the real page number.
    pub mas7: u32,
}

impl TlbEntry {
    /// Bytes of the page: 4^TSIZE KiB. There is none of 1 KiB; it is taken for the smallest.
    const fn size(&self) -> u64 {
        let exponent = (self.mas1 & SIZE) >> 8;
        1024 << (2 * if exponent == 0 { 1 } else { exponent })
    }

    /// Whether it is valid and maps an address of this address space.
    const fn covers(&self, address: u64, space: bool) -> bool {
        self.mas1 & VALID != 0 && (self.mas1 & SPACE != 0) == space && self.holds(address)
    }

    const fn holds(&self, address: u64) -> bool {
        (self.mas2 & PAGE) as u64 & !(self.size() - 1) == address & !(self.size() - 1)
    }

    /// Whether it belongs to a process, as those of identifier 0 do to all.
    const fn belongs(&self, process: u64) -> bool {
        let own = (self.mas1 & TID) >> 16;
        own == 0 || own as u64 == process & 0xFF
    }

    fn mapping(&self, address: u64, problem: bool) -> Mapping {
        let frame = u64::from(self.mas7 & 0xF) << 32 | u64::from(self.mas3 & PAGE);
        // UX, SX, UW, SW, UR, SR from bit 58 on.
        let rights = if problem { self.mas3 >> 1 } else { self.mas3 };
        Mapping {
            real: frame & !(self.size() - 1) | address & (self.size() - 1),
            size: self.size(),
            readable: rights & 1 != 0,
            writable: rights & 4 != 0,
            executable: rights & 16 != 0,
        }
    }
}

/// Both arrays. Empty until the first entry is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tlb {
    /// TLB0, sets of four one after another, then TLB1.
    entries: Vec<TlbEntry>,
    /// TLB0\[NV\] of every set: the way to replace next.
    victims: Vec<u8>,
}

impl Tlb {
    /// The numbers of the entries that may hold an address: the ways of its set, then TLB1.
    fn candidates(&self, address: u64) -> impl Iterator<Item = (usize, &TlbEntry)> {
        let set = first_way(address);
        let fully = SETS * WAYS;
        let numbers = (set..set + WAYS).chain(fully..self.entries.len().max(fully));
        numbers.filter_map(|number| self.entries.get(number).map(|entry| (number, entry)))
    }

    fn victim(&self, address: u64) -> u8 {
        self.victims.get(first_way(address) / WAYS).copied().unwrap_or_default()
    }

    /// Every entry that is valid.
    pub fn valid(&self) -> impl Iterator<Item = &TlbEntry> {
        self.entries.iter().filter(|entry| entry.mas1 & VALID != 0)
    }

    /// Invalidates entries that are not protected.
    fn invalidate(&mut self, which: impl Fn(usize, &TlbEntry) -> bool) {
        for (number, entry) in self.entries.iter_mut().enumerate() {
            if entry.mas1 & PROTECTED == 0 && which(number, entry) {
                entry.mas1 &= !VALID;
            }
        }
    }
}

/// The number of the first way of the set that an address selects.
const fn first_way(address: u64) -> usize {
    (address >> 12) as usize % SETS * WAYS
}

/// Entries of TLB1.
const fn large_entries(model: Model) -> usize {
    if matches!(model, Model::E500mc) { 64 } else { 16 }
}

impl Cpu {
    /// A BookE mapping.
    pub(super) fn embedded(&mut self, address: u64, access: Access) -> Result<Mapping, Interrupt> {
        let space = self.translates(access);
        let processes = PIDS.map(|register| self.plain[register]);
        let found = self.tlb.candidates(address).find(|(_, entry)| {
            entry.covers(address, space) && processes.into_iter().any(|process| entry.belongs(process))
        });
        let Some((_, entry)) = found else {
            self.assist_miss(address, space);
            return Err(self.tlb_interrupt(address, access));
        };
        let mapping = entry.mapping(address, self.msr & msr::PR != 0);
        if mapping.permits(access) {
            return Ok(mapping);
        }
        Err(match access {
            Access::Fetch => Interrupt::InstructionStorage { status: 0 },
            Access::Load => Interrupt::DataStorage { address, status: 0 },
            Access::Store => Interrupt::DataStorage { address, status: DSISR_STORE },
        })
    }

    /// What a TLB error interrupt puts into the MAS registers. e500 manual, table 12-6
    fn assist_miss(&mut self, address: u64, space: bool) {
        let selected = match self.mas[4] >> 16 & 3 {
            1 => self.plain[PIDS[1]],
            2 => self.plain[PIDS[2]],
            3 => 0,
            _ => self.plain[PIDS[0]],
        };
        self.assist_defaults(address);
        self.mas[1] |= u64::from(VALID) | (selected & 0xFF) << 16 | if space { u64::from(SPACE) } else { 0 };
        self.mas[2] |= address & u64::from(PAGE);
        self.mas[6] = (self.plain[PIDS[0]] & 0xFF) << 16 | if space { SEARCH_SPACE } else { 0 };
    }

    /// The defaults of MAS4, and the way to replace.
    fn assist_defaults(&mut self, address: u64) {
        let defaults = self.mas[4];
        let victim = u64::from(self.tlb.victim(address));
        self.mas[0] = defaults & SELECT;
        if defaults & SELECT == 0 {
            self.mas[0] |= (victim << 16) | ((victim + 1) % WAYS as u64);
        }
        self.mas[1] = defaults & u64::from(SIZE);
        self.mas[2] = defaults & u64::from(ATTRIBUTES);
        self.mas[3] = 0;
        self.mas[7] = 0;
    }

    /// The entry that MAS0 and MAS2 name, if there is one.
    fn selected_entry(&self) -> Option<usize> {
        let entry = (self.mas[0] >> 16) as usize & 0xFFF;
        match self.mas[0] & SELECT {
            0 => Some(first_way(self.mas[2]) + entry % WAYS),
            SECOND => Some(SETS * WAYS + entry).filter(|_| entry < large_entries(self.model)),
            _ => None,
        }
    }

    /// tlbwe. Selecting an entry that does not exist is undefined: nothing is written.
    pub fn write_tlb(&mut self) {
        let Some(number) = self.selected_entry() else { return };
        let small = number < SETS * WAYS;
        let low = |register: usize| self.mas[register] as u32;
        let mut mas1 = low(1) & (VALID | PROTECTED | TID | SPACE | SIZE);
        if small {
            // TLB0 has one size and no protection.
            mas1 = mas1 & !(PROTECTED | SIZE) | 1 << 8;
        }
        let entry = TlbEntry { mas1, mas2: low(2) & (PAGE | ATTRIBUTES), mas3: low(3) & !0xC00, mas7: low(7) & 0xF };
        let victim = (self.mas[0] & 3) as u8;
        let tlb = &mut self.tlb;
        tlb.entries.resize(SETS * WAYS + large_entries(self.model), TlbEntry::default());
        tlb.victims.resize(SETS, 0);
        tlb.entries[number] = entry;
        if small {
            tlb.victims[number / WAYS] = victim;
        }
    }

    /// tlbre. Of an entry that does not exist MAS1 reads as 0.
    pub(crate) fn read_tlb(&mut self) {
        match self.selected_entry() {
            Some(number) => self.show_entry(number),
            None => self.mas[1] = 0,
        }
    }

    fn show_entry(&mut self, number: usize) {
        let entry = self.tlb.entries.get(number).copied().unwrap_or_default();
        let small = number < SETS * WAYS;
        self.mas[0] = if small {
            let victim = self.tlb.victims.get(number / WAYS).copied().unwrap_or_default();
            ((number % WAYS) << 16) as u64 | u64::from(victim)
        } else {
            SECOND | ((number - SETS * WAYS) << 16) as u64
        };
        self.mas[1] = entry.mas1.into();
        self.mas[2] = entry.mas2.into();
        self.mas[3] = entry.mas3.into();
        self.mas[7] = entry.mas7.into();
    }

    /// tlbsx: the entry for an address in the process and address space of MAS6, or V=0 with the defaults.
    pub(crate) fn search_tlb(&mut self, address: u64) {
        let address = self.effective(address);
        let (process, space) = (self.mas[6] >> 16 & 0xFF, self.mas[6] & SEARCH_SPACE != 0);
        let found = self
            .tlb
            .candidates(address)
            .find(|(_, entry)| entry.covers(address, space) && entry.belongs(process))
            .map(|(number, _)| number);
        if let Some(number) = found {
            return self.show_entry(number);
        }
        self.assist_defaults(address);
        self.mas[1] |= process << 16 | if space { u64::from(SPACE) } else { 0 };
    }

    /// tlbivax: one page in every process and address space, or all of one TLB. e500 manual 12.4.3
    pub(crate) fn invalidate_tlb(&mut self, operand: u64) {
        let operand = self.effective(operand);
        let (all, large) = (operand & 4 != 0, operand & 8 != 0);
        self.tlb.invalidate(|number, entry| {
            let this = if large { number >= SETS * WAYS } else { number < SETS * WAYS };
            this && (all || entry.holds(operand))
        });
    }

    /// tlbilx: all entries (T=0), those of a process (1) or those of an address (3). Power ISA 2.07 Book III-E 6.11.4.4
    pub(crate) fn invalidate_local_tlb(&mut self, kind: u32, address: u64) {
        let address = self.effective(address);
        let (process, space) = (self.mas[6] >> 16 & 0xFF, self.mas[6] & SEARCH_SPACE != 0);
        self.tlb.invalidate(|_, entry| match kind {
            0 => true,
            1 => u64::from(entry.mas1 & TID) >> 16 == process,
            _ => entry.covers(address, space) && u64::from(entry.mas1 & TID) >> 16 == process,
        });
    }
}
