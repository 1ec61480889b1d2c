//! System calls, interrupts, privilege, the machine state register, time.

mod common;

use common::{CODE, Machine};
use hypercheck_ppc::table::Spr;
use hypercheck_ppc::{
    Budget, Cpu, Exit, Hypervisor, Interrupt, Memory, Model, Program, ReservedBits, Translation, msr,
};
use rstest::rstest;

const ILLEGAL: Exit = Exit::Interrupt(Interrupt::Program(Program::Illegal));
const PRIVILEGED: Exit = Exit::Interrupt(Interrupt::Program(Program::Privileged));

/// A machine with its state changed before the code is put in place.
fn machine(model: Model, code: &str, prepare: impl Fn(&mut Cpu)) -> Machine {
    let mut machine = Machine::new(model, "");
    prepare(&mut machine.cpu);
    machine.load(code);
    machine
}

#[rstest]
#[case("sc", 0)]
#[case("sc 1", 1)]
#[case("sc 2", 2)]
#[case("sc 127", 127)]
fn sc_exits_before_it_is_delivered(#[case] code: &str, #[case] lev: u8) {
    for model in Model::ALL {
        let mut machine = machine(model, code, |_| {});
        let before = machine.cpu.msr;
        assert_eq!(machine.run(), Exit::SystemCall { lev });
        assert_eq!((machine.cpu.pc, machine.cpu.msr, machine.cpu.srr0), (CODE + 4, before, 0));
    }
}

#[rstest]
#[case(Model::Power8, 2, 0)]
#[case(Model::Power9, 1, 0)]
#[case(Model::Power10, 2, 2 << 20)]
fn a_delivered_system_call_is_that_of_the_guest(#[case] model: Model, #[case] lev: u8, #[case] shown: u64) {
    let mut machine = machine(model, &format!("sc {lev}"), |cpu| cpu.msr |= msr::EE | msr::PR | msr::RI | msr::FP);
    let before = machine.cpu.msr;
    machine.run();
    machine.cpu.interrupt(Interrupt::SystemCall { lev });
    assert_eq!((machine.cpu.pc, machine.cpu.srr0), (0xC00, CODE + 4));
    assert_eq!(machine.cpu.srr1, before | shown);
    assert_eq!(machine.cpu.msr, msr::SF | msr::ME);
}

#[test]
fn a_system_call_from_32_bit_mode_is_handled_in_64_bit_mode() {
    let mut machine = machine(Model::Power8, "sc", |cpu| cpu.msr = msr::ME);
    machine.run();
    machine.cpu.interrupt(Interrupt::SystemCall { lev: 0 });
    assert_eq!((machine.cpu.srr1, machine.cpu.msr), (msr::ME, msr::SF | msr::ME));
}

#[rstest]
#[case(0x4400_0000)]
#[case(0x0000_0000)]
#[case(0x7C00_0268)]
#[case(0x0000_0200)]
fn words_that_are_no_instruction_are_illegal(#[case] word: u32) {
    for model in Model::ALL {
        let mut machine = machine(model, "nop", |_| {});
        machine.words(&[word]);
        assert_eq!(machine.run(), ILLEGAL, "{word:#x} on {model:?}");
        assert_eq!(machine.cpu.srr0, CODE);
        if model.is_embedded() {
            assert_eq!(machine.cpu.esr, 0x0800_0000);
        } else {
            assert_eq!(machine.cpu.srr1 & 0x783F_0000, 0x0008_0000);
        }
    }
}

/// Reserved bits of sc, alone and together.
#[rstest]
#[case(0x4400_0023)]
#[case(0x4400_0026)]
#[case(0x4400_1022)]
#[case(0x47FF_F03F)]
fn servers_ignore_reserved_bits_and_the_others_refuse_them(#[case] word: u32) {
    for model in Model::ALL {
        for choice in [ReservedBits::Model, ReservedBits::Illegal, ReservedBits::Ignored] {
            let mut machine = machine(model, "nop", |cpu| cpu.reserved_bits = choice);
            machine.words(&[word]);
            let ignored = match choice {
                ReservedBits::Model => model.is_server(),
                ReservedBits::Illegal => false,
                ReservedBits::Ignored => true,
            };
            let expected = if ignored { Exit::SystemCall { lev: 1 } } else { ILLEGAL };
            assert_eq!(machine.run(), expected, "{word:#x} on {model:?}, {choice:?}");
        }
    }
}

