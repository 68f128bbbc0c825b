//! Findings with their place in a file, for people: with the source and colours on a terminal, in plain lines
//! elsewhere.

use std::fmt::Write;
use std::io::IsTerminal;
use std::ops::Range;
use std::path::Path;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report,
};
use stepwell_asl::diagnostic::position;
use stepwell_asl::{Diagnostic, Severity};

use crate::config::{Place, Problem, Source};
use crate::output;

/// One finding.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) code: Option<&'static str>,
    pub(crate) message: String,
    /// Bytes of the file, where the finding has a place there.
    pub(crate) span: Option<Range<usize>>,
    /// The place in the user's terms: a JSON pointer, an environment variable.
    pub(crate) place: Option<String>,
    pub(crate) help: Option<String>,
}

/// How findings look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// For a terminal.
    Graphical,
    /// For files and pipes.
    Plain,
}

impl Style {
    /// What suits a stream.
    pub(crate) fn of(stream: &impl IsTerminal) -> Self {
        if stream.is_terminal() { Self::Graphical } else { Self::Plain }
    }
}

impl Finding {
    pub(crate) fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl From<&Diagnostic> for Finding {
    fn from(found: &Diagnostic) -> Self {
        Self {
            severity: found.severity,
            code: Some(found.code.as_str()),
            message: found.message.clone(),
            span: Some(found.span.start..found.span.end),
            place: Some(found.pointer.clone()).filter(|pointer| !pointer.is_empty()),
            help: found.help.clone(),
        }
    }
}

impl Finding {
    fn of_configuration(severity: Severity, problem: &Problem) -> Self {
        let (span, place) = match &problem.place {
            Place::Unknown => (None, None),
            Place::File(span) => (Some(span.clone()), None),
            Place::Variable(name) => (None, Some(format!("environment variable {name}"))),
        };
        Self {
            severity,
            code: None,
            message: problem.message.clone(),
            span,
            place,
            help: problem.help.clone(),
        }
    }
}

/// Tells what is wrong with a configuration, on stderr. Its lines are not shown: they may hold secrets.
pub(crate) fn configuration(severity: Severity, source: &Source, problems: &[Problem]) {
    if problems.is_empty() {
        return;
    }
    let findings: Vec<_> =
        problems.iter().map(|problem| Finding::of_configuration(severity, problem)).collect();
    output::note(render(Style::Plain, &source.file, &source.text, &findings).trim_end());
}

/// All findings about one file.
pub(crate) fn render(style: Style, file: &Path, text: &str, findings: &[Finding]) -> String {
    let name = shown(file);
    let render = |finding: &Finding| match style {
        Style::Graphical => graphical(&name, text, finding),
        Style::Plain => plain(&name, text, finding),
    };
    findings.iter().map(render).collect::<Vec<_>>().join("\n")
}

/// The path relative to the working directory, where that is shorter.
fn shown(file: &Path) -> String {
    let here = std::env::current_dir().ok();
    let relative = here.as_deref().and_then(|here| file.strip_prefix(here).ok());
    relative.unwrap_or(file).display().to_string()
}

/// ```text
/// error[SW0104]: state `Load` can never be reached
///   --> canvas.asl.json:41:5  /States/Load
///    = help: did you mean `"Next": "Load"`?
/// ```
fn plain(name: &str, text: &str, finding: &Finding) -> String {
    let severity = severity(finding.severity);
    let code = finding.code.map(|code| format!("[{code}]")).unwrap_or_default();
    let mut out = format!("{severity}{code}: {}\n  --> ", finding.message);
    match (&finding.span, &finding.place) {
        (Some(span), place) => {
            let (line, column) = position(text, span.start);
            let _ = write!(out, "{name}:{line}:{column}");
            let _ = place.as_ref().map(|place| write!(out, "  {place}"));
        }
        (None, Some(place)) => out.push_str(place),
        (None, None) => out.push_str(name),
    }
    let _ = finding.help.as_ref().map(|help| write!(out, "\n   = help: {help}"));
    out.push('\n');
    out
}

fn graphical(name: &str, text: &str, finding: &Finding) -> String {
    let Some(span) = finding.span.clone().filter(|span| span.start < text.len()) else {
        return plain(name, text, finding);
    };
    let diagnostic = MietteDiagnostic {
        message: finding.message.clone(),
        code: finding.code.map(str::to_owned),
        severity: Some(match finding.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        }),
        help: finding.help.clone(),
        url: None,
        labels: Some(vec![LabeledSpan::new_with_span(finding.place.clone(), span)]),
    };
    let report = Report::new(diagnostic).with_source_code(NamedSource::new(name, text.to_owned()));
    let mut out = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode())
        .render_report(&mut out, report.as_ref())
        .expect("a string takes every text");
    out
}

/// The word for a severity.
pub(crate) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
