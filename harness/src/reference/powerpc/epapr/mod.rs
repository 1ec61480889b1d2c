//! Hypercalls on objects that a guest names by handles: those of ePAPR and of Freescale's hypervisor.
//!
//! Numbers and registers: Linux `arch/powerpc/include/asm/epapr_hcalls.h` and `fsl_hcalls.h`, Freescale libos
//! `include/libos/epapr_hcalls.h` and `fsl_hcalls.h`. What these leave open follows the Freescale hypervisor,
//! `src/hcalls.c`, `vmpic.c`, `guest.c` and `pm.c`. A call that comes with an option is unimplemented without it. As there,
//! a call changes `r3` and the results that the headers name.
//!
//! ```text
//! byte_channel  bytes to and from another end      partition  the neighbour: status, memory, device tree
//! interrupt     sources, doorbells, acknowledging  platform   devices, DMA, errors, processors, reset
//! ```

mod byte_channel;
mod interrupt;
mod partition;
mod platform;

use super::dispatch::Next;
use super::kvm::low_word;
use super::partition::Partition;

/// Options of the machine, with what they do.
pub(super) const OPTIONS: &[(&str, &str)] = &[
    ("epapr-byte-channels", "ePAPR's byte channels: both ends of one, as two handles"),
    ("epapr-interrupts", "ePAPR's interrupt controller"),
    ("epapr-doorbells", "ePAPR's doorbells, which ring with this guest"),
    ("epapr.external-proxy", "the processor delivers interrupt vectors by itself, so that EV_INT_IACK is refused"),
    ("epapr.without-idle", "EV_IDLE is not there, as with Freescale's hypervisor"),
    ("fsl-errors", "Freescale's error queues: one entry in the guest's own"),
    ("fsl-partitions", "Freescale's calls about another partition, which is stopped at first"),
    ("fsl-dma", "Freescale's switches of DMA"),
    ("fsl-processors", "Freescale's calls about virtual processors"),
    ("fsl-interrupts", "Freescale's shared message interrupt register"),
    ("fsl-devices", "Freescale's devices in standby: one, with an interrupt and a DMA window"),
    ("fsl-system", "Freescale's reset, which this guest may not use"),
    ("fsl-system.privileged", "the same, and it may"),
];

/// Calls that come together, by the name of their option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    ByteChannels,
    Interrupts,
    Doorbells,
    Errors,
    Partitions,
    Dma,
    Processors,
    Messages,
    Devices,
    System,
}

impl Set {
    const ALL: [(Self, &str); 10] = [
        (Self::ByteChannels, "epapr-byte-channels"),
        (Self::Interrupts, "epapr-interrupts"),
        (Self::Doorbells, "epapr-doorbells"),
        (Self::Errors, "fsl-errors"),
        (Self::Partitions, "fsl-partitions"),
        (Self::Dma, "fsl-dma"),
        (Self::Processors, "fsl-processors"),
        (Self::Messages, "fsl-interrupts"),
        (Self::Devices, "fsl-devices"),
        (Self::System, "fsl-system"),
    ];
}

/// What a machine offers of all this.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Offer {
    sets: u16,
    external_proxy: bool,
    privileged: bool,
    without_idle: bool,
}

impl Offer {
    /// What a machine with these features offers.
    pub(crate) fn new(has: impl Fn(&str) -> bool) -> Self {
        let privileged = has("fsl-system.privileged");
        let wanted = |&&(set, name): &&(Set, &str)| has(name) || privileged && set == Set::System;
        Self {
            sets: Set::ALL.iter().filter(wanted).fold(0, |sets, (set, _)| sets | 1 << *set as u16),
            external_proxy: has("epapr.external-proxy"),
            privileged,
            without_idle: has("epapr.without-idle"),
        }
    }

    /// Whether any call with handles is there.
    pub(crate) fn any(self) -> bool {
        self.sets != 0
    }

    /// Whether EV_IDLE is there.
    pub(crate) fn idle(self) -> bool {
        !self.without_idle
    }

    /// Whether IACK is refused because the processor has the vector.
    pub(crate) fn external_proxy(self) -> bool {
        self.external_proxy
    }

    /// Whether there is anything of Freescale's.
    pub(crate) fn freescale(self) -> bool {
        let ours = [Set::ByteChannels, Set::Interrupts, Set::Doorbells];
        Set::ALL.iter().any(|(set, _)| !ours.contains(set) && self.has(*set))
    }

    /// Whether the machine has the option of this name.
    pub(crate) fn named(self, name: &str) -> bool {
        Set::ALL.iter().any(|(set, known)| *known == name && self.has(*set))
    }

    fn has(self, set: Set) -> bool {
        self.sets >> set as u16 & 1 != 0
    }
}

/// An error code of ePAPR, Linux `arch/powerpc/include/uapi/asm/epapr_hcalls.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Permission = 1,
    NoEntry = 2,
    Again = 4,
    Fault = 6,
    Invalid = 8,
    State = 11,
    Unimplemented = 12,
    Overflow = 13,
}

/// How a call ends: with 0 in `r3`, or with an error there.
pub(crate) type Answer = Result<Next, Code>;

type Handler = fn(&mut Partition) -> Answer;

