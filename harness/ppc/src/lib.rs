//! The reference PowerPC core of hypercheck.
//!
//! An instruction-level model of 32-bit and 64-bit PowerPC processors, deterministic and without dependencies: the same
//! registers and memory always give the same result, time passes with instructions. A hypervisor model drives it:
//!
//! ```
//! use hypercheck_ppc::{Budget, Cpu, Exit, Memory, Model, assemble};
//!
//! let mut memory = Memory::new(0x1_0000);
//! let words = assemble("li r3, 42\n sc 1", 0x100, &|_| None).unwrap();
//! for (at, word) in (0x100..).step_by(4).zip(words) {
//!     memory.write_u32(at, word, true).unwrap();
//! }
//! let mut cpu = Cpu::new(Model::Power9);
//! cpu.pc = 0x100;
//! assert_eq!(cpu.run(&mut memory, Budget::instructions(100)), Exit::SystemCall { lev: 1 });
//! assert_eq!((cpu.gpr[3], cpu.pc), (42, 0x108));
//! ```
//!
//! `table.rs` is generated from `spec/isa/powerpc.yaml`; one file an instruction family holds the semantics.
#![forbid(unsafe_code)]

mod access;
mod arithmetic;
pub mod asm;
mod atomic;
mod bits;
mod branch;
mod cache;
mod compare;
mod condition;
mod cpu;
mod decimal;
mod delivery;
pub mod disasm;
mod doorbell;
mod embedded;
mod execute;
mod fast;
mod hash;
mod interrupt;
mod load_store;
mod logical;
mod memory;
mod message;
mod model;
pub mod msr;
mod overlay;
mod prefixed;
mod reservation;
mod rotate;
pub mod row;
mod run;
mod segment;
mod spr;
mod system;
#[rustfmt::skip]
pub mod table;
mod timer;
mod translate;
pub mod undefined;

pub use asm::{AsmError, assemble};
pub use cpu::{Cpu, Reservation, ReservedBits, SlbEntry};
pub use disasm::{disassemble, disassemble_base, disassemble_next};
pub use doorbell::Doorbell;
pub use interrupt::{Hypervisor, Interrupt, Program};
pub use memory::{BLOCK, DirtyBlock, Memory, OutOfRange};
pub use model::Model;
pub use overlay::{Overlay, SHARED_SIZE};
pub use run::{Budget, Caching, Exit};
pub use translate::{Access, HashTable, Mapping, Tlb, TlbEntry, Translation};
