//! Prefixed instructions: addresses, forms, facilities and what their interrupts show.

mod common;

use common::{CODE, Machine};
use hypercheck_ppc::{Exit, Interrupt, Model, Program, assemble, disassemble_next, msr};
use rstest::rstest;

const DATA: u64 = 0x2000;

fn machine(code: &str) -> Machine {
    let mut machine = Machine::new(Model::Power10, code);
    let bytes: Vec<u8> = (0..64).map(|i| 0x80 + i).collect();
    machine.memory.write(DATA, &bytes).expect("in memory");
    machine.cpu.gpr[4] = DATA.wrapping_sub(0x1_2345);
    machine
}

#[rstest]
#[case("plbz r5, 0x12345(r4)", 0x80)]
#[case("plhz r5, 0x12345(r4)", 0x8081)]
#[case("plha r5, 0x12345(r4)", 0xFFFF_FFFF_FFFF_8081)]
#[case("plwz r5, 0x12345(r4)", 0x8081_8283)]
#[case("plwa r5, 0x12345(r4)", 0xFFFF_FFFF_8081_8283)]
#[case("pld r5, 0x12345(r4)", 0x8081_8283_8485_8687)]
#[case("pld r5, 0x2008(0)", 0x8889_8A8B_8C8D_8E8F)]
#[case("pld r5, -0xE000(0), 1", 0x8081_8283_8485_8687)]
#[case("pli r5, -0x200000000", 0xFFFF_FFFE_0000_0000)]
#[case("paddi r5, r4, 0x12345", DATA)]
#[case("paddi r5, 0, 0x100, 1", CODE + 0x100)]
fn results(#[case] code: &str, #[case] value: u64) {
    let machine = machine(code).finish();
    assert_eq!(machine.cpu.gpr[5], value, "{:#x}", machine.cpu.gpr[5]);
}

#[rstest]
#[case("pstb r5, 0x12345(r4)", 0x8881_8283_8485_8687)]
#[case("psth r5, 0x12345(r4)", 0x7788_8283_8485_8687)]
#[case("pstw r5, 0x12345(r4)", 0x5566_7788_8485_8687)]
#[case("pstd r5, -0xE000(0), 1", 0x1122_3344_5566_7788)]
fn stores(#[case] code: &str, #[case] value: u64) {
    let mut machine = machine(code);
    machine.cpu.gpr[5] = 0x1122_3344_5566_7788;
    let machine = machine.finish();
    assert_eq!(machine.memory.read_u64(DATA, true), Ok(value));
}

#[test]
fn a_quadword_begins_with_the_even_register() {
    for little in [false, true] {
        let mut machine = machine("");
        machine.cpu.msr |= if little { msr::LE } else { 0 };
        machine.load("plq r6, 0x2000(0)\n pstq r6, 0x2020(0)");
        let machine = machine.finish();
        let first = machine.memory.read_u64(DATA, !little).expect("in memory");
        assert_eq!((machine.cpu.gpr[6], machine.memory.read_u64(DATA + 0x20, !little)), (first, Ok(first)));
    }
}

#[test]
fn the_next_instruction_is_behind_both_words() {
    let machine = machine("pli r5, 1\n pnop\n li r6, 2").finish();
    assert_eq!((machine.cpu.gpr[5], machine.cpu.gpr[6], machine.cpu.pc), (1, 2, CODE + 20));
    assert_eq!(machine.cpu.instructions, 3);
}

#[rstest]
#[case::relative_with_a_base(&[0x0410_0000, 0xE4A4_0000])]
#[case::odd_quadword(&[0x0400_0000, 0xE0A4_0000])]
#[case::no_such_suffix(&[0x0600_0000, 0x7C64_2A14])]
#[case::no_such_type(&[0x0480_0000, 0x8064_0000])]
#[case::branch_behind_pnop(&[0x0700_0000, 0x4E80_0020])]
fn what_is_no_instruction(#[case] words: &[u32]) {
    let mut machine = machine("nop");
    machine.words(words);
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::Program(Program::Illegal)));
    assert_eq!((machine.cpu.srr0, machine.cpu.srr1 & 0x783F_0000), (CODE, 0x2008_0000));
}

#[test]
fn before_3_1_there_are_no_prefixes() {
    let mut machine = Machine::new(Model::Power9, "plwz r5, 0(0)");
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::Program(Program::Illegal)));
    assert_eq!(machine.cpu.srr1 & 0x783F_0000, 0x0008_0000);
}

#[test]
fn problem_state_needs_the_facility() {
    let mut machine = machine("pli r5, 1");
    machine.cpu.msr |= msr::PR;
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::FacilityUnavailable { cause: 13 }));
    assert_eq!(machine.cpu.srr1 & 0x2000_0000, 0x2000_0000);
    machine.cpu.msr |= msr::PR;
    machine.cpu.fscr = msr::FSCR_PREFIX;
    machine.load("pli r5, 1");
    assert_eq!(machine.run(), Exit::Until);
}

