//! `stepwell function list|invoke|logs`

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use serde_json::json;
use stepwell_asl::suggest::closest;
use stepwell_pipeline::progress::Silent;
use stepwell_runner::{Function as Known, Invocation, Runner, Target};
use tokio_util::sync::CancellationToken;

use super::Global;
use crate::client::Client;
use crate::failure::{Exit, Failure, Outcome};
use crate::output;
use crate::project::Project;
use crate::wiring::{self, Parts, Running};

/// Look at functions that run as processes, and invoke them
///
/// They are configured in [functions] of stepwell.toml, or created through the Lambda API of `stepwell serve`.
#[derive(Debug, Subcommand)]
pub(crate) enum Function {
    /// List the functions
    List,
    /// Invoke a function and print what it returns
    Invoke {
        /// Its name
        name: String,
        /// The event: JSON
        #[arg(long, value_name = "JSON", default_value = "{}")]
        payload: String,
    },
    /// Print the log of a function
    Logs {
        /// Its name
        name: String,
    },
}

impl Function {
    pub(crate) fn run(self, global: &Global) -> Outcome<ExitCode> {
        let project = global.project()?;
        match self {
            Self::List => list(&project, global.json)?,
            Self::Logs { name } => logs(&project, &name)?,
            Self::Invoke { name, payload } => {
                return wiring::runtime()?.block_on(invoke(&project, &name, payload));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// All functions of a project, whether a server runs or not.
fn known(project: &Project) -> Outcome<Vec<Known>> {
    let mut known = project.config()?.functions;
    let hidden = |it: &Known| known.iter().any(|configured| configured.name == it.name);
    let created: Vec<_> = stepwell_runner::created(&project.state())?
        .into_iter()
        .filter(|function| !hidden(function))
        .collect();
    known.extend(created);
    known.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(known)
}

fn list(project: &Project, as_json: bool) -> Outcome {
    let known = known(project)?;
    if as_json {
        let shown = known
            .iter()
            .map(|it| json!({"name": it.name, "runtime": it.runtime, "handler": it.handler}));
        return Ok(output::json(&shown.collect::<Vec<_>>())?);
    }
    let rows = known.into_iter().map(|it| [it.name, it.runtime, it.handler]);
    Ok(output::line(output::table(["NAME", "RUNTIME", "HANDLER"], rows))?)
}

fn logs(project: &Project, name: &str) -> Outcome {
    let known = known(project)?;
    if known.iter().all(|function| function.name != name) {
        return Err(unknown(name, &known));
    }
    stepwell_runner::log_files(&project.state(), name).iter().try_for_each(|file| copy(file))
}

fn copy(file: &Path) -> Outcome {
    io::copy(&mut std::fs::File::open(file)?, &mut io::stdout().lock())?;
    Ok(())
}

fn unknown(name: &str, known: &[Known]) -> Failure {
    let failure = Failure::message(Exit::Refused, format!("there is no function `{name}`"));
    match closest(name, known.iter().map(|function| function.name.as_str())) {
        Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
        None => failure.hint("`stepwell function list` names them"),
    }
}

/// Invokes in this process, or in the server of the project.
async fn invoke(project: &Project, name: &str, payload: String) -> Outcome<ExitCode> {
    let config = project.config()?;
    let parts = Parts::read(project, &config, None)?;
    let opener = wiring::opener(project, &config);
    let started =
        Running::start(project, &config, &parts.pipelines, Arc::new(Silent), opener, None).await?;
    let (text, has_failed) = match started {
        Ok(running) => {
            let runner = running.processes.get().expect("a running engine has its functions");
            let invoked = here(runner, name, payload).await;
            running.stop().await?;
            invoked?
        }
        Err(refusal) => Client::behind(refusal, project)?.invoke(name, payload).await?,
    };
    let mut stdout = io::stdout().lock();
    stdout.write_all(&text)?;
    writeln!(stdout)?;
    Ok(if has_failed { ExitCode::from(Exit::ExecutionFailed as u8) } else { ExitCode::SUCCESS })
}

/// What the function returned, and whether that is an error.
async fn here(runner: &Runner, name: &str, payload: String) -> Outcome<(Vec<u8>, bool)> {
    let refused = |refusal: stepwell_runner::Refusal| Failure::message(Exit::Refused, refusal);
    let target = Target::parse(name).map_err(refused)?;
    let invocation = Invocation::of(payload);
    let invoked = runner.invoke(&target, &invocation, &CancellationToken::new()).await;
    let invoked = invoked.map_err(refused)?;
    Ok((invoked.payload.to_vec(), invoked.error_type.is_some()))
}
