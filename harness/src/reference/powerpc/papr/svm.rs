//! What the ultravisor asks of the hypervisor while a guest becomes secure and afterwards: H_SVM_*.
//!
//! Linux `Documentation/arch/powerpc/ultravisor.rst`, "Hypervisor calls to support Ultravisor". The caller is the
//! ultravisor, MSR\[S\] and MSR\[HV\] 1; to anybody else these calls are H_UNSUPPORTED, as in KVM (`book3s_hv.c`).
//! Where the document gives no order the parameters are judged in theirs.

use hypercheck_ppc::msr;

use super::super::partition::Partition;
use super::super::secure_pages::{Page, Vm};
use super::super::ultravisor::{GUEST, PAGE};
use super::{Reply, code};

/// H_SVM_PAGE_IN: the page is shared.
const SHARED: u64 = 1;
/// Log 2 of a page's bytes.
const ORDER: u64 = PAGE.ilog2() as u64;

fn from_ultravisor(p: &Partition) -> bool {
    p.cpu.msr & (msr::S | msr::HV | msr::PR) == msr::S | msr::HV
}

/// H_SVM_INIT_START: the memory of the guest is registered with the ultravisor.
pub(super) fn init_start(p: &mut Partition) -> Reply {
    if !from_ultravisor(p) {
        return code::UNSUPPORTED.into();
    }
    let ram = p.ram();
    let secure = &mut p.state.secure;
    if secure.pages.vm != Vm::Normal {
        return code::STATE.into();
    }
    secure.pages.reset();
    secure.pages.vm = Vm::Transient;
    secure.slots.insert((GUEST, 0), (0, ram));
    code::SUCCESS.into()
}

/// H_SVM_INIT_DONE.
pub(super) fn init_done(p: &mut Partition) -> Reply {
    if !from_ultravisor(p) || p.state.secure.pages.vm != Vm::Transient {
        return code::UNSUPPORTED.into();
    }
    p.state.secure.pages.complete();
    code::SUCCESS.into()
}

/// H_SVM_INIT_ABORT: back to the guest, whose UV_ESM ends with H_PARAMETER at SRR0 and with the MSR in SRR1.
pub(super) fn init_abort(p: &mut Partition) -> Reply {
    if !from_ultravisor(p) {
        return code::UNSUPPORTED.into();
    }
    match p.state.secure.pages.vm {
        Vm::Normal => code::UNSUPPORTED.into(),
        Vm::Secure => code::STATE.into(),
        Vm::Transient => {
            p.state.secure.forget(GUEST);
            p.cpu.pc = p.cpu.srr0 & !3;
            p.cpu.msr = p.cpu.srr1 & p.cpu.model.msr_bits();
            code::PARAMETER.into()
        }
    }
}

/// The page that a call is about, its parameters judged.
fn page(p: &Partition, flags_known: u64) -> Result<u64, i64> {
    let [address, flags, order] = p.arguments();
    if !from_ultravisor(p) || p.state.secure.pages.vm == Vm::Normal {
        Err(code::UNSUPPORTED)
    } else if !address.is_multiple_of(PAGE) || !p.contains(address, PAGE) {
        Err(code::PARAMETER)
    } else if flags & !flags_known != 0 {
        Err(code::P2)
    } else if order != ORDER {
        Err(code::P3)
    } else {
        Ok(address / PAGE)
    }
}

/// H_SVM_PAGE_IN. A page that is in already is refused, as by KVM.
pub(super) fn page_in(p: &mut Partition) -> Reply {
    let page = match page(p, SHARED) {
        Ok(page) => page,
        Err(code) => return code.into(),
    };
    let [_, flags] = p.arguments();
    let pages = &mut p.state.secure.pages;
    if flags & SHARED != 0 {
        pages.set(page, Page::Shared { by_guest: false });
    } else if pages.get(page) == Page::Secure {
        return code::PARAMETER.into();
    } else {
        pages.set(page, Page::Secure);
    }
    code::SUCCESS.into()
}

/// H_SVM_PAGE_OUT: a page that is not in stays where it is.
pub(super) fn page_out(p: &mut Partition) -> Reply {
    let page = match page(p, 0) {
        Ok(page) => page,
        Err(code) => return code.into(),
    };
    let pages = &mut p.state.secure.pages;
    if pages.get(page) == Page::Secure {
        let key = pages.next_key();
        pages.set(page, Page::PagedOut(key));
    }
    code::SUCCESS.into()
}
