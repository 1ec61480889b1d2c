//! Fixed-point instructions, corner by corner.

mod common;

use common::Machine;
use hypercheck_ppc::{Model, msr};
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
#[case::multiply_immediate("mulli r5, r3, -3", 7, 0, -21i64 as u64, 0)]
#[case::high("mulhd r5, r3, r4", ONES, ONES, 0, 0)]
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
#[case::remainder("modsd r5, r3, r4", -7i64 as u64, 2, ONES, 0)]
#[case::remainder_unsigned("modud r5, r3, r4", 7, 4, 3, 0)]
#[case::remainder_of_words("modsw r5, r3, r4", -7i64 as u64, 4, 0xFFFF_FFFD, 0)]
#[case::remainder_by_zero("moduw r5, r3, r4", 7, 0, 0, 0)]
fn arithmetic(#[case] code: &str, #[case] a: u64, #[case] b: u64, #[case] result: u64, #[case] xer: u64) {
    let machine = run(Model::Power9, &[(3, a), (4, b)], code);
    assert_eq!(machine.cpu.gpr[5], result, "{:#x}", machine.cpu.gpr[5]);
    assert_eq!(machine.cpu.xer, xer, "{:#x}", machine.cpu.xer);
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
#[case("nand r5, r3, r4", 3, 6, !2)]
#[case("orc r5, r3, r4", 1, !4, 5)]
#[case("eqv r5, r3, r4", 5, 5, ONES)]
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
#[case("prtyd r5, r3", 0x0101_0100_0000_0001, 0, 0)]
#[case("cmpb r5, r3, r4", 0x1122_3344_5566_7788, 0x1100_3300_5500_7700, 0xFF00_FF00_FF00_FF00)]
#[case("bpermd r5, r3, r4", 0x0000_0000_003F_FF40, 1, 0x08 >> 1)]
#[case("bpermd r5, r3, r4", 0x0001_0203_0405_0607, 0xA5 << 56, 0xA5)]
#[case("slw r5, r3, r4", 0xFFFF_FFFF_8000_0001, 1, 2)]
#[case("slw r5, r3, r4", 1, 32, 0)]
#[case("slw r5, r3, r4", 1, 64, 1)]
#[case("srw r5, r3, r4", 0xFFFF_FFFF_8000_0001, 1, 0x4000_0000)]
#[case("sld r5, r3, r4", 1, 63, MIN)]
#[case("sld r5, r3, r4", 1, 64, 0)]
#[case("srd r5, r3, r4", MIN, 63, 1)]
#[case("srd r5, r3, r4", MIN, 127, 0)]
#[case("srd r5, r3, r4", MIN, 128, MIN)]
#[case("rlwinm r5, r3, 4, 28, 3", 0x1234_5678, 0, 0x2345_6781_2000_0001)]
#[case("rlwinm r5, r3, 8, 0, 31", 0x1234_5678, 0, 0x3456_7812)]
#[case("rlwnm r5, r3, r4, 16, 31", 0x1234_5678, 36, 0x6781)]
#[case("rldicl r5, r3, 8, 56", 0x1234_5678_9ABC_DEF0, 0, 0x12)]
#[case("rldicr r5, r3, 8, 7", 0x1234_5678_9ABC_DEF0, 0, 0x3400_0000_0000_0000)]
#[case("rldic r5, r3, 4, 56", 0xFF, 0, 0xF0)]
#[case("rldcl r5, r3, r4, 32", 0x1234_5678_9ABC_DEF0, 16, 0x9ABC_DEF0_1234 & 0xFFFF_FFFF)]
#[case("rldcr r5, r3, r4, 15", 0x1234_5678_9ABC_DEF0, 16, 0x5678_0000_0000_0000)]
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
#[case::unsigned_immediate("cmpldi cr3, r3, 0xFFFF", ONES, 0, 4)]
#[case::byte_in_range("cmprb cr3, 0, r3, r4", 0x35, 0x3930, 4)]
#[case::byte_in_second_range("cmprb cr3, 1, r3, r4", 0x41, 0x4641_3930, 4)]
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

#[rstest]
#[case("crand 2, 0, 1", false)]
#[case("crandc 2, 0, 1", true)]
#[case("creqv 2, 0, 1", false)]
#[case("crnand 2, 0, 1", true)]
#[case("crnor 2, 0, 1", false)]
#[case("cror 2, 0, 1", true)]
#[case("crorc 2, 1, 0", false)]
#[case("crxor 2, 0, 1", true)]
fn condition_logic(#[case] code: &str, #[case] result: bool) {
    let mut machine = Machine::new(Model::G3, code);
    machine.cpu.cr = 0x8000_0000;
    assert_eq!(machine.finish().cpu.cr, if result { 0xA000_0000 } else { 0x8000_0000 });
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
