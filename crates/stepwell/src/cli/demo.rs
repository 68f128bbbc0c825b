//! `stepwell demo`: Canvas end to end against a source on this machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use comfy_table::CellAlignment;
use indicatif::HumanCount;
use serde::Serialize;
use serde_json::Value;
use stepwell_canvas::dap::Rates;
use stepwell_canvas::summary::{Mode, TableResult};
use stepwell_engine::Status;
use stepwell_sandbox::dap::{Advance, Options, Sandbox};

use super::Global;
use crate::config::{Config, Section};
use crate::failure::{Exit, Failure, Outcome};
use crate::progress::{Display, Hub};
use crate::project::Project;
use crate::view::Execution;
use crate::wiring::{self, Machine, Parts, Running};
use crate::{output, runs, shutdown};

/// Of so many rows, one changes between the two runs.
const ROWS_PER_CHANGE: u64 = 50;

/// Load, change and prove Canvas Data 2 against a service on this machine
///
/// Loads Canvas Data 2 into SQLite, changes the source, applies the changes, and proves both times that source and
/// replica are equal. Needs nothing but this program.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Rows of the source, over all tables
    #[arg(long, value_name = "N", default_value_t = 500_000, value_parser = clap::value_parser!(u64).range(1_000..=50_000_000))]
    rows: u64,
    /// Keep the files in this folder, which must be empty or new, instead of a temporary one
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// The service on this machine allows any number of calls; the real one would make 20 tables wait for minutes.
const UNLIMITED: Rates = Rates {
    create_job: u32::MAX,
    job: u32::MAX,
    tables: u32::MAX,
    schema: u32::MAX,
    object_url: u32::MAX,
};

/// One run of the pipeline, in the demo's words.
#[derive(Debug, Serialize)]
struct Leg {
    title: &'static str,
    execution: String,
    seconds: f64,
    tables: Vec<TableResult>,
}

impl Demo {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let folder = self.folder()?;
        let project = Project::open(&folder)?;
        let legs = wiring::runtime()?
            .block_on(perform(&project, self.rows))
            .inspect_err(|_| tell_where(project.root()))?;
        if global.json {
            output::json(&serde_json::json!({ "folder": project.root(), "runs": legs }))?;
        } else {
            legs.iter().try_for_each(tell)?;
        }
        tell_where(project.root());
        if legs.iter().flat_map(|leg| &leg.tables).all(is_in_step) {
            return Ok(());
        }
        Err(Failure::message(Exit::ExecutionFailed, "source and replica differ"))
    }

    fn folder(&self) -> Outcome<PathBuf> {
        let folder = match &self.keep {
            Some(folder) => folder.clone(),
            None => std::env::temp_dir().join(format!("stepwell-demo-{}", std::process::id())),
        };
        let entries = crate::private::create_folder(&folder)
            .and_then(|()| std::fs::read_dir(&folder))
            .map_err(|error| {
                let message = format!("`{}` cannot be used: {error}", folder.display());
                Failure::message(Exit::Unavailable, message)
                    .hint("name a folder that can be written with `--keep`")
            })?;
        if entries.count() > 0 {
            return Err(Failure::message(
                Exit::Refused,
                format!("`{}` is not empty", folder.display()),
            )
            .hint("name an empty or a new folder with `--keep`"));
        }
        Ok(folder)
    }
}

async fn perform(project: &Project, rows: u64) -> Outcome<Vec<Leg>> {
    let stop = shutdown::on_signal()?;
    tokio::select! {
        legs = both_legs(project, rows) => legs,
        () = stop.cancelled() => Err(Failure::message(Exit::Interrupted, "the demo was stopped")),
    }
}

async fn both_legs(project: &Project, rows: u64) -> Outcome<Vec<Leg>> {
    output::note(format_args!(
        "starting a Canvas Data 2 service on this machine with about {} rows",
        HumanCount(rows)
    ));
    let sandbox = Sandbox::start(Options { total_rows: rows, ..Options::default() }).await?;
    let pipelines = [("canvas", Section::of(canvas_at(&sandbox)))].into();
    let config = Config { pipelines, ..Config::default() };
    let parts = Parts::read(project, &config, None)?;
    let hub = Hub::new();
    let running = Running::start(project, &config, &parts.pipelines, Arc::new(hub.clone()))??;
    let machine = parts.machine("canvas")?;
    let first = leg("first load", &running, machine, &hub).await?;
    sandbox
        .advance(&Advance {
            seed: 7,
            changes: rows / ROWS_PER_CHANGE,
            tables: canvas_tables(&sandbox),
        })
        .map_err(|error| {
            Failure::message(Exit::Unavailable, format!("the source cannot move on: {error}"))
        })?;
    let second = leg("increment", &running, machine, &hub).await?;
    running.stop().await?;
    Ok(vec![first, second])
}

/// The settings that a user would write, with the credentials of the sandbox.
fn canvas_at(sandbox: &Sandbox) -> stepwell_canvas::Settings {
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

async fn leg(title: &'static str, running: &Running, machine: &Machine, hub: &Hub) -> Outcome<Leg> {
    output::note(format_args!("{title} ..."));
    let started = Instant::now();
    let mut display = Display::new();
    let begun = runs::begin(&running.engine, machine, None).await?;
    let ended =
        runs::follow(&running.engine, &begun.arn, hub.follow(), |step| display.show(&step)).await;
    display.clear();
    let ended = ended?;
    if ended.summary.status != Status::Succeeded {
        let message = format!("the {title} failed: {}", ended.reason());
        return Err(Failure::message(Exit::of_unsuccessful(&ended), message));
    }
    let seconds = started.elapsed().as_secs_f64();
    Ok(Leg { title, tables: results(&ended)?, execution: ended.summary.name, seconds })
}

fn results(ended: &Execution) -> Outcome<Vec<TableResult>> {
    let results = ended.output.as_ref().map_or(Value::Null, |summary| summary["results"].clone());
    let mut tables: Vec<TableResult> = serde_json::from_value(results).map_err(|error| {
        Failure::message(Exit::ExecutionFailed, format!("the summary cannot be read: {error}"))
    })?;
    tables.sort_by(|a, b| a.table.cmp(&b.table));
    Ok(tables)
}

fn tell(leg: &Leg) -> Outcome {
    let number = |count: u64| HumanCount(count).to_string();
    let rows = leg.tables.iter().map(|result| {
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
    let moved = |result: &TableResult| {
        let published = &result.published;
        published.inserted + published.updated + published.deleted
    };
    let rows: u64 = leg.tables.iter().map(moved).sum();
    output::line(format_args!("\n{}: {} rows in {:.1} s", leg.title, number(rows), leg.seconds))?;
    Ok(output::line(table)?)
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

fn tell_where(folder: &Path) {
    let folder = folder.display();
    // As it was called: `cargo run` puts nothing on the PATH.
    let stepwell = std::env::args().next().unwrap_or_else(|| "stepwell".to_owned());
    output::note(format_args!(
        "\nreplica  {folder}/canvas.db\nhistory  {stepwell} -C {folder} execution list\nremove   rm -r {folder}"
    ));
}
