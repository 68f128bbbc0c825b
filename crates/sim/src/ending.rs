//! How an execution ended and how it got there, and what two runs must agree on.

use serde_json::Value;
use stepwell_engine::{ExecutionRecord, Page, Reader, Status};

use crate::load::{Order, StartRequest};

/// What is on disk of an execution.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) status: Option<Status>,
    pub(crate) output: Option<String>,
    pub(crate) error: Option<String>,
    /// The history events, as JSON.
    pub(crate) events: Vec<Value>,
}

impl Ending {
    /// Reads an execution; nothing if there is none.
    pub(crate) fn read(reader: &Reader, arn: &str) -> Option<Self> {
        let record: ExecutionRecord = reader.describe_execution(arn).ok()?;
        let mut events = Vec::new();
        let mut page = Page { limit: 1_000, token: None };
        loop {
            let read = reader.history(arn, false, &page).expect("a history can be read");
            events.extend(read.items);
            page.token = read.next;
            if page.token.is_none() {
                break;
            }
        }
        let ExecutionRecord { summary, output, error, .. } = record;
        Some(Self { status: Some(summary.status), output, error, events })
    }

    /// What two runs of the same start disagree on.
    pub(crate) fn difference(
        start: &StartRequest,
        expected: &Self,
        found: &Self,
    ) -> Option<String> {
        let end = |it: &Self| format!("{:?} {:?} {:?}", it.status, it.output, it.error);
        let name = &start.name;
        if end(expected) != end(found) {
            return Some(format!("{name} ended as {} and not as {}", end(found), end(expected)));
        }
        let (expected, found) = (expected.transitions(start.order), found.transitions(start.order));
        let place = expected.iter().zip(&found).position(|(expected, found)| expected != found);
        let place = place.unwrap_or(expected.len().min(found.len()));
        (expected != found).then(|| {
            let (expected, found) = (expected.get(place), found.get(place));
            format!("{name}: transition {place} is {found:?} and not {expected:?}")
        })
    }

    /// The transitions without what depends on the clock and on who was faster.
    fn transitions(&self, order: Order) -> Vec<String> {
        let mut all: Vec<String> =
            self.events.iter().filter_map(|event| step(event, order)).collect();
        if order != Order::Sequential {
            all.sort_unstable();
        }
        all
    }
}

/// One transition: the type of the event and its details.
fn step(event: &Value, order: Order) -> Option<String> {
    // Whether a start is recorded before a time-out depends on how long the task had been running.
    if event["type"] == "LambdaFunctionStarted" {
        return None;
    }
    let details = event.as_object()?.iter().find(|(key, _)| key.ends_with("EventDetails"));
    let details = details.map_or(&Value::Null, |(_, details)| details);
    let name = details["name"].as_str();
    match (order, name) {
        // Only states outside of branches have names without a branch in them.
        (Order::Racing, Some(name)) if name.contains('N') || name.ends_with("BF") => None,
        (Order::Racing, None) => None,
        (Order::Sequential | Order::Interleaved | Order::Racing, _) => {
            Some(format!("{} {details}", event["type"].as_str()?))
        }
    }
}
