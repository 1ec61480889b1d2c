//! Which words are instructions: one at a time, on both.

use super::batch;
use super::case::{Case, End, NOP, State};
use super::deviations::{deviates, is_left_out};
use super::draw::{address, is_hint, is_in_scratch, reaches_memory};
use super::generate::Generator;
use super::layout::*;
use super::random::Random;
use super::undefined::is_invalid;
use hypercheck_ppc::row::{Group, Privilege, Row, decode};

/// What a processor makes of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// An instruction, whatever it then does.
    Legal,
    /// No instruction.
    Illegal,
    /// An instruction that programs may not use.
    Privileged,
    /// Not compared, and why.
    Open(&'static str),
}

/// Words of the primary opcodes that have extended ones, every extended opcode with three choices of operands, then the
/// other primary opcodes.
pub fn words() -> Vec<u32> {
    let mut words = Vec::new();
    for primary in [4, 19, 30, 31, 58, 62] {
        for extended in 0..2048 {
            words.push(primary << 26 | extended);
            words.push(primary << 26 | 4 << 21 | 6 << 16 | 7 << 11 | extended & 0x7FF);
            words.push(primary << 26 | 2 << 21 | 21 << 16 | 8 << 11 | extended & 0x7FF);
        }
    }
    words.extend((0..64).map(|primary| primary << 26 | 4 << 21 | 6 << 16));
    words
}

/// Any words, half of them of primary opcode 31 and 19.
pub fn random_words(seed: u64, count: usize) -> Vec<u32> {
    let mut random = Random::new(seed);
    let mut word = || match random.below(4) {
        0 => 31 << 26 | random.bits() as u32 & 0x03FF_FFFF,
        1 => 19 << 26 | random.bits() as u32 & 0x03FF_FFFF,
        _ => random.bits() as u32,
    };
    (0..count).map(|_| word()).collect()
}

/// The case with one word. Registers with an even number point to the scratch area, the others hold offsets, so that
/// loads and stores succeed.
fn case(generator: &Generator, slot: usize, word: u32) -> Case {
    let mut before = State { held: vec![0; generator.core.target.held_registers().len()], ..State::default() };
    for (index, value) in before.gpr.iter_mut().enumerate() {
        *value = if index % 2 == 0 { SCRATCH + 0x80 } else { 0x10 };
    }
    before.lr = end(slot);
    before.ctr = end(slot);
    let mut words = [NOP; WORDS];
    words[0] = word;
    Case { number: word.into(), slot, before, words }
}

/// What the core makes of a word, if that is to be compared.
fn core_verdict(generator: &mut Generator, case: &Case) -> Verdict {
    let word = case.words[0];
    let target = generator.core.target;
    let Some(row) = decode(word, target.model) else { return Verdict::Illegal };
    if word & row.reserved != 0 {
        return Verdict::Open("reserved bits: servers ignore them, Book I 1.3.3; QEMU takes most for illegal");
    }
    if let Some(why) = left_out(generator, case, row) {
        return Verdict::Open(why);
    }
    match generator.core.run(case).end {
        End::Signal { signal: 4, codes, .. } if codes.contains(&5) => Verdict::Privileged,
        End::Signal { signal: 4, .. } => Verdict::Open("an invalid form, Book I 1.8.2"),
        End::Finished | End::Signal { .. } | End::Lost(_) => Verdict::Legal,
    }
}

/// Why a word that is an instruction of the core is not compared.
fn left_out(generator: &mut Generator, case: &Case, row: &Row) -> Option<&'static str> {
    let target = generator.core.target;
    let word = case.words[0];
    match row.group {
        group if group.is_stub() => {
            return Some("a facility that user mode of QEMU switches on");
        }
        Group::Spr => return Some("depends on the register"),
        Group::Branch => return Some("every form of a branch is in the programs"),
        _ => {}
    }
    if is_left_out(row.name, &target) {
        return Some("not run on this target");
    }
    generator.core.begin(case.slot, &case.before);
    if is_invalid(word, &generator.core) {
        return Some("an invalid form, Book I 1.8.2");
    }
    let at = if reaches_memory(row) { address(row, word, &generator.core) } else { 0 };
    if deviates(row.name, word, at, &generator.core) {
        return Some("in the table of deviations");
    }
    if row.privilege == Privilege::Problem && reaches_memory(row) && !is_hint(row) && !is_in_scratch(at) {
        return Some("its address is not in the scratch area");
    }
    None
}

/// Compares words on one target. Gives those that differ, with both verdicts, and how many were compared.
pub fn differences(generator: &mut Generator, words: &[u32]) -> (Vec<(u32, Verdict, Verdict)>, usize) {
    let (mut different, mut compared) = (Vec::new(), 0);
    let mut cases = Vec::new();
    let mut verdicts = Vec::new();
    for word in words {
        let case = case(generator, cases.len(), *word);
        let verdict = core_verdict(generator, &case);
        if !matches!(verdict, Verdict::Open(_)) {
            cases.push(case);
            verdicts.push(verdict);
        }
        if cases.len() == BATCH {
            compare(generator, &mut cases, &mut verdicts, &mut different, &mut compared);
        }
    }
    compare(generator, &mut cases, &mut verdicts, &mut different, &mut compared);
    (different, compared)
}

fn compare(
    generator: &Generator,
    cases: &mut Vec<Case>,
    verdicts: &mut Vec<Verdict>,
    different: &mut Vec<(u32, Verdict, Verdict)>,
    compared: &mut usize,
) {
    let outcomes = batch::run(&generator.core.target, cases);
    for ((case, core), outcome) in cases.iter().zip(&*verdicts).zip(outcomes) {
        let qemu = match outcome.end {
            End::Signal { signal: 4, codes, .. } if codes[0] >= 5 => Verdict::Privileged,
            End::Signal { signal: 4, .. } => Verdict::Illegal,
            _ => Verdict::Legal,
        };
        if *core != qemu {
            different.push((case.words[0], *core, qemu));
        }
    }
    *compared += cases.len();
    cases.clear();
    verdicts.clear();
}
