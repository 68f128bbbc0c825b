//! Measures stepwell beside its peers, in one run on one machine; started by `cargo xtask bench`.
//!
//! Prints Markdown for docs/benchmarks.md on stdout; what it is doing goes to stderr.

#![expect(clippy::disallowed_methods, reason = "it measures")]
#![expect(clippy::print_stdout, reason = "a command-line tool: what it prints is its work")]

mod callbacks;
mod canvas;
mod child;
mod data_mesh;
mod data_products;
mod engine;
mod functions;
mod jsonata;
mod lake;
mod machine;
mod map_run;
mod npm;
mod project;
mod reconcile;
mod sample;
mod stream_qc;
mod table;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "stepwell-benches")]
struct Cli {
    #[command(subcommand)]
    suite: Suite,
}

#[derive(Subcommand)]
enum Suite {
    Engine(engine::Args),
    Functions(functions::Args),
    Callbacks(callbacks::Args),
    Canvas(canvas::Args),
    Jsonata(jsonata::Args),
    DataProducts(data_products::Args),
    DataMesh(data_mesh::Args),
    Reconcile(reconcile::Args),
    #[command(hide = true)]
    ReconcileOnce(reconcile::Once),
    Lake(lake::Args),
    MapRun(map_run::Args),
    #[command(hide = true)]
    MapRunSide(map_run::Side),
    StreamQc(stream_qc::Args),
    #[command(hide = true)]
    StreamQcSide(stream_qc::Side),
}

fn main() -> anyhow::Result<()> {
    let suite = Cli::parse().suite;
    // A process that another one measures prints what it found and nothing else.
    let is_measured =
        matches!(suite, Suite::ReconcileOnce(_) | Suite::MapRunSide(_) | Suite::StreamQcSide(_));
    if !is_measured {
        println!("{}\n", machine::conditions()?);
    }
    match suite {
        Suite::Engine(args) => engine::run(&args),
        Suite::Functions(args) => functions::run(&args),
        Suite::Callbacks(args) => callbacks::run(&args),
        Suite::Canvas(args) => canvas::run(&args),
        Suite::Jsonata(args) => jsonata::run(&args),
        Suite::DataProducts(args) => data_products::run(&args),
        Suite::DataMesh(args) => data_mesh::run(&args),
        Suite::Reconcile(args) => reconcile::run(&args),
        Suite::ReconcileOnce(args) => reconcile::once(&args),
        Suite::Lake(args) => lake::run(&args),
        Suite::MapRun(args) => map_run::run(&args),
        Suite::MapRunSide(side) => map_run::run_side(&side),
        Suite::StreamQc(args) => stream_qc::run(&args),
        Suite::StreamQcSide(side) => stream_qc::run_side(&side),
    }
}
