//! A sandbox, a pipeline on it, a database, and a loop in the place of the engine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::{Map, Value, json};
use stepwell_canvas::Settings;
use stepwell_pipeline::testing::{self, Keys};
use stepwell_pipeline::{Context, HandlerError, Pipeline, Settings as _, Surroundings};
use stepwell_sandbox::dap::{Options, Sandbox};
use tempfile::TempDir;

/// An invocation of a well-behaved run ends long before.
const INVOCATIONS_MAX: usize = 2_000;

/// Everything that a run needs.
pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    pub(crate) pipeline: Pipeline,
    settings: Value,
    folder: TempDir,
}

/// The rows of a table by their key.
pub(crate) type Replica = BTreeMap<String, Map<String, Value>>;

/// How a run ended.
pub(crate) struct Report {
    /// What `summarise` said.
    pub(crate) summary: Value,
    /// How often `sync_table` and `init_table` were called.
    pub(crate) invocations: usize,
}

impl Bench {
    pub(crate) async fn start(options: Options) -> Self {
        Self::with(options, json!({})).await
    }

    /// A bench whose pipeline has these settings beside those that the sandbox needs.
    pub(crate) async fn with(options: Options, settings: Value) -> Self {
        let sandbox = Sandbox::start(options).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut all = json!({
            "base_url": sandbox.base_url(),
            "client_id": "secret:id",
            "client_secret": "secret:secret",
            "target": format!("sqlite:{}", folder.path().join("canvas.db").display()),
            "limits": {"create_job": 100_000, "job": 100_000, "tables": 100_000, "schema": 100_000, "object_url": 100_000},
            "silence_seconds": 2
        });
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let pipeline = build(&sandbox, &all);
        Self { sandbox, pipeline, settings: all, folder }
    }

    /// A new process: nothing is left but the database.
    pub(crate) fn restart(&mut self) {
        self.pipeline = build(&self.sandbox, &self.settings);
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("canvas.db")
    }

    /// Runs the state machine to its end, with slices that are never over.
    pub(crate) async fn run(&self, input: Value) -> Report {
        self.run_in_slices(input, Duration::from_mins(10)).await
    }

    /// Runs these tables of `canvas`; every one must come through.
    #[track_caller]
    pub(crate) fn sync(&self, tables: &[&str]) -> impl Future<Output = Report> + use<'_> {
        let run = self.run(json!({ "tables": tables }));
        async {
            let report = run.await;
            assert_eq!(report.summary["failed"], 0, "{:#}", report.summary);
            report
        }
    }

    pub(crate) async fn run_in_slices(&self, input: Value, slice: Duration) -> Report {
        let (results, invocations) = match self.call("list-tables", &input, slice).await {
            Ok(listing) => self.map(&listing, slice).await,
            Err(error) => {
                let failure = caught(&error);
                let summary = self.summarise(json!({ "failure": failure })).await;
                return Report { summary, invocations: 0 };
            }
        };
        Report { summary: self.summarise(json!({ "results": results })).await, invocations }
    }

    async fn summarise(&self, run: Value) -> Value {
        let input = json!({"started_at": "2026-01-01T00:00:00Z", "run": run});
        self.call("summarise", &input, Duration::from_secs(1)).await.unwrap()
    }

    async fn map(&self, listing: &Value, slice: Duration) -> (Vec<Value>, usize) {
        let invocations = Mutex::new(0);
        let items = listing["tables"].as_array().unwrap();
        let mut running: FuturesUnordered<_> =
            items.iter().map(|item| self.iterate(item, slice, &invocations)).collect();
        let mut results = Vec::new();
        while let Some(result) = running.next().await {
            results.push(result);
        }
        drop(running);
        (results, invocations.into_inner().unwrap())
    }

    /// The iteration of one table: `SyncTable`, `InitTable`, the Choice and Wait states between them.
    async fn iterate(&self, item: &Value, slice: Duration, invocations: &Mutex<usize>) -> Value {
        let mut state = item.clone();
        let mut function = "sync-table";
        loop {
            *invocations.lock().unwrap() += 1;
            assert!(*invocations.lock().unwrap() < INVOCATIONS_MAX, "{state:#}");
            match self.call(function, &state, slice).await {
                Ok(mut run) if run["status"] == "COMPLETE" => return run["result"].take(),
                Ok(run) => {
                    if run["status"] == "INIT_NEEDED" {
                        function = "init-table";
                    }
                    wait_as_told(&run).await;
                    state["run"] = run;
                }
                Err(error) => {
                    return json!({"namespace": item["namespace"], "table": item["table"], "failure": caught(&error)});
                }
            }
        }
    }

    /// Calls one function as the engine does, and looks for secrets in what it says.
    pub(crate) async fn call(
        &self,
        function: &str,
        input: &Value,
        slice: Duration,
    ) -> Result<Value, HandlerError> {
        self.call_with(function, input, &Context::starting_now("test", slice)).await
    }

    pub(crate) async fn call_with(
        &self,
        function: &str,
        input: &Value,
        ctx: &Context,
    ) -> Result<Value, HandlerError> {
        let name = format!("stepwell-canvas-{function}");
        let function = self.pipeline.functions.iter().find(|it| it.name() == name).unwrap();
        let outcome = function.call_json(input, ctx).await;
        // The credentials, how a token begins, and what a link to an object has in its query.
        let (id, secret) = (self.sandbox.client_id(), self.sandbox.client_secret());
        testing::check_no_secret(&format!("{outcome:?}"), &[id, secret, "eyJ", "X-Amz-"]);
        outcome
    }

    /// Asserts that the replica of a table of `canvas` holds exactly the rows of the source.
    #[track_caller]
    pub(crate) fn assert_in_step(&self, tables: &[&str]) {
        for table in tables {
            self.assert_equal(table, self.replica(table));
        }
    }

    /// Asserts that these are exactly the rows of the source, by their key.
    #[track_caller]
    pub(crate) fn assert_equal(&self, table: &str, mut found: Replica) {
        for row in self.sandbox.rows(&format!("canvas.{table}")).unwrap() {
            let (key, id) = row.as_object().unwrap().iter().next().unwrap();
            let replica = found.remove(&id.to_string());
            let replica = replica.unwrap_or_else(|| panic!("{table}: no row with {key} = {id}"));
            assert_same_row(table, &row, &replica);
        }
        assert!(
            found.is_empty(),
            "{table}: rows that the source does not have: {:?}",
            found.keys()
        );
    }

    /// The rows of a replica by their key.
    fn replica(&self, table: &str) -> Replica {
        let connection = Connection::open(self.database()).unwrap();
        let mut statement = connection.prepare(&format!("SELECT * FROM canvas__{table}")).unwrap();
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut rows = statement.query([]).unwrap();
        let mut replica = BTreeMap::new();
        while let Some(row) = rows.next().unwrap() {
            let values = (0..names.len()).map(|index| to_json(row.get_ref(index).unwrap()));
            let row: Map<_, _> = names.iter().cloned().zip(values).collect();
            replica.insert(row[&names[0]].to_string(), row);
        }
        replica
    }
}

