//! The one port of `stepwell serve`: the Step Functions API, functions, the embedded services, health, metrics, and
//! executions that commands hand over.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use ring::hmac;
use serde_json::json;
use stepwell_engine::{Handle, Stats};
use stepwell_integrations::authentication::{self, Keys};
use stepwell_integrations::http::{self, Front};
use stepwell_integrations::patience;
use stepwell_integrations::service::Service;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::client::{Ask, AskRedrive, REDRIVE_PATH, RUN_PATH, Told};
use crate::failure::{Exit, Failure, Outcome};
use crate::functions::Processes;
use crate::progress::Hub;
use crate::runs;
use crate::wiring::Machine;

/// Between two signs of life to a command that follows.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// Messages on the way to a command that follows. Short: a slow one holds up nobody else.
const TOLD_MAX: usize = 16;

/// What the routes need.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) engine: Handle,
    pub(crate) processes: Processes,
    /// Whose signatures count, where requests must be signed.
    pub(crate) keys: Option<Keys>,
    /// Those that answer AWS's own protocols here.
    pub(crate) services: Arc<[Arc<dyn Service>]>,
    pub(crate) machines: Arc<[Machine]>,
    pub(crate) hub: Hub,
    pub(crate) metrics: PrometheusHandle,
    /// Who knows it can read the project's files, and may hand over executions.
    pub(crate) token: Arc<str>,
    /// Ends what would otherwise be open for ever.
    pub(crate) stop: CancellationToken,
}

impl Server {
    /// All routes, with those that start executions. With keys, what AWS has is for those alone who sign; triggers and commands
    /// have tokens of their own, and `/healthz` tells how many executions run.
    pub(crate) fn router(self, triggers: Router) -> Router {
        let services = Arc::clone(&self.services);
        let front = Front { services, is_refused: stepwell_sfn_api::is_of_a_page };
        let api = stepwell_sfn_api::router(self.engine.clone());
        let lambda = self.processes.get().map(stepwell_runner::Runner::router).unwrap_or_default();
        let lambda = lambda.layer(middleware::from_fn(refuse_pages));
        let guarded = Router::new()
            .route("/metrics", get(metrics))
            .with_state(self.clone())
            .merge(api)
            .merge(lambda);
        let guarded = http::router(front, guarded);
        let guarded = match self.keys.clone() {
            Some(keys) => authentication::router(keys, guarded),
            None => guarded,
        };
        let all = Router::new()
            .route("/healthz", get(health))
            .route(RUN_PATH, post(run))
            .route(REDRIVE_PATH, post(redrive))
            .with_state(self)
            .merge(triggers)
            .fallback_service(guarded);
        patience::router(all)
    }
}

/// A page in a browser must not run functions on the machine of whoever looks at it.
async fn refuse_pages(request: Request, next: Next) -> Response {
    if stepwell_sfn_api::is_of_a_page(request.headers()) {
        let body = json!({ "Message": "requests of web pages are not served" });
        let code = [("x-amzn-errortype", "AccessDeniedException")];
        return (StatusCode::FORBIDDEN, code, Json(body)).into_response();
    }
    next.run(request).await
}

/// `{"status":"ok","running":3}`
async fn health(State(server): State<Server>) -> Response {
    let stats = server.engine.stats();
    if server.stop.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "stopping" })))
            .into_response();
    }
    Json(json!({ "status": "ok", "running": stats.running_executions })).into_response()
}

async fn metrics(State(server): State<Server>) -> Response {
    record(&server.engine.stats());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], server.metrics.render()).into_response()
}

fn record(stats: &Stats) {
    metrics::gauge!("stepwell_executions_running").set(stats.running_executions as f64);
    metrics::gauge!("stepwell_tasks_in_flight").set(stats.tasks_in_flight as f64);
    metrics::gauge!("stepwell_tasks_waiting").set(stats.tasks_waiting as f64);
    metrics::counter!("stepwell_commits_total").absolute(stats.commits);
    metrics::counter!("stepwell_journal_entries_total").absolute(stats.entries);
    metrics::counter!("stepwell_executions_ended_total").absolute(stats.ended_executions);
}

