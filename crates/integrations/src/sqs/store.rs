//! What the embedded queues have in common: their file, and what is done with the messages in it.
//!
//! A message's `visible_ms` tells where it is: 0 if it was never received or was given back, in flight or kept back while it lies
//! in the future. A message of a standard queue is a group of its own.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, Transaction, named_params, params};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::{DEDUPLICATION_WINDOW, DeadLetter, Receipt, Receive, reason_of_receives};
use crate::sqlite::Format;

pub(super) const FORMAT: Format = Format {
    name: "a queue file",
    application_id: 0x5357_5131, // "SWQ1"
    migrations: &[
        "
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
    ",
        "
        ALTER TABLE message ADD COLUMN message_id TEXT;
        ALTER TABLE message ADD COLUMN attributes TEXT;
        ALTER TABLE message ADD COLUMN trace_header TEXT;
        ALTER TABLE message ADD COLUMN first_received_ms INTEGER;
        ALTER TABLE message ADD COLUMN dead_letter_source TEXT;
        ALTER TABLE deduplication ADD COLUMN message_id TEXT;
        ALTER TABLE deduplication ADD COLUMN sequence INTEGER;
        CREATE TABLE queue (
            name TEXT PRIMARY KEY,
            attributes TEXT NOT NULL,
            tags TEXT NOT NULL,
            created_ms INTEGER NOT NULL,
            modified_ms INTEGER NOT NULL,
            purged_ms INTEGER
        ) STRICT, WITHOUT ROWID;
    ",
        "ALTER TABLE message ADD COLUMN fair_group TEXT;",
    ],
};

/// The oldest messages that may be delivered. A message in flight holds back all of its group, one that is delayed those
/// after it.
const DELIVERABLE: &str = "
    WITH held AS (
        SELECT group_id, min(CASE WHEN receive_count > 0 THEN 0 ELSE sequence END) AS behind FROM message
        WHERE queue = :queue AND visible_ms > 0 AND visible_ms > :now GROUP BY group_id
    )
    SELECT sequence, message.group_id, deduplication_id, body, sent_ms, receive_count,
        coalesce(message_id, CAST(sequence AS TEXT)), attributes, trace_header, first_received_ms, dead_letter_source, fair_group
    FROM message LEFT JOIN held ON held.group_id = message.group_id
    WHERE queue = :queue AND visible_ms <= :now AND (behind IS NULL OR sequence < behind)
    ORDER BY sequence LIMIT :max";

/// How soon a waiting consumer sees what another process has sent, or what has become visible again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// What a receipt says: `RECEIVE_COUNT.SEQUENCE`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delivery {
    pub(super) sequence: i64,
    pub(super) receive_count: u32,
}

impl Delivery {
    pub(super) fn of(receipt: &Receipt) -> Option<Self> {
        let (receive_count, sequence) = receipt.as_str().split_once('.')?;
        Some(Self { sequence: sequence.parse().ok()?, receive_count: receive_count.parse().ok()? })
    }

    fn receipt(self) -> Receipt {
        Receipt(format!("{}.{}", self.receive_count, self.sequence))
    }
}

pub(super) fn forget_old_ids(
    transaction: &Transaction<'_>,
    queue: &str,
    now: i64,
) -> rusqlite::Result<usize> {
    let sql = "DELETE FROM deduplication WHERE queue = ?1 AND until_ms <= ?2";
    transaction.execute(sql, params![queue, now])
}

/// Whether there is something to take, or to bury.
pub(super) fn is_deliverable(
    transaction: &Transaction<'_>,
    queue: &str,
    now: i64,
) -> rusqlite::Result<bool> {
    deliverable(transaction, queue, now, 1).map(|found| !found.is_empty())
}

fn deliverable(
    transaction: &Transaction<'_>,
    queue: &str,
    now: i64,
    max: usize,
) -> rusqlite::Result<Vec<Received>> {
    let mut statement = transaction.prepare_cached(DELIVERABLE)?;
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let rows = statement
        .query_map(named_params! {":queue": queue, ":now": now, ":max": max}, Received::read)?;
    rows.collect()
}

/// What becomes a message.
pub(super) struct Outgoing<'m> {
    /// Of a standard queue each message is a group of its own, so that none waits for another.
    pub(super) group: Option<&'m str>,
    /// The group that the sender of a message of a standard queue named, which is told and orders nothing.
    pub(super) fair_group: Option<&'m str>,
    pub(super) deduplication_id: Option<&'m str>,
    pub(super) body: &'m str,
    /// JSON, as they were sent.
    pub(super) attributes: Option<&'m str>,
    pub(super) trace_header: Option<&'m str>,
    /// Until when it is kept back; 0 if it is not.
    pub(super) visible_ms: i64,
}

/// What was made of it, now or by the same id within the last five minutes.
pub(super) struct Sent {
    pub(super) message_id: String,
    pub(super) sequence: i64,
}

