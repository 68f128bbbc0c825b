//! What a process writes: the log of its function, and the tail of the invocation.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::logs::{Log, Tail};

/// How long the last words of a process are waited for.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// The output of one process.
pub(crate) struct Output {
    sink: Sink,
    readers: Vec<Reader>,
}

/// Where it goes.
#[derive(Clone)]
struct Sink {
    log: Arc<Log>,
    tail: Arc<Mutex<Tail>>,
}

/// Reads a stream to its end.
struct Reader {
    task: AbortOnDropHandle<()>,
    /// Asks it to tell when it has read all that is there now.
    asked: mpsc::Sender<oneshot::Sender<()>>,
}

impl Output {
    /// Reads the streams of a process from now on.
    pub(crate) fn of(child: &mut Child, log: Arc<Log>) -> Self {
        let sink = Sink { log, tail: Arc::default() };
        let readers = [
            child.stdout.take().map(|it| Reader::of(it, sink.clone())),
            child.stderr.take().map(|it| Reader::of(it, sink.clone())),
        ];
        Self { sink, readers: readers.into_iter().flatten().collect() }
    }

    /// A new invocation begins.
    pub(crate) fn begin(&self) {
        *self.sink.tail() = Tail::default();
    }

    /// One of the lines that frame an invocation; they are there whatever it wrote.
    pub(crate) fn say(&self, line: &str) {
        self.sink.write(line.as_bytes(), true);
    }

    /// Bytes that were beyond the share of the invocation.
    pub(crate) fn dropped(&self) -> usize {
        self.sink.tail().dropped()
    }

    pub(crate) fn take_tail(&self) -> Vec<u8> {
        std::mem::take(&mut *self.sink.tail()).into_bytes()
    }

    /// Returns once all is read that the process wrote until now; to the end if it has exited.
    pub(crate) async fn last_words(&mut self, has_exited: bool) {
        for reader in &mut self.readers {
            let words = async {
                if has_exited {
                    let _ = (&mut reader.task).await;
                } else {
                    reader.drain().await;
                }
            };
            // A child may hold the stream open, or write without end.
            let _ = timeout(LAST_WORDS, words).await;
        }
    }
}

impl Sink {
    fn tail(&self) -> std::sync::MutexGuard<'_, Tail> {
        self.tail.lock().expect("no holder of the lock panics")
    }

    fn write(&self, piece: &[u8], is_ours: bool) {
        let mut tail = self.tail();
        let share = tail.take(piece);
        self.log.write(if is_ours { piece } else { share }, Timestamp::now());
    }
}

impl Reader {
    fn of(stream: impl AsyncRead + Unpin + Send + 'static, sink: Sink) -> Self {
        let (asked, asks) = mpsc::channel(1);
        Self { task: AbortOnDropHandle::new(tokio::spawn(read(stream, sink, asks))), asked }
    }

    async fn drain(&self) {
        let (tell, told) = oneshot::channel();
        if self.asked.send(tell).await.is_ok() {
            let _ = told.await;
        }
    }
}

async fn read(
    mut stream: impl AsyncRead + Unpin,
    sink: Sink,
    mut asks: mpsc::Receiver<oneshot::Sender<()>>,
) {
    let mut piece = vec![0; 16 << 10];
    loop {
        tokio::select! {
            // Only when nothing is there to read is it time to say so.
            biased;
            length = stream.read(&mut piece) => match length {
                Ok(length @ 1..) => sink.write(&piece[..length], false),
                _ => return,
            },
            Some(tell) = asks.recv() => drop(tell.send(())),
        }
    }
}
