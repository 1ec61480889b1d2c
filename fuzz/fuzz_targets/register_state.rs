//! Calls drawn from the spec against the reference, judged by all four oracles.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| hypercheck_fuzz::register_state(data));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    hypercheck_fuzz::replay(hypercheck_fuzz::register_state)
}
