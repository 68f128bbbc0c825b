//! A loop in the place of the engine: runs a state machine to its end. Time stands still, and the execution has always the
//! same name: what is written depends on the input alone.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_machine::{
    Command, DecideContext, ExecutionContext, Input, Limits, Payload, Phase, Run, ScheduledTask,
    Start, TaskResult, decide,
};
use stepwell_pipeline::{Context, HandlerError, Pipeline};

/// How a state machine is run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Driving {
    /// The process dies each time that so many calls have come back: what runs then is dropped where it is, and called
    /// again by a new process.
    pub(crate) crash_every: Option<usize>,
    /// Every call is delivered twice, as after a crash before its outcome was recorded.
    pub(crate) twice: bool,
    /// These functions fail with this error so often.
    pub(crate) failing: Option<(&'static str, HandlerError, usize)>,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) phase: Phase,
    /// The functions that were called.
    pub(crate) calls: Vec<String>,
}

impl Ended {
    /// The output of a run that succeeded.
    #[track_caller]
    pub(crate) fn output(&self) -> Value {
        match &self.phase {
            Phase::Succeeded { output, .. } => (**output).clone(),
            other => panic!("{other:?}"),
        }
    }

    /// The error and the cause of a run that failed.
    #[track_caller]
    pub(crate) fn failure(&self) -> (String, String) {
        match &self.phase {
            Phase::Failed { error, cause } => {
                (error.clone().unwrap_or_default(), cause.clone().unwrap_or_default())
            }
            other => panic!("{other:?}"),
        }
    }

    /// How often a function was called.
    pub(crate) fn count(&self, function: &str) -> usize {
        self.calls.iter().filter(|it| **it == format!("stepwell-stream-qc-{function}")).count()
    }
}

/// Runs a machine of the pipeline that `process` makes, once for every process that lives meanwhile.
pub(crate) async fn drive(
    process: impl Fn() -> Pipeline,
    (machine, execution): (&str, &str),
    input: &Value,
    now: Timestamp,
    mut driving: Driving,
) -> Ended {
    let mut pipeline = Arc::new(process());
    let definition = pipeline.machines.iter().find(|it| it.name == machine).unwrap().definition;
    let mut run = Run::new(start(definition, execution, input, now));
    let mut ctx = DecideContext { now, seed: 7, ..DecideContext::default() };
    let (mut calls, mut open, mut back) = (Vec::new(), Vec::<ScheduledTask>::new(), 0);
    let (mut inputs, mut running) =
        (vec![Input::Start { limits: Limits::None }], FuturesUnordered::new());
    while *run.phase() == Phase::Running {
        let input = match inputs.pop() {
            Some(input) => input,
            None if running.is_empty() => {
                ctx.now = ctx.now.max(run.next_wakeup().expect("something will happen"));
                Input::TimerFired
            }
            None => {
                let (task, finished): (ScheduledTask, Input) = running.next().await.unwrap();
                back += 1;
                if driving.crash_every.is_some_and(|every| back % every == 0) {
                    // What came back was not recorded either.
                    running = FuturesUnordered::new();
                    pipeline = Arc::new(process());
                    for task in &open {
                        running.push(call(Arc::clone(&pipeline), task.clone(), driving.twice));
                    }
                    continue;
                }
                open.retain(|it| it.scheduled != task.scheduled);
                finished
            }
        };
        let decision = decide(&mut run, input, &ctx);
        for command in decision.commands {
            let Command::ScheduleTask(task) = command else { continue };
            let name = task.parameters["FunctionName"].as_str().unwrap().to_owned();
            calls.push(name.clone());
            if let Some((function, error, times)) = &mut driving.failing
                && name == format!("stepwell-stream-qc-{function}")
                && *times > 0
            {
                *times -= 1;
                inputs.push(finished(&task, Err(error.clone()), ctx.now));
                continue;
            }
            open.push(task.clone());
            running.push(call(Arc::clone(&pipeline), task, driving.twice));
        }
        inputs.extend(decision.more.then_some(Input::Continue));
    }
    Ended { phase: run.phase().clone(), calls }
}

/// Calls a function as the engine does.
async fn call(pipeline: Arc<Pipeline>, task: ScheduledTask, twice: bool) -> (ScheduledTask, Input) {
    let name = task.parameters["FunctionName"].as_str().unwrap();
    let function = pipeline.functions.iter().find(|it| it.name() == name).unwrap();
    let ctx = Context::starting_now(&format!("{:?}", task.scheduled), Duration::from_mins(10));
    let payload = &task.parameters["Payload"];
    if twice {
        let _ = function.call_json(payload, &ctx).await;
    }
    let outcome = function.call_json(payload, &ctx).await;
    let input = finished(&task, outcome, Timestamp::now());
    (task, input)
}

fn finished(
    task: &ScheduledTask,
    outcome: Result<Value, HandlerError>,
    started_at: Timestamp,
) -> Input {
    let outcome = match outcome {
        Ok(payload) => TaskResult::Succeeded { output: Arc::new(json!({ "Payload": payload })) },
        Err(error) => {
            let cause = json!({"errorMessage": error.to_string(), "errorType": error.name()});
            TaskResult::Failed { error: error.name().to_owned(), cause: Some(cause.to_string()) }
        }
    };
    Input::TaskFinished { scheduled: task.scheduled, started_at, outcome }
}

fn start(definition: &str, execution: &str, input: &Value, start_time: Timestamp) -> Start {
    let (machine, diagnostics) = stepwell_asl::parse(definition);
    let arn = |what: &str| Arc::from(format!("arn:aws:states:us-east-1:111111111111:{what}"));
    Start {
        definition: Arc::new(machine.unwrap_or_else(|| panic!("{diagnostics:?}"))),
        context: ExecutionContext {
            execution_arn: arn(&format!("execution:stream-qc:{execution}")),
            execution_name: execution.into(),
            role_arn: "arn:aws:iam::111111111111:role/stream-qc".into(),
            start_time,
            state_machine_arn: arn("stateMachine:stream-qc"),
            state_machine_name: "stream-qc".into(),
        },
        input: Payload::parse(&input.to_string()).unwrap(),
    }
}
