//! Which interrupt is taken, who takes it, and what it leaves behind.

mod common;
#[path = "common/whole.rs"]
mod whole;

use common::{CODE, Machine};
use hypercheck_ppc::table::Spr;
use hypercheck_ppc::{Budget, Cpu, Doorbell, Exit, Hypervisor, Interrupt, Model, Program, msr};
use proptest::prelude::*;
use rstest::rstest;
use whole::whole;

const WHOLE: u64 = msr::SF | msr::ME;

#[rstest]
#[case(Interrupt::HypervisorDecrementer, 0x980, 0)]
#[case(Interrupt::HypervisorDataStorage { address: 0x1234, status: 0x4200_0000 }, 0xE00, 0)]
#[case(Interrupt::HypervisorInstructionStorage { status: 0x4000_0000 }, 0xE20, 0x4000_0000)]
#[case(Interrupt::EmulationAssistance { word: 0x7C00_0268 }, 0xE40, 0)]
#[case(Interrupt::HypervisorMaintenance, 0xE60, 0)]
#[case(Interrupt::HypervisorDoorbell, 0xE80, 0)]
#[case(Interrupt::HypervisorVirtualization, 0xEA0, 0)]
#[case(Interrupt::HypervisorFacilityUnavailable { cause: 8 }, 0xF80, 0)]
fn a_hypervisor_in_memory_takes_its_interrupts_with_its_own_registers(
    #[case] which: Interrupt,
    #[case] vector: u64,
    #[case] why: u64,
) {
    let state = WHOLE | msr::PR | msr::EE | msr::RI | msr::IR | msr::DR;
    let mut cpu = whole(Model::Power9, state);
    cpu.interrupt(which);
    assert_eq!((cpu.pc, cpu.hsrr0, cpu.hsrr1), (vector, CODE, state | why));
    assert_eq!((cpu.srr0, cpu.srr1), (0, 0), "the guest's registers survive");
    assert_eq!(cpu.msr, WHOLE | msr::HV | msr::RI, "and so does RI");
}

#[rstest]
#[case(Interrupt::SystemReset, 0x100, msr::HV | msr::ME)]
#[case(Interrupt::MachineCheck, 0x200, msr::HV)]
#[case(Interrupt::SystemCall { lev: 1 }, 0xC00, msr::HV | msr::ME)]
#[case(Interrupt::SystemCall { lev: 0 }, 0xC00, msr::ME)]
#[case(Interrupt::Program(Program::Trap), 0x700, msr::ME)]
#[case(Interrupt::Doorbell, 0xA00, msr::ME)]
fn these_use_srr0_and_srr1(#[case] which: Interrupt, #[case] vector: u64, #[case] state: u64) {
    let mut cpu = whole(Model::Power9, WHOLE | msr::RI);
    cpu.interrupt(which);
    assert_eq!((cpu.pc, cpu.srr0, cpu.hsrr0), (vector, CODE, 0));
    assert_eq!(cpu.msr, msr::SF | state);
}

#[rstest]
#[case(0, msr::HV, true)]
#[case(msr::LPCR_LPES, 0, false)]
fn external_interrupts_follow_lpes(#[case] lpcr: u64, #[case] gained: u64, #[case] hypervisors: bool) {
    let mut cpu = whole(Model::Power9, WHOLE | msr::EE);
    cpu.lpcr = lpcr;
    cpu.interrupt(Interrupt::External);
    assert_eq!((cpu.pc, cpu.msr), (0x500, WHOLE | gained));
    assert_eq!(if hypervisors { cpu.hsrr0 } else { cpu.srr0 }, CODE);
}

#[rstest]
#[case::hypervisor_masks(WHOLE | msr::HV, None)]
#[case::hypervisor_lets_through(WHOLE | msr::HV | msr::EE, Some(Interrupt::External))]
#[case::guest_cannot_mask(WHOLE, Some(Interrupt::External))]
#[case::nor_can_problem_state(WHOLE | msr::HV | msr::PR, Some(Interrupt::External))]
fn what_goes_to_the_hypervisor_cannot_be_masked_below_it(#[case] state: u64, #[case] which: Option<Interrupt>) {
    let mut cpu = whole(Model::Power9, state);
    cpu.external_pending = true;
    assert_eq!(cpu.deliverable(), which);
    cpu.external_pending = false;
    cpu.ring(Doorbell::Hypervisor);
    assert_eq!(cpu.deliverable(), which.map(|_| Interrupt::HypervisorDoorbell));
    cpu.silence(Doorbell::Hypervisor);
    cpu.lpcr = 1;
    cpu.set_spr(Spr::Hdec, u64::MAX);
    assert_eq!(cpu.deliverable(), which.map(|_| Interrupt::HypervisorDecrementer));
    cpu.lpcr = 0;
    assert_eq!(cpu.deliverable(), None, "HDICE lets it through");
}

