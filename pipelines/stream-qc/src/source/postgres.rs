//! What a query of PostgreSQL gives, read in one transaction that cannot write.

use std::sync::Arc;
use std::time::SystemTime;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use futures_util::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::Value;
use stepwell_pipeline::HandlerError;
use stepwell_pipeline::error::in_one_line;
use stepwell_pipeline::postgres::Connector;
use stepwell_pipeline::secret::SecretRef;
use stepwell_pipeline::settings::InvalidInput;
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Client, Row, Statement};

use super::push;
use crate::input::{Members, Window};
use crate::service::Service;
use crate::spool::Spool;

/// Rows of one batch.
const BATCH: usize = 8_192;

/// A query with the window as `$1` and `$2`, where it has them.
///
/// ```json
/// {"url":"secret:plant/url","query":"SELECT time, value FROM m WHERE sensor = '7' AND time >= $1 AND time < $2 ORDER BY time"}
/// ```
#[derive(Debug, Clone)]
pub(crate) struct Postgres {
    url: SecretRef,
    query: String,
}

impl Postgres {
    pub(super) fn read(place: &str, value: &Value) -> Result<Self, InvalidInput> {
        let mut members = Members::of(place, value)?;
        let url = SecretRef::from(members.text("url")?);
        if matches!(url, SecretRef::Literal(_)) {
            let message = "it is no reference; keep the URL as a secret and write `secret:NAME`";
            return Err(members.wrong("url", message));
        }
        let query = members.text("query")?;
        members.end(&["url", "query"])?;
        Ok(Self { url, query: query.trim().trim_end_matches(';').to_owned() })
    }

    pub(super) async fn rows(
        &self,
        window: Option<Window>,
        service: &Service,
        spool: &mut Spool,
    ) -> Result<(), HandlerError> {
        let url = self.url.reveal(service.secrets.as_ref()).await?;
        let connector = Connector::new(url.expose_secret()).map_err(HandlerError::from)?;
        let client = connector.connect().await.map_err(HandlerError::from)?;
        let (statement, parameters) =
            prepare(&client, &self.query).await.map_err(|error| refused(&error))?;
        let window = window.map(|it| [SystemTime::from(it.from), SystemTime::from(it.to)]);
        let given: &[SystemTime] = match (parameters, &window) {
            (0, _) => &[],
            (1 | 2, Some(window)) => &window[..parameters],
            (1 | 2, None) => {
                let message = "it is missing, and the query of `Data.postgres` has `$1`";
                return Err(InvalidInput::new("Window", message).into());
            }
            _ => {
                let message = "it has more parameters than `$1` and `$2`, the window";
                return Err(InvalidInput::new("Data.postgres.query", message).into());
            }
        };
        let rows = client.query_raw(&statement, given).await.map_err(|error| refused(&error))?;
        let mut chunks = std::pin::pin!(rows.try_chunks(BATCH));
        while let Some(rows) = chunks.next().await {
            let rows = rows.map_err(|error| refused(&error.1))?;
            push(spool, &batch(&statement, &rows)?)?;
        }
        Ok(())
    }
}

/// The query in a transaction that cannot write, and how many parameters it has. What is no time and no number comes as
/// text.
async fn prepare(
    client: &Client,
    query: &str,
) -> Result<(Statement, usize), tokio_postgres::Error> {
    client.batch_execute("RESET search_path; BEGIN READ ONLY").await?;
    // Types that are given count as parameters, also where the query has none.
    let asked = client.prepare(query).await?;
    let parameters = asked.params().len();
    let column = |column: &tokio_postgres::Column| {
        let quoted = format!("\"{}\"", column.name().replace('"', "\"\""));
        if Kind::of(column.type_()) == Kind::Text { format!("{quoted}::text") } else { quoted }
    };
    let columns: Vec<_> = asked.columns().iter().map(column).collect();
    let texts = format!("SELECT {} FROM ({query}\n) AS asked", columns.join(", "));
    let types = vec![Type::TIMESTAMPTZ; parameters];
    Ok((client.prepare_typed(&texts, &types).await?, parameters))
}

/// As what a column comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Double,
    Whole,
    Time,
    Text,
}

impl Kind {
    fn of(kind: &Type) -> Self {
        match *kind {
            Type::FLOAT4 | Type::FLOAT8 => Self::Double,
            Type::INT2 | Type::INT4 | Type::INT8 => Self::Whole,
            Type::TIMESTAMP | Type::TIMESTAMPTZ => Self::Time,
            _ => Self::Text,
        }
    }
}

/// By the class of the SQLSTATE: connections and overload pass by themselves, the rest does not.
fn refused(error: &tokio_postgres::Error) -> HandlerError {
    let told = format!("`Data.postgres`: {}", in_one_line(error));
    match error.code().map(|code| &code.code()[..2]) {
        None | Some("08" | "40" | "53" | "57") => HandlerError::Retryable(told),
        Some("28" | "3D" | "42") => HandlerError::Config(told),
        Some(_) => HandlerError::Data(told),
    }
}

fn batch(statement: &Statement, rows: &[Row]) -> Result<RecordBatch, HandlerError> {
    let told = |error: &dyn std::fmt::Display| {
        HandlerError::Data(format!("`Data.postgres.query`: {error}"))
    };
    let mut columns = Vec::new();
    for (at, column) in statement.columns().iter().enumerate() {
        let array = array(rows, at, column.type_()).map_err(|error| told(&error))?;
        columns.push((column.name(), array, true));
    }
    RecordBatch::try_from_iter_with_nullable(columns).map_err(|error| told(&error))
}

fn array(rows: &[Row], at: usize, kind: &Type) -> Result<ArrayRef, tokio_postgres::Error> {
    Ok(match (Kind::of(kind), kind) {
        (Kind::Double, &Type::FLOAT4) => {
            let values = cells::<f32>(rows, at)?.into_iter().map(|it| it.map(f64::from));
            Arc::new(values.collect::<Float64Array>())
        }
        (Kind::Double, _) => Arc::new(Float64Array::from(cells::<f64>(rows, at)?)),
        (Kind::Whole, &Type::INT2) => Arc::new(whole(cells::<i16>(rows, at)?)),
        (Kind::Whole, &Type::INT4) => Arc::new(whole(cells::<i32>(rows, at)?)),
        (Kind::Whole, _) => Arc::new(whole(cells::<i64>(rows, at)?)),
        (Kind::Time, _) => {
            let times = cells::<SystemTime>(rows, at)?.into_iter();
            let times = times.map(|it| Some(Timestamp::try_from(it?).ok()?.as_microsecond()));
            Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
        (Kind::Text, _) => Arc::new(StringArray::from(cells::<String>(rows, at)?)),
    })
}

fn cells<'r, T: FromSql<'r>>(
    rows: &'r [Row],
    at: usize,
) -> Result<Vec<Option<T>>, tokio_postgres::Error> {
    rows.iter().map(|row| row.try_get(at)).collect()
}

fn whole<T: Into<i64>>(values: Vec<Option<T>>) -> Int64Array {
    values.into_iter().map(|it| it.map(Into::into)).collect()
}
