//! The transitions of a history.
//!
//! Two runs of one case need not record their events in the same order: branches and iterations run side by side.
//! What must be equal is the multiset of **transitions**: pairs of an event and the event it follows, each without
//! ids and times. An event that joins branches follows whichever branch ended last, and an iteration may follow the
//! one whose end made room for it, so those count without their predecessor.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::attempts;
use super::comparable;

/// An event and the event it follows, as texts that two runs share, and how often.
pub(super) type Transitions = BTreeMap<(String, String), u64>;

/// The transitions of these events, without attempts that were lost.
pub(super) fn transitions(events: &[Value]) -> Transitions {
    let lost = attempts::lost(events);
    let gone = |event: &Value| lost.iter().any(|attempt| attempt.has(id(&event["id"])));
    let texts: HashMap<u64, String> =
        events.iter().map(|event| (id(&event["id"]), comparable::text(event))).collect();
    let mut transitions = Transitions::new();
    for event in events.iter().filter(|event| !gone(event)) {
        let previous = attempts::before(&lost, id(&event["previousEventId"]));
        let previous = texts.get(&previous).filter(|_| !joins(event)).cloned();
        let text = texts[&id(&event["id"])].clone();
        *transitions.entry((previous.unwrap_or_default(), text)).or_default() += 1;
    }
    transitions
}

/// What happened another number of times.
pub(super) fn differences(here: &Transitions, there: &Transitions) -> Vec<String> {
    let mut differences = Vec::new();
    for transition in here.keys().chain(there.keys().filter(|key| !here.contains_key(*key))) {
        let count = |of: &Transitions| of.get(transition).copied().unwrap_or_default();
        if count(here) != count(there) {
            let (previous, event) = transition;
            let times = format!("{} times, in the twin {}", count(here), count(there));
            differences.push(format!("{event} after {previous}: {times}"));
        }
    }
    differences
}

fn id(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
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