#[test]
fn a_partition_sees_what_its_hypervisor_reflects() {
    for (which, vector) in [
        (Interrupt::HypervisorDataStorage { address: 0x1234, status: 0x4000_0000 }, 0x300),
        (Interrupt::HypervisorInstructionStorage { status: 0x4000_0000 }, 0x400),
        (Interrupt::HypervisorFacilityUnavailable { cause: 8 }, 0x700),
        (Interrupt::HypervisorVirtualization, 0x500),
        (Interrupt::HypervisorDecrementer, 0x900),
        (Interrupt::HypervisorDoorbell, 0xA00),
        (Interrupt::HypervisorMaintenance, 0x200),
        (Interrupt::SystemCall { lev: 1 }, 0xC00),
        (Interrupt::SystemReset, 0x100),
        (Interrupt::MachineCheck, 0x200),
    ] {
        let mut cpu = Cpu::new(Model::Power9);
        cpu.pc = CODE;
        cpu.interrupt(which);
        assert_eq!((cpu.pc, cpu.srr0, cpu.msr & msr::HV), (vector, CODE, 0), "{which:?}");
    }
}

#[test]
fn a_caller_that_decides_gets_the_interrupt_before_anything_is_saved() {
    let mut machine = Machine::new(Model::Power9, "nop\n .long 0");
    machine.cpu.hypervisor = Hypervisor::Caller;
    assert_eq!(machine.run(), Exit::Hypervisor(Interrupt::EmulationAssistance { word: 0 }));
    assert_eq!((machine.cpu.pc, machine.cpu.srr0, machine.cpu.hsrr0), (CODE + 4, 0, 0));
    machine.cpu.interrupt(Interrupt::Program(Program::Illegal));
    assert_eq!((machine.cpu.pc, machine.cpu.srr0), (0x700, CODE + 4));
}

#[test]
fn a_whole_machine_delivers_its_system_calls() {
    for (code, state, vector, hv) in
        [("sc", 0, 0xC00, 0), ("sc 1", msr::PR, 0xC00, msr::HV), ("sc 1", msr::HV, 0xC00, msr::HV)]
    {
        let mut machine = Machine::new(Model::Power9, code);
        machine.cpu.hypervisor = Hypervisor::Guest;
        machine.cpu.msr |= state;
        assert!(matches!(machine.run(), Exit::Interrupt(Interrupt::SystemCall { .. })));
        assert_eq!((machine.cpu.pc, machine.cpu.srr0, machine.cpu.msr & msr::HV), (vector, CODE + 4, hv));
    }
}

#[test]
fn hfscr_guards_what_is_below_the_hypervisor() {
    let run = |state: u64, hfscr: u64| {
        let mut machine = Machine::new(Model::Power9, "mfspr r3, 815");
        machine.cpu.hypervisor = Hypervisor::Guest;
        machine.cpu.msr |= state;
        machine.cpu.set_spr(Spr::Hfscr, hfscr);
        (machine.run(), machine.cpu.spr(Spr::Hfscr) >> 56)
    };
    let denied = Exit::Interrupt(Interrupt::HypervisorFacilityUnavailable { cause: 8 });
    assert_eq!(run(0, 0), (denied, 8));
    assert_eq!(run(msr::HV, 0), (Exit::Until, 0));
    assert_eq!(run(0, msr::FSCR_TAR), (Exit::Until, 0));
}

#[test]
fn the_decrementers_are_as_wide_as_lpcr_and_the_level_say() {
    let asks = |model, lpcr, dec| {
        let mut cpu = Cpu::new(model);
        (cpu.lpcr, cpu.dec) = (lpcr, dec);
        cpu.decrementer_exception()
    };
    assert!(asks(Model::Power9, 0, 0x8000_0000));
    assert!(!asks(Model::Power9, msr::LPCR_LD, 0x8000_0000));
    assert!(asks(Model::Power9, msr::LPCR_LD, 1 << 55));
    assert!(asks(Model::Power8, msr::LPCR_LD, 0x8000_0000), "before 3.0 there is no LD");
}

