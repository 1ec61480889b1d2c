//! Every check of the linter finds the one thing that is broken, at its place and with its remedy.

use hypercheck_spec::library::{Home, Library};
use hypercheck_spec::lint::{Finding, Severity, lint, render};
use rstest::rstest;

/// A small library in which nothing is wrong.
const SOUND: [(&str, &str); 5] = [
    ("spec/arch/toy.yaml", include_str!("lint/arch.yaml")),
    ("spec/abi/hv.yaml", include_str!("lint/abi.yaml")),
    ("spec/abi/uv.yaml", include_str!("lint/other.yaml")),
    ("cases/hv/rows.yaml", include_str!("lint/rows.yaml")),
    ("cases/hv/steps.yaml", include_str!("lint/steps.yaml")),
];

fn findings(files: &[(&str, String)]) -> Vec<Finding> {
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    lint(&Library::from_texts(&files).unwrap_or_else(|error| panic!("{error}")))
}

fn sound() -> Vec<(&'static str, String)> {
    SOUND.map(|(path, text)| (path, text.to_owned())).to_vec()
}

#[test]
fn nothing_is_found_in_sound_data() {
    let findings = findings(&sound());
    assert!(findings.is_empty(), "{}", render(&findings));
    assert_eq!(render(&findings), "0 errors, 0 warnings\n");
}

/// Replaces `from` in the file whose name ends in `file` by `to`, in which `¦` marks where the finding must be.
fn broken_library_is_caught(file: &str, from: &str, to: &str, says: &str, hint: &str, severity: Severity) {
    let mut files = sound();
    let (path, text) = files.iter_mut().find(|(path, _)| path.ends_with(file)).expect("a file of the library");
    assert_eq!(text.matches(from).count(), 1, "`{from}` must be there once in {path}");
    let marked = text.replace(from, to);
    let mark = marked.find('¦').expect("a mark");
    let line = marked[..mark].lines().count().max(1) + usize::from(marked[..mark].ends_with('\n'));
    let column =
        marked[..mark].lines().last().filter(|_| !marked[..mark].ends_with('\n')).unwrap_or("").chars().count() + 1;
    *text = marked.replace('¦', "");
    let path = *path;
    let findings = findings(&files);
    let found = findings.iter().find(|finding| finding.diagnostic.message.contains(says));
    let all = render(&findings);
    let found = found.unwrap_or_else(|| panic!("nothing says `{says}`:\n{all}"));
    let diagnostic = &found.diagnostic;
    assert_eq!(
        (&*diagnostic.file, diagnostic.line, diagnostic.column, found.severity),
        (path, line, column, severity),
        "\n{all}"
    );
    assert!(diagnostic.hint.as_ref().is_some_and(|text| text.contains(hint)), "no hint `{hint}`:\n{all}");
}

#[rstest]
#[case("registers:\n  r0..r7:", "¦registers:\n  r0..r99:", "and there is room for 96", "leave out")]
#[case("  cr: {", "  ¦r7: { class: user }\n  cr: {", "a second register `r7`", "one of the two")]
#[case("cr2: 23..20", "¦cr2: 33..30", "bits 33..30 of a register of 32", "least significant")]
#[case("{ msr.pr: 1 }", "{ ¦msr.prr: 1 }", "mode `problem` sets `msr.prr`", "did you mean `msr.pr`?")]
#[case("{ msr.pr: 1 }", "{ ¦msr.pr: 2 }", "more than its bits 14 hold", "correct")]
#[case("reserved: 0x03FF_F01D", "¦reserved: 0x4000_0000", "its word sets bits 0x40000000", "reserved bit is zero")]
#[case("initial: { cr:", "initial: { ¦crr:", "`crr`, which is given a value, is no register", "`cr`?")]
#[case("11..5 }, reserved", "11..5 }, decides: ¦levy, reserved", "no field `levy` that could decide", "`lev`?")]
#[case(
    "initial:",
    "interrupt-writes: [{ at: ¦msrr + 8, length: 8, says: x }]\ninitial:",
    "nothing is called `msrr` here",
    "`msr`?"
)]
#[case("initial: { cr: 0x", "initial: { ¦cr: 0x1_", "more than its bits 31..0 hold", "width")]
#[case("reserved: 0x03FF_F01D", "¦reserved: 0x20", "its fields hold bits 0x20", "part of a field or reserved")]
#[case("word: 0x4400_0002", "¦word: 0x4400_0022", "sets bits 0x20 of its fields", "fields 0")]
#[case(
    "says: system call, source: manual }\ninter",
    "says: system call, source: ¦manul }\ninter",
    "no source `manul`",
    "`manual`?"
)]
fn in_an_architecture(#[case] from: &str, #[case] to: &str, #[case] says: &str, #[case] hint: &str) {
    broken_library_is_caught("toy.yaml", from, to, says, hint, Severity::Error);
}

