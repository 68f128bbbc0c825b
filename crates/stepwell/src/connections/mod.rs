//! The connections of `stepwell serve`: how many there may be, and how long a client may keep one waiting.
//!
//! Not `axum::serve`, which takes every connection and waits for its client for ever: then files run out, and with them what
//! executions need. Here the connection that has waited longest for its client makes room for a new one. One whose request is
//! being worked on is left alone, however long that takes.

mod patience;

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use self::patience::{Download, Upload, Waiting, Watched};

/// Files that this process asks the system for, if it may have so many.
const FILES_WANTED: u64 = 65_536;

/// How long a connection waits for its client: for the head of a request, for more of its body, for the answer to be read.
const WAITS_MAX: Duration = Duration::from_secs(30);

/// Bytes of a head, and of a body that is not yet wanted.
const BUFFER_BYTES_MAX: usize = 64 << 10;

/// How long every connection may wait for its client before it can be made to go; after as long a full house is looked over again, and
/// the next connection is accepted after a failure.
const PAUSE: Duration = Duration::from_millis(100);

/// How many connections there may be if `wanted` are: half of the files that this process can open, the other half being for
/// the store and for functions.
pub(crate) fn most(wanted: usize) -> usize {
    let files = rlimit::increase_nofile_limit(FILES_WANTED).unwrap_or(FILES_WANTED);
    let possible = usize::try_from(files / 2).unwrap_or(usize::MAX);
    if possible < wanted {
        info!(wanted, possible, "fewer connections than wanted: the limit is {files} open files");
    }
    wanted.min(possible)
}

/// Serves until it is stopped and every request that was under way is answered.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Router,
    most: usize,
    stop: CancellationToken,
) {
    let open = Arc::new(Open::new(most));
    let tasks = TaskTracker::new();
    let accepting = async {
        loop {
            let stream = accept(&listener).await;
            let place = open.place().await;
            let connection = open.enter(place);
            tasks.spawn(connection.serve(stream, routes.clone(), stop.clone()));
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stop.cancelled() => {}
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are written as a whole: nothing is gained by waiting for more.
                if let Err(error) = stream.set_nodelay(true) {
                    debug!(%error, "a connection keeps Nagle's algorithm");
                }
                return stream;
            }
            Err(error) => {
                warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The connections that are open.
struct Open {
    places: Arc<Semaphore>,
    connections: Mutex<HashMap<u64, Arc<Turn>>>,
    entered: AtomicU64,
}

/// Whose turn it is on a connection, and whether it must make room.
struct Turn {
    waiting: Waiting,
    is_asked: AtomicBool,
    asks: Notify,
}

impl Open {
    fn new(most: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(most)),
            connections: Mutex::default(),
            entered: AtomicU64::new(0),
        }
    }

    /// A place for one more, taken from the one that has waited longest for its client if there is none.
    async fn place(&self) -> OwnedSemaphorePermit {
        loop {
            let place = Arc::clone(&self.places).acquire_owned();
            if self.places.available_permits() == 0 {
                self.make_room();
            }
            if let Ok(place) = tokio::time::timeout(PAUSE, place).await {
                return place.expect("places are never closed");
            }
        }
    }

    fn make_room(&self) {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let since = |turn: &Arc<Turn>| Some((turn.waiting.since()?, Arc::clone(turn)));
        let longest = connections
            .values()
            .filter(|turn| !turn.is_asked.load(Ordering::Relaxed))
            .filter_map(since)
            .min_by_key(|(since, _)| *since);
        if let Some((since, turn)) = longest
            && since.elapsed() >= PAUSE
        {
            turn.is_asked.store(true, Ordering::Relaxed);
            turn.asks.notify_one();
        }
    }

    fn enter(self: &Arc<Self>, place: OwnedSemaphorePermit) -> Connection {
        let number = self.entered.fetch_add(1, Ordering::Relaxed);
        let turn = Arc::new(Turn {
            waiting: Waiting::begun(),
            is_asked: AtomicBool::new(false),
            asks: Notify::new(),
        });
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.insert(number, Arc::clone(&turn));
        Connection { open: Arc::clone(self), number, turn, _place: place }
    }
}

/// One of them, from its place to its end.
struct Connection {
    open: Arc<Open>,
    number: u64,
    turn: Arc<Turn>,
    _place: OwnedSemaphorePermit,
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut connections = self.open.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.remove(&self.number);
    }
}

impl Connection {
    async fn serve(self, stream: TcpStream, routes: Router, stop: CancellationToken) {
        let turn = &self.turn;
        let service =
            service_fn(async |request| Ok::<_, Infallible>(respond(&routes, turn, request).await));
        let mut builder = http1::Builder::new();
        builder.max_buf_size(BUFFER_BYTES_MAX);
        let stream = Watched::new(stream, Arc::clone(turn));
        let mut http = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let mut overdue = pin!(turn.waiting.longer_than(WAITS_MAX));
        let mut stopped = pin!(stop.cancelled());
        let mut is_stopping = false;
        loop {
            tokio::select! {
                ended = http.as_mut() => {
                    if let Err(error) = ended {
                        debug!(%error, "a connection ended early");
                    }
                    return;
                }
                () = overdue.as_mut() => return,
                () = turn.asks.notified() => {
                    if turn.waiting.since().is_some() {
                        return;
                    }
                    // A request has come in the meantime.
                    turn.is_asked.store(false, Ordering::Relaxed);
                }
                () = stopped.as_mut(), if !is_stopping => {
                    is_stopping = true;
                    http.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

async fn respond(
    routes: &Router,
    turn: &Arc<Turn>,
    request: Request<Incoming>,
) -> Response<Download> {
    turn.waiting.end();
    let request = request.map(|body| Body::new(Upload::new(body, Arc::clone(turn))));
    let routes = TowerToHyperService::new(routes.clone());
    let response = match routes.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    response.map(|body| Download::new(body, Arc::clone(turn)))
}
