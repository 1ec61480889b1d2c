//! Persistent memory (storage class memory) behind a connector index.
//!
//! Linux `Documentation/arch/powerpc/papr_hcalls.rst`, "HCALL Op-codes". The document lists codes without their
//! reasons: the position of the wrong parameter gives them, and parameters are judged from the connector on, then the
//! token, then the rest in QEMU's order (`hw/ppc/spapr_nvdimm.c`). There is one device of four blocks with 4 KiB of
//! metadata. Where the partition is asked to be slow, a binding of more than two blocks and every flush take two calls,
//! so that continue tokens are seen. Bound blocks have addresses and no storage behind them.

use std::collections::BTreeMap;

use super::super::partition::Partition;
use super::{Reply, code};

/// The device's connector index.
pub(crate) const DRC: u64 = 0x9000_0000;
/// Bytes of a block.
pub(crate) const BLOCK: u64 = 0x10_0000;
/// Blocks of the device.
pub(crate) const BLOCKS: u64 = 4;

/// Where the hypervisor binds, and bytes from there on that may be bound to.
const WINDOW: u64 = 0x1000_0000;
const WINDOW_SIZE: u64 = 2 * BLOCKS * BLOCK;
/// The caller leaves the address to the hypervisor.
const ANYWHERE: u64 = u64::MAX;
/// Blocks that one call of a slow partition binds.
const AT_ONCE: u64 = 2;
/// Bytes of metadata.
const METADATA: usize = 4096;

/// Health: the contents of the last boot were restored.
const RESTORED: u64 = 1 << 61;
/// Health: the bits that are told.
const TOLD: u64 = 0xFFC0_0000_0000_0000;

/// Statistics: names and values.
const STATISTICS: [(&[u8; 8], u64); 2] = [(b"CtlResCt", 3), (b"PonSecs ", 86_400)];

/// A binding that is not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unfinished {
    token: u64,
    /// The next block, and the one behind the last.
    blocks: (u64, u64),
    /// Address of the next block.
    address: u64,
}

/// What is kept of the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Persistent {
    metadata: Box<[u8]>,
    /// Addresses of bound blocks.
    bound: BTreeMap<u64, u64>,
    unfinished: Option<Unfinished>,
    /// Token of a flush that goes on.
    flush: Option<u64>,
    /// The last token that was given.
    token: u64,
}

impl Default for Persistent {
    fn default() -> Self {
        Self { metadata: vec![0; METADATA].into(), bound: BTreeMap::new(), unfinished: None, flush: None, token: 0 }
    }
}

impl Persistent {
    fn next_token(&mut self) -> u64 {
        self.token += 1;
        self.token
    }

    fn free(&self, address: u64, count: u64) -> bool {
        let end = address + count * BLOCK;
        self.bound.values().all(|&other| end <= other || other + BLOCK <= address)
    }

    fn block_at(&self, address: u64) -> Option<u64> {
        self.bound.iter().find(|(_, at)| (**at..**at + BLOCK).contains(&address)).map(|(block, _)| *block)
    }
}

/// A connector index has 32 bits.
fn is_device(drc: u64) -> bool {
    drc == DRC
}

/// The bytes of metadata at `offset`, if there are so many.
fn range(offset: u64, length: u64) -> Option<std::ops::Range<usize>> {
    let end = offset.checked_add(length).and_then(|end| usize::try_from(end).ok())?;
    (end <= METADATA).then_some(usize::try_from(offset).ok()?..end)
}

/// H_SCM_READ_METADATA. The document's buffer is not among the parameters that Linux and QEMU pass: data comes in `r4`.
pub(super) fn read_metadata(p: &mut Partition) -> Reply {
    let [drc, offset, length] = p.arguments();
    if !is_device(drc) {
        return code::PARAMETER.into();
    }
    if !matches!(length, 1 | 2 | 4 | 8) {
        return code::P3.into();
    }
    let Some(range) = range(offset, length) else { return code::P2.into() };
    let bytes = p.state.persistent.metadata[range].iter();
    p.cpu.gpr[4] = bytes.fold(0, |value, byte| value << 8 | u64::from(*byte));
    code::SUCCESS.into()
}

