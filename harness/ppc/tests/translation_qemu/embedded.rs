//! The TLB of the e500v2 against QEMU's ppce500.
//!
//! Left out is what QEMU does another way than the manual (target/ppc/mmu-booke.c):
//!
//! * The way that MAS0 proposes to replace after a miss: the e500 keeps one for every set, QEMU one for all.
//! * DEAR after an instruction TLB error, which QEMU writes and the e500 leaves.

use hypercheck_ppc::{Budget, Cpu, Exit, Interrupt, Memory, Model, Translation};

use super::installed::is_installed;
use super::{DATA, Image, Numbers, QEMU, SC, load, on_qemu, scratch, word};

/// Layout: handlers, the two accesses, the program, records, and the word that says the first mapping is made.
const HANDLERS: u32 = 0x2000;
const LOAD: u32 = 0x4000;
const STORE: u32 = 0x4010;
const PROGRAM: u32 = 0x1_0000;
const RECORDS: u32 = 0x8_0000;
const RECORD: u32 = 64;
const PROBES: u32 = 400;

/// tlbwe, tlbsx 0,r4 and tlbivax 0,r4.
const TLBWE: &str = ".long 0x7C0007A4";
const TLBSX: &str = ".long 0x7C002724";
const TLBIVAX: &str = ".long 0x7C002624";
/// MAS0, 1, 2, 3, 6 and 7.
const ASSIST: [u32; 6] = [624, 625, 626, 627, 630, 944];

/// The IVOR of instruction TLB errors.
const INSTRUCTION_TLB: u32 = 14;

const SECOND: u32 = 0x1000_0000;
const VALID: u32 = 0x8000_0000;
const PROTECTED: u32 = 0x4000_0000;

/// Stores MAS registers and r3 from offset 20 of the record in r9 on.
fn show() -> String {
    let assist: String =
        (0..).zip(ASSIST).map(|(n, spr)| format!("\n mfspr r10, {spr}\n stw r10, {}(r9)", 24 + 4 * n)).collect();
    format!("stw r3, 20(r9){assist}")
}

fn write_entry(mas: [u32; 5]) -> String {
    let registers = [624, 625, 626, 627, 944];
    let moves: String =
        registers.into_iter().zip(mas).map(|(spr, value)| format!("{}\n mtspr {spr}, r6\n", load(6, value))).collect();
    format!("{moves}{TLBWE}\n isync\n")
}

/// An image, and where its own first mapping has been made.
fn image(seed: u64) -> (Image, u32) {
    let mut numbers = Numbers(seed);
    let mut image = Image::new();
    for number in 0..16 {
        let record = format!(
            "mfspr r9, 273\n li r10, {number}\n stw r10, 0(r9)\n mfspr r10, 27\n stw r10, 4(r9)\n mfspr r10, 26
             stw r10, 8(r9)\n mfspr r10, 61\n stw r10, 12(r9)\n mfspr r10, 62\n stw r10, 16(r9)\n {}
             mfspr r10, 272\n mtspr 8, r10\n blr",
            show()
        );
        image.code(HANDLERS + 0x100 * number, &record);
    }
    image.code(LOAD, "lwz r3, 0(r4)\n sc");
    image.code(STORE, "stw r5, 0(r4)\n sc");

    // 64 MiB one to one for everyone, and the vectors.
    let mut setup = write_entry([SECOND, VALID | PROTECTED | 0x800, 0, 0x3F, 0]) + "li r6, 0\n mtspr 63, r6\n";
    for number in 0..16 {
        setup += &format!("{}\n mtspr {}, r6\n", load(6, HANDLERS + 0x100 * number), 400 + number);
    }
    let begun = image.code(PROGRAM, &setup);
    let processes = [1 + numbers.below(3), numbers.below(4), numbers.below(4)];
    let mut setup = String::new();
    for (spr, process) in [48, 633, 634].into_iter().zip(processes) {
        setup += &format!("li r6, {process}\n mtspr {spr}, r6\n");
    }
    // Defaults: TLB1, a process register, a size and attributes.
    let defaults =
        numbers.below(2) << 28 | numbers.below(3) << 16 | (1 + numbers.below(5)) << 8 | numbers.below(4) << 1;
    setup += &format!("{}\n mtspr 628, r6\n", load(6, defaults));
    let bases: Vec<u32> = (0..12).map(|_| 0x1000_0000 | numbers.next() & 0xEFF0_0000).collect();
    let attributes = |numbers: &mut Numbers| {
        let valid = if numbers.below(8) == 0 { 0 } else { VALID };
        valid | numbers.below(4) << 16 | numbers.below(2) << 12
    };
    for number in 1..16 {
        let size = 1 + numbers.below(5);
        let bytes = 1024 << (2 * size);
        let page = (bases[numbers.below(12) as usize] | numbers.below(0x8_0000)) & !(bytes - 1);
        let real = (DATA | numbers.below(0x10_0000)) & !(bytes - 1);
        let mas1 = attributes(&mut numbers) | numbers.below(2) << 30 | size << 8;
        setup += &write_entry([SECOND | number << 16, mas1, page | 4, real | numbers.below(64), 0]);
    }
    for way in 0..24 {
        let page = bases[numbers.below(12) as usize] | numbers.below(16) << 12;
        let real = DATA | numbers.below(256) << 12;
        let mas1 = attributes(&mut numbers) | 0x100;
        setup += &write_entry([(way % 4) << 16, mas1, page, real | numbers.below(64), 0]);
    }
    let mut at = image.code(begun, &setup);
    for probe in 0..PROBES {
        let address = (bases[numbers.below(12) as usize] | numbers.below(0x1_0000)) & !3;
        let record = RECORDS + RECORD * probe;
        let prepare = format!("{}\n{}\n", load(4, address), load(9, record));
        let clear: String = [630, 61, 62].map(|spr| format!("mtspr {spr}, r3\n")).concat();
        let state = 0x1000 | numbers.below(2) << 14;
        let (target, state) = match numbers.below(8) {
            0 => {
                let search = numbers.below(4) << 16 | numbers.below(2);
                let search = format!("{}\n mtspr 630, r6\n li r3, 0\n {TLBSX}\n", load(6, search));
                at = image.code(at, &(prepare + &search + &show()));
                continue;
            }
            1 if probe > PROBES / 2 => {
                let operand = address & 0xFFFF_F000 | numbers.below(2) << 3;
                at = image.code(at, &format!("{}\n {TLBIVAX}\n isync", load(4, operand)));
                continue;
            }
            1..4 => (LOAD, state | numbers.below(2) << 4),
            4..6 => (STORE, state | numbers.below(2) << 4),
            _ => (address, state | numbers.below(2) << 5),
        };
        let code = |next: u32| {
            let moves = [(27, state), (26, target), (272, next), (273, record)]
                .map(|(spr, value)| format!("{}\n mtspr {spr}, r6\n", load(6, value)))
                .concat();
            format!("{prepare}{}\n{moves}li r3, 0\n{clear}rfi", load(5, SC))
        };
        let next = image.code(at, &code(0));
        image.code(at, &code(next));
        at = next;
    }
    image.finish(at);
    (image, begun)
}

