//! `data-products`: a first run, a run without a change and a run with a few, with a delay on every request.
//!
//! The sandbox runs in this process and stands for SEP, Galaxy and its cluster; stepwell is the command that a user
//! types. The reference is not run: its times are those that were measured of it elsewhere, on the same work.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use stepwell_sandbox::starburst::{Advance, Options, Sandbox};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use xtask::ui;

use crate::child::{Cost, measure};
use crate::table::{markdown, number};

/// Measure the data-products pipeline
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Data products in the source
    #[arg(long, default_value_t = 200)]
    products: usize,

    /// How many of them change before the last run
    #[arg(long, default_value_t = 5)]
    changes: usize,

    /// Added to every request, in milliseconds
    #[arg(long, default_value_t = 50)]
    latency_ms: u64,

    /// The release binary
    #[arg(long, env = "STEPWELL_BINARY", value_name = "FILE")]
    binary: PathBuf,
}

/// One run.
struct Leg {
    work: &'static str,
    /// Seconds of the reference with one worker and with 40, for 200 products, 5 changes and 50 ms.
    reference: [&'static str; 2],
    cost: Cost,
    requests: u64,
    writes: u64,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let runtime = Runtime::new()?;
    ui::step(format!("starting the sandbox with {} data products", args.products));
    let options = Options {
        products: args.products,
        awkward: false,
        page_size: 100,
        latency: Duration::from_millis(args.latency_ms),
        ..Options::default()
    };
    let sandbox = runtime.block_on(Sandbox::start(options))?;
    let project = project(&sandbox)?;
    let leg = |work, reference| measured(args, &sandbox, &project, work, reference);
    let create = leg("create", ["163", "11.8"])?;
    let unchanged = leg("no change", ["96", "8.9"])?;
    ensure!(unchanged.writes == 0, "{} writes although nothing changed", unchanged.writes);
    sandbox.advance(&Advance {
        seed: 1,
        changed: args.changes,
        deleted: 0,
        added: 0,
        renamed: 0,
        moved: 0,
        refreshed: 0,
    });
    let modify = leg("modify", ["97", "9.6"])?;
    print(&[create, unchanged, modify]);
    Ok(())
}

/// A project folder with the addresses of the sandbox.
fn project(sandbox: &Sandbox) -> Result<TempDir> {
    let options = sandbox.options();
    let settings = [
        ("sep_host", sandbox.sep_url()),
        ("sep_username", &options.sep_user),
        ("sep_password", &options.sep_password),
        ("galaxy_host", sandbox.galaxy_url()),
        ("galaxy_client_id", &options.client_id),
        ("galaxy_client_secret", &options.client_secret),
        ("galaxy_sql_username", &options.sql_user),
        ("galaxy_sql_password", &options.sql_password),
        ("galaxy_sql_cluster_url", sandbox.trino_url()),
        ("data_product_catalog", &options.target_catalog),
        ("default_cluster", sandbox.cluster_name()),
    ];
    let lines = settings.map(|(key, value)| format!("{key} = {}\n", Value::from(value)));
    let folder = tempfile::tempdir()?;
    let text = format!("[pipelines.data-products]\n{}", lines.concat());
    std::fs::write(folder.path().join("stepwell.toml"), text)?;
    Ok(folder)
}

fn measured(
    args: &Args,
    sandbox: &Sandbox,
    project: &TempDir,
    work: &'static str,
    reference: [&'static str; 2],
) -> Result<Leg> {
    sandbox.forget_requests();
    let mut command = Command::new(&args.binary);
    command.current_dir(project.path()).args(["run", "data-products"]);
    let (cost, printed) = measure(&mut command)?;
    let summary: Value = serde_json::from_str(&printed)?;
    ensure!(summary["proven"] == true, "the run was not proven: {summary}");
    let requests = sandbox.requests().values().sum();
    ui::step(format!("{work}: {:.2} s, {requests} requests: {}", cost.seconds, summary["message"]));
    Ok(Leg { work, reference, cost, requests, writes: sandbox.writes().total() })
}

fn print(legs: &[Leg]) {
    let lines = legs.iter().map(|leg| {
        let [one, forty] = leg.reference;
        vec![
            leg.work.to_owned(),
            format!("{:.2}", leg.cost.seconds),
            number(leg.requests as f64),
            number(leg.writes as f64),
            format!("{:.1}", leg.cost.cpu_seconds),
            format!("{:.0} MiB", leg.cost.peak_mib),
            one.to_owned(),
            forty.to_owned(),
        ]
    });
    let columns = [
        "work",
        "stepwell s",
        "requests",
        "writes",
        "CPU s",
        "memory",
        "reference s, as stated",
        "with 40 threads, as stated",
    ];
    println!("{}", markdown(&columns, lines));
}
