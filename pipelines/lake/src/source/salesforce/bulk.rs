//! Query jobs of the Bulk API 2.0.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use stepwell_pipeline::Context;

use super::client::{Call, Client};
use super::csv;
use crate::source::rest::{Answer, Error, Failure};

/// How far a job is.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) state: String,
    #[serde(default)]
    pub(super) error_message: Option<String>,
}

/// A page of a job's results.
pub(super) struct Page {
    pub(super) records: Vec<Vec<String>>,
    /// Finds the next page; none behind the last one.
    pub(super) next: Option<String>,
}

impl Client {
    pub(super) async fn create_job(&self, soql: &str, ctx: &Context) -> Result<Job, Error> {
        let path = self.path("jobs/query");
        let body = json!({
            "operation": "queryAll", "query": soql, "contentType": "CSV",
            "columnDelimiter": "COMMA", "lineEnding": "LF",
        });
        let call = Call {
            method: Method::POST,
            path: &path,
            query: &[],
            body: Some(body),
            accept: "application/json",
        };
        self.call("start a query job", &call, Answer::json, ctx).await
    }

    /// None if the job is not there any more.
    pub(super) async fn job(&self, id: &str, ctx: &Context) -> Result<Option<Job>, Error> {
        let path = self.path(&format!("jobs/query/{id}"));
        found(self.get("look after a query job", &path, &[], ctx).await)
    }

    /// None if the job is not there any more.
    pub(super) async fn results(
        &self,
        id: &str,
        locator: Option<&str>,
        fields: &[String],
        ctx: &Context,
    ) -> Result<Option<Page>, Error> {
        let path = self.path(&format!("jobs/query/{id}/results"));
        let most = self.config.bulk_page_records.to_string();
        let mut query = vec![("maxRecords", most.as_str())];
        query.extend(locator.map(|locator| ("locator", locator)));
        let call = Call {
            method: Method::GET,
            path: &path,
            query: &query,
            body: None,
            accept: "text/csv",
        };
        let read = |answer: &Answer| page(answer, fields);
        found(self.call("read the results of a query job", &call, read, ctx).await)
    }

    /// The results are not needed any more. It is no matter if this fails: they are kept for seven days at most.
    pub(super) async fn delete_job(&self, id: &str, ctx: &Context) {
        let path = self.path(&format!("jobs/query/{id}"));
        let (query, accept) = (&[][..], "application/json");
        let call = Call { method: Method::DELETE, path: &path, query, body: None, accept };
        if let Err(error) = self.call("delete a query job", &call, |_| Ok(()), ctx).await {
            tracing::debug!(%error, job = id, "a job that is not needed any more stays");
        }
    }
}

fn page(answer: &Answer, fields: &[String]) -> Result<Page, Failure> {
    let records = csv::records(&answer.body, fields)?;
    let promised = answer.header("Sforce-NumberOfRecords").and_then(|it| it.parse().ok());
    if promised.is_some_and(|promised: usize| promised != records.len()) {
        return Err(Failure::Transport(format!(
            "the page has {} records, not {}",
            records.len(),
            promised.unwrap_or_default()
        )));
    }
    let next = answer.header("Sforce-Locator").filter(|it| !matches!(*it, "" | "null"));
    Ok(Page { records, next: next.map(str::to_owned) })
}

fn found<T>(outcome: Result<T, Error>) -> Result<Option<T>, Error> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(Error::Refused { status: 404, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
