//! What was read of both sides, compared: the dataset, and the tables of its arrays.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::datatypes::SchemaRef;
use jiff::Timestamp;
use stepwell_pipeline::HandlerError;
use stepwell_reconcile::{Options, ParquetFiles, compare};

use super::checkpoint::Checkpoint;
use super::children;
use super::current::{self, Settled};
use super::lake::{Against, ChildTable, Pinned, Subject};
use super::looks::Doubt;
use super::proof::{self, Counted, DatasetProof, Late};
use super::settings::Settings;
use super::sheet::{Sheet, Span};
use super::steps::Steps;

/// So many differences are told apart from those of another look.
const TOLD_MAX: usize = 10_000;

/// What a look found.
#[derive(Debug)]
pub(super) struct Seen {
    /// The dataset's own first, then those of the tables of its arrays.
    pub(super) proofs: Vec<DatasetProof>,
    /// What is in the way of `equal`.
    pub(super) doubts: Vec<Doubt>,
}

/// The files of both sides, and how they are looked at.
struct Job {
    subject: Subject,
    settings: Settings,
    folder: PathBuf,
    spans: (Span, Span),
    source: ParquetFiles,
    /// By the names of the tables; without files where nothing was ever published.
    lake: Vec<(String, ParquetFiles)>,
    options: Options,
}

impl Steps<'_> {
    /// Compares what was read, away from the threads that wait for the network.
    pub(super) async fn compare(
        &self,
        at: &Checkpoint,
        pinned: &Pinned,
        cutoff: Timestamp,
    ) -> Result<Seen, HandlerError> {
        let job = self.job(at, pinned, cutoff);
        let (stop, rejected, countable) =
            (Arc::clone(&job.options.stop), at.rejected, at.countable);
        let work = tokio::task::spawn_blocking(move || job.compare());
        let (mut proofs, settled) = tokio::select! {
            done = work => done.map_err(|panic| HandlerError::Fatal(format!("the comparison panicked: {panic}")))??,
            () = self.ctx.stop.cancelled() => {
                stop.store(true, Ordering::Relaxed);
                return Err(HandlerError::retryable("the comparison was stopped"));
            }
        };
        let counted = self.checked_count(at, cutoff, &settled).await?;
        proofs[0].counted = Counted { source: counted.count, lake: Some(settled.kept.counted) };
        for proof in &mut proofs {
            (proof.checked_at, proof.cutoff) = (Timestamp::now(), Some(cutoff));
        }
        self.note(&mut proofs[0], &settled, rejected);
        let left_out = Doubt::of_left_out(&proofs[0], &settled, rejected);
        let doubts = left_out.into_iter().chain(counted.doubt(countable)).collect();
        Ok(Seen { proofs, doubts })
    }

    fn job(&self, at: &Checkpoint, pinned: &Pinned, cutoff: Timestamp) -> Job {
        let (subject, settings) = (self.subject.clone(), self.settings.clone());
        let source = ParquetFiles::new(self.source_paths(at), subject.schema.clone());
        let of_table = |name: &String| {
            let table = pinned.tables.iter().position(|table| table.name == *name);
            let files = table.map(|table| self.lake_paths(at, pinned, table)).unwrap_or_default();
            (name.clone(), ParquetFiles::new(files, self.lake_schema(pinned, name)))
        };
        let children = subject.children.iter().map(|child| &child.name);
        let lake = std::iter::once(&subject.name).chain(children).map(of_table).collect();
        let differences_max = settings.differences_max().max(TOLD_MAX);
        Job {
            spans: at.spans(&subject, cutoff),
            source,
            lake,
            options: Options { differences_max, ..Options::default() },
            folder: self.folder.to_owned(),
            subject,
            settings,
        }
    }

    /// What the number of rows that the source counts says of those that it gave. It is asked again where they do not
    /// fit: rows may have come or gone while it was read.
    async fn checked_count(
        &self,
        at: &Checkpoint,
        cutoff: Timestamp,
        settled: &Settled,
    ) -> Result<SourceCount, HandlerError> {
        let leeway = at.rejected + settled.moving;
        let is_whole = |count: Option<u64>| {
            count.is_none_or(|it| (at.countable..=at.countable + leeway).contains(&it))
        };
        let count = at.counted.and_then(|it| it.rows);
        let count = if is_whole(count) { count } else { self.count_now(at, cutoff).await? };
        Ok(SourceCount { count, is_whole: is_whole(count) })
    }

    fn note(&self, proof: &mut DatasetProof, settled: &Settled, rejected: u64) {
        let keys = |many: u64| if many == 1 { "key" } else { "keys" };
        if settled.moving > 0 {
            let (moving, keys) = (settled.moving, keys(settled.moving));
            proof.tell(&format!(
                "{moving} {keys} left out: the source has something newer than the cut-off"
            ));
        }
        if rejected > 0 {
            proof.tell(&format!("{rejected} records of the source fit no row and were left out"));
        }
        match self.subject.against {
            Against::Inbox => proof.tell(&format!(
                "against the inbox of changes, not the table: {} other {} of the lake not looked at; `prove_against` names \
                 a scan or an export",
                settled.kept.untold,
                keys(settled.kept.untold)
            )),
            Against::Scan => proof.tell(
                "against a scan: what changed at the source and has not arrived yet counts as different",
            ),
            Against::Export => proof.tell("against an export of the table"),
            Against::Source if self.subject.event_time.is_none() => proof.tell(
                "without event time: what changed at the source since the last run counts as different",
            ),
            Against::Source | Against::Arrivals => {}
        }
    }

    fn lake_schema(&self, pinned: &Pinned, name: &str) -> SchemaRef {
        if let Some(table) = pinned.tables.iter().find(|table| table.name == name) {
            return self.spooled(&self.wanted(table, &pinned.tables));
        }
        let child = self.subject.children.iter().find(|child| child.name == name);
        child.map_or_else(|| self.subject.schema.clone(), ChildTable::schema)
    }

    /// The rows of the lake that count, where nothing else is asked for.
    pub(super) async fn lake_rows(
        &self,
        at: &Checkpoint,
        pinned: &Pinned,
        cutoff: Timestamp,
    ) -> Result<u64, HandlerError> {
        let Job { subject, spans: (_, span), lake, .. } = self.job(at, pinned, cutoff);
        let files = lake.into_iter().next().map(|(_, files)| files).expect("the dataset's own");
        let work =
            tokio::task::spawn_blocking(move || Sheet { subject: &subject, span, files }.count());
        work.await
            .map_err(|panic| HandlerError::Fatal(format!("counting the lake panicked: {panic}")))?
    }
}

