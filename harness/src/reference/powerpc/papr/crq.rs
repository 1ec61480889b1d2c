//! Command queues of virtual adapters and the queues beside them: hcall-crq, hcall-sub-crq and H_ENABLE_CRQ.
//!
//! LoPAR, "Reliable Command/Response Transport Option" and "Subordinate CRQ Transport Option". A queue is a ring of
//! elements of 16 or 32 bytes; an element whose first byte is zero is free.

use super::super::partition::Partition;
use super::io::{self, ADAPTERS};
use super::{Answer, code, tce, xics};

/// Subordinate queues that one adapter can have.
const SUBORDINATES: usize = 2;
/// Source number of the first subordinate queue's interrupt.
const SOURCE: u64 = 0x1100;
/// Header byte of a command or response.
const COMMAND: u8 = 0x80;
/// Header byte of a transport event.
const EVENT: u8 = 0xFF;
/// Transport event: the partner has deregistered its queue.
const DEREGISTERED: u8 = 2;
/// Messages that one call can send.
const MOST: u64 = 128;

/// A registered queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ring {
    ioba: u64,
    length: u64,
    /// Offset of the element that is used next.
    next: u64,
}

impl Ring {
    const fn new(ioba: u64, length: u64) -> Self {
        Self { ioba, length, next: 0 }
    }

    /// The I/O addresses of the next `count` elements of `size` bytes, if all are free.
    fn room(self, p: &Partition, pane: usize, size: u64, count: u64) -> Option<Vec<u64>> {
        let places = (0..count).map(|n| self.ioba + (self.next + n * size) % self.length).collect::<Vec<_>>();
        let free = |&at: &u64| tce::read(p, pane, at, 1).is_some_and(|header| header == [0]);
        (count * size <= self.length && places.iter().all(free)).then_some(places)
    }
}

/// What an adapter has registered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Queues {
    main: Option<Ring>,
    /// Deregistered, but held up by copies of entries; the partner has not been told yet.
    closing: bool,
    subordinate: [Option<(Ring, bool)>; SUBORDINATES],
}

/// What all adapters have registered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct State([Queues; ADAPTERS.len()]);

impl State {
    /// Whether both ends of an adapter's connection are registered.
    pub(super) fn connected(&self, place: usize) -> bool {
        let partner = io::partner(place);
        self.0[place].main.is_some() && partner.is_some_and(|partner| self.0[partner].main.is_some())
    }
}

/// The sources of interrupts of subordinate queues.
pub(super) fn sources() -> impl Iterator<Item = u64> {
    (0..ADAPTERS.len()).flat_map(|place| (0..SUBORDINATES).map(move |n| source(place, n)))
}

const fn source(place: usize, number: usize) -> u64 {
    SOURCE + (place * SUBORDINATES + number) as u64
}

/// H_REG_CRQ. A queue without pages is refused as well: LoPAR has it built of one or more.
pub(super) fn register(p: &mut Partition) -> Answer {
    let [unit, ioba, length] = p.arguments();
    let (place, pane) = io::find_queue(unit)?;
    if !io::queue_fits(p, pane, ioba, length) {
        return Err(code::PARAMETER);
    }
    if io::partner(place).is_none() {
        return Err(code::NOT_FOUND);
    }
    let queues = &mut p.state.queues.0[place];
    if queues.main.is_some() || queues.closing {
        return Err(code::RESOURCE);
    }
    queues.main = Some(Ring::new(ioba, length));
    p.state.signals.set(place, false);
    if p.state.queues.connected(place) { Ok(()) } else { Err(code::CLOSED) }
}

