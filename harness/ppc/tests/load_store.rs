//! Loads, stores, reservations, cache blocks, in both byte orders.

mod common;

use common::{CODE, Machine};
use hypercheck_ppc::{Exit, Interrupt, Model, Program, msr};
use rstest::rstest;

const DATA: u64 = 0x2000;

/// A machine with recognisable bytes at `DATA` and r3 pointing there.
fn machine(model: Model, little: bool, code: &str) -> Machine {
    let mut machine = Machine::new(model, "");
    if little {
        machine.cpu.msr |= msr::LE;
    }
    machine.load(code);
    let bytes: Vec<u8> = (0..64).map(|i| 0x80 + i).collect();
    machine.memory.write(DATA, &bytes).expect("in memory");
    machine.cpu.gpr[3] = DATA;
    machine
}

/// r5 after a load, big-endian and little-endian.
#[rstest]
#[case("lbz r5, 1(r3)", 0x81, 0x81)]
#[case("lhz r5, 0(r3)", 0x8081, 0x8180)]
#[case("lha r5, 0(r3)", 0xFFFF_FFFF_FFFF_8081, 0xFFFF_FFFF_FFFF_8180)]
#[case("lwz r5, 0(r3)", 0x8081_8283, 0x8382_8180)]
#[case("lwa r5, 4(r3)", 0xFFFF_FFFF_8485_8687, 0xFFFF_FFFF_8786_8584)]
#[case("ld r5, 8(r3)", 0x8889_8A8B_8C8D_8E8F, 0x8F8E_8D8C_8B8A_8988)]
#[case("lhbrx r5, 0, r3", 0x8180, 0x8081)]
#[case("lwbrx r5, 0, r3", 0x8382_8180, 0x8081_8283)]
#[case("ldbrx r5, 0, r3", 0x8786_8584_8382_8180, 0x8081_8283_8485_8687)]
#[case("lwzx r5, r3, r4", 0x8283_8485, 0x8584_8382)]
#[case("lwarx r5, 0, r3", 0x8081_8283, 0x8382_8180)]
#[case("lharx r5, 0, r3", 0x8081, 0x8180)]
fn loads(#[case] code: &str, #[case] big: u64, #[case] little: u64) {
    for (order, expected) in [(false, big), (true, little)] {
        let mut machine = machine(Model::Power8, order, code);
        machine.cpu.gpr[4] = 2;
        let machine = machine.finish();
        assert_eq!(machine.cpu.gpr[5], expected, "{:#x}", machine.cpu.gpr[5]);
        assert_eq!(machine.cpu.gpr[3], DATA);
    }
}

/// The eight bytes at `DATA` after a store of r5.
#[rstest]
#[case("stb r5, 0(r3)", [0x88, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87], [0x88, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87])]
#[case("sth r5, 2(r3)", [0x80, 0x81, 0x77, 0x88, 0x84, 0x85, 0x86, 0x87], [0x80, 0x81, 0x88, 0x77, 0x84, 0x85, 0x86, 0x87])]
#[case("stw r5, 0(r3)", [0x55, 0x66, 0x77, 0x88, 0x84, 0x85, 0x86, 0x87], [0x88, 0x77, 0x66, 0x55, 0x84, 0x85, 0x86, 0x87])]
#[case("std r5, 0(r3)", [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88], [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11])]
#[case("sthbrx r5, 0, r3", [0x88, 0x77, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87], [0x77, 0x88, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87])]
#[case("stwbrx r5, 0, r3", [0x88, 0x77, 0x66, 0x55, 0x84, 0x85, 0x86, 0x87], [0x55, 0x66, 0x77, 0x88, 0x84, 0x85, 0x86, 0x87])]
#[case("stdbrx r5, 0, r3", [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11], [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88])]
fn stores(#[case] code: &str, #[case] big: [u8; 8], #[case] little: [u8; 8]) {
    for (order, expected) in [(false, big), (true, little)] {
        let mut machine = machine(Model::Power8, order, code);
        machine.cpu.gpr[5] = 0x1122_3344_5566_7788;
        let machine = machine.finish();
        assert_eq!(machine.memory.bytes()[DATA as usize..][..8], expected);
    }
}

