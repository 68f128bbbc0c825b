//! What there is: objects, limits, and which records changed or went.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query as Parameters, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::salesforce::data::Table;
use crate::salesforce::problem::Problem;
use crate::salesforce::service::Service;

/// No further back is told which records changed or went.
const REPLICATION_MILLIS: i64 = 30 * 24 * 3_600_000;
/// A batch has no more requests.
const BATCH_MAX: usize = 25;
/// Source: "Bulk API 2.0 Limits".
const DAILY_QUERY_JOBS: u64 = 10_000;

pub(super) async fn limits(State(service): State<Arc<Service>>) -> Json<Value> {
    Json(told_limits(&service))
}

fn told_limits(service: &Service) -> Value {
    let limit = |max: u64, used: u64| json!({"Max": max, "Remaining": max.saturating_sub(used)});
    let jobs = service.state().jobs.len() as u64;
    json!({
        "DailyApiRequests": limit(service.options.daily_requests, service.used_today()),
        "DailyBulkV2QueryJobs": limit(DAILY_QUERY_JOBS, jobs),
        "DailyBulkV2QueryFileStorageMB": limit(1_048_576, 0),
    })
}

pub(super) async fn list(
    State(service): State<Arc<Service>>,
    Path(version): Path<String>,
) -> Json<Value> {
    Json(told_objects(&service, &version))
}

fn told_objects(service: &Service, version: &str) -> Value {
    let organization = service.organization();
    let objects = organization.tables.iter().map(|table| table.object.summary(version));
    json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects.collect::<Vec<_>>()})
}

pub(super) async fn describe(
    State(service): State<Arc<Service>>,
    Path((version, object)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    told_object(&service, &version, &object).map(Json)
}

fn told_object(service: &Service, version: &str, object: &str) -> Result<Value, Problem> {
    let organization = service.organization();
    let table = organization.table(object).ok_or_else(Problem::not_found)?;
    Ok(table.object.describe(version))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Batch {
    batch_requests: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    method: String,
    url: String,
}

/// Up to 25 reads of what there is.
pub(super) async fn batch(
    State(service): State<Arc<Service>>,
    Path(version): Path<String>,
    Json(batch): Json<Batch>,
) -> Result<Json<Value>, Problem> {
    if batch.batch_requests.len() > BATCH_MAX {
        let message = "The number of requests in a batch can't exceed 25";
        return Err(Problem::bad("LIMIT_EXCEEDED", message));
    }
    let outcomes: Vec<_> =
        batch.batch_requests.iter().map(|part| answer(&service, &version, part)).collect();
    let has_errors = outcomes.iter().any(Result::is_err);
    let result = |outcome: &Result<Value, Problem>| match outcome {
        Ok(result) => json!({"statusCode": 200, "result": result}),
        Err(problem) => json!({"statusCode": problem.status.as_u16(), "result": problem.body()}),
    };
    let results: Vec<_> = outcomes.iter().map(result).collect();
    Ok(Json(json!({"hasErrors": has_errors, "results": results})))
}

fn answer(service: &Service, version: &str, part: &Part) -> Result<Value, Problem> {
    let path = part.url.trim_start_matches("/services/data").trim_matches('/');
    let path: Vec<_> = path.split('/').collect();
    match (part.method.as_str(), path.as_slice()) {
        ("GET", [it, "limits"]) if *it == version => Ok(told_limits(service)),
        ("GET", [it, "sobjects"]) if *it == version => Ok(told_objects(service, version)),
        ("GET", [it, "sobjects", object, "describe"]) if *it == version => {
            told_object(service, version, object)
        }
        _ => Err(Problem::bad("INVALID_BATCH_REQUEST", "not supported in a batch here")),
    }
}

type Asked = Parameters<BTreeMap<String, String>>;

/// `{"ids": ["001..."], "latestDateCovered": "2026-03-01T09:00:00.000+0000"}`
pub(super) async fn updated(
    State(service): State<Arc<Service>>,
    Path((_, object)): Path<(String, String)>,
    Parameters(asked): Asked,
) -> Result<Json<Value>, Problem> {
    let (start, end) = span(&service, &asked)?;
    let organization = service.organization();
    let table = replicateable(organization.table(&object))?;
    let changed = |row| !table.is_deleted(row) && (start..=end).contains(&table.stamp_of(row));
    let ids: Vec<_> =
        table.rows.iter().filter(|(_, row)| changed(row)).map(|(id, _)| id.as_str()).collect();
    check_number(&service, ids.len())?;
    Ok(Json(json!({"ids": ids, "latestDateCovered": rest_time(service.now().min(end))})))
}

/// `{"deletedRecords": [{"id": "001...", "deletedDate": "..."}], "earliestDateAvailable": "...", "latestDateCovered": "..."}`
pub(super) async fn deleted(
    State(service): State<Arc<Service>>,
    Path((_, object)): Path<(String, String)>,
    Parameters(asked): Asked,
) -> Result<Json<Value>, Problem> {
    let (start, end) = span(&service, &asked)?;
    let organization = service.organization();
    let table = replicateable(organization.table(&object))?;
    let soft = table.rows.iter().filter(|(_, row)| table.is_deleted(row));
    let soft = soft.map(|(id, row)| (id.as_str(), table.stamp_of(row)));
    let hard = table.hard_deleted.iter().map(|(id, at)| (id.as_str(), *at));
    let mut gone: Vec<_> = soft.chain(hard).filter(|(_, at)| (start..=end).contains(at)).collect();
    gone.sort_by_key(|(id, at)| (*at, *id));
    check_number(&service, gone.len())?;
    let record = |(id, at): &(&str, i64)| json!({"id": id, "deletedDate": rest_time(*at)});
    Ok(Json(json!({
        "deletedRecords": gone.iter().map(record).collect::<Vec<_>>(),
        "earliestDateAvailable": rest_time(service.now() - REPLICATION_MILLIS),
        "latestDateCovered": rest_time(service.now().min(end)),
    })))
}

fn replicateable(table: Option<&Table>) -> Result<&Table, Problem> {
    let table = table.ok_or_else(Problem::not_found)?;
    if table.object.replicateable {
        return Ok(table);
    }
    let message = format!("object {} is not replicable", table.object.name);
    Err(Problem::new(StatusCode::BAD_REQUEST, "INVALID_TYPE_FOR_OPERATION", message))
}

fn check_number(service: &Service, number: usize) -> Result<(), Problem> {
    if number <= service.options.replication_ids_max {
        return Ok(());
    }
    Err(Problem::bad("EXCEEDED_ID_LIMIT", "Too many ids; use a shorter time"))
}

/// Start and end in milliseconds.
fn span(service: &Service, asked: &BTreeMap<String, String>) -> Result<(i64, i64), Problem> {
    let time = |name: &str| {
        let time: Option<Timestamp> = asked.get(name).and_then(|text| text.parse().ok());
        let wrong = || Problem::bad("INVALID_REPLICATION_DATE", format!("{name} is no time"));
        time.map(Timestamp::as_millisecond).ok_or_else(wrong)
    };
    let (start, end) = (time("start")?, time("end")?);
    if end <= start {
        let message = "endDate must be at least one minute greater than startDate";
        return Err(Problem::bad("INVALID_REPLICATION_DATE", message));
    }
    if start < service.now() - REPLICATION_MILLIS {
        let message = "startDate cannot be more than 30 days ago";
        return Err(Problem::bad("INVALID_REPLICATION_DATE", message));
    }
    Ok((start, end))
}

fn rest_time(millis: i64) -> String {
    let time = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX);
    format!("{time:.3}").replace('Z', "+0000")
}
