//! `POST PATH` starts an execution with the body as its input.
//!
//! ```text
//! 202 {"executionArn":"arn:..."}    it goes on
//! 400 {"error":"ValidationError","field":"StreamID","message":"`StreamID`: it is missing"}
//! 401 no or another token    409 the same `Idempotency-Key` with another input
//! 413 too large              415 the body is not `application/json`, which also keeps out forms of web pages
//! ```
//!
//! With the header `Idempotency-Key` a repeat starts nothing new and is answered with the execution of the first time.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use stepwell_engine::Handle;
use stepwell_pipeline::secret::Secrets;
use stepwell_pipeline::settings::InvalidInput;

use super::{Start, Target, name_of};
use crate::config::Triggers;
use crate::failure::{Exit, Failure, Outcome};
use crate::server::is_authorised;
use crate::wiring::Machine;

/// A repeat with the same value starts nothing new.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// One route.
struct Route {
    name: String,
    target: Target,
    token: Option<SecretString>,
    engine: Handle,
}

/// The routes of all triggers. Their tokens are looked up now: a wrong one is found before the first request.
pub(crate) async fn router(
    triggers: &Triggers,
    engine: &Handle,
    published: &[(Machine, String)],
    secrets: &dyn Secrets,
) -> Outcome<Router> {
    let mut router = Router::new();
    for (name, trigger) in &triggers.http {
        let token = match &trigger.token {
            Some(token) => Some(token.reveal(secrets).await.map_err(|error| {
                Failure::new(Exit::Usage, error.within(&format!("triggers.http.{name}")))
            })?),
            None => None,
        };
        let route = Route {
            name: name.clone(),
            target: Target::new(&trigger.state_machine, &trigger.fields, published),
            token,
            engine: engine.clone(),
        };
        let method = post(start)
            .layer(DefaultBodyLimit::max(trigger.max_body_bytes))
            .with_state(Arc::new(route));
        router = router.route(&trigger.path, method);
    }
    Ok(router)
}

async fn start(State(route): State<Arc<Route>>, headers: HeaderMap, body: Bytes) -> Response {
    if route.token.as_ref().is_some_and(|it| !is_authorised(&headers, it.expose_secret())) {
        return refused(StatusCode::UNAUTHORIZED, "Unauthorized", "the token is missing or wrong");
    }
    if !is_json(&headers) {
        let message = "the header `Content-Type` is not `application/json`";
        return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message);
    }
    let input = match read(&route.target, &body) {
        Ok(input) => input,
        Err(error) => return invalid(&error),
    };
    let key = headers.get(IDEMPOTENCY_KEY).and_then(|value| value.to_str().ok());
    let name = key.map(|key| name_of("http", &[&route.name, key]));
    answer(route.target.start(&route.engine, &input, name).await)
}

fn read(target: &Target, body: &[u8]) -> Result<Value, InvalidInput> {
    let input = serde_json::from_slice(body)
        .map_err(|error| InvalidInput::new("", format!("the body is not JSON: {error}")))?;
    target.check(&input)?;
    Ok(input)
}

fn is_json(headers: &HeaderMap) -> bool {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = given.and_then(|it| it.split(';').next()).unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json")
}

fn answer(started: Result<Start, stepwell_engine::Error>) -> Response {
    use stepwell_engine::Error;
    match started {
        Ok(Start::Started { arn }) => {
            (StatusCode::ACCEPTED, Json(json!({ "executionArn": arn }))).into_response()
        }
        Ok(Start::Conflict { arn }) => {
            let message =
                format!("`{arn}` was started with this `Idempotency-Key` and another input");
            refused(StatusCode::CONFLICT, "ExecutionAlreadyExists", &message)
        }
        Err(error @ (Error::InvalidExecutionInput { .. } | Error::TooLong { .. })) => {
            invalid(&InvalidInput::new("", error.to_string()))
        }
        Err(error) => {
            refused(StatusCode::SERVICE_UNAVAILABLE, error.aws_name(), &error.to_string())
        }
    }
}

fn invalid(error: &InvalidInput) -> Response {
    let field = (!error.field.is_empty()).then_some(&error.field);
    let body = json!({"error": "ValidationError", "field": field, "message": error.to_string()});
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

fn refused(status: StatusCode, error: &str, message: &str) -> Response {
    (status, Json(json!({ "error": error, "message": message }))).into_response()
}
