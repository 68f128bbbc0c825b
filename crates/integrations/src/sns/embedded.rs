//! Topics in a SQLite file: a message is kept with one delivery for each subscription, and each delivery is tried until it has
//! arrived or is given up. Two weeks after it was published, a message that waits for nobody is forgotten.
//!
//! They differ from SNS in this: a topic needs not be made, and one that nobody subscribed to is written to the log; deliveries to
//! webhooks are not signed and need no confirmation; what was delivered and what was given up can be read.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use rusqlite::{Transaction, params};
use secrecy::SecretString;
use tokio::sync::Notify;

use super::delivery::Failure;
use super::store::{
    FORMAT, LEASE, Lane, Published, Taken, accept, forget, is_fifo, lanes, milliseconds,
    set_due_behind,
};
use super::{Error, FilterPolicy, Message, Topics, check};
use crate::Clock;
use crate::service::Place;
use crate::sqlite::Database;
use crate::sqs::{Queue, Targets};

/// Of one delivery, about an hour of them with the pauses in between.
const ATTEMPTS_MAX: u32 = 20;
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_mins(5);

/// How soon deliveries are seen that another process has left.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Subscriptions that are delivered to at the same time.
const AT_ONCE: usize = 16;

/// Deliveries to one subscription, before the others have their turn again.
const TURN: usize = 100;

/// The name of the subscription that a topic without subscriptions has.
const LOG: &str = "log";

/// Who gets the messages of a topic.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Unique within its topic, and the same after a restart: waiting deliveries go by it.
    pub name: String,
    /// Where they go.
    pub endpoint: Endpoint,
    /// Which of them.
    pub filter: FilterPolicy,
}

/// Where messages go.
#[derive(Clone)]
pub enum Endpoint {
    /// A POST to an address, in the shape of SNS's HTTP notifications.
    Webhook {
        /// May be a secret.
        url: SecretString,
        /// The text alone instead.
        is_raw: bool,
    },
    /// A queue of SQS.
    Sqs {
        /// Where it is.
        queues: Targets,
        /// `arn:aws:sqs:us-east-1:111111111111:jobs`
        arn: String,
        /// The text alone, with the attributes as those of the message.
        is_raw: bool,
    },
    /// A FIFO queue; the topic is the group.
    Queue(Arc<dyn Queue>),
    /// The log of this process.
    Log,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Webhook { .. } => "Webhook",
            Self::Sqs { .. } => "Sqs",
            Self::Queue(_) => "Queue",
            Self::Log => "Log",
        })
    }
}

/// A message on its way to one subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Of the message.
    pub message_id: String,
    /// The subscription's name.
    pub subscription: String,
    /// How it stands.
    pub state: State,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub reason: Option<String>,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It will be tried, perhaps again.
    Waiting,
    /// It arrived.
    Delivered,
    /// It will not be tried any more.
    GivenUp,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }
}

/// Topics in a SQLite file. Cheap to clone.
#[derive(Clone)]
pub struct EmbeddedTopics {
    pub(super) database: Database,
    pub(super) subscriptions: Arc<RwLock<BTreeMap<String, Vec<Subscription>>>>,
    place: Place,
    http: reqwest::Client,
    clock: Clock,
    published: Arc<Notify>,
}

impl fmt::Debug for EmbeddedTopics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedTopics")
            .field("subscriptions", &self.subscriptions)
            .finish_non_exhaustive()
    }
}

impl EmbeddedTopics {
    /// Opens or creates the file; `subscriptions` by the names of topics.
    ///
    /// # Errors
    /// [`Error::Store`]
    pub fn open(
        path: &Path,
        subscriptions: BTreeMap<String, Vec<Subscription>>,
        http: reqwest::Client,
        clock: Clock,
    ) -> Result<Self, Error> {
        let place = Place { account: "000000000000".to_owned(), region: "embedded".to_owned() };
        Self::open_at(path, place, subscriptions, http, clock)
    }

    /// As [`EmbeddedTopics::open`], with topics of this account and region.
    pub(super) fn open_at(
        path: &Path,
        place: Place,
        subscriptions: BTreeMap<String, Vec<Subscription>>,
        http: reqwest::Client,
        clock: Clock,
    ) -> Result<Self, Error> {
        Ok(Self {
            database: Database::open(path, FORMAT)?,
            subscriptions: Arc::new(RwLock::new(subscriptions)),
            place,
            http,
            clock,
            published: Arc::default(),
        })
    }