#[test]
fn an_embedded_hypervisor_takes_calls_and_interrupts_from_its_guest() {
    let mut machine = Machine::new(Model::E500mc, "sc 1");
    machine.cpu.hypervisor = Hypervisor::Guest;
    machine.cpu.ivor[40] = 0x400;
    machine.cpu.ivor[41] = 0x500;
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::SystemCall { lev: 1 }));
    assert_eq!((machine.cpu.pc, machine.cpu.msr & msr::GS, machine.cpu.srr1 & msr::GS), (0x400, 0, msr::GS));
    machine.cpu.msr |= msr::GS;
    machine.load("ehpriv 5");
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::HypervisorPrivilege));
    assert_eq!((machine.cpu.pc, machine.cpu.srr0), (0x500, CODE));
}

#[test]
fn doorbells_ring_until_they_are_answered() {
    for (model, doorbell, which) in [
        (Model::Power8, Doorbell::Privileged, Interrupt::Doorbell),
        (Model::E500mc, Doorbell::Processor, Interrupt::Doorbell),
        (Model::E500mc, Doorbell::Critical, Interrupt::CriticalDoorbell),
    ] {
        let mut machine = Machine::new(model, "nop\n nop");
        machine.cpu.ring(doorbell);
        assert_eq!(machine.cpu.deliverable(), None, "masked");
        assert!(machine.cpu.exception_waits());
        machine.cpu.msr |= msr::EE | if model == Model::E500mc { msr::CE } else { 0 };
        assert_eq!(machine.run(), Exit::Interrupt(which));
        assert!(!machine.cpu.rings(doorbell));
    }
}

#[test]
fn without_hdice_the_hypervisor_decrementer_only_counts() {
    let mut machine = Machine::new(Model::Power9, "nop\n nop\n mfspr r3, 310");
    machine.cpu.hypervisor = Hypervisor::Guest;
    machine.cpu.msr |= msr::HV | msr::EE;
    machine.cpu.set_spr(Spr::Hdec, 1);
    assert_eq!(machine.finish().cpu.gpr[3], u64::MAX);
}

#[test]
fn external_interrupts_come_before_the_decrementer() {
    let mut cpu = Cpu::new(Model::Power9);
    (cpu.msr, cpu.dec, cpu.external_pending) = (cpu.msr | msr::EE, u64::MAX, true);
    assert_eq!(cpu.deliverable(), Some(Interrupt::External));
    cpu.external_pending = false;
    assert_eq!(cpu.deliverable(), Some(Interrupt::Decrementer));
}

#[rstest]
#[case("ldarx r5, r3, r4", false, 0x4A3)]
#[case("lwarx r5, r3, r4", false, 0xA3)]
#[case("lmw r30, 8(r3)", true, 0x1FC3)]
fn before_3_0_dsisr_names_the_instruction_that_was_not_aligned(
    #[case] code: &str,
    #[case] little: bool,
    #[case] status: u32,
) {
    let mut machine = Machine::new(Model::Power8, "");
    machine.cpu.msr |= if little { msr::LE } else { 0 };
    machine.load(code);
    machine.cpu.gpr[4] = 1;
    assert!(matches!(machine.run(), Exit::Interrupt(Interrupt::Alignment { .. })));
    assert_eq!(machine.cpu.dsisr, status);
}

#[rstest]
#[case(0, 0x1_7020)]
#[case(2, 0x1_7020)]
#[case(3, 0xC000_0000_0000_3020)]
fn a_vectored_call_has_a_place_of_its_own_for_the_alternate_location(#[case] ail: u64, #[case] vector: u64) {
    let mut cpu = Cpu::new(Model::Power9);
    cpu.lpcr = ail << 23;
    cpu.msr |= msr::IR | msr::DR;
    cpu.interrupt(Interrupt::SystemCallVectored { lev: 1 });
    assert_eq!((cpu.pc, cpu.msr & msr::IR != 0), (vector, ail != 0));
}

