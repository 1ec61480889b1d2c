//! Supervisor software events. SBI 3.0, chapter Supervisor Software Events Extension.
//!
//! Local events of other harts are not kept: nobody looks at them.

use super::call::{
    ALREADY_STARTED, ALREADY_STOPPED, Answer, BAD_RANGE, Call, DENIED, Done, FAILED, INVALID_ADDRESS, INVALID_PARAM,
    INVALID_STATE, NOT_SUPPORTED, Refused,
};
use super::hsm;
use super::profile::HART;
use super::sbi::Sbi;
use super::shared;
use crate::reference::trap::Machine;

/// Events that there are: RAS, PMU and software-injected ones.
const EVENTS: [u32; 5] = [0, 0x8000, 0x1_0000, LOCAL_SOFTWARE, GLOBAL_SOFTWARE];
const LOCAL_SOFTWARE: u32 = 0xFFFF_0000;
const GLOBAL_SOFTWARE: u32 = 0xFFFF_8000;
/// A standard event that these harts have no use for.
pub(super) const DOUBLE_TRAP: u32 = 1;
const GLOBAL: u32 = 1 << 15;

/// Attributes.
const ATTRIBUTES: u64 = 10;
const STATUS: u64 = 0;
const PRIORITY: u64 = 1;
const CONFIG: u64 = 2;
const PREFERRED_HART: u64 = 3;
const ENTRY_PC: u64 = 4;
const ENTRY_ARG: u64 = 5;
const INTERRUPTED_SEPC: u64 = 6;
const INTERRUPTED_FLAGS: u64 = 7;
const INTERRUPTED_A6: u64 = 8;

const ONE_SHOT: u64 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Unused = 0,
    Registered = 1,
    Enabled = 2,
    Running = 3,
}

#[derive(Debug, Clone, Copy)]
struct Event {
    id: u32,
    state: State,
    pending: bool,
    priority: u64,
    config: u64,
    preferred: u64,
    entry: [u64; 2],
    /// `sepc`, flags, `a6`, `a7`.
    interrupted: [u64; 4],
}

impl Event {
    const fn new(id: u32) -> Self {
        let (entry, interrupted) = ([0; 2], [0; 4]);
        let state = State::Unused;
        Self { id, state, pending: false, priority: 0, config: 0, preferred: HART, entry, interrupted }
    }

    const fn injectable(&self) -> bool {
        matches!(self.id, LOCAL_SOFTWARE | GLOBAL_SOFTWARE)
    }

    /// The lower the sooner.
    const fn rank(&self) -> (u64, u32) {
        (self.priority, self.id)
    }

    fn attribute(&self, n: u64) -> u64 {
        match n {
            STATUS => self.state as u64 | u64::from(self.pending) << 2 | u64::from(self.injectable()) << 3,
            PRIORITY => self.priority,
            CONFIG => self.config,
            PREFERRED_HART => self.preferred,
            ENTRY_PC => self.entry[0],
            ENTRY_ARG => self.entry[1],
            INTERRUPTED_SEPC => self.interrupted[0],
            INTERRUPTED_FLAGS => self.interrupted[1],
            INTERRUPTED_A6 => self.interrupted[2],
            _ => self.interrupted[3],
        }
    }

    /// Writes an attribute. Read-only ones are denied first, then the state counts, then the value.
    fn write(&mut self, n: u64, value: u64) -> Result<(), Refused> {
        let idle = self.state <= State::Registered;
        let running = self.state == State::Running;
        match n {
            PRIORITY | CONFIG if !idle => return Err(INVALID_STATE),
            PREFERRED_HART if self.id & GLOBAL != 0 && !idle => return Err(INVALID_STATE),
            INTERRUPTED_SEPC.. if !running => return Err(INVALID_STATE),
            PRIORITY => self.priority = value & 0xFFFF_FFFF,
            CONFIG if value & !ONE_SHOT == 0 => self.config = value,
            PREFERRED_HART if self.id & GLOBAL == 0 => return Err(DENIED),
            PREFERRED_HART if hsm::exists(value) => self.preferred = value,
            INTERRUPTED_FLAGS if value >> 4 == 0 => self.interrupted[1] = value,
            INTERRUPTED_SEPC => self.interrupted[0] = value,
            INTERRUPTED_A6 => self.interrupted[2] = value,
            STATUS | ENTRY_PC | ENTRY_ARG => return Err(DENIED),
            CONFIG | PREFERRED_HART | INTERRUPTED_FLAGS => return Err(INVALID_PARAM),
            _ => self.interrupted[3] = value,
        }
        Ok(())
    }
}

/// The events of the hart, and the global ones.
#[derive(Debug, Clone)]
pub(super) struct Sse {
    events: [Event; EVENTS.len()],
    masked: bool,
}

impl Sse {
    pub(super) fn new() -> Self {
        Self { events: EVENTS.map(Event::new), masked: true }
    }

    fn find(&mut self, id: u32) -> Result<&mut Event, Refused> {
        let missing = if id == DOUBLE_TRAP { NOT_SUPPORTED } else { INVALID_PARAM };
        self.events.iter_mut().find(|event| event.id == id).ok_or(missing)
    }

    /// Moves an event from one state to another.
    fn step(&mut self, id: u32, from: State, to: State) -> Answer {
        let event = self.find(id)?;
        if event.state != from {
            return Err(INVALID_STATE);
        }
        event.state = to;
        Ok(0)
    }

    /// The event in this state that comes first.
    fn first(&mut self, state: State) -> Option<&mut Event> {
        let pending = state == State::Enabled;
        let ready = |event: &&mut Event| event.state == state && (event.pending || !pending);
        self.events.iter_mut().filter(ready).min_by_key(|event| event.rank())
    }
}

