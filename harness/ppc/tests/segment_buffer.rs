//! Instructions on the segment look-aside buffer. Power ISA 2.07 Book III-S 5.9.3.1; 3.0 Book III 5.9.3.2

use hypercheck_ppc::{Budget, Cpu, Exit, Memory, Model, SlbEntry, assemble};
use rstest::rstest;

/// Runs words with operands in r4 and r5.
fn execute(model: Model, code: &str, set: impl FnOnce(&mut Cpu)) -> Cpu {
    let mut cpu = Cpu::new(model);
    let mut memory = Memory::new(0x1000);
    let words = assemble(code, 0x100, &|_| None).expect("code");
    for (at, word) in (0x100..).step_by(4).zip(&words) {
        memory.write_u32(at, *word, true).expect("in memory");
    }
    cpu.pc = 0x100;
    set(&mut cpu);
    let end = 0x100 + 4 * words.len() as u64;
    assert_eq!(cpu.run(&mut memory, Budget::until(end, 100)), Exit::Until);
    cpu
}

#[test]
fn what_slbmte_wrote_is_read_back_without_its_reserved_bits() {
    let cpu = execute(Model::Power9, "slbmte r4, r5\n slbmfee r6, r7\n slbmfev r8, r7", |cpu| {
        (cpu.gpr[4], cpu.gpr[5], cpu.gpr[7]) = (0x4012_3456_0000_0D90, 0x1234_5678_9800_0011, 0x11);
    });
    assert_eq!(cpu.slb[0x11], SlbEntry { esid: 0x1234_5678_9800_0000, vsid: 0x4012_3456_0000_0D90 });
    assert_eq!((cpu.gpr[6], cpu.gpr[8]), (0x1234_5678_9800_0000, 0x4012_3456_0000_0D90));
}

#[rstest]
#[case::found(0x1234_5678, 0x5000_0C00, 2)]
#[case::another_segment(0x2234_5678, 0, 0)]
fn slbfee_searches_for_an_address(#[case] address: u64, #[case] contents: u64, #[case] equal: u32) {
    let cpu = execute(Model::Power8, "slbfee. r6, r5", |cpu| {
        cpu.slb[9] = SlbEntry { esid: 0x1000_0000 | SlbEntry::VALID, vsid: 0x5000_0C00 };
        (cpu.gpr[5], cpu.gpr[6]) = (address, 0x5A5A);
    });
    assert_eq!((cpu.gpr[6], cpu.cr >> 28), (contents, equal));
}

#[test]
fn slbie_invalidates_the_segment_of_an_address_and_no_other() {
    let cpu = execute(Model::Power8, "slbie r5", |cpu| {
        for (n, entry) in cpu.slb.iter_mut().enumerate() {
            *entry = SlbEntry { esid: (n as u64) << 28 | SlbEntry::VALID, vsid: 0x5000 };
        }
        cpu.gpr[5] = 0x7000_0000;
    });
    let invalid: Vec<_> = (0..32).filter(|&n| cpu.slb[n].esid & SlbEntry::VALID == 0).collect();
    assert_eq!(invalid, [7]);
}

#[rstest]
#[case(Model::Power8, 0, &[0])]
#[case(Model::Power8, 3, &[0])]
#[case(Model::Power8, 6, &[0])]
#[case(Model::Power9, 0, &[0])]
#[case(Model::Power9, 1, &[0])]
#[case(Model::Power9, 3, &[0, 2])]
#[case(Model::Power9, 4, &[])]
#[case(Model::Power9, 6, &[0])]
#[case(Model::Power9, 7, &[0, 1, 2, 3])]
fn slbia_leaves_what_its_hint_says(#[case] model: Model, #[case] hint: u32, #[case] left: &[usize]) {
    let cpu = execute(model, &format!("slbia {hint}"), |cpu| {
        for (n, entry) in cpu.slb.iter_mut().enumerate().take(4) {
            // Odd ones have class 1.
            *entry = SlbEntry { esid: (n as u64) << 28 | SlbEntry::VALID, vsid: (n as u64 & 1) << 7 };
        }
    });
    let valid: Vec<_> = (0..32).filter(|&n| cpu.slb[n].esid & SlbEntry::VALID != 0).collect();
    assert_eq!(valid, left);
}

#[test]
fn the_bridge_of_the_970_writes_and_reads_the_first_entries() {
    let cpu = execute(Model::Ppc970, "mtsr 5, r4\n mfsr r6, 5\n mtsrin r4, r5\n mfsrin r7, r5\n mfsr r8, 10", |cpu| {
        // Ks and N, and a VSID of 27 bits.
        (cpu.gpr[4], cpu.gpr[5]) = (0x5000_0000_5234_5678, 0xA000_1234);
    });
    let vsid = 0x0000_0023_4567_8A00;
    assert_eq!(cpu.slb[5], SlbEntry { esid: 0x5000_0000 | SlbEntry::VALID, vsid });
    assert_eq!(cpu.slb[10], SlbEntry { esid: 0xA000_0000 | SlbEntry::VALID, vsid });
    assert_eq!((cpu.gpr[6], cpu.gpr[7], cpu.gpr[8]), (0x5234_5678, 0x5234_5678, 0x5234_5678));
}
