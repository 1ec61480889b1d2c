//! Instructions that later levels of the architecture or single models added.

mod common;

use common::Machine;
use hypercheck_ppc::table::Spr;
use hypercheck_ppc::{Budget, Exit, Interrupt, Model, Program, msr};
use rstest::rstest;

const DATA: u64 = 0x2000;
const ILLEGAL: Exit = Exit::Interrupt(Interrupt::Program(Program::Illegal));

/// A POWER9 with r4 pointing at `DATA`, where `words` lie.
fn machine(code: &str, words: &[u32]) -> Machine {
    let mut machine = Machine::new(Model::Power9, code);
    for (at, word) in (DATA..).step_by(4).zip(words) {
        machine.memory.write_u32(at, *word, true).expect("in memory");
    }
    machine.cpu.gpr[4] = DATA;
    machine
}

/// Function, storage before, r6 and r7, storage after, r5. Power ISA Book II 4.5.1
#[rstest]
#[case::add(0, &[5], 7, 0, &[12], 5)]
#[case::xor(1, &[0xF0], 0xFF, 0, &[0x0F], 0xF0)]
#[case::or(2, &[0xF0], 0x0F, 0, &[0xFF], 0xF0)]
#[case::and(3, &[0xF3], 0x0F, 0, &[3], 0xF3)]
#[case::maximum_unsigned(4, &[5], 0xFFFF_FFFF, 0, &[0xFFFF_FFFF], 5)]
#[case::maximum_unsigned_in_storage(4, &[7], 5, 0, &[7], 7)]
#[case::maximum_ignores_the_upper_half(4, &[5], 0xF_0000_0003, 0, &[5], 5)]
#[case::or_of_overlapping_bits(2, &[0x3C], 0x0F, 0, &[0x3F], 0x3C)]
#[case::not_swapped_as_the_word_is_the_same(16, &[5], 0x1_0000_0005, 9, &[5], 5)]
#[case::maximum_signed(5, &[5], 0xFFFF_FFFF, 0, &[5], 5)]
#[case::minimum_unsigned(6, &[5], 0xFFFF_FFFF, 0, &[5], 5)]
#[case::minimum_signed(7, &[5], 0xFFFF_FFFF, 0, &[0xFFFF_FFFF], 5)]
#[case::swap(8, &[5], 9, 0, &[9], 5)]
#[case::swapped_as_it_is_another(16, &[5], 6, 9, &[9], 5)]
#[case::not_swapped_as_it_is_the_same(16, &[5], 5, 9, &[5], 5)]
#[case::below_the_bound(24, &[5, 6], 0, 0, &[6, 6], 5)]
#[case::at_the_bound(24, &[6, 6], 0, 0, &[6, 6], 0x8000_0000)]
#[case::equal(25, &[6, 6], 0, 0, &[7, 6], 6)]
#[case::not_equal(25, &[5, 6], 0, 0, &[5, 6], 0x8000_0000)]
fn fetches_that_change_storage(
    #[case] function: u32,
    #[case] before: &[u32],
    #[case] first: u64,
    #[case] second: u64,
    #[case] after: &[u32],
    #[case] result: u64,
) {
    let mut machine = machine(&format!("lwat r5, r4, {function}"), before);
    (machine.cpu.gpr[6], machine.cpu.gpr[7]) = (first, second);
    let machine = machine.finish();
    assert_eq!(machine.cpu.gpr[5], result);
    for (at, word) in (DATA..).step_by(4).zip(after) {
        assert_eq!(machine.memory.read_u32(at, true), Ok(*word));
    }
}

#[test]
fn a_bounded_decrement_has_its_bound_below() {
    let mut machine = machine("ldat r5, r4, 28", &[0, 3, 0, 4]);
    machine.cpu.gpr[4] = DATA + 8;
    let machine = machine.finish();
    assert_eq!((machine.cpu.gpr[5], machine.memory.read_u64(DATA + 8, true)), (4, Ok(3)));
}

#[test]
fn a_bounded_decrement_stops_at_its_bound() {
    let mut machine = machine("ldat r5, r4, 28", &[0, 4, 0, 4]);
    machine.cpu.gpr[4] = DATA + 8;
    let machine = machine.finish();
    assert_eq!((machine.cpu.gpr[5], machine.memory.read_u64(DATA + 8, true)), (1 << 63, Ok(4)));
}

#[test]
fn an_operand_may_end_where_its_32_bytes_end() {
    let mut machine = machine("lwat r5, r4, 0", &[]);
    (machine.cpu.gpr[4], machine.cpu.gpr[6]) = (DATA + 28, 3);
    assert_eq!(machine.finish().memory.read_u32(DATA + 28, true), Ok(3));
}

