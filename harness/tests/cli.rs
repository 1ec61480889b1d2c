//! The program as a user meets it: exit codes and messages.

mod checkout;

use std::path::Path;
use std::process::{Command, Output};

use rstest::rstest;

fn hypercheck(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hypercheck"))
        .args(arguments)
        .current_dir(checkout::root())
        .env_remove("HYPERCHECK_HOME")
        .output()
        .expect("the program starts")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A copy of the spec, edited.
fn copy(edit: impl Fn(&Path)) -> tempfile::TempDir {
    let home = checkout::copy();
    edit(home.path());
    home
}

fn write(home: &Path, file: &str, text: &str) {
    std::fs::write(home.join(file), text).expect("a file can be written");
}

fn replace(home: &Path, file: &str, from: &str, to: &str) {
    let text = std::fs::read_to_string(home.join(file)).expect("the file is there");
    assert!(text.contains(from), "{file} does not hold {from:?}");
    write(home, file, &text.replacen(from, to, 1));
}

#[rstest]
#[case(&["list", "backends"], "qemu-pseries")]
#[case(&["list", "calls", "H_CONFER"], "0xe4")]
#[case(&["list", "abis"], "kvm-epapr")]
#[case(&["explain", "H_CONFER"], "Linux on Power Architecture")]
#[case(&["explain", "papr.unknown-token"], "papr.unknown-token")]
#[case(&["explain", "EV_UNIMPLEMENTED"], "= 12")]
#[case(&["explain", "0xF130"], "UV_SHARE_PAGE")]
#[case(&["collisions"], "magic-sc")]
#[case(&["asm", "sc 1; li r3, 5"], "44000022")]
#[case(&["disasm", "0x44000042"], "sc 2")]
#[case(&["schema", "--check"], "")]
fn commands_answer(#[case] arguments: &[&str], #[case] expected: &str) {
    let output = hypercheck(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains(expected), "{}", text(&output));
}

#[rstest]
#[case(&["run", "H_CONFR"], "no case matches")]
#[case(&["run", "--backend", "qemu-pserie"], "did you mean qemu-pseries?")]
#[case(&["run", "--abi", "pap"], "there are")]
#[case(&["run", "--shard", "3/2"], "write K/N")]
#[case(&["explain", "H_CONFR"], "did you mean H_CONFER?")]
#[case(&["asm", "bogus r3"], "bogus")]
#[case(&["--home", "/nonexistent", "lint"], "no folder spec/abi")]
fn usage_errors_name_the_remedy_and_exit_with_2(#[case] arguments: &[&str], #[case] expected: &str) {
    let output = hypercheck(arguments);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains(expected), "{}", text(&output));
}

#[rstest]
#[case::broken_yaml("case.yaml", "title: [\n", "case.yaml:")]
#[case::unknown_field("case.yaml", "title: t\nabi: papr\nrow: {}\n", "did you mean `rows`?")]
#[case::unknown_call("case.yaml", "title: t\nabi: papr\nclauses: [unknown-token]\ncall: H_CONFR\n", "H_CONFER")]
#[case::unknown_register(
    "case.yaml",
    "title: t\nabi: papr\nclauses: [unknown-token]\ncall: H_CEDE\ngiven: { registers: { r32: 1 } }\n",
    "r32"
)]
fn bad_cases_are_shown_with_their_place(#[case] file: &str, #[case] contents: &str, #[case] expected: &str) {
    let home = copy(|home| write(home, &format!("cases/{file}"), contents));
    let output = hypercheck(&["--home", &home.path().display().to_string(), "lint"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains(expected), "{}", text(&output));
    assert!(text(&output).contains("cases/case.yaml:"), "{}", text(&output));
}

#[test]
fn two_calls_with_one_number_are_an_error_that_names_both() {
    let home = copy(|home| replace(home, "spec/abi/papr.yaml", "number: 0x0E8", "number: 0x0E4"));
    let output = hypercheck(&["--home", &home.path().display().to_string(), "lint"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("H_CONFER") && text(&output).contains("H_PROD"), "{}", text(&output));
}

#[test]
fn a_failing_case_shows_clause_registers_and_the_command_that_repeats_it() {
    let case =
        "title: a wrong claim\nabi: papr\nclauses: [unknown-token]\ncall: \"0x59\"\nexpect: { return: H_SUCCESS }\n";
    let home = copy(|home| write(home, "cases/wrong.yaml", case));
    let output = hypercheck(&["--home", &home.path().display().to_string(), "run", "wrong"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    for expected in ["papr.unknown-token", "H_FUNCTION (-2)", "H_SUCCESS", "hypercheck run --backend reference"] {
        assert!(text(&output).contains(expected), "{expected}: {}", text(&output));
    }
}

#[test]
fn a_missing_qemu_is_named_with_the_remedy_and_breaks_the_run() {
    let output = Command::new(env!("CARGO_BIN_EXE_hypercheck"))
        .args(["run", "--backend", "qemu-pseries", "H_CEDE"])
        .current_dir(checkout::root())
        .env("HYPERCHECK_QEMU", "/nonexistent/qemu")
        .env("PATH", "/nonexistent")
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("HYPERCHECK_QEMU"), "{}", text(&output));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_breaks_the_run_and_says_so() {
    let output = hypercheck(&["run", "H_CEDE", "--report", "/dev/full"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("/dev/full"), "{}", text(&output));
}

#[test]
fn a_report_can_be_read_back_shown_and_compared() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("r.jsonl").display().to_string();
    let output = hypercheck(&["run", "H_CEDE", "--report", &path]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(hypercheck(&["report", "show", &path]).status.code(), Some(0));
    assert_eq!(hypercheck(&["diff", &path, &path]).status.code(), Some(0));
    assert!(text(&hypercheck(&["report", "junit", &path])).contains("<testsuites"));
    let whole = std::fs::read_to_string(&path).expect("the report is there");
    let cut = whole.lines().take(whole.lines().count() - 1).collect::<Vec<_>>().join("\n");
    std::fs::write(&path, cut).expect("the report can be cut");
    let output = hypercheck(&["report", "show", &path]);
    assert_eq!(output.status.code(), Some(2), "a truncated report is never a pass: {}", text(&output));
}

#[test]
fn the_list_of_what_no_case_can_check_is_current() {
    let output = hypercheck(&["list", "unverifiable"]);
    let kept = std::fs::read_to_string(checkout::root().join("cases/unverifiable.md")).expect("the list is kept");
    let current = String::from_utf8_lossy(&output.stdout);
    assert!(kept == current, "out of date; run `hypercheck list unverifiable > cases/unverifiable.md`");
}
