//! Calls on the hashed page table: hcall-pft, hcall-bulk, hcall-clr-hpt.
//!
//! LoPAR, "Page Frame Table Access". Entries are those of the Power ISA, Book III, "Page Table Entry". The partition's
//! logical addresses are its real ones, so nothing is translated on the way in or out and R_XLATE changes nothing.

use hypercheck_ppc::{HashTable, Translation};

use super::super::partition::Partition;
use super::{Reply, code};

/// How many entries the table has.
pub(crate) const ENTRIES: u64 = 1 << 14;

/// Flag: the entry that PTEX names and no other.
const EXACT: u64 = 1 << 39;
/// Flag: four entries.
const READ_4: u64 = 1 << 37;
/// Flag: compare the abbreviated virtual page number.
const AVPN: u64 = 1 << 31;
/// Flag: only if the first doubleword and the parameter have no bit in common.
const ANDCOND: u64 = 1 << 30;
/// Flag: invalidate the instruction cache for the page.
const ICACHE_INVALIDATE: u64 = 1 << 23;
/// Flag: make the instruction cache coherent for the page.
const ICACHE_SYNCHRONIZE: u64 = 1 << 22;
/// Flag: clear the page first.
const ZERO_PAGE: u64 = 1 << 15;

/// First doubleword: valid.
const VALID: u64 = 1;
/// First doubleword: a large page.
const LARGE: u64 = 4;
/// First doubleword: bits 57 and 58, which belong to the hypervisor.
const HYPERVISOR_BITS: u64 = 0x60;
/// First doubleword: the bits that are compared.
const COMPARED: u64 = !0x7F;
/// Second doubleword: real page number.
const RPN: u64 = 0x0FFF_FFFF_FFFF_F000;
/// Second doubleword: bit 1, which is reserved.
const RESERVED: u64 = 1 << 62;
/// Second doubleword: storage control bits.
const WIMG: u64 = 0x78;
/// Second doubleword: memory coherence required.
const COHERENT: u64 = 0x10;
/// Second doubleword: referenced.
const REFERENCED: u64 = 0x100;
/// Second doubleword: changed.
const CHANGED: u64 = 0x80;
/// Second doubleword: protection and key bits, which H_PROTECT sets: pp0, key 0-1, key 2-4, n, pp1-2.
const PROTECTION: u64 = 1 << 63 | 0x3000_0000_0000_0000 | 0xE00 | 7;

/// The partition's table. The processor of a PAPR guest is made with it, as [`new_table`] says.
fn table(p: &mut Partition) -> &mut HashTable {
    p.cpu.translation.held(ENTRIES)
}

/// What the processor of a PAPR guest translates with: an empty table that the hypervisor holds.
pub(crate) fn new_table() -> Translation {
    Translation::Held(HashTable::new(ENTRIES))
}

/// The exponent of the page size that an entry asks for, if the encoding is one.
///
/// Power ISA Book III, "Page Table Entry", with the encodings of POWER8 and POWER9 (Linux `ibm,segment-page-sizes`).
fn page_shift([high, low]: [u64; 2]) -> Option<u32> {
    if high & LARGE == 0 {
        return Some(12);
    }
    match (low >> 12) & 0xFF {
        size if matches!(size & 0xF, 1 | 7) => Some(16),
        0x00 | 0x08 | 0x38 => Some(24),
        0x03 => Some(34),
        _ => None,
    }
}

/// The page that an entry maps, if it is the partition's: address and size.
fn page(entry: [u64; 2], ram: u64) -> Option<(u64, u64)> {
    let shift = page_shift(entry)?;
    let size = 1 << shift;
    let at = entry[1] & RPN & !(size - 1);
    // The low bits of the page number are size encoding up to bit 19; above that they must be zero.
    let aligned = shift <= 20 || entry[1] & (size - 1) & !0xF_FFFF == 0;
    (aligned && at.checked_add(size).is_some_and(|end| end <= ram)).then_some((at, size))
}

/// H_ENTER.
///
/// The machine has no I/O pages, so every page outside RAM is none of the partition's. WIMG 1110 (strong access order)
/// is refused, as the option is not offered.
pub(super) fn enter(p: &mut Partition) -> Reply {
    let [flags, index, mut high, mut low] = p.arguments();
    if index >= ENTRIES {
        return code::PARAMETER.into();
    }
    let Some((at, size)) = page([high, low], p.ram()) else { return code::PARAMETER.into() };
    if low & WIMG != COHERENT {
        return code::PARAMETER.into();
    }
    if size > 0x1_0000 && flags & (ZERO_PAGE | ICACHE_INVALIDATE | ICACHE_SYNCHRONIZE) != 0 {
        return code::TOO_BIG.into();
    }
    // The architecture's sequence for adding an entry makes it valid.
    high = high & !HYPERVISOR_BITS | VALID;
    low &= !RESERVED;
    let candidates = if flags & EXACT != 0 { index..index + 1 } else { index & !7..(index & !7) + 8 };
    let table = table(p);
    let Some(free) = candidates.into_iter().find(|&n| table.get(n)[0] & VALID == 0) else {
        return code::PTEG_FULL.into();
    };
    table.set(free, [high, low]);
    if flags & ZERO_PAGE != 0 {
        p.fill(at, size, 0);
    }
    p.cpu.gpr[4] = free;
    code::SUCCESS.into()
}

/// Takes an entry out: the old one, or the code why not.
///
/// LoPAR's text does not say what removing an invalid entry gives; QEMU and KVM agree on H_NOT_FOUND.
fn take(table: &mut HashTable, index: u64, avpn: Option<u64>, andcond: Option<u64>) -> Result<[u64; 2], i64> {
    if index >= ENTRIES {
        return Err(code::PARAMETER);
    }
    let entry = table.get(index);
    let matches = avpn.is_none_or(|avpn| entry[0] & COMPARED == avpn);
    let disjoint = andcond.is_none_or(|bits| entry[0] & bits == 0);
    if entry[0] & VALID == 0 || !matches || !disjoint {
        return Err(code::NOT_FOUND);
    }
    table.set(index, [0; 2]);
    Ok(entry)
}

