//! The queue in a SQLite file.
//!
//! It differs from SQS in this: nothing expires by itself (SQS forgets a message after its retention, four days by default); a call
//! takes and gives any number of messages; all entries of a call are queued or none; counts are exact.
//!
//! The file is that of [`super::EmbeddedQueues`], which serve the same queue to clients of SQS.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::json;
use tokio::sync::Notify;

use super::store::{
    Delivery, FORMAT, Grave, Outgoing, Received, Redrive, bury, delete, forget_old_ids, insert,
    read_dead_letter, revive, set_visibility, take, wait_for,
};
use super::{
    DeadLetter, Depth, Entry, Error, FIFO_SUFFIX, Message, NotDeleted, Queue, Receipt, Receive,
    check,
};
use crate::sqlite::Database;
use crate::{Clock, StoreError};

/// What an earlier stepwell called the file.
const FILE_BEFORE: &str = "queue.db";
/// Of the queues that are made here: the longest that SQS has. Clients of SQS are shown it, and find nothing older.
const RETENTION_SECONDS: &str = "1209600";

/// Numbers of messages begin anew; dead letters get numbers that no message has.
const ADOPT: &str = "
    INSERT INTO message (queue, group_id, deduplication_id, body, sent_ms, receive_count, visible_ms, message_id, attributes,
        trace_header, first_received_ms, dead_letter_source, fair_group)
    SELECT queue, group_id, deduplication_id, body, sent_ms, receive_count, visible_ms, message_id, attributes,
        trace_header, first_received_ms, dead_letter_source, fair_group
    FROM other.message AS old WHERE NOT EXISTS (
        SELECT 1 FROM main.message AS new WHERE new.queue = old.queue AND new.group_id = old.group_id
        AND new.deduplication_id = old.deduplication_id AND new.sent_ms = old.sent_ms)
    ORDER BY sequence;
    INSERT OR IGNORE INTO deduplication (queue, deduplication_id, until_ms, message_id)
    SELECT queue, deduplication_id, until_ms, message_id FROM other.deduplication;
    INSERT OR IGNORE INTO dead_letter
    SELECT -sequence, queue, group_id, deduplication_id, body, reason, dead_ms FROM other.dead_letter;
";

/// What the queue is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbeddedOptions {
    /// A message that was received so often without being deleted is dead. At least 1.
    pub max_receive_count: u32,
}

impl Default for EmbeddedOptions {
    /// Five deliveries.
    fn default() -> Self {
        Self { max_receive_count: 5 }
    }
}

/// A queue in a SQLite file, which may hold others by other names. Cheap to clone.
#[derive(Clone)]
pub struct EmbeddedQueue {
    database: Database,
    name: Arc<str>,
    max_receive_count: u32,
    clock: Clock,
    /// Told whenever something becomes deliverable by this process's doing.
    arrived: Arc<Notify>,
}

impl std::fmt::Debug for EmbeddedQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedQueue").field("name", &self.name).finish_non_exhaustive()
    }
}

impl EmbeddedQueue {
    /// Opens or creates the file. The queue is there from then on, also for clients of SQS; one that they made stays as it is.
    ///
    /// # Errors
    /// [`Error::Store`]
    pub fn open(
        path: &Path,
        name: &str,
        options: EmbeddedOptions,
        clock: Clock,
    ) -> Result<Self, Error> {
        let database = Database::open(path, FORMAT)?;
        let before = path.with_file_name(FILE_BEFORE);
        if before != path {
            adopt(&database, &before)?;
        }
        let (made, now) = (name.to_owned(), clock().as_millisecond());
        database
            .change_here(move |transaction| make(transaction, &made, now).map(Ok::<_, Error>))?;
        Ok(Self {
            database,
            name: name.into(),
            max_receive_count: options.max_receive_count.max(1),
            clock,
            arrived: Arc::default(),
        })
    }

    /// Runs `work` in one transaction, with the name of the queue and the time in milliseconds.
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &str, i64) -> rusqlite::Result<Result<T, Error>>
        + Send
        + 'static,
    ) -> Result<T, Error> {
        let (name, now) = (Arc::clone(&self.name), (self.clock)().as_millisecond());
        self.database.change(move |transaction| work(transaction, &name, now)).await
    }

    async fn receive_now(&self, wanted: Receive) -> Result<Vec<Message>, Error> {
        let redrive = Redrive { max_receive_count: self.max_receive_count, to: Grave::Letters };
        self.change(move |transaction, queue, now| {
            let taken = take(transaction, queue, now, wanted, Some(&redrive))?;
            Ok(Ok(taken.into_iter().map(Message::from).collect()))
        })
        .await
    }
}

/// Makes a queue as SQS would be asked to, if it is not there.
fn make(transaction: &Transaction<'_>, name: &str, now: i64) -> rusqlite::Result<()> {
    let attributes = if name.ends_with(FIFO_SUFFIX) {
        json!({"FifoQueue": "true", "MessageRetentionPeriod": RETENTION_SECONDS})
    } else {
        json!({"MessageRetentionPeriod": RETENTION_SECONDS})
    };
    let sql = "INSERT OR IGNORE INTO queue (name, attributes, tags, created_ms, modified_ms)
        VALUES (?1, ?2, '{}', ?3, ?3)";
    transaction.execute(sql, params![name, attributes.to_string(), now]).map(drop)
}

/// Takes over what an earlier stepwell kept in a file of its own, which then goes. Interrupted, it is done again.
fn adopt(database: &Database, before: &Path) -> Result<(), StoreError> {
    if !before.exists() {
        return Ok(());
    }
    drop(Database::open(before, FORMAT)?);
    database.merge(before, ADOPT)?;
    for ending in ["", "-wal", "-shm"] {
        let mut file = before.as_os_str().to_owned();
        file.push(ending);
        // What stays is taken over again, which adds nothing.
        let _ = std::fs::remove_file(file);
    }
    Ok(())
}