    /// Delivers again and again what is due; never returns.
    pub async fn run(&self) {
        loop {
            let published = self.published.notified();
            let next = self.deliver_due().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "deliveries cannot be looked for");
                None
            });
            let until_next = next.map_or(LOOK_AGAIN, |due| {
                Duration::try_from(due.duration_since((self.clock)())).unwrap_or_default()
            });
            // Whether something was published or time passed, the next look tells.
            let _ = tokio::time::timeout(until_next.min(LOOK_AGAIN), published).await;
        }
    }

    /// Tries what is due, and returns when the next delivery is. Subscriptions do not wait for each other; one that fails
    /// keeps its other deliveries for the next look.
    ///
    /// # Errors
    /// [`Error::Store`]
    pub async fn deliver_due(&self) -> Result<Option<Timestamp>, Error> {
        let lanes = self.change(|transaction, now| {
            forget(transaction, now)?;
            lanes(transaction, now)
        });
        stream::iter(lanes.await?)
            .map(|lane| self.deliver_in_turn(lane))
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        self.change(|transaction, _| {
            let sql = "SELECT min(due_ms) FROM delivery WHERE state = 'waiting'";
            let due: Option<i64> = transaction.query_row(sql, [], |row| row.get(0))?;
            Ok(due.and_then(|ms| Timestamp::from_millisecond(ms).ok()))
        })
        .await
    }

    /// The deliveries of a topic, the oldest first.
    ///
    /// # Errors
    /// [`Error::Store`]
    pub async fn deliveries(&self, topic: &str) -> Result<Vec<Delivery>, Error> {
        let topic = topic.to_owned();
        self.change(move |transaction, _| {
            let sql = "SELECT message_id, subscription, state, attempts, reason FROM delivery
                WHERE topic = ?1 ORDER BY sequence";
            let mut statement = transaction.prepare(sql)?;
            let rows = statement.query_map([topic], |row| {
                let state = match row.get_ref(2)?.as_str()? {
                    "waiting" => State::Waiting,
                    "delivered" => State::Delivered,
                    _ => State::GivenUp,
                };
                let (message_id, subscription) = (row.get(0)?, row.get(1)?);
                let (attempts, reason) = (row.get(3)?, row.get(4)?);
                Ok(Delivery { message_id, subscription, state, attempts, reason })
            })?;
            rows.collect()
        })
        .await
    }

    pub(super) fn subscriptions(&self) -> RwLockReadGuard<'_, BTreeMap<String, Vec<Subscription>>> {
        self.subscriptions.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, i64) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let now = (self.clock)().as_millisecond();
        self.database.change(move |transaction| work(transaction, now).map(Ok)).await
    }

    /// Those who get a message.
    fn subscribed(&self, topic: &str, message: &Message) -> Vec<String> {
        let all = self.subscriptions();
        let Some(subscriptions) = all.get(topic) else {
            return vec![LOG.to_owned()];
        };
        let wants = |it: &&Subscription| it.filter.matches(&message.attributes);
        subscriptions.iter().filter(wants).map(|it| it.name.clone()).collect()
    }

    /// Takes up the next delivery to a subscription that is due.
    async fn take(&self, lane: Lane) -> Result<Option<Taken>, Error> {
        let place = self.place.clone();
        self.change(move |transaction, now| {
            // In a FIFO topic nothing overtakes what failed before it: those behind are not due before it is.
            let order = if is_fifo(&lane.topic) { "d.sequence" } else { "d.due_ms, d.sequence" };
            let sql = format!("SELECT d.sequence, d.subscription, d.attempts, m.id, m.topic, m.published_ms, m.message
                FROM delivery d JOIN message m ON m.id = d.message_id
                WHERE d.state = 'waiting' AND d.due_ms <= ?1 AND d.topic = ?2 AND d.subscription = ?3
                ORDER BY {order} LIMIT 1");
            let mut statement = transaction.prepare_cached(&sql)?;
            let mut rows = statement.query(params![now, lane.topic, lane.subscription])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let taken = Taken::read(row, &place)?;
            let sql = "UPDATE delivery SET due_ms = ?1, attempts = attempts + 1 WHERE sequence = ?2";
            transaction.execute(sql, params![now + milliseconds(LEASE), taken.sequence])?;
            Ok(Some(taken))
        })
        .await
    }

    async fn deliver_in_turn(&self, lane: Lane) -> Result<(), Error> {
        for _ in 0..TURN {
            let Some(taken) = self.take(lane.clone()).await? else { break };
            if self.deliver(taken).await? == State::Waiting {
                break;
            }
        }
        Ok(())
    }

    /// Tries a delivery that was taken up, and says how it stands.
    async fn deliver(&self, taken: Taken) -> Result<State, Error> {
        let outcome = match self.endpoint(&taken) {
            Some(endpoint) => taken.notification.send(&endpoint, &self.http).await,
            None => Err(Failure::last("there is no such subscription any more")),
        };
        let (topic, subscription) = (&taken.notification.topic, &taken.subscription);
        let (state, reason) = match outcome {
            Ok(()) => (State::Delivered, None),
            Err(failure) if failure.is_final || taken.attempts >= ATTEMPTS_MAX => {
                let (attempts, reason) = (taken.attempts, &failure.reason);
                tracing::error!(topic, subscription, attempts, reason, "a message was given up");
                (State::GivenUp, Some(failure.reason))
            }
            Err(failure) => (State::Waiting, Some(failure.reason)),
        };
        let (sequence, pause) = (taken.sequence, milliseconds(pause_after(taken.attempts)));
        let lane = Lane { topic: topic.clone(), subscription: subscription.clone() };
        self.change(move |transaction, now| {
            let due = now + pause;
            let sql =
                "UPDATE delivery SET state = ?1, reason = ?2, due_ms = ?3 WHERE sequence = ?4";
            transaction.execute(sql, params![state.as_str(), reason, due, sequence])?;
            if is_fifo(&lane.topic) {
                let behind_from = if state == State::Waiting { due } else { now };
                set_due_behind(transaction, &lane, sequence, behind_from)?;
            }
            Ok(())
        })
        .await?;
        Ok(state)
    }

    fn endpoint(&self, taken: &Taken) -> Option<Endpoint> {
        let all = self.subscriptions();
        let Some(subscriptions) = all.get(&taken.notification.topic) else {
            return (taken.subscription == LOG).then_some(Endpoint::Log);
        };
        let found = subscriptions.iter().find(|it| it.name == taken.subscription);
        found.map(|it| it.endpoint.clone())
    }
}

