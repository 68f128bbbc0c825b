//! Every target keeps the same promises.

use jiff::Timestamp;
use stepwell_canvas::rows::tsv::Delivery;
use stepwell_canvas::rows::{Batch, TsvDecoder};
use stepwell_canvas::schema::{Column, ColumnType, TableSchema};
use stepwell_canvas::target::{
    Load, LoadKind, LoadRequest, OpenedLoad, Published, TableName, Target, TargetError,
};

mod conformance;
mod official_client;
pub(crate) mod postgres;
mod sqlite;

/// A table `canvas.users` with a key `id` and the given value columns.
fn schema(version: i64, columns: &[(&str, ColumnType)]) -> TableSchema {
    let mut all = vec![column("id", ColumnType::Int64, true)];
    all.extend(columns.iter().map(|(name, ty)| column(name, ty.clone(), false)));
    TableSchema {
        namespace: "canvas".into(),
        table: "users".into(),
        version,
        title: Some("Users.".into()),
        description: None,
        columns: all,
        document: serde_json::json!({}),
    }
}

fn column(name: &str, ty: ColumnType, key: bool) -> Column {
    Column { name: name.into(), key, ty, required: key, default: None, description: None }
}

fn text() -> ColumnType {
    ColumnType::Text { max_length: Some(10) }
}

/// `name`, `score`.
fn people() -> TableSchema {
    schema(1, &[("name", text()), ("score", ColumnType::Float64)])
}

fn table() -> TableName {
    TableName { namespace: "canvas".into(), table: "users".into() }
}

fn day(day: i8) -> Timestamp {
    format!("2026-11-{day:02}T00:00:00Z").parse().unwrap()
}

fn snapshot(schema: &TableSchema, job: &str, at: i8) -> LoadRequest {
    let kind = LoadKind::Snapshot { at: day(at) };
    LoadRequest { schema: schema.clone(), job_id: job.into(), kind }
}

fn increment(schema: &TableSchema, job: &str, since: i8, until: i8) -> LoadRequest {
    let kind = LoadKind::Increment { since: day(since), until: day(until) };
    LoadRequest { schema: schema.clone(), job_id: job.into(), kind }
}

/// Decodes rows given as `ACTION ts key fields...`, separated by spaces; `~` stands for a space in a field.
fn batch(request: &LoadRequest, rows: &[&str]) -> Batch {
    let mut text = String::from("meta.action\tmeta.ts");
    for column in &request.schema.columns {
        text += if column.key { "\tkey." } else { "\tvalue." };
        text += &column.name;
    }
    for row in rows {
        text += "\n";
        text += &row.replace(' ', "\t").replace('~', " ");
    }
    let delivery = match request.kind {
        LoadKind::Snapshot { .. } => Delivery::Snapshot,
        LoadKind::Increment { .. } => Delivery::Increment,
    };
    let mut decoder = TsvDecoder::new(&request.schema, delivery);
    decoder.push(text.as_bytes()).unwrap();
    decoder.finish().unwrap().unwrap_or_default()
}

async fn open(target: &dyn Target, request: &LoadRequest) -> Box<dyn Load> {
    match target.open_load(request.clone()).await.unwrap() {
        OpenedLoad::Staging(load) => load,
        OpenedLoad::Published(published) => panic!("published before: {published:?}"),
    }
}

/// Loads one part and publishes it.
async fn load(target: &dyn Target, request: &LoadRequest, rows: &[&str]) -> Published {
    let mut load = open(target, request).await;
    load.stage("part-1", batch(request, rows)).await.unwrap();
    load.finish_part("part-1");
    load.checkpoint().await.unwrap();
    load.publish().await.unwrap()
}

/// Inserted, updated, deleted, rows now.
fn counts(published: &Published) -> (u64, u64, u64, u64) {
    (published.inserted, published.updated, published.deleted, published.rows)
}

#[track_caller]
fn refused(result: Result<OpenedLoad, TargetError>) -> String {
    match result {
        Err(error) => error.to_string(),
        Ok(_) => panic!("the load was opened"),
    }
}
