//! The program in a 32-bit guest, as [`agent64`](super::agent64) in a 64-bit one: records have the same layout, and the
//! lower half of each field is used.

use hypercheck_ppc::assemble;

/// Vectors of Book3S with a handler; on BookE the places that the IVORs are set to, in the order of [`IVORS`].
pub const VECTORS: &[u64] = &[
    0x200, 0x300, 0x400, 0x500, 0x600, 0x700, 0x800, 0x900, 0xC00, 0xD00, 0xF00, 0xF20, 0x1000, 0x1100, 0x1200, 0x1300,
    0x1400, 0x1600, 0x1700,
];
/// The interrupt vector offset registers: `(number, special-purpose register)`.
pub const IVORS: &[(usize, u32)] = &[
    (0, 400),
    (1, 401),
    (2, 402),
    (3, 403),
    (4, 404),
    (5, 405),
    (6, 406),
    (7, 407),
    (8, 408),
    (9, 409),
    (10, 410),
    (11, 411),
    (12, 412),
    (13, 413),
    (14, 414),
    (15, 415),
];
/// Those of the e500v2 only.
pub const IVORS_SPE: &[(usize, u32)] = &[(32, 528), (33, 529), (34, 530), (35, 531)];
/// Those of the e500mc only.
pub const IVORS_MC: &[(usize, u32)] = &[(35, 531), (36, 532), (37, 533)];
/// Counters, as in the 64-bit agent: the lower halves are used.
pub const COUNTERS: [u64; 3] = [0x30, 0x60, 0x68];
/// Where the agent begins.
pub const ENTRY: u64 = 0x8000;

const STUBS: u64 = 0x2_0000;

/// Which processor the agent runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Classic,
    /// With the registers of the signal processing engine or of the embedded hypervisor.
    Embedded {
        spe: bool,
    },
}

/// The IVORs of a processor.
pub fn ivors(spe: bool) -> Vec<(usize, u32)> {
    [IVORS, if spe { IVORS_SPE } else { IVORS_MC }].concat()
}

/// Where the handler of an IVOR is.
pub fn offset(number: usize) -> u64 {
    0x1000 + 0x40 * number as u64
}

/// Every place that a handler begins at.
pub fn places(kind: Kind) -> Vec<u64> {
    match kind {
        Kind::Classic => VECTORS.to_vec(),
        Kind::Embedded { spe } => ivors(spe).into_iter().map(|(number, _)| offset(number)).collect(),
    }
}

fn put(image: &mut [u8], at: u64, words: &[u32], little: bool) {
    for (at, word) in (at as usize..).step_by(4).zip(words) {
        let raw = if little { word.to_le_bytes() } else { word.to_be_bytes() };
        image[at..at + 4].copy_from_slice(&raw);
    }
}

