//! Hypervisors that the suite knows how to drive.

pub mod qemu;
