//! Trap-level guests, under a model that shows each way to go on.

use std::sync::Arc;
use std::time::Duration;

use hypercheck_spec::arch::Arch;
use proptest::prelude::*;
use rstest::rstest;

use super::{Machine, Model, Next, Trap, TrapGuest};
use crate::contract::{Budget, Exchange, Guest, GuestError, Refusal, Saved, Stop};
use crate::registers::{RegisterFile, Registers, Slot};

const ARCH: &str = "
arch: toy
title: a machine that can do nothing but call
width: 64
order: little
end: call 255
sources: {}
registers:
  r0..r3: { class: general }
  pc: { class: counter }
  cause: { class: interrupt, width: 8 }
modes: {}
traps:
  call: { word: 0x7000, length: 2, fields: { code: 7..0 }, says: calls, source: none }
interrupts:
  undefined: { vector: 6, says: no instruction }
";

/// Counts calls; the code of the instruction says what becomes of one.
#[derive(Clone, Default)]
struct Toy {
    calls: u64,
    host: u8,
}

impl Machine {
    fn slot(&self, name: &str) -> Slot {
        self.file.slot(name).unwrap()
    }

    fn read(&self, name: &str) -> u64 {
        self.get(self.slot(name))
    }

    fn write(&mut self, name: &str, value: u64) {
        self.set(self.slot(name), value);
    }
}

impl Model for Toy {
    fn trap(&mut self, machine: &mut Machine, trap: &Trap<'_>) -> Next {
        let Some(instruction) = &trap.instruction else {
            machine.write("cause", trap.at & 0xFF);
            return Next::Interrupt(6);
        };
        self.calls += 1;
        match instruction.field(0) {
            1 => Next::Sleep,
            2 => Next::End("asked to".to_owned()),
            3 => Next::Forward(Exchange {
                exit: "CALL".to_owned(),
                registers: machine.registers.clone(),
                ..Exchange::default()
            }),
            4 => {
                let at = machine.read("r1");
                machine.store(at, 4, machine.read("r2"));
                Next::Resume
            }
            _ => {
                machine.write("r0", self.calls);
                Next::Resume
            }
        }
    }

    fn save_guest(&self) -> Option<Vec<u8>> {
        Some(self.calls.to_le_bytes().to_vec())
    }

    fn save_host(&self) -> Vec<u8> {
        vec![self.host]
    }

    fn restore(&mut self, guest: &[u8], host: Option<&[u8]>) -> Result<(), Refusal> {
        self.calls = u64::from_le_bytes(guest.try_into().map_err(|_| Refusal("EINVAL"))?);
        self.host = host.map_or(0, |host| host[0]);
        Ok(())
    }
}

struct Bench {
    guest: TrapGuest<Toy>,
    arch: Arc<Arch>,
    file: Arc<RegisterFile>,
}

fn bench() -> Bench {
    let arch: Arch = hypercheck_spec::yaml::parse("spec/arch/toy.yaml", ARCH).unwrap_or_else(|error| panic!("{error}"));
    let (arch, file) = (Arc::new(arch.clone()), RegisterFile::new(&arch));
    let model = Toy { host: 7, ..Toy::default() };
    let guest = TrapGuest::boot(&arch, &file, model, &[], |machine| {
        machine.write("r3", 33);
        machine.store(0x40, 4, 0x1234_5678);
    });
    Bench { guest: guest.unwrap(), arch, file }
}

impl Bench {
    fn run(&mut self, code: &str, set: &[(&str, u64)]) -> Stop {
        let bytes = self.arch.assemble(code, &|_| None).unwrap();
        let start = self.guest.facts().code;
        self.guest.write(start, &bytes).unwrap();
        let mut registers = Registers::default();
        for (name, value) in set.iter().chain(&[("pc", start)]) {
            registers.set(self.file.id(name).unwrap(), *value);
        }
        self.guest.set_registers(&registers).unwrap();
        self.go(start + bytes.len() as u64)
    }

    fn go(&mut self, until: u64) -> Stop {
        self.guest.run(Budget { until, instructions: 100, patience: Duration::ZERO }).unwrap()
    }

    fn get(&mut self, name: &str) -> u64 {
        let mut registers = Registers::default();
        self.guest.registers(&mut registers).unwrap();
        registers.get(self.file.id(name).unwrap()).unwrap()
    }
}

#[rstest]
#[case("call 0; call 9", Stop::Reached)]
#[case("call 1; call 0", Stop::Asleep)]
#[case("call 2", Stop::Ended { how: "asked to".to_owned() })]
#[case("call 3", Stop::Forwarded)]
#[case("call 0; .byte 0, 0", Stop::Interrupt { vector: 6 })]
fn a_trap_goes_on_as_the_model_says(#[case] code: &str, #[case] stop: Stop) {
    assert_eq!(bench().run(code, &[]), stop);
}

