//! H_REGISTER_VPA and what the hypervisor keeps in the areas.
//!
//! LoPAR, "H_REGISTER_VPA" and "Virtual Processor Areas". All fields are big-endian, whatever the guest's order.

use super::super::partition::Partition;
use super::{Reply, code};

/// Bytes of a level 1 cache line, to which areas are aligned.
const LINE: u64 = 128;
/// Offset of the size in every area.
const SIZE: u64 = 4;
/// Offset of the dispatch counter: even while the processor runs, odd while it does not.
const DISPATCHES: u64 = 0x100;
/// Offset of a byte that LoPAR reserves for firmware, and its bit that Linux reads as "shared processor"
/// (`arch/powerpc/include/asm/lppaca.h`).
const STATUS: (u64, u64) = (9, 2);

/// The areas that are registered for a processor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Areas {
    vpa: Option<u64>,
    trace_log: Option<u64>,
    slb_shadow: Option<u64>,
    /// The hypervisor's own copy of the dispatch counter.
    pub(crate) dispatches: u32,
}

impl Areas {
    /// Those of a processor that has never run.
    pub(crate) const IDLE: Self = Self { vpa: None, trace_log: None, slb_shadow: None, dispatches: 1 };
}

/// Counts the calling processor's dispatch or preemption.
pub(crate) fn count_dispatch(p: &mut Partition) {
    let areas = &mut p.state.processors[0].areas;
    areas.dispatches = areas.dispatches.wrapping_add(1);
    let (vpa, dispatches) = (areas.vpa, areas.dispatches);
    if let Some(vpa) = vpa {
        p.store(vpa + DISPATCHES, 4, dispatches.into());
    }
}

/// H_REGISTER_VPA.
///
/// Of the flags only the subfunction field, bits 16 to 23, is looked at; LoPAR leaves it open whether others must be
/// zero. Both processors can always be meant: one is the caller, the other is offline.
pub(super) fn register(p: &mut Partition) -> Reply {
    let [flags, number, at] = p.arguments();
    let subfunction = (flags >> 40) & 0xFF;
    let registers = matches!(subfunction, 0x20 | 0x40 | 0x60);
    if !registers && !matches!(subfunction, 0xA0 | 0xC0 | 0xE0) {
        return code::PARAMETER.into();
    }
    let Some(processor) = usize::try_from(number).ok().filter(|&n| n < p.state.processors.len()) else {
        return code::PARAMETER.into();
    };
    if registers && (!at.is_multiple_of(LINE) || !p.contains(at, LINE)) {
        return code::PARAMETER.into();
    }
    match subfunction {
        0x20 => register_vpa(p, processor, at),
        0x40 => register_trace_log(p, processor, at),
        0x60 => register_slb_shadow(p, processor, at),
        0xA0 => deregister_vpa(&mut p.state.processors[processor].areas),
        0xC0 => {
            p.state.processors[processor].areas.trace_log = None;
            code::SUCCESS
        }
        _ => {
            p.state.processors[processor].areas.slb_shadow = None;
            code::SUCCESS
        }
    }
    .into()
}

/// Whether an area lies in RAM and in one page of 4 KiB.
fn in_one_page(p: &Partition, at: u64, size: u64) -> bool {
    size <= 4096 - at % 4096 && p.contains(at, size)
}

fn register_vpa(p: &mut Partition, processor: usize, at: u64) -> i64 {
    let size = p.load(at + SIZE, 2);
    if size < 640 || !in_one_page(p, at, size) {
        return code::PARAMETER;
    }
    let areas = &mut p.state.processors[processor].areas;
    areas.vpa = Some(at);
    let dispatches = areas.dispatches.into();
    p.store(at + DISPATCHES, 4, dispatches);
    let status = p.load(at + STATUS.0, 1);
    p.store(at + STATUS.0, 1, status | STATUS.1);
    code::SUCCESS
}

fn register_trace_log(p: &mut Partition, processor: usize, at: u64) -> i64 {
    let size = p.load(at + SIZE, 4);
    if size < 48 || !p.contains(at, size) {
        return code::PARAMETER;
    }
    let areas = &mut p.state.processors[processor].areas;
    if areas.vpa.is_none() {
        return code::RESOURCE;
    }
    areas.trace_log = Some(at);
    code::SUCCESS
}

fn register_slb_shadow(p: &mut Partition, processor: usize, at: u64) -> i64 {
    let size = p.load(at + SIZE, 4);
    if size < 8 || !in_one_page(p, at, size) {
        return code::PARAMETER;
    }
    let areas = &mut p.state.processors[processor].areas;
    if areas.vpa.is_none() {
        return code::RESOURCE;
    }
    areas.slb_shadow = Some(at);
    code::SUCCESS
}

fn deregister_vpa(areas: &mut Areas) -> i64 {
    if areas.trace_log.is_some() || areas.slb_shadow.is_some() {
        return code::RESOURCE;
    }
    areas.vpa = None;
    code::SUCCESS
}
