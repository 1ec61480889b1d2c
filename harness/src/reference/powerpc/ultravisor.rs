//! Calls of the ultravisor: number in `r3`, arguments from `r4` on, result in `r3`.
//!
//! Linux `Documentation/arch/powerpc/ultravisor.rst` and `arch/powerpc/include/asm/ultravisor-api.h`. Who may call is
//! told by MSR\[S\], \[HV\] and \[PR\]; a caller of the wrong kind gets U_PERMISSION. For some calls the document names
//! U_INVALID there, which has no number; the firmware (open-power/ultravisor, `core/uvcall.c`) returns U_PERMISSION,
//! and so does this. Calls that only the firmware has are unknown.
//!
//! Guest and hypervisor share one memory here, so no access is refused: what is modelled of secure memory is which
//! slots a hypervisor registered, where each page is (`secure_pages`) and what a page reads like when it goes out and
//! comes back.

use std::collections::BTreeMap;

use hypercheck_ppc::msr;

use super::dispatch::Next;
use super::papr::code;
use super::partition::Partition;
use super::secure_pages::{Page, Pages, Vm, cipher};

/// Bytes of a page as the ultravisor counts them: the 64 KiB of its radix translation.
pub(crate) const PAGE: u64 = 1 << ORDER;
const ORDER: u64 = 16;

const PERMISSION: i64 = -11;
const P5: i64 = code::P5;

/// Logical partition numbers have 12 bits; 0 is the hypervisor itself. Power ISA 3.0 Book III, LPIDR.
const PARTITIONS: u64 = 1 << 12;
/// The number of the one guest whose pages are followed: the caller's partition.
pub(crate) const GUEST: u64 = 1;
/// Memory slots of one partition.
const SLOTS: u64 = 512;

/// What the ultravisor keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Secure {
    /// Where the pages of the guest are.
    pub(crate) pages: Pages,
    /// Memory slots: start and size by partition and number.
    pub(crate) slots: BTreeMap<(u64, u64), (u64, u64)>,
    /// Entries of the partition table.
    entries: BTreeMap<u64, [u64; 2]>,
}

impl Secure {
    /// Gives back all that is kept for a partition.
    pub(crate) fn forget(&mut self, lpid: u64) {
        self.slots.retain(|&(owner, _), _| owner != lpid);
        if lpid == GUEST {
            self.pages.reset();
        }
    }
}

/// Who makes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Hypervisor,
    Kernel,
    SecureKernel,
    Other,
}

fn caller(p: &Partition) -> Caller {
    let bit = |bit: u64| p.cpu.msr & bit != 0;
    match (bit(msr::S), bit(msr::HV), bit(msr::PR)) {
        (false, true, false) => Caller::Hypervisor,
        (false, false, false) => Caller::Kernel,
        (true, false, false) => Caller::SecureKernel,
        _ => Caller::Other,
    }
}

/// Carries out the call in `r3`.
pub(crate) fn call(p: &mut Partition) -> Next {
    type Handler = fn(&mut Partition) -> i64;
    let (callers, handler): (&[Caller], Handler) = match p.cpu.gpr[3] {
        0xF104 => (&[Caller::Hypervisor], write_pate),
        0xF110 => (&[Caller::Kernel, Caller::SecureKernel], enter_secure_mode),
        0xF11C => (&[Caller::Hypervisor], nothing_to_return_to),
        0xF120 => (&[Caller::Hypervisor], register_slot),
        0xF124 => (&[Caller::Hypervisor], unregister_slot),
        0xF128 | 0xF12C => (&[Caller::Hypervisor], move_page),
        0xF130 | 0xF134 => (&[Caller::SecureKernel], share),
        0xF138 => (&[Caller::Hypervisor], invalidate_page),
        0xF13C => (&[Caller::Hypervisor], terminate),
        0xF140 => (&[Caller::SecureKernel], unshare_all),
        _ => (&[], |_| code::FUNCTION),
    };
    // Problem state is refused whatever it asks for; the firmware looks there before it looks at the number.
    let permitted = !p.problem_state() && (callers.is_empty() || callers.contains(&caller(p)));
    let result = if permitted { handler(p) } else { PERMISSION };
    p.cpu.gpr[3] = result.cast_unsigned();
    Next::Resume
}

