//! What changed in memory since a mark.

use hypercheck_ppc::{BLOCK, Memory};

use crate::contract::SeeChange;

/// The blocks that differed from their contents after boot when the mark was made, as they were then.
///
/// They are the first dirty blocks in the order of their first write, which later writes do not change; all other blocks
/// were then as after boot, and the memory itself keeps that.
#[derive(Debug, Default)]
pub(crate) struct Mark {
    blocks: Vec<[u8; BLOCK]>,
}

impl Mark {
    /// Makes the mark here.
    pub(crate) fn set(&mut self, memory: &Memory) {
        self.blocks.clear();
        for block in memory.dirty_blocks() {
            let mut copy = [0; BLOCK];
            copy.copy_from_slice(block.now);
            self.blocks.push(copy);
        }
    }

    /// Makes the mark at boot.
    pub(crate) fn clear(&mut self) {
        self.blocks.clear();
    }

    /// Calls `see` with each run of bytes that differs: address, then, now.
    pub(crate) fn changes(&self, memory: &Memory, see: &mut SeeChange<'_>) {
        for (n, block) in memory.dirty_blocks().enumerate() {
            runs(block.at, self.blocks.get(n).unwrap_or(block.before), block.now, see);
        }
    }
}

/// Calls `see` with each run of bytes in which two blocks differ. Equal blocks and equal stretches cost little.
fn runs(at: u64, then: &[u8], now: &[u8], see: &mut SeeChange<'_>) {
    const CHUNK: usize = 64;
    if then == now {
        return;
    }
    let mut start = None;
    let mut end = |start: &mut Option<usize>, end: usize| {
        if let Some(start) = start.take() {
            see(at + start as u64, &then[start..end], &now[start..end]);
        }
    };
    for (n, (old, new)) in then.chunks(CHUNK).zip(now.chunks(CHUNK)).enumerate() {
        if old == new {
            end(&mut start, n * CHUNK);
            continue;
        }
        for (i, (old, new)) in old.iter().zip(new).enumerate() {
            if old == new {
                end(&mut start, n * CHUNK + i);
            } else if start.is_none() {
                start = Some(n * CHUNK + i);
            }
        }
    }
    end(&mut start, now.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_maximal_and_cross_chunks() {
        let mut memory = Memory::new(2 * BLOCK);
        memory.write(0x10, &[1; 4]).unwrap();
        let mut mark = Mark::default();
        mark.set(&memory);
        memory.write(0x12, &[2; 0x40]).unwrap();
        memory.write(2 * BLOCK as u64 - 1, &[9]).unwrap();
        let mut seen = Vec::new();
        mark.changes(&memory, &mut |at, then, now| seen.push((at, then.to_vec(), now.to_vec())));
        let mut then = vec![1; 2];
        then.resize(0x40, 0);
        assert_eq!(seen, [(0x12, then, vec![2; 0x40]), (2 * BLOCK as u64 - 1, vec![0], vec![9])]);
    }
}