#[test]
fn an_undefined_instruction_is_told_with_its_address_and_not_passed() {
    let mut bench = bench();
    bench.run("call 0; .byte 1, 2", &[]);
    let code = bench.guest.facts().code;
    assert_eq!((bench.get("cause"), bench.get("pc")), ((code + 2) & 0xFF, code + 2));
}

#[test]
fn a_guest_without_an_end_uses_up_its_budget() {
    let mut bench = bench();
    bench.run("call 0", &[]);
    let all = bench.arch.assemble(&"call 0\n".repeat(200), &|_| None).unwrap();
    let code = bench.guest.facts().code;
    bench.guest.write(code + 2, &all).unwrap();
    assert_eq!(bench.go(0), Stop::Exhausted);
    assert_eq!(bench.get("r0"), 101);
}

#[test]
fn a_call_goes_out_and_comes_back_with_what_user_space_gives() {
    let mut bench = bench();
    assert_eq!(bench.run("call 3; call 0", &[("r2", 5)]), Stop::Forwarded);
    let out = bench.guest.forwarding().unwrap().call().unwrap();
    let r2 = bench.file.id("r2").unwrap();
    assert_eq!((out.exit.as_str(), out.registers.get(r2)), ("CALL", Some(5)));
    let mut answer = Exchange::default();
    answer.registers.set(r2, 6);
    bench.guest.forwarding().unwrap().answer(&answer).unwrap();
    let until = bench.guest.facts().code + 4;
    assert_eq!((bench.go(until), bench.get("r2"), bench.get("r0")), (Stop::Reached, 6, 2));
    assert!(matches!(bench.guest.forwarding().unwrap().call(), Err(GuestError::Unsupported(_))));
}

#[test]
fn rewinding_takes_back_registers_memory_and_what_the_model_keeps() {
    let mut bench = bench();
    bench.run("call 0; call 4", &[("r1", 0x40), ("r2", 9), ("r3", 1)]);
    bench.guest.rewinding().unwrap().rewind().unwrap();
    let mut word = [0; 4];
    bench.guest.read(0x40, &mut word).unwrap();
    assert_eq!((u32::from_le_bytes(word), bench.get("r3")), (0x1234_5678, 33));
    bench.run("call 0", &[]);
    assert_eq!(bench.get("r0"), 1, "the model counts from the start");
}

#[test]
fn bytes_that_are_no_saved_guest_are_refused() {
    let mut bench = bench();
    let saved = bench.guest.migrating().unwrap().save().unwrap();
    for length in [0, 1, 9, saved.guest.len() / 2] {
        let cut = Saved { guest: saved.guest[..length].to_vec(), ..saved.clone() };
        let mut other = bench.guest.migrating().unwrap().destination().unwrap();
        assert_eq!(other.migrating().unwrap().restore(&cut, true).unwrap(), Err(Refusal("EINVAL")), "{length} bytes");
    }
}

proptest! {
    #[test]
    fn a_guest_that_was_moved_is_the_same_guest(
        registers in prop::array::uniform4(any::<u64>()),
        stores in prop::collection::vec((0..0x10_0000_u64, any::<u64>()), 0..8),
        calls in 0..5_usize,
        host: bool,
    ) {
        let mut bench = bench();
        bench.run(&"call 0\n".repeat(calls), &[]);
        for (at, value) in &stores {
            bench.guest.write(*at, &value.to_le_bytes()).unwrap();
        }
        let [r0, r1, r2, r3] = registers;
        bench.run("", &[("r0", r0), ("r1", r1), ("r2", r2), ("r3", r3)]);
        let saved = bench.guest.migrating().unwrap().save().unwrap();
        let mut moved = bench.guest.migrating().unwrap().destination().unwrap();
        prop_assert_eq!(moved.migrating().unwrap().restore(&saved, host).unwrap(), Ok(()));

        let (mut before, mut after) = (Registers::default(), Registers::default());
        bench.guest.registers(&mut before).unwrap();
        moved.registers(&mut after).unwrap();
        prop_assert_eq!(before, after);
        let ram = usize::try_from(moved.facts().ram).unwrap();
        let (mut ours, mut theirs) = (vec![0; ram], vec![0; ram]);
        bench.guest.read(0, &mut ours).unwrap();
        moved.read(0, &mut theirs).unwrap();
        prop_assert!(ours == theirs, "memory differs");
        let again = moved.migrating().unwrap().save().unwrap();
        prop_assert_eq!(&again.guest, &saved.guest);
        prop_assert_eq!(again.host, if host { saved.host.clone() } else { vec![0] });
        // Rewinding it takes it to its own boot, which is that of the first one.
        moved.rewinding().unwrap().rewind().unwrap();
        bench.guest.rewinding().unwrap().rewind().unwrap();
        moved.read(0, &mut theirs).unwrap();
        bench.guest.read(0, &mut ours).unwrap();
        prop_assert!(ours == theirs, "memory after rewinding differs");
    }
}
