//! The Task state.
//!
//! | Step | What happens | Entries |
//! | --- | --- | --- |
//! | work, also as a retry | the task is scheduled | `TaskScheduled` |
//! | its handler has it | | `TaskStarted` |
//! | its handler is alive | `HeartbeatSeconds` count anew | a hidden fact |
//! | the service has taken it | goes on elsewhere | `TaskSubmitted` |
//! | its token comes before that | kept until then | a hidden fact |
//! | it succeeded, or its token came | | `TaskSucceeded` |
//! | work with its result | the output is computed | `TaskStateExited` |
//! | it failed | goes on in `failure` | `TaskFailed` |
//! | a limit is exceeded | the task is cancelled; goes on in `failure` | `TaskTimedOut` |
//!
//! For a Lambda ARN the events are `LambdaFunctionScheduled` and its like, for an activity
//! `ActivityScheduled` and its like.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use stepwell_asl::Data;
use stepwell_asl::dataflow::{is_too_deep, resolve};
use stepwell_asl::eval::{Scope, Stage, StatesError};
use stepwell_asl::model::{Dynamic, Payload, Resource, State, Task};

use crate::data_flow::{self, SECONDS_MAX};
use crate::decide::Decider;
use crate::decision::TaskResult;
use crate::event::{Event, Reason, Report, TaskLimit, TaskResource};
use crate::failure::Failure;
use crate::frame::{FrameId, OpenTask, Step};
use crate::limits;
use crate::states::exit;

pub(crate) fn work(
    d: &mut Decider<'_>,
    state: &State,
    task: &Task,
    frame: FrameId,
) -> Result<(), Failure> {
    match d.run.folded.frame(frame).map(|frame| &frame.step) {
        Some(Step::TaskSucceeded(result)) => {
            let result = Arc::clone(result);
            leave(d, state, task, frame, &result)
        }
        _ => schedule(d, task, frame),
    }
}

fn schedule(d: &mut Decider<'_>, task: &Task, frame: FrameId) -> Result<(), Failure> {
    check_activity(d, task, frame)?;
    let raw = d.input(frame);
    let resource = TaskResource::from(&task.resource);
    let token = resource.has_token().then(|| d.next_token());
    let is_service = matches!(task.resource, Resource::Service { .. });
    let region = is_service.then(|| d.run.start.context.region().into());
    let event = d.evaluate_task(frame, token.as_deref(), |scope| {
        let input = data_flow::selected_input(&task.flow, &raw, scope)?;
        Ok(Event::TaskScheduled {
            resource,
            timeout_seconds: seconds("TimeoutSecondsPath", task.timeout.as_ref(), &input, scope)?,
            heartbeat_seconds: seconds(
                "HeartbeatSecondsPath",
                task.heartbeat.as_ref(),
                &input,
                scope,
            )?,
            role_arn: role_arn(task, &input, scope)?,
            parameters: data_flow::effective_input(&task.flow, &raw, scope)?,
            region,
            token: token.clone(),
        })
    })?;
    if let Event::TaskScheduled { parameters, .. } = &event {
        d.recordable(frame, parameters)?;
    }
    d.emit(frame, event);
    d.schedule(frame);
    Ok(())
}

/// AWS records nothing of a task whose activity does not exist.
fn check_activity(d: &mut Decider<'_>, task: &Task, frame: FrameId) -> Result<(), Failure> {
    match &task.resource {
        Resource::Activity(arn) if !d.activities.include(arn) => {
            let cause = format!("The activity {arn} does not exist.");
            Err(d.value_refused(frame, StatesError::runtime(cause)))
        }
        Resource::Activity(_) | Resource::Lambda(_) | Resource::Service { .. } => Ok(()),
    }
}

fn leave(
    d: &mut Decider<'_>,
    state: &State,
    task: &Task,
    frame: FrameId,
    result: &Data,
) -> Result<(), Failure> {
    let raw = d.input(frame);
    let outcome = d.evaluate(frame, |scope| {
        scope.reached(Stage::Result, result);
        data_flow::outcome(&task.flow, &raw, result, scope)
    })?;
    exit(d, state, frame, outcome, task.transition)
}

/// The `RoleArn` of the `Credentials`.
fn role_arn(
    task: &Task,
    input: &Data,
    scope: &mut Scope<'_>,
) -> Result<Option<String>, StatesError> {
    let Some(credentials) = &task.credentials else { return Ok(None) };
    let role = credentials.build(input, scope)?["RoleArn"].take();
    match (role, credentials) {
        (Value::String(role), _) => Ok(Some(role)),
        (other, Payload::Jsonata(query)) => {
            Err(query.unusable(format!("The RoleArn field must be a string but was: {other}")))
        }
        (other, Payload::JsonPath(_)) => Err(StatesError::runtime(format!(
            "The RoleArn field must be a string but was: {other}"
        ))),
    }
}

/// A limit of the task: literal, or read by a path.
fn seconds(
    field: &str,
    limit: Option<&Dynamic<u64>>,
    input: &Data,
    scope: &mut Scope<'_>,
) -> Result<Option<u64>, StatesError> {
    let path = match limit {
        None => return Ok(None),
        Some(Dynamic::Literal(seconds)) => return Ok(Some(*seconds)),
        Some(Dynamic::Query(query)) => {
            return data_flow::whole_number(query, 1..=SECONDS_MAX, scope).map(Some);
        }
        Some(Dynamic::Path(path)) => path,
    };
    let value = resolve(path, input, scope)?.into_owned();
    match value.as_u64() {
        Some(seconds) if seconds > 0 => Ok(Some(seconds)),
        _ => Err(StatesError::runtime(format!(
            "The {field} parameter does not reference a positive integer: {path} == {value}"
        ))),
    }
}

