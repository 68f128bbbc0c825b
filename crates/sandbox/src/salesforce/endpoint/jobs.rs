//! `jobs/query`: the Bulk API 2.0.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query as Parameters, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::number_of;
use crate::salesforce::BulkHeader;
use crate::salesforce::data::Row;
use crate::salesforce::jobs::{Delimiter, Job, JobState, LineEnding};
use crate::salesforce::problem::Problem;
use crate::salesforce::service::Service;
use crate::salesforce::soql::{Plan, parse, plan};

/// The first version with query jobs.
const VERSION_MIN: u32 = 47;
/// From this version on, columns come in the order of the query; before, in that of the alphabet.
const VERSION_ORDERED: u32 = 50;
/// So many pages are named at once.
const RESULT_PAGES: usize = 5;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewJob {
    operation: String,
    query: String,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    column_delimiter: Delimiter,
    #[serde(default)]
    line_ending: LineEnding,
}

pub(super) async fn create(
    State(service): State<Arc<Service>>,
    Path(version): Path<String>,
    Json(wanted): Json<NewJob>,
) -> Result<Json<Value>, Problem> {
    let number = number_of(&version).filter(|number| *number >= VERSION_MIN);
    let number = number.ok_or_else(Problem::not_found)?;
    if !matches!(wanted.operation.as_str(), "query" | "queryAll") {
        return Err(invalid_job(&format!("Unknown operation {}", wanted.operation)));
    }
    if wanted.content_type.as_deref().is_some_and(|kind| kind != "CSV") {
        return Err(invalid_job("Only CSV is supported"));
    }
    let job = make(&service, version, number, &wanted)?;
    let answer = told(&job);
    service.state().jobs.insert(job.id.clone(), job);
    Ok(Json(answer))
}

fn make(service: &Service, version: String, number: u32, wanted: &NewJob) -> Result<Job, Problem> {
    let query = parse(&wanted.query)?;
    let id = format!("750{:012}AAA", service.issue());
    let organization = service.organization();
    let mut plan = plan(&organization, &query, wanted.operation == "queryAll")?;
    check(&plan)?;
    if let Some(fields) = plan.fields.as_mut().filter(|_| number < VERSION_ORDERED) {
        fields.sort_by_key(|field| plan.object.fields[*field].name);
    }
    let error = super::query::check_time(service, &plan).err();
    let error = error.map(|it| format!("{}: {}", it.code, it.message));
    let separator = wanted.column_delimiter.text();
    let fields = plan.fields.as_deref().unwrap_or_default();
    let names = fields.iter().map(|field| quoted(plan.object.fields[*field].name));
    let line = |row: &&Row| {
        let cells = fields.iter().map(|field| quoted(&row.cells[*field].to_csv()));
        cells.collect::<Vec<_>>().join(separator)
    };
    Ok(Job {
        id,
        operation: wanted.operation.clone(),
        object: plan.object.name,
        version,
        created: service.clock.now_millis_text(),
        delimiter: wanted.column_delimiter,
        line_ending: wanted.line_ending,
        polls: 0,
        state: JobState::UploadComplete,
        header: names.collect::<Vec<_>>().join(separator),
        lines: if error.is_none() { plan.rows.iter().map(line).collect() } else { Arc::default() },
        error,
    })
}

