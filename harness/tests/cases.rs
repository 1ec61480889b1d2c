//! Every row of every case on the reference, as a test of its own: drop a file below `cases/` and it is a test.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hypercheck::backends;
use hypercheck::runner::{self, Job, Settings};
use hypercheck_report::KnownList;
use hypercheck_report::model::{Outcome, Verdict};
use hypercheck_report::terminal::{self, Style};
use hypercheck_spec::library::{Home, Library};
use libtest_mimic::{Arguments, Conclusion, Failed, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let home = Home::find(None).expect("the test runs in a checkout");
    let library = Library::read(&home).unwrap_or_else(|error| panic!("{error}"));
    let hypervisor = (backends::ALL[0].open)(&library).expect("the reference needs nothing");
    let jobs = runner::jobs(&library, &*hypervisor);
    let known = home.0.join("reports/known/reference.yaml");
    let known = if known.is_file() { KnownList::load(known).expect("the list is valid") } else { KnownList::default() };
    let results = if arguments.list { Vec::new() } else { run(&library, &*hypervisor, &jobs) };
    let trials = jobs.into_iter().map(|job| trial(job, &results, &known)).collect();
    let conclusion: Conclusion = libtest_mimic::run(&arguments, trials);
    conclusion.exit();
}

/// All rows at once, side by side, as the program does it.
fn run(library: &Library, hypervisor: &dyn hypercheck::contract::Hypervisor, jobs: &[Job]) -> Vec<Arc<Outcome>> {
    let rows = Mutex::new(Vec::with_capacity(jobs.len()));
    let settings = Settings {
        jobs: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        patience: Duration::from_secs(5),
        command: "hypercheck run".to_owned(),
        keep_evidence: false,
    };
    let sink = |row| {
        rows.lock().expect("no worker panics here").push(Arc::new(row));
        Ok(())
    };
    runner::run(library, hypervisor, jobs, &settings, &AtomicBool::new(false), &sink)
        .unwrap_or_else(|error| panic!("{error}"));
    let mut rows = rows.into_inner().expect("all workers ended");
    rows.sort_by(|a: &Arc<Outcome>, b| a.id.cmp(&b.id));
    rows
}

/// A trial that reports what the row showed. A row that this machine cannot run is ignored, with the reason.
fn trial(job: Job, results: &[Arc<Outcome>], known: &KnownList) -> Trial {
    let found = results.binary_search_by(|row| row.id.as_str().cmp(&job.id));
    let row = found.ok().map(|n| {
        let mut row = (*results[n]).clone();
        known.judge(&mut row, env!("CARGO_PKG_VERSION"));
        row
    });
    let skipped = row.as_ref().is_some_and(|row| row.verdict == Verdict::Skip);
    let kind = row.as_ref().filter(|_| skipped).and_then(|row| row.reason.clone()).unwrap_or_default();
    let id = job.id;
    Trial::test(id.clone(), move || match row {
        Some(row) if row.verdict.is_expected() => Ok(()),
        Some(row) => Err(Failed::from(terminal::outcome(&row, Style::PLAIN))),
        None => Err(Failed::from(format!("{id} has no result"))),
    })
    .with_kind(kind)
    .with_ignored_flag(skipped)
}