#[test]
fn in_hypervisor_state_an_illegal_instruction_asks_for_emulation() {
    let mut machine = machine(Model::Power9, "nop", |cpu| cpu.msr |= msr::HV);
    machine.words(&[0x7C00_0268]);
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::EmulationAssistance { word: 0x7C00_0268 }));
    assert_eq!((machine.cpu.pc, machine.cpu.hsrr0, machine.cpu.heir), (0xE40, CODE, 0x7C00_0268));
}

#[rstest]
#[case("mfmsr r3")]
#[case("mtmsrd r3")]
#[case("mtmsr r3, 1")]
#[case("mfsprg r3, 0")]
#[case("mtsrr0 r3")]
#[case("rfid")]
#[case("slbmte r3, r4")]
#[case("tlbie r3, r4")]
#[case("mfspr r3, 1016")]
#[case("hrfid")]
#[case("mflpcr r3")]
fn problem_state_is_refused(#[case] code: &str) {
    let mut machine = machine(Model::Power8, code, |cpu| cpu.msr |= msr::PR);
    assert_eq!(machine.run(), PRIVILEGED);
    assert_eq!((machine.cpu.pc, machine.cpu.srr0), (0x700, CODE));
    assert_eq!(machine.cpu.srr1 & 0x783F_0000, 0x0004_0000);
}

#[rstest]
#[case("hrfid")]
#[case("mflpcr r3")]
#[case("mthsprg0 r3")]
#[case("tlbie r3, r4")]
#[case("tlbsync")]
#[case("lwzcix r3, r4, r5")]
fn hypervisor_instructions_are_refused_to_a_guest(#[case] code: &str) {
    assert_eq!(machine(Model::Power8, code, |_| {}).run(), PRIVILEGED);
    let mut hypervisor = machine(Model::Power8, code, |cpu| cpu.msr |= msr::HV);
    assert_ne!(hypervisor.run(), PRIVILEGED);
}

#[test]
fn gtse_gives_the_guest_its_tlbie() {
    assert_eq!(machine(Model::Power9, "tlbie r3, r4\n tlbsync", |cpu| cpu.lpcr |= msr::LPCR_GTSE).run(), Exit::Until);
}

#[test]
fn undefined_privileged_registers_do_nothing_in_a_kernel() {
    let mut machine = machine(Model::Power8, "mfspr r3, 1000\n mtspr 1000, r3\n mfspr r3, 1001", |cpu| cpu.gpr[3] = 77);
    assert_eq!(machine.run(), Exit::Until);
    assert_eq!(machine.cpu.gpr[3], 77);
    for code in ["mfspr r3, 0", "mfspr r3, 4", "mtspr 0, r3"] {
        assert_eq!(self::machine(Model::Power8, code, |_| {}).run(), ILLEGAL);
    }
    assert_eq!(self::machine(Model::G3, "mfspr r3, 1000", |_| {}).run(), ILLEGAL);
}

#[test]
fn problem_state_asks_for_emulation_of_an_undefined_register_that_would_not_be_privileged() {
    let guest = machine(Model::Power8, "mfspr r3, 1000", |cpu| cpu.msr |= msr::PR).run();
    assert_eq!(guest, ILLEGAL, "as its hypervisor reflects it");
    let mut whole = machine(Model::Power9, "mtspr 1000, r3", |cpu| {
        cpu.msr |= msr::PR;
        cpu.hypervisor = Hypervisor::Guest;
    });
    whole.run();
    assert_eq!((whole.cpu.pc, whole.cpu.hsrr0), (0xE40, CODE));
}

