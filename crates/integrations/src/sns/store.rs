//! Messages and their deliveries in the file of the topics.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::delivery::Notification;
use super::{FIFO_SUFFIX, Message};
use crate::service::Place;
use crate::sqlite::Format;
use crate::sqs::DEDUPLICATION_WINDOW;

pub(super) const FORMAT: Format = Format {
    name: "a file of topics",
    application_id: 0x5357_4e31, // "SWN1"
    migrations: &[
        "
        CREATE TABLE message (
            id TEXT PRIMARY KEY,
            topic TEXT NOT NULL,
            message TEXT NOT NULL,
            published_ms INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE delivery (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            message_id TEXT NOT NULL REFERENCES message (id),
            topic TEXT NOT NULL,
            subscription TEXT NOT NULL,
            state TEXT NOT NULL,
            attempts INTEGER NOT NULL,
            due_ms INTEGER NOT NULL,
            reason TEXT
        ) STRICT;
        CREATE INDEX delivery_due ON delivery (due_ms) WHERE state = 'waiting';
        CREATE INDEX delivery_of_topic ON delivery (topic, sequence);
    ",
        "
        CREATE INDEX message_published ON message (published_ms);
        CREATE INDEX delivery_of_message ON delivery (message_id);
    ",
        "
        CREATE TABLE topic (
            name TEXT PRIMARY KEY,
            attributes TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE subscription (
            sequence INTEGER PRIMARY KEY,
            topic TEXT NOT NULL REFERENCES topic (name),
            name TEXT NOT NULL UNIQUE,
            protocol TEXT NOT NULL,
            endpoint TEXT NOT NULL,
            attributes TEXT NOT NULL
        ) STRICT;
        CREATE TABLE deduplication (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT,
            topic TEXT NOT NULL,
            deduplication_id TEXT NOT NULL,
            until_ms INTEGER NOT NULL,
            message_id TEXT NOT NULL,
            UNIQUE (topic, deduplication_id)
        ) STRICT;
    ",
    ],
};

/// How long a delivery belongs to who has taken it up; longer than an attempt lasts.
pub(super) const LEASE: Duration = Duration::from_mins(1);

/// How long a message is kept that was delivered or given up.
const RETENTION: Duration = Duration::from_hours(14 * 24);

/// Messages that are forgotten at once.
const FORGOTTEN_MAX: u32 = 1000;

/// A delivery that was taken up.
pub(super) struct Taken {
    pub(super) sequence: i64,
    pub(super) subscription: String,
    pub(super) attempts: u32,
    pub(super) notification: Notification,
}

/// What became of a message.
pub(super) struct Published {
    pub(super) id: String,
    /// Of a FIFO topic.
    pub(super) sequence: Option<i64>,
}

impl Taken {
    pub(super) fn read(row: &rusqlite::Row<'_>, place: &Place) -> rusqlite::Result<Self> {
        let text = row.get_ref(6)?.as_str()?;
        let message = serde_json::from_str(text).map_err(|error| {
            let kind = rusqlite::types::Type::Text;
            rusqlite::Error::FromSqlConversionFailure(6, kind, error.into())
        })?;
        let notification = Notification {
            id: row.get(3)?,
            topic: row.get(4)?,
            place: place.clone(),
            published_at: Timestamp::from_millisecond(row.get(5)?).unwrap_or_default(),
            message,
        };
        let attempts = row.get::<_, u32>(2)? + 1;
        Ok(Self { sequence: row.get(0)?, subscription: row.get(1)?, attempts, notification })
    }
}

/// Keeps a message, unless its id was published within the last five minutes.
pub(super) fn accept(
    transaction: &Transaction<'_>,
    topic: String,
    message: Message,
    subscriptions: &[String],
    place: &Place,
    now: i64,
) -> rusqlite::Result<(Published, Vec<Taken>)> {
    let Some(deduplication_id) = message.deduplication_id.clone() else {
        let (id, taken) = insert(transaction, topic, message, subscriptions, place, now)?;
        return Ok((Published { id, sequence: None }, taken));
    };
    transaction.execute("DELETE FROM deduplication WHERE until_ms <= ?1", [now])?;
    let sql =
        "SELECT message_id, sequence FROM deduplication WHERE topic = ?1 AND deduplication_id = ?2";
    let read = |row: &rusqlite::Row<'_>| Ok(Published { id: row.get(0)?, sequence: row.get(1)? });
    let known = transaction.query_row(sql, params![topic, deduplication_id], read).optional()?;
    if let Some(published) = known {
        return Ok((published, Vec::new()));
    }
    let name = topic.clone();
    let (id, taken) = insert(transaction, topic, message, subscriptions, place, now)?;
    let sql = "INSERT INTO deduplication (topic, deduplication_id, until_ms, message_id) VALUES (?1, ?2, ?3, ?4)";
    let until = now + milliseconds(DEDUPLICATION_WINDOW);
    transaction.execute(sql, params![name, deduplication_id, until, id])?;
    Ok((Published { id, sequence: Some(transaction.last_insert_rowid()) }, taken))
}

/// Keeps a message, and its deliveries as taken up by who publishes it; returns its id with them.
fn insert(
    transaction: &Transaction<'_>,
    topic: String,
    message: Message,
    subscriptions: &[String],
    place: &Place,
    now: i64,
) -> rusqlite::Result<(String, Vec<Taken>)> {
    let id = new_id(transaction)?;
    let text = serde_json::to_string(&message).expect("a message is JSON");
    let sql = "INSERT INTO message VALUES (?1, ?2, ?3, ?4)";
    transaction.execute(sql, params![id, topic, text, now])?;
    let published_at = Timestamp::from_millisecond(now).unwrap_or_default();
    let place = place.clone();
    let notification = Notification { id: id.clone(), topic, place, published_at, message };
    let sql = "INSERT INTO delivery (message_id, topic, subscription, state, attempts, due_ms)
        VALUES (?1, ?2, ?3, 'waiting', ?4, ?5)";
    let mut statement = transaction.prepare_cached(sql)?;
    let mut taken = Vec::new();
    for subscription in subscriptions {
        let lane = Lane { topic: notification.topic.clone(), subscription: subscription.clone() };
        let ahead = if is_fifo(&lane.topic) { due_ahead(transaction, &lane)? } else { None };
        let (attempts, due) = ahead.map_or((1, now + milliseconds(LEASE)), |due| (0, due));
        let values = params![id, notification.topic, subscription, attempts, due];
        let sequence = statement.insert(values)?;
        if ahead.is_some() {
            continue;
        }
        let (subscription, notification) = (subscription.clone(), notification.clone());
        taken.push(Taken { sequence, subscription, attempts: 1, notification });
    }
    Ok((id, taken))
}

pub(super) fn new_id(transaction: &Transaction<'_>) -> rusqlite::Result<String> {
    let sql = "SELECT lower(hex(randomblob(16)))";
    let random: String = transaction.query_row(sql, [], |row| row.get(0))?;
    let parts = [&random[..8], &random[8..12], &random[12..16], &random[16..20], &random[20..]];
    Ok(parts.join("-"))
}

/// A subscription that something waits for.
#[derive(Clone)]
pub(super) struct Lane {
    pub(super) topic: String,
    pub(super) subscription: String,
}

pub(super) fn is_fifo(topic: &str) -> bool {
    topic.ends_with(FIFO_SUFFIX)
}

/// When the last of those is due that wait in a lane.
fn due_ahead(transaction: &Transaction<'_>, lane: &Lane) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT max(due_ms) FROM delivery WHERE state = 'waiting' AND topic = ?1 AND subscription = ?2";
    let Lane { topic, subscription } = lane;
    transaction.prepare_cached(sql)?.query_row(params![topic, subscription], |row| row.get(0))
}

/// Lets those who wait behind a delivery be due when it says.
pub(super) fn set_due_behind(
    transaction: &Transaction<'_>,
    lane: &Lane,
    sequence: i64,
    due: i64,
) -> rusqlite::Result<usize> {
    let sql = "UPDATE delivery SET due_ms = ?1 WHERE state = 'waiting' AND topic = ?2 AND subscription = ?3 AND sequence > ?4";
    let Lane { topic, subscription } = lane;
    transaction.prepare_cached(sql)?.execute(params![due, topic, subscription, sequence])
}

/// Those with a delivery that is due.
pub(super) fn lanes(transaction: &Transaction<'_>, now: i64) -> rusqlite::Result<Vec<Lane>> {
    let sql = "SELECT DISTINCT topic, subscription FROM delivery WHERE state = 'waiting' AND due_ms <= ?1";
    let mut statement = transaction.prepare_cached(sql)?;
    let lanes = statement
        .query_map([now], |row| Ok(Lane { topic: row.get(0)?, subscription: row.get(1)? }))?;
    lanes.collect()
}

/// Removes some of the old messages that wait for nobody, with their deliveries.
pub(super) fn forget(transaction: &Transaction<'_>, now: i64) -> rusqlite::Result<()> {
    let sql = "SELECT id FROM message WHERE published_ms < ?1
        AND NOT EXISTS (SELECT 1 FROM delivery WHERE message_id = id AND state = 'waiting') LIMIT ?2";
    let mut statement = transaction.prepare_cached(sql)?;
    let before = now - milliseconds(RETENTION);
    let old = statement.query_map(params![before, FORGOTTEN_MAX], |row| row.get::<_, String>(0))?;
    for id in old.collect::<Result<Vec<_>, _>>()? {
        transaction.execute("DELETE FROM delivery WHERE message_id = ?1", [&id])?;
        transaction.execute("DELETE FROM message WHERE id = ?1", [&id])?;
    }
    Ok(())
}

pub(super) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
