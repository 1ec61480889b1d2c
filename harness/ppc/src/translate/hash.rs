//! Hash translation of 64-bit servers. Power ISA 2.07 Book III-S 5.7; 3.0 Book III 5.7.
//!
//! Radix translation is not offered: where LPCR or the partition table asks for it, every translated access ends in the
//! storage interrupt for an unsupported configuration (DSISR bit 44 of 3.0). Segment tables in memory (LPCR\[UPRT\] of a
//! hash guest) are not searched, only the SLB. A storage interrupt that LPCR\[VPM\] would direct to the hypervisor goes to
//! the guest, as if the hypervisor had reflected it.

use super::table::{CHANGED, Place, REFERENCED};
use super::{Access, Mapping, NO_EXECUTE, PROTECTION, REAL, Translation};
use crate::cpu::{Cpu, SlbEntry};
use crate::interrupt::DSISR_NO_PAGE;
use crate::memory::Memory;
use crate::msr;
use crate::row::plain;
use crate::table::Spr;

/// DSISR and SRR1 bit 42: a virtual page class key forbids the access.
const KEY: u32 = 0x0020_0000;
/// DSISR and SRR1 bit 44 (3.0): unsupported configuration.
const UNSUPPORTED: u32 = 0x0008_0000;

/// LPCR\[VPM0\]: real-mode accesses of a partition use the virtual real mode area.
const LPCR_VPM0: u64 = 1 << 63;
/// LPCR\[ISL\]: page sizes of segments are ignored.
const LPCR_ISL: u64 = 1 << 61;
/// LPCR\[HR\] (3.0): radix.
const LPCR_HR: u64 = 1 << 20;
/// The segment of the virtual real mode area: 1 TiB, VSID 0x1FFFFFF, no key. 2.07 Book III-S 5.7.3.4
const VRMA: u64 = 1 << 62 | 0x01FF_FFFF << 24;
/// Granularity of real mode offsets.
const OFFSET: u64 = 1 << 20;

const SDR1: usize = plain(Spr::Sdr1);
const PTCR: usize = plain(Spr::Ptcr);
const LPIDR: usize = plain(Spr::Lpidr);
const HRMOR: usize = plain(Spr::Hrmor);
const AMR: usize = plain(Spr::Amr);
const IAMR: usize = plain(Spr::Iamr);

impl SlbEntry {
    /// Ks: storage key in supervisor state.
    const KS: u64 = 0x800;
    /// Kp: storage key in problem state.
    const KP: u64 = 0x400;
    /// N: no execute.
    const NO_EXECUTE: u64 = 0x200;
    /// L and LP: base page size.
    const SIZE: u64 = 0x130;

    /// Whether it is valid and its segment holds an address.
    pub(crate) const fn covers(&self, address: u64) -> bool {
        self.esid & Self::VALID != 0 && (self.esid ^ address) >> self.shift() == 0
    }

    /// Logarithm of the segment's size: B of 01 is 1 TiB, of 00 256 MiB.
    pub(crate) const fn shift(&self) -> u32 {
        if self.vsid >> 62 == 1 { 40 } else { 28 }
    }

    /// Logarithm of the base page size, of which the encodings are those of POWER7 to POWER10 (device tree property
    /// `ibm,segment-page-sizes`); none for a reserved one, nor for a page larger than the segment.
    const fn base_page(&self) -> Option<u32> {
        match self.vsid & Self::SIZE {
            0x000 => Some(12),
            0x110 => Some(16),
            0x100 => Some(24),
            0x120 if self.shift() > 34 => Some(34),
            _ => None,
        }
    }

    /// The virtual segment identifier.
    const fn identifier(&self) -> u64 {
        let field = self.vsid & 0x3FFF_FFFF_FFFF_F000;
        if self.shift() == 40 { field >> 24 } else { field >> 12 }
    }

    /// The hash of a page, 39 bits. 2.07 Book III-S 5.7.7.3
    const fn hash(&self, address: u64, base: u32) -> u64 {
        let page = (address & ((1 << self.shift()) - 1)) >> base;
        let vsid = self.identifier();
        let spread = if self.shift() == 40 { vsid ^ vsid << 25 } else { vsid };
        (spread ^ page) & ((1 << 39) - 1)
    }

    /// Bits 0 to 54 of the virtual address.
    const fn abbreviated(&self, address: u64) -> u64 {
        self.identifier() << (self.shift() - 23) | (address & ((1 << self.shift()) - 1)) >> 23
    }
}