#[test]
fn problem_state_changes_what_uamor_opens_of_amr() {
    let mut machine = machine(Model::Power9, "mtspr 13, r3\n mfspr r4, 13", |cpu| {
        cpu.msr |= msr::PR;
        cpu.gpr[3] = 0xFFFF;
        cpu.set_spr(Spr::Amr, 0xF_0000);
        cpu.set_spr(Spr::Uamor, 0x0FF0);
    });
    assert_eq!(machine.run(), Exit::Until);
    assert_eq!((machine.cpu.gpr[4], machine.cpu.spr(Spr::Amr)), (0xF_0FF0, 0xF_0FF0));
}

#[test]
fn reserved_registers_do_nothing_in_any_state() {
    for state in [0, msr::PR] {
        let machine = machine(Model::Power9, "mfspr r3, 808\n mtspr 811, r3", |cpu| cpu.msr |= state);
        assert_eq!(machine.finish().cpu.gpr[3], 0);
    }
}

#[rstest]
#[case("mfspr r3, 128", Model::Power8, 0, 5)]
#[case("mtspr 130, r3", Model::Power9, msr::PR, 5)]
#[case("mfspr r3, 806", Model::Power10, msr::PR, 7)]
fn registers_of_facilities_that_are_off(
    #[case] code: &str,
    #[case] model: Model,
    #[case] state: u64,
    #[case] cause: u8,
) {
    let mut off = machine(model, code, |cpu| cpu.msr |= state);
    assert_eq!(off.run(), Exit::Interrupt(Interrupt::FacilityUnavailable { cause }));
    let mut on = machine(model, code, |cpu| {
        cpu.msr |= state | msr::TM;
        cpu.fscr = msr::FSCR_EBB;
    });
    assert_eq!(on.run(), Exit::Until);
}

#[test]
fn sprg3_can_be_read_in_problem_state_under_its_user_number() {
    let mut machine = machine(Model::Power8, "mfspr r3, 259", |cpu| {
        cpu.msr |= msr::PR;
        cpu.sprg[3] = 42;
    });
    assert_eq!(machine.run(), Exit::Until);
    assert_eq!(machine.cpu.gpr[3], 42);
}

#[test]
fn scv_needs_its_facility_and_saves_in_lr_and_ctr() {
    assert_eq!(machine(Model::Power8, "scv 0", |_| {}).run(), ILLEGAL);
    let mut off = machine(Model::Power9, "scv 0", |_| {});
    assert_eq!(off.run(), Exit::Interrupt(Interrupt::FacilityUnavailable { cause: 12 }));
    assert_eq!((off.cpu.pc, off.cpu.srr0, off.cpu.fscr >> 56), (0xF60, CODE, 12));
    let mut on = machine(Model::Power9, "scv 3", |cpu| {
        cpu.fscr |= msr::FSCR_SCV;
        cpu.msr |= msr::EE | msr::RI | msr::PR;
    });
    let before = on.cpu.msr;
    assert_eq!(on.run(), Exit::SystemCallVectored { lev: 3 });
    on.cpu.interrupt(Interrupt::SystemCallVectored { lev: 3 });
    assert_eq!((on.cpu.pc, on.cpu.lr, on.cpu.ctr), (0x1_7060, CODE + 4, before));
    assert_eq!(on.cpu.msr, msr::SF | msr::ME | msr::EE | msr::RI);
    on.memory.write_u32(0x1_7060, 0x4C00_00A4, true).expect("in memory");
    assert_eq!(on.run(), Exit::Until);
    assert_eq!(on.cpu.msr, before | msr::IR | msr::DR, "rfscv to problem state turns translation on");
}

