//! A lake and its source in memory, and the functions in the order of the state machine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Int64Array, RecordBatch, TimestampMicrosecondArray,
};
use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use stepwell_lake::published::Table;
use stepwell_lake::reconcile::handlers::{Begin, Compare, Proving, Record, Summarise};
use stepwell_lake::reconcile::lake::{Against, Lake, Pinned, Subject};
use stepwell_lake::reconcile::settings::Settings;
use stepwell_lake::source::{Chunk, Read, Rejected, Source, Split, Stop, Window};
use stepwell_pipeline::{AnyFunction, Context, HandlerError};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    pub(crate) id: i64,
    pub(crate) placed: String,
    pub(crate) amount: Option<i64>,
    pub(crate) is_deleted: bool,
    pub(crate) ingested: Option<String>,
}

pub(crate) fn order(id: i32, placed: &str, amount: i64) -> Order {
    Order {
        id: id.into(),
        placed: placed.to_owned(),
        amount: Some(amount),
        is_deleted: false,
        ingested: None,
    }
}

impl Order {
    pub(crate) fn tombstone(self) -> Self {
        Self { is_deleted: true, amount: None, ..self }
    }
}

/// A day of March 2026, counted from the first, and a minute of its morning.
pub(crate) fn at(day: i64, minute: i32) -> String {
    let start: Timestamp = "2026-03-01T08:00:00Z".parse().unwrap();
    (start + SignedDuration::from_hours(24 * day) + SignedDuration::from_mins(minute.into()))
        .to_string()
}

fn micros(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_microsecond()
}

