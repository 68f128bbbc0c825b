//! `canvas`: first load and increment of one wide table into PostgreSQL, beside the official client and `psql \copy`.
//!
//! All three talk to the same PostgreSQL server, stepwell and the official client to the same sandbox, which runs in
//! this process. The sandbox renders the files of a query once, so each query is asked once before it is measured.
//! What is measured is the client alone: the CPU time of the sandbox and of PostgreSQL is nobody's.

mod loaders;

use anyhow::Result;
use stepwell_sandbox::dap::{Advance, Options, Sandbox};
use tokio::runtime::Runtime;
use xtask::ui;

use crate::child::Cost;
use crate::table::{markdown, number};
use loaders::{Database, Source, Tools};

/// The widest table that every institution has many rows of.
const TABLE: &str = "submissions";

/// Measure the canvas pipeline, beside the official client and `psql \copy`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rows of the first load
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,

    /// Changed rows of the increment
    #[arg(long, default_value_t = 100_000)]
    changes: u64,

    #[command(flatten)]
    tools: Tools,
}

/// One line of the table.
struct Row {
    work: &'static str,
    by: &'static str,
    rows: u64,
    cost: Cost,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let runtime = Runtime::new()?;
    ui::step(format!("starting the sandbox with {} rows", number(args.rows as f64)));
    let options = Options {
        total_rows: 1_000,
        rows: [(format!("canvas.{TABLE}"), args.rows)].into(),
        ..Options::default()
    };
    let sandbox = runtime.block_on(Sandbox::start(options))?;
    let source = Source { sandbox: &sandbox, table: TABLE };
    let [warm, ours, official, copied] =
        ["warm", "ours", "official", "copied"].map(|name| Database::create(&args.tools, name));
    let (warm, ours, official, copied) = (warm?, ours?, official?, copied?);

    ui::step("asking for the snapshot once");
    source.load_by_stepwell(&args.tools, &warm)?;
    let mut rows = Vec::new();
    let mut measured = |work, by, count, cost: Cost| {
        ui::step(format!("{work}, {by}: {:.1} s", cost.seconds));
        rows.push(Row { work, by, rows: count, cost });
    };
    let load = "first load";
    measured(load, "stepwell", args.rows, source.load_by_stepwell(&args.tools, &ours)?);
    measured(load, "official client", args.rows, source.load_by_client(&args.tools, &official)?);
    let tsv = official.export(TABLE)?;
    measured(
        load,
        r"psql \copy of ready-made TSV",
        args.rows,
        copied.import(&official, TABLE, &tsv)?,
    );

    let changes =
        Advance { seed: 1, changes: args.changes, tables: vec![format!("canvas.{TABLE}")] };
    sandbox.advance(&changes)?;
    ui::step("asking for the increment once");
    source.load_by_stepwell(&args.tools, &warm)?;
    let increment = "increment";
    measured(increment, "stepwell", args.changes, source.load_by_stepwell(&args.tools, &ours)?);
    measured(
        increment,
        "official client",
        args.changes,
        source.sync_by_client(&args.tools, &official)?,
    );
    print(&rows);
    Ok(())
}

fn print(rows: &[Row]) {
    let rate = |row: &Row| row.rows as f64 / row.cost.seconds;
    let stepwell =
        |work| rows.iter().find(|row| row.work == work && row.by == "stepwell").map(rate);
    let lines = rows.iter().map(|row| {
        let ratio = stepwell(row.work).map(|ours| format!("{:.2} x", ours / rate(row)));
        vec![
            row.work.to_owned(),
            row.by.to_owned(),
            number(row.rows as f64),
            format!("{:.1}", row.cost.seconds),
            number(rate(row)),
            format!("{:.0} MiB", row.cost.peak_mib),
            format!("{:.1}", row.cost.cpu_seconds),
            ratio.unwrap_or_default(),
        ]
    });
    let columns =
        ["work", "by", "rows", "seconds", "rows/s", "peak memory", "CPU seconds", "stepwell is"];
    println!("{}", markdown(&columns, lines));
    println!("\nBudgets: >= 8 x the official client, >= 0.8 x `\\copy`, peak memory <= 100 MiB.");
}
