//! A table's DAP job: asked for, waited for, replaced when it fails, expires or is stale.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use stepwell_pipeline::HandlerError;

use super::table::{Interruption, TableRun};
use crate::dap::{self, ApiError, Completed, Created, Job, Query, Status};
use crate::schema::TableSchema;

/// Between two looks at a job: grows from the first to the second.
const POLL_FIRST: Duration = Duration::from_millis(200);
const POLL_MAX: Duration = Duration::from_secs(5);

/// Failed, expired and stale jobs together. Failures are frequently transient.
const LOST_JOBS_MAX: u32 = 4;

/// Before a job that replaces a failed one; doubles with each.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// DAP answers an equal query with the job it already has, for a day. An increment older than this is one of
/// a query from before, not the news.
const FRESH: Duration = Duration::from_mins(10);

/// A snapshot that is gone this soon is not worth starting on: it is waited out.
const SOON_GONE: Duration = Duration::from_mins(1);

impl TableRun<'_> {
    /// The job that answers `query`, complete, with the schema that its rows have.
    pub(super) async fn completed_job(
        &mut self,
        query: Query,
        schema: &mut TableSchema,
    ) -> Result<(String, Completed), Interruption> {
        let mut query = query;
        let mut poll = POLL_FIRST;
        loop {
            let job = match self.checkpoint.job.clone() {
                Some(id) => self.look_at(&id).await?,
                None => self.ask_for(&mut query).await?,
            };
            let Some(Job { id, status, .. }) = job else { continue };
            match status {
                Status::Pending => {
                    self.ctx.sleep(poll).await?;
                    poll = (poll * 3 / 2).min(POLL_MAX);
                }
                Status::Failed(api) => self.replace_failed(&id, &api, &mut query).await?,
                Status::Complete(done) if self.fits(&done, schema).await? => return Ok((id, done)),
                Status::Complete(done) => self.replace_outdated(&id, &done, schema, &mut query)?,
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

    /// `None` if the answer is an old job that will not do.
    ///
    /// A job that is not complete yet ends the invocation: its id is recorded before anything rests on it.
    async fn ask_for(&mut self, query: &mut Query) -> Result<Option<Job>, Interruption> {
        let created = self.dap.create_job(&self.table, *query, self.ctx).await?;
        if let Some(wait) = stale(&created, *query) {
            tracing::info!(table = %self.table, job = created.job.id, "the job is one of an earlier query");
            *query = asked_anew(*query);
            self.ctx.sleep(wait).await?;
            return Ok(None);
        }
        self.checkpoint.job = Some(created.job.id.clone());
        self.checkpoint.stalls = 0;
        match created.job.status {
            Status::Pending => Err(Interruption::Pause(Duration::ZERO)),
            Status::Complete(_) | Status::Failed(_) => Ok(Some(created.job)),
        }
    }

    async fn replace_failed(
        &mut self,
        id: &str,
        api: &ApiError,
        query: &mut Query,
    ) -> Result<(), Interruption> {
        let wait = AFTER_FAILURE * 2u32.pow(self.checkpoint.lost_jobs);
        self.lose_job(HandlerError::retryable(format!(
            "job {id} for {} failed, as {} before it: {api}; Instructure's support can look into it by job and uuid",
            self.table, self.checkpoint.lost_jobs
        )))?;
        *query = asked_anew(*query);
        Ok(self.ctx.sleep(wait).await?)
    }

    /// Whether the rows have the schema we know, after a look for a newer one.
    async fn fits(&self, done: &Completed, schema: &mut TableSchema) -> Result<bool, Interruption> {
        if done.schema_version != schema.version {
            *schema = self.dap.schema(&self.table, self.ctx).await?;
        }
        Ok(done.schema_version == schema.version)
    }

    fn replace_outdated(
        &mut self,
        id: &str,
        done: &Completed,
        schema: &TableSchema,
        query: &mut Query,
    ) -> Result<(), Interruption> {
        *query = asked_anew(*query);
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
        match self.checkpoint.lost_jobs < LOST_JOBS_MAX {
            true => Ok(()),
            false => Err(Interruption::Failed(reason)),
        }
    }
}

/// How long to wait before asking anew, if the job is one of an earlier query that will not do.
fn stale(created: &Created, query: Query) -> Option<Duration> {
    let Status::Complete(done) = &created.job.status else { return None };
    match query {
        Query::Snapshot => created
            .remaining
            .filter(|left| *left < SOON_GONE)
            .map(|left| left + Duration::from_secs(1)),
        Query::Increment { since } => {
            let old = match created.age {
                Some(age) => age > FRESH,
                // Nobody tells: an end before the beginning cannot be the news.
                None => done.cursor < since,
            };
            old.then_some(Duration::ZERO)
        }
    }
}

/// A query that DAP takes for a new one. An increment that begins a little earlier delivers some rows again,
/// which is harmless; how much earlier comes from the time of day, because DAP remembers queries for a day.
/// A snapshot cannot be asked for in another way.
fn asked_anew(query: Query) -> Query {
    match query {
        Query::Snapshot => Query::Snapshot,
        Query::Increment { since } => {
            let earlier = Timestamp::now().as_millisecond().rem_euclid(86_400_000) / 1_000 + 1;
            let since = since.checked_sub(SignedDuration::from_millis(earlier)).unwrap_or(since);
            Query::Increment { since }
        }
    }
}
