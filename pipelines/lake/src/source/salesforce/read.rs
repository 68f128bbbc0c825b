//! The reading of a window, step by step.
//!
//! ```text
//!   Begin --few records--> Rest --page, page, ...--+
//!     |  \--many---------> Job  --page, page, ...--+--> next part (Begin) or Deleted --> Done
//!     +<---- query takes too long: half a part ----+
//!     +<---- the job is gone: behind the last record
//! ```
//!
//! What is done is told by [`Progress`] alone, which is every chunk's checkpoint.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use stepwell_pipeline::HandlerError;
use stepwell_tabular::Batch;

use super::progress::{Progress, Step, middle};
use super::records::{Mapping, Record, time};
use super::soql::{Key, Query};
use super::{Api, Salesforce};
use crate::dataset::Mode;
use crate::source::rest::Error;
use crate::source::{Chunk, Read, Stop};

/// No further back is told which records were deleted.
const DELETED_DAYS: i64 = 30;
/// So many ids fit a query.
const IDS: usize = 300;
/// So many records of a whole table are asked for at once if a query takes too long, and at least.
const LIMIT_MAX: u64 = 250_000;
const LIMIT_MIN: u64 = 200;
/// So many jobs may vanish within one slice.
const LOST_JOBS_MAX: u32 = 3;

/// A window that is being read.
pub(super) struct Reading<'a> {
    source: &'a Salesforce,
    read: Read<'a>,
    mapping: Mapping<'a>,
    progress: Progress,
    /// The next page of the query that is being read over REST.
    next_page: Option<String>,
    part_is_empty: bool,
    lost_jobs: u32,
}

impl<'a> Reading<'a> {
    /// # Errors
    /// If the object cannot be described, or does not fit the dataset.
    pub(super) async fn begin(source: &'a Salesforce, read: Read<'a>) -> Result<Self, Stop> {
        let object = source.client.describe(&source.object, read.ctx).await?;
        if !object.queryable {
            let message = format!("{} cannot be queried by this user", object.name);
            return Err(HandlerError::Config(message).into());
        }
        let progress = match read.after {
            None => Progress::beginning(read.window),
            Some(after) => serde_json::from_value(after.clone()).map_err(|error| {
                HandlerError::Fatal(format!("the checkpoint is of another version: {error}"))
            })?,
        };
        let mapping = Mapping::new(&source.dataset, object)?;
        // Of a part that was begun before it is not known; it had records then.
        let part_is_empty = matches!(progress.step, Step::Begin { after: None });
        Ok(Self { source, read, mapping, progress, next_page: None, part_is_empty, lost_jobs: 0 })
    }

