//! Many cases in one process of QEMU.

use std::path::PathBuf;
use std::process::Command;

use super::case::{Case, End, Outcome, State};
use super::elf::{Segment, executable};
use super::layout::*;
use super::program::{self, FINISH, IN_HELD, OUT_CR, OUT_CTR, OUT_HELD, OUT_LR, OUT_NIP, OUT_SIGNAL, OUT_XER};
use super::target::Target;

/// Numbers in the target's width and byte order.
#[derive(Clone, Copy)]
struct Order {
    size: usize,
    little: bool,
}

impl Order {
    fn put(self, into: &mut [u8], at: usize, length: usize, value: u64) {
        let bytes = if self.little { value.to_le_bytes() } else { (value << (64 - 8 * length)).to_be_bytes() };
        into[at..at + length].copy_from_slice(&bytes[..length]);
    }

    fn put_register(self, into: &mut [u8], index: u64, value: u64) {
        self.put(into, index as usize * self.size, self.size, value);
    }

    fn register(self, from: &[u8], index: u64) -> u64 {
        let bytes = &from[index as usize * self.size..][..self.size];
        let join = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        if self.little { bytes.iter().rev().fold(0, join) } else { bytes.iter().fold(0, join) }
    }
}

/// The executable for cases, which lie in the slots they name.
fn program(target: &Target, cases: &[Case]) -> Vec<u8> {
    let order = Order { size: target.register_size() as usize, little: target.little };
    let first = cases.iter().map(|case| case.slot).min().unwrap_or(0);
    let put_words = |into: &mut [u8], at: usize, words: &[u32]| {
        words.iter().enumerate().for_each(|(i, word)| order.put(into, at + 4 * i, 4, (*word).into()));
    };
    let (words, handler) = program::words(target, cases.len());
    let mut text = vec![0; 4 * words.len()];
    put_words(&mut text, 0, &words);

    let mut state = vec![0; STATE_SIZE as usize];
    let variables = [
        (RECORD, RECORDS),
        (RECORDS_END, RECORDS + cases.len() as u64 * RECORD_SIZE),
        (SLOT, SLOTS + first as u64 * SLOT_SIZE),
        (OUTPUT, OUTPUTS),
    ];
    for (at, value) in variables {
        order.put(&mut state, (at - STATE) as usize, order.size, value);
    }
    // stack_t: address, flags, size. sigaction: handler, flags SA_SIGINFO, SA_ONSTACK, SA_NODEFER, restorer, mask.
    let stack = &mut state[(SIGNAL_STACK - STATE) as usize..];
    order.put_register(stack, 0, STACK + STACK_SIZE / 2);
    order.put_register(stack, 2, STACK_SIZE / 2);
    let action = &mut state[(SIGNAL_ACTION - STATE) as usize..];
    order.put_register(action, 0, handler);
    order.put_register(action, 1, 0x4800_0004);
    state[(TEMPLATE - STATE) as usize..][..SCRATCH_SIZE as usize].copy_from_slice(&template());

    let mut near = vec![0; 4];
    put_words(&mut near, 0, &[program::branch(NEAR_END, FINISH)]);

    let prologue = program::prologue(target);
    let mut slots = vec![0; (first + cases.len()) * SLOT_SIZE as usize];
    let mut records = vec![0; cases.len() * RECORD_SIZE as usize];
    for (index, case) in cases.iter().enumerate() {
        assert_eq!(case.slot, first + index, "cases of a batch lie one after the other");
        let at = case.slot * SLOT_SIZE as usize;
        put_words(&mut slots, at, &prologue);
        put_words(&mut slots, at + 4 * prologue.len(), &case.words);
        put_words(&mut slots, at + 4 * (prologue.len() + WORDS), &[program::branch(end(case.slot), FINISH)]);
        let record = &mut records[index * RECORD_SIZE as usize..];
        let State { gpr, cr, xer, lr, ctr, held } = &case.before;
        for (i, value) in (0..).zip(gpr.iter().chain([cr, xer, lr, ctr]).chain(held)) {
            order.put_register(record, i, *value);
        }
        assert!(IN_HELD + held.len() as u64 <= RECORD_SIZE / order.size as u64, "a record has room");
    }
    let loaded = |at, bytes: Vec<u8>, flags| Segment { at, size: bytes.len() as u64, bytes, flags };
    let zero = |at, size| Segment { at, bytes: Vec::new(), size, flags: 6 };
    let segments = [
        loaded(STATE, state, 6),
        loaded(NEAR_END, near, 5),
        zero(SCRATCH_PAGES.0, SCRATCH_PAGES.1),
        loaded(PROGRAM, text, 5),
        loaded(SLOTS, slots, 5),
        loaded(RECORDS, records, 4),
        zero(OUTPUTS, cases.len() as u64 * OUTPUT_SIZE),
        zero(STACK, STACK_SIZE),
    ];
    executable(target.is_wide(), target.little, PROGRAM, &segments)
}

