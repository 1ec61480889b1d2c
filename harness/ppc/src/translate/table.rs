//! Where a hashed page table of 64-bit servers is kept, and its entries.

use std::collections::BTreeMap;

use crate::memory::Memory;

/// Entries of a group.
const GROUP: u64 = 8;
/// Bytes of an entry in guest memory.
const BYTES: u64 = 16;
/// Second doubleword: referenced.
pub(super) const REFERENCED: u64 = 0x100;
/// Second doubleword: changed.
pub(super) const CHANGED: u64 = 0x80;
/// Second doubleword of 3.0: segment size, which 2.07 has in bits 0 and 1 of the first. Power ISA 3.0 Book III figure 29
const LATE_SIZE: u64 = 3 << 58;
/// First doubleword of 3.0: the bits that it has in common with 2.07.
const COMMON: u64 = 0x000F_FFFF_FFFF_FFFF;

/// A hashed page table that a hypervisor model holds for its guest, as LoPAR's H_ENTER and its kin fill it.
///
/// An entry is two doublewords in the format of the Power ISA 2.07 (Book III-S figure 30), which the calls keep on later
/// processors. The processor sets the reference and change bits in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HashTable {
    /// Entries that are not all zero.
    entries: BTreeMap<u64, [u64; 2]>,
    /// Groups less one, a mask of the hash.
    groups: u64,
}

impl HashTable {
    /// An empty table of `entries` entries, a power of two of at least 8.
    pub fn new(entries: u64) -> Self {
        Self { entries: BTreeMap::new(), groups: (entries / GROUP).next_power_of_two() - 1 }
    }

    /// How many entries it has.
    pub fn capacity(&self) -> u64 {
        (self.groups + 1) * GROUP
    }

    /// An entry; two zeroes beyond the end.
    pub fn get(&self, index: u64) -> [u64; 2] {
        self.entries.get(&index).copied().unwrap_or_default()
    }

    /// Replaces an entry. The caller sees to it that there is one of that number.
    pub fn set(&mut self, index: u64, entry: [u64; 2]) {
        if entry == [0; 2] {
            self.entries.remove(&index);
        } else {
            self.entries.insert(index, entry);
        }
    }

    /// Every entry that is not all zero, by index.
    pub fn iter(&self) -> impl Iterator<Item = (u64, [u64; 2])> {
        self.entries.iter().map(|(&index, &entry)| (index, entry))
    }
}

/// Where the table of a search is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// Held by the hypervisor model.
    Held,
    /// In guest memory: origin, groups less one, and whether entries have the format of 3.0.
    Memory { origin: u64, groups: u64, late: bool },
}

impl Place {
    /// The table that SDR1, or the first doubleword of a partition table entry, locates: HTABORG and HTABSIZE.
    /// Power ISA 2.07 Book III-S 5.7.7.2; 3.0 Book III 5.7.6.1
    pub(super) const fn located(register: u64, late: bool) -> Self {
        let size = if register & 31 > 28 { 28 } else { register & 31 };
        Self::Memory { origin: register & 0x0FFF_FFFF_FFFC_0000, groups: (1 << (11 + size)) - 1, late }
    }

    /// The entries of the group that a hash selects, with their numbers; none where there is no memory.
    pub(super) fn group(self, held: Option<&HashTable>, memory: &mut Memory, hash: u64) -> [(u64, [u64; 2]); 8] {
        match self {
            Self::Held => {
                let first = hash & held.map_or(0, |table| table.groups);
                std::array::from_fn(|n| {
                    let index = first * GROUP + n as u64;
                    (index, held.map_or([0; 2], |table| table.get(index)))
                })
            }
            Self::Memory { origin, groups, late } => {
                let first = origin | ((hash & groups) * GROUP * BYTES);
                memory.watch(first);
                std::array::from_fn(|n| {
                    let at = first + n as u64 * BYTES;
                    let half = |at: u64| memory.read_u64(at, true).unwrap_or_default();
                    let (high, low) = (half(at), half(at + 8));
                    let entry =
                        if late { [high & COMMON | (low & LATE_SIZE) << 4, low & !LATE_SIZE] } else { [high, low] };
                    (at, entry)
                })
            }
        }
    }

    /// Sets bits, of the low half of the second doubleword's last two bytes, in the entry numbered `number`.
    pub(super) fn mark(self, held: Option<&mut HashTable>, memory: &mut Memory, number: u64, low: u64) {
        match self {
            Self::Held => {
                if let Some(entry) = held.and_then(|table| table.entries.get_mut(&number)) {
                    entry[1] |= low & (REFERENCED | CHANGED);
                }
            }
            // The entry was read from there. Only the bytes of R and C are stored, as the architecture asks.
            Self::Memory { .. } => {
                let _ = memory.write_u16(number + 14, low as u16, true);
            }
        }
    }
}
