//! A table's DAP job: asked for, waited for, replaced when it fails, expires or is stale.
//!
//! DAP remembers queries for a day and answers an equal one with the job that it already has, however stale.
//! So a query that is repeated is put in other words: an increment begins a little earlier, a snapshot comes
//! in another format. JSON Lines have nested objects as they are, so that every table can be had so; the mode
//! `expanded` would take them apart into columns that had to be put together again by their types.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use stepwell_pipeline::HandlerError;

use super::table::{Interruption, Resnapshot, TableRun};
use crate::dap::{self, ApiError, Completed, Created, Job, Query, Status};
use crate::rows::Format;
use crate::schema::TableSchema;

/// Between two looks at a job: grows from the first to the second.
const POLL_FIRST: Duration = Duration::from_millis(200);
const POLL_MAX: Duration = Duration::from_secs(5);

/// Jobs of the largest tables take an hour or two.
const PENDING_MAX: SignedDuration = SignedDuration::from_hours(6);

/// Failed, expired and stale jobs together. Failures are frequently transient.
const LOST_JOBS_MAX: u32 = 4;

/// Before a job that replaces a failed one; doubles with each.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// DAP answers an equal query with the job it already has, for a day. An increment older than this is one of
/// a query from before, not the news.
const FRESH: Duration = Duration::from_mins(10);

/// A snapshot that is gone this soon is not worth starting on.
const SOON_GONE: Duration = Duration::from_mins(1);

/// When DAP forgets a job of which it does not tell.
const FORGETTING_UNTOLD: Duration = Duration::from_hours(24);

