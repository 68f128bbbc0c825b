//! A search in the streams of a group: a page of it looks at so many events and goes on behind them, whether one matched or not.
//!
//! ```text
//!   some streams:  one cursor for each, merged by time --\
//!   all of them:   one cursor in the order of the group --+--> matches? --> page | the place behind the last one looked at
//! ```

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Rows, Transaction, params};
use stepwell_aws_wire::ServiceError;

use super::events::{BYTES_MAX, Place, Stored};
use super::pattern::Pattern;
use super::{Group, Outcome, broken, invalid};

/// Events that a page looks at, and their bytes: AWS, too, gives pages with fewer events than it was asked for, or none.
pub(super) const SCANNED_MAX: usize = 10_000;
const SCANNED_BYTES_MAX: usize = 16 << 20;

/// Streams that a request names. Source: API reference, `FilterLogEvents`. As many that a prefix means are read beside each other.
const STREAMS_MAX: usize = 100;

const IN_GROUP: &str = "SELECT at_ms, log_event.id, log_event.ingested_ms, message, log_stream.name
    FROM log_event CROSS JOIN log_stream ON log_stream.id = log_event.log_stream
    WHERE log_event.log_group = ?1 AND (at_ms, log_event.id) > (?2, ?3)
    ORDER BY at_ms, log_event.id";

const IN_STREAM: &str =
    "SELECT at_ms, log_event.id, log_event.ingested_ms, message, log_stream.name
    FROM log_event CROSS JOIN log_stream ON log_stream.id = log_event.log_stream
    WHERE log_event.log_stream = ?1 AND (at_ms, log_event.id) > (?2, ?3)
    ORDER BY at_ms, log_event.id";

/// Where is looked.
pub(super) enum Streams {
    Named(Vec<String>),
    /// An empty one means all.
    WithPrefix(String),
}

impl Streams {
    pub(super) fn of(names: Vec<String>, prefix: Option<String>) -> Result<Self, ServiceError> {
        match prefix {
            Some(_) if !names.is_empty() => {
                Err(invalid("logStreamNamePrefix and logStreamNames are mutually exclusive."))
            }
            None if names.len() > STREAMS_MAX => {
                let must = format!("have length less than or equal to {STREAMS_MAX}");
                Err(broken("logStreamNames", &format!("[{} names]", names.len()), &must))
            }
            None if !names.is_empty() => Ok(Self::Named(names)),
            prefix => Ok(Self::WithPrefix(prefix.unwrap_or_default())),
        }
    }

    /// Their ids; none if all of the group is better read.
    fn ids(&self, transaction: &Transaction<'_>, group: &Group) -> Outcome<Option<Vec<i64>>> {
        match self {
            Self::Named(names) => {
                // One that is named twice is read once.
                let mut ids = BTreeSet::new();
                for name in names {
                    match group.stream(transaction, name)? {
                        Ok(id) => ids.insert(id),
                        Err(missing) => return Ok(Err(missing)),
                    };
                }
                Ok(Ok(Some(ids.into_iter().collect())))
            }
            Self::WithPrefix(prefix) if prefix.is_empty() => Ok(Ok(None)),
            Self::WithPrefix(prefix) => {
                let sql = "SELECT id FROM log_stream
                    WHERE log_group = ?1 AND substr(name, 1, length(?2)) = ?2 LIMIT ?3";
                let mut statement = transaction.prepare_cached(sql)?;
                let found = statement
                    .query_map(params![group.id, prefix, STREAMS_MAX + 1], |row| row.get(0))?;
                let ids = found.collect::<rusqlite::Result<Vec<_>>>()?;
                Ok(Ok((ids.len() <= STREAMS_MAX).then_some(ids)))
            }
        }
    }

    fn contain(&self, name: &str) -> bool {
        match self {
            Self::Named(names) => names.iter().any(|it| it == name),
            Self::WithPrefix(prefix) => name.starts_with(prefix.as_str()),
        }
    }
}

pub(super) struct Search {
    pub(super) streams: Streams,
    /// From and to, both included, in milliseconds.
    pub(super) times: (i64, i64),
    pub(super) after: Place,
    pub(super) pattern: Pattern,
    /// Events of a page.
    pub(super) most: usize,
}

