//! What the tasks did to the world, next to what the histories say.
//!
//! An effect is known by the ARN of its execution, `#`, and what is unique in it. The test function writes one row for
//! each, under the idempotency key of the invocation; functions that run as processes, topics, rules and the states that
//! send messages leave it as a message of one queue; others leave an object or an item that is named so.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::history::Ending;
use super::queue::EFFECTS;
use super::stores;
use crate::sfn::Client;

/// The table's file in the project folder.
pub(super) const FILE: &str = "effects.db";

/// What is delivered later, or again after a failure, has arrived after so long. A function that fails when it is called
/// without being waited for is called again after one minute, and after two more.
const ARRIVAL_MAX: Duration = Duration::from_mins(4);

/// Every effect, by execution.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Execution ARN to its effects.
    written: BTreeMap<String, BTreeSet<String>>,
    /// ARN of an Express execution to how often it had an effect.
    express: BTreeMap<String, u64>,
    redelivered: u64,
}

impl Effects {
    /// Reads the table, and the queue until everything that these executions must have done is there.
    pub(super) fn read(folder: &Path, client: &mut Client, endings: &[&Ending]) -> Result<Self> {
        let mut effects = Self::default();
        for (key, deliveries) in table(folder)? {
            effects.add(&key, deliveries).with_context(|| format!("`{key}` is no effect"))?;
        }
        for key in [stores::objects(client)?, stores::items(client)?].concat() {
            effects.add(&key, 1).with_context(|| format!("`{key}` is no effect"))?;
        }
        let since = Instant::now();
        loop {
            let received = effects.receive(client)?;
            let is_complete = || endings.iter().all(|ending| effects.missing(ending).is_empty());
            if received == 0 && (since.elapsed() > ARRIVAL_MAX || is_complete()) {
                return Ok(effects);
            }
        }
    }

    fn receive(&mut self, client: &mut Client) -> Result<usize> {
        let messages = EFFECTS.receive(client, 10)?;
        for message in &messages {
            let key = key(&message.body);
            self.add(&key, 1).with_context(|| format!("`{}` is no effect", message.body))?;
            EFFECTS.delete(client, message)?;
        }
        Ok(messages.len())
    }

    pub(super) fn add(&mut self, key: &str, deliveries: u64) -> Option<()> {
        let (arn, effect) = key.split_once('#')?;
        if arn.contains(":express:") {
            *self.express.entry(arn.to_owned()).or_default() += deliveries;
            return Some(());
        }
        let is_new = self.written.entry(arn.to_owned()).or_default().insert(effect.to_owned());
        self.redelivered += deliveries - u64::from(is_new);
        Some(())
    }

    /// Effects that came again: at least once is the promise.
    pub(super) fn redelivered(&self) -> u64 {
        self.redelivered
    }

    /// How often each Express execution had an effect.
    pub(super) fn express(&self) -> &BTreeMap<String, u64> {
        &self.express
    }

    fn missing(&self, ending: &Ending) -> BTreeSet<String> {
        let none = BTreeSet::new();
        let written = self.written.get(&ending.arn).unwrap_or(&none);
        ending.effects().difference(written).cloned().collect()
    }

    /// Tasks in the history without an effect, and effects of tasks that the history does not know: those would have
    /// been performed before they were committed.
    pub(super) fn problems(&self, ending: &Ending) -> Vec<String> {
        if !ending.has_history {
            let is_there = self.written.contains_key(&ending.arn);
            return if is_there { Vec::new() } else { vec!["it has no effect".to_owned()] };
        }
        let scheduled = ending.effects();
        let missing = self.missing(ending);
        let missing = missing.iter().map(|id| format!("the effect {id} of a task is missing"));
        let written = self.written.get(&ending.arn).into_iter().flatten();
        let unknown = written.filter(|id| !scheduled.contains(*id));
        missing.chain(unknown.map(|id| format!("no task was to have the effect {id}"))).collect()
    }

    /// Effects of executions that nobody started.
    pub(super) fn of_nobody(&self, endings: &[&Ending]) -> Vec<String> {
        let known: BTreeSet<_> = endings.iter().map(|ending| &ending.arn).collect();
        let unknown = self.written.keys().filter(|arn| !known.contains(arn));
        unknown.map(|arn| format!("effects of `{arn}`, which nobody started")).collect()
    }
}

/// Reads the table `effects (key TEXT PRIMARY KEY, value, deliveries INTEGER)`.
pub(super) fn table(folder: &Path) -> Result<Vec<(String, u64)>> {
    let file = Connection::open_with_flags(folder.join(FILE), OpenFlags::SQLITE_OPEN_READ_ONLY)
        .context("the tasks wrote no table")?;
    let mut rows = file.prepare("SELECT key, deliveries FROM effects")?;
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The effect in a message: its body, or the detail of an event in it.
fn key(body: &str) -> String {
    let event: Value = serde_json::from_str(body).unwrap_or_default();
    event["detail"]["effect"].as_str().unwrap_or(body).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_delivery_is_counted_and_no_second_effect() {
        let mut effects = Effects::default();
        effects.add("arn:x#7", 3).unwrap();
        effects.add("arn:x#7", 1).unwrap();
        assert_eq!(effects.redelivered(), 3);
        assert_eq!(effects.written["arn:x"], BTreeSet::from(["7".to_owned()]));
    }

    #[test]
    fn an_effect_is_found_in_an_event_and_by_itself() {
        assert_eq!(key("arn:x#A/0"), "arn:x#A/0");
        assert_eq!(key(r#"{"source": "torture", "detail": {"effect": "arn:x#A/0"}}"#), "arn:x#A/0");
    }
}
