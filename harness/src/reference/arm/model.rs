//! What a guest's instruction is, and which service answers.

use std::sync::Arc;

use super::call::{Call, Conduit, Reply};
use super::profile::{Conduits, Immediate, Profile};
use super::psci::Power;
use super::registers::{Cause, Slots};
use super::smccc;
use crate::reference::trap::{Machine, Model, Next, Trap};

/// Bits of a fast call's identifier that must be zero (DEN0028, table 2-1).
const MUST_BE_ZERO: u32 = 0x00FE_0000;
/// The caller says that it has no live SVE or SME state (DEN0028, from 1.3 on).
const SVE_HINT: u32 = 1 << 16;
/// A fast call.
const FAST: u32 = 1 << 31;

/// The hypervisor of an Arm guest.
#[derive(Debug, Clone)]
pub(super) struct ArmModel {
    pub(super) profile: Profile,
    slots: Arc<Slots>,
    pub(super) power: Power,
}

impl ArmModel {
    /// A hypervisor that has done nothing yet.
    pub(super) fn new(profile: Profile, slots: Slots) -> Self {
        Self { profile, slots: Arc::new(slots), power: Power::new(profile) }
    }

    /// An instruction that calls upwards, with its immediate.
    fn conduit(&mut self, machine: &mut Machine, conduit: Conduit, immediate: u64, at: u64) -> Next {
        let slots = Arc::clone(&self.slots);
        let there = match (self.profile.conduits, conduit) {
            (Conduits::Both, _) | (Conduits::Hvc, Conduit::Hvc) | (Conduits::Smc, Conduit::Smc) => true,
            (Conduits::Hvc, Conduit::Smc) | (Conduits::Smc, Conduit::Hvc) => false,
        };
        if !there || slots.is_user(machine) {
            return slots.take(machine, Cause::Undefined, at);
        }
        let id = u32::try_from(slots.x(machine, 0) & 0xFFFF_FFFF).unwrap_or(0);
        let mut call = Call { machine, slots: &slots, id, conduit };
        let reply = match (immediate, self.profile.immediate) {
            (0, _) | (_, Immediate::Ignored) => self.answer_to(&mut call),
            (_, Immediate::NotSupported) => Reply::UNKNOWN,
            (_, Immediate::Undefined) => return slots.take(machine, Cause::Undefined, at),
        };
        self.give(machine, reply)
    }

    /// Puts a reply where the caller finds it.
    fn give(&self, machine: &mut Machine, reply: Reply) -> Next {
        match reply {
            Reply::Code(code) => self.slots.set_x(machine, 0, code.cast_unsigned()),
            Reply::Values(values) => {
                for (n, value) in values.into_iter().enumerate() {
                    self.slots.set_x(machine, n, value);
                }
            }
            Reply::Next(next) => return next,
        }
        Next::Resume
    }

    /// The answer to a call that came by the right way.
    fn answer_to(&mut self, call: &mut Call<'_>) -> Reply {
        if call.id & FAST != 0 {
            if self.profile.smccc >= 0x1_0003 {
                call.id &= !SVE_HINT;
            }
            if call.id & (MUST_BE_ZERO | SVE_HINT) != 0 {
                return Reply::UNKNOWN;
            }
            if call.is_64() && !call.slots.is_wide() {
                // A caller in AArch32 state has no SMC64 functions (DEN0028, 2.7).
                return Reply::UNKNOWN;
            }
        }
        self.service(call).unwrap_or(Reply::UNKNOWN)
    }

    /// The answer of the service that owns the function, if there is one.
    fn service(&mut self, call: &mut Call<'_>) -> Option<Reply> {
        smccc::answer(&self.profile, call).or_else(|| self.power.answer(call))
    }
}

impl Model for ArmModel {
    fn trap(&mut self, machine: &mut Machine, trap: &Trap<'_>) -> Next {
        let slots = Arc::clone(&self.slots);
        let Some(instruction) = &trap.instruction else { return slots.take(machine, Cause::Undefined, trap.at) };
        let immediate = instruction.field(0);
        match instruction.name {
            "hvc" => self.conduit(machine, Conduit::Hvc, immediate, trap.at),
            "smc" => self.conduit(machine, Conduit::Smc, immediate, trap.at),
            "svc" => slots.take(machine, Cause::Supervisor(immediate), trap.at),
            "brk" | "bkpt" => slots.take(machine, Cause::Breakpoint(immediate), trap.at),
            "eret" if !slots.is_user(machine) => {
                slots.go_back(machine);
                Next::Resume
            }
            _ => slots.take(machine, Cause::Undefined, trap.at),
        }
    }
}