/// H_SCM_WRITE_METADATA. Data wider than the length is refused with H_P2, as by QEMU.
pub(super) fn write_metadata(p: &mut Partition) -> Reply {
    let [drc, offset, data, length] = p.arguments();
    if !is_device(drc) {
        return code::PARAMETER.into();
    }
    if !matches!(length, 1 | 2 | 4 | 8) {
        return code::P4.into();
    }
    let Some(range) = range(offset, length) else { return code::P2.into() };
    if length < 8 && data >> (8 * length) != 0 {
        return code::P2.into();
    }
    let bytes = data.to_be_bytes();
    p.state.persistent.metadata[range.clone()].copy_from_slice(&bytes[8 - range.len()..]);
    code::SUCCESS.into()
}

/// H_SCM_BIND_MEM.
pub(super) fn bind(p: &mut Partition) -> Reply {
    let [drc, first, count, target, token] = p.arguments();
    if !is_device(drc) {
        return code::PARAMETER.into();
    }
    let ram = p.ram();
    let device = &mut p.state.persistent;
    if token != 0 {
        let Some(unfinished) = device.unfinished.filter(|unfinished| unfinished.token == token) else {
            return code::P5.into();
        };
        return bind_some(p, unfinished);
    }
    if first >= BLOCKS {
        return code::P2.into();
    }
    if count == 0 || count > BLOCKS - first {
        return code::P3.into();
    }
    let address = if target == ANYWHERE { WINDOW + first * BLOCK } else { target };
    if !address.is_multiple_of(BLOCK) || address.checked_add(count * BLOCK).is_none() {
        return code::P4.into();
    }
    let blocks = first..first + count;
    if address < ram || !device.free(address, count) || blocks.clone().any(|block| device.bound.contains_key(&block)) {
        return code::OVERLAP.into();
    }
    if address < WINDOW || address - WINDOW > WINDOW_SIZE - count * BLOCK {
        return code::P4.into();
    }
    let token = device.next_token();
    bind_some(p, Unfinished { token, blocks: (first, first + count), address })
}

/// Binds as many blocks as one call does.
fn bind_some(p: &mut Partition, work: Unfinished) -> Reply {
    let at_once = if p.profile.slow { AT_ONCE } else { BLOCKS };
    let device = &mut p.state.persistent;
    let (first, end) = work.blocks;
    let last = end.min(first + at_once);
    for (n, block) in (0..).zip(first..last) {
        device.bound.insert(block, work.address + n * BLOCK);
    }
    let rest = Unfinished { blocks: (last, end), address: work.address + (last - first) * BLOCK, ..work };
    device.unfinished = (last < end).then_some(rest);
    p.cpu.gpr[4] = if last < end { work.token } else { 0 };
    p.cpu.gpr[5] = work.address;
    p.cpu.gpr[6] = last - first;
    if last < end { code::BUSY.into() } else { code::SUCCESS.into() }
}

/// H_SCM_UNBIND_MEM, in one call.
pub(super) fn unbind(p: &mut Partition) -> Reply {
    let [drc, address, count, token] = p.arguments();
    let device = &mut p.state.persistent;
    if !is_device(drc) {
        return code::PARAMETER.into();
    }
    if token != 0 {
        return code::P4.into();
    }
    if !address.is_multiple_of(BLOCK) || device.block_at(address).is_none() {
        return code::P2.into();
    }
    if count == 0 || count > BLOCKS || (0..count).any(|n| device.block_at(address + n * BLOCK).is_none()) {
        return code::P3.into();
    }
    device.bound.retain(|_, at| !(address..address + count * BLOCK).contains(at));
    p.cpu.gpr[5] = count;
    code::SUCCESS.into()
}

/// H_SCM_QUERY_BLOCK_MEM_BINDING.
pub(super) fn query_block(p: &mut Partition) -> Reply {
    let [drc, block] = p.arguments();
    if !is_device(drc) {
        return code::PARAMETER.into();
    }
    if block >= BLOCKS {
        return code::P2.into();
    }
    let Some(&address) = p.state.persistent.bound.get(&block) else { return code::NOT_FOUND.into() };
    p.cpu.gpr[4] = address;
    code::SUCCESS.into()
}

