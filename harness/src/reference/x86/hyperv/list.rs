//! Calls with elements: registers of virtual processors, and processors by APIC id.

use super::super::others;
use super::super::processor::Slots;
use super::input::{Block, Input};
use super::{AT_ONCE, Failure, status};
use crate::reference::trap::Machine;
use crate::registers::Slot;

/// Bytes before the first element: partition, virtual processor, trust level.
pub(super) const HEADER: u64 = 16;

/// The caller's own partition.
const SELF_PARTITION: u64 = u64::MAX;
/// The virtual processor that calls.
const SELF_VP: u64 = 0xFFFF_FFFE;
/// HvX64RegisterRax, the first general register.
const GENERAL: u64 = 0x0002_0000;
/// HvX64RegisterCr0, CR2, CR3, CR4.
const CONTROL: u64 = 0x0004_0000;
/// HvRegisterGuestOsId.
const GUEST_OS_ID: u64 = 0x0009_0002;
/// HvRegisterVpIndex.
const VP_INDEX: u64 = 0x0009_0003;

/// A register that the interface names.
enum Named {
    Slot(Slot),
    /// One that cannot be written.
    Fixed(u64),
}

fn named(slots: &Slots, name: u64) -> Option<Named> {
    let found = match name {
        GENERAL..=0x0002_000F => slots.general[usize::try_from(name - GENERAL).ok()?],
        CONTROL => slots.cr0,
        0x0004_0001 => slots.cr2,
        0x0004_0002 => slots.cr3,
        0x0004_0003 => slots.cr4,
        GUEST_OS_ID => slots.hv_os_id,
        VP_INDEX => return Some(Named::Fixed(0)),
        _ => return None,
    };
    Some(Named::Slot(found))
}

/// Checks partition and trust level.
fn partition(machine: &Machine, block: &Block, trust_level_at: u64) -> Result<(), Failure> {
    if block.number(machine, 0, 8) != SELF_PARTITION {
        return Err(Failure::Status(status::INVALID_PARTITION_ID, 0));
    }
    if block.number(machine, trust_level_at, 1) != 0 {
        return Err(Failure::Status(status::INVALID_VTL_STATE, 0));
    }
    Ok(())
}

/// Checks that the caller itself is meant: the others run.
fn processor(machine: &Machine, block: &Block) -> Result<(), Failure> {
    partition(machine, block, 12)?;
    match block.number(machine, 8, 4) {
        0 | SELF_VP => Ok(()),
        index if index < others::APIC_IDS.len() as u64 => Err(Failure::Status(status::INVALID_VP_STATE, 0)),
        _ => Err(Failure::Status(status::INVALID_VP_INDEX, 0)),
    }
}

/// The elements that are done now.
fn now(input: &Input) -> std::ops::Range<u64> {
    input.start..input.reps.min(input.start + AT_ONCE)
}

/// HvCallGetVpRegisters.
pub(super) fn get(slots: &Slots, machine: &mut Machine, input: &Input, block: &Block) -> Result<u64, Failure> {
    processor(machine, block)?;
    for n in now(input) {
        let name = block.number(machine, HEADER + 4 * n, 4);
        let value = match named(slots, name) {
            Some(Named::Slot(slot)) => machine.get(slot),
            Some(Named::Fixed(value)) => value,
            None => return Err(Failure::Status(status::UNKNOWN_REGISTER_NAME, n)),
        };
        let behind = HEADER + 4 * input.reps;
        block.put(slots, machine, behind, 16 * n, value);
        block.put(slots, machine, behind, 16 * n + 8, 0);
    }
    Ok(now(input).end)
}

/// HvCallSetVpRegisters.
pub(super) fn set(slots: &Slots, machine: &mut Machine, input: &Input, block: &Block) -> Result<u64, Failure> {
    processor(machine, block)?;
    for n in now(input) {
        let element = HEADER + 32 * n;
        let value = block.number(machine, element + 16, 8);
        match named(slots, block.number(machine, element, 4)) {
            Some(Named::Slot(slot)) => machine.set(slot, value),
            Some(Named::Fixed(_)) => return Err(Failure::Status(status::INVALID_PARAMETER, n)),
            None => return Err(Failure::Status(status::UNKNOWN_REGISTER_NAME, n)),
        }
    }
    Ok(now(input).end)
}

/// HvCallGetVpIndexFromApicId.
pub(super) fn index(slots: &Slots, machine: &mut Machine, input: &Input, block: &Block) -> Result<u64, Failure> {
    partition(machine, block, 8)?;
    for n in now(input) {
        let id = block.number(machine, HEADER + 8 * n, 4);
        let found = (0..).zip(others::APIC_IDS).find(|(_, known)| u64::from(*known) == id);
        let Some((index, _)) = found else { return Err(Failure::Status(status::INVALID_PARAMETER, n)) };
        block.put(slots, machine, HEADER + 8 * input.reps, 8 * n, index);
    }
    Ok(now(input).end)
}
