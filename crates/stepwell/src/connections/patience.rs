//! Whose turn it is: the server's, or the client's, and then since when.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until};

use super::Turn;

/// In place of an instant: nobody waits for the client.
const NOT_WAITING: u64 = u64::MAX;

/// Since when a connection waits for its client.
pub(super) struct Waiting {
    opened: Instant,
    /// Milliseconds after `opened`.
    since: AtomicU64,
}

impl Waiting {
    /// A connection was made: its client has to ask.
    pub(super) fn begun() -> Self {
        Self { opened: Instant::now(), since: AtomicU64::new(0) }
    }

    pub(super) fn since(&self) -> Option<Instant> {
        let since = self.since.load(Ordering::Relaxed);
        (since != NOT_WAITING).then(|| self.opened + Duration::from_millis(since))
    }

    /// It is the server's turn.
    pub(super) fn end(&self) {
        self.since.store(NOT_WAITING, Ordering::Relaxed);
    }

    /// It is the client's turn from now on, whatever was before.
    fn begin(&self) {
        self.since.store(self.now(), Ordering::Relaxed);
    }

    /// It is the client's turn, from now on if it was not already.
    fn go_on(&self) {
        let (from, to) = (NOT_WAITING, self.now());
        let _ = self.since.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The client took something: if it was its turn, it is from now on.
    fn renew(&self) {
        let renewed = |since| (since != NOT_WAITING).then(|| self.now());
        let _ = self.since.fetch_update(Ordering::Relaxed, Ordering::Relaxed, renewed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(NOT_WAITING - 1)
    }

    /// Returns once the client has kept the connection waiting for so long at a stretch.
    pub(super) async fn longer_than(&self, most: Duration) {
        loop {
            match self.since() {
                Some(since) if since.elapsed() >= most => return,
                Some(since) => sleep_until(since + most).await,
                None => sleep(most).await,
            }
        }
    }
}

/// The stream of a connection: an answer that was handed over as a whole is taken piece by piece.
pub(super) struct Watched {
    stream: TcpStream,
    turn: Arc<Turn>,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, turn: Arc<Turn>) -> Self {
        Self { stream, turn }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if written.is_ready() {
            self.turn.waiting.renew();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        if written.is_ready() {
            self.turn.waiting.renew();
        }
        written
    }
}

/// The body of a request: while nothing of it comes, the connection waits.
pub(super) struct Upload {
    body: Incoming,
    turn: Arc<Turn>,
}

impl Upload {
    pub(super) fn new(body: Incoming, turn: Arc<Turn>) -> Self {
        Self { body, turn }
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_pending() {
            self.turn.waiting.go_on();
        } else {
            self.turn.waiting.end();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer: what was taken from it waits until the client reads it, since more is only asked for then.
pub(super) struct Download {
    body: Body,
    turn: Arc<Turn>,
}

impl Download {
    pub(super) fn new(body: Body, turn: Arc<Turn>) -> Self {
        Self { body, turn }
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        self.turn.waiting.begin();
    }
}

impl HttpBody for Download {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_pending() {
            self.turn.waiting.end();
        } else {
            self.turn.waiting.begin();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
