//! Reading a whole table back in pieces, while others may write to it.
//!
//! While a table is read, three triggers watch over it: whatever touches a row takes away what was read so far, and
//! reading begins anew. Whoever opens the file runs them, be it stepwell or not. What they cannot see, a `VACUUM`
//! that numbers the rows afresh, shows in the row where the next piece begins. A table that is never left alone for so
//! long is read at once in the end.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::layout::table_name;
use super::prove::digest;
use super::{Database, values};
use crate::rows::digest::RowHasher;
use crate::schema::Column;
use crate::target::evidence::{Evidence, ReadBack};
use crate::target::quote::{quote, quote_all};
use crate::target::staged::Receipt;
use crate::target::{Slice, TableName, TargetError};

/// Rows that are read in one piece: few at first, so that the shortest slice gets ahead, then twice as many each
/// time.
const ROWS_FIRST: i64 = 500;
const ROWS_MAX: i64 = 64_000;

const WATCHED: [&str; 3] = ["INSERT", "UPDATE", "DELETE"];

/// How far the table was read in this slice.
pub(super) enum Reading {
    Whole(Evidence),
    Paused(ReadBack),
}

/// Reads all of a table. A small one is read at once, and nobody needs to watch over it.
pub(super) async fn read(
    database: &Database,
    table: &TableName,
    receipt: &Receipt,
    slice: &Slice,
) -> Result<Reading, TargetError> {
    let pieces = Pieces { table: table.clone(), receipt: receipt.clone() };
    let mut reached = match pieces.resume(database).await? {
        Some(reached) => reached,
        None => match pieces.read(database, ReadBack::default(), ROWS_FIRST).await? {
            Piece::Last(found) => return Ok(Reading::Whole(found.into_evidence(receipt))),
            Piece::More(_) | Piece::Moved => pieces.watch(database, ReadBack::default()).await?,
        },
    };
    let mut rows = ROWS_FIRST;
    loop {
        if reached.is_at_once() {
            return pieces.read_at_once(database).await;
        }
        let restarts = reached.restarts;
        let kept = match pieces.read(database, reached, rows).await? {
            Piece::Last(found) if pieces.end(database).await? => {
                return Ok(Reading::Whole(found.into_evidence(receipt)));
            }
            Piece::More(found) if !slice.is_over() => Some(found),
            Piece::More(found) if pieces.keep(database, found.clone()).await? => {
                return Ok(Reading::Paused(found));
            }
            Piece::Last(_) | Piece::More(_) | Piece::Moved => None,
        };
        rows = (2 * rows).min(ROWS_MAX);
        reached = match kept {
            Some(found) => found,
            None => pieces.watch_again(database, restarts).await?,
        };
    }
}

/// What came of reading a piece.
enum Piece {
    More(ReadBack),
    Last(ReadBack),
    /// The row to go on from is another one now.
    Moved,
}

#[derive(Clone)]
struct Pieces {
    table: TableName,
    receipt: Receipt,
}

impl Pieces {
    async fn read(
        &self,
        database: &Database,
        reached: ReadBack,
        rows: i64,
    ) -> Result<Piece, TargetError> {
        let this = self.clone();
        let work = move |connection: &mut Connection| {
            read_piece(connection, &this.table, &this.receipt.columns, reached, rows)
        };
        database.run("the proof", work).await
    }

    /// What an earlier slice has read. Broken off is a proof that found the table changed, too.
    async fn resume(&self, database: &Database) -> Result<Option<ReadBack>, TargetError> {
        let table = self.table.clone();
        let kept = database.run("the proof", move |it| kept(it, &table)).await?;
        match kept {
            None => Ok(None),
            Some((Some(reached), _)) => Ok(Some(reached)),
            Some((None, restarts)) => self.watch_again(database, restarts).await.map(Some),
        }
    }

    async fn watch_again(
        &self,
        database: &Database,
        restarts: u32,
    ) -> Result<ReadBack, TargetError> {
        self.watch(database, ReadBack::restarted(&self.table, restarts)).await
    }

    /// All of the table in one statement, which sees what is there when it begins.
    async fn read_at_once(&self, database: &Database) -> Result<Reading, TargetError> {
        let this = self.clone();
        let work = move |connection: &mut Connection| {
            let from = format!("{} AS t", quote(&table_name(&this.table)));
            let found = digest(connection, &this.receipt.columns, &from, params![])?;
            forget(connection, &this.table)?;
            Ok(Reading::Whole(
                ReadBack { found, ..ReadBack::default() }.into_evidence(&this.receipt),
            ))
        };
        database.run("the proof", work).await
    }

