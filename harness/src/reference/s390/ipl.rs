//! DIAGNOSE 0x308: booting anew.
//!
//! kvm-unit-tests `s390x/diag308.c` for what is refused; QEMU `target/s390x/diag.c`, `handle_diag_308`, for the codes; the
//! layout of a block is that of Linux `arch/s390/include/uapi/asm/ipl.h`.

use super::Features;
use super::cpu::{ADDRESSING, Cpu, SPECIFICATION};
use super::host::{Operands, Outcome};
use crate::reference::trap::Machine;

const OK: u64 = 1;
const NO_CONFIGURATION: u64 = 0x102;
const INVALID: u64 = 0x402;
const NO_PV_CONFIGURATION: u64 = 0x902;

/// Bytes that a block may have.
const ROOM: u64 = 4096;
/// Where a block has its type, and the types with the bytes that a block of each has at least.
const TYPE: u64 = 12;
const SHORTEST: [(u64, u64); 2] = [(0, 384), (2, 200)];
const PROTECTED: u64 = 5;
const SHORTEST_PROTECTED: u64 = 200;

/// What the guest has said it wants to boot.
#[derive(Debug, Clone, Default)]
pub(super) struct Ipl {
    block: Option<Vec<u8>>,
    protected: Option<Vec<u8>>,
}

impl Ipl {
    /// Carries out the subcode in the register that R3 names.
    pub(super) fn call(
        &mut self,
        cpu: &Cpu,
        features: Features,
        machine: &mut Machine,
        Operands { r1, r3 }: Operands,
    ) -> Outcome {
        let at = cpu.get(machine, r1);
        let refused = |machine: &Machine| match () {
            () if r1 % 2 == 1 || !at.is_multiple_of(ROOM) => Some(Outcome::Program(SPECIFICATION)),
            () if !machine.contains(at, ROOM) => Some(Outcome::Program(ADDRESSING)),
            () => None,
        };
        let code = match cpu.get(machine, r3) {
            0 => return Outcome::Reset("reset, storage cleared"),
            1 => return Outcome::Reset("reset"),
            3 => return Outcome::Reset("IPL, storage cleared"),
            4 if features.has("s390.dump") => return Outcome::Reset("IPL for a dump"),
            subcode @ (5 | 6) => match refused(machine) {
                Some(outcome) => return outcome,
                None if subcode == 5 => set(&mut self.block, machine, at, is_valid),
                None => store(self.block.as_deref(), machine, at),
            },
            subcode @ (8 | 9) if features.has("s390.unpack") => match refused(machine) {
                Some(outcome) => return outcome,
                None if subcode == 8 => set(&mut self.protected, machine, at, is_protected),
                None => store(self.protected.as_deref(), machine, at),
            },
            10 if features.has("s390.unpack") => match self.protected {
                Some(_) => return Outcome::Reset("IPL of a protected guest"),
                None => NO_PV_CONFIGURATION,
            },
            _ => return Outcome::Program(SPECIFICATION),
        };
        cpu.set(machine, r1 + 1, code);
        Outcome::Done
    }
}

fn is_valid(kind: u64, length: u64) -> bool {
    SHORTEST.iter().any(|(known, least)| *known == kind && *least <= length)
}

fn is_protected(kind: u64, length: u64) -> bool {
    kind == PROTECTED && length >= SHORTEST_PROTECTED
}

/// Takes a block that is valid; one that is not leaves the old one.
fn set(into: &mut Option<Vec<u8>>, machine: &Machine, at: u64, valid: fn(u64, u64) -> bool) -> u64 {
    let length = machine.load(at, 4).unwrap_or(0);
    let kind = machine.load(at + TYPE, 1).unwrap_or(0);
    let mut bytes = vec![0; usize::try_from(length.min(ROOM)).unwrap_or(0)];
    if length > ROOM || !valid(kind, length) || machine.memory.read(at, &mut bytes).is_err() {
        return INVALID;
    }
    *into = Some(bytes);
    OK
}

fn store(block: Option<&[u8]>, machine: &mut Machine, at: u64) -> u64 {
    match block {
        Some(bytes) if machine.memory.write(at, bytes).is_ok() => OK,
        _ => NO_CONFIGURATION,
    }
}
