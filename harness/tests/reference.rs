//! The bundled reference through the contract: every family of calls, who wins where two claim a call, and the abilities.

mod lab;

use std::time::Duration;

use hypercheck::contract::{BootError, Budget, Hypervisor, Stop};
use lab::{Lab, POISON};
use rstest::rstest;

const SUCCESS: i64 = 0;
const FUNCTION: i64 = -2;
const PRIVILEGE: i64 = -3;
const PARAMETER: i64 = -4;

const KVM: u64 = 0x4B56_4D21;
const OSI: [u64; 2] = [0x1137_24FA, 0x7781_0F9B];
const EE: u64 = 1 << 15;
const PR: u64 = 1 << 14;
const TRANSLATED: u64 = 0x30;
const HV: u64 = 1 << 60;
const S: u64 = 1 << 22;

fn papr() -> Lab {
    Lab::boot("ppc64", &["papr"])
}

#[rstest]
#[case::zero(0, FUNCTION)]
#[case::never_assigned(0x48C, FUNCTION)]
#[case::unaligned(0x25, FUNCTION)]
#[case::beyond(0x1_0000_0024, FUNCTION)]
#[case::ultravisor_number(0xF130, FUNCTION)]
#[case::all_ones(u64::MAX, FUNCTION)]
#[case::known(0x24, SUCCESS)]
fn an_unknown_token_is_h_function(#[case] token: u64, #[case] expected: i64) {
    assert_eq!(papr().hcall(token, &[]), expected);
}

/// Every call, with arguments at which it succeeds, and the registers beside `r3` that it may change.
#[rstest]
#[case::set_sprg0(0x24, &[7], SUCCESS, &["sprg0"])]
#[case::set_dabr(0x28, &[4], SUCCESS, &["dabr", "dabrx"])]
#[case::set_xdabr(0x134, &[8, 3], SUCCESS, &["dabr", "dabrx"])]
#[case::page_init(0x2C, &[1 << 15, 0x30_1000], SUCCESS, &[])]
#[case::ci_load(0x3C, &[8, 0x30_0000], SUCCESS, &["r4"])]
#[case::ci_store(0x40, &[8, 0x30_0000, 9], SUCCESS, &[])]
#[case::cache_load(0x44, &[1, 0x30_0000], SUCCESS, &["r4"])]
#[case::cache_store(0x48, &[2, 0x30_0000, 9], SUCCESS, &[])]
#[case::icbi(0x4C, &[0x30_0000], SUCCESS, &[])]
#[case::dcbf(0x50, &[0x30_0000], SUCCESS, &[])]
#[case::get_term_char(0x54, &[0x3000_0000], SUCCESS, &["r4", "r5", "r6"])]
#[case::put_term_char(0x58, &[0x3000_0000, 16], SUCCESS, &[])]
#[case::enter(0x08, &[0, 8, 0x1234_5600_0001, 0x30_0192], SUCCESS, &["r4"])]
#[case::read(0x0C, &[0, 8], SUCCESS, &["r4", "r5"])]
#[case::read_4(0x0C, &[1 << 37, 9], SUCCESS, &["r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11"])]
#[case::clear_mod_of_nothing(0x10, &[0, 8], -7, &[])]
#[case::clear_ref_of_nothing(0x14, &[0, 8], -7, &[])]
#[case::protect_nothing(0x18, &[0, 8], -7, &[])]
#[case::remove_nothing(0x04, &[0, 8], -7, &[])]
#[case::bulk_remove_nothing(0x124, &[3 << 62], SUCCESS, &[])]
#[case::get_tce(0x1C, &[0x8000_0000, 0x1000], SUCCESS, &["r4"])]
#[case::put_tce(0x20, &[0x8000_0000, 0x1000, 0x30_0003], SUCCESS, &[])]
#[case::stuff_tce(0x138, &[0x8000_0000, 0, 0x30_0003, 512], SUCCESS, &[])]
#[case::put_tce_indirect(0x13C, &[0x8000_0000, 0, 0x30_0000, 2], SUCCESS, &[])]
#[case::eoi_of_nothing(0x64, &[0xFF00_0000], PARAMETER, &[])]
#[case::eoi(0x64, &[0xFF00_0002], SUCCESS, &[])]
#[case::cppr(0x68, &[0xFF], SUCCESS, &[])]
#[case::ipi(0x6C, &[1, 4], SUCCESS, &[])]
#[case::ipoll(0x70, &[0], SUCCESS, &["r4", "r5"])]
#[case::xirr(0x74, &[], SUCCESS, &["r4"])]
#[case::xirr_x(0x2FC, &[0xFF], SUCCESS, &["r4", "r5"])]
#[case::confer_to_all(0xE4, &[u64::MAX, 0], SUCCESS, &[])]
#[case::prod(0xE8, &[1], SUCCESS, &[])]
#[case::get_ppp(0xEC, &[], SUCCESS, &["r4", "r5", "r6", "r7"])]
#[case::set_ppp(0xF0, &[100, 128], SUCCESS, &[])]
#[case::set_ppp_beyond(0xF0, &[1000, 128], 4, &[])]
#[case::purr(0xF4, &[], SUCCESS, &["r4"])]
#[case::join(0x298, &[], 18, &[])]
#[case::poll_pending(0x1D8, &[], SUCCESS, &[])]
#[case::home_node(0x2EC, &[1, 0], SUCCESS, &["r4", "r5", "r6", "r7", "r8", "r9"])]
#[case::random(0x300, &[], SUCCESS, &["r4"])]
#[case::characteristics(0x1C8, &[], SUCCESS, &["r4", "r5"])]
#[case::breakpoint(0x31C, &[0, 1, 0x1000, 0], SUCCESS, &["ciabr"])]
#[case::watchpoint(0x31C, &[0, 2, 0x1000, 0x1B], SUCCESS, &["dawr0", "dawrx0"])]
#[case::interrupt_location(0x31C, &[3, 3, 0, 0], SUCCESS, &["lpcr"])]
#[case::interrupt_endianness(0x31C, &[1, 4, 0, 0], SUCCESS, &["lpcr"])]
#[case::clear_hpt(0x358, &[], SUCCESS, &[])]
fn a_call_changes_its_outputs_alone(
    #[case] token: u64,
    #[case] arguments: &[u64],
    #[case] expected: i64,
    #[case] outputs: &[&str],
) {
    let mut lab = papr();
    let changed = lab.changed_by("sc 1", &[&[token], arguments].concat());
    assert_eq!(lab.get("r3").cast_signed(), expected);
    let unexpected: Vec<_> = changed.iter().filter(|name| *name != "r3" && !outputs.contains(&name.as_str())).collect();
    assert!(unexpected.is_empty(), "{unexpected:?} changed too");
}

