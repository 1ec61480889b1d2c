//! Calls on virtual processors: hcall-splpar, hcall-join, hcall-vphn, hcall-random and H_GET_CPU_CHARACTERISTICS.
//!
//! LoPAR, "Shared Processor LPAR Option". There are two processors: number 0 makes the calls, number 1 has never been
//! started.

use hypercheck_ppc::msr;

use super::super::partition::{CPUS, Partition};
use super::vpa::Areas;
use super::xics::Presentation;
use super::{Reply, code};

/// What the hypervisor keeps for a processor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Processor {
    /// H_PROD was called for it since it last ceded.
    pub(crate) prod: bool,
    /// Its registered areas.
    pub(crate) areas: Areas,
    /// Its interrupt management area.
    pub(crate) presentation: Presentation,
}

/// The partition's share of the machine: a shared-processor partition, uncapped, on a pool of as many processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Capacity {
    entitled: u64,
    weight: u64,
}

impl Capacity {
    /// A hundredth of a processor is one; the least that may be entitled.
    const LEAST: u64 = 10;
    /// All processors; the most that may be entitled.
    const MOST: u64 = 100 * CPUS as u64;
    /// Total weight of the partitions on the pool.
    const WEIGHT: u64 = 255;
}

impl Default for Capacity {
    fn default() -> Self {
        Self { entitled: 100, weight: 128 }
    }
}

fn number(target: u64) -> Option<usize> {
    usize::try_from(target).ok().filter(|&n| n < CPUS)
}

/// Takes the prod bit, or goes to sleep: H_CEDE, and H_CONFER to oneself.
fn wait(p: &mut Partition) -> Reply {
    if std::mem::take(&mut p.state.processors[0].prod) {
        Reply::Now(code::SUCCESS)
    } else {
        Reply::Asleep(code::SUCCESS)
    }
}

/// H_CEDE: interrupts are on from here.
pub(super) fn cede(p: &mut Partition) -> Reply {
    p.cpu.msr |= msr::EE;
    wait(p)
}

/// H_CONFER. The other processor is stopped, so it uses its turn at once and the caller goes on. To oneself: until a
/// prod.
///
/// The target is the whole register; LoPAR declares an `int32`, every implementation read compares 64 bits.
pub(super) fn confer(p: &mut Partition) -> Reply {
    let [target] = p.arguments();
    match number(target) {
        Some(0) => wait(p),
        Some(_) => code::SUCCESS.into(),
        None if target == u64::MAX => code::SUCCESS.into(),
        None => code::PARAMETER.into(),
    }
}

/// H_PROD: the bit stays until the target cedes.
pub(super) fn prod(p: &mut Partition) -> Reply {
    let [target] = p.arguments();
    let Some(target) = number(target) else { return code::PARAMETER.into() };
    p.state.processors[target].prod = true;
    code::SUCCESS.into()
}

/// H_JOIN: the caller is the only active processor.
pub(super) fn join(p: &mut Partition) -> Reply {
    if p.cpu.msr & msr::EE != 0 { code::BAD_MODE.into() } else { code::CONTINUE.into() }
}

/// H_GET_PPP, without `r8`: the device tree has no `ibm,partition-performance-parameters-level`.
pub(super) fn get_ppp(p: &mut Partition) -> Reply {
    let Capacity { entitled, weight } = p.state.capacity;
    let processors = CPUS as u64;
    p.cpu.gpr[4] = entitled;
    p.cpu.gpr[5] = Capacity::MOST - entitled;
    // Group and pool 0.
    p.cpu.gpr[6] = 0;
    p.cpu.gpr[7] = weight << 40 | (Capacity::WEIGHT - weight) << 32 | processors << 16 | processors;
    code::SUCCESS.into()
}

/// H_SET_PPP: what exceeds the partition's bounds is cut to them.
pub(super) fn set_ppp(p: &mut Partition) -> Reply {
    let [entitled, weight] = p.arguments();
    if weight > Capacity::WEIGHT {
        return code::PARAMETER.into();
    }
    let within = entitled.clamp(Capacity::LEAST, Capacity::MOST);
    p.state.capacity = Capacity { entitled: within, weight };
    if within == entitled { code::SUCCESS.into() } else { code::CONSTRAINED.into() }
}

/// H_PURR: the caller has the physical processor to itself, so the count is the time base.
pub(super) fn purr(p: &mut Partition) -> Reply {
    p.cpu.gpr[4] = p.cpu.tb;
    code::SUCCESS.into()
}

/// H_PIC, without `r6` and up: the device tree has no `ibm,partition-performance-parameters-level`. One processor of
/// the pool has been idle since boot.
pub(super) fn pool_idle_count(p: &mut Partition) -> Reply {
    p.cpu.gpr[4] = p.cpu.tb;
    p.cpu.gpr[5] = CPUS as u64;
    code::SUCCESS.into()
}

/// H_SIGNAL_SYS_RESET. The other processor is stopped, so a signal to it has no effect. Not in LoPAR, which reserves
/// the token: QEMU `hw/ppc/spapr_hcall.c`.
pub(super) fn signal_reset(p: &mut Partition) -> Reply {
    const ALL: u64 = u64::MAX;
    const OTHERS: u64 = u64::MAX - 1;
    let [target] = p.arguments();
    match target {
        OTHERS => Reply::Now(code::SUCCESS),
        ALL => Reply::Reset(code::SUCCESS),
        _ => match number(target) {
            Some(0) => Reply::Reset(code::SUCCESS),
            Some(_) => Reply::Now(code::SUCCESS),
            None => Reply::Now(code::PARAMETER),
        },
    }
}

/// H_POLL_PENDING: the hypervisor has no background work.
pub(super) fn poll_pending(_: &mut Partition) -> Reply {
    code::SUCCESS.into()
}

/// H_HOME_NODE_ASSOCIATIVITY: four domains 0 and the processor's number, as numbers of 31 bits, the rest ones.
pub(super) fn home_node(p: &mut Partition) -> Reply {
    let [flags, id] = p.arguments();
    if !matches!(flags, 1 | 2) {
        return code::PARAMETER.into();
    }
    if number(id).is_none() {
        return code::P2.into();
    }
    p.cpu.gpr[4..6].fill(0);
    p.cpu.gpr[6] = id << 32 | 0xFFFF_FFFF;
    p.cpu.gpr[7..10].fill(u64::MAX);
    code::SUCCESS.into()
}

/// H_RANDOM: the next number of a SplitMix64 generator, from the same seed after every boot.
pub(super) fn random(p: &mut Partition) -> Reply {
    let state = p.state.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
    p.state.random = state;
    let mixed = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    p.cpu.gpr[4] = mixed ^ mixed >> 31;
    code::SUCCESS.into()
}

/// H_GET_CPU_CHARACTERISTICS: branch hints are honoured; security is to be favoured. Linux
/// `arch/powerpc/include/asm/hvcall.h`; LoPAR has another call at this token.
pub(super) fn characteristics(p: &mut Partition) -> Reply {
    p.cpu.gpr[4] = 1 << 58;
    p.cpu.gpr[5] = 1 << 63;
    code::SUCCESS.into()
}
