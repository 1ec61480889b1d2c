//! Hash translation of 64-bit servers. Sections are of the Power ISA 2.07 Book III-S.

use hypercheck_ppc::table::Spr;
use hypercheck_ppc::{
    Access, Budget, Cpu, Exit, HashTable, Interrupt, Mapping, Memory, Model, SlbEntry, Translation, assemble, msr,
};
use rstest::rstest;

/// Where the table is: 256 KiB, 2048 groups.
const TABLE: u64 = 0x4_0000;
/// Where the partition table of 3.0 is.
const PARTITIONS: u64 = 0x8_0000;
/// The address that most tests translate, its segment and page.
const ADDRESS: u64 = 0x0ABC_D678;
const VSID: u64 = 0x12_3456;
/// Hash 0x123456 ^ 0x00ABCD = 0x129F9B, of which the table takes the low eleven bits.
const PRIMARY: u64 = 0x79B;
const SECONDARY: u64 = 0x064;
/// AVPN, bits 0 to 54 of the virtual address 0x1234560ABCD678, and V.
const HIGH: u64 = 0x1_2345_6A81;
/// RPN 0x5000, coherent, protection 10.
const LOW: u64 = 0x5012;

/// L of an entry and of a segment.
const LARGE: u64 = 4;
/// DSISR and SRR1.
const NO_PAGE: u32 = 0x4000_0000;
const NO_EXECUTE: u32 = 0x1000_0000;
const PROTECTION: u32 = 0x0800_0000;
const STORE: u32 = 0x0200_0000;
const KEY: u32 = 0x0020_0000;

struct Server {
    cpu: Cpu,
    memory: Memory,
}

impl Server {
    /// A hypervisor with translation on, one segment and an empty table.
    fn new(model: Model) -> Self {
        let mut cpu = Cpu::new(model);
        cpu.translation = Translation::Tables;
        cpu.msr |= msr::HV | msr::IR | msr::DR;
        cpu.slb[7] = SlbEntry { esid: SlbEntry::VALID, vsid: VSID << 12 };
        let mut memory = Memory::new(0x10_0000);
        if late(model) {
            cpu.set_spr(Spr::Ptcr, PARTITIONS);
            memory.write_u64(PARTITIONS, TABLE, true).expect("in memory");
        } else {
            cpu.set_spr(Spr::Sdr1, TABLE);
        }
        Self { cpu, memory }
    }

    /// With the usual entry in the usual place.
    fn mapped(model: Model, low: u64) -> Self {
        let mut server = Self::new(model);
        server.enter(PRIMARY, 0, [HIGH, low]);
        server
    }

    /// Stores an entry, given in the format of 2.07, in the format of the model.
    fn enter(&mut self, group: u64, slot: u64, [high, low]: [u64; 2]) {
        let at = TABLE + 128 * group + 16 * slot;
        let entry = if late(self.cpu.model) { [high & !(3 << 62), low | high >> 62 << 58] } else { [high, low] };
        for (at, half) in [at, at + 8].into_iter().zip(entry) {
            self.memory.write_u64(at, half, true).expect("in memory");
        }
    }

    fn low(&self, group: u64, slot: u64) -> u64 {
        self.memory.read_u64(TABLE + 128 * group + 16 * slot + 8, true).expect("in memory")
    }

    fn translate(&mut self, address: u64, access: Access) -> Result<Mapping, Interrupt> {
        self.cpu.translate(&mut self.memory, address, access)
    }

    fn real(&mut self, address: u64) -> Option<u64> {
        self.translate(address, Access::Load).ok().map(|mapping| mapping.real)
    }

    /// Bits of DSISR or SRR1, or none where the access is permitted.
    fn refused(&mut self, access: Access) -> Option<u32> {
        match self.translate(ADDRESS, access) {
            Ok(_) => None,
            Err(Interrupt::DataStorage { address: ADDRESS, status }) => {
                assert_eq!(status & STORE != 0, access == Access::Store);
                Some(status & !STORE)
            }
            Err(Interrupt::InstructionStorage { status }) if access == Access::Fetch => Some(status),
            Err(other) => panic!("{other:?}"),
        }
    }
}

