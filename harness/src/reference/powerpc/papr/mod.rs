//! The PAPR hypercalls: one table of calls, one file a family.
//!
//! Semantics follow LoPAR 2.9, chapter "Logical Partitioning Option"; the functions cite its sections by the call's
//! name. Where LoPAR leaves an answer open, the comment says so and names the implementations that were followed.
//!
//! A call changes `r3` and the outputs that its section names, nothing else. LoPAR lets it destroy more, but every
//! implementation that was read keeps the rest, and a guest that relies on it would break on one that did not.

mod hpt;
mod memory;
mod mode;
mod processor;
mod tce;
mod terminal;
mod vpa;
mod xics;

pub(crate) use hpt::{ENTRIES, new_table};
pub(crate) use processor::{Capacity, Processor};
pub(crate) use tce::{LIOBN, Table as TceTable, WINDOW};
pub(crate) use terminal::{Terminal, VTY};
pub(crate) use vpa::{Areas, count_dispatch};

use super::partition::Partition;

/// Return codes, Linux `arch/powerpc/include/asm/hvcall.h` and LoPAR "hcall() return codes".
pub(crate) mod code {
    pub(crate) const SUCCESS: i64 = 0;
    pub(crate) const CONSTRAINED: i64 = 4;
    pub(crate) const CONTINUE: i64 = 18;
    pub(crate) const FUNCTION: i64 = -2;
    pub(crate) const PRIVILEGE: i64 = -3;
    pub(crate) const PARAMETER: i64 = -4;
    pub(crate) const BAD_MODE: i64 = -5;
    pub(crate) const PTEG_FULL: i64 = -6;
    pub(crate) const NOT_FOUND: i64 = -7;
    pub(crate) const RESOURCE: i64 = -16;
    pub(crate) const P2: i64 = -55;
    pub(crate) const P3: i64 = -56;
    pub(crate) const P4: i64 = -57;
    pub(crate) const TOO_BIG: i64 = -64;

    /// H_UNSUPPORTED_FLAG for the most significant bit of `flags`: -256 minus its number, 0 being the highest bit.
    pub(crate) fn unsupported_flag(flags: u64) -> i64 {
        -256 - i64::from(flags.leading_zeros())
    }
}

/// What a call answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    /// `r3`, and the guest goes on.
    Now(i64),
    /// `r3`, and the guest sleeps until something wakes it.
    Asleep(i64),
}

impl From<i64> for Reply {
    fn from(code: i64) -> Self {
        Self::Now(code)
    }
}

type Handler = fn(&mut Partition) -> Reply;

/// A call that the reference implements.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// The token in `r3`.
    pub(crate) token: u64,
    /// The call's name in LoPAR and Linux.
    pub(crate) name: &'static str,
    /// Its function set in `ibm,hypertas-functions`, if all of the set is implemented.
    pub(crate) set: Option<&'static str>,
    handler: Handler,
}

macro_rules! calls {
    ($($token:literal $name:ident $($set:literal)? => $handler:path,)*) => {
        /// Every call that the reference implements, by token.
        ///
        /// LoPAR, "Hypervisor Call Function Table". A set is named only where it is complete, as LoPAR wants every call of
        /// a set that `ibm,hypertas-functions` names to work. The one exception is H_PUT_RTCE_INDIRECT, which LoPAR counts
        /// to hcall-multi-tce: it serves remote DMA, which is not offered, and no implementation that was read has it.
        pub(crate) const CALLS: &[Call] = &[$(Call {
            token: $token,
            name: stringify!($name),
            set: calls!(@set $($set)?),
            handler: $handler,
        }),*];
    };
    (@set) => { None };
    (@set $set:literal) => { Some($set) };
}