#[rstest]
#[case::page_init_unaligned(0x2C, &[1 << 15, 0x30_0123], PARAMETER)]
#[case::page_init_source(0x2C, &[1 << 14, 0x30_0000, 0x30_0123], PARAMETER)]
#[case::load_size(0x3C, &[3, 0x30_0000], PARAMETER)]
#[case::load_unaligned(0x3C, &[4, 0x30_0002], PARAMETER)]
#[case::load_outside(0x3C, &[4, 32 << 20], PARAMETER)]
#[case::terminal_unit(0x58, &[1, 1], PARAMETER)]
#[case::terminal_length(0x58, &[0, 17], PARAMETER)]
#[case::xdabr_reserved(0x134, &[0, 0x10], PARAMETER)]
#[case::xdabr_hypervisor(0x134, &[0, 7], PARAMETER)]
#[case::xdabr_nobody(0x134, &[0, 8], PARAMETER)]
#[case::enter_index(0x08, &[0, 1 << 14, 1, 0x30_0190], PARAMETER)]
#[case::enter_address(0x08, &[0, 0, 1, 0x1_0000_0190], PARAMETER)]
#[case::enter_wimg(0x08, &[0, 0, 1, 0x30_01B0], PARAMETER)]
#[case::enter_size(0x08, &[0, 0, 5, 0x30_5190], PARAMETER)]
#[case::enter_zero_16m(0x08, &[1 << 15, 0, 5, 0x190], -64)]
#[case::tce_bus(0x20, &[0x8000_0001, 0, 3], PARAMETER)]
#[case::tce_address(0x20, &[0x8000_0000, 0x1000_0000, 3], PARAMETER)]
#[case::tce_page(0x20, &[0x8000_0000, 0, 0x1_0000_0003], PARAMETER)]
#[case::stuff_too_many(0x138, &[0x8000_0000, 0, 0, 513], -57)]
#[case::stuff_beyond(0x138, &[0x8000_0000, 0x0FFF_F000, 0, 2], PARAMETER)]
#[case::indirect_tables(0x13C, &[u64::MAX, 0, 0x30_0000, 1], FUNCTION)]
#[case::indirect_list(0x13C, &[0x8000_0000, 0, 0x30_0008, 1], PARAMETER)]
#[case::ipi_server(0x6C, &[2, 0], PARAMETER)]
#[case::prod_unknown(0xE8, &[2], PARAMETER)]
#[case::confer_unknown(0xE4, &[2], PARAMETER)]
#[case::weight(0xF0, &[100, 256], PARAMETER)]
#[case::home_node_flags(0x2EC, &[3, 0], PARAMETER)]
#[case::home_node_id(0x2EC, &[1, 2], -55)]
#[case::mode_resource(0x31C, &[0, 5, 0, 0], -55)]
#[case::breakpoint_in_order(0x31C, &[1, 1, 3, 1], -57)]
#[case::breakpoint_flags(0x31C, &[1, 1, 3, 0], -319)]
#[case::breakpoint_value(0x31C, &[0, 1, 3, 0], -56)]
#[case::location_reserved(0x31C, &[1, 3, 0, 0], -318)]
#[case::location_value(0x31C, &[1, 3, 1, 1], -56)]
#[case::vpa_subfunction(0xDC, &[4 << 45, 0, 0x30_0000], PARAMETER)]
#[case::vpa_processor(0xDC, &[1 << 45, 2, 0x30_0000], PARAMETER)]
#[case::vpa_address(0xDC, &[1 << 45, 0, 0x30_0040], PARAMETER)]
#[case::vpa_size(0xDC, &[1 << 45, 0, 0x30_0000], PARAMETER)]
#[case::log_before_vpa_but_size_first(0xDC, &[2 << 45, 0, 0x30_0000], PARAMETER)]
fn wrong_arguments_get_the_code_that_lopar_names(#[case] token: u64, #[case] arguments: &[u64], #[case] code: i64) {
    let mut lab = papr();
    assert_eq!(lab.hcall(token, arguments), code);
    assert_eq!(lab.get("r5"), arguments.get(1).copied().unwrap_or(POISON + 5), "an error leaves r5 alone");
}

