//! Special-purpose registers by name: which part of the processor each one is, and what a write changes.

mod common;

use common::Machine;
use hypercheck_ppc::table::Spr;
use hypercheck_ppc::{Cpu, Model, msr};
use rstest::rstest;

const VALUE: u64 = 0x1234_5678_9ABC_DEF0;
const LOW: u64 = VALUE & 0xFFFF_FFFF;

/// Writing the register changes the field to what fits, and reading gives it back.
#[rstest]
#[case::xer_before_3_0(Model::Power8, Spr::Xer, |cpu: &Cpu| cpu.xer, 0x8000_0070)]
#[case::xer(Model::Power9, Spr::Xer, |cpu: &Cpu| cpu.xer, 0x800C_0070)]
#[case::lr(Model::Power9, Spr::Lr, |cpu: &Cpu| cpu.lr, VALUE)]
#[case::lr_of_32_bits(Model::G3, Spr::Lr, |cpu: &Cpu| cpu.lr, LOW)]
#[case::ctr(Model::Power9, Spr::Ctr, |cpu: &Cpu| cpu.ctr, VALUE)]
#[case::tar(Model::Power9, Spr::Tar, |cpu: &Cpu| cpu.tar, VALUE)]
#[case::dscr(Model::Power9, Spr::Dscr, |cpu: &Cpu| cpu.dscr, VALUE)]
#[case::dscr_in_problem_state(Model::Power9, Spr::Udscr, |cpu: &Cpu| cpu.dscr, VALUE)]
#[case::dsisr(Model::Power9, Spr::Dsisr, |cpu: &Cpu| cpu.dsisr.into(), LOW)]
#[case::dar(Model::Power9, Spr::Dar, |cpu: &Cpu| cpu.dar, VALUE)]
#[case::dear(Model::E500mc, Spr::Dear, |cpu: &Cpu| cpu.dar, LOW)]
#[case::decar(Model::E500mc, Spr::Decar, |cpu: &Cpu| cpu.decar.into(), LOW)]
#[case::srr0(Model::Power9, Spr::Srr0, |cpu: &Cpu| cpu.srr0, VALUE)]
#[case::srr1(Model::Power9, Spr::Srr1, |cpu: &Cpu| cpu.srr1, VALUE)]
#[case::hsrr0(Model::Power9, Spr::Hsrr0, |cpu: &Cpu| cpu.hsrr0, VALUE)]
#[case::hsrr1(Model::Power9, Spr::Hsrr1, |cpu: &Cpu| cpu.hsrr1, VALUE)]
#[case::csrr0(Model::E500mc, Spr::Csrr0, |cpu: &Cpu| cpu.csrr0, LOW)]
#[case::csrr1(Model::E500mc, Spr::Csrr1, |cpu: &Cpu| cpu.csrr1, LOW)]
#[case::mcsrr0(Model::E500mc, Spr::Mcsrr0, |cpu: &Cpu| cpu.mcsrr0, LOW)]
#[case::mcsrr1(Model::E500mc, Spr::Mcsrr1, |cpu: &Cpu| cpu.mcsrr1, LOW)]
#[case::dsrr0(Model::E500mc, Spr::Dsrr0, |cpu: &Cpu| cpu.dsrr0, LOW)]
#[case::dsrr1(Model::E500mc, Spr::Dsrr1, |cpu: &Cpu| cpu.dsrr1, LOW)]
#[case::sprg0(Model::Power9, Spr::Sprg0, |cpu: &Cpu| cpu.sprg[0], VALUE)]
#[case::sprg1(Model::Power9, Spr::Sprg1, |cpu: &Cpu| cpu.sprg[1], VALUE)]
#[case::sprg2(Model::Power9, Spr::Sprg2, |cpu: &Cpu| cpu.sprg[2], VALUE)]
#[case::sprg3(Model::Power9, Spr::Sprg3, |cpu: &Cpu| cpu.sprg[3], VALUE)]
#[case::sprg4(Model::E500mc, Spr::Sprg4, |cpu: &Cpu| cpu.sprg[4], LOW)]
#[case::sprg5(Model::E500mc, Spr::Sprg5, |cpu: &Cpu| cpu.sprg[5], LOW)]
#[case::sprg6(Model::E500mc, Spr::Sprg6, |cpu: &Cpu| cpu.sprg[6], LOW)]
#[case::sprg7(Model::E500mc, Spr::Sprg7, |cpu: &Cpu| cpu.sprg[7], LOW)]
#[case::time_base(Model::Power9, Spr::Tb, |cpu: &Cpu| cpu.tb, VALUE)]
#[case::version(Model::Power9, Spr::Pvr, |cpu: &Cpu| cpu.pvr.into(), LOW)]
#[case::identity(Model::Power9, Spr::Pir, |cpu: &Cpu| cpu.pir.into(), LOW)]
#[case::control(Model::Power9, Spr::Ctrl, |cpu: &Cpu| cpu.ctrl.into(), LOW)]
#[case::dabr(Model::Power7, Spr::Dabr, |cpu: &Cpu| cpu.dabr, VALUE)]
#[case::ciabr(Model::Power9, Spr::Ciabr, |cpu: &Cpu| cpu.ciabr, VALUE)]
#[case::dawr0(Model::Power9, Spr::Dawr0, |cpu: &Cpu| cpu.dawr0, VALUE)]
#[case::dawrx0(Model::Power9, Spr::Dawrx0, |cpu: &Cpu| cpu.dawrx0.into(), LOW)]
#[case::lpcr(Model::Power9, Spr::Lpcr, |cpu: &Cpu| cpu.lpcr, VALUE)]
#[case::fscr(Model::Power9, Spr::Fscr, |cpu: &Cpu| cpu.fscr, VALUE)]
#[case::priority(Model::Power9, Spr::Ppr, |cpu: &Cpu| cpu.ppr, 0x0014_0000_0000_0000)]
#[case::vrsave(Model::Power9, Spr::Vrsave, |cpu: &Cpu| cpu.vrsave.into(), LOW)]
#[case::heir(Model::Power9, Spr::Heir, |cpu: &Cpu| cpu.heir.into(), LOW)]
#[case::hid0(Model::Power9, Spr::Hid0, |cpu: &Cpu| cpu.hid0, VALUE)]
#[case::hid1(Model::Ppc970, Spr::Hid1, |cpu: &Cpu| cpu.hid1, VALUE)]
#[case::esr(Model::E500mc, Spr::Esr, |cpu: &Cpu| cpu.esr.into(), LOW)]
#[case::ivpr(Model::E500mc, Spr::Ivpr, |cpu: &Cpu| cpu.ivpr, 0x9ABC_0000)]
#[case::timer_control(Model::E500mc, Spr::Tcr, |cpu: &Cpu| cpu.tcr.into(), LOW)]
fn a_register_is_a_field(
    #[case] model: Model,
    #[case] which: Spr,
    #[case] field: fn(&Cpu) -> u64,
    #[case] expected: u64,
) {
    let mut cpu = Cpu::new(model);
    cpu.set_spr(which, VALUE);
    assert_eq!(field(&cpu), expected, "{:#x}", field(&cpu));
    assert_eq!(cpu.spr(which), expected);
}

