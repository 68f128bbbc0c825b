//! Numbered messages through queues, from outside and back, while the server is killed.
//!
//! A producer for each lane sends the next number once the last one was acknowledged; consumers receive and delete. What
//! must hold:
//!
//! - every number that was acknowledged is received at least once;
//! - on a FIFO lane numbers are received for the first time in their order, each as one message only, although sends
//!   are repeated;
//! - a message whose deletion was acknowledged never comes back, and at the end nothing is left.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use serde_json::json;

use super::queue::{Message, NUMBERED, ORDERED, Queue};
use crate::sfn::{Client, Error};

/// The server is busy enough with executions.
const PACE: Duration = Duration::from_millis(50);

/// How long consumers wait at the end for what was acknowledged. What is in flight then comes again after seconds.
const DRAIN_MAX: Duration = Duration::from_mins(1);

/// Findings that are told; the others are of the same kind.
const FINDINGS_MAX: usize = 20;

/// Whose numbers count up by themselves: a standard queue, or a group of a FIFO queue.
const LANES: [(Queue, &str); 3] = [(NUMBERED, "any"), (ORDERED, "a"), (ORDERED, "b")];

/// What producers and consumers saw.
#[derive(Debug, Default)]
struct Log {
    lanes: [Lane; LANES.len()],
    /// Message ids, and when their deletion was known.
    deleted: HashMap<String, Instant>,
    receives: u64,
    findings: Vec<String>,
}

#[derive(Debug, Default)]
struct Lane {
    /// Numbers below this were acknowledged.
    acknowledged: u64,
    received: BTreeSet<u64>,
    ids: HashMap<u64, String>,
}

/// What became of the messages.
#[derive(Debug, Default)]
pub(super) struct Messages {
    pub(super) acknowledged: u64,
    pub(super) received_again: u64,
    pub(super) findings: Vec<String>,
}

/// Producers and consumers of one server.
pub(super) struct Traffic<'a> {
    server: SocketAddr,
    enough: &'a AtomicBool,
    log: Mutex<Log>,
}

impl<'a> Traffic<'a> {
    pub(super) fn new(server: SocketAddr, enough: &'a AtomicBool) -> Self {
        Self { server, enough, log: Mutex::default() }
    }

    /// Sends until it is enough, and receives until all of it has arrived.
    pub(super) fn run(self) -> Messages {
        let producing = AtomicBool::new(true);
        thread::scope(|scope| {
            for queue in [NUMBERED, NUMBERED, ORDERED, ORDERED] {
                let (traffic, producing) = (&self, &producing);
                scope.spawn(move || traffic.consume(queue, producing));
            }
            thread::scope(|scope| {
                for lane in 0..LANES.len() {
                    let traffic = &self;
                    scope.spawn(move || traffic.produce(lane));
                }
            });
            producing.store(false, Ordering::Relaxed);
        });
        self.log.into_inner().expect("no thread panics").close()
    }

    fn produce(&self, lane: usize) {
        let (queue, group) = LANES[lane];
        let mut client = Client::new(self.server);
        let mut number = 0;
        while !self.enough.load(Ordering::Relaxed) {
            let mut request = json!({"MessageBody": format!("{lane} {number}")});
            if queue.is_fifo {
                request["MessageGroupId"] = json!(group);
                request["MessageDeduplicationId"] = json!(format!("{group}-{number}"));
            }
            match queue.call(&mut client, "SendMessage", request) {
                Ok(_) => {
                    number += 1;
                    self.log().lanes[lane].acknowledged = number;
                }
                Err(Error::NoAnswer(_)) => {}
                Err(refused) => self.log().find(format!("a message was refused: {refused}")),
            }
            sleep(PACE);
        }
    }

    fn consume(&self, queue: Queue, producing: &AtomicBool) {
        let mut client = Client::new(self.server);
        let mut stopped: Option<Instant> = None;
        while stopped.is_none_or(|since| since.elapsed() < DRAIN_MAX) {
            let is_last = !producing.load(Ordering::Relaxed);
            stopped = stopped.or_else(|| is_last.then(Instant::now));
            let asked = Instant::now();
            let messages = match queue.receive(&mut client, 10) {
                Ok(messages) => messages,
                Err(error) => {
                    self.excuse(error);
                    continue;
                }
            };
            for message in &messages {
                self.log().receive(message, asked);
            }
            for message in &messages {
                self.delete(&mut client, queue, message, asked);
            }
            if is_last && matches!(queue.len(&mut client), Ok(0)) {
                return;
            }
        }
    }

    fn delete(&self, client: &mut Client, queue: Queue, message: &Message, asked: Instant) {
        match queue.delete(client, message) {
            // A receipt that is too old deletes nothing, and a standard queue does not tell.
            Ok(()) if asked.elapsed() < Duration::from_secs(queue.visibility_seconds) => {
                self.log().deleted.insert(message.id.clone(), Instant::now());
            }
            Ok(()) => {}
            Err(error) if error.is("InvalidParameterValueException") => {}
            Err(error) => self.excuse(error),
        }
    }

