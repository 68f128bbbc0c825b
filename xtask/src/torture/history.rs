//! How an execution ended, and what it means that two ended alike.
//!
//! Two runs of one case need not record their events in the same order: branches and iterations run side by side.
//! What must be equal is the multiset of **transitions**: pairs of an event and the event it follows, each without
//! ids and times. An event that joins branches follows whichever branch ended last, and an iteration may follow the
//! one whose end made room for it, so those count without their predecessor.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::sfn::Client;

/// Differences shown of one execution.
const SHOWN_MAX: usize = 6;

/// An ended execution with its history.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) arn: String,
    /// Status, output, error and cause.
    outcome: Value,
    events: Vec<Value>,
}

/// An event and the event it follows, as texts that two runs share.
type Transition = (String, String);

impl Ending {
    pub(super) fn fetch(client: &mut Client, arn: &str) -> Result<Self> {
        let mut execution = client.call("DescribeExecution", &json!({"executionArn": arn}))?;
        let fields = ["status", "output", "error", "cause"];
        let outcome = fields.map(|field| (field.to_owned(), parsed(execution[field].take())));
        let request = json!({"executionArn": arn, "maxResults": 1000});
        let events = client.call_paged("GetExecutionHistory", request, "events")?;
        Ok(Self { arn: arn.to_owned(), outcome: outcome.into_iter().collect(), events })
    }

    /// How many events it has.
    pub(super) fn events(&self) -> usize {
        self.events.len()
    }

    /// The ids of the events that scheduled a task.
    pub(super) fn scheduled_tasks(&self) -> impl Iterator<Item = u64> {
        self.events
            .iter()
            .filter(|event| event["type"] == "TaskScheduled")
            .filter_map(|event| event["id"].as_u64())
    }

    /// What is wrong with the history by itself.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (index, event) in self.events.iter().enumerate() {
            let expected = index as u64 + 1;
            if event["id"] != expected {
                problems.push(format!("event {expected} has the id {}", event["id"]));
            }
            if event["previousEventId"].as_u64().is_none_or(|previous| previous >= expected) {
                problems.push(format!("event {expected} follows {}", event["previousEventId"]));
            }
        }
        let last = self.events.last().and_then(|event| event["type"].as_str()).unwrap_or("nothing");
        if !(last.starts_with("Execution") && last != "ExecutionStarted") {
            problems.push(format!("the history ends with {last}"));
        }
        problems.truncate(SHOWN_MAX);
        problems
    }

    /// What is not as it is in the twin.
    pub(super) fn differences(&self, twin: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        if self.outcome != twin.outcome {
            differences.push(format!("ended {}, the twin {}", self.outcome, twin.outcome));
        }
        let (here, there) = (self.transitions(), twin.transitions());
        for transition in here.keys().chain(there.keys().filter(|key| !here.contains_key(*key))) {
            let count =
                |of: &BTreeMap<Transition, u64>| of.get(transition).copied().unwrap_or_default();
            if count(&here) != count(&there) {
                let (previous, event) = transition;
                let times = format!("{} times, in the twin {}", count(&here), count(&there));
                differences.push(format!("{event} after {previous}: {times}"));
            }
        }
        differences.truncate(SHOWN_MAX);
        differences
    }

    fn transitions(&self) -> BTreeMap<Transition, u64> {
        let texts: Vec<String> = self.events.iter().map(text).collect();
        let mut transitions = BTreeMap::new();
        for (event, text) in self.events.iter().zip(&texts) {
            let previous = event["previousEventId"].as_u64().filter(|id| *id > 0 && !joins(event));
            let previous = previous.and_then(|id| texts.get(id as usize - 1)).cloned();
            *transitions.entry((previous.unwrap_or_default(), text.clone())).or_default() += 1;
        }
        transitions
    }
}

fn joins(event: &Value) -> bool {
    let joining = [
        "MapIterationStarted",
        "MapStateExited",
        "MapStateFailed",
        "MapStateSucceeded",
        "ParallelStateExited",
        "ParallelStateFailed",
        "ParallelStateSucceeded",
    ];
    event["type"].as_str().is_some_and(|kind| joining.contains(&kind))
}

/// The event without what differs between two runs: ids, times, and texts in JSON read as what they say.
fn text(event: &Value) -> String {
    let fields = event.as_object().into_iter().flatten();
    let kept =
        fields.filter(|(name, _)| !matches!(name.as_str(), "id" | "previousEventId" | "timestamp"));
    let kept: Map<_, _> =
        kept.map(|(name, value)| (name.clone(), comparable(value.clone()))).collect();
    Value::Object(kept).to_string()
}

/// Reads JSON inside of texts, and drops what AWS puts in the results of calls about the call itself.
fn comparable(value: Value) -> Value {
    match parsed(value) {
        Value::Object(fields) => {
            let about_the_call = ["SdkHttpMetadata", "SdkResponseMetadata"];
            let kept =
                fields.into_iter().filter(|(name, _)| !about_the_call.contains(&name.as_str()));
            kept.map(|(name, value)| (name, comparable(value))).collect()
        }
        value => value,
    }
}

fn parsed(value: Value) -> Value {
    let inner = value.as_str().and_then(|text| serde_json::from_str(text).ok());
    inner.unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(events: &[(u64, &str, &str)]) -> Ending {
        let events = events.iter().zip(1_u64..).map(|((previous, kind, name), id)| {
            json!({"id": id, "previousEventId": previous, "type": kind, "timestamp": id, "details": {"name": name}})
        });
        Ending {
            arn: "a".into(),
            outcome: json!({"status": "SUCCEEDED"}),
            events: events.collect(),
        }
    }

    #[test]
    fn branches_may_be_recorded_in_another_order() {
        let one = ending(&[
            (0, "ParallelStateStarted", "P"),
            (1, "PassStateEntered", "A"),
            (1, "PassStateEntered", "B"),
            (3, "ParallelStateSucceeded", "P"),
        ]);
        let other = ending(&[
            (0, "ParallelStateStarted", "P"),
            (1, "PassStateEntered", "B"),
            (1, "PassStateEntered", "A"),
            (3, "ParallelStateSucceeded", "P"),
        ]);
        assert_eq!(one.differences(&other), [""; 0]);
    }

    #[test]
    fn a_doubled_and_a_lost_transition_are_differences() {
        let twin = ending(&[
            (0, "ExecutionStarted", ""),
            (1, "PassStateEntered", "A"),
            (2, "ExecutionSucceeded", ""),
        ]);
        let doubled = ending(&[
            (0, "ExecutionStarted", ""),
            (1, "PassStateEntered", "A"),
            (1, "PassStateEntered", "A"),
            (2, "ExecutionSucceeded", ""),
        ]);
        assert_eq!(doubled.differences(&twin).len(), 1);
        let lost = ending(&[(0, "ExecutionStarted", ""), (1, "ExecutionSucceeded", "")]);
        assert_eq!(lost.differences(&twin).len(), 3);
    }

    #[test]
    fn a_gap_in_the_ids_and_an_open_end_are_problems() {
        let mut gap = ending(&[(0, "ExecutionStarted", ""), (1, "ExecutionSucceeded", "")]);
        gap.events[1]["id"] = json!(3);
        assert_eq!(gap.problems(), ["event 2 has the id 3"]);
        let open = ending(&[(0, "ExecutionStarted", "")]);
        assert_eq!(open.problems(), ["the history ends with ExecutionStarted"]);
    }
}
