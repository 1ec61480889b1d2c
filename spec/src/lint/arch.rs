//! Checks of an architecture.

use std::collections::BTreeSet;

use super::{Report, named_for, place, sources, suggest};
use crate::arch::{Arch, names};
use crate::library::Read;
use crate::slots::Slots;

/// How many registers a set of register values can hold.
const MOST_REGISTERS: usize = 96;

pub(super) fn check(read: &Read<Arch>, report: &mut Report) {
    let arch = &read.value;
    named_for(read, "arch", &arch.arch, report);
    sources::arch(read, report);
    registers(read, report);
    modes(read, report);
    initial(read, report);
    traps(read, report);
    interrupt_writes(read, report);
}

fn registers(read: &Read<Arch>, report: &mut Report) {
    let arch = &read.value;
    let count = arch.expand().len();
    if count > MOST_REGISTERS {
        let message = format!("{count} registers, and there is room for {MOST_REGISTERS}");
        report.error(place::at(read, (1, 1), &["registers:"], message).hint("leave out those that no case looks at"));
    }
    let mut seen = BTreeSet::new();
    for (entry, register) in &arch.registers {
        for name in names(entry) {
            if !seen.insert(name.clone()) {
                let message = format!("a second register `{name}`");
                report.error(place::key(read, register, entry, message).hint("take it out of one of the two entries"));
            }
        }
        let width = register.width.unwrap_or(arch.width);
        for (field, bits) in &register.fields {
            if bits.high >= width {
                let message = format!("field `{field}` is bits {bits} of a register of {width} bits");
                report.error(
                    place::at(read, place::of(register), &["fields:", field], message)
                        .hint("count bits from the least significant one (0), unlike the Power ISA"),
                );
            }
        }
    }
}

fn modes(read: &Read<Arch>, report: &mut Report) {
    let slots = Slots::of(&read.value);
    for (name, mode) in &read.value.modes {
        for (field, value) in &mode.sets {
            let place = place::of(mode);
            let Some(slot) = slots.get(field) else {
                let message = format!("mode `{name}` sets `{field}`, which is no register or field");
                report.error(place::at(read, place, &[field], message).hint(suggest(field, slots.names())));
                continue;
            };
            if value.0 > slot.bits.mask() >> slot.bits.low {
                let message = format!("mode `{name}` sets `{field}` to {value}, more than its bits {} hold", slot.bits);
                report.error(place::at(read, place, &[field], message).hint("correct the value or the field's bits"));
            }
        }
    }
}

fn initial(read: &Read<Arch>, report: &mut Report) {
    let slots = Slots::of(&read.value);
    for (name, value) in &read.value.initial {
        let at = |message: String| place::at(read, (1, 1), &["initial:", &format!("{name}:")], message);
        match slots.get(name) {
            None => {
                let message = format!("`{name}`, which is given a value, is no register or field");
                report.error(at(message).hint(suggest(name, slots.names())));
            }
            Some(slot) if value.0 > slot.bits.mask() >> slot.bits.low => {
                let message = format!("`{name}` is given {value}, more than its bits {} hold", slot.bits);
                report.error(at(message).hint("correct the value or the register's width"));
            }
            Some(_) => {}
        }
    }
}

fn interrupt_writes(read: &Read<Arch>, report: &mut Report) {
    let slots = Slots::of(&read.value);
    for write in &read.value.interrupt_writes {
        for name in write.at.names().into_iter().filter(|name| slots.get(name).is_none()) {
            let message = format!("nothing is called `{name}` here");
            let hint = suggest(name, slots.names());
            report.error(place::at(read, place::of(write), &["at:", name], message).hint(hint));
        }
    }
}

fn traps(read: &Read<Arch>, report: &mut Report) {
    for (name, trap) in &read.value.traps {
        let fields = trap.fields.values().fold(0, |mask, bits| mask | bits.mask());
        for (mask, what, hint) in [
            (trap.word.0 & trap.reserved.0, "its word sets bits", "a reserved bit is zero in a valid encoding"),
            (fields & trap.reserved.0, "its fields hold bits", "a bit is either part of a field or reserved"),
        ] {
            if mask != 0 {
                let message = format!("trap `{name}`: {what} {mask:#x} that `reserved` names");
                report.error(place::at(read, place::of(trap), &["reserved:"], message).hint(hint));
            }
        }
        if let Some(field) = trap.decides.as_ref().filter(|field| !trap.fields.contains_key(*field)) {
            let message = format!("trap `{name}`: no field `{field}` that could decide");
            let hint = suggest(field, trap.fields.keys().map(String::as_str));
            report.error(place::at(read, place::of(trap), &["decides:", field], message).hint(hint));
        }
        if trap.word.0 & fields != 0 {
            let message = format!("trap `{name}`: its word sets bits {:#x} of its fields", trap.word.0 & fields);
            report
                .error(place::at(read, place::of(trap), &["word:"], message).hint("write the word with all fields 0"));
        }
    }
}
