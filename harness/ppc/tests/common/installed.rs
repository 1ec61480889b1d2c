//! Tests that need installed programs.

use std::process::Command;

/// Whether a program can run. Says so where it cannot, and fails where `HYPERCHECK_REQUIRE` has one of the names under which
/// the environment may insist on it.
pub fn is_installed(program: &str, names: &[&str]) -> bool {
    if Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success()) {
        return true;
    }
    let required = std::env::var("HYPERCHECK_REQUIRE").unwrap_or_default();
    let insists = required.split([',', ' ']).any(|name| names.contains(&name));
    assert!(!insists, "HYPERCHECK_REQUIRE names {}, but {program} is missing", names[0]);
    println!("skipped: {program} is missing; install it to run this test");
    false
}