#[test]
fn virtual_processor_areas_come_and_go_in_order() {
    let (mut lab, at) = (papr(), 0x30_0000);
    lab.write(at + 4, &640u16.to_be_bytes());
    lab.write(at + 0x404, &48u32.to_be_bytes());
    assert_eq!(lab.hcall(0xDC, &[2 << 45, 0, at + 0x400]), -16, "a log needs a VPA");
    assert_eq!(lab.hcall(0xDC, &[1 << 45, 0, at]), SUCCESS);
    assert_eq!(lab.hcall(0xDC, &[3 << 45, 0, at + 0x400]), SUCCESS);
    assert_eq!(lab.hcall(0xDC, &[5 << 45, 0, 0]), -16, "the shadow is still there");
    assert_eq!(lab.read(at + 0x100, 4), [0; 4], "dispatched is even");
    assert_eq!(lab.hcall(0xE8, &[0]), SUCCESS);
    assert_eq!(lab.hcall(0xE0, &[]), SUCCESS, "the prod was latched");
    assert_eq!(lab.stop_of_hcall(0xE0, &[]), Stop::Asleep);
    assert_eq!(lab.read(at + 0x100, 4), [0, 0, 0, 1], "ceded is odd");
    assert_eq!(lab.hcall(0xDC, &[7 << 45, 0, 0]), SUCCESS);
    assert_eq!(lab.hcall(0xDC, &[5 << 45, 0, 0]), SUCCESS);
}

#[test]
fn an_entry_is_found_protected_and_removed() {
    let mut lab = papr();
    let (exact, avpn) = (1 << 39, 1 << 31);
    assert_eq!(lab.hcall(0x08, &[exact, 13, 0x1234_5600_0060, 0x30_0192]), SUCCESS);
    assert_eq!(lab.hcall(0x08, &[exact, 13, 0x80, 0x30_0192]), -6);
    assert_eq!(lab.hcall(0x08, &[0, 13, 0x80, 0x30_0192]), SUCCESS);
    assert_eq!(lab.get("r4"), 8, "the group's first free entry");
    assert_eq!(lab.hcall(0x0C, &[0, 13]), SUCCESS);
    assert_eq!([lab.get("r4"), lab.get("r5")], [0x1234_5600_0001, 0x30_0192]);
    assert_eq!(lab.hcall(0x18, &[avpn | 0x3F05, 13, 0x1234_5600_0000]), SUCCESS);
    assert_eq!(lab.hcall(0x10, &[0, 13]), SUCCESS);
    assert_eq!(lab.get("r4"), 0xB000_0000_0030_0E95, "keys, pp and n are new, R is clear, C was set");
    assert_eq!(lab.hcall(0x04, &[avpn, 13, 0x80]), -7);
    let request = |index: u64, flags: u64| 1 << 62 | flags << 56 | index;
    let requests = [request(13, 2), 0x1234_5600_0000, request(8, 0), 0, request(9, 0), 0, 3 << 62, 0];
    assert_eq!(lab.hcall(0x124, &requests), SUCCESS);
    assert_eq!(lab.get("r4"), 2 << 62 | 2 << 56 | 13);
    assert_eq!(lab.get("r6"), 2 << 62 | 0b11 << 58 | 8, "R and C of the entry removed");
    assert_eq!(lab.get("r8"), 2 << 62 | 1 << 60 | 9, "not found");
}

