//! A PostgreSQL table or query as a source.
//!
//! Rows come in the order of the key, as text that PostgreSQL makes itself: numbers and times lose nothing. Reading goes on
//! behind the last key, so that a slice holds no transaction open for the next. A chunk therefore ends with the last row of a
//! key, and no row may be without one.

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use reqwest::Url;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use stepwell_pipeline::HandlerError;
use stepwell_pipeline::postgres::{Connector, check_form};
use stepwell_pipeline::secret::SecretRef;
use stepwell_pipeline::settings::Problem;
use stepwell_tabular::ColumnType;
use stepwell_tabular::rows::{Cell, Rows, Unknown};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, RowStream};

use super::hidden::Hidden;
use super::{Chunk, Read, Source, Split, Stop, Window};
use crate::dataset::{Dataset, Mode};
use crate::world::World;

/// A chunk ends behind so many rows.
const CHUNK_ROWS: usize = 8192;
/// It ends behind so many bytes of text, too.
const CHUNK_BYTES: usize = 16 << 20;

/// `[pipelines.lake.postgres]`
///
/// ```toml
/// url = "secret:lake/postgres"      # postgres://user:password@host:5432/database?sslmode=verify-full
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How the database is reached, for datasets that say nothing else.
    pub url: Option<SecretRef>,
}

impl Settings {
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let Some(SecretRef::Literal(url)) = &self.url else { return Vec::new() };
        let error = check_form(url.expose_secret()).err();
        let problem = |error| {
            Problem::wrong("postgres.url", format!("{error}"), "correct it, or write `secret:NAME`")
        };
        error.map(problem).into_iter().collect()
    }
}

/// The keys of a dataset with `source = "postgres"`.
///
/// ```toml
/// source = "postgres"
/// table = "public.orders"           # or query = "SELECT ... FROM public.orders"
/// url = "secret:lake/other"         # another database than that of [pipelines.lake.postgres]
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "as the dataset's keys are named")]
pub struct Table {
    /// Schema and table.
    table: Option<String>,
    /// What to read instead of a table; names with their schema.
    query: Option<String>,
    /// Another database.
    url: Option<SecretRef>,
}

impl Table {
    pub(crate) fn problems(&self, dataset: &Dataset) -> Vec<String> {
        let mut problems = Vec::new();
        match (&self.table, &self.query) {
            (None, None) => problems.push("the key `table` is missing; name one, for instance `public.orders`, or write a `query`".to_owned()),
            (Some(_), Some(_)) => problems.push("it has `table` and `query`; keep one of them".to_owned()),
            (Some(table), None) if table.split('.').count() != 2 => {
                problems.push(format!("`table` is `{table}`; write schema and table, for instance `public.orders`"));
            }
            _ => {}
        }
        if dataset.key.is_empty() {
            problems.push("the key `key` is missing; rows are read in its order".to_owned());
        }
        if dataset.mode == Mode::Append && dataset.event_time.is_none() {
            problems
                .push("`mode = \"append\"` needs `event_time`, which tells what is new".to_owned());
        }
        if dataset.unknown_fields == Unknown::Catch {
            problems.push("columns of PostgreSQL that are not declared cannot be caught; declare them, or report them".to_owned());
        }
        if dataset.flatten.is_some() {
            problems.push(
                "`flatten` is for JSON records; in a query, select what is nested by its path"
                    .to_owned(),
            );
        }
        if let Some(Err(error)) = self.url.as_ref().and_then(literal).map(check_form) {
            problems.push(format!("`url`: {error}"));
        }
        problems
    }
}

fn literal(secret: &SecretRef) -> Option<&str> {
    match secret {
        SecretRef::Literal(value) => Some(value.expose_secret()),
        SecretRef::Named(_) => None,
    }
}

/// The source.
pub struct Postgres {
    connector: Connector,
    hidden: Hidden,
    /// What stands behind `FROM`, where it is called `source`.
    relation: String,
    dataset: Dataset,
}

