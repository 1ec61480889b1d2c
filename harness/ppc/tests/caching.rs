//! What the run loop remembers cannot be seen: runs with and without it are alike, in programs that loop, write
//! themselves, change the mode and are interrupted.

#[path = "common/words.rs"]
mod words;

use hypercheck_ppc::table::Spr;
use hypercheck_ppc::{
    Budget, Caching, Cpu, Exit, Memory, Model, Overlay, ReservedBits, SlbEntry, Translation, assemble, msr,
};
use proptest::prelude::*;
use rstest::rstest;
use words::word;

/// The program's page, the page of its data, and how much memory there is.
const CODE: u64 = 0x4000;
const DATA: u64 = 0x6000;
const MEMORY: usize = 0x9000;
/// Where the hashed page table is, what it maps its own pages behind, and how much memory there is with it.
const TABLE: u64 = 0x4_0000;
const WINDOW: u64 = 0x10_0000;
const MEMORY_WITH_TABLE: usize = 0x8_0000;

/// The one segment.
const VSID: u64 = 0x2_3456;

/// A program, the state it begins in, and how it is run.
#[derive(Debug, Clone)]
struct Program {
    model: Model,
    words: Vec<u32>,
    gpr: Vec<u64>,
    ctr: u64,
    dec: u64,
    msr: u64,
    handler: u32,
    start: u64,
    until: Option<u64>,
    pieces: Vec<u64>,
    strict: bool,
    /// Translation is on, through a table that the program can reach: the first storage key bits of its pages.
    tables: Option<u8>,
    /// Effective and real address of a magic page.
    overlay: Option<(u64, u64)>,
}

/// r3 to r10 hold addresses, mostly of data.
const IDIOMS: &[&str] = &[
    "cmpdi r3, 9\n addi r3, r3, 1\n bne .-8",
    "cmpwi cr3, r4, 7\n blt cr3, .-12",
    "addi r4, r4, 3\n cmplw r4, r5\n ble .-8",
    "cmpldi cr7, r5, 0x7000\n addi r5, r5, 8\n bgt cr7, .+8",
    "cmpd cr1, r6, r7\n beq cr1, .+8",
    "cmpw r6, r7\n bso .-4",
    "cmpld r9, r8\n bne .+8",
    "cmplwi r9, 12\n bge .-20",
    "bdnz .-4",
    "bdnz .-16",
    "bdnz .-28",
    "stw r3, 0(r4)",
    "std r3, 8(r5)",
    "stb r3, 0x20(r6)",
    "sth r4, 0x58(r7)",
    "stwx r3, r4, r11",
    "stwu r3, 4(r8)",
    "lwz r11, 0x20(r6)",
    "ld r12, 0x40(r7)",
    "lhau r12, 2(r8)",
    "lbzx r12, 0, r9",
    "lwax r12, r9, r11",
    "stw r12, 4(r10)\n lwz r13, 4(r10)",
    "mflr r14",
    "bl .+8",
    "blr",
    "mtctr r15",
    "rlwinm r11, r11, 3, 5, 28",
    "rldicl r12, r12, 7, 33",
    "rldicr r12, r12, 7, 33",
    "neg r11, r3\n subf r3, r4, r3",
    "srd r11, r3, r4\n sld r12, r3, r4\n slw r13, r3, r4\n srw r14, r3, r4",
    "mullw r11, r3, r4\n extsw r12, r11\n extsh r13, r11\n extsb r14, r11",
    "and. r11, r3, r4\n adde r12, r12, r11\n nor r11, r11, r3",
    "mtspr 1, r3",
    "mfspr r16, 268",
    "mtmsr r17",
    "ld r12, 0(r19)\n xori r12, r12, 0x180\n std r12, 0(r19)",
    "lwz r12, 0(r19)\n xori r12, r12, 0x180\n stw r12, 0(r19)\n lbz r13, 0(r4)",
    "ld r12, 0(r18)\n xori r12, r12, 0x100\n std r12, 0(r18)",
    "ld r12, 0(r19)\n xori r12, r12, 0x1000\n std r12, 0(r19)\n ld r13, 0(r4)",
    "lwz r12, 0(r19)\n xori r12, r12, 0x1000\n stw r12, 0(r19)\n lbz r13, 0(r4)",
    "slbie r4\n isync",
    "mtsr 0, r4\n isync",
    "tlbie r4",
    "sync",
];

