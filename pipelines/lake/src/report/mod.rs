//! The static report: one page for all datasets, one for each. Self-contained HTML, made from the proofs that were
//! kept and from what the lake knows of itself.

mod dataset;
mod gather;
mod index;

pub use gather::gather;

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use stepwell_pipeline::HandlerError;
use stepwell_report::{Cell, Element, element};

use crate::reconcile::proof::{DatasetProof, Status};

/// What is told about a dataset.
#[derive(Debug, Clone)]
pub struct Reported {
    /// Its name.
    pub name: String,
    /// Its proofs, the newest last.
    pub proofs: Vec<DatasetProof>,
    /// Up to when the lake has what the source has.
    pub in_step_until: Option<Timestamp>,
    /// Records in quarantine.
    pub quarantined: u64,
}

impl Reported {
    fn last(&self) -> Option<&DatasetProof> {
        self.proofs.last()
    }

    fn last_equal(&self) -> Option<&DatasetProof> {
        self.proofs.iter().rev().find(|proof| proof.status == Status::Equal)
    }

    fn page(&self) -> String {
        format!("dataset-{}.html", self.name)
    }
}

/// Writes the report into a folder: `index.html` and a page for each dataset. Gives what was written.
///
/// # Errors
/// [`HandlerError::Config`] if the folder cannot be written.
pub fn write(
    folder: &Path,
    datasets: &[Reported],
    now: Timestamp,
) -> Result<Vec<PathBuf>, HandlerError> {
    let pages = datasets.iter().map(|it| (it.page(), dataset::page(it, now)));
    let all = std::iter::once(("index.html".to_owned(), index::page(datasets, now))).chain(pages);
    let unwritable = |path: &Path, error: &std::io::Error| {
        HandlerError::Config(format!("{} cannot be written: {error}", path.display()))
    };
    std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    let mut written = Vec::new();
    for (name, page) in all {
        let path = folder.join(name);
        std::fs::write(&path, page.render()).map_err(|error| unwritable(&path, &error))?;
        written.push(path);
    }
    Ok(written)
}

fn badge(status: Status) -> Element {
    let tone = match status {
        Status::Equal => "good",
        Status::CountsAgree => "muted",
        Status::Different => "bad",
        Status::SourceUnavailable | Status::LakeChanged | Status::NotComparable => "warn",
    };
    element("span").class(&format!("badge {tone}")).text(status.text())
}

/// `2026-03-02 05:50 UTC`
fn instant(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `3 days`, `5 hours`, `12 minutes`
fn age(since: Timestamp, now: Timestamp) -> String {
    let age: SignedDuration = now.duration_since(since);
    match age.as_hours() {
        ..1 => format!("{} minutes", age.as_mins().max(0)),
        hours @ 1..48 => format!("{hours} hours"),
        hours => format!("{} days", hours / 24),
    }
}

/// A number of a proof. What is unknown must not read as zero.
fn number(proof: &DatasetProof, number: u64) -> Cell {
    if proof.status.is_known() { number.into() } else { unknown() }
}

/// A number of rows with something the matter, which only a comparison of rows can tell.
fn compared(proof: &DatasetProof, number: u64) -> Cell {
    if proof.compares_rows() { number.into() } else { unknown() }
}

fn unknown() -> Cell {
    Cell::Number("unknown".to_owned())
}