fn late(model: Model) -> bool {
    matches!(model, Model::Power9 | Model::Power10)
}

// 5.7.7.3, page table search

#[rstest]
fn an_entry_is_found_in_any_slot_of_either_group(
    #[values(Model::Power8, Model::Power9, Model::Power10)] model: Model,
    #[values((PRIMARY, 0), (SECONDARY, 2))] group: (u64, u64),
    #[values(0, 3, 7)] slot: u64,
) {
    let mut server = Server::new(model);
    server.enter(group.0, slot, [HIGH | group.1, LOW]);
    assert_eq!(server.real(ADDRESS), Some(0x5678));
    assert_eq!(server.real(ADDRESS ^ 0x1000), None, "the page next to it");
}

#[rstest]
#[case::not_valid(PRIMARY, HIGH & !1)]
#[case::another_page(PRIMARY, HIGH ^ 0x80)]
#[case::another_segment(PRIMARY, HIGH ^ 1 << 40)]
#[case::another_segment_size(PRIMARY, HIGH | 1 << 62)]
#[case::large(PRIMARY, HIGH | LARGE)]
#[case::marked_secondary(PRIMARY, HIGH | 2)]
#[case::not_marked_secondary(SECONDARY, HIGH)]
fn an_entry_that_differs_is_not_found(#[case] group: u64, #[case] high: u64) {
    let mut server = Server::new(Model::Power8);
    server.enter(group, 0, [high, LOW]);
    assert_eq!(server.refused(Access::Load), Some(NO_PAGE));
    assert_eq!(server.refused(Access::Store), Some(NO_PAGE));
    assert_eq!(server.refused(Access::Fetch), Some(NO_PAGE));
}

#[test]
fn bits_for_software_are_not_compared() {
    let mut server = Server::new(Model::Power8);
    server.enter(PRIMARY, 0, [HIGH | 0x78, LOW]);
    assert_eq!(server.real(ADDRESS), Some(0x5678));
}

#[test]
fn the_primary_group_comes_before_the_secondary() {
    let mut server = Server::new(Model::Power8);
    server.enter(SECONDARY, 0, [HIGH | 2, LOW]);
    server.enter(PRIMARY, 7, [HIGH, LOW + 0x1000]);
    assert_eq!(server.real(ADDRESS), Some(0x6678));
}

#[test]
fn a_larger_table_takes_more_of_the_hash() {
    let mut server = Server::new(Model::Power8);
    // HTABSIZE 1: 512 KiB, 4096 groups. Bit 11 of the hash 0x129F9B is 1.
    server.cpu.set_spr(Spr::Sdr1, 0x8_0001);
    let from_there = (0x8_0000 - TABLE) / 128;
    server.enter(from_there + (PRIMARY | 0x800), 0, [HIGH, LOW]);
    assert_eq!(server.real(ADDRESS), Some(0x5678));
    server.enter(from_there + (PRIMARY | 0x800), 0, [0, 0]);
    server.enter(from_there + PRIMARY, 0, [HIGH, LOW]);
    assert_eq!(server.real(ADDRESS), None);
}

#[test]
fn a_table_outside_memory_maps_nothing() {
    let mut server = Server::mapped(Model::Power8, LOW);
    server.cpu.set_spr(Spr::Sdr1, 0x4000_0000);
    assert_eq!(server.refused(Access::Load), Some(NO_PAGE));
}

/// SLB L and LP, PTE L, LP bits, log2 of base and actual size.
const SIZES: [(u64, u64, u64, u32, u32); 7] = [
    (0x000, 0, 0, 12, 12),
    (0x000, LARGE, 0x7000, 12, 16),
    (0x000, LARGE, 0x3_8000, 12, 24),
    (0x110, LARGE, 0x1000, 16, 16),
    (0x110, LARGE, 0x8000, 16, 24),
    (0x100, LARGE, 0, 24, 24),
    (0x120, LARGE, 0x3000, 34, 34),
];

