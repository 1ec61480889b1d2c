//! Calls of the logical LAN: hcall-lLAN, hcall-ILAN, hcall-illan-options and H_ADD_LOGICAL_LAN_BUFFERS.
//!
//! LoPAR, "Interpartition Logical LAN (ILLAN) Option". Two adapters share a VLAN, a third is the trunk adapter of another
//! one. Linux `drivers/net/ethernet/ibm/ibmveth.h` has the call that adds several buffers.

use std::collections::{BTreeMap, VecDeque};

use super::super::partition::Partition;
use super::io::{self, ADAPTERS, Buffer, LAN, OTHER_LAN, TRUNK};
use super::{Answer, code, tce};

/// Adapters.
const LANS: usize = TRUNK - LAN + 1;
/// Multicast filters of an adapter: `ibm,mac-address-filters`.
pub(crate) const FILTERS: usize = 4;
/// Pools of buffers that a buffer list has room for.
const POOLS: usize = 254;
/// The most bytes in one buffer that is sent: `ibm,max-virtual-dma-size`.
const MOST: u64 = super::rdma::MOST;
/// Where in a receive buffer the frame starts: behind the driver's handle.
const OFFSET: u64 = 8;
/// Where the buffer list counts frames that were dropped.
const DROPPED: u64 = 4088;
/// Bytes of a MAC address in a register.
const MAC: u64 = 0xFFFF_FFFF_FFFF;
/// The frame for everyone.
const BROADCAST: u64 = MAC;

/// Attribute: whether the adapter is the active trunk adapter.
const ACTIVE_TRUNK: u64 = 1;
/// Attributes: checksum offload for IPv4 and IPv6, and Buffer Size Control. None changes while the adapter is open.
const WHILE_CLOSED: u64 = BUFFER_SIZE_CONTROL | 6;
const BUFFER_SIZE_CONTROL: u64 = 1 << 12;
/// Attribute: priority as trunk adapter.
const PRIORITY: u64 = 0xF00;

/// Valid bit of a descriptor, and of a receive queue's entry in its first round.
const VALID: u8 = 0x80;
/// In a receive queue's entry: a frame is in the buffer. In the queue's descriptor: entries that are valid have 0.
const TOGGLE: u8 = 0x40;

/// An open adapter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Open {
    list: u64,
    queue: u64,
    length: u64,
    next: u64,
    toggle: bool,
    /// Buffers by length, oldest first. A pool stays when it is empty.
    pools: BTreeMap<u64, VecDeque<u64>>,
    dropped: u64,
}

/// A logical LAN adapter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lan {
    mac: u64,
    open: Option<Open>,
    receive: bool,
    filter: bool,
    filters: Vec<u64>,
    changed: u64,
}

/// All of them.
pub(crate) type Lans = [Lan; LANS];

/// The adapter with a unit address: its place among all, among LAN adapters, and its window.
fn find(unit: u64) -> Result<(usize, usize, usize), i64> {
    let place = io::find_of(unit, LAN..=TRUNK)?;
    ADAPTERS[place].pane.map(|pane| (place, place - LAN, pane)).ok_or(code::PARAMETER)
}

/// The VLAN that an adapter is on.
const fn vlan(lan: usize) -> u64 {
    if lan + LAN > OTHER_LAN { 2 } else { 1 }
}

/// H_REGISTER_LOGICAL_LAN. Opening an open adapter is refused as QEMU does it; LoPAR does not say.
pub(super) fn register(p: &mut Partition) -> Answer {
    let [unit, list, queue, filter, mac] = p.arguments();
    let (place, lan, pane) = find(unit)?;
    let page = |ioba: u64| ioba.is_multiple_of(4096) && tce::mapped(p, pane, ioba, 4096, tce::WRITE);
    let queue = Buffer::from(queue);
    let whole = queue.length.is_multiple_of(16) && queue.ioba.is_multiple_of(16) && queue.length > 0;
    if !page(list) || !page(filter) || !whole || !tce::mapped(p, pane, queue.ioba, queue.length, tce::WRITE) {
        return Err(code::PARAMETER);
    }
    if p.state.lans[lan].open.is_some() {
        return Err(code::RESOURCE);
    }
    let open = Open { list, queue: queue.ioba, length: queue.length, ..Open::default() };
    let mut bytes = vec![0; 4096];
    bytes[..8].copy_from_slice(&descriptor(&open).to_be_bytes());
    bytes[8..16].copy_from_slice(&(u64::from(VALID) << 56 | 4096 << 32 | filter).to_be_bytes());
    tce::write(p, pane, list, &bytes);
    p.state.lans[lan].open = Some(open);
    p.state.lans[lan].mac = mac & MAC;
    p.state.signals.set(place, false);
    Ok(())
}

/// The receive queue's descriptor.
fn descriptor(open: &Open) -> u64 {
    let control = VALID | if open.toggle { TOGGLE } else { 0 };
    u64::from(control) << 56 | open.length << 32 | open.queue
}