/// Power ISA Book III 7.3.1: TBL and TBU are the halves of TB, TBU40 its upper 40 bits.
#[rstest]
#[case::lower(Spr::Tbl, LOW, 0x1234_5678_0000_0005, 5)]
#[case::upper(Spr::Tbu, 0x1234_5678, 0x0000_0005_9ABC_DEF0, 5)]
#[case::upper_40(Spr::Tbu40, 0x1234_5678_9A00_0000, 0x0000_0005_00BC_DEF0, 0x5_00FF_FFFF)]
fn parts_of_the_time_base(#[case] which: Spr, #[case] read: u64, #[case] after: u64, #[case] written: u64) {
    let mut cpu = Cpu::new(Model::Power9);
    cpu.tb = VALUE;
    assert_eq!(cpu.spr(which), read);
    cpu.set_spr(which, written);
    assert_eq!(cpu.tb, after, "{:#x}", cpu.tb);
}

#[test]
fn the_short_name_of_the_priority_is_its_upper_word() {
    let mut cpu = Cpu::new(Model::Power9);
    cpu.set_spr(Spr::Ppr32, 0x0018_FFFF);
    assert_eq!((cpu.ppr, cpu.spr(Spr::Ppr32)), (0x18 << 48, 0x0018_0000));
}

/// Power ISA 2.07 Book III-E 9.6, 10.5.1
#[test]
fn a_one_clears_its_bit_of_a_status_register() {
    let mut cpu = Cpu::new(Model::E500mc);
    (cpu.tsr, cpu.dbsr) = (0xC000_0000, 0x3000_0000);
    cpu.set_spr(Spr::Tsr, 0x8000_0000);
    cpu.set_spr(Spr::Dbsr, 0x1000_0000);
    assert_eq!((cpu.tsr, cpu.dbsr), (0x4000_0000, 0x2000_0000));
    assert_eq!((cpu.spr(Spr::Tsr), cpu.spr(Spr::Dbsr)), (0x4000_0000, 0x2000_0000));
}

