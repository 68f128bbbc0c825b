//! Searches and lists of tables, single records, and what hangs on them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query as Parameters, State};
use axum::http::Uri;
use axum::response::Response;
use jiff::civil::Date;

use super::page::{Page, Query, json};
use crate::mambu::data::{CursorRule, Json, Row, SPECS, Spec, Style};
use crate::mambu::problem::Problem;
use crate::mambu::search::{Criterion, Search, Sorting, Terms, find};
use crate::mambu::service::Service;

/// `POST /api/<table>:search`
pub(super) async fn search(
    State(service): State<Arc<Service>>,
    Parameters(query): Parameters<Query>,
    uri: Uri,
    body: Bytes,
) -> Result<Response, Problem> {
    let path = uri.path().trim_start_matches("/api/");
    let spec = SPECS.iter().find(|spec| spec.search == Some(path));
    let spec = spec.ok_or_else(Problem::not_found)?;
    let search = read(spec, &body)?;
    let page = Page::of(&service, &query)?;
    let terms = terms(&service, spec);
    let answer = {
        let tenant = service.tenant();
        let table = tenant.table(spec.name).ok_or_else(Problem::not_found)?;
        match query.get("cursor") {
            None => page.cut(&service, &find(table, &search, &terms)?),
            Some(cursor) => {
                let search = by_cursor(spec, search)?;
                let field = search.sorting_criteria.as_ref().map_or("", |it| it.field.as_str());
                page.behind(&service, &find(table, &search, &terms)?, cursor, field)?
            }
        }
    };
    service.churn(spec.name);
    Ok(answer)
}

fn terms<'s>(service: &'s Service, spec: &Spec) -> Terms<'s> {
    // Here, times are answered with an error and dates are not.
    let dates_only = spec.name == "interest_accrual_breakdown";
    Terms { zone: &service.zone, now: service.now(), dates_only }
}

/// Messages are the odd ones: their body is the list of criteria itself.
fn read(spec: &Spec, body: &[u8]) -> Result<Search, Problem> {
    let wrong = |_| Problem::parameters("filterCriteria");
    if spec.name == "communications" {
        let filter_criteria: Vec<Criterion> = serde_json::from_slice(body).map_err(wrong)?;
        return Ok(Search { filter_criteria, sorting_criteria: None });
    }
    if body.is_empty() {
        return Ok(Search::default());
    }
    serde_json::from_slice(body).map_err(wrong)
}

/// The search in cursor mode, always ascending, if it may be.
fn by_cursor(spec: &Spec, mut search: Search) -> Result<Search, Problem> {
    let refused = || Problem::parameters("cursor");
    let sorted_by = search.sorting_criteria.as_ref().map_or("", |it| it.field.as_str());
    let is_between = |criterion: &Criterion, fields: &[&str]| {
        criterion.operator == "BETWEEN" && fields.contains(&criterion.field.as_str())
    };
    let (sorts, fits) = match spec.cursor {
        CursorRule::None => (&[][..], false),
        CursorRule::Unfiltered(sorts) => (sorts, search.filter_criteria.is_empty()),
        CursorRule::Filtered(sorts) => (sorts, true),
        CursorRule::Between(sorts, fields) => {
            (sorts, search.filter_criteria.iter().any(|it| is_between(it, fields)))
        }
    };
    if !fits || !sorts.contains(&sorted_by) {
        return Err(refused());
    }
    let field = if sorted_by == "transactionId" { "id" } else { sorted_by };
    search.sorting_criteria = Some(Sorting::of(&format!("{field}:ASC")));
    Ok(search)
}

