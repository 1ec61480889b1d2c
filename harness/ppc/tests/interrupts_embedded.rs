//! Interrupts and timers of BookE: classes, offsets, syndromes, and what an embedded hypervisor takes.

#[path = "common/whole.rs"]
mod whole;

use hypercheck_ppc::table::Spr;
use hypercheck_ppc::{Cpu, Doorbell, Hypervisor, Interrupt, Model, Program, msr};
use rstest::rstest;
use whole::whole;

/// A BookE processor with every timer's vector at 0x100 times its number.
fn embedded(model: Model, state: u64) -> Cpu {
    let mut cpu = Cpu::new(model);
    for number in 0..cpu.ivor.len() {
        cpu.ivor[number] = 0x100 * number as u32;
    }
    (cpu.msr, cpu.pc, cpu.dec) = (state, whole::CODE, 0);
    cpu
}

/// TCR: bit 60 of the time base (a period of 16 ticks) for both intervals.
const INTERVALS: u32 = 0x001F_E000;

#[test]
fn the_fixed_interval_ends_when_its_bit_of_the_time_base_rises() {
    let mut cpu = embedded(Model::E500v2, msr::ME | msr::EE);
    cpu.tcr = INTERVALS & !0x001E_0000 | 0x0080_0000;
    assert_eq!(cpu.quiet_for(), 8);
    cpu.tick_by(7);
    assert_eq!(cpu.deliverable(), None);
    cpu.tick_by(1);
    assert_eq!(cpu.deliverable(), Some(Interrupt::FixedInterval));
    cpu.interrupt(Interrupt::FixedInterval);
    assert_eq!((cpu.pc, cpu.srr0, cpu.msr), (0xB00, whole::CODE, msr::ME));
}

#[test]
fn the_watchdog_interrupts_the_second_time_and_asks_for_a_reset_the_third() {
    let mut cpu = embedded(Model::E500v2, msr::ME | msr::CE | msr::EE);
    cpu.tcr = INTERVALS | 0x0800_0000 | 0x2000_0000;
    cpu.tick_by(8);
    assert_eq!((cpu.tsr & 0xF000_0000, cpu.deliverable()), (0x8000_0000, None));
    cpu.tick_by(16);
    assert_eq!((cpu.tsr & 0xF000_0000, cpu.deliverable()), (0xC000_0000, Some(Interrupt::Watchdog)));
    let state = cpu.msr;
    cpu.interrupt(Interrupt::Watchdog);
    assert_eq!((cpu.pc, cpu.csrr0, cpu.csrr1, cpu.srr0), (0xC00, whole::CODE, state, 0));
    assert_eq!(cpu.msr, msr::ME, "a critical interrupt masks both classes");
    cpu.tick_by(16);
    assert_eq!(cpu.tsr & 0xF000_0000, 0xE000_0000);
}

#[rstest]
#[case(Model::E500v2, Interrupt::Debug { status: 0x0100_0000 }, msr::ME)]
#[case(Model::E500mc, Interrupt::Debug { status: 0x0100_0000 }, msr::ME | msr::CE)]
#[case(Model::E500mc, Interrupt::CriticalInput, msr::ME | msr::DE)]
#[case(Model::E500mc, Interrupt::MachineCheck, 0)]
fn each_class_has_its_registers_and_masks_what_it_must(
    #[case] model: Model,
    #[case] which: Interrupt,
    #[case] state: u64,
) {
    let old = msr::ME | msr::CE | msr::DE | msr::EE;
    let mut cpu = embedded(model, old);
    cpu.interrupt(which);
    assert_eq!(cpu.msr, state);
    let saved = match (which, model) {
        (Interrupt::MachineCheck, _) => (cpu.mcsrr0, cpu.mcsrr1),
        (Interrupt::Debug { .. }, Model::E500mc) => (cpu.dsrr0, cpu.dsrr1),
        _ => (cpu.csrr0, cpu.csrr1),
    };
    assert_eq!((saved, cpu.srr0), ((whole::CODE, old), 0));
}

#[test]
fn a_guest_doorbell_waits_until_the_guest_could_be_interrupted() {
    let mut cpu = embedded(Model::E500mc, msr::ME | msr::GS);
    cpu.hypervisor = Hypervisor::Guest;
    cpu.ring(Doorbell::Guest);
    assert_eq!(cpu.deliverable(), None);
    cpu.msr |= msr::EE;
    assert_eq!(cpu.deliverable(), Some(Interrupt::GuestDoorbell));
    cpu.msr &= !msr::GS;
    assert_eq!(cpu.deliverable(), None);
}

