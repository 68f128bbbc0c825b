//! Decisions are recorded whole, and what changed is written down.

use anyhow::Result;

use super::Finding;
use crate::repository::{Repository, SourceFile};

/// What every record of a decision says, as a line or a heading.
const ADR_PARTS: &[&str] =
    &["date", "status", "context", "decision", "alternatives", "consequences"];

pub(super) fn check(repository: &Repository) -> Result<Vec<Finding>> {
    let files = repository.files()?;
    let mut findings: Vec<_> =
        files.iter().filter(|file| is_adr(file)).flat_map(missing_parts).collect();
    if !files.iter().any(|file| file.path == "CHANGELOG.md" && file.text.contains("## Unreleased"))
    {
        findings.push(Finding::new("CHANGELOG.md", "has no section `## Unreleased`"));
    }
    findings.extend(repeated_numbers(&files));
    Ok(findings)
}

fn is_adr(file: &SourceFile) -> bool {
    file.path.starts_with("docs/adr/") && file.is("md") && !file.path.ends_with("README.md")
}

fn missing_parts(file: &SourceFile) -> Vec<Finding> {
    let says = |part: &&&str| {
        file.text.lines().any(|line| {
            let line = line.trim_start_matches(['#', '-', '*', ' ']);
            line.get(..part.len()).is_some_and(|start| start.eq_ignore_ascii_case(part))
        })
    };
    ADR_PARTS
        .iter()
        .filter(|part| !says(part))
        .map(|part| Finding::new(&file.path, format!("does not say its {part}")))
        .collect()
}

fn repeated_numbers(files: &[SourceFile]) -> Vec<Finding> {
    let number = |file: &SourceFile| file.path.get(.."docs/adr/0000".len()).map(str::to_owned);
    let adrs: Vec<_> = files.iter().filter(|file| is_adr(file)).collect();
    adrs.windows(2)
        .filter(|pair| number(pair[0]) == number(pair[1]))
        .map(|pair| Finding::new(&pair[1].path, "has the number of another decision"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adr(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.into(), text: text.into() }
    }

    #[test]
    fn a_decision_without_alternatives_is_found() {
        let text = "# T\n- Date: 2026-01-01\n**Status**: accepted\n## Context\n## Decision\n## Consequences\n";
        let found = missing_parts(&adr("docs/adr/0001-t.md", text));
        assert_eq!(found, [Finding::new("docs/adr/0001-t.md", "does not say its alternatives")]);
    }

    #[test]
    fn two_decisions_with_one_number_are_found() {
        let files = [
            adr("docs/adr/0001-a.md", ""),
            adr("docs/adr/0001-b.md", ""),
            adr("docs/adr/0002-c.md", ""),
        ];
        assert_eq!(repeated_numbers(&files).len(), 1);
    }
}
