//! The generated table and the semantics belong together.

use std::collections::BTreeSet;

use hypercheck_ppc::row::{Group, Privilege, Row, decode, spr};
use hypercheck_ppc::table::{ALIASES, FIELDS, MNEMONICS, PREFIXED, ROWS};
use hypercheck_ppc::{Budget, Cpu, Exit, Interrupt, Memory, Model, Program, assemble, disassemble_next, msr};

/// Harmless operands of a row.
fn operands(row: &Row) -> u32 {
    row.operands.iter().fold(0, |word, operand| {
        let field = &FIELDS[operand.field as usize];
        let value = match field.name {
            "RT" | "RS" | "FXM" => {
                if row.name == "lmw" {
                    30
                } else {
                    8
                }
            }
            "RA" | "RA0" => 4,
            "RB" => 5,
            "BO" => 20,
            "SPR" => 8,
            "TBR" => 268,
            "PMR" => 16,
            "NB" => 4,
            _ => return word,
        };
        word | field.place(value)
    })
}

/// Every row does something in every variant on every model that has it: its group knows it (an unknown operation panics
/// in a build with assertions), and with harmless operands it is not illegal; a stub raises its interrupt. What was
/// executed is what the table names.
#[test]
fn every_form_is_executed() {
    let (mut executed, mut runs) = (BTreeSet::new(), 0);
    for &(name, index, bits) in &MNEMONICS {
        let row = &ROWS[usize::from(index)];
        let word = row.value | bits | operands(row);
        for model in Model::ALL.into_iter().filter(|model| row.models & model.bit() != 0) {
            assert_eq!(
                decode(word, model).map(std::ptr::from_ref),
                Some(std::ptr::from_ref(row)),
                "{name} on {model:?}"
            );
            let (mut cpu, mut memory) = (Cpu::new(model), Memory::new(0x10000));
            if row.privilege != Privilege::Problem && model.is_server() {
                cpu.msr |= msr::HV | msr::S;
            }
            cpu.stop_on_interrupt = true;
            cpu.pc = 0x1000;
            memory.write_u32(0x1000, word, true).expect("in memory");
            let exit = cpu.run(&mut memory, Budget::instructions(1));
            let illegal = matches!(
                exit,
                Exit::Interrupt(
                    Interrupt::Program(Program::Illegal | Program::Privileged) | Interrupt::EmulationAssistance { .. }
                )
            );
            assert!(!illegal, "{name} on {model:?}: {exit:?}");
            assert!(!row.group.is_stub() || matches!(exit, Exit::Interrupt(_)), "{name} on {model:?}: {exit:?}");
            executed.insert(name);
            runs += 1;
        }
    }
    for row in PREFIXED.iter().filter(|row| !row.name.is_empty()) {
        let (mut cpu, mut memory) = (Cpu::new(Model::Power10), Memory::new(0x10000));
        cpu.stop_on_interrupt = true;
        cpu.pc = 0x1000;
        let even = if matches!(row.name, "plq" | "pstq") { 8 << 21 } else { 0 };
        memory.write_u32(0x1000, (row.value >> 32) as u32, true).expect("in memory");
        memory.write_u32(0x1004, row.value as u32 | even, true).expect("in memory");
        let exit = cpu.run(&mut memory, Budget::instructions(1));
        let stub = !matches!(row.group, Group::Load | Group::Store | Group::Arithmetic | Group::Nop);
        let illegal = exit == Exit::Interrupt(Interrupt::Program(Program::Illegal));
        assert!(!illegal && stub == matches!(exit, Exit::Interrupt(_)), "{}: {exit:?}", row.name);
        assert_eq!(cpu.pc == 0x1008, !stub, "{}", row.name);
        executed.insert(row.name);
        runs += 1;
    }
    let prefixed = PREFIXED.iter().map(|row| row.name.to_owned()).filter(|name| !name.is_empty());
    let mut forms: BTreeSet<_> = prefixed.collect();
    for row in ROWS.iter().filter(|row| !row.name.is_empty()) {
        let mut variants = row.variants;
        loop {
            let suffix = |bit: u32, text: &'static str| if variants & bit != 0 { text } else { "" };
            let last = if row.group == Group::Branch { "l" } else { "." };
            let absolute = if row.absolute { "a" } else { "" };
            forms.insert(format!("{}{}{}{}", row.name, suffix(0x400, "o"), suffix(1, last), suffix(2, absolute)));
            if variants == 0 {
                break;
            }
            variants = (variants - 1) & row.variants;
        }
    }
    assert_eq!(executed, forms.iter().map(String::as_str).collect(), "forms executed and forms in the table");
    let stubs = ROWS.iter().filter(|row| row.group.is_stub() && !row.name.is_empty()).map(|row| row.name);
    let stubs: BTreeSet<_> = stubs.collect();
    println!("{} forms of {} executed, {runs} runs; {} stubs", executed.len(), forms.len(), stubs.len());
}

