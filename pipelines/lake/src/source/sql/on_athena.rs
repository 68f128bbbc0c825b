//! A curated dataset whose query Athena runs: started once for a run, looked at between slices, read page by page.
//!
//! ```text
//! (nothing) --start--> Query --SUCCEEDED--> Query, page by page --> end
//!     ^                  |  \--not ended: the slice is over, look again later
//!     +------ Failed ----+  FAILED, CANCELLED, forgotten: told once; the next attempt starts another query
//! ```

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stepwell_integrations::athena::{Error, Finished};
use stepwell_integrations::aws::CallError;
use stepwell_pipeline::HandlerError;

use super::Curated;
use crate::athena::{Answer, Asker, failed, with_views};
use crate::source::{Chunk, Read, Stop};

/// The first pause before a query is looked at; each pause is twice as long as the one before.
const PAUSE_SECONDS: u64 = 1;
const PAUSE_SECONDS_MAX: u64 = 30;

/// How long to wait where the account runs as many queries as it may.
const THROTTLED: Duration = Duration::from_secs(10);

/// How far a run is: `{"query": "4f0c…", "looks": 3, "rows": 1999, "skip": 0, "next": "AYz…", "is_read": false}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Progress {
    /// The query that runs or is read.
    query: Option<String>,
    /// How often it was looked at.
    looks: u32,
    /// Rows of its answer that are read.
    rows: u64,
    /// Rows of its answer that a query before it gave already.
    skip: u64,
    /// The page to be read; none: the first one.
    next: Option<String>,
    /// Whether the last page is read.
    is_read: bool,
    /// The query that came to nothing, after which another one is to be started.
    failed: Option<String>,
}

impl Progress {
    fn of(read: Read<'_>) -> Result<Self, HandlerError> {
        let Some(after) = read.after else { return Ok(Self::default()) };
        serde_json::from_value(after.clone()).map_err(|error| {
            HandlerError::Fatal(format!("the checkpoint is of another version: {error}"))
        })
    }

    /// The slice is over; the query is looked at again later.
    fn later(mut self) -> Stop {
        let seconds = PAUSE_SECONDS.saturating_mul(1 << self.looks.min(10));
        self.looks += 1;
        let wait = Duration::from_secs(seconds.min(PAUSE_SECONDS_MAX));
        Stop::NotNow { wait, checkpoint: Some(json!(self)) }
    }

    /// Under its token AWS would give a query that came to nothing back for ever: the next attempt starts another one.
    fn anew(self) -> Self {
        Self {
            skip: self.rows.max(self.skip),
            failed: self.query.or(self.failed),
            ..Self::default()
        }
    }
}

/// The query of one dataset.
pub(super) struct OnAthena<'a> {
    pub(super) asker: Asker,
    pub(super) curated: &'a Curated,
}

impl<'a> OnAthena<'a> {
    /// The rows, from behind a checkpoint.
    pub(super) fn chunks(self, read: Read<'a>) -> BoxStream<'a, Result<Chunk, Stop>> {
        let beginning = (self, None::<(Finished, Progress)>);
        let chunks = stream::try_unfold(beginning, move |(source, reading)| async move {
            let (query, progress) = match reading {
                Some(reading) => reading,
                None => source.answered(read).await?,
            };
            if progress.is_read {
                return Ok(None);
            }
            let (chunk, progress) = source.page(&query, progress).await?;
            Ok(Some((chunk, (source, Some((query, progress))))))
        });
        chunks.boxed()
    }

    /// The query once it has succeeded, and how far its answer is read.
    async fn answered(&self, read: Read<'_>) -> Result<(Finished, Progress), Stop> {
        let mut progress = Progress::of(read)?;
        let Some(id) = &progress.query else {
            match self.start(&progress, read.run).await? {
                // The id is made durable before anything else is done with it.
                Ok(id) => progress.query = Some(id),
                Err(error) => return Err(self.stop(progress, error)),
            }
            return Err(progress.later());
        };
        match self.asker.look(id).await {
            Ok(Some(query)) => Ok((query, progress)),
            Ok(None) => Err(progress.later()),
            Err(error) => Err(self.stop(progress, error)),
        }
    }

    async fn start(
        &self,
        progress: &Progress,
        run: &str,
    ) -> Result<Result<String, Error>, HandlerError> {
        let name = match &progress.failed {
            Some(before) => format!("{run}|after {before}"),
            None => run.to_owned(),
        };
        let Curated { sql, lake, .. } = self.curated;
        let sql = with_views(&lake.views_of(sql).await?, sql)?;
        Ok(self.asker.start(&sql, &name).await)
    }

    /// What an error means for the query.
    fn stop(&self, progress: Progress, error: Error) -> Stop {
        match error {
            Error::Call(CallError::Throttled { .. }) => {
                Stop::NotNow { wait: THROTTLED, checkpoint: Some(json!(progress)) }
            }
            Error::Call(_) => Stop::Failed(failed(error)),
            Error::Invalid { .. } | Error::Failed { .. } | Error::Cancelled { .. } => {
                self.give_up(progress, failed(error))
            }
        }
    }

    fn give_up(&self, progress: Progress, error: HandlerError) -> Stop {
        let error = error.within(&self.curated.at.to_string());
        Stop::GivenUp { error, checkpoint: json!(progress.anew()) }
    }

    /// The next page, and how far the answer is read behind it.
    async fn page(&self, query: &Finished, progress: Progress) -> Result<(Chunk, Progress), Stop> {
        let page = match self.asker.page(query, progress.next.as_deref()).await {
            Ok(page) => page,
            Err(error) => return Err(self.stop(progress, error)),
        };
        let answer = match Answer::new(&self.curated.columns, &page.columns) {
            Ok(answer) => answer,
            Err(error) => return Err(self.give_up(progress, error)),
        };
        let known = progress.skip.saturating_sub(progress.rows).min(page.rows.len() as u64);
        let new = &page.rows[known as usize..];
        let made = answer.batch(new, progress.rows + known, &query.id);
        let progress = Progress {
            rows: progress.rows + page.rows.len() as u64,
            is_read: page.next.is_none(),
            next: page.next,
            ..progress
        };
        let chunk = Chunk {
            rows: made.rows,
            rejected: made.rejected,
            unknown: made.unknown,
            checkpoint: json!(progress),
        };
        Ok((chunk, progress))
    }
}
