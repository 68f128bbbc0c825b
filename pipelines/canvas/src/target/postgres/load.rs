//! One job's result on its way into a PostgreSQL table: COPY into a staging table, progress in the same
//! transaction.

use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::CopyInSink;

use super::session::Session;
use super::table::Table;
use super::values::{self, Postgres};
use super::{publish, staging, state};
use crate::rows::TextSum;
use crate::rows::batch::{Action, Batch, Row};
use crate::rows::temporal::{self, Spelling};
use crate::target::intake::{Incoming, Intake};
use crate::target::staged::{Alteration, Staged};
use crate::target::{Load, LoadRequest, Mark, PartProgress, Published, TargetError, damaged_part};

/// Alterations are kept in memory until the next pause of the COPY, but no more than these.
const ALTERATIONS_HELD: usize = 1000;

/// A load; dropping it ends its session, and with it what was not checkpointed.
pub(super) struct PostgresLoad {
    session: Session,
    job: Job,
    intake: Intake,
    /// Gone while something is being done, and for good if that fails: a transaction that failed would
    /// otherwise be rolled back without a word by the next `COMMIT`.
    staged: Option<Staged>,
    copy: Option<Pin<Box<CopyInSink<Bytes>>>>,
    in_transaction: bool,
    altered: Vec<Alteration>,
}

/// What stays the same during a load.
pub(super) struct Job {
    pub(super) request: LoadRequest,
    pub(super) table: Table,
    /// There is no table yet.
    pub(super) first: bool,
}

impl Job {
    /// The rows become all of the table.
    pub(super) fn is_whole(&self) -> bool {
        self.request.replaces(self.first)
    }
}

impl PostgresLoad {
    pub(super) fn new(session: Session, job: Job, staged: Staged) -> Self {
        let intake = Intake::new(&job.request.schema);
        Self {
            session,
            job,
            intake,
            staged: Some(staged),
            copy: None,
            in_transaction: false,
            altered: Vec::new(),
        }
    }

    fn take_staged(&mut self) -> Result<Staged, TargetError> {
        self.staged.take().ok_or_else(|| {
            TargetError::Transient(
                "an earlier step of this load failed; it must be opened again".into(),
            )
        })
    }

    /// Writes a batch as COPY text.
    fn convert(&mut self, staged: &mut Staged, batch: &Batch) -> Vec<u8> {
        let dialect = Postgres { layout: self.job.table.layout };
        let mut out = Vec::with_capacity(batch.text_bytes() + batch.text_bytes() / 4);
        let mut too_long = Vec::new();
        for row in batch.rows() {
            let start = out.len();
            if !staged.direct {
                write_head(row, &mut out);
            }
            let mut columns = self.job.table.columns.iter();
            let put = |incoming: Incoming<'_>| {
                let column = columns.next().expect("a value per column");
                if values::is_too_long(&column.ty, &incoming.value) {
                    too_long.push(column);
                }
                values::write(&incoming, &mut out);
                out.push(b'\t');
            };
            if self.intake.read(row, &dialect, staged, &mut self.altered, put) {
                *out.last_mut().expect("a row has a column") = b'\n';
            } else {
                out.truncate(start);
            }
        }
        staged.widened.extend(too_long.into_iter().map(|column| column.name.clone()));
        out
    }

    async fn stage_batch(&mut self, staged: &mut Staged, batch: &Batch) -> Result<(), TargetError> {
        let shape = (staged.widened.len(), staged.relaxed.len());
        let text = self.convert(staged, batch);
        let reshaped = staged.direct && shape != (staged.widened.len(), staged.relaxed.len());
        if reshaped || self.altered.len() > ALTERATIONS_HELD {
            self.end_copy(staged).await?;
        }
        self.begin().await?;
        if reshaped {
            staging::reshape(&self.session, &self.job.table, staged).await?;
        }
        self.send(staged, text).await
    }

    async fn begin(&mut self) -> Result<(), TargetError> {
        if !self.in_transaction {
            self.session.batch("staging rows", "BEGIN").await?;
            self.in_transaction = true;
        }
        Ok(())
    }

    async fn send(&mut self, staged: &Staged, text: Vec<u8>) -> Result<(), TargetError> {
        if self.copy.is_none() {
            let sql = staging::copy_statement(&self.job.table, staged.direct);
            self.copy = Some(Box::pin(self.session.copy_in(&sql).await?));
        }
        let copy = self.copy.as_mut().expect("opened above");
        let sent = copy.send(Bytes::from(text)).await;
        sent.map_err(|error| self.session.explain("staging rows", &error))
    }

    /// Ends the COPY that is under way, and writes down what was altered.
    async fn end_copy(&mut self, staged: &mut Staged) -> Result<(), TargetError> {
        if let Some(mut copy) = self.copy.take() {
            let finished = copy.as_mut().finish().await;
            finished.map_err(|error| self.session.explain("staging rows", &error))?;
        }
        if self.altered.is_empty() {
            return Ok(());
        }
        self.begin().await?;
        self.altered.iter().for_each(|it| staged.count_altered(it));
        staging::keep_alterations(&self.session, &self.job.request, &self.altered).await?;
        self.altered.clear();
        Ok(())
    }

    async fn commit(&mut self, staged: &mut Staged) -> Result<(), TargetError> {
        self.end_copy(staged).await?;
        self.begin().await?;
        state::write_staged(&self.session, &self.job.request, staged).await?;
        self.session.batch("a checkpoint", "COMMIT").await?;
        self.in_transaction = false;
        Ok(())
    }
}

