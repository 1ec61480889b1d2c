//! The contract between the suite and a hypervisor under test.
//!
//! A backend implements [`Hypervisor`], a factory of [`Guest`]s. A guest is one virtual processor with its memory.
//! The suite writes a few instructions into guest memory, sets registers, runs until the address after them, and
//! looks at what changed. Interrupts that the guest takes end the run: the suite is the guest's supervisor.
//!
//! What only some backends can do is an *ability*: a trait of its own behind a method that gives `None` by default.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use hypercheck_spec::case::FilterAction;

use crate::registers::Registers;

/// A hypervisor under test: a factory of guests.
pub trait Hypervisor: Send + Sync {
    /// What it is and what it claims to offer.
    fn identity(&self) -> &Identity;

    /// Boots a fresh guest.
    ///
    /// # Errors
    /// See [`BootError`]; only [`BootError::Failed`] tells against the hypervisor.
    fn boot(&self, machine: &Machine) -> Result<Box<dyn Guest>, BootError>;

    /// Whether a guest may be sent anything: it is cheap to replace and shares nothing with others. Calls with a
    /// hazard are then made as well.
    fn sturdy(&self) -> bool {
        false
    }

    /// How many guests are best run side by side; the suite takes fewer where there are fewer processors.
    fn parallel(&self) -> usize {
        usize::MAX
    }
}

/// What a backend is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The backend's name as on the command line: `reference`, `qemu-pseries`.
    pub name: String,
    /// Version of the program that answers, dotted numbers where it has such.
    pub version: String,
    /// Architectures that its guests can have.
    pub arch: Vec<String>,
    /// Features that every guest has: ABIs, sets of calls, single calls, properties of the machine.
    pub features: BTreeSet<String>,
    /// Features that a guest has when asked for at boot; `not NAME` for one of `features` that it then lacks.
    pub options: BTreeSet<String>,
}

impl Identity {
    /// Whether a guest with all of `wanted` and none of `unwanted` can be had; if not, why.
    ///
    /// # Errors
    /// The reason, as it stands in a report beside a skipped case.
    pub fn offers<'a>(
        &self,
        wanted: impl IntoIterator<Item = &'a str>,
        unwanted: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), String> {
        for feature in wanted {
            let arch = self.arch.iter().any(|arch| arch == feature);
            if !arch && !self.features.contains(feature) && !self.options.contains(feature) {
                return Err(format!("{} does not offer {feature}", self.name));
            }
        }
        for feature in unwanted {
            if self.features.contains(feature) && !self.options.contains(&format!("not {feature}")) {
                return Err(format!("{} always has {feature}", self.name));
            }
        }
        Ok(())
    }
}

/// The guest that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Machine {
    /// The architecture.
    pub arch: String,
    /// Optional features to have, and features to lack (`not NAME`); those of [`Identity::options`] that are not named
    /// are off.
    pub features: BTreeSet<String>,
}

/// Why there is no guest.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The backend has no such machine: a skip.
    #[error("no such guest here: {0}")]
    Unsupported(String),
    /// Something that the backend needs is not installed.
    #[error("{what} is missing; {remedy}")]
    Missing {
        /// What is missing.
        what: String,
        /// How to get it.
        remedy: String,
    },
    /// The hypervisor did not come up.
    #[error("the guest did not boot: {why}")]
    Failed {
        /// What was seen.
        why: String,
        /// Its last words.
        log: String,
    },
}

/// Where things are in a guest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Bytes of RAM, from address 0.
    pub ram: u64,
    /// Where the suite puts the instructions to run; 4 KiB belong to it.
    pub code: u64,
    /// Where the suite puts data; 64 KiB belong to it, on a 64 KiB boundary.
    pub scratch: u64,
    /// Everything else that expressions call `machine.<name>`: `cpus`, `cpu`, `vty`, `liobn`, `tce-window`, `ptes`.
    pub named: BTreeMap<String, u64>,
}

/// Bytes of [`Facts::scratch`].
pub const SCRATCH: u64 = 0x1_0000;
/// Bytes of [`Facts::code`].
pub const CODE: u64 = 0x1000;