#[test]
fn a_list_with_one_bad_entry_stores_nothing() {
    let mut lab = papr();
    lab.write(0x30_0000, &[0x30_0003u64.to_be_bytes(), 0x1_0000_0003u64.to_be_bytes()].concat());
    assert_eq!(lab.hcall(0x13C, &[0x8000_0000, 0, 0x30_0000, 2]), PARAMETER);
    assert_eq!(lab.hcall(0x1C, &[0x8000_0000, 0]), SUCCESS);
    assert_eq!(lab.get("r4"), 0);
    assert_eq!(lab.hcall(0x13C, &[0x8000_0000, 0, 0x30_0000, 1]), SUCCESS);
    assert_eq!(lab.hcall(0x1C, &[0x8000_0000, 0xFFF]), SUCCESS);
    assert_eq!(lab.get("r4"), 0x30_0003);
}

#[test]
fn an_interrupt_to_oneself_is_taken_when_enabled() {
    let mut lab = papr();
    assert_eq!(lab.hcall(0x6C, &[0, 5]), SUCCESS);
    assert_eq!(lab.hcall(0x68, &[0xFF]), SUCCESS);
    assert_eq!(lab.stop_of_hcall(0xE0, &[]), Stop::Interrupt { vector: 0x500 });
    assert_eq!((lab.get("r3"), lab.get("srr0")), (0, lab.end()));
    assert_eq!(lab.hcall(0x74, &[]), SUCCESS);
    assert_eq!(lab.get("r4"), 0xFF00_0002);
    assert_eq!(lab.hcall(0x64, &[0x0400_0002]), PARAMETER, "more favored than the present priority");
    assert_eq!(lab.hcall(0x6C, &[0, 0xFF]), SUCCESS);
    assert_eq!(lab.hcall(0x64, &[0xFF00_0002]), SUCCESS);
    assert_eq!(lab.hcall(0x70, &[0]), SUCCESS);
    assert_eq!([lab.get("r4"), lab.get("r5")], [0xFF00_0000, 0xFF]);
}

#[test]
fn a_ceded_processor_wakes_when_its_decrementer_expires() {
    let mut lab = papr();
    lab.set(&[("dec", 500)]);
    assert_eq!(lab.stop_of_hcall(0xE0, &[]), Stop::Interrupt { vector: 0x900 });
    assert_eq!(lab.get("srr1") & EE, EE, "as if interrupts had been on at the call");
    assert_eq!(lab.hcall(0x298, &[]), 18);
    let kernel = lab.msr();
    lab.set(&[("msr", kernel | EE), ("dec", 0x7FFF_FFFF)]);
    assert_eq!(lab.hcall(0x298, &[]), -5, "H_JOIN wants interrupts off");
}

/// Who answers. `Ok` is what that one leaves in `r3`; an interrupt leaves it alone.
#[rstest]
#[case::papr_first(&["papr", "osi", "kvm-epapr", "book3s-pr"], "sc 1", 0, Ok(-2))]
#[case::papr_from_problem_state(&["papr", "osi", "kvm-epapr", "book3s-pr"], "sc 1", PR | TRANSLATED, Ok(PRIVILEGE))]
#[case::osi_before_kvm(&["papr", "osi", "kvm-epapr", "book3s-pr"], "sc", 0, Ok(0))]
#[case::osi_from_problem_state(&["papr", "osi", "kvm-epapr", "book3s-pr"], "sc", PR | TRANSLATED, Ok(0))]
#[case::osi_with_any_lev(&["papr", "osi", "kvm-epapr", "book3s-pr"], "sc 3", 0, Ok(0))]
#[case::osi_by_sc_1_without_papr(&["osi", "kvm-epapr", "book3s-pr"], "sc 1", 0, Ok(0))]
#[case::kvm_before_the_guest(&["papr", "kvm-epapr", "book3s-pr"], "sc", 0, Ok(12))]
#[case::kvm_by_sc_1_without_papr(&["kvm-epapr", "book3s-pr"], "sc 1", 0, Ok(12))]
#[case::kvm_not_from_problem_state(&["papr", "kvm-epapr", "book3s-pr"], "sc", PR | TRANSLATED, Err(0xC00))]
#[case::sc_2_is_sc_1(&["papr", "osi", "kvm-epapr", "book3s-pr"], "sc 2", 0, Ok(-2))]
#[case::sc_2_is_sc_1_in_problem_state(&["ultravisor", "osi"], "sc 2", PR | TRANSLATED, Ok(PRIVILEGE))]
#[case::nobody(&["papr"], "sc", 0, Err(0xC00))]
#[case::nobody_at_all(&[], "sc 1", 0, Err(0xC00))]
#[case::scv(&["papr", "osi", "kvm-epapr", "book3s-pr", "ppc64.scv"], "scv 0", 0, Err(0x1_7000))]
#[case::scv_switched_off(&["papr", "osi", "kvm-epapr", "book3s-pr"], "scv 0", 0, Err(0xF60))]
fn the_first_test_that_holds_decides(
    #[case] features: &[&str],
    #[case] code: &str,
    #[case] msr: u64,
    #[case] expected: Result<i64, u64>,
) {
    let mut lab = Lab::boot("ppc64", features);
    let (kernel, high) = (lab.msr(), 0xABCD_0000_0000_0000);
    lab.poison();
    lab.set(&[("msr", kernel | msr), ("r0", KVM | high), ("r3", OSI[0] | high), ("r4", OSI[1] | high), ("r5", 47)]);
    lab.set(&[("r11", 0x2A_0001)]);
    if !features.contains(&"osi") {
        lab.set(&[("r4", 0)]);
    }
    let stop = lab.run(code);
    match expected {
        Ok(r3) => assert_eq!((stop, lab.get("r3").cast_signed()), (Stop::Reached, r3)),
        Err(vector) => {
            assert_eq!((stop, lab.get("r3")), (Stop::Interrupt { vector }, OSI[0] | high));
            assert_eq!(lab.get("pc") & 0x1_FFFF, vector);
        }
    }
}

