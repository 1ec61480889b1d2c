//! A virtual machine: processor, memory and what the hypervisor keeps about it.

use hypercheck_ppc::{Cpu, Memory, msr};

use super::epapr;
use super::osi;
use super::papr::{
    Areas, Capacity, Nested, Pending, Persistent, Priorities, Processor, Watchdogs, crq, io, lan, rtas, tce, terminal,
    xics, xive,
};
use super::profile::Profile;
use super::ultravisor::Secure;

/// How many processors a partition has. Only number 0 ever runs.
pub(crate) const CPUS: usize = 2;

/// Bytes of RAM.
pub(crate) const RAM: u64 = 32 << 20;

/// What the hypervisor keeps, apart from registers and memory.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct State {
    pub(crate) tables: tce::Tables,
    /// Command queues of virtual adapters.
    pub(crate) queues: crq::State,
    pub(crate) lans: lan::Lans,
    /// Which adapters signal their interrupt.
    pub(crate) signals: io::Signals,
    /// Interrupt sources of legacy mode.
    pub(crate) sources: xics::Sources,
    /// Interrupts of exploitation mode.
    pub(crate) xive: xive::Xive,
    pub(crate) processors: [Processor; CPUS],
    pub(crate) capacity: Capacity,
    pub(crate) terminals: terminal::Terminals,
    /// What run-time services keep.
    pub(crate) services: rtas::Services,
    /// State of the generator behind H_RANDOM.
    pub(crate) random: u64,
    pub(crate) secure: Secure,
    pub(crate) epapr: epapr::State,
    pub(crate) nested: Nested,
    pub(crate) persistent: Persistent,
    pub(crate) watchdogs: Watchdogs,
    /// The hashed page table that is being prepared.
    pub(crate) pending_table: Option<Pending>,
    /// What H_BEST_ENERGY last computed.
    pub(crate) energy: Option<Priorities>,
    pub(crate) osi: osi::State,
}

impl State {
    /// The state after boot.
    pub(crate) fn new() -> Self {
        let mut state = Self { epapr: epapr::State::new(), ..Self::default() };
        state.processors[1].areas = Areas::IDLE;
        state
    }
}

/// A virtual machine.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) cpu: Cpu,
    pub(crate) memory: Memory,
    pub(crate) state: State,
    pub(crate) profile: Profile,
}

impl Partition {
    /// The first arguments of a call, from `r4` on.
    #[inline]
    pub(crate) fn arguments<const N: usize>(&self) -> [u64; N] {
        std::array::from_fn(|n| self.cpu.gpr[4 + n])
    }

    /// Bytes of RAM.
    pub(crate) fn ram(&self) -> u64 {
        self.memory.len() as u64
    }

    /// Whether `length` bytes at `at` are RAM.
    pub(crate) fn contains(&self, at: u64, length: u64) -> bool {
        at.checked_add(length).is_some_and(|end| end <= self.ram())
    }

    /// Whether the calling state is problem state.
    pub(crate) fn problem_state(&self) -> bool {
        self.cpu.msr & msr::PR != 0
    }

    /// Raises or lowers the processor's external interrupt line, as its interrupt controllers have it.
    pub(crate) fn refresh_external(&mut self) {
        self.cpu.external_pending = xics::pending(self, 0) || epapr::interrupt_waits(self);
    }

    /// A big-endian number of up to 8 bytes at a real address; zero where there is no RAM, which callers rule out.
    pub(crate) fn load(&self, at: u64, size: u64) -> u64 {
        self.memory.read_number(at, length(size), true).unwrap_or_default()
    }

    /// Bytes at a real address; zeros where there is no RAM, which callers rule out.
    pub(crate) fn bytes(&self, at: u64, size: u64) -> Vec<u8> {
        let mut bytes = vec![0; length(size)];
        // Nothing to tell: callers have judged the address.
        let _ = self.memory.read(at, &mut bytes);
        bytes
    }

    /// Stores bytes at a real address; nothing where there is no RAM, which callers rule out.
    pub(crate) fn store_bytes(&mut self, at: u64, bytes: &[u8]) {
        let _ = self.memory.write(at, bytes);
    }

    /// Stores the low `size` bytes of a number, big-endian; nothing where there is no RAM, which callers rule out.
    pub(crate) fn store(&mut self, at: u64, size: u64, value: u64) {
        // Nothing to tell: callers have judged the address.
        let _ = self.memory.write_number(at, length(size), value, true);
    }

    /// Fills a range of RAM.
    pub(crate) fn fill(&mut self, at: u64, size: u64, value: u8) {
        let _ = self.memory.fill(at, length(size), value);
    }

    /// Copies a range of RAM to one that does not overlap it, or to itself.
    pub(crate) fn copy(&mut self, to: u64, from: u64, size: u64) {
        let bytes = self.bytes(from, size);
        self.store_bytes(to, &bytes);
    }
}

fn length(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}
