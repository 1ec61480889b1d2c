//! A hashed page table that maps the first pages one to one, for both segments that the agent has.
//!
//! Power ISA Book III 6.7.8 and 6.7.9.

/// Where the table of a whole machine is, or the list of entries that the agent gives to the hypervisor.
pub const TABLE: u64 = 0x10_0000;
/// Its size.
pub const TABLE_SIZE: u64 = 1 << 18;
/// The partition table (3.0).
pub const PARTITION_TABLE: u64 = 0x18_0000;

/// Size of a page.
const PAGE: u64 = 16 << 20;
/// How many are mapped.
const PAGES: u64 = 8;
/// Valid, large.
const VALID: u64 = 5;
/// Read and write for everybody, referenced, changed, coherent.
const RIGHTS: u64 = 0x192;

/// An entry: which group, its two halves.
struct Entry {
    hash: u64,
    first: u64,
    second: u64,
}

/// Segments of 256 MiB with VSIDs 1 and 2; and in a whole machine the segment of 1 TiB through which a partition's real
/// mode is seen, with B where `v30` has it.
fn entries(real_mode: bool, v30: bool) -> Vec<Entry> {
    let mut entries = Vec::new();
    for page in 0..PAGES {
        let real = page * PAGE;
        for vsid in [1, 2] {
            let first = (vsid << 5 | real >> 23) << 7 | VALID;
            entries.push(Entry { hash: vsid ^ page, first, second: real | RIGHTS });
        }
        if real_mode {
            let vsid = 0x1FF_FFFF_u64;
            let first = (vsid << 17 | real >> 23) << 7 | VALID;
            let (first, second) = if v30 {
                (first & 0x000F_FFFF_FFFF_FFFF, real | RIGHTS | 1 << 58)
            } else {
                (first | 1 << 62, real | RIGHTS)
            };
            entries.push(Entry { hash: vsid ^ vsid << 25 ^ page, first, second });
        }
    }
    entries
}

/// Writes the table of a whole machine, and the partition table.
pub fn machine(image: &mut Vec<u8>, v30: bool) {
    image.resize((PARTITION_TABLE + 0x1_0000) as usize, 0);
    let mut put = |at: u64, value: u64| {
        image[at as usize..at as usize + 8].copy_from_slice(&value.to_be_bytes());
    };
    let groups = TABLE_SIZE / 128;
    let mut used = vec![0; groups as usize];
    for entry in entries(true, v30) {
        let group = entry.hash % groups;
        let at = TABLE + group * 128 + used[group as usize] * 16;
        used[group as usize] += 1;
        put(at, entry.first);
        put(at + 8, entry.second);
    }
    // Page size of the partition's real mode: 16 MiB. The table's size is that of the smallest.
    put(PARTITION_TABLE, TABLE | 4 << 5);
}

/// Writes the list for a partition whose page table has `groups` groups: index, two halves, and -1 at the end.
pub fn partition(image: &mut Vec<u8>, groups: u64) {
    image.resize((TABLE + 0x1000) as usize, 0);
    let mut at = TABLE as usize;
    let mut put = |value: u64| {
        image[at..at + 8].copy_from_slice(&value.to_be_bytes());
        at += 8;
    };
    for entry in entries(false, true) {
        put((entry.hash % groups) * 8);
        put(entry.first);
        put(entry.second);
    }
    put(u64::MAX);
}