/// H_FREE_LOGICAL_LAN. Closing a closed adapter is refused as QEMU does it; LoPAR does not say.
pub(super) fn free(p: &mut Partition) -> Answer {
    let [unit] = p.arguments();
    let (place, lan, _) = find(unit)?;
    p.state.lans[lan].open.take().ok_or(code::RESOURCE)?;
    p.state.signals.set(place, false);
    Ok(())
}

/// Refuses a receive buffer that is not mapped, too short or off its boundary.
fn check(p: &Partition, pane: usize, buffer: Buffer) -> Answer {
    let fits = buffer.length >= 16 && buffer.ioba.is_multiple_of(4);
    if fits && tce::mapped(p, pane, buffer.ioba, buffer.length, 0) { Ok(()) } else { Err(code::PARAMETER) }
}

fn add(p: &mut Partition, unit: u64, buffers: &[Buffer]) -> Answer {
    let (_, lan, pane) = find(unit)?;
    buffers.iter().try_for_each(|&buffer| check(p, pane, buffer))?;
    let open = p.state.lans[lan].open.as_mut().ok_or(code::RESOURCE)?;
    for buffer in buffers {
        if !open.pools.contains_key(&buffer.length) && open.pools.len() >= POOLS {
            return Err(code::RESOURCE);
        }
        open.pools.entry(buffer.length).or_default().push_back(buffer.ioba);
    }
    Ok(())
}

/// H_ADD_LOGICAL_LAN_BUFFER.
pub(super) fn add_buffer(p: &mut Partition) -> Answer {
    let [unit, buffer] = p.arguments();
    add(p, unit, &[buffer.into()])
}

/// H_ADD_LOGICAL_LAN_BUFFERS: up to 8, ended by a descriptor that is not valid.
pub(super) fn add_buffers(p: &mut Partition) -> Answer {
    let [unit, buffers @ ..]: [u64; 9] = p.arguments();
    let valid = |buffer: &Buffer| buffer.control & VALID != 0;
    let buffers: Vec<Buffer> = buffers.into_iter().map(Buffer::from).take_while(valid).collect();
    add(p, unit, &buffers)
}

/// H_FREE_LOGICAL_LAN_BUFFER: the buffer comes back through the receive queue, without a frame.
pub(super) fn free_buffer(p: &mut Partition) -> Answer {
    let [unit, size] = p.arguments();
    let (place, lan, pane) = find(unit)?;
    let pools = p.state.lans[lan].open.as_mut().map(|open| &mut open.pools).ok_or(code::NOT_FOUND)?;
    let ioba = pools.get_mut(&size).and_then(VecDeque::pop_front).ok_or(code::NOT_FOUND)?;
    report(p, (place, lan, pane), ioba, None);
    Ok(())
}

/// Puts an entry on a receive queue: for a buffer with a frame of a length, or without one.
fn report(p: &mut Partition, (place, lan, pane): (usize, usize, usize), ioba: u64, frame: Option<u64>) {
    let handle = tce::read(p, pane, ioba, 8).unwrap_or_else(|| vec![0; 8]);
    let Some(open) = &mut p.state.lans[lan].open else { return };
    let control = if open.toggle { 0 } else { VALID } | if frame.is_some() { TOGGLE } else { 0 };
    let words = u64::from(control) << 56 | OFFSET << 32 | frame.unwrap_or_default();
    let entry = [words.to_be_bytes().to_vec(), handle].concat();
    let at = open.queue + open.next;
    open.next = (open.next + 16) % open.length;
    open.toggle ^= open.next == 0;
    let (list, changed) = (open.list, descriptor(open).to_be_bytes());
    tce::write(p, pane, at, &entry);
    tce::write(p, pane, list, &changed);
    io::pulse(p, place);
}

/// Puts a frame into a receiver's smallest buffer that holds it. Whether there was one.
fn deliver(p: &mut Partition, lan: usize, frame: &[u8]) -> bool {
    let place = lan + LAN;
    let Some(pane) = ADAPTERS[place].pane else { return false };
    let smallest = p.state.lans[lan].changed & BUFFER_SIZE_CONTROL != 0;
    let Some(open) = &mut p.state.lans[lan].open else { return true };
    let length = frame.len() as u64;
    let mut fitting = open.pools.range_mut(length + OFFSET..).map(|(_, pool)| pool);
    let pool = fitting.find(|pool| smallest || !pool.is_empty());
    let Some(ioba) = pool.and_then(VecDeque::pop_front) else {
        open.dropped += 1;
        let (at, count) = (open.list + DROPPED, open.dropped.to_be_bytes());
        tce::write(p, pane, at, &count);
        return false;
    };
    tce::write(p, pane, ioba + OFFSET, frame);
    report(p, (place, lan, pane), ioba, Some(length));
    true
}

