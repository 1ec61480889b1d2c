//! The program in a 64-bit guest: it enters one record after the other and keeps what the handler of each sees.
//!
//! All it needs lies at low addresses, which it names without a base register: no register is lost. Handlers may begin in
//! either byte order: the first word of a vector does nothing in one and branches in the other.

use hypercheck_ppc::assemble;

use super::page_table;

/// Vectors with a handler. 0x100 is the entry of `pseries`.
pub const VECTORS: &[u64] = &[
    0x200, 0x300, 0x380, 0x400, 0x480, 0x500, 0x600, 0x700, 0x800, 0x900, 0x980, 0xA00, 0xB00, 0xC00, 0xD00, 0xE00,
    0xE20, 0xE40, 0xE60, 0xE80, 0xEA0, 0xF00, 0xF20, 0xF40, 0xF60, 0xF80, 0x1500, 0x1600, 0x1700,
];
/// Number of the record that is being run, for a guest that stops answering.
pub const AT: u64 = 0x60;
/// One once all records are done.
pub const DONE: u64 = 0x68;
/// How many records there are: set by the host before the start.
pub const COUNT: u64 = 0x30;

const STUBS: u64 = 0x2_0000;

/// Every place a handler begins at: `(real address, effective address)`.
pub fn places() -> Vec<(u64, u64)> {
    let mut places = Vec::new();
    for &vector in VECTORS {
        places.push((vector, vector));
        places.push((0x4000 + vector, 0xC000_0000_0000_4000 + vector));
        places.push((0x1_8000 + vector, 0x1_8000 + vector));
    }
    for lev in 0..128 {
        places.push((0x1_7000 + 32 * lev, 0x1_7000 + 32 * lev));
        places.push((0x3000 + 32 * lev, 0xC000_0000_0000_3000 + 32 * lev));
    }
    places
}

/// `-machine` of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// A partition: page table and interrupt location by hypercall.
    Partition,
    /// The whole machine.
    Machine,
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

/// Low memory with the agent, to be entered at 0x10 (whole machine) or 0x100.
pub fn image(home: Home, v30: bool) -> Vec<u8> {
    let mut image = vec![0; 0x10_0000];
    put(&mut image, 0x10, &[0x4800_7FF0], false);
    put(&mut image, 0x100, &[0x4800_7F00], false);
    let (agent, labels) = agent(home, v30);
    put(&mut image, 0x8000, &agent, false);
    // Little-endian code at 0xC000.
    let little = little(labels.reversed);
    put(&mut image, 0xC000, &little, true);
    for (number, (real, _)) in places().into_iter().enumerate() {
        let stub = STUBS + 0x40 * number as u64;
        let branch = |from: u64, to: u64| 0x4800_0000 | (to.wrapping_sub(from) as u32 & 0x03FF_FFFC);
        put(&mut image, real, &[0x0800_0048, branch(real + 4, stub)], false);
        put(&mut image, real + 8, &[branch(real + 8, stub + 0x20)], true);
        let enter = [0xF820_0040, 0x3820_0000 | number as u32];
        put(&mut image, stub, &enter, false);
        put(&mut image, stub + 8, &[branch(stub + 8, labels.common)], false);
        put(&mut image, stub + 0x20, &enter, true);
        put(&mut image, stub + 0x28, &[branch(stub + 0x28, 0xC000)], true);
    }
    image
}

struct Labels {
    common: u64,
    reversed: u64,
}