fn program() -> impl Strategy<Value = Program> {
    let address = prop_oneof![
        (0..0x400_u64).prop_map(|at| DATA + at),
        (0..0x80_u64).prop_map(|at| CODE + at),
        0..MEMORY as u64,
        any::<u64>(),
        (-8..8_i64).prop_map(|small| small.cast_unsigned())
    ];
    // Single words for breadth, and what hot loops are made of for depth: short backward branches hit the program.
    let idiom = prop::sample::select(IDIOMS).prop_map(|text| assemble(text, 0, &|_| None).expect("an idiom"));
    let backward = (1..12_u32, prop::sample::select(vec![16 << 21, 20 << 21, 12 << 21 | 2 << 16, 4 << 21 | 1 << 16]))
        .prop_map(|(by, condition)| vec![16 << 26 | condition | (by * 4).wrapping_neg() & 0xFFFC]);
    let single = prop_oneof![6 => word(), 1 => any::<u32>()].prop_map(|word| vec![word]);
    let words = prop_oneof![
        prop::collection::vec(prop_oneof![6 => single, 1 => backward.clone()], 1..24),
        prop::collection::vec(prop_oneof![6 => idiom, 1 => backward], 1..12),
    ]
    .prop_map(|pieces| pieces.concat());
    let state = (
        prop::sample::select(&Model::ALL[..]),
        prop::collection::vec(address, 32),
        prop_oneof![0..40_u64, Just(5000), (0..40_u64).prop_map(|low| low | 1 << 32)],
        prop_oneof![0..400_u64, Just(3000), Just(u64::MAX)],
        prop::sample::select(vec![
            0,
            0,
            msr::EE,
            msr::LE,
            msr::LE,
            msr::PR | msr::EE,
            msr::SE,
            msr::IR | msr::DR,
            msr::BE,
            msr::SF,
            msr::SF | msr::LE,
        ]),
    );
    // POWER8 and the classic models find the table.
    let tables = prop::option::of(prop_oneof![Just(2), 0..4_u8]);
    let run = (
        prop::option::of((0..24_u64).prop_map(|at| CODE + 4 * at)),
        prop::collection::vec(prop_oneof![1..900_u64, 2100..5000_u64], 1..4),
        0..12_u64,
        any::<bool>(),
        prop::option::of(prop::sample::select(vec![(DATA, DATA), (CODE, DATA), (DATA, CODE), (0xFFFF_F000, 0x7000)])),
    );
    (state, words, word(), run, tables).prop_map(
        |((model, gpr, ctr, dec, extra), words, handler, (until, pieces, start, strict, overlay), tables)| Program {
            model,
            words,
            gpr,
            ctr,
            dec,
            msr: extra,
            handler,
            // Programs at the end of the page run into the next.
            start: if start == 0 { CODE + 0xFF0 } else { CODE },
            until,
            pieces,
            strict,
            tables,
            overlay,
        },
    )
}

/// Turns translation on: the first pages at their own addresses, and through [`WINDOW`] the pages of the table in which
/// their entries are. r18 points to the entry of the program's page, r19 to that of its data. On the other models, where
/// no table is made, nothing is mapped, which the handlers see.
fn translate(cpu: &mut Cpu, memory: &mut Memory, protection: u8) {
    cpu.translation = Translation::Tables;
    cpu.msr |= (msr::IR | msr::DR) & cpu.model.msr_bits();
    cpu.slb[0] = SlbEntry { esid: SlbEntry::VALID, vsid: VSID << 12 };
    cpu.sr = [VSID as u32; 16];
    cpu.set_spr(Spr::Sdr1, TABLE);
    let classic = cpu.model.is_classic();
    let group = |page: u64| TABLE + if classic { ((VSID ^ page) & 0x3FF) << 6 } else { ((VSID ^ page) & 0x7FF) << 7 };
    let mut enter = |page: u64, real: u64, slot: u64| {
        if classic {
            let at = group(page) + 8 * slot;
            let first = 1 << 31 | VSID << 7 | page >> 10 & 0x3F;
            memory.write_u32(at, first as u32, true).expect("the table is in memory");
            memory
                .write_u32(at + 4, (real << 12) as u32 | u32::from(protection), true)
                .expect("the table is in memory");
        } else {
            let at = group(page) + 16 * slot;
            memory.write_u64(at, (VSID << 5 | page >> 11 & 0x1F) << 7 | 1, true).expect("the table is in memory");
            memory.write_u64(at + 8, real << 12 | u64::from(protection), true).expect("the table is in memory");
        }
    };
    for page in 0..9 {
        enter(page, page, 0);
        enter(WINDOW / 0x1000 + page, group(page) / 0x1000, 1);
    }
    let entry = |page: u64| WINDOW + 0x1000 * page + group(page) % 0x1000 + if classic { 4 } else { 8 };
    (cpu.gpr[18], cpu.gpr[19]) = (entry(CODE / 0x1000), entry(DATA / 0x1000));
}

