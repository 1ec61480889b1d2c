//! The KVM paravirtual page: loads and stores stand for the instructions that Linux patches.
//!
//! The pairs are those of Linux `arch/powerpc/kernel/kvm.c`.

mod common;

use common::{CODE, Machine};
use hypercheck_ppc::{Cpu, Exit, Interrupt, Model, Overlay, SlbEntry, Translation, msr};
use rstest::rstest;

const PAGE: u64 = 0xFFFF_FFFF_FFFF_F000;

/// A machine with the page where Linux maps it, translation on.
fn machine(model: Model, code: &str) -> Machine {
    let mut machine = Machine::new(model, "");
    machine.cpu.overlay = Some(Overlay::new(PAGE, PAGE, true));
    machine.cpu.msr |= msr::DR;
    for (i, value) in (0u64..).zip(&mut machine.cpu.sprg) {
        *value = (0x1111_1111_1111_1111 * (i + 1)) & model.register_mask();
    }
    for (i, value) in (0u64..).zip(&mut machine.cpu.mas) {
        *value = 0x0A00_0000 + i;
    }
    machine.cpu.srr0 = 0xAAAA_AAA0;
    machine.cpu.srr1 = 0xBBBB_BBB0;
    machine.cpu.dar = 0xCCCC_CCC0;
    machine.cpu.dsisr = 0xDDDD_DDD0;
    machine.cpu.esr = 0x0080_0000;
    machine.cpu.pir = 5;
    machine.load(code);
    machine
}

/// The privileged read and the load that replaces it give the same.
#[rstest]
#[case(Model::Power8, "mfmsr r3", "ld r4, -4096+0x58(0)")]
#[case(Model::Power8, "mfsprg r3, 0", "ld r4, -4096+0x20(0)")]
#[case(Model::Power8, "mfsprg r3, 1", "ld r4, -4096+0x28(0)")]
#[case(Model::Power8, "mfsprg r3, 2", "ld r4, -4096+0x30(0)")]
#[case(Model::Power8, "mfsprg r3, 3", "ld r4, -4096+0x38(0)")]
#[case(Model::Power8, "mfsrr0 r3", "ld r4, -4096+0x40(0)")]
#[case(Model::Power8, "mfsrr1 r3", "ld r4, -4096+0x48(0)")]
#[case(Model::Power8, "mfdar r3", "ld r4, -4096+0x50(0)")]
#[case(Model::Power8, "mfdsisr r3", "lwz r4, -4096+0x60(0)")]
#[case(Model::Power8, "mfspr r3, 1023", "lwz r4, -4096+0xCC(0)")]
#[case(Model::G3, "mfmsr r3", "lwz r4, -4096+0x5C(0)")]
#[case(Model::G3, "mfsprg r3, 0", "lwz r4, -4096+0x24(0)")]
#[case(Model::G3, "mfsprg r3, 3", "lwz r4, -4096+0x3C(0)")]
#[case(Model::G3, "mfsrr0 r3", "lwz r4, -4096+0x44(0)")]
#[case(Model::G3, "mfsrr1 r3", "lwz r4, -4096+0x4C(0)")]
#[case(Model::G3, "mfdar r3", "lwz r4, -4096+0x54(0)")]
#[case(Model::G3, "mfdsisr r3", "lwz r4, -4096+0x60(0)")]
#[case(Model::G3, "mfsr r3, 3", "lwz r4, -4096+0x74(0)")]
#[case(Model::E500v2, "mfspr r3, 61", "lwz r4, -4096+0x54(0)")]
#[case(Model::E500v2, "mfspr r3, 62", "lwz r4, -4096+0xC8(0)")]
#[case(Model::E500v2, "mfspr r3, 286", "lwz r4, -4096+0xCC(0)")]
#[case(Model::E500v2, "mfspr r3, 624", "lwz r4, -4096+0xA8(0)")]
#[case(Model::E500v2, "mfspr r3, 625", "lwz r4, -4096+0xAC(0)")]
#[case(Model::E500v2, "mfspr r3, 626", "lwz r4, -4096+0xBC(0)")]
#[case(Model::E500v2, "mfspr r3, 627", "lwz r4, -4096+0xB4(0)")]
#[case(Model::E500v2, "mfspr r3, 628", "lwz r4, -4096+0xC0(0)")]
#[case(Model::E500v2, "mfspr r3, 630", "lwz r4, -4096+0xC4(0)")]
#[case(Model::E500v2, "mfspr r3, 944", "lwz r4, -4096+0xB0(0)")]
#[case(Model::E500v2, "mfsprg r3, 4", "lwz r4, -4096+0xD4(0)")]
#[case(Model::E500v2, "mfsprg r3, 5", "lwz r4, -4096+0xDC(0)")]
#[case(Model::E500v2, "mfsprg r3, 6", "lwz r4, -4096+0xE4(0)")]
#[case(Model::E500v2, "mfsprg r3, 7", "lwz r4, -4096+0xEC(0)")]
#[case(Model::E500v2, "mfspr r3, 260", "lwz r4, -4096+0xD4(0)")]
fn reads(#[case] model: Model, #[case] trapping: &str, #[case] replacement: &str) {
    let mut machine = machine(model, &format!("{trapping}\n {replacement}"));
    machine.cpu.sr[3] = 0x3333;
    let machine = machine.finish();
    assert_ne!(machine.cpu.gpr[3], 0, "a value that tells");
    assert_eq!(machine.cpu.gpr[3], machine.cpu.gpr[4]);
}

