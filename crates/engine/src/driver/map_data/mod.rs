//! Reads the items of Map runs and writes their results, on tokio.
//!
//! Not durable and not meant to be: a stream that is lost is opened again behind the items that were taken.

mod pending;
mod writing;

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use serde_json::Value;
use stepwell_machine::{MapRunData, Reason, TaskResult};
use stepwell_task::{
    ChildResult, ItemSource, Items, MapData, ResultDestination, Results, TaskFailure, in_one_line,
};
use tokio::runtime;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use self::pending::{given, inputs};
use self::writing::{Writers, superseded};
use crate::arn::Arns;
use crate::error::StoreError;
use crate::kernel::{Event, Pending, ReadOrder, WriteOrder};
use crate::limits::{MAP_RUN_BYTES_READ, MAP_RUN_RESULTS_READ, MAP_RUN_STREAMS_MAX};
use crate::results;
use crate::store::{Archive, MapRunId};

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct DataDriver(Arc<Shared>);

struct Shared {
    data: Option<Arc<dyn MapData>>,
    events: Sender<Event>,
    runtime: runtime::Handle,
    store: PathBuf,
    arns: Arns,
    /// As many streams are read at once.
    reading: Semaphore,
    open: Mutex<Open>,
    writers: Writers,
}

/// Streams that wait to be read on, with the number of items before them.
#[derive(Default)]
struct Open {
    streams: HashMap<MapRunId, (u64, Items)>,
    /// In the order in which they were last read.
    order: VecDeque<MapRunId>,
}

impl Open {
    fn take(&mut self, map_run: MapRunId) -> Option<(u64, Items)> {
        self.order.retain(|open| *open != map_run);
        self.streams.remove(&map_run)
    }

    /// Keeps a stream; closes the one that was not read for the longest time if there are too many.
    fn keep(&mut self, map_run: MapRunId, position: u64, items: Items) {
        if self.order.len() >= MAP_RUN_STREAMS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.streams.remove(&oldest);
        }
        self.order.push_back(map_run);
        self.streams.insert(map_run, (position, items));
    }
}

impl DataDriver {
    /// Must be called within a tokio runtime, where the work will run.
    pub(crate) fn new(
        data: Option<Arc<dyn MapData>>,
        events: Sender<Event>,
        store: PathBuf,
        arns: Arns,
    ) -> Self {
        let runtime = runtime::Handle::current();
        let (reading, open) = (Semaphore::new(MAP_RUN_STREAMS_MAX), Mutex::default());
        let writers = Writers::default();
        Self(Arc::new(Shared { data, events, runtime, store, arns, reading, open, writers }))
    }

    pub(crate) fn read(&self, order: ReadOrder) {
        let shared = Arc::clone(&self.0);
        self.0.runtime.spawn(async move {
            let (map_run, attempt, skip) = (order.map_run, order.attempt, order.skip);
            let event = match shared.read(order).await {
                Ok((items, end)) => Event::ItemsRead { map_run, skip, items, end },
                Err(TaskFailure { error, cause }) => {
                    let reason = Reason { error: Some(error), cause };
                    Event::ItemsFailed { map_run, attempt, reason }
                }
            };
            shared.tell(event);
        });
    }

    pub(crate) fn close(&self, map_run: MapRunId) {
        drop(self.0.take(map_run));
    }

    /// Writes results, once nobody writes those of the same Map run any more: after a redrive the objects are the same.
    pub(crate) fn write(&self, order: WriteOrder) {
        let shared = Arc::clone(&self.0);
        let (map_run, attempt) = (order.map_run, order.attempt);
        self.0.writers.begin(&self.0.runtime, map_run, attempt, |stop| async move {
            let outcome = shared.write(order, stop).await.unwrap_or_else(|failure| {
                let TaskFailure { error, cause } = failure;
                TaskResult::Failed { error, cause }
            });
            shared.writers.end(map_run, attempt);
            shared.tell(Event::ResultsWritten { map_run, attempt, outcome });
        });
    }
}

