//! The partition's share of memory: hcall-cmo and hcall-cmo-x.
//!
//! LoPAR, "Cooperative Memory Over-commitment Option". The partition's memory is dedicated: it is all there all the
//! time, so where the sections have a value for that case it is taken, and there is no pool whose load could be told.

use super::super::partition::Partition;
use super::{Reply, code};

/// Pool number of a partition that is in none.
const NO_POOL: u64 = 0xFFFF;

/// H_GET_MPP.
pub(super) fn get(p: &mut Partition) -> Reply {
    let ram = p.ram();
    // Entitlement, I/O mapped, group 0 and pool, weights, pool size, loan, backing.
    p.cpu.gpr[4..11].copy_from_slice(&[ram, u64::MAX, NO_POOL, 0, u64::MAX, 0, ram]);
    code::SUCCESS.into()
}

/// H_SET_MPP: dedicated memory is all entitled and has no weight, and any other wish is cut to that.
pub(super) fn set(p: &mut Partition) -> Reply {
    let [entitled, weight] = p.arguments();
    if entitled == p.ram() && weight == 0 { code::SUCCESS.into() } else { code::CONSTRAINED.into() }
}

/// H_GET_MPP_X: nothing is coalesced, and the reserved registers are zero.
pub(super) fn get_extended(p: &mut Partition) -> Reply {
    p.cpu.gpr[4..11].fill(0);
    code::SUCCESS.into()
}

/// H_VPM_PSTAT: the partition may not see a pool that it is not in.
pub(super) fn statistics(_: &mut Partition) -> Reply {
    code::AUTHORITY.into()
}

/// H_MO_PERF: only a partition that runs platform diagnostics may load a pool.
pub(super) fn performance(_: &mut Partition) -> Reply {
    code::AUTHORITY.into()
}
