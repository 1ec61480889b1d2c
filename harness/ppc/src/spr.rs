//! Special-purpose registers. Power ISA Book III 4.4.4
//!
//! Number, privilege and width are in the table; here is what reading and writing does.

use crate::bits::{rt, spr as number};
use crate::cpu::Cpu;
use crate::execute::{Outcome, Step};
use crate::interrupt::{Interrupt, Program};
use crate::model::Model;
use crate::msr;
use crate::row::{Privilege, Storage, plain, spr};
use crate::table::{Op, SPRS, Spr};

/// Bits of XER that exist: SO, OV, CA, the string count, and from 3.0 on OV32 and CA32.
const XER_BITS: u64 = 0xE000_007F;
const XER_BITS_V30: u64 = XER_BITS | 0x000C_0000;
const AMR: usize = plain(Spr::Amr);
const UAMOR: usize = plain(Spr::Uamor);
/// PPR\[PRI\], bits 11 to 13.
const PPR_PRIORITY: u64 = 7 << 50;

impl Cpu {
    pub(crate) fn move_spr(&mut self, op: Op, word: u32) -> Outcome {
        if matches!(op, Op::Mfpmr | Op::Mtpmr) {
            return self.move_performance(op, word);
        }
        if matches!(op, Op::Mfbhrbe | Op::Clrbhrb) {
            self.facility(msr::FSCR_BHRB, 4)?;
            // The branch history is empty.
            if op == Op::Mfbhrbe {
                self.set(rt(word), 0);
            }
            return Ok(Step::Next);
        }
        let number = number(word);
        let write = op == Op::Mtspr;
        if op == Op::Mftb && number != 268 && number != 269 {
            return self.invalid_form(word);
        }
        let row = spr(number, self.model);
        let privilege = row.map_or(Privilege::None, |row| if write { row.write } else { row.read });
        let Some(row) = row.filter(|_| privilege != Privilege::None) else {
            return self.undefined_spr(number, write, word);
        };
        if !self.is_privileged(privilege) {
            return Err(Interrupt::Program(Program::Privileged));
        }
        match row.spr {
            Spr::Tar => self.facility(msr::FSCR_TAR, 8)?,
            Spr::Udscr => self.facility(msr::FSCR_DSCR, 2)?,
            Spr::Bescrs | Spr::Ebbhr | Spr::Ebbrr | Spr::Bescr => self.facility(msr::FSCR_EBB, 7)?,
            // In every state, as for the instructions of transactional memory. Power ISA 2.07 Book III-S 7.2.12
            Spr::Tfhar | Spr::Tfiar | Spr::Texasr | Spr::Texasru if self.msr & msr::TM == 0 => {
                return Err(Interrupt::FacilityUnavailable { cause: 5 });
            }
            _ => {}
        }
        if write {
            let value = self.gpr[rt(word)];
            self.set_register(row.spr, row.storage, if row.bits == 32 { value & 0xFFFF_FFFF } else { value });
        } else {
            let value = self.register(row.spr, row.storage);
            self.set(rt(word), if row.bits == 32 { value & 0xFFFF_FFFF } else { value });
        }
        Ok(Step::Next)
    }

    /// A number without a register in this direction. Book III 4.4.4: in problem state a privileged-instruction interrupt
    /// where bit 0 of the field (0x10 of the number) says that it would be privileged, else emulation assistance. In
    /// supervisor state servers do nothing, but for 0 and, when read, 4, 5 and 6, which ask for emulation; the 32-bit models
    /// and the 970 take every one for illegal. 808 to 811 are reserved and do nothing in any state.
    fn undefined_spr(&self, number: u32, write: bool, word: u32) -> Outcome {
        if self.model.is_server() && (808..=811).contains(&number) {
            return Ok(Step::Next);
        }
        if self.msr & msr::PR != 0 {
            let privileged = number & 0x10 != 0;
            return Err(if privileged { Interrupt::Program(Program::Privileged) } else { self.illegal(word) });
        }
        let forbidden = number == 0 || !write && (4..=6).contains(&number);
        let nothing = self.model.is_server() && self.model != Model::Ppc970 && !forbidden;
        if nothing { Ok(Step::Next) } else { Err(self.illegal(word)) }
    }

    /// Performance monitor registers of the e500: bit 0x10 of the number is that of the privileged ones, the others are
    /// the same registers for problem state, which only reads. e500 Core Family Reference Manual 2.15
    fn move_performance(&mut self, op: Op, word: u32) -> Outcome {
        let number = number(word);
        let index = match (number & !0x13, number & 3) {
            (0, n) => n,
            (0x80, n) => 4 + n,
            (0x100, n) => 8 + n,
            (0x180, 0) => 12,
            _ => return Err(self.illegal(word)),
        } as usize;
        let (privileged, write) = (number & 0x10 != 0, op == Op::Mtpmr);
        if privileged && self.msr & msr::PR != 0 {
            return Err(Interrupt::Program(Program::Privileged));
        }
        match (write, privileged) {
            (true, true) => self.performance[index] = self.gpr[rt(word)] as u32,
            (true, false) => return Err(self.illegal(word)),
            (false, _) => self.set(rt(word), self.performance[index].into()),
        }
        Ok(Step::Next)
    }