/// `GET /api/<table>`
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    Parameters(query): Parameters<Query>,
    uri: Uri,
) -> Result<Response, Problem> {
    let path = uri.path().trim_start_matches("/api/");
    let spec = SPECS.iter().find(|spec| spec.list == Some(path));
    let spec = spec.ok_or_else(Problem::not_found)?;
    let page = Page::of(&service, &query)?;
    let sorting_criteria = query.get("sortBy").map(|text| Sorting::of(text));
    let search = Search { sorting_criteria, ..Search::default() };
    let answer = {
        let tenant = service.tenant();
        let table = tenant.table(spec.name).ok_or_else(Problem::not_found)?;
        let mut rows = find(table, &search, &terms(&service, spec))?;
        narrow(spec, &query, &mut rows)?;
        page.cut(&service, &rows)
    };
    service.churn(spec.name);
    Ok(answer)
}

/// What single lists want: accounts of the ledger their type, instalments the days in which they are due.
fn narrow(spec: &Spec, query: &Query, rows: &mut Vec<&Row>) -> Result<(), Problem> {
    match spec.name {
        "gl_accounts" => {
            let kind = query.get("type").ok_or_else(|| Problem::parameters("type"))?;
            rows.retain(|row| row.text("type") == kind);
        }
        "installments" => {
            let day = |name: &str| {
                let day: Option<Date> = query.get(name).and_then(|text| text.parse().ok());
                day.ok_or_else(|| Problem::parameters(name))
            };
            let (from, to) = (day("dueFrom")?, day("dueTo")?);
            rows.retain(|row| match row.value.get("dueDate") {
                Some(Json::Time(due)) => {
                    let due = due.to_zoned(jiff::tz::TimeZone::UTC).date();
                    (from..=to).contains(&due)
                }
                _ => false,
            });
        }
        _ => {}
    }
    Ok(())
}

/// `GET /api/<table>/{id}`
pub(super) async fn one(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    Parameters(query): Parameters<Query>,
    uri: Uri,
) -> Result<Response, Problem> {
    let path = uri.path().trim_start_matches("/api/");
    let list = path.rsplit_once('/').map_or("", |(list, _)| list);
    let spec = SPECS.iter().find(|spec| spec.list == Some(list));
    let spec = spec.ok_or_else(Problem::not_found)?;
    let page = Page::of(&service, &query)?;
    let tenant = service.tenant();
    let place = tenant.place_of(spec.name, &id).ok_or_else(Problem::not_found)?;
    let mut body = String::new();
    let row = &tenant.tables[spec.name].rows[place];
    row.value.write(&service.style(0, page.full), &mut body);
    Ok(json(body))
}

/// `{"installments": [...], "currency": {"code": "EUR"}}`
pub(super) async fn schedule(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let rows = children(&service, "loan_accounts", &id, "installments", "parentAccountKey")?;
    Ok(json(format!("{{\"installments\":[{}],\"currency\":{{\"code\":\"EUR\"}}}}", rows.join(","))))
}

/// `[{"referenceToken": "card-1"}]`
pub(super) async fn cards(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let rows = children(&service, "deposit_accounts", &id, "cards", "depositKey")?;
    Ok(json(format!("[{}]", rows.join(","))))
}

/// The records of `table` that belong to one of `parents`.
fn children(
    service: &Service,
    parents: &str,
    id: &str,
    table: &str,
    link: &str,
) -> Result<Vec<String>, Problem> {
    let tenant = service.tenant();
    let parent = tenant.place_of(parents, id).ok_or_else(Problem::not_found)?;
    let key = tenant.tables[parents].rows[parent].text("encodedKey");
    let all = tenant.tables[table].rows.iter().enumerate();
    let own = all.filter(|(_, row)| row.text(link) == key);
    let written = own.map(|(place, row)| {
        let mut text = String::new();
        match table {
            // The service tells nothing else of a card.
            "cards" => Json::Object(vec![(
                "referenceToken".to_owned(),
                Json::Text(row.text("referenceToken").to_owned()),
            )])
            .write(&service.style(place, true), &mut text),
            _ => row.value.write(&service.style(place, true), &mut text),
        }
        text
    });
    Ok(written.collect())
}

