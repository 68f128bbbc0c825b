//! `functions`: what an invocation costs, through the Lambda API of the real binary: with a process that waits, and with a new one.
//!
//! The functions do nothing, so that what is measured is what stands between a caller and the code.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use xtask::sfn::Client;
use xtask::ui;

use crate::project::Project;
use crate::sample::Latencies;
use crate::table::{markdown, number};

/// Measure invocations of functions: warm, and with a cold start
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Warm invocations of each runtime
    #[arg(long, default_value_t = 5_000)]
    invocations: usize,

    /// Cold starts of each runtime
    #[arg(long, default_value_t = 20)]
    starts: usize,

    /// The release binary
    #[arg(long, env = "STEPWELL_BINARY", value_name = "FILE")]
    binary: PathBuf,

    /// Where the functions in Rust were built
    #[arg(long, env = "STEPWELL_RUST_CLIENTS", value_name = "DIR")]
    clients: PathBuf,
}

/// A runtime, and the function that does nothing in it.
struct Runtime {
    /// As Lambda spells it.
    name: &'static str,
    handler: &'static str,
    /// The name of the file and what is in it; nothing for the executable that is copied.
    code: Option<(&'static str, &'static str)>,
    budget: &'static str,
}

const RUNTIMES: [Runtime; 3] = [
    Runtime {
        name: "python3.12",
        handler: "app.handler",
        code: Some(("app.py", "def handler(event, context):\n    return event\n")),
        budget: "<= 150 ms",
    },
    Runtime {
        name: "nodejs20.x",
        handler: "index.handler",
        code: Some(("index.mjs", "export const handler = async (event) => event;\n")),
        budget: "",
    },
    Runtime { name: "provided.al2023", handler: "bootstrap", code: None, budget: "<= 15 ms" },
];

pub(crate) fn run(args: &Args) -> Result<()> {
    let project = Project::new(&args.binary, |folder| {
        let mut toml = String::new();
        for runtime in &RUNTIMES {
            runtime.write(folder, &args.clients)?;
            for number in 0..args.starts {
                writeln!(toml, "{}", runtime.configuration(number))?;
            }
        }
        Ok(toml)
    })?;
    let (server, _) = project.start()?;
    let mut client = project.client();
    let rows = RUNTIMES.iter().map(|runtime| runtime.measure(&mut client, args));
    let rows = rows.collect::<Result<Vec<_>>>()?;
    let columns =
        ["runtime", "warm p50, p99", "warm/s, 1 client", "cold p50, p99", "budget of a cold start"];
    println!("{}\n\nBudget of a warm invocation: p50 <= 1 ms.", markdown(&columns, rows));
    server.kill()
}

impl Runtime {
    /// One folder of code serves all functions of the runtime.
    fn write(&self, project: &Path, clients: &Path) -> Result<()> {
        let folder = project.join(self.name);
        fs::create_dir_all(&folder)?;
        match self.code {
            Some((file, code)) => fs::write(folder.join(file), code)?,
            None => drop(fs::copy(clients.join("provided"), folder.join("bootstrap"))?),
        }
        Ok(())
    }

    fn configuration(&self, number: usize) -> String {
        let (Self { name, handler, .. }, function) = (self, self.function(number));
        format!(
            "[functions.{function}]\nruntime = \"{name}\"\nhandler = \"{handler}\"\ncode = \"{name}\"\n"
        )
    }

    fn function(&self, number: usize) -> String {
        format!("{}-{number}", self.name.replace('.', "-"))
    }

    fn measure(&self, client: &mut Client, args: &Args) -> Result<Vec<String>> {
        ui::step(format!("invoking functions of {}", self.name));
        let mut cold = Latencies::start();
        for number in 0..args.starts {
            cold.add(self.invoke(client, number)?);
        }
        let (cold, mut warm) = (cold.end(), Latencies::start());
        for _ in 0..args.invocations {
            warm.add(self.invoke(client, 0)?);
        }
        let warm = warm.end();
        Ok(vec![
            self.name.to_owned(),
            format!("{}, {}", warm.at(0.5), warm.at(0.99)),
            number(warm.per_second()),
            format!("{}, {}", cold.at(0.5), cold.at(0.99)),
            self.budget.to_owned(),
        ])
    }

    fn invoke(&self, client: &mut Client, number: usize) -> Result<Duration> {
        let path = format!("/2015-03-31/functions/{}/invocations", self.function(number));
        let started = Instant::now();
        client.call_path("POST", &path, &json!({"items": []}))?;
        Ok(started.elapsed())
    }
}
