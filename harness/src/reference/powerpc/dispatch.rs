//! What a system call instruction means: the tests that decide it, in their order.
//!
//! | test | who answers |
//! |---|---|
//! | LEV 2, SMFCTRL\[E\] = 1 | ultravisor (with E = 0, LEV 2 is LEV 1: Power ISA, "System Call") |
//! | LEV 1, PAPR | PAPR; in problem state H_PRIVILEGE (LoPAR R1-11 of "Hypervisor Call Functions") |
//! | LEV 1, BookE with a hypervisor | KVM and ePAPR; in problem state a program interrupt |
//! | OSI magic in `r3` and `r4` | user space, from any state and with any LEV |
//! | KVM magic in `r0`, privileged state | KVM and ePAPR |
//! | nothing of these | the guest's own system call interrupt |
//!
//! Linux `arch/powerpc/kvm/book3s_pr.c` (`BOOK3S_INTERRUPT_SYSCALL`) and `booke.c` have the order from LEV 1 on. The
//! magic values are compared with the low 32 bits of the registers.

use hypercheck_ppc::{Interrupt, Program};

use super::papr::{Reply, code};
use super::partition::Partition;
use super::profile::{Conduit, Ultravisor, UserSpace};
use super::sleep::Until;
use super::{kvm, osi, papr, ultravisor};

/// How the guest goes on after a system call instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// With the next instruction.
    Resume,
    /// With the next instruction, once something wakes it.
    Sleep(Until),
    /// Once user space has answered.
    Forward(Route),
    /// With an interrupt.
    Interrupt(Interrupt),
    /// Not at all.
    End(&'static str),
}

/// Which registers a call takes to user space and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// All 32 general registers: `KVM_EXIT_OSI`.
    Osi,
    /// `r3` to `r12`: `KVM_EXIT_PAPR_HCALL`.
    Papr,
}

/// Decides what an `sc` with this LEV means, and does it.
pub(crate) fn system_call(p: &mut Partition, lev: u8) -> Next {
    let server = p.profile.model.is_server();
    if server && lev == 2 && p.profile.ultravisor == Ultravisor::On {
        return ultravisor::call(p);
    }
    if lev == 1 || server && lev == 2 {
        if p.profile.papr {
            return papr_call(p);
        }
        if p.profile.kvm == Some(Conduit::Hypervisor) {
            return hypervisor_conduit(p);
        }
    }
    if p.profile.osi.is_some() && osi::claims(&p.cpu) {
        return osi::call(p);
    }
    if p.profile.kvm == Some(Conduit::Magic) && !p.problem_state() && kvm::claims(&p.cpu) {
        return kvm::call(p);
    }
    Next::Interrupt(Interrupt::SystemCall { lev })
}

fn papr_call(p: &mut Partition) -> Next {
    if p.problem_state() {
        p.cpu.gpr[3] = code::PRIVILEGE.cast_unsigned();
        return Next::Resume;
    }
    let (code, next) = match papr::call(p) {
        Some(Reply::Now(code)) => (code, Next::Resume),
        Some(Reply::Asleep(code)) => (code, Next::Sleep(Until::Interrupt)),
        Some(Reply::Reset(code)) => (code, Next::Interrupt(Interrupt::SystemReset)),
        None if p.profile.unknown_papr == UserSpace::Harness => return Next::Forward(Route::Papr),
        None => (code::FUNCTION, Next::Resume),
    };
    p.cpu.gpr[3] = code.cast_unsigned();
    p.refresh_external();
    next
}

/// A program interrupt saves the address of the instruction that caused it (Power ISA 2.07 Book III-E, "Program
/// Interrupt").
fn hypervisor_conduit(p: &mut Partition) -> Next {
    if p.problem_state() {
        p.cpu.pc = p.cpu.pc.wrapping_sub(4) & p.cpu.model.register_mask();
        return Next::Interrupt(Interrupt::Program(Program::Privileged));
    }
    kvm::call(p)
}
