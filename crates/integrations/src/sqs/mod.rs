//! Queues with the semantics of SQS FIFO.
//!
//! - Order holds within a group. While a message of a group is in flight, no other of that group is delivered by a later call.
//! - At least once: a message that is not deleted within its visibility time-out is delivered again.
//! - An entry whose deduplication id was sent in the last five minutes is taken for sent and adds nothing.
//! - A message that was received `max_receive_count` times without being deleted goes to the dead letters, and so does one that a
//!   consumer gives up with a reason. Dead letters stay until they are redriven.
//!
//! Who consumes must be ready to see a message again; who sends may send again after any error.

mod aws;
mod digest;
mod embedded;
mod messages;
mod queues;
mod service;
mod settings;
mod store;
mod targets;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::StoreError;
use crate::aws::CallError;

pub use aws::AwsQueue;
pub use embedded::{EmbeddedOptions, EmbeddedQueue};
pub use service::{EmbeddedQueues, FACTS};
pub use targets::Targets;

/// How long an entry with the same deduplication id adds nothing.
///
/// Source: Amazon SQS Developer Guide, "Using the message deduplication ID".
pub const DEDUPLICATION_WINDOW: Duration = Duration::from_mins(5);

/// Characters of a group or deduplication id.
const ID_CHARACTERS_MAX: usize = 128;

/// Every FIFO queue is named so. Source: SQS API reference, `CreateQueue`.
const FIFO_SUFFIX: &str = ".fifo";

/// Besides letters and digits of ASCII. Source: SQS API reference, `SendMessage`.
const ID_PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// A FIFO queue with its dead letters.
#[async_trait]
pub trait Queue: fmt::Debug + Send + Sync {
    /// Queues all entries, in their order within each group; any number of them.
    ///
    /// When this returns, each of them is durably queued, or was within the last five minutes. Safe to repeat within that time.
    ///
    /// # Errors
    /// [`Error::InvalidEntry`]: nothing was queued. [`Error::NotSent`]: all that it does not name are durably queued.
    async fn send_batch(&self, entries: &[Entry]) -> Result<(), Error>;

    /// Takes up to `max` messages, the oldest first, none if nothing came within `wait`.
    ///
    /// They are in flight until they are deleted, given up, or `visibility` has passed.
    ///
    /// # Errors
    /// [`Error::Call`], [`Error::Store`]. If an answer is lost, its messages come again after `visibility`.
    async fn receive(&self, wanted: &Receive) -> Result<Vec<Message>, Error>;

    /// Deletes messages; returns those that were not. Safe to repeat: what is deleted already counts as deleted.
    ///
    /// # Errors
    /// [`Error::Call`], [`Error::Store`]; some may be deleted.
    async fn delete_batch(&self, receipts: &[Receipt]) -> Result<Vec<NotDeleted>, Error>;

    /// Moves the end of a message's visibility time-out; zero gives it back at once. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::ReceiptExpired`], if it is not in flight under this receipt.
    async fn change_visibility(&self, receipt: &Receipt, from_now: Duration) -> Result<(), Error>;

    /// Gives a received message up: it goes to the dead letters with its reason, and its group goes on.
    ///
    /// Safe to repeat. A message that was deleted is not brought back by the embedded queue; SQS cannot know.
    ///
    /// # Errors
    /// [`Error::NoDeadLetterQueue`]; [`Error::ReceiptExpired`], if it was received again meanwhile.
    async fn dead_letter(&self, message: &Message, reason: &str) -> Result<(), Error>;

    /// The dead letters, the oldest first.
    ///
    /// # Errors
    /// [`Error::NoDeadLetterQueue`], [`Error::Call`], [`Error::Store`]
    async fn dead_letters(&self) -> Result<Vec<DeadLetter>, Error>;

    /// Puts dead letters back at the end of the queue, those with these ids or all; returns how many.
    ///
    /// Their count of receives starts anew. Ids that name none are passed over. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::NoDeadLetterQueue`], [`Error::Call`], [`Error::Store`]
    async fn redrive(&self, ids: Option<&[String]>) -> Result<usize, Error>;

    /// How many messages there are. Approximate on AWS.
    ///
    /// # Errors
    /// [`Error::Call`], [`Error::Store`]
    async fn depth(&self) -> Result<Depth, Error>;
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Order holds within it; 1 to 128 letters, digits and punctuation of ASCII, see [`fifo_id`].
    pub group: String,
    /// The same grammar.
    pub deduplication_id: String,
    /// Not empty. SQS takes up to 1 MiB in all entries of a call.
    pub body: String,
}

/// What to receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receive {
    /// Messages at most. SQS gives ten a call, so more are several calls.
    pub max: usize,
    /// How long they are in flight. SQS counts whole seconds, rounded up.
    pub visibility: Duration,
    /// How long to wait for a first message. SQS waits up to 20 s.
    pub wait: Duration,
}

