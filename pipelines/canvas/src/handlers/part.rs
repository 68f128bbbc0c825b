//! One part of a job: downloaded, unpacked, decoded and staged at the same time.
//!
//! ```text
//! a task: download --bytes--> a thread: gunzip, decode --batches--> the caller: stage, checkpoint
//! ```
//!
//! The queues are short, so that memory stays flat whatever the part's size; three pieces of work at once
//! keep network, processor and database busy.
//!
//! | What happens to the file | What follows |
//! | --- | --- |
//! | the connection breaks, falls silent or drips | downloaded again from the last gzip member that began before what is staged; rows already staged are passed over |
//! | another file lies there | as if it were damaged |
//! | gzip is cut off or its checksum is wrong | what was staged of the part is discarded, downloaded again; where the target cannot take out one part, a fresh job |
//! | it is whole, but a line cannot be read | an error with job, part and line |
//! | it is gone: the job has expired | a fresh job |

use std::time::Duration;

use bytes::Bytes;
use stepwell_pipeline::{Context, HandlerError};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::table::{Interruption, TableRun};
use crate::dap::gzip::{Damaged, Gunzip, Unpacked};
use crate::dap::{self, Body, TakeUp};
use crate::rows::tsv::Delivery;
use crate::rows::{Batch, Decoder, Place, TsvError};
use crate::schema::TableSchema;
use crate::target::{Load, Mark, TargetError};

/// Downloaded pieces (some 16 KiB each) that wait to be unpacked: enough to bridge a hiccup.
const PIECES_WAITING_MAX: usize = 16;

/// Batches (some 1 MiB each) that wait to be staged.
const BATCHES_WAITING_MAX: usize = 1;

/// What a kill can cost: rows staged since the last checkpoint are delivered again.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(5);

/// Waits between the downloads of a part that does not arrive whole.
const WAITS_MS: [u64; 4] = [500, 1_000, 2_000, 4_000];

/// A load, and what its parts are read with.
pub(super) struct Staging<'s> {
    load: Box<dyn Load>,
    schema: &'s TableSchema,
    delivery: Delivery,
    /// Rows staged by all invocations.
    rows: u64,
    last_checkpoint: Instant,
}

/// How the work on a part ended.
pub(super) enum PartEnd {
    /// All of it is staged.
    Staged,
    /// What is staged is checkpointed.
    SliceOver,
    /// The job will not do any more.
    Lost(HandlerError),
}

/// Why one download did not bring the part to its end.
enum Trouble {
    Interrupted(Box<dap::Error>),
    Damaged(String),
    Unreadable(TsvError),
    Elsewhere(Interruption),
}

impl From<TargetError> for Trouble {
    fn from(error: TargetError) -> Self {
        Self::Elsewhere(error.into())
    }
}

impl From<Damaged> for Trouble {
    fn from(damaged: Damaged) -> Self {
        Self::Damaged(damaged.to_string())
    }
}

impl<'s> Staging<'s> {
    pub(super) fn new(
        load: Box<dyn Load>,
        schema: &'s TableSchema,
        delivery: Delivery,
        parts: &[String],
    ) -> Self {
        let rows = parts.iter().map(|part| load.progress(part).rows).sum();
        Self { load, schema, delivery, rows, last_checkpoint: Instant::now() }
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn into_load(self) -> Box<dyn Load> {
        self.load
    }

    pub(super) async fn checkpoint(&mut self) -> Result<(), TargetError> {
        self.last_checkpoint = Instant::now();
        self.load.checkpoint().await
    }

    async fn discard(&mut self, part: &str) -> Result<(), TargetError> {
        self.rows -= self.load.progress(part).rows;
        self.load.discard_part(part).await
    }
}

impl TableRun<'_> {
    /// Stages one part, from where it was left to its end or to the end of the slice.
    pub(super) async fn stage_part(
        &self,
        staging: &mut Staging<'_>,
        part: &str,
    ) -> Result<PartEnd, Interruption> {
        if staging.load.progress(part).complete {
            return Ok(PartEnd::Staged);
        }
        let mut waits = WAITS_MS.into_iter().map(Duration::from_millis);
        loop {
            let error = match self.download_part(staging, part).await {
                Ok(end) => return Ok(end),
                Err(Trouble::Elsewhere(interruption)) => return Err(interruption),
                Err(Trouble::Unreadable(error)) => return Err(self.unreadable(part, &error)),
                Err(Trouble::Interrupted(error)) => match *error {
                    error @ dap::Error::NotFound { .. } => return Ok(PartEnd::Lost(error.into())),
                    error @ dap::Error::Interrupted { .. } => error.into(),
                    error => return Err(error.into()),
                },
                Err(Trouble::Damaged(cause)) => {
                    let error =
                        HandlerError::retryable(format!("{}: part {part}: {cause}", self.table));
                    if staging.discard(part).await.is_err() {
                        return Ok(PartEnd::Lost(error));
                    }
                    error
                }
            };
            tracing::warn!(table = %self.table, part, %error, "a part did not arrive whole");
            let Some(wait) = waits.next() else { return Err(Interruption::Failed(error)) };
            if let Err(not_now) = self.ctx.sleep(wait).await {
                staging.checkpoint().await?;
                return Err(not_now.into());
            }
        }
    }

