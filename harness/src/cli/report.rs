//! Reports: other formats, comparison, merging.

use std::path::{Path, PathBuf};

use hypercheck_report::model::Report;
use hypercheck_report::{diff, html, junit, stream, tap, terminal};
use hypercheck_spec::library::Home;

use super::run::{self, Arguments};
use super::{Failure, Outcome, backend, broken, library, print, style, usage};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Print the summary of reports
    Show {
        /// Reports as `hypercheck run --report` writes them
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Write one HTML page for one or several reports
    Html {
        /// Reports as `hypercheck run --report` writes them
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Where to write it
        #[arg(long, short, default_value = "report.html")]
        output: PathBuf,
    },
    /// Print a report as JUnit
    Junit {
        /// The report
        file: PathBuf,
    },
    /// Print a report as TAP
    Tap {
        /// The report
        file: PathBuf,
    },
    /// Join the reports of shards
    Merge {
        /// The reports
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Where to write the whole
        #[arg(long, short)]
        output: PathBuf,
    },
    /// Compare two reports
    Diff {
        /// The earlier one
        a: PathBuf,
        /// The later one
        b: PathBuf,
    },
}

fn read(path: &Path) -> Result<Report, Failure> {
    stream::read(path).map_err(usage)
}

fn write(path: &Path, text: &str) -> Outcome {
    let made = path.parent().filter(|p| !p.as_os_str().is_empty()).map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(path, text))
        .map_err(|error| broken(format!("{}: {error}; free some space or name another place", path.display())))
}

pub(crate) fn report(command: &Command) -> Outcome {
    match command {
        Command::Show { files } => {
            for file in files {
                print(&terminal::render(&read(file)?, style()));
            }
            Ok(())
        }
        Command::Html { files, output } => {
            let reports = files.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?;
            write(output, &html::render(&reports).map_err(broken)?)?;
            print(&format!("wrote {}\n", output.display()));
            Ok(())
        }
        Command::Junit { file } => {
            print(&junit::render(&read(file)?).map_err(broken)?);
            Ok(())
        }
        Command::Tap { file } => {
            print(&tap::render(&read(file)?));
            Ok(())
        }
        Command::Merge { files, output } => {
            let reports = files.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?;
            let whole = hypercheck_report::merge(reports).map_err(usage)?;
            stream::write(output, &whole).map_err(broken)?;
            print(&format!("wrote {} with {} rows\n", output.display(), whole.outcomes.len()));
            Ok(())
        }
        Command::Diff { a, b } => compare(&read(a)?, &read(b)?),
    }
}

/// The formats that `run` was asked for.
pub(crate) fn views(report: &Report, arguments: &Arguments) -> Outcome {
    if let Some(path) = &arguments.junit {
        write(path, &junit::render(report).map_err(broken)?)?;
    }
    if let Some(path) = &arguments.tap {
        write(path, &tap::render(report))?;
    }
    if let Some(folder) = &arguments.html {
        let path = folder.join("index.html");
        write(&path, &html::render(std::slice::from_ref(report)).map_err(broken)?)?;
        print(&format!("wrote {}\n", path.display()));
    }
    Ok(())
}

#[derive(clap::Args)]
pub(crate) struct DiffArguments {
    /// A backend, or a report file
    a: String,
    /// A backend, or a report file
    b: String,
    /// Compare only cases whose name contains this, or matches it with * and ?
    filter: Vec<String>,
    /// Compare only cases of this ABI
    #[arg(long)]
    abi: Vec<String>,
}

/// Compares two backends by running both, or two reports.
pub(crate) fn diff(home: &Home, arguments: &DiffArguments) -> Outcome {
    let get = |name: &str| {
        if Path::new(name).is_file() {
            return read(Path::new(name));
        }
        let library = library(home)?;
        let hypervisor = backend(name, &library)?;
        let run = Arguments { filter: arguments.filter.clone(), abi: arguments.abi.clone(), ..Arguments::on(name) };
        run::execute(home, &library, &*hypervisor, &run, true)
    };
    compare(&get(&arguments.a)?, &get(&arguments.b)?)
}

fn compare(a: &Report, b: &Report) -> Outcome {
    let comparison = diff::compare(a, b);
    print(&diff::render(&comparison, style()));
    if comparison.verdicts.iter().any(diff::Change::is_regression) { Err(Failure::Cases) } else { Ok(()) }
}