pub(super) fn insert(
    transaction: &Transaction<'_>,
    queue: &str,
    now: i64,
    message: &Outgoing<'_>,
) -> rusqlite::Result<Sent> {
    let known = match message.deduplication_id {
        Some(id) => sent_before(transaction, queue, id)?,
        None => None,
    };
    if let Some(sent) = known {
        return Ok(sent);
    }
    let message_id = new_id(transaction)?;
    let sql = "INSERT INTO message (queue, group_id, deduplication_id, body, sent_ms, receive_count,
        visible_ms, message_id, attributes, trace_header, fair_group) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8, ?9, ?10)";
    let sequence = transaction.prepare_cached(sql)?.insert(params![
        queue,
        message.group.unwrap_or(&message_id),
        message.deduplication_id.unwrap_or_default(),
        message.body,
        now,
        message.visible_ms,
        message_id,
        message.attributes,
        message.trace_header,
        message.fair_group
    ])?;
    if let Some(id) = message.deduplication_id {
        let sql =
            "INSERT INTO deduplication (queue, deduplication_id, until_ms, message_id, sequence)
            VALUES (?1, ?2, ?3, ?4, ?5)";
        let until = now + milliseconds(DEDUPLICATION_WINDOW);
        transaction
            .prepare_cached(sql)?
            .execute(params![queue, id, until, message_id, sequence])?;
    }
    Ok(Sent { message_id, sequence })
}

fn sent_before(
    transaction: &Transaction<'_>,
    queue: &str,
    deduplication_id: &str,
) -> rusqlite::Result<Option<Sent>> {
    let sql = "SELECT coalesce(message_id, ''), coalesce(sequence, 0) FROM deduplication
        WHERE queue = ?1 AND deduplication_id = ?2";
    let read = |row: &Row<'_>| Ok(Sent { message_id: row.get(0)?, sequence: row.get(1)? });
    transaction.prepare_cached(sql)?.query_row(params![queue, deduplication_id], read).optional()
}

/// A random UUID.
fn new_id(transaction: &Transaction<'_>) -> rusqlite::Result<String> {
    let bytes: [u8; 16] = transaction.query_row("SELECT randomblob(16)", [], |row| row.get(0))?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
}

/// When a message was received too often, and where it goes then.
#[derive(Debug, Clone)]
pub(super) struct Redrive {
    pub(super) max_receive_count: u32,
    pub(super) to: Grave,
}

#[derive(Debug, Clone)]
pub(super) enum Grave {
    /// The dead letters of the queue itself.
    Letters,
    /// Another queue.
    Queue {
        name: String,
        /// Whether its retention counts from when the message was first sent. Source: SQS developer guide, "Message retention periods for dead-letter queues".
        keeps_age: bool,
    },
}

/// Marks messages as received. Those that were received too often are buried on the way, as SQS does it.
pub(super) fn take(
    transaction: &Transaction<'_>,
    queue: &str,
    now: i64,
    wanted: Receive,
    redrive: Option<&Redrive>,
) -> rusqlite::Result<Vec<Received>> {
    let candidates = loop {
        let candidates = deliverable(transaction, queue, now, wanted.max)?;
        let is_exhausted = |it: &Received| {
            redrive.is_some_and(|redrive| it.receive_count >= redrive.max_receive_count)
        };
        let (exhausted, alive): (Vec<_>, Vec<_>) = candidates.into_iter().partition(is_exhausted);
        let (false, Some(redrive)) = (exhausted.is_empty(), redrive) else { break alive };
        for message in exhausted {
            give_up(transaction, now, &message, &redrive.to)?;
        }
    };
    let until = now + milliseconds(wanted.visibility);
    candidates.into_iter().map(|it| it.deliver(transaction, now, until)).collect()
}

fn give_up(
    transaction: &Transaction<'_>,
    now: i64,
    message: &Received,
    to: &Grave,
) -> rusqlite::Result<()> {
    match to {
        Grave::Letters => {
            bury(transaction, now, message.sequence, &reason_of_receives(message.receive_count))
        }
        Grave::Queue { name, keeps_age } => {
            let sql = "UPDATE message SET dead_letter_source = queue, queue = ?1, visible_ms = 0, sent_ms = ?2
                WHERE sequence = ?3";
            let sent = if *keeps_age { message.sent_at.as_millisecond() } else { now };
            transaction.execute(sql, params![name, sent, message.sequence]).map(drop)
        }
    }
}

/// A message of a queue, received or about to be.
pub(super) struct Received {
    pub(super) sequence: i64,
    pub(super) group: String,
    pub(super) deduplication_id: String,
    pub(super) body: String,
    pub(super) sent_at: Timestamp,
    pub(super) receive_count: u32,
    pub(super) message_id: String,
    pub(super) attributes: Option<String>,
    pub(super) trace_header: Option<String>,
    pub(super) first_received_ms: Option<i64>,
    pub(super) dead_letter_source: Option<String>,
    pub(super) fair_group: Option<String>,
}