#[rstest]
#[case("stwat r5, r4, 0", &[5, 1], &[12, 1])]
#[case("stwat r5, r4, 5", &[5, 1], &[7, 1])]
#[case("stwat r5, r4, 24", &[5, 5], &[7, 7])]
#[case("stwat r5, r4, 24", &[5, 6], &[5, 6])]
#[case("stdat r5, r4, 3", &[5, 6], &[0, 6])]
fn stores_that_combine(#[case] code: &str, #[case] before: &[u32], #[case] after: &[u32]) {
    let mut machine = machine(code, before);
    machine.cpu.gpr[5] = 7;
    let machine = machine.finish();
    for (at, word) in (DATA..).step_by(4).zip(after) {
        assert_eq!(machine.memory.read_u32(at, true), Ok(*word));
    }
}

#[rstest]
#[case::reserved_function("lwat r5, r4, 9", 0, Interrupt::DataStorage { address: DATA, status: 4 })]
#[case::reserved_store("stdat r5, r4, 8", 0, Interrupt::DataStorage { address: DATA, status: 0x0200_0004 })]
#[case::out_of_alignment("ldat r5, r4, 0", 4, Interrupt::Alignment { address: DATA + 4, status: 0 })]
#[case::over_32_bytes("ldat r5, r4, 24", 24, Interrupt::Alignment { address: DATA + 24, status: 0 })]
#[case::line_out_of_alignment("copy 0, r4", 32, Interrupt::Alignment { address: DATA + 32, status: 0 })]
#[case::copy_from_nowhere("copy 0, r4", 0x10_0000, Interrupt::DataStorage { address: DATA + 0x10_0000, status: 0x4000_0000 })]
#[case::paste_to_nowhere("paste. 0, r4", 0x10_0000, Interrupt::DataStorage { address: DATA + 0x10_0000, status: 0x4200_0000 })]
fn atomic_operands_that_are_refused(#[case] code: &str, #[case] offset: u64, #[case] which: Interrupt) {
    let mut machine = machine(code, &[]);
    machine.cpu.gpr[4] += offset;
    assert_eq!(machine.run(), Exit::Interrupt(which));
}

#[test]
fn a_paste_finds_no_accelerator() {
    let mut machine = machine("copy 0, r4\n cpabort\n copy 0, r4\n paste. 0, r4", &[]);
    machine.cpu.cr = u32::MAX;
    machine.cpu.run(&mut machine.memory, Budget::instructions(1));
    assert_eq!(machine.cpu.copied, Some(DATA));
    let machine = machine.finish();
    assert_eq!((machine.cpu.cr >> 28, machine.cpu.copied), (0, None));
}

/// Power ISA Book I 3.3.15: the sixes are for digits whose sum gives no carry.
#[rstest]
#[case("addg6s r3, r4, r5", 0x9, 0x1, 0x6666_6666_6666_6666)]
#[case("addg6s r3, r4, r5", 0xF, 0x1, 0x6666_6666_6666_6660)]
#[case("addg6s r3, r4, r5", u64::MAX, 1, 0)]
#[case("addg6s r3, r4, r5", 0xE, 0x1, 0x6666_6666_6666_6666)]
#[case("addg6s r3, r4, r5", 0xF, 0x0, 0x6666_6666_6666_6666)]
#[case("cdtbcd r3, r4", 0x0002_8E56_0003_FCFF, 0, 0x0012_3456_0099_9999)]
#[case("cbcdtd r3, r4", 0x0012_3456_0099_9999, 0, 0x0002_8E56_0003_FCFF)]
fn decimals(#[case] code: &str, #[case] a: u64, #[case] b: u64, #[case] result: u64) {
    let mut machine = Machine::new(Model::Power7, code);
    (machine.cpu.gpr[4], machine.cpu.gpr[5]) = (a, b);
    let machine = machine.finish();
    assert_eq!(machine.cpu.gpr[3], result, "{:#x}", machine.cpu.gpr[3]);
}

#[test]
fn a_hash_that_was_stored_is_found_again() {
    let code = "hashst r0, -16(r1)\n hashchk r0, -16(r1)";
    let mut machine = Machine::new(Model::Power10, code);
    (machine.cpu.gpr[0], machine.cpu.gpr[1]) = (0x1_2345, DATA);
    machine.cpu.set_spr(Spr::Hashkeyr, 0x0123_4567_89AB_CDEF);
    assert_eq!(machine.run(), Exit::Until, "without the aspect nothing is done");
    assert_eq!(machine.memory.read_u64(DATA - 16, true), Ok(0));
    machine.cpu.set_spr(Spr::Dexcr, 1 << 58);
    machine.load(code);
    assert_eq!(machine.run(), Exit::Until);
    assert_ne!(machine.memory.read_u64(DATA - 16, true), Ok(0));
    machine.load("hashchk r0, -16(r1)");
    machine.cpu.gpr[0] += 4;
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::Program(Program::Trap)));
}