impl TableRun<'_> {
    /// The job that answers the query, complete, with the schema that its rows have.
    pub(super) async fn completed_job(
        &mut self,
        query: Query,
        schema: &mut TableSchema,
    ) -> Result<(String, Completed), Interruption> {
        let mut poll = POLL_FIRST;
        loop {
            let job = match self.checkpoint.job.clone() {
                Some(id) => self.look_at(&id).await?,
                None => self.ask_for(query, schema).await?,
            };
            let Some(Job { id, status, .. }) = job else { continue };
            match status {
                Status::Pending => {
                    self.check_patience(&id)?;
                    // The service is at work; how long, patience limits.
                    self.checkpoint.stalls = 0;
                    self.tell("waiting for the job", 0, false);
                    self.ctx.sleep(poll).await?;
                    poll = (poll * 3 / 2).min(POLL_MAX);
                }
                Status::Failed(api) => self.give_up_failed(&id, &api).await?,
                Status::Complete(done) if self.fits(&done, schema).await? => return Ok((id, done)),
                Status::Complete(done) => self.give_up_outdated(&id, &done, schema)?,
            }
        }
    }

    /// `None` if the job is no longer there.
    async fn look_at(&mut self, id: &str) -> Result<Option<Job>, Interruption> {
        match self.dap.job(id, self.ctx).await {
            Ok(job) => Ok(Some(job)),
            Err(error @ dap::Error::NotFound { .. }) => {
                self.lose_job(HandlerError::retryable(error.to_string()))?;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// `None` if an old job had to be waited out.
    ///
    /// A job that is not complete yet ends the invocation: its id is recorded before anything rests on it.
    async fn ask_for(
        &mut self,
        query: Query,
        schema: &TableSchema,
    ) -> Result<Option<Job>, Interruption> {
        let asked = match query {
            Query::Increment { since } => {
                Some((self.ask_for_news(since, schema).await?, Format::Tsv))
            }
            Query::Snapshot(format) => self.ask_for_snapshot(format, schema).await?,
        };
        let Some((Created { job, .. }, format)) = asked else { return Ok(None) };
        self.checkpoint.job = Some(job.id.clone());
        self.checkpoint.job_format = format;
        self.checkpoint.job_asked_at = Some(Timestamp::now());
        self.checkpoint.stalls = 0;
        match job.status {
            Status::Pending => Err(Interruption::Pause(Duration::ZERO)),
            Status::Complete(_) | Status::Failed(_) => Ok(Some(job)),
        }
    }

    /// A second answer is never judged by its age: should DAP keep jobs for another time than documented, every
    /// job would look old.
    async fn ask_for_news(
        &self,
        since: Timestamp,
        schema: &TableSchema,
    ) -> Result<Created, Interruption> {
        let first = match self.create_job(Query::Increment { since }).await {
            Err(error @ dap::Error::SnapshotRequired { .. }) => {
                return Err(Interruption::SnapshotRequired(Resnapshot::new(since, &error)));
            }
            first => first?,
        };
        if !self.is_old_news(&first, since, schema) {
            return Ok(first);
        }
        tracing::info!(table = %self.table, job = first.job.id, "an earlier query's job");
        match self.create_job(Query::Increment { since: a_little_before(since) }).await {
            // The changes begin right at `since`: the old job is all there is today, and not wrong.
            Err(dap::Error::SnapshotRequired { .. }) => Ok(first),
            second => Ok(second?),
        }
    }

    /// `None` if an old job had to be waited out.
    async fn ask_for_snapshot(
        &self,
        format: Format,
        schema: &TableSchema,
    ) -> Result<Option<(Created, Format)>, Interruption> {
        let first = self.create_job(Query::Snapshot(format)).await?;
        if !self.is_old_snapshot(&first, schema) {
            return Ok(Some((first, format)));
        }
        tracing::info!(table = %self.table, job = first.job.id, "an earlier query's job");
        let second = self.create_job(Query::Snapshot(Format::Jsonl)).await?;
        if second.age.is_none_or(|age| age <= FRESH) || !self.is_old_snapshot(&second, schema) {
            return Ok(Some((second, Format::Jsonl)));
        }
        if let Status::Failed(_) = first.job.status {
            return Ok(Some((first, format)));
        }
        let sooner = [first, second].into_iter().min_by_key(forgotten_in);
        self.wait_out(&sooner.expect("there are two")).await?;
        Ok(None)
    }

    async fn create_job(&self, query: Query) -> Result<Created, dap::Error> {
        self.dap.create_job(&self.table, query, self.ctx).await
    }

    /// Whether the job is one of an earlier, equal query, whose end is not the present.
    fn is_old_news(&self, created: &Created, since: Timestamp, schema: &TableSchema) -> bool {
        match &created.job.status {
            Status::Pending => false,
            Status::Failed(_) => true,
            Status::Complete(done) => {
                // Where nobody tells the age: an end before the beginning cannot be the news.
                let old = created.age.map_or(done.cursor < since, |age| age > FRESH);
                old || self.is_outdated(done, schema)
            }
        }
    }

    /// Whether a snapshot will not do: about to expire, failed, of a schema that is no longer to be had, or
    /// from before the changes were lost.
    fn is_old_snapshot(&self, created: &Created, schema: &TableSchema) -> bool {
        let soon_gone = created.remaining.is_some_and(|left| left < SOON_GONE);
        let lost = self.checkpoint.resnapshot.as_ref();
        match &created.job.status {
            Status::Pending => false,
            Status::Failed(_) => true,
            Status::Complete(done) => {
                let before_loss = lost.is_some_and(|lost| lost.is_later_than(done));
                soon_gone || before_loss || self.is_outdated(done, schema)
            }
        }
    }

    async fn wait_out(&self, old: &Created) -> Result<(), Interruption> {
        let wait = forgotten_in(old) + Duration::from_secs(1);
        if wait <= SOON_GONE {
            return Ok(self.ctx.sleep(wait).await?);
        }
        Err(Interruption::NoSnapshotYet(HandlerError::Retryable(format!(
            "{} needs a new snapshot, but DAP still answers with job {} from before; it will forget that job in \
                 {} minutes, and the next run after that gets the new one",
            self.table,
            old.job.id,
            wait.as_secs() / 60
        ))))
    }

    /// A job that never ends would otherwise be waited for for ever.
    fn check_patience(&self, id: &str) -> Result<(), Interruption> {
        let waited =
            self.checkpoint.job_asked_at.map(|asked| Timestamp::now().duration_since(asked));
        if waited.is_none_or(|waited| waited < PENDING_MAX) {
            return Ok(());
        }
        Err(Interruption::Failed(HandlerError::retryable(format!(
            "job {id} for {} is still running after {} hours; Instructure's support can look into it",
            self.table,
            PENDING_MAX.as_hours()
        ))))
    }

    async fn give_up_failed(&mut self, id: &str, api: &ApiError) -> Result<(), Interruption> {
        let wait = AFTER_FAILURE * 2u32.pow(self.checkpoint.lost_jobs);
        self.lose_job(HandlerError::retryable(format!(
            "job {id} for {} failed, as {} before it: {api}; Instructure's support can look into it by job and uuid",
            self.table, self.checkpoint.lost_jobs
        )))?;
        Ok(self.ctx.sleep(wait).await?)
    }

    /// Whether the rows have a schema that we know: the one at hand, a newer one, or the one before it.
    async fn fits(&self, done: &Completed, schema: &mut TableSchema) -> Result<bool, Interruption> {
        if done.schema_version > schema.version {
            *schema = self.dap.schema(&self.table, self.ctx).await?;
        }
        if let Some(known) = self.dap.remembered_schema(&self.table, done.schema_version) {
            *schema = known;
        }
        Ok(done.schema_version == schema.version)
    }

    /// Whether the rows have a schema that is no longer to be had.
    fn is_outdated(&self, done: &Completed, schema: &TableSchema) -> bool {
        let known = || self.dap.remembered_schema(&self.table, done.schema_version).is_some();
        done.schema_version < schema.version && !known()
    }

    fn give_up_outdated(
        &mut self,
        id: &str,
        done: &Completed,
        schema: &TableSchema,
    ) -> Result<(), Interruption> {
        self.lose_job(HandlerError::retryable(format!(
            "job {id} delivers {} in schema version {}, but only version {} can be read now",
            self.table, done.schema_version, schema.version
        )))
    }

    /// Gives up a job; gives up the table once too many were lost.
    pub(super) fn lose_job(&mut self, reason: HandlerError) -> Result<(), Interruption> {
        tracing::warn!(table = %self.table, %reason, "a job came to nothing");
        self.checkpoint.job = None;
        self.checkpoint.lost_jobs += 1;
        if self.checkpoint.lost_jobs < LOST_JOBS_MAX {
            Ok(())
        } else {
            Err(Interruption::Failed(reason))
        }
    }
}

fn forgotten_in(job: &Created) -> Duration {
    job.remaining.unwrap_or(FORGETTING_UNTOLD)
}

/// Earlier by the time of day in microseconds for seconds, because DAP remembers queries for a day. What is
/// delivered again is harmless.
fn a_little_before(since: Timestamp) -> Timestamp {
    let earlier = Timestamp::now().as_second().rem_euclid(86_400) + 1;
    since.checked_sub(SignedDuration::from_micros(earlier)).unwrap_or(since)
}
