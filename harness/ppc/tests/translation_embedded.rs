//! The TLB of the e500 family. e500 Core Family Reference Manual chapter 12.

use hypercheck_ppc::table::Spr;
use hypercheck_ppc::{Access, Budget, Cpu, Exit, Interrupt, Mapping, Memory, Model, Translation, assemble, msr};
use rstest::rstest;

/// tlbre, tlbwe, tlbsx 0,r4, tlbivax 0,r4, and tlbilx 0 to 3 with 0,r4, as GNU as writes them for the e500mc.
const TLBRE: u32 = 0x7C00_0764;
const TLBWE: u32 = 0x7C00_07A4;
const TLBSX: u32 = 0x7C00_2724;
const TLBIVAX: u32 = 0x7C00_2624;
const TLBILX: [u32; 4] = [0x7C00_2024, 0x7C20_2024, 0x7C40_2024, 0x7C60_2024];

const SECOND: u64 = 0x1000_0000;
const VALID: u64 = 0x8000_0000;
const PROTECTED: u64 = 0x4000_0000;
const SPACE: u64 = 0x1000;

struct Embedded {
    cpu: Cpu,
    memory: Memory,
}

impl Embedded {
    fn new(model: Model) -> Self {
        let mut cpu = Cpu::new(model);
        cpu.translation = Translation::Tables;
        cpu.stop_on_interrupt = true;
        Self { cpu, memory: Memory::new(0x1_0000) }
    }

    /// Writes an entry: MAS0, MAS1, MAS2, MAS3, MAS7.
    fn write(&mut self, mas: [u64; 5]) {
        for (number, value) in [0, 1, 2, 3, 7].into_iter().zip(mas) {
            self.cpu.mas[number] = value;
        }
        self.execute(TLBWE);
    }

    /// Executes a word, without translation.
    fn execute(&mut self, word: u32) {
        self.cpu.translation = Translation::Identity;
        self.cpu.pc = 0x100;
        self.memory.write_u32(0x100, word, true).expect("in memory");
        assert_eq!(self.cpu.run(&mut self.memory, Budget::instructions(1)), Exit::Budget);
        self.cpu.translation = Translation::Tables;
    }

    fn translate(&mut self, address: u64, access: Access) -> Result<Mapping, Interrupt> {
        self.cpu.translate(&mut self.memory, address, access)
    }

    fn real(&mut self, address: u64) -> Option<u64> {
        self.translate(address, Access::Load).ok().map(|mapping| mapping.real)
    }

    fn mas(&self) -> [u64; 5] {
        [0, 1, 2, 3, 7].map(|number| self.cpu.mas[number])
    }
}

/// Entry `n` of TLB1: 4^`size` KiB at 0x1000_0000 to 0x7000_0000, all rights.
fn large(n: u64, size: u64) -> [u64; 5] {
    [SECOND | n << 16, VALID | size << 8, 0x1000_0000, 0x7000_003F, 0]
}

#[rstest]
fn a_large_entry_maps_four_to_the_power_of_its_size(
    #[values(Model::E500v2, Model::E500mc)] model: Model,
    #[values(1, 2, 5, 9, 11)] size: u64,
    #[values(0, 15)] number: u64,
) {
    let bytes = 1024 << (2 * size);
    let base = if bytes > 0x1000_0000 { 0 } else { 0x1000_0000 };
    let mut embedded = Embedded::new(model);
    let mut mas = large(number, size);
    (mas[2], mas[3]) = (base, base + 0x3F);
    mas[4] = 1;
    embedded.write(mas);
    let real = 1 << 32 | base;
    assert_eq!(embedded.real(base), Some(real), "36 bits of real address");
    assert_eq!(embedded.real(base + bytes - 1), Some(real + bytes - 1));
    assert_eq!(embedded.real((base + bytes) & 0xFFFF_FFFF).is_some(), bytes == 1 << 32);
    assert_eq!(embedded.translate(base, Access::Load).map(|mapping| mapping.size), Ok(bytes));
}

