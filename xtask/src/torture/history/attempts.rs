//! Attempts at a task of an activity that nobody heard of.
//!
//! `GetActivityTask` gives a task out at most once. If the connection dies with the answer in it, the task waits for
//! its time-out, and its Retrier brings it again. So it is on AWS, and it is the one thing in which the history of an
//! execution may be longer than that of its twin: an attempt that ended with `ActivityTimedOut` and was followed by
//! another attempt. What comes of the last attempt must be the same, and so must everything else; an attempt that timed
//! out without being tried again, or that failed otherwise, is no lost one.

use serde_json::Value;

/// The events of an attempt, from its `ActivityScheduled` to its `ActivityTimedOut`.
#[derive(Debug, PartialEq)]
pub(super) struct Lost {
    events: Vec<u64>,
    /// What the attempt followed.
    before: u64,
}

impl Lost {
    /// Whether the event of this id belongs to it.
    pub(super) fn has(&self, id: u64) -> bool {
        self.events.contains(&id)
    }
}

/// All attempts of a history that were lost.
pub(super) fn lost(events: &[Value]) -> Vec<Lost> {
    let again = events.iter().filter(|event| event["type"] == "ActivityScheduled");
    again.filter_map(|event| lost_before(events, event)).collect()
}

/// What an event follows if lost attempts never were.
pub(super) fn before(lost: &[Lost], mut id: u64) -> u64 {
    while let Some(attempt) = lost.iter().find(|attempt| attempt.has(id)) {
        id = attempt.before;
    }
    id
}

/// The attempt that timed out before this one was scheduled.
fn lost_before(events: &[Value], again: &Value) -> Option<Lost> {
    let mut attempt = Vec::new();
    let mut event = previous(events, again)?;
    for kind in ["ActivityTimedOut", "ActivityStarted", "ActivityScheduled"] {
        if event["type"] == kind {
            attempt.push(event["id"].as_u64()?);
            event = previous(events, event)?;
        } else if kind != "ActivityStarted" {
            return None;
        }
    }
    Some(Lost { events: attempt, before: event["id"].as_u64()? })
}

fn previous<'e>(events: &'e [Value], event: &Value) -> Option<&'e Value> {
    let id = event["previousEventId"].as_u64()?;
    events.get(usize::try_from(id).ok()?.checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A history in which every event follows the one before it.
    fn history(kinds: &[&str]) -> Vec<Value> {
        let event =
            |(kind, id): (&&str, u64)| json!({"id": id, "previousEventId": id - 1, "type": kind});
        kinds.iter().zip(1..).map(event).collect()
    }

    #[test]
    fn attempts_that_timed_out_and_came_again_are_left_out() {
        let events = history(&[
            "TaskStateEntered",
            "ActivityScheduled",
            "ActivityStarted",
            "ActivityTimedOut",
            "ActivityScheduled",
            "ActivityTimedOut",
            "ActivityScheduled",
            "ActivityStarted",
            "ActivitySucceeded",
        ]);
        let lost = lost(&events);
        assert_eq!(lost.iter().map(|it| it.events.len()).collect::<Vec<_>>(), [3, 2]);
        assert_eq!((before(&lost, 6), before(&lost, 7)), (1, 7));
    }

    #[test]
    fn an_attempt_that_is_the_last_or_failed_otherwise_counts() {
        let timed_out =
            ["TaskStateEntered", "ActivityScheduled", "ActivityTimedOut", "ExecutionFailed"];
        assert_eq!(lost(&history(&timed_out)), []);
        let failed =
            ["TaskStateEntered", "ActivityScheduled", "ActivityFailed", "ActivityScheduled"];
        assert_eq!(lost(&history(&failed)), []);
    }
}
