//! SQL over the files of a data lake, by Athena. There is no embedded one.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws::{CallError, Connection, JsonClient, Service};

/// For operations that [`Athena`] does not have.
pub const SERVICE: Service = Service {
    id: "Athena",
    signing_name: "athena",
    target_prefix: "AmazonAthena",
    json_version: "1.1",
};

/// Bytes of a query. Source: Athena API reference, `StartQueryExecution`.
const SQL_BYTES_MAX: usize = 262_144;

/// Of an error: the query is wrong. Source: Athena API reference, `AthenaError`.
const CATEGORY_USER: u32 = 2;

const LOOK_AGAIN_FIRST: Duration = Duration::from_millis(200);
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(5);

/// Athena in one account and region. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Athena {
    client: JsonClient,
}

/// What to run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// One statement of up to 256 KiB.
    pub sql: String,
    /// Where tables without one are looked for.
    pub database: Option<String>,
    /// `primary`, where none is given.
    pub workgroup: Option<String>,
    /// Where the answer is written, `s3://...`; needed unless the workgroup says it.
    pub output_location: Option<String>,
    /// 32 to 128 characters, without which nothing is started: starting again with the same token starts nothing new.
    pub token: String,
    /// For each `?` in the statement.
    pub parameters: Vec<String>,
}

/// A query that has succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Of the query.
    pub id: String,
    /// `DML`, `DDL` or `UTILITY`
    pub statement: String,
    /// Bytes that were read, which is what is paid for.
    pub scanned_bytes: u64,
    /// When it ended, if Athena says.
    pub ended_at: Option<Timestamp>,
}

/// A part of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Names and types: `("amount", "decimal(18,2)")`.
    pub columns: Vec<(String, String)>,
    /// Up to 1,000 rows, each value as text, without the header; none is NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// For the next page; without it this was the last.
    pub next: Option<String>,
}

/// What a query can fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `InvalidRequestException`: it was not started.
    #[error("athena does not take the query: {message}")]
    Invalid {
        /// Athena's own words.
        message: String,
    },
    /// It was started and has failed.
    #[error("the query {id} has failed: {reason}")]
    Failed {
        /// Of the query.
        id: String,
        /// Athena's own words.
        reason: String,
        /// Whose fault that is.
        fault: Fault,
    },
    /// Somebody has cancelled it, who may not want it: it is not started again by itself.
    #[error("the query {id} was cancelled by somebody; run again to start it anew")]
    Cancelled {
        /// Of the query.
        id: String,
    },
    /// AWS could not be used.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Whose fault it is that a query has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The query's, or that of what it reads: it would fail again.
    Query,
    /// Athena's or another service's, and passing by itself: the same query may succeed, under another token.
    Passing,
    /// Athena does not say, or not that it passes.
    Unknown,
}

