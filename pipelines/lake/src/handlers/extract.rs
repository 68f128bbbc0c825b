//! `stepwell-lake-extract`: reads a window into files, in slices.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use stepwell_pipeline::progress::Update;
use stepwell_pipeline::{Context, Function, HandlerError};
use tokio::task::JoinHandle;

use super::{Planned, hold};
use crate::dataset::{Dataset, Mode};
use crate::ledger::{Ledger, Part, Progress, Run, State};
use crate::service::Service;
use crate::source::{Chunk, Read, Source, Stop};
use crate::write::{Gathered, PartJob, Spool, children};

/// Reads a run's window; says `IN_PROGRESS` at the end of its slice, with everything up to there durable.
pub struct Extract {
    pub(crate) service: Arc<Service>,
}

/// ```json
/// {"status":"IN_PROGRESS","wait_seconds":5,"rows":120000}
/// ```
#[derive(Debug, Serialize)]
pub struct Extracted {
    status: Status,
    wait_seconds: u64,
    rows: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Status {
    Complete,
    InProgress,
}

#[async_trait]
impl Function for Extract {
    type Input = Planned;
    type Output = Extracted;

    fn name(&self) -> &'static str {
        "stepwell-lake-extract"
    }

    async fn call(&self, input: Planned, ctx: &Context) -> Result<Extracted, HandlerError> {
        hold::during(&self.service, &input, self.extract(&input, ctx)).await
    }
}

impl Extract {
    async fn extract(&self, input: &Planned, ctx: &Context) -> Result<Extracted, HandlerError> {
        let dataset = self.service.dataset(&input.dataset)?;
        let ledger = self.service.ledger().await?;
        let run = hold::run_of(&self.service, input).await?;
        if run.state == State::Published {
            return Ok(Extracted { status: Status::Complete, wait_seconds: 0, rows: 0 });
        }
        let source = self.service.source(dataset).await?;
        if ledger.splits(&run).await?.is_empty() {
            let splits = source.splits(&run.window).await?;
            ledger.set_splits(&run, splits, dataset.mode == Mode::Append).await?;
        }
        let reading = Reading {
            service: &self.service,
            ledger,
            dataset,
            run: &run,
            execution: &input.execution,
            source: &*source,
            ctx,
        };
        let open: Vec<_> =
            ledger.splits(&run).await?.into_iter().filter(|split| !split.is_done).collect();
        let ends: Vec<End> = stream::iter(open)
            .map(|progress| reading.split(progress))
            .buffer_unordered(self.service.config.parallel_splits)
            .try_collect()
            .await?;
        let wait = ends.iter().filter_map(|end| match end {
            End::Done => None,
            End::Paused(wait) => Some(*wait),
        });
        let wait = wait.min();
        let rows = ledger.splits(&run).await?.iter().map(|split| split.rows).sum();
        reading.tell(rows, wait.is_none());
        Ok(Extracted {
            status: if wait.is_none() { Status::Complete } else { Status::InProgress },
            wait_seconds: wait.map_or(0, |wait| wait.as_secs_f64().ceil() as u64),
            rows,
        })
    }
}

/// How the reading of a split ended.
enum End {
    Done,
    /// Worth going on after this time.
    Paused(Duration),
}

struct Reading<'a> {
    service: &'a Service,
    ledger: &'a Ledger,
    dataset: &'a Dataset,
    run: &'a Run,
    execution: &'a str,
    source: &'a dyn Source,
    ctx: &'a Context,
}

/// A part that is being written, and where the split is behind it.
struct InFlight {
    task: JoinHandle<Result<Vec<Part>, HandlerError>>,
    behind: Progress,
    unknown: std::collections::BTreeSet<String>,
}