#[rstest]
#[case("abi: hv", "abi: ¦hvv", "in a file named `hv`", "rename the file")]
#[case("arch: [toy]", "arch: [toy, ¦tog]", "no architecture `tog`", "`toy`?")]
#[case("sources:", "needs: [¦fst]\nsources:", "no feature `fst`", "`fast`?")]
#[case("on: [fast]\n", "on: [¦fasst]\n", "no feature `fasst`", "`fast`?")]
#[case(
    "clause: privileged } }\n    source: book",
    "clause: privileged } }\n    source: ¦bok",
    "no source `bok`",
    "`book`?"
)]
#[case("when: { msr.pr: 0 }", "when: { ¦msr.p: 0 }", "looks at `msr.p`", "`msr.pr`?")]
#[case("when: { msr.pr: 0 }", "when: { ¦msr.pr: 2 }", "can never be 2", "correct")]
#[case("refused: { problem:", "refused: { ¦probem:", "refused in mode `probem`", "`problem`?")]
#[case("code: DENY, inter", "code: ¦DENYY, inter", "no return code `DENYY`", "`DENY`?")]
#[case("[system-call], clause", "[¦system-cal], clause", "no interrupt `system-cal`", "`system-call`?")]
#[case("clause: privileged } }", "clause: ¦privilegd } }", "no clause `privilegd`", "`privileged`?")]
#[case("in: r0\n", "in: ¦r9\n", "the call's number is in `r9`", "`r0`?")]
#[case("arguments: [r1, r2, r3]", "arguments: [r1, r2, r3, ¦x4]", "an argument is in `x4`", "`r4`?")]
#[case("outputs: [r1, r2]\n", "outputs: [r1, r2, ¦r9]\n", "an output is in `r9`", "`r0`?")]
#[case("result: { in: r0 }", "result: { in: ¦r9 }", "the return code is in `r9`", "`r0`?")]
#[case("number-in: r7", "¦number-in: r9", "variant `draft` is in `r9`", "`r0`?")]
#[case("preserved: [r5..r7,", "preserved: [¦r5..r8,", "no register or field `r8`", "`r0`?")]
#[case("preserved: [r5..r7,", "preserved: [¦r4..r7,", "`r4` is both volatile and preserved", "one list")]
#[case("unknown: DENY", "unknown: ¦NONSENSE", "no return code `NONSENSE`", "there are")]
#[case("memory: codes-listed", "memory: ¦code-listed", "no clause `code-listed`", "`codes-listed`?")]
#[case("{ from: 0x10, to", "{ ¦from: 0x30, to", "ends before it starts", "swap")]
#[case(
    "  unknown: DENY",
    "    - { ¦from: 0x20, to: 0x30, owner: them, source: book }\n  unknown: DENY",
    "overlaps 0x10..0x20 of us",
    "hv.yaml:17"
)]
#[case("number: 0x14", "number: ¦0x24", "is in no range", "add the range")]
#[case("number: 0x14", "number: ¦0x15", "no multiple of 4 from 0x10", "`step`")]
#[case("number: 0x14", "number: ¦0x10", "`LOOK` has the number 0x10 of `MAP`", "spec/abi/hv.yaml:51")]
fn in_an_abi(#[case] from: &str, #[case] to: &str, #[case] says: &str, #[case] hint: &str) {
    broken_library_is_caught("abi/hv.yaml", from, to, says, hint, Severity::Error);
}

