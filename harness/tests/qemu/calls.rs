//! Instructions and calls that come back.

use super::support::{DR, EE, IR, KERNEL, LE, ME, PR, RI, SF, backend, boot, file, guest, sc};
use hypercheck::backends::qemu::{Cpu, Options, QemuPseries};
use hypercheck::contract::{Hypervisor, Stop};

const H_FUNCTION: u64 = -2_i64 as u64;
const H_PRIVILEGE: u64 = -3_i64 as u64;
const H_GET_TERM_CHAR: u64 = 0x54;
const UNKNOWN: u64 = 0x200;

#[test]
fn the_identity_says_what_the_device_tree_says() {
    let backend = backend();
    let identity = backend.identity();
    assert_eq!(identity.name, "qemu-pseries");
    let Some(mut guest) = boot(&backend) else { return };
    assert!(identity.version.split('.').all(|part| part.parse::<u32>().is_ok()), "{identity:?}");
    assert!(identity.offers(["ppc64", "papr", "isa.ppc64", "hcall-pft", "hcall-term", "H_REG_CRQ"], []).is_ok());
    assert!(identity.offers(["hcall-sub-crq"], []).is_err());
    let facts = guest.guest.facts().clone();
    let known = [("cpus", 1), ("cpu", 0), ("vty", 0x3000_0000), ("ptes", 1 << 17), ("liobn", 0x8000_0000)];
    for (name, value) in known {
        assert_eq!(facts.get(name), Some(value), "{name} in {facts:?}");
    }
    assert_eq!(facts.get("tce-window"), Some(1 << 30));
    assert_eq!(facts.ram, 256 << 20);
    let tree = hypercheck::device_tree::DeviceTree::parse(&guest.guest.device_tree().unwrap()).unwrap();
    assert_eq!(tree.strings("/", "device_type").next(), Some("chrp"));
}

#[test]
fn the_terminal_has_nothing_to_read() {
    let Some(mut guest) = guest() else { return };
    let vty = guest.guest.facts().get("vty").unwrap();
    assert_eq!(guest.call(&[H_GET_TERM_CHAR, vty]), Stop::Reached);
    assert_eq!([3, 4, 5, 6].map(|n| guest.get(&format!("r{n}"))), [Some(0); 4]);
    assert_eq!(guest.changed(), ["r3", "r4", "r5", "r6", "pc"]);
}

#[test]
fn an_unknown_call_changes_nothing_but_its_return_code() {
    let Some(mut guest) = guest() else { return };
    assert_eq!(guest.call(&[UNKNOWN]), Stop::Reached);
    assert_eq!(guest.get("r3"), Some(H_FUNCTION));
    assert_eq!(guest.get("pc"), Some(guest.code() + 4));
    assert_eq!(guest.get("msr"), Some(KERNEL));
    assert_eq!(guest.changed(), ["r3", "pc"]);
    assert_eq!((guest.get("srr0"), guest.get("srr1")), (None, None), "the trap at the end overwrote them");
}

#[test]
fn problem_state_may_not_call() {
    let Some(mut guest) = guest() else { return };
    guest.set("msr", KERNEL | PR);
    assert_eq!(guest.call(&[H_GET_TERM_CHAR, 0]), Stop::Reached);
    assert_eq!(guest.get("r3"), Some(H_PRIVILEGE));
    assert_eq!(guest.get("msr"), Some(KERNEL | PR | EE | IR | DR));
    assert_eq!(guest.changed(), ["r3", "pc", "msr"]);
}

#[test]
fn translated_supervisor_state_reaches_code_and_scratch() {
    let Some(mut guest) = guest() else { return };
    let scratch = guest.guest.facts().scratch;
    for (n, msr) in [KERNEL | IR | DR, KERNEL | IR, KERNEL | PR, KERNEL | PR | LE].into_iter().enumerate() {
        let at = scratch + 0x1008 * n as u64;
        guest.poison();
        guest.set("msr", msr).set("r4", at).set("r5", 0x0102_0304_0506_0708);
        // std r5,0(r4); ld r6,0(r4)
        assert_eq!(guest.run(&[0xf8a4_0000, 0xe8c4_0000]), Stop::Reached, "MSR {msr:#x}");
        assert_eq!(guest.get("r6"), Some(0x0102_0304_0506_0708));
        let mut bytes = [0; 8];
        guest.guest.read(at, &mut bytes).unwrap();
        assert_eq!(bytes[0], if msr & LE == 0 { 1 } else { 8 });
    }
}

