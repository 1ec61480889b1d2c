//! The machines that can be asked for.

use std::collections::BTreeSet;

use super::{hyperv, psci, smccc, time, trng, vendor, xen};
use crate::contract::{BootError, Machine};

/// The architectures.
pub(super) const ARCHES: &[&str] = &["arm64", "aarch32"];

/// Affinities of the processors: two in one cluster, one in another. The first one runs the case.
pub(super) const CPUS: [u64; 3] = [0x000, 0x001, 0x100];

/// What a machine tells of itself.
pub(super) const FACTS: [(&str, u64); 7] = [
    ("cpus", CPUS.len() as u64),
    ("cpu", 0),
    ("own-mpidr", CPUS[0]),
    ("other-mpidr", CPUS[1]),
    ("far-mpidr", CPUS[2]),
    ("absent-mpidr", 0x203),
    ("stolen-time", STOLEN_TIME),
];

/// Where the record of stolen time is.
pub(super) const STOLEN_TIME: u64 = 0x3F_0000;

/// ABIs and other features that can be asked for at boot.
const OPTIONS: &[&str] = &[
    "smccc",
    "smccc-1-0",
    "smccc-aarch32",
    "psci",
    "psci-0-1",
    "arm-trng",
    "arm-trng.exhausted",
    "arm-pv-time",
    "arm-pv-time.unwatched",
    "kvm-arm",
    "kvm-arm.smc-undefined",
    "kvm-arm-vendor",
    "kvm-arm-vendor.protected",
    "kvm-arm-vendor.implementations",
    "xen-arm",
    "xen-arm.debug",
    "hyperv-arm64",
    "arm.smc",
    "arm.smc-only",
    "smccc.immediate-undefined",
    "smccc.immediate-ignored",
    "smccc.v1.0",
    "smccc.v1.1",
    "smccc.v1.2",
    "smccc.v1.3",
    "psci.v0.2",
    "psci.v1.0",
    "psci.v1.1",
    "psci.v1.2",
    "psci.on-pending",
    "psci.extended-state",
];

/// The names of all options.
pub(super) fn options() -> BTreeSet<String> {
    OPTIONS.iter().map(|name| (*name).to_owned()).collect()
}

/// The features that every guest has: the calls by name, which are there where their ABI is.
pub(super) fn features() -> BTreeSet<String> {
    let psci = psci::FUNCTIONS.iter().flat_map(|function| function.names());
    let lists = [smccc::NAMES, psci::OLD_NAMES, trng::NAMES, time::NAMES, vendor::NAMES, xen::NAMES, hyperv::NAMES];
    lists.into_iter().flatten().map(|&name| name.to_owned()).chain(psci).collect()
}

/// What becomes of a conduit whose immediate is not 0 (DEN0028, 2.10: reserved).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Immediate {
    /// The call is unknown.
    NotSupported,
    /// The instruction is undefined.
    Undefined,
    /// It is as if it were 0.
    Ignored,
}

/// Which instructions are calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conduits {
    /// HVC alone, where there is a hypervisor and no firmware at EL3.
    Hvc,
    /// SMC alone, where there is firmware at EL3 and HVC is off.
    Smc,
    /// Both.
    Both,
}

/// A machine as its features ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a feature that is asked for by its name")]
pub(super) struct Profile {
    pub(super) conduits: Conduits,
    pub(super) immediate: Immediate,
    /// The version of the convention, as SMCCC_VERSION gives it.
    pub(super) smccc: u32,
    /// The version of PSCI where there is any, as PSCI_VERSION gives it; 0 for 0.1.
    pub(super) psci: Option<u32>,
    /// Whether a processor is seen as pending before it is on.
    pub(super) on_pending: bool,
    /// Whether power_state has the extended format.
    pub(super) extended_state: bool,
    /// Whether there is a source of entropy.
    pub(super) trng: bool,
    /// Whether it has none to give.
    pub(super) exhausted: bool,
    /// Whether there is stolen time.
    pub(super) time: bool,
    /// Whether this processor's is not kept.
    pub(super) unwatched: bool,
    /// Whether the hypervisor is KVM in all that it does.
    pub(super) kvm: bool,
    /// Whether KVM's own services are there.
    pub(super) vendor: bool,
    /// Whether those of a protected guest are.
    pub(super) protected: bool,
    /// Whether the host tells of the processors that the guest may run on.
    pub(super) implementations: bool,
    /// Whether Xen's hypercalls are there.
    pub(super) xen: bool,
    /// Whether it is a debug build.
    pub(super) xen_debug: bool,
    /// Whether Hyper-V's hypercalls are there.
    pub(super) hyperv: bool,
}

