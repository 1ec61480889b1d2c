//! Which instructions the guest must be told of.
//!
//! TCG keeps what it translated and does not see that the host writes over the instructions: the guest would go on
//! with the old ones. It does see stores by the guest, whatever the value, and those of QEMU's own devices and calls.
//! So the host notes where it changed a page that code was run from, and the agent stores those words again.

use super::memory::SharedRam;

const PAGE: u64 = 0x1000;

#[derive(Debug)]
struct Page {
    at: u64,
    /// First and last word that the host changed, as offsets, the end not included.
    changed: Option<(u64, u64)>,
}

/// The pages that code was run from.
#[derive(Debug)]
pub struct CodePages {
    pages: Vec<Page>,
}

impl CodePages {
    /// Only the page that the suite uses.
    #[must_use]
    pub fn new(code: u64) -> Self {
        Self { pages: vec![Page { at: code, changed: None }] }
    }

    /// The host is about to write these bytes.
    pub fn written(&mut self, ram: &SharedRam, at: u64, bytes: &[u8]) {
        let end = at.saturating_add(bytes.len() as u64);
        for page in &mut self.pages {
            let (from, to) = (at.max(page.at), end.min(page.at + PAGE));
            if from >= to {
                continue;
            }
            let (Ok(skip), Ok(length)) = (usize::try_from(from - at), usize::try_from(to - from)) else { continue };
            let new = &bytes[skip..skip + length];
            let Some(old) = ram.bytes(from, length) else { continue };
            let Some(first) = old.iter().zip(new).position(|(old, new)| old != new) else { continue };
            let last = old.iter().zip(new).rposition(|(old, new)| old != new).unwrap_or(first);
            let (first, last) = (from - page.at + first as u64, from - page.at + last as u64);
            let (low, high) = page.changed.unwrap_or((PAGE, 0));
            page.changed = Some((low.min(first & !3), high.max((last | 3) + 1)));
        }
    }

    /// The guest is about to run from here.
    pub fn entered(&mut self, pc: u64) {
        let at = pc & !(PAGE - 1);
        if self.pages.iter().all(|page| page.at != at) {
            self.pages.push(Page { at, changed: None });
        }
    }

    /// The next range of words that the agent must store again, as address and length.
    pub fn stale(&mut self) -> Option<(u64, u64)> {
        let page = self.pages.iter_mut().find(|page| page.changed.is_some())?;
        let (low, high) = page.changed.take()?;
        Some((page.at + low, high - low))
    }

    /// All memory was written over by the host.
    pub fn forgotten(&mut self) {
        for page in &mut self.pages {
            page.changed = Some((0, PAGE));
        }
    }
}