const CALLS: &[(u32, Set, Handler)] = &[
    (0x1_0001, Set::ByteChannels, byte_channel::send),
    (0x1_0002, Set::ByteChannels, byte_channel::receive),
    (0x1_0003, Set::ByteChannels, byte_channel::poll),
    (0x1_0004, Set::Interrupts, interrupt::set_config),
    (0x1_0005, Set::Interrupts, interrupt::get_config),
    (0x1_0006, Set::Interrupts, interrupt::set_mask),
    (0x1_0007, Set::Interrupts, interrupt::get_mask),
    (0x1_0009, Set::Interrupts, interrupt::acknowledge),
    (0x1_000A, Set::Interrupts, interrupt::end),
    (0x1_000E, Set::Doorbells, interrupt::ring),
    (0x2_0001, Set::Errors, platform::error_information),
    (0x2_0002, Set::Partitions, partition::get_property),
    (0x2_0003, Set::Partitions, partition::set_property),
    (0x2_0004, Set::Partitions, partition::restart),
    (0x2_0005, Set::Partitions, partition::status),
    (0x2_0006, Set::Partitions, partition::start),
    (0x2_0007, Set::Partitions, partition::stop),
    (0x2_0008, Set::Partitions, partition::copy),
    (0x2_0009, Set::Dma, platform::switch_dma),
    (0x2_000A, Set::Dma, platform::switch_dma),
    (0x2_000B, Set::Processors, platform::send_nmi),
    (0x2_000C, Set::Messages, interrupt::message_register),
    (0x2_000D, Set::System, platform::reset),
    (0x2_000E, Set::Processors, platform::core_state),
    (0x2_000F, Set::Processors, platform::enter_nap),
    (0x2_0010, Set::Processors, platform::exit_nap),
    (0x2_0011, Set::Devices, platform::claim),
    (0x2_0012, Set::Dma, platform::stop_dma),
];

/// Carries out the call of this number. Without its option it is unimplemented.
pub(crate) fn call(p: &mut Partition, number: u32) -> Answer {
    let found = CALLS.iter().find(|(known, ..)| *known == number);
    let &(_, _, handler) = found.filter(|(_, set, _)| p.profile.epapr.has(*set)).ok_or(Code::Unimplemented)?;
    handler(p)
}

/// What a handle names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Object {
    /// The other partition.
    Neighbour,
    /// An end of the byte channel.
    End(usize),
    /// A doorbell to ring.
    Doorbell(usize),
    /// A source of interrupts.
    Source(usize),
    /// A DMA window.
    Window(usize),
    /// The device in standby.
    Device,
}

/// Number of the standby device's source and of its window.
const STANDBY: usize = 3;
const STANDBY_WINDOW: usize = 1;

/// All handles of the guest, by the name that facts and device tree have for them. As with Freescale's hypervisor those of
/// partitions come first and all others from 64 on.
pub(crate) const HANDLES: &[(&str, u32, Object)] = &[
    ("partition", 3, Object::Neighbour),
    ("byte-channel", 64, Object::End(0)),
    ("peer-byte-channel", 65, Object::End(1)),
    ("doorbell", 66, Object::Doorbell(0)),
    ("second-doorbell", 67, Object::Doorbell(1)),
    ("interrupt", 68, Object::Source(0)),
    ("second-interrupt", 69, Object::Source(1)),
    ("byte-channel-interrupt", 70, Object::Source(2)),
    ("standby-interrupt", 71, Object::Source(STANDBY)),
    ("dma", 72, Object::Window(0)),
    ("standby-dma", 73, Object::Window(STANDBY_WINDOW)),
    ("standby-device", 74, Object::Device),
];

/// What cases call `machine.<name>`: the handles, and the length of an entry of an error queue.
pub(crate) fn facts() -> impl Iterator<Item = (&'static str, u64)> {
    let handles = HANDLES.iter().map(|(name, handle, _)| (*name, u64::from(*handle)));
    handles.chain([("error-length", platform::ERROR as u64)])
}

/// The object behind the handle in a register.
fn object(p: &Partition, register: usize) -> Result<Object, Code> {
    let handle = word(p, register);
    let found = HANDLES.iter().find(|(_, number, _)| *number == handle);
    found.map(|(_, _, object)| *object).ok_or(Code::Invalid)
}

/// The low word of a register: handles, counts and halves of addresses are words on 64-bit parts too.
fn word(p: &Partition, register: usize) -> u32 {
    low_word(p.cpu.gpr[register])
}

/// An address of 64 bits in two registers, upper half first.
fn address(p: &Partition, register: usize) -> u64 {
    u64::from(word(p, register)) << 32 | u64::from(word(p, register + 1))
}

/// Whether an interrupt waits that the processor would be told of.
pub(crate) fn interrupt_waits(p: &Partition) -> bool {
    interrupt::most_urgent(p).is_some()
}

/// What is kept about all objects.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct State {
    channel: byte_channel::Channel,
    sources: [interrupt::Source; 4],
    neighbour: partition::Neighbour,
    platform: platform::Platform,
}

impl State {
    /// The state after boot.
    pub(crate) fn new() -> Self {
        Self { neighbour: partition::Neighbour::new(), platform: platform::Platform::new(), ..Self::default() }
    }
}
