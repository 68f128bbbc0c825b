//! One state tested alone, as `TestState` does: the real decisions of the interpreter on a run that holds nothing but
//! this state, with the stages of its data flow seen.
//!
//! | State | What happens | What is needed |
//! | --- | --- | --- |
//! | Task | [`Tested::begin`] evaluates its parameters; what became of the task goes to [`Tested::finish`] | a mock, or the task done |
//! | Map, Parallel | the data flow up to the first iteration or branch, then the mock as their result | a mock |
//! | Wait | is left at once: nobody waits in a test | nothing |
//! | the others | run | nothing |
//!
//! A failure goes the way of every failure: Retriers, then Catchers. Left to others: the request and what may be mocked
//! (`stepwell-sfn-api`), doing a task (`stepwell-engine`).
//!
//! Source: API reference, "TestState"; Developer Guide, "Testing state machines with TestState API".

mod context;
mod map;
mod report;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};
use stepwell_asl::eval::{Observer, Stage};
use stepwell_asl::model::{State, StateId, StateKind};
use stepwell_asl::variable::Assigned;
use stepwell_asl::{Data, StateMachine};

pub use self::report::{ErrorDetails, Report, Status};

use crate::data_flow;
use crate::decide::Decider;
use crate::decision::{Command, DecideContext, ScheduledTask, TaskResult};
use crate::failure::{Failure, fail};
use crate::frame::{Frame, ROOT, Step};
use crate::limits::Limits;
use crate::run::Run;
use crate::start::{ExecutionContext, Start};
use crate::{retry, states};

/// The name that AWS gives a state that is tested, in the context object and where its definition comes without one.
pub const STATE_NAME: &str = "StateName";

/// The test of one state.
#[derive(Debug, Clone)]
pub struct Test {
    /// The checked definition.
    pub machine: Arc<StateMachine>,
    /// The state.
    pub state: StateId,
    /// Its raw input.
    pub input: crate::Payload,
    /// The variables that are there when it is entered.
    pub variables: Assigned,
    /// The context object; AWS's own for a test if there is none.
    pub context: Option<Map<String, Value>>,
    /// The role of the test.
    pub role_arn: Option<String>,
    /// How often the Retrier that is for the failure was used already.
    pub retries: u64,
    /// How many iterations of a Map state failed.
    pub failed_iterations: Option<u64>,
    /// What the `ItemReader` of a Map state read.
    pub read_items: Option<Data>,
}

/// Names and the start time of a test, as its context object shows them.
#[derive(Debug, Clone)]
pub struct Names {
    /// `$$.Execution.Id`
    pub execution_arn: String,
    /// `$$.Execution.Name`
    pub execution_name: String,
    /// `$$.StateMachine.Id`
    pub state_machine_arn: String,
    /// `$$.StateMachine.Name`
    pub state_machine_name: String,
}

/// What an inspection holds: the context object, and what the stages gave so far.
#[derive(Debug)]
pub(crate) struct Inspection {
    pub(crate) context: Value,
    pub(crate) stages: Stages,
}

/// What each stage gave last.
#[derive(Debug, Default)]
pub(crate) struct Stages(pub(crate) BTreeMap<Stage, Value>);

impl Observer for Stages {
    fn saw(&mut self, stage: Stage, value: &Value) {
        self.0.insert(stage, value.clone());
    }
}

/// A state under test.
#[derive(Debug)]
pub struct Tested {
    test: Test,
    run: Run,
    inspection: Inspection,
    decide: DecideContext,
}

/// How far a test came.
#[derive(Debug)]
pub enum Begun {
    /// To its end.
    Done(Box<Report>),
    /// To a task that is to be done, or mocked.
    Task(Box<Tested>, Box<ScheduledTask>),
}

impl Tested {
    /// Begins a test. What a Map or Parallel state gives must be known by then.
    pub fn begin(
        test: Test,
        names: &Names,
        limits: Limits,
        decide: DecideContext,
        mock: Option<&TaskResult>,
    ) -> Begun {
        let mut tested = Self::new(test, names, limits, decide);
        let mut task = None;
        let report = tested.decide(|d, state, test| {
            let result = match (&state.kind, mock) {
                (StateKind::Map(map), Some(mock)) => map::work(d, state, map, test, mock),
                (StateKind::Parallel(_), Some(mock)) => parallel(d, state, mock),
                _ => advance(d, test),
            };
            task = scheduled(d);
            result
        });
        match task {
            Some(task) => Begun::Task(Box::new(tested), Box::new(task)),
            None => Begun::Done(Box::new(report)),
        }
    }

