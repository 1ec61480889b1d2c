//! The backends that come with the suite. A new one is a file here and a line in [`ALL`].

use hypercheck_spec::library::Library;

use crate::contract::{BootError, Hypervisor};

/// A backend that can be named on the command line.
pub struct Entry {
    /// The name.
    pub name: &'static str,
    /// What answers, in a line.
    pub about: &'static str,
    /// Opens it.
    pub open: fn(&Library) -> Result<Box<dyn Hypervisor>, BootError>,
}

/// All backends.
pub const ALL: &[Entry] = &[];
