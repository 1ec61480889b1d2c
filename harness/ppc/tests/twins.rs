//! Laws about two cores that must agree: a 64-bit one in 32-bit mode and a 32-bit one, and two of opposite byte order.

use hypercheck_ppc::row::{Group, Kind, Privilege, Row};
use hypercheck_ppc::table::{FIELDS, ROWS};
use hypercheck_ppc::{Budget, Cpu, Exit, Interrupt, Memory, Model, msr};
use proptest::prelude::*;

/// Where programs are put, and how much memory there is.
const CODE: u64 = 0x4000;
const MEMORY: usize = 0x8000;
/// Data, below the code.
const DATA: u64 = 0x1000;
const DATA_SIZE: usize = 0x200;

/// What 32-bit processors and servers do differently, so that no law holds.
const DIFFERENT: [&str; 7] = [
    "lmw", // takes any address on servers
    "stmw", "dcbz", // clears blocks of other sizes
    "sc", "mftb", "sync", "wait",
];

/// Rows that programs of both models have.
fn shared(wide: Model, narrow: Model) -> Vec<&'static Row> {
    let both = |row: &&Row| row.models & wide.bit() != 0 && row.models & narrow.bit() != 0;
    let stub = |row: &Row| row.group.is_stub();
    let plain = |row: &&Row| row.privilege == Privilege::Problem && !stub(row) && !DIFFERENT.contains(&row.name);
    ROWS.iter().filter(both).filter(plain).filter(|row| !row.name.is_empty()).collect()
}

/// A word of the row. Special-purpose registers are XER, LR and CTR; branches are relative and go forward.
fn word(row: &Row, bits: u32) -> u32 {
    let mut word = row.value | bits & !row.mask & !row.reserved;
    for operand in row.operands {
        let field = &FIELDS[operand.field as usize];
        let value = match field.kind {
            // XER is only written: 3.0 shows more of its bits.
            Kind::Spr if row.name == "mtspr" => [1, 8, 9][(bits >> 11) as usize % 3],
            Kind::Spr => [8, 9][(bits >> 11) as usize % 2],
            Kind::Relative => 1 + bits % 4,
            _ if field.name == "L" => 0,
            _ => continue,
        };
        word = word & !field.mask() | field.place(value);
    }
    if word & row.variants & 2 != 0 && row.absolute { word & !2 } else { word }
}

/// A processor in problem state about to run `words`.
fn machine(model: Model, words: &[u32], gpr: &[u64], little: bool) -> (Cpu, Memory) {
    let mut cpu = Cpu::new(model);
    cpu.msr |= msr::PR | if little { msr::LE } else { 0 };
    cpu.gpr.copy_from_slice(gpr);
    cpu.stop_on_interrupt = true;
    cpu.pc = CODE;
    let mut memory = Memory::new(MEMORY);
    for (at, word) in (CODE..).step_by(4).zip(words) {
        memory.write_u32(at, *word, !little).expect("code lies in memory");
    }
    (cpu, memory)
}

/// What kind of end a run had, without what the models tell of it.
fn kind(exit: Exit) -> String {
    match exit {
        Exit::Interrupt(Interrupt::Program(why)) => format!("{why:?}"),
        Exit::Interrupt(which) => format!("{which:?}").split(' ').next().unwrap_or_default().to_owned(),
        other => format!("{other:?}"),
    }
}

