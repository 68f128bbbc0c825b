//! `stepwell execution list|show|history|stop|redrive`

mod redrive;

use std::path::Path;
use std::sync::Arc;

use clap::Subcommand;
use jiff::Timestamp;
use serde_json::Value;
use stepwell_engine::{ExecutionFilter, ExecutionRecord, Page, Paged, Reader, Status, StoreError};

use super::Global;
use crate::client::Client;
use crate::failure::{Exit, Failure, Outcome};
use crate::functions::Idle;
use crate::output;
use crate::project::Project;
use crate::view::{self, Execution as View, Summary};
use crate::wiring::{self, Running};

/// Look at executions, stop them and let them go on
///
/// Works with and without a running server: the store can be read while it is in use.
#[derive(Debug, Subcommand)]
pub(crate) enum Execution {
    /// List executions, newest first
    List {
        /// Only those of this pipeline or state machine
        #[arg(long, value_name = "NAME")]
        state_machine: Option<String>,
        /// Only those with this status: RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED
        #[arg(long, value_parser = parse_status)]
        status: Option<Status>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Show one execution with its input and output
    Show {
        /// Its name or ARN
        execution: String,
    },
    /// Show every event of one execution
    History {
        /// Its name or ARN
        execution: String,
    },
    /// Stop an execution that runs
    Stop {
        /// Its name or ARN
        execution: String,
        /// Error name to record
        #[arg(long)]
        error: Option<String>,
        /// Reason to record
        #[arg(long)]
        cause: Option<String>,
    },
    Redrive(redrive::Redrive),
}

fn parse_status(text: &str) -> Result<Status, stepwell_engine::UnknownStatus> {
    text.to_uppercase().replace('-', "_").parse()
}

impl Execution {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let project = global.project()?;
        let file = project.store_file()?;
        // The engine creates an empty file before it writes the first word into it.
        if std::fs::metadata(&file).map_or(true, |file| file.len() == 0) {
            return match self {
                Self::List { .. } => tell(Vec::new(), global),
                _ => Err(nothing_in(&file)),
            };
        }
        let store = Store::open(&file)?;
        match self {
            Self::List { state_machine, status, limit } => {
                store.list(state_machine, status, limit, global)
            }
            Self::Show { execution } => store.show(&execution, global),
            Self::History { execution } => store.history(&execution, global),
            Self::Redrive(redrive) => redrive.run(&project, &store, global),
            Self::Stop { execution, error, cause } => {
                let found = store.find(&execution)?;
                if !found.summary.status.is_running() {
                    let message = format!(
                        "execution `{}` has ended already: {}",
                        found.summary.name, found.summary.status
                    );
                    return Err(Failure::message(Exit::Refused, message));
                }
                let arn = found.summary.arn;
                wiring::runtime()?.block_on(stop(&project, &arn, error, cause))?;
                if global.json {
                    return store.show(&arn, global);
                }
                output::note(format_args!("stopped {arn}"));
                Ok(())
            }
        }
    }
}

fn nothing_in(store: &Path) -> Failure {
    let message = format!("there is no execution in the store `{}`", store.display());
    Failure::message(Exit::Refused, message).hint("nothing has run in this project yet")
}

fn tell(list: Vec<Summary>, global: &Global) -> Outcome {
    if global.json {
        return Ok(output::json(&list)?);
    }
    let now = Timestamp::now();
    let row = |one: Summary| {
        let took = view::duration(one.duration(now));
        [
            one.state_machine,
            one.name,
            one.status.to_string(),
            format!("{:.0}", one.start_date),
            took,
        ]
    };
    let columns = ["STATE MACHINE", "NAME", "STATUS", "STARTED", "TOOK"];
    Ok(output::line(output::table(columns, list.into_iter().map(row)))?)
}

/// The store, for reading.
struct Store(Reader);

impl Store {
    fn open(file: &Path) -> Outcome<Self> {
        Ok(Self(Reader::open(file, Project::arns())?))
    }

    fn list(
        &self,
        machine: Option<String>,
        status: Option<Status>,
        limit: u16,
        global: &Global,
    ) -> Outcome {
        let state_machine_arn = machine.map(|name| Project::arns().state_machine(&name));
        let filter = ExecutionFilter { state_machine_arn, status, ..ExecutionFilter::default() };
        let found = self.0.list_executions(&filter, &Page { limit: limit.into(), token: None })?;
        let more = found.next.is_some();
        let list: Vec<_> = found.items.into_iter().map(Summary::from).collect();
        tell(list, global)?;
        if more && !global.json {
            output::note("there are more; `--limit` shows more of them");
        }
        Ok(())
    }

