//! State of nested guests: the guest state buffer and its elements.
//!
//! Linux `Documentation/arch/powerpc/kvm-nested.rst`, "Guest State Buffer". A buffer is a number of elements (4 bytes)
//! and the elements, each an id (2 bytes), the size of its value (2 bytes) and the value, all big-endian. A buffer is
//! judged as a whole before anything is stored, so a call that fails changes nothing; the document does not say.

use std::collections::BTreeMap;

use super::super::partition::Partition;
use super::nested::Guest;
use super::{Reply, code};

/// Flag: state of the guest, not of a processor.
const GUEST_WIDE: u64 = 1 << 63;
/// Flag of getting: state of the host.
const HOST_WIDE: u64 = 1 << 62;

/// Element that stands for nothing.
const NOTHING: u16 = 0;
/// Element: partition-scoped page table, as address, bits and size of the root.
pub(super) const PAGE_TABLE: u16 = 5;
/// Element: where H_GUEST_RUN_VCPU takes state from, as address and size.
pub(super) const INPUT: u16 = 0xC00;
/// Element: where it puts state.
pub(super) const OUTPUT: u16 = 0xC01;
/// Element: general register 0; the others follow.
pub(super) const GPR0: u16 = 0x1000;
/// Element: address of the next instruction.
pub(super) const NIA: u16 = 0x1021;
/// Element: machine state register.
pub(super) const MSR: u16 = 0x1022;
/// Element: effective address of a hypervisor storage interrupt.
pub(super) const HDAR: u16 = 0xF000;
/// Element: guest real address of a hypervisor storage interrupt.
pub(super) const ASDR: u16 = 0xF003;

/// Bytes of the greatest output that H_GUEST_RUN_VCPU has: ten registers.
pub(super) const OUTPUT_SIZE: u64 = 4 + 10 * 12;

/// Values of elements that were set; the others are zero.
pub(super) type Elements = BTreeMap<u16, Vec<u8>>;

/// What an element belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Host,
    Guest,
    Processor,
}

/// What may be done to an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
    Both,
}

/// The elements of the document's table: ids, bytes, access, scope.
const ELEMENTS: &[(std::ops::RangeInclusive<u16>, u16, Access, Scope)] = &[
    (1..=2, 8, Access::Read, Scope::Guest),
    (3..=3, 4, Access::Both, Scope::Guest),
    (4..=4, 8, Access::Both, Scope::Guest),
    (PAGE_TABLE..=PAGE_TABLE, 24, Access::Both, Scope::Guest),
    (6..=6, 16, Access::Both, Scope::Guest),
    (0x800..=0x804, 8, Access::Read, Scope::Host),
    (INPUT..=OUTPUT, 16, Access::Both, Scope::Processor),
    (0xC02..=0xC02, 8, Access::Both, Scope::Processor),
    (GPR0..=0x1039, 8, Access::Both, Scope::Processor),
    (0x103A..=0x103A, 8, Access::Write, Scope::Processor),
    (0x103B..=0x1053, 8, Access::Both, Scope::Processor),
    (0x2000..=0x200E, 4, Access::Both, Scope::Processor),
    (0x3000..=0x303F, 16, Access::Both, Scope::Processor),
    (HDAR..=HDAR, 8, Access::Read, Scope::Processor),
    (0xF001..=0xF002, 4, Access::Read, Scope::Processor),
    (ASDR..=ASDR, 8, Access::Read, Scope::Processor),
];

/// An element in a buffer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element {
    pub(super) id: u16,
    /// Address of its value.
    value: u64,
    size: u16,
}

/// What is wrong with a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is not memory of the partition.
    Address,
    /// Its elements go beyond its end.
    Size,
    /// An element, by its index and its offset, with the code for what is wrong about it.
    Element { code: i64, index: u64, offset: u64 },
}

/// The elements of the buffer at `at`, each fit to be read or written in that scope.
pub(super) fn elements(p: &Partition, at: u64, size: u64, scope: Scope, set: bool) -> Result<Vec<Element>, Wrong> {
    if size < 4 {
        return Err(Wrong::Size);
    }
    if !p.contains(at, size) {
        return Err(Wrong::Address);
    }
    let mut found = Vec::new();
    let mut offset = 4;
    for index in 0..p.load(at, 4) {
        if offset + 4 > size {
            return Err(Wrong::Size);
        }
        let header = p.load(at + offset, 4);
        let (id, bytes) = (half(header >> 16), half(header));
        let element = Element { id, value: at + offset + 4, size: bytes };
        if offset + 4 + u64::from(bytes) > size {
            return Err(Wrong::Size);
        }
        if let Err(code) = judge(p, &element, scope, set) {
            return Err(Wrong::Element { code, index, offset });
        }
        found.push(element);
        offset += 4 + u64::from(bytes);
    }
    Ok(found)
}

