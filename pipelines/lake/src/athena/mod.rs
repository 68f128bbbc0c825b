//! Athena over the lake: where it may be asked, what it is asked, and rows from its answers.
//!
//! Athena knows the tables from Glue, as the lake's catalog step tells them. Views it gets in front of the query.

use arrow::array::RecordBatch;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use stepwell_integrations::athena::{Athena, Error, Finished, Page, Query};
use stepwell_pipeline::HandlerError;
use stepwell_pipeline::settings::Problem;
use stepwell_pipeline::surroundings::Provider;
use stepwell_query::Rows;
use stepwell_services::ToHandlerError as _;
use stepwell_tabular::{Batch, Location, Rejected, arrow_schema};

use crate::target::Target;
use crate::world::World;

mod answer;
mod statement;

pub(crate) use answer::Answer;
pub(crate) use statement::with_views;

/// Where answers are written below the lake's target, if nothing says otherwise.
const ANSWERS: &str = "_athena";

/// `[pipelines.lake.athena]`: how Athena is asked, with `[services] athena = "aws"`.
///
/// ```toml
/// [pipelines.lake.athena]
/// workgroup = "lake"                              # default: AWS's own, "primary"
/// output_location = "s3://acme-lake/answers"      # default: what the workgroup says, or "_athena" below the target
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whose limits hold for the queries, and who pays.
    pub workgroup: Option<String>,
    /// Where Athena writes its answers.
    pub output_location: Option<Location>,
}

impl Settings {
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.workgroup.as_ref().is_some_and(String::is_empty) {
            problems.push(Problem::wrong(
                "athena.workgroup",
                "`athena.workgroup` is empty",
                "name a workgroup, or leave the key out",
            ));
        }
        if !matches!(self.output_location, None | Some(Location::S3 { .. })) {
            problems.push(Problem::wrong(
                "athena.output_location",
                "`athena.output_location` is not in S3, where Athena writes its answers",
                "write `s3://bucket/prefix`",
            ));
        }
        problems
    }
}

/// Asks Athena about one lake.
pub(crate) struct Asker {
    athena: Athena,
    database: String,
    workgroup: Option<String>,
    output_location: Option<String>,
}

impl Asker {
    /// # Errors
    /// [`HandlerError::Config`] for a lake that Athena cannot see.
    pub(crate) async fn open(
        world: &World,
        target: &Target,
        settings: &Settings,
    ) -> Result<Self, HandlerError> {
        let services = &world.surroundings.services;
        let is_seen = matches!(target.root, Location::S3 { .. })
            && services.s3 == Provider::Aws
            && services.glue == Provider::Aws;
        if !is_seen {
            return Err(HandlerError::Config(format!(
                "Athena reads a lake in S3 that Glue knows, and the target is `{}`: set `target = \"s3://bucket/prefix\"` and, \
                 in [services], `s3 = \"aws\"` and `glue = \"aws\"`; or leave `athena` out of [services]",
                target.root
            )));
        }
        let default = || target.root.join(ANSWERS);
        let location = settings.output_location.clone();
        let location = location.or_else(|| settings.workgroup.is_none().then(default));
        Ok(Self {
            athena: world.opener.athena().await?,
            database: target.database.clone(),
            workgroup: settings.workgroup.clone(),
            output_location: location.map(|it| format!("{it}/")),
        })
    }

    /// Starts a query; the same one again for the same `name` and text starts nothing new.
    pub(crate) async fn start(&self, sql: &str, name: &str) -> Result<String, Error> {
        let query = Query {
            sql: sql.to_owned(),
            database: Some(self.database.clone()),
            workgroup: self.workgroup.clone(),
            output_location: self.output_location.clone(),
            token: hex::encode(Sha256::digest(format!("{name}|{}|{sql}", self.database))),
            parameters: Vec::new(),
        };
        self.athena.start(&query).await
    }

    /// As [`Athena::look`].
    pub(crate) async fn look(&self, id: &str) -> Result<Option<Finished>, Error> {
        self.athena.look(id).await
    }

    /// As [`Athena::page`].
    pub(crate) async fn page(&self, query: &Finished, next: Option<&str>) -> Result<Page, Error> {
        self.athena.page(query, next).await
    }

    /// The rows of a query that reads, in the types that Athena gives them.
    ///
    /// # Errors
    /// [`HandlerError::Config`] for a query that is wrong; by class what AWS says.
    pub(crate) async fn rows(self, sql: &str, now: Timestamp) -> Result<Rows, HandlerError> {
        let name = format!("{now}|{}", std::process::id());
        let id = self.start(sql, &name).await.map_err(failed)?;
        let query = self.athena.wait(&id).await.map_err(failed)?;
        let first = self.page(&query, None).await.map_err(failed)?;
        let columns = answer::columns(&first.columns);
        let answer = Answer::new(&columns, &first.columns)?;
        let schema = arrow_schema(&columns);
        Ok(Rows { schema, batches: self.batches(query, answer, first) })
    }

    fn batches(
        self,
        query: Finished,
        answer: Answer,
        first: Page,
    ) -> BoxStream<'static, Result<RecordBatch, stepwell_query::Error>> {
        let beginning = (self, query, answer, Some(first));
        let batches = stream::try_unfold(beginning, |(asker, query, answer, page)| async move {
            let Some(page) = page else { return Ok(None) };
            let batch = whole(answer.batch(&page.rows, 0, &query.id))?;
            let next = match &page.next {
                Some(token) => Some(asker.page(&query, Some(token)).await.map_err(unreadable)?),
                None => None,
            };
            Ok(Some((batch, (asker, query, answer, next))))
        });
        batches.boxed()
    }
}

/// A value that does not fit its own type is not shown as if it was not there.
fn whole(batch: Batch) -> Result<RecordBatch, stepwell_query::Error> {
    match batch.rejected.first() {
        None => Ok(batch.rows),
        Some(rejected) => {
            let Rejected { place, reason, .. } = rejected;
            Err(stepwell_query::Error::Read(format!("{place}: {reason}")))
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unreadable(error: Error) -> stepwell_query::Error {
    stepwell_query::Error::Read(error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(crate) fn failed(error: Error) -> HandlerError {
    error.to_handler_error()
}
