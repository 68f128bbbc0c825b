//! Where the points of a series are, and how they are read.
//!
//! ```json
//! {"inline":[{"time":"2026-03-01T00:00:00Z","value":1.0}]}
//! {"uri":"data/7.csv.gz","format":"csv"}             a path, file://, s3://bucket/key, http(s)://
//! {"postgres":{"url":"secret:plant/url","query":"SELECT time, value FROM m WHERE time >= $1 AND time < $2"}}
//! {"dynamodb":{"table":"Measurements","partition":{"sensor":"7"},"time":"at"}}
//! ```
//!
//! Every source gives its rows in the order it has them, with the columns it has. What is a time and what is a value is said
//! by the stream's configuration, and is left to [`crate::series`].

mod download;
mod dynamodb;
mod file;
mod inline;
mod postgres;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::Schema;
use serde_json::Value;
use stepwell_pipeline::settings::InvalidInput;
use stepwell_pipeline::{Context, HandlerError};

use crate::input::{Members, Point, Window, read_points};
use crate::series::Columns;
use crate::service::Service;

use dynamodb::DynamoDb;
use file::File;
use postgres::Postgres;

/// Where the points are.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// In the input itself.
    Inline(Vec<Point>),
    /// In a file.
    File(File),
    /// What a query gives.
    Postgres(Postgres),
    /// A partition of a table.
    DynamoDb(DynamoDb),
}

/// What is asked of a source.
pub(crate) struct Wanted<'a> {
    /// What the stream calls its columns.
    pub(crate) columns: &'a Columns,
    /// For sources that can be asked for a part; the others give everything.
    pub(crate) window: Option<Window>,
    /// More rows are refused.
    pub(crate) max_rows: usize,
}

/// Batches of one source, up to the longest series that is taken.
struct Batches {
    all: Vec<RecordBatch>,
    rows: usize,
    max_rows: usize,
}

impl Source {
    const MEMBERS: [&str; 5] = ["inline", "uri", "format", "postgres", "dynamodb"];

    /// Reads where the data are; `place` is that of `value`.
    ///
    /// # Errors
    /// The first member that is missing, wrong or unknown.
    pub(crate) fn read(place: &str, value: &Value) -> Result<Self, InvalidInput> {
        let mut members = Members::of(place, value)?;
        let kinds = ["inline", "uri", "postgres", "dynamodb"];
        let given: Vec<_> = kinds.into_iter().filter(|it| members.has(it)).collect();
        let source = match given[..] {
            ["inline"] => {
                let points = members.take("inline").unwrap_or_default();
                Self::Inline(read_points(&format!("{place}.inline"), &points)?)
            }
            ["uri"] => Self::File(File::read(&mut members)?),
            ["postgres"] => {
                let inner = members.take("postgres").unwrap_or_default();
                Self::Postgres(Postgres::read(&format!("{place}.postgres"), &inner)?)
            }
            ["dynamodb"] => {
                let inner = members.take("dynamodb").unwrap_or_default();
                Self::DynamoDb(DynamoDb::read(&format!("{place}.dynamodb"), &inner)?)
            }
            _ => {
                members.end(&Self::MEMBERS)?;
                let message = "give one of `inline`, `uri`, `postgres`, `dynamodb`";
                return Err(InvalidInput::new(place, message));
            }
        };
        members.end(&Self::MEMBERS)?;
        Ok(source)
    }

    /// All rows.
    ///
    /// # Errors
    /// By class: what is not there or not readable is `Data`, what may be there later `Retryable`.
    pub(crate) async fn rows(
        &self,
        wanted: &Wanted<'_>,
        service: &Service,
        ctx: &Context,
    ) -> Result<RecordBatch, HandlerError> {
        let mut batches = Batches { all: Vec::new(), rows: 0, max_rows: wanted.max_rows };
        match self {
            Self::Inline(points) => batches.push(inline::batch(points, wanted.columns)?)?,
            Self::File(file) => file.rows(wanted.columns, service, ctx, &mut batches).await?,
            Self::Postgres(query) => query.rows(wanted.window, service, &mut batches).await?,
            Self::DynamoDb(table) => table.rows(wanted.window, service, &mut batches).await?,
        }
        batches.joined()
    }
}

impl Batches {
    fn push(&mut self, batch: RecordBatch) -> Result<(), HandlerError> {
        self.rows += batch.num_rows();
        if self.rows > self.max_rows {
            return Err(HandlerError::Data(format!(
                "`Data`: there are more than {} points; ask for a shorter `Window`, or raise `max_points`",
                self.max_rows
            )));
        }
        self.all.push(batch);
        Ok(())
    }

    fn joined(self) -> Result<RecordBatch, HandlerError> {
        let Some(first) = self.all.first() else {
            return Ok(RecordBatch::new_empty(Arc::new(Schema::empty())));
        };
        concat_batches(&first.schema(), &self.all)
            .map_err(|error| HandlerError::Data(format!("`Data`: {error}")))
    }
}
