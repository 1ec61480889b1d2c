//! The walkers against second models that are slow and literal: bit strings, as the manuals write their figures.

use hypercheck_ppc::table::Spr;
use hypercheck_ppc::{Access, Cpu, Interrupt, Mapping, Memory, Model, SlbEntry, Translation, msr};
use proptest::prelude::*;

const NO_PAGE: u32 = 0x4000_0000;
const NO_EXECUTE: u32 = 0x1000_0000;
const PROTECTION: u32 = 0x0800_0000;
const KEY: u32 = 0x0020_0000;
const DIRECT_STORE: u32 = 0x8000_0000;
const STORE: u32 = 0x0200_0000;

/// A string of bits, the most significant first.
type Bits = Vec<bool>;

fn bits(value: u64, width: usize) -> Bits {
    (0..width).rev().map(|bit| value >> bit & 1 != 0).collect()
}

fn value(bits: &[bool]) -> u64 {
    bits.iter().fold(0, |value, &bit| value << 1 | u64::from(bit))
}

fn zeroes(count: usize) -> Bits {
    vec![false; count]
}

/// Zeroes before a string, to this width.
fn padded(bits: &[bool], width: usize) -> Bits {
    [zeroes(width - bits.len()), bits.to_vec()].concat()
}

fn exclusive_or(a: &[bool], b: &[bool]) -> Bits {
    a.iter().zip(b).map(|(a, b)| a != b).collect()
}

fn complement(bits: &[bool]) -> Bits {
    bits.iter().map(|bit| !bit).collect()
}

/// What a walk comes to: the mapping, or the bits of the status; and the second half of the entry to be written.
type Walk = (Result<Mapping, Option<u32>>, Option<(u64, u64)>);

/// The interrupt for a refusal; none stands for a missing segment.
fn interrupt(status: Option<u32>, address: u64, access: Access) -> Interrupt {
    match (status, access) {
        (None, Access::Fetch) => Interrupt::InstructionSegment,
        (None, _) => Interrupt::DataSegment { address },
        (Some(status), Access::Fetch) => Interrupt::InstructionStorage { status },
        (Some(status), Access::Load) => Interrupt::DataStorage { address, status },
        (Some(status), Access::Store) => Interrupt::DataStorage { address, status: status | STORE },
    }
}

fn access() -> impl Strategy<Value = Access> {
    prop::sample::select(vec![Access::Fetch, Access::Load, Access::Store])
}

// Servers. Power ISA 2.07 Book III-S 5.7.6 to 5.7.10

/// Where the table and the partition table are.
const TABLE: u64 = 0x4_0000;
const PARTITIONS: u64 = 0x8_0000;

/// SLB L || LP, PTE L, LP with dots for page number bits, base and actual exponent.
const SIZES: [(&str, bool, &str, usize, usize); 7] = [
    ("000", false, "........", 12, 12),
    ("000", true, "....0111", 12, 16),
    ("000", true, "00111000", 12, 24),
    ("101", true, "....0001", 16, 16),
    ("101", true, "00001000", 16, 24),
    ("100", true, "00000000", 24, 24),
    ("110", true, "00000011", 34, 34),
];

fn fits(pattern: &str, bits: &[bool]) -> bool {
    pattern.chars().zip(bits).all(|(wanted, &bit)| wanted == '.' || (wanted == '1') == bit)
}

/// B, VSID and the rest of an entry of the SLB, and the virtual address in it: 78 bits.
fn virtual_address(entry: &SlbEntry, address: u64) -> Bits {
    let offset = if entry.vsid >> 62 == 1 { 40 } else { 28 };
    let field = &bits(entry.vsid, 64)[2..52];
    [&field[..78 - offset], &bits(address, 64)[64 - offset..]].concat()
}

/// The hash of a virtual address with pages of 2^`base`.
fn hash(entry: &SlbEntry, address: u64, base: usize) -> Bits {
    let va = virtual_address(entry, address);
    if entry.vsid >> 62 == 1 {
        let spread = exclusive_or(&[va[24..38].to_vec(), zeroes(25)].concat(), &padded(&va[..38], 39));
        exclusive_or(&spread, &padded(&va[38..78 - base], 39))
    } else {
        exclusive_or(&va[11..50], &padded(&va[50..78 - base], 39))
    }
}

