//! The history of an execution as `GetExecutionHistory` shows it.
//!
//! ```json
//! {
//!   "id": 2,
//!   "previousEventId": 0,
//!   "timestamp": 1700000000.123,
//!   "type": "PassStateEntered",
//!   "stateEnteredEventDetails": { "name": "Hello", "input": "{}", "inputDetails": { "truncated": false } }
//! }
//! ```
//!
//! Inputs, outputs and parameters are JSON as text; `timestamp` is in seconds. Details that would be empty
//! are left out where AWS leaves them out.

use serde_json::{Map, Value, json};
use stepwell_asl::variable::Assigned;

use crate::event::{Entry, Event, EventId, Iteration, Reason, StateType, TaskResource};

impl Entry {
    /// The history event in the shape of `GetExecutionHistory`, or nothing for a hidden fact.
    pub fn to_history_event(&self) -> Option<Value> {
        let mut event = header(self.id?, self);
        let Shown { name, details } = show(&self.event)?;
        event.insert("type".to_owned(), name.into());
        if let Some((field, details)) = details {
            event.insert(field.to_owned(), details);
        }
        Some(Value::Object(event))
    }
}

/// How bad an event is, for those who log only the bad ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It is logged with `ALL` only.
    Plain,
    /// With `ERROR` too: something failed, timed out or was given up, though the execution may go on.
    Error,
    /// With `FATAL` too: it ends the execution badly.
    Fatal,
}

impl Event {
    /// How bad it is. Source: Developer Guide, "Log levels for Step Functions execution events"; types that are newer than
    /// the table there follow its rule.
    pub fn severity(&self) -> Severity {
        match self {
            Self::ExecutionFailed(_) | Self::ExecutionTimedOut(_) | Self::ExecutionAborted(_) => {
                Severity::Fatal
            }
            Self::StateEntered { kind: StateType::Fail, .. }
            | Self::EvaluationFailed { .. }
            | Self::StateAborted { .. }
            | Self::ParallelStateFailed
            | Self::MapStateFailed
            | Self::MapRunFailed(_)
            | Self::MapIterationFailed(_)
            | Self::MapIterationAborted(_)
            | Self::TaskFailed { .. }
            | Self::TaskTimedOut { .. } => Severity::Error,
            Self::ExecutionStarted { .. }
            | Self::ExecutionSucceeded { .. }
            | Self::ExecutionRedriven { .. }
            | Self::MapRunRedriven { .. }
            | Self::TaskGivenBack
            | Self::TaskTakenAgain
            | Self::StateEntered { .. }
            | Self::StateExited { .. }
            | Self::ParallelStateStarted { .. }
            | Self::ParallelStateSucceeded
            | Self::MapStateStarted { .. }
            | Self::MapStateSucceeded
            | Self::MapRunStarted { .. }
            | Self::MapRunSucceeded { .. }
            | Self::MapIterationStarted(_)
            | Self::MapIterationSucceeded(_)
            | Self::TaskScheduled { .. }
            | Self::TaskStarted { .. }
            | Self::TaskSubmitted { .. }
            | Self::TaskSucceeded { .. }
            | Self::TaskHeartbeat
            | Self::TaskReported(_)
            | Self::WaitStarted { .. }
            | Self::RetryScheduled { .. } => Severity::Plain,
        }
    }
}

fn header(id: EventId, entry: &Entry) -> Map<String, Value> {
    let mut event = Map::new();
    let seconds = entry.at.as_millisecond() as f64 / 1000.0;
    event.insert("id".to_owned(), id.into());
    event.insert("previousEventId".to_owned(), entry.previous.into());
    event.insert("timestamp".to_owned(), seconds.into());
    event
}

/// The name of an event, and the field of its details with them.
struct Shown {
    name: &'static str,
    details: Option<(&'static str, Value)>,
}

impl Shown {
    fn bare(name: &'static str) -> Self {
        Self { name, details: None }
    }

