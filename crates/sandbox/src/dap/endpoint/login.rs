//! `POST /ids/auth/login`: client credentials for an access token.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::{Endpoint, Refused, meet};
use crate::dap::error::ApiError;
use crate::dap::service::Service;
use crate::http::basic_credentials;

pub(super) async fn login(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: String,
) -> Result<Json<Value>, Refused> {
    meet(&service, Endpoint::Login, None)?;
    Ok(grant(&service, &headers, &body)?)
}

fn grant(service: &Service, headers: &HeaderMap, body: &str) -> Result<Json<Value>, ApiError> {
    let (client_id, client_secret) =
        basic_credentials(headers).ok_or_else(|| forbidden("missing authentication"))?;
    if !is_client_credentials(headers, body) {
        let message = "grant_type=client_credentials is expected as a form";
        return Err(ApiError::Login { status: StatusCode::BAD_REQUEST, message });
    }
    if client_id != service.client_id || client_secret != service.client_secret {
        return Err(forbidden("invalid authentication"));
    }
    let token = service.tokens.issue(&client_id, service.clock.now_seconds());
    Ok(Json(json!({
        "access_token": token,
        "expires_in": service.tokens.lifetime.as_secs(),
        "scope": "dap:read",
        "token_type": "Bearer",
    })))
}

fn forbidden(message: &'static str) -> ApiError {
    ApiError::Login { status: StatusCode::FORBIDDEN, message }
}

fn is_client_credentials(headers: &HeaderMap, body: &str) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_form =
        content_type.is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
    is_form && body.split('&').any(|pair| pair == "grant_type=client_credentials")
}