pub(super) fn answer(sbi: &mut Sbi, call: &mut Call<'_>) -> Done {
    let sse = &mut sbi.sse;
    let id = call.word(0);
    let answer = match call.function {
        0 => read(sse, call),
        1 => write(sse, call),
        2 => register(sse, call),
        3 => sse.step(id, State::Registered, State::Unused),
        4 => sse.step(id, State::Registered, State::Enabled),
        5 => sse.step(id, State::Enabled, State::Registered),
        6 => return sbi.complete(call.machine),
        7 => inject(sse, call),
        8 if sse.masked => {
            sse.masked = false;
            Ok(0)
        }
        8 => Err(ALREADY_STARTED),
        9 if sse.masked => Err(ALREADY_STOPPED),
        9 => {
            sse.masked = true;
            Ok(0)
        }
        _ => Err(NOT_SUPPORTED),
    };
    answer.into()
}

/// The event, the first attribute and how many, and where their values are.
fn attributes<'a>(sse: &'a mut Sse, call: &Call<'_>) -> Result<(&'a mut Event, u64, u64, u64), Refused> {
    let event = sse.find(call.word(0))?;
    let (first, count) = (u64::from(call.word(1)), u64::from(call.word(2)));
    if count == 0 {
        return Err(INVALID_PARAM);
    }
    if first + count > ATTRIBUTES {
        return Err(BAD_RANGE);
    }
    let at = call.memory(3, count * 8)?;
    if !at.is_multiple_of(8) {
        return Err(INVALID_ADDRESS);
    }
    Ok((event, first, count, at))
}

/// The text gives the place of a value by the number of its attribute, and memory for no more values than are asked
/// for: only from attribute 0 on do both hold. The first value is at the beginning here.
fn read(sse: &mut Sse, call: &mut Call<'_>) -> Answer {
    let (event, first, count, at) = attributes(sse, call)?;
    for n in 0..count {
        call.machine.store(at + 8 * n, 8, event.attribute(first + n));
    }
    Ok(0)
}

fn write(sse: &mut Sse, call: &Call<'_>) -> Answer {
    let (event, first, count, at) = attributes(sse, call)?;
    let mut changed = *event;
    for n in 0..count {
        changed.write(first + n, shared::read(call.machine, at + 8 * n))?;
    }
    *event = changed;
    Ok(0)
}

fn register(sse: &mut Sse, call: &Call<'_>) -> Answer {
    let entry = [call.long(1), call.long(2)];
    let event = sse.find(call.word(0))?;
    if !entry[0].is_multiple_of(2) {
        return Err(INVALID_PARAM);
    }
    if event.state != State::Unused {
        return Err(INVALID_STATE);
    }
    event.entry = entry;
    event.state = State::Registered;
    Ok(0)
}

fn inject(sse: &mut Sse, call: &Call<'_>) -> Answer {
    let (id, hart) = (call.word(0), call.long(1));
    let event = sse.find(id)?;
    let local = id & GLOBAL == 0;
    if local && !hsm::exists(hart) {
        return Err(INVALID_PARAM);
    }
    if !event.injectable() {
        return Err(FAILED);
    }
    event.pending |= !local || hart == HART;
    Ok(0)
}

impl Sbi {
    /// Takes the event that comes first, if there is one and nothing before it is being handled.
    pub(super) fn deliver(&mut self, machine: &mut Machine) {
        let running = self.sse.first(State::Running).map(|event| event.rank());
        if self.sse.masked {
            return;
        }
        let Some(event) = self.sse.first(State::Enabled) else { return };
        if running.is_some_and(|running| running < event.rank()) {
            return;
        }
        let s = &self.slots;
        let flags = [s.status_spp, s.status_spie, s.status_spv, s.status_spvp];
        // The last two are of the hypervisor extension.
        let shown = if self.profile.is_hypervisor() { 4 } else { 2 };
        let flags = (0..).zip(flags).take(shown).fold(0, |all, (n, slot)| all | machine.get(slot) << n);
        event.interrupted = [machine.get(s.sepc), flags, machine.get(s.a[6]), machine.get(s.a[7])];
        event.state = State::Running;
        event.pending = false;
        machine.set(s.a[6], HART);
        machine.set(s.a[7], event.entry[1]);
        machine.set(s.sepc, machine.get(s.pc));
        machine.set(s.status_spp, machine.get(s.mode));
        machine.set(s.status_spie, machine.get(s.status_sie));
        machine.set(s.status_sie, 0);
        // The hart was not virtualised, so SPV is 0 and SPVP stays.
        if self.profile.is_hypervisor() {
            machine.set(s.status_spv, 0);
        }
        machine.set(s.pc, event.entry[0]);
    }

    /// Goes back to what the event interrupted. The handler's a0 and a1 stay.
    fn complete(&mut self, machine: &mut Machine) -> Done {
        let Some(event) = self.sse.first(State::Running) else { return Ok(0).into() };
        event.state = if event.config & ONE_SHOT != 0 { State::Registered } else { State::Enabled };
        let s = &self.slots;
        let [sepc, flags, a6, a7] = event.interrupted;
        machine.set(s.pc, machine.get(s.sepc));
        machine.set(s.mode, machine.get(s.status_spp));
        if self.profile.is_hypervisor() {
            machine.set(s.status_spv, flags >> 2 & 1);
            machine.set(s.status_spvp, flags >> 3 & 1);
        }
        machine.set(s.status_sie, machine.get(s.status_spie));
        machine.set(s.status_spie, flags >> 1 & 1);
        machine.set(s.status_spp, flags & 1);
        machine.set(s.a[7], a7);
        machine.set(s.a[6], a6);
        machine.set(s.sepc, sepc);
        Done::Elsewhere { asleep: false }
    }
}
