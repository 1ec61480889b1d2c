//! Every view shows every verdict, and no string breaks out of any of them.

use hypercheck_report::terminal::Style;
use hypercheck_report::{Outcome, Report, Verdict, diff, html, junit, merge, tap, terminal};
use rstest::rstest;

mod common;

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn terminal_text(report: &Report) -> String {
    terminal::render(report, Style::PLAIN)
}

fn junit_text(report: &Report) -> String {
    junit::render(report).unwrap()
}

fn html_text(report: &Report) -> String {
    html::render(std::slice::from_ref(report)).unwrap()
}

#[rstest]
#[case::terminal("terminal", terminal_text)]
#[case::tap("tap", tap::render)]
#[case::junit("junit", junit_text)]
fn a_view_reads_as_reviewed(#[case] name: &str, #[case] view: fn(&Report) -> String) {
    snapshot(name, &view(&common::report()));
}

#[test]
fn the_part_of_the_page_about_one_clause_reads_as_reviewed() {
    let page = html_text(&common::report());
    let start = page.find("<code>papr.preserved</code>").unwrap();
    let end = start + page[start..].find("<code>papr.unknown-call</code>").unwrap();
    snapshot("html-clause", &page[start..end]);
}

#[rstest]
#[case::terminal(terminal_text)]
#[case::tap(tap::render)]
#[case::junit(junit_text)]
#[case::html(html_text)]
fn no_verdict_is_lost(#[case] view: fn(&Report) -> String) {
    let text = view(&common::report()).to_lowercase();
    for verdict in Verdict::ALL {
        assert!(text.contains(verdict.name()), "{verdict} is lost");
    }
}

#[rstest]
#[case::terminal(terminal_text)]
#[case::tap(tap::render)]
#[case::junit(junit_text)]
#[case::html(html_text)]
fn a_hostile_backend_cannot_write_control_characters(#[case] view: fn(&Report) -> String) {
    let text = view(&common::hostile());
    let unsafe_character = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{ffff}\u{fffe}".contains(c);
    let found = text.chars().find(|c| unsafe_character(*c));
    assert_eq!(found, None, "{text}");
    assert!(text.contains("\\x1b[2J"));
}

#[test]
fn colour_is_the_only_escape_that_a_terminal_gets() {
    let text = terminal::render(&common::hostile(), Style::COLOUR);
    for part in text.split('\x1b').skip(1) {
        let end = part.find('m').expect("a colour ends in m");
        assert!(part[1..end].chars().all(|c| c.is_ascii_digit() || c == ';'), "{part}");
    }
}

#[test]
fn a_hostile_backend_cannot_forge_a_tap_line() {
    let text = tap::render(&common::hostile());
    let points: Vec<_> = text.lines().filter(|l| l.starts_with("ok") || l.starts_with("not ok")).collect();
    assert_eq!(points.len(), 7, "{text}");
    assert!(points.iter().all(|l| !l.starts_with("ok 99")));
    assert_eq!(text.lines().filter(|l| l.starts_with("Bail out!")).count(), 1);
    // A directive needs a plain `#`, and only ours are plain.
    let directives = points.iter().filter(|l| l.replace("\\#", "").contains('#'));
    assert_eq!(directives.count(), 2, "one skip and one known fail");
}

#[test]
fn a_hostile_backend_cannot_add_markup_to_the_page() {
    let text = html_text(&common::hostile());
    assert_eq!(text.matches("<script").count(), 1, "only our own script");
    assert!(!text.contains("<img"));
    assert!(text.contains("&lt;script&gt;alert(1)"));
}

#[test]
fn the_page_loads_nothing_and_admits_only_its_own_script() {
    let text = html_text(&common::report());
    assert!(text.contains("default-src &#x27;none&#x27;; style-src &#x27;sha256-"));
    for loading in ["src=", "href=\"http", "url(", "@import", "style=\""] {
        assert!(!text.contains(loading), "{loading}");
    }
}

#[rstest]
#[case::ordinary(common::report())]
#[case::hostile(common::hostile())]
fn junit_holds_only_characters_that_xml_allows(#[case] report: Report) {
    let text = junit_text(&report);
    let allowed =
        |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    assert!(text.chars().all(allowed));
    assert!(!text.contains("]]>"));
    assert_eq!(text.matches("<testcase").count(), text.matches("</testcase>").count());
}

#[test]
fn a_run_that_did_not_finish_looks_so_in_every_view() {
    let mut report = common::reference();
    report.footer.finished = false;
    report.footer.interrupted = Some("interrupted by the user".into());
    for view in [terminal_text, tap::render, junit_text, html_text] {
        assert!(view(&report).contains("interrupted by the user"));
    }
    assert!(junit_text(&report).contains("errors=\"1\""));
    assert!(tap::render(&report).contains("Bail out!"));
}

