//! Every row of undefined results against the core: what the row says is what the core does.

#[path = "common/noise.rs"]
mod noise;

use std::collections::BTreeSet;

use hypercheck_ppc::row::{Row, decode};
use hypercheck_ppc::table::{Op, ROWS, UNDEFINED};
use hypercheck_ppc::undefined::{Choice, Part, Undefined};
use hypercheck_ppc::{Budget, Cpu, Exit, Interrupt, Memory, Model, Program, Reservation, SlbEntry, msr};
use noise::Noise;

/// Where the instruction is put, and how much memory there is.
const CODE: u64 = 0x4000;
const MEMORY: usize = 0x8000;

impl Noise {
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.next() as usize % from.len()]
    }
}

/// A supervisor with registers among which conditions are met often: zeros, extremes, addresses, equal numbers.
fn processor(model: Model, noise: &mut Noise) -> Cpu {
    let mut cpu = Cpu::new(model);
    cpu.stop_on_interrupt = true;
    cpu.pc = CODE;
    if noise.next().is_multiple_of(3) {
        cpu.msr &= !msr::SF;
    }
    for register in 0..32 {
        let any = noise.next();
        let value = noise.pick(&[0, 1, u64::MAX, 1 << 63, 0x8000_0000, 0x2000, 0x2010, 0x2040, any, any >> 40]);
        cpu.gpr[register] = value & model.register_mask();
    }
    cpu.cr = noise.next() as u32;
    cpu.xer = u64::from(noise.pick(&[0u32, 0, 5, 17, 0xE000_0000]));
    cpu.reservation = Some(Reservation { at: noise.pick(&[0x2000, 0x2010]), length: noise.pick(&[1, 2, 4, 8, 16]) });
    for entry in 0..4 {
        let esid = noise.pick(&[0, 1u64 << 28, 1 << 40]);
        cpu.slb[entry] = SlbEntry { esid: esid | SlbEntry::VALID, vsid: (entry as u64 + 1) << 12 };
    }
    cpu
}

/// Bits of a part as a mask of its own width.
fn bits(width: u32, from: u8, to: u8) -> u64 {
    (0..64u32)
        .filter(|bit| (u32::from(from)..=u32::from(to)).contains(bit))
        .fold(0, |mask, bit| mask | 1 << (width - 1 - bit))
}

/// The part of `cpu` that the row names, cut to its bits.
fn part(cpu: &Cpu, word: u32, (part, from, to): (Part, u8, u8)) -> (u64, u64) {
    let (value, mask) = match part {
        Part::Rt => (cpu.gpr[word as usize >> 21 & 31], bits(64, from, to)),
        Part::RtOtherFields => {
            let fields =
                (0..8).filter(|field| word >> (12 + field) & 1 != 0).fold(0u64, |mask, f| mask | 0xF << (4 * f));
            (cpu.gpr[word as usize >> 21 & 31], 0xFFFF_FFFF & !fields)
        }
        Part::Ra => (cpu.gpr[word as usize >> 16 & 31], bits(64, from, to)),
        Part::Xer => (cpu.xer, bits(64, from, to)),
        Part::Cr => (cpu.cr.into(), bits(32, from, to)),
        Part::Cr0 => (u64::from(cpu.cr >> 28), bits(4, from, to)),
        Part::Bf => (u64::from(cpu.cr >> (28 - 4 * (word >> 23 & 7)) & 15), bits(4, from, to)),
        Part::Memory | Part::Everything => (0, 0),
    };
    (value & mask, mask & if matches!(part, Part::Rt) { cpu.model.register_mask() } else { u64::MAX })
}

fn check(row: &Undefined, word: u32, before: &Cpu, after: &Cpu, exit: Exit, unchanged: bool) -> Result<(), String> {
    let illegal = exit == Exit::Interrupt(Interrupt::Program(Program::Illegal));
    if row.is == Choice::Illegal {
        return if illegal { Ok(()) } else { Err(format!("{exit:?}, not illegal")) };
    }
    if matches!(exit, Exit::Interrupt(_)) {
        return Err(format!("{exit:?}"));
    }
    for &what in row.what {
        let ((was, _), (is, mask)) = (part(before, word, what), part(after, word, what));
        let fields = (0..8).filter(|field| word >> (12 + field) & 1 != 0).fold(0u64, |mask, f| mask | 0xF << (4 * f));
        let wanted = match row.is {
            Choice::Zero => 0,
            Choice::Ones => mask,
            Choice::Kept => was,
            Choice::AsResult => {
                let result = after.gpr[word as usize >> 21 & 31];
                let result = if after.is_64_bit() { result.cast_signed() } else { i64::from(result as i32) };
                match result {
                    ..0 => 8,
                    0 => 2,
                    1.. => 4,
                }
            }
            Choice::Fields if what.0 == Part::Rt => u64::from(before.cr) & fields,
            Choice::Fields => was & !fields | before.gpr[word as usize >> 21 & 31] & fields,
            Choice::Fails => is & 1,
            Choice::Runs => is,
            Choice::First if what.0 == Part::Cr0 => 2 | before.xer >> 31,
            Choice::First => {
                let b = before.gpr[word as usize >> 11 & 31];
                before.slb.iter().find(|entry| (entry.esid ^ b) >> 28 == 0).map_or(0, |entry| entry.vsid)
            }
            Choice::Illegal => unreachable!("handled above"),
        };
        if is != wanted {
            return Err(format!("{what:?} is {is:#x}, not {wanted:#x}"));
        }
        if what.0 == Part::Memory && row.is == Choice::Fails && !unchanged {
            return Err("memory was written".to_owned());
        }
    }
    Ok(())
}