#[rstest]
#[case(Model::Power8, 3, true, 0xC000_0000_0000_4C00)]
#[case(Model::Power8, 2, true, 0x1_8C00)]
#[case(Model::Power10, 2, true, 0xC00)]
#[case(Model::Power8, 3, false, 0xC00)]
#[case(Model::Power8, 0, true, 0xC00)]
fn the_alternate_interrupt_location(
    #[case] model: Model,
    #[case] ail: u64,
    #[case] translated: bool,
    #[case] vector: u64,
) {
    let mut cpu = Cpu::new(model);
    cpu.lpcr = ail << 23;
    cpu.msr |= if translated { msr::IR | msr::DR } else { msr::IR };
    cpu.interrupt(Interrupt::SystemCall { lev: 0 });
    assert_eq!(cpu.pc, vector);
    assert_eq!(cpu.msr & (msr::IR | msr::DR) != 0, vector != 0xC00);
}

#[test]
fn interrupts_take_their_byte_order_from_lpcr() {
    let mut cpu = Cpu::new(Model::Power8);
    cpu.lpcr = msr::LPCR_ILE;
    cpu.interrupt(Interrupt::External);
    assert!(!cpu.is_big_endian());
    assert_eq!(cpu.srr1 & msr::LE, 0);
}

#[test]
fn a_classic_interrupt_follows_the_prefix() {
    let mut cpu = Cpu::new(Model::G3);
    cpu.pc = 0x1234;
    cpu.msr |= msr::IP | msr::PR | msr::EE;
    let before = cpu.msr;
    cpu.interrupt(Interrupt::Program(Program::Trap));
    assert_eq!((cpu.pc, cpu.srr0), (0xFFF0_0700, 0x1234));
    assert_eq!(cpu.srr1, before | 0x0002_0000);
    assert_eq!(cpu.msr, msr::IP | msr::ME);
}

#[test]
fn an_embedded_interrupt_follows_ivpr_and_ivor() {
    let mut machine = machine(Model::E500mc, "lwz r3, 0(r4)", |cpu| {
        (cpu.ivpr, cpu.ivor[2]) = (0x3_0000, 0x140);
        cpu.gpr[4] = 0x8000_0000;
        cpu.msr |= msr::EE | msr::CE | msr::DE;
    });
    let before = machine.cpu.msr;
    machine.run();
    assert_eq!((machine.cpu.pc, machine.cpu.srr0, machine.cpu.srr1), (0x3_0140, CODE, before));
    assert_eq!((machine.cpu.dar, machine.cpu.esr), (0x8000_0000, 0));
    assert_eq!(machine.cpu.msr, msr::GS | msr::ME | msr::CE | msr::DE);
}

#[test]
fn embedded_problem_state_gets_esr_ppr() {
    let mut machine = machine(Model::E500v2, "wrteei 1", |cpu| cpu.msr |= msr::PR);
    assert_eq!(machine.run(), PRIVILEGED);
    assert_eq!(machine.cpu.esr, 0x0400_0000);
}

#[test]
fn ehpriv_exits_where_the_embedded_hypervisor_is() {
    let mut mc = machine(Model::E500mc, "ehpriv 1", |_| {});
    assert_eq!(mc.run(), Exit::HypervisorPrivilege { code: 1 });
    assert_eq!(mc.cpu.pc, CODE);
    let mut v2 = machine(Model::E500v2, "ehpriv 1", |_| {});
    assert_eq!(v2.run(), ILLEGAL);
}

#[rstest]
#[case("tw 4, r3, r3", true)]
#[case("tweq r3, r4", false)]
#[case("twlgt r4, r3", true)]
#[case("twgt r4, r3", false)]
#[case("tdlti r4, 0", true)]
#[case("twi 31, r0, 0", true)]
#[case("tdi 0, r8, 72", false)]
#[case("trap", true)]
fn traps(#[case] code: &str, #[case] met: bool) {
    let mut machine = machine(Model::Power8, code, |cpu| (cpu.gpr[3], cpu.gpr[4]) = (5, u64::MAX));
    let exit = machine.run();
    if met {
        assert_eq!(exit, Exit::Interrupt(Interrupt::Program(Program::Trap)));
        assert_eq!((machine.cpu.srr0, machine.cpu.srr1 & 0x783F_0000), (CODE, 0x0002_0000));
    } else {
        assert_eq!(exit, Exit::Until);
    }
}

