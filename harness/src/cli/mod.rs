//! The command line. Exit codes: 0 all as expected, 1 a case failed or passed unexpectedly, 2 usage or spec error,
//! 3 the run itself broke.

mod assembly;
mod explain;
mod list;
mod pick;
mod report;
mod run;
mod selftest;
mod spec;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hypercheck::backends;
use hypercheck::contract::Hypervisor;
use hypercheck_report::terminal::Style;
use hypercheck_spec::library::{Home, Library};
use hypercheck_spec::yaml::nearest;

/// Tells whether a hypervisor's hypercalls do what the documents say.
///
/// Without a command: runs every case on the embedded reference.
#[derive(Parser)]
#[command(version, subcommand_precedence_over_arg = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::Arguments,
    /// The folder with spec/, cases/ and reports/ [default: found from the working directory]
    #[arg(long, global = true, value_name = "DIR")]
    home: Option<PathBuf>,
}

const EXIT_CODES: &str = "Exit codes: 0 all as expected, 1 a case failed or passed unexpectedly, \
2 usage or spec error, 3 the run itself broke.";

#[derive(Subcommand)]
enum Command {
    /// Run cases on a backend
    Run(run::Arguments),
    /// List what there is
    List(list::Arguments),
    /// Explain an ABI, a call, a return code, a clause or a case
    Explain(explain::Arguments),
    /// Check the data files
    Lint(spec::LintArguments),
    /// Show which machine states two ABIs both claim, and who wins
    Collisions,
    /// Violate each clause on purpose, and show which row notices
    Selftest(selftest::Arguments),
    /// Print, write or check the JSON Schemas of the data files
    Schema(spec::SchemaArguments),
    /// Compare two backends or two reports
    Diff(report::DiffArguments),
    /// Turn reports into other formats
    #[command(subcommand)]
    Report(report::Command),
    /// Assemble Power instructions
    Asm(assembly::AsmArguments),
    /// Disassemble Power instruction words
    Disasm(assembly::DisasmArguments),
}

/// What went wrong, by exit code.
pub(crate) enum Failure {
    /// Cases failed: already told.
    Cases,
    /// The user or the spec: exit code 2.
    Usage(String),
    /// The run broke: exit code 3.
    Broken(String),
}

pub(crate) type Outcome = Result<(), Failure>;

pub(crate) fn usage(error: impl std::fmt::Display) -> Failure {
    Failure::Usage(error.to_string())
}

pub(crate) fn broken(error: impl std::fmt::Display) -> Failure {
    Failure::Broken(error.to_string())
}

pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let home = cli.home;
    if cli.command.is_some() && cli.run != run::Arguments::on("reference") {
        eprintln!("error: options of a run stand before a command; put them behind `run`");
        return ExitCode::from(2);
    }
    let find = || Home::find(home.as_deref()).map_err(usage);
    let outcome = match cli.command {
        None => find().and_then(|home| run::run(&home, &cli.run)),
        Some(Command::Run(arguments)) => find().and_then(|home| run::run(&home, &arguments)),
        Some(Command::List(arguments)) => find().and_then(|home| list::list(&home, &arguments)),
        Some(Command::Explain(arguments)) => find().and_then(|home| explain::explain(&home, &arguments)),
        Some(Command::Lint(arguments)) => find().and_then(|home| spec::lint(&home, &arguments)),
        Some(Command::Collisions) => find().and_then(|home| spec::collisions(&home)),
        Some(Command::Selftest(arguments)) => find().and_then(|home| selftest::selftest(&home, &arguments)),
        Some(Command::Schema(arguments)) => find().and_then(|home| spec::schema(&home, &arguments)),
        Some(Command::Diff(arguments)) => find().and_then(|home| report::diff(&home, &arguments)),
        Some(Command::Report(command)) => report::report(&command),
        Some(Command::Asm(arguments)) => assembly::assemble(&arguments),
        Some(Command::Disasm(arguments)) => assembly::disassemble(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Cases) => ExitCode::from(1),
        Err(Failure::Usage(text)) => {
            eprintln!("error: {}", text.strip_prefix("error: ").unwrap_or(&text));
            ExitCode::from(2)
        }
        Err(Failure::Broken(text)) => {
            eprintln!("error: {text}");
            ExitCode::from(3)
        }
    }
}

/// Whether to colour what goes to standard output.
pub(crate) fn style() -> Style {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if !plain && std::io::stdout().is_terminal() { Style::COLOUR } else { Style::PLAIN }
}

/// Prints to standard output; a reader that has gone away ends the program quietly.
pub(crate) fn print(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

pub(crate) fn library(home: &Home) -> Result<Library, Failure> {
    Library::read(home).map_err(usage)
}

/// The backend of that name.
pub(crate) fn backend(name: &str, library: &Library) -> Result<Box<dyn Hypervisor>, Failure> {
    let entry = backends::ALL.iter().find(|entry| entry.name == name).ok_or_else(|| {
        let near = nearest(name, backends::ALL.iter().map(|entry| entry.name));
        let hint =
            near.map_or_else(|| "`hypercheck list backends` shows them".to_owned(), |n| format!("did you mean {n}?"));
        usage(format!("no backend {name}; {hint}"))
    })?;
    (entry.open)(library).map_err(broken)
}
