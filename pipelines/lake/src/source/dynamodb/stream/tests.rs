//! Streams in memory with what Kinesis does to them, and the inbox that must come out the same.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use stepwell_integrations::Clock;
use stepwell_pipeline::progress::{Progress, Update};
use stepwell_pipeline::{Context, HandlerError};
use tempfile::TempDir;

use super::consumer::{Consumed, Consumer, From, Listed, Log, Page, Rules, Start, Status};
use super::inbox::{Arrival, Content, Inbox, Taken};
use super::take::{Changes, Record, ShardOf, Tables, Take};

const START: &str = "2026-03-01T00:00:00Z";

fn time(seconds: i64) -> Timestamp {
    START.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

fn clock(at: Timestamp) -> Clock {
    Arc::new(move || at)
}

/// A change of `pk` at a microsecond from one quantity to another; none is absent.
fn change(table: &str, key: &str, micros: i64, before: Option<i64>, after: Option<i64>) -> Value {
    let image = |qty: i64| json!({"pk": {"S": key}, "qty": {"N": qty.to_string()}});
    let name = match (before, after) {
        (None, _) => "INSERT",
        (Some(_), Some(_)) => "MODIFY",
        (Some(_), None) => "REMOVE",
    };
    json!({"eventID": format!("{key}-{micros}-{before:?}-{after:?}"), "eventName": name, "tableName": table,
        "dynamodb": {"ApproximateCreationDateTime": 1_700_000_000_000_000 + micros, "Keys": {"pk": {"S": key}},
            "ApproximateCreationDateTimePrecision": "MICROSECOND", "NewImage": after.map(image), "OldImage": before.map(image)}})
}

fn record(sequence: usize, data: &[u8]) -> Record {
    Record {
        sequence: sequence.to_string(),
        data: Ok(data.to_vec()),
        arrived_at: Some(time(sequence as i64)),
    }
}

/// The parents and records of a shard, and whether it is closed.
type ShardParts = (Vec<String>, Vec<Record>, bool);

/// A stream: shards with their parents and records, closed or open.
#[derive(Default)]
struct Stream {
    shards: Mutex<BTreeMap<String, ShardParts>>,
    reads: Mutex<Vec<String>>,
    throttles: AtomicU32,
}

impl Stream {
    fn shard(self, name: &str, parents: &[&str], records: Vec<Record>, closed: bool) -> Self {
        let parents = parents.iter().map(|&it| it.to_owned()).collect();
        self.shards.lock().unwrap().insert(name.to_owned(), (parents, records, closed));
        self
    }

    fn remove(&self, name: &str) {
        self.shards.lock().unwrap().remove(name);
    }
}

#[async_trait]
impl Log for Stream {
    async fn shards(&self) -> Result<Vec<Listed>, HandlerError> {
        tokio::task::yield_now().await;
        let shards = self.shards.lock().unwrap();
        Ok(shards
            .iter()
            .map(|(name, (parents, ..))| Listed { name: name.clone(), parents: parents.clone() })
            .collect())
    }

    async fn page(&self, shard: &str, from: From<'_>, limit: usize) -> Result<Page, HandlerError> {
        tokio::task::yield_now().await;
        if self.throttles.load(Ordering::Relaxed) > 0 {
            self.throttles.fetch_sub(1, Ordering::Relaxed);
            return Err(HandlerError::retryable("throttled"));
        }
        let shards = self.shards.lock().unwrap();
        let (_, records, closed) = &shards[shard];
        let start = match from {
            From::Iterator(start) => start.parse().unwrap(),
            From::After(sequence) => {
                records.iter().position(|it| it.sequence == sequence).map_or(0, |it| it + 1)
            }
            From::Oldest => 0,
            From::At(time) => {
                records.iter().position(|it| it.arrived_at >= Some(time)).unwrap_or(records.len())
            }
        };
        let end = (start + limit).min(records.len());
        self.reads.lock().unwrap().push(shard.to_owned());
        let next = (!closed || end < records.len()).then(|| end.to_string());
        let behind = Duration::from_secs((records.len() - end) as u64);
        Ok(Page { records: records[start..end].to_vec(), next, behind })
    }
}

/// The inbox, with batches that fail while a poisoned record is in them.
struct Poisoned {
    changes: Changes,
    poison: &'static str,
    error: HandlerError,
    /// How often it fails.
    times: AtomicU32,
    batches: Mutex<Vec<usize>>,
}

#[async_trait]
impl Take for Poisoned {
    async fn take(&self, shard: &ShardOf, records: &[Record]) -> Result<Taken, HandlerError> {
        self.batches.lock().unwrap().push(records.len());
        let is_poisoned = records.iter().any(|it| it.sequence == self.poison);
        if is_poisoned && self.times.load(Ordering::Relaxed) > 0 {
            if records.len() == 1 {
                self.times.fetch_sub(1, Ordering::Relaxed);
            }
            return Err(self.error.clone());
        }
        self.changes.take(shard, records).await
    }

    async fn give_up(
        &self,
        shard: &ShardOf,
        record: &Record,
        reason: String,
    ) -> Result<Taken, HandlerError> {
        self.changes.give_up(shard, record, reason).await
    }
}

struct Bench {
    _folder: TempDir,
    changes: Changes,
    rules: Rules,
}

impl Bench {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let inbox = Inbox::open(&folder.path().join("inbox.db")).unwrap();
        let tables = Tables([("orders".to_owned(), Some("s".to_owned()))].into());
        let changes = Changes { inbox, tables, clock: clock(time(1_000)) };
        let rules = Rules {
            start: Start::Oldest,
            batch_size: 10,
            maximum_retry_attempts: Some(2),
            maximum_record_age: None,
        };
        Self { _folder: folder, changes, rules }
    }

    async fn consume(&self, log: &dyn Log) -> Result<Consumed, HandlerError> {
        self.consume_into(log, &self.changes).await
    }

    async fn consume_into(&self, log: &dyn Log, take: &dyn Take) -> Result<Consumed, HandlerError> {
        let clock = clock(time(1_000));
        let ctx = Context::starting_now("test", Duration::from_hours(1));
        let (inbox, rules, clock) = (&self.changes.inbox, &self.rules, &clock);
        Consumer { stream: "s", log, take, inbox, rules, clock }.run(&ctx).await
    }

    async fn arrivals(&self) -> Vec<Arrival> {
        self.changes.inbox.read("orders", 0, i64::MAX, 10_000).await.unwrap()
    }

    /// The newest state of each item, by what the lake is told.
    async fn states(&self) -> BTreeMap<String, Option<i64>> {
        let mut newest: BTreeMap<String, (i64, Option<i64>)> = BTreeMap::new();
        for arrival in self.arrivals().await {
            let Content::State { item, changed_at, deleted, .. } = arrival.content else {
                continue;
            };
            let item: Value = serde_json::from_str(&item).unwrap();
            let quantity = (!deleted).then(|| item["qty"]["N"].as_str().unwrap().parse().unwrap());
            let entry = newest
                .entry(item["pk"]["S"].as_str().unwrap().to_owned())
                .or_insert((i64::MIN, None));
            assert_ne!(entry.0, changed_at, "no two states of an item have one time");
            if entry.0 < changed_at {
                *entry = (changed_at, quantity);
            }
        }
        newest.into_iter().map(|(key, (_, quantity))| (key, quantity)).collect()
    }

    async fn rejected(&self) -> Vec<(String, String, String)> {
        let rejected = self.arrivals().await.into_iter().filter_map(|it| match it.content {
            Content::Rejected { place, reason, record } => Some((place, reason, record)),
            Content::State { .. } => None,
        });
        rejected.collect()
    }
}

