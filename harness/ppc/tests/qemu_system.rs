//! The core against system emulation: whole machines of QEMU run the same cases, and what their handlers see is compared.
#![cfg(unix)]

#[path = "qemu_system/agent32.rs"]
mod agent32;
#[path = "qemu_system/agent64.rs"]
mod agent64;
#[path = "qemu_system/board.rs"]
mod board;
#[path = "qemu_system/cases.rs"]
mod cases;
#[path = "qemu_system/core.rs"]
mod core;
#[path = "qemu_system/events.rs"]
mod events;
#[path = "common/installed.rs"]
mod installed;
#[path = "qemu_system/known.rs"]
mod known;
#[path = "qemu_system/page_table.rs"]
mod page_table;
#[path = "qemu_system/record.rs"]
mod record;
#[path = "common/split_mix.rs"]
mod split_mix;

use std::collections::BTreeMap;

use board::Board;
use core::Core;
use hypercheck_ppc::{Hypervisor, Model, msr};
use known::KNOWN;
use record::{Case, RECORDS, SIZE};

fn pseries(model: Model, cpu: &str) -> Board {
    let ram = 256 << 20;
    let mut image = agent64::image(agent64::Home::Partition, model.is_v30());
    page_table::partition(&mut image, ram >> 14);
    Board {
        name: match model {
            Model::Power8 => "pseries/power8",
            Model::Power9 => "pseries/power9",
            _ => "pseries/power10",
        },
        program: "qemu-system-ppc64",
        arguments: vec![
            "-M".into(),
            "pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off,cap-hpt-max-page-size=16M,cap-large-decr=off,memory-backend=ram".into(),
            "-cpu".into(),
            cpu.into(),
        ],
        agent: vec!["-bios".into(), "{}".into()],
        ram,
        model,
        hypervisor: Hypervisor::Harness,
        image,
        file: <[u8]>::to_vec,
        places: agent64::places().into_iter().map(|(_, place)| place).collect(),
        named: record::NAMED_64.to_vec(),
        agent_msr: msr::SF | msr::ME,
        counters: [agent64::COUNT, agent64::AT, agent64::DONE],
    }
}

fn powernv(model: Model, machine: &str) -> Board {
    let mut image = agent64::image(agent64::Home::Machine, model.is_v30());
    page_table::machine(&mut image, model.is_v30());
    Board {
        name: match model {
            Model::Power8 => "powernv8",
            Model::Power9 => "powernv9",
            _ => "powernv10",
        },
        program: "qemu-system-ppc64",
        arguments: vec!["-M".into(), format!("{machine},memory-backend=ram")],
        agent: vec!["-bios".into(), "{}".into()],
        ram: 1 << 30,
        model,
        hypervisor: Hypervisor::Guest,
        image,
        file: <[u8]>::to_vec,
        places: agent64::places().into_iter().map(|(_, place)| place).collect(),
        named: [record::NAMED_64, record::NAMED_HV].concat(),
        agent_msr: msr::SF | msr::HV | msr::ME,
        counters: [agent64::COUNT, agent64::AT, agent64::DONE],
    }
}

fn g3beige(model: Model, cpu: &str) -> Board {
    Board {
        name: if model == Model::G3 { "g3beige/750" } else { "g3beige/7400" },
        program: "qemu-system-ppc",
        arguments: vec!["-M".into(), "g3beige,memory-backend=ram".into(), "-cpu".into(), cpu.into()],
        agent: vec![
            "-device".into(),
            "loader,file={},addr=0,force-raw=on".into(),
            "-device".into(),
            format!("loader,addr={:#x},cpu-num=0", agent32::ENTRY),
        ],
        ram: 256 << 20,
        model,
        hypervisor: Hypervisor::Guest,
        image: agent32::image(agent32::Kind::Classic),
        file: <[u8]>::to_vec,
        places: agent32::places(agent32::Kind::Classic),
        named: record::NAMED_32.to_vec(),
        agent_msr: msr::ME,
        counters: agent32::COUNTERS,
    }
}

fn ppce500(model: Model, cpu: &str) -> Board {
    let kind = agent32::Kind::Embedded { spe: model == Model::E500v2 };
    let image = agent32::image(kind);
    Board {
        name: if model == Model::E500v2 { "ppce500/e500v2" } else { "ppce500/e500mc" },
        program: "qemu-system-ppc",
        arguments: vec!["-M".into(), "ppce500,memory-backend=ram".into(), "-cpu".into(), cpu.into()],
        agent: vec!["-kernel".into(), "{}".into()],
        ram: 256 << 20,
        model,
        hypervisor: Hypervisor::Guest,
        image,
        file: agent32::elf,
        places: agent32::places(kind),
        named: record::NAMED_BOOKE.to_vec(),
        agent_msr: msr::ME,
        counters: agent32::COUNTERS,
    }
}