    /// A register by name, whatever the model, the state and the privilege.
    pub fn spr(&self, which: Spr) -> u64 {
        self.register(which, storage(which))
    }

    /// Writes a register by name, with the effect of mtspr, whatever the model, the state and the privilege.
    pub fn set_spr(&mut self, which: Spr, value: u64) {
        self.set_register(which, storage(which), value);
    }

    fn register(&self, which: Spr, storage: Storage) -> u64 {
        if which == Spr::Uamr {
            return self.plain[AMR];
        }
        if let Storage::Plain(index) = storage {
            return self.plain[usize::from(index)];
        }
        if let Some(number) = ivor(which) {
            return self.ivor[number].into();
        }
        match which {
            Spr::Xer => self.xer,
            Spr::Lr => self.lr,
            Spr::Ctr => self.ctr,
            Spr::Tar => self.tar,
            Spr::Udscr | Spr::Dscr => self.dscr,
            Spr::Dsisr => self.dsisr.into(),
            Spr::Dar | Spr::Dear => self.dar,
            Spr::Dec if self.large_decrementer() => ((self.dec << 8).cast_signed() >> 8).cast_unsigned(),
            Spr::Dec => self.dec & 0xFFFF_FFFF,
            Spr::Decar => self.decar.into(),
            Spr::Srr0 => self.srr0,
            Spr::Srr1 => self.srr1,
            Spr::Hsrr0 => self.hsrr0,
            Spr::Hsrr1 => self.hsrr1,
            Spr::Csrr0 => self.csrr0,
            Spr::Csrr1 => self.csrr1,
            Spr::Mcsrr0 => self.mcsrr0,
            Spr::Mcsrr1 => self.mcsrr1,
            Spr::Dsrr0 => self.dsrr0,
            Spr::Dsrr1 => self.dsrr1,
            Spr::Sprg0 => self.sprg[0],
            Spr::Sprg1 => self.sprg[1],
            Spr::Sprg2 => self.sprg[2],
            Spr::Sprg3 => self.sprg[3],
            Spr::Sprg4 => self.sprg[4],
            Spr::Sprg5 => self.sprg[5],
            Spr::Sprg6 => self.sprg[6],
            Spr::Sprg7 => self.sprg[7],
            Spr::Tb => self.tb,
            Spr::Tbl | Spr::Atbl => self.tb & 0xFFFF_FFFF,
            Spr::Tbu | Spr::Atbu => self.tb >> 32,
            Spr::Tbu40 => self.tb & !0xFF_FFFF,
            Spr::Pvr => self.pvr.into(),
            Spr::Pir => self.pir.into(),
            Spr::Ctrl => self.ctrl.into(),
            Spr::Dabr => self.dabr,
            Spr::Ciabr => self.ciabr,
            Spr::Dawr0 => self.dawr0,
            Spr::Dawrx0 => self.dawrx0.into(),
            Spr::Lpcr => self.lpcr,
            Spr::Fscr => self.fscr,
            Spr::Ppr => self.ppr,
            Spr::Ppr32 => self.ppr >> 32,
            Spr::Vrsave => self.vrsave.into(),
            Spr::Heir => self.heir.into(),
            Spr::Hid0 => self.hid0,
            Spr::Hid1 => self.hid1,
            Spr::Esr => self.esr.into(),
            Spr::Ivpr => self.ivpr,
            Spr::Mas0 => self.mas[0],
            Spr::Mas1 => self.mas[1],
            Spr::Mas2 => self.mas[2],
            Spr::Mas3 => self.mas[3],
            Spr::Mas4 => self.mas[4],
            Spr::Mas6 => self.mas[6],
            Spr::Mas7 => self.mas[7],
            Spr::Tsr => self.tsr.into(),
            Spr::Tcr => self.tcr.into(),
            Spr::Dbsr => self.dbsr.into(),
            _ => 0,
        }
    }

