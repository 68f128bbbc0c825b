//! `query` and `queryAll`, and their further pages.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query as Parameters, State};
use axum::http::HeaderMap;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::salesforce::data::{Object, Row};
use crate::salesforce::problem::Problem;
use crate::salesforce::service::{Cursor, Service};
use crate::salesforce::soql::{Plan, parse, plan};

/// Source: "Query Options Header": 200 to 2,000, default 2,000.
const PAGE_MIN: usize = 200;
const PAGE_MAX: usize = 2_000;

/// A page: `{"totalSize": 4500, "done": false, "nextRecordsUrl": "/services/data/v60.0/query/01g...-2000", "records": [...]}`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    total_size: usize,
    done: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_records_url: Option<String>,
    records: Vec<Box<RawValue>>,
}

type Asked = Parameters<BTreeMap<String, String>>;

pub(super) async fn query(
    State(service): State<Arc<Service>>,
    Path(version): Path<String>,
    Parameters(asked): Asked,
    headers: HeaderMap,
) -> Result<Json<Page>, Problem> {
    first(&service, &version, &asked, &headers, false)
}

pub(super) async fn query_all(
    State(service): State<Arc<Service>>,
    Path(version): Path<String>,
    Parameters(asked): Asked,
    headers: HeaderMap,
) -> Result<Json<Page>, Problem> {
    first(&service, &version, &asked, &headers, true)
}

fn first(
    service: &Service,
    version: &str,
    asked: &BTreeMap<String, String>,
    headers: &HeaderMap,
    all: bool,
) -> Result<Json<Page>, Problem> {
    let text = asked.get("q").ok_or_else(|| Problem::bad("MALFORMED_QUERY", "q is missing"))?;
    let query = parse(text)?;
    let organization = service.organization();
    let plan = plan(&organization, &query, all)?;
    check_time(service, &plan)?;
    let Some(fields) = &plan.fields else {
        let total_size = plan.rows.len();
        return Ok(Json(Page { total_size, done: true, next_records_url: None, records: vec![] }));
    };
    let records = plan.rows.iter().map(|row| record(plan.object, fields, row, version));
    let cursor = Cursor {
        records: records.collect(),
        page: page_size(headers).min(service.options.query_page_max),
        expires_at: service.now() + service.options.locator_lifetime.as_millis() as i64,
    };
    drop(organization);
    let locator = format!("01g{:012}AAA", service.issue());
    let page = page(&cursor, version, &locator, 0);
    service.state().cursors.insert(locator, cursor);
    Ok(Json(page))
}

/// Refuses a query over too long a time, where the sandbox is to be slow.
pub(super) fn check_time(service: &Service, plan: &Plan<'_>) -> Result<(), Problem> {
    let over = service.state().query_timeout_over;
    let (from, to) = plan.times;
    match over.filter(|over| to.saturating_sub(from) > over.as_millis() as i64) {
        Some(_) => Err(Problem::query_timeout()),
        None => Ok(()),
    }
}

pub(super) async fn more(
    State(service): State<Arc<Service>>,
    Path((version, locator)): Path<(String, String)>,
) -> Result<Json<Page>, Problem> {
    let now = service.now();
    let state = service.state();
    let found = locator.rsplit_once('-').and_then(|(id, start)| {
        let cursor = state.cursors.get(id).filter(|cursor| now < cursor.expires_at)?;
        Some(page(cursor, &version, id, start.parse().ok()?))
    });
    found.map(Json).ok_or_else(|| Problem::bad("INVALID_QUERY_LOCATOR", "invalid query locator"))
}

fn page(cursor: &Cursor, version: &str, id: &str, start: usize) -> Page {
    let total_size = cursor.records.len();
    let end = start.saturating_add(cursor.page).min(total_size);
    let done = end == total_size;
    Page {
        total_size,
        done,
        // It reads `query` for a query of all records, too.
        next_records_url: (!done).then(|| format!("/services/data/{version}/query/{id}-{end}")),
        records: cursor.records[start.min(end)..end].to_vec(),
    }
}

fn page_size(headers: &HeaderMap) -> usize {
    let options = headers.get("Sforce-Query-Options").and_then(|it| it.to_str().ok());
    let size = options.and_then(|text| text.split_once("batchSize=")?.1.trim().parse().ok());
    size.unwrap_or(PAGE_MAX).clamp(PAGE_MIN, PAGE_MAX)
}

fn record(object: &Object, fields: &[usize], row: &Row, version: &str) -> Box<RawValue> {
    let (name, id) = (object.name, row.cells[0].to_csv());
    let mut text = format!(
        "{{\"attributes\":{{\"type\":\"{name}\",\"url\":\"/services/data/{version}/sobjects/{name}/{id}\"}}"
    );
    for field in fields {
        let (name, cell) = (object.fields[*field].name, &row.cells[*field]);
        for part in [",\"", name, "\":", &cell.to_json()] {
            text.push_str(part);
        }
    }
    text.push('}');
    RawValue::from_string(text).expect("it is JSON")
}