/// Logarithm of the actual page size of an entry in a segment of this base page size; none where the entry is for another.
/// Encodings: see [`SlbEntry::base_page`].
const fn actual_page(base: u32, [high, low]: [u64; 2]) -> Option<u32> {
    const LARGE: u64 = 4;
    let size = low >> 12 & 0xFF;
    match (base, high & LARGE != 0) {
        (12, false) => Some(12),
        (12, true) if size & 0xF == 7 => Some(16),
        (12, true) if size == 0x38 => Some(24),
        (16, true) if size & 0xF == 1 => Some(16),
        (16, true) if size == 0x08 => Some(24),
        (24, true) if size == 0 => Some(24),
        (34, true) if size == 3 => Some(34),
        _ => None,
    }
}

/// An entry that a search found.
struct Found {
    number: u64,
    low: u64,
    /// Logarithms of the sizes.
    base: u32,
    actual: u32,
}

impl Cpu {
    /// A server's mapping, or bits of DSISR or SRR1. With translation on a segment is there unless translation is radix.
    pub(super) fn hashed(&mut self, memory: &mut Memory, address: u64, access: Access) -> Result<Mapping, u32> {
        let real_mode = !self.translates(access);
        if real_mode && let Some(mapping) = self.real_mode(address)? {
            return Ok(mapping);
        }
        let (place, area) = self.table_place(memory)?;
        let segment = match self.segment_of(address) {
            Some(segment) if !real_mode => segment,
            _ => SlbEntry { esid: SlbEntry::VALID, vsid: VRMA | area },
        };
        if access == Access::Fetch && segment.vsid & SlbEntry::NO_EXECUTE != 0 {
            return Err(NO_EXECUTE);
        }
        let found = self.search_groups(memory, place, segment, address).ok_or(DSISR_NO_PAGE)?;
        let rights = self.rights(segment, &found, !real_mode);
        let mut mapping = rights.mapping(&found, address);
        if !mapping.permits(access) {
            return Err(rights.refusal(access));
        }
        let marks = if access == Access::Store { REFERENCED | CHANGED } else { REFERENCED };
        if found.low & marks != marks {
            place.mark(self.held_mut(), memory, found.number, found.low | marks);
        }
        mapping.writable &= (found.low | marks) & CHANGED != 0;
        Ok(mapping)
    }

    /// With translation off: the address itself, moved by what the state of the processor says; none for the virtual
    /// real mode area. 2.07 Book III-S 5.7.3; 3.0 Book III 5.7.3
    fn real_mode(&self, address: u64) -> Result<Option<Mapping>, u32> {
        let plain = Mapping::untranslated(address);
        if self.msr & msr::HV != 0 {
            let offset = if address >> 63 == 0 { self.plain[HRMOR] & REAL & !(OFFSET - 1) } else { 0 };
            let size = if offset == 0 { plain.size } else { OFFSET };
            return Ok(Some(Mapping { real: plain.real | offset, size, ..plain }));
        }
        if self.model.is_v30() {
            // There is nothing else from 3.0 on; a processor without a partition table is left in peace.
            return Ok((self.plain[PTCR] == 0).then_some(plain));
        }
        if self.lpcr & LPCR_VPM0 != 0 {
            return Ok(None);
        }
        // The encodings of LPCR[RMLS] are the processor's own: those of POWER4 to POWER8 (Linux
        // arch/powerpc/kvm/book3s_hv.c). RMOR is not modelled and reads as 0.
        let limit: u64 = match self.lpcr >> 26 & 15 {
            0 => 1 << 38,
            1 => 1 << 34,
            2 => 1 << 30,
            3 => 1 << 26,
            4 => 1 << 28,
            7 => 1 << 27,
            8 => 1 << 25,
            _ => 0,
        };
        if plain.real >= limit { Err(PROTECTION) } else { Ok(Some(Mapping { size: 1 << 25, ..plain })) }
    }

    /// Whether a partition of 3.0 asks for radix translation, in which the SLB has no part.
    pub(super) fn is_radix(&self, memory: &mut Memory) -> bool {
        self.table_place(memory).is_err()
    }

