//! A project in a temporary folder, and what its tables hold.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};
use stepwell_integrations::dynamodb::{EmbeddedTables, Item, Scan, Tables};
use stepwell_pipeline::secret::Secrets;
use stepwell_pipeline::surroundings::Services;
use stepwell_pipeline::{HandlerError, Pipeline, Settings as _, Surroundings};
use stepwell_stream_qc::Settings;
use tempfile::TempDir;

use crate::driver::{Driving, Ended, drive};

/// The time of all runs.
pub(crate) fn now() -> Timestamp {
    "2026-03-01T12:00:00.123Z".parse().unwrap()
}

/// The tables of the pipeline.
pub(crate) const TABLES: [&str; 4] = ["QCSummary", "QCDetails", "QCSeries", "QCStreams"];

/// A secret that stands nowhere but in the vault.
pub(crate) const SECRET: &str = "postgres://nobody:hunter2@127.0.0.1:1/none";

/// Everything that a run needs.
pub(crate) struct Bench {
    folder: TempDir,
    settings: Value,
    services: Services,
    secrets: Vec<(String, String)>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(json!({}))
    }

    /// With these settings beside the folder of streams.
    pub(crate) fn with(settings: Value) -> Self {
        Self::on(settings, Services::default())
    }

    pub(crate) fn on(settings: Value, services: Services) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let streams = folder.path().join("streams");
        fs::create_dir(&streams).unwrap();
        let mut all = json!({"streams": streams, "notify": [], "silence_seconds": 2});
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let secrets = vec![
            ("plant".to_owned(), SECRET.to_owned()),
            ("aws".to_owned(), "aws-secret-key".to_owned()),
        ];
        Self { folder, settings: all, services, secrets }
    }

    /// One more secret.
    pub(crate) fn secret(&mut self, name: &str, value: &str) {
        self.secrets.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The settings as the pipeline's own type.
    pub(crate) fn settings(&self) -> Settings {
        serde_json::from_value(self.settings.clone()).unwrap()
    }

    pub(crate) fn surroundings(&self) -> Surroundings {
        let keys = Vault(self.secrets.clone());
        let state = self.path().join("state");
        Surroundings {
            services: self.services.clone(),
            ..Surroundings::embedded(Arc::new(keys), state)
        }
    }

    /// A new process.
    pub(crate) fn pipeline(&self) -> Pipeline {
        self.settings().build(&|_| None, &self.surroundings()).unwrap()
    }

    pub(crate) async fn drive(&self, machine: &str, input: Value, driving: Driving) -> Ended {
        self.drive_at(machine, "run", input, now(), driving).await
    }

    pub(crate) async fn drive_at(
        &self,
        machine: &str,
        execution: &str,
        input: Value,
        now: Timestamp,
        driving: Driving,
    ) -> Ended {
        drive(|| self.pipeline(), (machine, execution), &input, now, driving).await
    }

    /// Runs `stream-qc`, which must come to a verdict.
    pub(crate) async fn verdict(&self, input: Value) -> Value {
        self.drive("stream-qc", input, Driving::default()).await.output()
    }

    /// The same, the `number`th run of the stream: each starts an hour after the one before.
    pub(crate) async fn verdict_of(&self, number: i64, input: Value) -> Value {
        let now = now() + SignedDuration::from_hours(number);
        let name = format!("run-{number}");
        self.drive_at("stream-qc", &name, input, now, Driving::default()).await.output()
    }

    /// Runs `stream-qc`, which must be refused; gives the error and the cause.
    pub(crate) async fn refused(&self, input: Value) -> (String, String) {
        self.drive("stream-qc", input, Driving::default()).await.failure()
    }

    /// The embedded tables, opened beside the pipeline.
    pub(crate) fn tables(&self) -> EmbeddedTables {
        EmbeddedTables::open(&self.path().join("state/dynamodb.db")).unwrap()
    }

    /// All items of a table, as DynamoDB's JSON in order.
    pub(crate) async fn items(&self, table: &str) -> Vec<Value> {
        items(&self.tables(), table).await
    }

    /// All items of all tables.
    pub(crate) async fn everything(&self) -> BTreeMap<&'static str, Vec<Value>> {
        let mut all = BTreeMap::new();
        for table in TABLES {
            all.insert(table, self.items(table).await);
        }
        all
    }

    /// What a test flagged: the rows, in order.
    pub(crate) async fn flagged(&self, test: &str) -> Vec<u64> {
        let of_test = |item: &Value| item["Test"]["S"].as_str().is_some_and(|it| it == test);
        let details = self.items("QCDetails").await;
        let rows =
            details.iter().filter(|it| of_test(it)).filter_map(|it| it["Index"]["N"].as_str());
        let mut rows: Vec<u64> = rows.map(|it| it.parse().unwrap()).collect();
        rows.sort_unstable();
        rows
    }
}

/// What was published to embedded topics, the oldest first: the topic and the message.
pub(crate) fn published(bench: &Bench) -> Vec<(String, Value)> {
    let file = bench.path().join("state/sns.db");
    if !file.exists() {
        return Vec::new();
    }
    let connection = rusqlite::Connection::open(file).unwrap();
    let mut statement =
        connection.prepare("SELECT topic, message FROM message ORDER BY published_ms").unwrap();
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?));
    let rows = statement.query_map([], read).unwrap().map(Result::unwrap);
    rows.map(|(topic, message)| (topic, serde_json::from_str(&message).unwrap())).collect()
}

/// The secrets of a bench.
struct Vault(Vec<(String, String)>);

#[async_trait]
impl Secrets for Vault {
    async fn resolve(&self, name: &str) -> Result<SecretString, HandlerError> {
        let found = self.0.iter().find(|(known, _)| known == name);
        let missing = || HandlerError::Config(format!("no secret `{name}`"));
        found.map(|(_, value)| value.clone().into()).ok_or_else(missing)
    }
}

pub(crate) async fn items(tables: &dyn Tables, table: &str) -> Vec<Value> {
    let mut scan = Scan { table: table.to_owned(), segment: None, limit: None, start: None };
    let mut found: Vec<Item> = Vec::new();
    if tables.describe_table(table).await.is_err() {
        return Vec::new();
    }
    loop {
        let page = tables.scan(&scan).await.unwrap();
        found.extend(page.items);
        scan.start = page.last_key;
        if scan.start.is_none() {
            break;
        }
    }
    let mut items: Vec<Value> = found.iter().map(|item| json!(item)).collect();
    items.sort_by_key(ToString::to_string);
    items
}

/// The worked example of the facts: ten points, ten minutes apart, with one suspect, one missing and one that fails.
pub(crate) fn example() -> Value {
    let values = [
        Some(10.0),
        Some(10.1),
        Some(10.2),
        Some(14.0),
        Some(10.2),
        Some(10.3),
        None,
        Some(10.4),
        Some(30.0),
        Some(10.3),
    ];
    points(&values)
}

/// Points that are ten minutes apart, the last one at the time of the runs.
pub(crate) fn points(values: &[Option<f64>]) -> Value {
    let point = |(at, value): (usize, &Option<f64>)| {
        let back = SignedDuration::from_mins(10 * (values.len() - 1 - at) as i64);
        json!({"time": (now() - back).to_string(), "value": value})
    };
    values.iter().enumerate().map(point).collect()
}

/// An input with points in it.
pub(crate) fn input(points: Value, config: Value) -> Value {
    json!({"GroupID": "buoys", "StreamID": "7-temp", "Data": {"inline": points}, "Config": config})
}
