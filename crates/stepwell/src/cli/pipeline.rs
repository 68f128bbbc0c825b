//! `stepwell pipeline list|show|init`

mod init;

use clap::Subcommand;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Global;
use crate::failure::Outcome;
use crate::output;
use crate::wiring::{Machine, Parts};

/// Look at pipelines and set them up
#[derive(Debug, Subcommand)]
pub(crate) enum Pipeline {
    /// List the pipelines and state machines of the project
    List,
    /// Show one with its definition
    Show {
        /// Its name
        name: String,
    },
    /// Write a commented configuration, and prepare the database
    Init(init::Init),
}

impl Pipeline {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        match self {
            Self::List => list(&parts(global, None)?, global),
            Self::Show { name } => show(parts(global, Some(&name))?.machine(&name)?, global),
            Self::Init(init) => init.run(global),
        }
    }
}

fn parts(global: &Global, wanted: Option<&str>) -> Outcome<Parts> {
    let project = global.project()?;
    Parts::read(&project, &project.config()?, wanted)
}

fn list(parts: &Parts, global: &Global) -> Outcome {
    if global.json {
        return Ok(output::json(&parts.machines.iter().map(summary).collect::<Vec<_>>())?);
    }
    let rows = parts.machines.iter().map(|machine| {
        let schedule = machine.trigger.as_ref().map(|trigger| trigger.schedule.to_string());
        let next = next(machine).map(|at| format!("{at:.0}"));
        [
            machine.name.clone(),
            source(machine),
            schedule.unwrap_or_default(),
            next.unwrap_or_default(),
        ]
    });
    Ok(output::line(output::table(["NAME", "DEFINITION", "SCHEDULE", "NEXT"], rows))?)
}

fn show(machine: &Machine, global: &Global) -> Outcome {
    if global.json {
        let mut whole = summary(machine);
        whole["definition"] =
            serde_json::from_str(&machine.definition).unwrap_or_else(|_| json!(machine.definition));
        whole["input"] = serde_json::from_str(&machine.default_input).unwrap_or_default();
        return Ok(output::json(&whole)?);
    }
    output::line(format_args!("name        {}", machine.name))?;
    output::line(format_args!("definition  {}", source(machine)))?;
    output::line(format_args!("input       {}", machine.default_input))?;
    if let Some(trigger) = &machine.trigger {
        output::line(format_args!("schedule    {}", trigger.schedule))?;
    }
    Ok(output::line(format_args!("\n{}", machine.definition.trim_end()))?)
}

/// `{"name":"canvas","source":"built in","schedule":"rate(4 hours)","next":null}`
fn summary(machine: &Machine) -> Value {
    json!({
        "name": machine.name,
        "source": source(machine),
        "schedule": machine.trigger.as_ref().map(|trigger| trigger.schedule.to_string()),
        "next": next(machine),
    })
}

fn source(machine: &Machine) -> String {
    machine.file.as_ref().map_or_else(|| "built in".to_owned(), |file| file.display().to_string())
}

/// The next instant that does not depend on when the schedule was first seen.
fn next(machine: &Machine) -> Option<Timestamp> {
    let schedule = &machine.trigger.as_ref()?.schedule;
    if schedule.is_rate() { None } else { schedule.next_after(Timestamp::now()) }
}
