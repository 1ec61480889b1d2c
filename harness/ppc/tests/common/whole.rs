//! A processor on which a whole machine runs, its hypervisor included.

use hypercheck_ppc::{Cpu, Hypervisor, Model};

/// Where it is about to run code.
pub const CODE: u64 = 0x1_0000;

/// Such a processor, about to run code in a state.
pub fn whole(model: Model, state: u64) -> Cpu {
    let mut cpu = Cpu::new(model);
    cpu.hypervisor = Hypervisor::Guest;
    (cpu.msr, cpu.pc) = (state, CODE);
    cpu
}
