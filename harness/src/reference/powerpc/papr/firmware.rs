//! Calls that firmware and hypervisor have among themselves: F001 to F003.
//!
//! No document has them; QEMU `hw/ppc/spapr_hcall.c` is followed, except that it ends where arguments are far off.

use super::super::guest;
use super::super::partition::Partition;
use super::{Answer, code};
use crate::device_tree::DeviceTree;

/// Elements that KVMPPC_H_LOGICAL_MEMOP takes at most.
const ELEMENTS: u64 = 0x8000_0000;
/// Processor masks and values that KVMPPC_H_CAS looks at.
const VERSIONS: u64 = 512;
/// Bytes before the tree in the answer of KVMPPC_H_CAS.
const HEADER: u64 = 4;

/// KVMPPC_H_LOGICAL_MEMOP: copies elements, or their complements, as if through a buffer.
pub(super) fn memop(p: &mut Partition) -> Answer {
    let [destination, source, size, count, operation] = p.arguments();
    if count > ELEMENTS || operation > 1 {
        return Err(code::PARAMETER);
    }
    if count == 0 && size > 3 {
        return Ok(());
    }
    if size > 3 || (destination | source) & ((1 << size) - 1) != 0 {
        return Err(code::PARAMETER);
    }
    let bytes = count << size;
    if !p.contains(destination, bytes) || !p.contains(source, bytes) {
        return Err(code::PARAMETER);
    }
    let mut elements = p.bytes(source, bytes);
    if operation == 1 {
        elements.iter_mut().for_each(|byte| *byte = !*byte);
    }
    p.store_bytes(destination, &elements);
    Ok(())
}

/// A tree at an address: its blob.
fn tree(p: &Partition, at: u64) -> Option<Vec<u8>> {
    let header = p.bytes(at, DeviceTree::HEADER as u64);
    let length = DeviceTree::length(&header)? as u64;
    let blob = p.contains(at, length).then(|| p.bytes(at, length))?;
    DeviceTree::parse(&blob).ok()?;
    Some(blob)
}

/// KVMPPC_H_UPDATE_DT: takes a tree that is at most twice as long as the first one.
pub(super) fn update_tree(p: &mut Partition) -> Answer {
    let [at] = p.arguments();
    let first = tree(p, guest::TREE).map_or(0, |blob| blob.len());
    let taken = tree(p, at).filter(|blob| blob.len() <= 2 * first);
    taken.map(drop).ok_or(code::PARAMETER)
}

/// KVMPPC_H_CAS: finds the processor among pairs of mask and value, and hands out the device tree behind a word that is 1.
pub(super) fn negotiate(p: &mut Partition) -> Answer {
    let [vectors, buffer, size] = p.arguments();
    let pvr = u64::from(p.profile.model.pvr());
    let pair = |n: u64| {
        let at = vectors.wrapping_add(8 * n);
        p.contains(at, 8).then(|| (p.load(at, 4), p.load(at + 4, 4)))
    };
    // A value with bits outside its mask ends the list.
    let mut pairs = (0..VERSIONS).map_while(pair).take_while(|(mask, value)| value & !mask == 0);
    let matched = pairs.any(|(mask, value)| pvr & mask == value);
    if !matched {
        return Err(code::HARDWARE);
    }
    let blob = tree(p, guest::TREE).unwrap_or_default();
    if !p.contains(buffer, size) || size < HEADER + blob.len() as u64 {
        return Err(code::PARAMETER);
    }
    p.store(buffer, 4, 1);
    p.store_bytes(buffer + HEADER, &blob);
    Ok(())
}