/// The handler of an open task has it. Once is enough.
pub(crate) fn started(
    d: &mut Decider<'_>,
    frame: FrameId,
    at: Timestamp,
    worker: Option<Arc<str>>,
) {
    if let Some(task) = open_task(d, frame).filter(|task| !task.started) {
        let resource = task.resource.clone();
        let event = if task.is_start_told {
            Event::TaskTakenAgain
        } else {
            Event::TaskStarted { resource, worker }
        };
        d.emit_at(frame, d.cursor(frame), at, event);
    }
}

/// The worker that took an open task never got it: the task is for the next one.
pub(crate) fn given_back(d: &mut Decider<'_>, frame: FrameId) {
    let is_taken =
        |task: &OpenTask| task.started && matches!(task.resource, TaskResource::Activity(_));
    if open_task(d, frame).is_some_and(is_taken) {
        d.emit(frame, Event::TaskGivenBack);
        d.schedule(frame);
    }
}

/// The service has taken the request of an open task. Once is enough.
pub(crate) fn submitted(d: &mut Decider<'_>, frame: FrameId, output: Data) {
    let may_be = |task: &&OpenTask| task.submitted.is_none() && task.resource.has_token();
    let Some(task) = open_task(d, frame).filter(may_be) else { return };
    let (resource, reported) = (task.resource.clone(), task.reported.clone());
    if let Err(reason) = usable(d, &resource, &output) {
        d.emit(frame, Event::TaskFailed { resource, reason });
        return;
    }
    d.emit(frame, Event::TaskSubmitted { resource, output });
    if let Some(report) = reported {
        end_as_reported(d, frame, report);
    }
}

/// Somebody with the token says how an open task ended. The first word counts. AWS shows that a task was submitted
/// before it shows its end; a word that comes earlier is kept until then.
pub(crate) fn reported(d: &mut Decider<'_>, frame: FrameId, report: Report) {
    let Some(task) = open_task(d, frame).filter(|task| task.reported.is_none()) else { return };
    let is_activity = matches!(task.resource, TaskResource::Activity(_));
    if is_activity || task.submitted.is_some() {
        end_as_reported(d, frame, report);
    } else {
        d.emit(frame, Event::TaskReported(report));
    }
}

fn end_as_reported(d: &mut Decider<'_>, frame: FrameId, report: Report) {
    let Some(task) = open_task(d, frame) else { return };
    let (scheduled, resource) = (task.scheduled, task.resource.clone());
    if task.is_outstanding() {
        d.cancel(scheduled);
    }
    let event = match report {
        Report::Succeeded(output) => match usable(d, &resource, &output) {
            Ok(()) => Event::TaskSucceeded { resource, output },
            Err(reason) => Event::TaskFailed { resource, reason },
        },
        Report::Failed(reason) => Event::TaskFailed { resource, reason },
    };
    d.emit(frame, event);
}

/// Lets a result pass that may be recorded.
fn usable(d: &Decider<'_>, resource: &TaskResource, output: &Data) -> Result<(), Reason> {
    if is_too_deep(output) {
        return Err(unreadable_result());
    }
    if d.run.folded.limits.exclude(output) {
        return Err(too_large_result(resource));
    }
    Ok(())
}

/// The handler of an open task is done.
pub(crate) fn finished(d: &mut Decider<'_>, frame: FrameId, outcome: TaskResult) {
    let Some(task) = open_task(d, frame).filter(|task| task.is_outstanding()) else { return };
    let resource = task.resource.clone();
    let event = match outcome {
        TaskResult::Succeeded { output } if resource.waits_for_token() => {
            return submitted(d, frame, output);
        }
        TaskResult::Succeeded { output } => match usable(d, &resource, &output) {
            Ok(()) => Event::TaskSucceeded { resource, output },
            Err(reason) => Event::TaskFailed { resource, reason },
        },
        TaskResult::Failed { error, cause } => {
            Event::TaskFailed { resource, reason: Reason { error: Some(error), cause } }
        }
    };
    d.emit(frame, event);
}

fn unreadable_result() -> Reason {
    let error = Some("States.Runtime".to_owned());
    Reason { error, cause: Some(data_flow::too_deep()) }
}

fn too_large_result(resource: &TaskResource) -> Reason {
    let (TaskResource::Lambda(name)
    | TaskResource::Activity(name)
    | TaskResource::Service(name, _)) = resource;
    let error = Some("States.DataLimitExceeded".to_owned());
    Reason { error, cause: Some(limits::too_large(name)) }
}

/// An open task exceeded a limit.
pub(crate) fn timed_out(d: &mut Decider<'_>, frame: FrameId) {
    let Some(task) = open_task(d, frame) else { return };
    let scheduled = task.scheduled;
    let resource = task.resource.clone();
    let limit = task.limit().map_or(TaskLimit::Timeout, |(_, limit)| limit);
    if let Some(since) = task.running_since {
        started(d, frame, since, None);
    }
    d.cancel(scheduled);
    d.emit(frame, Event::TaskTimedOut { resource, limit });
}

fn open_task<'d>(d: &'d Decider<'_>, frame: FrameId) -> Option<&'d OpenTask> {
    match &d.run.folded.frame(frame)?.step {
        Step::Task(task) => Some(task),
        _ => None,
    }
}
