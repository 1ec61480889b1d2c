//! Message proxy. SBI 3.0, chapter Message Proxy Extension.
//!
//! Two channels of a vendor's protocol. One does everything: message 1 is answered by its own bytes, each inverted;
//! message 2 is not answered, and its first four bytes come back as an event. The other channel does nothing.

use std::collections::VecDeque;

use super::call::{Answer, BAD_RANGE, Call, DENIED, Done, INVALID_PARAM, NO_SHMEM, NOT_SUPPORTED, Refused};
use super::sbi::Sbi;
use super::shared;

/// The channel that does everything, and the one that does nothing.
pub(super) const CHANNEL: u32 = 0x10;
pub(super) const QUIET: u32 = 0x8000_0020;
pub(super) const CHANNELS: u64 = 2;
/// Bytes of shared memory.
pub(super) const SIZE: u64 = 4096;
/// Bytes of the longest message.
const LONGEST: u64 = 256;

const OVERWRITE_RETURN: u64 = 1;

/// Attributes.
const STANDARD: u64 = 12;
const MSI_CONTROL: usize = 7;
const MSI_ADDR_LOW: usize = 8;
const MSI_ADDR_HIGH: usize = 9;
const EVENTS_STATE_CONTROL: usize = 11;
const PROTOCOL: u64 = 0x8000_0000;
const PROTOCOL_ATTRIBUTES: usize = 2;

const ECHO: u32 = 1;
const POST: u32 = 2;

/// Where events stand in memory, and how many are held.
const EVENTS: u64 = 0x10;
const HELD: usize = 2;

#[derive(Debug, Clone)]
struct Channel {
    number: u32,
    /// Whether it has any of the optional functions, and interrupts for its events.
    able: bool,
    standard: [u64; STANDARD as usize],
    protocol: [u64; PROTOCOL_ATTRIBUTES],
    events: VecDeque<u64>,
    lost: u64,
}

impl Channel {
    fn new(number: u32, able: bool) -> Self {
        // Protocol, version 1.2, longest message, timeouts, capabilities.
        let capabilities = if able { 0b11_1101 } else { 0 };
        let standard = [PROTOCOL | 7, 0x1_0002, LONGEST, 1000, 2000, capabilities, 0, 0, 0, 0, 0, 0];
        Self { number, able, standard, protocol: [0x77, 0], events: VecDeque::new(), lost: 0 }
    }

    /// Attributes as a range in one of the two groups.
    fn attributes(&mut self, first: u64, count: u64) -> Result<&mut [u64], Refused> {
        let (group, start) = if first >= PROTOCOL {
            (&mut self.protocol[..], first - PROTOCOL)
        } else {
            (&mut self.standard[..], first)
        };
        if start >= group.len() as u64 {
            return Err(INVALID_PARAM);
        }
        let range = usize::try_from(start).ok().zip(usize::try_from(start + count).ok());
        range.and_then(|(start, end)| group.get_mut(start..end)).ok_or(BAD_RANGE)
    }

    /// What a write to a standard attribute leaves there.
    fn checked(&self, n: usize, value: u64) -> Result<u64, Refused> {
        let target = self.standard[MSI_ADDR_LOW] | self.standard[MSI_ADDR_HIGH];
        match n {
            0..MSI_CONTROL => Err(BAD_RANGE),
            _ if !self.able => Ok(0),
            MSI_CONTROL | EVENTS_STATE_CONTROL if value > 1 => Err(INVALID_PARAM),
            MSI_CONTROL if value == 1 && target == 0 => Err(DENIED),
            _ => Ok(value),
        }
    }
}

/// The proxy of the hart.
#[derive(Debug, Clone)]
pub(super) struct Mpxy {
    memory: Option<u64>,
    channels: [Channel; CHANNELS as usize],
}

impl Mpxy {
    pub(super) fn new() -> Self {
        Self { memory: None, channels: [Channel::new(CHANNEL, true), Channel::new(QUIET, false)] }
    }

    /// The memory, and the channel.
    fn channel(&mut self, number: u32) -> Result<(u64, &mut Channel), Refused> {
        let at = self.memory.ok_or(NO_SHMEM)?;
        let channel = self.channels.iter_mut().find(|channel| channel.number == number);
        Ok((at, channel.ok_or(NOT_SUPPORTED)?))
    }
}

pub(super) fn answer(sbi: &mut Sbi, call: &mut Call<'_>) -> Done {
    let mpxy = &mut sbi.mpxy;
    let answer = match call.function {
        0 => Ok(SIZE),
        1 => set_memory(mpxy, call),
        2 => channel_ids(mpxy, call),
        3 => read(mpxy, call),
        4 => write(mpxy, call),
        5 => send(mpxy, call, ECHO),
        6 => send(mpxy, call, POST),
        7 => events(mpxy, call),
        _ => Err(NOT_SUPPORTED),
    };
    answer.into()
}

