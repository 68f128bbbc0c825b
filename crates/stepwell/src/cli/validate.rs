//! `stepwell validate FILE...`

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use stepwell_asl::diagnostic::position;
use stepwell_task::TaskRouter;

use super::Global;
use crate::failure::{Exit, Failure, Outcome};
use crate::functions;
use crate::output;
use crate::report::{self, Finding, Style};
use crate::wiring;

/// Check definitions and report all problems
#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// Definitions in the Amazon States Language
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// One file and what was found in it.
struct Checked {
    file: PathBuf,
    text: String,
    findings: Vec<Finding>,
}

impl Validate {
    pub(crate) fn run(self, global: &Global) -> Outcome<ExitCode> {
        let project = global.project()?;
        let router = wiring::router(&project, &project.services()?);
        let checked = self.files.iter().map(|file| check(file, &router));
        let checked = checked.collect::<Outcome<Vec<_>>>()?;
        if global.json {
            output::json(&checked.iter().flat_map(json).collect::<Vec<_>>())?;
        } else {
            let style = Style::of(&io::stdout());
            for file in &checked {
                tell(file, style)?;
            }
        }
        let refused = checked.iter().flat_map(|file| &file.findings).any(Finding::is_error);
        Ok(if refused { ExitCode::from(Exit::Refused as u8) } else { ExitCode::SUCCESS })
    }
}

fn check(file: &Path, router: &dyn TaskRouter) -> Outcome<Checked> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::message(Exit::Refused, format!("`{}` cannot be read: {error}", file.display()))
    })?;
    let findings = functions::findings(&text, router);
    Ok(Checked { file: file.to_owned(), text, findings })
}

fn tell(checked: &Checked, style: Style) -> Outcome {
    if checked.findings.is_empty() {
        output::note(format_args!("{}: no problems", checked.file.display()));
        return Ok(());
    }
    let text = report::render(style, &checked.file, &checked.text, &checked.findings);
    Ok(output::line(text.trim_end())?)
}

/// One finding for programs.
#[derive(Serialize)]
struct Entry<'a> {
    file: String,
    line: Option<usize>,
    column: Option<usize>,
    severity: &'static str,
    code: Option<&'a str>,
    place: Option<&'a str>,
    message: &'a str,
    help: Option<&'a str>,
}

fn json(checked: &Checked) -> impl Iterator<Item = Entry<'_>> {
    checked.findings.iter().map(|finding| {
        let position = finding.span.as_ref().map(|span| position(&checked.text, span.start));
        Entry {
            file: checked.file.display().to_string(),
            line: position.map(|(line, _)| line),
            column: position.map(|(_, column)| column),
            severity: report::severity(finding.severity),
            code: finding.code,
            place: finding.place.as_deref(),
            message: &finding.message,
            help: finding.help.as_deref(),
        }
    })
}
