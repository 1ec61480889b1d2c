//! Instructions drawn from the instruction table against the PowerPC core.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| hypercheck_fuzz::instruction_stream(data));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    hypercheck_fuzz::replay(hypercheck_fuzz::instruction_stream)
}