impl Program {
    fn load(&self, memory: &mut Memory) -> Cpu {
        let mut cpu = Cpu::new(self.model);
        cpu.msr ^= self.msr & self.model.msr_bits();
        if !self.strict {
            cpu.reserved_bits = ReservedBits::Ignored;
        }
        cpu.overlay = self.overlay.map(|(effective, physical)| Overlay::new(effective, physical, true));
        for (register, value) in cpu.gpr.iter_mut().zip(&self.gpr) {
            *register = value & self.model.register_mask();
        }
        (cpu.ctr, cpu.dec, cpu.pc) = (self.ctr, self.dec & 0xFFFF_FFFF, self.start);
        let big_endian = cpu.is_big_endian();
        for (at, word) in (self.start..).step_by(4).zip(&self.words) {
            memory.write_u32(at, *word, big_endian).expect("code lies in memory");
        }
        for at in (DATA..DATA + 0x1000).step_by(8) {
            memory.write_u64(at, at.wrapping_mul(0x9E37_79B9_7F4A_7C15), true).expect("in memory");
        }
        if let Some(protection) = self.tables {
            translate(&mut cpu, memory, protection);
        }
        // Every handler computes something and returns.
        let back = assemble("rfi", 0, &|_| None).or_else(|_| assemble("rfid", 0, &|_| None)).expect("a return")[0];
        let back = if self.model.is_server() { 0x4C00_0024 } else { back };
        for vector in (0..0x3000).step_by(0x20) {
            for (at, word) in [self.handler, 0x3863_0001, back, back].into_iter().enumerate() {
                memory.write_u32(vector + 4 * at as u64, word, big_endian).expect("in memory");
            }
        }
        cpu
    }

    fn memory(&self) -> usize {
        if self.tables.is_some() { MEMORY_WITH_TABLE } else { MEMORY }
    }

