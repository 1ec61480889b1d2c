//! Speed of the core: hot loops, translated code, and cases as a fuzzer runs them.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hypercheck_ppc::{Budget, Cpu, Memory, Model, assemble};

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

criterion_group!(benches, hot);
criterion_main!(benches);