/// Worked out from the functions of Power ISA 3.1 Book I 3.3.16 by a program of its own. In 32-bit mode the upper half of
/// RA is not of the address but is hashed.
#[rstest]
#[case(0x99AA_BBCC_DDEE_FF00, 0x0123_4567_89AB_CDEF, 0x5DA9_D74B_9358_F962)]
#[case(0x0123, 0xFFFF_0000_FFFF_0000, 0x975E_5A09_D5F5_4678)]
fn hashes(#[case] value: u64, #[case] key: u64, #[case] digest: u64) {
    let mut machine = Machine::new(Model::Power10, "hashst r5, -512(r4)");
    machine.cpu.msr &= !msr::SF;
    (machine.cpu.gpr[4], machine.cpu.gpr[5]) = (0x1122_3344_0000_0000 | DATA, value);
    machine.cpu.set_spr(Spr::Hashkeyr, key);
    machine.cpu.set_spr(Spr::Dexcr, 1 << 58);
    let stored = machine.finish().memory.read_u64(DATA - 512, true);
    assert_eq!(stored, Ok(digest), "{stored:#x?}");
}

/// Power ISA 3.1B Book III 9.3: NPHIE is aspect 5, whose bits are 5 for privileged and 37 for problem state.
#[rstest]
#[case::privileged(0, 1 << 58, 0, true)]
#[case::privileged_by_the_bit_for_problem_state(0, 1 << 26, 0, false)]
#[case::privileged_enforced(0, 0, 1 << 26, true)]
#[case::privileged_by_the_bit_for_the_hypervisor(0, 0, 1 << 58, false)]
#[case::problem(msr::PR, 1 << 26, 0, true)]
#[case::problem_enforced(msr::PR, 0, 1 << 26, true)]
#[case::problem_by_the_bit_for_privileged(msr::PR, 1 << 58, 1 << 58, false)]
#[case::hypervisor(msr::HV, 0, 1 << 58, true)]
#[case::hypervisor_by_the_bits_for_others(msr::HV, 1 << 58 | 1 << 26, 1 << 26, false)]
fn aspects(#[case] state: u64, #[case] own: u64, #[case] above: u64, #[case] stores: bool) {
    let mut machine = Machine::new(Model::Power10, "hashst r5, -16(r4)");
    (machine.cpu.gpr[4], machine.cpu.gpr[5]) = (DATA, 5);
    machine.cpu.msr |= state;
    machine.cpu.set_spr(Spr::Dexcr, own);
    machine.cpu.set_spr(Spr::Hdexcr, above);
    assert_eq!(machine.finish().memory.read_u64(DATA - 16, true) != Ok(0), stores);
}

#[test]
fn a_doorbell_to_oneself_waits_in_dpdes() {
    let mut machine = Machine::new(Model::Power8, "msgsndp r3\n mfspr r4, 176\n msgclrp r3\n mfspr r5, 176");
    machine.cpu.gpr[3] = 5 << 27;
    let machine = machine.finish();
    assert_eq!(machine.cpu.gpr[4..6], [1, 0]);
}

#[test]
fn transactions_are_unavailable() {
    let mut machine = Machine::new(Model::Power9, "tbegin.");
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::FacilityUnavailable { cause: 5 }));
    let mut machine = Machine::new(Model::Power10, "nop");
    machine.words(&[0x7C00_051D]);
    assert_eq!(machine.run(), ILLEGAL, "3.1 has no transactions");
}

#[rstest]
#[case("lxvx vs1, 0, r4", Interrupt::VsxUnavailable)]
#[case("lxvx vs33, 0, r4", Interrupt::VectorUnavailable)]
#[case("lxv vs1, 0(r4)", Interrupt::VsxUnavailable)]
#[case("lxv vs33, 0(r4)", Interrupt::VectorUnavailable)]
#[case("mfvsrd r3, vs1", Interrupt::FloatUnavailable)]
#[case("mfvsrd r3, vs33", Interrupt::VectorUnavailable)]
#[case("lxsd v1, 0(r4)", Interrupt::VectorUnavailable)]
fn vector_scalar_registers_belong_to_three_facilities(#[case] code: &str, #[case] which: Interrupt) {
    assert_eq!(Machine::new(Model::Power9, code).run(), Exit::Interrupt(which));
}

