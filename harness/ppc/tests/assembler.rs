//! What the assembler takes, what it refuses and how it says so.

use hypercheck_ppc::{assemble, disassemble};
use rstest::rstest;

fn none(_: &str) -> Option<u64> {
    None
}

#[rstest]
#[case("sc", 0x4400_0002)]
#[case("sc 1", 0x4400_0022)]
#[case("sc 2", 0x4400_0042)]
#[case("scv 0", 0x4400_0001)]
#[case("rfid", 0x4C00_0024)]
#[case("hrfid", 0x4C00_0224)]
#[case("rfscv", 0x4C00_00A4)]
#[case("rfi", 0x4C00_0064)]
#[case("rfci", 0x4C00_0066)]
#[case("rfmci", 0x4C00_004C)]
#[case("rfdi", 0x4C00_004E)]
#[case("trap", 0x7FE0_0008)]
#[case("ehpriv 1", 0x7C00_0A1C)]
#[case("nop", 0x6000_0000)]
#[case("li r3, -1", 0x3860_FFFF)]
#[case("lis r0, 0x4B56", 0x3C00_4B56)]
#[case("ori r0, r0, 0x4D21", 0x6000_4D21)]
#[case("lis r3, 0x8000", 0x3C60_8000)]
#[case("mfmsr r0", 0x7C00_00A6)]
#[case("mfsprg r0, 0", 0x7C10_42A6)]
#[case("mfspr r0, srr0", 0x7C1A_02A6)]
#[case("mtspr sprg3, r5", 0x7CB3_43A6)]
#[case("mfspr r5, tbu", 0x7CAD_42A6)]
#[case("mtspr tbu, r5", 0x7CBD_43A6)]
#[case("mfsrr1 r0", 0x7C1B_02A6)]
#[case("mtmsrd r0, 1", 0x7C01_0164)]
#[case("mtmsr r0", 0x7C00_0124)]
#[case("mtsrin r0, r0", 0x7C00_01E4)]
#[case("wrtee r0", 0x7C00_0106)]
#[case("wrteei 1", 0x7C00_8146)]
#[case("tlbsync", 0x7C00_046C)]
#[case("lwsync", 0x7C20_04AC)]
#[case("mtocrf 0x80, r3", 0x7C78_0120)]
#[case("cmpwi cr7, r3, 5", 0x2F83_0005)]
#[case("cmpldi r3, 5", 0x2823_0005 | 0x0020_0000)]
#[case("beq cr1, .+8", 0x4186_0008)]
#[case("bc 12, 4*cr1+eq, .+8", 0x4186_0008)]
#[case("bnelr cr2", 0x4C8A_0020)]
#[case("bdnz .", 0x4200_0000)]
#[case("bla 0x100", 0x4800_0103)]
#[case("ld r3, -4096+0x58(0)", 0xE860_F058)]
#[case("stdu r1, -(16+16)(r1)", 0xF821_FFE1)]
#[case("la r3, 8(r4)", 0x3864_0008)]
#[case("sldi r3, r4, 32", 0x7883_07C6)]
#[case("srdi. r3, r4, 1", 0x7883_F843)]
#[case("clrldi r3, r4, 63", 0x7883_07E0)]
#[case("mr. r3, r4", 0x7C83_2379)]
#[case("subi r3, r3, 1<<4|2", 0x3863_FFEE)]
#[case("lswi r3, r4, 32", 0x7C64_04AA)]
#[case(".long 1+2*3", 7)]
#[case(".long -1", 0xFFFF_FFFF)]
fn known_words(#[case] text: &str, #[case] word: u32) {
    let made = assemble(text, 0x1000, &none).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(made, [word], "{:#010x}, {}", made[0], disassemble(made[0], 0x1000));
}

