//! Translation against QEMU's machines: the same program probes the same mappings on the core and there, through handlers
//! of its own, and leaves the same memory.

mod classic;
mod embedded;
#[path = "../common/installed.rs"]
mod installed;
#[path = "../common/split_mix.rs"]
mod split_mix;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hypercheck_ppc::assemble;
use split_mix::split_mix;

const QEMU: &str = "qemu-system-ppc";

/// System call: what the pages hold, so that a fetch from one comes back.
const SC: u32 = 0x4400_0002;
/// Where a program says that it is done, how much memory counts, and where mapped pages are.
const DONE: u32 = 0x7_FFFC;
const IMAGE: usize = 0x20_0000;
const DATA: u32 = 0x10_0000;

/// Splitmix64, so that every run is the same.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u32 {
        split_mix(&mut self.0) as u32
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.next() % bound
    }
}

/// What memory holds at the start, from 0 on.
struct Image {
    bytes: Vec<u8>,
    end: u32,
}

impl Image {
    /// Memory of which the upper half is full of system calls.
    fn new() -> Self {
        let mut image = Self { bytes: vec![0; IMAGE], end: 0 };
        (DATA..IMAGE as u32).step_by(4).for_each(|at| image.word(at, SC));
        image
    }

    fn word(&mut self, at: u32, word: u32) {
        self.bytes[at as usize..at as usize + 4].copy_from_slice(&word.to_be_bytes());
    }

    /// Puts code in place; returns where it ends.
    fn code(&mut self, at: u32, code: &str) -> u32 {
        let words = assemble(code, at.into(), &|_| None).unwrap_or_else(|error| panic!("{error}\n{code}"));
        (at..).step_by(4).zip(&words).for_each(|(at, word)| self.word(at, *word));
        at + 4 * words.len() as u32
    }

    /// Puts the end of the program in place.
    fn finish(&mut self, at: u32) {
        self.end = self.code(at, &format!("{}\n li r7, 1\n stw r7, 0(r6)", load(6, DONE)));
        self.code(self.end, "b .");
        assert!(self.end < DONE);
    }
}

/// A register's load with any number.
fn load(register: u32, value: u32) -> String {
    format!("lis r{register}, {:#x}\n ori r{register}, r{register}, {:#x}", value >> 16, value & 0xFFFF)
}

/// A file of the test, in the target directory.
fn scratch(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("translation-qemu");
    std::fs::create_dir_all(&directory).expect("a directory for images");
    directory.join(name)
}

/// Memory after QEMU ran an image on a machine.
fn on_qemu(machine: &[&str], file: &Path) -> Vec<u8> {
    let dump = file.with_extension("out");
    let mut qemu = Command::new(QEMU)
        .args(["-accel", "tcg", "-display", "none", "-serial", "none", "-monitor", "stdio"])
        .args(machine)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("QEMU starts");
    let mut monitor = qemu.stdin.take().expect("a monitor");
    let start = Instant::now();
    let bytes = loop {
        let mut save = |at: u32, length: usize| {
            let _ = std::fs::remove_file(&dump);
            // The monitor would take a bare slash for a division.
            writeln!(monitor, "pmemsave {at:#x} {length:#x} \"{}\"", dump.display()).expect("QEMU listens");
            wait_for(&dump, length, start)
        };
        if save(DONE, 4) == Some(vec![0, 0, 0, 1]) {
            break save(0, IMAGE);
        }
        if start.elapsed() > Duration::from_secs(60) {
            break None;
        }
    };
    qemu.kill().expect("QEMU ends");
    qemu.wait().expect("QEMU ends");
    bytes.expect("QEMU runs the program within a minute")
}

fn wait_for(path: &Path, length: usize, start: Instant) -> Option<Vec<u8>> {
    while start.elapsed() < Duration::from_secs(60) {
        match std::fs::read(path) {
            Ok(bytes) if bytes.len() == length => return Some(bytes),
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    None
}

fn word(bytes: &[u8], at: u32) -> u32 {
    let at = at as usize;
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}
