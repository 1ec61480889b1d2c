//! The machines that can be asked for.

use std::collections::BTreeSet;

use super::others;
use crate::contract::{BootError, Machine};

/// Features that can be asked for at boot, with what they do.
///
/// Those with a dot in their names are settings of a host, or an answer that the documents leave open.
const OPTIONS: &[(&str, &str)] = &[
    ("x86.amd", "the processor is AMD's"),
    ("x86.read-only-code", "the guest may not write its code"),
    ("hyperv", "Hyper-V; with kvm-x86, KVM that speaks for it"),
    ("hyperv-x86-32", "the same: its calls from 32-bit code"),
    ("kvm-x86", "KVM"),
    ("kvm-x86.enforce-cpuid", "KVM serves what the guest's CPUID shows and nothing else"),
    ("kvm-x86.no-patching", "KVM does not replace the other vendor's instruction"),
    ("kvm-x86.exit-hypercall", "MAP_GPA_RANGE goes out to user space"),
    ("kvm-x86.no-tsc-clock", "the host's clock source is not the TSC"),
    ("kvm-x86.hyperv-enforce-cpuid", "KVM serves the calls of Hyper-V that CPUID shows and no other"),
    ("kvm-x86.no-apic-map", "interrupt controllers are user space's, and KVM has no map of APIC ids"),
];

/// Features of every guest: the calls that are served.
const ALWAYS: &[&str] = &[
    "HvCallFlushVirtualAddressList",
    "HvCallFlushVirtualAddressSpace",
    "HvCallGetVpIndexFromApicId",
    "HvCallGetVpRegisters",
    "HvCallNotifyLongSpinWait",
    "HvCallPostMessage",
    "HvCallSendSyntheticClusterIpi",
    "HvCallSetVpRegisters",
    "HvCallSignalEvent",
    "HvExtCallQueryCapabilities",
    "KVM_HC_VAPIC_POLL_IRQ",
    "KVM_HC_KICK_CPU",
    "KVM_HC_CLOCK_PAIRING",
    "KVM_HC_SEND_IPI",
    "KVM_HC_SCHED_YIELD",
    "KVM_HC_MAP_GPA_RANGE",
];

/// The architecture.
pub(super) const ARCHES: &[&str] = &["x86-64"];

/// The names of all options.
pub(super) fn options() -> BTreeSet<String> {
    OPTIONS.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// The features that every guest has.
pub(super) fn features() -> BTreeSet<String> {
    ALWAYS.iter().map(|name| (*name).to_owned()).collect()
}

/// A machine as its features ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(super) struct Profile {
    /// AMD's processor instead of Intel's.
    pub(super) amd: bool,
    /// KVM is the hypervisor.
    pub(super) kvm: bool,
    /// Hyper-V's interface is there.
    pub(super) hyperv: bool,
    /// KVM_CAP_HYPERV_ENFORCE_CPUID.
    pub(super) hyperv_enforce: bool,
    /// KVM_CAP_ENFORCE_PV_FEATURE_CPUID.
    pub(super) enforce: bool,
    /// KVM_X86_QUIRK_FIX_HYPERCALL_INSN.
    pub(super) patching: bool,
    /// The guest can write its code.
    pub(super) writable_code: bool,
    /// KVM_CAP_EXIT_HYPERCALL: a mask of numbers.
    pub(super) exits: u64,
    /// The host's clock source is the TSC.
    pub(super) tsc_clock: bool,
    /// There is a map of APIC ids.
    pub(super) apic_map: bool,
}

impl Profile {
    /// The profile of a machine.
    ///
    /// # Errors
    /// [`BootError::Unsupported`] if a feature is not known, or not with the others.
    pub(super) fn new(machine: &Machine) -> Result<Self, BootError> {
        let no = |why: String| Err(BootError::Unsupported(why));
        let known = |name: &str| {
            OPTIONS.iter().any(|(option, _)| *option == name) || ALWAYS.contains(&name) || ARCHES.contains(&name)
        };
        if let Some(unknown) = machine.features.iter().find(|name| !known(name)) {
            return no(format!("{unknown} is no feature of the x86 reference"));
        }
        let has = |name: &str| machine.features.contains(name);
        if !has("kvm-x86") && machine.features.iter().any(|name| name.starts_with("kvm-x86.")) {
            return no("settings of KVM without kvm-x86".to_owned());
        }
        Ok(Self {
            amd: has("x86.amd"),
            kvm: has("kvm-x86"),
            hyperv: has("hyperv") || has("hyperv-x86-32"),
            hyperv_enforce: has("kvm-x86.hyperv-enforce-cpuid"),
            enforce: has("kvm-x86.enforce-cpuid"),
            patching: !has("kvm-x86.no-patching"),
            writable_code: !has("x86.read-only-code"),
            exits: if has("kvm-x86.exit-hypercall") { 1 << 12 } else { 0 },
            tsc_clock: !has("kvm-x86.no-tsc-clock"),
            apic_map: !has("kvm-x86.no-apic-map"),
        })
    }

    /// Whether calls of Hyper-V need their privilege: Hyper-V always sees to it, KVM when told to.
    pub(super) fn hyperv_enforced(&self) -> bool {
        !self.kvm || self.hyperv_enforce
    }

    /// What expressions call `machine.<name>`.
    pub(super) fn facts(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("hyperv-enforced", u64::from(self.hyperv_enforced())),
            ("enforce-cpuid", u64::from(self.enforce)),
            ("exit-hypercall", self.exits),
            ("tsc-clock", u64::from(self.tsc_clock)),
            ("apic-map", u64::from(self.apic_map)),
            ("vcpus", others::APIC_IDS.len() as u64),
            ("apic-ids", others::low_ids()),
            ("high-apic-id", u64::from(others::HIGHEST)),
            ("absent-apic-id", u64::from(others::ABSENT)),
        ]
    }
}
