//! Where the registers of an architecture's file are in the core.
//!
//! The names are looked up once; after that a register is a number.

use std::sync::Arc;

use hypercheck_ppc::Cpu;

use crate::registers::{RegisterFile, RegisterId, Registers};

/// A place in the core.
#[derive(Debug, Clone, Copy)]
enum Place {
    General(u8),
    Special(u8),
    Segment(u8),
    Assist(u8),
    Cr,
    Lr,
    Ctr,
    Xer,
    Pc,
    Msr,
    Srr0,
    Srr1,
    Hsrr0,
    Hsrr1,
    Dar,
    Dsisr,
    Dabr,
    Dabrx,
    Ciabr,
    Dawr0,
    Dawrx0,
    Lpcr,
    Fscr,
    Pir,
    Pvr,
    Dec,
    Tb,
    Vrsave,
    Tar,
    Ppr,
    Esr,
    Ivpr,
}

impl Place {
    /// The place of a register, if the model has it.
    fn of(name: &str, cpu: &Cpu) -> Option<Self> {
        let indexed = |stem: &str, end: u8| name.strip_prefix(stem)?.parse().ok().filter(|&n| n < end);
        let (server, embedded) = (cpu.model.is_server(), cpu.model.is_embedded());
        Some(match name {
            "cr" => Self::Cr,
            "lr" => Self::Lr,
            "ctr" => Self::Ctr,
            "xer" => Self::Xer,
            "pc" => Self::Pc,
            "msr" => Self::Msr,
            "srr0" => Self::Srr0,
            "srr1" => Self::Srr1,
            "hsrr0" if server => Self::Hsrr0,
            "hsrr1" if server => Self::Hsrr1,
            "dar" if !embedded => Self::Dar,
            "dear" if embedded => Self::Dar,
            "dsisr" if !embedded => Self::Dsisr,
            "dabr" if !embedded => Self::Dabr,
            "dabrx" if server => Self::Dabrx,
            "ciabr" if server => Self::Ciabr,
            "dawr0" if server => Self::Dawr0,
            "dawrx0" if server => Self::Dawrx0,
            "lpcr" if server => Self::Lpcr,
            "fscr" if server => Self::Fscr,
            "pir" => Self::Pir,
            "pvr" => Self::Pvr,
            "dec" => Self::Dec,
            "tb" => Self::Tb,
            "vrsave" => Self::Vrsave,
            "tar" if server => Self::Tar,
            "ppr" if server => Self::Ppr,
            "esr" if embedded => Self::Esr,
            "ivpr" if embedded => Self::Ivpr,
            _ => {
                if let Some(n) = indexed("sprg", if embedded { 8 } else { 4 }) {
                    Self::Special(n)
                } else if let Some(n) = indexed("sr", 16).filter(|_| cpu.model.is_classic()) {
                    Self::Segment(n)
                } else if let Some(n) = indexed("mas", 8).filter(|_| embedded) {
                    Self::Assist(n)
                } else {
                    Self::General(indexed("r", 32)?)
                }
            }
        })
    }

    #[inline]
    fn read(self, cpu: &Cpu) -> u64 {
        match self {
            Self::General(n) => cpu.gpr[usize::from(n & 31)],
            Self::Special(n) => cpu.sprg[usize::from(n & 7)],
            Self::Segment(n) => cpu.sr[usize::from(n & 15)].into(),
            Self::Assist(n) => cpu.mas[usize::from(n & 7)],
            Self::Cr => cpu.cr.into(),
            Self::Lr => cpu.lr,
            Self::Ctr => cpu.ctr,
            Self::Xer => cpu.xer,
            Self::Pc => cpu.pc,
            Self::Msr => cpu.msr,
            Self::Srr0 => cpu.srr0,
            Self::Srr1 => cpu.srr1,
            Self::Hsrr0 => cpu.hsrr0,
            Self::Hsrr1 => cpu.hsrr1,
            Self::Dar => cpu.dar,
            Self::Dsisr => cpu.dsisr.into(),
            Self::Dabr => cpu.dabr,
            Self::Dabrx => cpu.dabrx.into(),
            Self::Ciabr => cpu.ciabr,
            Self::Dawr0 => cpu.dawr0,
            Self::Dawrx0 => cpu.dawrx0.into(),
            Self::Lpcr => cpu.lpcr,
            Self::Fscr => cpu.fscr,
            Self::Pir => cpu.pir.into(),
            Self::Pvr => cpu.pvr.into(),
            Self::Dec => cpu.dec,
            Self::Tb => cpu.tb,
            Self::Vrsave => cpu.vrsave.into(),
            Self::Tar => cpu.tar,
            Self::Ppr => cpu.ppr,
            Self::Esr => cpu.esr.into(),
            Self::Ivpr => cpu.ivpr,
        }
    }

