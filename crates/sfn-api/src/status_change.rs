//! What EventBridge hears of an execution that started or ended: the detail of "Step Functions Execution Status Change".
//!
//! Source: Developer Guide, "Automating Step Functions event delivery with EventBridge"; the events as recorded.

use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_engine::{ExecutionRecord, Status, StatusChange};

use crate::ops::describe_execution::redrive_status;

/// What input and output of an execution may have together as they stand in an event, in bytes. Source: as [`status_change`].
const DATA_BYTES_MAX: usize = 248 * 1024;

/// ```json
/// {"executionArn": "arn:aws:states:us-east-1:111111111111:execution:orders:one",
///  "stateMachineArn": "arn:aws:states:us-east-1:111111111111:stateMachine:orders", "name": "one",
///  "status": "SUCCEEDED", "startDate": 1700000000123, "stopDate": 1700000001123,
///  "input": "{}", "inputDetails": {"included": true}, "output": "1", "outputDetails": {"included": true},
///  "error": null, "cause": null, "redriveCount": 0, "redriveStatus": "NOT_REDRIVABLE"}
/// ```
/// Times are milliseconds since 1970. The record may be newer than the change: what came later is left out. Input and output that
/// are too large for an event are null, and `included` is false.
pub fn status_change(change: &StatusChange, mut record: ExecutionRecord, now: Timestamp) -> Value {
    if change.status == Status::Running {
        record.summary.stopped_at = None;
        (record.output, record.error, record.cause) = (None, None, None);
    }
    record.summary.status = change.status;
    let (redrive_status, reason) = redrive_status(&record, now);
    let ExecutionRecord { summary, input, output, error, cause, .. } = record;
    let (has_input, has_output) = fits(&input, output.as_deref());
    let output_details = output.is_some().then(|| json!({"included": has_output}));
    json!({
        "executionArn": summary.arn,
        "stateMachineArn": summary.state_machine_arn,
        "stateMachineVersionArn": summary.version_arn,
        "stateMachineAliasArn": summary.alias_arn,
        "name": summary.name,
        "status": summary.status,
        "startDate": summary.started_at.as_millisecond(),
        "stopDate": summary.stopped_at.map(Timestamp::as_millisecond),
        "input": has_input.then_some(input),
        "inputDetails": {"included": has_input},
        "outputDetails": output_details,
        "output": output.filter(|_| has_output),
        "error": error,
        "cause": cause,
        "redriveCount": summary.redrives,
        "redriveDate": summary.redriven_at.map(Timestamp::as_millisecond),
        "redriveStatus": redrive_status,
        "redriveStatusReason": reason,
    })
}

/// Whether an event has room for the input, and for the output, which comes first.
fn fits(input: &str, output: Option<&str>) -> (bool, bool) {
    let escaped = |text: &str| Value::from(text).to_string().len() - "\"\"".len();
    let output = output.map_or(0, escaped);
    (escaped(input) + output <= DATA_BYTES_MAX, output <= DATA_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_for_an_event_is_left_out_the_input_first() {
        let text = |bytes| "a".repeat(bytes);
        assert_eq!(fits(&text(DATA_BYTES_MAX), None), (true, true));
        assert_eq!(fits(&text(DATA_BYTES_MAX + 1), None), (false, true));
        assert_eq!(fits("a", Some(&text(DATA_BYTES_MAX))), (false, true));
        assert_eq!(fits("", Some(&text(DATA_BYTES_MAX + 1))), (false, false));
        // As it is written in JSON.
        assert_eq!(fits(&"\"".repeat(DATA_BYTES_MAX / 2 + 1), None), (false, true));
    }
}
