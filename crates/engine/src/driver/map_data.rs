//! Reads the items of Map runs and writes their results, on tokio.
//!
//! Not durable and not meant to be: a stream that is lost is opened again behind the items that were taken.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use futures_util::{StreamExt, stream};
use serde_json::Value;
use stepwell_machine::{Reason, TaskResult};
use stepwell_task::{
    ChildResult, ItemSource, Items, MapData, ResultDestination, Results, TaskFailure, in_one_line,
};
use tokio::runtime;
use tokio::sync::mpsc;

use crate::arn::Arns;
use crate::error::StoreError;
use crate::kernel::{Event, ReadOrder, WriteOrder};
use crate::limits::{MAP_RUN_BYTES_READ, MAP_RUN_RESULTS_READ};
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
    /// Streams that wait to be read on, with the number of items before them.
    open: Mutex<HashMap<MapRunId, (u64, Items)>>,
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
        Self(Arc::new(Shared { data, events, runtime, store, arns, open: Mutex::default() }))
    }

    pub(crate) fn read(&self, order: ReadOrder) {
        let shared = Arc::clone(&self.0);
        self.0.runtime.spawn(async move {
            let (map_run, skip) = (order.map_run, order.skip);
            let event = match shared.read(order).await {
                Ok((items, end)) => Event::ItemsRead { map_run, skip, items, end },
                Err(TaskFailure { error, cause }) => {
                    Event::ItemsFailed { map_run, reason: Reason { error: Some(error), cause } }
                }
            };
            shared.tell(event);
        });
    }

    pub(crate) fn close(&self, map_run: MapRunId) {
        drop(self.0.take(map_run));
    }

    pub(crate) fn write(&self, order: WriteOrder) {
        let shared = Arc::clone(&self.0);
        self.0.runtime.spawn(async move {
            let map_run = order.map_run;
            let outcome = match shared.write(order).await {
                Ok(output) => TaskResult::Succeeded { output: Arc::new(output) },
                Err(TaskFailure { error, cause }) => TaskResult::Failed { error, cause },
            };
            shared.tell(Event::ResultsWritten { map_run, outcome });
        });
    }
}

impl Shared {
    fn tell(&self, event: Event) {
        // The kernel has gone only when the engine has ended; then it is asked for again at the next start.
        let _ = self.events.send(event);
    }

    fn take(&self, map_run: MapRunId) -> Option<(u64, Items)> {
        self.open.lock().expect("nothing panics while it holds the streams").remove(&map_run)
    }

    fn keep(&self, map_run: MapRunId, position: u64, items: Items) {
        let mut open = self.open.lock().expect("nothing panics while it holds the streams");
        open.insert(map_run, (position, items));
    }

    /// The next items, and whether they are the last.
    async fn read(&self, order: ReadOrder) -> Result<(Vec<Value>, bool), TaskFailure> {
        let ReadOrder { map_run, reader, skip, count } = order;
        let mut stream = match self.take(map_run) {
            Some((position, stream)) if position == skip => stream,
            _ => {
                let source = ItemSource {
                    resource: reader.resource.unwrap_or_else(|| "".into()),
                    arguments: reader.arguments,
                    config: reader.config,
                    skip,
                };
                self.data("States.ItemReaderFailed")?.read(source).await?
            }
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

    async fn write(self: &Arc<Self>, order: WriteOrder) -> Result<Value, TaskFailure> {
        let destination = ResultDestination {
            map_run_arn: order.arn,
            arguments: order.writer.arguments,
            config: order.writer.config,
        };
        let results = self.results(order.map_run);
        self.data("States.ResultWriterFailed")?.write(destination, results).await
    }

    fn data(&self, error: &str) -> Result<&Arc<dyn MapData>, TaskFailure> {
        self.data.as_ref().ok_or_else(|| TaskFailure {
            error: error.to_owned(),
            cause: Some("no buckets are served here".to_owned()),
        })
    }

    /// The results of a Map run, read from the store page by page.
    fn results(self: &Arc<Self>, map_run: MapRunId) -> Results {
        let (sender, receiver) = mpsc::channel(MAP_RUN_RESULTS_READ);
        let shared = Arc::clone(self);
        self.runtime.spawn_blocking(move || {
            if let Err(error) = shared.send_results(map_run, &sender) {
                let cause = Some(in_one_line(&error));
                let error = "States.ResultWriterFailed".to_owned();
                // Nobody may read any more; then nobody misses it.
                let _ = sender.blocking_send(Err(TaskFailure { error, cause }));
            }
        });
        stream::unfold(receiver, async |mut receiver| {
            receiver.recv().await.map(|result| (result, receiver))
        })
        .boxed()
    }

    fn send_results(
        &self,
        map_run: MapRunId,
        sender: &mpsc::Sender<Result<ChildResult, TaskFailure>>,
    ) -> Result<(), StoreError> {
        let (archive, mut from) = (Archive::open(&self.store)?, 0);
        loop {
            let page = archive.child_data(map_run, from, MAP_RUN_RESULTS_READ)?;
            let Some(last) = page.last() else { return Ok(()) };
            from = last.row.child.as_ref().map_or(u64::MAX, |child| child.index + 1);
            for child in &page {
                if sender.blocking_send(Ok(results::of_child(&self.arns, child))).is_err() {
                    return Ok(());
                }
            }
        }
    }
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
