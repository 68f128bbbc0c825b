//! The context object that a request gives: its members have the types of the real one.
//!
//! Source: Developer Guide, "Accessing execution data from the Context object in Step Functions"; the texts as recorded
//! where they are (`Execution.Id`, `Task`), the others alike.

use serde_json::{Map, Value};
use stepwell_asl::model::{Resource, State, StateKind};

use super::{json_object, pattern};
use crate::error::ApiError;

/// The members and what they must be.
const MEMBERS: [(&str, Kind); 19] = [
    ("Execution", Kind::Object),
    ("Execution.Id", Kind::String),
    ("Execution.Name", Kind::String),
    ("Execution.RoleArn", Kind::String),
    ("Execution.StartTime", Kind::String),
    ("Execution.RedriveCount", Kind::Number),
    ("Execution.RedriveTime", Kind::String),
    ("State", Kind::Object),
    ("State.EnteredTime", Kind::String),
    ("State.Name", Kind::String),
    ("State.RetryCount", Kind::Number),
    ("StateMachine", Kind::Object),
    ("StateMachine.Id", Kind::String),
    ("StateMachine.Name", Kind::String),
    ("Task", Kind::Object),
    ("Task.Token", Kind::String),
    ("Map", Kind::Object),
    ("Map.Item", Kind::Object),
    ("Map.Item.Index", Kind::Number),
];

#[derive(Clone, Copy)]
enum Kind {
    Object,
    String,
    Number,
}

pub(super) fn read(text: &str, state: &State) -> Result<Map<String, Value>, ApiError> {
    let Some(fields) = json_object(text) else {
        return Err(invalid("it must be a valid JSON object"));
    };
    let context = Value::Object(fields);
    for (path, kind) in MEMBERS {
        check(&context, path, kind)?;
    }
    if context.get("Task").is_some() && !may_have_token(state) {
        return Err(invalid(
            "Context object contains 'Task' when state is not a Task state with a '.sync' or \
             '.waitForTaskToken' service integration pattern",
        ));
    }
    match context {
        Value::Object(fields) => Ok(fields),
        _ => Ok(Map::new()),
    }
}

fn check(context: &Value, path: &str, kind: Kind) -> Result<(), ApiError> {
    let Some(value) = path.split('.').try_fold(context, |value, name| value.get(name)) else {
        return Ok(());
    };
    let (is_right, expected) = match kind {
        Kind::Object => (value.is_object(), "an object"),
        Kind::String => (value.is_string(), "a string"),
        Kind::Number => (value.is_number(), "a number"),
    };
    if is_right { Ok(()) } else { Err(invalid(&format!("{path} must be {expected}"))) }
}

fn may_have_token(state: &State) -> bool {
    match &state.kind {
        StateKind::Task(task) => match &task.resource {
            Resource::Service { action, .. } => pattern(action).is_some(),
            Resource::Lambda(_) | Resource::Activity(_) => false,
        },
        _ => false,
    }
}

fn invalid(why: &str) -> ApiError {
    ApiError::validation(format!("Invalid Context object provided: {why}"))
}
