//! `POST /dap/query/{namespace}/table/{table}/data`: starts a job, or finds the one that was started for the same parameters.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;

use super::{Endpoint, Refused, admit};
use crate::dap::data::calendar::Micros;
use crate::dap::data::table::{Table, Window};
use crate::dap::error::ApiError;
use crate::dap::faults::Fault;
use crate::dap::format::{Format, Mode};
use crate::dap::jobs::{Fate, Job, JobTiming, Request};
use crate::dap::render::Query;
use crate::dap::service::Service;

/// The answer waits so long for a job that may be complete at once.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// `since` makes the query incremental; there are no other properties.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    format: Format,
    mode: Option<Mode>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

pub(super) async fn create_job(
    State(service): State<Arc<Service>>,
    Path((namespace, table)): Path<(String, String)>,
    headers: HeaderMap,
    body: String,
) -> Result<Response, Refused> {
    let name = format!("{namespace}.{table}");
    let fault = admit(&service, &headers, Endpoint::CreateJob, Some(&name))?;
    service.table(&namespace, &table)?;
    let wanted = read(&body)?;
    if fault == Some(Fault::BumpSchema) {
        service.surprise(&name);
    }
    let job = find_or_start(&service, &namespace, &table, &wanted, fate(fault))?;
    Ok(answer(&service, job).await)
}

fn read(body: &str) -> Result<Body, ApiError> {
    let invalid = |message: String, line, column| ApiError::Validation {
        message,
        line,
        column,
        character: column,
    };
    let body: Body = serde_json::from_str(body)
        .map_err(|error| invalid(error.to_string(), error.line(), error.column()))?;
    if body.since.is_none() && body.until.is_some() {
        return Err(invalid("`until` needs `since`".to_owned(), 1, 1));
    }
    if body.mode.is_some() && body.format == Format::Jsonl {
        return Err(invalid("`mode` is for tabular formats".to_owned(), 1, 1));
    }
    Ok(body)
}

fn fate(fault: Option<Fault>) -> Fate {
    match fault {
        Some(Fault::FailJob { message }) => Fate::Fail { message },
        Some(Fault::StickJob { polls }) => Fate::Stick { polls },
        _ => Fate::Complete,
    }
}

fn find_or_start(
    service: &Arc<Service>,
    namespace: &str,
    table: &str,
    wanted: &Body,
    fate: Fate,
) -> Result<Job, ApiError> {
    let request =
        Request { table: format!("{namespace}.{table}"), parameters: format!("{wanted:?}") };
    let now = service.clock.now();
    if service.deduplicates
        && fate == Fate::Complete
        && let Some(job) = service.jobs.same_as(&request, service.timing, now)
    {
        return Ok(job);
    }
    let still = service.table(namespace, table)?;
    let window = window(service, &still.table, wanted, now)?;
    let query = Query { format: wanted.format, mode: wanted.mode.unwrap_or_default(), window };
    Ok(service.start_job(still, request, query, fate))
}

/// The window of the query, within what the table can answer.
fn window(
    service: &Service,
    table: &Table,
    wanted: &Body,
    now: Micros,
) -> Result<Window, ApiError> {
    let Some(since) = wanted.since.map(Timestamp::as_microsecond) else {
        return Ok(Window::Snapshot);
    };
    let until = wanted.until.map_or(table.watermark, Timestamp::as_microsecond);
    let latest = table.watermark.max(now);
    let earliest = table.earliest_since(now);
    if since < earliest || latest < until || until < since {
        let reloaded = table.reloaded && since < table.earliest;
        return Err(ApiError::OutOfRange { since: earliest, until: latest, reloaded });
    }
    Ok(Window::Incremental { since, until, repeat_boundary: service.repeats_boundary })
}

/// Describes the job. Rendering is real work: a job that takes no time by the clock is given a moment of the machine's.
async fn answer(service: &Service, job: Job) -> Response {
    if job.fate == Fate::Complete && service.timing == JobTiming::default() {
        // A job that takes longer is described as running.
        let _ = tokio::time::timeout(ANSWER_WITHIN, job.outcome.wait()).await;
    }
    describe(service, &job)
}

/// The job, with 200 if it has ended and 202 if not.
pub(super) fn describe(service: &Service, job: &Job) -> Response {
    let status = job.status(service.timing, service.clock.now());
    let code = if status.is_terminal() { StatusCode::OK } else { StatusCode::ACCEPTED };
    (code, Json(job.describe(&status))).into_response()
}
