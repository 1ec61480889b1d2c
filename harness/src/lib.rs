//! The harness: the contract with hypervisors under test, the judge, the runner and the bundled reference.

pub mod backends;
pub mod contract;
pub mod device_tree;
pub mod registers;
