//! Calls of virtual terminals: hcall-term and hcall-vty.
//!
//! LoPAR, "Virtual Terminal (Vterm)". The first terminal is the console: what is put on it is kept as a digest, nothing ever
//! comes from it. The second is closed until a server terminal connects with it; then what either sends comes to the other.

use std::collections::VecDeque;

use super::super::partition::Partition;
use super::io::{self, ADAPTERS, CLOSED_TERMINAL, OTHER_TERMINAL_SERVER, TERMINAL_SERVER};
use super::{Answer, code};

/// The first terminal's unit address.
pub(crate) const VTY: u64 = 0x3000_0000;
/// Characters that one call carries.
const MOST: u64 = 16;
/// Characters that wait for a terminal at most.
const ROOM: usize = 64;
/// Terminals and server terminals together.
const TERMINALS: usize = OTHER_TERMINAL_SERVER + 1;

/// The terminals that a server may be connected with: partition, unit address, location code. The second is the console
/// of a partition that is not there: it takes what it is sent.
const PARTNERS: [(u64, u64, &[u8]); 2] =
    [(1, ADAPTERS[CLOSED_TERMINAL].unit, b"U9009.42A.0000001-V1-C1\0"), (2, VTY, b"U9009.42A.0000001-V2-C0\0")];

/// The terminals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Terminals {
    /// Characters put on the console so far.
    count: u64,
    /// FNV-1a of them: enough to tell two runs apart.
    digest: u64,
    /// Which of [`PARTNERS`] each server is connected with.
    partners: [Option<usize>; TERMINALS],
    /// What waits for each terminal.
    waiting: [VecDeque<u8>; TERMINALS],
}

impl Terminals {
    pub(super) fn show(&mut self, byte: u8) {
        self.count += 1;
        self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }

    /// Who gets what a terminal sends.
    fn other_end(&self, place: usize) -> Option<End> {
        let server = || (TERMINAL_SERVER..TERMINALS).find(|&server| self.partners[server] == Some(0));
        match (place, self.partners[place]) {
            (0, _) => Some(End::Console),
            (CLOSED_TERMINAL, _) => server().map(End::Terminal),
            (_, Some(0)) => Some(End::Terminal(CLOSED_TERMINAL)),
            (_, Some(_)) => Some(End::Nobody),
            (_, None) => None,
        }
    }
}

/// The other end of a connection.
enum End {
    Console,
    Terminal(usize),
    Nobody,
}

fn terminal(unit: u64) -> Result<usize, i64> {
    io::find_of(unit, 0..=OTHER_TERMINAL_SERVER)
}

fn server(unit: u64) -> Result<usize, i64> {
    io::find_of(unit, TERMINAL_SERVER..=OTHER_TERMINAL_SERVER)
}

/// H_PUT_TERM_CHAR: unit, connection and length are judged in this order.
pub(super) fn put(p: &mut Partition) -> Answer {
    let [unit, length, first, second] = p.arguments();
    let place = terminal(unit)?;
    let terminals = &mut p.state.terminals;
    let end = terminals.other_end(place).ok_or(code::CLOSED)?;
    if length > MOST {
        return Err(code::PARAMETER);
    }
    let text = (u128::from(first) << 64 | u128::from(second)).to_be_bytes();
    let text = &text[..usize::try_from(length).unwrap_or_default()];
    match end {
        End::Console => text.iter().for_each(|&byte| terminals.show(byte)),
        End::Terminal(other) if terminals.waiting[other].len() + text.len() > ROOM => return Err(code::BUSY),
        End::Terminal(other) => {
            terminals.waiting[other].extend(text);
            if !text.is_empty() {
                io::pulse(p, other);
            }
        }
        End::Nobody => {}
    }
    Ok(())
}

/// H_GET_TERM_CHAR: a count and the characters, bytes behind them zero.
pub(super) fn get(p: &mut Partition) -> Answer {
    let [unit] = p.arguments();
    let place = terminal(unit)?;
    let terminals = &mut p.state.terminals;
    terminals.other_end(place).ok_or(code::CLOSED)?;
    let waiting = &mut terminals.waiting[place];
    let count = waiting.len().min(16);
    let mut text = [0; 16];
    waiting.drain(..count).zip(&mut text).for_each(|(byte, place)| *place = byte);
    p.cpu.gpr[4] = count as u64;
    for (register, word) in p.cpu.gpr[5..7].iter_mut().zip(text.chunks_exact(8)) {
        *register = word.iter().fold(0, |all, &byte| all << 8 | u64::from(byte));
    }
    Ok(())
}

fn partner(partition: u64, unit: u64) -> Result<usize, i64> {
    PARTNERS.iter().position(|&(p, u, _)| (p, u) == (partition, unit)).ok_or(code::PARAMETER)
}

/// H_VTERM_PARTNER_INFO: the partner behind the one given, to a page of the caller.
pub(super) fn partner_info(p: &mut Partition) -> Answer {
    let [unit, partition, partner_unit, page] = p.arguments();
    server(unit)?;
    let next =
        if partition == u64::MAX && partner_unit == u64::MAX { 0 } else { partner(partition, partner_unit)? + 1 };
    if !page.is_multiple_of(4096) || !p.contains(page, 4096) {
        return Err(code::PARAMETER);
    }
    let (partition, unit, location) = PARTNERS.get(next).copied().unwrap_or((u64::MAX, u64::MAX, b"\0"));
    p.store(page, 8, partition);
    p.store(page + 8, 8, unit);
    p.store_bytes(page + 16, location);
    Ok(())
}

/// H_REGISTER_VTERM. A partner that another server has is refused; LoPAR has no other code for that.
pub(super) fn register(p: &mut Partition) -> Answer {
    let [unit, partition, partner_unit] = p.arguments();
    let place = server(unit)?;
    let terminals = &mut p.state.terminals;
    if terminals.partners[place].is_some() {
        return Err(code::PARAMETER);
    }
    let partner = partner(partition, partner_unit)?;
    if terminals.partners.contains(&Some(partner)) {
        return Err(code::PARAMETER);
    }
    terminals.partners[place] = Some(partner);
    Ok(())
}

/// H_FREE_VTERM.
pub(super) fn free(p: &mut Partition) -> Answer {
    let [unit] = p.arguments();
    let place = server(unit)?;
    let terminals = &mut p.state.terminals;
    let partner = terminals.partners[place].take().ok_or(code::PARAMETER)?;
    terminals.waiting[place].clear();
    if partner == 0 {
        terminals.waiting[CLOSED_TERMINAL].clear();
    }
    Ok(())
}
