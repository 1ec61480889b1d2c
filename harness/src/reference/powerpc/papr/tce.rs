//! Calls on the translation control entries of DMA: hcall-tce, hcall-multi-tce and H_LIOBN_ATTRIBUTES.
//!
//! LoPAR, "Translation Control Entry Access" and "LIOBN Attributes". All windows have pages of 4 KiB from I/O address 0.
//! All parameters are judged before the first entry is stored, so a call that fails changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::super::partition::Partition;
use super::{Answer, code};

/// The bus number of the window that no virtual adapter has.
pub(crate) const LIOBN: u64 = 0x8000_0000;
/// Bytes of I/O addresses in that window.
pub(crate) const WINDOW: u64 = 0x1000_0000;
/// Bytes of I/O addresses in the window of a virtual adapter.
pub(crate) const PANE: u64 = 0x100_0000;

/// The windows: logical I/O bus number and size. A window's place is its name inside the hypervisor.
const WINDOWS: [(u64, u64); 7] = [
    (LIOBN, WINDOW),
    (0x1000_0010, PANE),
    (0x1000_0011, PANE),
    (0x1000_0012, PANE),
    (0x1000_0020, PANE),
    (0x1000_0021, PANE),
    (0x1000_0022, PANE),
];

/// Bit of an entry that permits reading.
pub(super) const READ: u64 = 1;
/// Bit of an entry that permits writing.
pub(super) const WRITE: u64 = 2;
/// With neither bit an entry is "page fault" and maps nothing.
const PERMISSIONS: u64 = READ | WRITE;
/// At most so many entries in one call.
pub(super) const MOST: u64 = 512;
/// The one attribute of a window: Bit Bucket Allowed.
const BIT_BUCKET: u64 = 1;
/// Entries of other windows that may copy one entry: LoPAR, `ibm,max-rtce-mappings`.
pub(super) const COPIES: usize = 2;
/// Copies beside the first of each entry that all entries of a window have together.
pub(super) const MORE_COPIES: usize = 2;

/// An entry: window and index.
pub(super) type Place = (usize, u64);

/// The tables: entries that are not zero, attributes of the windows, and which entries are copies of which.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tables {
    entries: BTreeMap<Place, u64>,
    attributes: [u64; WINDOWS.len()],
    /// Original and copy (H_PUT_RTCE).
    copies: BTreeSet<(Place, Place)>,
}

impl Tables {
    pub(super) fn get(&self, place: Place) -> u64 {
        self.entries.get(&place).copied().unwrap_or_default()
    }

    pub(super) fn set(&mut self, place: Place, entry: u64) {
        if entry == 0 {
            self.entries.remove(&place);
        } else {
            self.entries.insert(place, entry);
        }
    }

    /// The copies of an entry that still hold what it holds.
    pub(super) fn copies(&self, original: Place) -> Vec<Place> {
        let value = self.get(original);
        let of = self.copies.range((original, (0, 0))..=(original, (usize::MAX, u64::MAX)));
        of.map(|&(_, copy)| copy).filter(|&copy| value & PERMISSIONS != 0 && self.get(copy) == value).collect()
    }

    /// How many copies beside the first of each entry a window has.
    pub(super) fn more_copies(&self, window: usize) -> usize {
        let originals: BTreeSet<Place> =
            self.copies.iter().map(|&(from, _)| from).filter(|from| from.0 == window).collect();
        originals.into_iter().map(|from| self.copies(from).len().saturating_sub(1)).sum()
    }

    pub(super) fn link(&mut self, original: Place, copy: Place) {
        self.copies.insert((original, copy));
    }

    pub(super) fn unlink(&mut self, original: Place, copy: Place) {
        self.copies.remove(&(original, copy));
    }

    /// Whether a copy of an entry must not be taken away behind its owner's back: its window does not allow that.
    pub(super) fn held(&self, original: Place) -> bool {
        self.copies(original).iter().any(|copy| self.attributes[copy.0] & BIT_BUCKET == 0)
    }

    /// Takes the copies of an entry away.
    pub(super) fn recall(&mut self, original: Place) {
        for copy in self.copies(original) {
            self.set(copy, 0);
            self.unlink(original, copy);
        }
    }

    /// The entries of a window that have copies.
    pub(super) fn copied(&self, window: usize) -> Vec<Place> {
        let from = self.copies.iter().map(|&(from, _)| from).filter(|from| from.0 == window);
        from.filter(|&from| !self.copies(from).is_empty()).collect()
    }
}

/// The window with a bus number.
pub(super) fn window(liobn: u64) -> Option<usize> {
    WINDOWS.iter().position(|&(number, _)| number == liobn)
}

/// The bus number of a window.
pub(crate) const fn liobn(window: usize) -> u64 {
    WINDOWS[window].0
}

/// The first of `count` entries. The offset in the page does not count: LoPAR has the address for indexing only, as QEMU
/// does, where KVM refuses an address that is not aligned.
pub(super) fn entries(window: usize, ioba: u64, count: u64) -> Option<u64> {
    let (_, bytes) = WINDOWS[window];
    (ioba < bytes && count <= (bytes - ioba).div_ceil(4096)).then_some(ioba >> 12)
}

/// The first of `count` entries of a window with a bus number.
fn range(liobn: u64, ioba: u64, count: u64) -> Result<Place, i64> {
    let window = window(liobn).ok_or(code::PARAMETER)?;
    Ok((window, entries(window, ioba, count).ok_or(code::PARAMETER)?))
}

