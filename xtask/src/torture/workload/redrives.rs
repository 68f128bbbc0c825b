//! State machines that fail until they were redriven often enough; `clients` redrives them.
//!
//! A task fails while its execution was redriven less often than `failures` says. Of a Map run only one child runs at a
//! time, so that it is no matter of time which of them ran before it fails.

use serde_json::{Value, json};

use super::tasks::task;

/// A task that succeeds, and one that does so after a few redrives.
pub(super) fn redrive() -> Value {
    json!({"StartAt": "Before", "States": {
        "Before": task(&json!({}), "Try"),
        "Try": until_redriven("After"),
        "After": task(&json!({}), ""),
    }})
}

/// A Distributed Map that fails with the first child that does.
pub(super) fn map_run() -> Value {
    json!({"StartAt": "Each", "States": {"Each": {
        "Type": "Map",
        "Label": "Each",
        "ItemsPath": "$.items",
        "MaxConcurrency": 1,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Try",
            "States": {
                "Try": until_redriven("Shape"),
                "Shape": {"Type": "Pass", "Parameters": {"seen.$": "$.result.value"}, "End": true},
            },
        },
        "ResultPath": "$.seen",
        "End": true,
    }}})
}

fn until_redriven(next: &str) -> Value {
    let fails = json!({"attempt.$": "$$.Execution.RedriveCount", "failures.$": "$.failures"});
    task(&fails, next)
}
