//! Translation of the 32-bit models of the original architecture. Sections are of the Programming Environments Manual for
//! 32-bit implementations.

use hypercheck_ppc::table::Spr;
use hypercheck_ppc::{Access, Budget, Cpu, Exit, Interrupt, Mapping, Memory, Model, Translation, assemble, msr};
use rstest::rstest;

/// Where the table is: 64 KiB, 1024 groups.
const TABLE: u64 = 0x4_0000;
/// Segment 2, page 0x0ABC.
const ADDRESS: u64 = 0x20AB_C678;
const VSID: u32 = 0x12_3456;
/// Hash 0x23456 ^ 0x0ABC = 0x23EEA, of which the table takes the low ten bits.
const PRIMARY: u64 = 0x2EA;
const SECONDARY: u64 = 0x115;
/// V, VSID and the API 0x02.
const HIGH: u32 = 0x891A_2B02;
/// RPN 0x5000, coherent, protection 10.
const LOW: u32 = 0x5012;

const NO_PAGE: u32 = 0x4000_0000;
const NO_EXECUTE: u32 = 0x1000_0000;
const PROTECTION: u32 = 0x0800_0000;
const STORE: u32 = 0x0200_0000;
const DIRECT_STORE: u32 = 0x8000_0000;

const IBATS: [[Spr; 2]; 4] =
    [[Spr::Ibat0u, Spr::Ibat0l], [Spr::Ibat1u, Spr::Ibat1l], [Spr::Ibat2u, Spr::Ibat2l], [Spr::Ibat3u, Spr::Ibat3l]];
const DBATS: [[Spr; 2]; 4] =
    [[Spr::Dbat0u, Spr::Dbat0l], [Spr::Dbat1u, Spr::Dbat1l], [Spr::Dbat2u, Spr::Dbat2l], [Spr::Dbat3u, Spr::Dbat3l]];

struct Classic {
    cpu: Cpu,
    memory: Memory,
}

impl Classic {
    fn new() -> Self {
        let mut cpu = Cpu::new(Model::G3);
        cpu.translation = Translation::Tables;
        cpu.msr |= msr::IR | msr::DR;
        cpu.sr[2] = VSID;
        cpu.set_spr(Spr::Sdr1, TABLE);
        Self { cpu, memory: Memory::new(0x10_0000) }
    }

    fn mapped(low: u32) -> Self {
        let mut classic = Self::new();
        classic.enter(PRIMARY, 0, HIGH, low);
        classic
    }

    fn blocked(registers: [Spr; 2], upper: u32, lower: u32) -> Self {
        let mut classic = Self::new();
        classic.cpu.set_spr(registers[0], upper.into());
        classic.cpu.set_spr(registers[1], lower.into());
        classic
    }

    fn enter(&mut self, group: u64, slot: u64, high: u32, low: u32) {
        let at = TABLE + 64 * group + 8 * slot;
        self.memory.write_u32(at, high, true).expect("in memory");
        self.memory.write_u32(at + 4, low, true).expect("in memory");
    }

