//! How many children a Map run has in each status, kept beside them.
//!
//! A Map run may have millions of children, and a start of the engine, or whoever looks at it, must know their counts. They
//! change in the transaction that changes the children, once for all turns in it, so that the two always agree.

use std::collections::BTreeMap;

use rusqlite::{Transaction, params};

use super::rows::{ChildRow, ExecutionId, MapRunId, Turn};
use crate::record::Status;

/// What the turns of one transaction change of the counts.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<(MapRunId, u32, &'static str), Change>);

#[derive(Debug, Default)]
struct Change {
    executions: i64,
    items: i64,
}

impl Tally {
    /// Counts a turn, before it is written.
    pub(super) fn count(
        &mut self,
        transaction: &Transaction<'_>,
        turn: &Turn,
    ) -> rusqlite::Result<()> {
        let Some(child) = &turn.child else { return Ok(()) };
        let after = turn.standing.status;
        if turn.redrive.is_some() {
            let (attempt, status) = before(transaction, turn.execution)?;
            self.add(&ChildRow { attempt, ..*child }, status, -1);
        } else if turn.birth.is_none() {
            if after.is_running() {
                return Ok(());
            }
            self.add(child, Status::Running, -1);
        }
        self.add(child, after, 1);
        Ok(())
    }

    fn add(&mut self, child: &ChildRow, status: Status, sign: i64) {
        let key = (child.map_run, child.attempt, status.as_str());
        let change = self.0.entry(key).or_default();
        change.executions += sign;
        change.items += sign * child.items.cast_signed();
    }

    /// Brings the counts up to date.
    pub(super) fn write(self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        for ((map_run, attempt, status), Change { executions, items }) in self.0 {
            if executions == 0 && items == 0 {
                continue;
            }
            transaction
                .prepare_cached(
                    "INSERT INTO child_count (map_run, attempt, status, executions, items)
                     VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT DO UPDATE SET executions = executions + excluded.executions,
                         items = items + excluded.items",
                )?
                .execute(params![map_run, attempt, status, executions, items])?;
        }
        Ok(())
    }
}

/// The attempt and the status that a child had when it was redriven.
fn before(transaction: &Transaction<'_>, child: ExecutionId) -> rusqlite::Result<(u32, Status)> {
    transaction
        .prepare_cached("SELECT map_attempt, status FROM execution WHERE id = ?1")?
        .query_row([child.0], |row| Ok((row.get(0)?, super::archive::status(row, 1)?)))
}
