//! Where the feed was read up to.

use rusqlite::{OptionalExtension, params};

use super::{Error, Ledger};
use crate::feed::Place;

/// Where the feed was read up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Events behind it are still to be read; at the beginning: all that the feed has.
    pub place: Place,
    /// Grows with every write.
    pub version: i64,
    /// Whether the place was ever chosen: before, the feed says nothing about what was before us.
    pub is_anchored: bool,
    /// Why everything has to be examined first.
    pub reconcile: Option<String>,
}

impl Ledger {
    /// The cursor.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn cursor(&self) -> Result<Cursor, Error> {
        self.read(|connection| {
            let sql =
                "SELECT last_event_id, event_id_before, version, anchored, reconcile FROM cursor";
            connection.query_row(sql, [], |row| {
                Ok(Cursor {
                    place: Place { last: row.get(0)?, before: row.get(1)? },
                    version: row.get(2)?,
                    is_anchored: row.get(3)?,
                    reconcile: row.get(4)?,
                })
            })
        })
        .await
    }

    /// Moves the cursor on from `version`. False if somebody else has moved it: nothing changes then.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn advance(&self, version: i64, place: &Place) -> Result<bool, Error> {
        let Place { last, before } = place.clone();
        self.change(move |connection| {
            let sql =
                "UPDATE cursor SET last_event_id = ?2, event_id_before = ?3, version = version + 1
                       WHERE version = ?1";
            Ok(connection.execute(sql, params![version, last, before])? == 1)
        })
        .await
    }

    /// Puts the cursor to the newest event, and asks for a reconcile before any event counts.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn anchor(&self, newest: &Place, reason: &str) -> Result<(), Error> {
        let (Place { last, before }, reason) = (newest.clone(), reason.to_owned());
        self.change(move |connection| {
            let sql =
                "UPDATE cursor SET last_event_id = ?1, event_id_before = ?2, version = version + 1,
                       anchored = 1, reconcile = ?3, surveyed_by = NULL";
            connection.execute(sql, params![last, before, reason]).map(drop)
        })
        .await
    }

    /// The reconcile that was asked for is done, if this run surveyed everything.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn finish_reconcile(&self, run: &str) -> Result<(), Error> {
        let run = run.to_owned();
        self.change(move |connection| {
            let sql =
                "UPDATE cursor SET reconcile = NULL, surveyed_by = NULL WHERE surveyed_by = ?1";
            connection.execute(sql, [run]).map(drop)
        })
        .await
    }

    /// Whether this run has surveyed everything.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn is_surveyed_by(&self, run: &str) -> Result<bool, Error> {
        let run = run.to_owned();
        self.read(move |connection| {
            let sql = "SELECT 1 FROM cursor WHERE surveyed_by = ?1";
            Ok(connection.query_row(sql, [run], |_| Ok(())).optional()?.is_some())
        })
        .await
    }
}
