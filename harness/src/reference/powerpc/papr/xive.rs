//! Calls of interrupt exploitation mode: hcall-int-exploitation.
//!
//! LoPAR, "Interrupt Support hcall()s"; what the management page of a source does is in Linux
//! `arch/powerpc/include/asm/xive-regs.h` and QEMU `hw/intc/xive.c`. The sources are managed by H_INT_ESB, so that there are
//! no such pages. A reset ends before its call returns, so that H_STATE never comes.

use super::super::partition::{CPUS, Partition};
use super::{Answer, code};

/// Interrupt sources, numbered from 0: all but the last are message signalled.
pub(crate) const SOURCES: usize = 4;
/// The first priority that the platform keeps for itself, as the ones behind it (`ibm,plat-res-int-priorities`).
pub(crate) const RESERVED: usize = 7;
/// Binary logarithms of the sizes that a queue can have (`ibm,xive-eq-sizes`).
pub(crate) const SIZES: [u32; 4] = [12, 16, 21, 24];
/// The priority of a source that is off.
const OFF: u64 = 0xFF;

/// Binary logarithm of the size of management and notification pages.
const PAGE: u64 = 16;
/// Address of the first notification page, behind all memory.
const NOTIFICATION: u64 = 0x6_0000_0000;
/// Bytes of a cache line.
const LINE: u64 = 128;

/// Source flag: H_INT_ESB must be used.
const BY_CALL: u64 = 8;
/// Source flag: level sensitive.
const LEVEL: u64 = 4;
/// Source flag: the management page triggers too.
const TRIGGERS: u64 = 2;
/// Source flag: an interrupt can be ended by a store.
const STORE_ENDS: u64 = 1;

/// An interrupt source: state bits P and Q of its event state buffer, and where its events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Source {
    pq: u64,
    route: Option<(usize, usize)>,
    eisn: u64,
    masked: bool,
}

/// An event queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Queue {
    address: u64,
    size: u64,
    generation: u64,
    /// Index of the entry that is written next.
    offset: u64,
}

/// All state that a reset resets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Xive {
    sources: [Source; SOURCES],
    queues: [[Option<Queue>; RESERVED]; CPUS],
    always_notify: [[bool; RESERVED]; CPUS],
    lines: [Option<u64>; CPUS],
}

impl Default for Xive {
    /// All sources off, in their state buffer too.
    fn default() -> Self {
        let source = |eisn| Source { pq: 1, route: None, eisn, masked: false };
        Self {
            sources: std::array::from_fn(|number| source(number as u64)),
            queues: Default::default(),
            always_notify: Default::default(),
            lines: Default::default(),
        }
    }
}

/// Refuses a call in legacy mode, then flags that are reserved.
fn mode(p: &Partition, flags: u64, defined: u64) -> Answer {
    if !p.profile.exploitation {
        return Err(code::FUNCTION);
    }
    if flags & !defined == 0 { Ok(()) } else { Err(code::PARAMETER) }
}

fn index(number: u64, end: usize, wrong: i64) -> Result<usize, i64> {
    usize::try_from(number).ok().filter(|&number| number < end).ok_or(wrong)
}

fn source(lisn: u64) -> Result<usize, i64> {
    index(lisn, SOURCES, code::P2)
}

/// A queue: the target is judged before the priority.
fn queue(target: u64, priority: u64) -> Result<(usize, usize), i64> {
    Ok((index(target, CPUS, code::P2)?, index(priority, RESERVED, code::P3)?))
}

/// H_INT_GET_SOURCE_INFO.
pub(super) fn source_info(p: &mut Partition) -> Answer {
    let [flags, lisn] = p.arguments();
    mode(p, flags, 0)?;
    let kind = if source(lisn)? + 1 == SOURCES { LEVEL } else { TRIGGERS };
    p.cpu.gpr[4] = BY_CALL | STORE_ENDS | kind;
    p.cpu.gpr[5..7].fill(u64::MAX);
    p.cpu.gpr[7] = PAGE;
    Ok(())
}

/// H_INT_SET_SOURCE_CONFIG.
pub(super) fn set_source(p: &mut Partition) -> Answer {
    const SET_EISN: u64 = 2;
    const MASK: u64 = 1;
    let [flags, lisn, target, priority, eisn] = p.arguments();
    mode(p, flags, SET_EISN | MASK)?;
    let lisn = source(lisn)?;
    let source = &mut p.state.xive.sources[lisn];
    if priority == OFF {
        *source = Source { route: None, eisn: lisn as u64, masked: false, ..*source };
        return Ok(());
    }
    source.route = Some((index(target, CPUS, code::P3)?, index(priority, RESERVED, code::P4)?));
    source.masked = flags & MASK != 0;
    if flags & SET_EISN != 0 {
        source.eisn = eisn;
    }
    Ok(())
}

/// H_INT_GET_SOURCE_CONFIG. The target of a source that is off is undefined; it is 0 here.
pub(super) fn get_source(p: &mut Partition) -> Answer {
    let [flags, lisn] = p.arguments();
    mode(p, flags, 0)?;
    let source = p.state.xive.sources[source(lisn)?];
    let route = source.route.map(|(target, priority)| (target as u64, priority as u64));
    (p.cpu.gpr[4], p.cpu.gpr[5]) = route.unwrap_or((0, OFF));
    p.cpu.gpr[6] = source.eisn;
    Ok(())
}

/// H_INT_GET_QUEUE_INFO.
pub(super) fn queue_info(p: &mut Partition) -> Answer {
    let [flags, target, priority] = p.arguments();
    mode(p, flags, 0)?;
    let (target, priority) = queue(target, priority)?;
    p.cpu.gpr[4] = NOTIFICATION + (((target * RESERVED + priority) as u64) << PAGE);
    p.cpu.gpr[5] = PAGE;
    Ok(())
}

