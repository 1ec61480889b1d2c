//! Finding out what changed in memory.

use super::facts::{CODE, SCRATCH};
use super::memory::SharedRam;
use crate::contract::{CODE as CODE_BYTES, SCRATCH as SCRATCH_BYTES};

/// Bytes before and after the scratch window that are watched as well.
const GUARD: u64 = 0x1000;
/// Bytes that are compared at once before looking closer.
const CHUNK: usize = 0x1000;
const LINE: usize = 64;

/// What is watched: the code page, and the scratch window with a page before and after.
pub const RANGES: [(u64, u64); 2] = [(CODE, CODE_BYTES), (SCRATCH - GUARD, SCRATCH_BYTES + 2 * GUARD)];

/// What is told of a change: address, bytes then, bytes now.
pub type See<'a> = dyn FnMut(u64, &[u8], &[u8]) + 'a;

/// Memory as it was.
#[derive(Debug, Default)]
pub struct BaseLine {
    ranges: [Vec<u8>; RANGES.len()],
}

impl BaseLine {
    /// Takes memory as it is now.
    pub fn take(&mut self, ram: &SharedRam) {
        for ((at, length), kept) in RANGES.into_iter().zip(&mut self.ranges) {
            let now = now(ram, at, length);
            if kept.len() != now.len() {
                kept.clear();
                kept.extend_from_slice(now);
                continue;
            }
            // Comparing is cheaper than copying, and hardly anything changes.
            for (kept, now) in kept.chunks_mut(CHUNK).zip(now.chunks(CHUNK)) {
                if kept != now {
                    kept.copy_from_slice(now);
                }
            }
        }
    }

    /// Calls `see` with each run of bytes that differ from the base line. Without a base line nothing does.
    pub fn compare(&self, ram: &SharedRam, see: &mut See<'_>) {
        for ((at, length), then) in RANGES.into_iter().zip(&self.ranges) {
            runs(then, now(ram, at, length), &mut |from, to| {
                see(at + from as u64, &then[from..to], &now(ram, at, length)[from..to]);
            });
        }
    }
}

fn now(ram: &SharedRam, at: u64, length: u64) -> &[u8] {
    usize::try_from(length).ok().and_then(|length| ram.bytes(at, length)).unwrap_or_default()
}

/// Calls `found` with the bounds of each run of differing bytes.
fn runs(then: &[u8], now: &[u8], found: &mut dyn FnMut(usize, usize)) {
    let mut start = None;
    let lines = |chunk: usize| (chunk..(chunk + CHUNK).min(then.len())).step_by(LINE);
    for chunk in (0..then.len().min(now.len())).step_by(CHUNK) {
        if differs(then, now, chunk, CHUNK) {
            for line in lines(chunk) {
                if differs(then, now, line, LINE) {
                    for at in line..(line + LINE).min(then.len()) {
                        match (then[at] != now[at], start) {
                            (true, None) => start = Some(at),
                            (false, Some(from)) => {
                                found(from, at);
                                start = None;
                            }
                            _ => {}
                        }
                    }
                } else if let Some(from) = start.take() {
                    found(from, line);
                }
            }
        } else if let Some(from) = start.take() {
            found(from, chunk);
        }
    }
    if let Some(from) = start {
        found(from, then.len());
    }
}

fn differs(then: &[u8], now: &[u8], at: usize, length: usize) -> bool {
    let end = (at + length).min(then.len());
    then[at..end] != now[at..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn runs_are_what_a_byte_by_byte_comparison_finds(
            spots in prop::collection::vec((0usize..3 * CHUNK, 1usize..200), 0..8),
            length in CHUNK..3 * CHUNK,
        ) {
            let then = vec![0u8; length];
            let mut now = then.clone();
            for (at, many) in spots {
                for byte in now.iter_mut().skip(at).take(many) {
                    *byte = 1;
                }
            }
            let mut seen = vec![0u8; length];
            let mut last = None;
            runs(&then, &now, &mut |from, to| {
                assert!(from < to && last.is_none_or(|end| end < from), "runs are apart and in order");
                last = Some(to);
                seen[from..to].fill(1);
            });
            prop_assert_eq!(seen, now);
        }
    }
}