impl Profile {
    /// The profile of a machine.
    ///
    /// # Errors
    /// [`BootError::Unsupported`] if a feature is not known, or not with the others.
    pub(super) fn new(machine: &Machine) -> Result<Self, BootError> {
        let no = |why: String| Err(BootError::Unsupported(why));
        let always = features();
        let known = |name: &str| OPTIONS.contains(&name) || always.contains(name) || ARCHES.contains(&name);
        if let Some(unknown) = machine.features.iter().find(|name| !known(name)) {
            return no(format!("{unknown} is no feature of the reference's Arm guests"));
        }
        let has = |name: &str| machine.features.contains(name);
        let one_of = |choices: &[(&str, u32)], usual: u32| {
            let mut asked = choices.iter().filter(|(name, _)| has(name));
            match (asked.next(), asked.next()) {
                (None, _) => Ok(usual),
                (Some((_, version)), None) => Ok(*version),
                (Some((one, _)), Some((other, _))) => {
                    Err(BootError::Unsupported(format!("{one} and {other} exclude each other")))
                }
            }
        };
        let smccc = one_of(
            &[
                ("smccc-1-0", 0x1_0000),
                ("smccc.v1.0", 0x1_0000),
                ("kvm-arm", 0x1_0001),
                ("smccc.v1.1", 0x1_0001),
                ("smccc.v1.2", 0x1_0002),
                ("smccc.v1.3", 0x1_0003),
            ],
            0x1_0006,
        )?;
        let psci = one_of(
            &[
                ("psci-0-1", 0),
                ("psci.v0.2", 0x2),
                ("psci.v1.0", 0x1_0000),
                ("psci.v1.1", 0x1_0001),
                ("psci.v1.2", 0x1_0002),
            ],
            0x1_0003,
        )?;
        let immediate = match (has("smccc.immediate-undefined"), has("smccc.immediate-ignored")) {
            (false, false) => Immediate::NotSupported,
            (true, false) => Immediate::Undefined,
            (false, true) => Immediate::Ignored,
            (true, true) => return no("an immediate is either undefined or ignored".to_owned()),
        };
        let kvm = has("kvm-arm");
        let conduits = match (has("arm.smc") || kvm && !has("kvm-arm.smc-undefined"), has("arm.smc-only")) {
            (_, true) => Conduits::Smc,
            (true, false) => Conduits::Both,
            (false, false) => Conduits::Hvc,
        };
        Ok(Self {
            conduits,
            immediate,
            smccc,
            psci: (has("psci") || has("psci-0-1") || kvm).then_some(psci),
            on_pending: has("psci.on-pending"),
            extended_state: has("psci.extended-state"),
            trng: has("arm-trng") || kvm,
            exhausted: has("arm-trng.exhausted"),
            time: has("arm-pv-time") || kvm,
            unwatched: has("arm-pv-time.unwatched"),
            kvm,
            vendor: has("kvm-arm-vendor") || kvm,
            protected: has("kvm-arm-vendor.protected"),
            implementations: has("kvm-arm-vendor.implementations"),
            xen: has("xen-arm"),
            xen_debug: has("xen-arm.debug"),
            hyperv: has("hyperv-arm64"),
        })
    }
}