#[test]
fn every_row_is_what_the_core_does() {
    let mut noise = Noise(0x1234_5678_9ABC_DEF1);
    let (mut executed, mut missed) = (0, BTreeSet::new());
    for (index, undefined) in UNDEFINED.iter().enumerate() {
        for &op in undefined.ops {
            for model in Model::ALL.into_iter().filter(|model| undefined.models & model.bit() != 0) {
                let has = |row: &&Row| row.op == op && row.models & model.bit() != 0;
                let Some(row) = ROWS.iter().find(has) else { continue };
                let mut met = 0;
                for _ in 0..20_000 {
                    let mut word = row.value | noise.next() as u32 & !row.mask & !row.reserved;
                    if matches!(op, Op::Mfspr | Op::Mtspr) && noise.next().is_multiple_of(2) {
                        word = word & !0x001F_F800 | 1 << 16;
                    }
                    let cpu = processor(model, &mut noise);
                    let mut rows = cpu.undefined_rows(word);
                    let others = |other: &Undefined| other.is == Choice::Illegal && undefined.is != Choice::Illegal;
                    if !rows.any(|found| std::ptr::eq(found, undefined)) || cpu.undefined_rows(word).any(others) {
                        continue;
                    }
                    let (mut after, mut memory) = (cpu.clone(), Memory::new(MEMORY));
                    memory.write_u32(CODE, word, true).expect("in memory");
                    memory.baseline();
                    let exit = after.run(&mut memory, Budget::instructions(1));
                    // An operand outside of storage or out of alignment says nothing about the row.
                    if matches!(exit, Exit::Interrupt(Interrupt::DataStorage { .. } | Interrupt::Alignment { .. })) {
                        continue;
                    }
                    let unchanged = memory.dirty_blocks().count() == 0;
                    if let Err(what) = check(undefined, word, &cpu, &after, exit, unchanged) {
                        panic!("row {index}, {undefined:?}\n{word:#010x} on {model:?}: {what}\n{cpu:?}");
                    }
                    assert_eq!(decode(word, model).map(|row| row.op), Some(op));
                    met += 1;
                    if met == 8 {
                        break;
                    }
                }
                executed += met;
                if met == 0 {
                    missed.insert(format!("row {index}: {op:?} on {model:?}"));
                }
            }
        }
    }
    assert!(missed.is_empty(), "never met:\n{}", missed.into_iter().collect::<Vec<_>>().join("\n"));
    println!("{} rows, {executed} executions", UNDEFINED.len());
}

#[test]
fn the_masks_are_those_of_the_rows() {
    let mut cpu = Cpu::new(Model::Power9);
    (cpu.gpr[4], cpu.gpr[5]) = (7, 0);
    // mulhw. r3, r4, r5
    let bits = cpu.undefined_results(0x7C64_2897);
    assert_eq!((bits.gpr[3], bits.cr, bits.xer), (0xFFFF_FFFF_0000_0000, 0xE000_0000, 0));
    // divd r3, r4, r5 by zero, then by 7
    assert_eq!(cpu.undefined_results(0x7C64_2BD2).gpr[3], u64::MAX);
    assert_eq!(cpu.undefined_results(0x7C65_23D2).gpr[3], 0);
    // mfocrf r3, 0x80
    assert_eq!(cpu.undefined_results(0x7C78_0026).gpr[3], 0xFFFF_FFFF_0FFF_FFFF);
    // lwzu r3, 0(r3)
    assert!(cpu.undefined_results(0x8463_0000).everything);
    assert!(!cpu.undefined_results(0x8464_0000).everything);
    // add r3, r4, r5
    assert_eq!(cpu.undefined_rows(0x7C64_2A14).count(), 0);
}
