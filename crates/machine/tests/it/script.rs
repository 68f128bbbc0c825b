//! Plays an execution by a script and writes down what follows, for snapshots.
//!
//! One line of the script is one input:
//!
//! ```text
//! start {"x":1}          the execution starts with this input
//! started 3              the task that event 3 scheduled was handed to its handler
//! alive 3                it sent a heartbeat
//! ok 3 {"y":2}           it succeeded
//! failed 3 Error cause   it failed
//! pass 5                 five seconds pass; timers fire at their time
//! stop Error cause       somebody stops the execution
//! redrive                it goes on after an end without success
//! redrive State {"x":1}  it goes on from this state with this input
//! map failed 4 Error     the Map run that event 4 started failed
//! map ok 4 [1]           it succeeded
//! ```
//!
//! What follows is indented: events as `id < previous type details`, commands behind `>`.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;
use stepwell_machine::{
    Command, Decision, Entry, Input, Limits, Payload, Phase, RedriveFrom, TaskResult,
};

use crate::world::World;

/// Plays a script against a definition.
#[track_caller]
pub(crate) fn play(definition: &str, script: &str) -> String {
    let mut lines = script.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().expect("a script starts with `start`");
    let input = first.strip_prefix("start ").expect("a script starts with `start`");
    let mut play = Play { world: World::new(definition, input), text: String::new() };
    play.line(first, Input::Start { limits: Limits::None });
    for line in lines {
        if let Some(seconds) = line.strip_prefix("pass ") {
            play.pass(line, seconds.parse().expect("seconds"));
        } else {
            let input = input_of(line, &play.world);
            play.line(line, input);
        }
    }
    play.text
}

struct Play {
    world: World,
    text: String,
}

fn input_of(line: &str, world: &World) -> Input {
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    if verb == "stop" {
        let (error, cause) = reason(rest);
        return Input::Stop { error, cause };
    }
    if verb == "redrive" {
        return Input::Redrive { token: None, from: redrive_from(rest, world) };
    }
    if verb == "map" {
        let Input::TaskFinished { scheduled, outcome, .. } = input_of(rest, world) else {
            panic!("a Map run ends `ok` or `failed`");
        };
        return Input::MapRunFinished { scheduled, outcome };
    }
    let (scheduled, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let scheduled = scheduled.parse().expect("the id of a scheduled event");
    let started_at = world.now;
    let outcome = match verb {
        "started" => return Input::TaskStarted { scheduled, at: started_at },
        "alive" => return Input::TaskHeartbeat { scheduled },
        "ok" => {
            let output: Value = serde_json::from_str(rest).expect("the output is JSON");
            TaskResult::Succeeded { output: output.into() }
        }
        "failed" => {
            let (error, cause) = reason(rest);
            TaskResult::Failed { error: error.unwrap_or_default(), cause }
        }
        other => panic!("a script knows no `{other}`"),
    };
    Input::TaskFinished { scheduled, started_at, outcome }
}

fn redrive_from(text: &str, world: &World) -> Option<RedriveFrom> {
    let (name, input) = text.split_once(' ')?;
    let state = world.definition().states().find(|state| *state.name == *name);
    let state = state.expect("the definition has the state").id;
    Some(RedriveFrom { state, input: Payload::parse(input).expect("the input is JSON") })
}

fn reason(text: &str) -> (Option<String>, Option<String>) {
    let (error, cause) = text.split_once(' ').unwrap_or((text, ""));
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    (given(error), given(cause))
}

impl Play {
    fn line(&mut self, line: &str, input: Input) {
        writeln!(self.text, "{line}").expect("a String takes all");
        self.input(input);
    }

    fn input(&mut self, input: Input) {
        let mut next = Some(input);
        while let Some(input) = next.take() {
            let decision = self.world.decide(input);
            self.show(&decision);
            next = decision.more.then_some(Input::Continue);
        }
    }

    /// Time passes from one timer to the next.
    fn pass(&mut self, line: &str, seconds: u64) {
        writeln!(self.text, "{line}").expect("a String takes all");
        let end = self.world.now + Duration::from_secs(seconds);
        while let Some(at) = self.world.run.next_wakeup().filter(|at| *at <= end) {
            self.world.now = at;
            self.input(Input::TimerFired);
        }
        self.world.now = end;
    }

    fn show(&mut self, decision: &Decision) {
        for entry in &decision.entries {
            if let Some(line) = show_entry(entry) {
                writeln!(self.text, "  {line}").expect("a String takes all");
            }
        }
        for command in &decision.commands {
            writeln!(self.text, "  {}", show_command(command)).expect("a String takes all");
        }
        if *self.world.run.phase() != Phase::Running {
            assert!(self.world.run.outstanding().is_empty(), "an end leaves nothing outstanding");
            assert_eq!(self.world.run.next_wakeup(), None, "an end leaves no timer");
        }
    }
}

fn show_entry(entry: &Entry) -> Option<String> {
    let event = entry.to_history_event()?;
    let event = event.as_object()?;
    let details = event.iter().find(|(field, _)| field.ends_with("EventDetails"));
    let details = details.map_or(&Value::Null, |(_, details)| details);
    let fields = [
        "name",
        "index",
        "length",
        "resourceType",
        "resource",
        "timeoutInSeconds",
        "heartbeatInSeconds",
        "input",
        "parameters",
        "output",
        "assignedVariables",
        "error",
        "cause",
        "location",
        "redriveCount",
    ];
    let shown = fields.iter().filter_map(|field| details.get(field));
    let shown = shown.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let words = shown.collect::<Vec<_>>().join(" ");
    let kind = event["type"].as_str()?;
    Some(
        format!("{} < {} {kind} {words}", event["id"], event["previousEventId"])
            .trim_end()
            .to_owned(),
    )
}

fn show_command(command: &Command) -> String {
    match command {
        Command::ScheduleTask(task) => {
            let deadline =
                task.deadline.map_or("none".to_owned(), |at| at.strftime("%T").to_string());
            format!("> schedule {} {} by {deadline}", task.scheduled, task.parameters)
        }
        Command::StartMapRun(run) if run.redrives > 0 => {
            format!("> redrive Map run {}: {}", run.scheduled, run.redrives)
        }
        Command::StartMapRun(run) => format!("> start Map run {}", run.scheduled),
        Command::CancelTask { scheduled } => format!("> cancel {scheduled}"),
    }
}