/// What the Bulk API does not take although REST does.
fn check(plan: &Plan<'_>) -> Result<(), Problem> {
    let object = plan.object;
    if !object.bulk {
        let name = object.name;
        let message = format!("Entity '{name}' is not supported by the Bulk API.");
        return Err(Problem::bad("INVALIDENTITY", message));
    }
    let Some(fields) = &plan.fields else {
        let message = "Aggregate Relationships not supported in Bulk Query";
        return Err(Problem::bad("FEATURENOTENABLED", message));
    };
    let kinds = fields.iter().map(|field| &object.fields[*field]);
    let compound = kinds.clone().find(|it| matches!(it.kind, "address" | "location"));
    if let Some(field) = compound {
        let message =
            format!("Selecting compound data not supported in Bulk Query: {}", field.name);
        return Err(Problem::bad("FEATURENOTENABLED", message));
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn invalid_job(message: &str) -> Problem {
    Problem::bad("INVALIDJOB", message)
}

fn told(job: &Job) -> Value {
    let mut told = json!({
        "id": job.id, "operation": job.operation, "object": job.object,
        "createdById": "005000000000001AAA", "createdDate": rest_time(&job.created),
        "systemModstamp": rest_time(&job.created), "state": job.state, "concurrencyMode": "Parallel",
        "contentType": "CSV", "apiVersion": number_of(&job.version).map(f64::from),
        "jobType": "V2Query", "lineEnding": job.line_ending, "columnDelimiter": job.delimiter,
    });
    if job.state == JobState::JobComplete {
        told["numberRecordsProcessed"] = json!(job.lines.len());
        told["retries"] = json!(0);
        told["totalProcessingTime"] = json!(334);
    }
    if job.state == JobState::Failed {
        told["errorMessage"] = json!(job.error);
    }
    told
}

/// `2026-03-01T09:00:00.000+0000`
fn rest_time(text: &str) -> String {
    text.replace('Z', "+0000")
}

pub(super) async fn list(State(service): State<Arc<Service>>) -> Json<Value> {
    let records: Vec<Value> = service.state().jobs.values().map(told).collect();
    Json(json!({"done": true, "nextRecordsUrl": null, "records": records}))
}

pub(super) async fn read(
    State(service): State<Arc<Service>>,
    Path((version, id)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let until_done = service.options.polls_until_done;
    let mut state = service.state();
    let job = state.jobs.get_mut(&id).ok_or_else(Problem::not_found)?;
    check_version(job, &version)?;
    job.poll(until_done);
    Ok(Json(told(job)))
}

fn check_version(job: &Job, version: &str) -> Result<(), Problem> {
    if job.version == version {
        return Ok(());
    }
    let message = "API version mismatch: the job was created with another version";
    Err(Problem::new(StatusCode::CONFLICT, "API_VERSION_MISMATCH", message))
}

#[derive(Deserialize)]
pub(super) struct NewState {
    state: String,
}

pub(super) async fn abort(
    State(service): State<Arc<Service>>,
    Path((_, id)): Path<(String, String)>,
    Json(wanted): Json<NewState>,
) -> Result<Json<Value>, Problem> {
    let mut state = service.state();
    let job = state.jobs.get_mut(&id).ok_or_else(Problem::not_found)?;
    if wanted.state != "Aborted"
        || !matches!(job.state, JobState::UploadComplete | JobState::InProgress)
    {
        return Err(Problem::bad("INVALIDJOBSTATE", "The job cannot go to this state"));
    }
    job.state = JobState::Aborted;
    Ok(Json(told(job)))
}

pub(super) async fn delete(
    State(service): State<Arc<Service>>,
    Path((_, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let removed = service.state().jobs.remove(&id);
    removed.map(|_| StatusCode::NO_CONTENT).ok_or_else(Problem::not_found)
}

type Asked = Parameters<BTreeMap<String, String>>;

/// A page as CSV; the header row is on the first page, and on the others where that is wanted.
pub(super) async fn results(
    State(service): State<Arc<Service>>,
    Path((version, id)): Path<(String, String)>,
    Parameters(asked): Asked,
) -> Result<Response, Problem> {
    let job = finished(&service, &id, &version)?;
    let start = match asked.get("locator") {
        Some(locator) => offset(locator, &job)?,
        None => 0,
    };
    let page = page_size(&service, &asked)?;
    let end = start.saturating_add(page).min(job.lines.len());
    let with_header = start == 0 || service.options.bulk_header == BulkHeader::EveryPage;
    let header = with_header.then_some(&job.header);
    let ending = job.line_ending.text();
    let mut body = String::new();
    for line in header.into_iter().chain(&job.lines[start..end]) {
        body.push_str(line);
        body.push_str(ending);
    }
    let locator = if end == job.lines.len() { "null".to_owned() } else { locator(end) };
    let headers = [
        (header::CONTENT_TYPE.as_str(), "text/csv".to_owned()),
        ("Sforce-NumberOfRecords", (end - start).to_string()),
        ("Sforce-Locator", locator),
    ];
    Ok((headers, body).into_response())
}

fn page_size(service: &Service, asked: &BTreeMap<String, String>) -> Result<usize, Problem> {
    let wrong = |_| Problem::bad("INVALIDJOB", "maxRecords must be a number");
    let size = asked.get("maxRecords").map(|text| text.parse()).transpose().map_err(wrong)?;
    Ok(size.unwrap_or(usize::MAX).clamp(1, service.options.bulk_page_max))
}

fn finished(service: &Service, id: &str, version: &str) -> Result<Job, Problem> {
    let state = service.state();
    let job = state.jobs.get(id).ok_or_else(Problem::not_found)?;
    check_version(job, version)?;
    match job.state {
        JobState::JobComplete => Ok(job.clone()),
        _ => Err(Problem::bad("INVALIDJOBSTATE", "The job has no results in this state")),
    }
}

/// `MTAwMDA` is 10000.
fn locator(offset: usize) -> String {
    STANDARD.encode(offset.to_string()).trim_end_matches('=').to_owned()
}

fn offset(locator: &str, job: &Job) -> Result<usize, Problem> {
    let padded = format!("{locator}{}", "=".repeat((4 - locator.len() % 4) % 4));
    let text = STANDARD.decode(padded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let offset = text.and_then(|text| text.parse().ok()).filter(|it| *it <= job.lines.len());
    offset.ok_or_else(|| Problem::bad("INVALID_LOCATOR", "the locator is not valid"))
}

/// `{"resultPages": [{"resultUrl": "/services/data/v60.0/jobs/query/750.../results?locator=MTAwMDA"}], "nextRecordsUrl": null, "done": true}`
pub(super) async fn result_pages(
    State(service): State<Arc<Service>>,
    Path((version, id)): Path<(String, String)>,
    Parameters(asked): Asked,
) -> Result<Json<Value>, Problem> {
    let job = finished(&service, &id, &version)?;
    let size = page_size(&service, &asked)?;
    let start = asked.get("locator").map(|text| offset(text, &job)).transpose()?.unwrap_or(0);
    let path = format!("/services/data/{version}/jobs/query/{id}");
    let starts: Vec<_> = (start..job.lines.len().max(1)).step_by(size).collect();
    let page = |start: &usize| json!({"resultUrl": format!("{path}/results?locator={}&maxRecords={size}", locator(*start))});
    let pages: Vec<_> = starts.iter().take(RESULT_PAGES).map(page).collect();
    let next = starts
        .get(RESULT_PAGES)
        .map(|start| format!("{path}/resultPages?locator={}", locator(*start)));
    Ok(Json(json!({"resultPages": pages, "done": next.is_none(), "nextRecordsUrl": next})))
}