    /// The table, and L and LP of the virtual real mode area as an SLB entry has them.
    fn table_place(&self, memory: &mut Memory) -> Result<(Place, u64), u32> {
        if let Translation::Held(_) = self.translation {
            return Ok((Place::Held, 0));
        }
        if !self.model.is_v30() {
            // VRMASD, bits 12 to 16, has L in its first bit and LP in its last two.
            return Ok((Place::located(self.plain[SDR1], false), (self.lpcr >> 47 & 31) << 4 & SlbEntry::SIZE));
        }
        // A partition table entry is 16 bytes; its first doubleword describes a hashed table. 3.0 Book III 5.7.6.1
        let at = (self.plain[PTCR] & 0x0FFF_FFFF_FFFF_F000) + 16 * self.plain[LPIDR];
        memory.watch(at);
        let entry = memory.read_u64(at, true).unwrap_or_default();
        if entry >> 63 != 0 || self.lpcr & LPCR_HR != 0 {
            return Err(UNSUPPORTED);
        }
        let size = (entry >> 7 & 1) << 8 | (entry >> 5 & 3) << 4;
        Ok((Place::located(entry, true), size))
    }

    fn held_mut(&mut self) -> Option<&mut super::HashTable> {
        if let Translation::Held(table) = &mut self.translation { Some(table) } else { None }
    }

    /// Searches the primary group, then the secondary. 2.07 Book III-S 5.7.7.3
    fn search_groups(&self, memory: &mut Memory, place: Place, segment: SlbEntry, address: u64) -> Option<Found> {
        let ignored = self.lpcr & LPCR_ISL != 0 && self.msr & msr::HV == 0;
        let base = if ignored && !matches!(place, Place::Held) { 12 } else { segment.base_page()? };
        let hash = segment.hash(address, base);
        // Bits of the virtual address within the base page are not compared.
        let compared = !((1_u64 << base.saturating_sub(23)) - 1) & ((1 << 55) - 1);
        let wanted = segment.abbreviated(address) & compared;
        let held = if let Translation::Held(table) = &self.translation { Some(table) } else { None };
        for (secondary, hash) in [(0, hash), (2, !hash)] {
            for (number, entry) in place.group(held, memory, hash) {
                let [high, low] = entry;
                let matches =
                    high & 3 == 1 | secondary && high >> 62 == segment.vsid >> 62 && (high >> 7) & compared == wanted;
                if matches && let Some(actual) = actual_page(base, entry) {
                    return Some(Found { number, low, base, actual });
                }
            }
        }
        None
    }

    /// What an entry permits. 2.07 Book III-S 5.7.9 and 5.7.10
    fn rights(&self, segment: SlbEntry, found: &Found, keys: bool) -> Rights {
        let key = segment.vsid & if self.msr & msr::PR != 0 { SlbEntry::KP } else { SlbEntry::KS } != 0;
        let protection = found.low >> 61 & 4 | found.low & 3;
        let (load, store) = match (key, protection) {
            (_, 0b010) | (false, 0b000 | 0b001) => (true, true),
            (false, 0b011 | 0b110) | (true, 0b001 | 0b011) => (true, false),
            // 000 and 110 with the key; the rest is reserved.
            _ => (false, false),
        };
        const GUARDED_OR_NO_EXECUTE: u64 = 0xC;
        let class = (found.low >> 60 & 3) << 3 | found.low >> 9 & 7;
        let bits = |register: u64| if keys { register >> (2 * (31 - class)) & 3 } else { 0 };
        let masked = bits(self.plain[AMR]);
        Rights {
            load,
            store,
            execute: found.low & GUARDED_OR_NO_EXECUTE == 0 && segment.vsid & SlbEntry::NO_EXECUTE == 0,
            key_load: masked & 1 == 0,
            key_store: masked & 2 == 0,
            key_fetch: bits(self.plain[IAMR]) & 1 == 0,
        }
    }
}

/// What the protection mechanisms permit, each for itself.
struct Rights {
    load: bool,
    store: bool,
    execute: bool,
    key_load: bool,
    key_store: bool,
    key_fetch: bool,
}

impl Rights {
    fn mapping(&self, found: &Found, address: u64) -> Mapping {
        let offset = (1 << found.actual) - 1;
        Mapping {
            real: found.low & REAL & !0xFFF & !offset | address & offset,
            // Another base page is found by another entry.
            size: 1 << found.base,
            readable: self.load && self.key_load,
            writable: self.store && self.key_store,
            executable: self.load && self.execute && self.key_fetch,
        }
    }

    /// Why an access is refused. 2.07 Book III-S 6.5.3 and 6.5.5
    fn refusal(&self, access: Access) -> u32 {
        let (permitted, key) = match access {
            Access::Fetch => (self.load, self.key_fetch),
            Access::Load => (self.load, self.key_load),
            Access::Store => (self.store, self.key_store),
        };
        let mut status = if key { 0 } else { KEY };
        if access == Access::Fetch && !self.execute {
            status |= NO_EXECUTE;
        } else if !permitted {
            status |= PROTECTION;
        }
        status
    }
}