#[rstest]
#[case("    msr: { offset: 16", "    ¦msr: { offset: 4092", "ends at byte 0x1004", "offset")]
#[case("    msr: { offset: 16", "    ¦msr: { offset: 12", "overlaps `scratch`", "offset")]
#[case("register: msr,", "register: ¦msrr,", "no register or field `msrr`", "`msr`?")]
#[case("feature: MSR }\npatches", "feature: ¦MSRR }\npatches", "no feature bit `MSRR`", "`MSR`?")]
#[case("kind: load, field: msr", "kind: load, field: ¦mssr", "uses field `mssr`", "`msr`?")]
#[case("word: 0x7C00_0124", "¦word: 0x7C00_00A6", "is for the word 0x7c0000a6 of patch `mfmsr`", "hv.yaml:46")]
#[case("kind: branch, field: msr", "kind: branch, skip: 4, size: 8, field: ¦msr", "reads behind field `msr`", "skip")]
#[case("call: hv.MAP, arg", "call: ¦hv.MAPP, arg", "no call `hv.MAPP`", "MAP")]
#[case("arguments: { where: 0x8000", "arguments: { ¦wher: 0x8000", "`MAP` has no argument `wher`", "`where`?")]
fn in_a_page(#[case] from: &str, #[case] to: &str, #[case] says: &str, #[case] hint: &str) {
    broken_library_is_caught("abi/hv.yaml", from, to, says, hint, Severity::Error);
}

#[rstest]
#[case("count: { in: r3,", "count: { in: ¦r5,", "`r5`, which carries no arguments", "`r1`?")]
#[case("count: { in: r3,", "count: { in: ¦r2,", "is in `r2`, where `flags` is", "another register")]
#[case("features: { in: r1,", "features: { in: ¦r3,", "`r3`, which carries no outputs", "`r1`?")]
#[case("in: r1, when: [OK]", "in: r1, when: [¦OKAY]", "no return code `OKAY`", "`OK`?")]
#[case("holds: \"features <=", "holds: \"¦featurs <=", "nothing is called `featurs`", "`features`?")]
#[case("      BAD: { if: \"where", "      ¦BADD: { if: \"where", "no return code of the ABI", "`BAD`?")]
#[case("\"count > 8\"", "\"¦cont > 8\"", "nothing is called `cont`", "`count`?")]
#[case("\"count > 8\"", "\"count in {¦8..1}\"", "`8..1` is empty", "write `1..8`")]
#[case("where == machine.code", "where == ¦machine.cod", "nothing is called `machine.cod`", "`code`?")]
#[case("clause: privileged }\n", "clause: ¦privilege }\n", "no clause `privilege`", "`privileged`?")]
#[case(
    "      DENY: { if: \"count > 8\"",
    "      ¦DENY: { if: \"page < 5 and count > 8\"",
    "can never return `DENY`",
    "take the code out"
)]
#[case(
    "      DENY: { if: \"count > 8\", clause: privileged }\n      BAD",
    "      DENY: { if: \"page == 4096\", clause: privileged }\n      ¦BAD",
    "`DENY` always comes first",
    "move it up"
)]
#[case("one-of: [0, 1]", "¦one-of: []", "no value is valid", "list")]
#[case("range: [1, 8]", "¦range: [page, 8]", "range [page, 8] is empty", "swap")]
#[case("align: page", "¦align: 24", "alignment 0x18 is no power of two", "1 where any")]
#[case("domain: { one-of: [0, 1] }", "domain: { flags: { ¦NONE: 0 } }", "flag `NONE` of `flags` has no bit", "mask")]
#[case("effects: { msr.ee", "effects: { ¦msr.e", "no register or field `msr.e`", "`msr.ee`?")]
#[case("at: where, length", "at: ¦wher, length", "nothing is called `wher`", "`where`?")]
#[case("call: LOOK, arg", "call: ¦LOK, arg", "no call `LOK`", "`LOOK`?")]
#[case("arguments: { at: where }", "arguments: { ¦att: where }", "`LOOK` has no argument `att`", "`at`?")]
#[case("outputs: { value: flags }", "outputs: { ¦vale: flags }", "`LOOK` has no output `vale`", "`value`?")]
#[case("returns: OK, out", "¦returns: KO, out", "no return code `KO`", "there are")]
#[case("clauses: [checked]", "clauses: [¦cheked]", "no clause `cheked`", "`checked`?")]
fn in_a_call(#[case] from: &str, #[case] to: &str, #[case] says: &str, #[case] hint: &str) {
    broken_library_is_caught("abi/hv.yaml", from, to, says, hint, Severity::Error);
}

