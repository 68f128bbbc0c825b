//! Which fields stand where, and what to say of those that do not.

use crate::suggest;

pub(super) const MACHINE: &[&str] =
    &["Comment", "QueryLanguage", "StartAt", "States", "TimeoutSeconds", "Version"];
pub(super) const BRANCH: &[&str] = &["Comment", "StartAt", "States"];
pub(super) const PROCESSOR: &[&str] = &["Comment", "ProcessorConfig", "StartAt", "States"];
pub(super) const PROCESSOR_CONFIG: &[&str] = &["ExecutionType", "Mode"];
pub(super) const RETRIER: &[&str] = &[
    "BackoffRate",
    "Comment",
    "ErrorEquals",
    "IntervalSeconds",
    "JitterStrategy",
    "MaxAttempts",
    "MaxDelaySeconds",
];
pub(super) const CATCHER: &[&str] = &["Assign", "Comment", "ErrorEquals", "Next", "ResultPath"];

const ANY_STATE: &[&str] = &["Comment", "QueryLanguage", "Type"];

/// The state types and their fields, those of every state left out.
const STATES: &[(&str, &[&str])] = &[
    (
        "Task",
        &[
            "Assign",
            "Catch",
            "End",
            "HeartbeatSeconds",
            "HeartbeatSecondsPath",
            "InputPath",
            "Next",
            "OutputPath",
            "Parameters",
            "Resource",
            "ResultPath",
            "ResultSelector",
            "Retry",
            "TimeoutSeconds",
            "TimeoutSecondsPath",
        ],
    ),
    (
        "Wait",
        &[
            "Assign",
            "End",
            "InputPath",
            "Next",
            "OutputPath",
            "Seconds",
            "SecondsPath",
            "Timestamp",
            "TimestampPath",
        ],
    ),
    (
        "Pass",
        &["Assign", "End", "InputPath", "Next", "OutputPath", "Parameters", "Result", "ResultPath"],
    ),
    ("Succeed", &["InputPath", "OutputPath"]),
    ("Fail", &["Cause", "CausePath", "Error", "ErrorPath"]),
    ("Choice", &["Assign", "Choices", "Default", "InputPath", "OutputPath"]),
    (
        "Parallel",
        &[
            "Assign",
            "Branches",
            "Catch",
            "End",
            "InputPath",
            "Next",
            "OutputPath",
            "Parameters",
            "ResultPath",
            "ResultSelector",
            "Retry",
        ],
    ),
    (
        "Map",
        &[
            "Assign",
            "Catch",
            "End",
            "InputPath",
            "ItemProcessor",
            "ItemSelector",
            "ItemsPath",
            "Iterator",
            "MaxConcurrency",
            "MaxConcurrencyPath",
            "Next",
            "OutputPath",
            "Parameters",
            "ResultPath",
            "ResultSelector",
            "Retry",
        ],
    ),
];

/// The names of the state types, in the order in which AWS lists them.
pub(super) fn state_types() -> impl Iterator<Item = &'static str> {
    STATES.iter().map(|(name, _)| *name)
}

/// The fields of a state type.
pub(super) fn fields_of(state_type: &str) -> Option<Vec<&'static str>> {
    let (_, fields) = STATES.iter().find(|(name, _)| *name == state_type)?;
    Some([ANY_STATE, fields].concat())
}

/// What to do about the field `name`, which is not one of `known`.
pub(super) fn advice(name: &str, known: &[&'static str]) -> String {
    if let Some(meant) = suggest::closest(name, known.iter().copied()) {
        return format!("did you mean `{meant}`?");
    }
    let types: Vec<&str> = STATES
        .iter()
        .filter(|(_, fields)| fields.contains(&name))
        .map(|(state_type, _)| *state_type)
        .collect();
    if types.is_empty() {
        return format!("fields that can stand here: {}", known.join(", "));
    }
    format!("`{name}` can stand in states of type {}", types.join(", "))
}
