//! The machines that can be asked for.

use std::collections::BTreeSet;

use super::{kvm, others};
use crate::contract::{BootError, Machine};

/// Features that can be asked for at boot, with what they do.
///
/// Those with a dot in their names are settings of a host, or an answer that the documents leave open.
const OPTIONS: &[(&str, &str)] = &[
    ("x86.amd", "the processor is AMD's"),
    ("x86.read-only-code", "the guest may not write its code"),
    ("hyperv", "Hyper-V; with kvm-x86, KVM that speaks for it"),
    ("hyperv-x86-32", "the same: its calls from 32-bit code"),
    (
        "xen-x86",
        "Xen; with kvm-x86, KVM that hands Xen's calls to user space; with hyperv, Xen that speaks for Hyper-V too",
    ),
    ("xen-x86-32", "the same: its calls from 32-bit code"),
    ("xen-x86.pv", "the guest is a paravirtual one"),
    ("xen-x86.debug", "Xen overwrites the registers of arguments"),
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
    "XEN_console_io",
    "XEN_sched_op",
    "XEN_set_timer_op",
    "XEN_xen_version",
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
    /// Xen's interface is there.
    pub(super) xen: bool,
    /// The guest is a paravirtual one of Xen.
    pub(super) pv: bool,
    /// Xen is built for debugging.
    pub(super) xen_debug: bool,
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
        if has("xen-x86.pv") && (has("kvm-x86") || has("hyperv") || has("x86.amd")) {
            return no(
                "a paravirtual guest of Xen is neither KVM's nor Hyper-V's, and has no vendor's instruction".to_owned()
            );
        }
        Ok(Self {
            amd: has("x86.amd"),
            kvm: has("kvm-x86"),
            hyperv: has("hyperv") || has("hyperv-x86-32"),
            xen: has("xen-x86") || has("xen-x86-32"),
            pv: has("xen-x86.pv"),
            xen_debug: has("xen-x86.debug"),
            hyperv_enforce: has("kvm-x86.hyperv-enforce-cpuid"),
            enforce: has("kvm-x86.enforce-cpuid"),
            patching: !has("kvm-x86.no-patching"),
            writable_code: !has("x86.read-only-code"),
            exits: if has("kvm-x86.exit-hypercall") { kvm::CAN_EXIT } else { 0 },
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn profile(features: &[&str]) -> Result<Profile, BootError> {
        let features = features.iter().map(|name| (*name).to_owned()).collect();
        Profile::new(&Machine { arch: "x86-64".to_owned(), features })
    }

    #[rstest]
    #[case::unknown(&["kvm-x86", "no-such-thing"])]
    #[case::settings_of_nobody(&["xen-x86", "kvm-x86.no-patching"])]
    #[case::paravirtual_under_kvm(&["xen-x86.pv", "kvm-x86"])]
    #[case::paravirtual_with_vmmcall(&["xen-x86.pv", "x86.amd"])]
    fn machines_that_there_are_not_are_refused(#[case] features: &[&str]) {
        assert!(matches!(profile(features), Err(BootError::Unsupported(_))));
    }

    #[test]
    fn hyper_v_itself_checks_privileges_and_kvm_when_told() {
        let enforced = |features: &[&str]| profile(features).unwrap().hyperv_enforced();
        assert!(enforced(&["hyperv"]));
        assert!(!enforced(&["hyperv", "kvm-x86"]));
        assert!(enforced(&["hyperv", "kvm-x86", "kvm-x86.hyperv-enforce-cpuid"]));
    }

    #[test]
    fn facts_are_those_of_the_processors_that_are_there() {
        let facts: std::collections::BTreeMap<_, _> = profile(&["kvm-x86"]).unwrap().facts().into_iter().collect();
        assert_eq!(facts["vcpus"], 5);
        assert_eq!(facts["apic-ids"] >> facts["absent-apic-id"] & 1, 0);
        assert!(facts["absent-apic-id"] < facts["high-apic-id"]);
    }
}
