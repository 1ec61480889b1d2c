//! Hyper-V's interface, as itself and as KVM speaks it.
//!
//! Microsoft Hypervisor Top Level Functional Specification, Hypercall Interface; Linux `arch/x86/kvm/hyperv.c`. Errors are
//! looked for in the order: code, privilege, input value, parameters, elements.
//!
//! ```text
//! input     the input value, from registers        list     elements, one after the other
//! calls     which calls there are, and each one
//! ```

mod calls;
mod input;
mod list;

use std::collections::BTreeMap;

pub(super) use input::Input;

use super::processor::Slots;
use super::profile::Profile;
use crate::contract::Exchange;
use crate::reference::trap::{Machine, Next};

/// Statuses (`HV_STATUS`).
mod status {
    pub(super) const SUCCESS: u64 = 0;
    pub(super) const INVALID_CODE: u64 = 2;
    pub(super) const INVALID_INPUT: u64 = 3;
    pub(super) const INVALID_ALIGNMENT: u64 = 4;
    pub(super) const INVALID_PARAMETER: u64 = 5;
    pub(super) const ACCESS_DENIED: u64 = 6;
    pub(super) const INVALID_PARTITION_ID: u64 = 0xD;
    pub(super) const INVALID_VP_INDEX: u64 = 0xE;
    pub(super) const INVALID_CONNECTION_ID: u64 = 0x12;
    pub(super) const INVALID_VP_STATE: u64 = 0x15;
    pub(super) const INVALID_VTL_STATE: u64 = 0x51;
    pub(super) const UNKNOWN_REGISTER_NAME: u64 = 0x87;
}

/// Elements that are done before the guest gets its processor back for a moment.
const AT_ONCE: u64 = 4;

/// Why a call does not end in success.
enum Failure {
    /// With this status, after so many elements.
    Status(u64, u64),
    /// With an undefined-opcode exception.
    Undefined,
    /// Not yet: user space has to answer.
    Out,
}

/// Whether the guest has called itself something, without which there are no calls.
pub(super) fn is_on(slots: &Slots, machine: &Machine) -> bool {
    machine.get(slots.hv_os_id) != 0
}

/// Makes the call that the registers ask for. `at` is the instruction's address.
pub(super) fn call(profile: &Profile, slots: &Slots, machine: &mut Machine, at: u64) -> Next {
    if machine.get(slots.cpl) != 0 || machine.get(slots.protected) == 0 {
        return slots.undefined(machine, at);
    }
    let input = Input::read(slots, machine);
    match perform(profile, slots, machine, &input) {
        Ok(done) if done < input.reps => {
            input.set_start(slots, machine, done);
            machine.set(slots.pc, at);
        }
        Ok(done) => {
            if done > 0 {
                input.set_start(slots, machine, done);
            }
            finish(slots, machine, status::SUCCESS, done);
        }
        Err(Failure::Status(status, done)) => finish(slots, machine, status, done),
        Err(Failure::Undefined) => return slots.undefined(machine, at),
        Err(Failure::Out) => return Next::Forward(exit(slots, machine, &input, at)),
    }
    Next::Resume
}

/// Writes a result: status and elements done.
fn finish(slots: &Slots, machine: &mut Machine, status: u64, done: u64) {
    put_result(slots, machine, status | done << 32);
}

fn put_result(slots: &Slots, machine: &mut Machine, result: u64) {
    if slots.is_64_bit(machine) {
        machine.set(slots.rax, result);
    } else {
        machine.set(slots.rax, result & 0xFFFF_FFFF);
        machine.set(slots.rdx, result >> 32);
    }
}

/// Ends a call that user space has answered.
pub(super) fn complete(slots: &Slots, machine: &mut Machine, answer: &Exchange) {
    put_result(slots, machine, answer.fields.get("result").copied().unwrap_or(0));
}

fn exit(slots: &Slots, machine: &Machine, input: &Input, at: u64) -> Exchange {
    let fields = [("input", input.value), ("params0", input.parameters[0]), ("params1", input.parameters[1])];
    Exchange {
        exit: "KVM_EXIT_HYPERV".to_owned(),
        fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>(),
        registers: slots.all_at(machine, at),
    }
}

/// Does what there is to do, at most [`AT_ONCE`] elements of it. How many elements are done.
fn perform(profile: &Profile, slots: &Slots, machine: &mut Machine, input: &Input) -> Result<u64, Failure> {
    let fail = |status| Err(Failure::Status(status, 0));
    let call = calls::ALL.iter().find(|call| call.code == input.code && (!profile.kvm || call.in_kvm));
    let Some(call) = call else { return fail(status::INVALID_CODE) };
    if profile.hyperv_enforced() && call.privilege.is_some_and(|bit| machine.get(slots.hv_features) >> bit & 1 == 0) {
        return fail(status::ACCESS_DENIED);
    }
    let counts = if call.has_elements() { input.start < input.reps } else { input.reps == 0 && input.start == 0 };
    if input.reserved || input.variable != 0 || !counts {
        return fail(status::INVALID_INPUT);
    }
    let block = input.block(slots, machine, call)?;
    calls::run(profile, slots, machine, call, input, &block)
}
