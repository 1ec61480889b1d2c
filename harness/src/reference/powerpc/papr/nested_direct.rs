//! Nested guests of which the hypervisor knows a partition table only: H_ENTER_NESTED and its companions.
//!
//! No document defines these calls beyond naming them (Linux `Documentation/arch/powerpc/kvm-nested.rst`, "Existing
//! API"); this follows KVM, `arch/powerpc/kvm/book3s_hv_nested.c`. What runs of the nested processor is what
//! `nested_run` says.

use super::super::partition::Partition;
use super::nested_run::{Exit, first};
use super::{Reply, code};

/// Partition table: the field with its size.
const SIZE: u64 = 0x1F;
/// Greatest value of that field: 4096 partitions.
const MOST: u64 = 4;
/// Partition table: the field with its address.
const ADDRESS: u64 = 0x0FFF_FFFF_FFFF_F000;

/// The caller's structures: versions up to this one are known.
const VERSION: u64 = 2;
/// Bytes of `struct hv_guest_state`, version 2.
const STATE: u64 = 0x118;
/// Bytes of `struct pt_regs`.
const REGISTERS: u64 = 0x160;
/// Offset of the next instruction's address in `struct pt_regs`.
const NIP: u64 = 0x100;

/// H_SET_PARTITION_TABLE; 0 takes it away.
pub(super) fn set_partition_table(p: &mut Partition) -> Reply {
    let [table] = p.arguments();
    if table & SIZE > MOST || !p.contains(table & ADDRESS, 1) {
        return code::PARAMETER.into();
    }
    p.state.nested.table = table;
    code::SUCCESS.into()
}

/// Whether the table has an entry for a partition.
fn in_table(p: &Partition, lpid: u64) -> bool {
    lpid < 1 << ((p.state.nested.table & SIZE) + 8)
}

/// H_ENTER_NESTED: `r3` is the vector of the interrupt that ended it.
pub(super) fn enter(p: &mut Partition) -> Reply {
    let [state, registers] = p.arguments();
    if p.state.nested.table == 0 {
        return code::NOT_AVAILABLE.into();
    }
    if !p.contains(state, STATE) || !p.contains(registers, REGISTERS) {
        return code::PARAMETER.into();
    }
    if p.load(state, 8) > VERSION {
        return code::P2.into();
    }
    let lpid = p.load(state + 8, 4);
    // Partition 0 is the caller itself.
    if lpid == 0 || !in_table(p, lpid) {
        return code::PARAMETER.into();
    }
    p.state.nested.entered.insert(lpid, ());
    let entry = (p.state.nested.table & ADDRESS) + 16 * lpid;
    let root = if p.contains(entry, 8) { p.load(entry, 8) } else { 0 };
    let bits = ((root >> 61 & 3) << 3 | root >> 5 & 7) + 31;
    let next = p.load(registers + NIP, 8);
    let exit = first(p, root & 0x0FFF_FFFF_FFFF_FF00, root & 0x1F, bits, next);
    match exit {
        Exit::Hypercall => p.store(registers + NIP, 8, next.wrapping_add(4)),
        // An interrupt for the hypervisor itself ends it, which the decrementer of the caller stands for.
        Exit::Unspecified => return Reply::Now(0x980),
        Exit::InstructionStorage(_) => {}
    }
    Reply::Now(exit.vector().cast_signed())
}

/// H_TLB_INVALIDATE: the instruction must be a `tlbie` that a hypervisor may use on radix translations. Nothing is
/// cached.
pub(super) fn invalidate(p: &mut Partition) -> Reply {
    let [instruction, _, rb] = p.arguments();
    let (ric, process, radix) = (instruction >> 18 & 3, instruction >> 17 & 1, instruction >> 16 & 1);
    let scope = rb >> 10 & 3;
    let meaningless = scope == 0 && matches!(ric, 1 | 2);
    if radix == 0 || process == 1 || ric == 3 || scope == 1 || meaningless {
        return code::PARAMETER.into();
    }
    code::SUCCESS.into()
}

/// H_COPY_TOFROM_GUEST. No process-scoped translation is followed, so no address of a nested process is found.
pub(super) fn copy(p: &mut Partition) -> Reply {
    let [lpid, _, address, to, from] = p.arguments();
    if to != 0 && from != 0 || address >> 52 != 0 || !p.state.nested.entered.contains_key(&lpid) {
        return code::PARAMETER.into();
    }
    code::NOT_FOUND.into()
}
