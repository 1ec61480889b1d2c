//! The backends that come with the suite. A new one is a file here and a line in [`ALL`].

pub mod qemu;

use hypercheck_spec::library::Library;

use crate::contract::{BootError, Hypervisor};
use crate::reference::Reference;
use crate::registers::RegisterFile;

/// A backend that can be named on the command line.
pub struct Entry {
    /// The name.
    pub name: &'static str,
    /// What answers, in a line.
    pub about: &'static str,
    /// Opens it.
    pub open: fn(&Library) -> Result<Box<dyn Hypervisor>, BootError>,
}

/// All backends. The first is the default.
pub const ALL: &[Entry] = &[
    Entry {
        name: "reference",
        about: "the bundled reference hypervisors over the bundled PowerPC core; needs nothing",
        open: |library| Ok(Box::new(Reference::new(library.arches.values().map(|arch| &arch.value)))),
    },
    Entry {
        name: "qemu-pseries",
        about: "the hypervisor inside a stock QEMU's pseries machine; needs qemu-system-ppc64",
        open: |library| {
            let arch = library.arches.get("ppc64").ok_or_else(|| BootError::Missing {
                what: "spec/arch/ppc64.yaml".to_owned(),
                remedy: "use a complete checkout".to_owned(),
            })?;
            let file = RegisterFile::new(&arch.value);
            Ok(Box::new(qemu::QemuPseries::new(&file, qemu::Options::default())))
        },
    },
];
