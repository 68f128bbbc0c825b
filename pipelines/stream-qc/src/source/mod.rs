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

use arrow::array::RecordBatch;
use serde_json::Value;
use stepwell_pipeline::settings::InvalidInput;
use stepwell_pipeline::{Context, HandlerError};

use crate::input::{Members, Point, Window, read_points};
use crate::reading::refused;
use crate::series::Columns;
use crate::service::Service;
use crate::spool::Spool;

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

    /// Takes all rows in, or those of the window if the source can be asked for a part.
    ///
    /// # Errors
    /// By class: what is not there or not readable is `Data`, what may be there later `Retryable`.
    pub(crate) async fn rows(
        &self,
        columns: &Columns,
        window: Option<Window>,
        spool: &mut Spool,
        service: &Service,
        ctx: &Context,
    ) -> Result<(), HandlerError> {
        match self {
            Self::Inline(points) => push(spool, &inline::batch(points, columns)?),
            Self::File(file) => file.rows(columns, service, ctx, spool).await,
            Self::Postgres(query) => query.rows(window, service, spool).await,
            Self::DynamoDb(table) => table.rows(columns.time_unit, window, service, spool).await,
        }
    }
}

fn push(spool: &mut Spool, rows: &RecordBatch) -> Result<(), HandlerError> {
    spool.push(rows).map_err(|error| refused("Data", error))
}
