//! Cache management. Power ISA Book II 4.3
//!
//! There is no cache: what remains is the clearing of a block, and the storage interrupts of instructions that are treated
//! as loads or stores. Hints (dcbt, dcbtst, icbt) never raise any.

use crate::bits::rb;
use crate::cpu::{Cpu, XER_SO};
use crate::execute::{Outcome, Step};
use crate::interrupt::Interrupt;
use crate::memory::Memory;
use crate::msr;
use crate::table::Op;
use crate::translate::Access;

impl Cpu {
    pub(crate) fn cache(&mut self, memory: &mut Memory, op: Op, word: u32) -> Outcome {
        let address = self.indexed(word);
        match op {
            Op::Dcbz | Op::Dcbzep => self.clear_block(memory, address, self.model.cache_block())?,
            Op::Icbi | Op::Dcbf | Op::Dcbst | Op::Icbiep | Op::Dcbfep | Op::Dcbstep => {
                self.probe(memory, address, Access::Load)?
            }
            Op::Dcbi => self.probe(memory, address, Access::Store)?,
            // dcba may be treated as no operation. Book II 4.3.2 of Power ISA 2.07
            Op::Dcbt | Op::Dcbtst | Op::Icbt | Op::Dcba | Op::Dcbtep | Op::Dcbtstep => {}
            // Streams of the data cache are hints. AltiVec Technology Programming Environments Manual 5.2.1
            Op::Dst | Op::Dstt | Op::Dstst | Op::Dststt | Op::Dss | Op::Dssall => {}
            // A decoration without data: memory ignores it.
            Op::Dsn => self.probe(memory, self.gpr[rb(word)], Access::Store)?,
            _ => return self.lock(memory, op, word),
        }
        Ok(Step::Next)
    }

    /// Locks of cache lines and branch targets: there is nothing to lock, but problem state needs MSR\[UCLE\] or
    /// MSR\[UBLE\]. Power ISA 2.07 Book III-E 6.11.4; e500 Core Family Reference Manual 3.3.1.8
    fn lock(&mut self, memory: &mut Memory, op: Op, word: u32) -> Outcome {
        let branch = matches!(op, Op::Bblels | Op::Bbelr);
        let address = if branch { self.pc } else { self.effective(self.indexed(word)) };
        let allowed = if branch { msr::UBLE } else { msr::UCLE };
        if self.msr & msr::PR != 0 && self.msr & allowed == 0 {
            return Err(Interrupt::DataStorage { address, status: 0 });
        }
        match op {
            Op::Dcbtls | Op::Dcbtstls | Op::Icbtls => self.probe(memory, address, Access::Load)?,
            Op::Dcblc | Op::Icblc | Op::Bblels | Op::Bbelr => {}
            // CR0 says whether the line was locked, which it never is.
            Op::DcblqDot | Op::IcblqDot => {
                self.probe(memory, address, Access::Load)?;
                self.set_cr(0, u32::from(self.xer & XER_SO != 0));
            }
            _ => return self.unknown_operation(word),
        }
        Ok(Step::Next)
    }
}
