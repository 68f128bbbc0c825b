//! Refusals of SEP. The shape of its error bodies is not documented; clients must get along with the status.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::http::Refused;

pub(super) fn refuse(status: StatusCode, message: &str) -> Refused {
    (status, Json(json!({"message": message}))).into_response().into()
}

pub(super) fn unauthorized() -> Refused {
    let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"Starburst Enterprise\"")];
    let response: Response = (StatusCode::UNAUTHORIZED, challenge, "Unauthorized").into_response();
    response.into()
}

pub(super) fn not_found(what: &str, id: &str) -> Refused {
    refuse(StatusCode::NOT_FOUND, &format!("{what} {id} not found"))
}
