//! Nested guests that the hypervisor knows of: capabilities, guests and their processors.
//!
//! Linux `Documentation/arch/powerpc/kvm-nested.rst`, "New PAPR API". The document names few return codes; where it
//! names none the position of the wrong parameter gives it, as everywhere in PAPR, and the order is that of the
//! parameters. What QEMU's `hw/ppc/spapr_nested.c` adds (H_STATE before capabilities are chosen) is followed where
//! nothing contradicts it. State is in `nested_state`, running in `nested_run`, the older interface in `nested_direct`.

use std::collections::BTreeMap;

use hypercheck_ppc::Model;

use super::super::partition::Partition;
use super::nested_state::Elements;
use super::{Reply, code};

/// Capability: the guest's processors are POWER9.
const POWER9: u64 = 1 << 62;
/// Capability: they are POWER10.
const POWER10: u64 = 1 << 61;

/// H_GUEST_DELETE: all guests.
const ALL: u64 = 1 << 63;

/// Guests that there is memory for.
const GUESTS: usize = 8;
/// Numbers of processors of a guest.
const PROCESSORS: u64 = 2048;

/// What the hypervisor keeps of nested guests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Nested {
    /// What H_GUEST_SET_CAPABILITIES chose.
    capabilities: Option<u64>,
    /// Guests by the number that H_GUEST_CREATE gave them.
    guests: BTreeMap<u64, Guest>,
    /// The partition table, as H_SET_PARTITION_TABLE was given it; 0 if there is none.
    pub(super) table: u64,
    /// Partitions that H_ENTER_NESTED has run.
    pub(super) entered: BTreeMap<u64, ()>,
}

/// A nested guest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Guest {
    /// State of the guest as a whole.
    pub(super) state: Elements,
    /// State of its processors by number.
    pub(super) processors: BTreeMap<u64, Elements>,
}

impl Nested {
    /// A guest by its number.
    pub(super) fn guest(&mut self, number: u64) -> Option<&mut Guest> {
        self.guests.get_mut(&number)
    }

    /// How many guests there are.
    pub(super) fn count(&self) -> u64 {
        self.guests.len() as u64
    }
}

/// The capabilities that are offered: guests can be what the processor is, and what came before it down to POWER9.
fn offered(p: &Partition) -> u64 {
    if p.profile.model == Model::Power10 { POWER9 | POWER10 } else { POWER9 }
}

/// H_GUEST_GET_CAPABILITIES.
pub(super) fn get_capabilities(p: &mut Partition) -> Reply {
    let [flags] = p.arguments();
    if flags != 0 {
        return code::PARAMETER.into();
    }
    p.cpu.gpr[4] = offered(p);
    code::SUCCESS.into()
}

/// H_GUEST_SET_CAPABILITIES: a subset of what is offered, once. Without any processor mode no guest could be made,
/// which QEMU refuses too.
pub(super) fn set_capabilities(p: &mut Partition) -> Reply {
    let [flags, wanted] = p.arguments();
    if flags != 0 {
        return code::PARAMETER.into();
    }
    if wanted & !offered(p) != 0 || wanted == 0 {
        // There is one bitmap, and its index is 0.
        p.cpu.gpr[4] = 1;
        p.cpu.gpr[5] = 0;
        return code::P2.into();
    }
    if p.state.nested.capabilities.is_some() {
        return code::STATE.into();
    }
    p.state.nested.capabilities = Some(wanted);
    code::SUCCESS.into()
}

/// H_GUEST_CREATE: never busy, so no token but that of a first call is right.
pub(super) fn create(p: &mut Partition) -> Reply {
    let [flags, token] = p.arguments();
    let nested = &mut p.state.nested;
    if flags != 0 {
        return code::unsupported_flag(flags).into();
    }
    if token != u64::MAX {
        return code::P2.into();
    }
    if nested.capabilities.is_none() {
        return code::STATE.into();
    }
    if nested.guests.len() >= GUESTS {
        return code::NOT_ENOUGH_RESOURCES.into();
    }
    let free = (1..).find(|number| !nested.guests.contains_key(number)).unwrap_or_default();
    nested.guests.insert(free, Guest::default());
    p.cpu.gpr[4] = free;
    code::SUCCESS.into()
}

/// H_GUEST_CREATE_VCPU.
pub(super) fn create_vcpu(p: &mut Partition) -> Reply {
    let [flags, number, processor] = p.arguments();
    if flags != 0 {
        return code::unsupported_flag(flags).into();
    }
    let Some(guest) = p.state.nested.guest(number) else { return code::P2.into() };
    if processor >= PROCESSORS {
        return code::P3.into();
    }
    if guest.processors.contains_key(&processor) {
        return code::IN_USE.into();
    }
    guest.processors.insert(processor, Elements::default());
    code::SUCCESS.into()
}

/// H_GUEST_DELETE: a guest and its processors, or all.
pub(super) fn delete(p: &mut Partition) -> Reply {
    let [flags, number] = p.arguments();
    let nested = &mut p.state.nested;
    if flags & !ALL != 0 {
        return code::unsupported_flag(flags & !ALL).into();
    }
    if flags & ALL != 0 {
        nested.guests.clear();
        return code::SUCCESS.into();
    }
    if nested.guests.remove(&number).is_some() { code::SUCCESS.into() } else { code::P2.into() }
}
