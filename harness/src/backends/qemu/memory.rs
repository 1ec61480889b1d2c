//! Guest memory that QEMU shares with this process.

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::MmapRaw;

/// The guest's RAM from address 0, mapped into this process.
///
/// The only code here that the compiler cannot check: bytes change under the hands of another process. The guest's
/// processor waits at the doorbell whenever the suite reads or writes them; what a device of QEMU writes at that very
/// moment is seen or not seen.
#[derive(Debug)]
pub struct SharedRam {
    map: MmapRaw,
}

impl SharedRam {
    /// Maps a file that is as long as the guest's RAM.
    ///
    /// # Errors
    /// As the operating system has it.
    pub fn map(file: &File) -> std::io::Result<Self> {
        Ok(Self { map: MmapRaw::map_raw(file)? })
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.map.len() as u64
    }

    /// Where the range is in this process, if it is RAM.
    fn place(&self, at: u64, length: usize) -> Option<*mut u8> {
        let start = usize::try_from(at).ok()?;
        let end = start.checked_add(length)?;
        (end <= self.map.len()).then(|| self.map.as_mut_ptr().wrapping_add(start))
    }

    /// The bytes of a range, if it is RAM.
    #[must_use]
    pub fn bytes(&self, at: u64, length: usize) -> Option<&[u8]> {
        let place = self.place(at, length)?;
        // SAFETY: the range lies in the mapping, which lives as long as `self`; the file is never made shorter. See
        // the type for who else writes here.
        Some(unsafe { std::slice::from_raw_parts(place, length) })
    }

    /// Overwrites a range. False if it is not RAM.
    #[must_use]
    pub fn write(&self, at: u64, bytes: &[u8]) -> bool {
        let Some(place) = self.place(at, bytes.len()) else { return false };
        // SAFETY: the range lies in the mapping, and `bytes` is no part of it: slices of it borrow `self` and are
        // copied before they get here.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len()) };
        true
    }

    /// The big-endian doubleword at `at`, ordered before all later reads.
    ///
    /// # Panics
    /// If that is not RAM or not aligned.
    #[must_use]
    pub fn load(&self, at: u64) -> u64 {
        u64::from_be(self.doubleword(at).load(Ordering::Acquire))
    }

    /// Sets the big-endian doubleword at `at`, ordered after all earlier writes.
    ///
    /// # Panics
    /// If that is not RAM or not aligned.
    pub fn store(&self, at: u64, value: u64) {
        self.doubleword(at).store(value.to_be(), Ordering::Release);
    }

    fn doubleword(&self, at: u64) -> &AtomicU64 {
        assert!(at.is_multiple_of(8), "{at:#x} is not aligned");
        let place = self.place(at, 8).expect("a control word in RAM");
        // SAFETY: the doubleword lies in the mapping, which starts on a page, and is aligned. Neither this process
        // nor the guest uses it in another way than as a whole.
        unsafe { AtomicU64::from_ptr(place.cast()) }
    }
}
