//! Calls that reach a partner's memory: hcall-rdma and H_PUT_RTCE_INDIRECT.
//!
//! LoPAR, "Redirected RDMA" and "Logical Remote DMA (LRDMA) Option". A server adapter's second window pane stands for the
//! first pane of its partner while both are registered. H_PUT_RTCE copies entries from there to a window of the caller, the
//! copying calls move bytes.

use super::super::partition::Partition;
use super::io::{self, ADAPTERS};
use super::tce::{self, COPIES, MORE_COPIES, Place};
use super::{Answer, code};

/// The most bytes that one H_COPY_RDMA moves: `ibm,max-virtual-dma-size`.
pub(crate) const MOST: u64 = 0x2_0000;

/// The adapter whose second pane has a bus number.
fn owner(liobn: u64) -> Option<usize> {
    ADAPTERS.iter().position(|adapter| adapter.remote == Some(liobn))
}

/// The window that an adapter's second pane stands for, whether or not it is there yet.
fn behind(owner: usize) -> Option<usize> {
    io::partner(owner).and_then(|partner| ADAPTERS[partner].pane)
}

/// The second pane with a bus number, and what is there.
struct Remote {
    window: usize,
    connected: bool,
}

fn remote(p: &Partition, liobn: u64) -> Option<Remote> {
    let owner = owner(liobn)?;
    Some(Remote { window: behind(owner)?, connected: p.state.queues.connected(owner) })
}

/// Copies one entry of a partner. LoPAR asks for a valid mapping, no copy twice, and no more copies than the platform has.
fn copy(p: &mut Partition, remote: &Remote, from: u64, to: Place) -> Answer {
    let original = (remote.window, from);
    let tables = &mut p.state.tables;
    let entry = tables.get(original);
    if !remote.connected || entry & (tce::READ | tce::WRITE) == 0 {
        return Err(code::REMOTE_PARM);
    }
    let copies = tables.copies(original);
    if copies.contains(&to) {
        return Err(code::IN_USE);
    }
    if copies.len() >= COPIES || !copies.is_empty() && tables.more_copies(remote.window) >= MORE_COPIES {
        return Err(code::RESOURCE);
    }
    tables.set(to, entry);
    tables.link(original, to);
    Ok(())
}

/// Copies entries one after the other; the index of the one that failed is in `r4`.
fn copy_all(p: &mut Partition, remote: &Remote, from: &[u64], to: Place) -> Answer {
    for (n, (&from, index)) in from.iter().zip(to.1..).enumerate() {
        copy(p, remote, from, (to.0, index)).inspect_err(|_| p.cpu.gpr[4] = n as u64)?;
    }
    Ok(())
}

/// The panes of H_PUT_RTCE and H_REMOVE_RTCE: the partner's and the caller's, with the first entry of each.
fn panes(p: &Partition, [far, far_ioba, near, near_ioba, count]: [u64; 5]) -> Result<(Remote, u64, Place), i64> {
    let remote = remote(p, far).ok_or(code::PARAMETER)?;
    let from = tce::entries(remote.window, far_ioba, count).ok_or(code::PARAMETER)?;
    Ok((remote, from, place(near, near_ioba, count)?))
}

fn place(liobn: u64, ioba: u64, count: u64) -> Result<Place, i64> {
    let window = tce::window(liobn).ok_or(code::PARAMETER)?;
    Ok((window, tce::entries(window, ioba, count).ok_or(code::PARAMETER)?))
}

/// H_PUT_RTCE.
pub(super) fn put(p: &mut Partition) -> Answer {
    let arguments = p.arguments();
    let (remote, from, to) = panes(p, arguments)?;
    let from: Vec<u64> = (from..from + arguments[4]).collect();
    copy_all(p, &remote, &from, to)
}

/// H_PUT_RTCE_INDIRECT. All entries of the list are judged before the first is copied.
pub(super) fn put_indirect(p: &mut Partition) -> Answer {
    let [list, far, near, ioba, count] = p.arguments();
    let remote = remote(p, far).ok_or(code::PARAMETER)?;
    tce::list_of(p, list, 0)?;
    let to = place(near, ioba, count)?;
    if count > tce::MOST {
        return Err(code::PARAMETER);
    }
    let mut from = Vec::new();
    for (n, ioba) in (0_u64..).zip(tce::list_of(p, list, count)?) {
        let entry = tce::entries(remote.window, ioba, 1);
        from.push(entry.ok_or(code::REMOTE_PARM).inspect_err(|_| p.cpu.gpr[4] = n)?);
    }
    copy_all(p, &remote, &from, to)
}

