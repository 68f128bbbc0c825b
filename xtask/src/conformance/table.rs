//! The table of COMPAT.md, between its two markers.

use std::fmt::Write;

use anyhow::{Context, Result};

use super::report::{Kind, Report, Tally, Verdict};
use crate::repository::Repository;

const BEGIN: &str = "<!-- `cargo xtask conformance --write` writes from here -->\n";
const END: &str = "<!-- to here -->\n";

/// Writes the table of a report into COMPAT.md.
///
/// # Errors
/// If the document cannot be written or has no markers.
pub(super) fn write(repository: &Repository, report: &Report) -> Result<()> {
    let file = repository.root.join("COMPAT.md");
    let text = std::fs::read_to_string(&file)?;
    Ok(std::fs::write(file, replaced(&text, &table(report))?)?)
}

/// Whether COMPAT.md has the table of a report.
///
/// # Errors
/// If the document cannot be read or has no markers.
pub(super) fn is_up_to_date(repository: &Repository, report: &Report) -> Result<bool> {
    let text = std::fs::read_to_string(repository.root.join("COMPAT.md"))?;
    Ok(replaced(&text, &table(report))? == text)
}

fn replaced(text: &str, table: &str) -> Result<String> {
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) = parts.context("COMPAT.md has no markers for the table of conformance")?;
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}

fn table(report: &Report) -> String {
    let (groups, total) = report.tallies();
    let mut text =
        String::from("\n| Group | Passed | Failed | Skipped |\n| --- | --- | --- | --- |\n");
    for (group, tally) in groups.into_iter().chain([("**all**", total)]) {
        let Tally { passed, failed, skipped } = tally;
        let _ = writeln!(text, "| {group} | {passed} | {failed} | {skipped} |");
    }
    let failed: Vec<_> = report.of(Kind::Known).chain(report.of(Kind::Failed)).collect();
    if !failed.is_empty() {
        text.push_str("\n| Failed case | Why |\n| --- | --- |\n");
    }
    for Verdict { id, reason, .. } in failed {
        let reason = reason.lines().next().unwrap_or_default().replace('|', "\\|");
        let _ = writeln!(text, "| `{id}` | {reason} |");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::report::tests::report;

    #[test]
    fn what_is_between_the_markers_is_replaced_and_nothing_else() {
        let before = format!("a\n{BEGIN}old\n{END}z\n");
        let after = replaced(&before, &table(&report())).unwrap();
        assert!(after.starts_with("a\n") && after.ends_with("z\n"));
        assert!(
            after.contains("| map | 1 | 1 | 0 |") && after.contains("| `b` | the order varies |")
        );
        assert!(!after.contains("old"));
        assert_eq!(replaced(&after, &table(&report())).unwrap(), after);
    }

    #[test]
    fn a_document_without_markers_is_refused() {
        assert!(replaced("a\n", "table").is_err());
    }
}