/// The real address behind an I/O address, if its entry permits all of `access`.
pub(super) fn translate(p: &Partition, window: usize, ioba: u64, access: u64) -> Option<u64> {
    let entry = p.state.tables.get((window, entries(window, ioba, 1)?));
    (entry & access == access).then_some(entry & !0xFFF | ioba & 0xFFF)
}

/// Whether each page of a range of I/O addresses is mapped for `access`; an empty range is.
pub(super) fn mapped(p: &Partition, window: usize, ioba: u64, length: u64, access: u64) -> bool {
    let Some(end) = ioba.checked_add(length) else { return false };
    length == 0
        || end <= WINDOWS[window].1
            && (ioba >> 12..end.div_ceil(4096)).all(|page| {
                let entry = p.state.tables.get((window, page));
                entry & PERMISSIONS != 0 && entry & access == access
            })
}

/// Reads `length` bytes of mapped memory.
pub(super) fn read(p: &Partition, window: usize, ioba: u64, length: u64) -> Option<Vec<u8>> {
    mapped(p, window, ioba, length, READ).then(|| {
        let byte = |at| translate(p, window, at, READ).map_or(0, |at| p.load(at, 1));
        (ioba..ioba + length).map(|at| byte(at).to_le_bytes()[0]).collect()
    })
}

/// Writes mapped memory. Whether all of it was mapped; if not, nothing is written.
pub(super) fn write(p: &mut Partition, window: usize, ioba: u64, bytes: &[u8]) -> bool {
    let fits = mapped(p, window, ioba, bytes.len() as u64, WRITE);
    if fits {
        for (at, &byte) in (ioba..).zip(bytes) {
            if let Some(at) = translate(p, window, at, WRITE) {
                p.store(at, 1, byte.into());
            }
        }
    }
    fits
}

/// Refuses an entry that maps something else than a page of the partition.
fn check(p: &Partition, entry: u64) -> Answer {
    let fits = entry & PERMISSIONS == 0 || p.contains(entry & !0xFFF, 4096);
    if fits { Ok(()) } else { Err(code::PARAMETER) }
}

/// Stores entries from `first` on. Copies of old ones are taken back where their window allows it, else H_RESOURCE comes
/// (LoPAR, "Extensions to Other hcall()s for Redirected RDMA").
fn store(p: &mut Partition, first: Place, values: &[u64]) -> Answer {
    let places: Vec<Place> = (first.1..).take(values.len()).map(|index| (first.0, index)).collect();
    let tables = &mut p.state.tables;
    if places.iter().any(|&place| tables.held(place)) {
        return Err(code::RESOURCE);
    }
    for (&place, &value) in places.iter().zip(values) {
        tables.recall(place);
        tables.set(place, value);
    }
    Ok(())
}

/// H_GET_TCE.
pub(super) fn get(p: &mut Partition) -> Answer {
    let [liobn, ioba] = p.arguments();
    p.cpu.gpr[4] = p.state.tables.get(range(liobn, ioba, 1)?);
    Ok(())
}

/// H_PUT_TCE.
pub(super) fn put(p: &mut Partition) -> Answer {
    let [liobn, ioba, entry] = p.arguments();
    let place = range(liobn, ioba, 1)?;
    check(p, entry)?;
    store(p, place, &[entry])
}

/// H_STUFF_TCE. A count of 0 stores nothing and succeeds, as on KVM; LoPAR has no rule against it.
pub(super) fn stuff(p: &mut Partition) -> Answer {
    let [liobn, ioba, entry, count] = p.arguments();
    range(liobn, ioba, 1)?;
    if count > MOST {
        return Err(code::P4);
    }
    let first = range(liobn, ioba, count)?;
    check(p, entry)?;
    store(p, first, &vec![entry; usize::try_from(count).unwrap_or_default()])
}

/// H_PUT_TCE_INDIRECT. Several tables at once, which a negative bus number asks for, is an option that is not offered.
pub(super) fn put_indirect(p: &mut Partition) -> Answer {
    let [liobn, ioba, list, count] = p.arguments();
    if liobn.cast_signed() < 0 {
        return Err(code::FUNCTION);
    }
    if count > MOST {
        return Err(code::PARAMETER);
    }
    let first = range(liobn, ioba, count)?;
    let values = list_of(p, list, count)?;
    values.iter().try_for_each(|&entry| check(p, entry))?;
    store(p, first, &values)
}

/// The doublewords of a list that is a page of the partition.
pub(super) fn list_of(p: &Partition, list: u64, count: u64) -> Result<Vec<u64>, i64> {
    let page = list.is_multiple_of(4096) && p.contains(list, 4096);
    if page { Ok((0..count).map(|n| p.load(list + 8 * n, 8)).collect()) } else { Err(code::PARAMETER) }
}

/// H_LIOBN_ATTRIBUTES: what is reset comes before what is set; unimplemented bits are ignored.
pub(super) fn attributes(p: &mut Partition) -> Answer {
    let [liobn, reset, set] = p.arguments();
    let window = window(liobn).ok_or(code::PARAMETER)?;
    let attributes = &mut p.state.tables.attributes[window];
    *attributes = (*attributes & !reset | set) & BIT_BUCKET;
    p.cpu.gpr[4] = *attributes;
    Ok(())
}
