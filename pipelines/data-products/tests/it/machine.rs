//! A loop in the place of the engine: the interpreter decides, the functions of the pipeline do the work, and a clock
//! that is ours goes on to whatever happens next.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_data_products::DEFINITION;
use stepwell_machine::{
    Command, DecideContext, Decision, ExecutionContext, Input, Limits, Payload, Phase, Run,
    ScheduledTask, Start, TaskResult, decide,
};
use stepwell_pipeline::{Context, HandlerError, Pipeline};

/// How an execution ended, and everything that it said.
pub(crate) struct Ended {
    pub(crate) phase: Phase,
    /// Each function that was called, its payload and its outcome.
    pub(crate) calls: Vec<(String, Value, Result<Value, HandlerError>)>,
}

/// An execution with this name and input, run to its end.
pub(crate) async fn execute(pipeline: &Pipeline, name: &str, input: &Value) -> Ended {
    let started: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
    let mut run = Run::new(start(name, input, started));
    let mut ctx = DecideContext { now: started, seed: 7, ..DecideContext::default() };
    let mut working = FuturesUnordered::new();
    let mut calls = Vec::new();
    let mut decision = decide(&mut run, Input::Start { limits: Limits::None }, &ctx);
    loop {
        working.extend(scheduled(&decision).map(|task| work(pipeline, task)));
        if *run.phase() != Phase::Running {
            return Ended { phase: run.phase().clone(), calls };
        }
        let next = if decision.more {
            Input::Continue
        } else if let Some((task, outcome)) = working.next().await {
            let input = finished(&task, &outcome, ctx.now);
            calls.push((function_name(&task), task.parameters["Payload"].clone(), outcome));
            input
        } else {
            ctx.now = ctx.now.max(run.next_wakeup().expect("something will happen"));
            Input::TimerFired
        };
        decision = decide(&mut run, next, &ctx);
    }
}

fn scheduled(decision: &Decision) -> impl Iterator<Item = ScheduledTask> {
    decision.commands.iter().filter_map(|command| match command {
        Command::ScheduleTask(task) => Some(task.clone()),
        Command::StartMapRun(_) | Command::CancelTask { .. } => None,
    })
}

fn function_name(task: &ScheduledTask) -> String {
    task.parameters["FunctionName"].as_str().unwrap().to_owned()
}

async fn work(
    pipeline: &Pipeline,
    task: ScheduledTask,
) -> (ScheduledTask, Result<Value, HandlerError>) {
    let name = function_name(&task);
    let function = pipeline.functions.iter().find(|it| it.name() == name).unwrap();
    let ctx = Context::starting_now("test", Duration::from_mins(10));
    let outcome = function.call_json(&task.parameters["Payload"], &ctx).await;
    (task, outcome)
}

fn finished(task: &ScheduledTask, outcome: &Result<Value, HandlerError>, now: Timestamp) -> Input {
    let outcome = match outcome {
        Ok(payload) => TaskResult::Succeeded { output: Arc::new(json!({ "Payload": payload })) },
        Err(error) => TaskResult::Failed {
            error: error.name().to_owned(),
            cause: Some(
                json!({"errorMessage": error.to_string(), "errorType": error.name()}).to_string(),
            ),
        },
    };
    Input::TaskFinished { scheduled: task.scheduled, started_at: now, outcome }
}

pub(crate) fn start(name: &str, input: &Value, start_time: Timestamp) -> Start {
    let (machine, diagnostics) = stepwell_asl::parse(DEFINITION);
    let arn = |what: &str| Arc::from(format!("arn:aws:states:us-east-1:111111111111:{what}"));
    Start {
        definition: Arc::new(machine.unwrap_or_else(|| panic!("{diagnostics:?}"))),
        context: ExecutionContext {
            execution_arn: arn(&format!("execution:data-products:{name}")),
            execution_name: name.into(),
            role_arn: "arn:aws:iam::111111111111:role/data-products".into(),
            start_time,
            state_machine_arn: arn("stateMachine:data-products"),
            state_machine_name: "data-products".into(),
        },
        input: Payload::parse(&input.to_string()).unwrap(),
    }
}