impl Shared {
    fn tell(&self, event: Event) {
        // The kernel has gone only when the engine has ended; then it is asked for again at the next start.
        let _ = self.events.send(event);
    }

    fn take(&self, map_run: MapRunId) -> Option<(u64, Items)> {
        self.open.lock().expect("nothing panics while it holds the streams").take(map_run)
    }

    fn keep(&self, map_run: MapRunId, position: u64, items: Items) {
        let mut open = self.open.lock().expect("nothing panics while it holds the streams");
        open.keep(map_run, position, items);
    }

    /// The next items, and whether they are the last.
    async fn read(&self, order: ReadOrder) -> Result<(Vec<Value>, bool), TaskFailure> {
        let _turn = self.reading.acquire().await.expect("the turns are never closed");
        let ReadOrder { map_run, reader, skip, count, .. } = order;
        let mut stream = match self.take(map_run) {
            Some((position, stream)) if position == skip => stream,
            _ => self.open(reader, skip).await?,
        };
        let (mut items, mut bytes) = (Vec::new(), 0);
        while items.len() < count && bytes < MAP_RUN_BYTES_READ {
            let Some(item) = stream.next().await else { return Ok((items, true)) };
            let item = item?;
            bytes += size(&item);
            items.push(item);
        }
        self.keep(map_run, skip + items.len() as u64, stream);
        Ok((items, false))
    }

    async fn open(&self, reader: MapRunData, skip: u64) -> Result<Items, TaskFailure> {
        let source = ItemSource {
            resource: reader.resource.unwrap_or_else(|| "".into()),
            arguments: reader.arguments,
            config: reader.config,
            skip,
        };
        self.data("States.ItemReaderFailed")?.read(source).await
    }

    async fn write(
        self: &Arc<Self>,
        order: WriteOrder,
        stop: CancellationToken,
    ) -> Result<TaskResult, TaskFailure> {
        let Some(writer) = order.writer.clone().filter(|writer| writer.resource.is_some()) else {
            return self.collect(order).await;
        };
        let destination = ResultDestination {
            map_run_arn: order.arn,
            arguments: writer.arguments,
            config: writer.config,
        };
        let pending = match order.pending {
            Some(pending) => self.pending(*pending).await,
            None => stream::empty().boxed(),
        };
        let ended = self.ended(order.map_run);
        let ended = ended.map(move |child| if stop.is_cancelled() { superseded() } else { child });
        let results = Results { ended: ended.boxed(), pending };
        let output = self.data(WRITER_FAILED)?.write(destination, results).await?;
        Ok(TaskResult::Succeeded { output: Arc::new(output) })
    }

    async fn collect(self: &Arc<Self>, order: WriteOrder) -> Result<TaskResult, TaskFailure> {
        let shared = Arc::clone(self);
        let collect =
            move || results::collect(&Archive::open(&shared.store)?, &shared.arns, &order);
        blocking(collect).await.map_err(|error| unreadable(&error))
    }

    fn data(&self, error: &str) -> Result<&Arc<dyn MapData>, TaskFailure> {
        self.data.as_ref().ok_or_else(|| TaskFailure {
            error: error.to_owned(),
            cause: Some("no buckets are served here".to_owned()),
        })
    }

