//! Segments and translation look-aside. Power ISA Book III 6.9; Programming Environments Manual 4.4
//!
//! The core keeps no translations, so tlbie and its kin have nothing to forget: their privilege is what they show.

use crate::bits::{rb, rt};
use crate::cpu::{Cpu, SlbEntry, XER_SO};
use crate::execute::{Outcome, Step};
use crate::table::Op;

/// The class bit of an entry's VSID. Power ISA Book III figure 28
const CLASS: u64 = 1 << 7;

impl Cpu {
    pub(crate) fn segment(&mut self, op: Op, word: u32) -> Outcome {
        let (s, b) = (self.gpr[rt(word)], self.gpr[rb(word)]);
        let entry = (b & 31) as usize;
        match op {
            Op::Tlbie | Op::Tlbiel | Op::Tlbsync | Op::Tlbia | Op::Slbieg | Op::Slbiag | Op::Slbsync => {}
            Op::Mtsr | Op::Mtsrin | Op::Mfsr | Op::Mfsrin if self.model.is_server() => self.bridge(op, word),
            Op::Mtsr => self.sr[(word >> 16 & 15) as usize] = s as u32,
            Op::Mtsrin => self.sr[(b >> 28 & 15) as usize] = s as u32,
            Op::Mfsr => self.set(rt(word), self.sr[(word >> 16 & 15) as usize].into()),
            Op::Mfsrin => self.set(rt(word), self.sr[(b >> 28 & 15) as usize].into()),
            Op::Slbmte => {
                self.slb[entry] = SlbEntry { esid: b & 0xFFFF_FFFF_F800_0000, vsid: s };
            }
            Op::Slbmfee => self.set(rt(word), self.slb[entry].esid),
            Op::Slbmfev => self.set(rt(word), self.slb[entry].vsid),
            Op::SlbfeeDot => {
                let found = self.segment_of(self.effective(b));
                let (value, bit) = found.map_or((0, 0), |entry| (entry.vsid, 2));
                self.set(rt(word), value);
                self.set_cr(0, bit | u32::from(self.xer & XER_SO != 0));
            }
            Op::Tlbre => self.read_tlb(),
            Op::Tlbwe => self.write_tlb(),
            Op::Tlbsx => self.search_tlb(self.indexed(word)),
            Op::Tlbivax => self.invalidate_tlb(self.indexed(word)),
            Op::Tlbilx => self.invalidate_local_tlb(word >> 21 & 3, self.indexed(word)),
            Op::Slbie => {
                let address = self.effective(b);
                for entry in &mut self.slb {
                    if entry.covers(address) {
                        entry.esid &= !SlbEntry::VALID;
                    }
                }
            }
            Op::Slbia => self.invalidate_segments(word >> 21 & 7),
            _ => return self.unknown_operation(word),
        }
        Ok(Step::Next)
    }

    /// The segment registers of the bridge are the first entries, whose segments are the first. The register has Ks, Kp, N and L
    /// in bits 33 to 36 and the low half of the VSID in 37 to 63. Power ISA 2.07 Book III-S 5.9.3.2
    fn bridge(&mut self, op: Op, word: u32) {
        let number = match op {
            Op::Mtsr | Op::Mfsr => u64::from(word >> 16 & 15),
            _ => self.gpr[rb(word)] >> 28 & 15,
        };
        let entry = &mut self.slb[number as usize];
        if matches!(op, Op::Mtsr | Op::Mtsrin) {
            let register = self.gpr[rt(word)];
            let vsid = (register & 0x07FF_FFFF) << 12 | (register >> 27 & 15) << 8;
            *entry = SlbEntry { esid: number << 28 | SlbEntry::VALID, vsid };
        } else {
            let value = (entry.vsid >> 8 & 15) << 27 | entry.vsid >> 12 & 0x07FF_FFFF;
            self.set(rt(word), value);
        }
    }

    /// slbia: every entry but the first, whatever IH says of look-aside information; from 3.0 on IH also chooses entries.
    /// Power ISA 2.07 Book III-S 5.9.3.1; 3.0 Book III 5.9.3.2
    fn invalidate_segments(&mut self, hint: u32) {
        let hint = if self.model.is_v30() { hint } else { 0 };
        for (index, entry) in self.slb.iter_mut().enumerate() {
            let stays = match hint {
                3 => entry.vsid & CLASS == 0,
                4 => false,
                7 => true,
                _ => index == 0,
            };
            if !stays {
                entry.esid &= !SlbEntry::VALID;
            }
        }
    }
}