/// The privileged write and the store that replaces it leave the same processor.
#[rstest]
#[case(Model::Power8, "mtsprg 0, r3", "std r3, -4096+0x20(0)")]
#[case(Model::Power8, "mtsprg 1, r3", "std r3, -4096+0x28(0)")]
#[case(Model::Power8, "mtsprg 2, r3", "std r3, -4096+0x30(0)")]
#[case(Model::Power8, "mtsprg 3, r3", "std r3, -4096+0x38(0)")]
#[case(Model::Power8, "mtsrr0 r3", "std r3, -4096+0x40(0)")]
#[case(Model::Power8, "mtsrr1 r3", "std r3, -4096+0x48(0)")]
#[case(Model::Power8, "mtdar r3", "std r3, -4096+0x50(0)")]
#[case(Model::Power8, "mtdsisr r3", "stw r3, -4096+0x60(0)")]
#[case(Model::Power8, "mtmsrd r3, 1", "std r3, -4096+0x58(0)")]
#[case(Model::G3, "mtsprg 2, r3", "stw r3, -4096+0x34(0)")]
#[case(Model::G3, "mtsr 3, r3", "stw r3, -4096+0x74(0)")]
#[case(Model::E500v2, "mtspr 61, r3", "stw r3, -4096+0x54(0)")]
#[case(Model::E500v2, "mtspr 62, r3", "stw r3, -4096+0xC8(0)")]
#[case(Model::E500v2, "mtspr 624, r3", "stw r3, -4096+0xA8(0)")]
#[case(Model::E500v2, "mtspr 625, r3", "stw r3, -4096+0xAC(0)")]
#[case(Model::E500v2, "mtspr 626, r3", "stw r3, -4096+0xBC(0)")]
#[case(Model::E500v2, "mtspr 627, r3", "stw r3, -4096+0xB4(0)")]
#[case(Model::E500v2, "mtspr 628, r3", "stw r3, -4096+0xC0(0)")]
#[case(Model::E500v2, "mtspr 630, r3", "stw r3, -4096+0xC4(0)")]
#[case(Model::E500v2, "mtspr 944, r3", "stw r3, -4096+0xB0(0)")]
#[case(Model::E500v2, "mtsprg 4, r3", "stw r3, -4096+0xD4(0)")]
#[case(Model::E500v2, "mtsprg 7, r3", "stw r3, -4096+0xEC(0)")]
#[case(Model::E500v2, "wrtee r3", "stw r3, -4096+0x5C(0)")]
fn writes(#[case] model: Model, #[case] trapping: &str, #[case] replacement: &str) {
    let state = |code: &str| -> Cpu {
        let mut machine = machine(model, code);
        machine.cpu.gpr[3] = 0x1234_5678_9ABC_DEF0 & model.register_mask();
        let mut cpu = machine.finish().cpu;
        cpu.overlay = None;
        cpu
    };
    assert_eq!(state(trapping), state(replacement));
}

#[test]
fn a_store_to_msr_takes_ee_and_ri_only() {
    let mut machine = machine(Model::Power8, "std r3, -4096+0x58(0)");
    let before = machine.cpu.msr;
    machine.cpu.gpr[3] = u64::MAX;
    let machine = machine.finish();
    assert_eq!(machine.cpu.msr, before | msr::EE | msr::RI);
}

#[test]
fn an_interrupt_enabled_through_the_page_is_taken() {
    let mut machine = machine(Model::Power8, "lwz r4, -4096+0x64(0)\n std r3, -4096+0x58(0)\n nop");
    (machine.cpu.gpr[3], machine.cpu.external_pending) = (msr::EE, true);
    machine.cpu.gpr[1] = 1;
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::External));
    assert_eq!((machine.cpu.gpr[4], machine.cpu.srr0), (1, CODE + 8), "int_pending was seen before");
}

#[test]
fn a_critical_section_holds_interrupts_back() {
    let code = "std r1, -4096+0x18(0)\n nop\n std r0, -4096+0x18(0)\n nop";
    let mut machine = machine(Model::Power8, code);
    machine.cpu.gpr[1] = 0x8000;
    machine.load(code);
    machine.cpu.run(&mut machine.memory, hypercheck_ppc::Budget::instructions(1));
    machine.cpu.external_pending = true;
    machine.cpu.msr |= msr::EE;
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::External));
    assert_eq!(machine.cpu.srr0, CODE + 12);
}