    fn excuse(&self, error: Error) {
        match error {
            Error::NoAnswer(_) => sleep(PACE),
            refused @ Error::Refused { .. } => {
                self.log().find(format!("a consumer was refused: {refused}"));
            }
        }
    }

    fn log(&self) -> std::sync::MutexGuard<'_, Log> {
        self.log.lock().expect("no thread panics")
    }
}

impl Log {
    fn find(&mut self, what: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(what);
        }
    }

    /// Notes a message that somebody asked for at this instant.
    fn receive(&mut self, message: &Message, asked: Instant) {
        self.receives += 1;
        if self.deleted.get(&message.id).is_some_and(|deleted| *deleted < asked) {
            self.find(format!("message `{}` came back after it was deleted", message.body));
        }
        let Some((lane, number)) = parse(&message.body) else {
            return self.find(format!("nobody sent the message `{}`", message.body));
        };
        let (queue, group) = LANES[lane];
        let of_lane = &mut self.lanes[lane];
        let expected = of_lane.received.last().map_or(0, |last| last + 1);
        let is_new = of_lane.received.insert(number);
        let id = of_lane.ids.entry(number).or_insert_with(|| message.id.clone());
        let is_another = *id != message.id;
        if queue.is_fifo && is_another {
            self.find(format!("number {number} of group {group} became two messages"));
        }
        if queue.is_fifo && is_new && number != expected {
            self.find(format!("number {number} of group {group} came in the place of {expected}"));
        }
    }

    fn close(mut self) -> Messages {
        for ((queue, group), lane) in LANES.iter().zip(&self.lanes) {
            let is_lost = |number: &u64| !lane.received.contains(number);
            let lost: Vec<_> = (0..lane.acknowledged).filter(is_lost).collect();
            if !lost.is_empty() {
                let what = format!("`{}` {group}: acknowledged and lost: {lost:?}", queue.name);
                self.findings.push(what);
            }
        }
        let distinct: usize = self.lanes.iter().map(|lane| lane.received.len()).sum();
        Messages {
            acknowledged: self.lanes.iter().map(|lane| lane.acknowledged).sum(),
            received_again: self.receives - distinct as u64,
            findings: self.findings,
        }
    }
}

/// What is left in the queues after a last restart.
pub(super) fn left_over(client: &mut Client) -> Result<Vec<String>, Error> {
    let mut findings = Vec::new();
    for queue in [NUMBERED, ORDERED] {
        let left = queue.len(client)?;
        if left > 0 {
            findings
                .push(format!("{left} messages are in `{}` although all were deleted", queue.name));
        }
    }
    Ok(findings)
}

/// `1 17` is number 17 of lane 1.
fn parse(body: &str) -> Option<(usize, u64)> {
    let (lane, number) = body.split_once(' ')?;
    let lane = lane.parse().ok().filter(|lane| *lane < LANES.len())?;
    Some((lane, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str, id: &str) -> Message {
        Message { id: id.to_owned(), body: body.to_owned(), receipt: String::new() }
    }

    fn findings(received: &[(&str, &str)], acknowledged: u64) -> Vec<String> {
        let mut log = Log::default();
        log.lanes[1].acknowledged = acknowledged;
        for (body, id) in received {
            log.receive(&message(body, id), Instant::now());
        }
        log.close().findings
    }

    #[test]
    fn a_number_that_comes_again_is_no_finding() {
        assert_eq!(findings(&[("1 0", "x"), ("1 0", "x"), ("1 1", "y")], 2), [""; 0]);
    }

    #[test]
    fn what_is_lost_doubled_or_out_of_order_is_found() {
        assert_eq!(findings(&[("1 0", "x")], 2).len(), 1);
        assert_eq!(findings(&[("1 0", "x"), ("1 0", "y")], 1).len(), 1);
        assert_eq!(findings(&[("1 1", "y"), ("1 0", "x")], 2).len(), 2);
        assert_eq!(findings(&[("1 1", "y"), ("1 2", "z")], 0).len(), 1);
        assert_eq!(findings(&[("9 0", "x")], 0).len(), 1);
    }

    #[test]
    fn what_comes_back_after_its_deletion_is_found_and_a_late_answer_is_not() {
        let mut log = Log::default();
        let before = Instant::now();
        log.deleted.insert("x".to_owned(), before + Duration::from_secs(1));
        log.receive(&message("0 0", "x"), before);
        assert_eq!(log.findings.len(), 0);
        log.receive(&message("0 0", "x"), before + Duration::from_secs(2));
        assert_eq!(log.findings.len(), 1);
    }
}