impl Facts {
    /// The fact that an expression calls `machine.<name>`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<u64> {
        match name {
            "ram" => Some(self.ram),
            "code" => Some(self.code),
            "scratch" => Some(self.scratch),
            _ => self.named.get(name).copied(),
        }
    }
}

/// How far a guest may run.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Stop before the instruction at this address. The suite puts a trap instruction there, for backends that can
    /// only stop at one.
    pub until: u64,
    /// At most so many instructions, where the backend counts them.
    pub instructions: u64,
    /// At most so long, where it does not.
    pub patience: Duration,
}

/// Why a guest stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// It reached [`Budget::until`].
    Reached,
    /// It took the interrupt with this vector; registers are as at the handler's first instruction, and the program
    /// counter as the interrupt saved it is in the save/restore register.
    Interrupt {
        /// Offset of the vector.
        vector: u64,
    },
    /// It sleeps, and nothing will wake it.
    Asleep,
    /// The call went out to user space, which the ability [`Forwarding`] answers.
    Forwarded,
    /// The guest was reset, powered off or stopped for good.
    Ended {
        /// How, in the backend's words.
        how: String,
    },
    /// The budget is used up.
    Exhausted,
}

/// Why a request to a guest failed.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// The backend cannot do this: a skip.
    #[error("the backend cannot {0}")]
    Unsupported(String),
    /// An address that is no guest RAM.
    #[error("no guest memory at {at:#x} ({length} bytes)")]
    OutOfRange {
        /// The address.
        at: u64,
        /// How many bytes were asked for.
        length: usize,
    },
    /// The hypervisor died: a verdict against it.
    #[error("the hypervisor is gone: {why}")]
    Lost {
        /// What was seen.
        why: String,
        /// Its last words.
        log: String,
    },
    /// The way to the hypervisor broke: no verdict, the run is broken.
    #[error("the link to the backend broke: {0}")]
    Link(String),
}

/// One virtual processor with its memory.
pub trait Guest: Send {
    /// Where things are.
    fn facts(&self) -> &Facts;

    /// Reads guest RAM at a real address.
    ///
    /// # Errors
    /// [`GuestError::OutOfRange`] where it is not RAM; otherwise the guest or the link is lost.
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), GuestError>;

    /// Writes guest RAM at a real address. Instructions written this way are what the guest executes next.
    ///
    /// # Errors
    /// As for [`Guest::read`].
    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), GuestError>;

    /// Gets all registers that can be observed; the others are absent.
    ///
    /// # Errors
    /// The guest or the link is lost.
    fn registers(&mut self, into: &mut Registers) -> Result<(), GuestError>;

    /// Sets the registers that are present, as far as the backend can set them.
    ///
    /// # Errors
    /// The guest or the link is lost.
    fn set_registers(&mut self, registers: &Registers) -> Result<(), GuestError>;

    /// Runs from the program counter on.
    ///
    /// # Errors
    /// The guest or the link is lost.
    fn run(&mut self, budget: Budget) -> Result<Stop, GuestError>;

    /// The flattened device tree that the guest was given.
    ///
    /// # Errors
    /// [`GuestError::Unsupported`] by default.
    fn device_tree(&mut self) -> Result<Vec<u8>, GuestError> {
        Err(GuestError::Unsupported("show a device tree".to_owned()))
    }

    /// Going back to an earlier state quickly.
    fn rewinding(&mut self) -> Option<&mut dyn Rewinding> {
        None
    }

    /// Telling what changed in memory.
    fn watching(&mut self) -> Option<&mut dyn Watching> {
        None
    }

    /// Calls that go out to user space.
    fn forwarding(&mut self) -> Option<&mut dyn Forwarding> {
        None
    }

    /// Filters of calls.
    fn filtering(&mut self) -> Option<&mut dyn Filtering> {
        None
    }

    /// Properties of the machine that its host sets.
    fn configuring(&mut self) -> Option<&mut dyn Configuring> {
        None
    }

    /// Moving to a fresh machine.
    fn migrating(&mut self) -> Option<&mut dyn Migrating> {
        None
    }
}

/// Going back to the state right after boot, quicker than by booting.
pub trait Rewinding {
    /// Puts memory, registers and the hypervisor's state back to what they were after boot.
    ///
    /// # Errors
    /// The guest or the link is lost.
    fn rewind(&mut self) -> Result<(), GuestError>;
}