impl Error {
    /// Whether the same may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Call(error) => error.is_retryable(),
            Self::Failed { fault, .. } => *fault == Fault::Passing,
            Self::Cancelled { .. } | Self::Invalid { .. } => false,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Started {
    query_execution_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    query_execution: Execution,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Execution {
    #[serde(default)]
    statement_type: String,
    status: Status,
    #[serde(default)]
    statistics: Statistics,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    state: String,
    state_change_reason: Option<String>,
    completion_date_time: Option<f64>,
    athena_error: Option<AthenaError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AthenaError {
    #[serde(default)]
    error_category: u32,
    #[serde(default)]
    retryable: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Statistics {
    data_scanned_in_bytes: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Results {
    result_set: ResultSet,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ResultSet {
    #[serde(default)]
    rows: Vec<Row>,
    #[serde(default)]
    result_set_metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    #[serde(default)]
    data: Vec<Datum>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Datum {
    var_char_value: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Metadata {
    column_info: Vec<ColumnInfo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ColumnInfo {
    name: String,
    r#type: String,
    #[serde(default)]
    precision: u32,
    #[serde(default)]
    scale: u32,
}

impl Athena {
    /// Connects nowhere yet.
    pub fn new(connection: &Connection) -> Self {
        Self { client: JsonClient::new(connection, SERVICE) }
    }

    /// Starts a query and returns its id.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Call`]
    pub async fn start(&self, query: &Query) -> Result<String, Error> {
        let bytes = query.sql.len();
        if bytes > SQL_BYTES_MAX {
            let message = format!("it has {bytes} bytes, {SQL_BYTES_MAX} are the most");
            return Err(Error::Invalid { message });
        }
        let started: Started = self.call("athena:StartQueryExecution", &query.input()).await?;
        Ok(started.query_execution_id)
    }

    /// Waits until a query has ended. Can be dropped and called again.
    ///
    /// # Errors
    /// As [`Self::look`].
    pub async fn wait(&self, id: &str) -> Result<Finished, Error> {
        let mut pause = LOOK_AGAIN_FIRST;
        loop {
            if let Some(finished) = self.look(id).await? {
                return Ok(finished);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK_AGAIN_MAX);
        }
    }

    /// A query that has succeeded; none while it waits or runs.
    ///
    /// # Errors
    /// [`Error::Failed`], [`Error::Cancelled`], [`Error::Call`]; [`Error::Invalid`] if it is not known (any more).
    pub async fn look(&self, id: &str) -> Result<Option<Finished>, Error> {
        let input = json!({"QueryExecutionId": id});
        let found: Described = self.call("athena:GetQueryExecution", &input).await?;
        let execution = found.query_execution;
        let id = id.to_owned();
        match execution.status.state.as_str() {
            "SUCCEEDED" => Ok(Some(execution.finished(id))),
            "FAILED" => Err(execution.status.failure(id)),
            "CANCELLED" => Err(Error::Cancelled { id }),
            _ => Ok(None),
        }
    }

    /// A page of the answer; `next` is the [`Page::next`] of the page before.
    ///
    /// # Errors
    /// [`Error::Call`]
    pub async fn page(&self, query: &Finished, next: Option<&str>) -> Result<Page, Error> {
        let mut input = json!({"QueryExecutionId": query.id});
        if let Some(token) = next {
            input["NextToken"] = json!(token);
        }
        let results: Results = self.call("athena:GetQueryResults", &input).await?;
        let has_header = next.is_none() && query.statement == "DML";
        Ok(results.into_page(has_header))
    }

    /// Stops a query. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::Call`]
    pub async fn stop(&self, id: &str) -> Result<(), Error> {
        let input = json!({"QueryExecutionId": id});
        self.call("athena:StopQueryExecution", &input).await.map(|_: Value| ())
    }

    async fn call<T: serde::de::DeserializeOwned>(
        &self,
        operation: &'static str,
        input: &Value,
    ) -> Result<T, Error> {
        self.client.call_as(operation, input).await.map_err(|error| match error {
            CallError::Refused { code, message, .. } if code == "InvalidRequestException" => {
                Error::Invalid { message }
            }
            other => other.into(),
        })
    }
}

impl Query {
    fn input(&self) -> Value {
        let mut input = json!({"QueryString": self.sql, "ClientRequestToken": self.token});
        if let Some(database) = &self.database {
            input["QueryExecutionContext"] = json!({"Database": database});
        }
        if let Some(workgroup) = &self.workgroup {
            input["WorkGroup"] = json!(workgroup);
        }
        if let Some(location) = &self.output_location {
            input["ResultConfiguration"] = json!({"OutputLocation": location});
        }
        if !self.parameters.is_empty() {
            input["ExecutionParameters"] = json!(self.parameters);
        }
        input
    }
}

impl Status {
    fn failure(self, id: String) -> Error {
        let reason = self.state_change_reason.unwrap_or_else(|| "no reason is given".to_owned());
        let fault = match self.athena_error {
            Some(error) if error.retryable => Fault::Passing,
            Some(error) if error.error_category == CATEGORY_USER => Fault::Query,
            _ => Fault::Unknown,
        };
        Error::Failed { id, reason, fault }
    }
}

impl Execution {
    fn finished(self, id: String) -> Finished {
        let ended_at = self.status.completion_date_time;
        Finished {
            id,
            statement: self.statement_type,
            scanned_bytes: self.statistics.data_scanned_in_bytes,
            ended_at: ended_at
                .and_then(|it| Timestamp::from_millisecond((it * 1000.0) as i64).ok()),
        }
    }
}

impl Results {
    /// The first row of a SELECT's first page repeats the names of the columns.
    fn into_page(self, has_header: bool) -> Page {
        let columns: Vec<_> = self
            .result_set
            .result_set_metadata
            .column_info
            .into_iter()
            .map(ColumnInfo::named)
            .collect();
        let rows =
            self.result_set.rows.into_iter().map(|row| {
                row.data.into_iter().map(|datum| datum.var_char_value).collect::<Vec<_>>()
            });
        let mut rows: Vec<_> = rows.collect();
        let is_header = |row: &Vec<Option<String>>| {
            row.iter().map(Option::as_deref).eq(columns.iter().map(|(name, _)| Some(name.as_str())))
        };
        if has_header && rows.first().is_some_and(is_header) {
            rows.remove(0);
        }
        Page { columns, rows, next: self.next_token }
    }
}

impl ColumnInfo {
    fn named(self) -> (String, String) {
        let kind = match self.r#type.as_str() {
            "decimal" => format!("decimal({},{})", self.precision, self.scale),
            _ => self.r#type,
        };
        (self.name, kind)
    }
}