#[rstest]
#[case::float(Model::Power8, "lfd f1, 0(r3)", msr::FP, Interrupt::FloatUnavailable, 0x800)]
#[case::float_arithmetic(Model::G3, ".long 0xFC20102A", msr::FP, Interrupt::FloatUnavailable, 0x800)]
#[case::vector(Model::Power8, "lvx v1, 0, r3", msr::VEC, Interrupt::VectorUnavailable, 0xF20)]
#[case::vector_arithmetic(Model::G4, ".long 0x10221880", msr::VEC, Interrupt::VectorUnavailable, 0xF20)]
#[case::vsx(Model::Power9, "lxvd2x vs1, 0, r3", msr::VSX, Interrupt::VsxUnavailable, 0xF40)]
fn units_that_are_off(
    #[case] model: Model,
    #[case] code: &str,
    #[case] switch: u64,
    #[case] which: Interrupt,
    #[case] vector: u64,
) {
    let mut off = machine(model, code, |_| {});
    assert_eq!(off.run(), Exit::Interrupt(which));
    assert_eq!((off.cpu.pc, off.cpu.srr0), (vector, CODE));
    let mut on = machine(model, code, |cpu| cpu.msr |= switch);
    assert_eq!(on.run(), ILLEGAL, "the core has no such unit");
}

#[test]
fn a_g3_has_no_vectors_and_an_e500v2_no_floats() {
    assert_eq!(machine(Model::G3, "lvx v1, 0, r3", |_| {}).run(), ILLEGAL);
    assert_eq!(machine(Model::E500v2, "lfd f1, 0(r3)", |_| {}).run(), ILLEGAL);
    let mut spe = machine(Model::E500v2, ".long 0x10221A00", |cpu| cpu.ivor[32] = 0x200);
    assert_eq!(spe.run(), Exit::Interrupt(Interrupt::SpeUnavailable));
    assert_eq!((spe.cpu.pc, spe.cpu.esr), (0x200, 0x80));
}

#[rstest]
#[case::hv_cannot_be_gained(msr::SF | msr::ME, msr::SF | msr::HV, msr::SF | msr::ME)]
#[case::me_stays_in_a_guest(msr::SF, msr::SF | msr::ME, msr::SF)]
#[case::a_hypervisor_may_drop_both(msr::SF | msr::HV | msr::ME, msr::SF, msr::SF)]
#[case::problem_state_is_translated(msr::SF, msr::SF | msr::PR, msr::SF | msr::PR | msr::EE | msr::IR | msr::DR)]
#[case::byte_order_may_change(msr::SF, msr::SF | msr::LE, msr::SF | msr::LE)]
#[case::secure_state_cannot_be_gained(msr::SF, msr::SF | msr::S, msr::SF)]
#[case::interrupt_bits_do_not_come_back(msr::SF, msr::SF | 0x0004_0000, msr::SF)]
fn rfid(#[case] old: u64, #[case] saved: u64, #[case] new: u64) {
    let mut machine = machine(Model::Power9, "rfid", |cpu| {
        (cpu.msr, cpu.srr0, cpu.srr1) = (old, 0x2003, saved);
    });
    machine.cpu.run(&mut machine.memory, Budget::instructions(1));
    assert_eq!((machine.cpu.pc, machine.cpu.msr), (0x2000, new), "{:#x}", machine.cpu.msr);
}

#[test]
fn rfid_to_32_bit_mode_crops_the_address() {
    let mut machine = machine(Model::Power8, "rfid", |cpu| (cpu.srr0, cpu.srr1) = (0x5_0000_2000, 0));
    machine.cpu.run(&mut machine.memory, Budget::instructions(1));
    assert_eq!((machine.cpu.pc, machine.cpu.msr), (0x2000, msr::ME));
}