    /// The next chunk; none when everything is read.
    pub(super) async fn next(&mut self) -> Result<Option<Chunk>, Stop> {
        loop {
            let outcome = match self.progress.step.clone() {
                Step::Begin { after } => self.decide(after).await,
                Step::Rest { after } => self.rest(after).await,
                Step::Job { id, locator, after } => self.job(id, locator, after).await,
                Step::Deleted { from } => self.deleted(from).await,
                Step::Done => return Ok(None),
            };
            match outcome {
                Ok(Some(chunk)) => return Ok(Some(chunk)),
                Ok(None) => {}
                Err(error) if is_too_long(&error) && self.progress.reads_records() => {
                    self.halve().await?;
                }
                Err(Error::NotNow(not_now)) => {
                    let checkpoint = Some(json!(self.progress));
                    return Err(Stop::NotNow { wait: not_now.wait, checkpoint });
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn query(&self) -> Query<'_> {
        Query {
            object: &self.mapping.object.name,
            // A record that changes while a whole table is read would come again by its new stamp.
            stamp: self.mapping.object.stamp().filter(|_| !self.is_whole()),
            limit: self.progress.limit,
            filter: self.source.filter.as_deref(),
            from: self.progress.from,
            to: Some(self.progress.to),
        }
    }

    fn is_whole(&self) -> bool {
        self.source.dataset.mode == Mode::Overwrite
    }

    /// REST for few records and for what the Bulk API does not give, a job for the rest.
    async fn decide(&mut self, after: Option<Key>) -> Result<Option<Chunk>, Error> {
        if self.mapping.has_compound() || self.source.api == Api::Rest {
            self.progress.step = Step::Rest { after };
            return Ok(None);
        }
        let config = &self.source.client.config;
        if self.source.api == Api::Auto && self.count().await? <= config.rest_records_max {
            self.progress.step = Step::Rest { after };
            return Ok(None);
        }
        self.start_job(after).await
    }

    async fn count(&self) -> Result<u64, Error> {
        let what = format!("count {}", self.mapping.object.name);
        let soql = self.query().count(false);
        Ok(self.source.client.query_all(&what, &soql, self.read.ctx).await?.total_size)
    }

    /// The job's id is made durable before anything else is done with it.
    async fn start_job(&mut self, after: Option<Key>) -> Result<Option<Chunk>, Error> {
        let soql = self.query().records(&self.mapping.fields, after.as_ref());
        match self.source.client.create_job(&soql, self.read.ctx).await {
            Ok(job) => {
                self.progress.step = Step::Job { id: job.id, locator: None, after };
                Ok(Some(self.chunk(self.mapping.rows(&[], self.read.window.to))))
            }
            Err(error) if is_not_for_bulk(&error) => {
                self.progress.step = Step::Rest { after };
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn rest(&mut self, after: Option<Key>) -> Result<Option<Chunk>, Error> {
        let (client, ctx) = (&self.source.client, self.read.ctx);
        let what = format!("read {}", self.mapping.object.name);
        let page = if let Some(path) = self.next_page.take() {
            client.query_more(&what, &path, ctx).await
        } else {
            let soql = self.query().records(&self.mapping.fields, after.as_ref());
            client.query_all(&what, &soql, ctx).await
        };
        let page = match page {
            // The page is forgotten: behind the last record, the same query goes on.
            Err(error) if error.code() == Some("INVALID_QUERY_LOCATOR") => return Ok(None),
            page => page?,
        };
        self.next_page = page.next_records_url;
        let fields = &self.mapping.fields;
        let records: Vec<_> =
            page.records.into_iter().map(|it| Record::of_json(it, fields)).collect();
        let is_last = self.next_page.is_none();
        self.page(&records, |after| Step::Rest { after }, after, is_last)
    }

    async fn job(
        &mut self,
        id: String,
        locator: Option<String>,
        after: Option<Key>,
    ) -> Result<Option<Chunk>, Error> {
        let (client, ctx) = (&self.source.client, self.read.ctx);
        if locator.is_none() && !self.wait_for(&id).await? {
            return self.job_is_lost(&id, after);
        }
        let page = client.results(&id, locator.as_deref(), &self.mapping.fields, ctx).await?;
        let Some(page) = page else { return self.job_is_lost(&id, after) };
        let is_last = page.next.is_none();
        let records: Vec<_> = page.records.into_iter().map(Record::of_csv).collect();
        let step = |after| Step::Job { id: id.clone(), locator: page.next.clone(), after };
        let chunk = self.page(&records, step, after, is_last)?;
        if is_last {
            client.delete_job(&id, ctx).await;
        }
        Ok(chunk)
    }

    /// Another job reads what lies behind the last record.
    fn job_is_lost(&mut self, id: &str, after: Option<Key>) -> Result<Option<Chunk>, Error> {
        tracing::warn!(job = id, "a query job is gone; another one reads the rest");
        self.lost_jobs += 1;
        if self.lost_jobs > LOST_JOBS_MAX {
            let message = "query jobs vanish or are aborted again and again";
            return Err(HandlerError::retryable(message).into());
        }
        self.progress.step = Step::Begin { after };
        Ok(None)
    }

    /// Waits until a job has its results. False if it will never have.
    async fn wait_for(&self, id: &str) -> Result<bool, Error> {
        let (client, ctx) = (&self.source.client, self.read.ctx);
        loop {
            let Some(job) = client.job(id, ctx).await? else { return Ok(false) };
            match job.state.as_str() {
                "JobComplete" => return Ok(true),
                "Aborted" => return Ok(false),
                "Failed" => {
                    let (what, server) = ("run a query job".to_owned(), client.server.name);
                    let told = job.error_message.unwrap_or_else(|| "no reason given".to_owned());
                    let code = told.split(':').next().unwrap_or_default().to_owned();
                    return Err(Error::Refused { what, server, status: 200, code, told });
                }
                _ => ctx.sleep(client.config.poll).await?,
            }
        }
    }

    /// A page of records as a chunk; with the last one, the part is read.
    fn page(
        &mut self,
        records: &[Record],
        step: impl FnOnce(Option<Key>) -> Step,
        after: Option<Key>,
        is_last: bool,
    ) -> Result<Option<Chunk>, Error> {
        let last = records.last().map(|record| self.mapping.key(record)).transpose()?;
        self.part_is_empty &= records.is_empty();
        if is_last && self.progress.limit.is_some() && !self.part_is_empty {
            self.progress.step = Step::Begin { after: last.or(after) };
            self.part_is_empty = true;
        } else if is_last {
            let with_deleted = self.source.deletes && self.mapping.object.replicateable;
            self.progress.part_is_read(self.read.window, self.part_is_empty, with_deleted);
            self.part_is_empty = true;
        } else {
            self.progress.step = step(last.or(after));
        }
        if records.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.chunk(self.mapping.rows(records, self.read.window.to))))
    }

    fn chunk(&self, batch: Batch) -> Chunk {
        let Batch { rows, rejected, unknown, .. } = batch;
        Chunk { rows, rejected, unknown, checkpoint: json!(self.progress) }
    }

    async fn halve(&mut self) -> Result<(), Stop> {
        if self.is_whole() {
            return self.limit();
        }
        let knows_beginning = self.progress.from.is_some();
        let oldest = if knows_beginning { None } else { self.oldest().await? };
        self.next_page = None;
        if self.progress.halve(oldest) {
            let (from, to) = (self.progress.from, self.progress.to);
            tracing::info!(object = self.source.object, ?from, %to, "a query takes too long: half its time");
            return Ok(());
        }
        Err(HandlerError::Data(format!(
            "a query of {} takes too long even for the shortest time, up to {}; a `filter` or fewer columns may help",
            self.source.object, self.progress.to
        ))
        .into())
    }

    /// Fewer records at once of a whole table, which has no parts by time.
    fn limit(&mut self) -> Result<(), Stop> {
        let limit = self.progress.limit.map_or(LIMIT_MAX, |limit| limit / 4);
        if limit < LIMIT_MIN {
            return Err(HandlerError::Data(format!(
                "a query of {} takes too long even for the first {LIMIT_MIN} records; a `filter` or fewer columns may help",
                self.source.object
            ))
            .into());
        }
        self.next_page = None;
        self.progress.narrow(limit);
        tracing::info!(
            object = self.source.object,
            limit,
            "a query takes too long: fewer records at once"
        );
        Ok(())
    }

    /// The stamp of the first record, if that can be had quickly.
    async fn oldest(&self) -> Result<Option<Timestamp>, Stop> {
        let Some(stamp) = self.mapping.object.stamp() else { return Ok(None) };
        let soql = self.query().oldest(stamp);
        let page =
            match self.source.client.query_all("find the first record", &soql, self.read.ctx).await
            {
                Err(error) if is_too_long(&error) => return Ok(None),
                page => page?,
            };
        let record = page.records.first().and_then(|record| record.get(stamp));
        Ok(record.and_then(|raw| time(raw.get().trim_matches('"'))))
    }

    /// Tombstones for records that are gone for good. Those in the recycle bin were read as records.
    async fn deleted(&mut self, from: Timestamp) -> Result<Option<Chunk>, Error> {
        let (client, ctx, to) = (&self.source.client, self.read.ctx, self.read.window.to);
        let (object, mut end) = (self.mapping.object.name.clone(), to);
        let from = self.known_since(from);
        if from >= to {
            self.progress.step = Step::Done;
            return Ok(None);
        }
        let gone = loop {
            match client.deleted(&object, (from, end), ctx).await {
                Err(error) if error.code() == Some("EXCEEDED_ID_LIMIT") => {
                    end = middle(from, end).ok_or(error)?;
                }
                gone => break gone?,
            }
        };
        let kept = self.in_recycle_bin(&gone).await?;
        let gone: Vec<_> = gone.into_iter().filter(|(id, _)| !kept.contains(id)).collect();
        self.progress.step = if end < to { Step::Deleted { from: end } } else { Step::Done };
        if gone.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.chunk(self.mapping.tombstones(&gone))))
    }

    /// The list reaches back thirty days; what was deleted before is found by a comparison alone.
    fn known_since(&self, from: Timestamp) -> Timestamp {
        let now = self.source.client.service_time();
        let reach = SignedDuration::from_hours(24 * DELETED_DAYS) - SignedDuration::from_mins(5);
        let Some(since) = now.map(|now| now - reach).filter(|since| *since > from) else {
            return from;
        };
        tracing::warn!(
            object = self.source.object, %from, %since,
            "Salesforce tells of deleted records of the last thirty days only; deletions before are found by a reconciliation"
        );
        since
    }

    async fn in_recycle_bin(
        &self,
        gone: &[(String, Timestamp)],
    ) -> Result<BTreeSet<String>, Error> {
        let mut kept = BTreeSet::new();
        if !self.mapping.has_deleted() {
            return Ok(kept);
        }
        for ids in gone.chunks(IDS) {
            let ids: Vec<_> = ids.iter().map(|(id, _)| id.as_str()).collect();
            let soql = self.query().in_recycle_bin(&ids);
            let page = self
                .source
                .client
                .query_all("look into the recycle bin", &soql, self.read.ctx)
                .await?;
            let id = |record: &crate::source::rest::Raw| {
                Some(record.get("Id")?.get().trim_matches('"').to_owned())
            };
            kept.extend(page.records.iter().filter_map(id));
        }
        Ok(kept)
    }
}

/// Whether a shorter time would help.
pub(super) fn is_too_long(error: &Error) -> bool {
    matches!(error.code(), Some("QUERY_TIMEOUT" | "OPERATION_TOO_LARGE"))
}

/// Whether REST would do what the Bulk API does not.
fn is_not_for_bulk(error: &Error) -> bool {
    match error {
        Error::Refused { code, told, .. } => {
            matches!(code.as_str(), "INVALIDENTITY" | "FEATURENOTENABLED")
                || told.contains("is not supported by the Bulk API")
        }
        _ => false,
    }
}
