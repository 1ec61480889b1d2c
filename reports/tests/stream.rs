//! A stream is believed only when it is whole.

use std::io;
use std::path::Path;

use hypercheck_report::stream::{self, StreamError, Writer};
use hypercheck_report::{Ending, Evidence, FORMAT, Header, Mismatch, Oracle, Origin, Outcome, Report, Verdict};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use rstest::rstest;

mod common;

fn written(report: &Report) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, "report.jsonl", &report.header).unwrap();
    for outcome in &report.outcomes {
        writer.outcome(outcome).unwrap();
    }
    let ending = Ending::from(&report.footer);
    assert_eq!(writer.finish(ending).unwrap(), report.footer);
    bytes
}

fn read(bytes: &[u8]) -> Result<Report, StreamError> {
    match stream::read_from(bytes, Path::new("report.jsonl")) {
        (report, None) => Ok(report),
        (report, Some(error)) => {
            assert!(!report.passed(), "a broken stream passed");
            Err(error)
        }
    }
}

#[test]
fn a_report_comes_back_as_it_was_written() {
    let report = common::report();
    assert_eq!(read(&written(&report)).unwrap(), report);
}

#[test]
fn a_clean_finished_run_passes_and_a_failure_does_not() {
    assert!(common::reference().passed());
    assert!(!common::report().passed());
}

#[test]
fn a_stream_cut_at_any_byte_is_refused() {
    let bytes = written(&common::reference());
    for end in 0..bytes.len() {
        assert!(read(&bytes[..end]).is_err(), "cut at byte {end}");
    }
}

/// Changes the text of a good stream.
fn changed(change: impl Fn(Vec<String>) -> Vec<String>) -> StreamError {
    let text = String::from_utf8(written(&common::report())).unwrap();
    let lines = change(text.lines().map(Into::into).collect());
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    read(text.as_bytes()).unwrap_err()
}

fn without(mut lines: Vec<String>, at: usize) -> Vec<String> {
    lines.remove(at);
    lines
}

#[rstest]
#[case::no_footer(changed(|l| without(l, 34)), "report.jsonl:34: the report ends here without a footer")]
#[case::no_header(changed(|l| without(l, 0)), "report.jsonl:1: the first line is no header")]
#[case::a_line_less(changed(|l| without(l, 5)), "report.jsonl:34: the footer does not fit: it counts 33 outcomes, there are 32")]
#[case::a_line_more(changed(|mut l| { let line = l[1].replace("edge-04", "edge-99"); l.insert(2, line); l }), "report.jsonl:36: the footer does not fit: it counts 33 outcomes, there are 34")]
#[case::a_line_twice(changed(|mut l| { l.insert(2, l[1].clone()); l }), "report.jsonl:3: kvm-epapr/EV_IDLE/derived/edge-04 is reported twice")]
#[case::a_verdict_changed(changed(|mut l| { l[1] = l[1].replace("\"pass\"", "\"skip\""); l }), "report.jsonl:35: the footer does not fit: the verdicts counted are not those of the lines")]
#[case::words_changed(changed(|mut l| { l[1] = l[1].replace("edge-04\",\"abi", "edge-05\",\"abi"); l }), "report.jsonl:35: the digest is ")]
#[case::garbage(changed(|mut l| { l[3] = "Segmentation fault".into(); l }), "report.jsonl:4: not a line of a report")]
#[case::unknown_field(changed(|mut l| { l[3] = l[3].replacen("{\"id\"", "{\"colour\":1,\"id\"", 1); l }), "report.jsonl:4: not a line of a report: unknown field `colour`")]
#[case::second_header(changed(|mut l| { l.insert(2, l[0].clone()); l }), "report.jsonl:3: a second header")]
#[case::after_the_end(changed(|mut l| { l.push(l[1].clone()); l }), "report.jsonl:36: something follows the footer")]
#[case::newer(changed(|mut l| { l[0] = l[0].replace("\"format\":1", "\"format\":2,\"wings\":true"); l }), "report.jsonl:1: format 2 is newer than 1")]
fn what_is_wrong_with_a_stream_is_said_with_its_line(#[case] error: StreamError, #[case] says: &str) {
    assert!(error.to_string().starts_with(says), "{error}");
}

