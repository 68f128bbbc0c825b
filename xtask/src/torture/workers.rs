//! The workers: they do what state machines leave to somebody outside, and tell it with task tokens.
//!
//! They are at-least-once themselves. A message with a token is deleted only once its answer was accepted, or refused
//! because the task has ended. An answer that is refused for any other reason is a finding.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

use serde_json::{Value, json};

use super::project::ACTIVITY_ARN;
use super::queue::CALLBACKS;
use crate::sfn::{Client, Error};

/// Workers of each kind.
const WORKERS: usize = 3;

/// A worker hangs up after so long without a task, and asks again. AWS waits a minute; hanging up often is the harder case.
const POLL: Duration = Duration::from_secs(2);

/// Messages that a worker takes at a time. With the server it loses all of them for a while.
const TAKEN: u64 = 2;

/// Between two tries to reach the server.
const PAUSE: Duration = Duration::from_millis(20);

/// All workers of one server.
struct Workers {
    server: SocketAddr,
    is_over: AtomicBool,
    findings: Mutex<Vec<String>>,
}

/// Does something while workers work. Gives what it gave, and what workers found wrong.
pub(super) fn while_at_work<T>(
    server: SocketAddr,
    something: impl FnOnce() -> T,
) -> (T, Vec<String>) {
    let workers =
        Workers { server, is_over: AtomicBool::new(false), findings: Mutex::new(Vec::new()) };
    let outcome = thread::scope(|scope| {
        for number in 0..WORKERS {
            let workers = &workers;
            scope.spawn(|| workers.answer_messages());
            scope.spawn(move || workers.work_at_activity(number));
        }
        let outcome = something();
        workers.is_over.store(true, Ordering::Relaxed);
        outcome
    });
    (outcome, workers.findings.into_inner().expect("no worker panics"))
}

impl Workers {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn find(&self, what: String) {
        self.findings.lock().expect("no worker panics").push(what);
    }

    fn answer_messages(&self) {
        let mut client = Client::new(self.server);
        while !self.is_over() {
            let messages = match CALLBACKS.receive(&mut client, TAKEN) {
                Ok(messages) => messages,
                Err(error) => {
                    self.excuse("receive a message", error);
                    continue;
                }
            };
            for message in messages {
                let task: Value = serde_json::from_str(&message.body).unwrap_or_default();
                let is_settled =
                    self.settle(&mut client, &task["TaskToken"], &task["work"], &task["attempt"]);
                if is_settled && let Err(error) = CALLBACKS.delete(&mut client, &message) {
                    self.excuse("delete a message", error);
                }
            }
        }
    }

    fn work_at_activity(&self, number: usize) {
        let mut waiting = Client::new(self.server).with_patience(POLL);
        let mut client = Client::new(self.server);
        let request =
            json!({"activityArn": ACTIVITY_ARN, "workerName": format!("worker-{number}")});
        while !self.is_over() {
            match waiting.call("GetActivityTask", &request) {
                Ok(task) if task["taskToken"].is_null() => {}
                Ok(task) => {
                    let input = task["input"].as_str().unwrap_or_default();
                    let input: Value = serde_json::from_str(input).unwrap_or_default();
                    self.settle(&mut client, &task["taskToken"], &input["work"], &json!(0));
                }
                Err(error) => self.excuse("get a task", error),
            }
        }
    }

    /// A server that is not there comes back. Whatever it refuses is wrong.
    fn excuse(&self, what: &str, error: Error) {
        match error {
            Error::NoAnswer(_) => sleep(PAUSE),
            refused @ Error::Refused { .. } => self.find(format!("could not {what}: {refused}")),
        }
    }

    /// Works, and tells the end until that is accepted or the task has ended otherwise. False if nobody was told.
    fn settle(&self, client: &mut Client, token: &Value, work: &Value, attempt: &Value) -> bool {
        let told = self.tell(client, "SendTaskHeartbeat", &json!({"taskToken": token}));
        if !told {
            return false;
        }
        sleep(Duration::from_millis(work["millis"].as_u64().unwrap_or_default()));
        let failure =
            |error: &str| json!({"taskToken": token, "error": error, "cause": "as the input says"});
        let (operation, request) = if attempt.as_u64() < work["failures"].as_u64() {
            ("SendTaskFailure", failure("Unlucky"))
        } else if work["refuse"] == true {
            ("SendTaskFailure", failure("Refused"))
        } else {
            let output = json!({"value": work["value"]}).to_string();
            ("SendTaskSuccess", json!({"taskToken": token, "output": output}))
        };
        self.tell(client, operation, &request)
    }

    fn tell(&self, client: &mut Client, operation: &str, request: &Value) -> bool {
        while !self.is_over() {
            match client.call(operation, request) {
                Ok(_) => return true,
                // Told before, by an answer that was lost with the server or for an earlier delivery; or over.
                Err(error) if error.is("TaskTimedOut") => return true,
                Err(Error::NoAnswer(_)) => sleep(PAUSE),
                Err(refused) => {
                    self.find(format!("{operation} was refused: {refused}"));
                    return false;
                }
            }
        }
        false
    }
}