fn batch(orders: &[Order]) -> RecordBatch {
    let amounts: Decimal128Array = orders.iter().map(|it| it.amount.map(i128::from)).collect();
    let times = |of: &dyn Fn(&Order) -> Option<i64>| -> ArrayRef {
        Arc::new(orders.iter().map(of).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    let columns: [(&str, ArrayRef); 5] = [
        ("id", Arc::new(Int64Array::from_iter_values(orders.iter().map(|it| it.id)))),
        ("placed", times(&|it| Some(micros(&it.placed)))),
        ("amount", Arc::new(amounts.with_precision_and_scale(12, 2).unwrap())),
        (
            "_deleted",
            Arc::new(orders.iter().map(|it| Some(it.is_deleted)).collect::<BooleanArray>()),
        ),
        ("_ingested_at", times(&|it| it.ingested.as_deref().map(micros))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))
        .unwrap()
}

/// Both sides, and what happens to them while they are compared.
pub(crate) struct InMemory {
    source: Arc<SourceSide>,
    /// What was published, one after the other.
    lake: Arc<Mutex<Vec<Vec<Order>>>>,
    subject: Mutex<Subject>,
    pub(crate) in_step_until: Mutex<Option<Timestamp>>,
    kept: Mutex<BTreeMap<(&'static str, String), RecordBatch>>,
}

/// The source.
struct SourceSide {
    now: Mutex<Vec<Order>>,
    /// As the look that goes on reads it.
    read: Mutex<Vec<Order>>,
    /// What both sides are once a look has begun to read.
    later: Mutex<VecDeque<(Vec<Order>, Vec<Order>)>>,
    lake: Arc<Mutex<Vec<Vec<Order>>>>,
    /// What it says to be asked for a number of rows.
    counts: Mutex<VecDeque<Option<u64>>>,
    rejects: AtomicUsize,
    failure: Mutex<Option<HandlerError>>,
}

impl InMemory {
    fn new(source: Vec<Order>, lake: Vec<Order>) -> Self {
        let lake = Arc::new(Mutex::new(vec![lake]));
        let side = SourceSide {
            now: Mutex::new(source),
            read: Mutex::default(),
            later: Mutex::default(),
            lake: Arc::clone(&lake),
            counts: Mutex::default(),
            rejects: AtomicUsize::new(0),
            failure: Mutex::default(),
        };
        Self {
            source: Arc::new(side),
            lake,
            subject: Mutex::new(subject()),
            in_step_until: Mutex::new(Some(at(10, 0).parse().unwrap())),
            kept: Mutex::default(),
        }
    }

    /// Changes the source.
    pub(crate) fn at_source(&self, change: impl FnOnce(&mut Vec<Order>)) {
        change(&mut self.source.now.lock().unwrap());
    }

    /// What source and lake have once the next look has begun to read; then the one after it, and so on.
    pub(crate) fn later(&self, source: Vec<Order>, lake: Vec<Order>) {
        self.source.later.lock().unwrap().push_back((source, lake));
    }

    /// What the source counts, question by question; the last answer stays.
    pub(crate) fn counts(&self, counts: impl IntoIterator<Item = Option<u64>>) {
        self.source.counts.lock().unwrap().extend(counts);
    }

    /// So many records of the source fit no row.
    pub(crate) fn reject(&self, records: usize) {
        self.source.rejects.store(records, Ordering::Relaxed);
    }

    pub(crate) fn fail(&self, error: HandlerError) {
        *self.source.failure.lock().unwrap() = Some(error);
    }

    /// Changes what the dataset is.
    pub(crate) fn set(&self, change: impl FnOnce(&mut Subject)) {
        change(&mut self.subject.lock().unwrap());
    }
}

fn subject() -> Subject {
    Subject {
        name: "orders".to_owned(),
        schema: batch(&[]).project(&[0, 1, 2, 3]).unwrap().schema(),
        key: vec!["id".to_owned()],
        event_time: Some("placed".to_owned()),
        columns: vec!["placed".to_owned(), "amount".to_owned()],
        partition: Vec::new(),
        has_versions: true,
        settle: SignedDuration::from_mins(10),
        since: None,
        against: Against::Source,
        time_level: None,
        children: Vec::new(),
    }
}

/// Three orders at a time, two splits.
struct Orders(Arc<SourceSide>);

#[async_trait]
impl Source for Orders {
    async fn splits(&self, _window: &Window) -> Result<Vec<Split>, HandlerError> {
        let mut now = self.0.now.lock().unwrap();
        self.0.read.lock().unwrap().clone_from(&now);
        if let Some((source, lake)) = self.0.later.lock().unwrap().pop_front() {
            *now = source;
            let mut published = self.0.lake.lock().unwrap();
            if *published.last().unwrap() != lake {
                published.push(lake);
            }
        }
        Ok(["even", "odd"].map(Split::new).to_vec())
    }

    fn read<'a>(&'a self, read: Read<'a>) -> BoxStream<'a, Result<Chunk, Stop>> {
        let rest = i64::from(read.split.name == "odd");
        let inside = |it: &&Order| {
            let time: Timestamp = it.placed.parse().unwrap();
            it.id % 2 == rest
                && read.window.from.is_none_or(|from| from <= time)
                && time < read.window.to
        };
        let orders = self.0.read.lock().unwrap();
        let orders: Vec<_> = orders.iter().filter(inside).cloned().collect();
        let done = read.after.map_or(0, |after| after.as_u64().unwrap());
        let rejects = if rest == 0 { self.0.rejects.load(Ordering::Relaxed) } else { 0 };
        let chunks = orders.chunks(3).enumerate().skip(done as usize);
        let chunks: Vec<_> = chunks
            .map(|(number, orders)| {
                Ok(Chunk {
                    rows: batch(orders).project(&[0, 1, 2, 3]).unwrap(),
                    rejected: vec![rejected(); if number == 0 { rejects } else { 0 }],
                    unknown: BTreeSet::new(),
                    checkpoint: json!(number + 1),
                })
            })
            .collect();
        stream::iter(chunks).boxed()
    }

    async fn count(&self, _window: &Window) -> Result<Option<u64>, HandlerError> {
        let mut counts = self.0.counts.lock().unwrap();
        let next = counts.front().copied().flatten();
        if counts.len() > 1 {
            counts.pop_front();
        }
        Ok(next)
    }
}

fn rejected() -> Rejected {
    Rejected { place: "line 1".into(), reason: "too long".into(), record: "{}".into() }
}

#[async_trait]
impl Lake for InMemory {
    fn datasets(&self) -> Vec<String> {
        vec!["orders".to_owned()]
    }

    fn subject(&self, dataset: &str) -> Result<Subject, HandlerError> {
        if dataset != "orders" {
            return Err(HandlerError::Config(format!("there is no dataset `{dataset}`")));
        }
        Ok(self.subject.lock().unwrap().clone())
    }

    async fn source(&self, _dataset: &str) -> Result<Arc<dyn Source>, HandlerError> {
        match &*self.source.failure.lock().unwrap() {
            Some(error) => Err(error.clone()),
            None => Ok(Arc::new(Orders(Arc::clone(&self.source)))),
        }
    }

    async fn pin(&self, dataset: &str) -> Result<Option<Pinned>, HandlerError> {
        let Some(in_step_until) = *self.in_step_until.lock().unwrap() else { return Ok(None) };
        let version = self.lake.lock().unwrap().len() - 1;
        let partition = |name: &str| json!({"folder": format!("{name}/{version}"), "rows": 0, "files": [], "runs": []});
        let columns = [
            "id bigint",
            "placed timestamp",
            "amount decimal(12,2)",
            "_deleted boolean",
            "_ingested_at timestamp",
        ];
        let table = json!({"format": 1, "name": dataset, "columns": columns, "key": ["id"], "partition_by": [],
            "version_by": [], "child_of": null, "partitions": {"a": partition("a"), "b": partition("b")}});
        let table = serde_json::from_value(table).unwrap();
        Ok(Some(Pinned { in_step_until, tables: vec![table] }))
    }

    async fn rows(
        &self,
        table: &Table,
        partition: &str,
    ) -> Result<BoxStream<'static, Result<RecordBatch, HandlerError>>, HandlerError> {
        let (_, version) = table.partitions[partition].folder.split_once('/').unwrap();
        let lake = &self.lake.lock().unwrap()[version.parse::<usize>().unwrap()];
        let half = lake.len() / 2;
        let rows = if partition == "a" { &lake[..half] } else { &lake[half..] };
        let batches: Vec<_> = rows.chunks(8).map(|rows| Ok(batch(rows))).collect();
        Ok(stream::iter(batches).boxed())
    }

    async fn append(
        &self,
        dataset: &'static str,
        run: &str,
        rows: RecordBatch,
    ) -> Result<(), HandlerError> {
        self.kept.lock().unwrap().insert((dataset, run.to_owned()), rows);
        Ok(())
    }
}

/// A lake with its functions.
pub(crate) struct Bench {
    pub(crate) lake: Arc<InMemory>,
    functions: Vec<Arc<dyn AnyFunction>>,
    slice: Duration,
    is_twice: bool,
    calls: AtomicUsize,
    _folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new(source: Vec<Order>, lake: Vec<Order>) -> Self {
        Self::with(source, lake, |_| {})
    }

    pub(crate) fn with(
        source: Vec<Order>,
        lake: Vec<Order>,
        set: impl FnOnce(&mut Settings),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lake = Arc::new(InMemory::new(source, lake));
        let mut settings = Settings::default();
        set(&mut settings);
        let proving = Arc::new(Proving {
            lake: Arc::clone(&lake) as Arc<dyn Lake>,
            settings,
            state: folder.path().join("lake"),
        });
        let with = || Arc::clone(&proving);
        let functions: Vec<Arc<dyn AnyFunction>> = vec![
            Arc::new(Begin { proving: with() }),
            Arc::new(Compare { proving: with() }),
            Arc::new(Record { proving: with() }),
            Arc::new(Summarise),
        ];
        Self {
            lake,
            functions,
            slice: Duration::from_mins(10),
            is_twice: false,
            calls: AtomicUsize::new(0),
            _folder: folder,
        }
    }

    pub(crate) fn in_slices_of(self, slice: Duration) -> Self {
        Self { slice, ..self }
    }

    /// Every call is delivered twice.
    pub(crate) fn twice(self) -> Self {
        Self { is_twice: true, ..self }
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    async fn call(&self, function: &str, input: &Value) -> Result<Value, HandlerError> {
        let name = format!("stepwell-lake-{function}");
        let function = self.functions.iter().find(|it| it.name() == name).unwrap();
        let calls = self.calls.fetch_add(1, Ordering::Relaxed);
        assert!(calls < 1_000, "no progress");
        let ctx = Context::starting_now("key", self.slice);
        if self.is_twice {
            let _ = function.call_json(input, &ctx).await;
        }
        function.call_json(input, &ctx).await
    }

    pub(crate) async fn begin(&self, input: &Value) -> Result<Value, HandlerError> {
        self.call("begin-proof", &json!({"run": "monday", "input": input})).await
    }

    /// A whole proof; its summary.
    pub(crate) async fn prove(&self, input: Value) -> Value {
        let begun = self.begin(&input).await.unwrap();
        let mut results = Vec::new();
        for item in begun["datasets"].as_array().unwrap() {
            let mut state = item.clone();
            state["run"] = json!("monday");
            results.push(loop {
                match self.call("compare", &state).await {
                    Ok(progress) if progress["status"] == "COMPLETE" => {
                        break json!({"dataset": item["dataset"]});
                    }
                    Ok(progress) => state["progress"] = progress,
                    Err(error) => {
                        let cause = json!({"errorMessage": error.to_string()}).to_string();
                        let failure = json!({"Error": error.name(), "Cause": cause});
                        break json!({"dataset": item["dataset"], "failure": failure});
                    }
                }
            });
        }
        let recorded = self.call("record", &json!({"run": "monday", "results": results})).await;
        let gathered = json!({"recorded": recorded.unwrap()});
        let input = json!({"started_at": "2026-03-20T05:00:00Z", "gathered": gathered});
        self.call("summarise-proof", &input).await.unwrap()
    }

    /// The rows that were kept in a dataset of the lake's own.
    pub(crate) fn rows(&self, dataset: &str) -> Vec<Value> {
        let mut writer = arrow::json::ArrayWriter::new(Vec::new());
        let kept = self.lake.kept.lock().unwrap();
        for (_, rows) in kept.iter().filter(|((name, _), _)| *name == dataset) {
            writer.write(rows).unwrap();
        }
        writer.finish().unwrap();
        let text = writer.into_inner();
        if text.is_empty() { Vec::new() } else { serde_json::from_slice(&text).unwrap() }
    }
}
