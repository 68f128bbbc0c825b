//! `stepwell run NAME|FILE`

pub(super) mod plan;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use stepwell_engine::Status;
use stepwell_pipeline::Switch;

use super::Global;
use crate::built_in;
use crate::client::{Ask, Client};
use crate::config::Config;
use crate::failure::{Exit, Failure, Outcome};
use crate::progress::{Display, Hub};
use crate::project::Project;
use crate::view::{self, Execution};
use crate::wiring::{Machine, Parts, Running};
use crate::{output, runs, shutdown, wiring};

/// Run one execution of a pipeline or a definition, here and now
///
/// State lives in the project's folder. An execution that a crash left unfinished goes on where it was.
/// Where a server runs on the project, it gets the start and this command follows it.
///
/// A file runs as the state machine of the project that it defines, else as one named after it up to the first
/// dot: `orders.asl.json` as `orders`. Where that is the name of another one of the project, it is refused.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Name of a pipeline or state machine of the project, or a file with a definition
    #[arg(value_name = "NAME|FILE")]
    what: String,
    /// Input of the execution: JSON, or `@` and the file that holds it
    #[arg(long, value_name = "JSON|@FILE")]
    input: Option<String>,
    /// Hold the execution to AWS's limits: 256 KiB of data, 25,000 history events
    #[arg(long)]
    aws_limits: bool,
    /// Show what would be done and change nothing, where a pipeline can tell
    #[arg(long)]
    plan: bool,
    /// Let a pipeline delete what it would rather ask about: so much that the source may have lost it by mistake
    #[arg(long)]
    allow_deletes: bool,
}

impl Run {
    pub(crate) fn run(self, global: &Global) -> Outcome<ExitCode> {
        let project = global.project()?;
        let mut config = project.config()?;
        config.aws_limits |= self.aws_limits;
        let input = self.input.as_deref().map(read_input).transpose()?;
        let (machine, parts) = self.find(&project, &config)?;
        machine.check(&wiring::router(&project, &config))?;
        let input = with_switches(&machine, input, &self.switches())?;
        let ask = Ask {
            name: machine.name.clone(),
            definition: self.file().map(|_| machine.definition.clone()),
            input,
        };
        let runs = Runs { project: &project, config: &config, parts: &parts };
        let ended = wiring::runtime()?.block_on(runs.perform(&machine, &ask, self.aws_limits))?;
        if self.plan && ended.summary.status == Status::Succeeded {
            plan::tell(&ended, global)?;
        } else {
            tell_data(&ended, global)?;
        }
        tell(&ended)
    }

    /// What was asked for beside the input.
    fn switches(&self) -> Vec<Switch> {
        let given = [(self.plan, Switch::Plan), (self.allow_deletes, Switch::AllowDeletes)];
        given.into_iter().filter_map(|(given, switch)| given.then_some(switch)).collect()
    }

    fn find(&self, project: &Project, config: &Config) -> Outcome<(Machine, Parts)> {
        if let Some(file) = self.file() {
            let parts = Parts::read(project, config, None)?;
            return Ok((of_file(&file, &parts)?, parts));
        }
        let wanted = built_in::of_machine(&self.what);
        let parts = Parts::read(project, config, wanted)?;
        Ok((parts.machine(&self.what)?.clone(), parts))
    }

    /// The path, if a file is meant.
    fn file(&self) -> Option<PathBuf> {
        let path = Path::new(&self.what);
        let looks_like_one =
            self.what.contains('/') || path.extension().is_some_and(|end| end == "json");
        (looks_like_one || path.is_file()).then(|| path.to_owned())
    }
}

/// Where an execution runs: in this process, or in the server of the project.
pub(super) struct Runs<'a> {
    pub(super) project: &'a Project,
    pub(super) config: &'a Config,
    pub(super) parts: &'a Parts,
}

impl Runs<'_> {
    /// Runs an execution to its end.
    pub(super) async fn perform(
        &self,
        machine: &Machine,
        ask: &Ask,
        aws_limits: bool,
    ) -> Outcome<Execution> {
        let hub = Hub::new();
        let progress = Arc::new(hub.clone());
        let pipelines = &self.parts.pipelines;
        let opener = wiring::opener(self.project, self.config);
        match Running::start(self.project, self.config, pipelines, progress, opener, None).await? {
            Ok(running) => here(running, &hub, machine, ask.input.as_deref()).await,
            Err(_) if aws_limits => {
                let message = "a server runs on this project, and decides on the limits";
                Err(Failure::message(Exit::Usage, message)
                    .hint("start the server with `--aws-limits`, and this command without it"))
            }
            Err(refusal) => there(&Client::behind(refusal, self.project)?, ask).await,
        }
    }
}

/// The state machine of the project whose definition the file is, or else one named after the file. One that
/// would take the place of another is refused: it would change what that other does from then on.
fn of_file(file: &Path, parts: &Parts) -> Outcome<Machine> {
    let defines = |machine: &&Machine| machine.file.as_deref().is_some_and(|it| is_same(it, file));
    if let Some(machine) = parts.machines.iter().find(defines) {
        return Ok(machine.clone());
    }
    let name = machine_name(file)?;
    let is_built_in = built_in::of_machine(&name).is_some();
    if is_built_in || parts.machines.iter().any(|it| it.name == name) {
        let message = format!(
            "`{}` cannot be run as `{name}`: that is a {} of the project",
            file.display(),
            if is_built_in { "pipeline" } else { "state machine" }
        );
        return Err(Failure::message(Exit::Refused, message).hint(format!(
            "give the file another name, or run the project's own with `stepwell run {name}`"
        )));
    }
    Machine::from_file(&name, file)
}

fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    real(one).is_some_and(|one| real(other) == Some(one))
}

/// `pipelines/orders.asl.json` is `orders`.
fn machine_name(file: &Path) -> Outcome<String> {
    let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default().to_owned();
    stepwell_engine::arn::check_name(&stem).map_err(|error| {
        Failure::new(Exit::Refused, error)
            .hint("the file's name up to its first dot names the state machine")
    })?;
    Ok(stem)
}

/// The text of `--input`, checked to be JSON.
pub(super) fn read_input(argument: &str) -> Outcome<String> {
    let text = match argument.strip_prefix('@') {
        Some(file) => std::fs::read_to_string(file).map_err(|error| {
            Failure::message(Exit::Refused, format!("the input `{file}` cannot be read: {error}"))
        })?,
        None => argument.to_owned(),
    };
    serde_json::from_str::<serde_json::Value>(&text).map_err(|error| {
        Failure::message(Exit::Refused, format!("the input is not JSON: {error}")).hint(
            "write for instance `--input '{\"tables\":[\"users\"]}'` or `--input @input.json`",
        )
    })?;
    Ok(text)
}

/// The input with what was asked for beside it. A state machine that does not know a switch would not heed it,
/// so that is refused.
pub(super) fn with_switches(
    machine: &Machine,
    input: Option<String>,
    switches: &[Switch],
) -> Outcome<Option<String>> {
    if let Some(unknown) = switches.iter().find(|switch| !machine.switches.contains(switch)) {
        let message = format!("`{}` does not know `{}`", machine.name, unknown.flag());
        return Err(Failure::message(Exit::Usage, message).hint("run it without that"));
    }
    if switches.is_empty() {
        return Ok(input);
    }
    let text = input.as_deref().unwrap_or(&machine.default_input);
    let Ok(mut object) = serde_json::from_str::<serde_json::Map<_, _>>(text) else {
        let message =
            format!("the input is no JSON object, so it has no place for `{}`", switches[0].flag());
        return Err(Failure::message(Exit::Refused, message));
    };
    object.extend(switches.iter().map(|switch| (switch.member().to_owned(), true.into())));
    Ok(Some(serde_json::Value::Object(object).to_string()))
}

/// Runs it in this process.
async fn here(
    mut running: Running,
    hub: &Hub,
    machine: &Machine,
    input: Option<&str>,
) -> Outcome<Execution> {
    let stop = shutdown::on_signal()?;
    let engine = running.engine.clone();
    let mut display = Display::new();
    let work = async {
        let begun = runs::begin(&engine, machine, input).await?;
        announce(&begun.arn, begun.resumed);
        runs::follow(&engine, &begun.arn, hub.follow(), |step| display.show(&step)).await
    };
    let outcome = tokio::select! {
        outcome = work => outcome,
        failure = running.halted() => return Err(failure),
        () = stop.cancelled() => Err(Failure::message(Exit::Interrupted, "stopped before the end")
            .hint("run the same command again: it goes on where it was")),
    };
    display.clear();
    running.stop().await?;
    outcome
}

/// Hands it to the server that runs on this project.
async fn there(client: &Client, ask: &Ask) -> Outcome<Execution> {
    let stop = shutdown::on_signal()?;
    output::note(format_args!(
        "a server runs on this project at {}: it takes the execution",
        client.address()
    ));
    let mut display = Display::new();
    let followed =
        client.run(ask, |begun| announce(&begun.arn, begun.resumed), |step| display.show(&step));
    let outcome = tokio::select! {
        outcome = followed => outcome,
        () = stop.cancelled() => Err(Failure::message(Exit::Interrupted, "no longer following")
            .hint("the execution goes on in the server; `stepwell execution list` shows it")),
    };
    display.clear();
    outcome
}

fn announce(arn: &str, resumed: Option<Timestamp>) {
    match resumed {
        Some(since) => output::note(format_args!("resuming {arn}, started {since:.0}")),
        None => output::note(format_args!("started {arn}")),
    }
}

/// The output is the data.
fn tell_data(ended: &Execution, global: &Global) -> Outcome {
    if global.json {
        output::json(ended)?;
    } else if let Some(data) = &ended.output {
        output::json(data)?;
    }
    Ok(())
}

/// How it went is none.
pub(super) fn tell(ended: &Execution) -> Outcome<ExitCode> {
    let took = view::duration(ended.summary.duration(Timestamp::now()));
    if ended.summary.status == Status::Succeeded {
        output::note(format_args!("{} succeeded after {took}", ended.summary.name));
        return Ok(ExitCode::SUCCESS);
    }
    let how = match ended.summary.status {
        Status::TimedOut => "timed out",
        Status::Aborted => "was stopped",
        Status::Failed | Status::Running | Status::Succeeded => "failed",
    };
    let exit = Exit::of_unsuccessful(ended);
    let name = &ended.summary.name;
    let message = format!("execution `{name}` {how} after {took}: {}", ended.reason());
    Err(Failure::message(exit, message)
        .hint(format!("`stepwell execution history {name}` shows every step")))
}
