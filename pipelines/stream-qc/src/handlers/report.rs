//! `stepwell-stream-qc-report`: how many streams are good. Works on its input alone.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_pipeline::{Caught, Context, Function, HandlerError};

use crate::verdict::Status;

/// The error name of a run of all streams in which one could not be checked.
const NOT_CHECKED: &str = "StreamsNotChecked";

/// Counts verdicts.
pub(crate) struct Report;

/// What the state machine has.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Gathered {
    results: Vec<Verdict>,
}

/// The verdict of one stream.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Verdict {
    #[serde(rename = "GroupID")]
    group: Option<String>,
    #[serde(rename = "StreamID")]
    stream: Option<String>,
    #[serde(rename = "QCPID")]
    id: Option<String>,
    status: Status,
    total_pass: u8,
    message: String,
    /// Why its message was not delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notification_failure: Option<Value>,
}

/// ```json
/// {"Streams":20,"Passed":12,"Failed":8,"NotChecked":0,"Results":[…],"message":"QC of 20 streams: 12 passed, 8 failed"}
/// ```
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Counted {
    streams: usize,
    passed: usize,
    failed: usize,
    /// Of these nothing is known: the configuration is wrong, or a process failed.
    not_checked: usize,
    results: Vec<Verdict>,
    #[serde(rename = "message")]
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
}

#[async_trait]
impl Function for Report {
    type Input = Gathered;
    type Output = Counted;

    fn name(&self) -> &'static str {
        "stepwell-stream-qc-report"
    }

    async fn call(&self, given: Gathered, _ctx: &Context) -> Result<Counted, HandlerError> {
        let results = given.results;
        let count = |status| results.iter().filter(|it| it.status == status).count();
        let (streams, passed, failed) =
            (results.len(), count(Status::Passed), count(Status::Failed));
        let unchecked: Vec<_> = results
            .iter()
            .filter(|it| !matches!(it.status, Status::Passed | Status::Failed))
            .map(|it| it.message.as_str())
            .collect();
        let not_checked = unchecked.len();
        let unknown = match not_checked {
            0 => String::new(),
            count => format!(", {count} could not be checked"),
        };
        let undelivered: Vec<_> =
            results.iter().filter_map(|it| it.notification_failure.as_ref()).collect();
        let untold = match undelivered[..] {
            [] => String::new(),
            [first, ..] => {
                let count = undelivered.len();
                let why = Caught::deserialize(first).map(|it| it.message()).unwrap_or_default();
                format!("; {count} messages were not delivered: {why}")
            }
        };
        let message =
            format!("QC of {streams} streams: {passed} passed, {failed} failed{unknown}{untold}");
        let cause = unchecked.first().map(|first| format!("{message}; the first: {first}"));
        let error = cause.as_ref().map(|_| NOT_CHECKED);
        Ok(Counted { streams, passed, failed, not_checked, results, message, error, cause })
    }
}