#[test]
fn every_model_takes_every_interrupt_somewhere() {
    let all = [
        Interrupt::HypervisorDecrementer,
        Interrupt::InstructionBreakpoint,
        Interrupt::VectorAssist,
        Interrupt::Thermal,
        Interrupt::SystemManagement,
        Interrupt::CriticalInput,
        Interrupt::Watchdog,
        Interrupt::GuestDoorbell,
        Interrupt::HypervisorPrivilege,
        Interrupt::SpeUnavailable,
        Interrupt::SystemCallVectored { lev: 3 },
        Interrupt::DataTlb { address: 4, store: true },
    ];
    for model in Model::ALL {
        for which in all {
            let mut cpu = Cpu::new(model);
            for number in 0..cpu.ivor.len() {
                cpu.ivor[number] = 0x100 + 0x10 * number as u32;
            }
            cpu.msr |= msr::EE;
            cpu.interrupt(which);
            assert!(cpu.pc >= 0x100, "{which:?} on {model:?}");
            let kept = if cpu.pc >= 0x1_7000 { msr::EE } else { 0 };
            assert_eq!(cpu.msr & (msr::EE | msr::PR), kept, "{which:?} on {model:?}");
        }
    }
}

/// MSR bits that a return restores: those of the model, without those that wait or that only an interrupt sets.
fn states(model: Model) -> impl Strategy<Value = u64> {
    let bits = model.msr_bits() & !(msr::POW | msr::WE | msr::IP | msr::ILE);
    any::<u64>().prop_map(move |random| {
        let state = random & bits | msr::ME;
        match model {
            _ if !model.is_server() => state,
            // Problem state is translated and interruptible; HV and S come back only to where they were.
            _ if state & msr::PR != 0 => state | (msr::HV | msr::S | msr::SF | msr::EE | msr::IR | msr::DR) & bits,
            _ => state | (msr::HV | msr::S | msr::SF) & bits,
        }
    })
}

proptest! {
    #[test]
    fn a_return_undoes_its_interrupt(
        (model, state) in proptest::sample::select(Model::ALL.to_vec()).prop_flat_map(|m| (Just(m), states(m))),
        (at, kind) in (0_u64..0x100, 0_usize..4),
    ) {
        let server = [
            (Interrupt::Program(Program::Trap), 0x4C00_0024),
            (Interrupt::SystemCall { lev: 1 }, 0x4C00_0024),
            (Interrupt::HypervisorDecrementer, 0x4C00_0224),
            (Interrupt::EmulationAssistance { word: 0 }, 0x4C00_0224),
        ];
        let embedded = [
            (Interrupt::Program(Program::Trap), 0x4C00_0064),
            (Interrupt::Watchdog, 0x4C00_0066),
            (Interrupt::MachineCheck, 0x4C00_004C),
            (Interrupt::Decrementer, 0x4C00_0064),
        ];
        let (which, word) = match model {
            _ if model.is_server() => server[kind],
            _ if model.is_embedded() => embedded[kind],
            _ => (Interrupt::Program(Program::Trap), 0x4C00_0064),
        };
        let mut machine = Machine::new(model, "");
        let cpu = &mut machine.cpu;
        for number in 0..cpu.ivor.len() {
            cpu.ivor[number] = 0x2000;
        }
        (cpu.hypervisor, cpu.msr, cpu.pc, cpu.stop_on_interrupt) = (Hypervisor::Guest, state, 0x3000 + 4 * at, false);
        let before = (cpu.msr, cpu.pc);
        cpu.interrupt(which);
        let big = cpu.is_big_endian();
        let handler = cpu.pc & 0xF_FFFF;
        cpu.pc = handler;
        machine.memory.write_u32(handler, word, big).expect("in memory");
        machine.cpu.run(&mut machine.memory, Budget::instructions(1));
        prop_assert_eq!((machine.cpu.msr, machine.cpu.pc), before);
    }
}

#[rstest]
#[case(Model::Power8, "msgsndp r3", "msgclrp r3", 5 << 27, Doorbell::Privileged)]
#[case(Model::Power9, "msgsnd r3", "msgclr r3", 5 << 27 | 7, Doorbell::Hypervisor)]
#[case(Model::E500mc, "msgsnd r3", "msgclr r3", 7, Doorbell::Processor)]
#[case(Model::E500mc, "msgsnd r3", "msgclr r3", 1 << 27 | 1 << 26, Doorbell::Critical)]
fn a_message_to_oneself_rings_and_can_be_taken_back(
    #[case] model: Model,
    #[case] send: &str,
    #[case] clear: &str,
    #[case] message: u64,
    #[case] doorbell: Doorbell,
) {
    let run = |code: &str, message: u64| {
        let mut machine = Machine::new(model, code);
        (machine.cpu.gpr[3], machine.cpu.pir) = (message, 7);
        machine.cpu.msr |= if model.is_server() { msr::HV } else { 0 };
        machine.finish().cpu.rings(doorbell)
    };
    assert!(run(send, message));
    assert!(!run(&format!("{send}\n {clear}"), message));
    assert!(!run(send, (message ^ 2) & !(1 << 26)), "to another");
    assert!(!run(send, message | 4 << 27 | 1 << 28), "of another type");
}

