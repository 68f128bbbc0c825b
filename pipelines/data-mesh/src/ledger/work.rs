//! Accesses that are taken on, with the messages that asked for them, until they are settled.
//!
//! A batch is kept from before it is worked on until after its messages are deleted: after a crash it is handed out
//! again, without waiting for the messages to become visible.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use stepwell_integrations::sqs::{Message, Receipt};

use super::{Error, Ledger};
use crate::event::Cause;

/// An access that has to be examined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its id.
    pub access: String,
    /// Why.
    #[serde(flatten)]
    pub cause: Cause,
}

/// Where a batch comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Messages of the queue.
    Queue,
    /// A survey of everything, or a plan.
    Survey,
}

impl Source {
    fn text(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Survey => "survey",
        }
    }
}

/// Accesses that are worked on together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Names it.
    pub id: String,
    /// What is in it, each access once.
    pub items: Vec<Item>,
    /// What asked for it; none for a survey.
    pub messages: Vec<Message>,
}

impl Ledger {
    /// Keeps a batch. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn add_batch(&self, run: &str, source: Source, batch: Batch) -> Result<(), Error> {
        let run = run.to_owned();
        self.change(move |connection| add(connection, &run, source, &batch)).await
    }

    /// The oldest unsettled batch: of this run, or one of the queue that any run left.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn next_batch(&self, run: &str, with_queue: bool) -> Result<Option<Batch>, Error> {
        let run = run.to_owned();
        self.read(move |connection| {
            let sql = "SELECT id FROM batch WHERE (source = 'survey' AND run = ?1) OR (source = 'queue' AND ?2)
                       ORDER BY position LIMIT 1";
            let id = connection.query_row(sql, params![run, with_queue], |row| row.get(0)).optional()?;
            id.map(|id: String| read(connection, id)).transpose()
        })
        .await
    }

    /// A batch; empty if it is settled.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn batch(&self, id: &str) -> Result<Batch, Error> {
        let id = id.to_owned();
        self.read(move |connection| read(connection, id)).await
    }

    /// Counts a failed attempt on an access, once for each batch; returns how many there were.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn count_attempt(&self, access: &str, batch: &str) -> Result<u32, Error> {
        let (access, batch) = (access.to_owned(), batch.to_owned());
        self.change(move |connection| {
            let sql = "INSERT INTO access (id, attempts, counted_in) VALUES (?1, 1, ?2)
                ON CONFLICT (id) DO UPDATE SET
                    attempts = attempts + (counted_in IS NOT excluded.counted_in), counted_in = excluded.counted_in
                RETURNING attempts";
            connection.query_row(sql, params![access, batch], |row| row.get(0))
        })
        .await
    }

    /// Forgets a batch and its messages; the attempts on these accesses begin anew.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn settle(&self, batch: &str, come_to_an_end: Vec<String>) -> Result<(), Error> {
        let batch = batch.to_owned();
        self.change(move |connection| {
            let sql =
                "UPDATE access SET attempts = 0, counted_in = NULL WHERE id = ?1 AND attempts > 0";
            let mut clear = connection.prepare_cached(sql)?;
            for access in come_to_an_end {
                clear.execute([access])?;
            }
            forget(connection, &batch)
        })
        .await
    }

    /// Replaces the unfinished surveys of all runs by this one, and remembers that this run has surveyed everything.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn add_survey(&self, run: &str, batches: Vec<Batch>) -> Result<(), Error> {
        let run = run.to_owned();
        self.change(move |connection| {
            let mut others = connection.prepare("SELECT id FROM batch WHERE source = 'survey'")?;
            let others: Vec<String> =
                others.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            others.iter().try_for_each(|id| forget(connection, id))?;
            batches.iter().try_for_each(|batch| add(connection, &run, Source::Survey, batch))?;
            connection.execute("UPDATE cursor SET surveyed_by = ?1", [&run]).map(drop)
        })
        .await
    }
}

fn add(connection: &Connection, run: &str, source: Source, batch: &Batch) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO batch (id, run, source) VALUES (?1, ?2, ?3)";
    connection.execute(sql, params![batch.id, run, source.text()])?;
    let mut work =
        connection.prepare_cached("INSERT OR IGNORE INTO work VALUES (?1, ?2, ?3, ?4)")?;
    for Item { access, cause } in &batch.items {
        work.execute(params![batch.id, access, cause.event, cause.kind])?;
    }
    let sql = "INSERT OR IGNORE INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let mut message = connection.prepare_cached(sql)?;
    for it in &batch.messages {
        let sent_at = it.sent_at.to_string();
        message.execute(params![
            batch.id,
            it.receipt.as_str(),
            it.id,
            it.group,
            it.deduplication_id,
            it.body,
            it.receive_count,
            sent_at
        ])?;
    }
    Ok(())
}

fn read(connection: &Connection, id: String) -> rusqlite::Result<Batch> {
    let sql = "SELECT access, event, kind FROM work WHERE batch = ?1 ORDER BY access";
    let items = connection
        .prepare_cached(sql)?
        .query_map([&id], |row| {
            let cause = Cause { event: row.get(1)?, kind: row.get(2)? };
            Ok(Item { access: row.get(0)?, cause })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let sql = "SELECT id, group_id, deduplication_id, body, receive_count, sent_at, receipt
               FROM message WHERE batch = ?1 ORDER BY receipt";
    let messages = connection
        .prepare_cached(sql)?
        .query_map([&id], |row| {
            Ok(Message {
                id: row.get(0)?,
                group: row.get(1)?,
                deduplication_id: row.get(2)?,
                body: row.get(3)?,
                receive_count: row.get(4)?,
                sent_at: row.get::<_, String>(5)?.parse().unwrap_or_default(),
                receipt: Receipt::from(row.get::<_, String>(6)?),
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Batch { id, items, messages })
}

fn forget(connection: &Connection, batch: &str) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM work WHERE batch = ?1",
        "DELETE FROM message WHERE batch = ?1",
        "DELETE FROM batch WHERE id = ?1",
    ] {
        connection.execute(sql, [batch])?;
    }
    Ok(())
}
