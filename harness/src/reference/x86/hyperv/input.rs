//! The input value, and the parameters that come with it.

use super::super::processor::Slots;
use super::calls::Call;
use super::{Failure, status};
use crate::reference::trap::Machine;

/// Bytes of a page, which a parameter list must not leave.
const PAGE: u64 = 4096;
/// Bytes that registers carry: RDX, R8 and XMM0 to XMM5.
const IN_REGISTERS: usize = 112;
/// Bytes of them that are carried without XMM registers.
const IN_GENERAL: u64 = 16;
/// Bits that are reserved, the nested bit included: no guest here is a hypervisor.
const RESERVED: u64 = 0xF000_F000_F800_0000;
/// Features: fast input and output by XMM registers (CPUID leaf 0x40000003, EDX bits 4 and 15).
const XMM_INPUT: u64 = 1 << 36;
const XMM_OUTPUT: u64 = 1 << 47;

/// A hypercall input value with what stands beside it.
#[derive(Debug)]
pub(in crate::reference::x86) struct Input {
    pub(super) value: u64,
    pub(super) code: u64,
    pub(super) fast: bool,
    pub(super) variable: u64,
    pub(super) reps: u64,
    pub(super) start: u64,
    pub(super) reserved: bool,
    /// Addresses of input and output, or the first 16 bytes of parameters.
    pub(super) parameters: [u64; 2],
}

/// Where the parameters of a call are.
pub(super) enum Block {
    /// In memory: addresses of input and output.
    Memory(u64, u64),
    /// In registers, in their order.
    Registers([u8; IN_REGISTERS]),
}

impl Input {
    /// Reads it from the registers of the caller's mode.
    pub(in crate::reference::x86) fn read(slots: &Slots, machine: &Machine) -> Self {
        let low = |slot| machine.get(slot) & 0xFFFF_FFFF;
        let [value, first, second] = if slots.is_64_bit(machine) {
            [slots.rcx, slots.rdx, slots.r8].map(|slot| machine.get(slot))
        } else {
            [(slots.rdx, slots.rax), (slots.rbx, slots.rcx), (slots.rdi, slots.rsi)]
                .map(|(upper, lower)| low(upper) << 32 | low(lower))
        };
        Self {
            value,
            code: value & 0xFFFF,
            fast: value >> 16 & 1 == 1,
            variable: value >> 17 & 0x3FF,
            reps: value >> 32 & 0xFFF,
            start: value >> 48 & 0xFFF,
            reserved: value & RESERVED != 0,
            parameters: [first, second],
        }
    }

    /// Moves the rep start on.
    pub(super) fn set_start(&self, slots: &Slots, machine: &mut Machine, start: u64) {
        let value = self.value & !(0xFFF << 48) | start << 48;
        if slots.is_64_bit(machine) {
            machine.set(slots.rcx, value);
        } else {
            machine.set(slots.rdx, value >> 32);
        }
    }

    /// Finds the parameters of `call`.
    pub(super) fn block(&self, slots: &Slots, machine: &Machine, call: &Call) -> Result<Block, Failure> {
        let input = call.input + call.element * self.reps;
        let output = call.output + call.output_element * self.reps;
        if self.fast {
            return self.in_registers(slots, machine, input, output);
        }
        for (at, length) in [(self.parameters[0], input), (self.parameters[1], output)] {
            let crosses = at % PAGE + length > PAGE;
            if length > 0 && (at % 8 != 0 || crosses || !machine.contains(at, length)) {
                return Err(Failure::Status(status::INVALID_ALIGNMENT, 0));
            }
        }
        Ok(Block::Memory(self.parameters[0], self.parameters[1]))
    }

    fn in_registers(&self, slots: &Slots, machine: &Machine, input: u64, output: u64) -> Result<Block, Failure> {
        let features = machine.get(slots.hv_features);
        let missing = input > IN_GENERAL && features & XMM_INPUT == 0
            || output > 0 && (features & XMM_OUTPUT == 0 || !slots.is_64_bit(machine));
        if missing {
            return Err(Failure::Undefined);
        }
        if input.next_multiple_of(16) + output > IN_REGISTERS as u64 {
            return Err(Failure::Status(status::INVALID_INPUT, 0));
        }
        let mut bytes = [0; IN_REGISTERS];
        let words = self.parameters.into_iter().chain(slots.xmm.iter().map(|slot| machine.get(*slot)));
        for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        Ok(Block::Registers(bytes))
    }
}

impl Block {
    /// A little-endian number of the input.
    pub(super) fn number(&self, machine: &Machine, offset: u64, size: usize) -> u64 {
        match self {
            Self::Memory(input, _) => machine.load(input + offset, size).unwrap_or(0),
            Self::Registers(bytes) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX);
                let part = bytes.get(from..).and_then(|rest| rest.get(..size)).unwrap_or(&[]);
                part.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
            }
        }
    }

    /// Writes 8 bytes of the output. `behind` is the length of the input, behind which output in registers begins.
    pub(super) fn put(&self, slots: &Slots, machine: &mut Machine, behind: u64, offset: u64, value: u64) {
        match self {
            Self::Memory(_, output) => {
                machine.store(output + offset, 8, value);
            }
            Self::Registers(_) => {
                let word = usize::try_from((behind.next_multiple_of(16) + offset) / 8).unwrap_or(usize::MAX);
                let registers = [slots.rdx, slots.r8].into_iter().chain(slots.xmm);
                if let Some(register) = registers.into_iter().nth(word) {
                    machine.set(register, value);
                }
            }
        }
    }
}
