//! Blocks, segments and page tables of the classic models against QEMU's g3beige.
//!
//! Left out is what QEMU does another way than the manuals (target/ppc/mmu-hash32.c):
//!
//! * It lets loads and stores through a direct-store segment. The 750 gives a data storage interrupt (MPC750 manual 4.5.3).
//! * It fetches from guarded pages. SRR1 bit 3 of an instruction storage interrupt stands for those as for no-execute
//!   segments (Programming Environments Manual, table 6-10).
//! * A load finds a block of instructions that a fetch has used, and a fetch one of data: both share its cache.
//! * It fetches from pages that may not be read. SRR1 bit 4 stands for those (the same table).

use hypercheck_ppc::{Budget, Cpu, Exit, Interrupt, Memory, Model, Translation};

use super::installed::is_installed;
use super::{DATA, IMAGE, Image, Numbers, QEMU, SC, load, on_qemu, scratch, word};

/// Layout of the image, which lies at 0.
const LOAD: u32 = 0x4000;
const STORE: u32 = 0x4010;
const PROGRAM: u32 = 0x1_0000;
const RECORDS: u32 = 0x8_0000;
const TABLE: u32 = 0xC_0000;
const RECORD: u32 = 32;
const PROBES: u32 = 500;

/// An image with a table, segments and blocks drawn at random, and probes of what they map.
fn image(seed: u64) -> Image {
    let mut numbers = Numbers(seed);
    let mut image = Image::new();
    for vector in (0x200..0x1000).step_by(0x100) {
        let record = format!(
            "mfspr r9, 273\n li r10, {vector:#x}\n stw r10, 0(r9)\n mfspr r10, 27\n stw r10, 4(r9)
             mfspr r10, 26\n stw r10, 8(r9)\n mfspr r10, 19\n stw r10, 12(r9)\n mfspr r10, 18\n stw r10, 16(r9)
             stw r3, 20(r9)\n mfspr r10, 272\n mtspr 8, r10\n blr"
        );
        image.code(vector, &record);
    }
    image.code(0x100, "lis r1, 1\n mtspr 9, r1\n bctr");
    image.code(LOAD, "lwz r3, 0(r4)\n sc");
    image.code(STORE, "stw r5, 0(r4)\n sc");

    let mut setup = format!("{}\n mtmsr r6\n isync\n{}\n mtspr 25, r6\n", load(6, 0x1002), load(6, TABLE));
    let segments: Vec<u32> =
        (0..16).map(|_| numbers.next() & if numbers.below(8) == 0 { 0x70FF_FFFF } else { 0x60FF_FFFF }).collect();
    for (number, value) in segments.iter().enumerate() {
        setup += &format!("{}\n mtsr {number}, r6\n", load(6, *value));
    }
    let bases: Vec<u32> = (0..12).map(|_| numbers.next()).collect();
    // Two blocks of instructions, at the first two bases, and two of data, at the next; the others stay invalid.
    for (pair, base) in [0, 1, 4, 5].into_iter().zip(&bases) {
        let length = [0, 1, 3][numbers.below(3) as usize];
        let upper = base & 0xFFFE_0000 & !(length << 17) | length << 2 | numbers.below(4);
        let lower = DATA | numbers.below(2) << 19 | numbers.below(4);
        setup += &format!("{}\n mtspr {}, r6\n", load(6, lower), 529 + 2 * pair);
        setup += &format!("{}\n mtspr {}, r6\n", load(6, upper), 528 + 2 * pair);
    }
    setup += "isync";
    for (number, base) in bases.iter().enumerate() {
        for page in 0..4 {
            let address = base.wrapping_add(page << 12);
            let hash = segments[(address >> 28) as usize] & 0x7_FFFF ^ address >> 12 & 0xFFFF;
            let secondary = numbers.below(2);
            let group = if secondary == 1 { !hash } else { hash } & 0x3FF;
            // From the first eight instructions may be fetched.
            let protection = if number < 8 { 1 + numbers.below(3) } else { numbers.below(4) };
            let at = TABLE + 64 * group + 8 * numbers.below(8);
            let identifier = segments[(address >> 28) as usize] & 0xFF_FFFF;
            let high = 1 << 31 | identifier << 7 | secondary << 6 | address >> 22 & 0x3F;
            image.word(at, high ^ if numbers.below(16) == 0 { 1 << numbers.below(32) } else { 0 });
            image.word(at + 4, DATA | numbers.below(256) << 12 | numbers.next() & 0x180 | protection);
        }
    }

    let mut at = image.code(PROGRAM, &setup);
    for probe in 0..PROBES {
        let kind = numbers.below(3);
        let base = bases
            [if kind == 2 { [0, 1, 4, 5, 6, 7][numbers.below(6) as usize] } else { 2 + numbers.below(10) as usize }];
        let address = base.wrapping_add(numbers.below(0x5000)) & !3;
        let problem = numbers.below(2) << 14;
        let (target, state) = [(LOAD, 0x1012), (STORE, 0x1012), (address, 0x1022)][kind as usize];
        // Long enough for any numbers: every load of a register is two instructions.
        let code = |next: u32| {
            format!(
                "{}\n{}\n{}\n mtspr 27, r6\n{}\n mtspr 26, r7\n{}\n mtspr 272, r8\n{}\n mtspr 273, r9
                 li r3, 0\n mtspr 18, r3\n mtspr 19, r3\n rfi",
                load(4, address),
                load(5, SC),
                load(6, state | problem),
                load(7, target),
                load(8, next),
                load(9, RECORDS + RECORD * probe),
            )
        };
        let next = image.code(at, &code(0));
        image.code(at, &code(next));
        at = next;
    }
    image.finish(at);
    image
}

