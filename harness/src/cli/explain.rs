//! `hypercheck explain`: what the documents say of an ABI, a call, a return code, a clause or a case.

use std::fmt::Write as _;

use hypercheck::backends;
use hypercheck::runner;
use hypercheck_spec::abi::{Abi, Argument, Call, Clause, Domain, Frame};
use hypercheck_spec::library::{Home, Library};
use hypercheck_spec::word::Word;
use hypercheck_spec::yaml::{self, nearest};

use super::{Outcome, library, print, usage};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// An ABI, a call, a number, a return code, a clause or a case
    subject: String,
}

pub(crate) fn explain(home: &Home, arguments: &Arguments) -> Outcome {
    let library = library(home)?;
    let subject = arguments.subject.as_str();
    let mut text = String::new();
    if let Some(abi) = library.abis.get(subject) {
        abi_text(&abi.value, &mut text);
    }
    if let Some((abi, clause)) = library.clause(subject) {
        clause_text(abi, subject, clause, &mut text);
    }
    let bare = subject.rsplit('.').next().unwrap_or(subject);
    for abi in library.abis.values().map(|abi| &abi.value) {
        if subject != bare && !subject.starts_with(&format!("{}.", abi.abi)) {
            continue;
        }
        if let Some((name, call)) = abi.calls.get_key_value(bare) {
            call_text(abi, name, call, &mut text);
        } else if let Some(code) = abi.codes.get(bare) {
            let users = abi.calls.iter().filter(|(_, call)| call.returns.contains_key(bare));
            let users: Vec<&str> = users.map(|(name, _)| name.as_str()).collect();
            let _ = match (code.value.value, &code.interrupt) {
                (Some(value), _) => writeln!(text, "{bare} = {value} in {}", abi.title),
                (None, interrupt) => {
                    let interrupt = interrupt.as_deref().unwrap_or("?");
                    writeln!(text, "{bare} is the interrupt {interrupt} in {}", abi.title)
                }
            };
            if let Some(says) = &code.says {
                let _ = writeln!(text, "  {says}");
            }
            let _ =
                writeln!(text, "  returned by: {}", if users.is_empty() { "-".to_owned() } else { users.join(", ") });
        } else if let Some(number) = Word::parse(bare) {
            let named = abi.calls.iter().filter(|(_, call)| abi.number_of(call) == number.0);
            for (name, call) in named {
                call_text(abi, name, call, &mut text);
            }
            if let Some(code) = abi.code_name(number.0) {
                let _ = writeln!(text, "as a return code of {}: {code}", abi.title);
            }
        } else if !subject.contains('.')
            && let Some(clause) = abi.clauses.get(bare)
        {
            clause_text(abi, &format!("{}.{bare}", abi.abi), clause, &mut text);
        }
    }
    if text.is_empty() {
        text = case_text(&library, subject);
    }
    if text.is_empty() {
        let names = library.abis.values().flat_map(|abi| {
            let abi = &abi.value;
            abi.calls.keys().chain(abi.codes.keys()).chain(abi.clauses.keys()).chain([&abi.abi]).map(String::as_str)
        });
        let hint = nearest(subject, names).map_or_else(
            || "`hypercheck list calls` shows all calls".to_owned(),
            |near| format!("did you mean {near}?"),
        );
        return Err(usage(format!("nothing is called {subject}; {hint}")));
    }
    print(&text);
    Ok(())
}

fn abi_text(abi: &Abi, text: &mut String) {
    let _ = writeln!(text, "{}: {} ({})", abi.abi, abi.title, abi.arch.join(", "));
    if let Some(about) = &abi.about {
        let _ = writeln!(text, "{}", about.trim());
    }
    for (name, conduit) in &abi.conduits {
        let registers: Vec<String> = conduit.registers.iter().map(|(r, value)| format!("{r}={value}")).collect();
        let on = if conduit.on.is_empty() { String::new() } else { format!(" on {}", conduit.on.join(", ")) };
        let _ = writeln!(text, "  conduit {name}: {} {}{on}", conduit.code.trim(), registers.join(" "));
        for (mode, refusal) in &conduit.refused {
            let what: Vec<&str> = refusal.code.iter().chain(&refusal.interrupts).map(String::as_str).collect();
            let _ = writeln!(text, "    in {mode}: {}", what.join(" or "));
        }
    }
    if let Some(number) = &abi.number {
        let unknown = number.unknown.as_deref().unwrap_or("unstated");
        let low = number.low_in.as_ref().map(|low| format!(" and {low}")).unwrap_or_default();
        let _ = writeln!(text, "  number in {}{low} ({} bits); unknown: {unknown}", number.register, number.width);
    }
    let _ = writeln!(text, "  arguments {}; outputs {}", abi.arguments.join(" "), abi.outputs.join(" "));
    frame(&abi.registers, text);
    let _ = writeln!(text, "  {} calls, {} clauses", abi.calls.len(), abi.clauses.len());
    for (tag, name) in &abi.sources {
        let _ = writeln!(text, "  [{tag}] {name}");
    }
    for (name, clause) in &abi.clauses {
        clause_text(abi, &abi.qualify(name), clause, text);
    }
}

fn frame(frame: &Frame, text: &mut String) {
    for (label, list) in [("volatile", &frame.volatile), ("preserved", &frame.preserved), ("unstated", &frame.unstated)]
    {
        if !list.is_empty() {
            let _ = writeln!(text, "  {label}: {}", list.join(" "));
        }
    }
}

