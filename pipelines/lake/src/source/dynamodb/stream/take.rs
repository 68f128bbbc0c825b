//! Records of a Kinesis stream are taken into the inbox: those that are changes of a table that a dataset reads, and as
//! rejected those that are no changes, with their payload.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use stepwell_integrations::Clock;
use stepwell_pipeline::HandlerError;

use super::change::Change;
use super::inbox::{Arrived, Inbox, Position, Taken};

/// Where records come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ShardOf {
    /// The name of the stream, without its ARN.
    pub(super) stream: String,
    pub(super) shard: String,
}

/// A record as Kinesis keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) sequence: String,
    /// The bytes; of an event that has none, the text that stands in their place.
    pub(super) data: Result<Vec<u8>, String>,
    pub(super) arrived_at: Option<Timestamp>,
}

/// Takes batches of one shard, in their order.
#[async_trait]
pub(super) trait Take: Send + Sync {
    /// Once this returns, the batch is durable as a whole; else nothing of it is.
    async fn take(&self, shard: &ShardOf, records: &[Record]) -> Result<Taken, HandlerError>;

    /// Gives a record up: it is kept with its reason, and the shard goes on behind it.
    async fn give_up(
        &self,
        shard: &ShardOf,
        record: &Record,
        reason: String,
    ) -> Result<Taken, HandlerError>;
}

/// The tables that datasets read by their changes, each with its stream, where it is named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Tables(pub(in super::super) BTreeMap<String, Option<String>>);

impl Tables {
    /// The streams that are named.
    pub(super) fn streams(&self) -> BTreeSet<&str> {
        self.0.values().flatten().map(String::as_str).collect()
    }

    /// Whose quarantine gets a record of a stream that belongs to no table: of all tables that may be in it.
    fn of_stream(&self, stream: &str) -> Vec<String> {
        let named: Vec<_> = self.0.iter().filter(|(_, of)| of.as_deref() == Some(stream)).collect();
        let of_any: Vec<_> = self.0.iter().filter(|(_, of)| of.is_none()).collect();
        let cloned = |tables: Vec<(&String, _)>| {
            tables.into_iter().map(|(table, _)| table.clone()).collect()
        };
        match (named.is_empty(), of_any.is_empty()) {
            (false, _) => cloned(named),
            (true, false) => cloned(of_any),
            (true, true) => self.0.keys().cloned().collect(),
        }
    }
}

/// The inbox behind the streams.
#[derive(Clone)]
pub(super) struct Changes {
    pub(super) inbox: Inbox,
    pub(super) tables: Tables,
    pub(super) clock: Clock,
}

#[async_trait]
impl Take for Changes {
    async fn take(&self, shard: &ShardOf, records: &[Record]) -> Result<Taken, HandlerError> {
        let arrived = records.iter().map(|it| self.read(shard, it)).collect();
        let position = records.last().map(|it| shard.position(&it.sequence));
        self.take_in(arrived, position).await
    }

    async fn give_up(
        &self,
        shard: &ShardOf,
        record: &Record,
        reason: String,
    ) -> Result<Taken, HandlerError> {
        let rejected = self.reject(shard, record, reason);
        self.take_in(vec![Some(rejected)], Some(shard.position(&record.sequence))).await
    }
}

impl Changes {
    /// Takes in what was [read](Self::read), with how far that is.
    pub(super) async fn take_in(
        &self,
        arrived: Vec<Option<Arrived>>,
        position: Option<Position>,
    ) -> Result<Taken, HandlerError> {
        let records = arrived.len();
        let batch: Vec<_> = arrived.into_iter().flatten().collect();
        let foreign = (records - batch.len()) as u64;
        let mut taken = self.inbox.take(batch, position, (self.clock)()).await?;
        taken.passed_over += foreign;
        Ok(taken)
    }

    /// Nothing for a change of a table that no dataset reads: it is somebody else's.
    pub(super) fn read(&self, shard: &ShardOf, record: &Record) -> Option<Arrived> {
        let Ok(data) = &record.data else {
            let reason = "the data of the record are not base64".to_owned();
            return Some(self.reject(shard, record, reason));
        };
        match Change::read(data) {
            Ok(change) => {
                let is_read = self.tables.0.contains_key(&change.table);
                is_read.then_some(Arrived::Change(change))
            }
            Err(reason) => Some(self.reject(shard, record, reason)),
        }
    }

    pub(super) fn reject(&self, shard: &ShardOf, record: &Record, reason: String) -> Arrived {
        let ShardOf { stream, shard } = shard;
        Arrived::Rejected {
            sources: self.tables.of_stream(stream),
            place: format!("stream {stream}, {shard}, record {}", record.sequence),
            reason,
            record: record.payload(),
        }
    }
}

impl ShardOf {
    fn position(&self, sequence: &str) -> Position {
        Position {
            stream: self.stream.clone(),
            shard: self.shard.clone(),
            sequence: sequence.to_owned(),
        }
    }
}

impl Record {
    /// The data as text, or in base64 where they are none.
    fn payload(&self) -> String {
        match &self.data {
            Ok(data) => {
                std::str::from_utf8(data).map_or_else(|_| BASE64.encode(data), str::to_owned)
            }
            Err(text) => text.clone(),
        }
    }
}

/// The first record of what could not be taken; everything before it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) index: usize,
    /// What those before it came to.
    pub(super) taken: Taken,
    /// How many records failed together: 1 if it is this one.
    pub(super) records: usize,
    pub(super) error: HandlerError,
}

/// Takes records, halving a batch that fails until what fails is one record. A failure that may pass is not worth the
/// halving, unless `isolate` says so.
pub(super) async fn take_in_order(
    take: &dyn Take,
    shard: &ShardOf,
    records: &[Record],
    isolate: bool,
) -> Result<Taken, Failure> {
    let mut taken = Taken::default();
    let whole = 0..records.len();
    let mut ranges = vec![whole];
    while let Some(range) = ranges.pop().filter(|it| !it.is_empty()) {
        match take.take(shard, &records[range.clone()]).await {
            Ok(more) => taken += more,
            Err(HandlerError::Data(_) | HandlerError::Fatal(_)) if range.len() > 1 => {
                halve(&range, &mut ranges);
            }
            Err(HandlerError::Retryable(_)) if isolate && range.len() > 1 => {
                halve(&range, &mut ranges);
            }
            Err(error) => {
                return Err(Failure { index: range.start, taken, records: range.len(), error });
            }
        }
    }
    Ok(taken)
}

fn halve(range: &Range<usize>, ranges: &mut Vec<Range<usize>>) {
    let middle = range.start + range.len() / 2;
    ranges.push(middle..range.end);
    ranges.push(range.start..middle);
}

impl std::ops::AddAssign for Taken {
    fn add_assign(&mut self, other: Self) {
        self.told += other.told;
        self.passed_over += other.passed_over;
        self.rejected += other.rejected;
    }
}