/// Memory after the program: the records and the table.
fn on_the_core(image: &Image) -> Vec<u8> {
    let mut cpu = Cpu::new(Model::G3);
    cpu.translation = Translation::Tables;
    let mut memory = Memory::new(IMAGE);
    memory.write(0, &image.bytes).expect("in memory");
    cpu.pc = 0x100;
    let mut exit = cpu.run(&mut memory, Budget::until(image.end.into(), 1_000_000));
    while let Exit::SystemCall { lev } = exit {
        cpu.interrupt(Interrupt::SystemCall { lev });
        exit = cpu.run(&mut memory, Budget::until(image.end.into(), 1_000_000));
    }
    assert_eq!(exit, Exit::Until, "pc {:#x}", cpu.pc);
    memory.bytes().to_vec()
}

#[test]
fn blocks_segments_and_pages_are_those_of_qemu() {
    if !is_installed(QEMU, &["qemu", "qemu-system"]) {
        return;
    }
    let mut seen = std::collections::BTreeMap::<u32, u32>::new();
    for seed in 0..6 {
        let image = image(seed);
        let file = scratch(&format!("classic-{seed}"));
        std::fs::write(&file, &image.bytes).expect("an image");
        let device = format!("loader,file={},addr=0,force-raw=on", file.display());
        let machine = ["-M", "g3beige", "-device", &device, "-device", "loader,addr=0x100,cpu-num=0"];
        let (ours, theirs) = (on_the_core(&image), on_qemu(&machine, &file));
        for probe in 0..PROBES {
            let record = |bytes: &[u8]| [0, 1, 2, 3, 4, 5].map(|n| word(bytes, RECORDS + RECORD * probe + 4 * n));
            let (ours, theirs) = (record(&ours), record(&theirs));
            *seen.entry(ours[0]).or_default() += 1;
            assert_eq!(
                ours.map(|word| format!("{word:#x}")),
                theirs.map(|word| format!("{word:#x}")),
                "vector, SRR1, SRR0, DAR, DSISR and r3 of probe {probe} with seed {seed}"
            );
        }
        for at in (TABLE..TABLE + 0x1_0000).step_by(4) {
            assert_eq!(word(&ours, at), word(&theirs, at), "table at {at:#x} with seed {seed}");
        }
    }
    println!("{} probes agree: {seen:x?}", 6 * PROBES);
    // Permitted accesses end at the system call; the others at either storage interrupt.
    assert!([0x300, 0x400, 0xC00].iter().all(|vector| seen.get(vector).is_some_and(|count| *count > 100)), "{seen:x?}");
}