#[test]
fn a_stale_known_deviation_fails_the_run_in_every_view() {
    let mut report = common::reference();
    assert!(report.passed());
    report.footer.stale = vec!["line 7: entry `papr/*` covers no case row".into()];
    assert!(!report.passed());
    for view in [terminal_text, tap::render, junit_text, html_text] {
        assert!(view(&report).contains("covers no case row"));
    }
    assert!(terminal_text(&report).contains("FAILED"));
    assert!(tap::render(&report).contains("1..34\n"));
    assert!(junit_text(&report).contains("failures=\"1\""));
}

#[test]
fn a_failure_that_breaks_two_clauses_is_reached_from_both() {
    let mut report = common::report();
    let row = report.outcomes.iter_mut().find(|o| o.mismatches.len() == 3).unwrap();
    row.mismatches[1].clause = Some("papr.user-mode".into());
    let page = html_text(&report);
    let other = &page[page.find("<code>papr.user-mode</code> <i").unwrap()..];
    assert!(other.contains("<a href=\"#f0-13\">"), "{other}");
}

#[test]
fn of_very_many_failures_only_the_first_are_shown_in_full() {
    let text = terminal::render(&common::report(), Style { blocks: 2, ..Style::PLAIN });
    assert_eq!(text.matches("reproduce").count(), 2);
    assert!(text.contains("and 3 more:"));
    assert!(text.contains("  crash papr/unknown/derived/number-0xf131\n"));
}

fn many(failing: bool) -> Report {
    let report = common::report();
    let model: Vec<&Outcome> = report.outcomes.iter().filter(|o| failing != o.verdict.is_expected()).collect();
    let rows = (0..30_000).map(|at| {
        let clause = if failing { format!("papr.clause-{}", at % 400) } else { "papr.preserved".into() };
        let mut row = model[at % model.len()].clone();
        row.id = format!("papr/call-{}/derived/<&>-{at}", at % 90);
        row.mismatches.iter_mut().for_each(|m| m.clause = Some(clause.clone()));
        row.clauses = vec![clause];
        row
    });
    common::assemble(common::header("qemu-pseries", "10.1.2"), rows.collect())
}

#[rstest]
#[case::passing(false, 200_000)]
#[case::failing(true, 2_000_000)]
fn the_page_stays_small_however_many_rows_there_are(#[case] failing: bool, #[case] limit: usize) {
    let page = html_text(&many(failing));
    assert!(page.len() < limit, "{} bytes", page.len());
}

#[test]
fn a_comparison_reads_as_reviewed() {
    let mut newer = common::report();
    newer.outcomes[0].digest = "another".into();
    newer.outcomes.remove(1);
    let comparison = diff::compare(&common::reference(), &newer);
    assert!(!comparison.is_empty());
    snapshot("diff", &diff::render(&comparison, Style::PLAIN));
}

#[test]
fn a_report_compared_with_itself_is_alike() {
    let comparison = diff::compare(&common::report(), &common::report());
    assert!(comparison.is_empty());
    assert_eq!(comparison.alike, 33);
}

fn shards(count: usize) -> Vec<Report> {
    let whole = common::report();
    let part = |k: usize| {
        let mut header = whole.header.clone();
        header.selection.shard = Some(format!("{}/{count}", k + 1));
        let rows = whole.outcomes.iter().skip(k).step_by(count).cloned();
        common::assemble(header, rows.collect())
    };
    (0..count).map(part).collect()
}

#[test]
fn merged_shards_are_the_report_of_the_whole_run() {
    let mut parts = shards(3);
    parts.reverse();
    assert_eq!(merge(parts).unwrap(), common::report());
}

#[rstest]
#[case::none(vec![], "nothing to merge")]
#[case::one_missing(shards(3).split_off(1), "shard 1/3 is missing")]
#[case::one_twice(vec![shards(2).remove(0), shards(2).remove(0)], "shard 1/2 is in two reports")]
#[case::other_count(vec![shards(2).remove(0), shards(3).remove(1)], "the reports differ in number of shards")]
#[case::other_backend(vec![common::report(), common::reference()], "the reports differ in backend")]
#[case::a_row_twice(vec![common::report(), common::report()], "kvm-epapr/EV_IDLE/derived/edge-04 is in two reports")]
fn reports_that_do_not_belong_together_are_refused(#[case] reports: Vec<Report>, #[case] says: &str) {
    let error = merge(reports).unwrap_err().to_string();
    assert!(error.starts_with(says), "{error}");
}

#[test]
fn a_shard_that_did_not_finish_leaves_the_whole_unfinished() {
    let mut parts = shards(2);
    parts[0].footer.finished = false;
    parts[0].footer.interrupted = Some("out of disk".into());
    let merged = merge(parts).unwrap();
    assert_eq!(merged.footer.interrupted.as_deref(), Some("out of disk"));
    assert!(!merged.footer.finished);
}

#[test]
fn the_schemas_describe_what_is_read() {
    let schemas = hypercheck_report::schema::schemas();
    let names: Vec<_> = schemas.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["report", "known"]);
    let text = serde_json::to_string(&schemas[0].1).unwrap();
    for word in ["header", "outcome", "footer", "known-fail", "spec_digest"] {
        assert!(text.contains(word), "{word}");
    }
}