fn guest_partition(lpid: u64) -> bool {
    (1..PARTITIONS).contains(&lpid)
}

fn has_slots(p: &Partition, lpid: u64) -> bool {
    p.state.secure.slots.range((lpid, 0)..=(lpid, u64::MAX)).next().is_some()
}

/// Whether a page of the partition is in one of its slots.
fn in_slot(p: &Partition, lpid: u64, address: u64) -> bool {
    let mut slots = p.state.secure.slots.range((lpid, 0)..=(lpid, u64::MAX));
    address.is_multiple_of(PAGE) && slots.any(|(_, &(start, size))| address >= start && address - start < size)
}

/// UV_WRITE_PATE. The entry of a secure partition is the ultravisor's own.
fn write_pate(p: &mut Partition) -> i64 {
    let [lpid, first, second] = p.arguments();
    if lpid >= PARTITIONS {
        return code::PARAMETER;
    }
    if has_slots(p, lpid) {
        return PERMISSION;
    }
    p.state.secure.entries.insert(lpid, [first, second]);
    code::SUCCESS
}

/// UV_RETURN: no hypercall was reflected, so there is nowhere to go.
fn nothing_to_return_to(_: &mut Partition) -> i64 {
    PERMISSION
}

/// UV_REGISTER_MEM_SLOT.
fn register_slot(p: &mut Partition) -> i64 {
    let [lpid, start, size, flags, slot] = p.arguments();
    if !guest_partition(lpid) {
        code::PARAMETER
    } else if !start.is_multiple_of(PAGE) {
        code::P2
    } else if size == 0 || !size.is_multiple_of(PAGE) || start.checked_add(size).is_none() {
        code::P3
    } else if flags != 0 {
        code::P4
    } else if slot >= SLOTS || p.state.secure.slots.contains_key(&(lpid, slot)) {
        P5
    } else {
        p.state.secure.slots.insert((lpid, slot), (start, size));
        code::SUCCESS
    }
}

/// UV_UNREGISTER_MEM_SLOT.
fn unregister_slot(p: &mut Partition) -> i64 {
    let [lpid, slot] = p.arguments();
    if !guest_partition(lpid) {
        return code::PARAMETER;
    }
    if p.state.secure.slots.remove(&(lpid, slot)).is_some() { code::SUCCESS } else { code::P2 }
}

/// UV_PAGE_IN and UV_PAGE_OUT: a real address of the hypervisor, then a page of the guest.
fn move_page(p: &mut Partition) -> i64 {
    let goes_in = p.cpu.gpr[3] == 0xF128;
    let [lpid, real, guest, flags, order] = p.arguments();
    if !guest_partition(lpid) || !has_slots(p, lpid) {
        code::PARAMETER
    } else if !real.is_multiple_of(PAGE) || !p.contains(real, PAGE) {
        code::P2
    } else if !in_slot(p, lpid, guest) {
        code::P3
    } else if flags != 0 {
        code::P4
    } else if order != ORDER {
        P5
    } else if lpid != GUEST || !p.contains(guest, PAGE) {
        // No memory of other partitions is there to be moved.
        code::SUCCESS
    } else if goes_in {
        page_in(p, real, guest)
    } else {
        page_out(p, real, guest)
    }
}

/// A page comes in: decrypted if it went out, as it is if the guest never was secure before. A shared one is only
/// mapped.
fn page_in(p: &mut Partition, real: u64, guest: u64) -> i64 {
    let key = match p.state.secure.pages.get(guest / PAGE) {
        Page::Shared { .. } => return code::SUCCESS,
        Page::PagedOut(key) => Some(key),
        Page::Normal | Page::Secure => None,
    };
    carry(p, real, guest, key);
    p.state.secure.pages.set(guest / PAGE, Page::Secure);
    code::SUCCESS
}