#[rstest]
fn page_sizes_mix_as_the_processors_encode_them(#[values(0, 1, 2, 3, 4, 5, 6)] n: usize, #[values(0, 1)] segment: u64) {
    let (size, large, low_bits, base, actual) = SIZES[n];
    let shift = if segment == 1 { 40 } else { 28 };
    if base > shift {
        return;
    }
    let mut server = Server::new(Model::Power8);
    server.cpu.slb[7].vsid = segment << 62 | if segment == 1 { VSID << 24 } else { VSID << 12 } | size;
    let spread = if segment == 1 { VSID ^ VSID << 25 } else { VSID };
    let hash = spread ^ ADDRESS >> base;
    let page = VSID << (shift - 23) | ADDRESS >> 23;
    let real = 7 << actual | low_bits;
    server.enter(hash & 0x7FF, 0, [segment << 62 | page << 7 | large | 1, real | 0x12]);
    let mapping = server.translate(ADDRESS, Access::Load).expect("mapped");
    assert_eq!(mapping.real, 7 << actual | ADDRESS & ((1 << actual) - 1));
    assert_eq!(mapping.size, 1 << base, "the entry of the next base page is another one");
    for (other, &(size, ..)) in SIZES.iter().enumerate() {
        if SIZES[other].3 != base {
            server.cpu.slb[7].vsid = server.cpu.slb[7].vsid & !0x130 | size;
            assert_eq!(server.real(ADDRESS), None, "in a segment of base size 2^{}", SIZES[other].3);
        }
    }
}

#[test]
fn a_reserved_page_size_of_a_segment_finds_nothing() {
    for size in [0x010, 0x020, 0x030, 0x130] {
        let mut server = Server::mapped(Model::Power8, LOW);
        server.cpu.slb[7].vsid |= size;
        assert_eq!(server.refused(Access::Load), Some(NO_PAGE));
    }
}

// 5.7.6, segments

#[rstest]
#[case::valid(SlbEntry { esid: SlbEntry::VALID, vsid: 0 }, 0x0FFF_FFFF, true)]
#[case::not_valid(SlbEntry { esid: 0, vsid: 0 }, 0, false)]
#[case::behind_256_mib(SlbEntry { esid: SlbEntry::VALID, vsid: 0 }, 0x1000_0000, false)]
#[case::within_1_tib(SlbEntry { esid: SlbEntry::VALID, vsid: 1 << 62 }, 0xFF_FFFF_FFFF, true)]
#[case::behind_1_tib(SlbEntry { esid: SlbEntry::VALID, vsid: 1 << 62 }, 0x100_0000_0000, false)]
#[case::small_bits_of_a_large_segment(SlbEntry { esid: 0x7F_F800_0000, vsid: 1 << 62 }, 5, true)]
#[case::all_of_the_address(SlbEntry { esid: SlbEntry::VALID, vsid: 0 }, 1 << 63, false)]
fn a_missing_segment_has_its_own_interrupt(#[case] entry: SlbEntry, #[case] address: u64, #[case] found: bool) {
    let mut server = Server::new(Model::Power8);
    server.cpu.slb[7] = entry;
    let missing = |interrupt| if found { None } else { Some(interrupt) };
    let segment = |result: Result<Mapping, Interrupt>| {
        result.err().filter(|which| matches!(which, Interrupt::DataSegment { .. } | Interrupt::InstructionSegment))
    };
    assert_eq!(segment(server.translate(address, Access::Load)), missing(Interrupt::DataSegment { address }));
    assert_eq!(segment(server.translate(address, Access::Store)), missing(Interrupt::DataSegment { address }));
    assert_eq!(segment(server.translate(address, Access::Fetch)), missing(Interrupt::InstructionSegment));
}

// 5.7.9, protection

