//! Messages of a queue start executions, with the body as the input.
//!
//! At least once: a message is deleted after its execution is recorded. The execution's name is made of the message's
//! id, so that a message that comes again starts nothing new. What can never start one goes to the dead letters with its
//! reason; while the engine or the queue does not answer, messages stay where they are.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use stepwell_engine::{Error, Handle};
use stepwell_integrations::sqs::{Message, Queue, Receive};
use stepwell_pipeline::HandlerError;
use stepwell_services::Opener;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{Start, Target, name_of};
use crate::config;
use crate::failure::{Exit, Failure, Outcome};
use crate::meters::Meters;
use crate::wiring::Machine;

/// Messages taken at once.
const BATCH: usize = 10;
/// Longer than it takes to start that many executions.
const VISIBILITY: Duration = Duration::from_mins(1);
/// The wait for a message. A stop ends it.
const POLL: Duration = Duration::from_secs(20);
/// The wait after the queue could not be used.
const AGAIN: Duration = Duration::from_secs(5);

/// One queue and what its messages start.
pub(crate) struct Consumer {
    name: String,
    settings: config::QueueTrigger,
    target: Target,
    opener: Arc<Opener>,
    engine: Handle,
    meters: Arc<Meters>,
    queue: Option<Arc<dyn Queue>>,
}

impl Consumer {
    /// The consumer of a trigger. Its queue is opened now, so that a wrong name is told at once; one that only does not
    /// answer is opened later.
    pub(crate) async fn open(
        name: &str,
        settings: &config::QueueTrigger,
        engine: &Handle,
        published: &[(Machine, String)],
        meters: Arc<Meters>,
        opener: Arc<Opener>,
    ) -> Outcome<Self> {
        let mut consumer = Self {
            name: name.to_owned(),
            settings: settings.clone(),
            target: Target::new(&settings.state_machine, &settings.fields, published),
            opener,
            engine: engine.clone(),
            meters,
            queue: None,
        };
        match consumer.connect().await {
            Ok(_) => {}
            Err(HandlerError::Retryable(reason)) => {
                warn!(trigger = name, reason, "the queue does not answer yet");
            }
            Err(error) => {
                let error = error.within(&format!("triggers.queue.{name}"));
                return Err(Failure::new(Exit::Usage, error));
            }
        }
        Ok(consumer)
    }

    async fn connect(&mut self) -> Result<Arc<dyn Queue>, HandlerError> {
        if let Some(queue) = &self.queue {
            return Ok(Arc::clone(queue));
        }
        let config::QueueTrigger { queue, dead_letter_queue, max_attempts, .. } = &self.settings;
        let opened = self.opener.queue(queue, dead_letter_queue.as_deref(), *max_attempts).await?;
        Ok(Arc::clone(self.queue.insert(opened)))
    }

    /// Consumes until it is told to stop.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let received = tokio::select! {
                received = self.receive() => received,
                () = stop.cancelled() => return,
            };
            // What was received is worked off also when the stop comes: it would wait for its visibility otherwise.
            if let Err(reason) = self.work_off(received).await {
                error!(trigger = self.name, reason, "the queue cannot be worked off now");
                tokio::select! {
                    () = tokio::time::sleep(AGAIN) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
    }

    async fn receive(&mut self) -> Result<Vec<Message>, String> {
        let queue = self.connect().await.map_err(|error| error.to_string())?;
        let wanted = Receive { max: BATCH, visibility: VISIBILITY, wait: POLL };
        let received = queue.receive(&wanted).await.map_err(|error| error.to_string())?;
        let sent_at = received.iter().map(|message| message.sent_at).min();
        let age = sent_at.and_then(|it| Timestamp::now().duration_since(it).try_into().ok());
        self.meters.received(&self.name, age.unwrap_or_default());
        Ok(received)
    }

    async fn work_off(&mut self, received: Result<Vec<Message>, String>) -> Result<(), String> {
        let messages = received?;
        let queue = self.connect().await.map_err(|error| error.to_string())?;
        let mut done = Vec::new();
        let mut failure = None;
        for message in messages {
            match self.start(&message).await {
                Ok(()) => done.push(message.receipt),
                Err(Refusal::Never(reason)) => {
                    warn!(trigger = self.name, message = message.id, reason, "given up");
                    let given_up = queue.dead_letter(&message, &reason).await;
                    failure = failure.or(given_up.err().map(|error| error.to_string()));
                }
                Err(Refusal::NotNow(reason)) => failure = failure.or(Some(reason)),
            }
        }
        let deleted = queue.delete_batch(&done).await;
        for kept in deleted.map_err(|error| error.to_string())? {
            warn!(
                trigger = self.name,
                reason = kept.reason,
                "a message will come again, and start nothing"
            );
        }
        failure.map_or(Ok(()), Err)
    }

    /// Starts the execution of a message, unless it was started before.
    async fn start(&self, message: &Message) -> Result<(), Refusal> {
        let never = |reason: String| Refusal::Never(reason);
        let input: Value = serde_json::from_str(&message.body)
            .map_err(|error| never(format!("the body is not JSON: {error}")))?;
        self.target.check(&input).map_err(|error| never(error.to_string()))?;
        let sent_at = message.sent_at.to_string();
        let name = name_of("queue", &[&self.settings.queue, &message.id, &sent_at]);
        match self.target.start(&self.engine, &input, Some(name)).await {
            Ok(Start::Started { arn }) => {
                info!(trigger = self.name, message = message.id, execution = arn, "started");
                Ok(())
            }
            Ok(Start::Conflict { arn }) => {
                Err(never(format!("`{arn}` was started for this message with another input")))
            }
            Err(error @ (Error::ShuttingDown | Error::Stopped { .. } | Error::Store { .. })) => {
                Err(Refusal::NotNow(error.to_string()))
            }
            Err(error) => Err(never(error.to_string())),
        }
    }
}

/// Why a message started nothing.
enum Refusal {
    /// It may later.
    NotNow(String),
    /// It cannot.
    Never(String),
}
