//! What a guest's instruction is, and which service answers.

use std::sync::Arc;

use super::call::{Call, Conduit, Reply};
use super::host::Host;
use super::profile::{Conduits, Immediate, Profile};
use super::psci::{self, Power};
use super::registers::{Cause, Slots};
use super::trng::Source;
use super::vendor::Vendor;
use super::{hyperv, saved, smccc, time, xen};
use crate::contract::{Configuring, Exchange, FilterAction, Filtering, Refusal};
use crate::reference::trap::{Machine, Model, Next, Trap};

/// Bits of a fast call's identifier that must be zero (DEN0028, table 2-1).
const MUST_BE_ZERO: u32 = 0x00FE_0000;
/// The caller says that it has no live SVE or SME state (DEN0028, from 1.3 on).
const SVE_HINT: u32 = 1 << 16;
/// A fast call.
const FAST: u32 = 1 << 31;

/// Flag of KVM_EXIT_HYPERCALL: the call came by SMC.
const EXIT_SMC: u64 = 1;

/// The hypervisor of an Arm guest.
#[derive(Debug, Clone)]
pub(super) struct ArmModel {
    profile: Profile,
    slots: Arc<Slots>,
    power: Power,
    source: Source,
    vendor: Vendor,
    host: Host,
}

impl ArmModel {
    /// A hypervisor that has done nothing yet.
    pub(super) fn new(profile: Profile, slots: Slots) -> Self {
        Self {
            profile,
            slots: Arc::new(slots),
            power: Power::new(profile),
            source: Source::default(),
            vendor: Vendor::default(),
            host: Host::new(),
        }
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
        if self.profile.xen && conduit == Conduit::Hvc && immediate == xen::TAG {
            xen::hypercall(&mut call, self.profile.xen_debug);
            return Next::Resume;
        }
        if self.profile.hyperv && conduit == Conduit::Hvc {
            let input = match (immediate, id) {
                (0, hyperv::ID) => Some(1),
                (hyperv::LEGACY, _) => Some(0),
                _ => None,
            };
            if let Some(input) = input {
                let status = hyperv::status(&call, input);
                slots.set_x(machine, 0, status);
                return Next::Resume;
            }
        }
        let policy = match (self.profile.kvm, conduit) {
            (true, Conduit::Hvc) => Immediate::Ignored,
            (true, Conduit::Smc) => Immediate::NotSupported,
            (false, _) => self.profile.immediate,
        };
        let reply = match (immediate, policy) {
            (0, _) | (_, Immediate::Ignored) if self.profile.kvm => self.kvm(&mut call),
            (0, _) | (_, Immediate::Ignored) => self.answer_to(&mut call).unwrap_or(Reply::UNKNOWN),
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

    /// The answer to a call that came by the right way, if anybody has one.
    fn answer_to(&mut self, call: &mut Call<'_>) -> Option<Reply> {
        if call.id & FAST != 0 && psci::old(call.id).is_none() {
            if self.profile.smccc >= 0x1_0003 {
                call.id &= !SVE_HINT;
            }
            if call.id & (MUST_BE_ZERO | SVE_HINT) != 0 {
                return None;
            }
            if call.is_64() && !call.slots.is_wide() {
                // A caller in AArch32 state has no SMC64 functions (DEN0028, 2.7).
                return None;
            }
        }
        let profile = &self.profile;
        let vendor =
            if profile.kvm { self.host.vendor() } else { [0b11, if profile.implementations { 0b11 } else { 0 }] };
        smccc::answer(profile, call)
            .or_else(|| self.source.answer(profile, call))
            .or_else(|| time::answer(profile, call))
            .or_else(|| self.vendor.answer(profile, vendor, call))
            .or_else(|| self.power.answer(call))
    }

    /// KVM's answer (arch/arm64/kvm/hypercalls.c): workarounds before all else, then the filter, then the bitmaps. It
    /// always writes x0 to x3.
    fn kvm(&mut self, call: &mut Call<'_>) -> Reply {
        if call.conduit == Conduit::Hvc && smccc::WORKAROUNDS.contains(&call.id) {
            // Answered in the first instructions of the vector (hyp-entry.S).
            return Reply::Values(vec![0, 0]);
        }
        let reply = match self.host.action(call.id) {
            FilterAction::Forward => return Reply::Next(Next::Forward(exit(call))),
            FilterAction::Handle if self.host.lets(call.id) => {
                self.power.become_version(self.host.psci());
                self.answer_to(call)
            }
            FilterAction::Handle | FilterAction::Deny | FilterAction::Undefined => None,
        };
        let mut values = match reply.unwrap_or(Reply::UNKNOWN) {
            Reply::Code(code) => vec![code.cast_unsigned()],
            Reply::Values(values) => values,
            next @ Reply::Next(_) => return next,
        };
        values.resize(4, 0);
        Reply::Values(values)
    }
}

/// What user space sees of a call that is forwarded: the function and the conduit, and the registers. Neither arguments
/// nor the immediate are in the record (Linux Documentation/virt/kvm/api.rst, KVM_EXIT_HYPERCALL).
fn exit(call: &Call<'_>) -> Exchange {
    let flags = if call.conduit == Conduit::Smc { EXIT_SMC } else { 0 };
    let fields = [("nr", u64::from(call.id)), ("flags", flags)];
    Exchange {
        exit: "KVM_EXIT_HYPERCALL".to_owned(),
        fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        registers: call.machine.registers.clone(),
    }
}

impl Model for ArmModel {
    fn trap(&mut self, machine: &mut Machine, trap: &Trap<'_>) -> Next {
        self.host.run();
        let slots = Arc::clone(&self.slots);
        let Some(instruction) = &trap.instruction else { return slots.take(machine, Cause::Undefined, trap.at) };
        // In A32 the immediate of HVC and BKPT stands in two fields.
        let split = !slots.is_wide() && matches!(instruction.name, "hvc" | "bkpt");
        let first = instruction.field(0);
        let immediate = if split { first << 4 | instruction.field(1) } else { first };
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

    fn filtering(&mut self) -> Option<&mut dyn Filtering> {
        self.profile.kvm.then_some(&mut self.host)
    }

    fn configuring(&mut self) -> Option<&mut dyn Configuring> {
        self.profile.kvm.then_some(&mut self.host)
    }

    fn save_guest(&self) -> Option<Vec<u8>> {
        let counters = [self.source.drawn, self.vendor.ticks];
        let shared = self.vendor.shared.iter().copied();
        Some(saved::bytes(self.power.numbers().into_iter().chain(counters).chain(shared)))
    }

    fn save_host(&self) -> Vec<u8> {
        saved::bytes(self.host.numbers())
    }

    fn restore(&mut self, guest: &[u8], host: Option<&[u8]>) -> Result<(), Refusal> {
        let numbers = saved::numbers(guest).ok_or(Refusal("EINVAL"))?;
        let (power, rest) = numbers.split_first_chunk::<5>().ok_or(Refusal("EINVAL"))?;
        let ([drawn, ticks], shared) = rest.split_first_chunk::<2>().ok_or(Refusal("EINVAL"))?;
        if let Some(host) = host {
            let settings = saved::numbers(host).ok_or(Refusal("EINVAL"))?;
            if !self.host.adopt(&settings) {
                return Err(Refusal("EINVAL"));
            }
        }
        self.power.adopt(*power);
        (self.source.drawn, self.vendor.ticks) = (*drawn, *ticks);
        self.vendor.shared = shared.iter().copied().collect();
        Ok(())
    }
}
