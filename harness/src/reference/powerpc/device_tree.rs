//! The flattened device tree of a guest.
//!
//! LoPAR, "LoPAR Binding"; Linux `Documentation/virt/kvm/ppc-pv.rst`, "Querying for existence" and "KVM hypercalls".

use hypercheck_ppc::Model;
use vm_fdt::{Error, FdtWriter};

use super::epapr::{self, Object};
use super::papr;
use super::partition::{CPUS, RAM};
use super::profile::{Conduit, Profile, Ultravisor};

/// `lis r0, 0x4B56; ori r0, r0, 0x4D21; sc; nop`
const MAGIC_CALL: [u32; 4] = [0x3C00_4B56, 0x6000_4D21, 0x4400_0002, 0x6000_0000];
/// `sc 1; nop; nop; nop`
const HYPERVISOR_CALL: [u32; 4] = [0x4400_0022, 0x6000_0000, 0x6000_0000, 0x6000_0000];

/// What QEMU's `kvmppc_get_hypercall` has where there are no hypercalls: -1 in either byte order.
const STUB: [u32; 4] = [0x0800_0048, 0x3860_FFFF, 0x4800_0008, 0xFFFF_6038];
const NOP: u32 = 0x6000_0000;

/// Options of the machine about how it announces hypercalls, with what they do.
pub(super) const OPTIONS: &[(&str, &str)] = &[
    ("device-tree.without-hypervisor", "there is no node /hypervisor"),
    ("device-tree.other-hypervisor", "/hypervisor is compatible with something that is not KVM"),
    ("device-tree.linux-name", "the instructions are under the name that Linux reads alone, as with QEMU"),
    ("device-tree.documented-name", "the instructions are under the name that ppc-pv.rst has alone"),
    ("device-tree.another-node", "the instructions are in a node that is not /hypervisor"),
    ("device-tree.shortest-instructions", "no nop stands behind the instructions"),
    ("device-tree.five-instructions", "one instruction too many"),
    ("device-tree.cut-instructions", "the property ends within an instruction"),
    ("device-tree.empty-instructions", "the property is empty"),
    ("device-tree.stub-instructions", "the instructions return -1 and call nobody"),
];

/// How the tree announces hypercalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    node: bool,
    compatible: &'static str,
    names: &'static [&'static str],
    elsewhere: bool,
    instructions: Instructions,
}

/// What is in the property with the instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Instructions {
    Four,
    Shortest,
    Five,
    Cut,
    Empty,
    Stub,
}

impl Shape {
    /// What these features ask for.
    pub(crate) fn new(has: impl Fn(&str) -> bool) -> Self {
        let instructions = [
            ("device-tree.shortest-instructions", Instructions::Shortest),
            ("device-tree.five-instructions", Instructions::Five),
            ("device-tree.cut-instructions", Instructions::Cut),
            ("device-tree.empty-instructions", Instructions::Empty),
            ("device-tree.stub-instructions", Instructions::Stub),
        ];
        let asked = instructions.into_iter().find(|(name, _)| has(name));
        Self {
            node: !has("device-tree.without-hypervisor"),
            compatible: if has("device-tree.other-hypervisor") { "hypercheck,another" } else { "linux,kvm" },
            names: match (has("device-tree.linux-name"), has("device-tree.documented-name")) {
                (true, false) => &["hcall-instructions"],
                (false, true) => &["hypercall-instructions"],
                _ => &["hcall-instructions", "hypercall-instructions"],
            },
            elsewhere: has("device-tree.another-node"),
            instructions: asked.map_or(Instructions::Four, |(_, instructions)| instructions),
        }
    }
}

/// Ticks of the time base in a second.
const FREQUENCY: u32 = 512_000_000;

/// The tree's blob.
pub(super) fn build(profile: &Profile) -> Result<Vec<u8>, Error> {
    let mut tree = FdtWriter::new()?;
    let root = tree.begin_node("")?;
    tree.property_string("compatible", "hypercheck,reference")?;
    tree.property_string("model", "hypercheck reference")?;
    tree.property_u32("#address-cells", 2)?;
    tree.property_u32("#size-cells", 2)?;
    if profile.papr {
        tree.property_string("device_type", "chrp")?;
        tree.property_u32("ibm,partition-no", 1)?;
        tree.property_string("ibm,partition-name", "reference")?;
        if profile.exploitation {
            // First and number: all from the first one on.
            let first = papr::xive::RESERVED.try_into().unwrap_or(0);
            tree.property_array_u32("ibm,plat-res-int-priorities", &[first, 0x100 - first])?;
        }
    }
    processors(&mut tree, profile)?;
    let memory = tree.begin_node("memory@0")?;
    tree.property_string("device_type", "memory")?;
    tree.property_array_u64("reg", &[0, RAM])?;
    tree.end_node(memory)?;
    let chosen = tree.begin_node("chosen")?;
    tree.property_string("bootargs", "")?;
    tree.end_node(chosen)?;
    if profile.papr {
        partition(&mut tree, profile)?;
    }
    if profile.ultravisor == Ultravisor::On {
        let node = tree.begin_node("ibm,ultravisor")?;
        tree.property_string("compatible", "ibm,ultravisor")?;
        tree.end_node(node)?;
    }
    if let Some(conduit) = profile.kvm {
        hypervisor(&mut tree, conduit, profile)?;
    }
    tree.end_node(root)?;
    tree.finish()
}

