//! Which of the architecture's registers is which doubleword of a record.

use super::mailbox::{
    CR, CTR, DAR, DEC, DSISR, FSCR, GPR, LR, MSR, PC, Record, SLOTS, SPRG0, SRR0, SRR1, TAR, VRSAVE, XER,
};
use crate::registers::{MAX, RegisterFile, RegisterId, Registers};

const NONE: u8 = u8::MAX;

/// Registers by doubleword and the other way round.
#[derive(Debug)]
pub struct Frame {
    /// By doubleword.
    registers: [Option<(RegisterId, u64)>; SLOTS],
    /// By register.
    slots: [u8; MAX],
}

impl Frame {
    /// Finds the registers of `file` by name. Those that the agent does not know stay absent.
    #[must_use]
    pub fn new(file: &RegisterFile) -> Self {
        let mut frame = Self { registers: [None; SLOTS], slots: [NONE; MAX] };
        for id in file.ids() {
            let Some(slot) = slot(file.name(id)) else { continue };
            frame.registers[slot] = Some((id, file.mask(id)));
            frame.slots[usize::from(id.0)] = u8::try_from(slot).unwrap_or(NONE);
        }
        frame
    }

    /// Puts registers into a record. Gives the doublewords that were set, bit n for n.
    pub fn put(&self, registers: &Registers, into: &mut Record) -> u64 {
        let mut set = 0;
        for (id, value) in registers.iter() {
            let slot = self.slots[usize::from(id.0)];
            if slot != NONE {
                into[usize::from(slot)] = value;
                set |= 1 << slot;
            }
        }
        set
    }

    /// Takes the registers whose doublewords are `known` out of a record.
    pub fn take(&self, record: &Record, known: u64, into: &mut Registers) {
        into.clear();
        for (slot, (register, value)) in self.registers.iter().zip(record).enumerate() {
            if let Some((id, mask)) = register
                && known >> slot & 1 == 1
            {
                into.set(*id, value & mask);
            }
        }
    }
}

fn slot(name: &str) -> Option<usize> {
    let numbered = |prefix: &str, first: usize, many: usize| {
        let n: usize = name.strip_prefix(prefix)?.parse().ok()?;
        (n < many).then_some(first + n)
    };
    match name {
        "cr" => Some(CR),
        "lr" => Some(LR),
        "ctr" => Some(CTR),
        "xer" => Some(XER),
        "msr" => Some(MSR),
        "pc" => Some(PC),
        "dar" => Some(DAR),
        "dsisr" => Some(DSISR),
        "dec" => Some(DEC),
        "srr0" => Some(SRR0),
        "srr1" => Some(SRR1),
        "vrsave" => Some(VRSAVE),
        "tar" => Some(TAR),
        "fscr" => Some(FSCR),
        _ => numbered("r", GPR, 32).or_else(|| numbered("sprg", SPRG0, 4)),
    }
}
