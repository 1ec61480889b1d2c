//! Calls of the virtual terminal: hcall-term.
//!
//! LoPAR, "Virtual Terminal (Vterm)" options. One terminal; what is put on it is kept, nothing ever comes from it.

use super::super::partition::Partition;
use super::{Reply, code};

/// The terminal's unit address.
pub(crate) const VTY: u64 = 0x3000_0000;

/// Characters that one call carries.
const MOST: u64 = 16;

/// What the guest has put on the terminal, as a count and a digest: enough to tell two runs apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Terminal {
    /// Characters put so far.
    pub(crate) count: u64,
    /// FNV-1a of them.
    pub(crate) digest: u64,
}

/// H_PUT_TERM_CHAR: always takes all.
pub(super) fn put(p: &mut Partition) -> Reply {
    let [unit, length, first, second] = p.arguments();
    if unit != VTY || length > MOST {
        return code::PARAMETER.into();
    }
    let text = (u128::from(first) << 64 | u128::from(second)).to_be_bytes();
    let terminal = &mut p.state.terminal;
    for &byte in text.iter().take(usize::try_from(length).unwrap_or_default()) {
        terminal.count += 1;
        terminal.digest = (terminal.digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    code::SUCCESS.into()
}

/// H_GET_TERM_CHAR: nothing is there.
pub(super) fn get(p: &mut Partition) -> Reply {
    let [unit] = p.arguments();
    if unit != VTY {
        return code::PARAMETER.into();
    }
    p.cpu.gpr[4..7].fill(0);
    code::SUCCESS.into()
}
