//! The harness: the contract with hypervisors under test, the judge, the runner and the bundled reference.

mod assembly;
pub mod backends;
pub mod contract;
pub mod derive;
pub mod device_tree;
pub mod faults;
pub mod generate;
pub mod judge;
pub mod patches;
pub mod plan;
pub mod program;
pub mod reference;
pub mod registers;
pub mod runner;
pub mod scenario;
pub mod session;
mod translation;
pub mod tree;