/// H_INT_SET_QUEUE_CONFIG.
pub(super) fn set_queue(p: &mut Partition) -> Answer {
    let [flags, target, priority, address, size] = p.arguments();
    mode(p, flags, 1)?;
    let (target, priority) = queue(target, priority)?;
    let bytes = SIZES.iter().map(|&known| u64::from(known)).find(|&known| known == size).map_or(0, |size| 1 << size);
    if size != 0 && bytes == 0 {
        return Err(code::P5);
    }
    if size != 0 && (address & (bytes - 1) != 0 || !p.contains(address, bytes)) {
        return Err(code::P4);
    }
    let queue = Queue { address, size, generation: 1, offset: 0 };
    p.state.xive.queues[target][priority] = (size != 0).then_some(queue);
    p.state.xive.always_notify[target][priority] = flags & 1 != 0;
    Ok(())
}

/// H_INT_GET_QUEUE_CONFIG.
pub(super) fn get_queue(p: &mut Partition) -> Answer {
    let [flags, target, priority] = p.arguments();
    mode(p, flags, 1)?;
    let (target, priority) = queue(target, priority)?;
    let debug = flags & 1;
    let queue = p.state.xive.queues[target][priority];
    let notify = u64::from(p.state.xive.always_notify[target][priority]);
    let generation = queue.map_or(0, |queue| queue.generation);
    p.cpu.gpr[4] = (generation & debug) << 1 | notify;
    p.cpu.gpr[5] = queue.map_or(u64::MAX, |queue| queue.address);
    p.cpu.gpr[6] = queue.map_or(0, |queue| queue.size);
    p.cpu.gpr[7] = queue.map_or(0, |queue| queue.offset * debug);
    Ok(())
}

/// H_INT_SET_OS_REPORTING_LINE: two cache lines, or -1 for none.
pub(super) fn set_line(p: &mut Partition) -> Answer {
    let [flags, line] = p.arguments();
    mode(p, flags, 0)?;
    if line != u64::MAX && (!line.is_multiple_of(LINE) || !p.contains(line, 2 * LINE)) {
        return Err(code::P2);
    }
    p.state.xive.lines[0] = (line != u64::MAX).then_some(line);
    Ok(())
}

/// H_INT_GET_OS_REPORTING_LINE.
pub(super) fn get_line(p: &mut Partition) -> Answer {
    let [flags, target] = p.arguments();
    mode(p, flags, 0)?;
    p.cpu.gpr[4] = p.state.xive.lines[index(target, CPUS, code::P2)?].unwrap_or(u64::MAX);
    Ok(())
}

/// H_INT_ESB: the first 4 KiB of the management page count. A load ends the interrupt, from 0x800 on it reads the state
/// bits, from 0xC00 on it replaces them; a store triggers, from 0x400 on it ends the interrupt.
pub(super) fn esb(p: &mut Partition) -> Answer {
    const STORE: u64 = 1;
    let [flags, lisn, offset, _] = p.arguments();
    mode(p, flags, STORE)?;
    let lisn = source(lisn)?;
    if offset >= 1 << PAGE {
        return Err(code::P3);
    }
    let old = p.state.xive.sources[lisn].pq;
    p.cpu.gpr[4] = match (flags, offset & 0xC00) {
        (0, 0 | 0x400) => u64::from(end(p, lisn)),
        (0, _) => old,
        _ => u64::MAX,
    };
    match (flags, offset & 0xC00) {
        (STORE, 0) => trigger(p, lisn),
        (STORE, 0x400) => drop(end(p, lisn)),
        (_, 0xC00) => p.state.xive.sources[lisn].pq = offset >> 8 & 3,
        _ => {}
    }
    Ok(())
}

/// A trigger: an event unless one is outstanding, which is remembered, or the source is off.
fn trigger(p: &mut Partition, lisn: usize) {
    let source = &mut p.state.xive.sources[lisn];
    let sends = source.pq == 0;
    source.pq = [2, 1, 3, 3][usize::try_from(source.pq & 3).unwrap_or_default()];
    if sends {
        event(p, lisn);
    }
}

/// The end of an interrupt: what was remembered comes now. Whether there was something.
fn end(p: &mut Partition, lisn: usize) -> bool {
    let source = &mut p.state.xive.sources[lisn];
    let again = source.pq == 3;
    source.pq = [0, 1, 0, 2][usize::try_from(source.pq & 3).unwrap_or_default()];
    if again {
        event(p, lisn);
    }
    again
}

/// Puts an event on its queue, if it has one: generation and number in one word. The generation changes with each round.
fn event(p: &mut Partition, lisn: usize) {
    let source = p.state.xive.sources[lisn];
    let Some((target, priority)) = source.route.filter(|_| !source.masked) else { return };
    let Some(mut queue) = p.state.xive.queues[target][priority] else { return };
    let at = queue.address + 4 * queue.offset;
    let word = queue.generation << 31 | source.eisn & 0x7FFF_FFFF;
    queue.offset = (queue.offset + 1) % (1 << queue.size >> 2);
    queue.generation ^= u64::from(queue.offset == 0);
    p.state.xive.queues[target][priority] = Some(queue);
    p.store(at, 4, word);
}

/// H_INT_SYNC: events are in their queue at once.
pub(super) fn sync(p: &mut Partition) -> Answer {
    let [flags, lisn] = p.arguments();
    mode(p, flags, 0)?;
    source(lisn).map(drop)
}

/// H_INT_RESET.
pub(super) fn reset(p: &mut Partition) -> Answer {
    let [flags] = p.arguments();
    mode(p, flags, 0)?;
    p.state.xive = Xive::default();
    Ok(())
}