#[test]
fn a_ucall_without_an_ultravisor_is_judged_as_an_hcall() {
    for features in [&["papr"][..], &["ultravisor"]] {
        let mut lab = Lab::boot("ppc64", features);
        assert_eq!(lab.call("sc 2", &[0xF130]), FUNCTION);
        assert_eq!(lab.call("sc 2", &[0x24, 77]), SUCCESS);
        assert_eq!(lab.get("sprg0"), 77);
    }
}

#[rstest]
#[case::guest_calls_hypervisors_call(0, &[0xF104, 1], -11)]
#[case::unknown(0, &[0xF154], -2)]
#[case::firmwares_own(0, &[0xF108], -2)]
#[case::share_when_not_secure(0, &[0xF130, 48, 1], -11)]
#[case::share(S, &[0xF130, 48, 1], 0)]
#[case::share_nothing(S, &[0xF130, 48, 0], -55)]
#[case::share_outside(S, &[0xF130, 512, 1], -4)]
#[case::unshare_all(S, &[0xF140], 0)]
#[case::problem_state(PR | TRANSLATED | S, &[0xF140], -11)]
#[case::esm_blob(0, &[0xF110, 0, 0x100_0000], -4)]
#[case::esm_tree(0, &[0xF110, 0x30_0000, 0x30_0000], -55)]
#[case::esm(0, &[0xF110, 0x30_0000, 0x100_0000], 0)]
#[case::esm_when_secure(S, &[0xF110, 0, 0], 0)]
#[case::pate(HV, &[0xF104, 1], 0)]
#[case::pate_partition(HV, &[0xF104, 4096], -4)]
#[case::slot(HV, &[0xF120, 1, 0, 0x1_0000, 0, 3], 0)]
#[case::slot_partition(HV, &[0xF120, 0, 1, 1, 1, 512], -4)]
#[case::slot_start(HV, &[0xF120, 1, 1, 1, 1, 512], -55)]
#[case::slot_size(HV, &[0xF120, 1, 0, 1, 1, 512], -56)]
#[case::slot_flags(HV, &[0xF120, 1, 0, 0x1_0000, 1, 512], -57)]
#[case::slot_number(HV, &[0xF120, 1, 0, 0x1_0000, 0, 512], -58)]
#[case::hypervisor_is_no_guest(HV, &[0xF130, 48, 1], -11)]
fn the_ultravisor_judges_caller_and_arguments(#[case] msr: u64, #[case] call: &[u64], #[case] expected: i64) {
    let mut lab = Lab::boot("ppc64", &["ultravisor.enabled"]);
    let before = lab.msr() | msr;
    lab.set(&[("msr", before)]);
    lab.write(0x30_0000, &[1; 8]);
    assert_eq!(lab.call("sc 2", call), expected);
    let entered = call[0] == 0xF110 && expected == 0;
    assert_eq!(lab.msr(), if entered { before | S } else { before });
    let zeroed = call[0] == 0xF130 && expected == 0;
    assert_eq!(lab.read(0x30_0000, 8), [if zeroed { 0 } else { 1 }; 8]);
}

#[rstest]
#[case::available(&[0, 58], 1)]
#[case::not_available(&[0, 2], 0)]
#[case::no_such_selector(&[0, 100], 0)]
#[case::unregistered(&[99], 0)]
#[case::out_of_range(&[100], OSI[0])]
#[case::negative(&[0xFFFF_FFFF], OSI[0])]
fn mac_on_linux_answers(#[case] call: &[u64], #[case] expected: u64, #[values("ppc64", "ppc32")] arch: &str) {
    let mut lab = Lab::boot(arch, &["osi"]);
    lab.poison();
    lab.set(&[("r3", OSI[0]), ("r4", OSI[1]), ("r5", call[0]), ("r6", call.get(1).copied().unwrap_or(7))]);
    assert_eq!((lab.run("sc"), lab.get("r3")), (Stop::Reached, expected));
}

