//! H_BLOCK_REMOVE: up to eight entries of one block of eight pages.
//!
//! LoPAR, "H_BLOCK_REMOVE". Specifiers are judged one after the other and removed together; one in error is answered in
//! its own register and does not stop the others, except one of a wrong type.

use super::super::partition::Partition;
use super::hpt::{self, ENTRIES};
use super::{Reply, code};

/// Specifier: the index.
const PTEX: u64 = (1 << 48) - 1;
/// Specifier: compare the AVPN in `r4`.
const AVPN: u64 = 1 << 56;
/// First doubleword: bolted.
const BOLTED: u64 = 0x10;

/// Response: not found.
const NOT_FOUND: u64 = 0b001;
/// Response: bad parameter.
const PARAMETER: u64 = 0b010;
/// Response: another page or segment size than the first entry's.
const INCONSISTENT: u64 = 0b011;
/// Response: not in the block of the first entry.
const CROSSES: u64 = 0b101;

/// The block that an entry belongs to: base page size with segment size, and the virtual page number without its low 3
/// bits.
fn block(index: u64, [high, low]: [u64; 2]) -> ((u64, u64), u64) {
    const PAGE_BITS: u64 = 11;
    let groups = ENTRIES / 8;
    // The group is a hash of segment and page; 256 MiB and 1 TiB segments agree in the low bits.
    let group = if high & 2 != 0 { !(index / 8) } else { index / 8 } & (groups - 1);
    let avpn = high >> 7 & ((1 << 55) - 1);
    let segment = if high >> 62 == 0 { avpn >> 5 } else { avpn >> 17 };
    let page = (group ^ segment) & ((1 << PAGE_BITS) - 1);
    let sizes = (high >> 62 << 1 | high >> 2 & 1, if high & 4 != 0 { low >> 12 & 0xFF } else { 0 });
    (sizes, avpn << (PAGE_BITS - 3) | page >> 3)
}

/// H_BLOCK_REMOVE.
pub(super) fn remove(p: &mut Partition) -> Reply {
    let [avpn] = p.arguments();
    let mut anchor = None;
    let mut chosen = Vec::new();
    let mut result = code::SUCCESS;
    for n in 5..13 {
        let specifier = p.cpu.gpr[n];
        match specifier >> 62 {
            0b01 => {}
            0b11 => break,
            _ => {
                result = code::PARAMETER;
                break;
            }
        }
        match judge(p, specifier, avpn, &mut anchor) {
            Ok(index) => chosen.push((n, index)),
            Err(status) => {
                p.cpu.gpr[n] = answer(specifier, status);
                result = code::PARTIAL;
            }
        }
    }
    for (n, index) in chosen {
        // An entry that is named twice is gone the second time.
        let removed = hpt::take_any(p, index);
        let old = removed.map_or(0, |low| (low >> 8 & 1) << 58 | (low >> 7 & 1) << 57);
        p.cpu.gpr[n] = answer(p.cpu.gpr[n], if removed.is_some() { 0 } else { NOT_FOUND }) | old;
        if removed.is_none() && result == code::SUCCESS {
            result = code::PARTIAL;
        }
    }
    result.into()
}

/// The index of an entry that may be removed with those before it, or the response why not.
fn judge(p: &mut Partition, specifier: u64, avpn: u64, anchor: &mut Option<((u64, u64), u64)>) -> Result<u64, u64> {
    let index = specifier & PTEX;
    if index >= ENTRIES {
        return Err(PARAMETER);
    }
    let entry = hpt::entry(p, index);
    if entry[0] & 1 == 0 || entry[0] & BOLTED != 0 || specifier & AVPN != 0 && entry[0] & !0x7F != avpn & !0x7F {
        return Err(NOT_FOUND);
    }
    let (sizes, place) = block(index, entry);
    match *anchor {
        Some((other, _)) if other != sizes => return Err(INCONSISTENT),
        Some((_, other)) if other != place => return Err(CROSSES),
        _ => {}
    }
    // Page states are judged under the CMO option only, in whose mode the partition is not.
    *anchor = Some((sizes, place));
    Ok(index)
}

/// A specifier turned into a response.
fn answer(specifier: u64, status: u64) -> u64 {
    0b10 << 62 | status << 59 | specifier & PTEX
}