/// Version 1: `[{"activity": {"encodedKey": "...", "timestamp": "2026-03-01T10:00:00+0100", ...}}, ...]`
pub(super) async fn activities(
    State(service): State<Arc<Service>>,
    Parameters(query): Parameters<Query>,
) -> Result<Response, Problem> {
    let page = Page::of(&service, &query)?;
    let day = |name: &str| {
        let day: Option<Date> = query.get(name).and_then(|text| text.parse().ok());
        day.ok_or_else(|| Problem::parameters(name))
    };
    let (from, to) = (day("from")?, day("to")?);
    let tenant = service.tenant();
    let rows = tenant.tables["activities"].rows.iter();
    let local = |row: &&Row| match row.value.get("timestamp") {
        Some(Json::Time(time)) => (from..=to).contains(&time.to_zoned(service.zone.clone()).date()),
        _ => false,
    };
    // The newest first.
    let mut rows: Vec<_> = rows.filter(local).collect();
    rows.sort_by(|a, b| crate::mambu::search::compare(b, a, "timestamp"));
    let style = Style { first_version: true, ..service.style(0, true) };
    let written = page.of_rows(&rows).iter().map(|row| {
        let mut text = String::from("{\"activity\":");
        row.value.write(&style, &mut text);
        text + "}"
    });
    Ok(json(format!("[{}]", written.collect::<Vec<_>>().join(","))))
}

/// `{"timeZoneID": "Europe/Berlin", ...}`
pub(super) async fn organization(State(service): State<Arc<Service>>) -> Response {
    let zone = &service.options.zone;
    let body =
        serde_json::json!({"name": "Acme Bank", "timeZoneID": zone, "currency": {"code": "EUR"}});
    json(body.to_string())
}

/// Audit trail: `{"events": [...], "hasMore": true, "nextStartTime": "2026-02-01T00:00:00Z"}`.
pub(super) async fn events(
    State(service): State<Arc<Service>>,
    Parameters(query): Parameters<Query>,
) -> Result<Response, Problem> {
    /// Source: "Audit trail": default and maximum of events in one answer.
    const SIZE: usize = 10_000;
    const SIZE_MAX: usize = 50_000;
    let number = |name: &str, default: usize| {
        let wrong = |_| Problem::parameters(name);
        query.get(name).map_or(Ok(default), |text| text.parse::<usize>().map_err(wrong))
    };
    let size = number("size", SIZE)?;
    if !(1..=SIZE_MAX).contains(&size) {
        return Err(Problem::parameters("size"));
    }
    let start = number("from", 0)?;
    let time = |name: &str| {
        let wrong = |_| Problem::parameters(name);
        query.get(name).map(|text| text.parse::<jiff::Timestamp>().map_err(wrong)).transpose()
    };
    let (from, to) = (time("occurred_at[gte]")?, time("occurred_at[lte]")?);
    let tenant = service.tenant();
    let occurred = |row: &Row| match row.value.get("occurred_at") {
        Some(Json::Time(time)) => *time,
        _ => jiff::Timestamp::MIN,
    };
    let mut rows: Vec<_> = tenant.tables["audit_trail"].rows.iter().collect();
    rows.retain(|row| {
        let at = occurred(row);
        from.is_none_or(|from| from <= at) && to.is_none_or(|to| at <= to)
    });
    rows.sort_by_key(|row| occurred(row));
    let start = start.min(rows.len());
    let end = start.saturating_add(size.min(service.options.events_max)).min(rows.len());
    // Events have UTC times, whatever the tenant's zone.
    let zone = jiff::tz::TimeZone::UTC;
    let style = Style { zone: &zone, money_as_text: false, full: true, first_version: false };
    let written = rows[start..end].iter().map(|row| {
        let mut text = String::new();
        row.value.write(&style, &mut text);
        text
    });
    let events = written.collect::<Vec<_>>().join(",");
    let next = rows.get(end).map(|row| occurred(row).to_string());
    let rest = match next {
        Some(next) => format!("\"hasMore\":true,\"nextStartTime\":\"{next}\""),
        None => "\"hasMore\":false".to_owned(),
    };
    Ok(json(format!("{{\"events\":[{events}],{rest}}}")))
}