fn records(changes: &[Value]) -> Vec<Record> {
    changes
        .iter()
        .enumerate()
        .map(|(index, it)| record(index + 1, it.to_string().as_bytes()))
        .collect()
}

fn inserts(count: i64) -> Vec<Record> {
    let changes: Vec<_> =
        (1..=count).map(|it| change("orders", &format!("k{it}"), it, None, Some(it))).collect();
    records(&changes)
}

#[tokio::test(start_paused = true)]
async fn what_is_no_change_is_kept_and_does_not_hold_up_the_others() {
    let bench = Bench::new();
    let mut all = inserts(3);
    all[1] = record(2, b"\xff\xfe");
    all.push(record(4, change("customers", "c", 1, None, Some(1)).to_string().as_bytes()));
    let consumed =
        bench.consume(&Stream::default().shard("a", &[], all.clone(), false)).await.unwrap();
    assert_eq!((consumed.changes, consumed.rejected, consumed.status), (2, 1, Status::UpToDate));
    // That of a table that no dataset reads is somebody else's.
    let rejected = bench.rejected().await;
    assert_eq!(rejected.len(), 1);
    assert_eq!(rejected[0].0, "stream s, a, record 2");
    assert_eq!(rejected[0].2, "//4=");
    // The same records once more, as after a crash before the position was known.
    bench.changes.take(&ShardOf { stream: "s".into(), shard: "a".into() }, &all).await.unwrap();
    assert_eq!(bench.rejected().await, rejected);
    assert_eq!(bench.arrivals().await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_record_is_isolated_tried_again_and_given_up() {
    let bench = Bench::new();
    let poisoned = Poisoned {
        changes: bench.changes.clone(),
        poison: "7",
        error: HandlerError::Fatal("no".into()),
        times: AtomicU32::new(99),
        batches: Mutex::default(),
    };
    let consumed = bench
        .consume_into(&Stream::default().shard("a", &[], inserts(12), true), &poisoned)
        .await
        .unwrap();
    assert_eq!((consumed.changes, consumed.given_up, consumed.status), (11, 1, Status::UpToDate));
    assert_eq!(poisoned.times.into_inner(), 99 - 3, "one attempt and two retries");
    let rejected = bench.rejected().await;
    assert_eq!(rejected.len(), 1);
    assert_eq!(
        (rejected[0].0.as_str(), rejected[0].1.as_str()),
        ("stream s, a, record 7", "given up after 3 attempts: no")
    );
    assert_eq!(
        rejected[0].2,
        inserts(12)[6].data.clone().map(|it| String::from_utf8(it).unwrap()).unwrap()
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_passes_loses_nothing() {
    let bench = Bench {
        rules: Rules { maximum_retry_attempts: None, ..Bench::new().rules },
        ..Bench::new()
    };
    let poisoned = Poisoned {
        changes: bench.changes.clone(),
        poison: "1",
        error: HandlerError::retryable("busy"),
        times: AtomicU32::new(1),
        batches: Mutex::default(),
    };
    let stream = Stream { throttles: AtomicU32::new(2), ..Stream::default() }.shard(
        "a",
        &[],
        inserts(1),
        true,
    );
    let consumed = bench.consume_into(&stream, &poisoned).await.unwrap();
    assert_eq!((consumed.changes, consumed.given_up), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_too_old_is_given_up_with_its_payload() {
    let rules =
        Rules { maximum_record_age: Some(SignedDuration::from_secs(997)), ..Bench::new().rules };
    let bench = Bench { rules, ..Bench::new() };
    // They arrived at second 1 to 5; it is second 1,000.
    let consumed =
        bench.consume(&Stream::default().shard("a", &[], inserts(5), true)).await.unwrap();
    assert_eq!((consumed.changes, consumed.given_up), (3, 2));
    assert!(bench.rejected().await.iter().all(|it| it.1 == "older than 997 s when it was read"));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_configuration_ends_the_slice() {
    let bench = Bench::new();
    let poisoned = Poisoned {
        changes: bench.changes.clone(),
        poison: "1",
        error: HandlerError::Config("who?".into()),
        times: AtomicU32::new(9),
        batches: Mutex::default(),
    };
    let error = bench
        .consume_into(&Stream::default().shard("a", &[], inserts(1), true), &poisoned)
        .await
        .unwrap_err();
    assert_eq!(error, HandlerError::Config("who?".into()));
}

#[tokio::test(start_paused = true)]
async fn children_are_read_after_their_parents() {
    let bench = Bench::new();
    let history = [
        change("orders", "k", 1, None, Some(1)),
        change("orders", "k", 2, Some(1), Some(2)),
        change("orders", "k", 3, Some(2), None),
    ];
    let all = records(&history);
    let part = |at: usize| vec![all[at].clone()];
    let stream = Stream::default()
        .shard("c", &["a", "b"], part(2), false)
        .shard("a", &["gone"], part(0), true)
        .shard("b", &["a"], part(1), true);
    let consumed = bench.consume(&stream).await.unwrap();
    assert_eq!(consumed.changes, 3);
    let first = |name: &str| stream.reads.lock().unwrap().iter().position(|it| it == name).unwrap();
    assert!(first("a") < first("b") && first("b") < first("c"));
    assert_eq!(bench.states().await, [("k".to_owned(), None)].into());
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_is_gone_before_its_end_is_told_and_its_children_go_on() {
    let bench = Bench::new();
    let stream = Stream::default().shard("a", &[], inserts(1), false).shard(
        "b",
        &["a"],
        inserts(2)[1..].to_vec(),
        false,
    );
    assert_eq!(bench.consume(&stream).await.unwrap().changes, 1);
    stream.remove("a");
    let consumed = bench.consume(&stream).await.unwrap();
    assert_eq!((consumed.changes, consumed.lost_shards), (1, vec!["s a".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_stream_may_begin_with_its_newest_records() {
    let bench =
        Bench { rules: Rules { start: Start::At(time(3)), ..Bench::new().rules }, ..Bench::new() };
    let consumed =
        bench.consume(&Stream::default().shard("a", &[], inserts(4), true)).await.unwrap();
    assert_eq!(consumed.changes, 2);
    // From now on, and what came between two slices is not passed over.
    let bench =
        Bench { rules: Rules { start: Start::Latest, ..Bench::new().rules }, ..Bench::new() };
    assert_eq!(
        bench.consume(&Stream::default().shard("a", &[], inserts(4), false)).await.unwrap().changes,
        0
    );
    let later = Record { arrived_at: Some(time(1_001)), ..inserts(5)[4].clone() };
    let stream = Stream::default().shard("a", &[], [inserts(4), vec![later]].concat(), false);
    assert_eq!(bench.consume(&stream).await.unwrap().changes, 1);
}

/// The ages of iterators that were told.
#[derive(Default)]
struct Ages(Mutex<Vec<(String, Duration)>>);

impl Progress for Ages {
    fn update(&self, _: Update) {}

    fn iterator_age(&self, stream: &str, age: Duration) {
        self.0.lock().unwrap().push((stream.to_owned(), age));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slice_that_is_over_says_so_and_the_next_goes_on() {
    let bench = Bench::new();
    let stream = Stream::default().shard("a", &[], inserts(25), true);
    let clock = clock(time(1_000));
    let ages = Arc::new(Ages::default());
    let over = Context { progress: ages.clone(), ..Context::starting_now("test", Duration::ZERO) };
    let (inbox, rules, clock) = (&bench.changes.inbox, &bench.rules, &clock);
    let consumer =
        Consumer { stream: "s", log: &stream, take: &bench.changes, inbox, rules, clock };
    let first = consumer.run(&over).await.unwrap();
    assert_eq!((first.status, first.changes, first.wait_seconds), (Status::InProgress, 10, 1));
    assert_eq!(first.iterator_age_ms, 15_000);
    assert_eq!(*ages.0.lock().unwrap(), [("s".to_owned(), Duration::from_secs(15))]);
    assert_eq!(bench.consume(&stream).await.unwrap().changes, 15);
}

#[tokio::test]
async fn nothing_arrives_in_a_window_that_was_read() {
    let bench = Bench::new();
    let shard = ShardOf { stream: "s".into(), shard: "a".into() };
    bench.changes.take(&shard, &inserts(1)).await.unwrap();
    // The clock of the reader is ahead.
    let until = time(2_000);
    bench.changes.inbox.close_window(until).await.unwrap();
    bench.changes.take(&shard, &inserts(3)).await.unwrap();
    let arrivals = bench.arrivals().await;
    let behind = arrivals.iter().filter(|it| it.arrival > until.as_microsecond()).count();
    assert_eq!((arrivals.len(), behind), (3, 2));
}

#[tokio::test]
async fn what_is_published_by_all_datasets_is_forgotten_after_a_week() {
    let bench = Bench::new();
    let shard = ShardOf { stream: "s".into(), shard: "a".into() };
    bench.changes.take(&shard, &inserts(2)).await.unwrap();
    let inbox = &bench.changes.inbox;
    let week = 7 * 24 * 3_600;
    inbox.begin("orders", "other").await.unwrap();
    inbox.published("orders", "one", time(1_001 + week)).await.unwrap();
    assert_eq!(bench.arrivals().await.len(), 2);
    inbox.begin("orders", "one").await.unwrap();
    inbox.published("orders", "other", time(1_000 + week)).await.unwrap();
    assert_eq!(bench.arrivals().await.len(), 2);
    inbox.published("orders", "other", time(1_001 + week)).await.unwrap();
    assert_eq!(bench.arrivals().await.len(), 0);
}

#[tokio::test]
async fn a_doubtful_item_is_settled_once_and_only_if_nothing_came_meanwhile() {
    let bench = Bench::new();
    let shard = ShardOf { stream: "s".into(), shard: "a".into() };
    let ties =
        [change("orders", "k", 1, Some(1), Some(2)), change("orders", "k", 1, Some(7), Some(8))];
    bench.changes.take(&shard, &records(&ties)).await.unwrap();
    let inbox = &bench.changes.inbox;
    let doubtful = inbox.doubtful("orders", 10).await.unwrap();
    let [(key, told_at)] = &doubtful[..] else { panic!("{doubtful:?}") };
    let state = super::Image::Present(json!({"pk": {"S": "k"}, "qty": {"N": "8"}}).to_string());
    inbox.settle("orders", key, told_at - 1, state.clone(), time(1_000)).await.unwrap();
    assert_eq!(bench.states().await, [("k".to_owned(), Some(2))].into());
    for _ in 0..2 {
        inbox.settle("orders", key, *told_at, state.clone(), time(1_000)).await.unwrap();
        assert_eq!(bench.states().await, [("k".to_owned(), Some(8))].into());
    }
    assert_eq!(
        (inbox.doubtful("orders", 10).await.unwrap().len(), bench.arrivals().await.len()),
        (0, 2)
    );
}

#[test]
fn a_file_of_something_else_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("other.db");
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE a (b)").unwrap();
    assert!(Inbox::open(&path).unwrap_err().to_string().contains("is no inbox of changes"));
}

/// Histories of a few items, and the state that each has in the end. No two changes of an item have one time.
fn histories() -> impl Strategy<Value = (Vec<Value>, BTreeMap<String, Option<i64>>)> {
    prop::collection::vec((0_usize..4, prop::option::of(0_i64..5)), 1..40).prop_map(|steps| {
        let mut states: BTreeMap<String, Option<i64>> = BTreeMap::new();
        let mut history = Vec::new();
        for (micros, (item, next)) in steps.into_iter().enumerate() {
            let key = format!("k{item}");
            let before = states.get(&key).copied().flatten();
            if before != next {
                history.push(change("orders", &key, micros as i64, before, next));
                states.insert(key, next);
            }
        }
        (history, states)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the order, the repeats, the batches and the crashes: the lake is told the states that the items have.
    #[test]
    fn the_states_are_the_same_whatever_happens_on_the_way(
        (history, states) in histories(),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        batch_size in 1_usize..12,
        crashes in prop::collection::vec(1_usize..30, 0..6),
    ) {
        prop_assume!(!history.is_empty());
        let mut arrivals: Vec<Value> = picks.iter().map(|it| it.get(&history).clone()).collect();
        let missing: Vec<_> = history.iter().filter(|it| !arrivals.contains(it)).cloned().collect();
        arrivals.extend(missing);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let found = runtime.block_on(async {
            let rules = Rules { batch_size, ..Bench::new().rules };
            let bench = Bench { rules, ..Bench::new() };
            let stream = Stream::default().shard("a", &[], records(&arrivals), true);
            for polls in crashes {
                // The consumer is gone in the middle of whatever it was doing.
                let mut consuming = std::pin::pin!(bench.consume(&stream));
                for _ in 0..polls {
                    if futures_util::poll!(&mut consuming).is_ready() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
            bench.consume(&stream).await.unwrap();
            bench.states().await
        });
        prop_assert_eq!(found, states);
    }
}
