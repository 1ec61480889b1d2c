//! The calls that are served, and what each does.

use super::super::others;
use super::super::processor::Slots;
use super::super::profile::Profile;
use super::input::{Block, Input};
use super::list;
use super::{Failure, status};
use crate::reference::trap::Machine;

/// A call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) code: u64,
    /// Bytes of input and output besides the elements.
    pub(super) input: u64,
    pub(super) output: u64,
    /// Bytes of an element of the input and of the output.
    pub(super) element: u64,
    pub(super) output_element: u64,
    /// The bit of [`Slots::hv_features`] that allows it.
    pub(super) privilege: Option<u32>,
    /// Whether KVM serves it.
    pub(super) in_kvm: bool,
}

impl Call {
    /// Whether it has elements.
    pub(super) const fn has_elements(&self) -> bool {
        self.element != 0
    }

    /// A simple call.
    const fn simple(code: u64, input: u64, output: u64, privilege: Option<u32>) -> Self {
        Self { code, input, output, element: 0, output_element: 0, privilege, in_kvm: true }
    }
}

const FLUSH_SPACE: u64 = 0x2;
const FLUSH_LIST: u64 = 0x3;
const NOTIFY_LONG_SPIN_WAIT: u64 = 0x8;
const SEND_IPI: u64 = 0xB;
const GET_VP_REGISTERS: u64 = 0x50;
const SET_VP_REGISTERS: u64 = 0x51;
const POST_MESSAGE: u64 = 0x5C;
const SIGNAL_EVENT: u64 = 0x5D;
const GET_VP_INDEX: u64 = 0x9A;
const QUERY_CAPABILITIES: u64 = 0x8001;

/// Bits of a partition's privileges.
const POST_MESSAGES: u32 = 4;
const SIGNAL_EVENTS: u32 = 5;
const ACCESS_VP_REGISTERS: u32 = 17;
const EXTENDED_HYPERCALLS: u32 = 20;

/// The connection that there is.
const CONNECTION: u64 = 1;
/// Flags of a flush that are not reserved.
const FLUSH_FLAGS: u64 = 7;
/// Extended calls that there are: none.
const CAPABILITIES: u64 = 0;

/// All calls.
pub(super) const ALL: &[Call] = &[
    Call::simple(FLUSH_SPACE, 24, 0, None),
    Call { code: FLUSH_LIST, input: 24, output: 0, element: 8, output_element: 0, privilege: None, in_kvm: true },
    Call::simple(NOTIFY_LONG_SPIN_WAIT, 8, 0, None),
    Call::simple(SEND_IPI, 16, 0, None),
    Call {
        code: GET_VP_REGISTERS,
        input: list::HEADER,
        output: 0,
        element: 4,
        output_element: 16,
        privilege: Some(ACCESS_VP_REGISTERS),
        in_kvm: false,
    },
    Call {
        code: SET_VP_REGISTERS,
        input: list::HEADER,
        output: 0,
        element: 32,
        output_element: 0,
        privilege: Some(ACCESS_VP_REGISTERS),
        in_kvm: false,
    },
    Call::simple(POST_MESSAGE, 256, 0, Some(POST_MESSAGES)),
    Call::simple(SIGNAL_EVENT, 8, 0, Some(SIGNAL_EVENTS)),
    Call {
        code: GET_VP_INDEX,
        input: list::HEADER,
        output: 0,
        element: 8,
        output_element: 8,
        privilege: None,
        in_kvm: false,
    },
    Call::simple(QUERY_CAPABILITIES, 0, 8, Some(EXTENDED_HYPERCALLS)),
];

/// Runs a call whose input value is right. How many elements are done.
pub(super) fn run(
    profile: &Profile,
    slots: &Slots,
    machine: &mut Machine,
    call: &Call,
    input: &Input,
    block: &Block,
) -> Result<u64, Failure> {
    let bad = |status| Err(Failure::Status(status, 0));
    match call.code {
        FLUSH_SPACE | FLUSH_LIST => {
            if block.number(machine, 8, 8) & !FLUSH_FLAGS != 0 {
                return bad(status::INVALID_PARAMETER);
            }
            // There are no translations to be flushed.
            Ok(input.reps.min(input.start + super::AT_ONCE))
        }
        SEND_IPI => {
            let vector = block.number(machine, 0, 4);
            if !(0x10..=0xFF).contains(&vector) {
                return bad(status::INVALID_PARAMETER);
            }
            interrupt(slots, machine, block.number(machine, 8, 8));
            Ok(0)
        }
        GET_VP_REGISTERS => list::get(slots, machine, input, block),
        SET_VP_REGISTERS => list::set(slots, machine, input, block),
        GET_VP_INDEX => list::index(slots, machine, input, block),
        POST_MESSAGE if input.fast => bad(status::INVALID_INPUT),
        POST_MESSAGE => {
            let [connection, message, length] = [0, 8, 12].map(|at| block.number(machine, at, 4));
            match () {
                () if profile.kvm => Err(Failure::Out),
                () if message == 0 || message >> 31 == 1 || length > 240 => bad(status::INVALID_PARAMETER),
                () if connection != CONNECTION => bad(status::INVALID_CONNECTION_ID),
                () => Ok(0),
            }
        }
        SIGNAL_EVENT => match block.number(machine, 0, 4) {
            _ if profile.kvm => Err(Failure::Out),
            CONNECTION => Ok(0),
            _ => bad(status::INVALID_CONNECTION_ID),
        },
        QUERY_CAPABILITIES => {
            block.put(slots, machine, 0, 0, CAPABILITIES);
            Ok(0)
        }
        _ => Ok(0),
    }
}

/// Interrupts the virtual processors of a mask, by index.
fn interrupt(slots: &Slots, machine: &mut Machine, mask: u64) {
    let named = (0..).zip(others::APIC_IDS).filter(|(index, _)| mask >> index & 1 == 1);
    let ids = named.fold(machine.get(slots.ipis), |ids, (_, id)| ids | others::seen(id));
    machine.set(slots.ipis, ids);
}