impl Received {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            sequence: row.get(0)?,
            group: row.get(1)?,
            deduplication_id: row.get(2)?,
            body: row.get(3)?,
            sent_at: instant(row.get(4)?),
            receive_count: row.get(5)?,
            message_id: row.get(6)?,
            attributes: row.get(7)?,
            trace_header: row.get(8)?,
            first_received_ms: row.get(9)?,
            dead_letter_source: row.get(10)?,
            fair_group: row.get(11)?,
        })
    }

    fn deliver(
        self,
        transaction: &Transaction<'_>,
        now: i64,
        until: i64,
    ) -> rusqlite::Result<Self> {
        let receive_count = self.receive_count + 1;
        let first_received_ms = Some(self.first_received_ms.unwrap_or(now));
        let sql = "UPDATE message SET receive_count = ?1, visible_ms = ?2, first_received_ms = ?3
            WHERE sequence = ?4";
        let values = params![receive_count, until, first_received_ms, self.sequence];
        transaction.prepare_cached(sql)?.execute(values)?;
        Ok(Self { receive_count, first_received_ms, ..self })
    }

    pub(super) fn receipt(&self) -> Receipt {
        Delivery { sequence: self.sequence, receive_count: self.receive_count }.receipt()
    }
}

/// Whether the message is gone now. A FIFO queue takes only the receipt of a message in flight.
pub(super) fn delete(
    transaction: &Transaction<'_>,
    queue: &str,
    in_flight_at: Option<i64>,
    receipt: &Receipt,
) -> rusqlite::Result<bool> {
    let Some(Delivery { sequence, receive_count }) = Delivery::of(receipt) else {
        return Ok(false);
    };
    let sql = "DELETE FROM message
        WHERE queue = ?1 AND sequence = ?2 AND receive_count = ?3 AND visible_ms > ?4";
    let after = in_flight_at.unwrap_or(-1);
    let deleted =
        transaction.prepare_cached(sql)?.execute(params![queue, sequence, receive_count, after])?;
    if deleted == 1 {
        return Ok(true);
    }
    let still_there = "SELECT 1 FROM message WHERE queue = ?1 AND sequence = ?2";
    Ok(!transaction.prepare_cached(still_there)?.exists(params![queue, sequence])?)
}

/// Whether the message was in flight under this receipt; it is visible again at `until`.
pub(super) fn set_visibility(
    transaction: &Transaction<'_>,
    queue: &str,
    now: i64,
    receipt: &Receipt,
    from_now: Duration,
) -> rusqlite::Result<bool> {
    let sql = "UPDATE message SET visible_ms = ?1
        WHERE queue = ?2 AND sequence = ?3 AND receive_count = ?4 AND visible_ms > ?5";
    let Some(Delivery { sequence, receive_count }) = Delivery::of(receipt) else {
        return Ok(false);
    };
    let until = if from_now.is_zero() { 0 } else { now + milliseconds(from_now) };
    let changed = transaction.execute(sql, params![until, queue, sequence, receive_count, now])?;
    Ok(changed == 1)
}

/// Looks until there is something or the wait is over. `arrived` tells of what this process does; the rest is looked for.
pub(super) async fn wait_for<T, E, L: Future<Output = Result<Vec<T>, E>>>(
    arrived: &Notify,
    wait: Duration,
    look: impl Fn() -> L,
) -> Result<Vec<T>, E> {
    let end = Instant::now() + wait;
    loop {
        // Listens before it looks, or what comes in between would be missed.
        let arrived = arrived.notified();
        let found = look().await?;
        let left = end.saturating_duration_since(Instant::now());
        if !found.is_empty() || left.is_zero() {
            return Ok(found);
        }
        // Whether something arrived or time passed, the next look tells.
        let _ = timeout(left.min(LOOK_AGAIN), arrived).await;
    }
}

/// Moves a message to the dead letters, under the same number.
pub(super) fn bury(
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
pub(super) fn revive(
    transaction: &Transaction<'_>,
    now: i64,
    sequence: i64,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO message
        (queue, group_id, deduplication_id, body, sent_ms, receive_count, visible_ms)
        SELECT queue, group_id, deduplication_id, body, ?2, 0, 0 FROM dead_letter WHERE sequence = ?1";
    transaction.execute(sql, params![sequence, now])?;
    transaction.execute("DELETE FROM dead_letter WHERE sequence = ?1", [sequence])?;
    Ok(())
}

pub(super) fn read_dead_letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        id: row.get::<_, i64>(0)?.to_string(),
        group: row.get(1)?,
        deduplication_id: row.get(2)?,
        body: row.get(3)?,
        reason: row.get(4)?,
        dead_since: instant(row.get(5)?),
    })
}

pub(super) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2)
}

pub(super) fn instant(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
}
