//! Starts executions when their schedules say so.
//!
//! What is remembered over a restart is when a schedule was first seen and when it last fired. After downtime a
//! schedule fires once for everything it missed. An execution is named after the instant it was due, so that a
//! crash between the start and its being remembered cannot start it twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use stepwell_engine::{Error, Handle, StartExecution};
use stepwell_schedule::Schedule;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::failure::{Exit, Failure, Outcome};
use crate::wiring::{Machine, Trigger};
use crate::{private, runs};

/// The longest sleep: a clock that jumps is noticed so soon.
const SLEEP_MAX: SignedDuration = SignedDuration::from_secs(30);

/// The format of the file. A number, once written, is never used for another format.
const FORMAT: u32 = 1;

/// All schedules of a project.
pub(crate) struct Scheduler {
    engine: Handle,
    file: PathBuf,
    entries: Vec<Entry>,
}

/// One schedule.
struct Entry {
    machine: Machine,
    machine_arn: String,
    trigger: Trigger,
    schedule: Schedule,
    memory: Memory,
}

/// What is remembered of one schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    /// A schedule that reads differently is another one.
    expression: String,
    /// When it was first seen. Nothing before was missed.
    since: Timestamp,
    /// When it last fired.
    fired: Option<Timestamp>,
}

/// ```json
/// {"format":1,"schedules":{"canvas":{"expression":"rate(4 hours)","since":"2026-11-21T09:00:00Z","fired":null}}}
/// ```
#[derive(Debug, Default, Serialize, Deserialize)]
struct File {
    format: u32,
    schedules: BTreeMap<String, Memory>,
}

impl Scheduler {
    /// The schedules of these state machines, as remembered in `file`.
    pub(crate) fn new(
        engine: Handle,
        file: PathBuf,
        machines: &[(Machine, String)],
        now: Timestamp,
    ) -> Outcome<Self> {
        let remembered = File::read(&file)?.schedules;
        let with_trigger = machines
            .iter()
            .filter_map(|(machine, arn)| Some((machine, arn, machine.trigger.clone()?)));
        let entries = with_trigger.map(|(machine, arn, trigger)| {
            let memory = Memory::of(remembered.get(&machine.name), &trigger.schedule, now);
            Entry {
                machine: machine.clone(),
                machine_arn: arn.clone(),
                schedule: trigger.schedule.clone().anchored_at(memory.since),
                trigger,
                memory,
            }
        });
        let scheduler = Self { engine, file, entries: entries.collect() };
        scheduler.remember()?;
        Ok(scheduler)
    }

    /// Fires what is due, until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        while let Some(due) = self.entries.iter().filter_map(Entry::due).min() {
            let wait = due.duration_since(Timestamp::now()).clamp(SignedDuration::ZERO, SLEEP_MAX);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(Duration::try_from(wait).unwrap_or_default()) => (),
            }
            self.fire_due(Timestamp::now()).await;
        }
    }

    async fn fire_due(&mut self, now: Timestamp) {
        for index in 0..self.entries.len() {
            let entry = &mut self.entries[index];
            let Some(due) = entry.due().filter(|due| *due <= now) else { continue };
            if let Err(failure) = entry.fire(&self.engine, due).await {
                // The next due instant tries again; the metric and the log say that this one was lost.
                metrics::counter!("stepwell_schedule_failures_total").increment(1);
                error!(state_machine = entry.machine.name, %due, error = failure.text(), "a scheduled start failed");
            }
            entry.memory.fired = Some(now);
            if let Err(failure) = self.remember() {
                error!(error = failure.text(), "schedules cannot be remembered");
            }
        }
    }

    fn remember(&self) -> Outcome {
        let memory = |entry: &Entry| (entry.machine.name.clone(), entry.memory.clone());
        let file = File { format: FORMAT, schedules: self.entries.iter().map(memory).collect() };
        if file.schedules.is_empty() && !self.file.exists() {
            return Ok(());
        }
        file.write(&self.file)
    }
}

impl Entry {
    /// The next instant at which it fires; it may have passed.
    fn due(&self) -> Option<Timestamp> {
        self.schedule.next_after(self.memory.fired.unwrap_or(self.memory.since))
    }

    async fn fire(&self, engine: &Handle, due: Timestamp) -> Outcome {
        let name = &self.machine.name;
        if !self.trigger.allow_overlap
            && let Some(running) = runs::unfinished(engine, &self.machine_arn).await?
        {
            metrics::counter!("stepwell_schedule_skips_total").increment(1);
            warn!(state_machine = name, %due, running = running.name, "skipped: the last execution still runs");
            return Ok(());
        }
        let start = StartExecution {
            state_machine_arn: self.machine_arn.clone(),
            name: Some(due.strftime("schedule-%Y-%m-%dT%H-%M-%SZ").to_string()),
            input: self.trigger.input.clone().unwrap_or_else(|| self.machine.default_input.clone()),
        };
        match engine.start_execution(start).await {
            Ok(started) => {
                info!(state_machine = name, %due, execution = started.execution_arn, "started by schedule");
            }
            Err(Error::ExecutionAlreadyExists { arn }) => {
                info!(execution = arn, "started before the last stop");
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

impl Memory {
    /// What is remembered, if it is about this very schedule.
    fn of(remembered: Option<&Self>, schedule: &Schedule, now: Timestamp) -> Self {
        let expression = schedule.to_string();
        match remembered.filter(|memory| memory.expression == expression) {
            Some(memory) => memory.clone(),
            None => Self { expression, since: now, fired: None },
        }
    }
}

impl File {
    fn read(path: &Path) -> Outcome<Self> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(unusable(path, &error)),
        };
        let file: Self = serde_json::from_slice(&text).map_err(|error| unusable(path, &error))?;
        if file.format > FORMAT {
            return Err(unusable(
                path,
                &format_args!("format {} is newer than this stepwell", file.format),
            ));
        }
        Ok(file)
    }

    fn write(&self, path: &Path) -> Outcome {
        let text = serde_json::to_vec_pretty(self).expect("text keys and plain data are JSON");
        private::write(path, &text).map_err(|error| unusable(path, &error))
    }
}

fn unusable(path: &Path, reason: &impl std::fmt::Display) -> Failure {
    Failure::message(
        Exit::Unavailable,
        format!("the schedules in `{}` cannot be used: {reason}", path.display()),
    )
    .hint("repair the file, or remove it: every schedule then starts anew")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_schedule_starts_anew() {
        let parse = |text| Schedule::parse(text, "UTC").unwrap();
        let (monday, tuesday) =
            ("2026-11-16T09:00:00Z".parse().unwrap(), "2026-11-17T09:00:00Z".parse().unwrap());
        let first = Memory::of(None, &parse("rate(1 hour)"), monday);
        assert_eq!(Memory::of(Some(&first), &parse("rate(1 hour)"), tuesday).since, monday);
        assert_eq!(Memory::of(Some(&first), &parse("rate(2 hours)"), tuesday).since, tuesday);
    }
}