#[test]
fn a_forwarded_call_goes_out_and_comes_back() {
    let mut lab = Lab::boot("ppc64", &["osi.forwarded", "papr.forwarded"]);
    let (r3, r31) = (lab.file.id("r3").unwrap(), lab.file.id("r31").unwrap());
    lab.poison();
    lab.set(&[("r3", OSI[0]), ("r4", OSI[1])]);
    assert_eq!(lab.run("sc"), Stop::Forwarded);
    let mut call = lab.guest.forwarding().unwrap().call().unwrap();
    assert_eq!((call.registers.get(r31), call.registers.present().count_ones()), (Some(POISON + 31), 32));
    call.registers.set(r31, 5);
    lab.guest.forwarding().unwrap().answer(&call).unwrap();
    assert_eq!((lab.go_on(), lab.get("r31")), (Stop::Reached, 5));

    assert_eq!(lab.stop_of_hcall(0x48C, &[1]), Stop::Forwarded);
    let mut call = lab.guest.forwarding().unwrap().call().unwrap();
    assert_eq!(call.registers.present().count_ones(), 10);
    call.registers.set(r3, 99);
    lab.guest.forwarding().unwrap().answer(&call).unwrap();
    assert_eq!((lab.go_on(), lab.get("r3")), (Stop::Reached, 99));
    assert!(lab.guest.forwarding().unwrap().call().is_err());
}

#[rstest]
#[case::features(&["book3s-pr"], "ppc64", "sc", 0x2A_0003, 0, 2)]
#[case::features_32(&["book3s-pr"], "ppc32", "sc", 0x2A_0003, 0, 2)]
#[case::features_e500v2(&["e500v2"], "ppc32", "sc", 0x2A_0003, 0, 2)]
#[case::features_booke_hv(&["booke-hv"], "ppc32", "sc 1", 0x2A_0003, 0, 0)]
#[case::wrong_vendor(&["book3s-pr"], "ppc64", "sc", 0x01_0003, 12, 0)]
#[case::upper_half_does_not_count(&["book3s-pr"], "ppc64", "sc", 0xFF_002A_0003, 0, 2)]
#[case::no_page_on_booke_hv(&["booke-hv"], "ppc32", "sc 1", 0x2A_0004, 12, 0)]
fn kvm_answers_in_r3_and_r4(
    #[case] features: &[&str],
    #[case] arch: &str,
    #[case] code: &str,
    #[case] number: u64,
    #[case] r3: u64,
    #[case] r4: u64,
) {
    let mut lab = Lab::boot(arch, &[features, &["kvm-epapr"]].concat());
    lab.poison();
    lab.set(&[("r0", KVM), ("r11", number)]);
    let before = lab.all();
    assert_eq!(lab.run(code), Stop::Reached);
    assert_eq!((lab.get("r3"), lab.get("r4")), (r3, r4));
    let changed = lab.changed_since(&before);
    assert!(changed.iter().all(|name| name == "r3" || name == "r4"), "{changed:?}");
}

#[test]
fn booke_with_a_hypervisor_tells_the_two_system_calls_apart() {
    let mut lab = Lab::boot("ppc32", &["kvm-epapr", "booke-hv"]);
    let kernel = lab.msr();
    lab.set(&[("r0", KVM), ("r11", 0x2A_0003)]);
    assert_eq!(lab.run("sc"), Stop::Interrupt { vector: 0xC00 });
    lab.set(&[("msr", kernel | PR)]);
    assert_eq!(lab.run("sc 1"), Stop::Interrupt { vector: 0x700 });
    assert_eq!(lab.get("esr"), 0x0400_0000);
}

#[test]
fn idling_lasts_until_something_waits() {
    let mut lab = Lab::boot("ppc64", &["kvm-epapr", "book3s-pr"]);
    lab.set(&[("r0", KVM), ("r11", 0x1_0010), ("dec", 0x7FFF_FFFF)]);
    assert_eq!(lab.run("sc"), Stop::Asleep);
    lab.set(&[("r3", 1), ("dec", 300)]);
    assert_eq!((lab.run("sc"), lab.get("r3")), (Stop::Reached, 0), "masked interrupts wake too");
}

