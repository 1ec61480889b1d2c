//! The mapping that problem state needs.
//!
//! MSR[PR] = 1 makes EE, IR and DR 1 as well (Power ISA, Book III, 4.2.1), so a guest in problem state fetches its
//! instructions through the hashed page table. The first run with PR, IR or DR set therefore enters the code page and
//! the scratch window, each at its own real address and open to problem state, and one segment register entry.
//! The table is otherwise left alone; [`entries`] says what is taken.

use std::ops::Range;

use crate::contract::{CODE as CODE_BYTES, SCRATCH as SCRATCH_BYTES};

use super::facts::{CODE, SCRATCH};

/// Virtual segment of the mapping. It puts the pages into groups far from the first ones, which tests like to use.
const VSID: u64 = 0x3000;
/// Entries of a group.
const GROUP: u64 = 8;
const PAGE: u64 = 0x1000;

/// `H_ENTER` (LoPAR, 14.5.4.1.2).
const H_ENTER: u64 = 0x08;

/// RS of `slbmte`: the segment, 256 MiB of 4 KiB pages, no key.
pub const SLB_VSID: u64 = VSID << 12;
/// RB of `slbmte`: effective segment 0, valid, first entry.
pub const SLB_ESID: u64 = 1 << 27;

/// The pages that are mapped.
fn pages() -> impl Iterator<Item = u64> {
    let windows = [(CODE, CODE_BYTES), (SCRATCH, SCRATCH_BYTES)];
    windows.into_iter().flat_map(|(start, length)| (start..start + length).step_by(0x1000))
}

/// First entry of the group that the primary hash of a page selects in a table of `ptes` entries (Power ISA, Book
/// III, 6.7.9.2).
fn group(page: u64, ptes: u64) -> u64 {
    ((VSID ^ (page / PAGE)) & (ptes / GROUP - 1)) * GROUP
}

/// The entries of the table that the mapping may take, as one range.
#[must_use]
pub fn entries(ptes: u64) -> Range<u64> {
    let groups = || pages().map(|page| group(page, ptes));
    groups().min().unwrap_or(0)..groups().max().unwrap_or(0) + GROUP
}

/// The calls that make the mapping: r3 to r7 of each.
pub fn calls(ptes: u64) -> impl Iterator<Item = [u64; 5]> {
    pages().map(move |page| {
        let high = (VSID << 28 | page) >> 23 << 7 | 1;
        // Referenced, changed, memory coherent, readable and writable for everyone.
        let low = page | 0x180 | 0x10 | 2;
        [H_ENTER, 0, group(page, ptes), high, low]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mapping_stays_within_the_entries_it_names() {
        for shift in 18..30 {
            let ptes = 1 << (shift - 4);
            let taken = entries(ptes);
            assert!(taken.end <= ptes);
            assert!(calls(ptes).all(|call| taken.contains(&call[2])), "table of 2^{shift} bytes");
        }
    }

    #[test]
    fn no_group_gets_more_than_one_page_in_a_table_of_the_usual_size() {
        let mut groups: Vec<_> = calls(1 << 17).map(|call| call[2]).collect();
        groups.sort_unstable();
        groups.dedup();
        assert_eq!(groups.len(), 17);
    }
}