/// The base page exponent that an entry's L || LP names; no page is larger than its segment.
fn base_of(entry: &SlbEntry) -> Option<usize> {
    let encoded = bits(entry.vsid, 64);
    let segment = if encoded[..2] == [false, true] { 40 } else { 28 };
    let encoded = [encoded[55], encoded[58], encoded[59]];
    SIZES.iter().find(|size| fits(size.0, &encoded) && size.3 < segment).map(|size| size.3)
}

fn is_late(cpu: &Cpu) -> bool {
    cpu.model == Model::Power9
}

/// An entry in the format of 2.07.
fn entry_at(cpu: &Cpu, memory: &Memory, at: u64) -> [Bits; 2] {
    let half = |at| bits(memory.read_u64(at, true).expect("in memory"), 64);
    let (mut high, mut low) = (half(at), half(at + 8));
    if is_late(cpu) {
        let size = low[4..6].to_vec();
        high.splice(..12, [size, zeroes(10)].concat());
        low.splice(4..6, zeroes(2));
    }
    [high, low]
}

fn server_walk(cpu: &Cpu, memory: &Memory, address: u64, access: Access) -> Walk {
    let covers = |entry: &&SlbEntry| {
        let same = if entry.vsid >> 62 == 1 { 24 } else { 36 };
        bits(entry.esid, 64)[36] && bits(entry.esid, 64)[..same] == bits(address, 64)[..same]
    };
    let Some(segment) = cpu.slb.iter().find(covers) else { return (Err(None), None) };
    let segment_bits = bits(segment.vsid, 64);
    if access == Access::Fetch && segment_bits[54] {
        return (Err(Some(NO_EXECUTE)), None);
    }
    let Some(base) = base_of(segment) else { return (Err(Some(NO_PAGE)), None) };
    let va = virtual_address(segment, address);
    let last = (77 - base).min(54);
    let primary = hash(segment, address, base);
    for (secondary, hash) in [(false, primary.clone()), (true, complement(&primary))] {
        for slot in 0..8 {
            let at = TABLE + 128 * value(&hash[28..]) + 16 * slot;
            let [high, low] = entry_at(cpu, memory, at);
            let size = SIZES.iter().find(|size| size.3 == base && size.1 == high[61] && fits(size.2, &low[44..52]));
            let Some(&(.., actual)) = size else { continue };
            if !high[63] || high[62] != secondary || high[..2] != segment_bits[..2] || high[2..=2 + last] != va[..=last]
            {
                continue;
            }
            return judged(cpu, segment, [at + 8, address], &low, (base, actual), access);
        }
    }
    (Err(Some(NO_PAGE)), None)
}

fn judged(
    cpu: &Cpu,
    segment: &SlbEntry,
    [at, address]: [u64; 2],
    low: &[bool],
    (base, actual): (usize, usize),
    access: Access,
) -> Walk {
    let segment = bits(segment.vsid, 64);
    let key = if cpu.msr & msr::PR != 0 { segment[53] } else { segment[52] };
    let rights = match (key, [low[0], low[62], low[63]].map(u8::from)) {
        (false, [0, 0, _] | [0, 1, 0]) | (true, [0, 1, 0]) => "rw",
        (false, [0, 1, 1] | [1, 1, 0]) | (true, [0, _, 1]) => "r",
        _ => "",
    };
    let class = value(&[&low[2..4], &low[52..55]].concat()) as usize;
    let mask = |register: Spr| bits(cpu.spr(register), 64)[2 * class..2 * class + 2].to_vec();
    let executable = !segment[54] && !low[60] && !low[61];
    let (load, store) = (rights.contains('r'), rights.contains('w'));
    let (key_load, key_store, key_fetch) = (!mask(Spr::Amr)[1], !mask(Spr::Amr)[0], !mask(Spr::Iamr)[1]);
    let mut status = 0;
    match access {
        Access::Fetch => {
            status |= if !executable {
                NO_EXECUTE
            } else if !load {
                PROTECTION
            } else {
                0
            };
            status |= if key_fetch { 0 } else { KEY };
        }
        Access::Load => status |= if load { 0 } else { PROTECTION } | if key_load { 0 } else { KEY },
        Access::Store => status |= if store { 0 } else { PROTECTION } | if key_store { 0 } else { KEY },
    }
    if status != 0 {
        return (Err(Some(status)), None);
    }
    let mut marked = low.to_vec();
    marked[55] = true;
    marked[56] |= access == Access::Store;
    let real = [&zeroes(4)[..], &low[4..64 - actual], &bits(address, 64)[64 - actual..]].concat();
    let mapping = Mapping {
        real: value(&real),
        size: 1 << base,
        readable: load && key_load,
        writable: store && key_store && marked[56],
        executable: load && executable && key_fetch,
    };
    (Ok(mapping), (marked != low).then(|| (at + 6, value(&marked[48..]))))
}