/// H_FREE_CRQ. Nothing forbids it where no queue is registered. Copies of the adapter's or its partner's entries are taken
/// back where their window allows it, else the call is to be made again.
pub(super) fn free(p: &mut Partition) -> Answer {
    let [unit] = p.arguments();
    let (place, _) = io::find_queue(unit)?;
    let queues = &mut p.state.queues.0[place];
    let was = queues.main.take().is_some() || queues.closing;
    queues.subordinate = [None; SUBORDINATES];
    queues.closing = was;
    p.state.signals.set(place, false);
    let both = [Some(place), io::partner(place)];
    let windows = both.into_iter().flatten().filter_map(|place| ADAPTERS[place].pane);
    let copied: Vec<tce::Place> = windows.flat_map(|pane| p.state.tables.copied(pane)).collect();
    if copied.iter().any(|&place| p.state.tables.held(place)) {
        return Err(code::RESOURCE);
    }
    copied.into_iter().for_each(|place| p.state.tables.recall(place));
    p.state.queues.0[place].closing = false;
    if was {
        tell_partner(p, place);
    }
    Ok(())
}

/// Puts the event that the partner's queue is gone on an adapter's partner's queue, over its last element if it is full.
fn tell_partner(p: &mut Partition, place: usize) {
    let Some(partner) = io::partner(place) else { return };
    let Some(pane) = ADAPTERS[partner].pane else { return };
    let Some(ring) = &mut p.state.queues.0[partner].main else { return };
    let mut at = *ring;
    if at.room(p, pane, 16, 1).is_none() {
        at.next = (at.next + at.length - 16) % at.length;
    }
    let mut event = [0; 16];
    event[..2].copy_from_slice(&[EVENT, DEREGISTERED]);
    if tce::write(p, pane, at.ioba + at.next, &event) {
        at.next = (at.next + 16) % at.length;
        p.state.queues.0[partner].main = Some(at);
        io::pulse(p, partner);
    }
}

/// H_SEND_CRQ.
pub(super) fn send(p: &mut Partition) -> Answer {
    let [unit, high, low] = p.arguments();
    let (place, _) = io::find_queue(unit)?;
    if !(COMMAND..EVENT).contains(&high.to_be_bytes()[0]) {
        return Err(code::PARAMETER);
    }
    let partner = connected(p, place)?;
    let Some(mut ring) = p.state.queues.0[partner].main else { return Err(code::CLOSED) };
    let message = [high.to_be_bytes(), low.to_be_bytes()].concat();
    enqueue(p, partner, &mut ring, 16, &message)?;
    p.state.queues.0[partner].main = Some(ring);
    io::pulse(p, partner);
    Ok(())
}

/// The adapter at the other end of a connection that is complete.
fn connected(p: &Partition, place: usize) -> Result<usize, i64> {
    io::partner(place).filter(|_| p.state.queues.connected(place)).ok_or(code::CLOSED)
}

/// Puts elements of `size` bytes on a queue, all or none.
fn enqueue(p: &mut Partition, owner: usize, ring: &mut Ring, size: u64, messages: &[u8]) -> Answer {
    let pane = ADAPTERS[owner].pane.ok_or(code::HARDWARE)?;
    let count = messages.len() as u64 / size;
    let places = ring.room(p, pane, size, count).ok_or(code::DROPPED)?;
    let length = usize::try_from(size).unwrap_or(1);
    for (at, message) in places.into_iter().zip(messages.chunks(length)) {
        if !tce::write(p, pane, at, message) {
            return Err(code::DROPPED);
        }
    }
    ring.next = (ring.next + count * size) % ring.length;
    Ok(())
}

/// H_ENABLE_CRQ. No partner is ever suspended, and all pages are present: there is nothing to enable.
pub(super) fn enable(p: &mut Partition) -> Answer {
    let [unit] = p.arguments();
    io::find_queue(unit).map(drop)
}

/// H_REG_SUB_CRQ: cookie in `r4`, interrupt source in `r5`.
pub(super) fn register_subordinate(p: &mut Partition) -> Answer {
    let [unit, ioba, length] = p.arguments();
    let (place, pane) = io::find_queue(unit)?;
    if !io::queue_fits(p, pane, ioba, length) {
        return Err(code::PARAMETER);
    }
    if io::partner(place).is_none() {
        return Err(code::NOT_FOUND);
    }
    let free = p.state.queues.0[place].subordinate.iter().position(Option::is_none);
    let number = free.ok_or(code::RESOURCE)?;
    for at in (ioba..ioba + length).step_by(32) {
        tce::write(p, pane, at, &[0]);
    }
    p.state.queues.0[place].subordinate[number] = Some((Ring::new(ioba, length), false));
    p.cpu.gpr[4] = cookie(number);
    p.cpu.gpr[5] = source(place, number);
    if p.state.queues.connected(place) { Ok(()) } else { Err(code::CLOSED) }
}

