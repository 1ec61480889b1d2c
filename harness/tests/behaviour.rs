//! What the reference does where the documents leave a choice, for people to review: `cargo insta review`.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use hypercheck::backends;
use hypercheck::runner::{self, Settings};
use hypercheck_report::model::{Outcome, Verdict};
use hypercheck_spec::library::{Home, Library};

#[test]
fn recorded_behaviour_is_as_reviewed() {
    let home = Home::find(None).expect("the test runs in a checkout");
    let library = Library::read(&home).unwrap_or_else(|error| panic!("{error}"));
    let hypervisor = (backends::ALL[0].open)(&library).expect("the reference needs nothing");
    let mut jobs = runner::jobs(&library, &*hypervisor);
    jobs.retain(|job| job.scenario.record);
    let rows = Mutex::new(Vec::new());
    let settings = Settings {
        jobs: 1,
        patience: Duration::from_secs(5),
        command: "hypercheck run".to_owned(),
        keep_evidence: false,
    };
    let sink = |row: Outcome| {
        rows.lock().expect("no worker panics here").push(row);
        Ok(())
    };
    runner::run(&library, &*hypervisor, &jobs, &settings, &AtomicBool::new(false), &sink)
        .unwrap_or_else(|error| panic!("{error}"));
    let mut rows = rows.into_inner().expect("all workers ended");
    rows.sort_by(|a, b| (&a.abi, &a.id).cmp(&(&b.abi, &b.id)));
    assert!(!rows.is_empty(), "there are recorded rows");
    for abi in library.abis.keys() {
        let mut text = String::new();
        for row in rows.iter().filter(|row| row.abi == *abi) {
            let seen =
                if row.verdict == Verdict::Skip { row.reason.clone().unwrap_or_default() } else { row.digest.clone() };
            let _ = writeln!(text, "{}: {seen}", row.id);
        }
        if !text.is_empty() {
            insta::with_settings!({ snapshot_path => "../../reports/snapshots", prepend_module_to_snapshot => false }, {
                insta::assert_snapshot!(format!("reference-{abi}"), text);
            });
        }
    }
}
