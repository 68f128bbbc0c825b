//! The socket: accepts connections and hands their requests to the router.
//!
//! Not `axum::serve`, since a fault may ask for a connection to close without an answer.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::CloseConnection;
use crate::clock::Clock;

/// How long nothing is accepted after a failure.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until it is dropped; open connections close with it.
pub(crate) async fn serve(listener: TcpListener, router: Router, clock: Arc<Clock>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small and written as a whole: nothing is gained by waiting for more.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection keeps Nagle's algorithm");
                }
                connections.spawn(serve_connection(stream, router.clone(), Arc::clone(&clock)));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                // Out of files, most likely; others need a moment to close theirs.
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve_connection(stream: TcpStream, router: Router, clock: Arc<Clock>) {
    let answer = service_fn(async |request: hyper::Request<Incoming>| {
        let mut response = respond(router.clone(), request.map(Body::new)).await?;
        // Clients reckon ages by the service's clock, so it must be the one that can be moved.
        response.headers_mut().insert(header::DATE, clock.http_date());
        Ok::<_, io::Error>(response)
    });
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn respond(router: Router, request: Request) -> io::Result<Response> {
    let response = match TowerToHyperService::new(router).call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if response.extensions().get::<CloseConnection>().is_some() {
        return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "closed on request"));
    }
    Ok(response)
}
