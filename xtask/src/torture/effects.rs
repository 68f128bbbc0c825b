//! What the tasks did to the world: the table that the test function writes, next to what the histories say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags};

use super::history::Ending;

/// The table's file in the project folder.
pub(super) const FILE: &str = "effects.db";

/// Every invocation of the test function, by execution.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Execution ARN to the scheduled events whose task wrote its row.
    written: BTreeMap<String, BTreeSet<u64>>,
    redelivered: u64,
}

impl Effects {
    /// Reads the table `effects (key TEXT PRIMARY KEY, value, deliveries INTEGER)`.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let file = Connection::open_with_flags(folder.join(FILE), OpenFlags::SQLITE_OPEN_READ_ONLY)
            .context("the tasks wrote no table")?;
        let mut rows = file.prepare("SELECT key, deliveries FROM effects")?;
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut effects = Self::default();
        for row in rows {
            let (key, deliveries): (String, u32) = row?;
            effects
                .add(&key, deliveries)
                .with_context(|| format!("`{key}` is no idempotency key"))?;
        }
        Ok(effects)
    }

    fn add(&mut self, key: &str, deliveries: u32) -> Option<()> {
        let (arn, scheduled) = key.rsplit_once('#')?;
        self.written.entry(arn.to_owned()).or_default().insert(scheduled.parse().ok()?);
        self.redelivered += u64::from(deliveries.saturating_sub(1));
        Some(())
    }

    /// Invocations that came again with the same key: at least once is the promise.
    pub(super) fn redelivered(&self) -> u64 {
        self.redelivered
    }

    /// Tasks in the history without an effect, and effects of tasks that the history does not know: those would have
    /// been performed before they were committed.
    pub(super) fn problems(&self, ending: &Ending) -> Vec<String> {
        let scheduled: BTreeSet<u64> = ending.scheduled_tasks().collect();
        let none = BTreeSet::new();
        let written = self.written.get(&ending.arn).unwrap_or(&none);
        let missing = scheduled
            .difference(written)
            .map(|id| format!("the task of event {id} left no effect"));
        let unknown = written
            .difference(&scheduled)
            .map(|id| format!("an effect of event {id}, which scheduled no task"));
        missing.chain(unknown).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_delivery_is_counted_and_no_second_effect() {
        let mut effects = Effects::default();
        effects.add("arn:x#7", 3).unwrap();
        assert_eq!(effects.redelivered(), 2);
        assert_eq!(effects.written["arn:x"], BTreeSet::from([7]));
    }
}
