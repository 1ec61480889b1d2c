//! Running a processor of a nested guest until it needs its hypervisor.
//!
//! Linux `Documentation/arch/powerpc/kvm-nested.rst`, "H_GUEST_RUN_VCPU". What is modelled of the nested processor is
//! its first instruction fetch, in real mode: the partition-scoped radix tree is walked (Power ISA 3.0 Book III, "Radix
//! Tree Translation"), and where it leads nowhere the exit is a hypervisor instruction storage interrupt; `sc 1` is a
//! hypercall. Any other instruction is where this hypervisor stops for a reason of its own, which it may at any time.

use super::super::partition::Partition;
use super::nested_state::{
    ASDR, Element, Elements, GPR0, HDAR, INPUT, MSR, NIA, OUTPUT, OUTPUT_SIZE, PAGE_TABLE, Scope, Wrong, doubleword,
    elements, take,
};
use super::{Reply, code};

/// Flags that ask for an interrupt in the guest: external, doorbell, system reset.
const INTERRUPTS: u64 = 7 << 61;

/// Why a processor stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// For no reason of its own.
    Unspecified,
    /// It made a hypercall.
    Hypercall,
    /// Its instruction is not mapped; the guest real address.
    InstructionStorage(u64),
}

impl Exit {
    /// The vector that tells.
    pub(super) fn vector(self) -> u64 {
        match self {
            Self::Unspecified => 0,
            Self::Hypercall => 0xC00,
            Self::InstructionStorage(_) => 0xE20,
        }
    }
}

/// Walks a radix tree of `bits` address bits whose root has `2^size` entries: the real address.
fn walk(p: &Partition, root: u64, size: u64, bits: u64, address: u64) -> Option<u64> {
    const VALID: u64 = 1 << 63;
    const LEAF: u64 = 1 << 62;
    const NEXT: u64 = 0x0FFF_FFFF_FFFF_FF00;
    const PAGE: u64 = 0x01FF_FFFF_FFFF_F000;
    let (mut table, mut size, mut bits) = (root, size, bits);
    if !(12..=64).contains(&bits) || address.checked_shr(u32::try_from(bits).ok()?).is_some_and(|rest| rest != 0) {
        return None;
    }
    loop {
        if !(5..=16).contains(&size) || size > bits {
            return None;
        }
        bits -= size;
        let index = address >> bits & ((1 << size) - 1);
        let at = table + 8 * index;
        let entry = if p.contains(at, 8) { p.load(at, 8) } else { 0 };
        if entry & VALID == 0 {
            return None;
        }
        if entry & LEAF != 0 {
            let offset = (1 << bits) - 1;
            return Some(entry & PAGE & !offset | address & offset);
        }
        (table, size) = (entry & NEXT, entry & 0x1F);
    }
}

/// What the processor does at `address`, translated by the tree at `root`.
pub(super) fn first(p: &Partition, root: u64, size: u64, bits: u64, address: u64) -> Exit {
    const SC_1: u64 = 0x4400_0022;
    // The two top bits of a real-mode address are ignored.
    let guest = address & !3 & (u64::MAX >> 4);
    match walk(p, root, size, bits, guest) {
        None => Exit::InstructionStorage(guest),
        Some(real) if p.contains(real, 4) && p.load(real, 4) == SC_1 => Exit::Hypercall,
        Some(_) => Exit::Unspecified,
    }
}

/// A buffer for running: address and size.
fn buffer(state: &Elements, id: u16) -> Option<(u64, u64)> {
    state.contains_key(&id).then(|| (doubleword(state, id, 0), doubleword(state, id, 1)))
}

/// Writes the output: the elements that the exit calls for.
fn report(p: &mut Partition, at: u64, state: &Elements, exit: Exit) {
    let ids: Vec<u16> = match exit {
        Exit::Unspecified => Vec::new(),
        Exit::Hypercall => (GPR0 + 3..=GPR0 + 12).collect(),
        Exit::InstructionStorage(_) => vec![HDAR, ASDR, NIA, MSR],
    };
    p.store(at, 4, ids.len() as u64);
    for (n, id) in (0..).zip(&ids) {
        let element = at + 4 + 12 * n;
        p.store(element, 2, (*id).into());
        p.store(element + 2, 2, 8);
        p.store(element + 4, 8, doubleword(state, *id, 0));
    }
}

/// H_GUEST_RUN_VCPU.
pub(super) fn run(p: &mut Partition) -> Reply {
    let [flags, number, processor] = p.arguments();
    if flags & !INTERRUPTS != 0 {
        return code::PARAMETER.into();
    }
    let Some(guest) = p.state.nested.guest(number) else { return code::P2.into() };
    let Some(state) = guest.processors.get(&processor) else { return code::P3.into() };
    let tree: [u64; 3] = std::array::from_fn(|n| doubleword(&guest.state, PAGE_TABLE, n));
    let (mapped, state) = (guest.state.contains_key(&PAGE_TABLE), state.clone());
    if !mapped {
        return code::PARTITION_PAGE_TABLE_NOT_DEFINED.into();
    }
    let Some(input) = buffer(&state, INPUT) else { return code::INPUT_BUFFER_NOT_DEFINED.into() };
    let Some(output) = buffer(&state, OUTPUT) else { return code::OUTPUT_BUFFER_NOT_DEFINED.into() };
    if output.1 < OUTPUT_SIZE {
        return code::OUTPUT_BUFFER_TOO_SMALL.into();
    }
    match elements(p, input.0, input.1, Scope::Processor, true) {
        Ok(changes) => enter(p, (number, processor), state, &changes, output.0, tree),
        Err(Wrong::Element { code, offset, .. }) => {
            p.cpu.gpr[4] = offset;
            code.into()
        }
        // The buffer was memory when it was registered.
        Err(Wrong::Address | Wrong::Size) => code::INPUT_BUFFER_TOO_SMALL.into(),
    }
}

fn enter(
    p: &mut Partition,
    who: (u64, u64),
    mut state: Elements,
    changes: &[Element],
    output: u64,
    tree: [u64; 3],
) -> Reply {
    take(p, changes, &mut state);
    let [root, bits, size] = tree;
    let next = doubleword(&state, NIA, 0);
    // The root's size is in bytes, 8 an entry.
    let exit = first(p, root, u64::from(size.trailing_zeros()).saturating_sub(3), bits, next);
    let mut put = |id: u16, value: u64| state.insert(id, value.to_be_bytes().to_vec());
    match exit {
        Exit::Hypercall => _ = put(NIA, next.wrapping_add(4)),
        Exit::InstructionStorage(at) => _ = (put(HDAR, next), put(ASDR, at)),
        Exit::Unspecified => {}
    }
    report(p, output, &state, exit);
    if let Some(guest) = p.state.nested.guest(who.0) {
        guest.processors.insert(who.1, state);
    }
    p.cpu.gpr[4] = exit.vector();
    code::SUCCESS.into()
}
