//! `hypercheck list`: what there is.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use hypercheck::backends;
use hypercheck::runner;
use hypercheck_report::model::Origin;
use hypercheck_spec::library::Home;

use super::{Outcome, backend, library, pick, print};

#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum What {
    Abis,
    Calls,
    Clauses,
    Cases,
    Backends,
    /// Clauses that no case can check, with the reason: what `cases/unverifiable.md` holds
    Unverifiable,
}

/// What stands above the list of clauses that no case can check.
const UNVERIFIABLE: &str = "# What no case can check\n\nGenerated from `spec/abi/` by `hypercheck list unverifiable`: statements \
of the documents that no row can judge, and why.\n";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What to list
    what: What,
    /// Only entries whose name contains this, or matches it with * and ?
    filter: Vec<String>,
    /// The backend on which cases would run
    #[arg(long, short, default_value = "reference")]
    backend: String,
}

pub(crate) fn list(home: &Home, arguments: &Arguments) -> Outcome {
    let library = library(home)?;
    let wanted = |name: &str| arguments.filter.is_empty() || arguments.filter.iter().any(|f| pick::matches(f, name));
    let mut text = String::new();
    match arguments.what {
        What::Abis => {
            let _ = writeln!(
                text,
                "{:16} {:>5} {:>7} {:>7} {:>5} {:>7} {:>7}  title",
                "abi", "calls", "clauses", "checked", "never", "written", "derived"
            );
            let hypervisor = backend(&arguments.backend, &library)?;
            let jobs = runner::jobs(&library, &*hypervisor);
            let count =
                |abi: &str, origin| jobs.iter().filter(|job| job.scenario.abi == abi && job.origin == origin).count();
            let run: BTreeSet<String> = jobs
                .iter()
                .filter(|job| job.skip.is_none())
                .flat_map(|job| job.scenario.clauses.iter().cloned())
                .collect();
            for (name, abi) in library.abis.iter().filter(|(name, _)| wanted(name)) {
                let abi = &abi.value;
                let (written, derived) = (count(name, Origin::Written), count(name, Origin::Derived));
                let (calls, clauses) = (abi.calls.len(), abi.clauses.len());
                let checked = abi.clauses.keys().filter(|clause| run.contains(&abi.qualify(clause))).count();
                let never = abi.clauses.values().filter(|clause| clause.unverifiable.is_some()).count();
                let _ = writeln!(
                    text,
                    "{name:16} {calls:>5} {clauses:>7} {checked:>7} {never:>5} {written:>7} {derived:>7}  {}",
                    abi.title
                );
            }
            text.push_str("\nchecked: clauses of which a row runs on the backend; never: clauses that say why no case can check them\n");
        }
        What::Calls => {
            for abi in library.abis.values().map(|abi| &abi.value) {
                for (name, call) in abi.calls.iter().filter(|(name, _)| wanted(name) || wanted(&abi.abi)) {
                    let title = call.title.as_deref().unwrap_or("");
                    let number = format!("{:#x}", abi.number_of(call));
                    let _ = writeln!(text, "{:20} {number:>18}  {name:36} {title}", abi.abi);
                }
            }
        }
        What::Clauses => {
            for abi in library.abis.values().map(|abi| &abi.value) {
                for (name, clause) in &abi.clauses {
                    let name = format!("{}.{name}", abi.abi);
                    if wanted(&name) {
                        let level = format!("{:?}", clause.level).to_lowercase();
                        let _ = writeln!(text, "{level:6} {name:44} {}", clause.says);
                    }
                }
            }
        }
        What::Cases => {
            let hypervisor = backend(&arguments.backend, &library)?;
            for job in runner::jobs(&library, &*hypervisor).iter().filter(|job| wanted(&job.id)) {
                let skip = job.skip.as_ref().map_or_else(String::new, |why| format!("  (skipped: {why})"));
                let _ = writeln!(text, "{}{skip}", job.id);
            }
        }
        What::Unverifiable => {
            text.push_str(UNVERIFIABLE);
            for abi in library.abis.values().map(|abi| &abi.value).filter(|abi| wanted(&abi.abi)) {
                let reasons =
                    abi.clauses.iter().filter_map(|(name, c)| Some((name, &c.says, c.unverifiable.as_ref()?)));
                for (n, (name, says, reason)) in reasons.enumerate() {
                    if n == 0 {
                        let _ = writeln!(text, "\n## {}\n", abi.title);
                    }
                    let _ = writeln!(text, "* **{}.{name}**: {says}. *Not checked:* {reason}.", abi.abi);
                }
            }
        }
        What::Backends => {
            for entry in backends::ALL.iter().filter(|entry| wanted(entry.name)) {
                let _ = writeln!(text, "{:16} {}", entry.name, entry.about);
            }
        }
    }
    print(&text);
    Ok(())
}