fn processors(tree: &mut FdtWriter, profile: &Profile) -> Result<(), Error> {
    let name = match profile.model {
        Model::Ppc970 => "PowerPC,970",
        Model::Power7 => "PowerPC,POWER7",
        Model::Power8 => "PowerPC,POWER8",
        Model::Power9 => "PowerPC,POWER9",
        Model::Power10 => "PowerPC,POWER10",
        Model::G3 => "PowerPC,750",
        Model::G4 => "PowerPC,7400",
        Model::E500v2 => "PowerPC,e500v2",
        Model::E500mc => "PowerPC,e500mc",
    };
    let cpus = tree.begin_node("cpus")?;
    tree.property_u32("#address-cells", 1)?;
    tree.property_u32("#size-cells", 0)?;
    for number in (0..).take(CPUS) {
        let cpu = tree.begin_node(&format!("{name}@{number:x}"))?;
        tree.property_string("device_type", "cpu")?;
        tree.property_u32("reg", number)?;
        tree.property_u32("cpu-version", profile.model.pvr())?;
        tree.property_u32("timebase-frequency", FREQUENCY)?;
        if profile.papr {
            tree.property_array_u32("ibm,ppc-interrupt-server#s", &[number])?;
            // Log 2 of the size in bytes: entries of 16 bytes.
            tree.property_array_u32("ibm,pft-size", &[0, papr::ENTRIES.ilog2() + 4])?;
            // H_ENTER and H_PROTECT honour the keys and PP 110, which these two announce.
            tree.property_array_u32("ibm,processor-storage-keys", &[32, 32])?;
            tree.property("ibm,pa-features", &[2, 0, 0xF6, 0x1F])?;
        }
        tree.end_node(cpu)?;
    }
    tree.end_node(cpus)
}

/// What PAPR describes: function sets, services, virtual adapters, interrupts and the window for DMA.
fn partition(tree: &mut FdtWriter, profile: &Profile) -> Result<(), Error> {
    let rtas = tree.begin_node("rtas")?;
    let sets = papr::sets_of(profile).into_iter().map(str::to_owned).collect();
    tree.property_string_list("ibm,hypertas-functions", sets)?;
    for (name, token) in papr::rtas::tokens() {
        tree.property_u32(name, low(token))?;
    }
    tree.end_node(rtas)?;
    if profile.exploitation {
        let node = tree.begin_node("interrupt-controller@600000000")?;
        tree.property_string("device_type", "power-ivpe")?;
        tree.property_string("compatible", "ibm,power-ivpe")?;
        tree.property_array_u32("ibm,xive-eq-sizes", &papr::xive::SIZES)?;
        tree.property_array_u32("ibm,xive-lisn-ranges", &[0, papr::xive::SOURCES.try_into().unwrap_or(0)])?;
        tree.end_node(node)?;
    }
    let vdevice = tree.begin_node("vdevice")?;
    tree.property_string("device_type", "vdevice")?;
    tree.property_string("compatible", "IBM,vdevice")?;
    tree.property_u32("#address-cells", 1)?;
    tree.property_u32("#size-cells", 0)?;
    tree.property_u32("ibm,max-virtual-dma-size", low(papr::LONGEST_COPY))?;
    for (place, adapter) in papr::io::ADAPTERS.iter().enumerate() {
        virtual_adapter(tree, place, adapter)?;
    }
    let window = tree.begin_node("dma@71000000")?;
    tree.property_u32("reg", 0x7100_0000)?;
    tree.property_array_u32("ibm,my-dma-window", &[low(papr::LIOBN), 0, 0, 0, low(papr::WINDOW)])?;
    tree.end_node(window)?;
    tree.end_node(vdevice)
}

