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
//! | another file lies there, or other rows than those that were staged before | as if it were damaged |
//! | gzip is cut off or its checksum is wrong | what was staged of the part is discarded, downloaded again; where the target cannot take out one part, a fresh job |
//! | it is whole, but a line cannot be read | an error with job, part and line |
//! | it is gone: the job has expired | a fresh job |

use std::time::Duration;

use bytes::Bytes;
use stepwell_pipeline::{Context, HandlerError};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::passed_over::{Changed, Text};
use super::table::{Interruption, TableRun};
use crate::dap::gzip::{Damaged, Gunzip, Unpacked};
use crate::dap::{self, Body, TakeUp};
use crate::rows::tsv::Delivery;
use crate::rows::{Batch, Decoder, Place, TextSum, TsvError};
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

impl From<Changed> for Trouble {
    fn from(changed: Changed) -> Self {
        Self::Damaged(changed.to_string())
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
        let (marks, text) = (Marks::new(&body), Text::new(body.offset(), &progress));
        let (pieces_in, pieces_out) = mpsc::channel(PIECES_WAITING_MAX);
        let (batches_in, mut batches_out) = mpsc::channel(BATCHES_WAITING_MAX);
        // Dropped, it ends; the thread ends with its queues.
        let _download = AbortOnDropHandle::new(tokio::spawn(download(body, pieces_in)));
        let decoding = tokio::task::spawn_blocking(move || {
            let rows = Rows { decoder, marks, text, batches: &batches_in, unreadable: None };
            decode(pieces_out, rows)
        });
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
        Decoded { batch, mark, unverified }: Decoded,
    ) -> Result<(), TargetError> {
        staging.rows += batch.len() as u64;
        staging.load.mark(part, mark, unverified);
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
    mut rows: Rows<'_>,
) -> Result<(), Trouble> {
    let mut gunzip = Gunzip::default();
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
    /// The text from there on.
    unverified: TextSum,
}

/// Rows on their way to the stager.
struct Rows<'b> {
    decoder: Decoder,
    marks: Marks,
    text: Text,
    batches: &'b mpsc::Sender<Decoded>,
    /// A line that cannot be read. Whether the file is to blame or the way here, its checksum tells.
    unreadable: Option<TsvError>,
}

impl Rows<'_> {
    fn take(&mut self, unpacked: &Unpacked<'_>) -> Result<(), Trouble> {
        match unpacked {
            Unpacked::MemberEnd(offset) => self.end_member(*offset),
            Unpacked::Text(text) => {
                self.text.add(text)?;
                if self.unreadable.is_none() {
                    match self.decoder.push(text) {
                        Ok(Some(batch)) => return self.send(batch),
                        Ok(None) => {}
                        Err(error) => self.unreadable = Some(error),
                    }
                }
            }
        }
        Ok(())
    }

    fn end_member(&mut self, offset: u64) {
        let offset = self.marks.offset + offset;
        self.text.end_member(offset);
        if self.unreadable.is_none() {
            self.marks.add(offset, self.decoder.place(), self.text.sum());
        }
    }

    fn finish(mut self) -> Result<(), Trouble> {
        self.text.check_passed()?;
        let last = self.unreadable.take().map_or_else(|| self.decoder.finish(), Err);
        match last {
            Ok(Some(batch)) => self.send(batch),
            Ok(None) => Ok(()),
            // Shorter than what was staged of it: the part is another one now.
            Err(error @ TsvError::Shorter { .. }) => Err(Trouble::Damaged(error.to_string())),
            Err(error) => Err(Trouble::Unreadable(error)),
        }
    }

    /// Fails if nobody stages any more.
    fn send(&mut self, batch: Batch) -> Result<(), Trouble> {
        self.text.check_passed()?;
        let mark = self.marks.before(self.decoder.rows());
        let unverified = self.text.sum().since(self.marks.text_before);
        self.batches
            .blocking_send(Decoded { batch, mark, unverified })
            .map_err(|_| Trouble::Elsewhere(Interruption::Pause(Duration::ZERO)))
    }
}

/// The gzip members that begin behind what is staged, or just before it.
///
/// None are known of a file whose content nothing names: it could be another one next time.
struct Marks {
    etag: Option<String>,
    /// Of the body in the file.
    offset: u64,
    /// The text of the body before the one that was given out last.
    text_before: TextSum,
    /// Each with the text of the body before it.
    waiting: Vec<(Mark, TextSum)>,
}

impl Marks {
    fn new(body: &Body) -> Self {
        let etag = body.etag().map(str::to_owned);
        let beginning = etag.clone().filter(|_| body.offset() == 0);
        let beginning = beginning.map(|etag| Mark { etag, offset: 0, place: None });
        let waiting = beginning.map(|mark| (mark, TextSum::default())).into_iter().collect();
        Self { etag, offset: body.offset(), text_before: TextSum::default(), waiting }
    }

    fn add(&mut self, offset: u64, place: Option<Place>, text_before: TextSum) {
        let (Some(etag), Some(place)) = (self.etag.clone(), place) else { return };
        let overtaken = self.passed(place.rows - u64::from(place.inside_row)).saturating_sub(1);
        self.waiting.drain(..overtaken);
        self.waiting.push((Mark { etag, offset, place: Some(place) }, text_before));
    }

    /// The last one where reading can be taken up once so many rows are staged.
    fn before(&mut self, rows: u64) -> Option<Mark> {
        let passed = self.passed(rows);
        let (mark, text_before) = self.waiting.drain(..passed).next_back()?;
        self.text_before = text_before;
        Some(mark)
    }