fn clause_text(abi: &Abi, name: &str, clause: &Clause, text: &mut String) {
    let level = format!("{:?}", clause.level).to_lowercase();
    let _ = writeln!(text, "{level} {name}: {}", clause.says);
    let _ = writeln!(text, "    {}", abi.cite(&clause.source, clause.at.as_deref()));
    for (label, value) in [("disputed", &clause.disputed), ("not checked", &clause.unverifiable)] {
        if let Some(value) = value {
            let _ = writeln!(text, "    {label}: {value}");
        }
    }
}

fn domain(argument: &Argument) -> String {
    match &argument.domain {
        Domain::Any => "any value".to_owned(),
        Domain::OneOf(values) => {
            format!("one of {}", values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
        Domain::Range([from, to]) => format!("{from} to {to}"),
        Domain::Flags(flags) => {
            let all: Vec<String> = flags.iter().map(|(name, mask)| format!("{name}={mask}")).collect();
            format!("flags {}", all.join(" "))
        }
        Domain::Address(address) => format!("address of {} bytes of RAM, aligned to {}", address.length, address.align),
    }
}

fn call_text(abi: &Abi, name: &str, call: &Call, text: &mut String) {
    let _ = writeln!(text, "{name} ({}), number {:#x}{}", abi.title, abi.number_of(call), {
        call.set.as_ref().map_or_else(String::new, |set| format!(", in {set}"))
    });
    if let Some(title) = &call.title {
        let _ = writeln!(text, "  {title}");
    }
    let _ = writeln!(text, "  {}", abi.cite(&call.source, call.at.as_deref()));
    for (label, value) in [("since", &call.since), ("until", &call.until), ("disputed", &call.disputed)] {
        if let Some(value) = value {
            let _ = writeln!(text, "  {label}: {value}");
        }
    }
    for (argument, entry) in &call.arguments {
        let says = entry.says.as_ref().map_or_else(String::new, |says| format!(" - {says}"));
        let _ = writeln!(text, "  in  {:5} {argument}: {}{says}", entry.register, domain(entry));
    }
    for (output, entry) in &call.outputs {
        let is = entry.is.as_ref().map_or_else(String::new, |is| format!(" = {is}"));
        let says = entry.says.as_ref().map_or_else(String::new, |says| format!(" - {says}"));
        let _ = writeln!(text, "  out {:5} {output}{is}{says}", entry.register);
    }
    if call.returns.is_empty() {
        let _ = writeln!(text, "  returns: the documents read list no codes for it");
    }
    for (code, condition) in &call.returns {
        let when = match (&condition.forced, &condition.only_if) {
            (Some(forced), None) => format!("if {forced}"),
            (Some(forced), Some(only)) => format!("if {forced}, otherwise only if {only}"),
            (None, Some(only)) => format!("only if {only}"),
            (None, None) => "otherwise".to_owned(),
        };
        let clause = condition.clause.as_ref().map_or_else(String::new, |clause| format!(" [{clause}]"));
        let says = condition.says.as_ref().map_or_else(String::new, |says| format!(" - {says}"));
        let _ = writeln!(text, "  returns {code} {when}{clause}{says}");
    }
    if let Some(own) = &call.registers {
        frame(own, text);
    }
    for write in &call.writes {
        let _ = writeln!(text, "  writes {} bytes at {}", write.length, write.at);
    }
    for (register, effect) in &call.effects {
        let becomes = effect.becomes.as_ref().map_or_else(|| "changes".to_owned(), |x| format!("becomes {x}"));
        let _ = writeln!(text, "  {register} {becomes}");
    }
    for look in &call.observe {
        let _ = writeln!(text, "  afterwards {} shows it", look.call);
    }
    for hazard in &call.hazards {
        let condition = hazard.condition.as_ref().map_or_else(String::new, |x| format!(" if {x}"));
        let _ = writeln!(text, "  not to be sent blindly{condition}: {}", hazard.because);
    }
    for name in &call.clauses {
        if let Some(clause) = abi.clauses.get(name) {
            clause_text(abi, &abi.qualify(name), clause, text);
        }
    }
}

/// A case, written out as it is run.
fn case_text(library: &Library, subject: &str) -> String {
    let Some(entry) = backends::ALL.first() else { return String::new() };
    let Ok(hypervisor) = (entry.open)(library) else { return String::new() };
    let jobs = runner::jobs(library, &*hypervisor);
    let Some(job) = jobs.iter().find(|job| job.id == subject) else { return String::new() };
    let scenario = &job.scenario;
    let mut text = format!("{}: {}\n", job.id, scenario.title);
    if let Some(place) = &scenario.place {
        let _ = writeln!(text, "  {place}");
    }
    let _ = writeln!(text, "  runs on {} with {:?}", job.machine.arch, job.machine.features);
    for step in &scenario.steps {
        match yaml::write(step) {
            Ok(step) => {
                let _ = writeln!(text, "- {}", step.trim_end().replace('\n', "\n  "));
            }
            Err(error) => {
                let _ = writeln!(text, "- {error}");
            }
        }
    }
    for name in &scenario.clauses {
        if let Some((abi, clause)) = library.clause(name) {
            clause_text(abi, name, clause, &mut text);
        }
    }
    text
}