    /// From now on, nothing happens to the table unseen.
    async fn watch(&self, database: &Database, fresh: ReadBack) -> Result<ReadBack, TargetError> {
        let table = self.table.clone();
        let work = move |connection: &mut Connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            forget(&transaction, &table)?;
            transaction.execute_batch(&create_triggers(&table))?;
            transaction.execute(
                "INSERT INTO stepwell_proofs VALUES (?1, ?2, ?3, ?4)",
                params![table.namespace, table.table, to_json(&fresh), fresh.restarts],
            )?;
            transaction.commit()?;
            Ok(fresh)
        };
        database.run("the proof", work).await
    }

    /// Keeps how far the table was read. False if somebody changed it meanwhile.
    async fn keep(&self, database: &Database, reached: ReadBack) -> Result<bool, TargetError> {
        let table = self.table.clone();
        let work = move |connection: &mut Connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let unchanged = is_unchanged(&transaction, &table)?;
            if unchanged {
                transaction.execute(
                    "UPDATE stepwell_proofs SET read_back = ?3 WHERE namespace = ?1 AND name = ?2",
                    params![table.namespace, table.table, to_json(&reached)],
                )?;
            }
            transaction.commit()?;
            Ok(unchanged)
        };
        database.run("the proof", work).await
    }

    /// All was read: nobody needs to watch any more. False if somebody changed the table meanwhile.
    async fn end(&self, database: &Database) -> Result<bool, TargetError> {
        let table = self.table.clone();
        let work = move |connection: &mut Connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let unchanged = is_unchanged(&transaction, &table)?;
            if unchanged {
                forget(&transaction, &table)?;
            }
            transaction.commit()?;
            Ok(unchanged)
        };
        database.run("the proof", work).await
    }
}

/// Reads some rows from where the last piece ended, whose last row must still be the same.
fn read_piece(
    connection: &Connection,
    table: &TableName,
    columns: &[Column],
    mut reached: ReadBack,
    rows: i64,
) -> rusqlite::Result<Piece> {
    let names = quote_all("t.", columns.iter().map(|it| it.name.as_str()));
    let sql = format!(
        "SELECT t._rowid_, {names} FROM {} AS t WHERE t._rowid_ >= ?1 ORDER BY t._rowid_ LIMIT ?2",
        quote(&table_name(table))
    );
    let mut statement = connection.prepare(&sql)?;
    let begin = if reached.seal.is_none() { i64::MIN } else { reached.next };
    let mut found = statement.query(params![begin, rows])?;
    let mut hasher = RowHasher::new(columns.iter().filter(|it| it.key).count());
    let mut count = 0;
    let mut first_is_known = reached.seal.is_some();
    while let Some(row) = found.next()? {
        for (index, column) in columns.iter().enumerate() {
            hasher.value(&values::read(column, row.get_ref(index + 1)?));
        }
        let hash = hasher.finish();
        let seal = Some(format!("{:016x}", hash.row));
        count += 1;
        if std::mem::take(&mut first_is_known) {
            if seal != reached.seal || reached.next != row.get::<_, i64>(0)? {
                return Ok(Piece::Moved);
            }
            continue;
        }
        reached.found.add(hash);
        if count == rows {
            (reached.next, reached.seal) = (row.get(0)?, seal);
        }
    }
    Ok(match count {
        _ if first_is_known => Piece::Moved,
        count if count < rows => Piece::Last(reached),
        _ => Piece::More(reached),
    })
}

fn to_json(reached: &ReadBack) -> String {
    serde_json::to_string(reached).expect("plain data is JSON")
}

/// What is kept of a proof that is under way: how far it came, unless the table changed, and its restarts.
fn kept(
    connection: &Connection,
    table: &TableName,
) -> rusqlite::Result<Option<(Option<ReadBack>, u32)>> {
    let sql = "SELECT read_back, restarts FROM stepwell_proofs WHERE namespace = ?1 AND name = ?2";
    let read = |row: &rusqlite::Row<'_>| {
        let reached: Option<String> = row.get(0)?;
        Ok((reached.and_then(|it| serde_json::from_str(&it).ok()), row.get(1)?))
    };
    let kept = connection.query_row(sql, params![table.namespace, table.table], read).optional()?;
    let watched = count_triggers(connection, table)? == WATCHED.len();
    Ok(kept.map(|(reached, restarts)| (reached.filter(|_| watched), restarts)))
}

fn is_unchanged(connection: &Connection, table: &TableName) -> rusqlite::Result<bool> {
    Ok(matches!(kept(connection, table)?, Some((Some(_), _))))
}

/// Ends whatever proof of the table is under way.
pub(super) fn forget(connection: &Connection, table: &TableName) -> rusqlite::Result<()> {
    for event in WATCHED {
        let name = quote(&trigger_name(table, event));
        connection.execute_batch(&format!("DROP TRIGGER IF EXISTS {name}"))?;
    }
    let sql = "DELETE FROM stepwell_proofs WHERE namespace = ?1 AND name = ?2";
    connection.execute(sql, params![table.namespace, table.table])?;
    Ok(())
}

fn count_triggers(connection: &Connection, table: &TableName) -> rusqlite::Result<usize> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 \
               AND name IN (?2, ?3, ?4)";
    let [insert, update, delete] = WATCHED.map(|event| trigger_name(table, event));
    let count: i64 =
        connection
            .query_row(sql, params![table_name(table), insert, update, delete], |row| row.get(0))?;
    Ok(count as usize)
}

fn create_triggers(table: &TableName) -> String {
    let name = |text: &str| text.replace('\'', "''");
    let (namespace, bare) = (name(&table.namespace), name(&table.table));
    let create = |event| {
        format!(
            "CREATE TRIGGER {} AFTER {event} ON {} BEGIN \
             UPDATE stepwell_proofs SET read_back = NULL \
             WHERE namespace = '{namespace}' AND name = '{bare}' AND read_back IS NOT NULL; END;",
            quote(&trigger_name(table, event)),
            quote(&table_name(table))
        )
    };
    WATCHED.map(create).concat()
}

fn trigger_name(table: &TableName, event: &str) -> String {
    format!("stepwell_watch__{}__{}", table_name(table), event.to_lowercase())
}