#[test]
fn update_forms_write_the_address_back() {
    let machine = machine(Model::Power8, false, "lwzu r5, 4(r3)\n stdu r5, 8(r3)\n lbzux r6, r3, r0").finish();
    assert_eq!(machine.cpu.gpr[3], DATA + 12);
    assert_eq!(machine.memory.read_u64(DATA + 12, true), Ok(0x8485_8687));
    assert_eq!(machine.cpu.gpr[6], 0);
}

#[rstest]
#[case::base_zero(0x8400_0000 | 5 << 21)]
#[case::base_is_target(0x8400_0000 | 5 << 21 | 5 << 16)]
#[case::store_base_zero(0x9400_0000 | 5 << 21)]
#[case::multiple_over_its_base(0xB800_0000 | 5 << 21 | 6 << 16)]
#[case::odd_quadword(0xE000_0000 | 5 << 21 | 3 << 16)]
fn invalid_forms_are_illegal(#[case] word: u32) {
    let mut machine = machine(Model::Power8, false, "nop");
    machine.words(&[word]);
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::Program(Program::Illegal)));
    assert_eq!((machine.cpu.pc, machine.cpu.srr0), (0x700, CODE));
}

#[test]
fn r0_is_zero_as_a_base() {
    let mut machine = machine(Model::Power8, false, "lwz r5, 0x2000(0)\n lwzx r6, 0, r3");
    machine.cpu.gpr[0] = 0x9999;
    let machine = machine.finish();
    assert_eq!(machine.cpu.gpr[5], 0x8081_8283);
    assert_eq!(machine.cpu.gpr[6], 0x8081_8283);
}

#[test]
fn in_32_bit_mode_addresses_wrap_at_4_gib() {
    let mut machine = machine(Model::Power8, false, "lwz r5, 8(r4)\n lwzu r6, 16(r4)");
    machine.cpu.msr &= !msr::SF;
    machine.cpu.gpr[4] = 0x7777_7777_FFFF_FFFC_u64;
    machine.memory.write_u32(4, 0x1234, true).expect("in memory");
    machine.memory.write_u32(12, 0x5678, true).expect("in memory");
    let machine = machine.finish();
    assert_eq!((machine.cpu.gpr[5], machine.cpu.gpr[6], machine.cpu.gpr[4]), (0x1234, 0x5678, 12));
}

#[test]
fn multiples_move_the_rest_of_the_file() {
    let mut machine = machine(Model::G3, false, "lmw r28, 0(r3)\n stmw r30, 0x100(r3)");
    machine.cpu.gpr[31] = 1;
    let machine = machine.finish();
    assert_eq!(machine.cpu.gpr[28..], [0x8081_8283, 0x8485_8687, 0x8889_8A8B, 0x8C8D_8E8F]);
    assert_eq!(machine.memory.read_u64(DATA + 0x100, true), Ok(0x8889_8A8B_8C8D_8E8F));
}

#[test]
fn strings_fill_registers_from_the_left() {
    let mut machine = machine(Model::Power8, false, "lswi r30, r3, 6\n stswi r30, r3, 7\n lswx r8, r3, r4");
    (machine.cpu.xer, machine.cpu.gpr[4]) = (5, 1);
    machine.cpu.gpr[31] = u64::MAX;
    let machine = machine.finish();
    assert_eq!(machine.cpu.gpr[30..], [0x8081_8283, 0x8485_0000]);
    assert_eq!(machine.memory.bytes()[DATA as usize..][..8], [0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0, 0x87]);
    assert_eq!(machine.cpu.gpr[8..10], [0x8182_8384, 0x8500_0000]);
}