#[test]
fn rows_that_were_planned_but_did_not_run_leave_the_run_unfinished() {
    let mut report = common::reference();
    report.header.planned = Some(40);
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, "report.jsonl", &report.header).unwrap();
    writer.outcome(&report.outcomes[0]).unwrap();
    let footer = writer.finish(Ending::default()).unwrap();
    assert!(!footer.finished);
    assert_eq!(footer.interrupted.as_deref(), Some("40 rows planned, 1 ran"));
    assert!(!read(&bytes).unwrap().passed());

    let forged = String::from_utf8(bytes)
        .unwrap()
        .replace("\"finished\":false,\"interrupted\":\"40 rows planned, 1 ran\"", "\"finished\":true");
    let error = read(forged.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("it claims a finished run: 40 rows planned, 1 ran"), "{error}");
}

#[test]
fn what_there_is_of_a_cut_stream_can_be_looked_at() {
    let bytes = written(&common::report());
    let (report, error) = stream::read_from(&bytes[..bytes.len() / 2], Path::new("report.jsonl"));
    assert!(matches!(error, Some(StreamError::Truncated { .. })));
    assert!(!report.outcomes.is_empty() && report.outcomes.len() < 33);
    assert_eq!(report.footer.counts.total(), report.outcomes.len() as u64);
    assert!(!report.footer.finished);
}

/// Takes `room` bytes, then says that the disk is full, until somebody makes room.
struct Disk<'a> {
    bytes: &'a mut Vec<u8>,
    room: &'a std::cell::Cell<usize>,
}

impl io::Write for Disk<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.room.get());
        if count == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.room.set(self.room.get() - count);
        self.bytes.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_loses_nothing_that_was_written_and_room_made_later_is_used() {
    let report = common::report();
    let room = std::cell::Cell::new(6000);
    let mut bytes = Vec::new();
    let disk = Disk { bytes: &mut bytes, room: &room };
    let mut writer = Writer::new(disk, "/data/report.jsonl", &report.header).unwrap();
    let mut errors = Vec::new();
    for outcome in &report.outcomes {
        errors.extend(writer.outcome(outcome).err());
        if errors.len() == 1 {
            room.set(1 << 20);
        }
    }
    let said = errors[0].to_string();
    assert!(said.starts_with("cannot write /data/report.jsonl: "), "{said}");
    assert!(said.ends_with("make room or name another file with --report"), "{said}");
    assert_eq!(errors.len(), 1);
    writer.finish(Ending { coverage: report.footer.coverage, ..Ending::default() }).unwrap();
    assert_eq!(read(&bytes).unwrap(), report);
}

#[test]
fn a_row_reported_twice_is_refused_while_writing() {
    let report = common::report();
    let mut writer = Writer::new(Vec::new(), "report.jsonl", &report.header).unwrap();
    writer.outcome(&report.outcomes[0]).unwrap();
    let error = writer.outcome(&report.outcomes[0]).unwrap_err();
    assert!(matches!(error, StreamError::Duplicate { line: 3, .. }), "{error}");
}

#[test]
fn a_path_that_is_not_there_is_named() {
    let error = stream::read("/nowhere/report.jsonl").unwrap_err().to_string();
    assert!(error.starts_with("cannot read /nowhere/report.jsonl: "), "{error}");
    let error = Writer::create("/nowhere/report.jsonl", &common::header("a", "1")).unwrap_err();
    assert!(error.to_string().starts_with("cannot write /nowhere/report.jsonl: "), "{error}");
}