    /// Every exit on the way, and the processor at the end.
    fn run(&self, memory: &mut Memory, caching: Caching) -> (Cpu, Vec<Exit>) {
        let mut cpu = self.load(memory);
        let mut exits = Vec::new();
        for &instructions in &self.pieces {
            exits.push(cpu.run_with(memory, Budget { instructions, until: self.until }, caching));
        }
        (cpu, exits)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn remembering_makes_no_difference(programs in prop::collection::vec(program(), 1..4)) {
        // The same memory serves one program after the other, as a fuzzer has it.
        let most = programs.iter().map(Program::memory).max().unwrap_or(MEMORY);
        let mut memories = [(); 3].map(|()| Memory::new(most));
        for memory in &mut memories {
            memory.baseline();
        }
        for program in &programs {
            let [plain, loops, always] = &mut memories;
            let expected = program.run(plain, Caching::Never);
            prop_assert_eq!(&program.run(loops, Caching::Loops), &expected);
            prop_assert_eq!(&program.run(always, Caching::Always), &expected);
            prop_assert!(plain.bytes() == loops.bytes() && plain.bytes() == always.bytes(), "memory differs");
            let blocks = |memory: &Memory| memory.dirty_blocks().map(|block| block.at).collect::<Vec<_>>();
            prop_assert_eq!(blocks(plain), blocks(always));
            for memory in &mut memories {
                memory.rewind();
            }
        }
    }
}

/// Large enough that the run loop does not look at it before every instruction.
const BUDGET: Budget = Budget::instructions(100_000);

fn machine(text: &str) -> (Cpu, Memory) {
    let mut memory = Memory::new(MEMORY);
    for (at, word) in (CODE..).step_by(4).zip(assemble(text, CODE, &|_| None).expect("a program")) {
        memory.write_u32(at, word, true).expect("in memory");
    }
    let mut cpu = Cpu::new(Model::Power9);
    cpu.pc = CODE;
    (cpu, memory)
}

fn instruction(text: &str) -> u64 {
    assemble(text, 0, &|_| None).expect("an instruction")[0].into()
}

/// A loop that counts, and changes its own addend on the way; without an icbi, which the core does not need.
#[rstest]
fn a_loop_that_writes_itself_runs_what_it_wrote(
    #[values(Caching::Never, Caching::Loops, Caching::Always)] caching: Caching,
) {
    let text = "
        again: addi r3, r3, 1
        cmpdi r4, 1
        bne skip
        stw r5, 0(r6)
        skip: addi r4, r4, -1
        bdnz again
        sc
    ";
    let (mut cpu, mut memory) = machine(text);
    (cpu.ctr, cpu.gpr[4], cpu.gpr[6]) = (200, 100, CODE);
    cpu.gpr[5] = instruction("addi r3, r3, 7");
    assert_eq!(cpu.run_with(&mut memory, BUDGET, caching), Exit::SystemCall { lev: 0 });
    assert_eq!(cpu.gpr[3], 100 + 7 * 100, "100 turns add 1, 100 add 7");
}

/// A store to the second of a comparison and its branch, which the run loop takes together.
#[rstest]
fn a_branch_that_is_overwritten_is_not_taken(
    #[values(Caching::Never, Caching::Loops, Caching::Always)] caching: Caching,
) {
    let text = "
        again: cmpdi r4, 0
        beq out
        addi r3, r3, 1
        cmpdi r3, 150
        bne next
        stw r5, 0(r6)
        next: bdnz again
        out: sc
    ";
    let (mut cpu, mut memory) = machine(text);
    (cpu.ctr, cpu.gpr[4], cpu.gpr[6]) = (1000, 1, CODE + 4);
    cpu.gpr[5] = instruction("b .+24");
    assert_eq!(cpu.run_with(&mut memory, BUDGET, caching), Exit::SystemCall { lev: 0 });
    assert_eq!(cpu.gpr[3], 150);
}

/// Data of a page that becomes code: a store to it must be seen although its translation was remembered before.
#[rstest]
fn code_beside_data_is_not_remembered_too_long(
    #[values(Caching::Never, Caching::Loops, Caching::Always)] caching: Caching,
) {
    let text = "
        again: addi r3, r3, 1
        stw r3, 0x2100(0)
        cmpdi r3, 200
        bne next
        mtctr r6
        bctrl
        stw r5, 0(r6)
        bctrl
        li r0, 200
        mtctr r0
        next: bdnz again
        sc
    ";
    let (mut cpu, mut memory) = machine(text);
    for (at, word) in (DATA..).step_by(4).zip(assemble("addi r7, r7, 1\n blr", 0, &|_| None).expect("a program")) {
        memory.write_u32(at - 0x4000, word, true).expect("in memory");
    }
    (cpu.ctr, cpu.gpr[6]) = (400, DATA - 0x4000);
    cpu.gpr[5] = instruction("addi r7, r7, 16");
    assert_eq!(cpu.run_with(&mut memory, BUDGET, caching), Exit::SystemCall { lev: 0 });
    assert_eq!(cpu.gpr[7], 17);
}

/// Memory is written, or goes back, between runs.
#[rstest]
fn a_run_sees_what_was_written_before_it(#[values(Caching::Never, Caching::Loops, Caching::Always)] caching: Caching) {
    let (start, mut memory) = machine("again: addi r3, r3, 1\n bdnz again\n sc");
    memory.baseline();
    let mut counts = Vec::new();
    for step in [1, 5, 1] {
        let mut cpu = start.clone();
        cpu.ctr = 100;
        if step != 1 {
            memory.write_u32(CODE, instruction("addi r3, r3, 5") as u32, true).expect("in memory");
        }
        assert_eq!(cpu.run_with(&mut memory, BUDGET, caching), Exit::SystemCall { lev: 0 });
        counts.push(cpu.gpr[3]);
        memory.rewind();
    }
    assert_eq!(counts, [100, 500, 100]);
}

/// Programs that change, in a loop, the translation that the loop itself uses.
#[rstest]
fn a_loop_sees_its_own_translation_change(
    #[values(Model::Power8, Model::G4)] model: Model,
    #[values(
        // Reference and changed bits that are cleared are set again.
        "lbz r13, 0(r4)\n lwz r12, 0(r19)\n andi. r12, r12, 0xFE7F\n stw r12, 0(r19)",
        "stb r13, 0(r4)\n lwz r12, 0(r19)\n andi. r12, r12, 0xFE7F\n stw r12, 0(r19)",
        "lwz r12, 0(r18)\n andi. r12, r12, 0xFE7F\n stw r12, 0(r18)",
        // Another real page.
        "lbz r13, 0(r4)\n lwz r12, 0(r19)\n xori r12, r12, 0x1000\n stw r12, 0(r19)\n add r14, r14, r13",
        // No page at all, no segment at all.
        "lbz r13, 0(r4)\n cmpdi r15, 100\n bne .+8\n stw r0, -4(r19)\n addi r15, r15, 1",
        "lbz r13, 0(r4)\n cmpdi r15, 100\n bne .+8\n CHANGE\n addi r15, r15, 1",
        // A page that may no longer be stored to.
        "stb r13, 0(r4)\n cmpdi r15, 100\n bne .+12\n lwz r12, 0(r19)\n ori r12, r12, 3\n stw r12, 0(r19)\n addi r15, r15, 1"
    )]
    text: &str,
) {
    let change = if model == Model::G4 { "mtsr 0, r15" } else { "slbie r4" };
    let text = text.replace("CHANGE", change);
    let text = if model == Model::G4 {
        text.replace("cmpdi", "cmpwi")
    } else {
        text.replace(" 0(r19)", " 4(r19)").replace(" 0(r18)", " 4(r18)")
    };
    let run = |caching| {
        let mut memory = Memory::new(MEMORY_WITH_TABLE);
        let mut cpu = Cpu::new(model);
        (cpu.pc, cpu.ctr, cpu.gpr[4], cpu.stop_on_interrupt) = (CODE, 300, DATA + 0x123, true);
        translate(&mut cpu, &mut memory, 2);
        let text = format!("again: {text}\n bdnz again\n sc");
        for (at, word) in (CODE..).step_by(4).zip(assemble(&text, CODE, &|_| None).expect("a program")) {
            memory.write_u32(at, word, true).expect("in memory");
        }
        memory.write_u8(DATA + 0x123, 7).expect("in memory");
        memory.write_u8(DATA + 0x1123, 11).expect("in memory");
        let exit = cpu.run_with(&mut memory, BUDGET, caching);
        let table = memory.bytes()[TABLE as usize..].to_vec();
        (exit, cpu, table)
    };
    let expected = run(Caching::Never);
    assert!(expected.1.instructions > 200, "it runs: {:?}", expected.0);
    for caching in [Caching::Loops, Caching::Always] {
        let got = run(caching);
        assert_eq!((got.0, &got.1), (expected.0, &expected.1), "{caching:?}");
        assert!(got.2 == expected.2, "the table differs with {caching:?}");
    }
}

