//! The PAPR hypercalls: one table of calls, one file a family.
//!
//! Semantics follow LoPAR 2.9, chapter "Logical Partitioning Option"; the functions cite its sections by the call's
//! name. Where LoPAR leaves an answer open, the comment says so and names the implementations that were followed.
//!
//! A call changes `r3` and the outputs that its section names, nothing else. LoPAR lets it destroy more, but every
//! implementation that was read keeps the rest, and a guest that relies on it would break on one that did not.

mod block_remove;
pub(crate) mod crq;
mod energy;
mod firmware;
mod hpt;
pub(crate) mod io;
pub(crate) mod lan;
mod memory;
mod memory_pool;
mod mode;
mod nested;
mod nested_direct;
mod nested_run;
mod nested_state;
mod persistent;
mod processor;
mod radix;
mod rdma;
mod resize;
pub(crate) mod rtas;
mod svm;
pub(crate) mod tce;
pub(crate) mod terminal;
mod vioctl;
mod vpa;
mod watchdog;
pub(crate) mod xics;
pub(crate) mod xive;

pub(crate) use energy::Priorities;
pub(crate) use hpt::{ENTRIES, new_table};
pub(crate) use nested::Nested;
pub(crate) use persistent::{BLOCK as SCM_BLOCK, BLOCKS as SCM_BLOCKS, DRC as SCM_DRC, Persistent};
pub(crate) use processor::{Capacity, Processor};
pub(crate) use rdma::MOST as LONGEST_COPY;
pub(crate) use resize::Pending;
pub(crate) use tce::{LIOBN, WINDOW};
pub(crate) use terminal::VTY;
pub(crate) use vpa::{Areas, count_dispatch};
pub(crate) use watchdog::Watchdogs;

use super::partition::Partition;
use super::profile::Profile;

/// Return codes, Linux `arch/powerpc/include/asm/hvcall.h` and LoPAR "hcall() return codes".
pub(crate) mod code {
    pub(crate) const SUCCESS: i64 = 0;
    pub(crate) const BUSY: i64 = 1;
    pub(crate) const CLOSED: i64 = 2;
    pub(crate) const NOT_AVAILABLE: i64 = 3;
    pub(crate) const CONSTRAINED: i64 = 4;
    pub(crate) const PARTIAL: i64 = 5;
    pub(crate) const CONTINUE: i64 = 18;
    pub(crate) const LONG_BUSY_1_MSEC: i64 = 9900;
    pub(crate) const HARDWARE: i64 = -1;
    pub(crate) const FUNCTION: i64 = -2;
    pub(crate) const PRIVILEGE: i64 = -3;
    pub(crate) const PARAMETER: i64 = -4;
    pub(crate) const BAD_MODE: i64 = -5;
    pub(crate) const PTEG_FULL: i64 = -6;
    pub(crate) const NOT_FOUND: i64 = -7;
    pub(crate) const AUTHORITY: i64 = -10;
    pub(crate) const PERMISSION: i64 = -11;
    pub(crate) const DROPPED: i64 = -12;
    pub(crate) const SOURCE_PARM: i64 = -13;
    pub(crate) const DEST_PARM: i64 = -14;
    pub(crate) const REMOTE_PARM: i64 = -15;
    pub(crate) const RESOURCE: i64 = -16;
    pub(crate) const NOT_ENOUGH_RESOURCES: i64 = -44;
    pub(crate) const P2: i64 = -55;
    pub(crate) const P3: i64 = -56;
    pub(crate) const P4: i64 = -57;
    pub(crate) const P5: i64 = -58;
    pub(crate) const NOOP: i64 = -63;
    pub(crate) const TOO_BIG: i64 = -64;
    pub(crate) const UNSUPPORTED: i64 = -67;
    pub(crate) const OVERLAP: i64 = -68;
    pub(crate) const STATE: i64 = -75;
    pub(crate) const IN_USE: i64 = -77;
    pub(crate) const INVALID_ELEMENT_ID: i64 = -79;
    pub(crate) const INVALID_ELEMENT_SIZE: i64 = -80;
    pub(crate) const INVALID_ELEMENT_VALUE: i64 = -81;
    pub(crate) const INPUT_BUFFER_NOT_DEFINED: i64 = -82;
    pub(crate) const INPUT_BUFFER_TOO_SMALL: i64 = -83;
    pub(crate) const OUTPUT_BUFFER_NOT_DEFINED: i64 = -84;
    pub(crate) const OUTPUT_BUFFER_TOO_SMALL: i64 = -85;
    pub(crate) const PARTITION_PAGE_TABLE_NOT_DEFINED: i64 = -86;

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
    /// `r3`, and the caller takes a system reset interrupt behind the call.
    Reset(i64),
}

