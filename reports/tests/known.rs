//! The list of known deviations excuses what it names, and cannot rot.

use hypercheck_report::known::{KnownError, KnownList, Staleness};
use hypercheck_report::{Oracle, Outcome, Verdict};
use rstest::rstest;

mod common;

const LIST: &str = "\
# Deviations of a made-up backend.
- id: papr/H_CONFER/yield*
  clause: papr.confer-returns
  versions: \">=4.2, <10.2\"
  because: r3 keeps the call number
  source: QEMU hw/ppc/spapr_hcall.c, h_confer
- id: papr/H_CEDE/*
  because: the processor never wakes
  source: a bug report
";

fn list() -> KnownList {
    KnownList::parse(LIST, "known/made-up.yaml").unwrap()
}

fn failing(id: &str, clauses: &[&str]) -> Outcome {
    let clause = clauses.first().copied().unwrap_or("papr.confer-returns");
    Outcome {
        mismatches: clauses
            .iter()
            .map(|c| common::mismatch(Oracle::ReturnSet, c, "return", "H_SUCCESS", "0xe4"))
            .collect(),
        ..common::outcome(id, clause, Verdict::Fail)
    }
}

#[rstest]
#[case::covered("papr/H_CONFER/yield-1", &["papr.confer-returns"], "10.1", Verdict::KnownFail)]
#[case::another_clause("papr/H_CONFER/yield-1", &["papr.preserved"], "10.1", Verdict::Fail)]
#[case::a_second_mismatch("papr/H_CONFER/yield-1", &["papr.confer-returns", "papr.preserved"], "10.1", Verdict::Fail)]
#[case::another_row("papr/H_CONFER/row-1", &["papr.confer-returns"], "10.1", Verdict::Fail)]
#[case::a_fixed_version("papr/H_CONFER/yield-1", &["papr.confer-returns"], "10.2", Verdict::Fail)]
#[case::any_clause("papr/H_CEDE/row", &["papr.preserved", "papr.cede-enables"], "10.2", Verdict::KnownFail)]
fn a_failure_is_known_only_if_every_mismatch_is(
    #[case] id: &str,
    #[case] clauses: &[&str],
    #[case] version: &str,
    #[case] verdict: Verdict,
) {
    let mut outcome = failing(id, clauses);
    list().judge(&mut outcome, version);
    assert_eq!(outcome.verdict, verdict);
}

#[test]
fn a_known_hang_keeps_saying_that_it_hangs() {
    let mut outcome = Outcome {
        reason: Some("no answer".into()),
        ..common::outcome("papr/H_CEDE/row", "papr.cede-enables", Verdict::Hang)
    };
    list().judge(&mut outcome, "10.1");
    assert_eq!(outcome.verdict, Verdict::KnownFail);
    assert_eq!(outcome.reason.as_deref(), Some("hang: no answer; the processor never wakes (a bug report)"));
}

#[test]
fn a_listed_row_that_passes_fails_the_run() {
    let list = list();
    let mut outcome = common::outcome("papr/H_CONFER/yield-1", "papr.confer-returns", Verdict::Pass);
    list.judge(&mut outcome, "10.1");
    assert_eq!(outcome.verdict, Verdict::UnexpectedPass);
    let stale = list.stale("10.1", false);
    assert_eq!(stale.len(), 1);
    assert_eq!(stale[0].why, Staleness::Passes);
    assert_eq!(
        stale[0].to_string(),
        "line 2: entry `papr/H_CONFER/yield*` covers only rows that pass; remove it, or end its versions"
    );
}

#[test]
fn an_entry_that_covers_nothing_is_stale_in_a_whole_run_only() {
    let list = list();
    list.judge(&mut failing("papr/H_CEDE/row", &["papr.preserved"]), "10.1");
    assert!(list.stale("10.1", false).is_empty());
    let stale = list.stale("10.1", true);
    assert_eq!(stale.len(), 1);
    assert_eq!((stale[0].why, stale[0].line), (Staleness::MatchesNothing, 2));
}

#[test]
fn an_entry_for_other_versions_is_left_in_peace() {
    let list = list();
    list.judge(&mut failing("papr/H_CEDE/row", &["papr.preserved"]), "10.2");
    assert!(list.stale("10.2", true).is_empty());
}

#[test]
fn an_entry_whose_rows_are_skipped_is_not_stale() {
    let list = list();
    for (id, clause) in [("papr/H_CEDE/row", "x.y"), ("papr/H_CONFER/yield", "papr.confer-returns")] {
        list.judge(&mut common::outcome(id, clause, Verdict::Skip), "10.1");
    }
    assert!(list.stale("10.1", true).is_empty());
}

#[test]
fn an_entry_is_found_by_row_clause_and_version() {
    let list = list();
    let find = |id, clause, version| list.find(id, clause, version).map(|e| e.because.as_str());
    let confer = "papr/H_CONFER/yield";
    assert_eq!(find(confer, Some("papr.confer-returns"), "4.2"), Some("r3 keeps the call number"));
    assert_eq!(find(confer, None, "4.2"), None);
    assert_eq!(find(confer, Some("papr.confer-returns"), "4.1"), None);
    assert_eq!(find("papr/H_CEDE/a", None, ""), Some("the processor never wakes"));
    assert_eq!(list.entries().count(), 2);
}

#[rstest]
#[case::nothing("")]
#[case::a_comment("# nothing is known\n")]
#[case::an_empty_list("[]\n")]
fn an_empty_list_is_a_list(#[case] text: &str) {
    assert_eq!(KnownList::parse(text, "known/x.yaml").unwrap().entries().count(), 0);
}

#[test]
fn what_is_wrong_with_a_list_is_said_with_its_place() {
    let refused = [
        "- id: papr/*\n  because: it is so\n",
        "- id: papr/*\n  because: it is so\n  sauce: here\n  source: there\n",
        "- id: papr/*\n  because: \"\"\n  source: there\n",
        "- id: a\n  because: b\n  source: c\n- id: a\n  because: d\n  source: e\n",
        "- id: papr/*\n  versions: 10.2\n  because: it is so\n  source: there\n",
        "- id: papr/*\n  versions: \"10.2\"\n  because: it is so\n  source: there\n",
        "id: papr/*\n",
    ];
    let mut said = String::new();
    for text in refused {
        let error: KnownError = KnownList::parse(text, "known/made-up.yaml").unwrap_err();
        said.push_str(&format!("{error}\n\n"));
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("known-errors", said));
}
