//! A consumer of Kinesis streams of our own, in slices.
//!
//! A shard is read after its parents were read to their end. What a batch brings is durable together with the position
//! behind it. A batch that fails is halved until the failing record stands alone; that one is tried so many times, then
//! it is kept with its payload and its reason, and the shard goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use stepwell_integrations::Clock;
use stepwell_pipeline::{Context, HandlerError};

use super::inbox::{Inbox, Shard, Taken};
use super::take::{Failure, Record, ShardOf, Take, take_in_order};

/// Kinesis lets five calls a second read a shard; what has come meanwhile comes together then.
const PAUSE: Duration = Duration::from_millis(250);
/// Between two attempts at a record that failed.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
const RETRY_PAUSE_MAX: Duration = Duration::from_mins(1);

/// A stream to be read.
#[async_trait]
pub(super) trait Log: Send + Sync {
    /// All shards that Kinesis still has, closed ones included.
    async fn shards(&self) -> Result<Vec<Listed>, HandlerError>;

    /// The next records of a shard, `limit` at most.
    async fn page(&self, shard: &str, from: From<'_>, limit: usize) -> Result<Page, HandlerError>;
}

/// A shard as Kinesis lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) name: String,
    /// One after a split, two after a merge. They may be gone already.
    pub(super) parents: Vec<String>,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From<'a> {
    /// Where the page before it ended.
    Iterator(&'a str),
    /// Behind a record.
    After(&'a str),
    Oldest,
    At(Timestamp),
}

/// A page of a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) records: Vec<Record>,
    /// None: the shard is closed and read to its end.
    pub(super) next: Option<String>,
    /// How old the records behind this page are.
    pub(super) behind: Duration,
}

/// How a stream is read. The words are those of Lambda's event source mappings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Rules {
    pub(in super::super) start: Start,
    pub(in super::super) batch_size: usize,
    /// None: until it succeeds.
    pub(in super::super) maximum_retry_attempts: Option<u32>,
    /// None: whatever its age.
    pub(in super::super) maximum_record_age: Option<SignedDuration>,
}

/// Where a stream that was never read begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Start {
    Oldest,
    At(Timestamp),
    Latest,
}

/// What a slice came to: `{"status": "IN_PROGRESS", "wait_seconds": 1, "changes": 120, "passed_over": 3, "rejected": 0,
/// "given_up": 0, "iterator_age_ms": 840, "failing": ["orders shardId-000000000001: …"], "lost_shards": []}`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(in super::super) struct Consumed {
    pub(in super::super) status: Status,
    pub(in super::super) wait_seconds: u64,
    /// New states of items.
    pub(in super::super) changes: u64,
    /// Repeats, older changes, and those that a newer one followed in its batch.
    pub(in super::super) passed_over: u64,
    /// Records that are no changes.
    pub(in super::super) rejected: u64,
    /// Records that failed too often or were too old.
    pub(in super::super) given_up: u64,
    /// The age of the oldest record that is not taken in.
    pub(in super::super) iterator_age_ms: u64,
    pub(in super::super) failing: Vec<String>,
    /// Shards that were gone before they were read to their end.
    pub(in super::super) lost_shards: Vec<String>,
}

/// Whether there is more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(in super::super) enum Status {
    /// The slice is over.
    InProgress,
    /// Everything was read.
    #[default]
    UpToDate,
}

/// One stream and what takes its records.
pub(super) struct Consumer<'a> {
    pub(super) stream: &'a str,
    pub(super) log: &'a dyn Log,
    pub(super) take: &'a dyn Take,
    pub(super) inbox: &'a Inbox,
    pub(super) rules: &'a Rules,
    pub(super) clock: &'a Clock,
}

/// What one page of a shard came to.
struct Step {
    taken: Taken,
    given_up: u64,
    age: Duration,
    /// Another page may have records now.
    goes_on: bool,
    next: Option<String>,
    failure: Option<String>,
    pause: Duration,
}

