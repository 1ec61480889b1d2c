//! The harness: the contract with hypervisors under test, the judge, the runner and the bundled reference.

pub mod contract;
pub mod reference;
pub mod registers;