#[derive(Debug, Clone)]
struct Planned {
    /// Which address, and whether the entry is one of the secondary group.
    address: prop::sample::Index,
    secondary: bool,
    slot: u64,
    size: prop::sample::Index,
    /// Second doubleword, before the size is put in.
    low: u64,
    /// A bit of the first doubleword that is wrong.
    wrong: Option<u32>,
}

fn planned() -> impl Strategy<Value = Planned> {
    (
        any::<prop::sample::Index>(),
        any::<bool>(),
        0..8_u64,
        any::<prop::sample::Index>(),
        any::<u64>(),
        prop::option::weighted(0.1, 0..64_u32),
    )
        .prop_map(|(address, secondary, slot, size, low, wrong)| Planned {
            address,
            secondary,
            slot,
            size,
            low,
            wrong,
        })
}

/// A segment for an address: attributes, and the size that they name.
fn segment(late: bool) -> impl Strategy<Value = (u64, u64)> {
    let identifier = if late { 0..1_u64 << 24 } else { 0..1 << 38 };
    (any::<u64>(), identifier, prop::bool::ANY, 0..8_u64, prop::bool::weighted(0.95)).prop_map(
        |(address, identifier, large, size, valid)| {
            let encoded = [0x000, 0x000, 0x110, 0x110, 0x100, 0x120, 0x000, 0x130][size as usize];
            let shift = if large { 24 } else { 12 };
            let attributes = address & 0xC00 | if address & 0xF000 == 0 { 0x200 } else { 0 };
            let invalid = if valid { 0 } else { 1 << 3 };
            (address, u64::from(large) << 62 | identifier << shift | attributes | encoded | invalid)
        },
    )
}

fn server(late: bool, segments: &[(u64, u64)], plans: &[Planned]) -> (Cpu, Memory, Vec<u64>) {
    let mut cpu = Cpu::new(if late { Model::Power9 } else { Model::Power8 });
    cpu.translation = Translation::Tables;
    cpu.msr |= msr::IR | msr::DR;
    let mut memory = Memory::new(0x8_1000);
    if late {
        cpu.set_spr(Spr::Ptcr, PARTITIONS);
        memory.write_u64(PARTITIONS, TABLE, true).expect("in memory");
    } else {
        cpu.set_spr(Spr::Sdr1, TABLE);
    }
    for (slot, &(address, vsid)) in cpu.slb.iter_mut().step_by(5).zip(segments) {
        let valid = if vsid & 8 == 0 { SlbEntry::VALID } else { 0 };
        *slot = SlbEntry { esid: address & 0xFFFF_FFFF_F000_0000 | valid, vsid: vsid & !8 };
    }
    let addresses: Vec<u64> = segments.iter().map(|&(address, _)| address).collect();
    for plan in plans {
        let address = *plan.address.get(&addresses);
        let same = |entry: &&SlbEntry| entry.esid & !SlbEntry::VALID == address & 0xFFFF_FFFF_F000_0000;
        let Some(entry) = cpu.slb.iter().find(same) else { continue };
        let Some(base) = base_of(entry) else { continue };
        let sizes: Vec<_> = SIZES.iter().filter(|size| size.3 == base).collect();
        let (_, large, pattern, ..) = **plan.size.get(&sizes);
        let mut low = bits(plan.low, 64);
        for (place, bit) in low[44..52].iter_mut().zip(pattern.chars()) {
            *place = if bit == '.' { *place } else { bit == '1' };
        }
        let mut group = hash(entry, address, base);
        if plan.secondary {
            group = complement(&group);
        }
        let mut high = [&bits(entry.vsid, 64)[..2], &virtual_address(entry, address)[..55], &zeroes(7)[..]].concat();
        (high[61], high[62], high[63]) = (large, plan.secondary, true);
        if let Some(wrong) = plan.wrong {
            high[wrong as usize] ^= true;
        }
        if late {
            low.splice(4..6, high[..2].to_vec());
            high.splice(..2, zeroes(2));
        }
        let at = TABLE + 128 * value(&group[28..]) + 16 * plan.slot;
        memory.write_u64(at, value(&high), true).expect("in memory");
        memory.write_u64(at + 8, value(&low), true).expect("in memory");
    }
    (cpu, memory, addresses)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_server_walks_its_table_as_the_figures_say(
        (late, segments) in prop::bool::ANY
            .prop_flat_map(|late| (Just(late), prop::collection::vec(segment(late), 1..6))),
        plans in prop::collection::vec(planned(), 0..16),
        amr in any::<u64>(),
        iamr in any::<u64>(),
        accesses in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, access(), any::<bool>()), 1..20),
    ) {
        let (mut cpu, mut memory, addresses) = server(late, &segments, &plans);
        cpu.set_spr(Spr::Amr, amr & amr << 7);
        cpu.set_spr(Spr::Iamr, iamr & iamr << 7);
        let mut second = memory.clone();
        for (index, near, access, problem) in accesses {
            let address = *index.get(&addresses) ^ [0, 0x1000, 0x123][usize::from(near)];
            cpu.msr = cpu.msr & !msr::PR | if problem { msr::PR } else { 0 };
            let (expected, written) = server_walk(&cpu, &second, address, access);
            let expected = expected.map_err(|status| interrupt(status, address, access));
            prop_assert_eq!(cpu.translate(&mut memory, address, access), expected, "{:#x} {:?}", address, access);
            if let Some((at, low)) = written {
                second.write_u16(at, low as u16, true).expect("in memory");
            }
            prop_assert!(memory.bytes() == second.bytes(), "recorded the same for {:#x} {:?}", address, access);
        }
    }
}

