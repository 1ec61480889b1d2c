//! Hypercalls of KVM and ePAPR: number in `r11`, arguments from `r3` on, result in `r3`, more of it from `r4` on.
//!
//! Linux `Documentation/virt/kvm/ppc-pv.rst` and `arch/powerpc/kvm/powerpc.c` (`kvmppc_kvm_pv`). As there, `r4` is
//! written by every call, by an unknown one with 0, and no other register is. Calls on objects are in [`epapr`].

use hypercheck_ppc::{Cpu, Overlay, msr};

use super::dispatch::Next;
use super::epapr::{self, Code};
use super::partition::Partition;
use super::profile::Conduit;
use super::sleep::Until;

/// The value of `r0` that makes a system call a hypercall: "KVM!".
pub(crate) const MAGIC: u32 = 0x4B56_4D21;

/// KVM_HC_FEATURES.
const FEATURES: u32 = 0x2A_0003;
/// KVM_HC_PPC_MAP_MAGIC_PAGE.
const MAP_MAGIC_PAGE: u32 = 0x2A_0004;
/// EV_IDLE.
const IDLE: u32 = 0x1_0010;

/// KVM_FEATURE_MAGIC_PAGE as a mask.
const MAGIC_PAGE: u64 = 1 << 1;
/// KVM_MAGIC_FEAT_SR and KVM_MAGIC_FEAT_MAS0_TO_SPRG7.
const MAGIC_PAGE_FEATURES: u64 = 3;

const SUCCESS: u64 = 0;

/// Whether a system call is one of these.
pub(crate) fn claims(cpu: &Cpu) -> bool {
    low_word(cpu.gpr[0]) == MAGIC
}

/// The low word of a register.
pub(super) fn low_word(value: u64) -> u32 {
    (value & 0xFFFF_FFFF) as u32
}

/// Carries out the call in `r11`, of which the low 32 bits count.
pub(crate) fn call(p: &mut Partition) -> Next {
    let magic_page = p.profile.kvm == Some(Conduit::Magic);
    let [first, second] = [3, 4].map(|n| p.cpu.effective(p.cpu.gpr[n]));
    let (result, out, next) = match low_word(p.cpu.gpr[11]) {
        FEATURES => (SUCCESS, if magic_page { MAGIC_PAGE } else { 0 }, Next::Resume),
        MAP_MAGIC_PAGE if magic_page => {
            // The document names the effective address first, the code takes it second; a Linux guest has the same
            // number in both places.
            if p.profile.documented_order {
                map(p, second, first)
            } else {
                map(p, first, second)
            }
            (SUCCESS, MAGIC_PAGE_FEATURES, Next::Resume)
        }
        IDLE if p.profile.epapr.idle() => (SUCCESS, 0, Next::Sleep(Until::Exception)),
        number => return handles(p, number),
    };
    p.cpu.gpr[3] = result;
    p.cpu.gpr[4] = out;
    next
}

/// A call on objects, or one that nobody has. It writes its own results.
fn handles(p: &mut Partition, number: u32) -> Next {
    let answer = epapr::call(p, number);
    if answer == Err(Code::Unimplemented) {
        p.cpu.gpr[4] = 0;
    }
    p.cpu.gpr[3] = answer.as_ref().map_or_else(|code| *code as u64, |_| SUCCESS);
    p.refresh_external();
    answer.unwrap_or(Next::Resume)
}

/// Maps the page, or moves it with what it holds. Its byte order is the one in which the guest takes interrupts at this
/// moment. Physical address 0 means that there is no page. The flags in the low bits of the effective address tell of
/// page permissions, which the reference does not model.
fn map(p: &mut Partition, physical: u64, effective: u64) {
    let little = p.cpu.model.is_server() && p.cpu.lpcr & msr::LPCR_ILE != 0;
    let mut page = Overlay::new(effective, physical, !little);
    if page.physical == 0 {
        p.cpu.overlay = None;
        return;
    }
    if let Some(old) = p.cpu.overlay.take() {
        if old.big_endian != page.big_endian {
            keep_bytes(&mut p.cpu);
        }
        page.storage = old.storage;
    }
    p.cpu.overlay = Some(page);
}

/// Fields of registers that Book3S does not have keep their bytes where the byte order changes: Linux
/// `kvmppc_swab_shared` leaves them alone. The number that such a byte order makes of them is another one then.
fn keep_bytes(cpu: &mut Cpu) {
    let word = |value: u64| u64::from(low_word(value).swap_bytes());
    for n in 4..8 {
        cpu.sprg[n] = cpu.sprg[n].swap_bytes();
    }
    for n in [0, 1, 4, 6] {
        cpu.mas[n] = word(cpu.mas[n]);
    }
    cpu.mas[2] = cpu.mas[2].swap_bytes();
    (cpu.mas[7], cpu.mas[3]) = (word(cpu.mas[3]), word(cpu.mas[7]));
    cpu.esr = cpu.esr.swap_bytes();
}
