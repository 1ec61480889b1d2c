//! Guest memory with a baseline to go back to.
//!
//! A run usually touches a handful of blocks. The first write to a block keeps a copy of it, so going back costs as much
//! as was written and nothing is copied in advance.

use crate::fast::Cache;

/// Bytes in a page of the run loop and of the paravirtual page.
pub(crate) const PAGE: usize = 4096;
/// Bytes in a block, of which a copy is kept at its first write.
pub const BLOCK: usize = 512;

/// An access beyond the end of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfRange {
    /// First byte of the access.
    pub at: u64,
    /// Length of the access.
    pub length: usize,
}

impl std::fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{} bytes at {:#x} lie outside guest memory", self.length, self.at)
    }
}

impl std::error::Error for OutOfRange {}

/// A block of which no copy has been kept since the baseline.
const CLEAN: u8 = 1;
/// A block with predecoded instructions.
const CODE: u8 = 2;
/// A block that a table walk has read.
const WATCHED: u8 = 4;

/// Flat guest memory from real address 0.
#[derive(Debug, Clone)]
pub struct Memory {
    pub(crate) bytes: Vec<u8>,
    /// What a store to a block must care for first, 0 for nothing.
    pub(crate) care: Vec<u8>,
    /// Dirty blocks in the order of their first write; `saved[i]` is the baseline of `dirty[i]`.
    dirty: Vec<u32>,
    /// Kept at its high-water mark, so that a run that dirties no more than the last allocates nothing.
    saved: Vec<[u8; BLOCK]>,
    /// What the run loop remembers of the contents.
    pub(crate) cache: Cache,
}

impl Memory {
    /// Memory of at least `bytes`, rounded up to whole pages, all zero.
    pub fn new(bytes: usize) -> Self {
        let pages = bytes.div_ceil(PAGE);
        Self {
            bytes: vec![0; pages * PAGE],
            care: vec![CLEAN; pages * PAGE / BLOCK],
            dirty: Vec::new(),
            saved: Vec::new(),
            cache: Cache::default(),
        }
    }

    /// Size in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no memory at all.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The whole memory.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Declares the current contents the baseline.
    pub fn baseline(&mut self) {
        for &block in &self.dirty {
            self.care[block as usize] |= CLEAN;
        }
        self.dirty.clear();
    }

    /// Goes back to the baseline. Cost: one copy a dirty block.
    pub fn rewind(&mut self) {
        for (&block, saved) in self.dirty.iter().zip(&self.saved) {
            let (block, start) = (block as usize, block as usize * BLOCK);
            self.bytes[start..start + BLOCK].copy_from_slice(saved);
            if self.care[block] & CODE != 0 {
                self.cache.forget(start, start + BLOCK - 1);
            }
            self.care[block] = CLEAN;
        }
        self.dirty.clear();
    }

