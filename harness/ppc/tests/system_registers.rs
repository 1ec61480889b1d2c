//! Returns, the machine state register, segment registers and locks, value by value.

mod common;

use common::Machine;
use hypercheck_ppc::table::Spr;
use hypercheck_ppc::{Budget, Cpu, Exit, Interrupt, Model, Program, msr};
use rstest::rstest;

/// A machine with its state changed before the code is put in place.
fn machine(model: Model, code: &str, prepare: impl Fn(&mut Cpu)) -> Machine {
    let mut machine = Machine::new(model, "");
    prepare(&mut machine.cpu);
    machine.load(code);
    machine
}

/// Power ISA Book III 3.3.1: hrfid, rfscv and urfid take other registers than rfid.
#[rstest]
#[case("rfid", 0x2000)]
#[case("hrfid", 0x3000)]
#[case("rfscv", 0x5000)]
fn returns_have_their_registers(#[case] code: &str, #[case] target: u64) {
    let mut machine = machine(Model::Power9, code, |cpu| {
        cpu.msr |= msr::HV;
        (cpu.srr0, cpu.hsrr0, cpu.lr) = (0x2003, 0x3003, 0x5003);
        (cpu.srr1, cpu.hsrr1, cpu.ctr) = (cpu.msr, cpu.msr, cpu.msr);
    });
    machine.cpu.run(&mut machine.memory, Budget::instructions(1));
    assert_eq!(machine.cpu.pc, target);
}

/// Power ISA 2.07 Book III-E 5.4.1: in the guest rfgi takes SRR0 and SRR1, in the hypervisor GSRR0 and GSRR1.
#[rstest]
#[case(msr::GS, 0x2000)]
#[case(0, 0x3000)]
fn rfgi_takes_the_registers_of_its_state(#[case] state: u64, #[case] target: u64) {
    let mut machine = machine(Model::E500mc, "rfgi", |cpu| cpu.msr = cpu.msr & !msr::GS | state);
    (machine.cpu.srr0, machine.cpu.srr1) = (0x2000, machine.cpu.msr);
    machine.cpu.set_spr(Spr::Gsrr0, 0x3000);
    machine.cpu.set_spr(Spr::Gsrr1, machine.cpu.msr);
    machine.cpu.run(&mut machine.memory, Budget::instructions(1));
    assert_eq!(machine.cpu.pc, target);
}

/// Power ISA Book III 5.4.4: with L=1 mtmsr changes EE and RI alone, and mtmsrd with it.
#[rstest]
#[case("mtmsr r3, 1", u64::MAX, 0, msr::EE | msr::RI)]
#[case("mtmsrd r3, 1", u64::MAX, 0, msr::EE | msr::RI)]
#[case("mtmsrd r3, 1", 0, msr::EE | msr::RI | msr::FP, msr::FP)]
fn moving_ee_and_ri_alone(#[case] code: &str, #[case] value: u64, #[case] before: u64, #[case] after: u64) {
    let mut machine = machine(Model::Power9, code, |cpu| cpu.msr = msr::SF | msr::ME | before);
    machine.cpu.gpr[3] = value;
    assert_eq!(machine.finish().cpu.msr, msr::SF | msr::ME | after);
}

/// Power ISA 2.07 Book II 7.3: rfebb goes to EBBRR, whose two low bits it ignores, and its operand becomes BESCR\[GE\].
#[rstest]
#[case("rfebb 0", u64::MAX, u64::MAX >> 1)]
#[case("rfebb 1", 5, 1 << 63 | 5)]
fn an_event_return_changes_the_global_enable_alone(#[case] code: &str, #[case] before: u64, #[case] after: u64) {
    let mut machine = machine(Model::Power8, code, |_| {});
    machine.cpu.set_spr(Spr::Bescr, before);
    machine.cpu.set_spr(Spr::Ebbrr, 0xFFFF_2003);
    machine.cpu.run(&mut machine.memory, Budget::instructions(1));
    assert_eq!((machine.cpu.pc, machine.cpu.spr(Spr::Bescr)), (0xFFFF_2000, after));
}

/// Programming Environments Manual 4.4.6.2: the upper four bits of RB choose the segment register.
#[test]
fn segment_registers_are_chosen_by_number_or_address() {
    let code = "mtsr 9, r3\n mtsrin r4, r5\n mfsr r6, 12\n mfsrin r7, r8";
    let mut machine = Machine::new(Model::G3, code);
    machine.cpu.gpr[3..6].copy_from_slice(&[0x111, 0x222, 0xCFFF_FFFF]);
    machine.cpu.gpr[8] = 0x9ABC_DEF0;
    let machine = machine.finish();
    assert_eq!((machine.cpu.sr[9], machine.cpu.sr[12]), (0x111, 0x222));
    assert_eq!(machine.cpu.gpr[6..8], [0x222, 0x111]);
    assert_eq!(machine.cpu.sr.iter().filter(|value| **value != 0).count(), 2);
}

/// e500 Core Family Reference Manual 3.3.1.8: UCLE lets problem state lock lines, UBLE branch targets.
#[rstest]
#[case("dcbtls 0, 0, r4", msr::UCLE)]
#[case("bblels", msr::UBLE)]
fn locks_have_a_permission_each(#[case] code: &str, #[case] permission: u64) {
    for (state, allowed) in [(msr::PR, false), (msr::PR | permission, true), (0, true)] {
        let other = (msr::UCLE | msr::UBLE) & !permission;
        for state in [state, state | other] {
            let mut machine = machine(Model::E500v2, code, |cpu| cpu.msr = msr::ME | state);
            machine.cpu.gpr[4] = 0x2000;
            assert_eq!(machine.run() == Exit::Until, allowed, "{state:#x}");
        }
    }
}

/// Power ISA 3.0C Book III 3.3.1: urfid belongs to the ultravisor.
#[test]
fn urfid_is_of_ultravisor_state() {
    let privileged = Exit::Interrupt(Interrupt::Program(Program::Privileged));
    for (state, target) in [(msr::HV, None), (msr::HV | msr::S, Some(0x3000))] {
        let mut machine = machine(Model::Power9, "urfid", |cpu| cpu.msr |= state);
        (machine.cpu.hsrr0, machine.cpu.hsrr1) = (0x3000, machine.cpu.msr);
        let exit = machine.cpu.run(&mut machine.memory, Budget::instructions(1));
        assert_eq!(target.is_none(), exit == privileged);
        assert!(target.is_none_or(|target| machine.cpu.pc == target));
    }
}