#[rstest]
#[case(0, 0b000, true, true)]
#[case(0, 0b001, true, true)]
#[case(0, 0b010, true, true)]
#[case(0, 0b011, true, false)]
#[case(0, 0b110, true, false)]
#[case(1, 0b000, false, false)]
#[case(1, 0b001, true, false)]
#[case(1, 0b010, true, true)]
#[case(1, 0b011, true, false)]
#[case(1, 0b110, false, false)]
fn key_and_protection_decide(
    #[case] key: u64,
    #[case] protection: u64,
    #[case] load: bool,
    #[case] store: bool,
    #[values(false, true)] problem: bool,
) {
    let low = LOW & !3 | protection & 3 | protection >> 2 << 63;
    let mut server = Server::mapped(Model::Power8, low);
    let (own, other) = if problem { (0x400, 0x800) } else { (0x800, 0x400) };
    // The key of the other state says the opposite.
    server.cpu.slb[7].vsid |= if key == 1 { own } else { other };
    if problem {
        server.cpu.msr = server.cpu.msr & !msr::HV | msr::PR;
    }
    let refused = |permitted: bool| if permitted { None } else { Some(PROTECTION) };
    assert_eq!(server.refused(Access::Load), refused(load));
    assert_eq!(server.refused(Access::Fetch), refused(load));
    assert_eq!(server.refused(Access::Store), refused(store));
}

#[rstest]
#[case::of_the_segment(0x200, 0, 0)]
#[case::of_the_page(0, 4, 0)]
#[case::guarded(0, 8, 0)]
#[case::no_execute_comes_before_protection(0x800, 4, 2)]
fn no_execute_forbids_fetches_only(#[case] segment: u64, #[case] page: u64, #[case] protection: u64) {
    let mut server = Server::mapped(Model::Power8, LOW ^ protection | page);
    server.cpu.slb[7].vsid |= segment;
    assert_eq!(server.refused(Access::Fetch), Some(NO_EXECUTE));
    let data = if protection == 0 { None } else { Some(PROTECTION) };
    assert_eq!(server.refused(Access::Load), data);
}

#[test]
fn a_no_execute_segment_refuses_a_fetch_without_a_search() {
    let mut server = Server::new(Model::Power8);
    server.cpu.slb[7].vsid |= 0x200;
    assert_eq!(server.refused(Access::Fetch), Some(NO_EXECUTE));
}

#[rstest]
#[case(Spr::Amr, 0b01, Some(KEY), None, None)]
#[case(Spr::Amr, 0b10, None, Some(KEY), None)]
#[case(Spr::Iamr, 0b01, None, None, Some(KEY))]
#[case(Spr::Iamr, 0b10, None, None, None)]
fn class_keys_take_permissions_away(
    #[case] register: Spr,
    #[case] bits: u64,
    #[case] load: Option<u32>,
    #[case] store: Option<u32>,
    #[case] fetch: Option<u32>,
    #[values(0, 5, 24, 31)] class: u64,
) {
    let mut server = Server::mapped(Model::Power8, LOW | class >> 3 << 60 | (class & 7) << 9);
    server.cpu.set_spr(register, bits << (62 - 2 * class));
    assert_eq!(server.refused(Access::Load), load);
    assert_eq!(server.refused(Access::Store), store);
    assert_eq!(server.refused(Access::Fetch), fetch);
    server.cpu.set_spr(register, !(3 << (62 - 2 * class)));
    for access in [Access::Load, Access::Store, Access::Fetch] {
        assert_eq!(server.refused(access), None, "the keys of other classes");
    }
}

// 5.7.8, reference and change recording

#[rstest]
#[case(Access::Fetch, 0x100)]
#[case(Access::Load, 0x100)]
#[case(Access::Store, 0x180)]
fn accesses_are_recorded(
    #[values(Model::Power8, Model::Power9)] model: Model,
    #[case] access: Access,
    #[case] bits: u64,
) {
    let mut server = Server::mapped(model, LOW);
    let mapping = server.translate(ADDRESS, access).expect("mapped");
    assert_eq!(server.low(PRIMARY, 0), LOW | bits);
    assert_eq!(mapping.writable, access == Access::Store, "a first store must come here to be recorded");
    let mut again = Server::mapped(model, LOW | 0x180);
    assert!(again.translate(ADDRESS, access).expect("mapped").writable);
}