    fn set_register(&mut self, which: Spr, storage: Storage, value: u64) {
        let value = value & self.model.register_mask();
        if which == Spr::Uamr {
            // AMR under its number for problem state, which UAMOR guards. Book III 6.7.13
            let open = if self.msr & msr::PR != 0 { self.plain[UAMOR] } else { u64::MAX };
            self.plain[AMR] = self.plain[AMR] & !open | value & open;
            return;
        }
        if let Storage::Plain(index) = storage {
            self.plain[usize::from(index)] = value;
            return;
        }
        if let Some(number) = ivor(which) {
            self.ivor[number] = value as u32 & 0xFFF0;
            return;
        }
        let low = value as u32;
        match which {
            Spr::Xer => self.xer = value & if self.model.is_v30() { XER_BITS_V30 } else { XER_BITS },
            Spr::Lr => self.lr = value,
            Spr::Ctr => self.ctr = value,
            Spr::Tar => self.tar = value,
            Spr::Udscr | Spr::Dscr => self.dscr = value,
            Spr::Dsisr => self.dsisr = low,
            Spr::Dar | Spr::Dear => self.dar = value,
            Spr::Dec if self.large_decrementer() => self.dec = value & ((1 << 56) - 1),
            Spr::Dec => {
                // On classic models the step of the sign from 0 to 1 is an exception, also by mtspr.
                let rises = self.dec & 1 << 31 == 0 && value & 1 << 31 != 0;
                self.decrementer_pending |= self.model.is_classic() && rises;
                self.dec = low.into();
            }
            Spr::Decar => self.decar = low,
            Spr::Srr0 => self.srr0 = value,
            Spr::Srr1 => self.srr1 = value,
            Spr::Hsrr0 => self.hsrr0 = value,
            Spr::Hsrr1 => self.hsrr1 = value,
            Spr::Csrr0 => self.csrr0 = value,
            Spr::Csrr1 => self.csrr1 = value,
            Spr::Mcsrr0 => self.mcsrr0 = value,
            Spr::Mcsrr1 => self.mcsrr1 = value,
            Spr::Dsrr0 => self.dsrr0 = value,
            Spr::Dsrr1 => self.dsrr1 = value,
            Spr::Sprg0 => self.sprg[0] = value,
            Spr::Sprg1 => self.sprg[1] = value,
            Spr::Sprg2 => self.sprg[2] = value,
            Spr::Sprg3 => self.sprg[3] = value,
            Spr::Sprg4 => self.sprg[4] = value,
            Spr::Sprg5 => self.sprg[5] = value,
            Spr::Sprg6 => self.sprg[6] = value,
            Spr::Sprg7 => self.sprg[7] = value,
            Spr::Tb => self.tb = value,
            Spr::Tbl => self.tb = self.tb & !0xFFFF_FFFF | u64::from(low),
            Spr::Tbu => self.tb = self.tb & 0xFFFF_FFFF | u64::from(low) << 32,
            Spr::Tbu40 => self.tb = self.tb & 0xFF_FFFF | value & !0xFF_FFFF,
            Spr::Pvr => self.pvr = low,
            Spr::Pir => self.pir = low,
            Spr::Ctrl => self.ctrl = low,
            Spr::Dabr => self.dabr = value,
            Spr::Ciabr => self.ciabr = value,
            Spr::Dawr0 => self.dawr0 = value,
            Spr::Dawrx0 => self.dawrx0 = low,
            Spr::Lpcr => self.lpcr = value,
            Spr::Fscr => self.fscr = value,
            Spr::Ppr => self.ppr = value & PPR_PRIORITY,
            Spr::Ppr32 => self.ppr = value << 32 & PPR_PRIORITY,
            Spr::Vrsave => self.vrsave = low,
            Spr::Heir => self.heir = low,
            Spr::Hid0 => self.hid0 = value,
            Spr::Hid1 => self.hid1 = value,
            Spr::Esr => self.esr = low,
            Spr::Ivpr => self.ivpr = value & !0xFFFF,
            Spr::Mas0 => self.mas[0] = value,
            Spr::Mas1 => self.mas[1] = value,
            Spr::Mas2 => self.mas[2] = value,
            Spr::Mas3 => self.mas[3] = value,
            Spr::Mas4 => self.mas[4] = value,
            Spr::Mas6 => self.mas[6] = value,
            Spr::Mas7 => self.mas[7] = value,
            // Status registers: a one clears its bit. Power ISA 2.07 Book III-E 9.6, 10.5.1
            Spr::Tsr => self.tsr &= !low,
            Spr::Tcr => self.tcr = low,
            Spr::Dbsr => self.dbsr &= !low,
            _ => {}
        }
    }
}

fn storage(which: Spr) -> Storage {
    SPRS.iter().find(|row| row.spr == which).map_or(Storage::Field, |row| row.storage)
}

/// The number of an interrupt vector offset register.
fn ivor(which: Spr) -> Option<usize> {
    Some(match which {
        Spr::Ivor0 => 0,
        Spr::Ivor1 => 1,
        Spr::Ivor2 => 2,
        Spr::Ivor3 => 3,
        Spr::Ivor4 => 4,
        Spr::Ivor5 => 5,
        Spr::Ivor6 => 6,
        Spr::Ivor7 => 7,
        Spr::Ivor8 => 8,
        Spr::Ivor9 => 9,
        Spr::Ivor10 => 10,
        Spr::Ivor11 => 11,
        Spr::Ivor12 => 12,
        Spr::Ivor13 => 13,
        Spr::Ivor14 => 14,
        Spr::Ivor15 => 15,
        Spr::Ivor32 => 32,
        Spr::Ivor33 => 33,
        Spr::Ivor34 => 34,
        Spr::Ivor35 => 35,
        Spr::Ivor36 => 36,
        Spr::Ivor37 => 37,
        _ => return None,
    })
}
