//! The virtual adapters of the partition and the interrupts that they signal: hcall-vio.
//!
//! LoPAR, chapter "Virtualized Input/Output". All adapters and their partners are this one partition's, which R1-18 of
//! "General VIO Requirements" allows: so both ends of a connection can be looked at.

use super::super::partition::Partition;
use super::{Answer, code, tce, xics};

/// A virtual adapter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Adapter {
    /// Its unit address.
    pub(crate) unit: u64,
    /// What the device tree calls it: node and `compatible`.
    pub(crate) kind: (&'static str, &'static str),
    /// The window that maps its memory, the first pane.
    pub(crate) pane: Option<usize>,
    /// The bus number of the second pane, which maps its partner's memory.
    pub(crate) remote: Option<u64>,
    /// The adapter that it is connected with, once both have registered.
    partner: Option<usize>,
}

const fn adapter(unit: u64, kind: (&'static str, &'static str), pane: Option<usize>) -> Adapter {
    Adapter { unit, kind, pane, remote: None, partner: None }
}

/// The adapters. An adapter's place is its name inside the hypervisor.
pub(crate) const ADAPTERS: [Adapter; 10] = [
    adapter(super::VTY, ("vty", "hvterm1"), None),
    adapter(0x3100_0000, ("vty", "hvterm1"), None),
    adapter(0x3100_0030, ("vty-server", "hvterm2"), None),
    adapter(0x3100_0031, ("vty-server", "hvterm2"), None),
    Adapter {
        remote: Some(0x1000_0110),
        partner: Some(CLIENT),
        ..adapter(0x3000_0010, ("v-scsi-host", "IBM,v-scsi-host"), Some(1))
    },
    Adapter { partner: Some(SERVER), ..adapter(0x3000_0011, ("v-scsi", "IBM,v-scsi"), Some(2)) },
    adapter(0x3000_0012, ("v-scsi", "IBM,v-scsi"), Some(3)),
    adapter(0x3000_0020, ("l-lan", "IBM,l-lan"), Some(4)),
    adapter(0x3000_0021, ("l-lan", "IBM,l-lan"), Some(5)),
    adapter(0x3000_0022, ("l-lan", "IBM,l-lan"), Some(6)),
];

/// Places of the adapters that have names in rows.
pub(crate) const CLOSED_TERMINAL: usize = 1;
pub(crate) const TERMINAL_SERVER: usize = 2;
pub(crate) const OTHER_TERMINAL_SERVER: usize = 3;
pub(crate) const SERVER: usize = 4;
pub(crate) const CLIENT: usize = 5;
pub(crate) const ALONE: usize = 6;
pub(crate) const LAN: usize = 7;
pub(crate) const OTHER_LAN: usize = 8;
pub(crate) const TRUNK: usize = 9;

/// The source number of the first adapter's interrupt; the others follow.
const SOURCE: u64 = 0x1000;

/// The source number of an adapter's interrupt.
pub(crate) const fn source(place: usize) -> u64 {
    SOURCE + place as u64
}

/// What rows call the adapters: unit address, window and interrupt source.
pub(super) fn facts() -> Vec<(&'static str, u64)> {
    let liobn = |place: usize| ADAPTERS[place].pane.map_or(0, tce::liobn);
    vec![
        ("closed-terminal", ADAPTERS[CLOSED_TERMINAL].unit),
        ("terminal-server", ADAPTERS[TERMINAL_SERVER].unit),
        ("other-terminal-server", ADAPTERS[OTHER_TERMINAL_SERVER].unit),
        ("crq-server", ADAPTERS[SERVER].unit),
        ("crq-server-liobn", liobn(SERVER)),
        ("crq-server-remote", ADAPTERS[SERVER].remote.unwrap_or_default()),
        ("crq-server-interrupt", source(SERVER)),
        ("crq-client", ADAPTERS[CLIENT].unit),
        ("crq-client-liobn", liobn(CLIENT)),
        ("crq-client-interrupt", source(CLIENT)),
        ("crq-alone", ADAPTERS[ALONE].unit),
        ("crq-alone-liobn", liobn(ALONE)),
        ("lan", ADAPTERS[LAN].unit),
        ("lan-liobn", liobn(LAN)),
        ("lan-interrupt", source(LAN)),
        ("other-lan", ADAPTERS[OTHER_LAN].unit),
        ("other-lan-liobn", liobn(OTHER_LAN)),
        ("other-lan-interrupt", source(OTHER_LAN)),
        ("lan-trunk", ADAPTERS[TRUNK].unit),
        ("lan-trunk-liobn", liobn(TRUNK)),
        ("vio-window", tce::PANE),
    ]
}

/// The adapter with a unit address.
pub(super) fn find(unit: u64) -> Result<usize, i64> {
    ADAPTERS.iter().position(|adapter| adapter.unit == unit).ok_or(code::PARAMETER)
}

/// The adapter of these with a unit address.
pub(super) fn find_of(unit: u64, places: std::ops::RangeInclusive<usize>) -> Result<usize, i64> {
    find(unit).ok().filter(|place| places.contains(place)).ok_or(code::PARAMETER)
}

/// The adapter with a command queue, a unit address and the window that maps its memory.
pub(super) fn find_queue(unit: u64) -> Result<(usize, usize), i64> {
    let place = find_of(unit, SERVER..=ALONE)?;
    ADAPTERS[place].pane.map(|pane| (place, pane)).ok_or(code::PARAMETER)
}

/// The adapter at the other end.
pub(super) fn partner(place: usize) -> Option<usize> {
    ADAPTERS[place].partner
}

/// Which adapters signal their interrupt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Signals([bool; ADAPTERS.len()]);

impl Signals {
    pub(super) fn set(&mut self, place: usize, on: bool) {
        self.0[place] = on;
    }
}

/// H_VIO_SIGNAL. Each adapter has one interrupt. LoPAR has the other bits both ignored and validated; they are refused
/// here, as by QEMU.
pub(super) fn signal(p: &mut Partition) -> Answer {
    let [unit, mode] = p.arguments();
    let place = find(unit)?;
    if mode > 1 {
        return Err(code::PARAMETER);
    }
    p.state.signals.set(place, mode == 1);
    Ok(())
}

/// Signals an adapter's interrupt if it is enabled; a pulse that comes while it is not is lost.
pub(super) fn pulse(p: &mut Partition, place: usize) {
    if p.state.signals.0[place] {
        xics::pulse(p, source(place));
    }
}

/// A range of bytes that 8 bytes describe: control byte, 3 bytes length, 4 bytes I/O address (LoPAR, "Buffer Descriptor").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Buffer {
    pub(super) control: u8,
    pub(super) length: u64,
    pub(super) ioba: u64,
}

impl From<u64> for Buffer {
    fn from(descriptor: u64) -> Self {
        let control = descriptor.to_be_bytes()[0];
        Self { control, length: descriptor >> 32 & 0xFF_FFFF, ioba: descriptor & 0xFFFF_FFFF }
    }
}

/// Whether a queue of whole pages at an I/O address is mapped.
pub(super) fn queue_fits(p: &Partition, pane: usize, ioba: u64, length: u64) -> bool {
    let whole = ioba.is_multiple_of(4096) && length.is_multiple_of(4096) && length > 0;
    whole && tce::mapped(p, pane, ioba, length, 0)
}
