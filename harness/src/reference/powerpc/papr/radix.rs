//! In-memory translation tables: hcall-imtt and H_RPT_INVALIDATE.
//!
//! LoPAR, "H_CLEAN_SLB", "H_INVALIDATE_PID", "H_REGISTER_PROCESS_TABLE"; H_RPT_INVALIDATE follows KVM,
//! `arch/powerpc/kvm/book3s_hv.c`. The hypervisor caches no translation of the guest, so invalidating finds nothing to
//! do.

use super::super::partition::Partition;
use super::{Reply, code};

/// H_CLEAN_SLB: scope, class and size.
const CLEAN_FLAGS: u64 = 0x1_0103;

/// H_CLEAN_SLB.
pub(super) fn clean_slb(p: &mut Partition) -> Reply {
    let [flags, _, esid] = p.arguments();
    let scope = flags & 3;
    if flags & !CLEAN_FLAGS != 0 || matches!(scope, 0 | 3) || scope == 1 && flags & !3 != 0 {
        return code::PARAMETER.into();
    }
    if scope == 1 && esid != 0 {
        return code::P3.into();
    }
    code::SUCCESS.into()
}

/// H_INVALIDATE_PID.
pub(super) fn invalidate_pid(p: &mut Partition) -> Reply {
    let [flags] = p.arguments();
    if flags & !3 != 0 { code::PARAMETER.into() } else { code::SUCCESS.into() }
}

/// H_REGISTER_PROCESS_TABLE: the table changes.
const MODIFY: u64 = 0x10;
/// H_REGISTER_PROCESS_TABLE: there is a new one.
const REGISTER: u64 = 8;
/// H_REGISTER_PROCESS_TABLE: for translation by radix trees.
const RADIX: u64 = 4;
/// H_REGISTER_PROCESS_TABLE: a process table rather than a segment table.
const PROCESS_TABLE: u64 = 2;

/// H_REGISTER_PROCESS_TABLE. The mode is the one that the partition has; the other is not offered. Neither is a process
/// table for a hashed page table, which QEMU refuses too.
pub(super) fn register_process_table(p: &mut Partition) -> Reply {
    let [flags, base, page, size] = p.arguments();
    let radix = flags & RADIX != 0;
    if flags & !0x1F != 0 || radix != p.profile.radix || !radix && flags & PROCESS_TABLE != 0 {
        return code::PARAMETER.into();
    }
    if flags & (MODIFY | REGISTER) != MODIFY | REGISTER {
        return code::SUCCESS.into();
    }
    let wrong_base = if radix { base & 0xFFF != 0 || base >> 60 != 0 } else { base >> 38 != 0 };
    let wrong_page = if radix { page != 0 } else { page & !7 != 0 };
    if wrong_base {
        code::P2
    } else if wrong_page {
        code::P3
    } else if size > 24 {
        code::P4
    } else {
        code::SUCCESS
    }
    .into()
}

/// H_RPT_INVALIDATE: translations of nested guests.
const NESTED: u64 = 1;
/// H_RPT_INVALIDATE: the MMU of the core, the only target.
const CORE: u64 = 1;

/// H_RPT_INVALIDATE.
pub(super) fn invalidate(p: &mut Partition) -> Reply {
    let [_, target, kind, _, start, end] = p.arguments();
    if end < start {
        return code::P5.into();
    }
    if kind & NESTED != 0 && !p.profile.nested_hv {
        return code::FUNCTION.into();
    }
    if target & CORE == 0 {
        return code::P2.into();
    }
    code::SUCCESS.into()
}
