//! A processor that waits for something to do.
//!
//! Nobody else runs, so only the decrementer and what was already pending can wake it. Time passes for it as if it
//! executed instructions: a decrementer that expires within the run's budget wakes it, a later one does not, and then it is
//! asleep for good.

use hypercheck_ppc::msr;

use super::papr;
use super::partition::Partition;

/// What wakes a processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// An interrupt that it can take: H_CEDE and the architecture's own waiting.
    Interrupt,
    /// An interrupt that waits, though it may be masked: EV_IDLE (Linux `kvm_arch_vcpu_runnable`).
    Exception,
    /// Another processor: FH_ENTER_NAP. There is none that would.
    Woken,
}

/// Lets time pass until something wakes the processor, at most `left` ticks. Whether it woke.
pub(super) fn until_woken(p: &mut Partition, until: Until, left: &mut u64) -> bool {
    if !preempted(p) {
        papr::count_dispatch(p);
    }
    let cpu = &mut p.cpu;
    if until == Until::Woken || until == Until::Interrupt && cpu.msr & msr::EE == 0 {
        return false;
    }
    if !cpu.exception_waits() {
        let ticks = cpu.quiet_for();
        if ticks == u64::MAX || ticks > *left {
            return false;
        }
        *left -= ticks;
        cpu.tick_by(ticks);
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
