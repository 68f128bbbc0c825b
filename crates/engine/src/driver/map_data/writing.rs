//! Who writes results: one writer at a time for each Map run.
//!
//! A Map run may be redriven while the results of its earlier attempt are on their way out. The writer of the next attempt
//! lets that one know, and waits for its end: it stops with the next result that it would take, and never in the middle of
//! an object, which nobody could tell from the same object of its successor.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use stepwell_task::TaskFailure;
use tokio::runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{ChildOutcome, WRITER_FAILED};
use crate::store::MapRunId;

#[derive(Default)]
pub(super) struct Writers(Mutex<HashMap<MapRunId, Writer>>);

struct Writer {
    attempt: u32,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Writers {
    /// Starts a writer behind the one before. It is told by the token that another one wants to start.
    pub(super) fn begin<W: Future<Output = ()> + Send + 'static>(
        &self,
        runtime: &runtime::Handle,
        map_run: MapRunId,
        attempt: u32,
        write: impl FnOnce(CancellationToken) -> W,
    ) {
        let stop = CancellationToken::new();
        let work = write(stop.clone());
        let mut writers = self.writers();
        let before = writers.remove(&map_run).map(|before| {
            before.stop.cancel();
            before.task
        });
        let task = runtime.spawn(async move {
            if let Some(before) = before {
                // However it ended, it writes no more.
                let _ = before.await;
            }
            work.await;
        });
        writers.insert(map_run, Writer { attempt, stop, task });
    }

    /// A writer has come to its end.
    pub(super) fn end(&self, map_run: MapRunId, attempt: u32) {
        let mut writers = self.writers();
        if writers.get(&map_run).is_some_and(|writer| writer.attempt == attempt) {
            writers.remove(&map_run);
        }
    }

    fn writers(&self) -> MutexGuard<'_, HashMap<MapRunId, Writer>> {
        self.0.lock().expect("nothing panics while it holds the writers")
    }
}

/// What a writer gets in the place of a result that its successor is to write.
pub(super) fn superseded() -> ChildOutcome {
    let cause = Some("the Map run was redriven".to_owned());
    Err(TaskFailure { error: WRITER_FAILED.to_owned(), cause })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, mpsc};
    use std::time::Duration;

    use async_trait::async_trait;
    use futures_util::StreamExt;
    use serde_json::Value;
    use stepwell_machine::{MapRunData, TaskResult};
    use stepwell_task::{ItemSource, Items, MapData, ResultDestination, Results};
    use tokio::sync::Semaphore;

    use super::*;
    use crate::arn::Arns;
    use crate::driver::map_data::DataDriver;
    use crate::kernel::{Event, WriteOrder};
    use crate::store::{Durability, Store};

    /// Writes when it is let, and never twice at once.
    struct Gated {
        begun: Arc<Semaphore>,
        gate: Arc<Semaphore>,
        is_busy: AtomicBool,
    }

    #[async_trait]
    impl MapData for Gated {
        async fn read(&self, _: ItemSource) -> Result<Items, TaskFailure> {
            unreachable!("nothing is read here")
        }

        async fn write(
            &self,
            _: ResultDestination,
            results: Results,
        ) -> Result<Value, TaskFailure> {
            assert!(!self.is_busy.swap(true, Ordering::Relaxed), "two write the same objects");
            self.begun.add_permits(1);
            self.gate.acquire().await.unwrap().forget();
            let written: Vec<_> = results.ended.collect().await;
            self.is_busy.store(false, Ordering::Relaxed);
            let count = written.into_iter().collect::<Result<Vec<_>, _>>()?.len();
            Ok(Value::from(count))
        }
    }

    /// For what comes at once, or not at all.
    const PATIENCE: Duration = Duration::from_mins(1);

    const ONE_CHILD: &str = "
        INSERT INTO state_machine VALUES (1, 'm', 'ACTIVE', 1, 0, 0, '[]');
        INSERT INTO map_run (id, execution, scheduled, definition, state, label, uuid, status, started_at,
            max_concurrency, tolerated_count, tolerated_percentage)
            VALUES (7, 1, 1, 1, 0, 'each', 'u', 'RUNNING', 0, 0, 0, 0);
        INSERT INTO execution (id, state_machine, definition, name, status, started_at, stopped_at,
            open_tasks, entries, map_run, map_index, map_items)
            VALUES (2, 1, 1, 'child', 'SUCCEEDED', 0, 0, 0, 0, 7, 0, 1);
        INSERT INTO execution_data VALUES (2, '1', '1', NULL, NULL);";

    fn order(attempt: u32) -> WriteOrder {
        let resource = Some("arn:aws:states:::s3:putObject".into());
        let writer = MapRunData { resource, arguments: Arc::default(), config: Arc::default() };
        let arn = "arn:aws:states:us-east-1:000000000000:mapRun:m/each:u".into();
        WriteOrder { map_run: 7, attempt, arn, writer: Some(writer), pending: None }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_writer_that_was_superseded_stops_before_the_next_one_starts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stepwell.db");
        let _store = Store::open(&path, Durability::ProcessOnly).unwrap();
        rusqlite::Connection::open(&path).unwrap().execute_batch(ONE_CHILD).unwrap();
        let (begun, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let is_busy = AtomicBool::new(false);
        let data = Gated { begun: Arc::clone(&begun), gate: Arc::clone(&gate), is_busy };
        let (events, told) = mpsc::channel();
        let arns = Arns::new("us-east-1", "000000000000");
        let driver = DataDriver::new(Some(Arc::new(data)), events, path, arns);

        driver.write(order(0));
        begun.acquire().await.unwrap().forget();
        driver.write(order(1));
        gate.add_permits(2);
        let told = tokio::task::spawn_blocking(move || {
            [(); 2].map(|()| match told.recv_timeout(PATIENCE).unwrap() {
                Event::ResultsWritten { attempt, outcome, .. } => (attempt, outcome),
                event => panic!("{event:?}"),
            })
        });
        let [(0, before), (1, after)] = told.await.unwrap() else { panic!("in another order") };
        assert_eq!(after, TaskResult::Succeeded { output: Arc::new(Value::from(1)) });
        let TaskResult::Failed { error, .. } = before else { panic!("it went on: {before:?}") };
        assert_eq!(error, WRITER_FAILED);
    }
}
