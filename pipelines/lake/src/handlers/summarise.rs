//! `stepwell-lake-summarise`: one summary of all results.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use stepwell_pipeline::{Caught, Context, Function, HandlerError};

use crate::service::Service;
use crate::summary::{DatasetResult, Ended, Status, Summary};

/// Summarises a run. What was published it takes from the ledger, so that windows before a failure count.
pub struct Summarise {
    pub(crate) service: Arc<Service>,
}

/// ```json
/// {"started_at":"2026-03-01T10:00:00Z","execution":"arn:...","run":{"results":[[{"dataset":"orders"}]]}}
/// ```
#[derive(Debug, Deserialize)]
pub struct Finished {
    started_at: String,
    execution: String,
    run: Run,
}

#[derive(Debug, Deserialize)]
struct Run {
    #[serde(default)]
    results: Vec<Vec<Ended>>,
    failure: Option<Caught>,
}

#[async_trait]
impl Function for Summarise {
    type Input = Finished;
    type Output = Summary;

    fn name(&self) -> &'static str {
        "stepwell-lake-summarise"
    }

    async fn call(&self, input: Finished, _ctx: &Context) -> Result<Summary, HandlerError> {
        let mut results = Vec::new();
        for ended in input.run.results.into_iter().flatten() {
            results.push(self.result(ended, &input.execution).await?);
        }
        Ok(Summary::new(input.started_at, results, input.run.failure.as_ref()))
    }
}

impl Summarise {
    async fn result(&self, ended: Ended, execution: &str) -> Result<DatasetResult, HandlerError> {
        let totals = self.service.ledger().await?.totals(&ended.dataset, execution).await?;
        // A run that an earlier execution began and this one ended counts here all the same.
        let last = ended.published.as_ref();
        let or_last = |total: u64, last: Option<u64>| total.max(last.unwrap_or(0));
        let status = match (&ended.failure, last.is_some() || totals.windows > 0) {
            (Some(_), _) => Status::Failed,
            (None, true) => Status::Published,
            (None, false) => Status::Unchanged,
        };
        Ok(DatasetResult {
            status,
            windows: or_last(totals.windows, last.map(|_| 1)),
            rows: or_last(totals.rows, last.map(|it| it.rows)),
            rejected: or_last(totals.rejected, last.map(|it| it.rejected)),
            bytes: or_last(totals.bytes, last.map(|it| it.bytes)),
            new_fields: ended.published.map(|it| it.new_fields).unwrap_or_default(),
            error: ended.failure.as_ref().map(|failure| failure.error.clone()),
            message: ended.failure.as_ref().map(Caught::message),
            dataset: ended.dataset,
        })
    }
}
