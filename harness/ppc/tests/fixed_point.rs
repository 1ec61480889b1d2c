//! Fixed-point instructions, corner by corner.

mod common;

use common::{CODE, Machine};
use hypercheck_ppc::{Exit, Interrupt, Model, Program, msr};
use rstest::rstest;

const SO: u64 = 1 << 31;
const OV: u64 = 1 << 30;
const CA: u64 = 1 << 29;
const OV32: u64 = 1 << 19;
const CA32: u64 = 1 << 18;
const MIN: u64 = 1 << 63;
const MAX: u64 = MIN - 1;
const ONES: u64 = u64::MAX;
const MIN32: u64 = 0xFFFF_FFFF_8000_0000;

/// Runs `code` with registers set.
#[track_caller]
fn run(model: Model, registers: &[(usize, u64)], code: &str) -> Machine {
    let mut machine = Machine::new(model, code);
    for &(register, value) in registers {
        machine.cpu.gpr[register] = value;
    }
    machine.finish()
}

/// r5 = op r3, r4 on a POWER9 in 64-bit mode: result and XER.
#[rstest]
#[case::no_carry("addc r5, r3, r4", 1, 2, 3, 0)]
#[case::carry_out_of_both("addc r5, r3, r4", ONES, 1, 0, CA | CA32)]
#[case::carry_out_of_the_word_only("addc r5, r3, r4", 0xFFFF_FFFF, 1, 0x1_0000_0000, CA32)]
#[case::carry_out_of_the_doubleword_only("addc r5, r3, r4", MIN, MIN, 0, CA)]
#[case::overflow("addo r5, r3, r4", MAX, 1, MIN, SO | OV)]
#[case::overflow_of_the_word_only("addo r5, r3, r4", 0x7FFF_FFFF, 1, 0x8000_0000, OV32)]
#[case::no_overflow_of_opposite_signs("addo r5, r3, r4", 1, -5i64 as u64, -4i64 as u64, 0)]
#[case::overflow_and_carry("addco r5, r3, r4", MIN, MIN, 0, CA | SO | OV)]
#[case::subtract("subf r5, r3, r4", 5, 3, -2i64 as u64, 0)]
#[case::subtract_carry_means_no_borrow("subfc r5, r3, r4", 3, 5, 2, CA | CA32)]
#[case::subtract_borrow("subfc r5, r3, r4", 5, 3, -2i64 as u64, 0)]
#[case::subtract_equal("subfc r5, r3, r4", 7, 7, 0, CA | CA32)]
#[case::subtract_overflow("subfo r5, r3, r4", 1, MIN, MAX, SO | OV)]
#[case::extended_without_carry("adde r5, r3, r4", 1, 1, 2, 0)]
#[case::extended_subtract_without_carry("subfe r5, r3, r4", 1, 1, ONES, 0)]
#[case::minus_one("addme r5, r3", 0, 0, ONES, 0)]
#[case::minus_one_with_carry_out("addme r5, r3", 1, 0, 0, CA | CA32)]
#[case::to_zero("addze r5, r3", ONES, 0, ONES, 0)]
#[case::subtract_from_minus_one("subfme r5, r3", 0, 0, -2i64 as u64, CA | CA32)]
#[case::subtract_from_zero("subfze r5, r3", 0, 0, ONES, 0)]
#[case::negate("nego r5, r3", 5, 0, -5i64 as u64, 0)]
#[case::negate_least("nego r5, r3", MIN, 0, MIN, SO | OV)]
#[case::negate_least_word("nego r5, r3", 0x8000_0000, 0, MIN32, OV32)]
#[case::immediate_carry("addic r5, r3, -1", 1, 0, 0, CA | CA32)]
#[case::immediate_no_carry("addic r5, r3, -1", 0, 0, ONES, 0)]
#[case::from_immediate("subfic r5, r3, 5", 3, 0, 2, CA | CA32)]
#[case::from_immediate_borrow("subfic r5, r3, 5", 6, 0, ONES, 0)]
#[case::add_immediate_shifted("addis r5, r3, -1", 0, 0, 0xFFFF_FFFF_FFFF_0000, 0)]
#[case::multiply_words("mullwo r5, r3, r4", 0x10000, 0x10000, 0x1_0000_0000, SO | OV | OV32)]
#[case::multiply_words_ignores_the_upper_half("mullwo r5, r3, r4", 0xFFFF_FFFF_0000_0003, 4, 12, 0)]
#[case::multiply_negative_words("mullw r5, r3, r4", -3i64 as u64, 5, -15i64 as u64, 0)]
#[case::multiply("mulldo r5, r3, r4", MIN, 2, 0, SO | OV | OV32)]
#[case::multiply_fits("mulldo r5, r3, r4", -4i64 as u64, 5, -20i64 as u64, 0)]
#[case::multiply_without_overflow_enabled("mulld r5, r3, r4", MIN, 2, 0, 0)]
#[case::multiply_immediate("mulli r5, r3, -3", 7, 0, -21i64 as u64, 0)]
#[case::high("mulhd r5, r3, r4", ONES, ONES, 0, 0)]
#[case::high_of_a_negative_product("mulhd r5, r3, r4", MIN, 2, ONES, 0)]
#[case::high_unsigned("mulhdu r5, r3, r4", ONES, ONES, ONES - 1, 0)]
#[case::high_word("mulhw r5, r3, r4", 0xFFFF_FFFF, 1, 0xFFFF_FFFF, 0)]
#[case::high_word_unsigned("mulhwu r5, r3, r4", 0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFE, 0)]
#[case::divide("divdo r5, r3, r4", -7i64 as u64, 2, -3i64 as u64, 0)]
#[case::divide_by_zero("divdo r5, r3, r4", 7, 0, 0, SO | OV | OV32)]
#[case::divide_least_by_minus_one("divdo r5, r3, r4", MIN, ONES, 0, SO | OV | OV32)]
#[case::divide_unsigned("divdu r5, r3, r4", ONES, 2, MAX, 0)]
#[case::divide_word("divw r5, r3, r4", -7i64 as u64, 2, 0xFFFF_FFFD, 0)]
#[case::divide_least_word("divwo r5, r3, r4", 0x8000_0000, ONES, 0, SO | OV | OV32)]
#[case::divide_word_unsigned("divwu r5, r3, r4", 0xFFFF_FFFF, 16, 0x0FFF_FFFF, 0)]
#[case::divide_extended("divde r5, r3, r4", 1, 4, 1 << 62, 0)]
#[case::divide_extended_overflow("divdeo r5, r3, r4", 1, 2, 0, SO | OV | OV32)]
#[case::divide_extended_unsigned("divdeu r5, r3, r4", 1, 2, MIN, 0)]
#[case::divide_word_extended("divwe r5, r3, r4", 1, 4, 1 << 30, 0)]
#[case::divide_word_extended_unsigned("divweuo r5, r3, r4", 2, 2, 0, SO | OV | OV32)]
#[case::add_to_the_next_address("addpcis r5, 0x1235", 0, 0, CODE + 4 + 0x1235_0000, 0)]
#[case::subtract_from_the_next_address("addpcis r5, -2", 0, 0, (CODE + 4).wrapping_sub(0x2_0000), 0)]
#[case::multiply_and_add_high("maddhd r5, r3, r4, r3", MIN, 2, -2i64 as u64, 0)]
#[case::multiply_and_add_high_unsigned("maddhdu r5, r3, r4, r3", ONES, ONES, ONES, 0)]
#[case::remainder("modsd r5, r3, r4", -7i64 as u64, 2, ONES, 0)]
#[case::remainder_unsigned("modud r5, r3, r4", 7, 4, 3, 0)]
#[case::remainder_of_words("modsw r5, r3, r4", -7i64 as u64, 4, 0xFFFF_FFFD, 0)]
#[case::remainder_by_zero("moduw r5, r3, r4", 7, 0, 0, 0)]
fn arithmetic(#[case] code: &str, #[case] a: u64, #[case] b: u64, #[case] result: u64, #[case] xer: u64) {
    let machine = run(Model::Power9, &[(3, a), (4, b)], code);
    assert_eq!(machine.cpu.gpr[5], result, "{:#x}", machine.cpu.gpr[5]);
    assert_eq!(machine.cpu.xer, xer, "{:#x}", machine.cpu.xer);
    assert_eq!(machine.cpu.cr, 0, "only record forms compare with zero");
}

