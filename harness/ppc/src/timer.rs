//! Time and the interrupts that wait: one tick an instruction.
//!
//! Power ISA Book III chapter 8 and 7.5.12 to 7.5.15; Power ISA 2.07 Book III-E chapter 9; e500 Core Family Reference
//! Manual chapter 2.9. The time base is never stopped (HID0\[TBEN\] has no effect), and the reset that a watchdog asks for in
//! TSR\[WRS\] is the caller's to make.

use crate::cpu::Cpu;
use crate::doorbell::Doorbell;
use crate::interrupt::{Hypervisor, Interrupt};
use crate::msr;
use crate::row::plain;
use crate::table::Spr;

/// TSR\[ENW\]: the watchdog has run out once. Power ISA 2.07 Book III-E 9.7
const TSR_ENW: u32 = 0x8000_0000;
/// TSR\[WIS\]: it has run out twice.
const TSR_WIS: u32 = 0x4000_0000;
/// TSR\[DIS\]: the decrementer has run out.
const TSR_DIS: u32 = 0x0800_0000;
/// TSR\[FIS\]: the fixed interval is over.
const TSR_FIS: u32 = 0x0400_0000;
/// TCR\[WRC\], and TSR\[WRS\], which takes its value when the watchdog runs out a third time.
const WATCHDOG_RESET: u32 = 0x3000_0000;
/// TCR\[WIE\]. Power ISA 2.07 Book III-E 9.6
const TCR_WIE: u32 = 0x0800_0000;
/// TCR\[DIE\].
const TCR_DIE: u32 = 0x0400_0000;
/// TCR\[FIE\].
const TCR_FIE: u32 = 0x0080_0000;
/// TCR\[ARE\].
const TCR_ARE: u32 = 0x0040_0000;

/// LPCR\[HDICE\]. Power ISA Book III 2.2
const LPCR_HDICE: u64 = 1;

/// Bits of [`Cpu::asking`].
const DECREMENTER: u8 = 1;
const HYPERVISOR_DECREMENTER: u8 = 2;
const FIXED_INTERVAL: u8 = 4;
const WATCHDOG: u8 = 8;

const HDEC: usize = plain(Spr::Hdec);

/// Ticks until this bit of the time base turns from 0 to 1.
fn until_rise(tb: u64, bit: u64) -> u64 {
    let period_less_one = bit | (bit - 1);
    match bit.wrapping_sub(tb) & period_less_one {
        0 => period_less_one.saturating_add(1),
        ticks => ticks,
    }
}

/// How often this bit of the time base turns from 0 to 1 within `ticks`.
fn rises(tb: u64, bit: u64, ticks: u64) -> u64 {
    let first = until_rise(tb, bit);
    if ticks < first {
        return 0;
    }
    // The most significant bit has a period of 2 to the 64.
    1 + bit.checked_mul(2).map_or(0, |period| (ticks - first) / period)
}

impl Cpu {
    /// The interrupt to take before the next instruction: an exception waits and the state lets it through. Where several
    /// wait, critical interrupts come first, then external ones, then those of time, then doorbells.
    #[inline]
    pub fn deliverable(&self) -> Option<Interrupt> {
        let always = self.hypervisor == Hypervisor::Guest || self.model.is_embedded();
        if self.msr & msr::EE == 0 && !always {
            return None;
        }
        let asking = self.asking();
        if asking == 0 && !self.external_pending && !self.anything_rings() || self.in_critical_section() {
            return None;
        }
        if self.model.is_embedded() { self.deliverable_embedded(asking) } else { self.deliverable_server(asking) }
    }

    /// Interrupts to a hypervisor in memory are let through by EE or by the absence of its state, whatever EE is. Power ISA
    /// Book III 7.5.7, 7.5.13, 7.5.20
    fn deliverable_server(&self, asking: u8) -> Option<Interrupt> {
        let enabled = self.msr & msr::EE != 0;
        let hypervised = self.hypervisor == Hypervisor::Guest && self.model.is_server();
        let above = hypervised && (enabled || self.msr & (msr::HV | msr::PR) != msr::HV);
        let external = if hypervised && self.lpcr & msr::LPCR_LPES == 0 { above } else { enabled };
        let waiting = [
            (self.external_pending && external, Interrupt::External),
            (asking & HYPERVISOR_DECREMENTER != 0 && above, Interrupt::HypervisorDecrementer),
            (asking & DECREMENTER != 0 && enabled, Interrupt::Decrementer),
            (self.rings(Doorbell::Hypervisor) && above, Interrupt::HypervisorDoorbell),
            (self.rings(Doorbell::Privileged) && enabled, Interrupt::Doorbell),
        ];
        waiting.into_iter().find(|(waits, _)| *waits).map(|(_, which)| which)
    }