    fn with(name: &'static str, field: &'static str, details: Value) -> Self {
        Self { name, details: Some((field, details)) }
    }
}

fn show(event: &Event) -> Option<Shown> {
    Some(match event {
        Event::ExecutionStarted { input, role_arn, limits: _ } => {
            let mut details = with_input(&input.text());
            details["roleArn"] = json!(role_arn);
            Shown::with("ExecutionStarted", "executionStartedEventDetails", details)
        }
        Event::ExecutionSucceeded { output } => {
            let details = with_output(output);
            Shown::with("ExecutionSucceeded", "executionSucceededEventDetails", details)
        }
        Event::ExecutionFailed(reason) => {
            Shown::with("ExecutionFailed", "executionFailedEventDetails", with_reason(reason))
        }
        Event::ExecutionTimedOut(reason) => {
            Shown::with("ExecutionTimedOut", "executionTimedOutEventDetails", with_reason(reason))
        }
        Event::ExecutionAborted(reason) => {
            Shown::with("ExecutionAborted", "executionAbortedEventDetails", with_reason(reason))
        }
        Event::ExecutionRedriven { count, .. } => {
            let details = json!({ "redriveCount": count });
            Shown::with("ExecutionRedriven", "executionRedrivenEventDetails", details)
        }
        Event::StateEntered { kind, name, input, .. } => {
            let mut details = with_input(&input.text());
            details["name"] = json!(name);
            Shown::with(entered(*kind), "stateEnteredEventDetails", details)
        }
        Event::StateExited { kind, name, output, assigned, .. } => {
            let mut details = with_output(output);
            details["name"] = json!(name);
            show_assigned(&mut details, assigned);
            Shown::with(exited(*kind), "stateExitedEventDetails", details)
        }
        Event::EvaluationFailed { name, reason, location } => {
            let mut details = with_reason(reason);
            details["state"] = json!(name);
            if let Some(location) = location {
                details["location"] = json!(location);
            }
            Shown::with("EvaluationFailed", "evaluationFailedEventDetails", details)
        }
        Event::StateAborted { kind } => Shown::bare(aborted(*kind)),
        Event::ParallelStateStarted { .. } => Shown::bare("ParallelStateStarted"),
        Event::ParallelStateSucceeded => Shown::bare("ParallelStateSucceeded"),
        Event::ParallelStateFailed => Shown::bare("ParallelStateFailed"),
        Event::MapStateStarted { length, .. } => {
            let details = json!({ "length": length });
            Shown::with("MapStateStarted", "mapStateStartedEventDetails", details)
        }
        Event::MapRunStarted { arn, .. } => {
            let details = json!({ "mapRunArn": arn });
            Shown::with("MapRunStarted", "mapRunStartedEventDetails", details)
        }
        Event::MapRunRedriven { arn, count } => {
            let details = json!({ "mapRunArn": arn, "redriveCount": count });
            Shown::with("MapRunRedriven", "mapRunRedrivenEventDetails", details)
        }
        Event::MapRunSucceeded { .. } => Shown::bare("MapRunSucceeded"),
        Event::MapRunFailed(reason) => {
            Shown::with("MapRunFailed", "mapRunFailedEventDetails", with_reason(reason))
        }
        Event::MapStateSucceeded => Shown::bare("MapStateSucceeded"),
        Event::MapStateFailed => Shown::bare("MapStateFailed"),
        Event::MapIterationStarted(one) => {
            iteration("MapIterationStarted", "mapIterationStartedEventDetails", one)
        }
        Event::MapIterationSucceeded(one) => {
            iteration("MapIterationSucceeded", "mapIterationSucceededEventDetails", one)
        }
        Event::MapIterationFailed(one) => {
            iteration("MapIterationFailed", "mapIterationFailedEventDetails", one)
        }
        Event::MapIterationAborted(one) => {
            iteration("MapIterationAborted", "mapIterationAbortedEventDetails", one)
        }
        Event::TaskScheduled { .. }
        | Event::TaskStarted { .. }
        | Event::TaskSubmitted { .. }
        | Event::TaskSucceeded { .. }
        | Event::TaskFailed { .. }
        | Event::TaskTimedOut { .. } => show_task(event)?,
        Event::TaskHeartbeat
        | Event::TaskGivenBack
        | Event::TaskTakenAgain
        | Event::TaskReported(_)
        | Event::WaitStarted { .. }
        | Event::RetryScheduled { .. } => return None,
    })
}

fn iteration(name: &'static str, field: &'static str, one: &Iteration) -> Shown {
    Shown::with(name, field, json!({ "name": one.name, "index": one.index }))
}

/// The events of a task: their names and fields depend on what does the work.
fn show_task(event: &Event) -> Option<Shown> {
    Some(match event {
        Event::TaskScheduled { resource, .. } => {
            let (name, field) = match resource {
                TaskResource::Lambda(_) => {
                    ("LambdaFunctionScheduled", "lambdaFunctionScheduledEventDetails")
                }
                TaskResource::Activity(_) => ("ActivityScheduled", "activityScheduledEventDetails"),
                TaskResource::Service(..) => ("TaskScheduled", "taskScheduledEventDetails"),
            };
            Shown::with(name, field, scheduled(event)?)
        }
        Event::TaskStarted { resource, worker } => match resource {
            TaskResource::Lambda(_) => Shown::bare("LambdaFunctionStarted"),
            TaskResource::Activity(_) => {
                let details = worker.as_ref().map_or(json!({}), |it| json!({ "workerName": it }));
                Shown::with("ActivityStarted", "activityStartedEventDetails", details)
            }
            TaskResource::Service(..) => {
                let details = with_resource(json!({}), resource);
                Shown::with("TaskStarted", "taskStartedEventDetails", details)
            }
        },
        Event::TaskSubmitted { resource, output } => {
            let details = with_resource(with_output(output), resource);
            Shown::with("TaskSubmitted", "taskSubmittedEventDetails", details)
        }
        Event::TaskSucceeded { resource, output } => {
            let (name, field) = match resource {
                TaskResource::Lambda(_) => {
                    ("LambdaFunctionSucceeded", "lambdaFunctionSucceededEventDetails")
                }
                TaskResource::Activity(_) => ("ActivitySucceeded", "activitySucceededEventDetails"),
                TaskResource::Service(..) => ("TaskSucceeded", "taskSucceededEventDetails"),
            };
            Shown::with(name, field, with_resource(with_output(output), resource))
        }
        Event::TaskFailed { resource, reason } => {
            let (name, field) = match resource {
                TaskResource::Lambda(_) => {
                    ("LambdaFunctionFailed", "lambdaFunctionFailedEventDetails")
                }
                TaskResource::Activity(_) => ("ActivityFailed", "activityFailedEventDetails"),
                TaskResource::Service(..) => ("TaskFailed", "taskFailedEventDetails"),
            };
            Shown::with(name, field, with_resource(with_reason(reason), resource))
        }
        Event::TaskTimedOut { resource, .. } => {
            let (name, field) = match resource {
                TaskResource::Lambda(_) => {
                    ("LambdaFunctionTimedOut", "lambdaFunctionTimedOutEventDetails")
                }
                TaskResource::Activity(_) => ("ActivityTimedOut", "activityTimedOutEventDetails"),
                TaskResource::Service(..) => ("TaskTimedOut", "taskTimedOutEventDetails"),
            };
            Shown::with(name, field, with_resource(json!({ "error": "States.Timeout" }), resource))
        }
        _ => return None,
    })
}

fn scheduled(event: &Event) -> Option<Value> {
    let Event::TaskScheduled {
        resource,
        parameters,
        region,
        timeout_seconds,
        heartbeat_seconds,
        role_arn,
        token: _,
    } = event
    else {
        return None;
    };
    let mut details = match resource {
        TaskResource::Lambda(arn) | TaskResource::Activity(arn) => {
            let mut details = with_input(&parameters.to_string());
            details["resource"] = json!(arn);
            details
        }
        TaskResource::Service(..) => {
            let details = json!({ "region": region, "parameters": parameters.to_string() });
            with_resource(details, resource)
        }
    };
    if let Some(role_arn) = role_arn {
        details["taskCredentials"] = json!({ "roleArn": role_arn });
    }
    if let Some(seconds) = timeout_seconds {
        details["timeoutInSeconds"] = json!(seconds);
    }
    if let Some(seconds) = heartbeat_seconds {
        details["heartbeatInSeconds"] = json!(seconds);
    }
    Some(details)
}

fn with_resource(mut details: Value, resource: &TaskResource) -> Value {
    if let TaskResource::Service(service, action) = resource {
        details["resourceType"] = json!(service);
        details["resource"] = json!(action);
    }
    details
}

fn with_input(text: &str) -> Value {
    json!({ "input": text, "inputDetails": { "truncated": false } })
}

fn with_output(output: &Value) -> Value {
    json!({ "output": output.to_string(), "outputDetails": { "truncated": false } })
}

/// Variables as JSON texts by their names.
fn show_assigned(details: &mut Value, assigned: &Assigned) {
    if !assigned.is_empty() {
        let texts =
            assigned.iter().map(|(name, value)| (name.to_string(), json!(value.to_string())));
        details["assignedVariables"] = Value::Object(texts.collect());
        details["assignedVariablesDetails"] = json!({ "truncated": false });
    }
}

fn with_reason(reason: &Reason) -> Value {
    let mut details = json!({});
    if let Some(error) = &reason.error {
        details["error"] = json!(error);
    }
    if let Some(cause) = &reason.cause {
        details["cause"] = json!(cause);
    }
    details
}

fn entered(kind: StateType) -> &'static str {
    match kind {
        StateType::Pass => "PassStateEntered",
        StateType::Task => "TaskStateEntered",
        StateType::Choice => "ChoiceStateEntered",
        StateType::Wait => "WaitStateEntered",
        StateType::Succeed => "SucceedStateEntered",
        StateType::Fail => "FailStateEntered",
        StateType::Parallel => "ParallelStateEntered",
        StateType::Map => "MapStateEntered",
    }
}

fn exited(kind: StateType) -> &'static str {
    match kind {
        StateType::Pass => "PassStateExited",
        StateType::Task => "TaskStateExited",
        StateType::Choice => "ChoiceStateExited",
        StateType::Wait => "WaitStateExited",
        StateType::Succeed => "SucceedStateExited",
        StateType::Fail => "FailStateExited",
        StateType::Parallel => "ParallelStateExited",
        StateType::Map => "MapStateExited",
    }
}

fn aborted(kind: StateType) -> &'static str {
    match kind {
        StateType::Pass => "PassStateAborted",
        StateType::Task => "TaskStateAborted",
        StateType::Choice => "ChoiceStateAborted",
        StateType::Wait => "WaitStateAborted",
        StateType::Succeed => "SucceedStateAborted",
        StateType::Fail => "FailStateAborted",
        StateType::Parallel => "ParallelStateAborted",
        StateType::Map => "MapStateAborted",
    }
}
