//! The context object (`$$`) as a state sees it.
//!
//! ```json
//! {
//!   "Execution": {
//!     "Id": "arn:aws:states:us-east-1:111111111111:execution:sync:run-1",
//!     "Input": {},
//!     "StartTime": "2024-07-15T12:00:00.000Z",
//!     "Name": "run-1",
//!     "RoleArn": "arn:aws:iam::111111111111:role/sync",
//!     "RedriveCount": 0
//!   },
//!   "StateMachine": { "Id": "arn:aws:states:us-east-1:111111111111:stateMachine:sync", "Name": "sync" },
//!   "State": { "Name": "Load", "EnteredTime": "2024-07-15T12:00:01.000Z", "RetryCount": 0 },
//!   "Map": { "Item": { "Index": 0, "Value": "users" } }
//! }
//! ```
//!
//! A task that others may end has `"Task": { "Token": "..." }` while its input is evaluated.
//!
//! An execution that was redriven has a `RedriveTime` as well, one of `StartSyncExecution` no `RedriveCount`.
//!
//! `RetryCount` is there in states that have Retriers, `Map` within a Map iteration and its `ItemSelector`.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use stepwell_asl::model::StateKind;

use crate::frame::{Frame, FrameId, Step};
use crate::run::Run;

/// The context object of the state that a frame is in.
pub(crate) fn of_frame(run: &Run, frame: FrameId) -> Value {
    let mut context = Map::new();
    context.insert("Execution".to_owned(), execution(run));
    context.insert("StateMachine".to_owned(), state_machine(run));
    if let Some(current) = run.folded.frame(frame) {
        context.insert("State".to_owned(), state(run, current));
    }
    if let Some(item) = item(run, frame) {
        context.insert("Map".to_owned(), json!({ "Item": item }));
    }
    Value::Object(context)
}

/// The context object of the Task state that a frame is in, with the token of the task that is scheduled.
pub(crate) fn of_task(run: &Run, frame: FrameId, token: Option<&str>) -> Value {
    let mut context = of_frame(run, frame);
    if let Some(token) = token {
        context["Task"] = json!({ "Token": token });
    }
    context
}

/// The context object of the Map state that a frame is in, as it is for one of its items.
pub(crate) fn of_item(run: &Run, frame: FrameId, index: usize) -> Value {
    let mut context = of_frame(run, frame);
    if let Some(Step::Fork(fork)) = run.folded.frame(frame).map(|frame| &frame.step) {
        context["Map"] = json!({ "Item": { "Index": index, "Value": fork.item(index) } });
    }
    context
}

/// The context object of a Distributed Map, as it is for one of its items.
pub(crate) fn of_child(run: &Run, frame: FrameId, index: u64, item: &Value) -> Value {
    let mut context = of_frame(run, frame);
    context["Map"] = json!({ "Item": { "Index": index, "Value": item } });
    context
}

fn execution(run: &Run) -> Value {
    let context = &run.start.context;
    let mut execution = json!({
        "Id": context.execution_arn,
        "Input": run.start.input.data(),
        "StartTime": time(context.start_time),
        "Name": context.execution_name,
        "RoleArn": context.role_arn,
    });
    if !run.is_sync {
        execution["RedriveCount"] = run.redrives().into();
    }
    if let Some(at) = run.redriven_at() {
        execution["RedriveTime"] = time(at).into();
    }
    execution
}

fn state_machine(run: &Run) -> Value {
    let context = &run.start.context;
    json!({ "Id": context.state_machine_arn, "Name": context.state_machine_name })
}

fn state(run: &Run, frame: &Frame) -> Value {
    let state = run.machine().state(frame.state);
    let mut value = json!({ "Name": state.name, "EnteredTime": time(frame.entered_at) });
    if matches!(state.kind, StateKind::Task(_) | StateKind::Parallel(_) | StateKind::Map(_)) {
        value["RetryCount"] = frame.retry_count().into();
    }
    value
}

/// The item of the nearest Map iteration around a frame.
fn item(run: &Run, frame: FrameId) -> Option<Value> {
    let (parent, index) = run.folded.frame(frame)?.parent?;
    let Step::Fork(fork) = &run.folded.frame(parent)?.step else { return None };
    match fork.item(index) {
        Some(value) => Some(json!({ "Index": index, "Value": value })),
        None => item(run, parent),
    }
}

/// `2024-07-15T12:00:00.000Z`
pub(crate) fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}
