//! Express executions, which live in memory: a kill ends them, and nobody runs them again.
//!
//! What must hold:
//!
//! - `StartSyncExecution` that was answered did what it says, once; one without an answer did it once or not at all;
//! - `StartExecution` that was answered did it once or not at all, because the server may have been killed meanwhile. Those
//!   that are started when it is killed no more do it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::effects::{self, Effects};
use super::workload::EXPRESS_ARN;
use crate::sfn::{Client, Error};

/// The server is busy enough with other executions.
const PACE: Duration = Duration::from_millis(100);

/// Started when the server is killed no more.
const UNDISTURBED: u64 = 5;

/// How long their effects are waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// What became of the starts.
#[derive(Debug, Default)]
pub(super) struct Started {
    /// The names of all, answered or not.
    names: BTreeSet<String>,
    /// The ARNs of those that were answered with their end.
    ended: BTreeSet<String>,
    /// The ARNs of those that nobody disturbed.
    undisturbed: BTreeSet<String>,
    findings: Vec<String>,
}

impl Started {
    /// How many were started, and how many of them were answered with their end.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.names.len(), self.ended.len())
    }

    /// What is wrong with them, and with what they did.
    pub(super) fn findings(&self, effects: &Effects) -> Vec<String> {
        let mut findings = self.findings.clone();
        for arn in self.ended.union(&self.undisturbed) {
            if !effects.express().contains_key(arn) {
                findings.push(format!("`{arn}` did not do what it was to do"));
            }
        }
        for (arn, times) in effects.express() {
            if *times != 1 {
                findings.push(format!("`{arn}` did {times} times what it was to do once"));
            }
            let name = arn.rsplit(':').nth(1).unwrap_or_default();
            if !self.names.contains(name) {
                findings.push(format!("effects of `{arn}`, which nobody started"));
            }
        }
        findings
    }

    fn add(&mut self, other: Self) {
        self.names.extend(other.names);
        self.ended.extend(other.ended);
        self.undisturbed.extend(other.undisturbed);
        self.findings.extend(other.findings);
    }
}

/// Starts executions until it is enough, and then some more.
pub(super) fn run(server: SocketAddr, folder: &Path, enough: &AtomicBool) -> Started {
    let mut started = thread::scope(|scope| {
        let starters = ["StartSyncExecution", "StartExecution"]
            .map(|operation| scope.spawn(move || start(server, operation, enough)));
        let mut all = Started::default();
        for starter in starters {
            all.add(starter.join().expect("no starter panics"));
        }
        all
    });
    let since = Instant::now();
    while !are_done(folder, &started.undisturbed) && since.elapsed() < PATIENCE {
        sleep(PACE);
    }
    if !are_done(folder, &started.undisturbed) {
        started.findings.push("Express executions that nobody disturbed did nothing".to_owned());
    }
    started
}

fn start(server: SocketAddr, operation: &str, enough: &AtomicBool) -> Started {
    let mut client = Client::new(server);
    let mut started = Started::default();
    let mut left = UNDISTURBED;
    for value in 0.. {
        let is_undisturbed = enough.load(Ordering::Relaxed);
        if is_undisturbed {
            if left == 0 {
                break;
            }
            left -= 1;
        }
        let name = format!("{operation}-{value}");
        let input = json!({"value": value, "millis": value % 30});
        let request = json!({
            "stateMachineArn": EXPRESS_ARN, "name": name, "input": input.to_string(),
        });
        started.names.insert(name);
        match client.call(operation, &request) {
            Ok(answer) => started.answered(operation, &input, &answer, is_undisturbed),
            Err(Error::NoAnswer(_)) if !is_undisturbed => {}
            Err(error) => started.findings.push(format!("{operation} failed: {error}")),
        }
        sleep(PACE);
    }
    started
}

impl Started {
    fn answered(&mut self, operation: &str, input: &Value, answer: &Value, is_undisturbed: bool) {
        let arn = answer["executionArn"].as_str().unwrap_or_default().to_owned();
        if is_undisturbed {
            self.undisturbed.insert(arn.clone());
        }
        if operation != "StartSyncExecution" {
            return;
        }
        let mut expected = input.clone();
        expected["result"] = json!({"value": input["value"]});
        let output = answer["output"].as_str().unwrap_or_default();
        let output: Value = serde_json::from_str(output).unwrap_or_default();
        if answer["status"] != "SUCCEEDED" || output != expected {
            self.findings.push(format!("`{arn}` ended with {answer}"));
        }
        self.ended.insert(arn);
    }
}

fn are_done(folder: &Path, arns: &BTreeSet<String>) -> bool {
    let table = effects::table(folder).unwrap_or_default();
    let done: BTreeSet<_> =
        table.iter().filter_map(|(key, _)| Some(key.split_once('#')?.0)).collect();
    arns.iter().all(|arn| done.contains(arn.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(names: &[&str]) -> Started {
        Started {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            ..Started::default()
        }
    }

    fn arn(name: &str) -> String {
        format!("arn:aws:states:us-east-1:000000000000:express:express:{name}:u")
    }

    #[test]
    fn what_is_done_twice_by_nobody_or_not_although_it_was_told_is_found() {
        let mut effects = Effects::default();
        for (name, times) in [("once", 1), ("twice", 2), ("unknown", 1)] {
            effects.add(&format!("{}#3", arn(name)), times).unwrap();
        }
        let mut all = started(&["once", "twice", "told"]);
        all.ended.extend([arn("once"), arn("told")]);
        assert_eq!(all.findings(&effects).len(), 3);
        let mut effects = Effects::default();
        effects.add(&format!("{}#3", arn("once")), 1).unwrap();
        assert_eq!(started(&["once", "never"]).findings(&effects), [""; 0]);
    }

    #[test]
    fn another_end_than_the_input_says_is_found() {
        let input = json!({"value": 1, "millis": 0});
        let answer = |value: u64| {
            let output = json!({"value": 1, "millis": 0, "result": {"value": value}});
            json!({"executionArn": "a", "status": "SUCCEEDED", "output": output.to_string()})
        };
        let mut all = Started::default();
        all.answered("StartSyncExecution", &input, &answer(1), false);
        assert_eq!(all.findings, [""; 0]);
        all.answered("StartSyncExecution", &input, &answer(2), false);
        assert_eq!(all.findings.len(), 1);
    }
}