    fn show(&self, execution: &str, global: &Global) -> Outcome {
        let found = View::from(self.find(execution)?);
        if global.json {
            return Ok(output::json(&found)?);
        }
        let summary = &found.summary;
        let took = view::duration(summary.duration(Timestamp::now()));
        output::line(format_args!("name           {}", summary.name))?;
        output::line(format_args!("state machine  {}", summary.state_machine))?;
        output::line(format_args!("status         {}", summary.status))?;
        output::line(format_args!("started        {:.0}", summary.start_date))?;
        output::line(format_args!("took           {took}"))?;
        output::line(format_args!("input          {}", found.input))?;
        if let Some(data) = &found.output {
            output::line(format_args!("output         {data}"))?;
        }
        if found.error.is_some() || found.cause.is_some() {
            output::line(format_args!("error          {}", found.reason()))?;
        }
        Ok(())
    }

    fn history(&self, execution: &str, global: &Global) -> Outcome {
        let arn = self.find(execution)?.summary.arn;
        let mut page = Page { limit: 1_000, token: None };
        let mut events = Vec::new();
        loop {
            let Paged { items, next } = self.0.history(&arn, false, &page)?;
            if global.json {
                events.extend(items);
            } else {
                items.iter().try_for_each(|event| output::line(event_line(event)))?;
            }
            match next {
                Some(token) => page.token = Some(token),
                None => break,
            }
        }
        if global.json {
            output::json(&events)?;
        }
        Ok(())
    }

    /// By ARN, or by name among all state machines.
    fn find(&self, execution: &str) -> Outcome<ExecutionRecord> {
        if execution.starts_with("arn:") {
            return Ok(self.0.describe_execution(execution)?);
        }
        let mut found = Vec::new();
        let mut page = Page::default();
        loop {
            let machines = self.0.list_state_machines(&page)?;
            for machine in machines.items {
                match self
                    .0
                    .describe_execution(&Project::arns().execution(&machine.name, execution))
                {
                    Ok(record) => found.push(record),
                    Err(stepwell_engine::Error::ExecutionDoesNotExist { .. }) => (),
                    Err(error) => return Err(error.into()),
                }
            }
            match machines.next {
                Some(token) => page.token = Some(token),
                None => return one(execution, found),
            }
        }
    }
}

fn one(name: &str, mut found: Vec<ExecutionRecord>) -> Outcome<ExecutionRecord> {
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Failure::message(Exit::Refused, format!("there is no execution `{name}`"))
            .hint("`stepwell execution list` names them")),
        _ => {
            let arns: Vec<_> = found.into_iter().map(|record| record.summary.arn).collect();
            Err(Failure::message(
                Exit::Refused,
                format!("several state machines have an execution `{name}`"),
            )
            .hint(format!("name one by its ARN: {}", arns.join(", "))))
        }
    }
}

/// `   12  2026-11-21T09:00:00Z  TaskStateEntered  SyncTable`
fn event_line(event: &Value) -> String {
    let id = event["id"].as_u64().unwrap_or_default();
    let at = event["timestamp"]
        .as_f64()
        .and_then(|seconds| Timestamp::from_millisecond((seconds * 1_000.0) as i64).ok());
    let at = at.map(|at| format!("{at:.3}")).unwrap_or_default();
    let kind = event["type"].as_str().unwrap_or_default();
    let details =
        event.as_object().and_then(|event| event.iter().find(|(key, _)| key.ends_with("Details")));
    let text = details.map(|(_, details)| detail(details)).unwrap_or_default();
    format!("{id:>6}  {at}  {kind:<28}  {text}").trim_end().to_owned()
}

/// What tells one event of a type from another.
fn detail(details: &Value) -> String {
    let fields = ["name", "error", "cause", "index", "resource"];
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    fields.iter().filter_map(|field| details.get(field)).map(text).collect::<Vec<_>>().join("  ")
}

async fn stop(
    project: &Project,
    arn: &str,
    error: Option<String>,
    cause: Option<String>,
) -> Outcome {
    match Decider::of(project)? {
        Decider::Engine(running) => {
            let stopped = running.engine.stop_execution(arn, error, cause).await;
            running.stop().await?;
            stopped?;
            Ok(())
        }
        Decider::Server(client) => client.stop(arn, error.as_deref(), cause.as_deref()).await,
    }
}

/// Who records a decision: the server if one runs, otherwise an engine that does nothing else.
enum Decider {
    Engine(Running),
    Server(Client),
}

impl Decider {
    /// Opens the store, or finds who holds it.
    fn of(project: &Project) -> Outcome<Self> {
        let config = project.config()?;
        let options =
            stepwell_engine::Options { shutdown_grace_seconds: 0, ..project.options(&config)? };
        match options.build(Arc::new(Idle)) {
            Ok(service) => Ok(Self::Engine(Running::of(service))),
            Err(refusal) => {
                Ok(Self::Server(Client::behind(refusal, project).map_err(end_it_first)?))
            }
        }
    }
}

/// What holds the store is no server, so that nobody takes the request.
fn end_it_first(refusal: StoreError) -> Failure {
    let StoreError::Locked { pid, .. } = &refusal else { return refusal.into() };
    let hint = format!(
        "end that command with Ctrl-C where it runs, or with `kill -INT {pid}`; then stop the execution with this one"
    );
    Failure::from(refusal).hint(hint)
}
