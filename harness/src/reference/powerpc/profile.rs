//! The machines that can be asked for.

use std::collections::BTreeSet;

use hypercheck_ppc::Model;

use super::{device_tree, epapr, papr};
use crate::contract::{BootError, Machine};

/// Features that can be asked for at boot, with what they do.
///
/// Some name an answer that the documents leave open; those have a dot in their names.
const OPTIONS: &[(&str, &str)] = &[
    ("papr", "PAPR hypercalls by sc 1 (ppc64)"),
    ("papr.forwarded", "PAPR calls that the hypervisor does not know go out to user space, as KVM does it"),
    ("papr.slow", "PAPR calls that may take several calls to be done take them"),
    ("hcall-rpt-invalidate", "a radix guest that has the hypervisor invalidate, without a hashed page table (ppc64)"),
    ("nested-hv", "nested guests by H_ENTER_NESTED (ppc64)"),
    ("nested-papr", "nested guests by H_GUEST_CREATE and H_GUEST_RUN_VCPU (ppc64)"),
    ("secure-guests", "what the ultravisor asks of the hypervisor; the same as ultravisor.enabled (ppc64)"),
    ("kvm-epapr", "KVM's and ePAPR's hypercalls, on one of the three platforms below"),
    ("kvm-magic-page", "with the magic page (not with booke-hv, whose KVM has none)"),
    ("magic-page.documented-order", "MAP_MAGIC_PAGE takes the effective address first, as ppc-pv.rst says"),
    ("book3s-pr", "KVM calls come as sc with a magic value in r0, on Book3S"),
    ("e500v2", "the same on an e500v2 (ppc32)"),
    ("booke-hv", "KVM calls come as sc 1, on an e500mc (ppc32)"),
    ("osi", "Mac-on-Linux calls, answered by a user space that is built in (Book3S)"),
    ("osi.forwarded", "the same, left to the harness to answer"),
    ("ultravisor", "an ultravisor is there, with SMFCTRL[E] = 0; includes papr (ppc64)"),
    ("ultravisor.enabled", "the same with SMFCTRL[E] = 1"),
    ("hcall-int-exploitation", "interrupts are in exploitation mode, not in legacy mode; needs papr"),
    ("ppc64.scv", "FSCR[SCV] is 1 from the start, so that scv is a system call (ppc64, not POWER8)"),
    ("little-endian-interrupts", "interrupts are taken in little-endian mode from the start (Book3S)"),
    ("model.power8", "POWER8 in place of POWER9"),
    ("model.power10", "POWER10 in place of POWER9"),
    ("model.g4", "a 7400 in place of a 750"),
];

/// Features of every guest beside PAPR's calls.
const ALWAYS: &[&str] = &[
    // Time passes with instructions, so that a row can tell how long something takes.
    "deterministic-time",
    "isa.ppc64",
    "isa.ppc32",
    "linux-syscall",
    "ppc64.sc-lev-2",
    "EV_IDLE",
    "KVM_HC_FEATURES",
    "UV_WRITE_PATE",
    "UV_ESM",
    "UV_RETURN",
    "UV_REGISTER_MEM_SLOT",
    "UV_UNREGISTER_MEM_SLOT",
    "UV_PAGE_IN",
    "UV_PAGE_OUT",
    "UV_SHARE_PAGE",
    "UV_UNSHARE_PAGE",
    "UV_PAGE_INVAL",
    "UV_SVM_TERMINATE",
    "UV_UNSHARE_ALL_PAGES",
];

/// The architectures.
pub(in crate::reference) const ARCHES: &[&str] = &["ppc64", "ppc32"];

fn all_options() -> impl Iterator<Item = &'static str> {
    OPTIONS.iter().chain(epapr::OPTIONS).chain(device_tree::OPTIONS).map(|(name, _)| *name)
}

/// The names of all options.
pub(in crate::reference) fn options() -> BTreeSet<String> {
    all_options().map(str::to_owned).collect()
}

/// The features that every guest has: with `papr`, the complete function sets and every call by its name. Sets that are
/// options are left out, with their calls.
pub(in crate::reference) fn features() -> BTreeSet<String> {
    ALWAYS.iter().copied().chain(papr::sets()).chain(papr::names()).map(str::to_owned).collect()
}

/// Who answers a call that leaves the hypervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserSpace {
    /// What is built in.
    BuiltIn,
    /// The harness.
    Harness,
}

/// How KVM's calls come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conduit {
    /// `sc` with a magic value in `r0`.
    Magic,
    /// `sc 1`.
    Hypervisor,
}

/// Whether there is an ultravisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ultravisor {
    /// None, or SMFCTRL\[E\] is 0: `sc 2` is `sc 1` (Power ISA, System Call).
    Off,
    /// `sc 2` calls it.
    On,
}

