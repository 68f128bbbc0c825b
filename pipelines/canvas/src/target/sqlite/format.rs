//! stepwell's own tables in the file, and the format that they have.
//!
//! | The file | What is done |
//! | --- | --- |
//! | has none of our tables | they are made |
//! | has tables of an earlier format, or from before formats were numbered | what was staged is begun anew; what was published stays |
//! | has our format | nothing |
//! | has a later format | refused: only a later stepwell knows what it means |

use rusqlite::{Connection, OptionalExtension};

use super::{TargetError, table_exists};

/// Raised with every change of the tables below, or of what is kept in them, that an earlier stepwell would
/// misread. No number is ever used again.
const FORMAT: i64 = 2;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS stepwell_format (format INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS stepwell_tables (
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  cursor TEXT NOT NULL,
  schema_version INTEGER NOT NULL,
  receipt TEXT NOT NULL,
  PRIMARY KEY (namespace, name));
CREATE TABLE IF NOT EXISTS stepwell_loads (
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  staged TEXT NOT NULL,
  token TEXT NOT NULL,
  PRIMARY KEY (namespace, name));
CREATE TABLE IF NOT EXISTS stepwell_altered_values (
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  job_id TEXT NOT NULL,
  row_key TEXT NOT NULL,
  column_name TEXT NOT NULL,
  reason TEXT NOT NULL,
  original BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS stepwell_altered_values_row
  ON stepwell_altered_values (namespace, name, row_key);
CREATE TABLE IF NOT EXISTS stepwell_proofs (
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  read_back TEXT,
  restarts INTEGER NOT NULL,
  PRIMARY KEY (namespace, name));";

/// Brings the tables to our format, unless they have a later one.
pub(super) fn prepare(connection: &mut Connection) -> rusqlite::Result<Result<(), Later>> {
    let found = read(connection)?;
    if found == Some(FORMAT) {
        return Ok(Ok(()));
    }
    if let Some(found) = found.filter(|found| *found > FORMAT) {
        return Ok(Err(Later(found)));
    }
    let transaction = connection.transaction()?;
    // Progress alone: what it tells of is delivered again.
    transaction.execute_batch("DROP TABLE IF EXISTS stepwell_loads")?;
    transaction.execute_batch(TABLES)?;
    transaction.execute("DELETE FROM stepwell_format", [])?;
    transaction.execute("INSERT INTO stepwell_format VALUES (?1)", [FORMAT])?;
    transaction.commit()?;
    Ok(Ok(()))
}

fn read(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    if !table_exists(connection, "stepwell_format")? {
        return Ok(None);
    }
    connection.query_row("SELECT format FROM stepwell_format", [], |row| row.get(0)).optional()
}

/// A format that only a later stepwell knows.
#[derive(Debug)]
pub(super) struct Later(i64);

impl Later {
    pub(super) fn refuse(&self, place: &str) -> TargetError {
        TargetError::Config(format!(
            "`{place}` has state tables of format {}, and this stepwell knows formats up to {FORMAT}; use the later \
             stepwell that wrote them, or another file",
            self.0
        ))
    }
}
