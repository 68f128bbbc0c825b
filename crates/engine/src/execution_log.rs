//! What an execution logs of its events, and which.
//!
//! ```json
//! {
//!   "id": "2", "type": "PassStateEntered",
//!   "details": { "input": "{}", "inputDetails": { "truncated": false }, "name": "Hello" },
//!   "previous_event_id": "0", "event_timestamp": "1700000000123",
//!   "execution_arn": "arn:aws:states:us-east-1:111111111111:express:hello:one:5b1f...", "redrive_count": "0"
//! }
//! ```
//!
//! Source: Developer Guide, "Using CloudWatch Logs to log execution history in Step Functions"; the records as recorded.
//! Left to others: writing it (`driver/logs.rs`), log groups ([`stepwell_task::ExecutionLogs`]).

use std::sync::Arc;

use serde_json::{Map, Value, json};
use stepwell_machine::Entry;
use stepwell_machine::history::Severity;
use stepwell_task::LogLine;

use crate::configuration::{LogLevel, Logging};

/// Bytes of an input or output, written as part of a JSON text, that are logged; the rest is cut off. Source: Developer
/// Guide, "CloudWatch Logs payloads".
const DATA_BYTES_MAX: usize = 248 * 1024;

/// The members of event details that are execution data.
const DATA: [&str; 7] = [
    "assignedVariables",
    "assignedVariablesDetails",
    "input",
    "inputDetails",
    "output",
    "outputDetails",
    "parameters",
];

/// Takes inputs, outputs and variables from the details of an event. Names, errors and causes stay, as recorded.
pub fn leave_out_data(details: &mut Map<String, Value>) {
    details.retain(|name, _| !DATA.contains(&name.as_str()));
}

/// Events of an execution to log.
#[derive(Debug, Clone)]
pub struct LogOrder {
    /// The execution.
    pub execution_arn: Arc<str>,
    /// How often it was redriven.
    pub redrives: u32,
    /// The ARN of the log group.
    pub group_arn: String,
    /// Whether data is part of it.
    pub includes_data: bool,
    /// The events.
    pub entries: Vec<Entry>,
}

impl LogOrder {
    /// What is to be logged of these entries; nothing if none of them is.
    pub(crate) fn of(
        logging: &Logging,
        execution_arn: &Arc<str>,
        redrives: u32,
        entries: &[Entry],
    ) -> Option<Self> {
        let least = match logging.level {
            LogLevel::All => Severity::Plain,
            LogLevel::Error => Severity::Error,
            LogLevel::Fatal => Severity::Fatal,
            LogLevel::Off => return None,
        };
        let group_arn = logging.destinations.as_ref()?.first()?.clone();
        let is_wanted = |entry: &&Entry| entry.id.is_some() && entry.event.severity() >= least;
        let entries: Vec<Entry> = entries.iter().filter(is_wanted).cloned().collect();
        let execution_arn = Arc::clone(execution_arn);
        let includes_data = logging.include_execution_data;
        (!entries.is_empty()).then_some(Self {
            execution_arn,
            redrives,
            group_arn,
            includes_data,
            entries,
        })
    }

    /// The name of the state machine.
    pub(crate) fn state_machine(&self) -> &str {
        self.execution_arn.split(':').nth(6).unwrap_or_default()
    }

    /// The lines of the log.
    pub(crate) fn lines(&self) -> impl Iterator<Item = LogLine> {
        self.entries.iter().filter_map(|entry| self.line(entry))
    }

    fn line(&self, entry: &Entry) -> Option<LogLine> {
        let mut event = entry.to_history_event()?;
        let mut members = event.as_object_mut().into_iter().flatten();
        let details = members.find(|(name, _)| name.ends_with("EventDetails"));
        let mut details = details.and_then(|(_, it)| it.as_object_mut().map(std::mem::take));
        match &mut details {
            Some(details) if self.includes_data => truncate(details),
            Some(details) => leave_out_data(details),
            None => {}
        }
        let record = json!({
            "id": entry.id.unwrap_or_default().to_string(),
            "type": event["type"],
            "details": details.unwrap_or_default(),
            "previous_event_id": entry.previous.to_string(),
            "event_timestamp": entry.at.as_millisecond().to_string(),
            "execution_arn": self.execution_arn,
            "redrive_count": self.redrives.to_string(),
        });
        Some(LogLine { at: entry.at.into(), message: record.to_string() })
    }
}

/// Cuts off what is too long, and says so.
fn truncate(details: &mut Map<String, Value>) {
    for (name, told) in [("input", "inputDetails"), ("output", "outputDetails"), ("parameters", "")]
    {
        let Some(Value::String(text)) = details.get_mut(name) else { continue };
        let Some(end) = cut(text) else { continue };
        text.truncate(end);
        if let Some(told) = details.get_mut(told) {
            *told = json!({ "truncated": true });
        }
    }
}

/// Where a text that is too long is cut.
fn cut(text: &str) -> Option<usize> {
    // No character takes more than six bytes for one of its own.
    if text.len() <= DATA_BYTES_MAX / 6 {
        return None;
    }
    let mut bytes = 0;
    let too_long = text.char_indices().find(|(_, character)| {
        bytes += match character {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            '\0'..='\u{1f}' => 6,
            plain => plain.len_utf8(),
        };
        bytes > DATA_BYTES_MAX
    });
    too_long.map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_and_told() {
        let mut details = Map::new();
        details.insert("input".to_owned(), json!("\"".repeat(DATA_BYTES_MAX / 2 + 1)));
        details.insert("inputDetails".to_owned(), json!({ "truncated": false }));
        details.insert("output".to_owned(), json!("x".repeat(DATA_BYTES_MAX)));
        details.insert("outputDetails".to_owned(), json!({ "truncated": false }));
        truncate(&mut details);
        let length = |name: &str| details[name].as_str().unwrap().len();
        assert_eq!((length("input"), length("output")), (DATA_BYTES_MAX / 2, DATA_BYTES_MAX));
        assert_eq!(details["inputDetails"]["truncated"], true);
        assert_eq!(details["outputDetails"]["truncated"], false);
    }
}
