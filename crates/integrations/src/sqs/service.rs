//! All queues of an installation, standard and FIFO, as SQS serves them: made and changed by calls, kept in one SQLite file.
//!
//! The messages lie where those of [`super::EmbeddedQueue`] do. Counts are exact; a standard queue keeps the order, too.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::Value;
use stepwell_aws_wire::ServiceError;
use tokio::sync::Notify;

use super::messages;
use super::queues;
use super::settings::{Settings, invalid_value, missing};
use super::store::{FORMAT, is_deliverable};
use crate::Clock;
use crate::StoreError;
use crate::members::Members;
use crate::service::{Conventions, Facts, Optimised, Origin, Place, Protocol, Service};
use crate::sqlite::Database;

/// What SQS is called where.
pub const FACTS: Facts = Facts {
    name: "sqs",
    error_prefix: "SQS",
    legacy_name: "AmazonSQS",
    sdk_name: "Sqs",
    protocol: Protocol::Json {
        target_prefix: "AmazonSQS",
        version: "1.0",
        error_namespace: "com.amazonaws.sqs",
    },
    actions: &[
        "ChangeMessageVisibility",
        "ChangeMessageVisibilityBatch",
        "CreateQueue",
        "DeleteMessage",
        "DeleteMessageBatch",
        "DeleteQueue",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ListDeadLetterSourceQueues",
        "ListQueues",
        "ListQueueTags",
        "PurgeQueue",
        "ReceiveMessage",
        "SendMessage",
        "SendMessageBatch",
        "SetQueueAttributes",
        "TagQueue",
        "UntagQueue",
    ],
    optimised: &[Optimised {
        action: "SendMessage",
        parameters: &[
            "DelaySeconds",
            "MessageAttributes",
            "MessageBody",
            "MessageDeduplicationId",
            "MessageGroupId",
            "QueueUrl",
        ],
        required: &["MessageBody", "QueueUrl"],
        has_metadata: true,
    }],
    members,
    modelled_errors: &[
        "BatchEntryIdsNotDistinct",
        "BatchRequestTooLong",
        "EmptyBatchRequest",
        "InvalidAttributeName",
        "InvalidBatchEntryId",
        "InvalidMessageContents",
        "MessageNotInflight",
        "PurgeQueueInProgress",
        "QueueDeletedRecently",
        "QueueDoesNotExist",
        "QueueNameExists",
        "ReceiptHandleIsInvalid",
        "TooManyEntriesInBatchRequest",
        "UnsupportedOperation",
    ],
    conventions: Conventions::USUAL,
};

/// All queues of one file. Cheap to clone.
#[derive(Clone)]
pub struct EmbeddedQueues {
    database: Database,
    pub(super) place: Place,
    clock: Clock,
    pub(super) arrivals: Arrivals,
}

impl std::fmt::Debug for EmbeddedQueues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedQueues").field("place", &self.place).finish_non_exhaustive()
    }
}

/// Wakes those who wait for messages of a queue.
#[derive(Clone, Default)]
pub(super) struct Arrivals(Arc<Mutex<HashMap<String, Arc<Notify>>>>);

impl Arrivals {
    /// That of one queue.
    pub(super) fn of(&self, queue: &str) -> Arc<Notify> {
        Arc::clone(self.all().entry(queue.to_owned()).or_default())
    }

    pub(super) fn notify(&self, queue: &str) {
        if let Some(arrived) = self.all().get(queue) {
            arrived.notify_waiters();
        }
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "an embedded service cannot use its file"
        );
        Self::internal()
    }
}

/// A transaction with the time it is done at, in milliseconds.
pub(super) struct Turn<'t> {
    pub(super) transaction: &'t Transaction<'t>,
    pub(super) now: i64,
}

/// What a call inside of a transaction ends with.
pub(super) type Done<T> = rusqlite::Result<Result<T, ServiceError>>;

impl EmbeddedQueues {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn open(path: &Path, place: Place, clock: Clock) -> Result<Self, StoreError> {
        let database = Database::open(path, FORMAT)?;
        Ok(Self { database, place, clock, arrivals: Arrivals::default() })
    }

