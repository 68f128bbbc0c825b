//! An execution and the engine's part in it: what was decided stays, whatever becomes of the process that works.

use std::fmt::Write as _;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_machine::{
    Command, DecideContext, ExecutionContext, Input, Limits, Payload, Phase, Run, ScheduledTask,
    Start, TaskResult, decide,
};
use stepwell_pipeline::{Context, Pipeline};

use super::Driving;

/// No run of these tests calls more functions.
const CALLS_MAX: usize = 5000;

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// The name of an execution that there was not yet.
pub(super) fn new_arn() -> String {
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("arn:aws:states:us-east-1:111111111111:execution:lake:run-{number}")
}

/// An execution of one of the state machines.
pub(crate) struct Execution {
    pub(super) arn: String,
    run: Run,
    ctx: DecideContext,
    inputs: Vec<Input>,
    /// What was called and has not been answered, as far as the engine knows.
    waiting: Vec<ScheduledTask>,
    /// Every event, with what is in it.
    pub(crate) history: String,
    /// What `notify` was told.
    pub(crate) summary: Value,
    pub(crate) calls: usize,
    /// How many of the calls were answered, as far as the engine knows.
    pub(crate) answers: usize,
}

impl Execution {
    /// At its beginning.
    pub(crate) fn begin(machine: &str) -> Self {
        Self::new(machine, new_arn(), &json!({}))
    }

    /// At its beginning, whatever became of an earlier one of this name.
    pub(super) fn new(machine: &str, arn: String, input: &Value) -> Self {
        let started = Timestamp::now();
        Self {
            run: Run::new(start(definition(machine), &arn, input, started)),
            arn,
            ctx: DecideContext { now: started, seed: 7, ..DecideContext::default() },
            inputs: vec![Input::Start { limits: Limits::None }],
            waiting: Vec::new(),
            history: String::new(),
            summary: Value::Null,
            calls: 0,
            answers: 0,
        }
    }

    pub(crate) fn phase(&self) -> &Phase {
        self.run.phase()
    }

    pub(crate) fn is_over(&self) -> bool {
        *self.phase() != Phase::Running
    }

    /// Goes on in this process until it is over or the process dies. Another process calls again what was not answered.
    pub(crate) async fn go_on(&mut self, pipeline: &Pipeline, driving: Driving, death: &mut Death) {
        while !self.is_over() {
            let input = match (self.inputs.pop(), self.waiting.last()) {
                (Some(input), _) => input,
                (None, Some(task)) => {
                    self.calls += 1;
                    assert!(self.calls < CALLS_MAX);
                    let answer = death.or(call(pipeline, task, driving)).await;
                    let Some(answer) = answer else { return };
                    self.waiting.pop();
                    self.answers += 1;
                    answer
                }
                (None, None) => {
                    let wakeup = self.run.next_wakeup().expect("something will happen");
                    self.ctx.now = self.ctx.now.max(wakeup);
                    Input::TimerFired
                }
            };
            self.decide(input);
        }
    }

    fn decide(&mut self, input: Input) {
        let decision = decide(&mut self.run, input, &self.ctx);
        writeln!(self.history, "{:?}", decision.entries).unwrap();
        for command in decision.commands {
            let Command::ScheduleTask(task) = command else { continue };
            if task.parameters["FunctionName"] == "stepwell-lake-notify" {
                self.summary = task.parameters["Payload"].clone();
            }
            self.waiting.push(task);
        }
        self.inputs.extend(decision.more.then_some(Input::Continue));
    }
}

/// When the process dies.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Death {
    Never,
    /// Once so many calls have come back; what the last one answered nobody knows.
    Behind {
        calls: usize,
    },
    /// In the midst of a call, wherever it is once all calls together got on so many times.
    Within {
        polls: usize,
    },
}

impl Death {
    /// What a call answers; nothing if the process dies first.
    async fn or<T>(&mut self, call: impl Future<Output = T>) -> Option<T> {
        match self {
            Self::Never => Some(call.await),
            Self::Behind { calls } => {
                let answer = call.await;
                *calls -= 1;
                (*calls > 0).then_some(answer)
            }
            Self::Within { polls } => {
                let mut call = pin!(call);
                poll_fn(|cx| {
                    let Some(left) = polls.checked_sub(1) else { return Poll::Ready(None) };
                    *polls = left;
                    call.as_mut().poll(cx).map(Some)
                })
                .await
            }
        }
    }
}

async fn call(pipeline: &Pipeline, task: &ScheduledTask, driving: Driving) -> Input {
    let name = task.parameters["FunctionName"].as_str().unwrap();
    let function = pipeline.functions.iter().find(|it| it.name() == name).unwrap();
    let key = format!("{}#{name}", COUNT.fetch_add(1, Ordering::Relaxed));
    let ctx = Context::starting_now(&key, driving.slice);
    let payload = &task.parameters["Payload"];
    if driving.twice {
        let _ = function.call_json(payload, &ctx).await;
    }
    let outcome = match function.call_json(payload, &ctx).await {
        Ok(payload) => TaskResult::Succeeded { output: Arc::new(json!({ "Payload": payload })) },
        Err(error) => {
            let cause = json!({"errorMessage": error.to_string(), "errorType": error.name()});
            TaskResult::Failed { error: error.name().to_owned(), cause: Some(cause.to_string()) }
        }
    };
    Input::TaskFinished { scheduled: task.scheduled, started_at: Timestamp::now(), outcome }
}

fn definition(machine: &str) -> &'static str {
    match machine {
        "lake" => stepwell_lake::DEFINITION,
        "lake-reconcile" => stepwell_lake::RECONCILE_DEFINITION,
        _ => stepwell_lake::STREAM_DEFINITION,
    }
}

fn start(definition: &str, execution: &str, input: &Value, start_time: Timestamp) -> Start {
    let (machine, diagnostics) = stepwell_asl::parse(definition);
    Start {
        definition: Arc::new(machine.unwrap_or_else(|| panic!("{diagnostics:?}"))),
        context: ExecutionContext {
            execution_arn: execution.into(),
            execution_name: execution.rsplit(':').next().unwrap().into(),
            role_arn: "arn:aws:iam::111111111111:role/lake".into(),
            start_time,
            state_machine_arn: "arn:aws:states:us-east-1:111111111111:stateMachine:lake".into(),
            state_machine_name: "lake".into(),
        },
        input: Payload::parse(&input.to_string()).unwrap(),
    }
}