fn on_the_core(image: &Image, begun: u32) -> Vec<u8> {
    let mut cpu = Cpu::new(Model::E500v2);
    cpu.msr = 0;
    let mut memory = Memory::new(super::IMAGE);
    memory.write(0, &image.bytes).expect("in memory");
    cpu.pc = PROGRAM.into();
    assert_eq!(cpu.run(&mut memory, Budget::until(begun.into(), 1000)), Exit::Until);
    cpu.translation = Translation::Tables;
    let mut exit = cpu.run(&mut memory, Budget::until(image.end.into(), 1_000_000));
    while let Exit::SystemCall { lev } = exit {
        cpu.interrupt(Interrupt::SystemCall { lev });
        exit = cpu.run(&mut memory, Budget::until(image.end.into(), 1_000_000));
    }
    assert_eq!(exit, Exit::Until, "pc {:#x}", cpu.pc);
    memory.bytes().to_vec()
}

/// A 32-bit executable of one piece, as the machine wants its firmware.
fn executable(image: &Image) -> Vec<u8> {
    let mut file = b"\x7fELF\x01\x02\x01".to_vec();
    file.resize(16, 0);
    let length = image.bytes.len() as u32;
    // Executable, PowerPC, version, entry, program headers behind this header, no sections.
    file.extend([0, 2, 0, 20]);
    [1, PROGRAM, 52, 0, 0].iter().for_each(|word: &u32| file.extend(word.to_be_bytes()));
    [52_u16, 32, 1, 0, 0, 0].iter().for_each(|half| file.extend(half.to_be_bytes()));
    // One piece, loaded at 0.
    [1, 0x1000, 0, 0, length, length, 7, 0x1000].iter().for_each(|word: &u32| file.extend(word.to_be_bytes()));
    file.resize(0x1000, 0);
    file.extend(&image.bytes);
    file
}

/// A record without what differs: MAS0 but for the array, and the entry of a search that found one.
fn record(bytes: &[u8], probe: u32) -> [u32; 12] {
    let mut words = std::array::from_fn(|n| word(bytes, RECORDS + RECORD * probe + 4 * n as u32));
    let found_by_search = words[0] == 0 && words[7] & VALID != 0;
    words[6] &= if found_by_search { 0x0FFF_0000 | SECOND } else { SECOND };
    if words[0] == INSTRUCTION_TLB {
        words[3] = 0;
    }
    words
}

#[test]
fn entries_of_the_tlb_are_those_of_qemu() {
    if !is_installed(QEMU, &["qemu", "qemu-system"]) {
        return;
    }
    let mut seen = std::collections::BTreeMap::<u32, u32>::new();
    for seed in 0..6 {
        let (image, begun) = image(seed);
        let file = scratch(&format!("embedded-{seed}"));
        std::fs::write(&file, executable(&image)).expect("an image");
        let name = file.display().to_string();
        let theirs = on_qemu(&["-M", "ppce500", "-cpu", "e500v2", "-kernel", &name], &file);
        let ours = on_the_core(&image, begun);
        for probe in 0..PROBES {
            let (ours, theirs) = (record(&ours, probe), record(&theirs, probe));
            *seen.entry(ours[0]).or_default() += 1;
            assert_eq!(
                ours.map(|word| format!("{word:#x}")),
                theirs.map(|word| format!("{word:#x}")),
                "interrupt, SRR1, SRR0, DEAR, ESR, r3, MAS0 to 3, 6, 7 of probe {probe} with seed {seed}"
            );
        }
    }
    println!("{} probes agree, by number of IVOR: {seen:?}", 6 * PROBES);
    assert!([2, 3, 8, 13, 14].iter().all(|number| seen.get(number).is_some_and(|count| *count > 30)), "{seen:?}");
}