/// A file of this test that no other thread or process uses.
fn scratch_file(target: &Target) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("qemu-user");
    std::fs::create_dir_all(&directory).expect("a directory for programs");
    let thread = format!("{:?}", std::thread::current().id()).replace(['(', ')'], "-");
    directory.join(format!("{}-{}-{}{thread}elf", target.program, target.cpu, std::process::id()))
}

/// Runs cases on QEMU. The last outcome is that of the first case with which the program did not come to its end, if there
/// is one.
pub fn run(target: &Target, cases: &[Case]) -> Vec<Outcome> {
    let path = scratch_file(target);
    std::fs::write(&path, program(target, cases)).expect("the program is written");
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&path, permissions).expect("the program can be executed");
    let mut command = Command::new(target.program);
    command.args(["-cpu", target.cpu, "-B", &format!("{GUEST_BASE:#x}")]).arg(&path);
    let output = command.output().expect("QEMU starts");
    std::fs::remove_file(&path).expect("the program is removed");
    if output.status.success() && output.stdout.len() == cases.len() * OUTPUT_SIZE as usize {
        let outputs = output.stdout.chunks(OUTPUT_SIZE as usize);
        return cases.iter().zip(outputs).map(|(case, bytes)| outcome(target, case, bytes)).collect();
    }
    if let [case] = cases {
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        let end = End::Lost(format!("{}, {} bytes: {message}", output.status, output.stdout.len()));
        return vec![Outcome { end, after: case.before.clone(), scratch: template() }];
    }
    // One of them ended the program: the halves tell which.
    let (left, right) = cases.split_at(cases.len() / 2);
    let mut outcomes = run(target, left);
    if !outcomes.iter().any(Outcome::is_lost) {
        outcomes.extend(run(target, right));
    }
    outcomes
}

fn outcome(target: &Target, case: &Case, bytes: &[u8]) -> Outcome {
    let order = Order { size: target.register_size() as usize, little: target.little };
    let register = |index| order.register(bytes, index);
    let signal = register(OUT_SIGNAL);
    let end = if signal == 0 {
        End::Finished
    } else {
        End::Signal {
            signal,
            codes: vec![register(OUT_SIGNAL + 1) & 0xFFFF_FFFF],
            at: register(OUT_NIP),
            address: Some(register(OUT_SIGNAL + 2)),
        }
    };
    let mut after = State {
        cr: register(OUT_CR),
        xer: register(OUT_XER),
        lr: register(OUT_LR),
        ctr: register(OUT_CTR),
        held: (0..case.before.held.len() as u64).map(|i| register(OUT_HELD + i)).collect(),
        ..State::default()
    };
    (0..).zip(&mut after.gpr).for_each(|(index, value)| *value = register(index));
    let mut scratch = [0; SCRATCH_SIZE as usize];
    scratch.copy_from_slice(&bytes[OUTPUT_SCRATCH as usize..][..SCRATCH_SIZE as usize]);
    Outcome { end, after, scratch }
}
