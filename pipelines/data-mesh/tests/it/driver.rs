//! A loop in the place of the engine: runs a state machine to its end, or drops it anywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_machine::{
    Command, DecideContext, ExecutionContext, Input, Limits, Payload, Phase, Run, ScheduledTask,
    Start, TaskResult, decide,
};
use stepwell_pipeline::{Context, HandlerError, Pipeline, testing};

/// No run of these tests calls more functions.
const CALLS_MAX: usize = 20_000;

/// How a state machine is run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Driving {
    /// The process dies once so many calls have come back; what runs then is dropped where it is.
    pub(crate) crash_after: Option<usize>,
    /// Every call is delivered twice, as after a crash before its outcome was recorded.
    pub(crate) twice: bool,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `Running` if the process died.
    pub(crate) phase: Phase,
    /// The functions that were called.
    pub(crate) calls: Vec<String>,
    /// What `notify` was told.
    pub(crate) summary: Value,
}

impl Ended {
    /// How often a function was called.
    pub(crate) fn count(&self, function: &str) -> usize {
        self.calls.iter().filter(|it| **it == format!("stepwell-data-mesh-{function}")).count()
    }
}

/// Runs a machine of the pipeline.
pub(crate) async fn drive(
    pipeline: &Pipeline,
    machine: &str,
    input: &Value,
    driving: Driving,
    secrets: &[&str],
) -> Ended {
    let machine = pipeline.machines.iter().find(|it| it.name == machine).unwrap();
    let started = Timestamp::now();
    let mut run = Run::new(start(machine.definition, input, started));
    let mut ctx = DecideContext { now: started, seed: 7, ..DecideContext::default() };
    let mut ended = Ended { phase: Phase::Running, calls: Vec::new(), summary: Value::Null };
    let (mut inputs, mut running) =
        (vec![Input::Start { limits: Limits::None }], FuturesUnordered::new());
    let mut back = 0;
    while *run.phase() == Phase::Running {
        let input = match inputs.pop() {
            Some(input) => input,
            None if running.is_empty() => {
                ctx.now = ctx.now.max(run.next_wakeup().expect("something will happen"));
                Input::TimerFired
            }
            None => {
                let finished = running.next().await.unwrap();
                back += 1;
                if driving.crash_after.is_some_and(|calls| back >= calls) {
                    return ended;
                }
                finished
            }
        };
        let decision = decide(&mut run, input, &ctx);
        for command in decision.commands {
            let Command::ScheduleTask(task) = command else { continue };
            let name = task.parameters["FunctionName"].as_str().unwrap().to_owned();
            if name.ends_with("-notify") {
                ended.summary = task.parameters["Payload"].clone();
            }
            ended.calls.push(name);
            assert!(ended.calls.len() < CALLS_MAX, "{:?}", &ended.calls[CALLS_MAX - 20..]);
            running.push(call(pipeline, task, driving.twice, secrets));
        }
        inputs.extend(decision.more.then_some(Input::Continue));
    }
    ended.phase = run.phase().clone();
    ended
}

/// Calls a function as the engine does, and looks for secrets in what it says.
async fn call(pipeline: &Pipeline, task: ScheduledTask, twice: bool, secrets: &[&str]) -> Input {
    let name = task.parameters["FunctionName"].as_str().unwrap();
    let function = pipeline.functions.iter().find(|it| it.name() == name).unwrap();
    let key = format!("{}#{name}", COUNT.fetch_add(1, Ordering::Relaxed));
    let ctx = Context::starting_now(&key, Duration::from_mins(10));
    let payload = &task.parameters["Payload"];
    if twice {
        let _ = function.call_json(payload, &ctx).await;
    }
    let outcome = function.call_json(payload, &ctx).await;
    testing::check_no_secret(&format!("{outcome:?}"), secrets);
    Input::TaskFinished {
        scheduled: task.scheduled,
        started_at: Timestamp::now(),
        outcome: match outcome {
            Ok(payload) => {
                TaskResult::Succeeded { output: Arc::new(json!({ "Payload": payload })) }
            }
            Err(error) => failed(&error),
        },
    }
}

fn failed(error: &HandlerError) -> TaskResult {
    let cause = json!({"errorMessage": error.to_string(), "errorType": error.name()});
    TaskResult::Failed { error: error.name().to_owned(), cause: Some(cause.to_string()) }
}

static COUNT: AtomicUsize = AtomicUsize::new(0);

fn start(definition: &str, input: &Value, start_time: Timestamp) -> Start {
    let (machine, diagnostics) = stepwell_asl::parse(definition);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let arn = |what: &str| Arc::from(format!("arn:aws:states:us-east-1:111111111111:{what}"));
    Start {
        definition: Arc::new(machine.unwrap_or_else(|| panic!("{diagnostics:?}"))),
        context: ExecutionContext {
            execution_arn: arn(&format!("execution:data-mesh:run-{number}")),
            execution_name: "run".into(),
            role_arn: "arn:aws:iam::111111111111:role/data-mesh".into(),
            start_time,
            state_machine_arn: arn("stateMachine:data-mesh"),
            state_machine_name: "data-mesh".into(),
        },
        input: Payload::parse(&input.to_string()).unwrap(),
    }
}
