//! The processors of the guest, of which the one with APIC id 0 makes the calls.

/// APIC ids of all processors, sparse on purpose.
pub(super) const APIC_IDS: [u32; 5] = [0, 1, 2, 5, 70];
/// The highest of them.
pub(super) const HIGHEST: u32 = 70;
/// An id below it that no processor has.
pub(super) const ABSENT: u32 = 4;

/// Those below 64, bit n for id n.
pub(super) fn low_ids() -> u64 {
    APIC_IDS.iter().filter(|id| **id < 64).fold(0, |ids, id| ids | 1 << id)
}

/// The processors that a bitmap of `width` bits names, whose bit 0 stands for the id `lowest`.
pub(super) fn named(bitmap: u64, width: u32, lowest: u64) -> impl Iterator<Item = u32> {
    APIC_IDS.into_iter().filter(move |id| {
        let n = u64::from(*id).checked_sub(lowest);
        n.is_some_and(|n| n < u64::from(width) && bitmap >> n & 1 == 1)
    })
}

/// The bit of an id in what a guest's host sees of its processors.
pub(super) fn seen(id: u32) -> u64 {
    1_u64.checked_shl(id).unwrap_or(0)
}
