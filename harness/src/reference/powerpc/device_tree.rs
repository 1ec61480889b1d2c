//! The flattened device tree of a guest.
//!
//! LoPAR, "LoPAR Binding"; Linux `Documentation/virt/kvm/ppc-pv.rst`, "Querying for existence" and "KVM hypercalls".

use hypercheck_ppc::Model;
use vm_fdt::{Error, FdtWriter};

use super::papr;
use super::partition::{CPUS, RAM};
use super::profile::{Conduit, Profile, Ultravisor};

/// `lis r0, 0x4B56; ori r0, r0, 0x4D21; sc; nop`
const MAGIC_CALL: [u32; 4] = [0x3C00_4B56, 0x6000_4D21, 0x4400_0002, 0x6000_0000];
/// `sc 1; nop; nop; nop`
const HYPERVISOR_CALL: [u32; 4] = [0x4400_0022, 0x6000_0000, 0x6000_0000, 0x6000_0000];

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
        hypervisor(&mut tree, conduit)?;
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

/// What PAPR describes: the function sets, the terminal and the window for DMA.
fn partition(tree: &mut FdtWriter, profile: &Profile) -> Result<(), Error> {
    let rtas = tree.begin_node("rtas")?;
    let sets = papr::sets_of(profile).into_iter().map(str::to_owned).collect();
    tree.property_string_list("ibm,hypertas-functions", sets)?;
    tree.end_node(rtas)?;
    let vdevice = tree.begin_node("vdevice")?;
    tree.property_string("device_type", "vdevice")?;
    tree.property_string("compatible", "IBM,vdevice")?;
    tree.property_u32("#address-cells", 1)?;
    tree.property_u32("#size-cells", 0)?;
    let vty = tree.begin_node(&format!("vty@{:x}", papr::VTY))?;
    tree.property_string("device_type", "serial")?;
    tree.property_string("compatible", "hvterm1")?;
    tree.property_u32("reg", low(papr::VTY))?;
    tree.end_node(vty)?;
    let window = tree.begin_node("dma@71000000")?;
    tree.property_u32("reg", 0x7100_0000)?;
    tree.property_array_u32("ibm,my-dma-window", &[low(papr::LIOBN), 0, 0, 0, low(papr::WINDOW)])?;
    tree.end_node(window)?;
    tree.end_node(vdevice)
}

/// The hypervisor's node. Linux and QEMU call the property with the instructions `hcall-instructions`, ppc-pv.rst
/// `hypercall-instructions`; a guest written by either finds it.
fn hypervisor(tree: &mut FdtWriter, conduit: Conduit) -> Result<(), Error> {
    let instructions = match conduit {
        Conduit::Magic => MAGIC_CALL,
        Conduit::Hypervisor => HYPERVISOR_CALL,
    };
    let node = tree.begin_node("hypervisor")?;
    tree.property_string("compatible", "linux,kvm")?;
    tree.property_array_u32("hcall-instructions", &instructions)?;
    tree.property_array_u32("hypercall-instructions", &instructions)?;
    tree.property_null("has-idle")?;
    tree.end_node(node)
}

fn low(value: u64) -> u32 {
    super::kvm::low_word(value)
}
