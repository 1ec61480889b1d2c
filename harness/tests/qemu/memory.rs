//! What the host writes, what the guest changes, and going back.

use super::support::{PATIENCE, TRAP, guest, li};
use hypercheck::contract::{Budget, GuestError, Stop};

#[test]
fn instructions_written_over_are_what_runs_next() {
    let Some(mut guest) = guest() else { return };
    for round in 0..50 {
        for value in [1, 2, 1, 3] {
            assert_eq!(guest.run(&[li(5, value), li(6, value + round)]), Stop::Reached);
            assert_eq!(guest.get("r5"), Some(u64::from(value)));
            assert_eq!(guest.get("r6"), Some(u64::from(value + round)));
        }
    }
}

#[test]
fn code_may_lie_anywhere_once_it_was_run_there() {
    let Some(mut guest) = guest() else { return };
    let scratch = guest.guest.facts().scratch;
    for value in 1..20 {
        for at in [scratch + 0x8000, scratch + 0x40] {
            let bytes = [li(5, value).to_be_bytes(), TRAP.to_be_bytes()].concat();
            guest.guest.write(at, &bytes).unwrap();
            guest.set("pc", at);
            guest.guest.set_registers(&guest.given).unwrap();
            let budget = Budget { until: at + 4, instructions: 2, patience: PATIENCE };
            assert_eq!(guest.guest.run(budget).unwrap(), Stop::Reached);
            guest.guest.registers(&mut guest.got).unwrap();
            assert_eq!(guest.get("r5"), Some(u64::from(value)));
        }
    }
}

#[test]
fn the_watch_sees_a_page_that_a_call_cleared() {
    let Some(mut guest) = guest() else { return };
    let scratch = guest.guest.facts().scratch;
    guest.guest.write(scratch + 0x2010, &[0xaa; 0x30]).unwrap();
    guest.guest.write(scratch + 0x3ffe, &[0x55; 2]).unwrap();
    guest.run(&[]);
    guest.guest.watching().unwrap().mark().unwrap();
    // H_PAGE_INIT, zero
    for page in [0x2000, 0x3000] {
        assert_eq!(guest.call(&[0x2c, 1 << 15, scratch + page, 0]), Stop::Reached);
        assert_eq!(guest.get("r3"), Some(0));
    }
    let mut seen = Vec::new();
    let mut see = |at: u64, then: &[u8], now: &[u8]| {
        if at >= scratch {
            assert!(now.iter().all(|byte| *byte == 0));
            seen.push((at - scratch, then.to_vec()));
        }
    };
    guest.guest.watching().unwrap().changes(&mut see).unwrap();
    assert_eq!(seen, [(0x2010, vec![0xaa; 0x30]), (0x3ffe, vec![0x55; 2])]);
}

#[test]
fn nothing_is_seen_to_change_when_nothing_does() {
    let Some(mut guest) = guest() else { return };
    guest.run(&[li(5, 1)]);
    guest.guest.watching().unwrap().mark().unwrap();
    guest.run(&[li(5, 1)]);
    guest.guest.watching().unwrap().changes(&mut |at, _, _| panic!("{at:#x}")).unwrap();
}

#[test]
fn rewinding_undoes_what_was_done() {
    let Some(mut guest) = guest() else { return };
    let (scratch, vty) = (guest.guest.facts().scratch, guest.guest.facts().get("vty").unwrap());
    let elsewhere = 0x100_0000;
    for _ in 0..5 {
        guest.guest.write(scratch, &[1; 64]).unwrap();
        guest.guest.write(elsewhere, &[1; 64]).unwrap();
        // H_ENTER makes the first entry of the table valid; the second time it is taken.
        let enter = [0x8, 1 << 39, 0, 1, 0x30_0000 | 0x190];
        for answer in [0, -6_i64 as u64] {
            assert_eq!(guest.call(&enter), Stop::Reached);
            assert_eq!(guest.get("r3"), Some(answer));
        }
        guest.guest.rewinding().unwrap().rewind().unwrap();
        for at in [scratch, elsewhere, guest.code()] {
            let mut bytes = [1; 64];
            guest.guest.read(at, &mut bytes).unwrap();
            assert_eq!(bytes, [0; 64], "{at:#x}");
        }
        guest.poison();
        assert_eq!(guest.call(&[0x54, vty]), Stop::Reached);
        assert_eq!(guest.get("r3"), Some(0));
    }
}

#[test]
fn what_is_not_the_guests_cannot_be_written() {
    let Some(mut guest) = guest() else { return };
    let ram = guest.guest.facts().ram;
    for (at, length) in [(0x700, 4), (0x10_0000, 8), (ram, 1), (ram - 1, 2), (u64::MAX, 1)] {
        let write = guest.guest.write(at, &vec![0; length]);
        assert!(matches!(write, Err(GuestError::OutOfRange { .. })), "{at:#x}");
    }
    assert!(guest.guest.read(ram - 1, &mut [0; 2]).is_err());
    assert!(guest.guest.read(ram - 2, &mut [0; 2]).is_ok());
    guest.run(&[li(5, 1)]);
}