/// Power ISA 3.0B Book I 3.3.9: addex has its carry in OV and leaves CA and SO alone.
#[rstest]
#[case::carry_in(OV, 1, 2, 4, 0)]
#[case::no_carry_in(0, 1, 2, 3, 0)]
#[case::carry_in_and_out(OV, ONES, 0, 0, OV | OV32)]
#[case::carry_out_of_the_word_only(CA, 0xFFFF_FFFF, 1, 0x1_0000_0000, CA | OV32)]
fn addition_with_overflow_as_carry(
    #[case] before: u64,
    #[case] a: u64,
    #[case] b: u64,
    #[case] result: u64,
    #[case] after: u64,
) {
    let mut machine = Machine::new(Model::Power9, "addex r5, r3, r4, 0");
    (machine.cpu.xer, machine.cpu.gpr[3], machine.cpu.gpr[4]) = (before, a, b);
    let machine = machine.finish();
    assert_eq!((machine.cpu.gpr[5], machine.cpu.xer), (result, after));
}

#[test]
fn other_carries_of_addex_are_reserved() {
    for carry in 1..4 {
        let mut machine = Machine::new(Model::Power9, &format!("addex r5, r3, r4, {carry}"));
        assert_eq!(machine.run(), Exit::Interrupt(Interrupt::Program(Program::Illegal)));
    }
}