    pub(super) async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Turn<'_>) -> Done<T> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let now = (self.clock)().as_millisecond();
        self.database.change(move |transaction| work(&Turn { transaction, now })).await
    }

    /// Whether a queue has something to take. Who polls looks often, and must not hold up who writes.
    pub(super) async fn has_deliverable(&self, name: String) -> Result<bool, ServiceError> {
        let now = (self.clock)().as_millisecond();
        let look = move |transaction: &Transaction<'_>| {
            let turn = Turn { transaction, now };
            Ok(match settings(&turn, &name)? {
                Some(_) => Ok(is_deliverable(transaction, &name, now)?),
                None => Err(no_such_queue()),
            })
        };
        self.database.read(look).await
    }

    /// As [`EmbeddedQueues::change`], with the settings of a queue that must be there.
    pub(super) async fn change_queue<T: Send + 'static>(
        &self,
        name: String,
        work: impl FnOnce(&Turn<'_>, &str, Settings) -> Done<T> + Send + 'static,
    ) -> Result<T, ServiceError> {
        self.change(move |turn| match settings(turn, &name)? {
            Some(settings) => work(turn, &name, settings),
            None => Ok(Err(no_such_queue())),
        })
        .await
    }
}

/// Those of a queue, if it is there.
pub(super) fn settings(turn: &Turn<'_>, name: &str) -> rusqlite::Result<Option<Settings>> {
    let sql = "SELECT attributes FROM queue WHERE name = ?1";
    let text = turn
        .transaction
        .prepare_cached(sql)?
        .query_row(params![name], |row| row.get::<_, String>(0));
    let text = text.optional()?;
    Ok(text.map(|text| serde_json::from_str(&text).unwrap_or_default()))
}

pub(super) fn no_such_queue() -> ServiceError {
    ServiceError::sender("QueueDoesNotExist", "The specified queue does not exist.")
        .with_query_code("AWS.SimpleQueueService.NonExistentQueue")
}

/// `http://127.0.0.1:4566/111111111111/jobs` is `jobs`.
pub(super) fn name_of(url: Option<&str>) -> Result<String, ServiceError> {
    let url = url.ok_or_else(|| missing("QueueUrl"))?;
    let name = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if name.is_empty() {
        return Err(invalid_value(format!("The address {url} is not valid for this endpoint.")));
    }
    Ok(name.to_owned())
}

/// At most twelve hours and the like, as SQS says it.
pub(super) fn seconds(
    parameter: &str,
    value: Option<i64>,
    max: u64,
    default: Duration,
) -> Result<Duration, ServiceError> {
    let Some(value) = value else { return Ok(default) };
    let is_fine = u64::try_from(value).ok().filter(|it| *it <= max);
    is_fine.map(Duration::from_secs).ok_or_else(|| {
        invalid_value(format!(
            "Value {value} for parameter {parameter} is invalid. Reason: Must be >= 0 and <= {max}, if provided."
        ))
    })
}

#[async_trait]
impl Service for EmbeddedQueues {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    async fn call(
        &self,
        action: &str,
        input: Value,
        origin: &Origin,
    ) -> Result<Value, ServiceError> {
        match action {
            "ChangeMessageVisibility" => messages::change_visibility(self, input).await,
            "ChangeMessageVisibilityBatch" => messages::change_visibility_batch(self, input).await,
            "CreateQueue" => queues::create(self, input, origin).await,
            "DeleteMessage" => messages::delete_message(self, input).await,
            "DeleteMessageBatch" => messages::delete_message_batch(self, input).await,
            "DeleteQueue" => queues::delete(self, input).await,
            "GetQueueAttributes" => queues::get_attributes(self, input).await,
            "GetQueueUrl" => queues::get_url(self, input, origin).await,
            "ListDeadLetterSourceQueues" => queues::list_sources(self, input, origin).await,
            "ListQueues" => queues::list(self, input, origin).await,
            "ListQueueTags" => queues::list_tags(self, input).await,
            "PurgeQueue" => queues::purge(self, input).await,
            "ReceiveMessage" => messages::receive(self, input).await,
            "SendMessage" => messages::send(self, input).await,
            "SendMessageBatch" => messages::send_batch(self, input).await,
            "SetQueueAttributes" => queues::set_attributes(self, input).await,
            "TagQueue" => queues::tag(self, input).await,
            "UntagQueue" => queues::untag(self, input).await,
            other => Err(ServiceError::unsupported("sqs", other)),
        }
    }
}

/// The members of its actions.
fn members(action: &str) -> Option<Members> {
    messages::members(action).or_else(|| queues::members(action))
}
