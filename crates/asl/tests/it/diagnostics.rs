//! What validation finds in the definitions of `tests/cases`: each code has a case named after it that brings it
//! about, and a page in `docs/errors`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use stepwell_asl::diagnostic::Code;
use stepwell_asl::{Diagnostic, Severity, WorkflowType};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Name and text of every case.
fn cases() -> Vec<(String, String)> {
    let files = std::fs::read_dir(folder("tests/cases")).expect("the folder is there");
    let mut cases: Vec<_> = files
        .map(|file| file.expect("a readable folder").path())
        .map(|path| {
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            let name = name.strip_suffix(".asl.json").expect("a case is called so").to_owned();
            (name, std::fs::read_to_string(path).expect("a readable file"))
        })
        .collect();
    cases.sort();
    cases
}

/// The findings as people see them, one paragraph each.
fn render(text: &str, findings: &[Diagnostic]) -> String {
    let mut out = String::new();
    for finding in findings {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let before = &text[..finding.span.start];
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
        let marked = text[finding.span.start..finding.span.end].lines().next().unwrap_or_default();
        let place = finding.location.as_deref().unwrap_or("-");
        writeln!(out, "{severity}[{}] {}", finding.code, finding.message).expect("a string");
        writeln!(out, "  {line}:{column} {} {place} `{marked}`", finding.pointer)
            .expect("a string");
        if let Some(help) = &finding.help {
            writeln!(out, "  help: {help}").expect("a string");
        }
    }
    out
}

/// Cases called so are of an Express state machine.
fn workflow(name: &str) -> WorkflowType {
    if name.ends_with("-express") { WorkflowType::Express } else { WorkflowType::Standard }
}

#[test]
fn every_case_gives_its_findings() {
    for (name, text) in cases() {
        let (machine, findings) = stepwell_asl::parse_as(&text, workflow(&name));
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        assert_eq!(machine.is_some(), errors == 0, "{name}: a machine if nothing is wrong");
        insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!(name, render(&text, &findings));
        });
    }
}

#[test]
fn every_code_has_a_case_that_brings_it_about() {
    let mut found = BTreeSet::new();
    for (name, text) in cases() {
        let (_, findings) = stepwell_asl::parse_as(&text, workflow(&name));
        let (code, _) = name.split_once('-').expect("named after its code");
        found.extend(findings.iter().map(|f| f.code).filter(|found| found.as_str() == code));
    }
    // What is served is known to others; they have cases for it.
    let is_ours = |code: &Code| *code != Code::UnsupportedResource;
    let all: BTreeSet<Code> = Code::ALL.iter().copied().filter(is_ours).collect();
    assert_eq!(found, all);
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let pages = std::fs::read_dir(folder("../../docs/errors")).expect("the folder is there");
    let pages: BTreeSet<String> = pages
        .map(|page| page.expect("a readable folder").file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("SW01"))
        .collect();
    let codes = Code::ALL.iter().map(|code| format!("{code}.md"));
    assert_eq!(pages, codes.collect());
}