    /// Goes on with what became of the task.
    pub fn finish(mut self, outcome: TaskResult) -> Report {
        self.decide(|d, _, test| {
            states::task::finished(d, ROOT, outcome);
            advance(d, test)
        })
    }

    /// The task took longer than it may.
    pub fn time_out(mut self) -> Report {
        self.decide(|d, _, test| {
            states::task::timed_out(d, ROOT);
            advance(d, test)
        })
    }

    fn new(test: Test, names: &Names, limits: Limits, decide: DecideContext) -> Self {
        let context = test.context.clone().map(Value::Object);
        let context = context.unwrap_or_else(|| context::of_test(&test, names, decide.now));
        let mut run = Run::new(start(&test, names, decide.now));
        // As if it had been started: the state's own events follow the start.
        run.folded.last_event = 1;
        run.folded.limits = limits;
        let mut frame = Frame::new(None, test.state, test.input.clone(), Step::Work, 0, decide.now);
        frame.variables = test.variables.clone();
        run.folded.open(frame);
        Self { test, run, inspection: Inspection { context, stages: Stages::default() }, decide }
    }

    /// Lets the state do something, and tells what came of it.
    fn decide(
        &mut self,
        act: impl FnOnce(&mut Decider<'_>, &State, &Test) -> Result<(), Failure>,
    ) -> Report {
        let machine = Arc::clone(&self.test.machine);
        let state = machine.state(self.test.state);
        let mut d = Decider::inspecting(&mut self.run, &self.decide, &mut self.inspection);
        let failure = act(&mut d, state, &self.test).err();
        if let Some(failure) = &failure {
            count_retries(&mut d, &state.kind, failure, self.test.retries);
            fail(&mut d, &machine, ROOT, failure.clone());
        }
        let entries = std::mem::take(&mut d.decision.entries);
        report::of(&self.test, &self.inspection.stages, failure, &entries, self.decide.now)
    }
}

fn start(test: &Test, names: &Names, at: Timestamp) -> Start {
    let context = ExecutionContext {
        execution_arn: names.execution_arn.as_str().into(),
        execution_name: names.execution_name.as_str().into(),
        role_arn: test.role_arn.as_deref().unwrap_or_default().into(),
        start_time: at,
        state_machine_arn: names.state_machine_arn.as_str().into(),
        state_machine_name: names.state_machine_name.as_str().into(),
    };
    Start { definition: Arc::clone(&test.machine), context, input: test.input.clone() }
}

/// Takes the state as far as it goes without the world.
fn advance(d: &mut Decider<'_>, test: &Test) -> Result<(), Failure> {
    loop {
        let Some(frame) = d.run.folded.frame(ROOT) else { return Ok(()) };
        match &frame.step {
            Step::TaskFailed(failure) => return Err(failure.clone()),
            Step::Waiting(_) => return leave_wait(d, test.machine.state(test.state)),
            Step::Work | Step::TaskSucceeded(_) => states::step(d, &test.machine, ROOT)?,
            _ => return Ok(()),
        }
    }
}

fn leave_wait(d: &mut Decider<'_>, state: &State) -> Result<(), Failure> {
    match &state.kind {
        StateKind::Wait(wait) => states::wait::leave(d, state, wait, ROOT),
        _ => Ok(()),
    }
}

/// A Parallel state whose branches gave what the mock says.
fn parallel(d: &mut Decider<'_>, state: &State, mock: &TaskResult) -> Result<(), Failure> {
    let StateKind::Parallel(parallel) = &state.kind else { return Ok(()) };
    let raw = d.input(ROOT);
    d.evaluate(ROOT, |scope| data_flow::effective_input(&parallel.flow, &raw, scope))?;
    states::parallel::finish(d, state, parallel, ROOT, mocked(mock)?)
}

/// What a mock gives.
fn mocked(mock: &TaskResult) -> Result<&Data, Failure> {
    match mock {
        TaskResult::Succeeded { output } => Ok(output),
        TaskResult::Failed { error, cause } => {
            Err(Failure::reported(Some(error.clone()), cause.clone()))
        }
    }
}

/// The task that the state has scheduled.
fn scheduled(d: &Decider<'_>) -> Option<ScheduledTask> {
    d.decision.commands.iter().find_map(|command| match command {
        Command::ScheduleTask(task) => Some(task.clone()),
        Command::StartMapRun(_) | Command::CancelTask { .. } => None,
    })
}

/// Says how often the Retrier that is for a failure was used.
fn count_retries(d: &mut Decider<'_>, kind: &StateKind, failure: &Failure, count: u64) {
    let Some(index) = retry::position(kind, failure) else { return };
    d.run.folded.update(ROOT, |frame| {
        frame.retries = vec![0; index + 1];
        frame.retries[index] = count;
    });
}