struct SourceCount {
    count: Option<u64>,
    is_whole: bool,
}

impl SourceCount {
    fn doubt(&self, countable: u64) -> Option<Doubt> {
        let count = self.count.filter(|_| !self.is_whole)?;
        Some(Doubt::of_unread(count, countable))
    }
}

impl Job {
    fn compare(self) -> Result<(Vec<DatasetProof>, Settled), HandlerError> {
        let Self { subject, folder, spans, .. } = &self;
        let source = Sheet { subject, span: spans.0, files: self.source.clone() };
        let lake = Sheet { subject, span: spans.1, files: self.lake[0].1.clone() };
        let settled = current::settle(&source, &lake, folder)?;
        let mut proofs = vec![self.of_dataset(&settled)?];
        for (child, (_, files)) in subject.children.iter().zip(&self.lake[1..]) {
            let of_lake = children::InLake { subject, parents: &lake, files: files.clone() };
            let pair = children::settle(child, &settled, &of_lake, folder)?;
            proofs.push(self.of_child(child, &pair)?);
        }
        Ok((proofs, settled))
    }

    fn of_dataset(&self, settled: &Settled) -> Result<DatasetProof, HandlerError> {
        let subject = &self.subject;
        let layout = subject.layout(&|column| self.tolerance(&subject.name, column));
        let found = compare(&settled.source, &settled.lake, &layout, &self.options)
            .map_err(|error| proof::failure(&error))?;
        let (partition, show) = (&subject.partition, self.settings.show_values());
        Ok(DatasetProof::of(&subject.name, &found, partition, &settled.late, show))
    }

    fn of_child(
        &self,
        child: &ChildTable,
        pair: &children::Pair,
    ) -> Result<DatasetProof, HandlerError> {
        let tolerance = |column: &str| self.tolerance(&child.name, column);
        let layout = child.layout(&self.subject.key, &tolerance);
        let found = compare(&pair.source, &pair.lake, &layout, &self.options)
            .map_err(|error| proof::failure(&error))?;
        Ok(DatasetProof::of(&child.name, &found, &[], &Late::new(), self.settings.show_values()))
    }

    fn tolerance(&self, table: &str, column: &str) -> Option<f64> {
        self.settings.tolerance.get(&format!("{table}.{column}")).copied()
    }
}