    async fn download_part(
        &self,
        staging: &mut Staging<'_>,
        part: &str,
    ) -> Result<PartEnd, Trouble> {
        let progress = staging.load.progress(part);
        let known = progress.mark.as_ref();
        let take_up = known.map(|it| TakeUp { etag: &it.etag, offset: it.offset });
        let body = self.dap.open_object(part, take_up, self.ctx).await.map_err(interrupted)?;
        // A service that knows no ranges sends all of it.
        let place = known.filter(|_| body.offset() > 0).and_then(|it| it.place.as_ref());
        let format = self.checkpoint.job_format;
        let mut decoder = Decoder::new(format, staging.schema, staging.delivery, progress.rows);
        if let Some(place) = place {
            decoder = decoder.begin_at(place).map_err(Trouble::Unreadable)?;
        }
        let marks = Marks::new(&body);
        let (pieces_in, pieces_out) = mpsc::channel(PIECES_WAITING_MAX);
        let (batches_in, mut batches_out) = mpsc::channel(BATCHES_WAITING_MAX);
        // Dropped, it ends; the thread ends with its queues.
        let _download = AbortOnDropHandle::new(tokio::spawn(download(body, pieces_in)));
        let decoding =
            tokio::task::spawn_blocking(move || decode(pieces_out, &batches_in, decoder, marks));
        let mut staged = false;
        loop {
            tokio::select! {
                biased;
                batch = batches_out.recv() => match batch {
                    Some(rows) => self.stage_batch(staging, part, rows).await?,
                    None => break,
                },
                () = slice_over(self.ctx, staged) => {
                    staging.checkpoint().await?;
                    return Ok(PartEnd::SliceOver);
                }
            }
            staged = true;
            if staging.last_checkpoint.elapsed() >= CHECKPOINT_EVERY {
                staging.checkpoint().await?;
            }
            if self.ctx.slice_is_over() {
                staging.checkpoint().await?;
                return Ok(PartEnd::SliceOver);
            }
        }
        decoding.await.expect("decoding does not panic")?;
        staging.load.finish_part(part);
        Ok(PartEnd::Staged)
    }

    async fn stage_batch(
        &self,
        staging: &mut Staging<'_>,
        part: &str,
        Decoded { batch, mark }: Decoded,
    ) -> Result<(), TargetError> {
        staging.rows += batch.len() as u64;
        if let Some(mark) = mark {
            staging.load.mark(part, mark);
        }
        staging.load.stage(part, batch).await?;
        self.tell("loading", staging.rows, false);
        Ok(())
    }

    fn unreadable(&self, part: &str, error: &TsvError) -> Interruption {
        let job = self.checkpoint.job.as_deref().unwrap_or("unknown");
        Interruption::Failed(HandlerError::Data(format!(
            "{}: part {part} of job {job} arrived whole but cannot be read: {error}; nothing of it was published",
            self.table
        )))
    }
}

fn interrupted(error: dap::Error) -> Trouble {
    match error {
        dap::Error::Replaced { .. } => Trouble::Damaged(error.to_string()),
        error => Trouble::Interrupted(Box::new(error)),
    }
}

/// A slice that has staged nothing yet goes on until it has, so that every invocation gets further; a stop
/// waits for nothing.
async fn slice_over(ctx: &Context, staged: bool) {
    tokio::select! {
        () = ctx.stop.cancelled() => {}
        () = tokio::time::sleep_until(ctx.slice_ends), if staged => {}
    }
}

