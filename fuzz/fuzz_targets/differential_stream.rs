//! The core's run loop with its caches against single steps.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| hypercheck_fuzz::differential_stream(data));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    hypercheck_fuzz::replay(hypercheck_fuzz::differential_stream)
}