#[test]
fn a_refused_access_is_not_recorded() {
    let mut server = Server::mapped(Model::Power8, LOW | 1);
    assert_eq!(server.refused(Access::Store), Some(PROTECTION));
    assert_eq!(server.low(PRIMARY, 0), LOW | 1);
    let mut fetched = Server::mapped(Model::Power8, LOW | 4);
    assert_eq!(fetched.refused(Access::Fetch), Some(NO_EXECUTE));
    assert_eq!(fetched.low(PRIMARY, 0), LOW | 4);
}

#[test]
fn only_the_entry_that_was_used_is_marked() {
    let mut server = Server::new(Model::Power9);
    server.enter(SECONDARY, 3, [HIGH | 2, LOW]);
    server.enter(SECONDARY, 4, [HIGH | 2, LOW]);
    let before = server.memory.bytes().to_vec();
    server.translate(ADDRESS, Access::Store).expect("mapped");
    let changed: Vec<_> = (0..before.len()).filter(|&at| before[at] != server.memory.bytes()[at]).collect();
    let entry = (TABLE + 128 * SECONDARY + 48) as usize;
    assert_eq!(changed, [entry + 14, entry + 15], "the bytes of R and C");
}

// 5.7.3, real mode

#[rstest]
#[case(0x1_2345, 0x1_2345)]
#[case(0x8000_0000_0001_2345, 0x1_2345)]
#[case(0xF000_0000_0001_2345, 0x1_2345)]
fn without_an_offset_a_real_address_is_the_low_sixty_bits(#[case] address: u64, #[case] real: u64) {
    let mut server = Server::new(Model::Power8);
    server.cpu.msr &= !msr::DR;
    assert_eq!(server.real(address), Some(real));
    server.cpu.msr &= !msr::HV;
    assert_eq!(server.real(address), Some(real));
}

#[test]
fn the_hypervisors_offset_is_ored_unless_the_first_bit_is_set() {
    let mut server = Server::new(Model::Power8);
    server.cpu.msr &= !msr::DR;
    server.cpu.set_spr(Spr::Hrmor, 0x700_0000);
    assert_eq!(server.real(0x100_2345), Some(0x700_2345));
    assert_eq!(server.real(0x8000_0000_0100_2345), Some(0x100_2345));
    server.cpu.msr &= !msr::HV;
    assert_eq!(server.real(0x100_2345), Some(0x100_2345), "a partition has none");
}

#[rstest]
#[case(8, 1 << 25)]
#[case(3, 1 << 26)]
#[case(7, 1 << 27)]
#[case(4, 1 << 28)]
#[case(2, 1 << 30)]
#[case(1, 1 << 34)]
#[case(0, 1 << 38)]
fn a_partitions_real_mode_ends_at_its_limit(#[case] encoding: u64, #[case] limit: u64) {
    let mut server = Server::new(Model::Power8);
    server.cpu.msr &= !(msr::DR | msr::HV);
    server.cpu.lpcr = encoding << 26;
    assert_eq!(server.real(limit - 1), Some(limit - 1));
    let refused = Interrupt::DataStorage { address: limit, status: PROTECTION };
    assert_eq!(server.translate(limit, Access::Load), Err(refused));
}

#[rstest]
fn the_virtual_real_mode_area_is_a_segment_of_the_table(
    #[values(Model::Power8, Model::Power9)] model: Model,
    #[values((0, 0, 0, 12), (0b10001, 0b101 << 5, LARGE | 0x1000 << 32, 16), (0b10000, 0b100 << 5, LARGE, 24))] size: (
        u64,
        u64,
        u64,
        u32,
    ),
) {
    let (lpcr, partition, entry, base) = size;
    let mut server = Server::new(model);
    server.cpu.msr &= !(msr::DR | msr::HV);
    if late(model) {
        server.memory.write_u64(PARTITIONS, TABLE | partition, true).expect("in memory");
    } else {
        server.cpu.lpcr = 1 << 63 | lpcr << 47;
    }
    assert_eq!(server.refused(Access::Load), Some(NO_PAGE));
    let vsid = 0x01FF_FFFF_u64;
    let hash = vsid ^ vsid << 25 ^ ADDRESS >> base;
    let high = 1 << 62 | (vsid << 17 | ADDRESS >> 23) << 7 | entry & LARGE | 1;
    server.enter(hash & 0x7FF, 0, [high, 7 << base | entry >> 32 | 0x12]);
    assert_eq!(server.real(ADDRESS), Some(7 << base | ADDRESS & ((1 << base) - 1)));
    server.cpu.set_spr(Spr::Amr, u64::MAX);
    assert_eq!(server.refused(Access::Load), None, "class keys do not apply");
    server.cpu.msr |= msr::HV;
    assert_eq!(server.real(ADDRESS), Some(ADDRESS), "the hypervisor has its own real mode");
}

