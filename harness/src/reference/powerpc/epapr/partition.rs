//! The other partition: its status, its memory and its device tree.
//!
//! Freescale libos `include/libos/fsl_hcalls.h`; Freescale hypervisor `src/hcalls.c` and `guest.c` (`start_guest`,
//! `stop_guest`, `restart_guest`). It executes nothing; starting and stopping it take a while, as they do there.

use std::collections::BTreeMap;

use super::{Answer, Code, Object, address, object, word};
use crate::reference::powerpc::dispatch::Next;
use crate::reference::powerpc::partition::{Partition, RAM};

/// Bytes of its memory, from its address 0.
const MEMORY: usize = 0x1000;
/// Ticks of the time base that starting and stopping take.
const DELAY: u64 = 2000;
/// The longest path and name, with the zero byte at the end.
const LONGEST_NAME: u64 = 4096;
/// The longest property.
const LONGEST_VALUE: u32 = 32768;
/// Bytes of an entry of FH_PARTITION_MEMCPY's list: source, target, size, and eight that are reserved.
const ENTRY: u64 = 32;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Status {
    #[default]
    Stopped = 0,
    Running = 1,
    Starting = 2,
    Stopping = 3,
}

/// The path of a node and the name of a property there.
type Place = (Vec<u8>, Vec<u8>);

type Tree = BTreeMap<Place, Vec<u8>>;

/// What is kept about the other partition, and about the guest's own device tree as other calls see it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Neighbour {
    status: Status,
    /// When the next status comes, and whether the partition starts again after it has stopped.
    settles: u64,
    again: bool,
    memory: Vec<u8>,
    trees: [Tree; 2],
}

impl Neighbour {
    pub(super) fn new() -> Self {
        let property = |value: &str| {
            let place = (b"/hypervisor".to_vec(), b"label".to_vec());
            Tree::from([(place, [value.as_bytes(), &[0]].concat())])
        };
        Self { memory: vec![0; MEMORY], trees: [property("reference"), property("neighbour")], ..Self::default() }
    }

    fn begin(&mut self, status: Status, again: bool, now: u64) {
        (self.status, self.again, self.settles) = (status, again, now + DELAY);
    }

    fn status(&mut self, now: u64) -> Status {
        if self.status == Status::Stopping && now >= self.settles {
            if self.again {
                let stopped = self.settles;
                self.begin(Status::Starting, false, stopped);
            } else {
                self.status = Status::Stopped;
            }
        }
        if self.status == Status::Starting && now >= self.settles {
            self.status = Status::Running;
        }
        self.status
    }
}

/// A partition that a handle names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Own = 0,
    Other = 1,
}

/// The partition behind a register: -1 is the caller's own.
pub(super) fn whose(p: &Partition, register: usize) -> Result<Whose, Code> {
    if word(p, register) == u32::MAX {
        return Ok(Whose::Own);
    }
    match object(p, register)? {
        Object::Neighbour => Ok(Whose::Other),
        _ => Err(Code::Invalid),
    }
}

/// What a partition is doing. The caller's own runs.
pub(super) fn status_of(p: &mut Partition, whose: Whose) -> Status {
    let now = p.cpu.tb;
    if whose == Whose::Own { Status::Running } else { p.state.epapr.neighbour.status(now) }
}

/// FH_PARTITION_GET_STATUS.
pub(super) fn status(p: &mut Partition) -> Answer {
    let whose = whose(p, 3)?;
    p.cpu.gpr[4] = status_of(p, whose) as u64;
    Ok(Next::Resume)
}

/// Begins a change of status if the partition is in the one that it starts from.
fn change(p: &mut Partition, from: Status, to: Status, again: bool, own: &'static str) -> Answer {
    let whose = whose(p, 3)?;
    if status_of(p, whose) != from {
        return Err(Code::State);
    }
    if whose == Whose::Own {
        return Ok(Next::End(own));
    }
    let now = p.cpu.tb;
    p.state.epapr.neighbour.begin(to, again, now);
    Ok(Next::Resume)
}

/// FH_PARTITION_START. `r4` has the entry point, `r5` whether its images are loaded; it has none here.
pub(super) fn start(p: &mut Partition) -> Answer {
    change(p, Status::Stopped, Status::Starting, false, "FH_PARTITION_START")
}