/// Runs the cases on both sides; every difference must be a known one.
fn compare(board: &Board, cases: &[Case]) {
    if !installed::is_installed(board.program, &["qemu", "qemu-system"]) {
        return;
    }
    let start = std::time::Instant::now();
    let there = board.run(cases);
    let guest = start.elapsed();
    let mut core = Core::new();
    let rows: Vec<_> = KNOWN.iter().filter(|row| row.boards.iter().any(|name| board.name.starts_with(name))).collect();
    let mut used = vec![0_usize; rows.len()];
    let (mut registers, mut wrong) = (0, BTreeMap::<String, (usize, String)>::new());
    for (index, (case, there)) in cases.iter().zip(&there).enumerate() {
        let here = core.run(board, case, RECORDS + index as u64 * SIZE);
        registers += here.gpr.len() + here.named.len() - case.ignored.len();
        let mut differences = here.differences(there);
        differences.retain(|(name, here, there)| {
            !case.ignored.contains(&name.as_str()) && !known::says_nothing(case, name, *here, *there)
        });
        for (row, used) in rows.iter().zip(&mut used) {
            if differences.iter().any(|(name, ..)| row.registers.contains(&name.as_str()))
                && (row.applies)(board, case, &here, there)
            {
                differences.retain(|(name, ..)| !row.registers.contains(&name.as_str()));
                *used += 1;
            }
        }
        if differences.is_empty() {
            continue;
        }
        let names: Vec<_> = differences.iter().map(|(name, ..)| name.as_str()).collect();
        let kind = if case.family == "privileged" { &case.name } else { case.family };
        let entry = wrong.entry(format!("{kind} {}", names[..names.len().min(9)].join(" "))).or_default();
        entry.0 += 1;
        // The first few of a kind are enough to see what is wrong; of registers every number counts.
        if case.family.ends_with("spr") {
            entry.1 += &format!(" {}{}", case.number, if case.msr & msr::PR != 0 { " (problem)" } else { "" });
            let values: Vec<_> =
                differences.iter().map(|(name, here, there)| format!("{name} {here:#x}/{there:#x}")).collect();
            entry.1 += &format!(" {}", values.join(" "));
        } else if entry.0 <= 3 {
            let code: Vec<_> = case.code.iter().map(|word| hypercheck_ppc::disassemble(*word, 0)).collect();
            let values = differences.iter().rev().take(9);
            let values: Vec<_> =
                values.map(|(name, here, there)| format!("{name} {here:#x}, QEMU {there:#x}")).collect();
            let (code, values) = (code.join("; "), values.join("; "));
            entry.1 += &format!("\n    {} [{code}] msr {:#x} lpcr {:#x}: {values}", case.name, case.msr, case.lpcr);
        }
    }
    let excused: usize = used.iter().sum();
    println!(
        "{}: {} cases, {registers} registers, {excused} known differences; {guest:?} in the guest, {:?} in all",
        board.name,
        cases.len(),
        start.elapsed()
    );
    for (row, used) in rows.iter().zip(&used).filter(|(_, used)| **used != 0) {
        println!("  {used} times QEMU {}; the architecture: {}", row.qemu, row.text);
    }
    let text: Vec<_> = wrong.iter().map(|(key, (count, text))| format!("{count} x {key}{text}")).collect();
    assert!(wrong.is_empty(), "{}:\n{}", board.name, text.join("\n"));
    let stale: Vec<_> = rows.iter().zip(&used).filter(|(_, used)| **used == 0).map(|(row, _)| row.qemu).collect();
    assert!(stale.is_empty(), "{}: known differences that are gone: {stale:#?}", board.name);
}

#[test]
fn pseries_power8() {
    let board = pseries(Model::Power8, "power8");
    compare(&board, &cases::partition(board.model));
}

#[test]
fn pseries_power9() {
    let board = pseries(Model::Power9, "power9");
    compare(&board, &cases::partition(board.model));
}

#[test]
fn pseries_power10() {
    let board = pseries(Model::Power10, "power10");
    compare(&board, &cases::partition(board.model));
}

#[test]
fn powernv8() {
    let board = powernv(Model::Power8, "powernv8");
    compare(&board, &cases::machine(board.model));
}

#[test]
fn powernv9() {
    let board = powernv(Model::Power9, "powernv9");
    compare(&board, &cases::machine(board.model));
}

#[test]
fn powernv10() {
    let board = powernv(Model::Power10, "powernv10");
    compare(&board, &cases::machine(board.model));
}

#[test]
fn g3beige_750() {
    let board = g3beige(Model::G3, "750");
    compare(&board, &cases::classic(board.model));
}

#[test]
fn g3beige_7400() {
    let board = g3beige(Model::G4, "7400");
    compare(&board, &cases::classic(board.model));
}

#[test]
fn ppce500_e500v2() {
    let board = ppce500(Model::E500v2, "e500v2_v30");
    compare(&board, &cases::embedded(board.model));
}

#[test]
fn ppce500_e500mc() {
    let board = ppce500(Model::E500mc, "e500mc");
    compare(&board, &cases::embedded(board.model));
}