fn judge(p: &Partition, element: &Element, scope: Scope, set: bool) -> Result<(), i64> {
    if element.id == NOTHING && scope != Scope::Host {
        return Ok(());
    }
    let known = ELEMENTS.iter().find(|(ids, ..)| ids.contains(&element.id));
    let Some(&(_, size, access, of)) = known else { return Err(code::INVALID_ELEMENT_ID) };
    let forbidden = if set { Access::Read } else { Access::Write };
    if of != scope || access == forbidden {
        return Err(code::INVALID_ELEMENT_ID);
    }
    if element.size != size {
        return Err(code::INVALID_ELEMENT_SIZE);
    }
    // A buffer for running is memory of the caller.
    let buffer = matches!(element.id, INPUT | OUTPUT);
    if set && buffer && !p.contains(p.load(element.value, 8), p.load(element.value + 8, 8)) {
        return Err(code::INVALID_ELEMENT_VALUE);
    }
    Ok(())
}

/// The low 16 bits.
fn half(value: u64) -> u16 {
    u16::try_from(value & 0xFFFF).unwrap_or_default()
}

/// Takes the values of elements over.
pub(super) fn take(p: &Partition, from: &[Element], into: &mut Elements) {
    for element in from.iter().filter(|element| element.id != NOTHING) {
        let bytes = (0..u64::from(element.size)).map(|n| p.load(element.value + n, 1).to_le_bytes()[0]);
        into.insert(element.id, bytes.collect());
    }
}

/// The `n`th doubleword of an element's value, 0 if it was never set.
pub(super) fn doubleword(state: &Elements, id: u16, n: usize) -> u64 {
    let bytes = state.get(&id).and_then(|value| value.get(8 * n..8 * n + 8));
    bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes)
}

/// The value of an element that is only read, or that the hypervisor computes.
fn computed(id: u16, guests: u64) -> Option<u64> {
    match id {
        // A processor of the hypervisor's own needs a page.
        1 => Some(0x1000),
        2 => Some(OUTPUT_SIZE),
        0x800 => Some(guests * 0x1_0000),
        0x801 | 0x803 => Some(0x10_0000),
        0x802 | 0x804 => Some(0),
        _ => None,
    }
}

fn refuse(p: &mut Partition, wrong: Wrong) -> Reply {
    match wrong {
        Wrong::Address => code::P4.into(),
        Wrong::Size => code::P5.into(),
        Wrong::Element { code, index, .. } => {
            p.cpu.gpr[4] = index;
            code.into()
        }
    }
}

/// The state that a call is about.
fn chosen(guest: &mut Guest, wide: bool, processor: u64) -> Option<&mut Elements> {
    if wide { Some(&mut guest.state) } else { guest.processors.get_mut(&processor) }
}

/// H_GUEST_GET_STATE. The host's state needs neither guest nor processor.
pub(super) fn get(p: &mut Partition) -> Reply {
    let [flags, number, processor, at, size] = p.arguments();
    if flags & !(GUEST_WIDE | HOST_WIDE) != 0 || flags == GUEST_WIDE | HOST_WIDE {
        return code::PARAMETER.into();
    }
    let guests = p.state.nested.count();
    let (state, scope) = if flags == HOST_WIDE {
        (Elements::default(), Scope::Host)
    } else {
        let wide = flags == GUEST_WIDE;
        let Some(guest) = p.state.nested.guest(number) else { return code::P2.into() };
        let Some(state) = chosen(guest, wide, processor) else { return code::P3.into() };
        (state.clone(), if wide { Scope::Guest } else { Scope::Processor })
    };
    let elements = match elements(p, at, size, scope, false) {
        Ok(elements) => elements,
        Err(wrong) => return refuse(p, wrong),
    };
    for element in elements.iter().filter(|element| element.id != NOTHING) {
        if let Some(value) = computed(element.id, guests) {
            p.store(element.value, u64::from(element.size), value);
        } else {
            put(p, element.value, element.size, state.get(&element.id));
        }
    }
    code::SUCCESS.into()
}

/// Stores an element's value, zeros if it was never set.
fn put(p: &mut Partition, at: u64, size: u16, value: Option<&Vec<u8>>) {
    for n in 0..size {
        let byte = value.and_then(|value| value.get(usize::from(n))).copied().unwrap_or_default();
        p.store(at + u64::from(n), 1, byte.into());
    }
}

/// H_GUEST_SET_STATE. Ownership of a processor's state cannot be taken here, so it cannot be returned: that flag is
/// refused as QEMU refuses it.
pub(super) fn set(p: &mut Partition) -> Reply {
    let [flags, number, processor, at, size] = p.arguments();
    if flags & !GUEST_WIDE != 0 {
        return code::PARAMETER.into();
    }
    let wide = flags == GUEST_WIDE;
    let Some(guest) = p.state.nested.guest(number) else { return code::P2.into() };
    if chosen(guest, wide, processor).is_none() {
        return code::P3.into();
    }
    let elements = match elements(p, at, size, if wide { Scope::Guest } else { Scope::Processor }, true) {
        Ok(elements) => elements,
        Err(wrong) => return refuse(p, wrong),
    };
    let mut values = Elements::default();
    take(p, &elements, &mut values);
    if let Some(state) = p.state.nested.guest(number).and_then(|guest| chosen(guest, wide, processor)) {
        state.extend(values);
    }
    code::SUCCESS.into()
}
