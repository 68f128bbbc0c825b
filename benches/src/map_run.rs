//! `map-run`: a Distributed Map over a CSV, with one child for each row and its results in a bucket.
//!
//! The children do next to nothing, so that what is measured is what a child costs: to be started, recorded and written out.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stepwell_engine::{CreateStateMachine, Handle, Options, Page, StartExecution, Status};
use stepwell_integrations::s3::Buckets;
use stepwell_map_data::BucketData;
use stepwell_task::{MapData, TaskHandler, TaskRouter, Unsupported};
use tokio_util::sync::CancellationToken;
use xtask::ui;

use crate::child::{Cost, measure};
use crate::table::{markdown, number};

/// Measure a Distributed Map over a CSV
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rows, which are children
    #[arg(long, default_value_t = 1_000_000)]
    rows: usize,

    /// Children of type STANDARD, which have a history, in the place of EXPRESS
    #[arg(long)]
    standard: bool,
}

/// The engine, in a process of its own.
#[derive(Debug, clap::Args)]
pub(crate) struct Side {
    folder: PathBuf,
    #[arg(long)]
    standard: bool,
}

/// What the process prints.
#[derive(Debug, Serialize, Deserialize)]
struct Printed {
    seconds: f64,
    children: u64,
    store_bytes: u64,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let folder = tempfile::tempdir()?;
    ui::step(format!("writing a CSV of {} rows", number(args.rows as f64)));
    write_rows(&folder.path().join("s3/items"), args.rows)?;
    ui::step("running a child for each");
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("map-run-side").arg(folder.path()).args(args.standard.then_some("--standard"));
    let (cost, printed) = measure(&mut command)?;
    let printed: Printed =
        serde_json::from_str(&printed).with_context(|| format!("it printed {printed}"))?;
    ensure!(printed.children == args.rows as u64, "{} children ended", printed.children);
    print(&cost, &printed);
    Ok(())
}

fn print(cost: &Cost, printed: &Printed) {
    let children = printed.children as f64;
    let row = vec![
        number(children),
        format!("{:.1} s", printed.seconds),
        number(children / printed.seconds),
        format!("{:.0} MiB", cost.peak_mib),
        format!("{:.0} us", cost.cpu_seconds * 1e6 / children),
        format!("{:.0} bytes", printed.store_bytes as f64 / children),
    ];
    let columns = ["children", "time", "children/s", "peak memory", "CPU a child", "store a child"];
    println!("{}\n\nBudgets: 5,000 children/s, 300 MiB.", markdown(&columns, [row]));
}

fn write_rows(folder: &Path, rows: usize) -> Result<()> {
    fs::create_dir_all(folder)?;
    let mut file = BufWriter::new(File::create(folder.join("rows.csv"))?);
    writeln!(file, "id,name,amount")?;
    for row in 0..rows {
        writeln!(file, "{row},customer {row},{}.50", row % 1_000)?;
    }
    Ok(file.flush()?)
}

/// Runs the Map run to its end.
pub(crate) fn run_side(side: &Side) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let printed = runtime.block_on(map_run(side))?;
    println!("{}", serde_json::to_string(&printed)?);
    Ok(())
}

async fn map_run(side: &Side) -> Result<Printed> {
    let store = side.folder.join("stepwell.db");
    let buckets = BucketData::new(Buckets::embedded(side.folder.join("s3")));
    let service = Options::at(&store).build(Arc::new(DataOnly(buckets)))?;
    let (engine, stop) = (service.handle(), CancellationToken::new());
    let running = tokio::spawn(service.run(stop.clone()));
    let began = Instant::now();
    let children = run_to_end(&engine, definition(side.standard)).await?;
    let seconds = began.elapsed().as_secs_f64();
    stop.cancel();
    running.await??;
    Ok(Printed { seconds, children, store_bytes: fs::metadata(&store)?.len() })
}

/// How many children succeeded.
async fn run_to_end(engine: &Handle, definition: Value) -> Result<u64> {
    let definition = definition.to_string();
    let machine = CreateStateMachine { name: "rows".to_owned(), definition, ..Default::default() };
    let state_machine_arn = engine.create_state_machine(machine).await?.arn;
    let start = StartExecution { state_machine_arn, name: None, input: "{}".to_owned() };
    let arn = engine.start_execution(start).await?.execution_arn;
    let ended = engine.wait(&arn).await?;
    ensure!(ended.summary.status == Status::Succeeded, "it ended with {:?}", ended.cause);
    let runs = engine.list_map_runs(&arn, Page::default()).await?.items;
    Ok(engine.describe_map_run(&runs[0].arn).await?.executions.succeeded)
}

fn definition(is_standard: bool) -> Value {
    let kind = if is_standard { "STANDARD" } else { "EXPRESS" };
    json!({"StartAt": "Rows", "States": {"Rows": {
        "Type": "Map", "End": true, "Label": "row",
        "ItemReader": {"Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
            "Parameters": {"Bucket": "items", "Key": "rows.csv"}},
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind},
            "StartAt": "Row", "States": {"Row": {"Type": "Pass", "End": true}}},
        "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": "results", "Prefix": "rows"}}}}})
}

/// No tasks are done here.
struct DataOnly(BucketData);

impl TaskRouter for DataOnly {
    fn route(&self, resource: &str) -> Result<Arc<dyn TaskHandler>, Unsupported> {
        let reason = "there are no tasks here".to_owned();
        Err(Unsupported { resource: resource.to_owned(), reason })
    }

    fn map_data(&self) -> Option<Arc<dyn MapData>> {
        Some(Arc::new(self.0.clone()))
    }
}