fn text() -> impl Strategy<Value = String> {
    // Any characters at all, not only those that a pleasant backend would use.
    vec(any::<char>(), 0..8).prop_map(|chars| chars.into_iter().collect())
}

prop_compose! {
    fn mismatches()(
        oracle in select(vec![Oracle::ReturnSet, Oracle::RegisterFrame, Oracle::MemoryFootprint, Oracle::State, Oracle::Expectation, Oracle::Stop]),
        clause in option::of(text()), says in option::of(text()), source in option::of(text()),
        subject in text(), expected in text(), actual in text(),
    ) -> Mismatch {
        Mismatch { oracle, clause, says, source, subject, expected, actual }
    }
}

prop_compose! {
    fn evidences()(
        before in btree_map(text(), text(), 0..3), after in btree_map(text(), text(), 0..3),
        code in option::of(text()), step in option::of(text()), log in option::of(text()),
    ) -> Evidence {
        Evidence { before, after, code, step, log }
    }
}

prop_compose! {
    fn outcomes()(
        (id, abi, backend, reproduce, digest) in (text(), text(), text(), text(), text()),
        (call, file, reason) in (option::of(text()), option::of(text()), option::of(text())),
        clauses in vec(text(), 0..3),
        origin in select(vec![Origin::Derived, Origin::Written, Origin::Fuzz]),
        verdict in select(Verdict::ALL.to_vec()),
        mismatches in vec(mismatches(), 0..3),
        evidence in option::of(evidences()),
    ) -> Outcome {
        Outcome { id, abi, call, clauses, backend, origin, file, verdict, reason, mismatches, evidence, reproduce, digest }
    }
}

/// Outcomes with IDs that differ.
fn rows() -> impl Strategy<Value = Vec<Outcome>> {
    vec(outcomes(), 0..6).prop_map(|rows| {
        let number = |(at, row): (usize, Outcome)| Outcome { id: format!("{}{at}", row.id), ..row };
        rows.into_iter().enumerate().map(number).collect()
    })
}

fn plain_header() -> Header {
    Header { format: FORMAT, ..Header::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_outcome_comes_back_as_it_was(rows in rows()) {
        let report = Report::assemble(plain_header(), rows, Ending::default()).unwrap();
        prop_assert_eq!(read(&written(&report)).unwrap(), report);
    }

    #[test]
    fn the_digest_does_not_depend_on_the_order_of_arrival(rows in rows().prop_shuffle()) {
        let mut sorted = rows.clone();
        sorted.sort_by(|a, b| a.id.cmp(&b.id));
        let digest = |rows: &[Outcome]| {
            let mut writer = Writer::new(io::sink(), "sink", &plain_header()).unwrap();
            rows.iter().for_each(|row| writer.outcome(row).unwrap());
            writer.finish(Ending::default()).unwrap().digest
        };
        prop_assert_eq!(digest(&rows), digest(&sorted));
    }

    #[test]
    fn the_digest_depends_on_every_outcome_but_not_on_time(rows in rows()) {
        prop_assume!(!rows.is_empty());
        let digest = |rows: &[Outcome], started: Option<&str>, elapsed_ms| {
            let header = Header { started: started.map(Into::into), ..plain_header() };
            let ending = Ending { elapsed_ms, ..Ending::default() };
            Report::assemble(header, rows.to_vec(), ending).unwrap().footer.digest
        };
        let whole = digest(&rows, None, None);
        prop_assert_eq!(&whole, &digest(&rows, Some("today"), Some(7)));
        prop_assert_ne!(whole, digest(&rows[1..], None, None));
    }

    #[test]
    fn any_stream_cut_anywhere_is_refused(rows in rows(), cut in any::<prop::sample::Index>()) {
        let report = Report::assemble(plain_header(), rows, Ending::default()).unwrap();
        let bytes = written(&report);
        prop_assert!(read(&bytes[..cut.index(bytes.len())]).is_err());
    }
}