/// FH_PARTITION_STOP.
pub(super) fn stop(p: &mut Partition) -> Answer {
    change(p, Status::Running, Status::Stopping, false, "FH_PARTITION_STOP")
}

/// FH_PARTITION_RESTART.
pub(super) fn restart(p: &mut Partition) -> Answer {
    change(p, Status::Running, Status::Stopping, true, "FH_PARTITION_RESTART")
}

/// FH_PARTITION_MEMCPY. Entries before one that is at fault have been copied; the list is the caller's.
pub(super) fn copy(p: &mut Partition) -> Answer {
    let (source, target) = (whose(p, 3)?, whose(p, 4)?);
    let list = u64::from(word(p, 6)) << 32 | u64::from(word(p, 5));
    for n in 0..u64::from(word(p, 7)) {
        let entry = list.checked_add(ENTRY * n).filter(|at| p.contains(*at, ENTRY)).ok_or(Code::Fault)?;
        let [from, to, size] = [0, 8, 16].map(|offset| p.load(entry + offset, 8));
        let bytes = read(p, source, from, size)?;
        write(p, target, to, &bytes)?;
    }
    Ok(Next::Resume)
}

/// Bytes of a partition's memory.
fn read(p: &Partition, whose: Whose, at: u64, size: u64) -> Result<Vec<u8>, Code> {
    let length = usize::try_from(size.min(RAM + 1)).map_err(|_| Code::Fault)?;
    if whose == Whose::Own {
        let mut bytes = vec![0; length];
        return p.memory.read(at, &mut bytes).map(|()| bytes).map_err(|_| Code::Fault);
    }
    let start = usize::try_from(at).map_err(|_| Code::Fault)?;
    let end = start.checked_add(length).ok_or(Code::Fault)?;
    p.state.epapr.neighbour.memory.get(start..end).map(<[u8]>::to_vec).ok_or(Code::Fault)
}

fn write(p: &mut Partition, whose: Whose, at: u64, bytes: &[u8]) -> Result<(), Code> {
    if whose == Whose::Own {
        return p.memory.write(at, bytes).map_err(|_| Code::Fault);
    }
    let start = usize::try_from(at).map_err(|_| Code::Fault)?;
    let end = start.checked_add(bytes.len()).ok_or(Code::Fault)?;
    p.state.epapr.neighbour.memory.get_mut(start..end).ok_or(Code::Fault)?.copy_from_slice(bytes);
    Ok(())
}

/// A string of the caller's that ends with a zero byte.
fn text(p: &Partition, at: u64) -> Result<Vec<u8>, Code> {
    let mut text = Vec::new();
    for n in 0..LONGEST_NAME {
        match read(p, Whose::Own, at.checked_add(n).ok_or(Code::Fault)?, 1)?[0] {
            0 => return Ok(text),
            byte => text.push(byte),
        }
    }
    Err(Code::Invalid)
}

/// The device tree, the place in it, the address of the value and its length.
fn property(p: &mut Partition) -> Result<(Whose, Place, u64, u32), Code> {
    let whose = whose(p, 3)?;
    let place = (text(p, address(p, 4))?, text(p, address(p, 6))?);
    let length = word(p, 10);
    if length > LONGEST_VALUE {
        return Err(Code::Invalid);
    }
    Ok((whose, place, address(p, 8), length))
}

/// FH_PARTITION_GET_DTPROP. A buffer that is too small is not written, and `r4` tells how long it must be.
pub(super) fn get_property(p: &mut Partition) -> Answer {
    let (whose, place, buffer, length) = property(p)?;
    if status_of(p, whose) == Status::Starting {
        return Err(Code::State);
    }
    let value = p.state.epapr.neighbour.trees[whose as usize].get(&place).cloned().ok_or(Code::NoEntry)?;
    p.cpu.gpr[4] = value.len() as u64;
    if value.len() > length as usize {
        return Err(Code::Overflow);
    }
    write(p, Whose::Own, buffer, &value)?;
    Ok(Next::Resume)
}

/// FH_PARTITION_SET_DTPROP. Node and property come to be if they were not there.
pub(super) fn set_property(p: &mut Partition) -> Answer {
    let (whose, place, buffer, length) = property(p)?;
    let value = read(p, Whose::Own, buffer, length.into())?;
    if status_of(p, whose) == Status::Starting {
        return Err(Code::State);
    }
    p.state.epapr.neighbour.trees[whose as usize].insert(place, value);
    Ok(Next::Resume)
}
