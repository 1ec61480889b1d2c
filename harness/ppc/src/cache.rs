//! Cache management. Power ISA Book II 4.3
//!
//! There is no cache: what remains is the clearing of a block, and the storage interrupts of instructions that are treated
//! as loads or stores. Hints (dcbt, dcbtst, icbt) never raise any.

use crate::cpu::Cpu;
use crate::execute::{Outcome, Step};
use crate::memory::Memory;
use crate::table::Op;
use crate::translate::Access;

impl Cpu {
    pub(crate) fn cache(&mut self, memory: &mut Memory, op: Op, word: u32) -> Outcome {
        let address = self.indexed(word);
        match op {
            Op::Dcbz => self.clear_block(memory, address, self.model.cache_block())?,
            Op::Icbi | Op::Dcbf | Op::Dcbst => self.probe(memory, address, Access::Load)?,
            Op::Dcbi => self.probe(memory, address, Access::Store)?,
            // dcba may be treated as no operation. Book II 4.3.2 of Power ISA 2.07
            Op::Dcbt | Op::Dcbtst | Op::Icbt | Op::Dcba => {}
            _ => return self.unknown_operation(word),
        }
        Ok(Step::Next)
    }
}
