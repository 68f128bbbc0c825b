//! How an execution ended, and what it means that two ended alike.
//!
//! ```text
//! mod          an ended execution with its history, its Map runs and the executions that it started
//! transitions  the multiset of pairs of an event and the event it follows, which two runs of a case have in common
//! comparable   what two runs may not have in common: ids, tokens, times
//! attempts     attempts at an activity that were lost with a connection
//! ```

mod attempts;
mod comparable;
mod transitions;

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::workload;
use crate::sfn::Client;
use comparable::comparable;
use transitions::transitions;

/// Differences shown of one execution.
const SHOWN_MAX: usize = 6;

/// What nobody waited for may still be open when whoever started it has ended.
const OPEN_MAX: Duration = Duration::from_mins(1);

/// An ended execution with its history.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) arn: String,
    /// A child of type EXPRESS has none.
    pub(super) has_history: bool,
    /// Status, input, output, error and cause.
    outcome: Value,
    events: Vec<Value>,
    /// Status and counts of its Map runs.
    map_runs: Vec<Value>,
    /// The executions that it started, in the order of their inputs.
    children: Vec<Self>,
}

impl Ending {
    pub(super) fn fetch(client: &mut Client, arn: &str) -> Result<Self> {
        let mut execution = await_end(client, arn)?;
        let fields = ["status", "input", "output", "error", "cause", "redriveCount"];
        let outcome = fields.map(|field| (field.to_owned(), comparable(execution[field].take())));
        let request = json!({"executionArn": arn, "maxResults": 1000});
        let has_history = workload::has_history(arn);
        let events = if has_history {
            client.call_paged("GetExecutionHistory", request, "events")?
        } else {
            Vec::new()
        };
        let mut ending = Self {
            arn: arn.to_owned(),
            has_history,
            outcome: outcome.into_iter().collect(),
            events,
            map_runs: Vec::new(),
            children: Vec::new(),
        };
        for map_run in ending.named("mapRunArn") {
            ending.fetch_map_run(client, &map_run)?;
        }
        for started in ending.named("ExecutionArn") {
            ending.children.push(Self::fetch(client, &started)?);
        }
        ending.children.sort_by_key(|child| child.outcome["input"].to_string());
        Ok(ending)
    }

    fn fetch_map_run(&mut self, client: &mut Client, arn: &str) -> Result<()> {
        let of_run = json!({"mapRunArn": arn});
        let described = client.call("DescribeMapRun", &of_run)?;
        let fields = ["status", "itemCounts", "executionCounts", "redriveCount"];
        self.map_runs
            .push(fields.map(|it| (it.to_owned(), described[it].clone())).into_iter().collect());
        for child in client.call_paged("ListExecutions", of_run, "executions")? {
            let child = Self::fetch(client, child["executionArn"].as_str().unwrap_or_default())?;
            self.children.push(child);
        }
        Ok(())
    }

    /// The different values of a member anywhere in the history, also inside of texts.
    fn named(&self, member: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for event in &self.events {
            comparable::visit(event, &mut |name, value| {
                if name == member {
                    found.extend(value.as_str().map(str::to_owned));
                }
            });
        }
        found
    }

    /// How many events it has, with those of the executions that it started.
    pub(super) fn events(&self) -> usize {
        self.events.len() + self.children.iter().map(Self::events).sum::<usize>()
    }

    /// The executions that it started, and those that they started.
    pub(super) fn descendants(&self) -> impl Iterator<Item = &Self> {
        let mut found: Vec<&Self> = Vec::new();
        let mut next: Vec<&Self> = self.children.iter().collect();
        while let Some(ending) = next.pop() {
            found.push(ending);
            next.extend(&ending.children);
        }
        found.into_iter()
    }

    /// Attempts at an activity that were lost and came again.
    pub(super) fn lost_attempts(&self) -> usize {
        attempts::lost(&self.events).len()
    }

    /// What its tasks must have done to the world, each named as [`super::effects`] finds it.
    pub(super) fn effects(&self) -> BTreeSet<String> {
        let scheduled = self.events.iter().filter(|event| event["type"] == "TaskScheduled");
        let of = |event: &Value| {
            let parameters = &event["taskScheduledEventDetails"]["parameters"];
            if comparable::parsed(parameters.clone())["FunctionName"] == "stepwell-test-append" {
                return Some(event["id"].to_string());
            }
            let mut named = None;
            comparable::visit(parameters, &mut |_, value| {
                let effect =
                    value.as_str().and_then(|it| it.strip_prefix(&*self.arn)?.strip_prefix('#'));
                named = effect.map(str::to_owned).or(named.take());
            });
            named
        };
        scheduled.filter_map(of).collect()
    }

    /// What is wrong with the history by itself.
    pub(super) fn problems(&self) -> Vec<String> {
        if !self.has_history {
            return Vec::new();
        }
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
        if self.map_runs != twin.map_runs {
            differences
                .push(format!("Map runs {:?}, of the twin {:?}", self.map_runs, twin.map_runs));
        }
        differences.extend(transitions::differences(
            &transitions(&self.events),
            &transitions(&twin.events),
        ));
        let (started, there) = (self.children.len(), twin.children.len());
        if started != there {
            differences.push(format!("started {started} executions, the twin {there}"));
        }
        for (child, of_twin) in self.children.iter().zip(&twin.children) {
            let of_child = child.differences(of_twin);
            differences.extend(of_child.into_iter().map(|it| format!("{}: {it}", child.arn)));
        }
        differences.truncate(SHOWN_MAX);
        differences
    }
}

fn await_end(client: &mut Client, arn: &str) -> Result<Value> {
    let since = Instant::now();
    loop {
        let execution = client.call("DescribeExecution", &json!({"executionArn": arn}))?;
        if execution["status"] != "RUNNING" {
            return Ok(execution);
        }
        ensure!(since.elapsed() < OPEN_MAX, "`{arn}` is still open after {OPEN_MAX:?}");
        sleep(Duration::from_millis(50));
    }
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
            has_history: true,
            outcome: json!({"status": "SUCCEEDED"}),
            events: events.collect(),
            map_runs: Vec::new(),
            children: Vec::new(),
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
