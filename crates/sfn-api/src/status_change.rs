//! What EventBridge hears of an execution that started or ended: the detail of "Step Functions Execution Status Change".
//!
//! Source: Developer Guide, "Automating Step Functions event delivery with EventBridge"; the events as recorded.

use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_engine::{ExecutionRecord, Status, StatusChange};

use crate::ops::describe_execution::redrive_status;

/// ```json
/// {"executionArn": "arn:aws:states:us-east-1:111111111111:execution:orders:one",
///  "stateMachineArn": "arn:aws:states:us-east-1:111111111111:stateMachine:orders", "name": "one",
///  "status": "SUCCEEDED", "startDate": 1700000000123, "stopDate": 1700000001123,
///  "input": "{}", "inputDetails": {"included": true}, "output": "1", "outputDetails": {"included": true},
///  "error": null, "cause": null, "redriveCount": 0, "redriveStatus": "NOT_REDRIVABLE"}
/// ```
/// Times are milliseconds since 1970. The record may be newer than the change: what came later is left out.
pub fn status_change(change: &StatusChange, mut record: ExecutionRecord, now: Timestamp) -> Value {
    if change.status == Status::Running {
        record.summary.stopped_at = None;
        (record.output, record.error, record.cause) = (None, None, None);
    }
    record.summary.status = change.status;
    let (redrive_status, reason) = redrive_status(&record, now);
    let ExecutionRecord { summary, input, output, error, cause, .. } = record;
    json!({
        "executionArn": summary.arn,
        "stateMachineArn": summary.state_machine_arn,
        "stateMachineVersionArn": summary.version_arn,
        "stateMachineAliasArn": summary.alias_arn,
        "name": summary.name,
        "status": summary.status,
        "startDate": summary.started_at.as_millisecond(),
        "stopDate": summary.stopped_at.map(Timestamp::as_millisecond),
        "input": input,
        "inputDetails": {"included": true},
        "outputDetails": output.is_some().then(|| json!({"included": true})),
        "output": output,
        "error": error,
        "cause": cause,
        "redriveCount": summary.redrives,
        "redriveDate": summary.redriven_at.map(Timestamp::as_millisecond),
        "redriveStatus": redrive_status,
        "redriveStatusReason": reason,
    })
}
