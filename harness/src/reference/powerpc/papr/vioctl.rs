//! H_VIOCTL: hcall-vioctl.
//!
//! LoPAR, "H_VIOCTL". A subfunction that the platform does not have is H_NOT_FOUND before anything else is looked at.

use super::super::partition::Partition;
use super::io::{self, ADAPTERS, ALONE, Buffer, LAN, SERVER, TRUNK};
use super::{Answer, code, crq, tce};

/// Bytes of an adapter's dump.
const DUMP: u64 = 64;
/// VLAN identifiers of a LAN adapter: its own one first.
const VLANS: [u16; 2] = [1, 100];
/// The highest priority of a VLAN's frames.
const PRIORITY: u64 = 7;
/// The partition's number, and the location code of the one adapter that has a partner.
const PARTITION: u64 = 1;
const LOCATION: &[u8] = b"U9009.42A.0000001-V1-C17\0";

/// What a subfunction does, with its three parameters.
type Subfunction = fn(&mut Partition, usize, [u64; 3]) -> Answer;

/// The subfunctions: number, adapters that have it, what it does.
const SUBFUNCTIONS: [(u64, (usize, usize), Subfunction); 12] = [
    (0x1, (0, TRUNK), dump_size),
    (0x2, (0, TRUNK), dump),
    (0x3, (LAN, TRUNK), |p, _, parameters| value(p, parameters, VLANS.len() as u64)),
    (0x4, (LAN, TRUNK), vlans),
    (0x8, (SERVER, SERVER), partner),
    (0xA, (SERVER, ALONE), |p, place, parameters| none(parameters).map(|()| crq::silence(p, place))),
    (0xB, (SERVER, ALONE), |p, place, parameters| interrupt(p, place, parameters, false)),
    (0xC, (SERVER, ALONE), |p, place, parameters| interrupt(p, place, parameters, true)),
    (0xD, (LAN, TRUNK), |p, _, parameters| value(p, parameters, PRIORITY)),
    (0xE, (LAN, TRUNK), |p, _, parameters| value(p, parameters, 0)),
    (0x12, (TRUNK, TRUNK), |p, _, parameters| value(p, parameters, 0)),
    (0x14, (SERVER, SERVER), redirections),
];

/// H_VIOCTL.
pub(super) fn call(p: &mut Partition) -> Answer {
    let [unit, subfunction, parameters @ ..]: [u64; 5] = p.arguments();
    let known = SUBFUNCTIONS.iter().find(|(number, ..)| *number == subfunction);
    let (_, (first, last), run) = known.ok_or(code::NOT_FOUND)?;
    run(p, io::find_of(unit, *first..=*last)?, parameters)
}

/// Refuses parameters that are not used and not zero.
fn none(unused: impl IntoIterator<Item = u64>) -> Answer {
    if unused.into_iter().all(|parameter| parameter == 0) { Ok(()) } else { Err(code::PARAMETER) }
}

fn value(p: &mut Partition, parameters: [u64; 3], value: u64) -> Answer {
    none(parameters)?;
    p.cpu.gpr[4] = value;
    Ok(())
}

fn dump_size(p: &mut Partition, _: usize, parameters: [u64; 3]) -> Answer {
    value(p, parameters, DUMP)
}

/// The window and the buffer that the first parameter describes.
fn output(p: &Partition, place: usize, [buffer, unused @ ..]: [u64; 3]) -> Result<(usize, Buffer), i64> {
    none(unused)?;
    let pane = ADAPTERS[place].pane.ok_or(code::PARAMETER)?;
    let buffer = Buffer::from(buffer);
    let fits = buffer.control == 0 && tce::mapped(p, pane, buffer.ioba, buffer.length, tce::WRITE);
    if fits { Ok((pane, buffer)) } else { Err(code::PARAMETER) }
}

/// An adapter without a window has its dump written to a page.
fn dump(p: &mut Partition, place: usize, parameters: [u64; 3]) -> Answer {
    let bytes = vec![u8::try_from(place).unwrap_or_default() | 0x80; usize::try_from(DUMP).unwrap_or_default()];
    if ADAPTERS[place].pane.is_some() {
        let (pane, buffer) = output(p, place, parameters)?;
        let fits = usize::try_from(buffer.length.min(DUMP)).unwrap_or_default();
        tce::write(p, pane, buffer.ioba, &bytes[..fits]);
        return if buffer.length < DUMP { Err(code::CONSTRAINED) } else { Ok(()) };
    }
    let [page, unused @ ..] = parameters;
    none(unused)?;
    if !page.is_multiple_of(4096) || !p.contains(page, 4096) {
        return Err(code::PARAMETER);
    }
    p.store_bytes(page, &bytes);
    Ok(())
}

/// Writes what fits and zeros behind it. Whether all of it did.
fn fill(p: &mut Partition, pane: usize, buffer: Buffer, mut bytes: Vec<u8>) -> bool {
    let whole = bytes.len() as u64 <= buffer.length;
    bytes.resize(usize::try_from(buffer.length).unwrap_or_default(), 0);
    tce::write(p, pane, buffer.ioba, &bytes);
    whole
}

fn vlans(p: &mut Partition, place: usize, parameters: [u64; 3]) -> Answer {
    let (pane, buffer) = output(p, place, parameters)?;
    let whole = fill(p, pane, buffer, VLANS.iter().flat_map(|id| id.to_be_bytes()).collect());
    if whole { Ok(()) } else { Err(code::CONSTRAINED) }
}

/// Nothing is written where not all of it fits. There is one possible partner, so that it need not be connected.
fn partner(p: &mut Partition, place: usize, parameters: [u64; 3]) -> Answer {
    let (pane, buffer) = output(p, place, parameters)?;
    let unit = io::partner(place).map_or(0, |partner| ADAPTERS[partner].unit);
    let bytes = [&PARTITION.to_be_bytes(), &unit.to_be_bytes(), LOCATION].concat();
    if bytes.len() as u64 > buffer.length {
        return Err(code::CONSTRAINED);
    }
    fill(p, pane, buffer, bytes);
    Ok(())
}

fn interrupt(p: &mut Partition, place: usize, [source, unused @ ..]: [u64; 3], on: bool) -> Answer {
    none(unused)?;
    crq::signal(p, place, source, on)
}

fn redirections(p: &mut Partition, _: usize, parameters: [u64; 3]) -> Answer {
    value(p, parameters, tce::MORE_COPIES as u64)?;
    p.cpu.gpr[5] = tce::COPIES as u64;
    Ok(())
}