fn virtual_adapter(tree: &mut FdtWriter, place: usize, adapter: &papr::io::Adapter) -> Result<(), Error> {
    let (name, compatible) = adapter.kind;
    let node = tree.begin_node(&format!("{name}@{:x}", adapter.unit))?;
    let kind = match name {
        "vty" | "vty-server" => "serial",
        "l-lan" => "network",
        other => other,
    };
    tree.property_string("device_type", kind)?;
    tree.property_string("compatible", compatible)?;
    tree.property_u32("reg", low(adapter.unit))?;
    // Edge triggered.
    tree.property_array_u32("interrupts", &[low(papr::io::source(place)), 0])?;
    if let Some(pane) = adapter.pane {
        let panes = [Some(papr::tce::liobn(pane)), adapter.remote];
        let cells = panes.into_iter().flatten().flat_map(|liobn| [low(liobn), 0, 0, 0, low(papr::tce::PANE)]);
        tree.property_array_u32("ibm,my-dma-window", &cells.collect::<Vec<_>>())?;
    }
    if name == "l-lan" {
        tree.property_u32("ibm,mac-address-filters", papr::lan::FILTERS.try_into().unwrap_or(0))?;
    }
    if place == papr::io::TRUNK {
        tree.property_null("ibm,trunk-adapter")?;
    }
    tree.end_node(node)
}

/// The hypervisor's node. Linux and QEMU call the property with the instructions `hcall-instructions`, ppc-pv.rst
/// `hypercall-instructions`; a guest written by either finds it.
fn hypervisor(tree: &mut FdtWriter, conduit: Conduit, profile: &Profile) -> Result<(), Error> {
    let shape = &profile.tree;
    if !shape.node {
        return Ok(());
    }
    let node = tree.begin_node("hypervisor")?;
    tree.property_string("compatible", shape.compatible)?;
    if !shape.elsewhere {
        instructions(tree, conduit, shape)?;
    }
    if profile.epapr.idle() {
        tree.property_null("has-idle")?;
    }
    if profile.epapr.freescale() {
        tree.property_string("fsl,hv-version", "hypercheck reference")?;
    }
    if profile.epapr.any() {
        handles(tree, profile.epapr)?;
    }
    tree.end_node(node)?;
    if shape.elsewhere {
        let node = tree.begin_node("hypercalls")?;
        instructions(tree, conduit, shape)?;
        tree.end_node(node)?;
    }
    Ok(())
}

/// The property with the instructions, under each of its names.
fn instructions(tree: &mut FdtWriter, conduit: Conduit, shape: &Shape) -> Result<(), Error> {
    let four = match conduit {
        Conduit::Magic => MAGIC_CALL,
        Conduit::Hypervisor => HYPERVISOR_CALL,
    };
    let words = match shape.instructions {
        Instructions::Four | Instructions::Cut => four.to_vec(),
        Instructions::Shortest => four.into_iter().filter(|word| *word != NOP).collect(),
        Instructions::Five => four.into_iter().chain([NOP]).collect(),
        Instructions::Empty => Vec::new(),
        Instructions::Stub => STUB.to_vec(),
    };
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    if shape.instructions == Instructions::Cut {
        bytes.truncate(bytes.len() - 2);
    }
    shape.names.iter().try_for_each(|name| tree.property(name, &bytes))
}

/// What a guest may name in calls. Nodes and properties as Freescale's hypervisor makes them and Linux reads them:
/// `drivers/tty/ehv_bytechan.c`, `drivers/virt/fsl_hypervisor.c`, `arch/powerpc/sysdev/ehv_pic.c`.
fn handles(tree: &mut FdtWriter, offer: epapr::Offer) -> Result<(), Error> {
    if offer.named("epapr-interrupts") {
        let controller = tree.begin_node("vmpic")?;
        tree.property_string("compatible", "epapr,hv-pic")?;
        tree.property_u32("#interrupt-cells", 2)?;
        tree.property_u32("#address-cells", 0)?;
        tree.property_null("interrupt-controller")?;
        if offer.external_proxy() {
            tree.property_null("has-external-proxy")?;
        }
        tree.end_node(controller)?;
    }
    let all = tree.begin_node("handles")?;
    for (name, handle, object) in epapr::HANDLES {
        let (set, compatible, property) = match object {
            Object::Neighbour => ("fsl-partitions", "fsl,hv-partition-handle", "reg"),
            Object::End(_) => ("epapr-byte-channels", "epapr,hv-byte-channel", "hv-handle"),
            Object::Doorbell(_) => ("epapr-doorbells", "epapr,hv-send-doorbell", "reg"),
            Object::Source(0 | 1) => ("epapr-doorbells", "epapr,hv-receive-doorbell", "interrupts"),
            // The interrupt stands beside the channel's handle; those of devices in their own nodes.
            Object::Source(_) | Object::Window(_) | Object::Device => continue,
        };
        if offer.named(set) {
            let node = tree.begin_node(name)?;
            tree.property_string("compatible", compatible)?;
            if property == "interrupts" {
                tree.property_array_u32(property, &[*handle, 0])?;
            } else {
                tree.property_u32(property, *handle)?;
            }
            tree.end_node(node)?;
        }
    }
    tree.end_node(all)
}

fn low(value: u64) -> u32 {
    super::kvm::low_word(value)
}