impl From<Received> for Message {
    fn from(it: Received) -> Self {
        let receipt = it.receipt();
        Self {
            id: it.sequence.to_string(),
            group: it.group,
            deduplication_id: it.deduplication_id,
            body: it.body,
            receive_count: it.receive_count,
            sent_at: it.sent_at,
            receipt,
        }
    }
}

impl Entry {
    fn outgoing(&self) -> Outgoing<'_> {
        Outgoing {
            group: Some(&self.group),
            fair_group: None,
            deduplication_id: Some(&self.deduplication_id),
            body: &self.body,
            attributes: None,
            trace_header: None,
            visible_ms: 0,
        }
    }
}

#[async_trait]
impl Queue for EmbeddedQueue {
    async fn send_batch(&self, entries: &[Entry]) -> Result<(), Error> {
        check(entries)?;
        let entries = entries.to_vec();
        self.change(move |transaction, queue, now| {
            forget_old_ids(transaction, queue, now)?;
            for entry in &entries {
                insert(transaction, queue, now, &entry.outgoing())?;
            }
            Ok(Ok(()))
        })
        .await?;
        self.arrived.notify_waiters();
        Ok(())
    }

    async fn receive(&self, wanted: &Receive) -> Result<Vec<Message>, Error> {
        wait_for(&self.arrived, wanted.wait, || self.receive_now(*wanted)).await
    }

    async fn delete_batch(&self, receipts: &[Receipt]) -> Result<Vec<NotDeleted>, Error> {
        let receipts = receipts.to_vec();
        let not_deleted = self
            .change(move |transaction, queue, now| {
                let mut not_deleted = Vec::new();
                for receipt in receipts {
                    if !delete(transaction, queue, Some(now), &receipt)? {
                        let reason = Error::ReceiptExpired.to_string();
                        not_deleted.push(NotDeleted { receipt, reason });
                    }
                }
                Ok(Ok(not_deleted))
            })
            .await?;
        // The next message of each group is free now.
        self.arrived.notify_waiters();
        Ok(not_deleted)
    }

    async fn change_visibility(&self, receipt: &Receipt, from_now: Duration) -> Result<(), Error> {
        let receipt = receipt.clone();
        self.change(move |transaction, queue, now| {
            let is_set = set_visibility(transaction, queue, now, &receipt, from_now)?;
            Ok(if is_set { Ok(()) } else { Err(Error::ReceiptExpired) })
        })
        .await?;
        self.arrived.notify_waiters();
        Ok(())
    }

    async fn dead_letter(&self, message: &Message, reason: &str) -> Result<(), Error> {
        let (delivery, reason) = (Delivery::of(&message.receipt), reason.to_owned());
        self.change(move |transaction, queue, now| {
            let Some(Delivery { sequence, receive_count }) = delivery else {
                return Ok(Err(Error::ReceiptExpired));
            };
            let sql = "SELECT receive_count FROM message WHERE queue = ?1 AND sequence = ?2";
            let found: Option<u32> = transaction
                .query_row(sql, params![queue, sequence], |row| row.get(0))
                .optional()?;
            match found {
                Some(count) if count == receive_count => {
                    bury(transaction, now, sequence, &reason)?;
                    Ok(Ok(()))
                }
                Some(_) => Ok(Err(Error::ReceiptExpired)),
                // Dead or deleted already.
                None => Ok(Ok(())),
            }
        })
        .await?;
        self.arrived.notify_waiters();
        Ok(())
    }

    async fn dead_letters(&self) -> Result<Vec<DeadLetter>, Error> {
        self.change(|transaction, queue, _| {
            let sql = "SELECT sequence, group_id, deduplication_id, body, reason, dead_ms
                FROM dead_letter WHERE queue = ?1 ORDER BY dead_ms, sequence";
            let mut statement = transaction.prepare(sql)?;
            let rows = statement.query_map([queue], read_dead_letter)?;
            rows.collect::<rusqlite::Result<Vec<_>>>().map(Ok)
        })
        .await
    }

    async fn redrive(&self, ids: Option<&[String]>) -> Result<usize, Error> {
        let ids = ids.map(<[String]>::to_vec);
        let moved = self
            .change(move |transaction, queue, now| {
                let sql =
                    "SELECT sequence FROM dead_letter WHERE queue = ?1 ORDER BY dead_ms, sequence";
                let mut statement = transaction.prepare(sql)?;
                let found = statement.query_map([queue], |row| row.get(0))?;
                let all = found.collect::<rusqlite::Result<Vec<i64>>>()?;
                let is_wanted = |sequence: &i64| {
                    ids.as_ref().is_none_or(|ids| ids.contains(&sequence.to_string()))
                };
                let mut moved = 0;
                for sequence in all.into_iter().filter(is_wanted) {
                    revive(transaction, now, sequence)?;
                    moved += 1;
                }
                Ok(Ok(moved))
            })
            .await?;
        self.arrived.notify_waiters();
        Ok(moved)
    }

    async fn depth(&self) -> Result<Depth, Error> {
        self.change(|transaction, queue, now| {
            let messages = "SELECT count(*) FILTER (WHERE visible_ms <= ?2),
                count(*) FILTER (WHERE visible_ms > ?2) FROM message WHERE queue = ?1";
            let (waiting, in_flight) =
                transaction.query_row(messages, params![queue, now], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
            let letters = "SELECT count(*) FROM dead_letter WHERE queue = ?1";
            let dead = transaction.query_row(letters, [queue], |row| row.get(0))?;
            Ok(Ok(Depth { waiting, in_flight, dead }))
        })
        .await
    }
}
