//! `POST /oauth/v2/token`: client credentials for an access token.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::http::{Refused, basic_credentials};
use crate::starburst::service::Service;

/// `{"access_token": "...", "token_type": "Bearer", "expires_in": 600}`
///
/// # Errors
/// As in RFC 6749, section 5.2: 401 `invalid_client`, 400 `unsupported_grant_type`.
pub(super) async fn issue(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: String,
) -> Result<Json<Value>, Refused> {
    let options = &service.options;
    let expected = (options.client_id.clone(), options.client_secret.clone());
    if basic_credentials(&headers) != Some(expected) {
        return Err(refuse(StatusCode::UNAUTHORIZED, "invalid_client").into());
    }
    let mut form = form_urlencoded::parse(body.as_bytes());
    if !form.any(|(name, value)| name == "grant_type" && value == "client_credentials") {
        return Err(refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type").into());
    }
    Ok(Json(json!({
        "access_token": service.issue_token(),
        "token_type": "Bearer",
        "expires_in": options.token_lifetime.as_secs(),
    })))
}

fn refuse(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({"error": error}))).into_response()
}
