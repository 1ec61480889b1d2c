//! Tests that need GNU binutils for powerpc64.

use std::process::Command;

/// Whether a program of GNU binutils can run. Says so where it cannot, and fails where the environment insists on it.
pub fn is_installed(program: &str) -> bool {
    if Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success()) {
        return true;
    }
    let required = std::env::var("HYPERCHECK_REQUIRE").is_ok_and(|list| list.contains("binutils"));
    assert!(!required, "HYPERCHECK_REQUIRE names binutils, but {program} is missing");
    println!("skipped: {program} is missing; install binutils for powerpc64 to run this test");
    false
}
