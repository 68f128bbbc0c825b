//! `cargo xtask tidy`: the rules of the house that the compiler does not hold, each proved by a check.
//!
//! A check reads the repository and returns what is wrong with it; it never changes a file.

mod arrows;
mod documents;
mod manifests;
mod purity;
mod sources;

use std::process::ExitCode;

use anyhow::Result;

use crate::repository::Repository;

/// Check the rules of the house that the compiler does not hold
///
/// Directions between crates, purity of the language crates, manifests, sources, documents. Prints each finding as `place: problem`; the exit code is 1 if there is any.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run only the checks whose name contains this text
    #[arg(value_name = "CHECK")]
    only: Option<String>,
}

/// Something that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    /// The file, `file:line` or crate.
    place: String,
    /// What is wrong, and what to do instead.
    problem: String,
}

impl Finding {
    fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }
}

type Check = fn(&Repository) -> Result<Vec<Finding>>;

const CHECKS: &[(&str, Check)] = &[
    ("arrows: crates see only what they may see", |repository| Ok(arrows::check(repository))),
    ("purity: the language crates see no world", purity::check),
    ("manifests: lints and versions come from the workspace", manifests::check),
    ("sources: nothing unfinished, skipped, asleep or bound to one machine", sources::check),
    ("documents: changelog and decision records are complete", documents::check),
];

/// Runs the checks.
///
/// # Errors
/// If the repository cannot be read.
pub fn run(args: &Args) -> Result<ExitCode> {
    let repository = Repository::discover()?;
    let only = args.only.as_deref().unwrap_or_default();
    let mut problems = 0;
    for (name, check) in CHECKS.iter().filter(|(name, _)| name.contains(only)) {
        let findings = check(&repository)?;
        problems += findings.len();
        println!("{} {name}", if findings.is_empty() { "ok    " } else { "FAILED" });
        for Finding { place, problem } in findings {
            println!("         {place}: {problem}");
        }
    }
    for note in sources::long_files(&repository)? {
        println!("note   {}: {}", note.place, note.problem);
    }
    println!("tidy: {problems} problems");
    Ok(ExitCode::from(u8::from(problems > 0)))
}
