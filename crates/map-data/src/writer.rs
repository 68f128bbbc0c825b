//! The results of a Map run as objects: a manifest, and one object for each kind of end.
//!
//! ```text
//! <Prefix>/<uuid of the Map run>/manifest.json
//! <Prefix>/<uuid of the Map run>/SUCCEEDED_0.json
//! <Prefix>/<uuid of the Map run>/FAILED_0.json
//! <Prefix>/<uuid of the Map run>/PENDING_0.json
//! ```
//!
//! Written again they are the same objects with the same content. Source: Developer Guide, "ResultWriter".

use std::sync::Arc;
use std::time::SystemTime;

use futures_util::StreamExt;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::{Value, json};
use stepwell_integrations::s3::Buckets;
use stepwell_task::{ChildResult, ResultDestination, Results, TaskFailure};
use tokio::io::AsyncWriteExt;

pub(crate) async fn write(
    buckets: &Buckets,
    destination: &ResultDestination,
    mut results: Results,
) -> Result<Value, TaskFailure> {
    let bucket = destination.arguments["Bucket"].as_str();
    let bucket = bucket.ok_or_else(|| failed("The field 'Bucket' is required"))?;
    let store = buckets.bucket(bucket).await.map_err(|error| failed(&error.to_string()))?;
    let form = Form::of(&destination.config);
    let folder = folder(destination);
    let mut succeeded = Output::new(&store, &folder, "SUCCEEDED", form)?;
    let mut unsuccessful = Output::new(&store, &folder, "FAILED", form)?;
    let mut pending = Output::new(&store, &folder, "PENDING", form)?;
    while let Some(result) = results.ended.next().await {
        let result = result?;
        let output = if result.output.is_some() { &mut succeeded } else { &mut unsuccessful };
        output.add(&result).await.map_err(|error| failed(&error.to_string()))?;
    }
    while let Some(input) = results.pending.next().await {
        pending
            .put_value(&not_started(&input))
            .await
            .map_err(|error| failed(&error.to_string()))?;
    }
    let files = json!({
        "FAILED": unsuccessful.close().await.map_err(|error| failed(&error.to_string()))?,
        "PENDING": pending.close().await.map_err(|error| failed(&error.to_string()))?,
        "SUCCEEDED": succeeded.close().await.map_err(|error| failed(&error.to_string()))?,
    });
    let manifest = json!({
        "DestinationBucket": bucket,
        "MapRunArn": destination.map_run_arn,
        "ResultFiles": files,
    });
    let key = format!("{folder}manifest.json");
    let path = Path::parse(&key).map_err(|error| failed(&error.to_string()))?;
    let put = store.put(&path, manifest.to_string().into()).await;
    put.map_err(|error| failed(&error.to_string()))?;
    Ok(json!({
        "MapRunArn": destination.map_run_arn,
        "ResultWriterDetails": { "Bucket": bucket, "Key": key },
    }))
}

/// `<Prefix>/<uuid>/`
fn folder(destination: &ResultDestination) -> String {
    let uuid = destination.map_run_arn.rsplit(':').next().unwrap_or_default();
    match destination.arguments["Prefix"].as_str().unwrap_or_default().trim_matches('/') {
        "" => format!("{uuid}/"),
        prefix => format!("{prefix}/{uuid}/"),
    }
}

fn failed(cause: &str) -> TaskFailure {
    let error = "States.ResultWriterFailed".to_owned();
    TaskFailure { error, cause: Some(cause.to_owned()) }
}

/// What is written of each child, and how.
#[derive(Debug, Clone, Copy)]
struct Form {
    transformation: Transformation,
    is_lines: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transformation {
    None,
    Compact,
    Flatten,
}

impl Form {
    fn of(config: &Value) -> Self {
        Self {
            transformation: match config["Transformation"].as_str() {
                Some("COMPACT") => Transformation::Compact,
                Some("FLATTEN") => Transformation::Flatten,
                _ => Transformation::None,
            },
            is_lines: config["OutputType"] == "JSONL",
        }
    }

    /// What is written of a child. One without an output is described in any case.
    fn values(self, child: &ChildResult) -> Vec<Value> {
        let output = child.output.as_deref().map(serde_json::from_str::<Value>);
        match (self.transformation, output) {
            (Transformation::Flatten, Some(Ok(Value::Array(items)))) => items,
            (Transformation::Compact | Transformation::Flatten, Some(Ok(output))) => vec![output],
            _ => vec![described(child)],
        }
    }
}

/// One object with results; it is there when the first of them is.
struct Output {
    store: Arc<dyn ObjectStore>,
    path: Path,
    form: Form,
    writer: Option<BufWriter>,
    bytes: u64,
}

impl Output {
    fn new(
        store: &Arc<dyn ObjectStore>,
        folder: &str,
        kind: &str,
        form: Form,
    ) -> Result<Self, TaskFailure> {
        let extension = if form.is_lines { "jsonl" } else { "json" };
        let path = Path::parse(format!("{folder}{kind}_0.{extension}"));
        let path = path.map_err(|error| failed(&error.to_string()))?;
        Ok(Self { store: Arc::clone(store), path, form, writer: None, bytes: 0 })
    }

    async fn add(&mut self, child: &ChildResult) -> std::io::Result<()> {
        for value in self.form.values(child) {
            self.put_value(&value).await?;
        }
        Ok(())
    }

    async fn put_value(&mut self, value: &Value) -> std::io::Result<()> {
        let before = match (self.writer.is_some(), self.form.is_lines) {
            (false, false) => "[",
            (true, false) => ",",
            (_, true) => "",
        };
        let after = if self.form.is_lines { "\n" } else { "" };
        self.put(&format!("{before}{value}{after}")).await
    }

    async fn put(&mut self, text: &str) -> std::io::Result<()> {
        let (store, path) = (&self.store, &self.path);
        let open = || BufWriter::new(Arc::clone(store), path.clone());
        self.bytes += text.len() as u64;
        self.writer.get_or_insert_with(open).write_all(text.as_bytes()).await
    }

    /// The entry of the manifest.
    async fn close(mut self) -> std::io::Result<Value> {
        if self.writer.is_some() && !self.form.is_lines {
            self.put("]").await?;
        }
        let Some(mut writer) = self.writer else { return Ok(json!([])) };
        writer.shutdown().await?;
        Ok(json!([{ "Key": self.path.as_ref(), "Size": self.bytes }]))
    }
}

/// What is known of a child that was not started.
fn not_started(input: &str) -> Value {
    json!({ "Input": input, "InputDetails": { "Included": true }, "Status": "PENDING" })
}

fn described(child: &ChildResult) -> Value {
    let mut value = json!({
        "ExecutionArn": child.execution_arn,
        "Input": child.input,
        "InputDetails": { "Included": true },
        "Name": child.name,
        "RedriveCount": child.redrives,
        "StartDate": date(child.started_at),
        "StateMachineArn": child.state_machine_arn,
        "Status": child.status,
        "StopDate": date(child.stopped_at),
    });
    if let Some(output) = &child.output {
        value["Output"] = json!(output);
        value["OutputDetails"] = json!({ "Included": true });
    }
    for (name, text) in [("Error", &child.error), ("Cause", &child.cause)] {
        if let Some(text) = text {
            value[name] = json!(text);
        }
    }
    value
}

/// `2026-01-01T00:00:00.000Z`
fn date(at: SystemTime) -> String {
    let at = jiff::Timestamp::try_from(at).unwrap_or_default();
    format!("{at:.3}")
}
