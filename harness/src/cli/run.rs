//! `hypercheck run`: cases on a backend.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hypercheck::contract::Hypervisor;
use hypercheck::runner::{self, Job, Settings};
use hypercheck_report::Ending;
use hypercheck_report::known::KnownList;
use hypercheck_report::model::{self, Coverage, Header, Outcome as Row, Report, Selection, Statement};
use hypercheck_report::stream::{StreamError, Writer};
use hypercheck_report::terminal;
use hypercheck_spec::library::{Home, Library};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Failure, Outcome, backend, broken, library, pick, print, report, style, usage};

#[derive(clap::Args, Clone, PartialEq)]
pub(crate) struct Arguments {
    /// Run only cases whose name contains this, or matches it with * and ?
    pub(crate) filter: Vec<String>,
    /// The backend to test
    #[arg(long, short, default_value = "reference")]
    pub(crate) backend: String,
    /// Run only cases of this ABI
    #[arg(long)]
    pub(crate) abi: Vec<String>,
    /// Guests to run side by side [default: one a processor, or what suits the backend]
    #[arg(long, short)]
    pub(crate) jobs: Option<usize>,
    /// Run the Kth of N parts
    #[arg(long, value_name = "K/N")]
    pub(crate) shard: Option<String>,
    /// Run the cases that did not end as expected in this report
    #[arg(long, value_name = "REPORT")]
    pub(crate) rerun_failed: Option<PathBuf>,
    /// Write the report here, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Write a JUnit file
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Write a TAP file
    #[arg(long, value_name = "FILE")]
    pub(crate) tap: Option<PathBuf>,
    /// Write an HTML page into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) html: Option<PathBuf>,
    /// How long a step may take where instructions cannot be counted, in milliseconds
    #[arg(long, default_value_t = 1000, value_name = "MS")]
    pub(crate) patience: u64,
    /// Show what was seen of every row, and keep registers of rows that passed
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

impl Arguments {
    /// All cases on this backend.
    pub(crate) fn on(backend: &str) -> Self {
        Self {
            filter: Vec::new(),
            backend: backend.to_owned(),
            abi: Vec::new(),
            jobs: None,
            shard: None,
            rerun_failed: None,
            report: None,
            junit: None,
            tap: None,
            html: None,
            patience: 1000,
            verbose: false,
        }
    }
}

pub(crate) fn run(home: &Home, arguments: &Arguments) -> Outcome {
    print(&format!("hypercheck {} on {}\n", env!("CARGO_PKG_VERSION"), arguments.backend));
    let started = Instant::now();
    let library = library(home)?;
    let hypervisor = backend(&arguments.backend, &library)?;
    let report = execute(home, &library, &*hypervisor, arguments, true)?;
    if arguments.verbose {
        for row in &report.outcomes {
            print(&format!("{:16} {}  {}\n", row.verdict, row.id, row.digest));
        }
    }
    print(&terminal::render(&report, style()));
    let seconds = started.elapsed().as_secs_f64();
    print(&format!("in all {seconds:.2} s, reading included\n"));
    report::views(&report, arguments)?;
    match &report.footer.interrupted {
        Some(why) => Err(broken(format!("the run ended early: {why}; results so far are reported"))),
        None if report.passed() => Ok(()),
        None => Err(Failure::Cases),
    }
}

/// The rows that the arguments select.
pub(crate) fn select(
    library: &Library,
    hypervisor: &dyn Hypervisor,
    arguments: &Arguments,
) -> Result<Vec<Job>, Failure> {
    let mut jobs = runner::jobs(library, hypervisor);
    if let Some(wrong) = arguments.abi.iter().find(|abi| !library.abis.contains_key(*abi)) {
        let names: Vec<&str> = library.abis.keys().map(String::as_str).collect();
        return Err(usage(format!("no ABI {wrong}; there are {}", names.join(", "))));
    }
    if !arguments.abi.is_empty() {
        jobs.retain(|job| arguments.abi.contains(&job.scenario.abi));
    }
    pick::filter(&mut jobs, &arguments.filter)?;
    if let Some(path) = &arguments.rerun_failed {
        let (report, error) = hypercheck_report::stream::read_partial(path);
        if report.outcomes.is_empty() {
            return Err(usage(error.map_or_else(|| format!("{}: no results", path.display()), |e| e.to_string())));
        }
        let failed = report.outcomes.iter().filter(|row| !row.verdict.is_expected());
        let failed: std::collections::HashSet<&str> = failed.map(|row| row.id.as_str()).collect();
        jobs.retain(|job| failed.contains(job.id.as_str()));
    }
    if let Some(shard) = &arguments.shard {
        pick::shard(&mut jobs, shard)?;
    }
    Ok(jobs)
}

/// Runs what the arguments select and gathers the report. `lists` says whether known deviations count.
pub(crate) fn execute(
    home: &Home,
    library: &Library,
    hypervisor: &dyn Hypervisor,
    arguments: &Arguments,
    lists: bool,
) -> Result<Report, Failure> {
    let started = Instant::now();
    let jobs = select(library, hypervisor, arguments)?;
    let identity = hypervisor.identity();
    let known = known(home, &identity.name, lists)?;
    let header = header(library, hypervisor, arguments, jobs.len());
    let stream = match &arguments.report {
        Some(path) => Some(Writer::create(path, &header).map_err(broken)?),
        None => None,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let handler = Arc::clone(&stop);
    // A second handler in one process is refused: then the first one, which does the same, stays.
    let _ = ctrlc::set_handler(move || {
        if handler.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    let bar = progress(jobs.len());
    let gathered = Mutex::new((stream, Vec::with_capacity(jobs.len())));
    let version = identity.version.clone();
    let sink = |mut row: Row| {
        known.judge(&mut row, &version);
        bar.inc(1);
        let mut gathered = gathered.lock().unwrap_or_else(PoisonError::into_inner);
        let written = gathered.0.as_mut().map_or(Ok(()), |stream| stream.outcome(&row));
        gathered.1.push(row);
        written.map_err(|error: StreamError| error.to_string())
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let settings = Settings {
        jobs: arguments.jobs.unwrap_or_else(|| hypervisor.parallel().min(cores)).max(1),
        patience: Duration::from_millis(arguments.patience),
        command: format!("hypercheck run --backend {}", identity.name),
        keep_evidence: arguments.verbose,
    };
    let result = runner::run(library, hypervisor, &jobs, &settings, &stop, &sink);
    bar.finish_and_clear();
    drop(jobs);
    let (stream, mut outcomes) = gathered.into_inner().unwrap_or_else(PoisonError::into_inner);
    let coverage = coverage(library, &outcomes);
    let interrupted = match &result {
        Err(error) => Some(error.to_string()),
        Ok(()) => stop.load(Ordering::Relaxed).then(|| "interrupted by the user".to_owned()),
    };
    let everything = arguments.filter.is_empty()
        && arguments.abi.is_empty()
        && arguments.shard.is_none()
        && arguments.rerun_failed.is_none()
        && interrupted.is_none();
    let elapsed_ms = u64::try_from(started.elapsed().as_millis()).ok();
    let stale = known.stale(&version, everything).iter().map(ToString::to_string).collect();
    let ending = Ending { interrupted, stale, coverage, elapsed_ms };
    outcomes.sort_by(|a, b| a.id.cmp(&b.id));
    let report = Report::assemble(header, outcomes, ending.clone()).map_err(broken)?;
    if let Some(stream) = stream {
        stream.finish(ending).map_err(broken)?;
    }
    if let Err(error @ runner::RunError::Case { .. }) = result {
        return Err(usage(error));
    }
    Ok(report)
}

fn known(home: &Home, backend: &str, lists: bool) -> Result<KnownList, Failure> {
    let path = home.0.join("reports/known").join(format!("{backend}.yaml"));
    if lists && path.is_file() { KnownList::load(path).map_err(usage) } else { Ok(KnownList::default()) }
}

fn progress(rows: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(rows as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    bar
}

fn coverage(library: &Library, outcomes: &[Row]) -> Coverage {
    let clauses: usize = library.abis.values().map(|abi| abi.value.clauses.len()).sum();
    let calls: usize = library.abis.values().map(|abi| abi.value.calls.len()).sum();
    Coverage::measure(clauses as u64, calls as u64, outcomes)
}

/// What ran, on what, from which spec.
fn header(library: &Library, hypervisor: &dyn Hypervisor, arguments: &Arguments, planned: usize) -> Header {
    let identity = hypervisor.identity();
    let texts = library.abis.values().map(|abi| abi.text.as_bytes());
    let texts = texts.chain(library.arches.values().map(|arch| arch.text.as_bytes()));
    let texts = texts.chain(library.cases.iter().map(|case| case.read.text.as_bytes()));
    let mut clauses = std::collections::BTreeMap::new();
    for abi in library.abis.values().map(|abi| &abi.value) {
        for (name, clause) in &abi.clauses {
            let level = format!("{:?}", clause.level).to_lowercase();
            let source = abi.cite(&clause.source, clause.at.as_deref());
            let statement = Statement { level, says: clause.says.clone(), source: Some(source) };
            clauses.insert(abi.qualify(name), statement);
        }
    }
    Header {
        format: model::FORMAT,
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        spec_digest: model::short_digest(texts),
        backend: model::Backend {
            name: identity.name.clone(),
            version: identity.version.clone(),
            architectures: identity.arch.clone(),
            abis: library.abis.keys().filter(|abi| identity.offers([abi.as_str()], []).is_ok()).cloned().collect(),
            features: identity.features.iter().chain(&identity.options).cloned().collect(),
        },
        machine: std::collections::BTreeMap::new(),
        selection: Selection {
            filters: arguments.filter.clone(),
            abis: arguments.abi.clone(),
            shard: arguments.shard.clone(),
            seed: None,
        },
        clauses,
        started: None,
        planned: Some(planned as u64),
    }
}