    /// `value` fits the register. The processor's version cannot be set.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "registers of 32 bits, to which the caller cuts the value")]
    fn write(self, cpu: &mut Cpu, value: u64) {
        match self {
            Self::General(n) => cpu.gpr[usize::from(n & 31)] = value,
            Self::Special(n) => cpu.sprg[usize::from(n & 7)] = value,
            Self::Segment(n) => cpu.sr[usize::from(n & 15)] = value as u32,
            Self::Assist(n) => cpu.mas[usize::from(n & 7)] = value,
            Self::Cr => cpu.cr = value as u32,
            Self::Lr => cpu.lr = value,
            Self::Ctr => cpu.ctr = value,
            Self::Xer => cpu.xer = value,
            Self::Pc => cpu.pc = value,
            Self::Msr => cpu.msr = value & cpu.model.msr_bits(),
            Self::Srr0 => cpu.srr0 = value,
            Self::Srr1 => cpu.srr1 = value,
            Self::Hsrr0 => cpu.hsrr0 = value,
            Self::Hsrr1 => cpu.hsrr1 = value,
            Self::Dar => cpu.dar = value,
            Self::Dsisr => cpu.dsisr = value as u32,
            Self::Dabr => cpu.dabr = value,
            Self::Dabrx => cpu.dabrx = value as u32,
            Self::Ciabr => cpu.ciabr = value,
            Self::Dawr0 => cpu.dawr0 = value,
            Self::Dawrx0 => cpu.dawrx0 = value as u32,
            Self::Lpcr => cpu.lpcr = value,
            Self::Fscr => cpu.fscr = value,
            Self::Pir => cpu.pir = value as u32,
            Self::Pvr => {}
            Self::Dec => cpu.dec = value,
            Self::Tb => cpu.tb = value,
            Self::Vrsave => cpu.vrsave = value as u32,
            Self::Tar => cpu.tar = value,
            Self::Ppr => cpu.ppr = value,
            Self::Esr => cpu.esr = value as u32,
            Self::Ivpr => cpu.ivpr = value,
        }
    }
}

/// The places of a file's registers, in the file's order.
#[derive(Debug)]
pub(super) struct Places {
    file: Arc<RegisterFile>,
    places: Vec<(RegisterId, u64, Place)>,
    by_id: Vec<Option<Place>>,
    general: [Option<RegisterId>; 32],
}

impl Places {
    /// Those of `file` that the model has.
    pub(super) fn new(file: Arc<RegisterFile>, cpu: &Cpu) -> Self {
        let by_id: Vec<_> = file.ids().map(|id| Place::of(file.name(id), cpu)).collect();
        let places = file.ids().zip(&by_id).filter_map(|(id, place)| Some((id, file.mask(id), (*place)?))).collect();
        let general = std::array::from_fn(|n| file.id(&format!("r{n}")));
        Self { file, places, by_id, general }
    }

    /// Gets every register.
    pub(super) fn get(&self, cpu: &Cpu, into: &mut Registers) {
        into.clear();
        for &(id, mask, place) in &self.places {
            into.set(id, place.read(cpu) & mask);
        }
    }

    /// Sets those that are present.
    pub(super) fn set(&self, cpu: &mut Cpu, from: &Registers) {
        for (id, value) in from.iter() {
            if let Some(Some(place)) = self.by_id.get(usize::from(id.0)) {
                place.write(cpu, value & self.file.mask(id));
            }
        }
    }

    /// The general registers `from..to` alone.
    pub(super) fn general(&self, cpu: &Cpu, range: std::ops::Range<usize>) -> Registers {
        let mut registers = Registers::default();
        for n in range {
            if let Some(id) = self.general[n] {
                registers.set(id, cpu.gpr[n]);
            }
        }
        registers
    }

    /// Sets the general registers of a range that are present, and no other register.
    pub(super) fn set_general(&self, cpu: &mut Cpu, range: std::ops::Range<usize>, from: &Registers) {
        for n in range {
            if let Some(id) = self.general[n]
                && let Some(value) = from.get(id)
            {
                cpu.gpr[n] = value & self.file.mask(id);
            }
        }
    }
}
