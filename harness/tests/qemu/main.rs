//! The backend `qemu-pseries` against the QEMU that is installed. Without one the tests say so and pass;
//! `HYPERCHECK_REQUIRE=qemu` makes them fail.
#![cfg(unix)]

mod agent;
mod calls;
mod ends;
mod memory;
mod support;