/// A page.
#[derive(Default)]
pub(super) struct Found {
    /// Oldest first.
    pub(super) events: Vec<Stored>,
    /// Where the next page goes on, if there may be more.
    pub(super) next: Option<Place>,
    bytes: usize,
    scanned: usize,
    scanned_bytes: usize,
}

impl Found {
    /// Whether no further event is looked at.
    fn is_full(&self, event: &Stored, most: usize) -> bool {
        self.scanned == SCANNED_MAX
            || self.events.len() == most
            || (self.scanned > 0 && self.scanned_bytes + event.size() > SCANNED_BYTES_MAX)
            || (!self.events.is_empty() && self.bytes + event.size() > BYTES_MAX)
    }
}

impl Search {
    pub(super) fn run(
        &self,
        transaction: &Transaction<'_>,
        group: &Group,
        now: i64,
    ) -> Outcome<Found> {
        let (sql, sources) = match self.streams.ids(transaction, group)? {
            Ok(Some(streams)) => (IN_STREAM, streams),
            Ok(None) => (IN_GROUP, vec![group.id]),
            Err(missing) => return Ok(Err(missing)),
        };
        let (start, end) = self.times;
        // Ids begin with 1.
        let from = self.after.max(Place { at_ms: start.max(group.oldest(now)), id: 0 });
        let statements = sources.iter().map(|_| transaction.prepare(sql));
        let mut statements = statements.collect::<rusqlite::Result<Vec<_>>>()?;
        let cursors = statements
            .iter_mut()
            .zip(sources)
            .map(|(statement, source)| statement.query(params![source, from.at_ms, from.id]));
        self.page(Merged::new(cursors.collect::<rusqlite::Result<_>>()?, end)?).map(Ok)
    }

    fn page(&self, mut cursors: Merged<'_>) -> rusqlite::Result<Found> {
        let (mut found, mut last) = (Found::default(), None);
        while let Some(event) = cursors.next()? {
            if found.is_full(&event, self.most) {
                found.next = last;
                break;
            }
            last = Some(event.place);
            found.scanned += 1;
            found.scanned_bytes += event.size();
            if self.streams.contain(&event.stream) && self.pattern.matches(&event.message) {
                found.bytes += event.size();
                found.events.push(event);
            }
        }
        Ok(found)
    }
}

/// Several cursors as one, in the order of events.
struct Merged<'s> {
    cursors: Vec<Rows<'s>>,
    /// The time of the last events that are wanted.
    end: i64,
    /// The next event of each, with its number.
    heads: BTreeMap<Place, (usize, Stored)>,
}

impl<'s> Merged<'s> {
    fn new(cursors: Vec<Rows<'s>>, end: i64) -> rusqlite::Result<Self> {
        let mut this = Self { cursors, end, heads: BTreeMap::new() };
        (0..this.cursors.len()).try_for_each(|number| this.advance(number))?;
        Ok(this)
    }

    fn advance(&mut self, number: usize) -> rusqlite::Result<()> {
        if let Some(row) = self.cursors[number].next()? {
            let event = Stored::read(row)?;
            if event.place.at_ms <= self.end {
                self.heads.insert(event.place, (number, event));
            }
        }
        Ok(())
    }

    fn next(&mut self) -> rusqlite::Result<Option<Stored>> {
        let Some((_, (number, event))) = self.heads.pop_first() else { return Ok(None) };
        self.advance(number)?;
        Ok(Some(event))
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::FORMAT;
    use super::*;

    #[test]
    fn events_are_read_in_their_order_and_not_sorted() {
        let connection = Connection::open_in_memory().unwrap();
        FORMAT.migrations.iter().for_each(|sql| connection.execute_batch(sql).unwrap());
        for sql in [IN_GROUP, IN_STREAM] {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps = statement.query_map([1, 1, 1], |row| row.get::<_, String>(3)).unwrap();
            let plan = steps.collect::<rusqlite::Result<Vec<_>>>().unwrap().join("; ");
            assert!(plan.starts_with("SEARCH log_event USING INDEX"), "{plan}");
            // Those of the same millisecond are skipped one by one.
            assert!(plan.contains("at_ms>?)") && !plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