/// A page goes out encrypted. A shared one stays; one that is out already has nothing to bring.
fn page_out(p: &mut Partition, real: u64, guest: u64) -> i64 {
    match p.state.secure.pages.get(guest / PAGE) {
        Page::Shared { .. } => code::SUCCESS,
        Page::Normal | Page::PagedOut(_) => code::P3,
        Page::Secure => {
            let key = p.state.secure.pages.next_key();
            carry(p, guest, real, Some(key));
            p.state.secure.pages.set(guest / PAGE, Page::PagedOut(key));
            code::SUCCESS
        }
    }
}

/// Copies a page, through the cipher if there is a key.
fn carry(p: &mut Partition, from: u64, to: u64, key: Option<u64>) {
    for n in 0..PAGE / 8 {
        let word = p.load(from + 8 * n, 8);
        p.store(to + 8 * n, 8, key.map_or(word, |key| cipher(word, key, n)));
    }
}

/// UV_PAGE_INVAL: for shared pages; a secure one is not the hypervisor's to invalidate.
fn invalidate_page(p: &mut Partition) -> i64 {
    let [lpid, guest, order] = p.arguments();
    if !guest_partition(lpid) || !has_slots(p, lpid) {
        code::PARAMETER
    } else if !in_slot(p, lpid, guest)
        || lpid != GUEST
        || !matches!(p.state.secure.pages.get(guest / PAGE), Page::Shared { .. } | Page::Normal)
    {
        code::P2
    } else if order != ORDER {
        code::P3
    } else {
        code::SUCCESS
    }
}

/// UV_SVM_TERMINATE.
fn terminate(p: &mut Partition) -> i64 {
    let [lpid] = p.arguments();
    if !guest_partition(lpid) || !has_slots(p, lpid) {
        return code::PARAMETER;
    }
    p.state.secure.forget(lpid);
    code::SUCCESS
}

/// UV_ESM: once more in secure mode is no error.
///
/// Of the blob only the address is judged: its format is not part of the interface. So the guest goes on behind the
/// instruction and not at the address that the blob names.
fn enter_secure_mode(p: &mut Partition) -> i64 {
    let [blob, tree] = p.arguments();
    if p.cpu.msr & msr::S != 0 {
        return code::SUCCESS;
    }
    if blob == 0 || !p.contains(blob, 8) {
        return code::PARAMETER;
    }
    if !p.contains(tree, 4) || p.load(tree, 4) != 0xD00D_FEED {
        return code::P2;
    }
    p.cpu.msr |= msr::S;
    // What the ultravisor has the hypervisor do on the way: H_SVM_INIT_START, H_SVM_PAGE_IN of every page,
    // H_SVM_INIT_DONE.
    let ram = p.ram();
    p.state.secure.slots.insert((GUEST, 0), (0, ram));
    p.state.secure.pages.reset();
    p.state.secure.pages.vm = Vm::Secure;
    code::SUCCESS
}

/// UV_SHARE_PAGE and UV_UNSHARE_PAGE: the pages change hands zeroed.
fn share(p: &mut Partition) -> i64 {
    let shares = p.cpu.gpr[3] == 0xF130;
    let [first, count] = p.arguments();
    let pages = p.ram() / PAGE;
    if first >= pages {
        return code::PARAMETER;
    }
    if count == 0 || count > pages - first {
        return code::P2;
    }
    p.fill(first * PAGE, count * PAGE, 0);
    let page = if shares { Page::Shared { by_guest: true } } else { Page::Secure };
    for number in first..first + count {
        p.state.secure.pages.set(number, page);
    }
    code::SUCCESS
}

/// UV_UNSHARE_ALL_PAGES: those that the guest shared, not those that the ultravisor did.
fn unshare_all(p: &mut Partition) -> i64 {
    for page in p.state.secure.pages.shared_by_guest() {
        p.fill(page * PAGE, PAGE, 0);
        p.state.secure.pages.set(page, Page::Secure);
    }
    code::SUCCESS
}