#[test]
fn equal_numbers_of_two_abis_on_one_instruction_are_an_error() {
    let (from, to) = ("number: 0x40", "number: ¦0x10");
    let says = "`ENTER` has the number 0x10 of `hv.MAP`";
    broken_library_is_caught("uv.yaml", from, to, says, "spec/abi/hv.yaml:51", Severity::Error);
}

#[rstest]
#[case(
    "sources: { book: the book }",
    "sources: { book: the book, ¦more: another }",
    "source `more` is never cited",
    "cite it"
)]
#[case("  BAD: { value: -4", "  ¦BAD: { value: -1", "`BAD` has the value -1 of `DENY`", "alias")]
#[case(
    "  checked: {",
    "  ¦idle: { level: may, says: nothing, source: book }\n  checked: {",
    "clause `hv.idle` without a case",
    "unverifiable"
)]
fn gaps_in_an_abi_are_warnings(#[case] from: &str, #[case] to: &str, #[case] says: &str, #[case] hint: &str) {
    broken_library_is_caught("abi/hv.yaml", from, to, says, hint, Severity::Warning);
}

#[test]
fn a_call_that_has_no_code_left_to_return_is_a_warning() {
    let from = "  LOOK:\n    number: 0x14\n    source: book\n    arguments: { at: { in: r1 } }\n    outputs: { value: { in: r1 } }\n    returns: { OK: {},";
    let to = from.replace("  LOOK", "  ¦LOOK").replace("OK: {}", "OK: { if: \"at != 0\" }");
    broken_library_is_caught("abi/hv.yaml", from, &to, "has no code to return", "neither", Severity::Warning);
}

#[rstest]
#[case("abi: hv", "abi: ¦hw", "no ABI `hw`", "`hv`?")]
#[case("clauses: [checked]", "clauses: [¦chcked]", "no clause `chcked`", "`checked`?")]
#[case("requires: [fast,", "requires: [¦fost,", "no feature `fost`", "`fast`?")]
#[case("requires:", "arch: [¦toi]\nrequires:", "no architecture of hv", "`toy`?")]
#[case("machine.scratch", "¦machine.scrach", "nothing is called `machine.scrach`", "`scratch`?")]
#[case("call: MAP", "call: ¦MPA", "no call `MPA`", "there are")]
#[case("call: MAP", "call: ¦ENTER", "no call `ENTER`", "write `uv.ENTER`")]
#[case("conduit: hv-sc", "conduit: ¦hv-cs", "no conduit `hv-cs` in hv", "`hv-sc`?")]
#[case("{ where: address,", "{ ¦were: address,", "`MAP` has no argument `were`", "`where`?")]
#[case("r4: 5", "¦r44: 5", "no register or field `r44`", "`r4`?")]
#[case("features: 1", "¦featurs: 1", "`MAP` has no output `featurs`", "`features`?")]
#[case("[r5..r7]", "[¦r9]", "no register or field `r9`", "`r0`?")]
#[case("mode: [problem]", "mode: [¦problm]", "no mode `problm`", "`problem`?")]
#[case("return: [DENY, BAD]", "return: [DENY, ¦BADD]", "no return code `BADD`", "`BAD`?")]
#[case("return: [DENY, BAD]", "return: [DENY, ¦5]", "`MAP` never returns `5`", "it may return")]
#[case("interrupt: [system-call]", "interrupt: [¦system-cal]", "no interrupt `system-cal`", "`system-call`?")]
#[case("address + 8", "¦addres + 8", "nothing is called `addres`", "`address`?")]
#[case("hex: \"00 ff\"", "hex: \"¦00 f\"", "`00 f` is no row of bytes", "two hexadecimal digits")]
#[case("after.r1 != r1", "¦after.r11 != r1", "nothing is called `after.r11`", "`r1`?")]
fn in_the_rows_of_a_case(#[case] from: &str, #[case] to: &str, #[case] says: &str, #[case] hint: &str) {
    broken_library_is_caught("rows.yaml", from, to, says, hint, Severity::Error);
}