#[rstest]
#[case(false, 0x8081_8283_8485_8687, 0x8889_8A8B_8C8D_8E8F)]
#[case(true, 0x8F8E_8D8C_8B8A_8988, 0x8786_8584_8382_8180)]
fn quadwords_have_their_upper_half_in_the_even_register(#[case] little: bool, #[case] upper: u64, #[case] lower: u64) {
    let machine = machine(Model::Power8, little, "lq r6, 0(r3)\n stq r6, 16(r3)").finish();
    assert_eq!(machine.cpu.gpr[6..8], [upper, lower]);
    let bytes = &machine.memory.bytes()[DATA as usize..];
    assert_eq!(bytes[..16], bytes[16..32]);
}

#[test]
fn the_low_bits_of_a_quadword_load_are_no_displacement() {
    let mut machine = machine(Model::Power8, false, "nop");
    // lq r6, 16(r3) with its four reserved bits set.
    machine.words(&[56 << 26 | 6 << 21 | 3 << 16 | 16 | 0xF]);
    machine.memory.write_u64(DATA + 16, 7, true).expect("in memory");
    machine.memory.write_u64(DATA + 24, 9, true).expect("in memory");
    assert_eq!(machine.finish().cpu.gpr[6..8], [7, 9]);
}

#[test]
fn a_reservation_lets_one_store_through() {
    let code = "lwarx r5, 0, r3\n stwcx. r4, 0, r3\n mfcr r6\n stwcx. r5, 0, r3\n mfcr r7";
    let machine = machine(Model::E500mc, false, code).finish();
    assert_eq!((machine.cpu.gpr[6] >> 28, machine.cpu.gpr[7] >> 28), (2, 0));
    assert_eq!(machine.memory.read_u32(DATA, true), Ok(0));
    assert_eq!(machine.cpu.reservation, None);
}

#[test]
fn a_reservation_of_another_address_or_length_does_not_count() {
    let code = "lwarx r5, 0, r3\n stwcx. r4, r3, r8\n mfcr r6\n ldarx r5, 0, r3\n stwcx. r4, 0, r3\n mfcr r7";
    let mut machine = machine(Model::Power9, false, code);
    machine.cpu.gpr[8] = 4;
    let machine = machine.finish();
    assert_eq!((machine.cpu.gpr[6] >> 28, machine.cpu.gpr[7] >> 28), (0, 0));
}

#[rstest]
#[case::reserve(Model::Power8, "lwarx r5, r3, r4", false)]
#[case::conditional(Model::G3, "stwcx. r5, r3, r4", false)]
#[case::quadword(Model::Power8, "stq r6, 4(r3)", false)]
#[case::multiple_in_little_endian(Model::Power8, "lmw r30, 4(r3)", true)]
#[case::string_in_little_endian(Model::Power8, "lswi r30, r3, 4", true)]
#[case::multiple_on_32_bit(Model::E500v2, "stmw r30, 1(r3)", false)]
fn alignment_interrupts(#[case] model: Model, #[case] code: &str, #[case] little: bool) {
    let mut machine = machine(model, little, code);
    machine.cpu.gpr[4] = 1;
    let exit = machine.run();
    assert!(matches!(exit, Exit::Interrupt(Interrupt::Alignment { .. })), "{exit:?}");
    assert_eq!(machine.cpu.srr0, CODE);
    assert!((DATA..DATA + 8).contains(&machine.cpu.dar));
}

#[test]
fn alignment_shows_register_fields_before_3_0_only() {
    for (model, dsisr) in [(Model::Power8, 0xA3), (Model::Power9, 0)] {
        let mut machine = machine(model, false, "lwarx r5, r3, r4");
        machine.cpu.gpr[4] = 1;
        machine.run();
        assert_eq!(machine.cpu.dsisr, dsisr);
    }
}