    fn passed(&self, rows: u64) -> usize {
        let begins = |mark: &Mark| mark.place.as_ref().map_or(0, |place| place.rows);
        self.waiting.iter().take_while(|(mark, _)| begins(mark) <= rows).count()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::rows::{Format, testing};
    use crate::target::PartProgress;

    /// Rows of some 1,000 bytes each, with another name for one of them.
    fn text(rows: std::ops::Range<u32>, changed: Option<u32>) -> String {
        let name = |id| if changed == Some(id) { "damaged" } else { "name" };
        let row = |id| format!("{id}\t{}{}\n", name(id), "x".repeat(1_000));
        rows.map(row).collect::<Vec<_>>().concat()
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    /// Two members: 100 rows, and 3,000 more.
    fn file(changed: Option<u32>) -> Vec<u8> {
        let first = format!("key.id\tvalue.name\n{}", text(0..100, changed));
        [gzip(&first), gzip(&text(100..3_100, changed))].concat()
    }

    /// Reads a file from `offset` on, going on behind what was staged before; gives what then is, batch by batch.
    fn read(
        file: &[u8],
        offset: u64,
        before: PartProgress,
    ) -> (Vec<PartProgress>, Result<(), Trouble>) {
        let schema = testing::schema(&[("id", "int64"), ("name", "text")]);
        let place = before.mark.as_ref().and_then(|it| it.place.clone()).filter(|_| offset > 0);
        let mut decoder = Decoder::new(Format::Tsv, &schema, Delivery::Snapshot, before.rows);
        if let Some(place) = place {
            decoder = decoder.begin_at(&place).unwrap();
        }
        let text = Text::new(offset, &before);
        let etag = "tag".to_owned();
        let beginning = Mark { etag: etag.clone(), offset: 0, place: None };
        let waiting = if offset == 0 { vec![(beginning, TextSum::default())] } else { Vec::new() };
        let marks = Marks { etag: Some(etag), offset, text_before: TextSum::default(), waiting };
        let (pieces_in, pieces) = mpsc::channel(1_000);
        let (batches_in, mut batches) = mpsc::channel(1_000);
        for piece in file[offset as usize..].chunks(16 << 10) {
            pieces_in.try_send(Ok(Bytes::copy_from_slice(piece))).ok().unwrap();
        }
        drop(pieces_in);
        let rows = Rows { decoder, marks, text, batches: &batches_in, unreadable: None };
        let outcome = decode(pieces, rows);
        let (mut reached, mut progress) = (Vec::new(), before);
        while let Ok(Decoded { batch, mark, unverified }) = batches.try_recv() {
            let rows = progress.rows + batch.len() as u64;
            let mark = mark.or(progress.mark);
            progress = PartProgress { rows, mark, unverified: Some(unverified), complete: false };
            reached.push(progress.clone());
        }
        (reached, outcome)
    }

    /// What the first batches left behind, when the slice ended there.
    fn left_by(file: &[u8]) -> Vec<PartProgress> {
        let (mut reached, outcome) = read(file, 0, PartProgress::default());
        assert!(outcome.is_ok() && reached.last().unwrap().rows == 3_100);
        reached.pop();
        assert!(reached.len() > 1 && reached[0].mark.as_ref().unwrap().offset > 0);
        reached
    }

    #[test]
    fn rows_that_were_staged_of_other_text_are_damaged() {
        for changed in [100, 400] {
            for progress in left_by(&file(Some(changed))) {
                let offset = progress.mark.as_ref().unwrap().offset;
                // With the range that was asked for, and without.
                for offset in [offset, 0] {
                    let (reached, outcome) = read(&file(None), offset, progress.clone());
                    assert!(matches!(outcome, Err(Trouble::Damaged(_))), "from {offset}");
                    assert!(reached.is_empty(), "nothing is staged beside them");
                }
            }
        }
    }

    #[test]
    fn a_file_that_lacks_text_that_was_staged_is_damaged() {
        let progress = left_by(&file(None)).pop().unwrap();
        let offset = progress.mark.as_ref().unwrap().offset as usize;
        let shorter = [&file(None)[..offset], &gzip(&text(100..101, None))].concat();
        let (_, outcome) = read(&shorter, offset as u64, progress);
        assert!(matches!(outcome, Err(Trouble::Damaged(_))));
    }

    #[test]
    fn the_same_text_is_gone_on_with() {
        for progress in left_by(&file(None)) {
            let offset = progress.mark.as_ref().unwrap().offset;
            for offset in [offset, 0] {
                let (reached, outcome) = read(&file(None), offset, progress.clone());
                assert!(outcome.is_ok());
                let last = reached.last().unwrap();
                assert_eq!(last.rows, 3_100);
                let (again, outcome) = read(&file(None), offset, last.clone());
                assert!(outcome.is_ok() && again.is_empty());
            }
        }
    }

    #[test]
    fn progress_without_a_sum_is_gone_on_with() {
        let mut progress = left_by(&file(Some(400))).remove(0);
        progress.unverified = None;
        let (reached, outcome) = read(&file(None), 0, progress);
        assert!(outcome.is_ok() && reached.last().unwrap().rows == 3_100);
    }

    /// As BGZF files end.
    #[test]
    fn an_empty_member_behind_a_last_row_without_a_line_end() {
        let head = "key.id\tvalue.name\n1\tone\n2\ttwo";
        let file = [gzip(head), gzip("")].concat();
        let (reached, outcome) = read(&file, 0, PartProgress::default());
        assert!(outcome.is_ok());
        let progress = reached.last().unwrap().clone();
        let offset = progress.mark.as_ref().unwrap().offset;
        assert!(progress.rows == 2 && offset > 0, "{progress:?}");
        let (again, outcome) = read(&file, offset, progress);
        assert!(outcome.is_ok() && again.is_empty());
    }
}