impl Default for Receive {
    /// Ten messages for a minute each, without waiting.
    fn default() -> Self {
        Self { max: 10, visibility: Duration::from_mins(1), wait: Duration::ZERO }
    }
}

/// A message that was received.
///
/// Kept as `{"id": "17", "group": "acc-17", "deduplication_id": "7b0d...", "body": "...", "receive_count": 1,
/// "sent_at": "2026-03-01T09:00:00Z", "receipt": "1.17"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Of the queue's making.
    pub id: String,
    /// As it was sent.
    pub group: String,
    /// As it was sent.
    pub deduplication_id: String,
    /// As it was sent.
    pub body: String,
    /// How often it was received, this time included.
    pub receive_count: u32,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// For deleting it.
    pub receipt: Receipt,
}

/// Stands for one delivery of a message; text that only its queue understands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Receipt(String);

impl Receipt {
    /// The text, for keeping it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Receipt {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// A message that was not deleted: it will be delivered again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotDeleted {
    /// Which.
    pub receipt: Receipt,
    /// Why.
    pub reason: String,
}

/// An entry that was not queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotSent {
    /// Its place among the entries.
    pub index: usize,
    /// Why.
    pub reason: String,
}

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// For [`Queue::redrive`].
    pub id: String,
    /// As it was sent.
    pub group: String,
    /// As it was sent.
    pub deduplication_id: String,
    /// As it was sent.
    pub body: String,
    /// Why it was given up.
    pub reason: String,
    /// Since when it has been dead.
    pub dead_since: Timestamp,
}

/// How many messages there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Neither in flight nor dead.
    pub waiting: u64,
    /// Received and not yet deleted.
    pub in_flight: u64,
    /// Dead letters; 0 without a dead-letter queue.
    pub dead: u64,
}

/// What a queue can fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An entry that SQS would not take.
    #[error("entry {index} cannot be queued: {problem}")]
    InvalidEntry {
        /// Its place among the entries.
        index: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Some entries were not queued.
    #[error("{} of the entries are not queued, first entry {}: {}; send all again", failed.len(), failed[0].index, failed[0].reason)]
    NotSent {
        /// Those; never empty, in the order of the entries.
        failed: Vec<NotSent>,
    },
    /// The message is not in flight under this receipt: it was received again, or will be.
    #[error(
        "the receipt has expired; the message is delivered again, work on that delivery instead"
    )]
    ReceiptExpired,
    /// There is no such queue, or no FIFO one.
    #[error("`{queue}` is no FIFO queue of this account and region; create it or correct its name")]
    NoSuchQueue {
        /// As it was named.
        queue: String,
    },
    /// The queue has no dead-letter queue.
    #[error(
        "queue `{queue}` has no dead-letter queue; give it a redrive policy or name the dead-letter queue"
    )]
    NoDeadLetterQueue {
        /// Its URL.
        queue: String,
    },
    /// AWS could not be used.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The embedded file could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// Whether the same may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NotSent { .. } => true,
            Self::Call(error) => error.is_retryable(),
            Self::Store(error) => error.is_retryable(),
            Self::InvalidEntry { .. }
            | Self::ReceiptExpired
            | Self::NoSuchQueue { .. }
            | Self::NoDeadLetterQueue { .. } => false,
        }
    }
}

/// Any text as a group or deduplication id: itself where SQS takes it, otherwise its SHA-256 in hex.
pub fn fifo_id(text: &str) -> String {
    if is_fifo_id(text) { text.to_owned() } else { hex::encode(Sha256::digest(text)) }
}

fn is_fifo_id(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || ID_PUNCTUATION.contains(c);
    (1..=ID_CHARACTERS_MAX).contains(&text.len()) && text.chars().all(is_allowed)
}

/// All entries are checked before any is sent.
fn check(entries: &[Entry]) -> Result<(), Error> {
    let problem = |entry: &Entry| {
        if !is_fifo_id(&entry.group) {
            Some("its group is not 1 to 128 letters, digits and punctuation of ASCII")
        } else if !is_fifo_id(&entry.deduplication_id) {
            Some("its deduplication id is not 1 to 128 letters, digits and punctuation of ASCII")
        } else if entry.body.is_empty() {
            Some("its body is empty")
        } else {
            None
        }
    };
    let invalid =
        entries.iter().enumerate().find_map(|(index, entry)| Some((index, problem(entry)?)));
    invalid.map_or(Ok(()), |(index, problem)| Err(Error::InvalidEntry { index, problem }))
}

/// Of a dead letter that nobody gave a reason for.
fn reason_of_receives(receive_count: u32) -> String {
    format!("received {receive_count} times without being deleted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_becomes_an_id_and_a_good_one_stays() {
        assert_eq!(fifo_id("acc-17"), "acc-17");
        for text in ["", "zugriff ä", "a b", &"x".repeat(129)] {
            assert!(is_fifo_id(&fifo_id(text)), "{text}");
        }
        assert_ne!(fifo_id("a b"), fifo_id("a c"));
    }
}
