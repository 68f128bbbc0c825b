//! Canvas Data 2 into SQLite: a first load, changes in the source, an increment, each proven.

use comfy_table::CellAlignment;
use indicatif::HumanCount;
use serde::Serialize;
use serde_json::Value;
use stepwell_canvas::dap::Rates;
use stepwell_canvas::summary::{Mode, TableResult};
use stepwell_sandbox::dap::{Advance, Options, Sandbox};

use super::stage::{Ended, Stage};
use crate::config::Section;
use crate::failure::{Exit, Failure, Outcome};
use crate::output;
use crate::project::Project;

/// Of so many rows, one changes between the two runs.
const ROWS_PER_CHANGE: u64 = 50;

/// The service on this machine allows any number of calls; the real one would make 20 tables wait for minutes.
const UNLIMITED: Rates = Rates {
    create_job: u32::MAX,
    job: u32::MAX,
    tables: u32::MAX,
    schema: u32::MAX,
    object_url: u32::MAX,
};

/// What a run did to each table.
#[derive(Debug, Serialize)]
pub(super) struct Tables {
    tables: Vec<TableResult>,
}

pub(super) async fn perform(project: &Project, rows: u64) -> Outcome<Vec<Ended<Tables>>> {
    output::note(format_args!(
        "canvas: starting a Canvas Data 2 service on this machine with about {} rows",
        HumanCount(rows)
    ));
    let sandbox = Sandbox::start(Options { total_rows: rows, ..Options::default() }).await?;
    let section = Section::of(settings(&sandbox));
    let stage = Stage::open(project, "canvas", section).await?;
    let first = stage.run("canvas", "first load").await?;
    let change =
        Advance { seed: 7, changes: rows / ROWS_PER_CHANGE, tables: canvas_tables(&sandbox) };
    sandbox.advance(&change).map_err(|error| {
        Failure::message(Exit::Unavailable, format!("the source cannot move on: {error}"))
    })?;
    let second = stage.run("canvas", "increment").await?;
    stage.close().await?;
    [first, second].into_iter().map(tables).collect()
}

/// The settings that a user would write, with the credentials of the sandbox.
fn settings(sandbox: &Sandbox) -> stepwell_canvas::Settings {
    stepwell_canvas::Settings {
        base_url: Some(sandbox.base_url().to_owned()),
        client_id: Some(sandbox.client_id().to_owned().into()),
        client_secret: Some(sandbox.client_secret().to_owned().into()),
        target: Some("sqlite:canvas.db".to_owned().into()),
        limits: UNLIMITED,
        ..Default::default()
    }
}

/// The pipeline replicates one namespace; changes elsewhere would not be seen.
fn canvas_tables(sandbox: &Sandbox) -> Vec<String> {
    sandbox.tables().into_iter().filter(|table| table.starts_with("canvas.")).collect()
}

fn tables(ended: Ended<Value>) -> Outcome<Ended<Tables>> {
    let results = ended.moved["results"].clone();
    let mut tables: Vec<TableResult> = serde_json::from_value(results).map_err(|error| {
        Failure::message(Exit::ExecutionFailed, format!("the summary cannot be read: {error}"))
    })?;
    tables.sort_by(|a, b| a.table.cmp(&b.table));
    Ok(ended.map(|_| Tables { tables }))
}

impl Tables {
    pub(super) fn agree(&self) -> bool {
        self.tables.iter().all(is_in_step)
    }

    /// So many rows moved.
    pub(super) fn moved(&self) -> String {
        let moved = |result: &TableResult| {
            let published = &result.published;
            published.inserted + published.updated + published.deleted
        };
        format!("{} rows", HumanCount(self.tables.iter().map(moved).sum()))
    }

    pub(super) fn table(&self) -> comfy_table::Table {
        let number = |count: u64| HumanCount(count).to_string();
        let rows = self.tables.iter().map(|result| {
            let published = &result.published;
            [
                result.table.clone(),
                if result.mode == Mode::Unchanged { String::new() } else { number(published.rows) },
                number(published.inserted),
                number(published.updated),
                number(published.deleted),
                format!("{:.2}", result.seconds),
                format!("{:.2}", result.proof_seconds),
                verdict(result).to_owned(),
            ]
        });
        let mut table = output::table(
            ["TABLE", "ROWS", "INSERTED", "UPDATED", "DELETED", "SECONDS", "PROOF", "PROVEN"],
            rows,
        );
        for column in table.column_iter_mut().skip(1).take(6) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}

/// Whether there is nothing to fear: what did not change was proven by the run that brought it.
fn is_in_step(result: &TableResult) -> bool {
    result.proven || result.proven_before
}

fn verdict(result: &TableResult) -> &'static str {
    match result.mode {
        _ if result.proven => "yes",
        _ if result.proven_before => "as before",
        Mode::Unchanged => "never",
        Mode::Snapshot | Mode::Increment => "NO",
    }
}