    /// CE lets critical interrupts through, EE the others. What goes to a hypervisor in memory interrupts a guest whatever
    /// its MSR says, but for the doorbells that stand for its own interrupts. Power ISA 2.07 Book III-E 7.6, 7.8.1
    fn deliverable_embedded(&self, asking: u8) -> Option<Interrupt> {
        let (critical, enabled) = (self.msr & msr::CE != 0, self.msr & msr::EE != 0);
        let guest = self.hypervisor == Hypervisor::Guest && self.msr & msr::GS != 0;
        let external = if self.external_to_guest() { enabled } else { guest || enabled };
        let waiting = [
            (asking & WATCHDOG != 0 && (guest || critical), Interrupt::Watchdog),
            (self.rings(Doorbell::Critical) && (guest || critical), Interrupt::CriticalDoorbell),
            (self.rings(Doorbell::GuestCritical) && guest && critical, Interrupt::GuestCriticalDoorbell),
            (self.external_pending && external, Interrupt::External),
            (asking & FIXED_INTERVAL != 0 && (guest || enabled), Interrupt::FixedInterval),
            (asking & DECREMENTER != 0 && (guest || enabled), Interrupt::Decrementer),
            (self.rings(Doorbell::Processor) && (guest || enabled), Interrupt::Doorbell),
            (self.rings(Doorbell::Guest) && guest && enabled, Interrupt::GuestDoorbell),
        ];
        waiting.into_iter().find(|(waits, _)| *waits).map(|(_, which)| which)
    }

    /// An interrupt could be taken if the MSR let it through.
    pub fn exception_waits(&self) -> bool {
        self.external_pending || self.asking() != 0 || self.anything_rings()
    }

    /// Exceptions made by time which their own control registers let through.
    #[inline]
    fn asking(&self) -> u8 {
        let mut asking = 0;
        if self.model.is_embedded() {
            for (status, enable, bit) in
                [(TSR_DIS, TCR_DIE, DECREMENTER), (TSR_FIS, TCR_FIE, FIXED_INTERVAL), (TSR_WIS, TCR_WIE, WATCHDOG)]
            {
                if self.tsr & status != 0 && self.tcr & enable != 0 {
                    asking |= bit;
                }
            }
            return asking;
        }
        if self.decrementer_exception() {
            asking |= DECREMENTER;
        }
        if self.has_hypervisor_decrementer() && self.plain[HDEC] >> self.hypervisor_sign() & 1 != 0 {
            asking |= HYPERVISOR_DECREMENTER;
        }
        asking
    }