#[test]
fn a_program_has_labels_comments_and_symbols() {
    let text = "start: # entry\n  lis r3, HIGH ; ori r3, r3, shared.low\n\nloop:\n  bdnz loop\n  b start\n  .long loop, start+4";
    let symbols = |name: &str| match name {
        "HIGH" => Some(0x1234),
        "shared.low" => Some(0x5678),
        _ => None,
    };
    let words = assemble(text, 0x100, &symbols).expect("a program");
    assert_eq!(words, [0x3C60_1234, 0x6063_5678, 0x4200_0000, 0x4BFF_FFF4, 0x108, 0x104]);
}

#[rstest]
#[case("\n  xorri r3, r3, 1", 2, 3, "unknown mnemonic `xorri`; did you mean `xori`?")]
#[case("frobnicate r3", 1, 1, "unknown mnemonic `frobnicate`; write the word with `.long` if the table lacks it")]
#[case("addi r3, r3, 40000", 1, 14, "operand SI = 40000 is out of range; it must be from -32768 to 32767")]
#[case("ld r3, 2(r4)", 1, 8, "operand DS = 2 must be a multiple of 4")]
#[case("add r3, r4", 1, 1, "`add` does not take these operands; write `add RT, RA, RB`")]
#[case("lwz r3, r4, 8", 1, 1, "`lwz` does not take these operands; write `lwz RT, D(RA0)`")]
#[case(
    "add r3, r4, cr1",
    1,
    13,
    "operand RB must be a general-purpose register (r0 to r31), not a condition register field (cr0 to cr7)"
)]
#[case("li r3, r4", 1, 8, "operand SI must be a number, not a general-purpose register (r0 to r31)")]
#[case("b nowhere", 1, 3, "`nowhere` is not defined; add a label or a symbol of that name")]
#[case("a: nop\na: nop", 2, 1, "label `a` is defined twice; rename one of them")]
#[case("sc 128", 1, 4, "operand LEV = 128 is out of range; it must be from 0 to 127")]
#[case("beq 0x100000", 1, 5, "branch distance 1044480 is out of range; it must be from -32768 to 32764")]
#[case("li r3, (1+2", 1, 12, "a closing parenthesis is missing")]
#[case("mfspr r3, srr0+1", 1, 15, "a special-purpose register is no number to compute with; write its number")]
#[case("li r3, 0xZZ", 1, 8, "`0xZZ` is no number of up to 64 bits")]
#[case("li r3, 1 2", 1, 10, "`2` does not belong here; separate operands with commas")]
#[case("1x: nop", 1, 1, "`1x` is no label; use letters, digits, `_`, `.`, not a digit first")]
fn mistakes_say_what_to_write(#[case] text: &str, #[case] line: usize, #[case] column: usize, #[case] message: &str) {
    let error = assemble(text, 0x1000, &none).expect_err("a mistake");
    assert_eq!((error.line, error.column, error.message.as_str()), (line, column, message));
}

#[rstest]
#[case(0x6000_0000, "nop")]
#[case(0x3860_FFFF, "li r3, -1")]
#[case(0x4E80_0020, "blr")]
#[case(0x4E80_0421, "bctrl")]
#[case(0x4182_0008, "beq 0x1008")]
#[case(0x4186_0008, "bc 12, 6, 0x1008")]
#[case(0x4BFF_FFFD, "bl 0xffc")]
#[case(0x4400_0022, "sc 1")]
#[case(0x4400_0002, "sc")]
#[case(0x4400_0023, ".long 0x44000023")]
#[case(0x7C10_42A6, "mfsprg0 r0")]
#[case(0x7C1A_02A6, "mfsrr0 r0")]
#[case(0x7883_07C6, "sldi r3, r4, 32")]
#[case(0x7C03_0378, "mr r3, r0")]
#[case(0xE860_F058, "ld r3, -4008(0)")]
#[case(0x7C78_0120, "mtocrf 128, r3")]
#[case(0x2F83_0005, "cmpwi cr7, r3, 5")]
#[case(0, ".long 0x00000000")]
fn words_as_text(#[case] word: u32, #[case] text: &str) {
    assert_eq!(disassemble(word, 0x1000), text);
}