    fn low(&self, group: u64, slot: u64) -> u32 {
        self.memory.read_u32(TABLE + 64 * group + 8 * slot + 4, true).expect("in memory")
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

// 7.6, pages

#[rstest]
fn an_entry_is_found_in_any_slot_of_either_group(
    #[values((PRIMARY, 0), (SECONDARY, 0x40))] group: (u64, u32),
    #[values(0, 3, 7)] slot: u64,
) {
    let mut classic = Classic::new();
    classic.enter(group.0, slot, HIGH | group.1, LOW);
    assert_eq!(classic.real(ADDRESS), Some(0x5678));
    assert_eq!(classic.real(ADDRESS ^ 0x1000), None, "the page next to it");
}

#[rstest]
#[case::not_valid(PRIMARY, HIGH & 0x7FFF_FFFF)]
#[case::another_page(PRIMARY, HIGH ^ 1)]
#[case::another_segment(PRIMARY, HIGH ^ 0x4000_0000)]
#[case::marked_secondary(PRIMARY, HIGH | 0x40)]
#[case::not_marked_secondary(SECONDARY, HIGH)]
fn an_entry_that_differs_is_not_found(#[case] group: u64, #[case] high: u32) {
    let mut classic = Classic::new();
    classic.enter(group, 0, high, LOW);
    for access in [Access::Load, Access::Store, Access::Fetch] {
        assert_eq!(classic.refused(access), Some(NO_PAGE));
    }
}

#[test]
fn the_mask_admits_more_of_the_hash() {
    let mut classic = Classic::new();
    // 128 KiB: bit 10 of the hash 0x23EEA is 1.
    classic.cpu.set_spr(Spr::Sdr1, TABLE | 1);
    classic.enter(PRIMARY | 0x400, 0, HIGH, LOW);
    assert_eq!(classic.real(ADDRESS), Some(0x5678));
}

#[rstest]
#[case::primary(0x028F_BA80, 0)]
#[case::secondary(0x0370_4540, 0x40)]
fn every_bit_of_the_hash_counts(#[case] group: u64, #[case] mark: u32) {
    let mut classic = Classic::new();
    classic.memory = Memory::new(0x400_0000);
    classic.cpu.set_spr(Spr::Sdr1, 0x0200_01FF);
    classic.memory.write_u32(group, HIGH | mark, true).expect("in memory");
    classic.memory.write_u32(group + 4, LOW, true).expect("in memory");
    assert_eq!(classic.real(ADDRESS), Some(0x5678));
}

#[rstest]
#[case(false, 0, true, true)]
#[case(false, 1, true, true)]
#[case(false, 2, true, true)]
#[case(false, 3, true, false)]
#[case(true, 0, false, false)]
#[case(true, 1, true, false)]
#[case(true, 2, true, true)]
#[case(true, 3, true, false)]
fn key_and_protection_decide(
    #[case] key: bool,
    #[case] protection: u32,
    #[case] load: bool,
    #[case] store: bool,
    #[values(false, true)] problem: bool,
) {
    let mut classic = Classic::mapped(LOW & !3 | protection);
    let (own, other) = if problem { (0x2000_0000, 0x4000_0000) } else { (0x4000_0000, 0x2000_0000) };
    classic.cpu.sr[2] |= if key { own } else { other };
    classic.cpu.msr |= if problem { msr::PR } else { 0 };
    let refused = |permitted: bool| if permitted { None } else { Some(PROTECTION) };
    assert_eq!(classic.refused(Access::Load), refused(load));
    assert_eq!(classic.refused(Access::Fetch), refused(load));
    assert_eq!(classic.refused(Access::Store), refused(store));
}

#[rstest]
#[case::no_execute_segment(0x1000_0000, LOW, true)]
#[case::guarded_page(0, LOW | 8, true)]
#[case::nothing(0, LOW, false)]
fn no_execute_forbids_fetches_only(#[case] segment: u32, #[case] low: u32, #[case] refused: bool) {
    let mut classic = Classic::mapped(low);
    classic.cpu.sr[2] |= segment;
    assert_eq!(classic.refused(Access::Fetch), refused.then_some(NO_EXECUTE));
    assert_eq!(classic.refused(Access::Load), None);
}

#[test]
fn a_direct_store_segment_takes_no_access() {
    let mut classic = Classic::mapped(LOW);
    classic.cpu.sr[2] |= 0x8000_0000;
    assert_eq!(classic.refused(Access::Load), Some(DIRECT_STORE));
    assert_eq!(classic.refused(Access::Store), Some(DIRECT_STORE));
    assert_eq!(classic.refused(Access::Fetch), Some(NO_EXECUTE));
}

#[rstest]
#[case(Access::Fetch, 0x100)]
#[case(Access::Load, 0x100)]
#[case(Access::Store, 0x180)]
fn accesses_are_recorded(#[case] access: Access, #[case] bits: u32) {
    let mut classic = Classic::mapped(LOW);
    let mapping = classic.translate(ADDRESS, access).expect("mapped");
    assert_eq!(classic.low(PRIMARY, 0), LOW | bits);
    assert_eq!(mapping.writable, access == Access::Store);
}

#[test]
fn a_refused_access_is_not_recorded() {
    let mut classic = Classic::mapped(LOW | 1);
    assert_eq!(classic.refused(Access::Store), Some(PROTECTION));
    assert_eq!(classic.low(PRIMARY, 0), LOW | 1);
}

// 7.4, blocks

/// BL and the bytes it stands for.
const LENGTHS: [(u32, u64); 4] = [(0, 128 << 10), (1, 256 << 10), (0x7F, 16 << 20), (0x7FF, 256 << 20)];

#[rstest]
fn a_block_maps_its_whole_length(#[values(0, 1, 2, 3)] n: usize, #[values(0, 1, 2, 3)] number: usize) {
    let (length, bytes) = LENGTHS[n];
    let mut classic = Classic::blocked(DBATS[number], 0x2000_0000 | length << 2 | 2, 0x7000_0002);
    assert_eq!(classic.real(0x2000_0000), Some(0x7000_0000));
    assert_eq!(classic.real(0x2000_0000 + bytes - 1), Some(0x7000_0000 + bytes - 1));
    assert_eq!(classic.real(0x2000_0000 + bytes), None);
    assert_eq!(classic.real(0x1FFF_FFFF), None);
    assert!(classic.translate(0x2000_0000, Access::Fetch).is_err(), "data blocks are for data");
}

#[test]
fn instructions_have_blocks_of_their_own() {
    for registers in IBATS {
        let mut classic = Classic::blocked(registers, 0x2000_0002, 0x7000_0002);
        let mapping = classic.translate(0x2000_0100, Access::Fetch).expect("mapped");
        assert_eq!(mapping.real, 0x7000_0100);
        assert_eq!(classic.real(0x2000_0100), None);
    }
}

#[rstest]
#[case::neither(0, false, false)]
#[case::problem_state(1, false, true)]
#[case::supervisor_state(2, true, false)]
#[case::both(3, true, true)]
fn a_block_is_valid_in_each_state_for_itself(#[case] valid: u32, #[case] supervisor: bool, #[case] problem: bool) {
    let mut classic = Classic::blocked(DBATS[1], 0x2000_0000 | valid, 0x7000_0002);
    assert_eq!(classic.real(0x2000_0000).is_some(), supervisor);
    classic.cpu.msr |= msr::PR;
    assert_eq!(classic.real(0x2000_0000).is_some(), problem);
}

#[rstest]
#[case(0, false, false)]
#[case(1, true, false)]
#[case(2, true, true)]
#[case(3, true, false)]
fn protection_of_a_block(#[case] protection: u32, #[case] load: bool, #[case] store: bool) {
    let refused = |permitted: bool| if permitted { None } else { Some(PROTECTION) };
    let mut data = Classic::blocked(DBATS[0], 0x2000_0FFE, 0x7000_0000 | protection);
    assert_eq!(data.refused(Access::Load), refused(load));
    assert_eq!(data.refused(Access::Store), refused(store));
    let mut code = Classic::blocked(IBATS[0], 0x2000_0FFE, 0x7000_0000 | protection);
    assert_eq!(code.refused(Access::Fetch), refused(load));
}

#[test]
fn a_block_comes_before_the_segment() {
    let mut classic = Classic::mapped(LOW);
    classic.cpu.sr[2] |= 0x8000_0000;
    classic.cpu.set_spr(Spr::Dbat3u, 0x2000_1FFE);
    classic.cpu.set_spr(Spr::Dbat3l, 0x7000_0002);
    assert_eq!(classic.real(ADDRESS), Some(0x70AB_C678));
    assert_eq!(classic.low(PRIMARY, 0), LOW, "blocks record nothing");
}

#[test]
fn without_translation_an_address_is_real() {
    let mut classic = Classic::new();
    classic.cpu.msr &= !msr::DR;
    assert_eq!(classic.real(0xFFFF_F000), Some(0xFFFF_F000));
    assert_eq!(classic.refused(Access::Fetch), Some(NO_PAGE), "instructions for themselves");
}

// What a program sees

#[test]
fn a_guest_builds_its_table_and_is_told_what_is_missing() {
    let code = "
        mtspr  25, r3
        mtsr   2, r4
        stw    r5, 0(r6)
        stw    r7, 4(r6)
        mfmsr  r8
        ori    r8, r8, 0x10
        mtmsr  r8
        isync
        stw    r9, 0(r10)
        lwz    r11, 0x1000(r10)";
    let mut cpu = Cpu::new(Model::G4);
    let mut memory = Memory::new(0x10_0000);
    for (at, word) in (0x1000..).step_by(4).zip(assemble(code, 0x1000, &|_| None).expect("code")) {
        memory.write_u32(at, word, true).expect("in memory");
    }
    cpu.translation = Translation::Tables;
    cpu.stop_on_interrupt = true;
    cpu.pc = 0x1000;
    let entry = TABLE + 64 * PRIMARY;
    for (register, value) in
        [(3, TABLE), (4, VSID.into()), (5, HIGH.into()), (6, entry), (7, LOW.into()), (9, 0x5A5A), (10, ADDRESS)]
    {
        cpu.gpr[register] = value;
    }
    let exit = cpu.run(&mut memory, Budget::instructions(100));
    let missing = ADDRESS + 0x1000;
    assert_eq!(exit, Exit::Interrupt(Interrupt::DataStorage { address: missing, status: NO_PAGE }));
    assert_eq!((cpu.pc, cpu.srr0, cpu.dar, cpu.dsisr), (0x300, 0x1024, missing, NO_PAGE));
    assert_eq!(cpu.msr & (msr::IR | msr::DR), 0);
    assert_eq!(memory.read_u32(0x5678, true), Ok(0x5A5A));
    assert_eq!(memory.read_u32(entry + 4, true), Ok(LOW | 0x180));
}
