//! Translation of the 32-bit models of the original architecture: block address registers first, then segment registers
//! and the hashed page table. Programming Environments Manual for 32-bit implementations, chapter 7.

use super::{Access, Mapping, NO_EXECUTE, PROTECTION};
use crate::cpu::Cpu;
use crate::interrupt::DSISR_NO_PAGE;
use crate::memory::Memory;
use crate::msr;
use crate::row::plain;
use crate::table::Spr;

/// DSISR: a load or store to a direct-store segment, which the 750 and 7400 do not implement. MPC750 manual, 4.5.3
const DIRECT_STORE: u32 = 0x8000_0000;

/// Segment register: direct-store segment.
const SR_T: u32 = 0x8000_0000;
/// Segment register: storage key in supervisor state.
const SR_KS: u32 = 0x4000_0000;
/// Segment register: storage key in problem state.
const SR_KP: u32 = 0x2000_0000;
/// Segment register: no execute.
const SR_N: u32 = 0x1000_0000;

/// Second word of an entry: referenced.
const REFERENCED: u32 = 0x100;
/// Second word of an entry: changed.
const CHANGED: u32 = 0x80;
/// Second word of an entry: guarded.
const GUARDED: u32 = 0x08;
/// Page number of an address.
const PAGE: u32 = 0xFFFF_F000;

const SDR1: usize = plain(Spr::Sdr1);
const INSTRUCTION_BLOCKS: [[usize; 2]; 4] = [
    [plain(Spr::Ibat0u), plain(Spr::Ibat0l)],
    [plain(Spr::Ibat1u), plain(Spr::Ibat1l)],
    [plain(Spr::Ibat2u), plain(Spr::Ibat2l)],
    [plain(Spr::Ibat3u), plain(Spr::Ibat3l)],
];
const DATA_BLOCKS: [[usize; 2]; 4] = [
    [plain(Spr::Dbat0u), plain(Spr::Dbat0l)],
    [plain(Spr::Dbat1u), plain(Spr::Dbat1l)],
    [plain(Spr::Dbat2u), plain(Spr::Dbat2l)],
    [plain(Spr::Dbat3u), plain(Spr::Dbat3l)],
];

impl Cpu {
    /// A classic model's mapping, or bits of DSISR or SRR1.
    pub(super) fn classic(&mut self, memory: &mut Memory, address: u64, access: Access) -> Result<Mapping, u32> {
        if !self.translates(access) {
            return Ok(Mapping::untranslated(address));
        }
        let address = address as u32;
        match self.block(address, access) {
            Some(mapping) if mapping.permits(access) => Ok(mapping),
            Some(_) => Err(PROTECTION),
            None => self.page(memory, address, access),
        }
    }

    /// The block that holds an address. Of several, which is an error of the program, the first. PEM 7.4
    fn block(&self, address: u32, access: Access) -> Option<Mapping> {
        let registers = if access == Access::Fetch { INSTRUCTION_BLOCKS } else { DATA_BLOCKS };
        // Vs is bit 30 of the upper register, Vp bit 31.
        let valid = if self.msr & msr::PR != 0 { 1 } else { 2 };
        registers.into_iter().find_map(|[upper, lower]| {
            let [upper, lower] = [self.plain[upper] as u32, self.plain[lower] as u32];
            // BL, bits 19 to 29, says which bits of the block number above 128 KiB are not compared.
            let length = (upper & 0x1FFC) << 15;
            let compared = 0xFFFE_0000 & !length;
            if upper & valid == 0 || (address ^ upper) & compared != 0 {
                return None;
            }
            let real = (lower & 0xFFFE_0000) | (address & (length | 0x0001_FFFF));
            let (readable, writable) = (lower & 3 != 0, lower & 3 == 2);
            Some(Mapping { real: real.into(), size: 1 << 17, readable, writable, executable: readable })
        })
    }

    /// PEM 7.5 and 7.6
    fn page(&self, memory: &mut Memory, address: u32, access: Access) -> Result<Mapping, u32> {
        let segment = self.sr[(address >> 28) as usize];
        if segment & SR_T != 0 {
            return Err(if access == Access::Fetch { NO_EXECUTE } else { DIRECT_STORE });
        }
        if access == Access::Fetch && segment & SR_N != 0 {
            return Err(NO_EXECUTE);
        }
        let (at, low) = self.page_entry(memory, segment, address).ok_or(DSISR_NO_PAGE)?;
        let key = segment & if self.msr & msr::PR != 0 { SR_KP } else { SR_KS } != 0;
        let (readable, writable) = match (key, low & 3) {
            (_, 2) | (false, 0 | 1) => (true, true),
            (_, 3) | (true, 1) => (true, false),
            _ => (false, false),
        };
        let guarded = low & GUARDED != 0;
        let mapping = Mapping {
            real: (low & PAGE | address & !PAGE).into(),
            size: 1 << 12,
            readable,
            writable,
            executable: readable && !guarded && segment & SR_N == 0,
        };
        if !mapping.permits(access) {
            return Err(if access == Access::Fetch && guarded { NO_EXECUTE } else { PROTECTION });
        }
        let marked = low | if access == Access::Store { REFERENCED | CHANGED } else { REFERENCED };
        if marked != low {
            // The entry was read from there. Only the bytes of R and C are stored.
            let _ = memory.write_u16(at + 6, marked as u16, true);
        }
        Ok(Mapping { writable: writable && marked & CHANGED != 0, ..mapping })
    }

    /// The page table entry of an address: where it is, and its second word. PEM 7.6.1
    fn page_entry(&self, memory: &mut Memory, segment: u32, address: u32) -> Option<(u64, u32)> {
        let table = self.plain[SDR1] as u32;
        let (identifier, page) = (segment & 0xFF_FFFF, address >> 12 & 0xFFFF);
        let hash = identifier & 0x7_FFFF ^ page;
        // HTABMASK, bits 23 to 31, admits the upper nine bits of the hash.
        let admitted = (table & 0x1FF) << 10 | 0x3FF;
        let wanted = 1 << 31 | identifier << 7 | page >> 10;
        for (secondary, hash) in [(0, hash), (0x40, !hash)] {
            let group = u64::from(table & 0xFFFF_0000 | (hash & admitted) << 6);
            memory.watch(group);
            for at in (group..group + 64).step_by(8) {
                if memory.read_u32(at, true) == Ok(wanted | secondary) {
                    return memory.read_u32(at + 4, true).ok().map(|low| (at, low));
                }
            }
        }
        None
    }
}