/// A machine as its features ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) model: Model,
    pub(crate) papr: bool,
    /// Who answers a PAPR call that is not implemented; the built-in user space says H_FUNCTION.
    pub(crate) unknown_papr: UserSpace,
    pub(crate) kvm: Option<Conduit>,
    pub(crate) documented_order: bool,
    pub(crate) osi: Option<UserSpace>,
    pub(crate) ultravisor: Ultravisor,
    pub(crate) little_endian_interrupts: bool,
    pub(crate) scv: bool,
    pub(crate) epapr: epapr::Offer,
    pub(crate) tree: device_tree::Shape,
    /// Interrupts are in exploitation mode (LoPAR, "XIVE Legacy vs. Exploitation Mode").
    pub(crate) exploitation: bool,
    /// Whether what may take several calls does.
    pub(crate) slow: bool,
    /// Whether the partition translates by radix trees, as far as hypercalls ask.
    pub(crate) radix: bool,
    /// Whether it may have nested guests by H_ENTER_NESTED.
    pub(crate) nested_hv: bool,
    /// Whether it may have nested guests by H_GUEST_CREATE.
    pub(crate) nested_papr: bool,
}

impl Profile {
    /// The profile of a machine.
    ///
    /// # Errors
    /// [`BootError::Unsupported`] if a feature is not known, or not with the others.
    pub(crate) fn new(machine: &Machine) -> Result<Self, BootError> {
        let no = |why: String| Err(BootError::Unsupported(why));
        if !ARCHES.contains(&machine.arch.as_str()) {
            return no(format!("there is no {}, only {}", machine.arch, ARCHES.join(" and ")));
        }
        let always = features();
        let known =
            |name: &str| all_options().any(|option| option == name) || always.contains(name) || ARCHES.contains(&name);
        if let Some(unknown) = machine.features.iter().find(|name| !known(name)) {
            return no(format!("{unknown} is no feature of the reference"));
        }
        let has = |name: &str| machine.features.contains(name);
        if let Some(wrong) = ["ppc64", "ppc32"].into_iter().find(|&arch| has(arch) && machine.arch != arch) {
            return no(format!("a guest of {} is none of {wrong}", machine.arch));
        }
        let model = model(machine)?;
        for (feature, fits) in [
            ("papr", model.is_server()),
            ("papr.forwarded", model.is_server()),
            ("papr.slow", model.is_server()),
            ("ultravisor", model.is_server()),
            ("ultravisor.enabled", model.is_server()),
            ("secure-guests", model.is_server()),
            ("hcall-rpt-invalidate", model.is_server() && model.is_v30()),
            ("nested-hv", model.is_server() && model.is_v30()),
            ("nested-papr", model.is_server() && model.is_v30()),
            ("osi", !model.is_embedded()),
            ("osi.forwarded", !model.is_embedded()),
            ("little-endian-interrupts", !model.is_embedded()),
            ("book3s-pr", !model.is_embedded()),
            ("kvm-magic-page", model != Model::E500mc),
            ("ppc64.scv", model.is_server() && model.is_v30()),
            ("hcall-int-exploitation", model.is_server() && model.is_v30()),
        ] {
            if has(feature) && !fits {
                return no(format!("{model:?} has no {feature}"));
            }
        }
        let forwarded = |name: &str| if has(name) { UserSpace::Harness } else { UserSpace::BuiltIn };
        let conduit = if model == Model::E500mc { Conduit::Hypervisor } else { Conduit::Magic };
        let epapr = epapr::Offer::new(has);
        let platform = ["book3s-pr", "e500v2", "booke-hv"].into_iter().any(has);
        let secure = has("ultravisor.enabled") || has("secure-guests");
        let ultravisor = if secure { Ultravisor::On } else { Ultravisor::Off };
        Ok(Self {
            model,
            papr: secure || ["papr", "papr.forwarded", "ultravisor"].into_iter().any(has),
            unknown_papr: forwarded("papr.forwarded"),
            kvm: (platform && (["kvm-epapr", "kvm-magic-page"].into_iter().any(has) || epapr.any())).then_some(conduit),
            documented_order: has("magic-page.documented-order"),
            osi: (has("osi") || has("osi.forwarded")).then(|| forwarded("osi.forwarded")),
            ultravisor,
            little_endian_interrupts: has("little-endian-interrupts"),
            scv: has("ppc64.scv"),
            epapr,
            tree: device_tree::Shape::new(has),
            exploitation: has("hcall-int-exploitation"),
            slow: has("papr.slow"),
            radix: has("hcall-rpt-invalidate"),
            nested_hv: has("nested-hv"),
            nested_papr: has("nested-papr"),
        })
    }
}

/// The processor: POWER9 or a 750, unless a feature asks for another.
fn model(machine: &Machine) -> Result<Model, BootError> {
    let wide = machine.arch == "ppc64";
    let choices = [
        ("e500v2", Model::E500v2),
        ("booke-hv", Model::E500mc),
        ("model.g4", Model::G4),
        ("model.970", Model::Ppc970),
        ("model.power7", Model::Power7),
        ("model.power8", Model::Power8),
        ("model.power10", Model::Power10),
    ];
    let mut asked = choices.into_iter().filter(|(name, _)| machine.features.contains(*name));
    match (asked.next(), asked.next()) {
        (None, _) => Ok(if wide { Model::Power9 } else { Model::G3 }),
        (Some((_, model)), None) if model.is_server() == wide => Ok(model),
        (Some((name, _)), None) => Err(BootError::Unsupported(format!("{name} is not of {}", machine.arch))),
        (Some((one, _)), Some((other, _))) => {
            Err(BootError::Unsupported(format!("{one} and {other} are different processors")))
        }
    }
}