/// In little-endian mode: everything is stored the wrong way round, then the handler goes on in big-endian mode.
fn little(reversed: u64) -> Vec<u32> {
    code(
        &format!(
            "std r1, 0x50(0); std r2, 0x48(0)
             mfsrr0 r1; std r1, 0x70(0)
             mfsrr1 r1; std r1, 0x78(0)
             mfmsr r1; std r1, 0x80(0)
             clrrdi r1, r1, 1; mtsrr1 r1
             lis r1, {reversed:#x} >> 16; ori r1, r1, {reversed:#x} & 0xFFFF; mtsrr0 r1
             rfid"
        ),
        0xC000,
    )
}

fn registers(operation: &str, from: usize, base: usize) -> String {
    (from..32).map(|i| format!("{operation} r{i}, {}(r1)\n", base + 8 * i)).collect()
}

/// The agent for 0x8000, and where handlers join it.
fn agent(home: Home, v30: bool) -> (Vec<u32>, Labels) {
    let machine = home == Home::Machine;
    // MSR of the agent: SF, ME, and HV in a machine.
    let state = format!("li r3, {}; sldi r3, r3, 60; ori r3, r3, 0x1000", if machine { 9 } else { 8 });
    let segments = "
        lis r3, 0x0800; li r4, 0x1100; slbmte r4, r3          # 16 MiB pages, VSID 1
        li r3, 12; sldi r3, r3, 60; oris r3, r3, 0x0800; ori r3, r3, 1; li r4, 0x2100; slbmte r4, r3
        isync\n";
    let tables = if machine {
        let partition = page_table::PARTITION_TABLE;
        let table = if v30 {
            format!("lis r3, {partition:#x} >> 16; mtspr 464, r3\n")
        } else {
            format!("lis r3, {:#x} >> 16; mtspr 25, r3\n", page_table::TABLE)
        };
        format!("li r3, 0; mtspr 319, r3\n{table}")
    } else {
        // H_ENTER with what the host left at TABLE: index and the two halves.
        format!(
            "lis r20, {:#x} >> 16
             enter: ld r5, 0(r20); cmpdi r5, -1; beq entered
             ld r6, 8(r20); ld r7, 16(r20); li r4, 0; li r3, 8; sc 1
             cmpdi r3, 0; bne lost
             addi r20, r20, 24; b enter
             lost: std r3, 0x28(0); b lost
             entered:\n",
            page_table::TABLE
        )
    };
    let environment = if machine {
        "ld r3, 0x118(r1); mtspr 318, r3; ld r3, 0x120(r1); mtspr 1008, r3; ld r3, 0x130(r1); mtspr 190, r3
         li r3, 0; mtspr 314, r3; mtspr 315, r3; mtspr 339, r3; mtspr 313, r3; mtspr 176, r3; mtspr 336, r3; mtspr 337, r3
         lis r3, 0x7FFF; mtspr 310, r3\n"
            .to_owned()
            + &tables
    } else {
        // H_SET_MODE: 3 is the alternate interrupt location, 4 the byte order of interrupts.
        "ld r20, 0x118(r1); ld r21, 0x38(0); cmpd r20, r21; beq located
         std r20, 0x38(0); rldicl r4, r20, 41, 62; li r5, 3; li r6, 0; li r7, 0; li r3, 0x31C; sc 1
         rldicl r4, r20, 39, 63; li r5, 4; li r3, 0x31C; sc 1
         located: ld r1, 0x58(0)\n"
            .to_owned()
    };
    let hypervised = if machine {
        "mfspr r3, 314; std r3, 0x358(r1); mfspr r3, 315; std r3, 0x360(r1)
         mfspr r3, 339; std r3, 0x368(r1); mfspr r3, 190; std r3, 0x370(r1)\n"
    } else {
        ""
    };
    // A handler without hypervisor state asks for it; the mark says that this call is the agent's.
    let rise = if machine { "rldicl. r3, r3, 4, 63; bne risen; li r3, 1; std r3, 0x90(0); sc 1; risen:\n" } else { "" };
    let text = format!(
        "boot:
         {state}; mtmsrd r3; isync
         lis r2, 0x400; std r2, 0x58(0); li r2, 0; std r2, 0x60(0); std r2, 0x90(0); std r2, 0x38(0)
         {boot_tables}
         next:
         ld r2, 0x60(0); ld r3, 0x30(0); cmpd r2, r3; bge done
         ld r1, 0x58(0)
         lis r3, 0x7FFF; mtdec r3
         {segments}
         {environment}
         ld r3, 0x128(r1); mtspr 153, r3; li r3, 0; mtspr 815, r3
         li r3, 0; mtspr 18, r3; mtspr 19, r3; mtspr 795, r3
         ld r3, 0x138(r1); mtcr r3; ld r3, 0x140(r1); mtlr r3; ld r3, 0x148(r1); mtctr r3; ld r3, 0x150(r1); mtxer r3
         ld r3, 0x100(r1); ld r4, 0x108(r1)
         ld r2, 0x110(r1)
         {choose}
         mtsrr1 r3; mtsrr0 r4
         {load}
         ld r0, 0(r1); ld r2, 0x10(r1); ld r1, 8(r1)
         rfid
         {other}
         done: li r3, 1; std r3, 0x68(0)
         idle: b idle
         reversed:
         li r2, 0x40; ldbrx r1, 0, r2; std r1, 0x40(0)
         li r2, 0x48; ldbrx r1, 0, r2; std r1, 0x48(0)
         li r2, 0x50; ldbrx r1, 0, r2; std r1, 0x50(0)
         li r2, 0x70; ldbrx r1, 0, r2; std r1, 0x70(0)
         li r2, 0x78; ldbrx r1, 0, r2; std r1, 0x78(0)
         li r2, 0x80; ldbrx r1, 0, r2; std r1, 0x80(0)
         mfcr r1; std r1, 0x88(0)
         ld r1, 0x90(0); cmpdi r1, 0; beq joined; b risen_here
         common:
         std r2, 0x48(0); std r1, 0x50(0); mfcr r1; std r1, 0x88(0)
         ld r1, 0x90(0); cmpdi r1, 0; bne risen_here
         mfsrr0 r1; std r1, 0x70(0); mfsrr1 r1; std r1, 0x78(0); mfmsr r1; std r1, 0x80(0)
         joined:
         ld r1, 0x58(0)
         std r0, 0x200(r1); ld r2, 0x40(0); std r2, 0x208(r1); ld r2, 0x48(0); std r2, 0x210(r1)
         {store}
         mfspr r3, 153; std r3, 0x350(r1)
         mfspr r3, 19; std r3, 0x340(r1); mfspr r3, 18; std r3, 0x348(r1)
         ld r3, 0x50(0); std r3, 0x300(r1); ld r3, 0x88(0); std r3, 0x320(r1)
         ld r3, 0x70(0); std r3, 0x308(r1); ld r3, 0x78(0); std r3, 0x310(r1); ld r3, 0x80(0); std r3, 0x318(r1)
         ld r3, 0x80(0)
         {rise}
         b after
         risen_here: li r1, 0; std r1, 0x90(0); ld r1, 0x58(0)
         after:
         mflr r3; std r3, 0x328(r1); mfctr r3; std r3, 0x330(r1); mfxer r3; std r3, 0x338(r1)
         {hypervised}
         li r3, 1; std r3, 0x3F8(r1)
         addi r1, r1, 0x400; std r1, 0x58(0); ld r2, 0x60(0); addi r2, r2, 1; std r2, 0x60(0)
         {state}; mtsrr1 r3; lis r3, 0; ori r3, r3, 0x9000; mtsrr0 r3; rfid
         ",
        boot_tables = if machine { String::new() } else { format!("{segments}{tables}") },
        choose = if machine { "cmpdi r2, 0; bne other" } else { "" },
        other = if machine {
            format!(
                "other: mtspr 315, r3; mtspr 314, r4\nld r3, 0x138(r1); mtcr r3\n{}
                 ld r0, 0(r1); ld r2, 0x10(r1); ld r1, 8(r1)\nhrfid",
                registers("ld", 3, 0)
            )
        } else {
            String::new()
        },
        load = "ld r2, 0x138(r1); mtcr r2\n".to_owned() + &registers("ld", 3, 0),
        store = registers("std", 3, 0x200),
    );
    // `next` is also named by a fixed address, where a branch to it stands.
    let words = code(&text, 0x8000);
    let find = |label: &str| {
        let with = code(&format!("{text}\n.long {label}"), 0x8000);
        u64::from(*with.last().expect("a word"))
    };
    let (common, reversed, next) = (find("common"), find("reversed"), find("next"));
    let mut words = words;
    assert!(words.len() < 0x1000 / 4, "the agent has grown into 0x9000");
    words.resize(0x1000 / 4, 0x6000_0000);
    words.push(0x4800_0000 | (next.wrapping_sub(0x9000) as u32 & 0x03FF_FFFC));
    (words, Labels { common, reversed })
}