#[rstest]
#[case::code_order(&["kvm-magic-page", "book3s-pr"], [0x30_8000, u64::MAX - 0xFFF])]
#[case::documented_order(&["kvm-magic-page", "book3s-pr", "magic-page.documented-order"], [u64::MAX - 0xFFF, 0x30_8000])]
fn the_magic_page_shows_registers_both_ways(
    #[case] features: &[&str],
    #[case] addresses: [u64; 2],
    #[values("ppc64", "ppc32")] arch: &str,
) {
    let mut lab = Lab::boot(arch, features);
    let kernel = lab.msr();
    let mask = if arch == "ppc32" { 0xFFFF_FFFF } else { u64::MAX };
    lab.set(&[("r0", KVM), ("r3", addresses[0] & mask), ("r4", addresses[1] & mask), ("r11", 0x2A_0004)]);
    assert_eq!((lab.run("sc"), lab.get("r3"), lab.get("r4")), (Stop::Reached, 0, 3));
    lab.set(&[("msr", kernel | TRANSLATED), ("sprg1", 0x1234), ("srr0", 0x5678), ("r5", 0xAA)]);
    lab.set(&[("r6", EE | 2 | PR)]);
    // The low words, 4 bytes into the fields: sprg1 and srr0 to read, sprg2 and msr to write.
    let code = "lwz r7, -4052(0)\n lwz r8, -4028(0)\n stw r5, -4044(0)\n stw r6, -4004(0)\n mfspr r9, 274\n mfmsr r10";
    assert_eq!(lab.run(code), Stop::Reached);
    assert_eq!([lab.get("r7"), lab.get("r8"), lab.get("r9")], [0x1234, 0x5678, 0xAA]);
    assert_eq!(lab.get("r10"), kernel | TRANSLATED | EE | 2, "only EE and RI follow the page");
    lab.set(&[("msr", kernel), ("r12", 0x30_8000)]);
    assert_eq!((lab.run("lwz r7, 0x34(r12)"), lab.get("r7")), (Stop::Reached, 0xAA), "by its real address too");
    assert_eq!(lab.read(0x30_8034, 4), [0; 4], "memory beneath is as it was");
    lab.guest.rewinding().unwrap().rewind().unwrap();
    lab.set(&[("r12", 0x30_8000)]);
    assert_eq!((lab.run("lwz r7, 0x34(r12)"), lab.get("r7")), (Stop::Reached, 0), "rewinding unmaps it");
}

#[test]
fn rewinding_takes_back_memory_registers_and_what_the_hypervisor_keeps() {
    let mut lab = papr();
    let before = lab.all();
    for round in 0..3 {
        assert_eq!(lab.hcall(0x300, &[]), SUCCESS, "round {round}");
        assert_eq!(lab.get("r4"), 0xE220_A839_7B1D_CDAF, "the generator starts again");
        assert_eq!(lab.hcall(0x1C, &[0x8000_0000, 0]), SUCCESS);
        assert_eq!(lab.get("r4"), 0);
        assert_eq!(lab.hcall(0x20, &[0x8000_0000, 0, 0x30_0003]), SUCCESS);
        assert_eq!(lab.hcall(0x08, &[1 << 39, 5, 1, 0x30_0192]), SUCCESS);
        assert_eq!(lab.hcall(0xE8, &[0]), SUCCESS);
        assert_eq!(lab.hcall(0x40, &[8, 0x30_0000, 1]), SUCCESS);
        lab.guest.rewinding().unwrap().rewind().unwrap();
        assert_eq!(lab.changed_since(&before), Vec::<String>::new());
        assert_eq!(lab.read(0x30_0000, 8), [0; 8]);
        assert_eq!(lab.read(0x20_0000, 4), [0; 4]);
    }
}

#[test]
fn watching_tells_what_a_call_wrote_since_the_mark() {
    let mut lab = papr();
    lab.write(0x30_0000, &[7; 16]);
    lab.prepare("sc 1");
    lab.set(&[("r3", 0x40), ("r4", 8), ("r5", 0x30_0008), ("r6", 0x0707_0000_0000_0707)]);
    let watching = lab.guest.watching().unwrap();
    assert_eq!(watching.watched(), [(0, 32 << 20)]);
    watching.mark().unwrap();
    assert_eq!(lab.go_on(), Stop::Reached);
    let mut seen = Vec::new();
    let see = &mut |at, then: &[u8], now: &[u8]| seen.push((at, then.to_vec(), now.to_vec()));
    lab.guest.watching().unwrap().changes(see).unwrap();
    assert_eq!(seen, [(0x30_000A, vec![7; 4], vec![0; 4])]);
}

#[test]
fn the_same_script_gives_the_same_bytes() {
    let script = || {
        let mut lab = Lab::boot("ppc64", &["papr", "kvm-magic-page", "osi"]);
        for token in (0..0x400).step_by(4) {
            lab.poison();
            lab.set(&[("r3", token), ("r4", 1), ("r5", 0x30_0000), ("r6", 0x30_1000), ("r7", 2)]);
            lab.run("sc 1\n mfspr r20, 268\n std r4, 0(r5)");
        }
        (lab.all(), lab.read(0, 4 << 20))
    };
    assert!(script() == script());
}