/// Runs what a command hands over and tells it line by line. The execution goes on if the command goes away.
async fn run(State(server): State<Server>, headers: HeaderMap, body: Bytes) -> Response {
    if !is_authorised(&headers, &server.token) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Ok(ask) = serde_json::from_slice::<Ask>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let (tx, rx) = mpsc::channel(TOLD_MAX);
    tokio::spawn(async move { serve_run(&server, ask, &tx).await });
    let lines = futures_util::stream::unfold(rx, async |mut rx| {
        let told: Told = rx.recv().await?;
        let line = serde_json::to_string(&told).expect("messages are plain data") + "\n";
        Some((Ok::<_, Infallible>(line), rx))
    });
    ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

/// Redrives what a command asks for.
async fn redrive(State(server): State<Server>, headers: HeaderMap, body: Bytes) -> Response {
    if !is_authorised(&headers, &server.token) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Ok(ask) = serde_json::from_slice::<AskRedrive>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match server.engine.redrive_execution(ask.into()).await {
        Ok(_) => StatusCode::OK.into_response(),
        Err(error) => {
            let told = Failure::from(error).told_to_client();
            (StatusCode::CONFLICT, Json(told)).into_response()
        }
    }
}

/// Whether the request has this token.
pub(crate) fn is_authorised(headers: &HeaderMap, token: &str) -> bool {
    let given =
        headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    // Comparing tags instead of texts takes the same time wherever they differ.
    let key = hmac::Key::new(hmac::HMAC_SHA256, token.as_bytes());
    let expected = hmac::sign(&key, token.as_bytes());
    given.is_some_and(|given| hmac::verify(&key, given, expected.as_ref()).is_ok())
}

async fn serve_run(server: &Server, ask: Ask, tx: &mpsc::Sender<Told>) {
    let progress = server.hub.follow();
    let begun = match begin(server, ask).await {
        Ok(begun) => begun,
        Err(failure) => {
            let _ = tx.send(failure.told_to_client()).await;
            return;
        }
    };
    let _ = tx.send(Told::Begun { arn: begun.arn.clone(), resumed: begun.resumed }).await;
    // A follower that cannot keep up misses progress, never the end.
    let followed = runs::follow(&server.engine, &begun.arn, progress, |step| {
        let _ = tx.try_send(Told::Progress(step));
    });
    let last = tokio::select! {
        ended = followed => match ended {
            Ok(execution) => Told::Ended { execution: Box::new(execution) },
            Err(failure) => failure.told_to_client(),
        },
        () = signs_of_life(tx) => return,
        () = server.stop.cancelled() => return,
    };
    let _ = tx.send(last).await;
}

async fn begin(server: &Server, ask: Ask) -> Outcome<runs::Begun> {
    let known = server.machines.iter().find(|machine| machine.name == ask.name);
    let machine = match (ask.definition, known) {
        (None, Some(machine)) => machine.clone(),
        (Some(definition), Some(machine)) if definition == machine.definition => machine.clone(),
        (None, None) => {
            let message = format!("the server does not know `{}`", ask.name);
            return Err(Failure::message(Exit::Refused, message)
                .hint("restart it, so that it reads the configuration again"));
        }
        (Some(_), Some(_)) => {
            let message = format!(
                "`{}` is a state machine of the project and has another definition in the server",
                ask.name
            );
            return Err(Failure::message(Exit::Refused, message)
                .hint("restart the server, so that it reads the file again"));
        }
        (Some(definition), None) => Machine::given(ask.name, definition),
    };
    runs::begin(&server.engine, &machine, ask.input.as_deref()).await
}

/// Returns once nobody listens any more.
async fn signs_of_life(tx: &mpsc::Sender<Told>) {
    loop {
        tokio::time::sleep(ALIVE_EVERY).await;
        if tx.send(Told::Alive).await.is_err() {
            return;
        }
    }
}