#[rstest]
#[case(Model::E500v2, 16, false)]
#[case(Model::E500mc, 16, true)]
#[case(Model::E500mc, 63, true)]
#[case(Model::E500mc, 64, false)]
fn each_model_has_its_own_number_of_large_entries(#[case] model: Model, #[case] number: u64, #[case] there: bool) {
    let mut embedded = Embedded::new(model);
    embedded.write(large(number, 1));
    assert_eq!(embedded.real(0x1000_0000).is_some(), there);
}

#[test]
fn a_small_entry_lies_in_the_set_of_its_page_and_has_4_kib() {
    let mut embedded = Embedded::new(Model::E500v2);
    for way in 0..4 {
        // Size and protection of MAS1 do not count. Pages 512 KiB apart share a set.
        let page = 0x1234_5000 + way * 0x8_0000;
        embedded.write([way << 16, VALID | PROTECTED | 0x900, page, way << 12 | 0x3F, 0]);
    }
    for way in 0..4 {
        assert_eq!(embedded.real(0x1234_5678 + way * 0x8_0000), Some(way << 12 | 0x678));
        assert_eq!(embedded.real(0x1234_6678 + way * 0x8_0000), None);
    }
    embedded.write([0, VALID, 0x4444_5000, 0x9000 | 0x3F, 0]);
    assert_eq!(embedded.real(0x1234_5678), None, "the way was taken by another page");
    assert_eq!(embedded.real(0x4444_5000), Some(0x9000));
}

#[rstest]
#[case::load_in_supervisor_state(0x01, Access::Load, false)]
#[case::load_in_problem_state(0x02, Access::Load, true)]
#[case::store_in_supervisor_state(0x04, Access::Store, false)]
#[case::store_in_problem_state(0x08, Access::Store, true)]
#[case::fetch_in_supervisor_state(0x10, Access::Fetch, false)]
#[case::fetch_in_problem_state(0x20, Access::Fetch, true)]
fn each_right_is_a_bit_of_its_own(#[case] bit: u64, #[case] access: Access, #[case] problem: bool) {
    for rights in [bit, 0x3F & !bit] {
        let mut embedded = Embedded::new(Model::E500mc);
        let mut mas = large(3, 5);
        mas[3] = 0x7000_0000 | rights;
        embedded.write(mas);
        embedded.cpu.msr |= if problem { msr::PR } else { 0 };
        let refused = match access {
            Access::Fetch => Interrupt::InstructionStorage { status: 0 },
            Access::Load => Interrupt::DataStorage { address: 0x1000_0000, status: 0 },
            Access::Store => Interrupt::DataStorage { address: 0x1000_0000, status: 0x0200_0000 },
        };
        let result = embedded.translate(0x1000_0000, access).map(|mapping| mapping.real);
        assert_eq!(result, if rights == bit { Ok(0x7000_0000) } else { Err(refused) });
        let before = embedded.mas();
        let _ = embedded.translate(0x1000_0000, access);
        assert_eq!(embedded.mas(), before, "a storage interrupt leaves the assist registers");
    }
}

#[rstest]
fn address_spaces_are_those_of_the_state(#[values(false, true)] entry: bool, #[values(false, true)] state: bool) {
    let mut embedded = Embedded::new(Model::E500v2);
    let mut mas = large(0, 5);
    mas[1] |= if entry { SPACE } else { 0 };
    embedded.write(mas);
    embedded.cpu.msr |= if state { msr::DR } else { 0 };
    assert_eq!(embedded.real(0x1000_0000).is_some(), entry == state);
    assert_eq!(embedded.translate(0x1000_0000, Access::Fetch).is_ok(), !entry, "MSR[IS] is 0");
    embedded.cpu.msr ^= msr::IR | msr::DR;
    assert_eq!(embedded.translate(0x1000_0000, Access::Fetch).is_ok(), entry);
}

