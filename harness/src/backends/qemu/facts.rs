//! What a guest's device tree says of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cpu, mailbox};
use crate::contract::Facts;
use crate::device_tree::DeviceTree;
use crate::translation::Identity;

/// Where the suite's instructions go.
pub const CODE: u64 = 0x20_0000;
/// Where the suite's data goes.
pub const SCRATCH: u64 = 0x30_0000;
/// Unit address of the terminal.
pub const VTY: u64 = 0x3000_0000;
/// Unit address of the logical LAN adapter. There is one, since QEMU keeps frames that a second one cannot take yet and
/// delivers them when it can, be it to another row.
pub const LAN: u64 = 0x7100_0001;
/// Unit address of the adapter with a command queue, whose partner is QEMU itself.
pub const COMMAND_QUEUE: u64 = 0x7100_0003;

/// Calls that QEMU has in its table although the guest is told of no set that they belong to (QEMU,
/// hw/ppc/spapr_hcall.c, spapr_vio.c, spapr_llan.c, spapr_nvdimm.c against hw/ppc/spapr.c,
/// `spapr_dt_rtas`). Left out are those that answer as if they were not there: `H_CLEAN_SLB` and `H_INVALIDATE_PID`
/// always, the calls of XIVE until `ibm,client-architecture-support` chose it, which would end the hash table.
const IN_NO_SET: &[&str] = &[
    "H_SET_XDABR",
    "H_LOGICAL_CACHE_LOAD",
    "H_LOGICAL_CACHE_STORE",
    "H_LOGICAL_ICBI",
    "H_LOGICAL_DCBF",
    "H_REG_CRQ",
    "H_FREE_CRQ",
    "H_SEND_CRQ",
    "H_ENABLE_CRQ",
    "H_REGISTER_LOGICAL_LAN",
    "H_FREE_LOGICAL_LAN",
    "H_ADD_LOGICAL_LAN_BUFFER",
    "H_SEND_LOGICAL_LAN",
    "H_MULTICAST_CTRL",
    "H_CHANGE_LOGICAL_LAN_MAC",
    "H_GET_CPU_CHARACTERISTICS",
    "H_REGISTER_PROC_TBL",
    "H_SIGNAL_SYS_RESET",
    "H_SCM_READ_METADATA",
    "H_SCM_WRITE_METADATA",
    "H_SCM_BIND_MEM",
    "H_SCM_UNBIND_MEM",
    "H_SCM_UNBIND_ALL",
    "H_SCM_HEALTH",
    "H_SCM_FLUSH",
    "KVMPPC_H_RTAS",
    "KVMPPC_H_LOGICAL_MEMOP",
    "KVMPPC_H_CAS",
    "KVMPPC_H_UPDATE_DT",
];

/// Features of a guest with this tree: the sets of calls that it is told of, and the calls in no set.
pub fn features(tree: &DeviceTree, cpu: Cpu) -> BTreeSet<String> {
    let mut features: BTreeSet<String> = base(cpu);
    for name in ["ibm,hypertas-functions", "qemu,hypertas-functions"] {
        features.extend(tree.strings("/rtas", name).filter(|set| set.starts_with("hcall-")).map(str::to_owned));
    }
    features.extend(IN_NO_SET.iter().map(|call| (*call).to_owned()));
    features
}

/// Features that need no guest to be known.
pub fn base(cpu: Cpu) -> BTreeSet<String> {
    ["papr", "linux-syscall", "isa.ppc64", &format!("cpu.{}", cpu.name())].map(str::to_owned).into()
}

/// The mapping for problem state.
pub fn identity(ptes: u64) -> Identity {
    Identity { code: CODE, scratch: SCRATCH, ptes }
}

/// Where things are in a guest with this tree.
pub fn facts(tree: &DeviceTree, ram: u64) -> Facts {
    let mut named = BTreeMap::new();
    let cpus = nodes_of_type(tree, "/cpus", "cpu");
    named.insert("cpus".to_owned(), cpus.len() as u64);
    if let Some(cpu) = cpus.first() {
        let last = |name: &str| tree.cells(cpu, name).last().map(u64::from);
        named.extend(last("reg").map(|number| ("cpu".to_owned(), number)));
        // Two cells: NUMA node, binary logarithm of the table's bytes (LoPAR, CPU node properties).
        if let Some(shift) = last("ibm,pft-size").filter(|shift| (18..64).contains(shift)) {
            let ptes = 1 << (shift - 4);
            named.insert("ptes".to_owned(), ptes);
            let mapped = identity(ptes).entries();
            named.insert("mapped-ptes".to_owned(), mapped.start);
            named.insert("mapped-ptes-end".to_owned(), mapped.end);
        }
        named.extend(last("ibm,dec-bits").map(|bits| ("dec-bits".to_owned(), bits)));
    }
    let terminal = nodes_of_type(tree, "/vdevice", "serial");
    let unit = terminal.first().and_then(|node| tree.cells(node, "reg").next());
    named.extend(unit.map(|unit| ("vty".to_owned(), u64::from(unit))));
    let adapters = [("lan", "lan-liobn", LAN), ("crq-client", "crq-client-liobn", COMMAND_QUEUE)];
    for (name, bus, unit) in adapters {
        named.extend(virtual_adapter(tree, name, bus, unit));
    }
    // Bus number, then address and size of two cells each (LoPAR, `ibm,dma-window`).
    let bus = nodes_of_type(tree, "/", "pci");
    let window: Vec<u64> =
        bus.first().map_or_else(Vec::new, |bus| tree.cells(bus, "ibm,dma-window").map(u64::from).collect());
    if let [number, _, _, high, low] = window[..] {
        named.insert("liobn".to_owned(), number);
        named.insert("tce-window".to_owned(), high << 32 | low);
    }
    named.insert("reserved-end".to_owned(), mailbox::END);
    Facts { ram, code: CODE, scratch: SCRATCH, named }
}

/// What rows call a virtual adapter: its unit address, the bus number and the size of its window (LoPAR,
/// `ibm,my-dma-window`: bus number, then address and size of two cells each).
fn virtual_adapter(tree: &DeviceTree, name: &str, bus: &str, unit: u64) -> Vec<(String, u64)> {
    let nodes = tree.children("/vdevice");
    let node = nodes.into_iter().find(|node| tree.cells(node, "reg").next().map(u64::from) == Some(unit));
    let window: Vec<u64> =
        node.map_or_else(Vec::new, |node| tree.cells(node, "ibm,my-dma-window").map(u64::from).collect());
    let &[number, _, _, high, low] = window.as_slice() else { return Vec::new() };
    let facts = [(name, unit), (bus, number), ("vio-window", high << 32 | low)];
    facts.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Paths of the nodes below `parent` with this `device_type`.
fn nodes_of_type<'a>(tree: &'a DeviceTree, parent: &str, kind: &str) -> Vec<&'a str> {
    let mut found = tree.children(parent);
    found.retain(|path| tree.strings(path, "device_type").next() == Some(kind));
    found
}