/// Power ISA 3.0B Book III 7.3.3: LPCR[LD] gives the decrementer 56 bits on a POWER9, and their sign is extended.
#[test]
fn a_large_decrementer_is_read_with_its_sign() {
    let mut cpu = Cpu::new(Model::Power9);
    cpu.set_spr(Spr::Dec, 0xFFF0_0000_8000_0001);
    assert_eq!(cpu.spr(Spr::Dec), 0x8000_0001);
    cpu.lpcr = 1 << 17;
    cpu.set_spr(Spr::Dec, 0x1280_0000_8000_0001);
    assert_eq!(cpu.spr(Spr::Dec), 0xFF80_0000_8000_0001);
    cpu.set_spr(Spr::Dec, 0x127F_0000_8000_0001);
    assert_eq!(cpu.spr(Spr::Dec), 0x007F_0000_8000_0001);
}

/// Programming Environments Manual 2.3.14: mtspr that changes the sign from 0 to 1 is an exception.
#[test]
fn a_classic_decrementer_rings_when_its_sign_rises() {
    for (before, written, rings) in [(5, 1 << 31, true), (5, 6, false), (1 << 31, u64::MAX, false)] {
        let mut cpu = Cpu::new(Model::G3);
        cpu.dec = before;
        cpu.set_spr(Spr::Dec, written);
        assert_eq!(cpu.decrementer_pending, rings);
    }
}

/// Power ISA Book III 6.7.13: problem state changes what UAMOR lets it.
#[test]
fn a_mask_guards_the_authority_mask() {
    let mut cpu = Cpu::new(Model::Power9);
    cpu.set_spr(Spr::Amr, 0xF0F0);
    cpu.set_spr(Spr::Uamor, 0x00FF);
    cpu.msr |= msr::PR;
    cpu.set_spr(Spr::Uamr, 0x3C3C);
    assert_eq!((cpu.spr(Spr::Amr), cpu.spr(Spr::Uamr)), (0xF03C, 0xF03C));
    cpu.msr &= !msr::PR;
    cpu.set_spr(Spr::Uamr, 0x3C3C);
    assert_eq!(cpu.spr(Spr::Amr), 0x3C3C);
}

/// e500 Core Family Reference Manual 2.15: counters, local controls A and B, global control.
#[test]
fn every_performance_register_has_a_name_to_read_and_one_to_write() {
    let mut machine = Machine::new(Model::E500v2, "nop");
    let pairs = (0..4).flat_map(|n| [(16 + n, n), (144 + n, 128 + n), (272 + n, 256 + n)]).chain([(400, 384)]);
    let pairs: Vec<(u64, u64)> = pairs.collect();
    for &(write, _) in &pairs {
        machine.load(&format!("li r3, {write}\n mtpmr {write}, r3"));
        machine = machine.finish();
    }
    for (write, read) in pairs {
        machine.load(&format!("mfpmr r4, {write}\n mfpmr r5, {read}"));
        machine = machine.finish();
        assert_eq!(machine.cpu.gpr[4..6], [write, write]);
    }
}

