//! The queue in a SQLite file.
//!
//! It differs from SQS in this: nothing expires (SQS forgets a message after its retention, four days by default); a call takes
//! and gives any number of messages; all entries of a call are queued or none; counts are exact.
//!
//! A message's `visible_ms` tells where it is: 0 if it was never received or was given back, in flight while it lies in the future.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, Transaction, named_params, params};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::{
    DEDUPLICATION_WINDOW, DeadLetter, Depth, Entry, Error, Message, NotDeleted, Queue, Receipt,
    Receive, check, reason_of_receives,
};
use crate::Clock;
use crate::sqlite::{Database, Format};

const FORMAT: Format = Format {
    name: "a queue file",
    application_id: 0x5357_5131, // "SWQ1"
    migrations: &["
        CREATE TABLE message (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            queue TEXT NOT NULL,
            group_id TEXT NOT NULL,
            deduplication_id TEXT NOT NULL,
            body TEXT NOT NULL,
            sent_ms INTEGER NOT NULL,
            receive_count INTEGER NOT NULL,
            visible_ms INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX message_in_order ON message (queue, sequence);
        CREATE INDEX message_received ON message (queue, visible_ms, group_id) WHERE visible_ms > 0;
        CREATE TABLE deduplication (
            queue TEXT NOT NULL,
            deduplication_id TEXT NOT NULL,
            until_ms INTEGER NOT NULL,
            PRIMARY KEY (queue, deduplication_id)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX deduplication_by_end ON deduplication (queue, until_ms);
        CREATE TABLE dead_letter (
            sequence INTEGER PRIMARY KEY,
            queue TEXT NOT NULL,
            group_id TEXT NOT NULL,
            deduplication_id TEXT NOT NULL,
            body TEXT NOT NULL,
            reason TEXT NOT NULL,
            dead_ms INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX dead_letter_in_order ON dead_letter (queue, dead_ms, sequence);
    "],
};

/// The oldest messages that may be delivered: not in flight, nor any other of their group.
const DELIVERABLE: &str = "
    SELECT sequence, group_id, deduplication_id, body, sent_ms, receive_count FROM message
    WHERE queue = :queue AND visible_ms <= :now AND group_id NOT IN (
        SELECT group_id FROM message WHERE queue = :queue AND visible_ms > 0 AND visible_ms > :now
    )
    ORDER BY sequence LIMIT :max";

/// How soon a waiting consumer sees what another process has sent, or what has become visible again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

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
    /// Opens or creates the file. The queue is there from then on.
    ///
    /// # Errors
    /// [`Error::Store`]
    pub fn open(
        path: &Path,
        name: &str,
        options: EmbeddedOptions,
        clock: Clock,
    ) -> Result<Self, Error> {
        Ok(Self {
            database: Database::open(path, FORMAT)?,
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
        let max_receive_count = self.max_receive_count;
        self.change(move |transaction, queue, now| {
            take(transaction, queue, now, wanted, max_receive_count).map(Ok)
        })
        .await
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
                insert(transaction, queue, now, entry)?;
            }
            Ok(Ok(()))
        })
        .await?;
        self.arrived.notify_waiters();
        Ok(())
    }

    async fn receive(&self, wanted: &Receive) -> Result<Vec<Message>, Error> {
        let end = Instant::now() + wanted.wait;
        loop {
            // Listens before it looks, or what comes in between would be missed.
            let arrived = self.arrived.notified();
            let messages = self.receive_now(*wanted).await?;
            let left = end.saturating_duration_since(Instant::now());
            if !messages.is_empty() || left.is_zero() {
                return Ok(messages);
            }
            // Whether something arrived or time passed, the next look tells.
            let _ = timeout(left.min(LOOK_AGAIN), arrived).await;
        }
    }

    async fn delete_batch(&self, receipts: &[Receipt]) -> Result<Vec<NotDeleted>, Error> {
        let receipts = receipts.to_vec();
        let not_deleted = self
            .change(move |transaction, queue, now| {
                let mut not_deleted = Vec::new();
                for receipt in receipts {
                    if !delete(transaction, queue, now, &receipt)? {
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
        let delivery = Delivery::of(receipt);
        self.change(move |transaction, queue, now| {
            let sql = "UPDATE message SET visible_ms = ?1
                WHERE queue = ?2 AND sequence = ?3 AND receive_count = ?4 AND visible_ms > ?5";
            let Some(Delivery { sequence, receive_count }) = delivery else {
                return Ok(Err(Error::ReceiptExpired));
            };
            let until = if from_now.is_zero() { 0 } else { now + milliseconds(from_now) };
            let changed =
                transaction.execute(sql, params![until, queue, sequence, receive_count, now])?;
            Ok(if changed == 1 { Ok(()) } else { Err(Error::ReceiptExpired) })
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

/// What a receipt says: `RECEIVE_COUNT.SEQUENCE`.
#[derive(Debug, Clone, Copy)]
struct Delivery {
    sequence: i64,
    receive_count: u32,
}

impl Delivery {
    fn of(receipt: &Receipt) -> Option<Self> {
        let (receive_count, sequence) = receipt.as_str().split_once('.')?;
        Some(Self { sequence: sequence.parse().ok()?, receive_count: receive_count.parse().ok()? })
    }

    fn receipt(self) -> Receipt {
        Receipt(format!("{}.{}", self.receive_count, self.sequence))
    }
}

fn forget_old_ids(transaction: &Transaction<'_>, queue: &str, now: i64) -> rusqlite::Result<usize> {
    let sql = "DELETE FROM deduplication WHERE queue = ?1 AND until_ms <= ?2";
    transaction.execute(sql, params![queue, now])
}

fn insert(
    transaction: &Transaction<'_>,
    queue: &str,
    now: i64,
    entry: &Entry,
) -> rusqlite::Result<()> {
    let remember = "INSERT INTO deduplication VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let until = now + milliseconds(DEDUPLICATION_WINDOW);
    let is_new = transaction.prepare_cached(remember)?.execute(params![
        queue,
        entry.deduplication_id,
        until
    ])? == 1;
    if is_new {
        let sql = "INSERT INTO message
            (queue, group_id, deduplication_id, body, sent_ms, receive_count, visible_ms)
            VALUES (?1, ?2, ?3, ?4, ?5, 0, 0)";
        transaction.prepare_cached(sql)?.execute(params![
            queue,
            entry.group,
            entry.deduplication_id,
            entry.body,
            now
        ])?;
    }
    Ok(())
}

/// Marks messages as received. Those that were received too often are buried on the way, as SQS does it.
fn take(
    transaction: &Transaction<'_>,
    queue: &str,
    now: i64,
    wanted: Receive,
    max_receive_count: u32,
) -> rusqlite::Result<Vec<Message>> {
    let candidates = loop {
        let candidates = deliverable(transaction, queue, now, wanted.max)?;
        let (exhausted, alive): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|it| it.receive_count >= max_receive_count);
        if exhausted.is_empty() {
            break alive;
        }
        for Candidate { sequence, receive_count, .. } in exhausted {
            bury(transaction, now, sequence, &reason_of_receives(receive_count))?;
        }
    };
    let until = now + milliseconds(wanted.visibility);
    candidates.into_iter().map(|it| it.deliver(transaction, until)).collect()
}

/// A message that may be delivered.
struct Candidate {
    sequence: i64,
    group: String,
    deduplication_id: String,
    body: String,
    sent_at: Timestamp,
    receive_count: u32,
}

fn deliverable(
    transaction: &Transaction<'_>,
    queue: &str,
    now: i64,
    max: usize,
) -> rusqlite::Result<Vec<Candidate>> {
    let mut statement = transaction.prepare_cached(DELIVERABLE)?;
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let rows = statement
        .query_map(named_params! {":queue": queue, ":now": now, ":max": max}, Candidate::read)?;
    rows.collect()
}

impl Candidate {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            sequence: row.get(0)?,
            group: row.get(1)?,
            deduplication_id: row.get(2)?,
            body: row.get(3)?,
            sent_at: instant(row.get(4)?),
            receive_count: row.get(5)?,
        })
    }

    fn deliver(self, transaction: &Transaction<'_>, until: i64) -> rusqlite::Result<Message> {
        let receive_count = self.receive_count + 1;
        let sql = "UPDATE message SET receive_count = ?1, visible_ms = ?2 WHERE sequence = ?3";
        transaction.prepare_cached(sql)?.execute(params![receive_count, until, self.sequence])?;
        Ok(Message {
            id: self.sequence.to_string(),
            group: self.group,
            deduplication_id: self.deduplication_id,
            body: self.body,
            receive_count,
            sent_at: self.sent_at,
            receipt: Delivery { sequence: self.sequence, receive_count }.receipt(),
        })
    }
}

/// Whether the message is gone now.
fn delete(
    transaction: &Transaction<'_>,
    queue: &str,
    now: i64,
    receipt: &Receipt,
) -> rusqlite::Result<bool> {
    let Some(Delivery { sequence, receive_count }) = Delivery::of(receipt) else {
        return Ok(false);
    };
    let sql = "DELETE FROM message
        WHERE queue = ?1 AND sequence = ?2 AND receive_count = ?3 AND visible_ms > ?4";
    let deleted =
        transaction.prepare_cached(sql)?.execute(params![queue, sequence, receive_count, now])?;
    if deleted == 1 {
        return Ok(true);
    }
    let still_there = "SELECT 1 FROM message WHERE queue = ?1 AND sequence = ?2";
    Ok(!transaction.prepare_cached(still_there)?.exists(params![queue, sequence])?)
}

/// Moves a message to the dead letters, under the same number.
fn bury(
    transaction: &Transaction<'_>,
    now: i64,
    sequence: i64,
    reason: &str,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO dead_letter
        SELECT sequence, queue, group_id, deduplication_id, body, ?2, ?3 FROM message WHERE sequence = ?1";
    transaction.execute(sql, params![sequence, reason, now])?;
    transaction.execute("DELETE FROM message WHERE sequence = ?1", [sequence])?;
    Ok(())
}

/// Moves a dead letter to the end of the queue, under a number of its own.
fn revive(transaction: &Transaction<'_>, now: i64, sequence: i64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO message
        (queue, group_id, deduplication_id, body, sent_ms, receive_count, visible_ms)
        SELECT queue, group_id, deduplication_id, body, ?2, 0, 0 FROM dead_letter WHERE sequence = ?1";
    transaction.execute(sql, params![sequence, now])?;
    transaction.execute("DELETE FROM dead_letter WHERE sequence = ?1", [sequence])?;
    Ok(())
}

fn read_dead_letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        id: row.get::<_, i64>(0)?.to_string(),
        group: row.get(1)?,
        deduplication_id: row.get(2)?,
        body: row.get(3)?,
        reason: row.get(4)?,
        dead_since: instant(row.get(5)?),
    })
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2)
}

fn instant(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
}