/// Sees a run of bytes that differs from the base line: its address, the bytes then, the bytes now.
pub type SeeChange<'a> = dyn FnMut(u64, &[u8], &[u8]) + 'a;

/// Telling what changed in memory since a mark.
pub trait Watching {
    /// The ranges that are watched, as `(first address, length)`.
    fn watched(&self) -> Vec<(u64, u64)>;

    /// Takes memory as it is now as the base line.
    ///
    /// # Errors
    /// The guest or the link is lost.
    fn mark(&mut self) -> Result<(), GuestError>;

    /// Calls `see` with each run of bytes that differs from the base line.
    ///
    /// # Errors
    /// The guest or the link is lost.
    fn changes(&mut self, see: &mut SeeChange<'_>) -> Result<(), GuestError>;
}

/// What user space sees of a call that went out to it, and what it gives back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exchange {
    /// Why the guest stopped, in the host's terms: `KVM_EXIT_HYPERCALL`.
    pub exit: String,
    /// Fields of the exit record, by the host's names: `nr`, `flags`, `args0`, `ret`.
    pub fields: BTreeMap<String, u64>,
    /// The registers that travel with the call.
    pub registers: Registers,
}

/// Calls that go out to user space and come back.
pub trait Forwarding {
    /// What went out with the call.
    ///
    /// # Errors
    /// [`GuestError::Unsupported`] if no call is out.
    fn call(&mut self) -> Result<Exchange, GuestError>;

    /// Lets the guest go on with these registers and fields changed.
    ///
    /// # Errors
    /// [`GuestError::Unsupported`] if no call is out.
    fn answer(&mut self, answer: &Exchange) -> Result<(), GuestError>;
}

/// The error with which a host refuses a request: the name of an errno, `EEXIST`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub &'static str);

/// What a host answers to a request about a guest.
pub type Answered = Result<Result<(), Refusal>, GuestError>;

/// A range of call numbers and what becomes of calls in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallRange {
    /// The first number.
    pub base: u64,
    /// How many numbers.
    pub count: u64,
    /// What becomes of them.
    pub action: FilterAction,
}

/// Filters: the host says what becomes of calls by their numbers, and can be asked.
pub trait Filtering {
    /// Asks for one range to be treated in some way.
    ///
    /// # Errors
    /// The guest or the link is lost. What the host refuses is no error but a [`Refusal`].
    fn set(&mut self, range: CallRange) -> Answered;

    /// How all numbers are treated: ranges in order, without gaps, neighbours of one action joined.
    ///
    /// # Errors
    /// [`GuestError::Unsupported`] where a host keeps no account of it.
    fn get(&mut self) -> Result<Vec<CallRange>, GuestError>;
}

/// Properties of a guest's machine that its host sets and reads, by name: versions, bitmaps of services.
pub trait Configuring {
    /// Sets a property.
    ///
    /// # Errors
    /// The guest or the link is lost. What the host refuses is no error but a [`Refusal`].
    fn set(&mut self, name: &str, value: u64) -> Answered;

    /// All properties, with their values.
    ///
    /// # Errors
    /// The guest or the link is lost.
    fn get(&mut self) -> Result<BTreeMap<String, u64>, GuestError>;
}

/// A guest that was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Registers, memory, and what the hypervisor keeps of the guest's own doing.
    pub guest: Vec<u8>,
    /// What its host has set: filters and properties.
    pub host: Vec<u8>,
}

/// Moving a guest to a fresh machine.
pub trait Migrating {
    /// Saves the guest.
    ///
    /// # Errors
    /// The guest or the link is lost.
    fn save(&mut self) -> Result<Saved, GuestError>;

    /// A fresh guest of the same machine, for the saved one to go to.
    ///
    /// # Errors
    /// See [`BootError`].
    fn destination(&mut self) -> Result<Box<dyn Guest>, BootError>;

    /// Makes this guest the saved one. What its host had set comes with it if `host`.
    ///
    /// # Errors
    /// The guest or the link is lost.
    fn restore(&mut self, saved: &Saved, host: bool) -> Answered;
}