    /// The results of the children of a Map run, read from the store page by page as they are wanted.
    fn ended(self: &Arc<Self>, map_run: MapRunId) -> BoxStream<'static, ChildOutcome> {
        let start = (Arc::clone(self), None, Some(0));
        let pages = stream::unfold(start, move |(shared, archive, from)| async move {
            let (store, from) = (shared.store.clone(), from?);
            let read = blocking(move || {
                let archive = archive.map_or_else(|| Archive::open(&store), Ok)?;
                let page = archive.child_data(map_run, from, MAP_RUN_RESULTS_READ)?;
                Ok((archive, page))
            });
            Some(match read.await {
                Ok((archive, page)) => {
                    let next = results::next_index(&page);
                    let outcome = |row| Ok(results::of_child(&shared.arns, row));
                    let outcomes: Vec<ChildOutcome> = page.iter().map(outcome).collect();
                    (stream::iter(outcomes), (shared, Some(archive), next))
                }
                Err(error) => (stream::iter(vec![Err(unreadable(&error))]), (shared, None, None)),
            })
        });
        pages.flatten().boxed()
    }

    /// The inputs of children that were not started. What cannot be read any more is not among them.
    async fn pending(&self, pending: Pending) -> BoxStream<'static, String> {
        let items = match (&pending.given, &pending.plan.reader) {
            (Some(items), _) => Ok(given(items, pending.taken)),
            (None, Some(reader)) => self.open(reader.clone(), pending.taken).await,
            (None, None) => Ok(stream::empty().boxed()),
        };
        items.map_or_else(|_| stream::empty().boxed(), |items| inputs(pending, items))
    }
}

/// What became of a child, or why that cannot be read.
type ChildOutcome = Result<ChildResult, TaskFailure>;

const WRITER_FAILED: &str = "States.ResultWriterFailed";

fn unreadable(error: &StoreError) -> TaskFailure {
    TaskFailure { error: WRITER_FAILED.to_owned(), cause: Some(in_one_line(error)) }
}

/// Reads the store on a thread where that may take its time.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(read).await.expect("reading does not panic")
}

/// About how many bytes a value takes.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(fields) => fields.iter().map(|(name, value)| name.len() + size(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use async_trait::async_trait;

    use super::*;

    /// Sources without an end; counts those that are open.
    #[derive(Default)]
    struct Endless {
        open: Arc<AtomicUsize>,
    }

    struct Guard(Arc<AtomicUsize>);

    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }

    #[async_trait]
    impl MapData for Endless {
        async fn read(&self, source: ItemSource) -> Result<Items, TaskFailure> {
            self.open.fetch_add(1, Ordering::Relaxed);
            let guard = Guard(Arc::clone(&self.open));
            let item = move |number: u64| {
                let _open = &guard;
                Ok(Value::from(number))
            };
            Ok(stream::iter(source.skip..).map(item).boxed())
        }

        async fn write(&self, _: ResultDestination, _: Results) -> Result<Value, TaskFailure> {
            unreachable!("nothing is written here")
        }
    }

    fn nowhere() -> MapRunData {
        MapRunData { resource: None, arguments: Arc::default(), config: Arc::default() }
    }

    fn read_on(shared: &Shared, map_run: MapRunId, skip: u64) -> Vec<Value> {
        let order = ReadOrder { map_run, attempt: 0, reader: nowhere(), skip, count: 2 };
        let (items, is_end) = futures_util::future::FutureExt::now_or_never(shared.read(order))
            .expect("nothing waits")
            .unwrap();
        assert!(!is_end);
        items
    }

    #[test]
    fn a_bounded_number_of_streams_is_open_and_those_that_were_closed_go_on_where_they_were() {
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        let entered = runtime.enter();
        let data = Endless::default();
        let open = Arc::clone(&data.open);
        let driver = DataDriver::new(
            Some(Arc::new(data)),
            mpsc::channel().0,
            PathBuf::new(),
            Arns::new("us-east-1", "000000000000"),
        );
        drop(entered);
        let ids = 1..=3 * MAP_RUN_STREAMS_MAX as MapRunId;
        for skip in [0, 2] {
            for map_run in ids.clone() {
                let items = read_on(&driver.0, map_run, skip);
                assert_eq!(items, [Value::from(skip), Value::from(skip + 1)]);
                assert!(open.load(Ordering::Relaxed) <= MAP_RUN_STREAMS_MAX);
            }
        }
        ids.for_each(|map_run| driver.close(map_run));
        assert_eq!(open.load(Ordering::Relaxed), 0);
    }
}