/// Power ISA Book III 7.2.11, 7.2.12: the cause is the first byte of FSCR or HFSCR, the rest stays.
#[test]
fn an_unavailable_facility_is_named() {
    let mut cpu = whole(Model::Power9, WHOLE);
    cpu.fscr = 0xAA00_0000_0000_1100;
    cpu.set_spr(Spr::Hfscr, 0x5500_0000_0000_2200);
    cpu.interrupt(Interrupt::FacilityUnavailable { cause: 12 });
    cpu.interrupt(Interrupt::HypervisorFacilityUnavailable { cause: 8 });
    assert_eq!((cpu.fscr, cpu.spr(Spr::Hfscr)), (0x0C00_0000_0000_1100, 0x0800_0000_0000_2200));
}

#[test]
fn a_hypervisor_sees_the_storage_address_in_registers_of_its_own() {
    let mut cpu = whole(Model::Power9, WHOLE);
    cpu.interrupt(Interrupt::HypervisorDataStorage { address: 0x1234, status: 0x4200_0000 });
    assert_eq!((cpu.spr(Spr::Hdar), cpu.spr(Spr::Hdsisr)), (0x1234, 0x4200_0000));
    assert_eq!((cpu.dar, cpu.dsisr), (0, 0));
}

/// HILE is bit 4 of HID0 from 3.0 on and bit 19 on a POWER8. The 970 has no little-endian mode.
#[rstest]
#[case(Model::Power9, 1 << 59, true)]
#[case(Model::Power9, !(1 << 59), false)]
#[case(Model::Power8, 1 << 44, true)]
#[case(Model::Power8, !(1 << 44), false)]
#[case(Model::Ppc970, u64::MAX, false)]
fn hypervisor_interrupts_begin_in_the_byte_order_of_hid0(
    #[case] model: Model,
    #[case] hid0: u64,
    #[case] little: bool,
) {
    let mut cpu = whole(model, WHOLE);
    cpu.hid0 = hid0;
    cpu.interrupt(Interrupt::SystemReset);
    assert_eq!(cpu.msr, WHOLE | msr::HV | if little { msr::LE } else { 0 });
}

const MAPPED: u64 = WHOLE | msr::IR | msr::DR;
const TRAP: Interrupt = Interrupt::Program(Program::Trap);