#[rstest]
#[case::of_all(0, &[], true)]
#[case::its_own(7, &[(Spr::Pid, 7)], true)]
#[case::another(7, &[(Spr::Pid, 8)], false)]
#[case::the_second(7, &[(Spr::Pid, 8), (Spr::Pid1, 7)], true)]
#[case::the_third(7, &[(Spr::Pid, 8), (Spr::Pid2, 7)], true)]
fn entries_belong_to_processes(#[case] owner: u64, #[case] processes: &[(Spr, u64)], #[case] found: bool) {
    let mut embedded = Embedded::new(Model::E500v2);
    for &(register, value) in processes {
        embedded.cpu.set_spr(register, value);
    }
    let mut mas = large(0, 5);
    mas[1] |= owner << 16;
    embedded.write(mas);
    assert_eq!(embedded.real(0x1000_0000).is_some(), found);
}

#[rstest]
#[case(Access::Load, Interrupt::DataTlb { address: 0x2222_3456, store: false })]
#[case(Access::Store, Interrupt::DataTlb { address: 0x2222_3456, store: true })]
#[case(Access::Fetch, Interrupt::InstructionTlb)]
fn a_miss_prepares_the_assist_registers(#[case] access: Access, #[case] interrupt: Interrupt) {
    let mut embedded = Embedded::new(Model::E500v2);
    // The next way of the set is 2.
    embedded.write([1 << 16 | 2, 0, 0x2222_3000, 0, 0]);
    embedded.cpu.set_spr(Spr::Pid, 0x21);
    embedded.cpu.set_spr(Spr::Pid1, 0x43);
    embedded.cpu.mas = [!0, !0, !0, !0, 0x0001_0104, 0, !0, !0];
    embedded.cpu.msr |= msr::IR | msr::DR;
    assert_eq!(embedded.translate(0x2222_3456, access), Err(interrupt));
    // TLB0, way 2, then 3; TIDSELD selects PID1; TSIZED 1; M by default.
    assert_eq!(embedded.mas(), [2 << 16 | 3, VALID | 0x43 << 16 | SPACE | 0x100, 0x2222_3004, 0, 0]);
    assert_eq!(embedded.cpu.mas[6], 0x21 << 16 | 1);
}

#[test]
fn what_is_written_is_read_back() {
    let mut embedded = Embedded::new(Model::E500mc);
    let (first, second) = ([3 << 16 | 1, VALID | 0x100 | 5 << 16, 0x1234_5004, 0x6000_0015, 2], large(9, 7));
    embedded.write(first);
    embedded.write(second);
    for entry in [first, second] {
        (embedded.cpu.mas[0], embedded.cpu.mas[2]) = (entry[0] & !3, entry[2]);
        embedded.execute(TLBRE);
        assert_eq!(embedded.mas(), entry);
    }
    embedded.cpu.mas[0] = SECOND | 64 << 16;
    embedded.execute(TLBRE);
    assert_eq!(embedded.cpu.mas[1], 0, "there is no such entry");
}

#[test]
fn a_search_looks_in_the_process_and_space_of_mas6() {
    let mut embedded = Embedded::new(Model::E500v2);
    let mut mas = large(4, 3);
    mas[1] |= 5 << 16 | SPACE;
    embedded.write(mas);
    embedded.cpu.gpr[4] = 0x1000_8765;
    embedded.cpu.mas[6] = 5 << 16 | 1;
    embedded.execute(TLBSX);
    assert_eq!(embedded.mas(), mas);
    for other in [5 << 16, 6 << 16 | 1] {
        embedded.cpu.mas[4] = SECOND | 0x203;
        embedded.cpu.mas[6] = other;
        embedded.execute(TLBSX);
        let space = if other & 1 != 0 { SPACE } else { 0 };
        assert_eq!(embedded.mas(), [SECOND, other & 0xFF_0000 | space | 0x200, 3, 0, 0], "not valid, with defaults");
    }
}