#[test]
fn a_sum_of_three_doublewords_carries_through() {
    let code = "addc r7, r4, r6\n addze r8, r3\n adde r9, r5, r5";
    let machine = run(Model::Power8, &[(3, 1), (4, ONES), (5, 7), (6, 2)], code);
    assert_eq!((machine.cpu.gpr[7], machine.cpu.gpr[8], machine.cpu.gpr[9]), (1, 2, 14));
}

#[test]
fn in_32_bit_mode_carry_overflow_and_cr0_are_those_of_the_word() {
    let mut machine = Machine::new(Model::Power8, "addco. r5, r3, r4");
    machine.cpu.msr &= !msr::SF;
    (machine.cpu.gpr[3], machine.cpu.gpr[4]) = (0xFFFF_FFFF, 1);
    let machine = machine.finish();
    assert_eq!(machine.cpu.gpr[5], 0x1_0000_0000);
    assert_eq!(machine.cpu.xer, CA);
    assert_eq!(machine.cpu.cr >> 28, 2);
}

#[test]
fn on_a_32_bit_model_registers_keep_32_bits() {
    let machine = run(Model::G3, &[(3, 0x7FFF_FFFF), (4, 1)], "addo. r5, r3, r4\n neg r6, r4\n nor r7, r4, r4");
    assert_eq!(machine.cpu.gpr[5..8], [0x8000_0000, 0xFFFF_FFFF, 0xFFFF_FFFE]);
    assert_eq!(machine.cpu.cr >> 28, 9, "LT and SO");
    assert_eq!(machine.cpu.xer, SO | OV);
}

#[test]
fn overflow_sticks_in_so_until_moved_out() {
    let machine = run(Model::G4, &[(3, 0x7FFF_FFFF)], "addo r4, r3, r3\n addo r4, r0, r0\n mcrxr cr5");
    assert_eq!(machine.cpu.cr >> 8 & 0xF, 8, "SO set, OV cleared by the second addition");
    assert_eq!(machine.cpu.xer, 0);
}