impl Postgres {
    pub(crate) async fn new(
        table: &Table,
        dataset: &Dataset,
        settings: &Settings,
        world: &World,
    ) -> Result<Self, HandlerError> {
        let url = table.url.as_ref().or(settings.url.as_ref()).ok_or_else(|| {
            HandlerError::Config(format!(
                "the dataset `{}`: no database is named; set `url` in `[pipelines.lake.postgres]`",
                dataset.name
            ))
        })?;
        let url = url.reveal(world.surroundings.secrets.as_ref()).await?;
        let relation = match (&table.table, &table.query) {
            (Some(name), _) => name.split('.').map(quoted).collect::<Vec<_>>().join("."),
            (None, Some(query)) => format!("({})", query.trim().trim_end_matches(';')),
            (None, None) => unreachable!("one of them is there, or it is a problem"),
        };
        Ok(Self {
            connector: Connector::new(url.expose_secret())?,
            hidden: hidden(url.expose_secret()),
            relation,
            dataset: dataset.clone(),
        })
    }

    async fn session(&self) -> Result<Client, HandlerError> {
        let client = self.connector.connect().await;
        let client = client.map_err(|error| self.hidden.out_of_error(error.into()))?;
        let read_only = client.batch_execute("SET default_transaction_read_only = on");
        read_only.await.map_err(|error| self.failed(&error))?;
        Ok(client)
    }

    /// The columns of the relation, with their types.
    async fn described(&self, client: &Client) -> Result<Vec<(String, Type)>, HandlerError> {
        let statement = format!("SELECT * FROM {} AS source LIMIT 0", self.relation);
        let statement = client.prepare(&statement).await.map_err(|error| self.failed(&error))?;
        let columns = statement.columns().iter();
        Ok(columns.map(|column| (column.name().to_owned(), column.type_().clone())).collect())
    }

    /// What comes before `ORDER BY`, and its parameters but the checkpoint's.
    fn condition(&self, window: &Window) -> (String, Vec<String>) {
        let Some(event_time) = &self.dataset.event_time else {
            return ("true".to_owned(), Vec::new());
        };
        let column = self.dataset.column(event_time).expect("the event time is a column");
        let time = quoted(column.place());
        match window.from {
            Some(from) => (
                format!("{time} >= $1::text::timestamptz AND {time} < $2::text::timestamptz"),
                vec![from.to_string(), window.to.to_string()],
            ),
            None => (
                format!("({time} < $1::text::timestamptz OR {time} IS NULL)"),
                vec![window.to.to_string()],
            ),
        }
    }