/// The number by which a subordinate queue of an adapter is named; 0 names none.
const fn cookie(number: usize) -> u64 {
    number as u64 + 1
}

fn subordinate(p: &Partition, place: usize, wanted: u64) -> Result<(usize, Ring, bool), i64> {
    let number = (0..SUBORDINATES).find(|&number| cookie(number) == wanted).ok_or(code::PARAMETER)?;
    let (ring, signal) = p.state.queues.0[place].subordinate[number].ok_or(code::PARAMETER)?;
    Ok((number, ring, signal))
}

/// H_FREE_SUB_CRQ.
pub(super) fn free_subordinate(p: &mut Partition) -> Answer {
    let [unit, cookie] = p.arguments();
    let (place, _) = io::find_queue(unit)?;
    let (number, ..) = subordinate(p, place, cookie)?;
    p.state.queues.0[place].subordinate[number] = None;
    Ok(())
}

/// H_SEND_SUB_CRQ. LoPAR gives the places of 4-byte words in the element; all 32 bytes are the message here, as its
/// description of the queue has them.
pub(super) fn send_subordinate(p: &mut Partition) -> Answer {
    let [unit, cookie, words @ ..]: [u64; 6] = p.arguments();
    let (place, _) = io::find_queue(unit)?;
    let partner = io::partner(place).ok_or(code::PARAMETER)?;
    subordinate(p, partner, cookie)?;
    let message: Vec<u8> = words.into_iter().flat_map(u64::to_be_bytes).collect();
    if message[0] != COMMAND {
        return Err(code::PARAMETER);
    }
    connected(p, place)?;
    enqueue_subordinate(p, partner, cookie, &message)
}

/// H_SEND_SUB_CRQ_INDIRECT. LoPAR names both 16 and 128 as the most messages; the larger is taken here.
pub(super) fn send_subordinate_indirect(p: &mut Partition) -> Answer {
    let [unit, cookie, ioba, count] = p.arguments();
    let (place, pane) = io::find_queue(unit)?;
    let partner = io::partner(place).ok_or(code::PARAMETER)?;
    subordinate(p, partner, cookie)?;
    if tce::entries(pane, ioba, 1).is_none() || !(1..=MOST).contains(&count) {
        return Err(code::PARAMETER);
    }
    connected(p, place)?;
    let messages = tce::read(p, pane, ioba, count * 32).ok_or(code::PARAMETER)?;
    if !messages.chunks(32).all(|message| message[0] == COMMAND) {
        return Err(code::PARAMETER);
    }
    enqueue_subordinate(p, partner, cookie, &messages)
}

fn enqueue_subordinate(p: &mut Partition, owner: usize, cookie: u64, messages: &[u8]) -> Answer {
    let (number, mut ring, signal) = subordinate(p, owner, cookie)?;
    enqueue(p, owner, &mut ring, 32, messages)?;
    p.state.queues.0[owner].subordinate[number] = Some((ring, signal));
    if signal {
        xics::pulse(p, source(owner, number));
    }
    Ok(())
}

/// Enables or disables an interrupt of an adapter by its source number.
pub(super) fn signal(p: &mut Partition, place: usize, wanted: u64, on: bool) -> Answer {
    if wanted == io::source(place) {
        p.state.signals.set(place, on);
        return Ok(());
    }
    let number = (0..SUBORDINATES).find(|&number| source(place, number) == wanted).ok_or(code::PARAMETER)?;
    let (_, signal) = p.state.queues.0[place].subordinate[number].as_mut().ok_or(code::PARAMETER)?;
    *signal = on;
    Ok(())
}

/// Disables all interrupts of an adapter.
pub(super) fn silence(p: &mut Partition, place: usize) {
    p.state.signals.set(place, false);
    for (_, signal) in p.state.queues.0[place].subordinate.iter_mut().flatten() {
        *signal = false;
    }
}