/// r5 = op of r3 and r4, everything else 0.
#[rstest]
#[case("andi. r5, r3, 0xFF00", 0x1234_5678, 0, 0x5600)]
#[case("andis. r5, r3, 0xFF00", 0x1234_5678, 0, 0x1200_0000)]
#[case("oris r5, r3, 0xF000", 1, 0, 0xF000_0001)]
#[case("xoris r5, r3, 0xFFFF", 0xFFFF_0001, 0, 1)]
#[case("xoris r5, r3, 0x0FF0", 0x00FF_0001, 0, 0x0F0F_0001)]
#[case("ori r5, r3, 0x0FF0", 0x00FF, 0, 0x0FFF)]
#[case("oris r5, r3, 0x0FF0", 0x00FF_0000, 0, 0x0FFF_0000)]
#[case("xori r5, r3, 0x0FF0", 0x00FF, 0, 0x0F0F)]
#[case("and r5, r3, r4", 5, 6, 4)]
#[case("or r5, r3, r4", 5, 6, 7)]
#[case("xor r5, r3, r4", 5, 6, 3)]
#[case("nor r5, r3, r4", 5, 6, !7)]
#[case("nand r5, r3, r4", 3, 6, !2)]
#[case("orc r5, r3, r4", 1, !4, 5)]
#[case("orc r5, r3, r4", 5, !6, 7)]
#[case("eqv r5, r3, r4", 5, 5, ONES)]
#[case("eqv r5, r3, r4", 5, 6, !3)]
#[case("andc r5, r3, r4", 7, 2, 5)]
#[case("extsb r5, r3", 0x180, 0, 0xFFFF_FFFF_FFFF_FF80)]
#[case("extsh r5, r3", 0x1_7FFF, 0, 0x7FFF)]
#[case("extsw r5, r3", 0x8000_0000, 0, MIN32)]
#[case("cntlzw r5, r3", 0xFFFF_FFFF_0000_0000, 0, 32)]
#[case("cntlzd r5, r3", 1, 0, 63)]
#[case("cntlzd r5, r3", 0, 0, 64)]
#[case("cnttzd r5, r3", 0, 0, 64)]
#[case("cnttzw r5, r3", 0x1_0000_0000, 0, 32)]
#[case("popcntb r5, r3", 0xFF01_0300_0000_0080, 0, 0x0801_0200_0000_0001)]
#[case("popcntw r5, r3", 0xFFFF_FFFF_0000_0007, 0, 0x0000_0020_0000_0003)]
#[case("popcntd r5, r3", 0xF0F0, 0, 8)]
#[case("prtyw r5, r3", 0x0101_0100_0000_0001, 0, 0x0000_0001_0000_0001)]
#[case("prtyw r5, r3", 0xFEFF_FEFE_FFFE_FEFE, 0, 0x0000_0001_0000_0001)]
#[case("prtyw r5, r3", 0x0101_0000_0001_0001, 0, 0)]
#[case("prtyw r5, r3", 0x0000_0002_0000_0000, 0, 0)]
#[case("prtyw r5, r3", 0x0100_0000_0000_0000, 0, 0x0000_0001_0000_0000)]
#[case("prtyd r5, r3", 0x0101_0100_0000_0001, 0, 0)]
#[case("prtyd r5, r3", 2, 0, 0)]
#[case("prtyd r5, r3", 0x0101_0100_FEFE_FEFE, 0, 1)]
#[case("cmpb r5, r3, r4", 0x1122_3344_5566_7788, 0x1100_3300_5500_7700, 0xFF00_FF00_FF00_FF00)]
#[case("bpermd r5, r3, r4", 0x0000_0000_003F_FF40, 1, 0x08 >> 1)]
#[case("bpermd r5, r3, r4", 0x0001_0203_0405_0607, 0xA5 << 56, 0xA5)]
#[case("slw r5, r3, r4", 0xFFFF_FFFF_8000_0001, 1, 2)]
#[case("slw r5, r3, r4", 1, 32, 0)]
#[case("slw r5, r3, r4", 1, 64, 1)]
#[case("slw r5, r3, r4", 1, 63, 0)]
#[case("srw r5, r3, r4", 0xFFFF_FFFF_8000_0001, 1, 0x4000_0000)]
#[case("sld r5, r3, r4", 1, 63, MIN)]
#[case("sld r5, r3, r4", 1, 64, 0)]
#[case("srd r5, r3, r4", MIN, 63, 1)]
#[case("srd r5, r3, r4", MIN, 127, 0)]
#[case("srd r5, r3, r4", MIN, 128, MIN)]
#[case("sld r5, r3, r4", 1, 128, 1)]
#[case("srw r5, r3, r4", 0x8000_0000, 64, 0x8000_0000)]
#[case("rlwinm r5, r3, 4, 28, 3", 0x1234_5678, 0, 0x2345_6781_2000_0001)]
#[case("rlwinm r5, r3, 8, 0, 31", 0x1234_5678, 0, 0x3456_7812)]
#[case("rlwnm r5, r3, r4, 16, 31", 0x1234_5678, 36, 0x6781)]
#[case("rldicl r5, r3, 8, 56", 0x1234_5678_9ABC_DEF0, 0, 0x12)]
#[case("rldicr r5, r3, 8, 7", 0x1234_5678_9ABC_DEF0, 0, 0x3400_0000_0000_0000)]
#[case("rldic r5, r3, 4, 56", 0xFF, 0, 0xF0)]
#[case("rldcl r5, r3, r4, 32", 0x1234_5678_9ABC_DEF0, 16, 0x9ABC_DEF0_1234 & 0xFFFF_FFFF)]
#[case("rldcr r5, r3, r4, 15", 0x1234_5678_9ABC_DEF0, 16, 0x5678_0000_0000_0000)]
#[case("sraw r5, r3, r4", 0x7000_0000, 4, 0x0700_0000)]
#[case("srad r5, r3, r4", 0x7000_0000_0000_0000, 4, 0x0700_0000_0000_0000)]
#[case("slwi r5, r3, 4", 0x8000_0001, 0, 0x10)]
#[case("srwi r5, r3, 4", 0xFFFF_FFFF_8000_0000, 0, 0x0800_0000)]
#[case("sldi r5, r3, 4", MIN | 1, 0, 0x10)]
#[case("srdi r5, r3, 4", MIN, 0, MIN >> 4)]
#[case("clrldi r5, r3, 32", ONES, 0, 0xFFFF_FFFF)]
#[case("clrrdi r5, r3, 12", ONES, 0, !0xFFF)]
#[case("clrlwi r5, r3, 24", ONES, 0, 0xFF)]
#[case("rotlwi r5, r3, 8", 0x1234_5678, 0, 0x3456_7812)]
#[case("extswsli r5, r3, 4", 0x8000_0000, 0, MIN32 << 4)]
fn logic_and_rotation(#[case] code: &str, #[case] a: u64, #[case] b: u64, #[case] result: u64) {
    let machine = run(Model::Power9, &[(3, a), (4, b)], code);
    assert_eq!(machine.cpu.gpr[5], result, "{:#x}", machine.cpu.gpr[5]);
    assert_eq!(machine.cpu.xer, 0);
}

