//! What `TestState` answers.
//!
//! Data is text as AWS writes it here: JSON with a space after `,` and `:`, as recorded.

use std::io;

use serde::Serialize;
use serde_json::ser::Formatter;
use serde_json::{Map, Serializer, Value, json};
use stepwell_asl::eval::Stage;
use stepwell_engine::testing::{ErrorDetails, Report, Status};

use super::request::Level;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inspection_data: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_state: Option<String>,
    status: &'static str,
}

impl Response {
    /// `input` is shown as it was sent.
    pub(super) fn new(report: Report, input: &str, level: Level) -> Self {
        let inspection_data = (level == Level::Inspect).then(|| inspection(&report, input));
        Self {
            output: report.output.as_deref().map(spaced),
            error: report.error,
            cause: report.cause,
            inspection_data,
            next_state: report.next.as_deref().map(str::to_owned),
            status: match report.status {
                Status::Succeeded => "SUCCEEDED",
                Status::Failed => "FAILED",
                Status::Retriable => "RETRIABLE",
                Status::CaughtError => "CAUGHT_ERROR",
            },
        }
    }
}

fn inspection(report: &Report, input: &str) -> Map<String, Value> {
    let mut shown = Map::from_iter([("input".to_owned(), json!(input))]);
    for (stage, value) in &report.stages {
        let (member, is_text) = member(*stage);
        let value = if is_text { json!(spaced(value)) } else { value.clone() };
        shown.insert(member.to_owned(), value);
    }
    if !report.variables.is_empty() {
        shown.insert("variables".to_owned(), json!(spaced(&json!(report.variables))));
    }
    let details = error_details(report.error_details);
    if !details.is_empty() {
        shown.insert("errorDetails".to_owned(), details.into());
    }
    shown
}

/// The member that shows a stage, and whether it is JSON as text.
fn member(stage: Stage) -> (&'static str, bool) {
    match stage {
        Stage::AfterArguments => ("afterArguments", true),
        Stage::AfterInputPath => ("afterInputPath", true),
        Stage::AfterParameters => ("afterParameters", true),
        Stage::Result => ("result", true),
        Stage::AfterResultSelector => ("afterResultSelector", true),
        Stage::AfterResultPath => ("afterResultPath", true),
        Stage::AfterItemsPath => ("afterItemsPath", true),
        Stage::AfterItemSelector => ("afterItemSelector", true),
        Stage::ToleratedFailureCount => ("toleratedFailureCount", false),
        Stage::ToleratedFailurePercentage => ("toleratedFailurePercentage", false),
        Stage::MaxConcurrency => ("maxConcurrency", false),
    }
}

fn error_details(details: ErrorDetails) -> Map<String, Value> {
    let ErrorDetails { catch_index, retry_index, retry_backoff_seconds } = details;
    let members = [
        ("catchIndex", catch_index.map(Value::from)),
        ("retryIndex", retry_index.map(Value::from)),
        ("retryBackoffIntervalSeconds", retry_backoff_seconds.map(Value::from)),
    ];
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// `{"a": [1, 2]}`
fn spaced(value: &Value) -> String {
    let mut text = Vec::new();
    let written = value.serialize(&mut Serializer::with_formatter(&mut text, Spaced));
    written.expect("memory can be written, and a value is JSON");
    String::from_utf8(text).expect("JSON is UTF-8")
}

/// Writes a space after `,` and `:`.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}
