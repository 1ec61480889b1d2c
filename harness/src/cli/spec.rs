//! `hypercheck lint`, `collisions` and `schema`: the data files themselves.

use std::path::PathBuf;

use hypercheck_spec::library::{Home, Library};
use hypercheck_spec::lint;

use super::{Failure, Outcome, library, print, usage};

#[derive(clap::Args)]
pub(crate) struct LintArguments {
    /// Case files or folders to check besides the spec [default: cases/]
    paths: Vec<PathBuf>,
    /// Treat warnings as errors
    #[arg(long)]
    strict: bool,
}

#[derive(clap::Args)]
pub(crate) struct SchemaArguments {
    /// Only compare the files in spec/schema with what the program would write
    #[arg(long)]
    check: bool,
}

pub(crate) fn lint(home: &Home, arguments: &LintArguments) -> Outcome {
    let library = if arguments.paths.is_empty() {
        library(home)?
    } else {
        let mut library = Library::read_spec(home).map_err(usage)?;
        for path in &arguments.paths {
            if !path.exists() {
                return Err(usage(format!("{}: no such file or folder", path.display())));
            }
            library.read_cases(home, path).map_err(usage)?;
        }
        library
    };
    let findings = lint::lint(&library);
    print(&format!("{}\n", lint::render(&findings).trim_end()));
    let bad = findings.iter().any(|finding| arguments.strict || finding.severity == lint::Severity::Error);
    if bad { Err(Failure::Usage("the data files have the problems above".to_owned())) } else { Ok(()) }
}