// 3.0

#[test]
fn the_partition_number_selects_the_table() {
    let mut server = Server::mapped(Model::Power9, LOW);
    server.cpu.set_spr(Spr::Lpidr, 3);
    assert_eq!(server.refused(Access::Load), Some(NO_PAGE));
    server.memory.write_u64(PARTITIONS + 48, TABLE, true).expect("in memory");
    assert_eq!(server.refused(Access::Load), None);
}

#[rstest]
#[case::by_the_processor(1 << 20, 0)]
#[case::by_the_partition_table(0, 1 << 63)]
fn radix_is_an_unsupported_configuration(#[case] lpcr: u64, #[case] entry: u64) {
    let mut server = Server::mapped(Model::Power9, LOW);
    server.cpu.lpcr = lpcr;
    server.memory.write_u64(PARTITIONS, TABLE | entry, true).expect("in memory");
    assert_eq!(server.refused(Access::Load), Some(0x0008_0000));
    assert_eq!(server.refused(Access::Fetch), Some(0x0008_0000));
    server.cpu.slb = [SlbEntry::default(); 32];
    assert_eq!(server.refused(Access::Load), Some(0x0008_0000), "no segment is looked for");
}

// A table that a hypervisor holds

#[test]
fn a_held_table_translates_and_records() {
    let mut server = Server::new(Model::Power9);
    server.cpu.msr &= !msr::HV;
    let mut table = HashTable::new(1 << 14);
    table.set(8 * PRIMARY + 5, [HIGH, LOW]);
    server.cpu.translation = Translation::Held(table);
    let memory = server.memory.bytes().to_vec();
    assert_eq!(server.real(ADDRESS), Some(0x5678));
    let entry = |server: &mut Server| server.cpu.translation.held(0).get(8 * PRIMARY + 5);
    assert_eq!(entry(&mut server), [HIGH, LOW | 0x100]);
    assert_eq!(server.refused(Access::Store), None);
    assert_eq!(entry(&mut server), [HIGH, LOW | 0x180]);
    assert_eq!(server.memory.bytes(), memory, "guest memory has no part in it");
    server.cpu.msr &= !msr::DR;
    assert_eq!(server.real(ADDRESS), Some(ADDRESS), "real mode is the partition's own memory");
}

#[test]
fn a_held_table_has_as_many_entries_as_were_asked_for() {
    for entries in [8, 64, 1 << 14, 1 << 17] {
        assert_eq!(HashTable::new(entries).capacity(), entries);
    }
}

/// A table with as many groups as there are hashes: 39 bits.
#[rstest]
#[case::small_segment(0, 12, 0x12_9F9B, 0x7F_FFED_6064, HIGH)]
#[case::large_segment(1, 24, 0x68_AC12_9F9B, 0x17_53ED_6064, 0x4000_1234_5600_0A81)]
fn every_bit_of_the_hash_counts(
    #[case] size: u64,
    #[case] shift: u64,
    #[case] primary: u64,
    #[case] secondary: u64,
    #[case] high: u64,
) {
    for (group, mark) in [(primary, 0), (secondary, 2)] {
        let mut server = Server::new(Model::Power8);
        server.cpu.slb[7].vsid = size << 62 | VSID << shift;
        let mut table = HashTable::new(1 << 42);
        table.set(8 * group, [high | mark, LOW]);
        server.cpu.translation = Translation::Held(table);
        assert_eq!(server.real(ADDRESS), Some(0x5678));
    }
}