/// H_REMOVE_RTCE: the caller's entries become the value given, without its permissions.
pub(super) fn remove(p: &mut Partition) -> Answer {
    let [far, far_ioba, near, ioba, count, value] = p.arguments();
    let (remote, from, to) = panes(p, [far, far_ioba, near, ioba, count])?;
    for n in 0..count {
        let copy = (to.0, to.1 + n);
        p.state.tables.unlink((remote.window, from + n), copy);
        p.state.tables.set(copy, value & !(tce::READ | tce::WRITE));
    }
    Ok(())
}

/// A buffer of the copying calls: a range of a window that is the caller's or, as a second pane, its partner's.
fn buffer(p: &Partition, liobn: u64, ioba: u64, length: u64, wrong: i64) -> Result<(usize, bool), i64> {
    let remote = remote(p, liobn).map(|remote| (remote.window, remote.connected));
    let (window, there) = remote.or_else(|| Some((tce::window(liobn)?, true))).ok_or(wrong)?;
    let pages = (ioba & 0xFFF).checked_add(length).ok_or(wrong)?.div_ceil(4096);
    tce::entries(window, ioba, pages).map(|_| (window, there)).ok_or(wrong)
}

/// The same for a buffer that must be the partner's.
fn remote_buffer(p: &Partition, liobn: u64, ioba: u64, length: u64, wrong: i64) -> Result<(usize, bool), i64> {
    owner(liobn).ok_or(wrong)?;
    buffer(p, liobn, ioba, length, wrong)
}

fn load(p: &Partition, (window, there): (usize, bool), ioba: u64, length: u64) -> Result<Vec<u8>, i64> {
    tce::read(p, window, ioba, length).filter(|_| there).ok_or(code::PERMISSION)
}

fn store(p: &mut Partition, (window, there): (usize, bool), ioba: u64, bytes: &[u8]) -> Answer {
    if there && tce::write(p, window, ioba, bytes) { Ok(()) } else { Err(code::PERMISSION) }
}

/// H_COPY_RDMA.
pub(super) fn copy_buffer(p: &mut Partition) -> Answer {
    let [length, from, from_ioba, to, to_ioba] = p.arguments();
    if length > MOST {
        return Err(code::PARAMETER);
    }
    let source = buffer(p, from, from_ioba, length, code::SOURCE_PARM)?;
    let destination = buffer(p, to, to_ioba, length, code::DEST_PARM)?;
    let bytes = load(p, source, from_ioba, length)?;
    store(p, destination, to_ioba, &bytes)
}

/// H_WRITE_RDMA: up to 48 bytes from registers.
pub(super) fn write(p: &mut Partition) -> Answer {
    let [length, liobn, ioba, data @ ..]: [u64; 9] = p.arguments();
    if length > 48 {
        return Err(code::PARAMETER);
    }
    let destination = remote_buffer(p, liobn, ioba, length, code::DEST_PARM)?;
    let bytes: Vec<u8> = data.into_iter().flat_map(u64::to_be_bytes).collect();
    store(p, destination, ioba, &bytes[..usize::try_from(length).unwrap_or_default()])
}

/// H_READ_RDMA: up to 72 bytes to registers; what is behind them is zero here, LoPAR does not say.
pub(super) fn read(p: &mut Partition) -> Answer {
    let [length, liobn, ioba] = p.arguments();
    if length > 72 {
        return Err(code::PARAMETER);
    }
    let source = remote_buffer(p, liobn, ioba, length, code::SOURCE_PARM)?;
    let mut bytes = load(p, source, ioba, length)?;
    bytes.resize(72, 0);
    for (register, word) in p.cpu.gpr[4..13].iter_mut().zip(bytes.chunks_exact(8)) {
        *register = word.iter().fold(0, |all, &byte| all << 8 | u64::from(byte));
    }
    Ok(())
}