#[test]
fn mnemonics_and_aliases_are_sorted_for_their_searches() {
    assert!(MNEMONICS.is_sorted_by_key(|(name, ..)| *name));
    assert!(ALIASES.is_sorted_by_key(|alias| (alias.name, alias.parameters.len())));
}

/// Every extended mnemonic assembles with its own parameters, to a word whose text assembles to the same word.
#[test]
fn every_alias_assembles() {
    for alias in &ALIASES {
        let mut text = alias.name.to_owned();
        for (index, parameter) in alias.parameters.iter().enumerate() {
            let value = match parameter.name {
                "RT" | "RS" | "RA" | "RB" => format!("r{}", 3 + index),
                "BF" => "cr1".to_owned(),
                "target" => ".+8".to_owned(),
                "n" if alias.name.ends_with("sprg") => "2".to_owned(),
                "b" => "8".to_owned(),
                _ => "5".to_owned(),
            };
            text += &match (index, parameter.memory) {
                (_, true) => format!("({value})"),
                (0, _) => format!(" {value}"),
                _ => format!(", {value}"),
            };
        }
        let words = assemble(&text, 0x1000, &|_| None).unwrap_or_else(|error| panic!("`{text}`: {error}"));
        let (back, count) = disassemble_next(&words, 0x1000);
        assert_eq!(count, words.len(), "`{text}`");
        assert_eq!(assemble(&back, 0x1000, &|_| None).as_ref(), Ok(&words), "`{text}` comes back as `{back}`");
    }
}

#[test]
fn the_models_differ_where_the_table_says() {
    let has = |text: &str, model| {
        let word = assemble(text, 0, &|_| None).expect("a word")[0];
        decode(word, model).is_some_and(|row| !row.name.is_empty() && word & row.reserved == 0)
    };
    assert!(has("ld r3, 0(r4)", Model::Power8) && !has("ld r3, 0(r4)", Model::G3));
    assert!(has("scv 0", Model::Power9) && !has("scv 0", Model::Power8));
    assert!(has("brd r3, r4", Model::Power10) && !has("brd r3, r4", Model::Power9));
    assert!(has("nap", Model::Power8) && !has("nap", Model::Power9));
    assert!(has("isel r3, r4, r5, 2", Model::E500v2) && !has("isel r3, r4, r5, 2", Model::G4));
    assert!(has("tlbia", Model::G4) && !has("tlbia", Model::G3));
    assert!(has("lwarx r3, r4, r5", Model::E500mc) && !has("lbarx r3, r4, r5", Model::E500mc));
    assert!(has("popcntw r3, r4", Model::Power8) && !has("popcntw r3, r4", Model::E500mc));
    assert!(has("mftb r3", Model::E500mc) && !has("mftb r3", Model::E500v2));
    assert!(has("wrteei 1", Model::E500mc) && !has("wrteei 1", Model::Power8));
}

/// The 970 keeps in HID4 what later servers have registers for, and watchpoints by DABR end with POWER7: Linux
/// arch/powerpc/include/asm/reg.h; Power ISA 2.06 Book III-S 4.4.4, figure 12.
#[test]
fn servers_have_the_registers_of_their_level() {
    let rows = [
        (Model::Ppc970, 3, None),
        (Model::Ppc970, 17, None),
        (Model::Power7, 3, None),
        (Model::Power7, 17, Some(("dscr", Privilege::Supervisor))),
        (Model::Power8, 3, Some(("udscr", Privilege::Problem))),
        (Model::Ppc970, 29, Some(("accr", Privilege::Supervisor))),
        (Model::Power7, 29, Some(("amr", Privilege::Supervisor))),
        (Model::Ppc970, 306, None),
        (Model::Ppc970, 309, None),
        (Model::Ppc970, 311, Some(("hior", Privilege::Hypervisor))),
        (Model::Power7, 311, None),
        (Model::Ppc970, 312, None),
        (Model::Power8, 312, Some(("rmor", Privilege::Hypervisor))),
        (Model::Power9, 312, None),
        (Model::Ppc970, 318, None),
        (Model::Power7, 318, Some(("lpcr", Privilege::Hypervisor))),
        (Model::Ppc970, 1009, Some(("hid1", Privilege::Hypervisor))),
        (Model::Ppc970, 1012, Some(("hid4", Privilege::Hypervisor))),
        (Model::Ppc970, 1014, Some(("hid5", Privilege::Hypervisor))),
        (Model::Ppc970, 1013, Some(("dabr", Privilege::Supervisor))),
        (Model::Power7, 1015, Some(("dabrx", Privilege::Hypervisor))),
        (Model::Power8, 1013, None),
    ];
    for (model, number, expected) in rows {
        let row = spr(number, model).map(|row| (row.name, row.read));
        assert_eq!(row, expected, "{model:?} {number}");
    }
}