impl From<i64> for Reply {
    fn from(code: i64) -> Self {
        Self::Now(code)
    }
}

/// H_SUCCESS, or the code that comes in its place.
pub(crate) type Answer = Result<(), i64>;

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self::Now(answer.err().unwrap_or(code::SUCCESS))
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
        /// a set that `ibm,hypertas-functions` names to work.
        pub(crate) const CALLS: &[Call] = &[$(Call {
            token: $token,
            name: stringify!($name),
            set: calls!(@set $($set)?),
            handler: |p| Reply::from($handler(p)),
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
    0x074 H_XIRR "hcall-interrupt" => xics::xirr_now,
    0x0DC H_REGISTER_VPA "hcall-splpar" => vpa::register,
    0x0E0 H_CEDE "hcall-splpar" => processor::cede,
    0x0E4 H_CONFER "hcall-splpar" => processor::confer,
    0x0E8 H_PROD "hcall-splpar" => processor::prod,
    0x0EC H_GET_PPP "hcall-splpar" => processor::get_ppp,
    0x0F0 H_SET_PPP "hcall-splpar" => processor::set_ppp,
    0x0F4 H_PURR "hcall-splpar" => processor::purr,
    0x0FC H_REG_CRQ "hcall-crq" => crq::register,
    0x100 H_FREE_CRQ "hcall-crq" => crq::free,
    0x104 H_VIO_SIGNAL "hcall-vio" => io::signal,
    0x108 H_SEND_CRQ "hcall-crq" => crq::send,
    0x10C H_PUT_RTCE "hcall-rdma" => rdma::put,
    0x110 H_COPY_RDMA "hcall-rdma" => rdma::copy_buffer,
    0x114 H_REGISTER_LOGICAL_LAN "hcall-lLAN" => lan::register,
    0x118 H_FREE_LOGICAL_LAN "hcall-lLAN" => lan::free,
    0x11C H_ADD_LOGICAL_LAN_BUFFER "hcall-lLAN" => lan::add_buffer,
    0x120 H_SEND_LOGICAL_LAN "hcall-lLAN" => lan::send,
    0x0F8 H_PIC "hcall-pic" => processor::pool_idle_count,
    0x124 H_BULK_REMOVE "hcall-bulk" => hpt::bulk_remove,
    0x128 H_WRITE_RDMA "hcall-rdma" => rdma::write,
    0x12C H_READ_RDMA "hcall-rdma" => rdma::read,
    0x130 H_MULTICAST_CTRL "hcall-lLAN" => lan::multicast,
    0x134 H_SET_XDABR "hcall-xdabr" => mode::set_xdabr,
    0x138 H_STUFF_TCE "hcall-multi-tce" => tce::stuff,
    0x13C H_PUT_TCE_INDIRECT "hcall-multi-tce" => tce::put_indirect,
    0x140 H_PUT_RTCE_INDIRECT "hcall-multi-tce" => rdma::put_indirect,
    0x14C H_CHANGE_LOGICAL_LAN_MAC "hcall-ILAN" => lan::change_mac,
    0x150 H_VTERM_PARTNER_INFO "hcall-vty" => terminal::partner_info,
    0x154 H_REGISTER_VTERM "hcall-vty" => terminal::register,
    0x158 H_FREE_VTERM "hcall-vty" => terminal::free,
    0x1C8 H_GET_CPU_CHARACTERISTICS => processor::characteristics,
    0x1D4 H_FREE_LOGICAL_LAN_BUFFER "hcall-lLAN" => lan::free_buffer,
    0x1D8 H_POLL_PENDING "hcall-poll-pending" => processor::poll_pending,
    0x240 H_LIOBN_ATTRIBUTES => tce::attributes,
    0x244 H_ILLAN_ATTRIBUTES "hcall-illan-options" => lan::attributes,
    0x248 H_ADD_LOGICAL_LAN_BUFFERS => lan::add_buffers,
    0x24C H_REMOVE_RTCE "hcall-rdma" => rdma::remove,
    0x298 H_JOIN "hcall-join" => processor::join,
    0x2A8 H_VIOCTL "hcall-vioctl" => vioctl::call,
    0x2B0 H_ENABLE_CRQ "hcall-suspend" => crq::enable,
    0x2DC H_REG_SUB_CRQ "hcall-sub-crq" => crq::register_subordinate,
    0x2E0 H_FREE_SUB_CRQ "hcall-sub-crq" => crq::free_subordinate,
    0x2E4 H_SEND_SUB_CRQ "hcall-sub-crq" => crq::send_subordinate,
    0x2E8 H_SEND_SUB_CRQ_INDIRECT "hcall-sub-crq" => crq::send_subordinate_indirect,
    0x2B8 H_GET_EM_PARMS "hcall-get-emparm" => energy::parameters,
    0x2BC H_VPM_PSTAT "hcall-cmo" => memory_pool::statistics,
    0x2D0 H_SET_MPP "hcall-cmo" => memory_pool::set,
    0x2D4 H_GET_MPP "hcall-cmo" => memory_pool::get,
    0x2D8 H_MO_PERF "hcall-cmo" => memory_pool::performance,
    0x2EC H_HOME_NODE_ASSOCIATIVITY "hcall-vphn" => processor::home_node,
    0x2F4 H_BEST_ENERGY "hcall-best-energy-1" => energy::best,
    0x2FC H_XIRR_X "hcall-interrupt" => xics::xirr_x,
    0x300 H_RANDOM "hcall-random" => processor::random,
    0x314 H_GET_MPP_X "hcall-cmo-x" => memory_pool::get_extended,
    0x31C H_SET_MODE "hcall-set-mode" => mode::set_mode,
    0x328 H_BLOCK_REMOVE "hcall-block-remove" => block_remove::remove,
    0x358 H_CLEAR_HPT "hcall-clr-hpt" => hpt::clear,
    0x36C H_RESIZE_HPT_PREPARE "hcall-hpt-resize" => resize::prepare,
    0x370 H_RESIZE_HPT_COMMIT "hcall-hpt-resize" => resize::commit,
    0x374 H_CLEAN_SLB "hcall-imtt" => radix::clean_slb,
    0x378 H_INVALIDATE_PID "hcall-imtt" => radix::invalidate_pid,
    0x37C H_REGISTER_PROC_TBL "hcall-imtt" => radix::register_process_table,
    0x380 H_SIGNAL_SYS_RESET => processor::signal_reset,
    0x3A8 H_INT_GET_SOURCE_INFO "hcall-int-exploitation" => xive::source_info,
    0x3AC H_INT_SET_SOURCE_CONFIG "hcall-int-exploitation" => xive::set_source,
    0x3B0 H_INT_GET_SOURCE_CONFIG "hcall-int-exploitation" => xive::get_source,
    0x3B4 H_INT_GET_QUEUE_INFO "hcall-int-exploitation" => xive::queue_info,
    0x3B8 H_INT_SET_QUEUE_CONFIG "hcall-int-exploitation" => xive::set_queue,
    0x3BC H_INT_GET_QUEUE_CONFIG "hcall-int-exploitation" => xive::get_queue,
    0x3C0 H_INT_SET_OS_REPORTING_LINE "hcall-int-exploitation" => xive::set_line,
    0x3C4 H_INT_GET_OS_REPORTING_LINE "hcall-int-exploitation" => xive::get_line,
    0x3C8 H_INT_ESB "hcall-int-exploitation" => xive::esb,
    0x3CC H_INT_SYNC "hcall-int-exploitation" => xive::sync,
    0x3D0 H_INT_RESET "hcall-int-exploitation" => xive::reset,
    0x3E4 H_SCM_READ_METADATA => persistent::read_metadata,
    0x3E8 H_SCM_WRITE_METADATA => persistent::write_metadata,
    0x3EC H_SCM_BIND_MEM => persistent::bind,
    0x3F0 H_SCM_UNBIND_MEM => persistent::unbind,
    0x3F4 H_SCM_QUERY_BLOCK_MEM_BINDING => persistent::query_block,
    0x3F8 H_SCM_QUERY_LOGICAL_MEM_BINDING => persistent::query_address,
    0x3FC H_SCM_UNBIND_ALL => persistent::unbind_all,
    0x400 H_SCM_HEALTH => persistent::health,
    0x418 H_SCM_PERFORMANCE_STATS => persistent::statistics,
    0x448 H_RPT_INVALIDATE "hcall-rpt-invalidate" => radix::invalidate,
    0x44C H_SCM_FLUSH => persistent::flush,
    0x450 H_GET_ENERGY_SCALE_INFO => energy::scale_info,
    0x45C H_WATCHDOG "hcall-watchdog" => watchdog::watchdog,
    0x460 H_GUEST_GET_CAPABILITIES "nested-papr" => nested::get_capabilities,
    0x464 H_GUEST_SET_CAPABILITIES "nested-papr" => nested::set_capabilities,
    0x470 H_GUEST_CREATE "nested-papr" => nested::create,
    0x474 H_GUEST_CREATE_VCPU "nested-papr" => nested::create_vcpu,
    0x478 H_GUEST_GET_STATE "nested-papr" => nested_state::get,
    0x47C H_GUEST_SET_STATE "nested-papr" => nested_state::set,
    0x480 H_GUEST_RUN_VCPU "nested-papr" => nested_run::run,
    0x488 H_GUEST_DELETE "nested-papr" => nested::delete,
    0xEF00 H_SVM_PAGE_IN "secure-guests" => svm::page_in,
    0xEF04 H_SVM_PAGE_OUT "secure-guests" => svm::page_out,
    0xEF08 H_SVM_INIT_START "secure-guests" => svm::init_start,
    0xEF0C H_SVM_INIT_DONE "secure-guests" => svm::init_done,
    0xEF14 H_SVM_INIT_ABORT "secure-guests" => svm::init_abort,
    0xF000 KVMPPC_H_RTAS => rtas::call,
    0xF001 KVMPPC_H_LOGICAL_MEMOP => firmware::memop,
    0xF002 KVMPPC_H_CAS => firmware::negotiate,
    0xF003 KVMPPC_H_UPDATE_DT => firmware::update_tree,
    0xF800 H_SET_PARTITION_TABLE "nested-hv" => nested_direct::set_partition_table,
    0xF804 H_ENTER_NESTED "nested-hv" => nested_direct::enter,
    0xF808 H_TLB_INVALIDATE "nested-hv" => nested_direct::invalidate,
    0xF80C H_COPY_TOFROM_GUEST "nested-hv" => nested_direct::copy,
}

/// Whether the features of a partition ask for something.
type Asked = fn(&Profile) -> bool;

/// Sets that a partition has only where its features ask for them, and whether it does.
pub(crate) const OPTIONAL: &[(&str, Asked)] = &[
    ("hcall-int-exploitation", |profile| profile.exploitation),
    ("hcall-rpt-invalidate", |profile| profile.radix),
    ("nested-hv", |profile| profile.nested_hv),
    ("nested-papr", |profile| profile.nested_papr),
    ("secure-guests", |profile| profile.ultravisor == super::profile::Ultravisor::On),
];

/// Sets that only a partition with a hashed page table has: for a radix guest KVM HV answers H_FUNCTION to all of them.
const HASHED: &[&str] = &["hcall-pft", "hcall-bulk", "hcall-block-remove", "hcall-clr-hpt", "hcall-hpt-resize"];

/// Whether a partition has the calls of a set.
fn has(profile: &Profile, set: &str) -> bool {
    let option = OPTIONAL.iter().find(|(name, _)| *name == set);
    option.is_none_or(|(_, on)| on(profile)) && !(profile.radix && HASHED.contains(&set))
}

const SLOTS: usize = 0x48C / 4;

const HANDLERS: [Option<&Call>; SLOTS] = {
    let mut table: [Option<&Call>; SLOTS] = [None; SLOTS];
    let mut n = 0;
    while n < CALLS.len() {
        let slot = CALLS[n].token as usize / 4;
        if slot < SLOTS {
            table[slot] = Some(&CALLS[n]);
        }
        n += 1;
    }
    table
};

/// The first token that is private to hypervisor and firmware; these need not be multiples of 4.
const PRIVATE: u64 = 0xF000;

/// Carries out the call whose token is in `r3`; `None` if there is no such call.
///
/// All 64 bits of `r3` count, in 32-bit mode too: LoPAR states no rule for the upper halves, QEMU's spapr takes the whole
/// register. A token below 0xF000 with one of its two low bits set is illegal (LoPAR, "Hypervisor Call Function Table").
pub(crate) fn call(partition: &mut Partition) -> Option<Reply> {
    let token = partition.cpu.gpr[3];
    if token < PRIVATE && !token.is_multiple_of(4) {
        return None;
    }
    let call = match usize::try_from(token / 4).ok().and_then(|slot| HANDLERS.get(slot)) {
        Some(slot) => (*slot)?,
        // The private ranges, from 0xEF00 on; from 0xF000 on each number has a slot of its own.
        None => CALLS.iter().find(|call| call.token == token)?,
    };
    if call.set.is_some_and(|set| !has(&partition.profile, set)) {
        return None;
    }
    Some((call.handler)(partition))
}

/// The names of the function sets that are complete, in the order of their first call, without optional ones.
pub(crate) fn sets() -> Vec<&'static str> {
    let mut sets = Vec::new();
    for set in CALLS.iter().filter_map(|call| call.set) {
        if !sets.contains(&set) && OPTIONAL.iter().all(|(name, _)| *name != set) {
            sets.push(set);
        }
    }
    sets
}

/// Facts of the machine that rows about virtual adapters and interrupts need.
pub(crate) fn facts(profile: &Profile) -> Vec<(&'static str, u64)> {
    let mut facts = vec![("vty", VTY), ("liobn", LIOBN), ("tce-window", WINDOW)];
    if profile.papr {
        facts.extend(io::facts());
        facts.extend([("longest-copy", rdma::MOST), ("lan-filters", lan::FILTERS as u64)]);
    }
    if profile.exploitation {
        facts.extend([("lisns", xive::SOURCES as u64), ("first-reserved-priority", xive::RESERVED as u64)]);
    }
    facts
}

/// The names of the calls that every partition has.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    let always = |call: &&Call| call.set.is_none_or(|set| OPTIONAL.iter().all(|(name, _)| *name != set));
    CALLS.iter().filter(always).map(|call| call.name)
}

/// The function sets that this partition has, as its device tree tells.
pub(crate) fn sets_of(profile: &Profile) -> Vec<&'static str> {
    let optional = OPTIONAL.iter().map(|(name, _)| *name).filter(|name| name.starts_with("hcall-"));
    sets().into_iter().chain(optional).filter(|set| has(profile, set)).collect()
}
