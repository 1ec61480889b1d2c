//! The machines that can be asked for.

use std::collections::BTreeSet;

use super::sbi::EXTENSIONS;
use super::{console, dbtr, fwft, mpxy, nacl, pmu, sse};
use crate::contract::{BootError, Machine};

/// Features that can be asked for at boot, with what they do.
const OPTIONS: &[(&str, &str)] = &[
    ("sbi", "the SBI, with every extension that is not asked to be lacking"),
    ("sbi-legacy", "the legacy extensions as well"),
    ("sbi.start-pending", "a hart that is started says START_PENDING when it is asked for the first time"),
    ("sbi.suspended-hart", "hart 3 is suspended at first"),
    ("sbi.console-loopback", "the console gives back what was written to it"),
];

/// Features that every guest has and can be asked to lack, beside the extensions.
const PARTS: &[&str] = &["riscv.h"];

/// Harts that the supervisor may use, bit n for hart n.
pub(super) const HARTS: u64 = 0b1011;
/// The hart that makes the calls.
pub(super) const HART: u64 = 1;
/// A hart that is stopped at first.
pub(super) const STOPPED: u64 = 0;
/// The hart that can be suspended at first.
pub(super) const SUSPENDED: u64 = 3;
/// A number of no hart, between those of others.
const ABSENT: u64 = 2;
/// Harts with the hypervisor extension.
pub(super) const HYPERVISOR_HARTS: u64 = 0b1010;
/// Version 3.0.
pub(super) const VERSION: u64 = 3 << 24;

/// What a guest can be asked to lack.
fn optional() -> impl Iterator<Item = &'static str> {
    let extensions = EXTENSIONS.iter().map(|extension| extension.feature).filter(|name| *name != "sbi.base");
    extensions.chain(PARTS.iter().copied()).chain(nacl::FEATURES)
}

/// The features that every guest has.
pub(super) fn features() -> BTreeSet<String> {
    optional().chain(["sbi.base"]).map(str::to_owned).collect()
}

/// The names of all options.
pub(super) fn options() -> BTreeSet<String> {
    let named = OPTIONS.iter().map(|(name, _)| (*name).to_owned());
    named.chain(optional().map(|name| format!("not {name}"))).collect()
}

/// A machine as its features ask for it.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    asked: BTreeSet<String>,
}

impl Profile {
    /// The profile of a machine.
    ///
    /// # Errors
    /// [`BootError::Unsupported`] if a feature is not known.
    pub(super) fn new(machine: &Machine) -> Result<Self, BootError> {
        let (options, features) = (options(), features());
        let known = |name: &&String| options.contains(*name) || features.contains(*name) || **name == machine.arch;
        if let Some(unknown) = machine.features.iter().find(|name| !known(name)) {
            return Err(BootError::Unsupported(format!(
                "{unknown} is no feature of the reference on {}",
                machine.arch
            )));
        }
        Ok(Self { asked: machine.features.clone() })
    }

    /// Whether the guest has this option.
    pub(super) fn has(&self, option: &str) -> bool {
        self.asked.contains(option)
    }

    /// Whether the guest was asked to lack this.
    pub(super) fn lacks(&self, feature: &str) -> bool {
        self.asked.contains(&format!("not {feature}"))
    }

    /// Whether the calling hart has the hypervisor extension.
    pub(super) fn is_hypervisor(&self) -> bool {
        self.hypervisor_harts() >> HART & 1 == 1
    }

    /// The harts with the hypervisor extension.
    pub(super) fn hypervisor_harts(&self) -> u64 {
        if self.lacks("riscv.h") { 0 } else { HYPERVISOR_HARTS }
    }

    /// What the machine tells of itself.
    pub(super) fn facts(&self) -> Vec<(&'static str, u64)> {
        let mut facts = vec![
            ("hart", HART),
            ("harts", HARTS),
            ("stopped-hart", STOPPED),
            ("absent-hart", ABSENT),
            ("hypervisor-harts", self.hypervisor_harts()),
            ("sbi-version", VERSION),
        ];
        facts.extend([
            ("counters", pmu::COUNTERS),
            ("firmware-counter", pmu::FIRMWARE),
            ("fwft-missing", u64::from(fwft::LANDING_PAD)),
            ("sse-missing", u64::from(sse::DOUBLE_TRAP)),
            ("triggers", dbtr::TRIGGERS),
            ("mpxy-channel", u64::from(mpxy::CHANNEL)),
            ("mpxy-quiet", u64::from(mpxy::QUIET)),
            ("mpxy-channels", mpxy::CHANNELS),
            ("mpxy-size", mpxy::SIZE),
        ]);
        if self.has("sbi.console-loopback") {
            facts.push(("console-capacity", console::CAPACITY));
        }
        if self.has("sbi.suspended-hart") {
            facts.push(("suspended-hart", SUSPENDED));
        }
        facts
    }
}
