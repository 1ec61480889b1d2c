//! Branches. Power ISA Book I 2.4

use crate::bits::{ra, rt};
use crate::cpu::Cpu;
use crate::execute::{Outcome, Step};
use crate::interrupt::Interrupt;
use crate::msr;
use crate::table::Op;

impl Cpu {
    pub(crate) fn branch(&mut self, op: Op, word: u32) -> Outcome {
        let decrements = word & (4 << 21) == 0;
        let target = match op {
            Op::B => {
                let displacement = i64::from(((word & 0x03FF_FFFC) << 6).cast_signed() >> 6).cast_unsigned();
                if word & 2 != 0 { displacement } else { self.pc.wrapping_add(displacement) }
            }
            Op::Bc => {
                let displacement = i64::from((word & 0xFFFC) as i16).cast_unsigned();
                if word & 2 != 0 { displacement } else { self.pc.wrapping_add(displacement) }
            }
            Op::Bclr => self.lr & !3,
            Op::Bcctr if decrements => return self.invalid_form(word),
            Op::Bcctr => self.ctr & !3,
            Op::Bctar => {
                self.facility(msr::FSCR_TAR, 8)?;
                self.tar & !3
            }
            _ => return self.unknown_operation(word),
        };
        let taken = op == Op::B || self.condition_holds(rt(word), ra(word));
        if word & 1 != 0 {
            self.lr = self.effective(self.pc.wrapping_add(4));
        }
        Ok(if taken { Step::Jump(self.effective(target)) } else { Step::Next })
    }

    /// Evaluates BO and BI, and counts CTR down where BO says so. Power ISA Book I figure 40
    fn condition_holds(&mut self, bo: usize, bi: usize) -> bool {
        let mut holds = true;
        if bo & 4 == 0 {
            self.ctr = self.ctr.wrapping_sub(1) & self.model.register_mask();
            holds = (self.effective(self.ctr) == 0) == (bo & 2 != 0);
        }
        if bo & 16 == 0 {
            holds &= self.cr_bit(bi) == (bo & 8 != 0);
        }
        holds
    }

    /// Raises facility unavailable if the state may not use a facility: HFSCR for everybody below a hypervisor in memory,
    /// FSCR for problem state; their bits are at the same places. Power ISA Book III 7.2.11, 7.2.12
    pub(crate) fn facility(&self, switch: u64, cause: u8) -> Result<(), Interrupt> {
        if self.denied_by_hypervisor(switch) {
            Err(Interrupt::HypervisorFacilityUnavailable { cause })
        } else if self.msr & msr::PR != 0 && self.fscr & switch == 0 {
            Err(Interrupt::FacilityUnavailable { cause })
        } else {
            Ok(())
        }
    }
}