/// The same for instructions of POWER10.
#[rstest]
#[case("brh r5, r3", 0x1122_3344_5566_7788, 0, 0x2211_4433_6655_8877)]
#[case("brw r5, r3", 0x1122_3344_5566_7788, 0, 0x4433_2211_8877_6655)]
#[case("brd r5, r3", 0x1122_3344_5566_7788, 0, 0x8877_6655_4433_2211)]
#[case("brh r5, r3", 0xFFFF_FFFF_FFFF_FFFF, 0, 0xFFFF_FFFF_FFFF_FFFF)]
#[case("pdepd r5, r3, r4", 0b101, 0xF0, 0x50)]
#[case("pextd r5, r3, r4", 0x50, 0xF0, 0b101)]
#[case("cfuged r5, r3, r4", 0xAB, 0x0F, 0xAB)]
#[case("cfuged r5, r3, r4", 0xAB, 0xF0, 0xBA)]
#[case("cntlzdm r5, r3, r4", 0x0F, 0xFF, 4)]
#[case("cntlzdm r5, r3, r4", 0, 0, 0)]
#[case("cnttzdm r5, r3, r4", 0xF0, 0xFF, 4)]
#[case("cnttzdm r5, r3, r4", 0, 0xFF, 8)]
fn bit_gathering(#[case] code: &str, #[case] a: u64, #[case] b: u64, #[case] result: u64) {
    let machine = run(Model::Power10, &[(3, a), (4, b)], code);
    assert_eq!(machine.cpu.gpr[5], result, "{:#x}", machine.cpu.gpr[5]);
}

#[rstest]
#[case("rlwimi r5, r3, 8, 16, 23", 0xAB, 0x1111_1111_2222_2222, 0x1111_1111_2222_AB22)]
#[case("rldimi r5, r3, 32, 0", 0xABCD, 0x7777, 0xABCD_0000_7777)]
#[case("insrwi r5, r3, 8, 0", 0xAB, 0x11, 0xAB00_0011)]
fn insertion_keeps_the_rest(#[case] code: &str, #[case] a: u64, #[case] old: u64, #[case] result: u64) {
    assert_eq!(run(Model::Power8, &[(3, a), (5, old)], code).cpu.gpr[5], result);
}

