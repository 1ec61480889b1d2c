//! The mapping that problem state needs.
//!
//! MSR[PR] = 1 makes EE, IR and DR 1 as well (Power ISA, Book III, 4.2.1), so a guest in problem state fetches its
//! instructions through the hashed page table. The first run with PR, IR or DR set therefore enters the code page and
//! the scratch window, each at its own real address and open to problem state, and one segment look-aside entry: by
//! hypercalls in QEMU, directly in the reference. The table is otherwise left alone; [`Identity::entries`] says what is
//! taken.

use std::ops::Range;

use crate::contract::{CODE as CODE_BYTES, SCRATCH as SCRATCH_BYTES};

/// Virtual segment of the mapping. It puts the pages into groups far from the first ones, which tests like to use.
const VSID: u64 = 0x3000;
/// Entries of a group.
const GROUP: u64 = 8;
const PAGE: u64 = 0x1000;

/// `H_ENTER` (LoPAR, 14.5.4.1.2).
const H_ENTER: u64 = 0x08;

/// RS of `slbmte`: the segment, 256 MiB of 4 KiB pages, no key.
pub(crate) const SLB_VSID: u64 = VSID << 12;
/// RB of `slbmte`: effective segment 0, valid, first entry.
pub(crate) const SLB_ESID: u64 = 1 << 27;

/// The mapping of a machine: where its windows are, and how many entries its table has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    /// Address of the code page.
    pub(crate) code: u64,
    /// Address of the scratch window.
    pub(crate) scratch: u64,
    /// Entries of the table.
    pub(crate) ptes: u64,
}

impl Identity {
    /// The pages that are mapped.
    fn pages(self) -> impl Iterator<Item = u64> {
        let windows = [(self.code, CODE_BYTES), (self.scratch, SCRATCH_BYTES)];
        windows.into_iter().flat_map(|(start, length)| (start..start + length).step_by(0x1000))
    }

    /// First entry of the group that the primary hash of a page selects (Power ISA, Book III, 6.7.9.2).
    fn group(self, page: u64) -> u64 {
        ((VSID ^ (page / PAGE)) & (self.ptes / GROUP - 1)) * GROUP
    }

    /// The entries of the table that the mapping may take, as one range.
    pub(crate) fn entries(self) -> Range<u64> {
        let groups = || self.pages().map(|page| self.group(page));
        groups().min().unwrap_or(0)..groups().max().unwrap_or(0) + GROUP
    }

    /// Group and contents of each entry.
    pub(crate) fn mappings(self) -> impl Iterator<Item = (u64, [u64; 2])> {
        self.pages().map(move |page| {
            let high = (VSID << 28 | page) >> 23 << 7 | 1;
            // Referenced, changed, memory coherent, readable and writable for everyone.
            let low = page | 0x180 | 0x10 | 2;
            (self.group(page), [high, low])
        })
    }

    /// The calls that make the mapping: r3 to r7 of each.
    pub(crate) fn calls(self) -> impl Iterator<Item = [u64; 5]> {
        self.mappings().map(|(group, [high, low])| [H_ENTER, 0, group, high, low])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(ptes: u64) -> Identity {
        Identity { code: 0x20_0000, scratch: 0x30_0000, ptes }
    }

    #[test]
    fn the_mapping_stays_within_the_entries_it_names() {
        for shift in 18..30 {
            let ptes = 1 << (shift - 4);
            let taken = identity(ptes).entries();
            assert!(taken.end <= ptes);
            assert!(identity(ptes).calls().all(|call| taken.contains(&call[2])), "table of 2^{shift} bytes");
        }
    }

    #[test]
    fn no_group_gets_more_than_one_page_in_a_table_of_the_usual_size() {
        let mut groups: Vec<_> = identity(1 << 17).calls().map(|call| call[2]).collect();
        groups.sort_unstable();
        groups.dedup();
        assert_eq!(groups.len(), 17);
    }
}