    async fn chunks<'a>(
        &'a self,
        read: Read<'a>,
    ) -> Result<BoxStream<'a, Result<Chunk, Stop>>, Stop> {
        let client = self.session().await?;
        let described = self.described(&client).await?;
        if read.after.is_none() {
            self.check_keys(&client, read.window).await?;
        }
        let (statement, parameters) = self.statement(&described, read.window, read.after)?;
        let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|it| it as _).collect();
        let rows =
            client.query_raw(&statement, parameters).await.map_err(|error| self.failed(&error))?;
        let reading = Reading {
            source: self,
            // Dropped with the stream, and the session with it.
            _client: client,
            unknown: self.unknown(&described),
            rows: Box::pin(rows),
            ahead: None,
            is_over: false,
        };
        Ok(stream::try_unfold(reading, Reading::next).map_err(Stop::Failed).boxed())
    }

    /// A row without a key would be passed over where reading goes on.
    async fn check_keys(&self, client: &Client, window: &Window) -> Result<(), HandlerError> {
        let (condition, parameters) = self.condition(window);
        let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|it| it as _).collect();
        for name in &self.dataset.key {
            let column = self.dataset.column(name).expect("a key is a column");
            let key = quoted(column.place());
            let statement = format!(
                "SELECT 1 FROM {} AS source WHERE {condition} AND {key} IS NULL LIMIT 1",
                self.relation
            );
            let found = client.query_opt(&statement, &parameters).await;
            if found.map_err(|error| self.failed(&error))?.is_some() {
                return Err(HandlerError::Data(format!(
                    "{} has rows without a `{name}`, which is in the dataset's `key`; name columns that every row has",
                    self.relation
                )));
            }
        }
        Ok(())
    }

    fn statement(
        &self,
        described: &[(String, Type)],
        window: &Window,
        after: Option<&Value>,
    ) -> Result<(String, Vec<String>), HandlerError> {
        let type_of = |name: &str| {
            described.iter().find(|(known, _)| known == name).map(|(_, kind)| kind).ok_or_else(
                || {
                    HandlerError::Config(format!(
                        "{} has no column `{name}`, which is declared",
                        self.relation
                    ))
                },
            )
        };
        let mut selected = Vec::new();
        for column in self.dataset.read_columns() {
            selected.push(as_text(column.place(), &column.kind, type_of(column.place())?));
        }
        let (mut condition, mut parameters) = self.condition(window);
        let mut keys = Vec::new();
        let mut bounds = Vec::new();
        for (index, name) in self.dataset.key.iter().enumerate() {
            let column = self.dataset.column(name).expect("a key is a column");
            let kind = type_of(column.place())?;
            selected.push(format!("{}::text", quoted(column.place())));
            // Without its relation it would be the selected text: 10 would come before 9.
            keys.push(format!("source.{}", quoted(column.place())));
            if let Some(value) = after.and_then(|after| after["key"][index].as_str()) {
                parameters.push(value.to_owned());
                bounds.push(format!(
                    "${}::text::{}.{}",
                    parameters.len(),
                    quoted(kind.schema()),
                    quoted(kind.name())
                ));
            }
        }
        let keys = keys.join(", ");
        if !bounds.is_empty() {
            condition = format!("{condition} AND ({keys}) > ({})", bounds.join(", "));
        }
        let statement = format!(
            "SELECT {} FROM {} AS source WHERE {condition} ORDER BY {keys}",
            selected.join(", "),
            self.relation
        );
        Ok((statement, parameters))
    }

    fn unknown(&self, described: &[(String, Type)]) -> BTreeSet<String> {
        if self.dataset.unknown_fields == Unknown::Ignore {
            return BTreeSet::new();
        }
        let columns = self.dataset.read_columns();
        let names = described.iter().map(|(name, _)| name);
        names
            .filter(|name| !columns.iter().any(|column| column.place() == *name))
            .cloned()
            .collect()
    }

    fn failed(&self, error: &tokio_postgres::Error) -> HandlerError {
        let place = self.connector.place();
        let Some(refusal) = error.as_db_error() else {
            return HandlerError::Retryable(format!(
                "reading {} at {place}: {error}",
                self.relation
            ));
        };
        let message = format!(
            "reading {} at {place}: {} [{}]",
            self.relation,
            refusal.message(),
            refusal.code().code()
        );
        let message = self.hidden.out_of(&message);
        // Connections, resources, operator intervention, serialization: the same may work later.
        if ["08", "53", "57", "40", "55"].contains(&&refusal.code().code()[..2]) {
            HandlerError::Retryable(message)
        } else {
            HandlerError::Config(message)
        }
    }
}

/// The password of a connection string, as it is written there and as it is meant: not all that may be written is a URL.
fn hidden(url: &str) -> Hidden {
    let meant = url.parse::<tokio_postgres::Config>().ok();
    let meant = meant.as_ref().and_then(|it| it.get_password()).unwrap_or_default();
    let url = Url::parse(url).ok();
    let written = url.as_ref().and_then(Url::password).unwrap_or_default();
    Hidden::new([written, &*String::from_utf8_lossy(meant)])
}

/// Rows on their way.
struct Reading<'a> {
    source: &'a Postgres,
    _client: Client,
    unknown: BTreeSet<String>,
    rows: std::pin::Pin<Box<RowStream>>,
    /// The first row of the next chunk.
    ahead: Option<Row>,
    is_over: bool,
}