/// An entry below [`ENTRIES`].
pub(super) fn entry(p: &mut Partition, index: u64) -> [u64; 2] {
    table(p).get(index)
}

/// Takes an entry out if it is valid: its second doubleword.
pub(super) fn take_any(p: &mut Partition, index: u64) -> Option<u64> {
    take(table(p), index, None, None).ok().map(|[_, low]| low)
}

/// Empties the table but for bolted entries.
pub(super) fn keep_bolted(p: &mut Partition) {
    const BOLTED: u64 = 0x10;
    let table = table(p);
    let entries: Vec<_> = table.iter().collect();
    for (index, [high, _]) in entries {
        if high & (BOLTED | VALID) != BOLTED | VALID {
            table.set(index, [0; 2]);
        }
    }
}

/// H_REMOVE.
pub(super) fn remove(p: &mut Partition) -> Reply {
    let [flags, index, avpn] = p.arguments();
    let wanted = |flag: u64| (flags & flag != 0).then_some(avpn);
    match take(table(p), index, wanted(AVPN), wanted(ANDCOND)) {
        Ok([high, low]) => {
            p.cpu.gpr[4] = high;
            p.cpu.gpr[5] = low;
            code::SUCCESS.into()
        }
        Err(code) => code.into(),
    }
}

/// H_BULK_REMOVE: up to four requests in `r4` to `r11`, each a specifier and an AVPN.
///
/// A specifier of type 00 or 10 ends the call without being rewritten, as LoPAR asks for a response to requests only;
/// KVM rewrites it.
pub(super) fn bulk_remove(p: &mut Partition) -> Reply {
    const PTEX: u64 = (1 << 56) - 1;
    const FLAGS: u64 = 3 << 56;
    for n in [4, 6, 8, 10] {
        let (specifier, avpn) = (p.cpu.gpr[n], p.cpu.gpr[n + 1]);
        match specifier >> 62 {
            0b01 => {}
            0b11 => return code::SUCCESS.into(),
            _ => return code::PARAMETER.into(),
        }
        let removed = match (specifier & FLAGS) >> 56 {
            0b00 => take(table(p), specifier & PTEX, None, None),
            // "after bits 57-63 of the PTE have been masked": those of the parameter then decide nothing.
            0b01 => take(table(p), specifier & PTEX, None, Some(avpn & COMPARED)),
            0b10 => take(table(p), specifier & PTEX, Some(avpn), None),
            _ => Err(code::PARAMETER),
        };
        let kept = specifier & (PTEX | FLAGS) | 0b10 << 62;
        let status = match removed {
            Ok([_, low]) => (low & (REFERENCED | CHANGED)) >> 7,
            Err(code::NOT_FOUND) => 0b0100,
            Err(_) => 0b1000,
        };
        p.cpu.gpr[n] = kept | status << 58;
        if removed == Err(code::PARAMETER) {
            return code::PARAMETER.into();
        }
    }
    code::SUCCESS.into()
}

/// H_READ. Entries that are not valid are read like others.
pub(super) fn read(p: &mut Partition) -> Reply {
    let [flags, index] = p.arguments();
    if index >= ENTRIES {
        return code::PARAMETER.into();
    }
    let (first, count) = if flags & READ_4 != 0 { (index & !3, 4) } else { (index, 1) };
    for (n, index) in (first..first + count).enumerate() {
        let entry = table(p).get(index);
        p.cpu.gpr[4 + 2 * n..6 + 2 * n].copy_from_slice(&entry);
    }
    code::SUCCESS.into()
}

/// Clears `bit` in the second doubleword of a valid entry, whose old value goes to `r4`.
fn clear_bit(p: &mut Partition, bit: u64) -> Reply {
    let [_, index] = p.arguments();
    if index >= ENTRIES {
        return code::PARAMETER.into();
    }
    let [high, low] = table(p).get(index);
    if high & VALID == 0 {
        return code::NOT_FOUND.into();
    }
    table(p).set(index, [high, low & !bit]);
    p.cpu.gpr[4] = low;
    code::SUCCESS.into()
}

/// H_CLEAR_MOD.
pub(super) fn clear_mod(p: &mut Partition) -> Reply {
    clear_bit(p, CHANGED)
}

/// H_CLEAR_REF.
pub(super) fn clear_ref(p: &mut Partition) -> Reply {
    clear_bit(p, REFERENCED)
}

/// H_PROTECT: new protection and key bits, the referenced bit cleared.
pub(super) fn protect(p: &mut Partition) -> Reply {
    let [flags, index, avpn] = p.arguments();
    if index >= ENTRIES {
        return code::PARAMETER.into();
    }
    let [high, low] = table(p).get(index);
    if high & VALID == 0 || flags & AVPN != 0 && high & COMPARED != avpn {
        return code::NOT_FOUND.into();
    }
    let new = (flags & 0x100) << 55 | (flags & 0x3000) << 48 | flags & 0xE07;
    table(p).set(index, [high, low & !(PROTECTION | REFERENCED) | new]);
    code::SUCCESS.into()
}

/// H_CLEAR_HPT: no entry maps a virtualized real mode area here, so all become invalid.
pub(super) fn clear(p: &mut Partition) -> Reply {
    let table = table(p);
    let entries: Vec<_> = table.iter().collect();
    for (index, [high, low]) in entries {
        table.set(index, [high & !VALID, low]);
    }
    code::SUCCESS.into()
}