#[rstest]
#[case::ppc64("ppc64", &["papr", "kvm-epapr", "book3s-pr"], &["hypervisor", "rtas", "vdevice", "hcall-multi-tce", "hcall-instructions"])]
#[case::ppc32("ppc32", &["kvm-epapr", "book3s-pr"], &["hypervisor", "hypercall-instructions", "has-idle", "linux,kvm"])]
#[case::ultravisor("ppc64", &["ultravisor.enabled"], &["ibm,ultravisor"])]
#[case::plain("ppc64", &[], &["cpus", "memory@0", "chosen"])]
fn the_device_tree_is_in_memory_too(#[case] arch: &str, #[case] features: &[&str], #[case] words: &[&str]) {
    let mut lab = Lab::boot(arch, features);
    let tree = lab.guest.device_tree().unwrap();
    let at = lab.guest.facts().get("device-tree").unwrap();
    assert_eq!(lab.read(at, tree.len()), tree);
    for word in words {
        assert!(tree.windows(word.len()).any(|bytes| bytes == word.as_bytes()), "{word} is missing");
    }
}

#[rstest]
#[case("ppc64", &["no-such-thing"])]
#[case("ppc32", &["papr"])]
#[case("ppc64", &["e500v2"])]
#[case("ppc32", &["e500v2", "booke-hv"])]
#[case("ppc32", &["booke-hv", "kvm-magic-page"])]
#[case("ppc32", &["booke-hv", "osi"])]
#[case("ppc64", &["ppc32"])]
#[case("ppc64", &["model.power8", "ppc64.scv"])]
#[case("riscv64", &[])]
fn a_machine_that_there_is_not_is_unsupported(#[case] arch: &str, #[case] features: &[&str]) {
    let result = lab::reference().boot(&lab::machine(arch, features));
    assert!(matches!(result, Err(BootError::Unsupported(_))));
}

#[test]
fn the_identity_names_sets_calls_and_options() {
    let reference = lab::reference();
    let wanted =
        ["ppc64", "hcall-pft", "H_CEDE", "linux-syscall", "ppc64.sc-lev-2", "papr", "osi", "ultravisor.enabled"];
    assert_eq!(reference.identity().offers(wanted, ["ultravisor.enabled"]), Ok(()));
    assert!(reference.identity().offers(["hcall-time-travel"], []).is_err());
}

#[test]
fn a_run_that_does_not_end_uses_its_budget_up() {
    let mut lab = papr();
    lab.prepare("b 0x200000");
    let budget = Budget { until: 0, instructions: 1000, patience: Duration::from_secs(1) };
    assert_eq!(lab.guest.run(budget).unwrap(), Stop::Exhausted);
}

/// Where the partition is slow a long work takes two calls, the second with the token of the first.
#[rstest]
#[case::quick(&["papr"], &[(0, 3)])]
#[case::slow(&["papr", "papr.slow"], &[(1, 2), (0, 1)])]
fn a_binding_goes_on_with_its_token(#[case] features: &[&str], #[case] calls: &[(i64, u64)]) {
    let mut lab = Lab::boot("ppc64", features);
    let mut token = 0;
    for (expected, bound) in calls {
        assert_eq!(lab.hcall(0x3EC, &[0x9000_0000, 0, 3, u64::MAX, token]), *expected);
        assert_eq!(lab.get("r6"), *bound);
        token = lab.get("r4");
        assert_eq!(token != 0, *expected == 1);
    }
    assert_eq!(lab.hcall(0x3EC, &[0x9000_0000, 0, 3, u64::MAX, 77]), -58, "no work has that token");
}

#[test]
fn nested_guests_come_and_go() {
    let mut lab = Lab::boot("ppc64", &["papr", "nested-papr"]);
    assert_eq!(lab.hcall(0x470, &[0, u64::MAX]), -75, "capabilities come first");
    assert_eq!(lab.hcall(0x460, &[0]), SUCCESS);
    let offered = lab.get("r4");
    assert_eq!(lab.hcall(0x464, &[0, offered]), SUCCESS);
    assert_eq!(lab.hcall(0x470, &[0, u64::MAX]), SUCCESS);
    let guest = lab.get("r4");
    assert_eq!(lab.hcall(0x474, &[0, guest, 0]), SUCCESS);
    assert_ne!(lab.hcall(0x474, &[0, guest, 0]), SUCCESS, "it is there");
    assert_eq!(lab.hcall(0x488, &[0, guest]), SUCCESS);
    assert_eq!(lab.hcall(0x474, &[0, guest, 0]), -55);
}
