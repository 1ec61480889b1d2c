//! Time and the interrupts that wait: one tick an instruction.

use crate::cpu::Cpu;
use crate::interrupt::Interrupt;
use crate::msr;

/// TSR\[DIS\] and TCR\[DIE\], TCR\[ARE\]. Power ISA 2.07 Book III-E 9.7
const TSR_DIS: u32 = 0x0800_0000;
const TCR_DIE: u32 = 0x0400_0000;
const TCR_ARE: u32 = 0x0040_0000;

impl Cpu {
    /// The interrupt to take before the next instruction, if one waits and is enabled.
    #[inline]
    pub(crate) fn deliverable(&self) -> Option<Interrupt> {
        if self.msr & msr::EE == 0 {
            return None;
        }
        let decrementer = self.decrementer_exception() && (!self.model.is_embedded() || self.tcr & TCR_DIE != 0);
        if !decrementer && !self.external_pending || self.in_critical_section() {
            return None;
        }
        Some(if self.external_pending { Interrupt::External } else { Interrupt::Decrementer })
    }

    /// A decrementer exception exists: a level on servers (Power ISA Book III 7.5.12), an event on the others.
    #[inline]
    pub(crate) fn decrementer_exception(&self) -> bool {
        if self.model.is_server() {
            let sign = if self.large_decrementer() { 55 } else { 31 };
            self.dec >> sign & 1 != 0
        } else if self.model.is_embedded() {
            self.tsr & TSR_DIS != 0
        } else {
            self.decrementer_pending
        }
    }

    /// LPCR\[LD\] makes the decrementer 56 bits wide. Power ISA 3.0 Book III 8.3
    pub(crate) fn large_decrementer(&self) -> bool {
        self.model.is_v30() && self.lpcr & msr::LPCR_LD != 0
    }

    /// One instruction's worth of time.
    #[inline]
    pub(crate) fn tick(&mut self) {
        self.tb = self.tb.wrapping_add(1);
        if self.model.is_server() {
            let width = if self.large_decrementer() { (1 << 56) - 1 } else { 0xFFFF_FFFF };
            self.dec = self.dec.wrapping_sub(1) & width;
        } else if self.model.is_embedded() {
            // It stops at 0; the step from 1 to 0 is the event.
            if self.dec == 1 {
                self.tsr |= TSR_DIS;
                self.dec = if self.tcr & TCR_ARE != 0 { self.decar.into() } else { 0 };
            } else {
                self.dec = self.dec.saturating_sub(1);
            }
        } else {
            self.decrementer_pending |= self.dec & 0xFFFF_FFFF == 0;
            self.dec = self.dec.wrapping_sub(1) & 0xFFFF_FFFF;
        }
    }

    /// So many instructions' worth of time, within [`quiet_for`](Self::quiet_for).
    pub(crate) fn tick_by(&mut self, instructions: u64) {
        for _ in 0..instructions.min(4) {
            self.tick();
        }
        let rest = instructions - instructions.min(4);
        self.tb = self.tb.wrapping_add(rest);
        let width = if self.large_decrementer() { (1 << 56) - 1 } else { 0xFFFF_FFFF };
        self.dec = self.dec.wrapping_sub(rest) & width;
    }

    pub(crate) fn quiet_for(&self) -> u64 {
        if self.deliverable().is_some() || self.model.is_embedded() {
            0
        } else {
            (self.dec & 0x7FFF_FFFF).saturating_sub(4)
        }
    }
}
