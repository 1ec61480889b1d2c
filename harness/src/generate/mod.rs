//! Inputs for fuzzers, drawn from the spec, and what is done with them. Nothing here knows a particular fuzzer: an
//! input is made from bytes, whoever chose them.
//!
//! ```text
//! menu       the machines of a backend and the calls that each offers
//! values     values of an argument: valid, at an edge, with a bit flipped, any
//! input      bytes -> calls one after another in one guest
//! bench      makes the calls, judges them by all four oracles
//! case       an input -> a case in YAML that shows the same
//! stream     bytes -> instructions for the PowerPC core
//! track      runs them several ways and compares
//! noise      bytes from a seed, where no fuzzer is at hand
//! ```
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use hypercheck::generate::{Bench, noise};
//! # let library = hypercheck_spec::library::Library::default();
//! # let hypervisor: Box<dyn hypercheck::contract::Hypervisor> = todo!();
//! let mut bench = Bench::new(&library, hypervisor)?;
//! for seed in 0..10_000 {
//!     if let Some(finding) = bench.try_bytes(&noise(seed, 512))?.finding {
//!         println!("{}", finding.report());
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod bench;
mod case;
mod input;
mod menu;
mod noise;
mod stream;
mod track;
mod values;

pub use bench::{Bench, Finding, Tried};
pub use input::{Attempt, Input};
pub use menu::{Entry, Menu, Offer, Site};
pub use noise::noise;
pub use stream::Stream;
pub use track::Track;

#[cfg(test)]
mod tests;