/// Power ISA 2.07 Book III-S 6.5.8. X-form: bits 29 and 30 of the word go to 15 and 16 of DSISR, 25 to 17, 21 to 24 to 18
/// to 21. Others: bits 30 and 31 of DS-form to 12 and 13, 5 to 17, 1 to 4 to 18 to 21. All: 6 to 15 to 22 to 31.
#[rstest]
#[case("lwarx r5, r3, r4", false, 0xA3)]
#[case("stwcx. r5, r3, r4", false, 0x1_08A3)]
#[case("ldarx r5, r3, r4", false, 0x04A3)]
#[case("stdcx. r5, r3, r4", false, 0x1_0CA3)]
#[case("lharx r5, r3, r4", false, 0x44A3)]
#[case("lmw r30, 4(r3)", true, 0x1FC3)]
#[case("stmw r30, 4(r3)", true, 0x5FC3)]
#[case("lq r6, 16(r5)", false, 0x30C5)]
#[case("stq r6, 4(r3)", false, 0x8_3CC3)]
fn alignment_shows_what_the_instruction_was(#[case] code: &str, #[case] little: bool, #[case] dsisr: u32) {
    let mut machine = machine(Model::Power8, little, code);
    (machine.cpu.gpr[4], machine.cpu.gpr[5]) = (1, 1);
    assert!(matches!(machine.run(), Exit::Interrupt(Interrupt::Alignment { .. })));
    assert_eq!(machine.cpu.dsisr, dsisr, "{:#x}", machine.cpu.dsisr);
}

#[rstest]
#[case::load("lmw r30, 1(r3)", 0)]
#[case::store("stmw r30, 1(r3)", 0x0080_0000)]
fn embedded_alignment_shows_stores(#[case] code: &str, #[case] syndrome: u32) {
    let mut machine = machine(Model::E500v2, false, code);
    assert!(matches!(machine.run(), Exit::Interrupt(Interrupt::Alignment { .. })));
    assert_eq!((machine.cpu.esr, machine.cpu.dar), (syndrome, DATA + 1));
}

#[rstest]
#[case(Model::Power9, 128)]
#[case(Model::G4, 32)]
#[case(Model::E500mc, 64)]
fn dcbz_clears_one_block(#[case] model: Model, #[case] block: usize) {
    let mut machine = machine(model, false, "dcbz r3, r4");
    machine.memory.fill(DATA, 512, 0xEE).expect("in memory");
    machine.cpu.gpr[4] = 128 + 5;
    let machine = machine.finish();
    let bytes = &machine.memory.bytes()[DATA as usize..];
    assert_eq!(bytes.iter().take(512).filter(|byte| **byte == 0).count(), block);
    assert!(bytes[128..128 + block].iter().all(|byte| *byte == 0));
}

#[rstest]
#[case::load("lwz r5, 0(r4)", 0x4000_0000)]
#[case::store("stw r5, 0(r4)", 0x4200_0000)]
#[case::crossing_store("stw r5, -2(r4)", 0x4200_0000)]
#[case::clear("dcbz 0, r4", 0x4200_0000)]
#[case::flush("dcbf 0, r4", 0x4000_0000)]
fn beyond_memory_is_a_storage_interrupt(#[case] code: &str, #[case] dsisr: u32) {
    let mut machine = machine(Model::Power8, false, code);
    let end = machine.memory.len() as u64;
    machine.cpu.gpr[4] = end;
    machine.memory.baseline();
    assert!(matches!(machine.run(), Exit::Interrupt(Interrupt::DataStorage { .. })));
    assert_eq!((machine.cpu.pc, machine.cpu.dsisr, machine.cpu.dar), (0x300, dsisr, end));
    assert_eq!(machine.memory.dirty_blocks().count(), 0, "a store that faults stores nothing");
}

#[test]
fn a_store_may_cross_a_page() {
    let mut machine = machine(Model::Power8, false, "std r5, -3(r4)\n ld r6, -3(r4)".replace("-3", "-4").as_str());
    (machine.cpu.gpr[4], machine.cpu.gpr[5]) = (0x3000, 0x0102_0304_0506_0708);
    let machine = machine.finish();
    assert_eq!(machine.cpu.gpr[6], 0x0102_0304_0506_0708);
    assert_eq!(machine.memory.read_u64(0x2FFC, true), Ok(0x0102_0304_0506_0708));
}
