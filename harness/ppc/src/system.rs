//! System calls, returns from interrupts, the machine state register, synchronisation.
//!
//! Power ISA Book III 3.3 and 5.4.4, Book II 4.6; Power ISA 2.07 Book III-E 5.4.

use crate::bits::rt;
use crate::cpu::Cpu;
use crate::execute::{Outcome, Step};
use crate::interrupt::{Hypervisor, Interrupt, Program};
use crate::msr::{self, EE, RI};
use crate::table::{Op, Spr};

impl Cpu {
    pub(crate) fn system(&mut self, op: Op, word: u32) -> Outcome {
        let s = self.gpr[rt(word)];
        match op {
            Op::Isync | Op::Sync | Op::Eieio | Op::Mbar => {}
            Op::Sc => return Ok(Step::SystemCall(level(word))),
            Op::Scv if self.fscr & msr::FSCR_SCV == 0 => {
                return Err(Interrupt::FacilityUnavailable { cause: 12 });
            }
            Op::Scv => return Ok(Step::SystemCallVectored(level(word))),
            Op::Ehpriv if self.hypervisor == Hypervisor::Guest => return Err(Interrupt::HypervisorPrivilege),
            Op::Ehpriv => return Ok(Step::HypervisorPrivilege((word >> 11) as u16 & 0x7FFF)),
            Op::Wait | Op::Stop | Op::Doze | Op::Nap | Op::Sleep | Op::Rvwinkle => {
                return Ok(Step::Wait);
            }
            Op::Rfid => return Ok(self.return_server(self.srr0, self.srr1)),
            Op::Hrfid => return Ok(self.return_server(self.hsrr0, self.hsrr1)),
            Op::Rfscv => return Ok(self.return_server(self.lr, self.ctr)),
            Op::Urfid if self.msr & msr::S == 0 => return Err(Interrupt::Program(Program::Privileged)),
            // The ultravisor's registers USRR0 and USRR1 are those of the hypervisor here.
            Op::Urfid => return Ok(self.return_server(self.hsrr0, self.hsrr1)),
            Op::Rfebb => return self.return_from_event(word),
            // A guest's own SRR0 and SRR1 are what the guest registers are to its hypervisor. Power ISA 2.07 Book III-E 5.4.1
            Op::Rfgi if self.msr & msr::GS != 0 => return Ok(self.return_narrow(self.srr0, self.srr1)),
            Op::Rfgi => {
                let (to, state) = (self.spr(Spr::Gsrr0), self.spr(Spr::Gsrr1));
                return Ok(self.return_narrow(to, state));
            }
            Op::Rfi => return Ok(self.return_narrow(self.srr0, self.srr1)),
            Op::Rfci => return Ok(self.return_narrow(self.csrr0, self.csrr1)),
            Op::Rfmci => return Ok(self.return_narrow(self.mcsrr0, self.mcsrr1)),
            Op::Rfdi => return Ok(self.return_narrow(self.dsrr0, self.dsrr1)),
            Op::Mfmsr => self.set(rt(word), self.msr),
            Op::Mtmsr | Op::Mtmsrd if self.model.is_server() => {
                self.msr = if word & 1 << 16 != 0 {
                    self.msr & !(EE | RI) | s & (EE | RI)
                } else {
                    msr::moved_server(self.model, self.msr, s, op == Op::Mtmsrd)
                };
                return Ok(self.after_mode_change());
            }
            Op::Mtmsr => {
                self.msr = msr::moved_narrow(self.model, self.msr, s);
                if self.msr & (msr::POW | msr::WE) != 0 {
                    // The bit is consumed by the wait: whoever resumes the processor finds it awake.
                    self.msr &= !msr::POW;
                    return Ok(Step::Wait);
                }
            }
            Op::Wrtee => self.msr = self.msr & !EE | s & EE,
            Op::Wrteei => self.msr = self.msr & !EE | u64::from(word) & EE,
            _ => return self.unknown_operation(word),
        }
        Ok(Step::Next)
    }

    /// The next instruction in what may now be another address width.
    fn after_mode_change(&self) -> Step {
        Step::Jump(self.effective(self.pc.wrapping_add(4)))
    }

    /// rfebb: GE of BESCR is S, and EBBRR says where to go on. Power ISA 2.07 Book II 7.3
    fn return_from_event(&mut self, word: u32) -> Outcome {
        self.facility(msr::FSCR_EBB, 7)?;
        let control = self.spr(Spr::Bescr) & !(1 << 63) | u64::from(word >> 11 & 1) << 63;
        self.set_spr(Spr::Bescr, control);
        Ok(Step::Jump(self.effective(self.spr(Spr::Ebbrr) & !3)))
    }

    fn return_server(&mut self, to: u64, state: u64) -> Step {
        self.msr = msr::returned_server(self.model, self.msr, state);
        Step::Return(self.effective(to & !3))
    }

    fn return_narrow(&mut self, to: u64, state: u64) -> Step {
        self.msr = msr::returned_narrow(self.model, self.msr, state);
        Step::Return(to & 0xFFFF_FFFC)
    }
}

/// LEV: bits 20-26.
fn level(word: u32) -> u8 {
    (word >> 5) as u8 & 0x7F
}