fn code(text: &str, at: u64) -> Vec<u32> {
    assemble(text, at, &|_| None).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Low memory with the agent.
pub fn image(kind: Kind) -> Vec<u8> {
    let mut image = vec![0; 0x10_0000];
    let (agent, common) = agent(kind);
    put(&mut image, ENTRY, &agent, false);
    for (number, place) in places(kind).into_iter().enumerate() {
        let stub = STUBS + 0x20 * number as u64;
        let branch = |from: u64, to: u64| 0x4800_0000 | (to.wrapping_sub(from) as u32 & 0x03FF_FFFC);
        put(&mut image, place, &[branch(place, stub)], false);
        // stw r1, 0x44(0); li r1, number
        put(&mut image, stub, &[0x9020_0044, 0x3820_0000 | number as u32, branch(stub + 8, common)], false);
    }
    image
}

fn registers(operation: &str, from: usize, base: usize) -> String {
    (from..32).map(|i| format!("{operation} r{i}, {}(r1)\n", base + 8 * i + 4)).collect()
}

/// The agent, and where handlers join it.
fn agent(kind: Kind) -> (Vec<u32>, u64) {
    let embedded = kind != Kind::Classic;
    let vectors = match kind {
        // Vectors at 0: without IP.
        Kind::Classic => "mfmsr r3; rlwinm r3, r3, 0, 26, 24; mtmsr r3; isync\n".to_owned(),
        Kind::Embedded { spe } => {
            let set = ivors(spe).into_iter().map(|(n, spr)| format!("li r3, {}; mtspr {spr}, r3\n", offset(n)));
            let set: String = set.collect();
            // TLB1 entries of 256 MiB at 0 with all rights: the one that runs this, and one for address space 1.
            let entry = |slot: u32, space: u32| {
                format!(
                    "lis r3, {:#x}; mtspr 624, r3; lis r3, 0xC000; ori r3, r3, {:#x}; mtspr 625, r3
                     li r3, 0; mtspr 626, r3; li r3, 0x3F; mtspr 627, r3; isync; .long 0x7C0007A4; isync\n",
                    0x1000 | slot,
                    0x900 | space << 12
                )
            };
            format!("li r3, 0; mtspr 63, r3\n{set}{}{}", entry(0, 0), entry(1, 1))
        }
    };
    // Book3S: the first pair of BATs maps 256 MiB one to one for everybody.
    let environment = if embedded {
        // What a case may have left: pending timer and debug events, and the syndrome.
        "lis r3, 0xFC00; mtspr 336, r3; li r3, 0; mtspr 340, r3; mtspr 62, r3; mtspr 61, r3; mtspr 58, r3; mtspr 59, r3
         li r3, -1; mtspr 304, r3\n"
            .to_owned()
    } else {
        "li r3, 0x1FFF; mtspr 528, r3; mtspr 536, r3; li r3, 2; mtspr 529, r3; mtspr 537, r3
         li r3, 0; mtspr 18, r3; mtspr 19, r3; isync\n"
            .to_owned()
    };
    // MSR of the agent: ME only.
    let text = format!(
        "boot:
         li r3, 0x1000; mtmsr r3; isync
         {vectors}
         lis r2, 0x400; stw r2, 0x5C(0); li r2, 0; stw r2, 0x64(0)
         next:
         lwz r2, 0x64(0); lwz r3, 0x34(0); cmpw r2, r3; bge done
         lwz r1, 0x5C(0)
         lis r3, 0x7FFF; mtdec r3
         {environment}
         lwz r3, 0x13C(r1); mtcr r3; lwz r3, 0x144(r1); mtlr r3; lwz r3, 0x14C(r1); mtctr r3; lwz r3, 0x154(r1); mtxer r3
         lwz r3, 0x104(r1); lwz r4, 0x10C(r1)
         {choose}
         mtsrr1 r3; mtsrr0 r4
         {load}
         lwz r0, 4(r1); lwz r2, 0x14(r1); lwz r1, 0xC(r1)
         rfi
         {other}
         done: li r3, 1; stw r3, 0x6C(0)
         idle: b idle
         common:
         stw r2, 0x4C(0); stw r1, 0x54(0)
         lwz r1, 0x5C(0)
         stw r0, 0x204(r1); lwz r2, 0x44(0); stw r2, 0x20C(r1); lwz r2, 0x4C(0); stw r2, 0x214(r1)
         {store}
         lwz r3, 0x54(0); stw r3, 0x304(r1)
         mfsrr0 r3; stw r3, 0x30C(r1); mfsrr1 r3; stw r3, 0x314(r1); mfmsr r3; stw r3, 0x31C(r1)
         mfcr r3; stw r3, 0x324(r1)
         mflr r3; stw r3, 0x32C(r1); mfctr r3; stw r3, 0x334(r1); mfxer r3; stw r3, 0x33C(r1)
         {named}
         li r3, 1; stw r3, 0x3FC(r1)
         addi r1, r1, 0x400; stw r1, 0x5C(0); lwz r2, 0x64(0); addi r2, r2, 1; stw r2, 0x64(0)
         li r3, 0x1000; mtsrr1 r3; lis r3, next >> 16; ori r3, r3, next & 0xFFFF; mtsrr0 r3; rfi
         ",
        choose = if embedded { "lwz r2, 0x114(r1); cmpwi r2, 0; bne other" } else { "" },
        other = if embedded {
            format!(
                "other: mtspr 59, r3; mtspr 58, r4\nlwz r3, 0x13C(r1); mtcr r3\n{}
                 lwz r0, 4(r1); lwz r2, 0x14(r1); lwz r1, 0xC(r1)\nrfci",
                registers("lwz", 3, 0)
            )
        } else {
            String::new()
        },
        load = "lwz r2, 0x13C(r1); mtcr r2\n".to_owned() + &registers("lwz", 3, 0),
        store = registers("stw", 3, 0x200),
        named = if embedded {
            "mfspr r3, 61; stw r3, 0x344(r1); mfspr r3, 62; stw r3, 0x34C(r1)
             mfspr r3, 58; stw r3, 0x354(r1); mfspr r3, 59; stw r3, 0x35C(r1)"
        } else {
            "mfspr r3, 19; stw r3, 0x344(r1); mfspr r3, 18; stw r3, 0x34C(r1)"
        },
    );
    let words = code(&text, ENTRY);
    assert!(words.len() < 0x4000 / 4, "the agent has grown into the constants");
    let with = code(&format!("{text}\n.long common"), ENTRY);
    (words, (*with.last().expect("a word")).into())
}

/// An ELF file that loads `image` at 0 and enters the agent: what `ppce500` takes for a kernel.
pub fn elf(image: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let half = |file: &mut Vec<u8>, value: u16| file.extend(value.to_be_bytes());
    let word = |file: &mut Vec<u8>, value: u32| file.extend(value.to_be_bytes());
    // Class 32, big-endian, version 1.
    file.extend([0x7F, b'E', b'L', b'F', 1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    // An executable for PowerPC.
    half(&mut file, 2);
    half(&mut file, 20);
    for value in [1, ENTRY as u32, 52, 0, 0] {
        word(&mut file, value);
    }
    for value in [52, 32, 1, 40, 0, 0] {
        half(&mut file, value);
    }
    // One segment to load: offset, addresses, sizes, rights, alignment.
    let length = image.len() as u32;
    for value in [1, 0x100, 0, 0, length, length, 7, 0x100] {
        word(&mut file, value);
    }
    file.resize(0x100, 0);
    file.extend_from_slice(image);
    file
}
