//! The hypercall ABIs as data, and the one reader of that data.
#![forbid(unsafe_code)]

pub mod abi;
pub mod arch;
pub mod case;
pub mod collisions;
pub mod expr;
pub mod isa;
pub mod library;
pub mod lint;
pub mod ranges;
pub mod schema;
mod slots;
pub mod word;
pub mod yaml;
