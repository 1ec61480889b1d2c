//! The pages of a guest that is secure or becomes it, as ultravisor and hypervisor keep them.
//!
//! Linux `Documentation/arch/powerpc/ultravisor.rst`, "Terminology", and `arch/powerpc/kvm/book3s_hv_uvmem.c`, "States
//! of a GFN" and "States of a VM". A page is normal, shared or secure, and a secure one may be paged out:
//!
//! ```text
//! from      share   unshare  page in  page out   init done  abort, terminate
//! normal    shared  secure   secure   -          secure     normal
//! secure    shared  secure   -        paged out  secure     normal
//! paged out shared  secure   secure   -          paged out  normal
//! shared    shared  secure   shared   shared     shared     normal
//! ```

use std::collections::BTreeMap;

/// How far a guest is from being secure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Vm {
    /// All its memory is the hypervisor's to see.
    #[default]
    Normal,
    /// It is on its way, between H_SVM_INIT_START and H_SVM_INIT_DONE.
    Transient,
    /// None of it is, but what it shares.
    Secure,
}

/// Where a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// In normal memory, as it is.
    Normal,
    /// In secure memory.
    Secure,
    /// In normal memory, encrypted with this key.
    PagedOut(u64),
    /// In normal memory, for both to see; whether the guest itself asked for it.
    Shared {
        /// By UV_SHARE_PAGE, not by the ultravisor for purposes of its own.
        by_guest: bool,
    },
}

/// The pages of the one guest whose pages are followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pages {
    /// How far the guest is.
    pub(crate) vm: Vm,
    /// Pages that are not where the state of the guest says, by number.
    known: BTreeMap<u64, Page>,
    /// The last key.
    key: u64,
}

impl Pages {
    /// Where a page is.
    pub(crate) fn get(&self, number: u64) -> Page {
        let usual = if self.vm == Vm::Transient { Page::Normal } else { Page::Secure };
        self.known.get(&number).copied().unwrap_or(usual)
    }

    /// Moves a page.
    pub(crate) fn set(&mut self, number: u64, page: Page) {
        self.known.insert(number, page);
    }

    /// The key for the next page that goes out.
    pub(crate) fn next_key(&mut self) -> u64 {
        self.key += 1;
        self.key
    }

    /// H_SVM_INIT_DONE: what is still normal becomes secure.
    pub(crate) fn complete(&mut self) {
        self.known.retain(|_, page| *page != Page::Normal);
        self.vm = Vm::Secure;
    }

    /// Abort and termination: everything is normal again.
    pub(crate) fn reset(&mut self) {
        self.known.clear();
        self.vm = Vm::Normal;
    }

    /// The pages that the guest itself has shared.
    pub(crate) fn shared_by_guest(&self) -> Vec<u64> {
        let asked = self.known.iter().filter(|(_, page)| matches!(page, Page::Shared { by_guest: true }));
        asked.map(|(number, _)| *number).collect()
    }
}

/// Encrypts or decrypts the `n`th doubleword of a page. It stands for AES, whose keys no one but the ultravisor knows;
/// all that a caller can tell is that the page reads differently and comes back as it was.
pub(crate) fn cipher(word: u64, key: u64, n: u64) -> u64 {
    let mixed = (key << 32 ^ n).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    word ^ mixed ^ mixed >> 29
}