calls! {
    0x004 H_REMOVE "hcall-pft" => hpt::remove,
    0x008 H_ENTER "hcall-pft" => hpt::enter,
    0x00C H_READ "hcall-pft" => hpt::read,
    0x010 H_CLEAR_MOD "hcall-pft" => hpt::clear_mod,
    0x014 H_CLEAR_REF "hcall-pft" => hpt::clear_ref,
    0x018 H_PROTECT "hcall-pft" => hpt::protect,
    0x01C H_GET_TCE "hcall-tce" => tce::get,
    0x020 H_PUT_TCE "hcall-tce" => tce::put,
    0x024 H_SET_SPRG0 "hcall-sprg0" => mode::set_sprg0,
    0x028 H_SET_DABR "hcall-dabr" => mode::set_dabr,
    0x02C H_PAGE_INIT "hcall-copy" => memory::page_init,
    0x03C H_LOGICAL_CI_LOAD "hcall-debug" => memory::load,
    0x040 H_LOGICAL_CI_STORE "hcall-debug" => memory::store,
    0x044 H_LOGICAL_CACHE_LOAD => memory::load,
    0x048 H_LOGICAL_CACHE_STORE => memory::store,
    0x04C H_LOGICAL_ICBI => memory::touch,
    0x050 H_LOGICAL_DCBF => memory::touch,
    0x054 H_GET_TERM_CHAR "hcall-term" => terminal::get,
    0x058 H_PUT_TERM_CHAR "hcall-term" => terminal::put,
    0x064 H_EOI "hcall-interrupt" => xics::eoi,
    0x068 H_CPPR "hcall-interrupt" => xics::cppr,
    0x06C H_IPI "hcall-interrupt" => xics::ipi,
    0x070 H_IPOLL "hcall-interrupt" => xics::ipoll,
    0x074 H_XIRR "hcall-interrupt" => xics::xirr,
    0x0DC H_REGISTER_VPA "hcall-splpar" => vpa::register,
    0x0E0 H_CEDE "hcall-splpar" => processor::cede,
    0x0E4 H_CONFER "hcall-splpar" => processor::confer,
    0x0E8 H_PROD "hcall-splpar" => processor::prod,
    0x0EC H_GET_PPP "hcall-splpar" => processor::get_ppp,
    0x0F0 H_SET_PPP "hcall-splpar" => processor::set_ppp,
    0x0F4 H_PURR "hcall-splpar" => processor::purr,
    0x124 H_BULK_REMOVE "hcall-bulk" => hpt::bulk_remove,
    0x134 H_SET_XDABR "hcall-xdabr" => mode::set_xdabr,
    0x138 H_STUFF_TCE "hcall-multi-tce" => tce::stuff,
    0x13C H_PUT_TCE_INDIRECT "hcall-multi-tce" => tce::put_indirect,
    0x1C8 H_GET_CPU_CHARACTERISTICS => processor::characteristics,
    0x1D8 H_POLL_PENDING "hcall-poll-pending" => processor::poll_pending,
    0x298 H_JOIN "hcall-join" => processor::join,
    0x2EC H_HOME_NODE_ASSOCIATIVITY "hcall-vphn" => processor::home_node,
    0x2FC H_XIRR_X "hcall-interrupt" => xics::xirr_x,
    0x300 H_RANDOM "hcall-random" => processor::random,
    0x31C H_SET_MODE "hcall-set-mode" => mode::set_mode,
    0x358 H_CLEAR_HPT "hcall-clr-hpt" => hpt::clear,
}

const SLOTS: usize = 0x400 / 4;

const HANDLERS: [Option<Handler>; SLOTS] = {
    let mut table: [Option<Handler>; SLOTS] = [None; SLOTS];
    let mut n = 0;
    while n < CALLS.len() {
        table[CALLS[n].token as usize / 4] = Some(CALLS[n].handler);
        n += 1;
    }
    table
};

/// Carries out the call whose token is in `r3`; `None` if there is no such call.
///
/// All 64 bits of `r3` count, in 32-bit mode too: LoPAR states no rule for the upper halves, QEMU's spapr takes the whole
/// register. A token with one of its two low bits set is illegal (LoPAR, "Hypervisor Call Function Table").
pub(crate) fn call(partition: &mut Partition) -> Option<Reply> {
    let token = partition.cpu.gpr[3];
    if !token.is_multiple_of(4) {
        return None;
    }
    let handler = usize::try_from(token / 4).ok().and_then(|slot| *HANDLERS.get(slot)?)?;
    Some(handler(partition))
}

/// The names of the function sets that are complete, in the order of their first call.
pub(crate) fn sets() -> Vec<&'static str> {
    let mut sets = Vec::new();
    for set in CALLS.iter().filter_map(|call| call.set) {
        if !sets.contains(&set) {
            sets.push(set);
        }
    }
    sets
}
