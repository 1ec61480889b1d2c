//! Calls that do not come back, and guests that end.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use super::support::{EE, KERNEL, Steered, boot, file, guest, machine, sc};
use hypercheck::backends::qemu::{Options, QemuPseries};
use hypercheck::contract::{BootError, GuestError, Hypervisor, Stop};

const UNKNOWN: u64 = 0x200;

/// The guest does what it is told, and keeps its registers.
fn is_usable(guest: &mut Steered) {
    guest.poison();
    assert_eq!(guest.call(&[UNKNOWN]), Stop::Reached);
    assert_eq!(guest.changed(), ["r3", "pc"]);
}

#[test]
fn a_guest_that_ceded_is_asleep_and_can_be_used_again() {
    let Some(mut guest) = guest() else { return };
    for _ in 0..3 {
        guest.poison();
        let start = Instant::now();
        assert_eq!(guest.call(&[0xe0]), Stop::Asleep);
        assert!(start.elapsed() < Duration::from_secs(2), "it is seen to sleep, not waited for");
        assert_eq!(guest.get("r3"), Some(0));
        assert_eq!(guest.get("msr"), Some(KERNEL | EE), "H_CEDE enables interrupts");
        assert_eq!(guest.get("pc"), Some(guest.code() + 4));
        assert_eq!(guest.changed(), ["r3", "pc", "msr"]);
        is_usable(&mut guest);
    }
}

#[test]
fn the_decrementer_wakes_a_guest_that_ceded() {
    let Some(mut guest) = guest() else { return };
    guest.set("dec", 20_000_000);
    assert_eq!(guest.call(&[0xe0]), Stop::Interrupt { vector: 0x900 });
    assert_eq!(guest.get("srr1"), Some(KERNEL | EE));
}

#[test]
fn a_loop_uses_up_the_budget() {
    let Some(mut guest) = guest() else { return };
    // b .
    let stop = guest.try_for(&[0x4800_0000], Duration::from_millis(50)).unwrap();
    assert_eq!(stop, Stop::Exhausted);
    assert_eq!(guest.get("pc"), Some(guest.code()));
    assert!(guest.changed().is_empty());
    is_usable(&mut guest);
}

#[test]
fn a_guest_that_powers_off_has_ended() {
    let Some(mut guest) = guest() else { return };
    let scratch = guest.guest.facts().scratch;
    // RTAS `power-off`: token, two arguments, one result.
    let arguments: Vec<u8> = [0x2003_u32, 2, 1, 0, 0, 0].iter().flat_map(|word| word.to_be_bytes()).collect();
    guest.guest.write(scratch, &arguments).unwrap();
    assert_eq!(guest.call(&[0xf000, scratch]), Stop::Ended { how: "shutdown".to_owned() });
    is_usable(&mut guest);
}

#[test]
fn a_guest_that_resets_itself_has_ended() {
    let Some(mut guest) = guest() else { return };
    let scratch = guest.guest.facts().scratch;
    // RTAS `system-reboot`
    let arguments: Vec<u8> = [0x2004_u32, 0, 1, 0].iter().flat_map(|word| word.to_be_bytes()).collect();
    guest.guest.write(scratch, &arguments).unwrap();
    assert_eq!(guest.call(&[0xf000, scratch]), Stop::Ended { how: "reset".to_owned() });
    is_usable(&mut guest);
}

#[test]
fn a_reset_interrupt_that_the_guest_asks_for_is_its_own() {
    let Some(mut guest) = guest() else { return };
    // H_SIGNAL_SYS_RESET, all processors
    assert_eq!(guest.call(&[0x380, u64::MAX]), Stop::Interrupt { vector: 0x100 });
    is_usable(&mut guest);
}

#[test]
fn a_crash_of_qemu_is_told_with_its_signal() {
    let backend = super::support::backend();
    let Some(mut guest) = boot(&backend) else { return };
    let (major, _) = backend.identity().version.split_once('.').unwrap();
    // H_CHANGE_LOGICAL_LAN_MAC takes any unit for a network device: a segmentation fault up to QEMU 7, a failed
    // assertion on the NVRAM's unit later.
    guest.set("r3", 0x14c).set("r4", 0x7100_0000);
    match guest.try_run(&[sc(1)]) {
        Err(GuestError::Lost { why, .. }) => {
            let signal = if major == "7" { "SIGSEGV" } else { "SIGABRT" };
            assert!(why.ends_with(signal), "{why}");
            assert!(matches!(guest.try_run(&[sc(1)]), Err(GuestError::Lost { .. })), "it stays lost");
            guest.guest.rewinding().unwrap().rewind().unwrap();
        }
        other => eprintln!("this QEMU survives it: {other:?}"),
    }
    is_usable(&mut guest);
}

#[test]
fn a_killed_qemu_is_lost_and_a_fresh_one_boots() {
    let Some(found) = guest().map(|_| program()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let (script, number) = (folder.path().join("qemu"), folder.path().join("number"));
    let text = format!("#!/bin/sh\necho $$ > '{}'\nexec '{found}' \"$@\"\n", number.display());
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let backend = QemuPseries::new(file(), Options { program: Some(script), ..Options::default() });
    let mut guest = boot(&backend).unwrap();
    is_usable(&mut guest);
    let number = fs::read_to_string(number).unwrap().trim().parse().unwrap();
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        let pid = rustix::process::Pid::from_raw(number).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        std::thread::sleep(Duration::from_millis(30));
        // QEMU may take SIGTERM for a wish.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    });
    match guest.try_run(&[0x4800_0000]) {
        Err(GuestError::Lost { why, .. }) => assert!(why.contains("killed by") || why.contains("exited"), "{why}"),
        Ok(Stop::Ended { .. }) => {}
        other => panic!("{other:?}"),
    }
    killer.join().unwrap();
    drop(guest);
    is_usable(&mut boot(&backend).unwrap());
}

#[test]
fn a_qemu_that_does_not_start_says_why() {
    let backend = QemuPseries::new(file(), Options { program: Some("/bin/false".into()), ..Options::default() });
    match backend.boot(&machine()).map(|_| ()) {
        Err(BootError::Failed { why, .. }) => assert_eq!(why, "false exited with status 1"),
        other => panic!("{other:?}"),
    }
    let backend = QemuPseries::new(file(), Options { program: Some("/no/such/program".into()), ..Options::default() });
    assert!(matches!(backend.boot(&machine()).map(|_| ()), Err(BootError::Missing { .. })));
    assert_eq!(backend.identity().version, "");
}

/// Where QEMU is.
fn program() -> String {
    let named = ["HYPERCHECK_QEMU_PSERIES", "HYPERCHECK_QEMU"].iter().find_map(std::env::var_os);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("qemu-system-ppc64")).find(|file| file.is_file());
    named.map(std::path::PathBuf::from).or(found).unwrap().display().to_string()
}
