//! DIAGNOSE 0x500: notifications of virtio devices, and the storage limit.
//!
//! VIRTIO, Virtio over channel I/O, Guest->Host Notification; Linux `Documentation/virt/kvm/s390/s390-diag.rst`; for what is
//! refused, QEMU `hw/s390x/s390-hypercall.c` and `target/s390x/ioinst.c`.

use super::Features;
use super::cpu::{Cpu, SPECIFICATION};
use super::host::Outcome;
use crate::reference::trap::Machine;

const VIRTIO_NOTIFY: u64 = 0;
const CCW_NOTIFY: u64 = 3;
const STORAGE_LIMIT: u64 = 4;

const EINVAL: u64 = (-22_i64).cast_unsigned();

/// Parts of a subchannel-identification word: always one, subsystem given, subsystem.
const ONE: u64 = 0x1_0000;
const M: u64 = 0x8_0000;
const CSSID: u64 = 0xFF00_0000;

/// A virtio device, a device of another kind, and nothing.
const DEVICE: u64 = ONE | 2;
const OTHER: u64 = ONE | 3;
const NOTHING: u64 = ONE | 0x7777;
/// Queues that a device may have.
const QUEUES: u64 = 1024;
/// The only queue of the device that is set up, and one that is not.
const READY: u64 = 0;
const IDLE: u64 = 5;
/// Where KVM's bus has the device's queue.
const COOKIE: u64 = 6;

/// What a guest's rows may know of the machine.
pub(super) const FACTS: &[(&str, u64)] = &[
    ("cpu", 0),
    ("subchannel", DEVICE),
    ("idle-queue", IDLE),
    ("other-subchannel", OTHER),
    ("no-subchannel", NOTHING),
];

/// The channel subsystem, with one virtio device.
#[derive(Debug, Clone, Default)]
pub(super) struct Channel {
    notified: u64,
}

impl Channel {
    /// How often the device's queue has been notified.
    pub(super) const fn notified(&self) -> u64 {
        self.notified
    }

    /// Carries out the subfunction in GR1.
    pub(super) fn call(&mut self, cpu: &Cpu, features: Features, machine: &mut Machine) -> Outcome {
        let second = cpu.get(machine, 2);
        let result = match cpu.get(machine, 1) {
            VIRTIO_NOTIFY if second < machine.ram() => 0,
            VIRTIO_NOTIFY => EINVAL,
            CCW_NOTIFY => self.notify(features, second & 0xFFFF_FFFF, cpu.get(machine, 3)).unwrap_or(EINVAL),
            STORAGE_LIMIT if features.has("s390.storage-limit") => machine.ram() - 1,
            _ => return Outcome::Program(SPECIFICATION),
        };
        cpu.set(machine, 2, result);
        Outcome::Done
    }

    /// Notifies a queue. What GR2 gets, or `None` where subchannel or queue is wrong. The cookie is a hint that this one
    /// does not need.
    fn notify(&mut self, features: Features, subchannel: u64, data: u64) -> Option<u64> {
        // KVM's kernel knows the queues that are set up, by all of GR3.
        if features.has("s390.kernel-notify") && subchannel == DEVICE && data == READY {
            self.notified += 1;
            return Some(COOKIE);
        }
        if subchannel & ONE == 0 || subchannel & M == 0 && subchannel & CSSID != 0 || subchannel != DEVICE {
            return None;
        }
        let low = features.has("s390.queue-16");
        let queue = if low { data & 0xFFFF } else { data };
        if queue >= QUEUES || low && queue != READY {
            return None;
        }
        self.notified += u64::from(queue == READY);
        Some(0)
    }
}
