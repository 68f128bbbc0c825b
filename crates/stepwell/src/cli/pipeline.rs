//! `stepwell pipeline list|show|init`

mod init;

use clap::Subcommand;
use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_pipeline::settings::Problem;

use super::Global;
use crate::built_in::{self, BuiltIn};
use crate::config::Section;
use crate::failure::Outcome;
use crate::output;
use crate::wiring::{self, Machine};

/// Look at pipelines and set them up
#[derive(Debug, Subcommand)]
pub(crate) enum Pipeline {
    /// List the pipelines that are built in and the state machines of the project
    List,
    /// Show one with its definition and the settings that it still needs
    Show {
        /// Its name
        name: String,
    },
    /// Write a commented configuration, and prepare the database
    Init(init::Init),
}

/// A built-in pipeline or a state machine of the project.
struct Listed {
    machine: Machine,
    /// The settings that are missing before it can run.
    missing: Vec<Problem>,
}

impl Pipeline {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        match self {
            Self::List => list(&all(global)?, global),
            Self::Show { name } => {
                let all = all(global)?;
                let Some(listed) = all.iter().find(|listed| listed.machine.name == name) else {
                    let known: Vec<_> = all.into_iter().map(|listed| listed.machine).collect();
                    return Err(wiring::unknown(&name, &known));
                };
                show(listed, global)
            }
            Self::Init(init) => init.run(global),
        }
    }
}

/// All that the project can run, configured or not.
fn all(global: &Global) -> Outcome<Vec<Listed>> {
    let project = global.project()?;
    let config = project.config()?;
    let own = wiring::own_machines(&project, &config)?;
    let own = own.into_iter().map(|machine| Listed { machine, missing: Vec::new() });
    let built_in = built_in::ALL.iter().flat_map(|it| listed(it, config.pipelines.get(it.name)));
    Ok(built_in.chain(own).collect())
}

/// The state machines of a built-in pipeline.
fn listed(built_in: &BuiltIn, written: Option<&Section>) -> Vec<Listed> {
    let empty = Section::empty(built_in);
    let section = written.unwrap_or(&empty);
    let mut missing = section.problems();
    missing.retain(|problem| problem.is_missing);
    let machine = |machine| {
        let machine = Machine::of(machine);
        let trigger = section.trigger(&machine.name).cloned();
        Listed { machine: Machine { trigger, ..machine }, missing: missing.clone() }
    };
    built_in.machines.iter().map(machine).collect()
}

fn list(all: &[Listed], global: &Global) -> Outcome {
    if global.json {
        return Ok(output::json(&all.iter().map(summary).collect::<Vec<_>>())?);
    }
    let rows = all.iter().map(|listed| {
        let machine = &listed.machine;
        let schedule = machine.trigger.as_ref().map(|trigger| trigger.schedule.to_string());
        let next = next(machine).map(|at| format!("{at:.0}"));
        [
            machine.name.clone(),
            source(machine),
            configured(listed),
            schedule.unwrap_or_default(),
            next.unwrap_or_default(),
        ]
    });
    let columns = ["NAME", "DEFINITION", "CONFIGURED", "SCHEDULE", "NEXT"];
    Ok(output::line(output::table(columns, rows))?)
}

fn show(listed: &Listed, global: &Global) -> Outcome {
    let machine = &listed.machine;
    if global.json {
        let mut whole = summary(listed);
        whole["definition"] =
            serde_json::from_str(&machine.definition).unwrap_or_else(|_| json!(machine.definition));
        whole["input"] = serde_json::from_str(&machine.default_input).unwrap_or_default();
        return Ok(output::json(&whole)?);
    }
    output::line(format_args!("name        {}", machine.name))?;
    output::line(format_args!("definition  {}", source(machine)))?;
    output::line(format_args!("configured  {}", configured(listed)))?;
    for Problem { key, help, .. } in &listed.missing {
        output::line(format_args!("  {key}: {help}"))?;
    }
    output::line(format_args!("input       {}", machine.default_input))?;
    if let Some(trigger) = &machine.trigger {
        output::line(format_args!("schedule    {}", trigger.schedule))?;
    }
    output::line(format_args!("\n{}", machine.definition.trim_end()))?;
    if !listed.missing.is_empty() {
        let name = built_in::of_machine(&machine.name).map_or(&*machine.name, |it| it.name);
        output::note(format_args!("hint: `stepwell pipeline init {name}` writes its settings"));
    }
    Ok(())
}

/// `{"name":"canvas","source":"built in","configured":false,"missing":["client_id"],"schedule":"rate(4 hours)","next":null}`
fn summary(listed: &Listed) -> Value {
    let machine = &listed.machine;
    json!({
        "name": machine.name,
        "source": source(machine),
        "configured": listed.missing.is_empty(),
        "missing": listed.missing.iter().map(|problem| problem.key).collect::<Vec<_>>(),
        "schedule": machine.trigger.as_ref().map(|trigger| trigger.schedule.to_string()),
        "next": next(machine),
    })
}

/// `yes`, or what is missing.
fn configured(listed: &Listed) -> String {
    let missing: Vec<_> = listed.missing.iter().map(|problem| problem.key).collect();
    if missing.is_empty() {
        "yes".to_owned()
    } else {
        format!("no: {} missing", missing.join(", "))
    }
}

fn source(machine: &Machine) -> String {
    machine.file.as_ref().map_or_else(|| "built in".to_owned(), |file| file.display().to_string())
}

/// The next instant that does not depend on when the schedule was first seen.
fn next(machine: &Machine) -> Option<Timestamp> {
    let schedule = &machine.trigger.as_ref()?.schedule;
    if schedule.is_rate() { None } else { schedule.next_after(Timestamp::now()) }
}
