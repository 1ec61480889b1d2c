//! Speed of the core: hot loops, translated code, and cases as a fuzzer runs them.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hypercheck_ppc::row::Group;
use hypercheck_ppc::table::ROWS;
use hypercheck_ppc::{Budget, Cpu, Exit, Memory, Model, assemble};

/// Integer work, a store and a load, two conditional branches. r10 points to data, r11 never equals r12.
const LOOP: &str = "
again:
    add r3, r4, r5
    mulld r6, r3, r7
    std r6, 0(r10)
    xor r8, r6, r3
    rldicl r9, r8, 13, 5
    ld r4, 0(r10)
    addi r5, r5, 1
    cmpd r11, r12
    beq again
    bdnz again
";
const INSTRUCTIONS: u64 = 1_000_000;

fn looping(model: Model) -> (Cpu, Memory) {
    let mut memory = Memory::new(0x10_0000);
    let words = assemble(LOOP, 0x1000, &|_| None).expect("the loop assembles");
    for (at, word) in (0x1000..).step_by(4).zip(words) {
        memory.write_u32(at, word, true).expect("memory is large enough");
    }
    let mut cpu = Cpu::new(model);
    cpu.gpr = std::array::from_fn(|i| 0x0123_4567_89AB_CDEF_u64.rotate_left(i as u32));
    cpu.gpr[10] = 0x8000;
    cpu.pc = 0x1000;
    cpu.ctr = u64::MAX;
    (cpu, memory)
}

fn hot(c: &mut Criterion) {
    let mut group = c.benchmark_group("loop");
    group.throughput(Throughput::Elements(INSTRUCTIONS));
    let (cpu, mut memory) = looping(Model::Power9);
    group.bench_function("real mode", |b| {
        b.iter(|| {
            let mut cpu = cpu.clone();
            black_box(cpu.run(&mut memory, Budget::instructions(INSTRUCTIONS)));
            black_box(cpu.gpr[4])
        });
    });
    group.finish();
}

/// Words that are instructions of the model, with no two programs alike.
fn programs(model: Model) -> Vec<[u32; 16]> {
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let rows: Vec<_> = ROWS.iter().filter(|row| row.models & model.bit() != 0 && is_integer(row.group)).collect();
    let mut word = || {
        let row = rows[random() as usize % rows.len()];
        row.value | random() as u32 & !row.mask & !row.reserved
    };
    (0..4096).map(|_| std::array::from_fn(|_| word())).collect()
}

fn is_integer(group: Group) -> bool {
    use Group::*;
    matches!(
        group,
        Branch | Cr | Arithmetic | Compare | Trap | Logical | Rotate | Load | Store | Reservation | Cache | Sync
    )
}

/// A case as a fuzzer runs it: sixteen new instructions, thirty-two new registers, a run, everything read back.
fn cases(c: &mut Criterion) {
    let mut group = c.benchmark_group("case of 16 random instructions");
    group.throughput(Throughput::Elements(1));
    let mut memory = Memory::new(0x1_0000);
    memory.baseline();
    let programs = programs(Model::Power9);
    let start = Cpu { stop_on_interrupt: true, ..Cpu::new(Model::Power9) };
    let gpr: [u64; 32] =
        std::array::from_fn(|i| if i % 4 == 0 { u64::MAX / 3 * i as u64 } else { 0x4000 + 64 * i as u64 });
    for (name, valid) in [("any", false), ("without a fault", true)] {
        let mut cpu = start.clone();
        let chosen: Vec<_> = programs
            .iter()
            .filter(|words| !valid || run_case(&mut cpu, &mut memory, &start, &gpr, words).0 == Exit::Until)
            .collect();
        let mut next = chosen.iter().cycle();
        group.bench_function(name, |b| {
            b.iter(|| {
                let words = next.next().expect("programs");
                black_box(run_case(&mut cpu, &mut memory, &start, &gpr, words))
            });
        });
    }
    group.finish();
}

fn run_case(cpu: &mut Cpu, memory: &mut Memory, start: &Cpu, gpr: &[u64; 32], words: &[u32; 16]) -> (Exit, u64) {
    const CODE: u64 = 0x1000;
    cpu.clone_from(start);
    cpu.gpr = *gpr;
    cpu.pc = CODE;
    for (at, word) in (CODE..).step_by(4).zip(words) {
        memory.write_u32(at, *word, true).expect("in memory");
    }
    let exit = cpu.run(memory, Budget::until(CODE + 64, 64));
    let sum =
        cpu.gpr.iter().fold(cpu.xer ^ u64::from(cpu.cr) ^ cpu.lr ^ cpu.ctr, |sum, value| sum.rotate_left(1) ^ value);
    let stored = memory.dirty_blocks().fold(0, |sum, block| sum ^ block.at);
    memory.rewind();
    (exit, sum ^ stored)
}

criterion_group!(benches, hot, cases);
criterion_main!(benches);
