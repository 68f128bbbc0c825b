//! `GET /api/events`: the feed.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::time::timeout;

use crate::dmm::UnknownCursor;
use crate::dmm::problem::Problem;
use crate::dmm::service::Service;

/// How long an answer is held back for want of events, if that is asked for.
const LONG_POLL: Duration = Duration::from_secs(5);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parameters {
    last_event_id: Option<String>,
    #[serde(default)]
    long_polling: bool,
}

pub(super) async fn read(
    State(service): State<Arc<Service>>,
    Query(wanted): Query<Parameters>,
) -> Result<Response, Problem> {
    // Listens before it looks, or what comes in between would be missed.
    let changed = service.changed.notified();
    let mut events = after(&service, wanted.last_event_id.as_deref())?;
    if wanted.long_polling && events == "[]" {
        // Whether something came or time passed, the next look tells.
        let _ = timeout(LONG_POLL, changed).await;
        events = after(&service, wanted.last_event_id.as_deref())?;
    }
    let kind = [(header::CONTENT_TYPE, "application/cloudevents-batch+json")];
    Ok((kind, events).into_response())
}

/// A JSON array.
fn after(service: &Service, last: Option<&str>) -> Result<String, Problem> {
    let organization = service.organization();
    let page = organization.feed.after(last);
    let page = match (page, service.switches().unknown_cursor) {
        (Some(page), _) => page,
        (None, UnknownCursor::Replay) => organization.feed.after(None).unwrap_or_default(),
        (None, UnknownCursor::Empty) => Vec::new(),
        (None, UnknownCursor::BadRequest) => return Err(unknown(StatusCode::BAD_REQUEST)),
        (None, UnknownCursor::NotFound) => return Err(unknown(StatusCode::NOT_FOUND)),
    };
    Ok(serde_json::to_string(&page).expect("JSON values are JSON"))
}

fn unknown(status: StatusCode) -> Problem {
    Problem::new(status, "lastEventId is not the id of a known event")
}