/// The bits of the MSR that exist: Power ISA Book III 3.2.1; IBM 970FX manual 2.1.4; 750 and 7450 manuals, MSR; e500 manual
/// 2.7.1 and e500mc manual 2.7.1.
#[rstest]
#[case(Model::Power7, 0x9000_0000_0280_FF37)]
#[case(Model::Power8, 0x9000_0001_02C0_FF37)]
#[case(Model::Power9, 0x9000_0001_02C0_FF37)]
#[case(Model::Power10, 0x9000_0000_02C0_FF37)]
#[case(Model::Ppc970, 0x9000_0000_0204_FF36)]
#[case(Model::G3, 0x0005_FF77)]
#[case(Model::G4, 0x0205_FF77)]
#[case(Model::E500v2, 0x0606_D634)]
#[case(Model::E500mc, 0x1402_FB36)]
fn bits_of_the_machine_state(#[case] model: Model, #[case] bits: u64) {
    assert_eq!(model.msr_bits(), bits, "{:#x}", model.msr_bits());
}

/// Which models have an MSR\[LE\] that does something, and hypervisor emulation assistance.
#[test]
fn what_models_have() {
    let having = |has: fn(Model) -> bool| Model::ALL.into_iter().filter(|model| has(*model)).collect::<Vec<_>>();
    let servers = [Model::Power7, Model::Power8, Model::Power9, Model::Power10];
    assert_eq!(having(Model::has_emulation_assistance), servers);
    let little = [&servers[..], &[Model::G3, Model::G4]].concat();
    assert_eq!(having(Model::has_little_endian).len(), little.len());
    assert!(having(Model::has_little_endian).iter().all(|model| little.contains(model)));
}

/// The upper half of PVR says which processor it is. Linux `arch/powerpc/kernel/cpu_specs*.h`
#[rstest]
#[case(Model::Ppc970, 0x003C)]
#[case(Model::Power7, 0x003F)]
#[case(Model::Power8, 0x004D)]
#[case(Model::Power9, 0x004E)]
#[case(Model::Power10, 0x0080)]
#[case(Model::G3, 0x0008)]
#[case(Model::G4, 0x000C)]
#[case(Model::E500v2, 0x8021)]
#[case(Model::E500mc, 0x8023)]
fn versions(#[case] model: Model, #[case] version: u64) {
    let cpu = Cpu::new(model);
    assert_eq!((cpu.spr(Spr::Pvr) >> 16, cpu.pvr), (version, model.pvr()));
}

/// Power ISA 2.07 Book III-E 7.2.18: bits 48 to 59 are the offset.
#[rstest]
#[case(Spr::Ivor0, 0)]
#[case(Spr::Ivor1, 1)]
#[case(Spr::Ivor2, 2)]
#[case(Spr::Ivor3, 3)]
#[case(Spr::Ivor4, 4)]
#[case(Spr::Ivor5, 5)]
#[case(Spr::Ivor6, 6)]
#[case(Spr::Ivor7, 7)]
#[case(Spr::Ivor8, 8)]
#[case(Spr::Ivor9, 9)]
#[case(Spr::Ivor10, 10)]
#[case(Spr::Ivor11, 11)]
#[case(Spr::Ivor12, 12)]
#[case(Spr::Ivor13, 13)]
#[case(Spr::Ivor14, 14)]
#[case(Spr::Ivor15, 15)]
#[case(Spr::Ivor32, 32)]
#[case(Spr::Ivor33, 33)]
#[case(Spr::Ivor34, 34)]
#[case(Spr::Ivor35, 35)]
#[case(Spr::Ivor36, 36)]
#[case(Spr::Ivor37, 37)]
fn offset_registers(#[case] which: Spr, #[case] number: usize) {
    let mut cpu = Cpu::new(Model::E500v2);
    cpu.set_spr(which, 0x1234_5678);
    assert_eq!((cpu.ivor[number], cpu.spr(which)), (0x5670, 0x5670));
}