#[rstest]
#[case::positive("srawi r5, r3, 4", 0x7FFF_FFFF, 0x07FF_FFFF, 0)]
#[case::negative_exact("srawi r5, r3, 4", 0xFFFF_FFF0, ONES, 0)]
#[case::negative_lossy("srawi r5, r3, 4", 0xFFFF_FFF1, ONES, CA)]
#[case::by_nothing("srawi r5, r3, 0", 0x8000_0001, 0xFFFF_FFFF_8000_0001, 0)]
#[case::everything_out("sraw r5, r3, r4", 0x8000_0000, ONES, CA)]
#[case::double("sradi r5, r3, 63", MIN | 1, ONES, CA)]
#[case::double_by_64("srad r5, r3, r4", MIN, ONES, CA)]
fn algebraic_shifts_say_what_they_lost(#[case] code: &str, #[case] a: u64, #[case] result: u64, #[case] xer: u64) {
    let machine = run(Model::Power8, &[(3, a), (4, if code.starts_with("srad ") { 64 } else { 40 })], code);
    assert_eq!((machine.cpu.gpr[5], machine.cpu.xer), (result, xer));
}

#[rstest]
#[case::signed_word("cmpw cr3, r3, r4", 0xFFFF_FFFF, 0, 8)]
#[case::unsigned_word("cmplw cr3, r3, r4", 0xFFFF_FFFF, 0, 4)]
#[case::word_ignores_the_upper_half("cmpw cr3, r3, r4", 5, 0x1_0000_0005, 2)]
#[case::double("cmpd cr3, r3, r4", 5, 0x1_0000_0005, 8)]
#[case::immediate("cmpwi cr3, r3, -1", 0xFFFF_FFFF, 0, 2)]
#[case::unsigned_word_equal("cmplw cr3, r3, r4", 5, 5, 2)]
#[case::unsigned_word_ignores_the_upper_half("cmplw cr3, r3, r4", 0x1_0000_0005, 6, 8)]
#[case::unsigned_immediate_equal("cmplwi cr3, r3, 0xFFFF", 0xFFFF, 0, 2)]
#[case::unsigned_immediate("cmpldi cr3, r3, 0xFFFF", ONES, 0, 4)]
#[case::byte_in_range("cmprb cr3, 0, r3, r4", 0x35, 0x3930, 4)]
#[case::byte_in_second_range("cmprb cr3, 1, r3, r4", 0x41, 0x4641_3930, 4)]
#[case::byte_below_the_second_range("cmprb cr3, 1, r3, r4", 0x35, 0x4641_3936, 0)]
#[case::byte_above_the_second_range("cmprb cr3, 1, r3, r4", 0x47, 0x4641_3936, 0)]
#[case::byte_out_of_range("cmprb cr3, 0, r3, r4", 0x41, 0x4641_3930, 0)]
#[case::byte_equal("cmpeqb cr3, r3, r4", 0x77, 0x1177_0000_0000_0000, 4)]
fn comparison(#[case] code: &str, #[case] a: u64, #[case] b: u64, #[case] field: u32) {
    assert_eq!(run(Model::Power9, &[(3, a), (4, b)], code).cpu.cr, field << 16);
}

#[test]
fn comparison_copies_so() {
    let mut machine = Machine::new(Model::E500v2, "cmpwi r3, 0\n addic. r4, r3, 1");
    machine.cpu.xer = SO;
    let machine = machine.finish();
    assert_eq!(machine.cpu.cr >> 28, 5);
}