#[async_trait]
impl Load for PostgresLoad {
    fn progress(&self, part: &str) -> PartProgress {
        self.staged.as_ref().map(|it| it.progress(part)).unwrap_or_default()
    }

    async fn stage(&mut self, part: &str, batch: Batch) -> Result<(), TargetError> {
        let mut staged = self.take_staged()?;
        staged.part_mut(part).rows += batch.len() as u64;
        self.stage_batch(&mut staged, &batch).await?;
        self.staged = Some(staged);
        Ok(())
    }

    fn mark(&mut self, part: &str, mark: Option<Mark>, unverified: TextSum) {
        if let Some(staged) = &mut self.staged {
            staged.mark(part, mark, unverified);
        }
    }

    async fn discard_part(&mut self, part: &str) -> Result<(), TargetError> {
        let mut staged = self.take_staged()?;
        let alone = staged.is_alone(part);
        self.commit(&mut staged).await?;
        let fresh = staging::begin(&self.session, &self.job, staged.direct).await?;
        self.staged = Some(fresh);
        if alone { Ok(()) } else { Err(damaged_part(part)) }
    }

    fn finish_part(&mut self, part: &str) {
        if let Some(staged) = &mut self.staged {
            staged.finish_part(part);
        }
    }

    async fn checkpoint(&mut self) -> Result<(), TargetError> {
        let mut staged = self.take_staged()?;
        self.commit(&mut staged).await?;
        self.staged = Some(staged);
        Ok(())
    }

    async fn publish(mut self: Box<Self>) -> Result<Published, TargetError> {
        let mut staged = self.take_staged()?;
        self.commit(&mut staged).await?;
        publish::publish(&self.session, &self.job, staged).await
    }
}

/// The columns of a staging table before those of the schema.
fn write_head(row: Row<'_>, out: &mut Vec<u8>) {
    let ts = row.ts().and_then(|ts| temporal::read_timestamp(std::str::from_utf8(ts).ok()?));
    match ts {
        Some(ts) => temporal::write_timestamp(ts.value, Spelling::Postgres, out),
        None => out.extend_from_slice(b"\\N"),
    }
    out.extend_from_slice(if row.action() == Action::Delete { b"\tt\t" } else { b"\tf\t" });
}
