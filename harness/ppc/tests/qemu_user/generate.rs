//! Random cases that mean the same to everybody: no invalid form, no undefined result left as it is, no access beside the
//! scratch area. The generator runs the core as it goes, so that it knows what registers hold.

use std::collections::BTreeMap;

use super::case::{Case, NOP, State};
use super::core::Core;
use super::deviations::{deviates, is_left_out};
use super::draw::{address, draw, is_hint, is_in_scratch, is_open, reaches_memory};
use super::layout::*;
use super::prefixed;
use super::program::FINISH;
use super::random::Random;
use super::target::Target;
use super::undefined::{defined_xer, is_invalid, settle};
use hypercheck_ppc::row::{Group, Prefixed, Row, decode, decode_prefixed};
use hypercheck_ppc::table::ROWS;
use hypercheck_ppc::{Budget, Exit, Interrupt, Program};

/// Instructions that a case may execute, loops included.
const STEPS: usize = 200;
/// Bytes that a store conditional needs unchanged.
const GRANULE: usize = 16;

/// Makes cases for a target.
pub struct Generator {
    /// The core that runs along.
    pub core: Core,
    rows: Vec<&'static Row>,
    prefixed: Vec<(&'static Prefixed, u64)>,
    /// How often each form was executed: mnemonic and variant bits, or R of a prefixed instruction.
    pub executed: BTreeMap<(&'static str, u32), u64>,
    reserved: [u8; GRANULE],
}

/// What may be done with an instruction in the present state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It can be executed.
    Fine,
    /// It accesses memory that is not there.
    Faults,
    /// It must not be.
    Unfit,
}

/// A form, the words of an instruction, what may be done with it, and the words that settle its undefined results.
type Candidate = ((&'static str, u32), Vec<u32>, Verdict, Vec<u32>);

impl Generator {
    /// A generator for a target.
    pub fn new(target: Target) -> Self {
        let core = Core::new(target);
        let rows = ROWS.iter().filter(|row| is_open(row, &core) && !is_left_out(row.name, &target)).collect();
        let mut prefixed = prefixed::forms(target.model);
        prefixed.retain(|(row, _)| !is_left_out(row.name, &target));
        Self { core, rows, prefixed, executed: BTreeMap::new(), reserved: [0; GRANULE] }
    }

    /// Every form that a program can execute on the target, as in [`executed`](Self::executed).
    pub fn forms(&self) -> Vec<(&'static str, u32)> {
        let mut forms: Vec<_> = self.prefixed.iter().map(|(row, relative)| (row.name, key(*relative))).collect();
        for row in &self.rows {
            forms.extend(variants(row).into_iter().map(|variants| (row.name, variants)));
        }
        forms
    }

    /// The case of that number.
    pub fn case(&mut self, seed: u64, number: u64) -> Case {
        let slot = number as usize % BATCH;
        (0..)
            .find_map(|attempt| {
                let mut random = Random::of(seed ^ attempt << 48, number);
                self.attempt(&mut random, number, slot)
            })
            .expect("attempts do not end")
    }

    /// Registers before a case: pointers to the scratch area, offsets, operands.
    fn registers(&self, random: &mut Random, slot: usize) -> State {
        let mask = self.core.target.model.register_mask();
        let mut state = State::default();
        for value in &mut state.gpr {
            *value = match random.below(32) {
                0..=5 => SCRATCH + random.below(SCRATCH_SIZE / 16) * 16,
                6..=8 => SCRATCH + random.below(SCRATCH_SIZE),
                9..=11 => random.below(16) * 16,
                12 => random.below(200),
                13..=14 => HOLE.start + random.below(HOLE.end - HOLE.start),
                _ => random.operand(),
            } & mask;
        }
        let place = |random: &mut Random| match random.below(4) {
            0 => random.operand() & mask,
            _ => code(slot) + 4 * random.below(WORDS as u64 + 1),
        };
        state.cr = random.bits() & 0xFFFF_FFFF;
        state.xer = random.bits() & defined_xer(&self.core.target);
        state.lr = place(random);
        state.ctr = if random.one_in(2) { random.below(5) } else { place(random) };
        for row in self.core.target.held_registers() {
            let value = if row.name == "tar" { place(random) } else { random.operand() & 0xFFFF_FFFF };
            state.held.push(value);
        }
        state
    }

    /// A case, or none if it turned out not to be one.
    fn attempt(&mut self, random: &mut Random, number: u64, slot: usize) -> Option<Case> {
        let before = self.registers(random, slot);
        self.core.begin(slot, &before);
        let mut words = [None; WORDS];
        let mut ended = false;
        for _ in 0..STEPS {
            let pc = self.core.cpu.pc;
            let index = (pc.wrapping_sub(code(slot)) / 4) as usize;
            if pc == FINISH {
                ended = true;
            } else if pc < SLOTS || index >= WORDS {
                // One of the branches to the end.
                self.step();
            } else if let Some(word) = words[index] {
                ended = self.again(word, &words, index)?;
            } else {
                ended = self.place(random, &mut words, index, slot);
            }
            if ended {
                break;
            }
        }
        if !ended {
            return None;
        }
        let words = words.map(|word| word.unwrap_or_else(|| self.filler(random)));
        Some(Case { number, slot, before, words })
    }

    /// An instruction that is jumped over, or comes after the end. It is harmless, so that a difference which leads there
    /// does not spoil other cases.
    fn filler(&self, random: &mut Random) -> u32 {
        let row = random.pick(&self.rows);
        let harmless = matches!(row.group, Group::Arithmetic | Group::Logical | Group::Rotate | Group::Compare);
        if harmless { row.value | random.bits() as u32 & !row.mask & !row.reserved } else { NOP }
    }

    /// Executes an instruction that stands there already. None if it must not be, else whether the case has ended.
    fn again(&mut self, word: u32, words: &[Option<u32>; WORDS], index: usize) -> Option<bool> {
        let row = decode(word, self.core.target.model)?;
        let verdict = match row.group {
            Group::Prefix => {
                let suffix = (*words.get(index + 1)?)?;
                self.verdict_of_prefixed(decode_prefixed(word, suffix)?, word, suffix)
            }
            _ => self.verdict(row, word),
        };
        if verdict == Verdict::Unfit {
            return None;
        }
        let settled = settle(row, word, &self.core);
        let follows = words.get(index + 1..index + 1 + settled.len())?;
        if !follows.iter().zip(&settled).all(|(there, due)| *there == Some(*due)) {
            return None;
        }
        match self.step() {
            Exit::Interrupt(Interrupt::Program(Program::Illegal)) => None,
            exit => Some(matches!(exit, Exit::Interrupt(_))),
        }
    }

    /// Finds an instruction for a place and executes it. Says whether the case has ended.
    fn place(&mut self, random: &mut Random, words: &mut [Option<u32>; WORDS], index: usize, slot: usize) -> bool {
        for _ in 0..24 {
            let (form, drawn, verdict, settled) = self.candidate(random, index, slot);
            // A fault ends the case, so it is better late.
            let fault = index >= 12 || random.one_in(30);
            match verdict {
                Verdict::Fine => {}
                Verdict::Faults if fault => {}
                _ => continue,
            }
            let length = drawn.len() + settled.len();
            if index + length > WORDS || words[index + 1..index + length].iter().any(Option::is_some) {
                continue;
            }
            let (state, msr, reservation) = (self.core.state(), self.core.cpu.msr, self.core.cpu.reservation);
            for (i, word) in (index..).zip(&drawn) {
                self.core.put(code(slot) + 4 * i as u64, *word);
            }
            let exit = self.step();
            let back = |core: &mut Core| {
                core.restore(&state);
                (core.cpu.pc, core.cpu.msr, core.cpu.reservation) = (code(slot) + 4 * index as u64, msr, reservation);
            };
            match exit {
                Exit::Interrupt(Interrupt::Program(Program::Illegal)) => {
                    back(&mut self.core);
                    continue;
                }
                Exit::Interrupt(_) if !fault => {
                    back(&mut self.core);
                    continue;
                }
                Exit::Interrupt(_) => {
                    words[index..index + drawn.len()]
                        .copy_from_slice(&drawn.iter().copied().map(Some).collect::<Vec<_>>());
                    return true;
                }
                _ if !self.may_go_to(self.core.cpu.pc, index, slot) => {
                    back(&mut self.core);
                    continue;
                }
                _ => {}
            }
            *self.executed.entry(form).or_default() += 1;
            for (i, word) in (index..).zip(drawn.into_iter().chain(settled)) {
                words[i] = Some(word);
                self.core.put(code(slot) + 4 * i as u64, word);
            }
            return false;
        }
        words[index] = Some(NOP);
        self.core.put(code(slot) + 4 * index as u64, NOP);
        self.step();
        false
    }

    /// An instruction for the present place: its form, its words, what may be done with it, and what settles it.
    fn candidate(&self, random: &mut Random, index: usize, slot: usize) -> Candidate {
        if !self.prefixed.is_empty() && random.one_in(8) {
            let (row, relative) = random.pick(&self.prefixed);
            let [prefix, suffix] = prefixed::draw(row, relative, &self.core, random);
            let verdict = self.verdict_of_prefixed(row, prefix, suffix);
            return ((row.name, key(relative)), vec![prefix, suffix], verdict, Vec::new());
        }
        let row = random.pick(&self.rows);
        let choice = random.pick(&variants(row));
        let word = draw(row, choice, index, slot, &self.core, random);
        ((row.name, choice), vec![word], self.verdict(row, word), settle(row, word, &self.core))
    }

    /// Whether execution may go on there: in the block, not far back, or at its end.
    fn may_go_to(&self, pc: u64, index: usize, slot: usize) -> bool {
        let near = index.saturating_sub(5);
        pc == NEAR_END || pc.is_multiple_of(4) && (code(slot) + 4 * near as u64..=end(slot)).contains(&pc)
    }

    fn step(&mut self) -> Exit {
        let word = self.core.memory.read_u32(self.core.cpu.pc, !self.core.target.little).unwrap_or(0);
        let exit = self.core.cpu.run(&mut self.core.memory, Budget::until(FINISH, 1));
        let row = decode(word, self.core.target.model);
        if row.is_some_and(|row| row.group == Group::Reservation && !row.name.ends_with("cx.")) {
            self.reserved = self.granule();
        }
        exit
    }

    /// What memory holds at the reserved address.
    fn granule(&self) -> [u8; GRANULE] {
        let mut bytes = [0; GRANULE];
        if let Some(reservation) = self.core.cpu.reservation {
            let length = reservation.length as usize;
            self.core.memory.read(reservation.at, &mut bytes[..length]).expect("a reservation lies in memory");
        }
        bytes
    }

    fn verdict_of_prefixed(&self, row: &Prefixed, prefix: u32, suffix: u32) -> Verdict {
        let word = u64::from(prefix) << 32 | u64::from(suffix);
        let reaches = prefixed::reaches_memory(row);
        let address = if reaches { prefixed::address(word, &self.core) } else { 0 };
        if row.name.is_empty() || row.group.is_stub() || deviates(row.name, suffix, address, &self.core) {
            return Verdict::Unfit;
        }
        if reaches { place(address) } else { Verdict::Fine }
    }

    fn verdict(&self, row: &Row, word: u32) -> Verdict {
        if row.group.is_stub() || is_invalid(word, &self.core) {
            return Verdict::Unfit;
        }
        if row.group == Group::Reservation && row.name.ends_with("cx.") && !self.is_conditional_fit(row, word) {
            return Verdict::Unfit;
        }
        let address = if reaches_memory(row) { address(row, word, &self.core) } else { 0 };
        if deviates(row.name, word, address, &self.core) {
            return Verdict::Unfit;
        }
        if !reaches_memory(row) || is_hint(row) {
            return Verdict::Fine;
        }
        place(address)
    }

    /// Whether a store conditional has one meaning. With another address or length than the reservation's the architecture
    /// leaves it open (Book II 4.6.2), as it does whether one that stores nothing finds out that there is no storage (Book
    /// III 7.5.3). After a store to the reserved bytes QEMU, which compares their values, fails; the reservation is the
    /// processor's own and stays (Book II 1.7.4.1).
    fn is_conditional_fit(&self, row: &Row, word: u32) -> bool {
        let Some(reservation) = self.core.cpu.reservation else {
            return is_in_scratch(address(row, word, &self.core));
        };
        let length = match row.name {
            "stbcx." => 1,
            "sthcx." => 2,
            "stwcx." => 4,
            "stdcx." => 8,
            _ => 16,
        };
        reservation.at == address(row, word, &self.core)
            && reservation.length == length
            && self.granule() == self.reserved
    }

    /// Whether a case whose words were changed is still one, see the beginning of this file.
    pub fn is_fit(&mut self, case: &Case) -> bool {
        self.core.begin(case.slot, &case.before);
        for (at, word) in (code(case.slot)..).step_by(4).zip(&case.words) {
            self.core.put(at, *word);
        }
        let words = case.words.map(Some);
        for _ in 0..STEPS {
            let pc = self.core.cpu.pc;
            let index = (pc.wrapping_sub(code(case.slot)) / 4) as usize;
            if pc == FINISH {
                return true;
            } else if pc < SLOTS || index >= WORDS {
                self.step();
            } else {
                match self.again(case.words[index], &words, index) {
                    Some(true) => return true,
                    Some(false) if self.may_go_to(self.core.cpu.pc, index, case.slot) => {}
                    _ => return false,
                }
            }
        }
        false
    }
}

/// What may be done with an access to an address.
fn place(address: u64) -> Verdict {
    if is_in_scratch(address) {
        Verdict::Fine
    } else if HOLE.contains(&address) {
        Verdict::Faults
    } else {
        Verdict::Unfit
    }
}

/// R of a prefixed instruction in [`Generator::executed`].
fn key(relative: u64) -> u32 {
    (relative >> 32) as u32
}

/// Every choice of a row's variants.
fn variants(row: &Row) -> Vec<u32> {
    let mut all = Vec::new();
    let mut choice = row.variants;
    loop {
        all.push(choice);
        if choice == 0 {
            return all;
        }
        choice = (choice - 1) & row.variants;
    }
}
