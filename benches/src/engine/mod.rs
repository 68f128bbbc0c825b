//! `engine`: how fast executions go, how soon they are recovered, what an idle server costs.

mod definitions;
mod in_process;
mod localstack;
mod over_http;
mod peers;
mod restate;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use self::peers::{Peer, Peers};
use crate::sample::Latencies;
use crate::table::{markdown, number};

/// How many start executions at a time, in turn.
const STARTERS: [usize; 2] = [8, 64];

/// Measure the engine, beside Restate (npm) and LocalStack (pip, Python 3.12) where they can be installed
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Seconds of each measurement of throughput
    #[arg(long, default_value_t = 5)]
    seconds: u64,

    /// Open executions to recover
    #[arg(long, default_value_t = 100_000)]
    recover: usize,

    /// Leave out the peers
    #[arg(long)]
    no_peer: bool,

    /// The release binary
    #[arg(long, env = "STEPWELL_BINARY", value_name = "FILE")]
    binary: PathBuf,

    /// Where the peer is installed
    #[arg(long, env = "STEPWELL_BENCH_DIR", value_name = "DIR")]
    peers: PathBuf,

    /// An interpreter with LocalStack
    #[arg(long, env = "STEPWELL_LOCALSTACK_PYTHON", value_name = "FILE")]
    localstack: Option<PathBuf>,
}

/// One line of the table.
pub(crate) struct Row {
    pub(crate) work: String,
    pub(crate) measured: String,
    pub(crate) latency: String,
    /// What the peer did in the same run, and how many times faster we are.
    pub(crate) peer: String,
    /// What the design asks for.
    pub(crate) budget: &'static str,
}

impl Row {
    fn rate(work: impl Into<String>, per_second: f64, unit: &str, budget: &'static str) -> Self {
        let measured = format!("{} {unit}/s", number(per_second));
        Self { work: work.into(), measured, latency: String::new(), peer: String::new(), budget }
    }

    fn latencies(work: impl Into<String>, latencies: &Latencies, budget: &'static str) -> Self {
        let latency = format!("{}, {}", latencies.at(0.5), latencies.at(0.99));
        Self { latency, ..Self::rate(work, latencies.per_second(), "executions", budget) }
    }

    fn beside(self, peer: Option<Peer>, ours: f64) -> Self {
        let Some(peer) = peer else { return self };
        Self { peer: peer.cell(ours), ..self }
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let peers = Peers::measure(args);
    let runtime = tokio::runtime::Runtime::new()?;
    let duration = Duration::from_secs(args.seconds);
    let mut rows = runtime.block_on(in_process::measure(duration, args.recover, &peers))?;
    drop(runtime);
    rows.extend(over_http::measure(&args.binary, duration, &peers)?);
    let columns = ["work", "stepwell", "p50, p99", "peer in the same run", "budget"];
    let rows = rows
        .into_iter()
        .map(|row| vec![row.work, row.measured, row.latency, row.peer, row.budget.to_owned()]);
    println!("{}\n\n{}", markdown(&columns, rows), peers.versions());
    Ok(())
}
