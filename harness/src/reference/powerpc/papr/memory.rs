//! Calls that touch memory for the caller: hcall-debug, hcall-copy and the cache calls.

use super::super::partition::Partition;
use super::{Reply, code};

/// H_PAGE_INIT flag: clear the page.
const ZERO_PAGE: u64 = 1 << 15;
/// H_PAGE_INIT flag: copy the page.
const COPY_PAGE: u64 = 1 << 14;

/// Whether `at` is aligned to `size`, a size that the calls accept, and in RAM.
///
/// LoPAR also wants the place to be mapped cache-inhibited; nothing here is mapped, and QEMU, KVM and kvm-unit-tests
/// all use the calls on RAM.
fn accessible(p: &Partition, size: u64, at: u64) -> bool {
    matches!(size, 1 | 2 | 4 | 8) && at.is_multiple_of(size) && p.contains(at, size)
}

/// H_LOGICAL_CI_LOAD and H_LOGICAL_CACHE_LOAD.
pub(super) fn load(p: &mut Partition) -> Reply {
    let [size, at] = p.arguments();
    if !accessible(p, size, at) {
        return code::PARAMETER.into();
    }
    p.cpu.gpr[4] = p.load(at, size);
    code::SUCCESS.into()
}

/// H_LOGICAL_CI_STORE and H_LOGICAL_CACHE_STORE.
pub(super) fn store(p: &mut Partition) -> Reply {
    let [size, at, value] = p.arguments();
    if !accessible(p, size, at) {
        return code::PARAMETER.into();
    }
    p.store(at, size, value);
    code::SUCCESS.into()
}

/// H_LOGICAL_ICBI and H_LOGICAL_DCBF: there are no caches that a guest could see, so the address is all there is to judge.
pub(super) fn touch(p: &mut Partition) -> Reply {
    let [at] = p.arguments();
    if p.contains(at, 1) { code::SUCCESS.into() } else { code::PARAMETER.into() }
}

/// H_PAGE_INIT. The source is looked at only for a copy, and a page is cleared before it is copied to. Flags without a
/// meaning here (those of the cooperative memory option too) are ignored, which LoPAR permits.
pub(super) fn page_init(p: &mut Partition) -> Reply {
    let [flags, destination, source] = p.arguments();
    let page = |at: u64| at.is_multiple_of(4096) && p.contains(at, 4096);
    if !page(destination) || flags & COPY_PAGE != 0 && !page(source) {
        return code::PARAMETER.into();
    }
    if flags & ZERO_PAGE != 0 && (flags & COPY_PAGE == 0 || source == destination) {
        p.fill(destination, 4096, 0);
    }
    if flags & COPY_PAGE != 0 {
        p.copy(destination, source, 4096);
    }
    code::SUCCESS.into()
}