// Classic models. Programming Environments Manual 7.4 to 7.6

const BLOCKS: [[[Spr; 2]; 4]; 2] = [
    [[Spr::Dbat0u, Spr::Dbat0l], [Spr::Dbat1u, Spr::Dbat1l], [Spr::Dbat2u, Spr::Dbat2l], [Spr::Dbat3u, Spr::Dbat3l]],
    [[Spr::Ibat0u, Spr::Ibat0l], [Spr::Ibat1u, Spr::Ibat1l], [Spr::Ibat2u, Spr::Ibat2l], [Spr::Ibat3u, Spr::Ibat3l]],
];

fn classic_walk(cpu: &Cpu, memory: &Memory, address: u64, access: Access) -> Walk {
    let (ea, problem) = (bits(address, 32), cpu.msr & msr::PR != 0);
    for registers in BLOCKS[usize::from(access == Access::Fetch)] {
        let [upper, lower] = registers.map(|register| bits(cpu.spr(register), 32));
        // The length has eleven bits, for bits 4 to 14 of the address.
        let length = [zeroes(4), upper[19..30].to_vec()].concat();
        let same = (0..15).all(|n| length[n] || ea[n] == upper[n]);
        if !same || !upper[if problem { 31 } else { 30 }] {
            continue;
        }
        let block: Bits = (0..15).map(|n| lower[n] || length[n] && ea[n]).collect();
        let (load, store) = (lower[30] || lower[31], lower[30] && !lower[31]);
        if !(if access == Access::Store { store } else { load }) {
            return (Err(Some(PROTECTION)), None);
        }
        let real = value(&[block, ea[15..].to_vec()].concat());
        return (Ok(Mapping { real, size: 1 << 17, readable: load, writable: store, executable: load }), None);
    }
    let segment = bits(cpu.sr[value(&ea[..4]) as usize].into(), 32);
    match (segment[0], access) {
        (true, Access::Fetch) => return (Err(Some(NO_EXECUTE)), None),
        (true, _) => return (Err(Some(DIRECT_STORE)), None),
        (false, Access::Fetch) if segment[3] => return (Err(Some(NO_EXECUTE)), None),
        _ => {}
    }
    let table = bits(cpu.spr(Spr::Sdr1), 32);
    let primary = exclusive_or(&segment[13..], &padded(&ea[4..20], 19));
    for (secondary, hash) in [(false, primary.clone()), (true, complement(&primary))] {
        let upper: Bits = (0..9).map(|n| table[7 + n] || hash[n] && table[23 + n]).collect();
        let group = value(&[table[..7].to_vec(), upper, hash[9..].to_vec(), zeroes(6)].concat());
        for at in (group..group + 64).step_by(8) {
            let word = |at| bits(memory.read_u32(at, true).unwrap_or_default().into(), 32);
            let (high, low) = (word(at), word(at + 4));
            if !high[0] || high[1..25] != segment[8..] || high[25] != secondary || high[26..] != ea[4..10] {
                continue;
            }
            let key = if problem { segment[2] } else { segment[1] };
            let rights = match (key, low[30], low[31]) {
                (false, false, _) | (_, true, false) => "rw",
                (_, true, true) | (true, false, true) => "r",
                _ => "",
            };
            let (load, store) = (rights.contains('r'), rights.contains('w'));
            let permitted = if access == Access::Store { store } else { load };
            if access == Access::Fetch && low[28] {
                return (Err(Some(NO_EXECUTE)), None);
            }
            if !permitted {
                return (Err(Some(PROTECTION)), None);
            }
            let mut marked = low.clone();
            marked[23] = true;
            marked[24] |= access == Access::Store;
            let mapping = Mapping {
                real: value(&[&low[..20], &ea[20..]].concat()),
                size: 1 << 12,
                readable: load,
                writable: store && marked[24],
                executable: load && !low[28] && !segment[3],
            };
            return (Ok(mapping), (marked != low).then(|| (at + 6, value(&marked[16..]))));
        }
    }
    (Err(Some(NO_PAGE)), None)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_classic_model_walks_its_table_as_the_figures_say(
        mask in prop::sample::select(vec![0_u64, 1, 3]),
        segments in prop::collection::vec(any::<u32>(), 16),
        blocks in prop::collection::vec((0..8_usize, any::<u32>(), any::<u32>(), 0..12_u32), 0..3),
        addresses in prop::collection::vec(any::<u32>(), 1..5),
        plans in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<bool>(), 0..8_u64, any::<u32>(), prop::option::weighted(0.1, 0..32_u32)),
            0..16,
        ),
        accesses in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, access(), any::<bool>()), 1..20),
    ) {
        let mut cpu = Cpu::new(Model::G4);
        cpu.translation = Translation::Tables;
        cpu.msr |= msr::IR | msr::DR;
        cpu.set_spr(Spr::Sdr1, TABLE | mask);
        for (register, value) in cpu.sr.iter_mut().zip(&segments) {
            // Direct-store and no-execute segments are the exception.
            *register = value & if value & 7 == 0 { u32::MAX } else { 0x60FF_FFFF };
        }
        for (number, upper, lower, length) in blocks {
            let [first, second] = BLOCKS[number / 4][number % 4];
            let near = addresses[0] & 0xFFFE_0000 ^ upper & 0x0002_0000;
            cpu.set_spr(first, u64::from(near | ((1 << length) - 1) << 2 & 0x1FFC | upper & 3));
            cpu.set_spr(second, lower.into());
        }
        let mut memory = Memory::new(0x8_0000);
        for (index, secondary, slot, low, wrong) in plans {
            let ea = bits((*index.get(&addresses)).into(), 32);
            let segment = bits(cpu.sr[value(&ea[..4]) as usize].into(), 32);
            let primary = exclusive_or(&segment[13..], &padded(&ea[4..20], 19));
            let hash = if secondary { complement(&primary) } else { primary };
            let group = value(&hash) & (mask << 10 | 0x3FF);
            let mut high = [&[true][..], &segment[8..], &[secondary], &ea[4..10]].concat();
            if let Some(wrong) = wrong {
                high[wrong as usize] ^= true;
            }
            let at = TABLE + 64 * group + 8 * slot;
            memory.write_u32(at, value(&high) as u32, true).expect("in memory");
            memory.write_u32(at + 4, low, true).expect("in memory");
        }
        let mut second = memory.clone();
        for (index, near, access, problem) in accesses {
            let address = u64::from(*index.get(&addresses) ^ [0, 0x1000, 0x123][usize::from(near)]);
            cpu.msr = cpu.msr & !msr::PR | if problem { msr::PR } else { 0 };
            let (expected, written) = classic_walk(&cpu, &second, address, access);
            let expected = expected.map_err(|status| interrupt(status, address, access));
            prop_assert_eq!(cpu.translate(&mut memory, address, access), expected, "{:#x} {:?}", address, access);
            if let Some((at, low)) = written {
                second.write_u16(at, low as u16, true).expect("in memory");
            }
            prop_assert!(memory.bytes() == second.bytes(), "recorded the same for {:#x} {:?}", address, access);
        }
    }
}