/// H_SCM_QUERY_LOGICAL_MEM_BINDING: any address in a block finds it.
pub(super) fn query_address(p: &mut Partition) -> Reply {
    let [address] = p.arguments();
    let Some(block) = p.state.persistent.block_at(address) else { return code::NOT_FOUND.into() };
    p.cpu.gpr[4] = DRC;
    p.cpu.gpr[5] = block;
    code::SUCCESS.into()
}

/// H_SCM_UNBIND_ALL.
pub(super) fn unbind_all(p: &mut Partition) -> Reply {
    let [scope, drc, token] = p.arguments();
    let device = &mut p.state.persistent;
    if !matches!(scope, 1 | 2) {
        return code::PARAMETER.into();
    }
    if scope == 2 && !is_device(drc) {
        return code::P2.into();
    }
    if token != 0 {
        return code::P3.into();
    }
    p.cpu.gpr[5] = device.bound.len() as u64;
    device.bound.clear();
    device.unfinished = None;
    code::SUCCESS.into()
}

/// H_SCM_HEALTH.
pub(super) fn health(p: &mut Partition) -> Reply {
    let [drc] = p.arguments();
    if !is_device(drc) {
        return code::PARAMETER.into();
    }
    p.cpu.gpr[4] = RESTORED;
    p.cpu.gpr[5] = TOLD;
    code::SUCCESS.into()
}

/// H_SCM_FLUSH: done at once, or begun by the first call and found done by the second.
pub(super) fn flush(p: &mut Partition) -> Reply {
    let [drc, token] = p.arguments();
    let slow = p.profile.slow;
    let device = &mut p.state.persistent;
    if !is_device(drc) {
        return code::PARAMETER.into();
    }
    if token == 0 {
        if !slow {
            return code::SUCCESS.into();
        }
        let token = device.next_token();
        device.flush = Some(token);
        p.cpu.gpr[4] = token;
        return code::BUSY.into();
    }
    if device.flush != Some(token) {
        return code::P2.into();
    }
    device.flush = None;
    code::SUCCESS.into()
}

/// H_SCM_PERFORMANCE_STATS. The buffer's format and its size in `r6` are those of Linux `papr_scm.c`: an eye-catcher,
/// version 1, a number of statistics, and names whose values are wanted; a number of 0 asks for all, and a size of 0
/// for the size of a buffer for all.
pub(super) fn statistics(p: &mut Partition) -> Reply {
    const EYE_CATCHER: u64 = u64::from_be_bytes(*b"SCMSTATS");
    const HEADER: u64 = 16;
    let [drc, at, size] = p.arguments();
    let all = STATISTICS.len() as u64;
    if !is_device(drc) {
        return code::PARAMETER.into();
    }
    if size == 0 {
        p.cpu.gpr[4] = HEADER + 16 * all;
        return code::SUCCESS.into();
    }
    if !p.contains(at, size) || size < HEADER || p.load(at, 8) != EYE_CATCHER || p.load(at + 8, 4) != 1 {
        return code::PARAMETER.into();
    }
    let wanted = p.load(at + 12, 4);
    if size < HEADER + 16 * if wanted == 0 { all } else { wanted } {
        return code::PARAMETER.into();
    }
    if wanted == 0 {
        for (n, (name, _)) in (0..).zip(&STATISTICS) {
            p.store(at + HEADER + 16 * n, 8, u64::from_be_bytes(**name));
        }
        p.store(at + 12, 4, all);
    }
    for n in 0..p.load(at + 12, 4) {
        let entry = at + HEADER + 16 * n;
        let name = p.load(entry, 8).to_be_bytes();
        let Some((_, value)) = STATISTICS.iter().find(|(known, _)| **known == name) else {
            p.cpu.gpr[4] = u64::from_be_bytes(name);
            return code::PARTIAL.into();
        };
        p.store(entry + 8, 8, *value);
    }
    code::SUCCESS.into()
}