/// Two entries of TLB1, of which the second is protected, and one of TLB0.
fn three_entries() -> Embedded {
    let mut embedded = Embedded::new(Model::E500mc);
    let mut first = large(0, 5);
    first[1] |= 3 << 16;
    embedded.write(first);
    let mut second = large(1, 5);
    second[1] |= PROTECTED;
    second[2] = 0x2000_0000;
    embedded.write(second);
    embedded.write([0, VALID | 4 << 16, 0x3000_0000, 0x3F, 0]);
    embedded
}

fn valid(embedded: &Embedded) -> Vec<u32> {
    let mut pages: Vec<_> = embedded.cpu.tlb.valid().map(|entry| entry.mas2 >> 28).collect();
    pages.sort_unstable();
    pages
}

#[rstest]
#[case::a_large_page(0x1000_5000 | 8, &[2, 3])]
#[case::a_protected_page(0x2000_0000 | 8, &[1, 2, 3])]
#[case::the_wrong_array(0x1000_5000, &[1, 2, 3])]
#[case::a_small_page(0x3000_0000, &[1, 2])]
#[case::all_large_pages(0xC, &[2, 3])]
#[case::all_small_pages(4, &[1, 2])]
fn tlbivax_invalidates_by_address_whoever_owns_it(#[case] operand: u64, #[case] left: &[u32]) {
    let mut embedded = three_entries();
    embedded.cpu.gpr[4] = operand;
    embedded.execute(TLBIVAX);
    assert_eq!(valid(&embedded), left);
}

#[rstest]
#[case::everything(0, 0, 0, &[2])]
#[case::a_process(1, 3, 0, &[2, 3])]
#[case::another_process(1, 4, 0, &[1, 2])]
#[case::an_address_of_a_process(3, 3, 0x1000_5678, &[2, 3])]
#[case::an_address_of_another(3, 4, 0x1000_5678, &[1, 2, 3])]
fn tlbilx_invalidates_what_its_kind_says(
    #[case] kind: usize,
    #[case] process: u64,
    #[case] address: u64,
    #[case] left: &[u32],
) {
    let mut embedded = three_entries();
    embedded.cpu.mas[6] = process << 16;
    embedded.cpu.gpr[4] = address;
    embedded.execute(TLBILX[kind]);
    assert_eq!(valid(&embedded), left);
}

#[test]
fn a_guest_fills_its_tlb_on_a_miss() {
    let mut embedded = Embedded::new(Model::E500v2);
    // The handler at 0x300 maps what was missed to 0x8000; code and handler are mapped by an entry of their own.
    let handler = "mtspr 627, r20\n .long 0x7C0007A4\n rfi";
    for (at, code) in [(0x300_u64, handler), (0x1000, "stw r3, 0x678(r9)\n lwz r5, 0x678(r9)")] {
        for (at, word) in (at..).step_by(4).zip(assemble(code, at, &|_| None).expect("code")) {
            embedded.memory.write_u32(at, word, true).expect("in memory");
        }
    }
    embedded.write([SECOND, VALID | 0x200, 0, 0x3F, 0]);
    embedded.cpu.ivor[13] = 0x300;
    embedded.cpu.stop_on_interrupt = false;
    embedded.cpu.mas[4] = 0x100;
    (embedded.cpu.gpr[3], embedded.cpu.gpr[9], embedded.cpu.gpr[20]) = (0x5A5A, 0x4444_0000, 0x803F);
    embedded.cpu.pc = 0x1000;
    let before = embedded.cpu.instructions;
    assert_eq!(embedded.cpu.run(&mut embedded.memory, Budget::until(0x1008, 100)), Exit::Until);
    assert_eq!(embedded.cpu.instructions - before, 6, "one miss: the store twice, three of the handler, the load");
    assert_eq!((embedded.cpu.gpr[5], embedded.memory.read_u32(0x8678, true)), (0x5A5A, Ok(0x5A5A)));
    assert_eq!((embedded.cpu.dar, embedded.cpu.esr), (0x4444_0678, 0x0080_0000), "a store was missed");
}
