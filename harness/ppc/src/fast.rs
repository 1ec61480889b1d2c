//! The run loop's memory: predecoded pages and recent translations.
//!
//! Nothing here can be seen by a guest. A store to a page with predecoded instructions forgets those it hits, a store to a
//! page that a table walk has read ends all translations, and so does every instruction that is left to the single step
//! and is no plain load, store or computation. `fuzz/fuzz_targets/differential_stream.rs` holds this against single steps.

mod burst;
mod predecode;
mod translations;

use crate::cpu::{Cpu, ReservedBits};
use crate::memory::{Memory, PAGE, number};
use crate::model::Model;
use crate::msr;
use crate::translate::{Access, Mapping};
use burst::{Burst, Mode, Pause};
use predecode::{Decoded, fuse, predecode};
use translations::Translations;

/// Instructions of a page.
pub(crate) const WORDS: usize = PAGE / 4;
/// Instructions worked out at once.
const AHEAD: usize = 16;

/// What a predecoded instruction depends on besides its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    model: Model,
    reserved: ReservedBits,
    big_endian: bool,
}

/// Predecoded instructions of a page.
type Page = [Decoded; WORDS];

/// See the [module](self). A copy of a memory begins with none of it.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    key: Option<Key>,
    pages: Vec<Option<Box<Page>>>,
    translations: Option<Box<Translations>>,
    /// A page that a table walk has read was written.
    pub(crate) stale: bool,
}

impl Clone for Cache {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Cache {
    /// Forgets the instructions at real addresses `start` to `end`, which lie in one page, and the one before, which may
    /// have taken the first along.
    pub(crate) fn forget(&mut self, start: usize, end: usize) {
        if let Some(Some(page)) = self.pages.get_mut(start / PAGE) {
            page[(start % PAGE / 4).saturating_sub(1)..=end % PAGE / 4].fill(Decoded::UNKNOWN);
        }
    }

    /// Ends all translations.
    pub(crate) fn forget_translations(&mut self) {
        self.stale = false;
        if let Some(translations) = &mut self.translations {
            translations.forget();
        }
    }

    fn page(&self, real: u64) -> Option<&Page> {
        self.pages.get(real as usize / PAGE)?.as_deref()
    }
}

impl Cpu {
    /// Executes instructions from predecoded pages: at most `quantum` of them, none at `until`, and none that is left to
    /// the single step. Returns whether the single step must do the next.
    #[inline(never)]
    pub(crate) fn run_fast(&mut self, memory: &mut Memory, quantum: u64, until: Option<u64>) -> bool {
        let key = Key { model: self.model, reserved: self.reserved_bits, big_endian: self.is_big_endian() };
        if memory.cache.key != Some(key) {
            memory.cache.pages.iter_mut().flatten().for_each(|page| page.fill(Decoded::UNKNOWN));
            memory.cache.key = Some(key);
        }
        if memory.cache.stale {
            memory.cache.forget_translations();
        }
        let mode = match () {
            () if self.is_64_bit() => Mode::Wide,
            () if self.model.is_server() => Mode::Cut,
            () => Mode::Narrow,
        };
        let mut translations = memory.cache.translations.take().unwrap_or_default();
        let mut left = quantum;
        let mut stuck = quantum == 0;
        while left > 0 {
            stuck = true;
            let Some(real) = self.fetch_page(memory, &mut translations) else { break };
            let start = (self.pc as usize % PAGE) / 4;
            prepare(memory, real, start, key);
            let Memory { bytes, care, cache, .. } = &mut *memory;
            let Some(page) = cache.page(real) else { break };
            let base = self.pc & !(PAGE as u64 - 1);
            let until = until.filter(|until| until & !(PAGE as u64 - 1) == base && until & 3 == 0);
            let mut burst = Burst {
                cpu: self,
                bytes,
                care,
                words: page,
                translations: &translations,
                big_endian: key.big_endian,
                base,
                left,
                until: until.map(|until| until as usize % PAGE / 4),
            };
            let pause = burst.run(mode, start);
            left = burst.left;
            match pause {
                Pause::Page | Pause::Unknown => {}
                Pause::Load(address) if self.remember(memory, &mut translations, address, Access::Load) => {}
                Pause::Store(address) if self.remember(memory, &mut translations, address, Access::Store) => {}
                Pause::Load(_) | Pause::Store(_) | Pause::Step => break,
                Pause::Budget => {
                    stuck = false;
                    break;
                }
            }
            stuck = false;
        }
        memory.cache.translations = Some(translations);
        let executed = quantum - left;
        self.instructions += executed;
        self.tick_by(executed);
        stuck
    }