fn build(sandbox: &Sandbox, settings: &Value) -> Pipeline {
    let keys =
        [("id", sandbox.client_id()), ("secret", sandbox.client_secret()), ("wrong", "wrong")];
    let surroundings = Surroundings::embedded(Arc::new(Keys::from(keys)), "nowhere".into());
    let settings: Settings = serde_json::from_value(settings.clone()).unwrap();
    settings.build(&|_| None, &surroundings).unwrap()
}

/// What a Catcher puts into the state.
fn caught(error: &HandlerError) -> Value {
    let cause = json!({"errorMessage": error.to_string(), "errorType": error.name()});
    json!({"Error": error.name(), "Cause": cause.to_string()})
}

fn to_json(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(it) => json!(it),
        ValueRef::Real(it) => json!(it),
        ValueRef::Text(it) | ValueRef::Blob(it) => json!(String::from_utf8(it.to_vec()).unwrap()),
    }
}

#[track_caller]
fn assert_same_row(table: &str, source: &Value, replica: &Map<String, Value>) {
    for (column, expected) in source.as_object().unwrap() {
        let found = replica.get(column).unwrap_or_else(|| panic!("{table}: no column {column}"));
        assert!(
            is_same(expected, found),
            "{table}.{column}: {expected} became {found} in {source}"
        );
    }
}

fn is_same(source: &Value, replica: &Value) -> bool {
    match (source, replica) {
        (Value::Bool(source), Value::Number(replica)) => {
            replica.as_i64() == Some(i64::from(*source))
        }
        (Value::Number(source), Value::Number(replica)) => source.as_f64() == replica.as_f64(),
        (Value::Object(_) | Value::Array(_), Value::String(replica)) => {
            serde_json::from_str::<Value>(replica).is_ok_and(|it| it == *source)
        }
        (Value::String(source), Value::String(replica)) => {
            source == replica || is_same_instant(source, replica)
        }
        // A decimal is a string on the wire and a number in PostgreSQL's JSON.
        (Value::String(source), Value::Number(replica)) => source.parse().ok() == replica.as_f64(),
        (source, replica) => source == replica,
    }
}

/// PostgreSQL writes its `timestamp` without the zone, which is UTC.
fn is_same_instant(source: &str, replica: &str) -> bool {
    let zoned = |text: &str| text.parse::<jiff::Timestamp>().ok();
    let instant = |text: &str| zoned(text).or_else(|| zoned(&format!("{text}Z")));
    instant(source).is_some_and(|it| Some(it) == instant(replica))
}

/// The Wait state between two slices.
async fn wait_as_told(run: &Value) {
    tokio::time::sleep(Duration::from_secs(run["wait_seconds"].as_u64().unwrap())).await;
}