/// An interrupt leaves translation, so that the handler's loads go elsewhere.
#[rstest]
#[case("lbz r13, 0(r4)\n add r14, r14, r13\n tweq r3, r3", 0x700)]
#[case("lbz r13, 0(r4)\n add r14, r14, r13\n nop", 0x900)]
fn a_handler_does_not_use_the_program_s_translation(#[case] text: &str, #[case] vector: u64) {
    let run = |caching| {
        let mut memory = Memory::new(MEMORY_WITH_TABLE);
        let mut cpu = Cpu::new(Model::Power8);
        (cpu.pc, cpu.ctr, cpu.gpr[4], cpu.gpr[20], cpu.gpr[21]) = (CODE, 300, DATA + 0x123, 4, 13);
        cpu.msr |= if vector == 0x900 { msr::EE } else { 0 };
        translate(&mut cpu, &mut memory, 2);
        // The program's data are in the next page.
        let place = TABLE + (((VSID ^ (DATA / 0x1000)) & 0x7FF) << 7) + 8;
        memory.write_u64(place, (DATA + 0x1000) | 2, true).expect("in memory");
        let handler = match vector {
            0x700 => "lbz r12, 0(r4)\n add r15, r15, r12\n mfsrr0 r12\n add r12, r12, r20\n mtsrr0 r12\n rfid",
            _ => "lbz r12, 0(r4)\n add r15, r15, r12\n mtdec r21\n rfid",
        };
        let text = format!("again: {text}\n bdnz again\n sc");
        for (start, text) in [(CODE, &*text), (vector, handler)] {
            for (at, word) in (start..).step_by(4).zip(assemble(text, start, &|_| None).expect("a program")) {
                memory.write_u32(at, word, true).expect("in memory");
            }
        }
        memory.write_u8(DATA + 0x123, 7).expect("in memory");
        memory.write_u8(DATA + 0x1123, 11).expect("in memory");
        cpu.dec = 100;
        assert_eq!(cpu.run_with(&mut memory, BUDGET, caching), Exit::SystemCall { lev: 0 });
        assert_eq!(cpu.gpr[14], 300 * 11);
        assert!(cpu.gpr[15] > 20 * 7 && cpu.gpr[15].is_multiple_of(7), "the handler read its own: {}", cpu.gpr[15]);
        cpu
    };
    let expected = run(Caching::Never);
    assert_eq!(run(Caching::Loops), expected);
    assert_eq!(run(Caching::Always), expected);
}