#[test]
fn an_event_branch_returns() {
    let mut machine = Machine::new(Model::Power8, "rfebb 1");
    machine.cpu.set_spr(Spr::Ebbrr, 0x2003);
    machine.cpu.run(&mut machine.memory, Budget::instructions(1));
    assert_eq!((machine.cpu.pc, machine.cpu.spr(Spr::Bescr)), (0x2000, 1 << 63));
    machine.load("rfebb 0");
    machine.cpu.msr |= msr::PR;
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::FacilityUnavailable { cause: 7 }));
}

#[test]
fn guest_registers_lead_back_to_the_guest() {
    let mut machine = Machine::new(Model::E500mc, "rfgi");
    machine.cpu.msr &= !msr::GS;
    machine.cpu.set_spr(Spr::Gsrr0, 0x2000);
    machine.cpu.set_spr(Spr::Gsrr1, msr::GS | msr::ME);
    machine.cpu.run(&mut machine.memory, Budget::instructions(1));
    assert_eq!((machine.cpu.pc, machine.cpu.msr), (0x2000, msr::GS | msr::ME));
}

#[test]
fn performance_registers_are_read_in_problem_state_and_written_by_the_supervisor() {
    let mut machine = Machine::new(Model::E500v2, "mtpmr 17, r3\n mfpmr r4, 1\n mfpmr r5, 17").finish();
    assert_eq!(machine.cpu.gpr[4..6], [0, 0]);
    machine.cpu.gpr[3] = 7;
    machine.load("mtpmr 17, r3\n mfpmr r4, 1");
    assert_eq!(machine.run(), Exit::Until);
    assert_eq!(machine.cpu.gpr[4], 7);
    machine.load("mtpmr 17, r3");
    machine.cpu.msr |= msr::PR;
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::Program(Program::Privileged)));
    machine.cpu.msr &= !msr::PR;
    machine.load("mtpmr 1, r3");
    assert_eq!(machine.run(), ILLEGAL);
}

#[test]
fn external_control_needs_its_switch() {
    let mut machine = Machine::new(Model::G3, "ecowx r5, 0, r4\n eciwx r6, 0, r4");
    (machine.cpu.gpr[4], machine.cpu.gpr[5]) = (DATA, 7);
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::DataStorage { address: DATA, status: 0x0210_0000 }));
    machine.cpu.set_spr(Spr::Ear, 0x3F);
    machine.load("ecowx r5, 0, r4");
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::DataStorage { address: DATA, status: 0x0210_0000 }));
    machine.cpu.set_spr(Spr::Ear, 1 << 31);
    machine.load("ecowx r5, 0, r4\n eciwx r6, 0, r4");
    let machine = machine.finish();
    assert_eq!(machine.cpu.gpr[6], 7);
}

#[test]
fn locks_of_the_cache_need_permission_in_problem_state() {
    let mut machine = Machine::new(Model::E500v2, "dcbtls 0, 0, r4\n dcblc 0, 0, r4");
    machine.cpu.gpr[4] = DATA;
    machine.cpu.msr |= msr::PR;
    assert!(matches!(machine.run(), Exit::Interrupt(Interrupt::DataStorage { address: DATA, .. })));
    machine.load("dcbtls 0, 0, r4\n dcblc 0, 0, r4");
    machine.cpu.msr |= msr::PR | msr::UCLE;
    assert_eq!(machine.run(), Exit::Until);
}

#[rstest]
#[case(Model::Ppc970, "mfspr r3, 1000", msr::PR, Program::Illegal)]
#[case(Model::Power8, "mfspr r3, 1000", msr::PR, Program::Illegal)]
#[case(Model::Power8, "mfspr r3, 1016", msr::PR, Program::Privileged)]
#[case(Model::G3, "mfspr r3, 1002", msr::PR, Program::Illegal)]
#[case(Model::Ppc970, "mfspr r3, 1000", 0, Program::Illegal)]
fn registers_that_do_not_exist(#[case] model: Model, #[case] code: &str, #[case] state: u64, #[case] why: Program) {
    let mut machine = Machine::new(model, code);
    machine.cpu.msr |= state;
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::Program(why)));
}

#[test]
fn a_power7_has_privileged_big_endian_quadwords() {
    let mut problem = Machine::new(Model::Power7, "lq r6, 0(r4)");
    problem.cpu.msr |= msr::PR;
    assert_eq!(problem.run(), Exit::Interrupt(Interrupt::Program(Program::Privileged)));
    let mut little = Machine::new(Model::Power7, "");
    little.cpu.msr |= msr::LE;
    little.load("lq r6, 0(r4)");
    assert!(matches!(little.run(), Exit::Interrupt(Interrupt::Alignment { .. })));
}