impl Consumer<'_> {
    /// Reads until everything is read or the slice is over.
    pub(super) async fn run(&self, ctx: &Context) -> Result<Consumed, HandlerError> {
        let mut consumed = Consumed::default();
        let mut iterators: BTreeMap<String, String> = BTreeMap::new();
        loop {
            let known = self.known_shards(&mut consumed).await?;
            let open: Vec<_> =
                known.iter().filter(|(_, it)| it.is_some()).map(|(name, _)| name.clone()).collect();
            let steps = join_all(known.iter().filter_map(|(name, shard)| {
                shard
                    .as_ref()
                    .map(|shard| self.step(name, shard, iterators.get(name).map(String::as_str)))
            }))
            .await;
            let mut pause = PAUSE;
            let mut goes_on = false;
            (consumed.iterator_age_ms, consumed.failing) = (0, Vec::new());
            for (name, step) in open.iter().zip(steps) {
                let step = step?;
                goes_on |= step.goes_on;
                pause = pause.max(step.pause);
                match &step.next {
                    Some(next) => iterators.insert(name.clone(), next.clone()),
                    None => iterators.remove(name),
                };
                self.tell(name, &step);
                consumed.add(self.stream, name, step);
            }
            ctx.progress.iterator_age(self.stream, Duration::from_millis(consumed.iterator_age_ms));
            if !goes_on {
                return Ok(consumed);
            }
            if ctx.slice_is_over() || ctx.sleep(pause).await.is_err() {
                (consumed.status, consumed.wait_seconds) =
                    (Status::InProgress, pause.as_secs().max(1));
                return Ok(consumed);
            }
        }
    }

    /// Every shard that may be read now, and as none those that may not.
    async fn known_shards(
        &self,
        consumed: &mut Consumed,
    ) -> Result<Vec<(String, Option<Shard>)>, HandlerError> {
        let listed = self.log.shards().await?;
        let mut known = self.inbox.shards(self.stream).await?;
        let is_first = known.is_empty();
        for Listed { name, .. } in &listed {
            if known.contains_key(name) {
                continue;
            }
            // A shard that comes later has nothing that is older than the start of the stream.
            let starts_at = if is_first { self.starts_at() } else { None };
            let shard = Shard { starts_at, ..Shard::default() };
            self.inbox.remember(self.stream, name, shard.clone()).await?;
            known.insert(name.clone(), shard);
        }
        self.close_lost(&listed, &mut known, consumed).await?;
        let is_read = |name: &String| known.get(name).is_none_or(|it| it.is_closed);
        let may_be_read = |it: &&Listed| !is_read(&it.name);
        Ok(listed
            .iter()
            .filter(may_be_read)
            .map(|it| {
                (it.name.clone(), it.parents.iter().all(is_read).then(|| known[&it.name].clone()))
            })
            .collect())
    }

    /// A shard that Kinesis has no longer ends here. That it was not read to its end is told.
    async fn close_lost(
        &self,
        listed: &[Listed],
        known: &mut BTreeMap<String, Shard>,
        consumed: &mut Consumed,
    ) -> Result<(), HandlerError> {
        let is_gone = |name: &str| listed.iter().all(|it| it.name != name);
        for (name, shard) in known.iter_mut().filter(|(name, it)| !it.is_closed && is_gone(name)) {
            shard.is_closed = true;
            self.inbox.remember(self.stream, name, shard.clone()).await?;
            tracing::error!(
                stream = self.stream,
                shard = name,
                "the shard was gone before it was read to its end"
            );
            consumed.lost_shards.push(format!("{} {name}", self.stream));
        }
        Ok(())
    }

    fn starts_at(&self) -> Option<Timestamp> {
        match self.rules.start {
            Start::Oldest => None,
            Start::At(time) => Some(time),
            Start::Latest => Some((self.clock)()),
        }
    }

    async fn step(
        &self,
        name: &str,
        shard: &Shard,
        iterator: Option<&str>,
    ) -> Result<Step, HandlerError> {
        let from = match (iterator, &shard.sequence, shard.starts_at) {
            // A record that failed is read again.
            (Some(iterator), _, _) if shard.failed_sequence.is_none() => From::Iterator(iterator),
            (_, Some(sequence), _) => From::After(sequence),
            (_, None, Some(time)) => From::At(time),
            (_, None, None) => From::Oldest,
        };
        let page = match self.log.page(name, from, self.rules.batch_size).await {
            Ok(page) => page,
            // Throttled, or an iterator that has expired: the position is still known.
            Err(error @ HandlerError::Retryable(_)) => return Ok(Step::unread(&error)),
            Err(error) => return Err(error),
        };
        let of = ShardOf { stream: self.stream.to_owned(), shard: name.to_owned() };
        let mut step = Step {
            taken: Taken::default(),
            given_up: 0,
            age: page.behind,
            goes_on: !page.records.is_empty() || !page.behind.is_zero() || page.next.is_none(),
            next: page.next.clone(),
            failure: None,
            pause: PAUSE,
        };
        self.take_page(&of, &page.records, shard, &mut step).await?;
        if step.failure.is_none() && page.next.is_none() {
            // Where it was read to counts no longer; the shards that follow it may be read.
            let closed = Shard { is_closed: true, ..Shard::default() };
            self.inbox.remember(self.stream, name, closed).await?;
        }
        Ok(step)
    }

    async fn take_page(
        &self,
        of: &ShardOf,
        records: &[Record],
        shard: &Shard,
        step: &mut Step,
    ) -> Result<(), HandlerError> {
        let mut rest = records;
        let mut isolate = false;
        while let Some((first, behind)) = rest.split_first() {
            if let Some(reason) = self.too_old(first) {
                self.give_up(of, first, reason, step).await?;
                rest = behind;
                continue;
            }
            let fresh = rest.iter().position(|it| self.too_old(it).is_some()).unwrap_or(rest.len());
            match take_in_order(self.take, of, &rest[..fresh], isolate).await {
                Ok(taken) => {
                    step.taken += taken;
                    rest = &rest[fresh..];
                }
                Err(failure) => {
                    step.taken += failure.taken;
                    rest = &rest[failure.index..];
                    match self.attempt(of, &rest[0], shard, &failure).await? {
                        Attempt::Again { pause } => {
                            step.fail(&rest[0], &failure, pause, (self.clock)());
                            return Ok(());
                        }
                        // One of them fails, and it is not known which.
                        Attempt::GiveUp { .. } if failure.records > 1 && !isolate => isolate = true,
                        Attempt::GiveUp { attempts } => {
                            let reason =
                                format!("given up after {attempts} attempts: {}", failure.error);
                            self.give_up(of, &rest[0], reason, step).await?;
                            rest = &rest[1..];
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Counts an attempt at a record, durably.
    async fn attempt(
        &self,
        of: &ShardOf,
        record: &Record,
        shard: &Shard,
        failure: &Failure,
    ) -> Result<Attempt, HandlerError> {
        if let HandlerError::Config(_) = failure.error {
            return Err(failure.error.clone());
        }
        let known =
            self.inbox.shards(&of.stream).await?.remove(&of.shard).unwrap_or_else(|| shard.clone());
        let is_same = known.failed_sequence.as_ref() == Some(&record.sequence);
        let attempts = if is_same { known.attempts + 1 } else { 1 };
        let failed_sequence = Some(record.sequence.clone());
        self.inbox
            .remember(&of.stream, &of.shard, Shard { failed_sequence, attempts, ..known })
            .await?;
        // The first attempt is no retry.
        if self.rules.maximum_retry_attempts.is_some_and(|maximum| attempts > maximum) {
            return Ok(Attempt::GiveUp { attempts });
        }
        let doubled = RETRY_PAUSE * 2_u32.pow((attempts - 1).min(6));
        Ok(Attempt::Again { pause: doubled.min(RETRY_PAUSE_MAX) })
    }

    async fn give_up(
        &self,
        of: &ShardOf,
        record: &Record,
        reason: String,
        step: &mut Step,
    ) -> Result<(), HandlerError> {
        tracing::error!(
            stream = of.stream,
            shard = of.shard,
            sequence = record.sequence,
            reason,
            "a record was given up"
        );
        self.take.give_up(of, record, reason).await?;
        step.given_up += 1;
        Ok(())
    }

    fn too_old(&self, record: &Record) -> Option<String> {
        let (maximum, arrived_at) = (self.rules.maximum_record_age?, record.arrived_at?);
        let age = (self.clock)().duration_since(arrived_at);
        (age > maximum).then(|| format!("older than {} s when it was read", maximum.as_secs()))
    }

    fn tell(&self, shard: &str, step: &Step) {
        let (stream, shard) = (self.stream.to_owned(), shard.to_owned());
        metrics::gauge!("stepwell_lake_iterator_age_seconds", "stream" => stream, "shard" => shard)
            .set(step.age.as_secs_f64());
    }
}

/// What follows a failure.
enum Attempt {
    Again { pause: Duration },
    GiveUp { attempts: u32 },
}

impl Step {
    fn unread(error: &HandlerError) -> Self {
        Self {
            taken: Taken::default(),
            given_up: 0,
            age: Duration::ZERO,
            goes_on: true,
            next: None,
            failure: Some(format!("it cannot be read: {error}")),
            pause: RETRY_PAUSE,
        }
    }

    fn fail(&mut self, record: &Record, failure: &Failure, pause: Duration, now: Timestamp) {
        let age = record
            .arrived_at
            .map(|it| now.duration_since(it))
            .and_then(|it| Duration::try_from(it).ok());
        self.age = self.age.max(age.unwrap_or_default());
        self.failure = Some(format!("record {}: {}", record.sequence, failure.error));
        (self.goes_on, self.next, self.pause) = (true, None, pause);
    }
}

impl Consumed {
    fn add(&mut self, stream: &str, shard: &str, step: Step) {
        self.count(step.taken);
        self.given_up += step.given_up;
        self.iterator_age_ms = self.iterator_age_ms.max(step.age.as_millis() as u64);
        self.failing.extend(step.failure.map(|failure| format!("{stream} {shard}, {failure}")));
    }

    /// What a batch came to.
    pub(super) fn count(&mut self, taken: Taken) {
        self.changes += taken.told;
        self.passed_over += taken.passed_over;
        self.rejected += taken.rejected;
    }

    /// What several streams came to.
    pub(super) fn join(&mut self, other: Self) {
        if other.status == Status::InProgress {
            self.wait_seconds = match self.status {
                Status::InProgress => self.wait_seconds.min(other.wait_seconds),
                Status::UpToDate => other.wait_seconds,
            };
            self.status = Status::InProgress;
        }
        self.changes += other.changes;
        self.passed_over += other.passed_over;
        self.rejected += other.rejected;
        self.given_up += other.given_up;
        self.iterator_age_ms = self.iterator_age_ms.max(other.iterator_age_ms);
        self.failing.extend(other.failing);
        self.lost_shards.extend(other.lost_shards);
    }
}