#[test]
fn calls_work_little_endian_and_in_32_bit_mode() {
    let Some(mut guest) = guest() else { return };
    for msr in [KERNEL | LE, ME | RI, ME | RI | LE] {
        guest.poison();
        guest.set("msr", msr);
        assert_eq!(guest.call(&[UNKNOWN]), Stop::Reached, "MSR {msr:#x}");
        assert_eq!(guest.get("r3"), Some(H_FUNCTION));
        assert_eq!(guest.get("msr"), Some(msr));
        assert_eq!(guest.changed(), ["r3", "pc"]);
    }
}

#[test]
fn a_system_call_is_an_interrupt_of_the_guest() {
    let Some(mut guest) = guest() else { return };
    assert_eq!(guest.run(&[sc(0)]), Stop::Interrupt { vector: 0xc00 });
    assert_eq!(guest.get("srr0"), Some(guest.code() + 4));
    assert_eq!(guest.get("srr1"), Some(KERNEL));
    assert_eq!(guest.get("pc"), Some(0xc00));
    assert_eq!(guest.get("msr"), Some(SF | ME));
    assert_eq!(guest.changed(), ["pc", "msr"]);
}

#[test]
fn a_trap_elsewhere_and_an_illegal_instruction_are_interrupts() {
    let Some(mut guest) = guest() else { return };
    assert_eq!(guest.run(&[super::support::TRAP, sc(0)]), Stop::Interrupt { vector: 0x700 });
    assert_eq!(guest.get("srr1"), Some(KERNEL | 0x2_0000));
    assert_eq!(guest.run(&[0]), Stop::Interrupt { vector: 0x700 });
    assert_eq!(guest.get("srr1"), Some(KERNEL | 0x8_0000));
    assert_eq!(guest.get("srr0"), Some(guest.code()));
}

#[test]
fn system_call_vectored_has_its_own_vectors() {
    let Some(mut guest) = guest() else { return };
    // mfspr r4,FSCR; ori r4,r4,0x1000; mtspr FSCR,r4; scv 3
    let words = [0x7c99_22a6, 0x6084_1000, 0x7c99_23a6, 0x4400_0061];
    assert_eq!(guest.run(&words), Stop::Interrupt { vector: 0x1_7060 });
    assert_eq!(guest.get("lr"), Some(guest.code() + 16));
    assert_eq!(guest.changed(), ["r4", "lr", "ctr", "pc"]);
}

#[test]
fn interrupts_that_turned_little_endian_are_taken() {
    let Some(mut guest) = guest() else { return };
    // H_SET_MODE, little-endian, resource 4
    assert_eq!(guest.call(&[0x31c, 1, 4, 0, 0]), Stop::Reached);
    assert_eq!(guest.get("r3"), Some(0));
    guest.poison();
    assert_eq!(guest.run(&[sc(0)]), Stop::Interrupt { vector: 0xc00 });
    assert_eq!(guest.get("msr"), Some(SF | ME | LE));
    assert_eq!((guest.get("srr0"), guest.get("srr1")), (Some(guest.code() + 4), Some(KERNEL)));
    assert_eq!(guest.changed(), ["pc", "msr"]);
    guest.guest.rewinding().unwrap().rewind().unwrap();
    assert_eq!(guest.run(&[sc(0)]), Stop::Interrupt { vector: 0xc00 });
    assert_eq!(guest.get("msr"), Some(SF | ME));
}

#[test]
fn every_processor_model_keeps_all_registers() {
    for cpu in [Cpu::Power8, Cpu::Power9, Cpu::Power10] {
        let backend = QemuPseries::new(file(), Options { cpu, ..Options::default() });
        let Some(mut guest) = boot(&backend) else { return };
        for msr in [KERNEL, KERNEL | PR] {
            guest.poison();
            guest.set("msr", msr);
            assert_eq!(guest.call(&[UNKNOWN]), Stop::Reached, "{cpu:?}");
            let mut changed = guest.changed();
            changed.retain(|name| name != "msr");
            assert_eq!(changed, ["r3", "pc"], "{cpu:?}");
        }
        assert!(backend.identity().features.contains(&format!("cpu.{}", cpu.name())));
    }
}