#[test]
fn scratch_and_the_rest_of_the_page_are_storage() {
    let mut machine = machine(
        Model::Power8,
        "std r3, -4096+0(0)\n std r4, -4096+0xF0(0)\n std r5, -8(0)\n ld r6, -4096+0(0)\n ld r7, -4096+0xF0(0)\n ld r8, -8(0)",
    );
    (machine.cpu.gpr[3], machine.cpu.gpr[4], machine.cpu.gpr[5]) = (1, 2, 3);
    let machine = machine.finish();
    assert_eq!(machine.cpu.gpr[6..9], [1, 2, 3]);
    assert!(machine.memory.bytes()[..CODE as usize].iter().all(|byte| *byte == 0), "memory has none of it");
}

#[test]
fn problem_state_does_not_see_the_page() {
    let mut machine = machine(Model::Power8, "ld r4, -4096+0x20(0)");
    machine.cpu.msr |= msr::PR;
    assert!(matches!(machine.run(), Exit::Interrupt(Interrupt::DataStorage { .. })));
}

#[test]
fn with_translation_off_the_real_address_counts() {
    let mut machine = machine(Model::Power8, "ld r4, 0x3020(0)\n ld r5, 0x4020(0)");
    machine.cpu.overlay = Some(Overlay::new(0x4000, 0x3000, true));
    machine.cpu.msr &= !msr::DR;
    let machine = machine.finish();
    assert_eq!(machine.cpu.gpr[4..6], [0x1111_1111_1111_1111, 0]);
}

#[test]
fn in_32_bit_mode_the_page_is_at_the_cropped_address() {
    let mut machine = machine(Model::Power8, "lwz r4, -4096+0x24(0)");
    machine.cpu.msr &= !msr::SF;
    assert_eq!(machine.finish().cpu.gpr[4], 0x1111_1111);
}

#[test]
fn the_effective_address_needs_no_mapping_but_the_real_one_does() {
    let mut machine = machine(Model::Power8, "ld r4, -4096+0x20(0)\n ld r4, 0x3020(0)");
    machine.cpu.overlay = Some(Overlay::new(PAGE, 0x3000, true));
    machine.cpu.translation = Translation::None;
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::DataSegment { address: 0x3020 }));
    assert_eq!(machine.cpu.gpr[4], 0x1111_1111_1111_1111);
}

/// A page table entry or TLB entry may lead to the page's real address from anywhere, and problem state gets memory.
#[rstest]
#[case::supervisor_state(0, 0x1111_1111_1111_1111)]
#[case::problem_state(msr::PR, 0x5A5A)]
fn a_mapping_of_the_guests_own_leads_to_the_page(#[case] state: u64, #[case] seen: u64) {
    let mut machine = machine(Model::Power8, "ld r4, 0x20(r9)");
    machine.cpu.overlay = Some(Overlay::new(PAGE, 0x3000, true));
    machine.memory.write_u64(0x3020, 0x5A5A, true).expect("in memory");
    machine.cpu.gpr[9] = 0x1_0000_0000;
    machine.cpu.slb[3] = SlbEntry { esid: 0x1_0000_0000 | SlbEntry::VALID, vsid: 0x77 << 12 };
    // Page 0 of segment 0x77 hashes to 0x77.
    machine.cpu.translation.held(1 << 14).set(8 * 0x77, [0x77 << 12 | 1, 0x3012]);
    machine.cpu.msr |= state;
    assert_eq!(machine.finish().cpu.gpr[4], seen);
}

#[test]
fn booke_has_the_page_in_both_address_spaces() {
    for space in [0, msr::DR] {
        let mut machine = machine(Model::E500v2, "lwz r4, -4096+0x24(0)");
        machine.cpu.overlay = Some(Overlay::new(PAGE, 0x3000, true));
        machine.cpu.msr = machine.cpu.msr & !msr::DR | space;
        assert_eq!(machine.finish().cpu.gpr[4], 0x1111_1111);
    }
}

#[rstest]
#[case(true, 0x1111_1111_1111_1111, 0x00DD)]
#[case(false, 0x1111_1111_1111_1111, 0xD0DD)]
fn the_page_has_a_byte_order_of_its_own(#[case] big_endian: bool, #[case] sprg0: u64, #[case] half: u64) {
    let mut machine = machine(Model::Power8, "ld r4, -4096+0x20(0)\n lhz r5, -4096+0x60(0)");
    machine.cpu.overlay = Some(Overlay::new(PAGE, PAGE, big_endian));
    machine.cpu.dsisr = if big_endian { 0x00DD_0000 } else { 0x0000_DDD0 };
    let machine = machine.finish();
    assert_eq!(machine.cpu.gpr[4..6], [sprg0, half]);
}

#[test]
fn an_access_may_cover_two_fields_and_part_of_one() {
    let mut machine = machine(Model::Power8, "lwz r4, -4096+0x5E(0)\n stb r3, -4096+0x60(0)");
    machine.cpu.gpr[3] = 0x77;
    let machine = machine.finish();
    assert_eq!(machine.cpu.gpr[4], (msr::ME | msr::DR) << 16 | 0xDDDD);
    assert_eq!(machine.cpu.dsisr, 0x77DD_DDD0);
}
