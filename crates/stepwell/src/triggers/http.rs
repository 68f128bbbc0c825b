//! `POST PATH` starts an execution with the body as its input.
//!
//! ```text
//! 202 {"executionArn":"arn:..."}    it goes on
//! 400 {"error":"ValidationError","field":"StreamID","message":"`StreamID`: it is missing"}
//! 401 no or another token    403 a page in a browser, where there is no token
//! 409 the same `Idempotency-Key` with another input
//! 413 too large              415 the body is not `application/json`, which also keeps out forms of web pages
//! ```
//!
//! With the header `Idempotency-Key` a repeat starts nothing new and is answered with the execution of the first time.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request, State};
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
use stepwell_sfn_api::is_of_a_page;

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

/// The body is read last: nobody without a right to it makes the server read it.
async fn start(State(route): State<Arc<Route>>, request: Request) -> Response {
    if let Err(response) = admit(&route, request.headers()) {
        return *response;
    }
    let name = match execution_name(&route, request.headers()) {
        Ok(name) => name,
        Err(error) => return invalid(&error),
    };
    let body = match Bytes::from_request(request, &()).await {
        Ok(body) => body,
        Err(rejection) => return rejection.into_response(),
    };
    match read(&route.target, &body) {
        Ok(input) => answer(route.target.start(&route.engine, &input, name).await),
        Err(error) => invalid(&error),
    }
}

/// Whether a request is heard at all. Without a token the server hears whoever reaches it, but not pages in browsers: one
/// that has bound a name of its own to this address asks from the same origin.
fn admit(route: &Route, headers: &HeaderMap) -> Result<(), Box<Response>> {
    let refuse = |status, error, message| Err(Box::new(refused(status, error, message)));
    match &route.token {
        Some(token) if !is_authorised(headers, token.expose_secret()) => {
            let message = "the token is missing or wrong";
            return refuse(StatusCode::UNAUTHORIZED, "Unauthorized", message);
        }
        None if is_of_a_page(headers) => {
            let message = "requests of web pages, and to names other than `localhost` and addresses, need a trigger with a `token`";
            return refuse(StatusCode::FORBIDDEN, "Forbidden", message);
        }
        Some(_) | None => {}
    }
    if !is_json(headers) {
        let message = "the header `Content-Type` is not `application/json`";
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message);
    }
    Ok(())
}

fn execution_name(route: &Route, headers: &HeaderMap) -> Result<Option<String>, InvalidInput> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| !key.trim().is_empty());
    let key = key.ok_or_else(|| {
        InvalidInput::new("Idempotency-Key", "it is empty, or not of visible ASCII characters")
    })?;
    Ok(Some(name_of("http", &[&route.name, key])))
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
