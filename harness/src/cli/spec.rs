//! `hypercheck lint`, `collisions` and `schema`: the data files themselves.

use std::path::PathBuf;

use hypercheck_report::KnownList;
use hypercheck_spec::library::{Home, Library, yaml_files};
use hypercheck_spec::{collisions, lint, schema};

use super::{Failure, Outcome, broken, library, print, usage};

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
    /// Only compare the files in spec/schema with what would be written
    #[arg(long)]
    check: bool,
    /// Write the files in spec/schema
    #[arg(long, conflicts_with = "check")]
    write: bool,
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
    for path in yaml_files(&home.0.join("reports/known")).map_err(usage)? {
        KnownList::load(path).map_err(usage)?;
    }
    let findings = lint::lint(&library);
    print(&format!("{}\n", lint::render(&findings).trim_end()));
    let bad = findings.iter().any(|finding| arguments.strict || finding.severity == lint::Severity::Error);
    if bad { Err(Failure::Usage("the data files have the problems above".to_owned())) } else { Ok(()) }
}

pub(crate) fn collisions(home: &Home) -> Outcome {
    let library = Library::read_spec(home).map_err(usage)?;
    print(&format!("{}\n", collisions::render(&library).trim_end()));
    Ok(())
}

/// The schemas of the data files, those of reports and of known deviations included.
pub(crate) fn schema(home: &Home, arguments: &SchemaArguments) -> Outcome {
    let folder = home.0.join("spec/schema");
    let mut documents = schema::documents();
    documents.extend(hypercheck_report::schema::schemas());
    if arguments.write {
        schema::write(&folder, &documents).map_err(broken)?;
        print(&format!("wrote {}\n", folder.display()));
        return Ok(());
    }
    if arguments.check {
        let stale = schema::check(&folder, &documents).map_err(broken)?;
        return match stale.first() {
            None => Ok(()),
            Some(first) => {
                let what = if first.missing { "is missing" } else { "is out of date" };
                Err(usage(format!("spec/schema/{} {what}; run `hypercheck schema --write`", first.file)))
            }
        };
    }
    for (name, schema) in &documents {
        let text = serde_json::to_string_pretty(schema).map_err(broken)?;
        print(&format!("# {name}\n{text}\n"));
    }
    Ok(())
}