    /// Blocks written since the baseline, by first write: address, baseline and present contents.
    pub fn dirty_blocks(&self) -> impl Iterator<Item = DirtyBlock<'_>> {
        self.dirty.iter().zip(&self.saved).map(|(&block, before)| {
            let start = block as usize * BLOCK;
            DirtyBlock { at: start as u64, before, now: &self.bytes[start..start + BLOCK] }
        })
    }

    fn span(&self, at: u64, length: usize) -> Result<usize, OutOfRange> {
        match usize::try_from(at) {
            Ok(start) if start.checked_add(length).is_some_and(|end| end <= self.bytes.len()) => Ok(start),
            _ => Err(OutOfRange { at, length }),
        }
    }

    /// Keeps the baseline of a block at its first write, and forgets what was remembered of bytes `start` to `end`.
    #[cold]
    #[inline(never)]
    fn disturb(&mut self, block: usize, start: usize, end: usize) {
        let care = self.care[block];
        let from = block * BLOCK;
        if care & CLEAN != 0 {
            let index = self.dirty.len();
            if index == self.saved.len() {
                self.saved.push([0; BLOCK]);
            }
            self.saved[index].copy_from_slice(&self.bytes[from..from + BLOCK]);
            self.dirty.push(block as u32);
        }
        if care & CODE != 0 {
            self.cache.forget(start.max(from), end.min(from + BLOCK - 1));
        }
        if care & WATCHED != 0 {
            self.cache.stale = true;
        }
        self.care[block] &= !(CLEAN | WATCHED);
    }

    #[inline]
    fn touch(&mut self, start: usize, length: usize) {
        if length == 0 {
            return;
        }
        let end = start + length - 1;
        for block in start / BLOCK..=end / BLOCK {
            if self.care[block] != 0 {
                self.disturb(block, start, end);
            }
        }
    }

    /// Says that a table walk has read the entry at `real`: a later store near it ends the translations that are
    /// remembered.
    pub(crate) fn watch(&mut self, real: u64) {
        if let Some(care) = self.care.get_mut(real as usize / BLOCK) {
            *care |= WATCHED;
        }
    }

    /// Says that bytes `start` to `end` have predecoded instructions.
    pub(crate) fn mark_code(&mut self, start: usize, end: usize) {
        for care in &mut self.care[start / BLOCK..=end / BLOCK] {
            *care |= CODE;
        }
    }

    /// Copies bytes out.
    #[inline]
    pub fn read(&self, at: u64, into: &mut [u8]) -> Result<(), OutOfRange> {
        let start = self.span(at, into.len())?;
        into.copy_from_slice(&self.bytes[start..start + into.len()]);
        Ok(())
    }

    /// Copies bytes in.
    #[inline]
    pub fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), OutOfRange> {
        let start = self.span(at, bytes.len())?;
        self.touch(start, bytes.len());
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    /// Sets `length` bytes to `value`.
    pub fn fill(&mut self, at: u64, length: usize, value: u8) -> Result<(), OutOfRange> {
        let start = self.span(at, length)?;
        self.touch(start, length);
        self.bytes[start..start + length].fill(value);
        Ok(())
    }

    /// Reads an unsigned number of 1, 2, 4 or 8 bytes.
    #[inline]
    pub fn read_number(&self, at: u64, length: usize, big_endian: bool) -> Result<u64, OutOfRange> {
        let mut raw = [0; 8];
        let length = length.min(8);
        self.read(at, &mut raw[..length])?;
        Ok(number(&raw[..length], big_endian))
    }

    /// Writes the low bytes of a number.
    #[inline]
    pub fn write_number(&mut self, at: u64, length: usize, value: u64, big_endian: bool) -> Result<(), OutOfRange> {
        let (raw, length) = (raw(value, length, big_endian), length.min(8));
        self.write(at, &raw[..length])
    }

    /// Reads a byte.
    pub fn read_u8(&self, at: u64) -> Result<u8, OutOfRange> {
        Ok(self.read_number(at, 1, true)? as u8)
    }

    /// Reads two bytes.
    pub fn read_u16(&self, at: u64, big_endian: bool) -> Result<u16, OutOfRange> {
        Ok(self.read_number(at, 2, big_endian)? as u16)
    }

    /// Reads four bytes.
    #[inline]
    pub fn read_u32(&self, at: u64, big_endian: bool) -> Result<u32, OutOfRange> {
        let mut raw = [0; 4];
        self.read(at, &mut raw)?;
        Ok(if big_endian { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) })
    }

    /// Reads eight bytes.
    pub fn read_u64(&self, at: u64, big_endian: bool) -> Result<u64, OutOfRange> {
        self.read_number(at, 8, big_endian)
    }

    /// Writes a byte.
    pub fn write_u8(&mut self, at: u64, value: u8) -> Result<(), OutOfRange> {
        self.write(at, &[value])
    }

    /// Writes two bytes.
    pub fn write_u16(&mut self, at: u64, value: u16, big_endian: bool) -> Result<(), OutOfRange> {
        self.write_number(at, 2, value.into(), big_endian)
    }

    /// Writes four bytes.
    pub fn write_u32(&mut self, at: u64, value: u32, big_endian: bool) -> Result<(), OutOfRange> {
        self.write_number(at, 4, value.into(), big_endian)
    }

    /// Writes eight bytes.
    pub fn write_u64(&mut self, at: u64, value: u64, big_endian: bool) -> Result<(), OutOfRange> {
        self.write_number(at, 8, value, big_endian)
    }
}

/// A block written since the baseline.
#[derive(Debug, Clone, Copy)]
pub struct DirtyBlock<'a> {
    /// Real address of its first byte.
    pub at: u64,
    /// Contents at the baseline.
    pub before: &'a [u8; BLOCK],
    /// Contents now.
    pub now: &'a [u8],
}

/// Up to eight bytes as a number.
pub(crate) fn number(bytes: &[u8], big_endian: bool) -> u64 {
    let join = |value: u64, &byte: &u8| (value << 8) | u64::from(byte);
    if big_endian { bytes.iter().fold(0, join) } else { bytes.iter().rev().fold(0, join) }
}

/// The low `length` bytes of a number, in the first bytes of the array.
pub(crate) fn raw(value: u64, length: usize, big_endian: bool) -> [u8; 8] {
    if big_endian { (value << (64 - 8 * length.clamp(1, 8))).to_be_bytes() } else { value.to_le_bytes() }
}
