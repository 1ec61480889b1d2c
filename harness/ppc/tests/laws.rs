//! Laws that hold for every program and every word.

#[path = "common/words.rs"]
mod words;

use hypercheck_ppc::row::decode;
use hypercheck_ppc::table::{PREFIXED, ROWS};
use hypercheck_ppc::{
    BLOCK, Budget, Cpu, Exit, Memory, Model, assemble, disassemble, disassemble_base, disassemble_next, msr,
};
use proptest::prelude::*;
use words::word;

/// Where programs are put, and how much memory there is.
const CODE: u64 = 0x4000;
const MEMORY: usize = 0x8000;

fn model() -> impl Strategy<Value = Model> {
    prop::sample::select(&Model::ALL[..])
}

/// A processor and memory with a program and arbitrary registers.
fn machine(model: Model, words: &[u32], gpr: &[u64], little: bool) -> (Cpu, Memory) {
    let mut cpu = Cpu::new(model);
    if little {
        cpu.msr |= msr::LE;
    }
    for (register, value) in cpu.gpr.iter_mut().zip(gpr) {
        *register = value & model.register_mask();
    }
    cpu.pc = CODE;
    cpu.lpcr = if little { msr::LPCR_ILE } else { 0 };
    let mut memory = Memory::new(MEMORY);
    for (at, word) in (CODE..).step_by(4).zip(words) {
        memory.write_u32(at, *word, cpu.is_big_endian()).expect("code lies in memory");
    }
    (cpu, memory)
}

/// General-purpose registers with a good share of addresses that lie in memory.
fn registers() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(prop_oneof![0..MEMORY as u64, any::<u64>(), Just(0), Just(u64::MAX)], 32)
}