/// Power ISA Book III 2.2 and 7.5: where the handler is, given the state, LPCR and the model.
#[rstest]
#[case::none(Model::Power9, MAPPED, 0, TRAP, 0x700)]
#[case::reserved(Model::Power9, MAPPED, 1 << 23, TRAP, 0x700)]
#[case::two(Model::Power9, MAPPED, 2 << 23, TRAP, 0x1_8700)]
#[case::three(Model::Power9, MAPPED, 3 << 23, TRAP, 0xC000_0000_0000_4700)]
#[case::before_2_07(Model::Power7, MAPPED, 3 << 23, TRAP, 0x700)]
#[case::in_real_mode(Model::Power9, WHOLE, 3 << 23, TRAP, 0x700)]
#[case::with_data_in_real_mode(Model::Power9, WHOLE | msr::IR, 3 << 23, TRAP, 0x700)]
#[case::not_for_machine_check(Model::Power9, MAPPED | msr::HV, 3 << 23, Interrupt::MachineCheck, 0x200)]
#[case::not_for_reset(Model::Power9, MAPPED | msr::HV, 3 << 23, Interrupt::SystemReset, 0x100)]
#[case::not_for_maintenance(Model::Power9, MAPPED | msr::HV, 3 << 23, Interrupt::HypervisorMaintenance, 0xE60)]
#[case::not_where_hv_is_gained(Model::Power9, MAPPED, 3 << 23, Interrupt::HypervisorDecrementer, 0x980)]
#[case::in_hypervisor_state(Model::Power9, MAPPED | msr::HV, 3 << 23, TRAP, 0xC000_0000_0000_4700)]
#[case::guest_of_3_1(Model::Power10, MAPPED, 3 << 23, TRAP, 0xC000_0000_0000_4700)]
#[case::guest_of_3_1_does_not_know_two(Model::Power10, MAPPED, 2 << 23, TRAP, 0x700)]
#[case::guest_of_3_1_has_no_hail(Model::Power10, MAPPED, msr::LPCR_HAIL, TRAP, 0x700)]
#[case::hail(Model::Power10, MAPPED | msr::HV, msr::LPCR_HAIL, TRAP, 0xC000_0000_0000_4700)]
#[case::hail_in_real_mode(Model::Power10, WHOLE | msr::HV, msr::LPCR_HAIL, TRAP, 0x700)]
#[case::no_hail(Model::Power10, MAPPED | msr::HV, 3 << 23, TRAP, 0x700)]
#[case::hail_from_a_guest(
    Model::Power10,
    WHOLE,
    msr::LPCR_HAIL,
    Interrupt::HypervisorDecrementer,
    0xC000_0000_0000_4980
)]
#[case::no_hail_from_a_guest(Model::Power10, MAPPED, 3 << 23, Interrupt::HypervisorDecrementer, 0x980)]
fn alternate_locations(
    #[case] model: Model,
    #[case] state: u64,
    #[case] lpcr: u64,
    #[case] which: Interrupt,
    #[case] vector: u64,
) {
    let mut cpu = whole(model, state);
    cpu.lpcr = lpcr;
    cpu.interrupt(which);
    assert_eq!(cpu.pc, vector, "{:#x}", cpu.pc);
    let relocated = vector >= 0x1_0000;
    assert_eq!(cpu.msr & (msr::IR | msr::DR), if relocated { msr::IR | msr::DR } else { 0 });
}

/// Programming Environments Manual, table 6-3.
#[rstest]
#[case::machine_check_clears_me(Interrupt::MachineCheck, msr::ME, 0, 0x200)]
#[case::others_keep_it(TRAP, msr::ME | msr::EE | msr::RI | msr::IR, msr::ME, 0x700)]
#[case::ile_becomes_le(TRAP, msr::ILE, msr::ILE | msr::LE, 0x700)]
#[case::ip_moves_the_vectors(Interrupt::Trace, msr::IP, msr::IP, 0xFFF0_0D00)]
fn classic_interrupts(#[case] which: Interrupt, #[case] before: u64, #[case] after: u64, #[case] vector: u64) {
    let mut cpu = Cpu::new(Model::G3);
    cpu.msr = before;
    cpu.interrupt(which);
    assert_eq!((cpu.msr, cpu.pc), (after, vector));
}

#[test]
fn a_classic_decrementer_interrupt_is_taken_once() {
    let mut cpu = Cpu::new(Model::G3);
    cpu.decrementer_pending = true;
    cpu.interrupt(Interrupt::Decrementer);
    assert!(!cpu.decrementer_pending);
}

