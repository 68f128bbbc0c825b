//! The state machine alone: what becomes of a run whose functions fail or say nothing.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use stepwell_canvas::DEFINITION;
use stepwell_machine::{
    Command, DecideContext, ExecutionContext, Input, Limits, Payload, Phase, Run, ScheduledTask,
    Start, TaskResult, decide,
};

/// What a function does when it is called.
enum Answer {
    Returns(Value),
    Raises(&'static str),
    SaysNothing,
}

use Answer::{Raises, Returns, SaysNothing};

/// How an execution ended, and what it called.
struct Ended {
    phase: Phase,
    /// Function and payload.
    calls: Vec<(String, Value)>,
    took: SignedDuration,
}

impl Ended {
    fn payloads(&self, function: &str) -> Vec<&Value> {
        let of_it = |call: &&(String, Value)| call.0 == format!("stepwell-canvas-{function}");
        self.calls.iter().filter(of_it).map(|(_, payload)| payload).collect()
    }

    #[track_caller]
    fn assert_failed(&self, name: &str, part: &str) {
        let Phase::Failed { error, cause } = &self.phase else { panic!("{:?}", self.phase) };
        assert_eq!(error.as_deref(), Some(name), "{cause:?}");
        assert!(cause.as_ref().unwrap().contains(part), "{cause:?}");
    }
}

/// Runs the definition to its end, by a clock that goes on to whatever happens next.
fn run(mut function: impl FnMut(&str) -> Answer) -> Ended {
    let started: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
    let mut run = Run::new(start(started));
    let mut ctx = DecideContext { now: started, seed: 7, ..DecideContext::default() };
    let (mut calls, mut inputs) = (Vec::new(), vec![Input::Start { limits: Limits::None }]);
    while *run.phase() == Phase::Running {
        let input = inputs.pop().unwrap_or_else(|| {
            ctx.now = ctx.now.max(run.next_wakeup().expect("something will happen"));
            Input::TimerFired
        });
        let decision = decide(&mut run, input, &ctx);
        for command in decision.commands {
            let Command::ScheduleTask(task) = command else { continue };
            let name = task.parameters["FunctionName"].as_str().unwrap().to_owned();
            inputs.extend(finished(&task, function(&name), ctx.now));
            calls.push((name, task.parameters["Payload"].clone()));
        }
        inputs.extend(decision.more.then_some(Input::Continue));
    }
    Ended { phase: run.phase().clone(), calls, took: ctx.now.duration_since(started) }
}

fn finished(task: &ScheduledTask, answer: Answer, now: Timestamp) -> Option<Input> {
    let outcome = match answer {
        SaysNothing => return None,
        Returns(payload) => {
            TaskResult::Succeeded { output: Arc::new(json!({ "Payload": payload })) }
        }
        Raises(error) => TaskResult::Failed {
            error: error.to_owned(),
            cause: Some(json!({"errorMessage": format!("a {error} for the test")}).to_string()),
        },
    };
    Some(Input::TaskFinished { scheduled: task.scheduled, started_at: now, outcome })
}

fn start(start_time: Timestamp) -> Start {
    let (machine, diagnostics) = stepwell_asl::parse(DEFINITION);
    let arn = |what: &str| Arc::from(format!("arn:aws:states:us-east-1:111111111111:{what}"));
    Start {
        definition: Arc::new(machine.unwrap_or_else(|| panic!("{diagnostics:?}"))),
        context: ExecutionContext {
            execution_arn: arn("execution:canvas:run"),
            execution_name: "run".into(),
            role_arn: "arn:aws:iam::111111111111:role/canvas".into(),
            start_time,
            state_machine_arn: arn("stateMachine:canvas"),
            state_machine_name: "canvas".into(),
        },
        input: Payload::parse("{}").unwrap(),
    }
}

fn listing() -> Answer {
    Returns(json!({"tables": [{"namespace": "canvas", "table": "users"}], "max_concurrency": 4}))
}

fn failed_summary() -> Answer {
    Returns(json!({"failed": 1, "error": "TablesFailed", "message": "users failed"}))
}

#[test]
fn a_function_that_never_answers_ends_as_a_failed_table() {
    let ended = run(|function| match function {
        "stepwell-canvas-list-tables" => listing(),
        "stepwell-canvas-sync-table" => Returns(
            json!({"status": "INIT_NEEDED", "wait_seconds": 0, "checkpoint": null, "result": null}),
        ),
        "stepwell-canvas-init-table" => SaysNothing,
        "stepwell-canvas-summarise" => failed_summary(),
        _ => Returns(Value::Null),
    });
    ended.assert_failed("TablesFailed", "users failed");
    let gathered = ended.payloads("summarise")[0];
    assert_eq!(gathered["run"]["results"][0]["failure"]["Error"], "States.Timeout", "{gathered}");
}

#[test]
fn listing_outlasts_a_minute_without_the_service_and_not_much_more() {
    let ended = run(|function| match function {
        "stepwell-canvas-list-tables" => Raises("Retryable"),
        "stepwell-canvas-summarise" => failed_summary(),
        _ => Returns(Value::Null),
    });
    assert_eq!(ended.payloads("list-tables").len(), 5);
    assert_eq!(ended.took, SignedDuration::from_secs(75));
}

/// `States.ALL` does not catch these errors.
#[test]
fn a_table_that_says_too_much_fails_alone() {
    for error in ["States.DataLimitExceeded", "States.Runtime"] {
        for says_it in ["stepwell-canvas-sync-table", "stepwell-canvas-init-table"] {
            let ended = run(|function| match function {
                "stepwell-canvas-list-tables" => listing(),
                function if function == says_it => Raises(error),
                "stepwell-canvas-sync-table" => Returns(
                    json!({"status": "INIT_NEEDED", "wait_seconds": 0, "checkpoint": null, "result": null}),
                ),
                "stepwell-canvas-summarise" => failed_summary(),
                _ => Returns(Value::Null),
            });
            let gathered = ended.payloads("summarise")[0];
            assert_eq!(gathered["run"]["results"][0]["failure"]["Error"], error, "{gathered}");
        }
    }
}

#[test]
fn a_listing_that_says_too_much_is_summarised_and_told() {
    let ended = run(|function| match function {
        "stepwell-canvas-list-tables" => Raises("States.DataLimitExceeded"),
        "stepwell-canvas-summarise" => failed_summary(),
        _ => Returns(Value::Null),
    });
    ended.assert_failed("TablesFailed", "users failed");
    let gathered = ended.payloads("summarise")[0];
    assert_eq!(gathered["run"]["failure"]["Error"], "States.DataLimitExceeded", "{gathered}");
}

#[test]
fn a_map_that_fails_is_summarised_and_told() {
    let ended = run(|function| match function {
        "stepwell-canvas-list-tables" => Returns(json!({"tables": "none", "max_concurrency": 4})),
        "stepwell-canvas-summarise" => failed_summary(),
        _ => Returns(Value::Null),
    });
    ended.assert_failed("TablesFailed", "users failed");
    let gathered = ended.payloads("summarise")[0];
    assert!(gathered["run"]["failure"]["Error"].is_string(), "{gathered}");
    assert_eq!(ended.payloads("notify").len(), 1);
}

#[test]
fn a_notification_that_says_too_much_changes_no_outcome() {
    let ended = run(|function| match function {
        "stepwell-canvas-list-tables" => Returns(json!({"tables": [], "max_concurrency": 4})),
        "stepwell-canvas-summarise" => Returns(json!({"failed": 0})),
        _ => Raises("States.DataLimitExceeded"),
    });
    assert!(matches!(ended.phase, Phase::Succeeded { .. }), "{:?}", ended.phase);
}

#[test]
fn a_run_that_cannot_be_summarised_is_told_all_the_same() {
    let ended = run(|function| match function {
        "stepwell-canvas-list-tables" => Returns(json!({"tables": [], "max_concurrency": 4})),
        "stepwell-canvas-summarise" => Raises("Fatal"),
        _ => Returns(Value::Null),
    });
    ended.assert_failed("Fatal", "a Fatal for the test");
    let told = ended.payloads("notify")[0];
    assert_eq!((&told["failed"], &told["error"]), (&json!(1), &json!("Fatal")));
    assert!(told["message"].as_str().unwrap().contains("without a summary"), "{told}");
}
