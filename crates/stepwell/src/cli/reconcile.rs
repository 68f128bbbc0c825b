//! `stepwell reconcile PIPELINE`

mod lake;

use std::process::ExitCode;

use clap::Args;
use stepwell_engine::Status;
use stepwell_pipeline::Switch;

use super::Global;
use super::run::{self, Runs, plan};
use crate::client::Ask;
use crate::failure::{Exit, Failure, Outcome};
use crate::{built_in, wiring};

/// Compare source and target now, and change nothing
///
/// The exit code is 0 if they are equal, 1 if they differ, 5 if a source could not be read or the lake was published
/// anew all the time, and 2 if they cannot be compared.
#[derive(Debug, Args)]
pub(crate) struct Reconcile {
    /// The pipeline: `lake`, `data-products` or `data-mesh`
    pipeline: String,
    /// Only this dataset of the lake; may be repeated
    #[arg(long, value_name = "NAME")]
    dataset: Vec<String>,
    /// Only events of this day, or of the days from one to another
    #[arg(long, value_name = "DAY[..DAY]")]
    day: Option<lake::Days>,
    /// How far: `rows` compares every row, `counts` the numbers of rows alone, which is no proof that they are equal
    #[arg(long, value_name = "LEVEL", value_enum)]
    level: Option<lake::Depth>,
}

/// How a pipeline compares.
enum Way {
    /// By a state machine that proves.
    Proof,
    /// By what this state machine would do.
    Plan(&'static str),
    /// While it loads, and not by itself.
    WhileLoading,
}

impl Reconcile {
    pub(crate) fn run(self, global: &Global) -> Outcome<ExitCode> {
        match way(&self.pipeline)? {
            Way::Proof => lake::run(&self, global),
            Way::Plan(machine) => self.plan(machine, global),
            Way::WhileLoading => {
                let name = &self.pipeline;
                let message = format!("`{name}` proves every table while it loads it");
                Err(Failure::message(Exit::Refused, message)
                    .hint(format!("run it: `stepwell run {name}`")))
            }
        }
    }

    /// Shows what would have to be done for both sides to be equal.
    fn plan(&self, name: &'static str, global: &Global) -> Outcome<ExitCode> {
        if !self.dataset.is_empty() || self.day.is_some() || self.level.is_some() {
            let message =
                format!("`{}` has no datasets, days or levels to choose from", self.pipeline);
            return Err(Failure::message(Exit::Usage, message)
                .hint("leave `--dataset`, `--day` and `--level` out"));
        }
        let project = global.project()?;
        let config = project.config()?;
        let parts = wiring::Parts::read(&project, &config, built_in::of_machine(name))?;
        let machine = parts.machine(name)?.clone();
        let input = run::with_switches(&machine, None, &[Switch::Plan])?;
        let ask = Ask { name: machine.name.clone(), definition: None, input };
        let runs = Runs { project: &project, config: &config, parts: &parts };
        let ended = wiring::runtime()?.block_on(runs.perform(&machine, &ask, false))?;
        if ended.summary.status != Status::Succeeded {
            return run::tell(&ended);
        }
        plan::tell(&ended, global)?;
        Ok(if plan::is_empty(&ended) {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(Exit::ExecutionFailed as u8)
        })
    }
}

fn way(pipeline: &str) -> Outcome<Way> {
    match pipeline {
        "lake" => Ok(Way::Proof),
        "data-products" => Ok(Way::Plan("data-products")),
        "data-mesh" => Ok(Way::Plan("data-mesh-reconcile")),
        "canvas" => Ok(Way::WhileLoading),
        other if built_in::names().any(|name| name == other) => {
            let message = format!("`{other}` has no source and target to compare");
            Err(Failure::message(Exit::Refused, message)
                .hint("`lake`, `data-products` and `data-mesh` have"))
        }
        other => Err(wiring::unknown(other, &[])),
    }
}
