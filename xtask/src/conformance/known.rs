//! What is known to differ, and why: a reason as a comment, and the ids of cases that it is for in the lines below it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

const OURS: &str = include_str!("known.txt");

/// Our list, and that of the cases that are described incompletely, as the program that comes with them reads it.
///
/// # Errors
/// If the list beside the cases cannot be read.
pub(super) fn list(cases: &Path) -> Result<String> {
    let broken = cases.join("broken.txt");
    let broken = std::fs::read_to_string(&broken).with_context(|| broken.display().to_string())?;
    Ok(format!("{OURS}\n# its description is incomplete\n{broken}"))
}

/// The reason of each case of a list.
pub(super) fn reasons(list: &str) -> BTreeMap<&str, &str> {
    let mut reason = "";
    let mut reasons = BTreeMap::new();
    for line in list.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix("# ") {
            Some(comment) => reason = comment,
            None => drop(reasons.insert(line, reason)),
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_has_the_reason_above_it() {
        let reasons = reasons("# one\na\nb\n\n# two\nc\n");
        assert_eq!(reasons, BTreeMap::from([("a", "one"), ("b", "one"), ("c", "two")]));
    }
}