proptest! {
    #[test]
    fn text_of_a_word_assembles_to_the_word(word in prop_oneof![word(), any::<u32>()], at in any::<u32>()) {
        let at = u64::from(at) << 2;
        for text in [disassemble(word, at), disassemble_base(word, at)] {
            let made = assemble(&text, at, &|_| None);
            prop_assert_eq!(made.as_ref(), Ok(&vec![word]), "`{}`", text);
        }
    }

    #[test]
    fn text_of_a_prefixed_instruction_assembles_to_its_words(
        row in 0..PREFIXED.len(),
        bits in any::<u64>(),
        reserved in any::<bool>(),
        at in any::<u32>(),
    ) {
        let row = &PREFIXED[row];
        let free = if reserved { !row.mask } else { !row.mask & !row.reserved };
        let word = row.value | bits & free;
        let words = [(word >> 32) as u32, word as u32];
        let at = u64::from(at) << 2;
        let (text, count) = disassemble_next(&words, at);
        let made = assemble(&text, at, &|_| None);
        prop_assert_eq!(made, Ok(words[..count].to_vec()), "`{}`", text);
        if !reserved && !row.name.is_empty() && row.name != "pnop" {
            prop_assert_eq!(count, 2);
        }
    }

    #[test]
    fn a_decoded_row_has_the_model_and_the_opcode(word in any::<u32>(), model in model()) {
        let matching = ROWS.iter().find(|row| row.models & model.bit() != 0 && (word ^ row.value) & row.mask == 0);
        prop_assert_eq!(decode(word, model).map(std::ptr::from_ref), matching.map(std::ptr::from_ref));
    }

    #[test]
    fn any_text_is_assembled_or_refused(text in "[a-z0-9 .,()+:#;<|*-]{0,40}") {
        let _ = assemble(&text, 0, &|_| None);
    }

    #[test]
    fn pieces_make_the_same_run(
        model in model(),
        words in prop::collection::vec(word(), 1..24),
        gpr in registers(),
        pieces in prop::collection::vec(1..5u64, 1..40),
    ) {
        let (mut whole, mut whole_memory) = machine(model, &words, &gpr, false);
        let (mut parts, mut parts_memory) = machine(model, &words, &gpr, false);
        let mut left = 64;
        while left > 0 {
            let before = whole.instructions;
            whole.run(&mut whole_memory, Budget::instructions(left));
            left -= whole.instructions - before;
        }
        let mut sizes = pieces.iter().cycle();
        let mut left = 64;
        while left > 0 {
            let before = parts.instructions;
            let piece = *sizes.next().unwrap_or(&1);
            parts.run(&mut parts_memory, Budget::instructions(left.min(piece)));
            left -= parts.instructions - before;
        }
        prop_assert_eq!(whole, parts);
        prop_assert_eq!(whole_memory.bytes(), parts_memory.bytes());
    }

    #[test]
    fn rewinding_restores_every_byte(
        words in prop::collection::vec(word(), 1..24),
        gpr in registers(),
        writes in prop::collection::vec((0..MEMORY as u64 - 8, any::<u64>()), 0..8),
    ) {
        let (cpu, mut memory) = machine(Model::Power9, &words, &gpr, false);
        memory.baseline();
        let before = memory.bytes().to_vec();
        let mut first = None;
        for _ in 0..2 {
            let mut cpu = cpu.clone();
            cpu.run(&mut memory, Budget::instructions(64));
            for &(at, value) in &writes {
                memory.write_u64(at, value, true).expect("in memory");
            }
            for (index, block) in before.chunks(BLOCK).enumerate() {
                let changed = memory.bytes()[index * BLOCK..][..BLOCK] != *block;
                let dirty = memory.dirty_blocks().find(|dirty| dirty.at == (index * BLOCK) as u64);
                prop_assert!(dirty.is_some() || !changed, "block {} changed unseen", index);
                prop_assert!(dirty.is_none_or(|dirty| dirty.before[..] == *block));
            }
            memory.rewind();
            prop_assert_eq!(memory.bytes(), &before[..]);
            prop_assert_eq!(memory.dirty_blocks().count(), 0);
            prop_assert_eq!(first.get_or_insert_with(|| cpu.clone()), &cpu, "the same run twice");
        }
    }

    #[test]
    fn byte_order_does_not_show_in_registers(
        value in any::<u64>(),
        words in prop::collection::vec(prop::sample::select(vec![
            "std r3, 0x100(0)", "ld r4, 0x100(0)", "add r3, r3, r4", "rldicl r5, r3, 7, 0", "mulld r3, r5, r3",
            "stw r5, 0x108(0)", "lwa r6, 0x108(0)", "sth r6, 0x110(0)", "lha r7, 0x110(0)", "ldbrx r8, 0, r9",
            "stdbrx r3, 0, r9", "subfe r3, r8, r7", "cmpd r3, r4", "mfcr r10", "addme. r3, r10",
        ]), 1..24),
    ) {
        let run = |little| {
            let text = words.join("\n");
            let code = assemble(&text, CODE, &|_| None).expect("a program");
            let (mut cpu, mut memory) = machine(Model::Power9, &code, &[0, 0, 0, value], little);
            cpu.gpr[9] = 0x118;
            cpu.stop_on_interrupt = true;
            let end = CODE + 4 * code.len() as u64;
            let exit = cpu.run(&mut memory, Budget::until(end, 100));
            (exit, cpu.gpr, cpu.cr, cpu.xer)
        };
        let (big, little) = (run(false), run(true));
        prop_assert_eq!(big.0, Exit::Until);
        prop_assert_eq!(big, little);
    }

    #[test]
    fn a_32_bit_model_never_keeps_more_than_32_bits(
        model in prop::sample::select(vec![Model::G3, Model::G4, Model::E500v2, Model::E500mc]),
        words in prop::collection::vec(word(), 1..24),
        gpr in registers(),
    ) {
        let (mut cpu, mut memory) = machine(model, &words, &gpr, false);
        cpu.run(&mut memory, Budget::instructions(64));
        for value in cpu.gpr.iter().chain([&cpu.lr, &cpu.ctr, &cpu.pc, &cpu.srr0, &cpu.srr1, &cpu.msr, &cpu.dar]) {
            prop_assert_eq!(value >> 32, 0);
        }
    }
}
