//! One self-contained page: a matrix of clauses and backends, each clause opening to what went wrong and the registers
//! before and after.
//!
//! The page loads nothing, and its content security policy admits only its own style and script, by their hashes:
//! should a string from a backend ever get past the escaping, it still could not run.

mod base64;
mod budget;
mod finding;
mod matrix;
mod page;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::model::Report;

const TEMPLATE: &str = include_str!("../templates/report.html");
const STYLE: &str = include_str!("../templates/report.css");
const SCRIPT: &str = include_str!("../templates/report.js");

/// The page could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the HTML page: {0}; please report this with the report stream")]
pub struct HtmlError(#[from] minijinja::Error);

#[derive(Serialize)]
struct Context<'a> {
    page: page::Page,
    style: &'a str,
    script: &'a str,
    policy: String,
}

/// One page over one or several reports, a column each. It stays below two megabytes, whatever the number of rows:
/// rows that passed or were skipped are only counted, and of many failures of one clause the first are shown in full.
///
/// # Errors
/// [`HtmlError`] when the template refuses, which no report should bring about.
pub fn render(reports: &[Report]) -> Result<String, HtmlError> {
    let style = STYLE.replace("COLUMNS", &reports.len().max(1).to_string());
    let context = Context {
        page: page::Page::new(reports),
        policy: format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
            hash(&style),
            hash(SCRIPT)
        ),
        style: &style,
        script: SCRIPT,
    };
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_template("report.html", TEMPLATE)?;
    let template = environment.get_template("report.html")?;
    Ok(template.render(Value::from(Serde(context)))?)
}

fn hash(text: &str) -> String {
    format!("sha256-{}", base64::encode(&Sha256::digest(text)))
}
