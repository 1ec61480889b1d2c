//! Byte channels. The guest of this machine has both ends of one.
//!
//! Linux `arch/powerpc/include/asm/epapr_hcalls.h`, `ev_byte_channel_send` and following; Freescale hypervisor
//! `src/hcalls.c`, `hcall_byte_channel_send` and following.

use std::collections::VecDeque;

use super::{Answer, Code, Object, object, word};
use crate::reference::powerpc::dispatch::Next;
use crate::reference::powerpc::partition::Partition;

/// Bytes that wait at one end at most: no multiple of a whole call, so that a call can be served in part.
const CAPACITY: usize = 40;
/// Bytes in one call: four words in `r5` to `r8`.
const AT_ONCE: usize = 16;

/// What waits at each end.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Channel {
    waiting: [VecDeque<u8>; 2],
}

impl Channel {
    /// Whether the guest could receive at this end.
    pub(super) fn has_bytes_at(&self, end: usize) -> bool {
        !self.waiting[end].is_empty()
    }
}

fn end(p: &Partition) -> Result<usize, Code> {
    match object(p, 3)? {
        Object::End(end) => Ok(end),
        _ => Err(Code::Invalid),
    }
}

/// EV_BYTE_CHANNEL_SEND. The count is looked at before the handle.
pub(super) fn send(p: &mut Partition) -> Answer {
    let count = word(p, 4) as usize;
    if count > AT_ONCE {
        return Err(Code::Invalid);
    }
    let to = 1 - end(p)?;
    let words = [5, 6, 7, 8].map(|register| word(p, register).to_be_bytes());
    let queue = &mut p.state.epapr.channel.waiting[to];
    let accepted = count.min(CAPACITY - queue.len());
    queue.extend(&words.as_flattened()[..accepted]);
    p.cpu.gpr[4] = accepted as u64;
    if accepted == 0 && count > 0 { Err(Code::Again) } else { Ok(Next::Resume) }
}

/// EV_BYTE_CHANNEL_RECEIVE. More than fits is not asked for, whatever the guest says; words that carry nothing become 0.
pub(super) fn receive(p: &mut Partition) -> Answer {
    let at = end(p)?;
    let limit = AT_ONCE.min(word(p, 4) as usize);
    let queue = &mut p.state.epapr.channel.waiting[at];
    let count = limit.min(queue.len());
    let mut bytes = [0; AT_ONCE];
    for (place, byte) in bytes.iter_mut().zip(queue.drain(..count)) {
        *place = byte;
    }
    for (register, word) in (5..).zip(bytes.as_chunks::<4>().0) {
        p.cpu.gpr[register] = u32::from_be_bytes(*word).into();
    }
    p.cpu.gpr[4] = count as u64;
    Ok(Next::Resume)
}

/// EV_BYTE_CHANNEL_POLL.
pub(super) fn poll(p: &mut Partition) -> Answer {
    let at = end(p)?;
    let waiting = &p.state.epapr.channel.waiting;
    let (received, space) = (waiting[at].len(), CAPACITY - waiting[1 - at].len());
    p.cpu.gpr[4] = received as u64;
    p.cpu.gpr[5] = space as u64;
    Ok(Next::Resume)
}
