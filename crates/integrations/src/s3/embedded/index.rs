//! What is kept beside the folders: when buckets were made, what was said of objects, and uploads that are not complete.
//!
//! An object's attributes belong to one file, by its [`identity`](super::names::identity). They are written before the file gets
//! its name: whoever finds the file finds them, and a file that somebody else put in its place has none.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::attributes::Attributes;
use super::checksum::{Algorithm, Checksum, Kind};
use crate::sqlite::Format;

/// The name begins with what no bucket begins with.
pub(super) const FILE: &str = ".objects.db";

pub(super) const FORMAT: Format = Format {
    name: "a file about objects",
    application_id: 0x5357_4f31, // "SWO1"
    migrations: &["
        CREATE TABLE bucket (
            name TEXT PRIMARY KEY,
            created_at TEXT NOT NULL,
            location TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE object (
            bucket TEXT NOT NULL,
            key TEXT NOT NULL,
            identity TEXT NOT NULL,
            attributes TEXT NOT NULL,
            PRIMARY KEY (bucket, key, identity)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE upload (
            id TEXT PRIMARY KEY,
            bucket TEXT NOT NULL,
            key TEXT NOT NULL,
            upload TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE part (
            upload_id TEXT NOT NULL REFERENCES upload (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            part TEXT NOT NULL,
            PRIMARY KEY (upload_id, number)
        ) STRICT, WITHOUT ROWID;
    "],
};

/// An upload in parts.
#[derive(Debug, Clone, Serialize, serde::Deserialize)]
pub(super) struct Upload {
    pub(super) initiated: Timestamp,
    /// Of the object that will be.
    pub(super) attributes: Attributes,
    /// Of the object that will be.
    pub(super) checksum: Option<(Algorithm, Kind)>,
}

/// A part that is on disk.
#[derive(Debug, Clone, Serialize, serde::Deserialize)]
pub(super) struct Part {
    /// The name of its file.
    pub(super) file: String,
    pub(super) size: u64,
    /// In hexadecimal digits.
    pub(super) md5: String,
    pub(super) checksum: Option<Checksum>,
    pub(super) last_modified: Timestamp,
}

type Sql<T> = rusqlite::Result<T>;

/// The creation of a bucket and where it is: `2026-03-01T09:00:00Z` and `eu-central-1`.
pub(super) fn bucket(
    transaction: &Transaction<'_>,
    name: &str,
) -> Sql<Option<(Timestamp, String)>> {
    let sql = "SELECT created_at, location FROM bucket WHERE name = ?1";
    let read = |row: &rusqlite::Row<'_>| {
        Ok((row.get::<_, String>(0)?.parse().unwrap_or_default(), row.get(1)?))
    };
    transaction.prepare_cached(sql)?.query_row([name], read).optional()
}

pub(super) fn add_bucket(
    transaction: &Transaction<'_>,
    name: &str,
    created_at: Timestamp,
    location: &str,
) -> Sql<()> {
    let sql = "INSERT OR REPLACE INTO bucket VALUES (?1, ?2, ?3)";
    transaction.execute(sql, params![name, created_at.to_string(), location]).map(drop)
}

pub(super) fn remove_bucket(transaction: &Transaction<'_>, name: &str) -> Sql<()> {
    transaction.execute("DELETE FROM object WHERE bucket = ?1", [name])?;
    transaction.execute("DELETE FROM bucket WHERE name = ?1", [name]).map(drop)
}

/// What is known of the file that an object is.
pub(super) fn attributes(
    transaction: &Transaction<'_>,
    bucket: &str,
    key: &str,
    identity: &str,
) -> Sql<Option<Attributes>> {
    let sql = "SELECT attributes FROM object WHERE bucket = ?1 AND key = ?2 AND identity = ?3";
    let mut statement = transaction.prepare_cached(sql)?;
    statement.query_row([bucket, key, identity], json_column).optional()
}

/// Adds what is known of a file, and forgets what was of files but this one and the one that is there now.
pub(super) fn add_attributes(
    transaction: &Transaction<'_>,
    bucket: &str,
    key: &str,
    identities: (&str, Option<&str>),
    attributes: &Attributes,
) -> Sql<()> {
    let (new, now) = identities;
    let sql = "DELETE FROM object WHERE bucket = ?1 AND key = ?2 AND identity <> ?3";
    transaction.execute(sql, params![bucket, key, now.unwrap_or_default()])?;
    let sql = "INSERT OR REPLACE INTO object VALUES (?1, ?2, ?3, ?4)";
    transaction.execute(sql, params![bucket, key, new, text(attributes)]).map(drop)
}

pub(super) fn remove_attributes(transaction: &Transaction<'_>, bucket: &str, key: &str) -> Sql<()> {
    let sql = "DELETE FROM object WHERE bucket = ?1 AND key = ?2";
    transaction.execute(sql, [bucket, key]).map(drop)
}

pub(super) fn add_upload(
    transaction: &Transaction<'_>,
    id: &str,
    at: (&str, &str),
    upload: &Upload,
) -> Sql<()> {
    let sql = "INSERT INTO upload VALUES (?1, ?2, ?3, ?4)";
    transaction.execute(sql, params![id, at.0, at.1, text(upload)]).map(drop)
}

pub(super) fn upload(
    transaction: &Transaction<'_>,
    id: &str,
    at: (&str, &str),
) -> Sql<Option<Upload>> {
    let sql = "SELECT upload FROM upload WHERE id = ?1 AND bucket = ?2 AND key = ?3";
    transaction.prepare_cached(sql)?.query_row([id, at.0, at.1], json_column).optional()
}

/// Those of a bucket, by key: key, id, upload.
pub(super) fn uploads(
    transaction: &Transaction<'_>,
    bucket: &str,
) -> Sql<Vec<(String, String, Upload)>> {
    let sql = "SELECT upload, key, id FROM upload WHERE bucket = ?1 ORDER BY key, id";
    let mut statement = transaction.prepare_cached(sql)?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(1)?, row.get(2)?, json_column(row)?));
    statement.query_map([bucket], read)?.collect()
}

pub(super) fn remove_upload(transaction: &Transaction<'_>, id: &str) -> Sql<()> {
    transaction.execute("DELETE FROM part WHERE upload_id = ?1", [id])?;
    transaction.execute("DELETE FROM upload WHERE id = ?1", [id]).map(drop)
}

pub(super) fn add_part(
    transaction: &Transaction<'_>,
    upload_id: &str,
    number: u64,
    part: &Part,
) -> Sql<()> {
    let sql = "INSERT OR REPLACE INTO part VALUES (?1, ?2, ?3)";
    transaction.execute(sql, params![upload_id, number, text(part)]).map(drop)
}

/// By number.
pub(super) fn parts(transaction: &Transaction<'_>, upload_id: &str) -> Sql<Vec<(u64, Part)>> {
    let sql = "SELECT part, number FROM part WHERE upload_id = ?1 ORDER BY number";
    let mut statement = transaction.prepare_cached(sql)?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(1)?, json_column(row)?));
    statement.query_map([upload_id], read)?.collect()
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("what is kept is plain data with text keys")
}

/// The first column of a row.
fn json_column<T: DeserializeOwned>(row: &rusqlite::Row<'_>) -> Sql<T> {
    serde_json::from_str(row.get_ref(0)?.as_str()?).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into())
    })
}
