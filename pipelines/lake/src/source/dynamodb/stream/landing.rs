//! The landing: a folder, mostly in a bucket, where a function at AWS lays the batches that Lambda gives it, and from
//! which the consumer takes them into the inbox.
//!
//! ```text
//! <landing>/<stream>/<shard>/<first sequence number>-<hash>.jsonl      a `kinesis` member of the event in each line
//! ```
//!
//! A batch that is sent again is the same file. It is removed once it is in the inbox; one that comes again after that
//! is a repeat, which the inbox knows.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use stepwell_pipeline::{Context, HandlerError};
use stepwell_tabular::{Entry, Error, Location, Stores};

use super::consumer::{Consumed, Status};
use super::inbox::{Arrived, Taken};
use super::lambda::KinesisPart;
use super::take::{Changes, Record, ShardOf};
use crate::world::told;

/// Of the hash in a name.
const HASH_BYTES: usize = 8;
/// Before the next slice.
const PAUSE_SECONDS: u64 = 1;

/// The folder.
pub(super) struct Landing {
    pub(super) stores: Stores,
    pub(super) folder: Location,
}

/// A batch that waits.
struct Batch {
    shard: ShardOf,
    /// Its first sequence number: a long integer.
    first: String,
    entry: Entry,
}

impl Landing {
    /// Lays a batch of one shard. Once this returns, it is there as a whole.
    pub(super) async fn lay(
        &self,
        shard: &ShardOf,
        batch: &[KinesisPart],
    ) -> Result<(), HandlerError> {
        let Some(first) = batch.first() else { return Ok(()) };
        let line = |it| serde_json::to_string(it).expect("it has texts and numbers") + "\n";
        let text: String = batch.iter().map(line).collect();
        let hash = hex::encode(&Sha256::digest(&text)[..HASH_BYTES]);
        let ShardOf { stream, shard } = shard;
        let parts = [stream, shard, &first.sequence_number];
        if let Some(odd) = parts.into_iter().find(|it| !is_name(it)) {
            let message = format!("`{odd}` is no name of a stream, a shard or a record of Kinesis");
            return Err(HandlerError::Data(message));
        }
        let name = format!("{stream}/{shard}/{}-{hash}.jsonl", first.sequence_number);
        self.stores.put(&self.folder.join(&name), Bytes::from(text)).await.map_err(told)
    }

    /// Takes the batches in, those of a shard in their order, until none is left or the slice is over.
    pub(super) async fn take(
        &self,
        changes: &Changes,
        ctx: &Context,
    ) -> Result<Consumed, HandlerError> {
        let mut consumed = Consumed::default();
        let mut batches = self.batches(&mut consumed).await?.into_iter().peekable();
        // However long the listing took, a slice takes something.
        let mut may_go_on = !ctx.stop.is_cancelled();
        while let Some(batch) = batches.next_if(|_| may_go_on) {
            match self.take_batch(changes, &batch).await {
                Ok(taken) => consumed.count(taken),
                Err(error @ (HandlerError::Data(_) | HandlerError::Fatal(_))) => {
                    consumed.failing.push(format!("{}: {error}", batch.entry.at));
                }
                Err(error) => return Err(error),
            }
            may_go_on = !ctx.slice_is_over();
            let next = batches.peek().filter(|it| it.shard.stream == batch.shard.stream);
            let age = next.map_or(Duration::ZERO, |it| it.age((changes.clock)()));
            ctx.progress.iterator_age(&batch.shard.stream, age);
        }
        if let Some(left) = batches.next() {
            (consumed.status, consumed.wait_seconds) = (Status::InProgress, PAUSE_SECONDS);
            consumed.iterator_age_ms = left.age((changes.clock)()).as_millis() as u64;
        }
        Ok(consumed)
    }

    /// All that wait. What is no batch is told and stays.
    async fn batches(&self, consumed: &mut Consumed) -> Result<Vec<Batch>, HandlerError> {
        let (mut batches, mut odd) = (Vec::new(), Vec::new());
        for entry in self.stores.list(&self.folder).await.map_err(told)? {
            match Batch::read(entry, &self.folder) {
                Ok(batch) => batches.push(batch),
                Err(entry) => odd.push(format!("{} is no batch of changes", entry.at)),
            }
        }
        batches.sort_by(|a, b| a.order().cmp(&b.order()));
        consumed.failing.extend(odd);
        Ok(batches)
    }

    async fn take_batch(&self, changes: &Changes, batch: &Batch) -> Result<Taken, HandlerError> {
        let at = &batch.entry.at;
        let bytes = match self.stores.get(at).await {
            // Somebody else took it in meanwhile.
            Err(Error::Missing(_)) => return Ok(Taken::default()),
            read => read.map_err(told)?,
        };
        let text = String::from_utf8_lossy(&bytes);
        let arrived = text.lines().enumerate().map(|(at, line)| batch.arrived(changes, at, line));
        let taken = changes.take_in(arrived.collect(), None).await?;
        self.stores.delete(at).await.map_err(told)?;
        Ok(taken)
    }
}

impl Batch {
    fn read(entry: Entry, landing: &Location) -> Result<Self, Entry> {
        let (at, folder) = (entry.at.to_string(), landing.to_string());
        let below = at.strip_prefix(&folder).map(|it| it.trim_start_matches('/'));
        let parts: Vec<_> = below.unwrap_or_default().split('/').collect();
        let [stream, shard, name] = *parts else { return Err(entry) };
        let name = name.strip_suffix(".jsonl").and_then(|it| it.rsplit_once('-'));
        let is_hash = |it: &str| it.len() == 2 * HASH_BYTES && hex::decode(it).is_ok();
        match name {
            Some((first, hash))
                if is_hash(hash) && [stream, shard, first].iter().all(|it| is_name(it)) =>
            {
                let shard = ShardOf { stream: stream.to_owned(), shard: shard.to_owned() };
                Ok(Self { shard, first: first.to_owned(), entry })
            }
            _ => Err(entry),
        }
    }

    fn order(&self) -> (&ShardOf, usize, &str) {
        (&self.shard, self.first.len(), &self.first)
    }

    /// How long it waits.
    fn age(&self, now: Timestamp) -> Duration {
        let micros = now.as_microsecond().saturating_sub(self.entry.modified_us);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    /// What a line says; nothing for a change that no dataset reads.
    fn arrived(&self, changes: &Changes, at: usize, line: &str) -> Option<Arrived> {
        match serde_json::from_str::<KinesisPart>(line) {
            Ok(part) => changes.read(&self.shard, &part.into_record()),
            Err(error) => {
                // What is rejected is known by its place.
                let sequence = format!("of {}, line {}", self.entry.at, at + 1);
                let record = Record { sequence, data: Err(line.to_owned()), arrived_at: None };
                Some(changes.reject(&self.shard, &record, format!("it is no record: {error}")))
            }
        }
    }
}

/// What Kinesis calls streams and shards, and how it numbers records. Source: Kinesis API reference, `StreamName`,
/// `ShardId`, `SequenceNumber`.
fn is_name(text: &str) -> bool {
    let is_allowed = |it: char| it.is_ascii_alphanumeric() || "_.-".contains(it);
    !text.is_empty() && text.len() <= 128 && text.chars().all(is_allowed) && !text.starts_with('.')
}
