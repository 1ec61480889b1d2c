//! A processor that waits for something to do.
//!
//! Nobody else runs, so only the decrementer and what was already pending can wake it. Time passes for it as if it
//! executed instructions: a decrementer that expires within the run's budget wakes it, a later one does not, and then it is
//! asleep for good.

use hypercheck_ppc::{Cpu, Interrupt, msr};

use super::papr;
use super::partition::Partition;

/// What wakes a processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// An interrupt that it can take: H_CEDE and the architecture's own waiting.
    Interrupt,
    /// An interrupt that waits, though it may be masked: EV_IDLE (Linux `kvm_arch_vcpu_runnable`).
    Exception,
}

/// TSR\[DIS\] and TCR\[DIE\]. Power ISA 2.07 Book III-E, "Timer Status Register", "Timer Control Register".
const TSR_DIS: u32 = 0x0800_0000;
const TCR_DIE: u32 = 0x0400_0000;

/// Lets time pass until something wakes the processor, at most `left` ticks. Whether it woke.
pub(super) fn until_woken(p: &mut Partition, until: Until, left: &mut u64) -> bool {
    if !preempted(p) {
        papr::count_dispatch(p);
    }
    let cpu = &mut p.cpu;
    if until == Until::Interrupt && cpu.msr & msr::EE == 0 {
        return false;
    }
    if !cpu.external_pending {
        match ticks(cpu) {
            Some(ticks) if ticks <= *left => {
                *left -= ticks;
                expire(cpu, ticks);
            }
            _ => return false,
        }
    }
    wake(p);
    true
}

/// Puts the processor back to work.
pub(super) fn wake(p: &mut Partition) {
    if preempted(p) {
        papr::count_dispatch(p);
    }
    p.state.processors[0].prod = false;
}

fn preempted(p: &Partition) -> bool {
    p.state.processors[0].areas.dispatches % 2 == 1
}

/// The interrupt that the processor takes before its next instruction.
pub(super) fn pending(cpu: &Cpu) -> Option<Interrupt> {
    if cpu.msr & msr::EE == 0 || in_critical_section(cpu) {
        None
    } else if cpu.external_pending {
        Some(Interrupt::External)
    } else {
        (ticks(cpu) == Some(0)).then_some(Interrupt::Decrementer)
    }
}

/// Linux `arch/powerpc/kvm/book3s.c`, `kvmppc_critical_section`: the field `critical` of the magic page equals `r1`.
fn in_critical_section(cpu: &Cpu) -> bool {
    let Some(page) = &cpu.overlay else { return false };
    let mut raw = [0; 8];
    raw.copy_from_slice(&page.storage[0x18..0x20]);
    let critical = if page.big_endian { u64::from_be_bytes(raw) } else { u64::from_le_bytes(raw) };
    cpu.msr & msr::PR == 0 && cpu.effective(critical) == cpu.effective(cpu.gpr[1])
}

/// Ticks until the decrementer asks for an interrupt; none if it never does.
fn ticks(cpu: &Cpu) -> Option<u64> {
    if cpu.model.is_server() {
        let sign = if large_decrementer(cpu) { 55 } else { 31 };
        Some(if cpu.dec >> sign & 1 != 0 { 0 } else { cpu.dec + 1 })
    } else if cpu.model.is_classic() {
        Some(if cpu.decrementer_pending { 0 } else { cpu.dec + 1 })
    } else if cpu.tcr & TCR_DIE == 0 {
        None
    } else if cpu.tsr & TSR_DIS != 0 {
        Some(0)
    } else {
        (cpu.dec != 0).then_some(cpu.dec)
    }
}

fn large_decrementer(cpu: &Cpu) -> bool {
    cpu.model.is_v30() && cpu.lpcr & msr::LPCR_LD != 0
}

/// Lets the ticks pass after which the decrementer asks for an interrupt.
fn expire(cpu: &mut Cpu, ticks: u64) {
    if ticks == 0 {
        return;
    }
    cpu.tb = cpu.tb.wrapping_add(ticks);
    if cpu.model.is_server() {
        cpu.dec = if large_decrementer(cpu) { (1 << 56) - 1 } else { 0xFFFF_FFFF };
    } else if cpu.model.is_classic() {
        cpu.dec = 0xFFFF_FFFF;
        cpu.decrementer_pending = true;
    } else {
        cpu.dec = 0;
        cpu.tsr |= TSR_DIS;
    }
}
