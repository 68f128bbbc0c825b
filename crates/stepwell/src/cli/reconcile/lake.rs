//! What `stepwell reconcile lake` asks for and shows.

use std::process::ExitCode;
use std::str::FromStr;

use jiff::civil::Date;
use serde_json::json;
use stepwell_lake::reconcile::handlers::history;
use stepwell_lake::reconcile::proof::{DatasetProof, Found, Level};

use super::{Global, Reconcile};
use crate::cli::run::{self, Runs};
use crate::client::Ask;
use crate::failure::{Exit, Failure, Outcome};
use crate::{built_in, output, wiring};

/// The state machine that proves.
const MACHINE: &str = "lake-reconcile";

/// `2026-03-01` or `2026-03-01..2026-03-07`, both ends inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Days {
    from: Date,
    to: Date,
}

impl FromStr for Days {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let day = |text: &str| {
            text.parse::<Date>().map_err(|_| format!("`{text}` is no day, for instance 2026-03-01"))
        };
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let (from, to) = (day(from)?, day(to)?);
        if to < from {
            return Err(format!("{to} lies before {from}"));
        }
        Ok(Self { from, to })
    }
}

/// How far a proof goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Depth {
    /// Every row.
    Rows,
    /// The numbers of rows alone.
    Counts,
}

impl From<Depth> for Level {
    fn from(depth: Depth) -> Self {
        match depth {
            Depth::Rows => Self::Rows,
            Depth::Counts => Self::Counts,
        }
    }
}

pub(super) fn run(asked: &Reconcile, global: &Global) -> Outcome<ExitCode> {
    let project = global.project()?;
    let config = project.config()?;
    let parts = wiring::Parts::read(&project, &config, built_in::of_machine(MACHINE))?;
    let machine = parts.machine(MACHINE)?.clone();
    let mut input = json!({ "datasets": asked.dataset });
    if let Some(days) = asked.day {
        input["from_day"] = json!(days.from);
        input["to_day"] = json!(days.to);
    }
    if let Some(depth) = asked.level {
        input["level"] = json!(Level::from(depth));
    }
    let input = Some(input.to_string());
    let ask = Ask { name: machine.name.clone(), definition: None, input };
    let runs = Runs { project: &project, config: &config, parts: &parts };
    let ended = wiring::runtime()?.block_on(runs.perform(&machine, &ask, false))?;
    let proofs = history(&project.state().join("lake"), &ended.summary.name)
        .map_err(|error| Failure::new(Exit::Unavailable, error))?;
    match proofs {
        Some(proofs) if global.json => output::json(&proofs)?,
        Some(proofs) => show(&proofs)?,
        None => {}
    }
    run::tell(&ended)
}

fn show(proofs: &[DatasetProof]) -> Outcome {
    let row = |proof: &DatasetProof| {
        let counts = &proof.counts;
        let note = proof.note.clone().unwrap_or_default();
        // What is unknown must not read as zero.
        let known = |it: u64| if proof.status.is_known() { it.to_string() } else { String::new() };
        let told = |it: u64| if proof.compares_rows() { it.to_string() } else { String::new() };
        [
            proof.dataset.clone(),
            proof.status.text().to_owned(),
            proof.cutoff.map(|cutoff| format!("{cutoff:.0}")).unwrap_or_default(),
            proof.counted.text(),
            known(counts.source_rows),
            known(counts.lake_rows),
            told(counts.missing),
            told(counts.extra),
            told(counts.different),
            told(counts.duplicate),
            told(counts.late),
            note,
        ]
    };
    let columns = [
        "DATASET",
        "STATUS",
        "UP TO",
        "COUNTED",
        "SOURCE",
        "LAKE",
        "MISSING",
        "EXTRA",
        "DIFFERENT",
        "DUPLICATE",
        "LATE",
        "NOTE",
    ];
    output::line(output::table(columns, proofs.iter().map(row)))?;
    let differing: Vec<_> = proofs
        .iter()
        .flat_map(|proof| proof.differences.iter().map(move |found| difference(proof, found)))
        .collect();
    if !differing.is_empty() {
        output::line("")?;
        output::line(output::table(["DATASET", "DAY", "WHAT", "KEY", "COLUMNS"], differing))?;
    }
    for proof in proofs.iter().filter(|proof| proof.omitted > 0) {
        output::note(format_args!("`{}` has {} more", proof.dataset, proof.omitted));
    }
    Ok(())
}

fn difference(proof: &DatasetProof, found: &Found) -> [String; 5] {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".to_owned());
    let key: Vec<_> =
        found.key.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
    let columns = found.columns.iter().map(|column| match (&column.source, &column.lake) {
        // Values that are not shown and values that are NULL on both sides look alike; the latter do not differ.
        (None, None) => column.name.clone(),
        (source, lake) => format!("{}: {} is {}", column.name, text(source), text(lake)),
    });
    [
        proof.dataset.clone(),
        found.day.map(|day| day.to_string()).unwrap_or_default(),
        found.kind.text().to_owned(),
        key.join(", "),
        columns.collect::<Vec<_>>().join(", "),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_day_or_several() {
        let days = |text: &str| text.parse::<Days>();
        let date = |day| Date::constant(2026, 3, day);
        assert_eq!(days("2026-03-01"), Ok(Days { from: date(1), to: date(1) }));
        assert_eq!(days("2026-03-01..2026-03-07"), Ok(Days { from: date(1), to: date(7) }));
        assert_eq!(days("2026-03-07..2026-03-01"), Err("2026-03-01 lies before 2026-03-07".into()));
        assert_eq!(days("today"), Err("`today` is no day, for instance 2026-03-01".into()));
    }
}
