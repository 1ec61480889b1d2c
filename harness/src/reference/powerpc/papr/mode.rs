//! Calls that set processor registers which a guest cannot write: hcall-sprg0, hcall-dabr, hcall-xdabr, hcall-set-mode.
//!
//! LoPAR, "Processor Register Hypervisor Resource Access".

use hypercheck_ppc::msr;

use super::super::kvm::low_word;
use super::super::partition::Partition;
use super::{Reply, code};

/// DABRX: privileged non-hypervisor and problem state.
const ANY_GUEST: u32 = 0b0011;
/// DABRX and DAWRX: hypervisor state.
const HYPERVISOR: u32 = 0b0100;

/// H_SET_SPRG0.
pub(super) fn set_sprg0(p: &mut Partition) -> Reply {
    [p.cpu.sprg[0]] = p.arguments();
    code::SUCCESS.into()
}

/// H_SET_DABR, with the extended facility: every value is good.
pub(super) fn set_dabr(p: &mut Partition) -> Reply {
    [p.cpu.dabr] = p.arguments();
    p.cpu.dabrx = ANY_GUEST;
    code::SUCCESS.into()
}

/// H_SET_XDABR: no reserved bit, not in hypervisor state, and in at least one other.
pub(super) fn set_xdabr(p: &mut Partition) -> Reply {
    let [value, extended] = p.arguments();
    match u32::try_from(extended) {
        Ok(bits) if bits & !0xF == 0 && bits & HYPERVISOR == 0 && bits & ANY_GUEST != 0 => {
            p.cpu.dabr = value;
            p.cpu.dabrx = bits;
            code::SUCCESS.into()
        }
        _ => code::PARAMETER.into(),
    }
}

/// H_SET_MODE. Each resource has its own order of judging; the tests below stand in that order.
pub(super) fn set_mode(p: &mut Partition) -> Reply {
    let [flags, resource, value1, value2] = p.arguments();
    match resource {
        1 => breakpoint(p, flags, value1, value2),
        2 => watchpoint(p, flags, value1, value2),
        3 => interrupt_location(p, flags, value1, value2),
        4 => interrupt_endianness(p, flags, value1, value2),
        _ => code::P2,
    }
    .into()
}

fn breakpoint(p: &mut Partition, flags: u64, value1: u64, value2: u64) -> i64 {
    if value2 != 0 {
        code::P4
    } else if flags != 0 {
        code::unsupported_flag(flags)
    } else if value1 & 3 == 3 {
        code::P3
    } else {
        p.cpu.ciabr = value1;
        code::SUCCESS
    }
}

fn watchpoint(p: &mut Partition, flags: u64, value1: u64, value2: u64) -> i64 {
    if flags != 0 {
        code::unsupported_flag(flags)
    } else if low_word(value2) & HYPERVISOR != 0 {
        code::P4
    } else {
        p.cpu.dawr0 = value1;
        // The register has 32 bits.
        p.cpu.dawrx0 = low_word(value2);
        code::SUCCESS
    }
}

fn interrupt_location(p: &mut Partition, flags: u64, value1: u64, value2: u64) -> i64 {
    if value1 != 0 {
        return code::P3;
    }
    if value2 != 0 {
        return code::P4;
    }
    match flags {
        // LoPAR gives the number: -318.
        1 => code::unsupported_flag(2),
        0 | 2 | 3 => {
            p.cpu.lpcr = (p.cpu.lpcr & !msr::LPCR_AIL) | (flags * (msr::LPCR_AIL / 3));
            code::SUCCESS
        }
        _ => code::unsupported_flag(flags),
    }
}

/// "If any partition processors were not running MSR\[EE\] = 0": the other processor is stopped, so the caller decides.
fn interrupt_endianness(p: &mut Partition, flags: u64, value1: u64, value2: u64) -> i64 {
    if value1 != 0 {
        return code::P3;
    }
    if value2 != 0 {
        return code::P4;
    }
    if flags > 1 {
        return code::unsupported_flag(flags);
    }
    if p.cpu.msr & msr::EE != 0 {
        return code::BAD_MODE;
    }
    p.cpu.lpcr = if flags == 1 { p.cpu.lpcr | msr::LPCR_ILE } else { p.cpu.lpcr & !msr::LPCR_ILE };
    code::SUCCESS
}
