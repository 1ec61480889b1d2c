//! Recent translations, by page.

use crate::memory::PAGE;

/// Entries a kind of access.
const ENTRIES: usize = 256;
const OFFSET: u64 = PAGE as u64 - 1;
/// A tag that no aligned access has.
const NONE: u64 = OFFSET;

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Effective address of the page.
    tag: u64,
    /// What is added to an effective address to get the real one.
    add: u64,
}

const EMPTY: Entry = Entry { tag: NONE, add: 0 };

/// Pages that loads, stores and fetches may use without a walk, in the present mode.
#[derive(Debug)]
pub(crate) struct Translations {
    load: [Entry; ENTRIES],
    store: [Entry; ENTRIES],
    fetch: [Entry; 16],
    used: bool,
}

impl Default for Translations {
    fn default() -> Self {
        Self { load: [EMPTY; ENTRIES], store: [EMPTY; ENTRIES], fetch: [EMPTY; 16], used: false }
    }
}

/// The real address of an access of `N` bytes; one that is not aligned has none.
#[inline(always)]
fn find<const N: u64>(entries: &[Entry; ENTRIES], address: u64) -> Option<usize> {
    let entry = &entries[(address / PAGE as u64) as usize % ENTRIES];
    (address & (!OFFSET | (N - 1)) == entry.tag).then(|| address.wrapping_add(entry.add) as usize)
}

impl Translations {
    #[inline(always)]
    pub(crate) fn load<const N: u64>(&self, address: u64) -> Option<usize> {
        find::<N>(&self.load, address)
    }

    #[inline(always)]
    pub(crate) fn store<const N: u64>(&self, address: u64) -> Option<usize> {
        find::<N>(&self.store, address)
    }

    /// The real address of an instruction's page.
    pub(crate) fn fetch(&self, address: u64) -> Option<u64> {
        let entry = &self.fetch[(address / PAGE as u64) as usize % 16];
        (address & !OFFSET == entry.tag).then(|| (address & !OFFSET).wrapping_add(entry.add))
    }

    pub(crate) fn remember_load(&mut self, page: u64, real: u64) {
        self.used = true;
        self.load[(page / PAGE as u64) as usize % ENTRIES] = Entry { tag: page, add: real.wrapping_sub(page) };
    }

    pub(crate) fn remember_store(&mut self, page: u64, real: u64) {
        self.used = true;
        self.store[(page / PAGE as u64) as usize % ENTRIES] = Entry { tag: page, add: real.wrapping_sub(page) };
    }

    pub(crate) fn remember_fetch(&mut self, page: u64, real: u64) {
        self.used = true;
        self.fetch[(page / PAGE as u64) as usize % 16] = Entry { tag: page, add: real.wrapping_sub(page) };
    }

    #[inline]
    pub(crate) fn forget(&mut self) {
        if self.used {
            self.clear();
        }
    }

    #[cold]
    #[inline(never)]
    fn clear(&mut self) {
        self.load.fill(EMPTY);
        self.store.fill(EMPTY);
        self.fetch.fill(EMPTY);
        self.used = false;
    }
}