    /// A decrementer exception exists: a level on servers (Power ISA Book III 7.5.12), an event on the others.
    #[inline]
    pub fn decrementer_exception(&self) -> bool {
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

    /// The harness keeps its own time: the register means something only to a hypervisor in memory.
    #[inline]
    fn has_hypervisor_decrementer(&self) -> bool {
        self.hypervisor == Hypervisor::Guest && self.model.is_server() && self.lpcr & LPCR_HDICE != 0
    }

    /// Where its sign is: 56 bits from 3.0 on, whatever LPCR\[LD\] says. Power ISA 3.0 Book III 8.4
    fn hypervisor_sign(&self) -> u32 {
        if self.model.is_v30() { 55 } else { 31 }
    }

    /// Bits of the decrementer that count.
    fn decrementer_width(&self) -> u64 {
        if self.large_decrementer() { (1 << 56) - 1 } else { 0xFFFF_FFFF }
    }

    /// The bit of the time base that TCR\[FP\] and TCR\[FPEXT\] select: 0 the most significant.
    fn fixed_interval_bit(&self) -> u64 {
        1 << (63 - ((self.tcr >> 13 & 0xF) << 2 | self.tcr >> 24 & 3))
    }

    /// The bit of the time base that TCR\[WP\] and TCR\[WPEXT\] select.
    fn watchdog_bit(&self) -> u64 {
        1 << (63 - ((self.tcr >> 17 & 0xF) << 2 | self.tcr >> 30))
    }

    /// One instruction's worth of time.
    #[inline]
    pub(crate) fn tick(&mut self) {
        let before = self.tb;
        self.tb = before.wrapping_add(1);
        if self.model.is_server() {
            self.dec = self.dec.wrapping_sub(1) & self.decrementer_width();
            if self.hypervisor == Hypervisor::Guest {
                self.count_hypervisor(1);
            }
        } else if self.model.is_embedded() {
            // It stops at 0; the step from 1 to 0 is the event.
            if self.dec == 1 {
                self.tsr |= TSR_DIS;
                self.dec = if self.tcr & TCR_ARE != 0 { self.decar.into() } else { 0 };
            } else {
                self.dec = self.dec.saturating_sub(1);
            }
            let risen = !before & self.tb;
            if risen & self.fixed_interval_bit() != 0 {
                self.tsr |= TSR_FIS;
            }
            if risen & self.watchdog_bit() != 0 {
                self.watchdog_runs_out();
            }
        } else {
            self.decrementer_pending |= self.dec & 0xFFFF_FFFF == 0;
            self.dec = self.dec.wrapping_sub(1) & 0xFFFF_FFFF;
        }
    }

    /// As many ticks at once.
    pub fn tick_by(&mut self, ticks: u64) {
        if ticks == 0 {
            return;
        }
        let before = self.tb;
        self.tb = before.wrapping_add(ticks);
        if self.model.is_server() {
            self.dec = self.dec.wrapping_sub(ticks) & self.decrementer_width();
            if self.hypervisor == Hypervisor::Guest {
                self.count_hypervisor(ticks);
            }
        } else if self.model.is_embedded() {
            self.count_embedded(ticks);
            if rises(before, self.fixed_interval_bit(), ticks) != 0 {
                self.tsr |= TSR_FIS;
            }
            // The third time and all later ones do the same.
            for _ in 0..rises(before, self.watchdog_bit(), ticks).min(3) {
                self.watchdog_runs_out();
            }
        } else {
            self.decrementer_pending |= ticks > self.dec & 0xFFFF_FFFF;
            self.dec = self.dec.wrapping_sub(ticks) & 0xFFFF_FFFF;
        }
    }

    fn count_hypervisor(&mut self, ticks: u64) {
        let unused = 63 - self.hypervisor_sign();
        let value = self.plain[HDEC].wrapping_sub(ticks);
        // Read as a signed number where it is wider than a word.
        self.plain[HDEC] = if self.model.is_v30() {
            ((value << unused).cast_signed() >> unused).cast_unsigned()
        } else {
            value & 0xFFFF_FFFF
        };
    }

    fn count_embedded(&mut self, ticks: u64) {
        if ticks < self.dec || self.dec == 0 {
            self.dec = self.dec.saturating_sub(ticks);
            return;
        }
        self.tsr |= TSR_DIS;
        let (over, reload) = (ticks - self.dec, u64::from(self.decar));
        self.dec = if self.tcr & TCR_ARE == 0 || reload == 0 { 0 } else { reload - over % reload };
    }

    /// Power ISA 2.07 Book III-E 9.8, figure 37.
    fn watchdog_runs_out(&mut self) {
        if self.tsr & TSR_ENW == 0 {
            self.tsr |= TSR_ENW;
        } else if self.tsr & TSR_WIS == 0 {
            self.tsr |= TSR_WIS;
        } else {
            self.tsr |= self.tcr & WATCHDOG_RESET;
        }
    }

    /// After how many ticks time alone makes the next exception that asks for an interrupt, at least 1; `u64::MAX` for
    /// never. Until then [`deliverable`](Self::deliverable) answers as it does now, unless an instruction or the caller
    /// changes a register that it looks at: the MSR, a timer, a control register.
    pub fn quiet_for(&self) -> u64 {
        if self.model.is_embedded() {
            return self.quiet_embedded();
        }
        if self.model.is_classic() {
            return if self.decrementer_pending { u64::MAX } else { (self.dec & 0xFFFF_FFFF) + 1 };
        }
        let decrementer = (self.dec & self.decrementer_width()) + 1;
        if !self.has_hypervisor_decrementer() {
            return decrementer;
        }
        let width = u64::MAX >> (63 - self.hypervisor_sign());
        decrementer.min((self.plain[HDEC] & width) + 1)
    }

    fn quiet_embedded(&self) -> u64 {
        let mut quiet = u64::MAX;
        if self.tcr & TCR_DIE != 0 && self.tsr & TSR_DIS == 0 && self.dec != 0 {
            quiet = self.dec;
        }
        if self.tcr & TCR_FIE != 0 && self.tsr & TSR_FIS == 0 {
            quiet = quiet.min(until_rise(self.tb, self.fixed_interval_bit()));
        }
        if self.tcr & TCR_WIE != 0 && self.tsr & TSR_WIS == 0 {
            let bit = self.watchdog_bit();
            let twice = if self.tsr & TSR_ENW == 0 { bit.saturating_mul(2) } else { 0 };
            quiet = quiet.min(until_rise(self.tb, bit).saturating_add(twice));
        }
        quiet
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use proptest::prelude::*;

    /// A number near the places where counters turn.
    fn near() -> impl Strategy<Value = u64> {
        let turns = [0_u64, 1 << 31, 1 << 32, 1 << 55, 1 << 56, 1 << 63];
        (proptest::sample::select(turns.to_vec()), -40_i64..40).prop_map(|(at, off)| at.wrapping_add_signed(off))
    }

    prop_compose! {
        fn clocks()(
            model in proptest::sample::select(Model::ALL.to_vec()),
            (tb, dec, hdec) in (near(), near(), near()),
            decar in 0_u32..20,
            (tsr, tcr) in (any::<u32>(), any::<u32>()),
            // Bits of the time base that turn often.
            fast in any::<bool>(),
            (pending, guest, lpcr) in (any::<bool>(), any::<bool>(), any::<u64>()),
        ) -> Cpu {
            let mut cpu = Cpu::new(model);
            (cpu.tb, cpu.dec, cpu.decar, cpu.lpcr) = (tb, dec, decar, lpcr);
            if model.is_embedded() {
                cpu.dec &= 0xFFFF_FFFF;
            }
            (cpu.tsr, cpu.tcr) = (tsr & 0xFC00_0000, if fast { tcr | 0x001F_E000 } else { tcr });
            cpu.plain[HDEC] = hdec;
            cpu.decrementer_pending = pending;
            cpu.hypervisor = if guest { Hypervisor::Guest } else { Hypervisor::Harness };
            cpu
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn ticks_at_once_are_ticks_one_by_one(mut cpu in clocks(), ticks in 0_u64..200) {
            let mut steps = cpu.clone();
            for _ in 0..ticks {
                steps.tick();
            }
            cpu.tick_by(ticks);
            prop_assert_eq!(cpu, steps);
        }

        #[test]
        fn nothing_begins_to_ask_while_it_is_quiet_and_something_does_then(mut cpu in clocks()) {
            // Whatever is left over from a wider register is gone after one tick.
            cpu.tick();
            let quiet = cpu.quiet_for();
            prop_assert!(quiet > 0);
            for passed in 1..=200 {
                let before = cpu.asking();
                cpu.tick();
                let begun = cpu.asking() & !before;
                if passed == quiet {
                    prop_assert!(begun != 0, "after {quiet} ticks");
                    break;
                }
                prop_assert!(begun == 0, "after {passed} of {quiet} ticks");
            }
        }

        #[test]
        fn a_long_quiet_time_ends_when_it_says(mut cpu in clocks()) {
            cpu.tick();
            let quiet = cpu.quiet_for();
            prop_assume!(quiet != u64::MAX);
            cpu.tick_by(quiet - 1);
            prop_assert_eq!(cpu.quiet_for(), 1);
            let before = cpu.asking();
            cpu.tick();
            prop_assert!(cpu.asking() & !before != 0);
        }

        #[test]
        fn two_stretches_are_one(mut cpu in clocks(), first in any::<u64>(), second in any::<u64>()) {
            let mut whole = cpu.clone();
            // The number of a watchdog's times is cut at three, so their sum must not wrap.
            let (first, second) = (first >> 1, second >> 1);
            cpu.tick_by(first);
            cpu.tick_by(second);
            whole.tick_by(first + second);
            prop_assert_eq!(cpu, whole);
        }
    }
}
