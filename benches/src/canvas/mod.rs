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

use crate::table::{markdown, number};
use loaders::{Database, Loaded, Source, Tools};

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

    /// How often the first load and the `\copy` take turns, each into a new database; the best of each counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,

    /// Leave the official client out
    #[arg(long)]
    no_peer: bool,

    #[command(flatten)]
    tools: Tools,
}

/// One line of the table.
struct Row {
    work: &'static str,
    by: &'static str,
    rows: u64,
    loaded: Loaded,
}

const STEPWELL: &str = "stepwell";
const CLIENT: &str = "official client";
const COPY: &str = r"psql \copy of ready-made TSV";

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
    let tools = &args.tools;
    let warm = Database::create(tools, "warm")?;
    ui::step("asking for the snapshot once");
    source.load_by_stepwell(tools, &warm)?;
    let tsv = warm.export(TABLE)?;

    let (mut loads, mut copies) = (Vec::new(), Vec::new());
    let mut ours = None;
    for round in 0..args.rounds.max(1) {
        let database = Database::create(tools, &format!("ours_{round}"))?;
        loads.push(told("first load", STEPWELL, source.load_by_stepwell(tools, &database)?));
        let target = Database::create(tools, &format!("copied_{round}"))?;
        copies.push(told("first load", COPY, target.import(&database, TABLE, &tsv)?));
        target.drop(tools)?;
        if let Some(before) = ours.replace(database) {
            before.drop(tools)?;
        }
    }
    let ours = ours.expect("there is at least one round");
    let load = |by, loaded| Row { work: "first load", by, rows: args.rows, loaded };
    let mut rows = vec![load(STEPWELL, best(&loads)), load(COPY, best(&copies))];
    let official = Database::create(tools, "official")?;
    if !args.no_peer {
        let loaded = told("first load", CLIENT, source.load_by_client(tools, &official)?);
        rows.insert(1, load(CLIENT, loaded));
    }

    let tables = vec![format!("canvas.{TABLE}")];
    sandbox.advance(&Advance { seed: 1, changes: args.changes, tables })?;
    ui::step("asking for the increment once");
    source.load_by_stepwell(tools, &warm)?;
    let mut increment = |by, loaded| {
        let loaded = told("increment", by, loaded);
        rows.push(Row { work: "increment", by, rows: args.changes, loaded });
    };
    increment(STEPWELL, source.load_by_stepwell(tools, &ours)?);
    if !args.no_peer {
        increment(CLIENT, source.sync_by_client(tools, &official)?);
    }
    print(&rows);
    Ok(())
}

fn told(work: &str, by: &str, loaded: Loaded) -> Loaded {
    let Loaded { cost, proof_seconds } = loaded;
    ui::step(format!(
        "{work}, {by}: {:.2} s, {proof_seconds:.2} s of them for the proof, {:.2} CPU s",
        cost.seconds, cost.cpu_seconds
    ));
    loaded
}

fn best(loads: &[Loaded]) -> Loaded {
    let seconds = |loaded: &&Loaded| loaded.cost.seconds;
    *loads.iter().min_by(|a, b| seconds(a).total_cmp(&seconds(b))).expect("there is a round")
}

fn print(rows: &[Row]) {
    let seconds = |row: &Row| row.loaded.cost.seconds;
    let load_seconds = |row: &Row| seconds(row) - row.loaded.proof_seconds;
    let lines = rows.iter().map(|row| {
        let ours = rows.iter().find(|it| it.work == row.work && it.by == STEPWELL);
        let times = |ours: Option<f64>| {
            ours.map(|ours| format!("{:.2} x", seconds(row) / ours)).unwrap_or_default()
        };
        let Loaded { cost, proof_seconds } = row.loaded;
        let proof = if proof_seconds > 0.0 { format!("{proof_seconds:.2}") } else { "none".into() };
        let is_ours = row.by == STEPWELL;
        vec![
            row.work.to_owned(),
            row.by.to_owned(),
            number(row.rows as f64),
            format!("{:.2}", load_seconds(row)),
            proof,
            number(row.rows as f64 / load_seconds(row)),
            format!("{:.0} MiB", cost.peak_mib),
            format!("{:.1}", cost.cpu_seconds),
            if is_ours { String::new() } else { times(ours.map(load_seconds)) },
            if is_ours { String::new() } else { times(ours.map(seconds)) },
        ]
    });
    let columns = [
        "work",
        "by",
        "rows",
        "load s",
        "proof s",
        "load rows/s",
        "peak memory",
        "CPU seconds",
        "stepwell's load is",
        "with its proof",
    ];
    println!("{}", markdown(&columns, lines));
    println!("\nBudgets: >= 8 x the official client, >= 0.8 x `\\copy`, peak memory <= 100 MiB.");
}