/// Register values with a good share of addresses of data, and anything in the upper half.
fn registers() -> impl Strategy<Value = Vec<u64>> {
    let low = prop_oneof![DATA..DATA + DATA_SIZE as u64, any::<u32>().prop_map(u64::from), Just(0), Just(0xFFFF_FFFF)];
    prop::collection::vec((low, any::<u32>()).prop_map(|(low, high)| u64::from(high) << 32 | low), 32)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Power ISA Book I 1.9 and 3.3.8: in 32-bit mode addresses, comparisons with zero, carries and overflows are of the low
    /// word, and no instruction that both have makes the low word of a result of anything else.
    #[test]
    fn a_64_bit_core_in_32_bit_mode_is_a_32_bit_core(
        wide in prop::sample::select(Model::ALL.into_iter().filter(|m| m.register_mask() == u64::MAX).collect::<Vec<_>>()),
        narrow in prop::sample::select(vec![Model::G3, Model::G4, Model::E500v2, Model::E500mc]),
        program in prop::collection::vec((any::<prop::sample::Index>(), any::<u32>()), 1..24),
        gpr in registers(),
        (cr, xer, ctr) in (any::<u32>(), any::<u32>(), any::<u64>()),
        data in prop::collection::vec(any::<u8>(), DATA_SIZE),
    ) {
        let rows = shared(wide, narrow);
        let words: Vec<_> = program.iter().map(|(index, bits)| word(rows[index.index(rows.len())], *bits)).collect();
        let low: Vec<_> = gpr.iter().map(|value| value & 0xFFFF_FFFF).collect();
        let run = |model: Model, gpr: &[u64], ctr| {
            let (mut cpu, mut memory) = machine(model, &words, gpr, false);
            cpu.msr &= !msr::SF;
            (cpu.cr, cpu.xer, cpu.ctr) = (cr, u64::from(xer) & 0xE000_007F, ctr);
            memory.write(DATA, &data).expect("in memory");
            let exit = cpu.run(&mut memory, Budget::until(CODE + 4 * words.len() as u64, 100));
            let gpr = cpu.gpr.map(|value| value as u32);
            let rest = (cpu.cr, cpu.xer & 0xE000_007F, cpu.lr as u32, cpu.ctr as u32, cpu.srr0 as u32);
            (kind(exit), gpr, rest, memory.bytes().to_vec())
        };
        let (wide, narrow) = (run(wide, &gpr, ctr), run(narrow, &low, ctr & 0xFFFF_FFFF));
        // A program that writes itself anew may come to instructions that the models do not share.
        let code: Vec<_> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        prop_assume!(wide.3[CODE as usize..].starts_with(&code));
        prop_assert_eq!((&wide.0, wide.1, wide.2), (&narrow.0, narrow.1, narrow.2), "{:x?}", words);
        prop_assert!(wide.3 == narrow.3, "memory differs after {words:x?}");
    }

    /// Two programs with accesses of one size, aligned, on memory whose units of that size are reversed: registers and
    /// memory stay twins. Power ISA Book I 1.11
    #[test]
    fn byte_order_turns_memory_round_and_nothing_else(
        model in prop::sample::select(Model::ALL.into_iter().filter(|m| m.has_little_endian()).collect::<Vec<_>>()),
        size in prop::sample::select(vec![1usize, 2, 4, 8]),
        program in prop::collection::vec((any::<prop::sample::Index>(), any::<u32>(), any::<bool>()), 1..24),
        mut gpr in registers(),
        data in prop::collection::vec(any::<u8>(), DATA_SIZE),
    ) {
        let loads: &[&str] = match size {
            1 => &["lbz", "stb", "lbzx", "stbx", "lbarx", "stbcx."],
            2 => &["lhz", "lha", "sth", "lhzx", "sthx", "lhax", "lhbrx", "sthbrx", "lharx", "sthcx."],
            4 => &["lwz", "lwa", "stw", "lwzx", "stwx", "lwax", "lwbrx", "stwbrx", "lwarx", "stwcx."],
            _ => &["ld", "std", "ldx", "stdx", "ldbrx", "stdbrx", "ldarx", "stdcx."],
        };
        let has = |row: &&Row| row.models & model.bit() != 0;
        let accesses: Vec<_> = ROWS.iter().filter(has).filter(|row| loads.contains(&row.name)).collect();
        let computes = |row: &&Row| {
            matches!(row.group, Group::Arithmetic | Group::Logical | Group::Rotate | Group::Compare | Group::Cr)
        };
        let others: Vec<_> = ROWS.iter().filter(has).filter(computes).collect();
        let words: Vec<_> = program
            .iter()
            .map(|(index, bits, access)| {
                if !access || accesses.is_empty() {
                    // No result goes to r31, which holds the address.
                    return word(others[index.index(others.len())], bits & !(1 << 21 | 1 << 16));
                }
                let row = accesses[index.index(accesses.len())];
                let at = DATA as u32 + (bits & (DATA_SIZE as u32 - 1) & !7);
                let place = if row.operands.iter().any(|operand| operand.memory) { at } else { 31 << 11 };
                row.value | bits & 0x03C0_0000 | place
            })
            .collect();
        gpr.iter_mut().for_each(|value| *value &= model.register_mask());
        gpr[31] = DATA + 8 * (gpr[30] % (DATA_SIZE as u64 / 8));
        let run = |little: bool| {
            let (mut cpu, mut memory) = machine(model, &words, &gpr, little);
            let units = data.chunks(size).flat_map(|unit| {
                let reversed = unit.iter().rev();
                if little { reversed.copied().collect::<Vec<_>>() } else { unit.to_vec() }
            });
            memory.write(DATA, &units.collect::<Vec<_>>()).expect("in memory");
            let exit = cpu.run(&mut memory, Budget::until(CODE + 4 * words.len() as u64, 100));
            let mut after = memory.bytes()[DATA as usize..][..DATA_SIZE].to_vec();
            if little {
                after.chunks_mut(size).for_each(<[u8]>::reverse);
            }
            (kind(exit), cpu.gpr, cpu.cr, cpu.xer, after)
        };
        let (big, little) = (run(false), run(true));
        prop_assert!(big == little, "{:x?}: {:?} and {:?}", words, big.0, little.0);
    }
}