#[async_trait]
impl Topics for EmbeddedTopics {
    /// Tries each delivery once before it returns; those that fail are tried again by [`EmbeddedTopics::run`].
    async fn publish(&self, topic: &str, message: &Message) -> Result<String, Error> {
        check(topic, message)?;
        let topic = topic.rsplit(':').next().unwrap_or_default();
        Ok(self.accept(topic, message).await?.id)
    }
}

impl EmbeddedTopics {
    /// Takes a message that was checked, and tries each delivery once.
    pub(super) async fn accept(&self, topic: &str, message: &Message) -> Result<Published, Error> {
        let (published, taken) = self.keep(topic, message).await?;
        self.deliver_all(&published.id, taken).await;
        Ok(published)
    }

    /// As [`Self::accept`], without waiting for somebody else's server to answer.
    pub(super) async fn accept_now(
        &self,
        topic: &str,
        message: &Message,
    ) -> Result<Published, Error> {
        let (published, taken) = self.keep(topic, message).await?;
        let is_far = |it: &Taken| matches!(self.endpoint(it), Some(Endpoint::Webhook { .. }));
        let (far, near): (Vec<_>, Vec<_>) = taken.into_iter().partition(is_far);
        self.deliver_all(&published.id, near).await;
        if !far.is_empty() {
            let (this, id) = (self.clone(), published.id.clone());
            tokio::spawn(async move { this.deliver_all(&id, far).await });
        }
        Ok(published)
    }

    /// Returns once the message is on disk, with its deliveries taken up.
    async fn keep(&self, topic: &str, message: &Message) -> Result<(Published, Vec<Taken>), Error> {
        let (names, topic) = (self.subscribed(topic, message), topic.to_owned());
        let (message, place) = (message.clone(), self.place.clone());
        let accepted = self.change(move |transaction, now| {
            accept(transaction, topic, message, &names, &place, now)
        });
        accepted.await
    }

    async fn deliver_all(&self, id: &str, taken: Vec<Taken>) {
        // What is accepted is accepted, whatever becomes of the first attempt.
        for outcome in join_all(taken.into_iter().map(|it| self.deliver(it))).await {
            if let Err(error) = outcome {
                tracing::warn!(%error, id, "the first attempt to deliver a message was not kept");
            }
        }
        self.published.notify_waiters();
    }
}

/// Doubles with every attempt.
fn pause_after(attempts: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
    PAUSE_FIRST.saturating_mul(doubled).min(PAUSE_MAX)
}