#[test]
fn returns_belong_to_their_processors() {
    assert_eq!(machine(Model::G3, "rfid", |_| {}).run(), ILLEGAL);
    assert_eq!(machine(Model::Power8, "rfi", |_| {}).run(), ILLEGAL);
    let mut classic = machine(Model::G4, "rfi", |cpu| {
        (cpu.srr0, cpu.srr1) = (0x2002, msr::EE | msr::POW | msr::IP);
        cpu.msr |= msr::ILE;
    });
    classic.cpu.run(&mut classic.memory, Budget::instructions(1));
    assert_eq!((classic.cpu.pc, classic.cpu.msr), (0x2000, msr::EE | msr::IP | msr::ILE));
    let mut guest = machine(Model::E500mc, "rfi", |cpu| cpu.srr0 = 0x2000);
    guest.cpu.run(&mut guest.memory, Budget::instructions(1));
    assert_eq!(guest.cpu.msr, msr::GS, "a guest stays a guest");
}

#[rstest]
#[case("mtmsrd r3, 1", msr::SF | msr::ME, u64::MAX, msr::SF | msr::ME | msr::EE | msr::RI)]
#[case("mtmsrd r3", msr::SF | msr::ME, 0, msr::ME)]
#[case("mtmsrd r3", msr::SF, msr::SF | msr::HV | msr::ME | msr::LE | msr::S, msr::SF)]
#[case("mtmsr r3", msr::SF, msr::FP, msr::SF | msr::FP)]
#[case("mtmsrd r3", msr::SF, msr::SF | msr::PR, msr::SF | msr::PR | msr::EE | msr::IR | msr::DR)]
fn moving_to_the_msr(#[case] code: &str, #[case] old: u64, #[case] value: u64, #[case] new: u64) {
    let mut machine = machine(Model::Power8, code, |cpu| (cpu.msr, cpu.gpr[3]) = (old, value));
    machine.cpu.run(&mut machine.memory, Budget::instructions(1));
    assert_eq!(machine.cpu.msr, new, "{:#x}", machine.cpu.msr);
}

#[test]
fn wrtee_changes_ee_only() {
    let mut machine =
        machine(Model::E500v2, "wrteei 1\n mfmsr r4\n wrtee r3\n mfmsr r5", |cpu| cpu.gpr[3] = 0xFFFF_7FFF);
    assert_eq!(machine.run(), Exit::Until);
    assert_eq!(machine.cpu.gpr[4..6], [msr::ME | msr::EE, msr::ME]);
}

#[rstest]
#[case(Model::Power8, 0x900)]
#[case(Model::G3, 0x900)]
#[case(Model::E500v2, 0x1_00A0)]
fn the_decrementer_interrupts_between_instructions(#[case] model: Model, #[case] vector: u64) {
    let mut machine = machine(model, "nop\n nop\n nop\n nop\n nop", |cpu| {
        cpu.msr |= msr::EE;
        cpu.dec = if model.is_embedded() { 3 } else { 2 };
        (cpu.ivpr, cpu.ivor[10], cpu.tcr) = (0x1_0000, 0xA0, 0x0400_0000);
    });
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::Decrementer));
    assert_eq!((machine.cpu.pc, machine.cpu.srr0), (vector, CODE + 12));
    assert_eq!(machine.cpu.tb, 3);
}

#[test]
fn a_masked_decrementer_waits_for_ee() {
    let mut machine =
        machine(Model::Power9, "nop\n nop\n mtmsrd r3, 1\n nop", |cpu| (cpu.dec, cpu.gpr[3]) = (0, msr::EE));
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::Decrementer));
    assert_eq!(machine.cpu.srr0, CODE + 12);
}

#[test]
fn time_counts_instructions() {
    let machine = machine(Model::Power8, "mftb r3\n nop\n mftb r4\n mfdec r5", |cpu| cpu.tb = 100).finish();
    assert_eq!(machine.cpu.gpr[3..6], [100, 102, 0x7FFF_FFFF - 3]);
}

#[test]
fn without_stopping_the_guest_handles_its_own_interrupts() {
    let mut machine = machine(Model::Power8, "trap\n li r4, 1", |cpu| cpu.stop_on_interrupt = false);
    let handler = hypercheck_ppc::assemble("mfsrr0 r5\n addi r5, r5, 4\n mtsrr0 r5\n rfid", 0x700, &|_| None);
    for (at, word) in (0x700..).step_by(4).zip(handler.expect("a handler")) {
        machine.memory.write_u32(at, word, true).expect("in memory");
    }
    assert_eq!(machine.run(), Exit::Until);
    assert_eq!((machine.cpu.gpr[4], machine.cpu.instructions), (1, 6));
}