    /// The real address of the page of `pc`, or none if it cannot be executed from here.
    fn fetch_page(&mut self, memory: &mut Memory, translations: &mut Translations) -> Option<u64> {
        if self.pc & 3 != 0 || self.pc != self.effective(self.pc) {
            return None;
        }
        if let Some(real) = translations.fetch(self.pc) {
            return Some(real);
        }
        let page = self.pc & !(PAGE as u64 - 1);
        let real = self.mapping(memory, translations, page, Access::Fetch)?.real;
        translations.remember_fetch(page, real);
        Some(real)
    }

    /// The mapping of a page that lies in memory.
    fn mapping(
        &mut self,
        memory: &mut Memory,
        translations: &mut Translations,
        page: u64,
        access: Access,
    ) -> Option<Mapping> {
        let mut mapping = self.translate(memory, page, access).ok()?;
        if memory.cache.stale {
            // The search itself wrote a reference or changed bit; the second one finds it set and reads only.
            memory.cache.stale = false;
            translations.forget();
            mapping = self.translate(memory, page, access).ok()?;
        }
        let backed = mapping.real.checked_add(PAGE as u64).is_some_and(|end| end <= memory.len() as u64);
        backed.then_some(mapping)
    }

    /// Remembers the translation of a page for loads or stores, if they may be made without looking any further.
    fn remember(&mut self, memory: &mut Memory, translations: &mut Translations, address: u64, access: Access) -> bool {
        let page = address & !(PAGE as u64 - 1);
        if self.overlaid_effective(address).is_some() {
            return false;
        }
        let Some(mapping) = self.mapping(memory, translations, page, access) else { return false };
        if self.overlaid_real(address, mapping.real).is_some() {
            return false;
        }
        match access {
            Access::Store if mapping.writable => translations.remember_store(page, mapping.real),
            Access::Load => translations.remember_load(page, mapping.real),
            Access::Store | Access::Fetch => return false,
        }
        true
    }

    /// Whether the run loop may use what it remembers: no trace, which wants a look at every instruction.
    pub(crate) fn may_run_fast(&self) -> bool {
        self.msr & (msr::SE | msr::BE) == 0 || self.model.is_embedded()
    }
}

/// Works out the instructions from number `start` of a page on, unless that has been done.
fn prepare(memory: &mut Memory, real: u64, start: usize, key: Key) {
    let from = real as usize & !(PAGE - 1);
    let Memory { bytes, cache, .. } = &mut *memory;
    if cache.pages.len() <= from / PAGE {
        cache.pages.resize_with(from / PAGE + 1, || None);
    }
    let page = cache.pages[from / PAGE].get_or_insert_with(|| Box::new([Decoded::UNKNOWN; WORDS]));
    if page[start].is_known() {
        return;
    }
    let mut index = start;
    while index < WORDS && index - start < AHEAD && !page[index].is_known() {
        let at = from + 4 * index;
        let word = number(&bytes[at..at + 4], key.big_endian) as u32;
        page[index] = predecode(word, index, key.model, key.reserved);
        index += 1;
    }
    // Where two are taken as one, a store to the second forgets the first.
    for second in start.max(1)..(index + 1).min(WORDS) {
        let along = page[second];
        fuse(&mut page[second - 1], &along);
    }
    memory.mark_code(from + 4 * start, from + 4 * index - 1);
}
