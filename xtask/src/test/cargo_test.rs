//! `cargo test`, shown as it runs and counted.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context, Result};

use super::{Tally, Variables};
use crate::cargo;
use crate::repository::Repository;
use crate::ui;

/// Runs the tests of `selection` to the end, whatever fails on the way.
///
/// `cargo test` may fail without a failed test (a crash, code that does not compile); that counts as one failure.
pub(super) fn run(
    repository: &Repository,
    selection: &[String],
    variables: &Variables,
) -> Result<Tally> {
    ui::step(format!("cargo test {}", selection.join(" ")));
    let mut child = cargo::command()
        .current_dir(&repository.root)
        .args(["test", "--no-fail-fast"])
        .args(selection)
        .envs(variables.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("failed to run `cargo test`")?;
    let output = child.stdout.take().expect("stdout is piped");
    let mut tally = Tally::default();
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        tally += count(&line).unwrap_or_default();
    }
    let succeeded = child.wait()?.success();
    if !succeeded && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

/// Reads `test result: ok. 5 passed; 1 failed; 0 ignored; ...`.
fn count(line: &str) -> Option<Tally> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let number = |name: &str| {
        let count = counts.split("; ").find_map(|part| part.strip_suffix(name))?;
        count.trim().parse().ok()
    };
    Some(Tally { passed: number("passed")?, failed: number("failed")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_of_a_test_binary_is_counted() {
        let line = "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.02s";
        assert_eq!(count(line), Some(Tally { passed: 12, failed: 3 }));
        assert_eq!(count("test arrows ... ok"), None);
    }
}
