//! Where branches go and what they leave in LR and CTR. Power ISA Book I 2.4

mod common;

use common::{CODE, Machine};
use hypercheck_ppc::{Budget, Exit, Interrupt, Model, Program};
use rstest::rstest;

/// LR, CTR and TAR before the branch: their two low bits are ignored as targets.
const LR: u64 = 0x2003;
const CTR: u64 = 0x3003;
const TAR: u64 = 0x5003;

/// A POWER8 that has executed one word.
fn branched(word: u32) -> Machine {
    let mut machine = Machine::new(Model::Power8, "nop");
    machine.words(&[word]);
    (machine.cpu.lr, machine.cpu.ctr, machine.cpu.tar) = (LR, CTR, TAR);
    machine.cpu.run(&mut machine.memory, Budget::instructions(1));
    machine
}

#[rstest]
#[case::forward(0x4800_0100, CODE + 0x100)]
#[case::backward(0x4BFF_FF00, CODE - 0x100)]
#[case::far(0x4900_0000, CODE + 0x100_0000)]
#[case::absolute(0x4800_2002, 0x2000)]
#[case::absolute_from_the_end(0x4BFF_F002, -0x1000i64 as u64)]
#[case::conditional_forward(0x4280_0100, CODE + 0x100)]
#[case::conditional_backward(0x4280_FF00, CODE - 0x100)]
#[case::conditional_absolute(0x4280_2002, 0x2000)]
#[case::conditional_absolute_from_the_end(0x4280_F002, -0x1000i64 as u64)]
#[case::to_link(0x4E80_0020, LR & !3)]
#[case::to_count(0x4E80_0420, CTR & !3)]
#[case::to_target_address(0x4E80_0460, TAR & !3)]
fn targets(#[case] word: u32, #[case] target: u64) {
    let plain = branched(word).cpu;
    assert_eq!((plain.pc, plain.lr, plain.ctr), (target, LR, CTR));
    let linking = branched(word | 1).cpu;
    assert_eq!((linking.pc, linking.lr, linking.ctr), (target, CODE + 4, CTR));
}

/// Power ISA Book I figure 40. CTR starts at 2 or 1 and the bit of the condition register is 0 or 1.
#[rstest]
#[case::not_zero_and_false(0, |zero: bool, bit: bool| !zero && !bit)]
#[case::zero_and_false(2, |zero: bool, bit: bool| zero && !bit)]
#[case::false_bit(4, |_, bit: bool| !bit)]
#[case::not_zero_and_true(8, |zero: bool, bit: bool| !zero && bit)]
#[case::zero_and_true(10, |zero: bool, bit: bool| zero && bit)]
#[case::true_bit(12, |_, bit: bool| bit)]
#[case::not_zero(16, |zero: bool, _| !zero)]
#[case::zero(18, |zero: bool, _| zero)]
#[case::always(20, |_, _| true)]
fn conditions(#[case] options: u32, #[case] taken: impl Fn(bool, bool) -> bool) {
    for (zero, bit) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut machine = Machine::new(Model::Power8, "nop");
        machine.words(&[0x4000_0100 | options << 21 | 6 << 16]);
        let counts = options & 4 == 0;
        let count = if zero { 1 } else { 2 };
        (machine.cpu.ctr, machine.cpu.cr) = (count, u32::from(bit) << 25);
        machine.cpu.run(&mut machine.memory, Budget::instructions(1));
        assert_eq!(machine.cpu.pc, if taken(zero, bit) { CODE + 0x100 } else { CODE + 4 });
        assert_eq!(machine.cpu.ctr, count - u64::from(counts));
    }
}

#[test]
fn a_branch_to_count_that_counts_is_invalid() {
    let mut machine = Machine::new(Model::Power8, "nop");
    machine.words(&[0x4E00_0420]);
    assert_eq!(machine.run(), Exit::Interrupt(Interrupt::Program(Program::Illegal)));
}

#[test]
fn a_counting_loop_runs_as_often_as_ctr_says() {
    let mut machine = Machine::new(Model::Power8, "again: addi r3, r3, 1\n bdnz again");
    machine.cpu.ctr = 3;
    let machine = machine.finish();
    assert_eq!((machine.cpu.gpr[3], machine.cpu.ctr), (3, 0));
}