/// Power ISA 2.07 Book III-E 7.6.1, table of interrupt vector offset registers.
#[rstest]
#[case(Interrupt::CriticalInput, 0)]
#[case(Interrupt::MachineCheck, 1)]
#[case(Interrupt::DataStorage { address: 0, status: 0 }, 2)]
#[case(Interrupt::InstructionStorage { status: 0 }, 3)]
#[case(Interrupt::External, 4)]
#[case(Interrupt::Alignment { address: 0, status: 0 }, 5)]
#[case(Interrupt::Program(Program::Trap), 6)]
#[case(Interrupt::FloatUnavailable, 7)]
#[case(Interrupt::SystemCall { lev: 0 }, 8)]
#[case(Interrupt::Decrementer, 10)]
#[case(Interrupt::FixedInterval, 11)]
#[case(Interrupt::Watchdog, 12)]
#[case(Interrupt::DataTlb { address: 0, store: false }, 13)]
#[case(Interrupt::InstructionTlb, 14)]
#[case(Interrupt::Debug { status: 0 }, 15)]
#[case(Interrupt::PerformanceMonitor, 35)]
#[case(Interrupt::Doorbell, 36)]
#[case(Interrupt::CriticalDoorbell, 37)]
#[case(Interrupt::GuestDoorbell, 38)]
#[case(Interrupt::GuestCriticalDoorbell, 39)]
#[case(Interrupt::HypervisorPrivilege, 41)]
fn offsets_of_embedded_interrupts(#[case] which: Interrupt, #[case] number: usize) {
    let mut cpu = whole(Model::E500mc, msr::ME);
    cpu.ivpr = 0x1_0000;
    cpu.ivor[number] = 0x540;
    cpu.interrupt(which);
    assert_eq!(cpu.pc, 0x1_0540);
}

/// Power ISA 2.07 Book III-E 7.2.13: one bit of ESR for the cause, none of those before.
#[rstest]
#[case(Interrupt::Program(Program::Trap), 0x0200_0000)]
#[case(Interrupt::Program(Program::Illegal), 0x0800_0000)]
#[case(Interrupt::Program(Program::Privileged), 0x0400_0000)]
#[case(Interrupt::Program(Program::FloatEnabled), 0x0100_0000)]
#[case(Interrupt::DataStorage { address: 4, status: 0x0200_0000 }, 0x0080_0000)]
#[case(Interrupt::DataStorage { address: 4, status: 0 }, 0)]
#[case(Interrupt::DataTlb { address: 4, store: true }, 0x0080_0000)]
#[case(Interrupt::InstructionStorage { status: 0 }, 0)]
#[case(Interrupt::InstructionTlb, 0)]
fn the_syndrome_of_an_embedded_interrupt(#[case] which: Interrupt, #[case] syndrome: u32) {
    let mut cpu = whole(Model::E500mc, msr::ME);
    cpu.esr = 0x00C0_0000;
    cpu.interrupt(which);
    assert_eq!(cpu.esr, syndrome, "{:#x}", cpu.esr);
}

#[test]
fn debug_events_gather_in_their_status_register() {
    let mut cpu = whole(Model::E500mc, msr::ME);
    cpu.dbsr = 0x4000_0000;
    cpu.interrupt(Interrupt::Debug { status: 0x0800_0000 });
    assert_eq!(cpu.dbsr, 0x4800_0000);
}

/// Power ISA 2.07 Book III-E 7.2.10: with EPCR\[EXTGS\] external interrupts are the guest's and obey its EE; without, the
/// hypervisor below which it runs gets them whatever EE is.
#[rstest]
#[case::to_the_guest(1 << 31, msr::GS | msr::ME, None)]
#[case::to_the_guest_that_lets_them_through(1 << 31, msr::GS | msr::ME | msr::EE, Some(Interrupt::External))]
#[case::to_the_hypervisor(0, msr::GS | msr::ME, Some(Interrupt::External))]
#[case::to_the_hypervisor_that_masks(0, msr::ME, None)]
fn embedded_external_interrupts(#[case] epcr: u64, #[case] state: u64, #[case] which: Option<Interrupt>) {
    let mut cpu = whole(Model::E500mc, state);
    cpu.set_spr(Spr::Epcr, epcr);
    cpu.external_pending = true;
    assert_eq!(cpu.deliverable(), which);
}