fn set_memory(mpxy: &mut Mpxy, call: &mut Call<'_>) -> Answer {
    let asked = shared::asked(call, 4096, SIZE, OVERWRITE_RETURN)?;
    let old = std::mem::replace(&mut mpxy.memory, asked);
    if let Some(at) = asked.filter(|_| call.long(2) == OVERWRITE_RETURN) {
        let (low, high) = old.map_or((u64::MAX, u64::MAX), |old| (old, 0));
        call.machine.store(at, 8, low);
        call.machine.store(at + 8, 8, high);
    }
    Ok(0)
}

fn channel_ids(mpxy: &Mpxy, call: &mut Call<'_>) -> Answer {
    let at = mpxy.memory.ok_or(NO_SHMEM)?;
    let first = u64::from(call.word(0));
    if first >= CHANNELS {
        return Err(INVALID_PARAM);
    }
    call.machine.store(at, 4, 0);
    call.machine.store(at + 4, 4, CHANNELS - first);
    let rest = mpxy.channels.iter().skip(usize::try_from(first).unwrap_or(0));
    for (n, channel) in (0..).zip(rest) {
        call.machine.store(at + 8 + 4 * n, 4, u64::from(channel.number));
    }
    Ok(0)
}

/// The memory, the channel, the first attribute and how many.
fn attributes<'a>(mpxy: &'a mut Mpxy, call: &Call<'_>) -> Result<(u64, &'a mut Channel, u64, u64), Refused> {
    let (first, count) = (u64::from(call.word(1)), u64::from(call.word(2)));
    let (at, channel) = mpxy.channel(call.word(0))?;
    if count == 0 || count > SIZE / 4 { Err(INVALID_PARAM) } else { Ok((at, channel, first, count)) }
}

fn read(mpxy: &mut Mpxy, call: &mut Call<'_>) -> Answer {
    let (at, channel, first, count) = attributes(mpxy, call)?;
    for (n, value) in (0..).zip(channel.attributes(first, count)?) {
        call.machine.store(at + 4 * n, 4, *value);
    }
    Ok(0)
}

/// Nothing is written unless everything can be.
fn write(mpxy: &mut Mpxy, call: &Call<'_>) -> Answer {
    let (at, channel, first, count) = attributes(mpxy, call)?;
    let mut changed = channel.clone();
    let range = changed.attributes(first, count)?;
    for (n, value) in (0..).zip(&mut *range) {
        *value = u64::from(shared::read_word(call.machine, at + 4 * n));
    }
    if first >= PROTOCOL {
        // The first attribute of the protocol is read-only.
        if first == PROTOCOL {
            return Err(BAD_RANGE);
        }
    } else {
        for n in (0..changed.standard.len()).skip(usize::try_from(first).unwrap_or(0)) {
            if n as u64 >= first + count {
                break;
            }
            changed.standard[n] = changed.checked(n, changed.standard[n])?;
        }
    }
    *channel = changed;
    Ok(0)
}

fn send(mpxy: &mut Mpxy, call: &mut Call<'_>, wanted: u32) -> Answer {
    let (number, message, length) = (call.word(0), call.word(1), call.long(2));
    let (at, channel) = mpxy.channel(number)?;
    if !channel.able || message != wanted {
        return Err(NOT_SUPPORTED);
    }
    if length > LONGEST {
        return Err(INVALID_PARAM);
    }
    if message == POST {
        if channel.events.len() < HELD {
            channel.events.push_back(u64::from(shared::read_word(call.machine, at)));
        } else if channel.standard[EVENTS_STATE_CONTROL] == 1 {
            channel.lost += 1;
        }
        return Ok(0);
    }
    for n in 0..length {
        let byte = call.machine.load(at + n, 1).unwrap_or(0);
        call.machine.store(at + n, 1, !byte);
    }
    Ok(length)
}

/// One event a call.
fn events(mpxy: &mut Mpxy, call: &mut Call<'_>) -> Answer {
    let (at, channel) = mpxy.channel(call.word(0))?;
    if !channel.able {
        return Err(NOT_SUPPORTED);
    }
    let event = channel.events.pop_front();
    if let Some(event) = event {
        call.machine.store(at + EVENTS, 4, event);
    }
    let returned = u64::from(event.is_some());
    if channel.standard[EVENTS_STATE_CONTROL] == 1 {
        let state = [channel.events.len() as u64, returned, channel.lost, 0];
        for (n, value) in (0..).zip(state) {
            call.machine.store(at + 4 * n, 4, value);
        }
    }
    Ok(4 * returned)
}
