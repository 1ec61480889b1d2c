//! Energy: H_GET_EM_PARMS, H_BEST_ENERGY and H_GET_ENERGY_SCALE_INFO.
//!
//! LoPAR, "Platform Energy Management". H_GET_ENERGY_SCALE_INFO is described by its authors on linuxppc-dev (June 2021,
//! "Interface to represent PAPR firmware attributes").

use super::super::partition::{CPUS, Partition};
use super::{Reply, code};

/// Status of one level: nominal performance, energy management disabled.
const NOMINAL: u64 = 2;

/// H_GET_EM_PARMS: one policy at all four levels, no limit, and consumption that is not reported.
pub(super) fn parameters(p: &mut Partition) -> Reply {
    p.cpu.gpr[4] = NOMINAL << 48 | NOMINAL << 32 | NOMINAL << 16 | NOMINAL;
    p.cpu.gpr[5..10].fill(0);
    code::SUCCESS.into()
}

/// H_BEST_ENERGY: bits that must be 0. Bit 52 asks for a buffer, which is not offered.
const UNSUPPORTED: u64 = 0xFF << 24 | 0xF << 12 | 1 << 11;
/// H_BEST_ENERGY: compute anew.
const REFRESH: u64 = 1 << 10;
/// H_BEST_ENERGY: a list in order instead of single priorities.
const ORDERED: u64 = 1 << 9;
/// H_BEST_ENERGY: which to activate instead of which to release.
const ACTIVATE: u64 = 1 << 8;
/// Resource code of processors; there are no memory blocks to choose from.
const PROCESSORS: u64 = 1;
/// Connector index of the first processor.
const DRC: u64 = 0x1000_0000;

/// Priorities of processors, the best first: connector index and priority.
pub(crate) type Priorities = [(u64, u64); CPUS];

/// H_BEST_ENERGY. To release, the idle processor is best, to activate the one that runs.
pub(super) fn best(p: &mut Partition) -> Reply {
    let [flags, wanted @ ..]: [u64; 9] = p.arguments();
    if flags & 0xFF != PROCESSORS {
        return code::UNSUPPORTED.into();
    }
    if flags & UNSUPPORTED != 0 {
        return code::unsupported_flag(flags & UNSUPPORTED).into();
    }
    if flags & REFRESH != 0 {
        let (first, second) = if flags & ACTIVATE != 0 { (0, 1) } else { (1, 0) };
        p.state.energy = Some([(DRC + first, 1), (DRC + second, 3)]);
    }
    let Some(list) = p.state.energy else { return code::NOT_AVAILABLE.into() };
    if flags & ORDERED != 0 { ordered(p, &list, wanted[0]) } else { inquiry(p, &list, wanted) }.into()
}

fn ordered(p: &mut Partition, list: &Priorities, from: u64) -> i64 {
    let Some(from) = (if from == 0 { Some(0) } else { list.iter().position(|(drc, _)| *drc == from) }) else {
        return code::P2;
    };
    p.cpu.gpr[4] = (list.len() - from) as u64;
    for (n, (drc, priority)) in list[from..].iter().enumerate() {
        p.cpu.gpr[5 + n] = priority << 32 | drc;
    }
    code::SUCCESS
}

fn inquiry(p: &mut Partition, list: &Priorities, wanted: [u64; 8]) -> i64 {
    let asked: Vec<u64> = wanted.into_iter().take_while(|resource| *resource != 0).collect();
    let found: Option<Vec<u64>> = asked
        .iter()
        .map(|resource| list.iter().find(|(drc, _)| drc == resource).map(|(drc, priority)| priority << 32 | drc))
        .collect();
    let Some(found) = found else {
        let wrong = asked.iter().position(|resource| list.iter().all(|(drc, _)| drc != resource));
        // H_P2 for the first, H_P3 for the second, down to H_P9.
        return code::P2 - wrong.and_then(|n| i64::try_from(n).ok()).unwrap_or_default();
    };
    p.cpu.gpr[4] = found.len() as u64;
    p.cpu.gpr[5..5 + found.len()].copy_from_slice(&found);
    code::SUCCESS
}

/// H_GET_ENERGY_SCALE_INFO: only the attribute that is named.
const SINGLE: u64 = 1 << 63;
/// Bytes of the header, rounded up, and of an attribute.
const HEADER: u64 = 0x18;
const ATTRIBUTE: u64 = 0x90;

/// An attribute: id, value, description, description of the value.
const ATTRIBUTES: [(u64, u64, &str, &str); 3] = [
    (1, 2, "Power Saver Mode", "Nominal"),
    (2, 1, "Power Saver Mode Control Allowed", "No"),
    (3, 4_000, "Maximum Frequency", ""),
];

/// H_GET_ENERGY_SCALE_INFO: attributes from the one that is named on. What has no room is left out, with H_PARTIAL.
pub(super) fn scale_info(p: &mut Partition) -> Reply {
    let [flags, first, at, size] = p.arguments();
    if flags & !SINGLE != 0 {
        return code::PARAMETER.into();
    }
    let from = ATTRIBUTES.iter().filter(|(id, ..)| if flags & SINGLE != 0 { *id == first } else { *id >= first });
    let chosen: Vec<_> = from.collect();
    if chosen.is_empty() {
        return code::P2.into();
    }
    if !p.contains(at, size) {
        return code::P3.into();
    }
    if size < HEADER {
        return code::P4.into();
    }
    let room = usize::try_from((size - HEADER) / ATTRIBUTE).unwrap_or_default();
    p.store(at, 8, chosen.len().min(room) as u64);
    p.store(at + 8, 8, HEADER);
    p.store(at + 16, 8, 1 << 56);
    for (n, (id, value, name, words)) in (0..).zip(chosen.iter().take(room)) {
        let entry = at + HEADER + ATTRIBUTE * n;
        p.store(entry, 8, *id);
        p.store(entry + 8, 8, *value);
        text(p, entry + 0x10, name);
        text(p, entry + 0x50, words);
    }
    if chosen.len() > room { code::PARTIAL.into() } else { code::SUCCESS.into() }
}

/// A string in 64 bytes, the rest zeros.
fn text(p: &mut Partition, at: u64, text: &str) {
    p.fill(at, 0x40, 0);
    for (n, byte) in (0..).zip(text.bytes()) {
        p.store(at + n, 1, byte.into());
    }
}
