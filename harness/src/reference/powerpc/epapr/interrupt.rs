//! Interrupt sources behind handles, and the doorbells that raise some of them.
//!
//! Linux `arch/powerpc/include/asm/epapr_hcalls.h`, `ev_int_set_config` and following, and
//! `arch/powerpc/sysdev/ehv_pic.c`; Freescale hypervisor `src/vmpic.c` and `ipi_doorbell.c`. The controller is an MPIC: a
//! source of priority 0 is never delivered, one in service holds those back that are not more urgent.

use super::{Answer, Code, Object, STANDBY, object, word};
use crate::reference::powerpc::dispatch::Next;
use crate::reference::powerpc::partition::{CPUS, Partition};

/// Sources 0 and 1 are those of the doorbells, 2 is the far end of the byte channel, 3 the device in standby.
const BYTE_CHANNEL: usize = 2;
/// The vector that means none.
const SPURIOUS: u64 = 0xFFFF;
/// Priorities of an MPIC have four bits.
const PRIORITIES: u32 = 0xF;

/// A source of interrupts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    config: u32,
    priority: u32,
    destination: u32,
    masked: bool,
    pending: bool,
    in_service: bool,
}

impl Default for Source {
    /// After reset a source is masked, of priority 0 and for the first processor.
    fn default() -> Self {
        Self { config: 1, priority: 0, destination: 0, masked: true, pending: false, in_service: false }
    }
}

/// The source behind `r3`, whether claimed or not.
fn named(p: &Partition) -> Result<usize, Code> {
    match object(p, 3)? {
        Object::Source(source) => Ok(source),
        _ => Err(Code::Invalid),
    }
}

/// A source belongs to the guest unless its device is in standby.
fn claimed(p: &Partition, source: usize) -> Result<usize, Code> {
    if source == STANDBY && !p.state.epapr.platform.claimed { Err(Code::State) } else { Ok(source) }
}

fn source(p: &mut Partition) -> Result<&mut Source, Code> {
    let source = claimed(p, named(p)?)?;
    Ok(&mut p.state.epapr.sources[source])
}

/// Which source the first processor is to be told of next.
pub(super) fn most_urgent(p: &Partition) -> Option<usize> {
    let state = &p.state.epapr;
    let served = state.sources.iter().filter(|source| source.in_service).map(|source| source.priority).max();
    let waits = |(n, source): (usize, &Source)| {
        let raised = source.pending || n == BYTE_CHANNEL && state.channel.has_bytes_at(1);
        let let_through = !source.masked && !source.in_service && source.destination == 0;
        (raised && let_through && source.priority > served.unwrap_or(0)).then_some((source.priority, n))
    };
    // Of equals the first one.
    let waiting = state.sources.iter().enumerate().filter_map(waits);
    waiting.max_by_key(|(priority, n)| (*priority, usize::MAX - n)).map(|(_, n)| n)
}

/// EV_INT_SET_CONFIG: the handle is looked at first, then the processor, then whether the source is claimed.
pub(super) fn set_config(p: &mut Partition) -> Answer {
    let source = named(p)?;
    let [config, priority, destination] = [4, 5, 6].map(|register| word(p, register));
    if destination as usize >= CPUS {
        return Err(Code::Invalid);
    }
    let source = claimed(p, source)?;
    let source = &mut p.state.epapr.sources[source];
    (source.config, source.priority, source.destination) = (config, priority & PRIORITIES, destination);
    Ok(Next::Resume)
}

/// EV_INT_GET_CONFIG.
pub(super) fn get_config(p: &mut Partition) -> Answer {
    let source = *source(p)?;
    for (register, value) in (4..).zip([source.config, source.priority, source.destination]) {
        p.cpu.gpr[register] = value.into();
    }
    Ok(Next::Resume)
}

/// EV_INT_SET_MASK.
pub(super) fn set_mask(p: &mut Partition) -> Answer {
    let masked = word(p, 4) != 0;
    source(p)?.masked = masked;
    Ok(Next::Resume)
}

/// EV_INT_GET_MASK.
pub(super) fn get_mask(p: &mut Partition) -> Answer {
    let masked = source(p)?.masked;
    p.cpu.gpr[4] = masked.into();
    Ok(Next::Resume)
}

/// EV_INT_IACK. Handle 0 is the only controller that there is; the Freescale hypervisor stops itself over any other.
pub(super) fn acknowledge(p: &mut Partition) -> Answer {
    if word(p, 3) != 0 {
        return Err(Code::Invalid);
    }
    if p.profile.epapr.external_proxy() {
        return Err(Code::State);
    }
    let taken = most_urgent(p);
    if let Some(source) = taken {
        let source = &mut p.state.epapr.sources[source];
        (source.pending, source.in_service) = (false, true);
    }
    let handle = taken.and_then(|source| {
        super::HANDLES.iter().find(|(_, _, object)| *object == Object::Source(source)).map(|(_, handle, _)| *handle)
    });
    p.cpu.gpr[4] = handle.map_or(SPURIOUS, u64::from);
    Ok(Next::Resume)
}

/// EV_INT_EOI.
pub(super) fn end(p: &mut Partition) -> Answer {
    source(p)?.in_service = false;
    Ok(Next::Resume)
}

/// EV_DOORBELL_SEND. A bell that rings already does not ring twice.
pub(super) fn ring(p: &mut Partition) -> Answer {
    let Object::Doorbell(bell) = object(p, 3)? else { return Err(Code::Invalid) };
    p.state.epapr.sources[bell].pending = true;
    Ok(Next::Resume)
}

/// FH_VMPIC_GET_MSIR. Nobody sends message interrupts here, so that no bit of the register is set.
pub(super) fn message_register(p: &mut Partition) -> Answer {
    source(p)?;
    p.cpu.gpr[4] = 0;
    Ok(Next::Resume)
}