/// Puts the body through, its failure last.
async fn download(mut body: Body, pieces: mpsc::Sender<Result<Bytes, dap::Error>>) {
    while let Some(piece) = body.next().await.transpose() {
        let failed = piece.is_err();
        if pieces.send(piece).await.is_err() || failed {
            return;
        }
    }
}

/// Unpacks and decodes until the pieces end. Runs on a thread of its own.
fn decode(
    mut pieces: mpsc::Receiver<Result<Bytes, dap::Error>>,
    batches: &mpsc::Sender<Decoded>,
    decoder: Decoder,
    marks: Marks,
) -> Result<(), Trouble> {
    let mut gunzip = Gunzip::default();
    let mut rows = Rows { decoder, marks, batches, unreadable: None };
    while let Some(piece) = pieces.blocking_recv() {
        let piece = piece.map_err(interrupted)?;
        gunzip.push(&piece, |unpacked| rows.take(&unpacked))?;
    }
    gunzip.finish(|unpacked| rows.take(&unpacked))?;
    rows.finish()
}

/// Rows that follow those that are staged, and where reading can be taken up once they are, too.
struct Decoded {
    batch: Batch,
    mark: Option<Mark>,
}

/// Rows on their way to the stager.
struct Rows<'b> {
    decoder: Decoder,
    marks: Marks,
    batches: &'b mpsc::Sender<Decoded>,
    /// A line that cannot be read. Whether the file is to blame or the way here, its checksum tells.
    unreadable: Option<TsvError>,
}

impl Rows<'_> {
    fn take(&mut self, unpacked: &Unpacked<'_>) -> Result<(), Trouble> {
        if self.unreadable.is_some() {
            return Ok(());
        }
        match unpacked {
            Unpacked::MemberEnd(offset) => self.marks.add(*offset, self.decoder.place()),
            Unpacked::Text(text) => match self.decoder.push(text) {
                Ok(Some(batch)) => {
                    let mark = self.marks.before(self.decoder.rows());
                    return send(self.batches, Decoded { batch, mark });
                }
                Ok(None) => {}
                Err(error) => self.unreadable = Some(error),
            },
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Trouble> {
        let Self { decoder, mut marks, batches, unreadable } = self;
        let last = unreadable.map_or_else(|| decoder.finish(), Err);
        match last {
            Ok(Some(batch)) => send(batches, Decoded { batch, mark: marks.before(u64::MAX) }),
            Ok(None) => Ok(()),
            // Shorter than what was staged of it: the part is another one now.
            Err(error @ TsvError::Shorter { .. }) => Err(Trouble::Damaged(error.to_string())),
            Err(error) => Err(Trouble::Unreadable(error)),
        }
    }
}

/// Fails if nobody stages any more.
fn send(batches: &mpsc::Sender<Decoded>, decoded: Decoded) -> Result<(), Trouble> {
    batches
        .blocking_send(decoded)
        .map_err(|_| Trouble::Elsewhere(Interruption::Pause(Duration::ZERO)))
}

/// The gzip members that begin behind what is staged, or just before it.
///
/// None are known of a file whose content nothing names: it could be another one next time.
struct Marks {
    etag: Option<String>,
    /// Of the body in the file.
    offset: u64,
    waiting: Vec<Mark>,
}

impl Marks {
    fn new(body: &Body) -> Self {
        let etag = body.etag().map(str::to_owned);
        let beginning = etag.clone().filter(|_| body.offset() == 0);
        let waiting = beginning.map(|etag| Mark { etag, offset: 0, place: None });
        Self { etag, offset: body.offset(), waiting: waiting.into_iter().collect() }
    }

    fn add(&mut self, offset: u64, place: Option<Place>) {
        let (Some(etag), Some(place)) = (self.etag.clone(), place) else { return };
        let overtaken = self.passed(place.rows - u64::from(place.inside_row)).saturating_sub(1);
        self.waiting.drain(..overtaken);
        self.waiting.push(Mark { etag, offset: self.offset + offset, place: Some(place) });
    }

    /// The last one where reading can be taken up once so many rows are staged.
    fn before(&mut self, rows: u64) -> Option<Mark> {
        let passed = self.passed(rows);
        self.waiting.drain(..passed).next_back()
    }

    fn passed(&self, rows: u64) -> usize {
        let begins = |mark: &Mark| mark.place.as_ref().map_or(0, |place| place.rows);
        self.waiting.iter().take_while(|mark| begins(mark) <= rows).count()
    }
}