#[test]
fn a_case_without_call_conduit_or_steps_is_an_error() {
    let from = "title: mapping in rows\nabi: hv\nclauses: [checked]\nrequires: [fast, not uv]\nlet: { address: machine.scratch }\ncall: MAP\nconduit: hv-sc\n";
    let to = "¦title: mapping in rows\nabi: hv\nclauses: [checked]\nlet: { address: machine.scratch }\n";
    broken_library_is_caught("rows.yaml", from, to, "the case does nothing", "`steps:`", Severity::Error);
}

#[rstest]
#[case("steps:", "¦call: MAP\nsteps:", "`call` is passed over", "into a step")]
#[case("    arguments: { at: 0 }", "    arguments: { at: ¦sen }", "nothing is called `sen`", "")]
#[case("seen + page", "¦sean + page", "nothing is called `sean`", "`seen`?")]
#[case("variant: draft", "variant: ¦drat", "no variant `drat`", "`draft`?")]
#[case("  - conduit: hv-sc", "  - ¦code: nop\n    conduit: hv-sc", "does one thing", "one step each")]
#[case("  - call: uv.ENTER", "  - ¦registers: { r1: 1 }", "does nothing and expects nothing", "add `call:`")]
#[case("    registers: { r0: 0x99 }", "    ¦arguments: { at: 1 }", "`arguments` is passed over", "registers instead")]
#[case("call: uv.ENTER", "call: ¦uw.ENTER", "no call `uw.ENTER`", "`uv`?")]
fn in_the_steps_of_a_case(#[case] from: &str, #[case] to: &str, #[case] says: &str, #[case] hint: &str) {
    broken_library_is_caught("steps.yaml", from, to, says, hint, Severity::Error);
}

#[rstest]
#[case(
    "title: mapping in rows\nabi: hv\nclauses: [checked]",
    "¦title: mapping in rows\nabi: hv",
    "without clauses",
    "has to cite"
)]
#[case(
    "  many:",
    "  ¦twin: { given: { registers: { r4: 5 } }, expect: { outputs: { features: 1 }, unchanged: [r5..r7] } }\n  many:",
    "row `twin` does what row `zero` does",
    "out"
)]
fn gaps_in_a_case_are_warnings(#[case] from: &str, #[case] to: &str, #[case] says: &str, #[case] hint: &str) {
    broken_library_is_caught("rows.yaml", from, to, says, hint, Severity::Warning);
}

#[test]
fn the_data_of_this_checkout_has_no_errors() {
    // A checkout that has no ABIs yet has nothing to check.
    let Ok(home) = Home::find(None) else { return };
    let library = Library::read(&home).unwrap_or_else(|error| panic!("{error}"));
    let errors: Vec<Finding> = lint(&library).into_iter().filter(|f| f.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{}\nsee them again with: hypercheck lint", render(&errors));
}
