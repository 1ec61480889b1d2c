//! Devices, DMA, errors, virtual processors and the reset of Freescale's hypervisor.
//!
//! Freescale libos `include/libos/fsl_hcalls.h` and `platform_error.h`; Freescale hypervisor `src/hcalls.c`, `pamu.c`,
//! `pm.c` and `error_log.c`.

use hypercheck_ppc::Interrupt;

use super::partition::{Status, Whose, status_of, whose};
use super::{Answer, Code, Object, STANDBY_WINDOW, address, object, word};
use crate::reference::powerpc::dispatch::Next;
use crate::reference::powerpc::partition::{CPUS, Partition};
use crate::reference::powerpc::sleep::Until;

/// Bytes of an entry of an error queue: four strings and what belongs to the kind of error.
pub(crate) const ERROR: usize = 704;
/// Where the strings of an entry are.
const STRINGS: [(usize, &[u8]); 4] =
    [(0, b"reference"), (32, b"test"), (160, b"/hypervisor"), (416, b"/hypervisor/handles")];
/// The guest's own error queue, and that of the machine, which only a managing partition may read.
const OWN_QUEUE: u32 = 0;
/// The states of a virtual processor.
const RUNNING: u64 = 0;
const IDLE: u64 = 1;

/// What is kept about all this.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Platform {
    /// Whether the device in standby has become the guest's.
    pub(super) claimed: bool,
    /// Entries in the guest's own error queue.
    errors: u32,
}

impl Platform {
    pub(super) fn new() -> Self {
        Self { errors: 1, ..Self::default() }
    }
}

/// FH_ERR_GET_INFO: buffer and flag are looked at before the queue.
pub(super) fn error_information(p: &mut Partition) -> Answer {
    let (queue, size, peek) = (word(p, 3), word(p, 4), word(p, 7));
    if peek > 1 || (size as usize) < ERROR || queue != OWN_QUEUE {
        return Err(Code::Invalid);
    }
    p.cpu.gpr[4] = 0;
    let to = address(p, 5);
    if p.state.epapr.platform.errors == 0 {
        return Err(Code::NoEntry);
    }
    if !p.contains(to, ERROR as u64) {
        return Err(Code::Fault);
    }
    let mut entry = [0; ERROR];
    for (at, text) in STRINGS {
        entry[at..at + text.len()].copy_from_slice(text);
    }
    p.memory.write(to, &entry).map_err(|_| Code::Fault)?;
    p.cpu.gpr[4] = ERROR as u64;
    p.state.epapr.platform.errors -= u32::from(peek == 0);
    Ok(Next::Resume)
}

/// FH_DMA_ENABLE and FH_DMA_DISABLE. No device here uses its window, so that nothing more is to be seen of them.
pub(super) fn switch_dma(p: &mut Partition) -> Answer {
    match object(p, 3)? {
        Object::Window(STANDBY_WINDOW) if !p.state.epapr.platform.claimed => Err(Code::State),
        Object::Window(_) => Ok(Next::Resume),
        _ => Err(Code::Invalid),
    }
}

/// FH_PARTITION_STOP_DMA, for a partition that has stopped.
pub(super) fn stop_dma(p: &mut Partition) -> Answer {
    let whose = whose(p, 3)?;
    if status_of(p, whose) == Status::Stopped { Ok(Next::Resume) } else { Err(Code::State) }
}

/// FH_CLAIM_DEVICE: the device leaves its owner, if that has stopped.
pub(super) fn claim(p: &mut Partition) -> Answer {
    if object(p, 3)? != Object::Device {
        return Err(Code::Invalid);
    }
    let owner = if p.state.epapr.platform.claimed { Whose::Own } else { Whose::Other };
    if status_of(p, owner) != Status::Stopped {
        return Err(Code::State);
    }
    p.state.epapr.platform.claimed = true;
    Ok(Next::Resume)
}

/// FH_SEND_NMI. Of the processors only the first one runs, so that an interrupt for the other is not to be seen.
pub(super) fn send_nmi(p: &mut Partition) -> Answer {
    let mask = word(p, 3);
    if mask >> CPUS != 0 {
        return Err(Code::Invalid);
    }
    Ok(if mask & 1 != 0 { Next::Interrupt(Interrupt::MachineCheck) } else { Next::Resume })
}

/// The processor that `r3` and `r4` name. The neighbour has one.
fn processor(p: &Partition) -> Result<(Whose, u32), Code> {
    let (whose, number) = (whose(p, 3)?, word(p, 4));
    let count = if whose == Whose::Own { CPUS } else { 1 };
    if (number as usize) < count { Ok((whose, number)) } else { Err(Code::Invalid) }
}

/// FH_GET_CORE_STATE.
pub(super) fn core_state(p: &mut Partition) -> Answer {
    let (whose, number) = processor(p)?;
    let runs = number == 0 && status_of(p, whose) == Status::Running;
    p.cpu.gpr[4] = if runs { RUNNING } else { IDLE };
    Ok(Next::Resume)
}

/// FH_ENTER_NAP, of the calling processor only. Nobody is there to call FH_EXIT_NAP.
pub(super) fn enter_nap(p: &mut Partition) -> Answer {
    match processor(p)? {
        (Whose::Own, 0) => Ok(Next::Sleep(Until::Woken)),
        _ => Err(Code::Invalid),
    }
}

/// FH_EXIT_NAP. A processor that does not nap stays as it is.
pub(super) fn exit_nap(p: &mut Partition) -> Answer {
    processor(p).map(|_| Next::Resume)
}

/// FH_SYSTEM_RESET.
pub(super) fn reset(p: &mut Partition) -> Answer {
    if p.profile.epapr.privileged { Ok(Next::End("FH_SYSTEM_RESET")) } else { Err(Code::Permission) }
}