#[rstest]
#[case(0x000, 0x0F)]
#[case(0x000, 0x00)]
#[case(0x000, 0x08)]
#[case(0x000, 0x18)]
#[case(0x110, 0x05)]
#[case(0x110, 0x00)]
#[case(0x110, 0x18)]
#[case(0x110, 0x38)]
fn a_reserved_page_size_of_an_entry_finds_nothing(#[case] segment: u64, #[case] size: u64) {
    let mut server = Server::new(Model::Power8);
    server.cpu.slb[7].vsid |= segment;
    let group = if segment == 0 { PRIMARY } else { (VSID ^ ADDRESS >> 16) & 0x7FF };
    server.enter(group, 0, [HIGH | LARGE, 7 << 24 | size << 12 | 0x12]);
    assert_eq!(server.refused(Access::Load), Some(NO_PAGE));
}

#[test]
fn of_two_entries_for_a_segment_the_first_counts() {
    let mut server = Server::mapped(Model::Power8, LOW);
    server.cpu.slb[8] = SlbEntry { esid: SlbEntry::VALID, vsid: 0x7777_7000 };
    assert_eq!(server.real(ADDRESS), Some(0x5678));
    server.cpu.slb[6] = server.cpu.slb[8];
    assert_eq!(server.real(ADDRESS), None);
}

// What a program sees

#[rstest]
#[case::load("ld r3, 0(r10)", ADDRESS & !0xFFF | 0x1000_0000, 0x380, 0)]
#[case::missing("ld r3, 0(r10)", (ADDRESS & !0xFFF) + 0x1000, 0x300, NO_PAGE)]
#[case::missing_for_a_store("std r3, 0(r10)", (ADDRESS & !0xFFF) + 0x1000, 0x300, NO_PAGE | STORE)]
#[case::behind_the_page("ld r3, 0(r10)", (ADDRESS & !0xFFF) + 0xFFC, 0x300, NO_PAGE)]
fn a_bare_machine_is_told_why(#[case] code: &str, #[case] address: u64, #[case] vector: u64, #[case] status: u32) {
    let mut server = Server::mapped(Model::Power8, LOW);
    server.cpu.msr &= !msr::IR;
    server.cpu.stop_on_interrupt = true;
    server.cpu.pc = 0x1000;
    server.cpu.gpr[10] = address;
    server.cpu.dsisr = 0;
    let word = assemble(code, 0x1000, &|_| None).expect("code")[0];
    server.memory.write_u32(0x1000, word, true).expect("in memory");
    server.memory.write_u64(0x5FF8, 0x5A5A, true).expect("in memory");
    assert!(matches!(server.cpu.run(&mut server.memory, Budget::instructions(1)), Exit::Interrupt(_)));
    let told = if address % 0x1000 == 0xFFC { address + 4 } else { address };
    assert_eq!((server.cpu.pc, server.cpu.dar, server.cpu.dsisr), (vector, told, status));
    assert_eq!((server.cpu.srr0, server.cpu.gpr[3]), (0x1000, 0), "nothing was loaded");
}

#[test]
fn a_store_across_pages_of_which_one_is_missing_stores_nothing() {
    let mut server = Server::mapped(Model::Power8, LOW);
    server.cpu.msr &= !msr::IR;
    server.cpu.stop_on_interrupt = true;
    (server.cpu.pc, server.cpu.gpr[3], server.cpu.gpr[10]) = (0x1000, u64::MAX, 0x0ABC_DFFC);
    server.memory.write_u32(0x1000, 0xF86A_0000, true).expect("in memory");
    let exit = server.cpu.run(&mut server.memory, Budget::instructions(1));
    let missing = Interrupt::DataStorage { address: 0x0ABC_E000, status: NO_PAGE | STORE };
    assert_eq!(exit, Exit::Interrupt(missing));
    assert_eq!(server.memory.read_u64(0x5FF8, true), Ok(0));
}