/// The bytes that up to six descriptors name; the first that is not valid or empty ends them.
fn gather(p: &Partition, pane: usize, buffers: [u64; 6]) -> Result<Vec<u8>, i64> {
    let used = |buffer: &Buffer| buffer.control & VALID != 0 && buffer.length > 0;
    let mut frame = Vec::new();
    for buffer in buffers.into_iter().map(Buffer::from).take_while(used) {
        if buffer.length > MOST {
            return Err(code::PARAMETER);
        }
        frame.extend(tce::read(p, pane, buffer.ioba, buffer.length).ok_or(code::PARAMETER)?);
    }
    Ok(frame)
}

/// H_SEND_LOGICAL_LAN. No call is ever suspended, so that no token is good. On an adapter that is not open the frame is
/// dropped, and without a byte there is nothing to send, as on QEMU.
pub(super) fn send(p: &mut Partition) -> Answer {
    let [unit, b1, b2, b3, b4, b5, b6, token, _] = p.arguments();
    let (_, lan, pane) = find(unit)?;
    if p.state.lans[lan].open.is_none() {
        return Err(code::DROPPED);
    }
    if token != 0 {
        return Err(code::PARAMETER);
    }
    let frame = gather(p, pane, [b1, b2, b3, b4, b5, b6])?;
    if frame.is_empty() {
        return Ok(());
    }
    let destination = frame.iter().chain(&[0; 6]).take(6).fold(0, |all, &byte| all << 8 | u64::from(byte));
    let group = destination >> 40 & 1 == 1;
    let wants = |other: &usize| {
        let lan = &p.state.lans[*other];
        match destination {
            BROADCAST => true,
            _ if group => lan.receive && (!lan.filter || lan.filters.contains(&destination)),
            _ => lan.mac == destination,
        }
    };
    let others = (0..LANS).filter(|&other| other != lan && vlan(other) == vlan(lan));
    let receivers: Vec<usize> = others.filter(|&other| p.state.lans[other].open.is_some()).filter(wants).collect();
    if receivers.is_empty() && !group {
        return Err(code::DROPPED);
    }
    let dropped = receivers.into_iter().filter(|&receiver| !deliver(p, receiver, &frame)).count();
    if dropped > 0 { Err(code::DROPPED) } else { Ok(()) }
}

/// H_MULTICAST_CTRL: the enables and the number of filters are in `r4` whatever becomes of the filter.
pub(super) fn multicast(p: &mut Partition) -> Answer {
    let [unit, flags, address] = p.arguments();
    let (_, lan, _) = find(unit)?;
    if flags & !0xF_0003 != 0 || address & !MAC != 0 {
        return Err(code::PARAMETER);
    }
    let lan = &mut p.state.lans[lan];
    if flags & 0x8_0000 != 0 {
        lan.receive = flags & 0x2_0000 != 0;
    }
    if flags & 0x4_0000 != 0 {
        lan.filter = flags & 0x1_0000 != 0;
    }
    let known = lan.filters.iter().position(|&filter| filter == address);
    let answer = match (flags & 3, known) {
        (1, None) if lan.filters.len() >= FILTERS => Err(code::CONSTRAINED),
        (1, None) => {
            lan.filters.push(address);
            Ok(())
        }
        (2, None) => Err(code::NOT_FOUND),
        (2, Some(place)) => {
            lan.filters.remove(place);
            Ok(())
        }
        (3, _) => {
            lan.filters.clear();
            Ok(())
        }
        _ => Ok(()),
    };
    p.cpu.gpr[4] = u64::from(lan.receive) << 17 | u64::from(lan.filter) << 16 | lan.filters.len() as u64;
    answer
}

/// H_CHANGE_LOGICAL_LAN_MAC.
pub(super) fn change_mac(p: &mut Partition) -> Answer {
    let [unit, mac] = p.arguments();
    let (_, lan, _) = find(unit)?;
    p.state.lans[lan].mac = mac & MAC;
    Ok(())
}

/// H_ILLAN_ATTRIBUTES: bits that an adapter does not have are ignored, those that cannot change now make H_CONSTRAINED.
pub(super) fn attributes(p: &mut Partition) -> Answer {
    let [unit, reset, set] = p.arguments();
    let (place, lan, _) = find(unit)?;
    let fixed = if place == TRUNK { 0x100 | ACTIVE_TRUNK } else { 0 };
    let implemented = WHILE_CLOSED | if place == TRUNK { PRIORITY | ACTIVE_TRUNK } else { 0 };
    let lan = &mut p.state.lans[lan];
    let now = lan.changed | fixed;
    let wanted = (now & !reset | set) & implemented;
    if now & ACTIVE_TRUNK & !wanted != 0 {
        return Err(code::PARAMETER);
    }
    let changeable = if lan.open.is_some() { 0 } else { WHILE_CLOSED };
    let refused = (wanted ^ now) & !changeable;
    lan.changed = lan.changed & !changeable | wanted & changeable;
    p.cpu.gpr[4] = lan.changed | fixed;
    if refused == 0 { Ok(()) } else { Err(code::CONSTRAINED) }
}