/// A caller may ask for any interrupt: what a model has not is the nearest one that it has.
#[rstest]
#[case(Model::E500mc, Interrupt::DataSegment { address: 1 }, Interrupt::DataTlb { address: 1, store: false })]
#[case(Model::E500mc, Interrupt::HypervisorDataStorage { address: 1, status: 0x0200_0000 }, Interrupt::DataStorage { address: 1, status: 0x0200_0000 })]
#[case(Model::E500mc, Interrupt::InstructionSegment, Interrupt::InstructionTlb)]
#[case(Model::E500mc, Interrupt::HypervisorInstructionStorage { status: 0 }, Interrupt::InstructionStorage { status: 0 })]
#[case(Model::E500mc, Interrupt::SystemCallVectored { lev: 0 }, Interrupt::SystemCall { lev: 0 })]
#[case(Model::E500mc, Interrupt::SystemReset, Interrupt::MachineCheck)]
#[case(Model::E500mc, Interrupt::HypervisorDecrementer, Interrupt::Decrementer)]
#[case(Model::E500mc, Interrupt::HypervisorDoorbell, Interrupt::Doorbell)]
#[case(Model::E500mc, Interrupt::HypervisorVirtualization, Interrupt::External)]
#[case(Model::E500mc, Interrupt::HypervisorMaintenance, Interrupt::External)]
#[case(Model::E500mc, Interrupt::Trace, Interrupt::Program(Program::Illegal))]
#[case(Model::Power9, Interrupt::DataTlb { address: 1, store: true }, Interrupt::DataStorage { address: 1, status: 0x4200_0000 })]
#[case(Model::Power9, Interrupt::DataTlb { address: 1, store: false }, Interrupt::DataStorage { address: 1, status: 0x4000_0000 })]
#[case(Model::Power9, Interrupt::InstructionTlb, Interrupt::InstructionStorage { status: 0x4000_0000 })]
#[case(Model::Power9, Interrupt::SpeUnavailable, Interrupt::VectorUnavailable)]
#[case(Model::Power9, Interrupt::InstructionBreakpoint, Interrupt::Trace)]
#[case(Model::Power9, Interrupt::VectorAssist, Interrupt::Program(Program::Illegal))]
#[case(Model::Power9, Interrupt::SystemManagement, Interrupt::HypervisorMaintenance)]
#[case(Model::Power9, Interrupt::Thermal, Interrupt::HypervisorMaintenance)]
#[case(Model::Power9, Interrupt::Watchdog, Interrupt::External)]
#[case(Model::Power8, Interrupt::SystemCallVectored { lev: 0 }, Interrupt::SystemCall { lev: 0 })]
#[case(Model::G4, Interrupt::HypervisorDecrementer, Interrupt::Decrementer)]
#[case(Model::G4, Interrupt::HypervisorDataStorage { address: 1, status: 0x4000_0000 }, Interrupt::DataStorage { address: 1, status: 0x4000_0000 })]
#[case(Model::G4, Interrupt::HypervisorInstructionStorage { status: 0x4000_0000 }, Interrupt::InstructionStorage { status: 0x4000_0000 })]
#[case(Model::G4, Interrupt::HypervisorMaintenance, Interrupt::MachineCheck)]
#[case(Model::G4, Interrupt::HypervisorDoorbell, Interrupt::External)]
#[case(Model::G4, Interrupt::EmulationAssistance { word: 0 }, Interrupt::Program(Program::Illegal))]
#[case(Model::G4, Interrupt::FacilityUnavailable { cause: 8 }, Interrupt::Program(Program::Illegal))]
#[case(Model::G4, Interrupt::Watchdog, Interrupt::External)]
fn an_interrupt_of_another_model_is_the_nearest_one(
    #[case] model: Model,
    #[case] which: Interrupt,
    #[case] nearest: Interrupt,
) {
    let taken = |which: Interrupt| {
        let mut cpu = whole(model, msr::ME);
        cpu.ivpr = 0x1_0000;
        cpu.ivor = std::array::from_fn(|number| 0x100 + 16 * number as u32);
        cpu.interrupt(which);
        cpu
    };
    assert_eq!(taken(which), taken(nearest));
}

/// 750 and 7450 user's manuals, table 4-2: vectors beyond those of every model.
#[rstest]
#[case(Model::G3, Interrupt::PerformanceMonitor, 0xF00)]
#[case(Model::G3, Interrupt::InstructionBreakpoint, 0x1300)]
#[case(Model::G3, Interrupt::SystemManagement, 0x1400)]
#[case(Model::G4, Interrupt::VectorAssist, 0x1600)]
#[case(Model::G3, Interrupt::Thermal, 0x1700)]
fn vectors_of_classic_models(#[case] model: Model, #[case] which: Interrupt, #[case] vector: u64) {
    let mut cpu = Cpu::new(model);
    cpu.msr = 0;
    cpu.interrupt(which);
    assert_eq!(cpu.pc, vector);
}

#[rstest]
#[case(Model::Power9, Doorbell::Hypervisor, Interrupt::HypervisorDoorbell)]
#[case(Model::Power9, Doorbell::Privileged, Interrupt::Doorbell)]
#[case(Model::E500mc, Doorbell::Processor, Interrupt::Doorbell)]
#[case(Model::E500mc, Doorbell::Critical, Interrupt::CriticalDoorbell)]
#[case(Model::E500mc, Doorbell::Guest, Interrupt::GuestDoorbell)]
#[case(Model::E500mc, Doorbell::GuestCritical, Interrupt::GuestCriticalDoorbell)]
fn a_doorbell_that_is_answered_falls_silent(
    #[case] model: Model,
    #[case] doorbell: Doorbell,
    #[case] which: Interrupt,
) {
    let mut cpu = whole(model, msr::ME);
    cpu.ring(doorbell);
    cpu.interrupt(which);
    assert!(!cpu.rings(doorbell));
}
