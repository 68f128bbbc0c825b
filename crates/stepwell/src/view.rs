//! Executions as the command line shows them.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_engine::{ExecutionRecord, ExecutionSummary, Status};

/// One execution, whole.
///
/// ```json
/// {"executionArn":"arn:aws:states:us-east-1:000000000000:execution:canvas:monday","stateMachine":"canvas",
///  "name":"monday","status":"SUCCEEDED","startDate":"2026-11-21T09:00:00Z","stopDate":"2026-11-21T09:02:11Z",
///  "input":{},"output":{"tables":20}}
/// ```
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Execution {
    #[serde(flatten)]
    pub(crate) summary: Summary,
    pub(crate) input: Value,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) output: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) cause: Option<String>,
}

/// One execution in a list.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    pub(crate) execution_arn: String,
    pub(crate) state_machine: String,
    pub(crate) name: String,
    pub(crate) status: Status,
    pub(crate) start_date: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) stop_date: Option<Timestamp>,
}

impl From<ExecutionSummary> for Summary {
    fn from(summary: ExecutionSummary) -> Self {
        let machine = summary.state_machine_arn.rsplit_once(':').map_or("", |(_, name)| name);
        Self {
            state_machine: machine.to_owned(),
            execution_arn: summary.arn,
            name: summary.name,
            status: summary.status,
            start_date: summary.started_at,
            stop_date: summary.stopped_at,
        }
    }
}

impl From<ExecutionRecord> for Execution {
    fn from(record: ExecutionRecord) -> Self {
        Self {
            summary: record.summary.into(),
            input: decoded(&record.input),
            output: record.output.as_deref().map(decoded),
            error: record.error,
            cause: record.cause,
        }
    }
}

impl Summary {
    /// How long it took, or has taken until `now`.
    pub(crate) fn duration(&self, now: Timestamp) -> SignedDuration {
        self.stop_date.unwrap_or(now).duration_since(self.start_date)
    }
}

impl Execution {
    /// Why it failed, in one line: the error name and what its cause says.
    pub(crate) fn reason(&self) -> String {
        let error = self.error.as_deref().unwrap_or("no error name");
        match &self.cause {
            Some(cause) => format!("{error}: {}", message(cause)),
            None => error.to_owned(),
        }
    }
}

/// The message inside a cause as functions give it: `{"errorMessage":...,"errorType":...}`.
fn message(cause: &str) -> String {
    let lambda = serde_json::from_str::<Value>(cause).ok();
    let text = lambda.as_ref().and_then(|cause| cause.get("errorMessage")).and_then(Value::as_str);
    text.unwrap_or(cause).to_owned()
}

fn decoded(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// A duration for people: `0.4 s`, `2 min 11 s`, `3 h 5 min`.
pub(crate) fn duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        ..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_a_function_is_told_without_its_wrapping() {
        assert_eq!(
            message(r#"{"errorMessage":"no such table","errorType":"Config"}"#),
            "no such table"
        );
        assert_eq!(message("plain"), "plain");
    }

    #[test]
    fn durations_are_short() {
        let text = |seconds| duration(SignedDuration::from_secs(seconds));
        assert_eq!(text(3), "3.0 s");
        assert_eq!(text(131), "2 min 11 s");
        assert_eq!(text(11_100), "3 h 5 min");
    }
}
