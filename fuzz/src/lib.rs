//! Fuzz targets. Generators and oracles are in [`hypercheck::generate`], which knows no fuzzer; here is only the glue.
//!
//! | target | what | what must hold |
//! |---|---|---|
//! | `register_state` | one to four calls in one guest of the reference | return set, register frame, memory footprint, state |
//! | `instruction_stream` | up to 24 instructions on the PowerPC core, every model and state | no panic, progress, the same again, the same in pieces |
//! | `differential_stream` | the same, longer | predecoding and remembered translations change nothing against single steps |
//!
//! With a nightly compiler and `cargo install cargo-fuzz`, from the root of the repository:
//!
//! ```text
//! cargo +nightly fuzz run -s none register_state fuzz/corpus/register_state fuzz/seeds/register_state -- -max_len=1024
//! cargo +nightly fuzz run -s none instruction_stream -- -runs=1000000
//! ```
//!
//! `-s none` leaves out the address sanitizer: the code under test has no `unsafe`, and runs several times faster.
//!
//! A finding of `register_state` is told as a case in YAML; save it below `cases/`, and `hypercheck run` shows it again.
//! Without nightly, the same bytes do the same:
//!
//! ```text
//! cargo run --release -p hypercheck-fuzz --bin register_state -- fuzz/artifacts/register_state/crash-...
//! cargo run --release -p hypercheck-fuzz --bin register_state -- --noise 100000   (all kinds of findings, each once)
//! ```
//!
//! `seeds/<target>/` holds inputs to start from. What was found and repaired goes to `regressions/<target>/`, and
//! `cargo test -p hypercheck-fuzz` replays both. Corpus and artifacts are not kept in the repository.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic;
use std::process::ExitCode;

use hypercheck::generate::{Bench, Track, noise};
use hypercheck::reference::Reference;
use hypercheck_spec::library::{Home, Library};

/// A bench with the bundled reference.
///
/// # Panics
/// If the spec cannot be read or the reference does not boot: there is nothing to fuzz then.
#[must_use]
pub fn bench() -> Bench {
    let home = Home::find(None).unwrap_or_else(|error| panic!("{error}"));
    let library = Library::read(&home).unwrap_or_else(|error| panic!("{error}"));
    let reference = Reference::new(library.arches.values().map(|arch| &arch.value));
    Bench::new(&library, Box::new(reference)).unwrap_or_else(|error| panic!("{error}"))
}

/// Calls drawn from the spec, on the reference.
///
/// # Panics
/// With the case in YAML, if an oracle disagrees.
pub fn register_state(data: &[u8]) {
    thread_local!(static BENCH: RefCell<Bench> = RefCell::new(bench()));
    BENCH.with_borrow_mut(|bench| match bench.try_bytes(data) {
        Ok(tried) => {
            if let Some(finding) = tried.finding {
                panic!("{}", finding.report());
            }
        }
        Err(error) => panic!("{error}"),
    });
}

/// Instructions drawn from the table, on the core.
///
/// # Panics
/// With the instructions, if runs differ or do not end.
pub fn instruction_stream(data: &[u8]) {
    thread_local!(static TRACK: RefCell<Track> = RefCell::default());
    TRACK.with_borrow_mut(|track| track.try_bytes(data).unwrap_or_else(|what| panic!("{what}")));
}

/// As [`instruction_stream`], with and without what the core's run loop remembers.
///
/// # Panics
/// With the instructions, if it can be told.
pub fn differential_stream(data: &[u8]) {
    thread_local!(static TRACK: RefCell<Track> = RefCell::default());
    TRACK.with_borrow_mut(|track| track.try_bytes_with_caches(data).unwrap_or_else(|what| panic!("{what}")));
}

/// The targets' `main` without a fuzzer: replays the files given as arguments, or with `--noise N` so many inputs made
/// of noise, each from its number as seed.
#[must_use]
pub fn replay(target: fn(&[u8])) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            eprintln!("error: name files to replay, or --noise N for N inputs made of noise");
            ExitCode::from(2)
        }
        ["--noise", count] => {
            let Ok(count) = count.parse() else {
                eprintln!("error: --noise {count}: write a number of inputs");
                return ExitCode::from(2);
            };
            survey(target, count)
        }
        ref files => {
            for file in files {
                match std::fs::read(file) {
                    Ok(bytes) => target(&bytes),
                    Err(error) => {
                        eprintln!("error: {file}: {error}; check the path");
                        return ExitCode::from(2);
                    }
                }
                println!("{file}: nothing found");
            }
            ExitCode::SUCCESS
        }
    }
}

/// Runs `count` inputs made of noise to the end, and tells each kind of finding once: for a backend with known bugs,
/// where a fuzzer would stop at the first.
fn survey(target: fn(&[u8]), count: u64) -> ExitCode {
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    panic::set_hook(Box::new(|_| {}));
    for seed in 0..count {
        let Err(cause) = panic::catch_unwind(|| target(&noise(seed, 512))) else { continue };
        let text = cause.downcast_ref::<String>().map_or("a panic without words", String::as_str);
        let title = text.lines().find(|line| line.starts_with("title:")).or_else(|| text.lines().next());
        let times = kinds.entry(title.unwrap_or_default().to_owned()).or_default();
        *times += 1;
        if *times == 1 {
            println!("noise {seed}: {text}\n");
        }
    }
    for (title, times) in &kinds {
        println!("{times:8} {title}");
    }
    println!("{count} inputs, {} kinds of findings", kinds.len());
    ExitCode::from(u8::from(!kinds.is_empty()))
}