impl Reading<'_> {
    async fn row(&mut self) -> Result<Option<Row>, HandlerError> {
        match self.ahead.take() {
            Some(row) => Ok(Some(row)),
            None => self.rows.try_next().await.map_err(|error| self.source.failed(&error)),
        }
    }

    async fn next(mut self) -> Result<Option<(Chunk, Self)>, HandlerError> {
        if self.is_over {
            return Ok(None);
        }
        let dataset = &self.source.dataset;
        let columns = dataset.read_columns();
        let mut rows = dataset.rows();
        let (mut key, mut bytes) = (Value::Null, 0);
        while let Some(row) = self.row().await? {
            let texts: Vec<Option<&str>> = (0..row.len()).map(|index| row.get(index)).collect();
            let next = json!(texts[columns.len()..]);
            if (rows.len() >= CHUNK_ROWS || bytes >= CHUNK_BYTES) && next != key {
                self.ahead = Some(row);
                break;
            }
            bytes += texts.iter().flatten().map(|text| text.len()).sum::<usize>();
            key = next;
            append(&mut rows, &texts[..columns.len()], &columns, &key, &row);
        }
        self.is_over = self.ahead.is_none();
        if rows.is_empty() {
            return Ok(None);
        }
        let batch = rows.finish();
        let chunk = Chunk {
            rows: batch.rows,
            rejected: batch.rejected,
            unknown: std::mem::take(&mut self.unknown),
            checkpoint: json!({"key": key}),
        };
        Ok(Some((chunk, self)))
    }
}

fn append(
    rows: &mut Rows,
    texts: &[Option<&str>],
    columns: &[stepwell_tabular::Column],
    key: &Value,
    row: &Row,
) {
    for (index, (text, column)) in texts.iter().zip(columns).enumerate() {
        let Some(text) = text else { continue };
        let cell = match column.kind {
            ColumnType::Json | ColumnType::Array(_) | ColumnType::Struct(_) => Cell::Json(text),
            _ => Cell::Text(text),
        };
        rows.set(index, cell);
    }
    let record = || {
        let names = row.columns().iter().map(|column| column.name().to_owned());
        let values = texts.iter().map(|text| Value::from(*text));
        Value::Object(names.zip(values).collect()).to_string()
    };
    rows.end_row(&format!("key {key}"), record);
}

/// How a column is selected: as the text that says all of it.
fn as_text(name: &str, kind: &ColumnType, stored: &Type) -> String {
    let column = quoted(name);
    let is_text = [Type::JSON, Type::JSONB, Type::TEXT, Type::VARCHAR].contains(stored);
    let text = match kind {
        ColumnType::Binary => format!("translate(encode({column}, 'base64'), E'\\n', '')"),
        ColumnType::Json | ColumnType::Array(_) | ColumnType::Struct(_) if !is_text => {
            format!("to_json({column})::text")
        }
        _ => format!("{column}::text"),
    };
    format!("{text} AS {column}")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[async_trait]
impl Source for Postgres {
    async fn splits(&self, _window: &Window) -> Result<Vec<Split>, HandlerError> {
        Ok(vec![Split::new("all")])
    }

    fn read<'a>(&'a self, read: Read<'a>) -> BoxStream<'a, Result<Chunk, Stop>> {
        stream::once(self.chunks(read)).try_flatten().boxed()
    }

    async fn count(&self, window: &Window) -> Result<Option<u64>, HandlerError> {
        let client = self.session().await?;
        let (condition, parameters) = self.condition(window);
        let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|it| it as _).collect();
        let statement =
            format!("SELECT count(*) FROM {} AS source WHERE {condition}", self.relation);
        let row =
            client.query_one(&statement, &parameters).await.map_err(|error| self.failed(&error))?;
        let count: i64 = row.get(0);
        Ok(u64::try_from(count).ok())
    }
}