#[test]
fn no_prefix_crosses_64_bytes() {
    let code = format!("{}plwz r5, 0x2000(0)", "nop\n".repeat(15));
    let mut machine = machine(&code);
    assert!(matches!(machine.run(), Exit::Interrupt(Interrupt::Alignment { .. })));
    assert_eq!((machine.cpu.srr0, machine.cpu.srr1 & 0x783F_0000), (CODE + 60, 0x3000_0000));
}

#[test]
fn an_interrupt_of_the_operand_shows_the_prefix() {
    let mut machine = machine("pld r5, 0x100000000(0)");
    assert!(matches!(machine.run(), Exit::Interrupt(Interrupt::DataStorage { address: 0x1_0000_0000, .. })));
    assert_eq!(machine.cpu.srr1 & 0x783F_0000, 0x2000_0000);
    machine.load("ld r5, 0(r6)");
    machine.cpu.gpr[6] = 0x1_0000_0000;
    assert!(matches!(machine.run(), Exit::Interrupt(Interrupt::DataStorage { .. })));
    assert_eq!(machine.cpu.srr1 & 0x783F_0000, 0, "the next interrupt does not");
}

#[rstest]
#[case("plfd f1, 0(r4)", Interrupt::FloatUnavailable)]
#[case("plxsd v1, 0(r4)", Interrupt::VectorUnavailable)]
#[case("plxv vs1, 0(r4)", Interrupt::VsxUnavailable)]
#[case("pstxv vs33, 0(r4)", Interrupt::VectorUnavailable)]
#[case(".long 0x05000000, 0x80000000", Interrupt::VsxUnavailable)]
fn other_facilities(#[case] code: &str, #[case] which: Interrupt) {
    let mut machine = machine(code);
    assert_eq!(machine.run(), Exit::Interrupt(which));
    assert_eq!(machine.cpu.srr1 & 0x2000_0000, 0x2000_0000);
}

#[rstest]
#[case("pli r5, 1", &[0x0600_0000, 0x38A0_0001], "pli r5, 1")]
#[case("paddi r5, r4, -1", &[0x0603_FFFF, 0x38A4_FFFF], "paddi r5, r4, -1")]
#[case("plwz r3, 0x12345(r4)", &[0x0600_0001, 0x8064_2345], "plwz r3, 74565(r4)")]
#[case("pld r3, 8(0), 1", &[0x0410_0000, 0xE460_0008], "pld r3, 8(0), 1")]
#[case("plxv vs33, 16(r4)", &[0x0400_0000, 0xCC24_0010], "plxv vs33, 16(r4)")]
#[case("pnop", &[0x0700_0000, 0], "pnop")]
fn texts(#[case] text: &str, #[case] words: &[u32], #[case] back: &str) {
    assert_eq!(assemble(text, 0, &|_| None).as_deref(), Ok(words));
    assert_eq!(disassemble_next(words, 0), (back.to_owned(), 2));
}

#[test]
fn labels_behind_prefixed_instructions_are_right() {
    let words = assemble("b end\n pli r3, 1\n end: nop", 0, &|_| None).expect("a program");
    assert_eq!(words, [0x4800_000C, 0x0600_0000, 0x3860_0001, 0x6000_0000]);
}

/// Power ISA 3.1 Book I 3.3.4: the first doubleword belongs to the even register in either byte order.
#[test]
fn prefixed_quadwords_move_both_doublewords() {
    let machine = machine("plq r6, 0x12345(r4)\n pstq r6, 0x12365(r4)").finish();
    assert_eq!(machine.cpu.gpr[6..8], [0x8081_8283_8485_8687, 0x8889_8A8B_8C8D_8E8F]);
    assert_eq!(machine.memory.read_u64(DATA + 0x20, true), Ok(0x8081_8283_8485_8687));
    assert_eq!(machine.memory.read_u64(DATA + 0x28, true), Ok(0x8889_8A8B_8C8D_8E8F));
}

#[test]
fn a_relative_quadword_has_no_base_to_overwrite() {
    let machine = machine("plq r0, -0xE000(0), 1").finish();
    assert_eq!(machine.cpu.gpr[..2], [0x8081_8283_8485_8687, 0x8889_8A8B_8C8D_8E8F]);
}

#[rstest]
#[case::odd_register("plq r7, 0x12345(r4)")]
#[case::odd_source("pstq r7, 0x12345(r4)")]
#[case::over_its_base("plq r4, 0x12345(r4)")]
fn invalid_quadwords(#[case] code: &str) {
    assert_eq!(machine(code).run(), Exit::Interrupt(Interrupt::Program(Program::Illegal)));
}

#[rstest]
#[case("plq r6, 0x1234D(r4)")]
#[case("pstq r6, 0x1234D(r4)")]
fn quadwords_out_of_alignment(#[case] code: &str) {
    let exit = machine(code).run();
    assert!(matches!(exit, Exit::Interrupt(Interrupt::Alignment { address, .. }) if address == DATA + 8), "{exit:?}");
}

#[test]
fn a_stored_quadword_may_hold_its_base() {
    let machine = machine("pstq r4, 0x12345(r4)").finish();
    assert_eq!(machine.memory.read_u64(DATA, true), Ok(DATA.wrapping_sub(0x1_2345)));
}