/// Bit 2 from bits 0 and 1, which are 00, 01, 10 and 11 in turn.
#[rstest]
#[case("crand 2, 0, 1", [0, 0, 0, 1])]
#[case("crandc 2, 0, 1", [0, 0, 1, 0])]
#[case("creqv 2, 0, 1", [1, 0, 0, 1])]
#[case("crnand 2, 0, 1", [1, 1, 1, 0])]
#[case("crnor 2, 0, 1", [1, 0, 0, 0])]
#[case("cror 2, 0, 1", [0, 1, 1, 1])]
#[case("crorc 2, 0, 1", [1, 0, 1, 1])]
#[case("crxor 2, 0, 1", [0, 1, 1, 0])]
fn condition_logic(#[case] code: &str, #[case] results: [u32; 4]) {
    for (sources, result) in (0..).zip(results) {
        for rest in [0, 0x3FFF_FFFF] {
            let mut machine = Machine::new(Model::G3, code);
            machine.cpu.cr = sources << 30 | rest;
            assert_eq!(machine.finish().cpu.cr, sources << 30 | rest & !(1 << 29) | result << 29);
        }
    }
}

#[rstest]
#[case::overflow(OV, 8)]
#[case::overflow_of_the_word(OV32, 4)]
#[case::carry(CA, 2)]
#[case::carry_of_the_word(CA32, 1)]
#[case::summary_is_not_shown(SO, 0)]
#[case::all(SO | OV | OV32 | CA | CA32, 15)]
fn xer_moves_to_a_field_and_stays(#[case] xer: u64, #[case] field: u32) {
    let mut machine = Machine::new(Model::Power9, "mcrxrx cr2");
    (machine.cpu.xer, machine.cpu.cr) = (xer, u32::MAX);
    let machine = machine.finish();
    assert_eq!((machine.cpu.cr >> 20 & 15, machine.cpu.xer), (field, xer));
}

/// Power ISA Book I 3.3.11: each bit of TO is one relation, of words or of doublewords.
#[test]
fn traps_follow_the_relation_they_name() {
    let relations = |a: i64, b: i64, a_plain: u64, b_plain: u64| {
        [(16, a < b), (8, a > b), (4, a == b), (2, a_plain < b_plain), (1, a_plain > b_plain)]
    };
    let pairs = [(5, 6), (6, 5), (5, 5), (ONES, 1), (1, ONES), (MIN, 5), (0x1_0000_0005, 5), (5, 0x1_0000_0004)];
    for (a, b) in pairs {
        let words = relations((a as i32).into(), (b as i32).into(), a & 0xFFFF_FFFF, b & 0xFFFF_FFFF);
        let doubles = relations(a.cast_signed(), b.cast_signed(), a, b);
        let all = words.map(|relation| ("tw", relation)).into_iter().chain(doubles.map(|relation| ("td", relation)));
        for (name, (condition, holds)) in all {
            let mut machine = Machine::new(Model::Power8, &format!("{name} {condition}, r3, r4"));
            (machine.cpu.gpr[3], machine.cpu.gpr[4]) = (a, b);
            let exit = if holds { Exit::Interrupt(Interrupt::Program(Program::Trap)) } else { Exit::Until };
            assert_eq!(machine.run(), exit, "{name} {condition}, {a:#x}, {b:#x}");
        }
    }
}

#[test]
fn condition_fields_move() {
    let mut machine = Machine::new(Model::Power9, "mcrf cr7, cr1\n mtocrf 0x40, r3\n mfocrf r4, 0x01\n mtcrf 0x81, r3");
    (machine.cpu.cr, machine.cpu.gpr[3]) = (0x0500_0000, 0x1234_5678);
    let machine = machine.finish();
    assert_eq!(machine.cpu.gpr[4], 5);
    assert_eq!(machine.cpu.cr, 0x1200_0008);
}

#[test]
fn set_boolean_reads_the_condition_register() {
    let code = "setb r3, cr0\n setb r4, cr1\n setb r5, cr2\n setbc r6, 0\n setbcr r7, 0\n setnbc r8, 0\n setnbcr r9, 0";
    let mut machine = Machine::new(Model::Power10, code);
    machine.cpu.cr = 0x8420_0000;
    assert_eq!(machine.finish().cpu.gpr[3..10], [ONES, 1, 0, 1, 0, ONES, 0]);
}

#[test]
fn isel_takes_zero_for_r0() {
    let mut machine = Machine::new(Model::E500v2, "isel r5, 0, r4, 2\n isel r6, 0, r4, 1");
    (machine.cpu.cr, machine.cpu.gpr[0], machine.cpu.gpr[4]) = (0x2000_0000, 9, 7);
    assert_eq!(machine.finish().cpu.gpr[5..7], [0, 7]);
}
