//! Calls on the translation control entries of DMA: hcall-tce, H_STUFF_TCE and H_PUT_TCE_INDIRECT.
//!
//! LoPAR, "Translation Control Entry Access". There is one window, of 4 KiB pages from I/O address 0. All parameters
//! are judged before the first entry is stored, so a call that fails changes nothing.

use std::collections::BTreeMap;

use super::super::partition::Partition;
use super::{Reply, code};

/// The window's logical I/O bus number.
pub(crate) const LIOBN: u64 = 0x8000_0000;
/// Bytes of I/O addresses in the window.
pub(crate) const WINDOW: u64 = 0x1000_0000;

/// Bits of an entry that permit reading and writing; neither is "page fault", an entry that maps nothing.
const PERMISSIONS: u64 = 3;
/// At most so many entries in one call.
const MOST: u64 = 512;

/// The window's table: entries that are not zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Table {
    entries: BTreeMap<u64, u64>,
}

impl Table {
    fn set(&mut self, index: u64, entry: u64) {
        if entry == 0 {
            self.entries.remove(&index);
        } else {
            self.entries.insert(index, entry);
        }
    }
}

/// The first entry's index, if bus and address are the partition's. The offset in the page does not count: LoPAR has the
/// address for indexing only, as QEMU does, where KVM refuses an address that is not aligned.
fn index(liobn: u64, ioba: u64) -> Option<u64> {
    (liobn == LIOBN && ioba < WINDOW).then_some(ioba >> 12)
}

/// Whether `count` entries from `first` are in the window.
fn fits(first: u64, count: u64) -> bool {
    count <= WINDOW / 4096 - first
}

/// Whether an entry maps nothing, or a page of the partition.
fn mappable(p: &Partition, entry: u64) -> bool {
    entry & PERMISSIONS == 0 || p.contains(entry & !0xFFF, 4096)
}

/// H_GET_TCE.
pub(super) fn get(p: &mut Partition) -> Reply {
    let [liobn, ioba] = p.arguments();
    let Some(index) = index(liobn, ioba) else { return code::PARAMETER.into() };
    p.cpu.gpr[4] = p.state.tce.entries.get(&index).copied().unwrap_or_default();
    code::SUCCESS.into()
}

/// H_PUT_TCE.
pub(super) fn put(p: &mut Partition) -> Reply {
    let [liobn, ioba, entry] = p.arguments();
    match index(liobn, ioba) {
        Some(index) if mappable(p, entry) => {
            p.state.tce.set(index, entry);
            code::SUCCESS.into()
        }
        _ => code::PARAMETER.into(),
    }
}

/// H_STUFF_TCE. A count of 0 stores nothing and succeeds, as on KVM; LoPAR has no rule against it.
pub(super) fn stuff(p: &mut Partition) -> Reply {
    let [liobn, ioba, entry, count] = p.arguments();
    let Some(first) = index(liobn, ioba) else { return code::PARAMETER.into() };
    if count > MOST {
        return code::P4.into();
    }
    if !fits(first, count) || !mappable(p, entry) {
        return code::PARAMETER.into();
    }
    for n in first..first + count {
        p.state.tce.set(n, entry);
    }
    code::SUCCESS.into()
}

/// H_PUT_TCE_INDIRECT. Several tables at once, which a negative bus number asks for, is an option that is not offered.
pub(super) fn put_indirect(p: &mut Partition) -> Reply {
    let [liobn, ioba, list, count] = p.arguments();
    if liobn.cast_signed() < 0 {
        return code::FUNCTION.into();
    }
    if count > MOST {
        return code::PARAMETER.into();
    }
    let Some(first) = index(liobn, ioba) else { return code::PARAMETER.into() };
    if !fits(first, count) || !list.is_multiple_of(4096) || !p.contains(list, 4096) {
        return code::PARAMETER.into();
    }
    let entries: Vec<u64> = (0..count).map(|n| p.load(list + 8 * n, 8)).collect();
    if !entries.iter().all(|&entry| mappable(p, entry)) {
        return code::PARAMETER.into();
    }
    for (n, entry) in (first..).zip(entries) {
        p.state.tce.set(n, entry);
    }
    code::SUCCESS.into()
}