impl Reading<'_> {
    /// Reads a split, part by part. The next part is gathered while the last one is written.
    async fn split(&self, mut progress: Progress) -> Result<End, HandlerError> {
        let mut gathered = self.unspooled(&progress)?;
        let before = progress.spooled.clone();
        let mut in_flight: Option<InFlight> = None;
        let after = progress.checkpoint.clone();
        let split = progress.split.clone();
        let read = Read {
            window: &self.run.window,
            split: &split,
            after: after.as_ref(),
            run: &self.run.run,
            ctx: self.ctx,
        };
        let mut chunks = self.source.read(read);
        let end = loop {
            match chunks.next().await {
                None => break Ok(End::Done),
                Some(Ok(chunk)) => {
                    let chunk = children::checked(self.dataset, chunk)?;
                    self.take(chunk, &mut progress, &mut gathered);
                    if gathered.is_full(self.dataset) {
                        self.land(in_flight.take()).await?;
                        in_flight = Some(self.launch(std::mem::take(&mut gathered), &mut progress));
                    }
                    // Behind the first chunk: however short a slice is, it gets on.
                    if self.ctx.slice_is_over() {
                        break Ok(End::Paused(Duration::ZERO));
                    }
                }
                Some(Err(Stop::NotNow { wait, checkpoint })) => {
                    progress.checkpoint = checkpoint.or(progress.checkpoint);
                    break Ok(End::Paused(wait));
                }
                Some(Err(Stop::Failed(error))) => {
                    // What came before counts.
                    self.land(in_flight.take()).await?;
                    return Err(error);
                }
                Some(Err(Stop::GivenUp { error, checkpoint })) => {
                    progress.checkpoint = Some(checkpoint);
                    break Err(error);
                }
            }
        };
        self.land(in_flight.take()).await?;
        let spooled = match &end {
            Ok(End::Done) => self.finish(gathered, progress).await?,
            Ok(End::Paused(_)) | Err(_) => self.spool(&gathered, progress).await?,
        };
        if let Some(name) = before.filter(|name| Some(name) != spooled.as_ref()) {
            self.spool_folder()?.remove(&name);
        }
        end
    }

    fn take(&self, chunk: Chunk, progress: &mut Progress, gathered: &mut Gathered) {
        progress.checkpoint = Some(chunk.checkpoint.clone());
        progress.rows += chunk.rows.num_rows() as u64;
        progress.rejected += chunk.rejected.len() as u64;
        gathered.push(chunk);
        self.tell(progress.rows, false);
    }

    fn launch(&self, gathered: Gathered, progress: &mut Progress) -> InFlight {
        let ordinal = progress.ordinal;
        progress.ordinal += 1;
        progress.spooled = None;
        let unknown = gathered.unknown.clone();
        let job = PartJob {
            stores: self.service.world.stores.clone(),
            target: self.service.config.target.clone(),
            dataset: self.dataset.clone(),
            run: self.run.clone(),
            split: progress.split.name.clone(),
            ordinal,
            gathered,
        };
        InFlight { task: tokio::spawn(job.write()), behind: progress.clone(), unknown }
    }

    /// Waits for a part to be durable, then records it with the checkpoint behind it.
    async fn land(&self, in_flight: Option<InFlight>) -> Result<(), HandlerError> {
        let Some(InFlight { task, behind, unknown }) = in_flight else { return Ok(()) };
        let parts = task
            .await
            .map_err(|panic| HandlerError::Fatal(format!("writing a part panicked: {panic}")))??;
        self.ledger.advance(self.run, self.execution, &behind, parts, unknown).await
    }

    /// Nothing is spooled any more.
    async fn finish(
        &self,
        gathered: Gathered,
        mut progress: Progress,
    ) -> Result<Option<String>, HandlerError> {
        progress.is_done = true;
        let last = self.launch(gathered, &mut progress);
        self.land(Some(last)).await?;
        Ok(None)
    }

    /// Keeps what is in no part yet, so that the part ends where it would have ended without the pause; the file that has it.
    async fn spool(
        &self,
        gathered: &Gathered,
        mut progress: Progress,
    ) -> Result<Option<String>, HandlerError> {
        progress.spooled = None;
        if !gathered.is_empty() {
            let name = format!(
                "{}-{:05}-{}.arrow",
                progress.split.name,
                progress.ordinal,
                progress.rows + progress.rejected
            );
            self.spool_folder()?.save(&name, gathered)?;
            progress.spooled = Some(name);
        }
        let unknown = gathered.unknown.clone();
        self.ledger.advance(self.run, self.execution, &progress, Vec::new(), unknown).await?;
        Ok(progress.spooled)
    }

    fn unspooled(&self, progress: &Progress) -> Result<Gathered, HandlerError> {
        match &progress.spooled {
            Some(name) => self.spool_folder()?.load(name),
            None => Ok(Gathered::default()),
        }
    }

    fn spool_folder(&self) -> Result<Spool, HandlerError> {
        Spool::of(&self.service.world, self.run)
    }

    fn tell(&self, rows: u64, finished: bool) {
        self.ctx.progress.update(Update {
            subject: self.dataset.name.clone(),
            phase: "reading",
            done: rows,
            total: None,
            unit: "rows",
            finished,
        });
    }
}