#[test]
fn single_step_traces_every_instruction() {
    let mut machine = machine(Model::Power8, "li r3, 1\n li r3, 2", |cpu| cpu.msr |= msr::SE);
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::Trace));
    assert_eq!((machine.cpu.pc, machine.cpu.srr0, machine.cpu.gpr[3]), (0xD00, CODE + 4, 1));
}

#[test]
fn without_translations_every_translated_access_interrupts() {
    let mut data = machine(Model::Power8, "lwz r3, 0x2000(0)", |cpu| {
        cpu.translation = Translation::None;
        cpu.msr |= msr::DR;
    });
    assert_eq!(data.run(), Exit::Interrupt(Interrupt::DataSegment { address: 0x2000 }));
    assert_eq!(data.cpu.pc, 0x380);
    data.load("slbmte r4, r5\n mtmsrd r6\n lwz r3, 0x2000(0)");
    (data.cpu.gpr[5], data.cpu.gpr[6]) = (0x0800_0001, data.cpu.msr | msr::DR);
    assert!(
        matches!(data.run(), Exit::Interrupt(Interrupt::DataStorage { .. })),
        "the segment is there, the page is not"
    );
    assert_eq!((data.cpu.pc, data.cpu.dsisr), (0x300, 0x4000_0000));
    let mut fetch = machine(Model::Power8, "nop", |cpu| {
        cpu.translation = Translation::None;
        cpu.msr |= msr::IR;
    });
    assert_eq!(fetch.run(), Exit::Interrupt(Interrupt::InstructionSegment));
    assert_eq!((fetch.cpu.pc, fetch.cpu.srr0), (0x480, CODE));
}

#[test]
fn running_into_nothing_is_an_instruction_storage_interrupt() {
    let (mut cpu, mut memory) = (Cpu::new(Model::G3), Memory::new(0x1000));
    cpu.pc = 0x1000;
    cpu.stop_on_interrupt = true;
    let exit = cpu.run(&mut memory, Budget::instructions(1));
    assert_eq!(exit, Exit::Interrupt(Interrupt::InstructionStorage { status: 0x4000_0000 }));
    assert_eq!((cpu.pc, cpu.srr0, cpu.srr1), (0x400, 0x1000, msr::ME | 0x4000_0000));
}

#[test]
fn branches_link_count_and_return() {
    let code = "bl f\n b end\n f: li r3, 3\n mtctr r3\n loop: addi r4, r4, 1\n bdnz loop\n cmpwi r4, 3\n beqlr\n trap\n end: nop";
    let mut machine = machine(Model::G3, code, |_| {});
    assert_eq!(machine.run(), Exit::Until);
    assert_eq!((machine.cpu.gpr[4], machine.cpu.lr, machine.cpu.ctr), (3, CODE + 4, 0));
}

#[test]
fn bctar_in_problem_state_needs_its_facility() {
    let mut machine = machine(Model::Power8, "btar", |cpu| cpu.msr |= msr::PR);
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::FacilityUnavailable { cause: 8 }));
    let mut invalid = self::machine(Model::Power8, "nop", |_| {});
    invalid.words(&[0x4E00_0420]);
    assert_eq!(invalid.run(), ILLEGAL, "bcctr cannot decrement");
}

#[test]
fn waiting_instructions_exit() {
    assert_eq!(machine(Model::Power9, "wait", |_| {}).run(), Exit::Wait);
    let mut classic = machine(Model::G3, "mtmsr r3\n nop", |cpu| cpu.gpr[3] = msr::POW | msr::EE);
    assert_eq!(classic.run(), Exit::Wait);
    assert_eq!((classic.cpu.pc, classic.cpu.msr), (CODE + 4, msr::EE));
}
