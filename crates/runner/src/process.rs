//! One process of a function: its life, its invocations one after the other, its log.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::function::Function;
use crate::invocation::{Invocation, Invoked, Reply};
use crate::logs::{Log, Tail};
use crate::runtime_api::{Event, Session};
use crate::usage;

/// What Lambda gives a process to come up; what it needs longer counts as time of its first invocation.
const INIT_MAX: Duration = Duration::from_secs(10);
/// Between two looks at the memory of a process that works.
const MEMORY_EVERY: Duration = Duration::from_millis(50);
/// How long the last words of a process are waited for.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// A process that is there for invocations. It ends, with all that it started, when this is dropped.
pub(crate) struct Process {
    pub(crate) function: Arc<Function>,
    pub(crate) idle_since: Instant,
    arn: String,
    session: Arc<Session>,
    _api: AbortOnDropHandle<()>,
    pid: u32,
    exited: watch::Receiver<Option<ExitStatus>>,
    log: Arc<Log>,
    tail: Arc<Mutex<Tail>>,
    readers: Vec<AbortOnDropHandle<()>>,
    started: Instant,
    /// How long it took to come up; nothing once that was told.
    init: Option<Duration>,
    is_initialised: bool,
    /// Cancelled when it must end.
    ended: CancellationToken,
    _private: Option<TempDir>,
}

/// What a process is made of.
pub(crate) struct Started {
    pub(crate) function: Arc<Function>,
    pub(crate) arn: String,
    pub(crate) session: Arc<Session>,
    pub(crate) api: AbortOnDropHandle<()>,
    pub(crate) child: Child,
    pub(crate) log: Arc<Log>,
    pub(crate) private: Option<TempDir>,
}

impl Process {
    /// Takes a process into care.
    pub(crate) fn of(started: Started) -> Self {
        let Started { function, arn, session, api, mut child, log, private } = started;
        let tail = Arc::new(Mutex::new(Tail::default()));
        let pid = child.id().unwrap_or_default();
        let readers = [
            child.stdout.take().map(|it| reader(it, Arc::clone(&log), Arc::clone(&tail))),
            child.stderr.take().map(|it| reader(it, Arc::clone(&log), Arc::clone(&tail))),
        ];
        let (tell, exited) = watch::channel(None);
        let ended = CancellationToken::new();
        tokio::spawn(care(child, ended.clone(), tell));
        Self {
            function,
            idle_since: Instant::now(),
            arn,
            session,
            _api: api,
            pid,
            exited,
            log,
            tail,
            readers: readers.into_iter().flatten().collect(),
            started: Instant::now(),
            init: None,
            is_initialised: false,
            ended,
            _private: private,
        }
    }

    /// Whether it can take another invocation.
    pub(crate) fn is_alive(&self) -> bool {
        self.is_initialised && !self.ended.is_cancelled() && self.exited.borrow().is_none()
    }

    /// Lets it do one invocation. Gives the invocation back if the process, already used, was gone before it took it.
    pub(crate) async fn invoke(
        &mut self,
        invocation: &Invocation,
        request_id: &str,
        stop: &CancellationToken,
    ) -> Option<Invoked> {
        let was_used = self.is_initialised;
        *self.tail() = Tail::default();
        if let Err(reply) = self.come_up(request_id, stop).await {
            return Some(self.concluded(request_id, reply, Duration::ZERO).await);
        }
        self.say(&format!("START RequestId: {request_id} Version: $LATEST\n"));
        let began = Instant::now();
        let answered = self.offer(invocation, request_id);
        let reply = self.answer(answered, request_id, stop).await;
        if was_used && self.session.take_back().is_some() && self.exited.borrow().is_some() {
            return None;
        }
        Some(self.concluded(request_id, reply, began.elapsed()).await)
    }

    async fn come_up(&mut self, request_id: &str, stop: &CancellationToken) -> Result<(), Reply> {
        if self.is_initialised {
            return Ok(());
        }
        let patience = INIT_MAX + self.timeout();
        let mut exited = self.exited.clone();
        let came_up = tokio::select! {
            came_up = self.session.initialised() => came_up,
            status = exited.wait_for(Option::is_some) => {
                Err(exit_reply(request_id, status.ok().and_then(|it| *it)))
            }
            () = sleep(patience) => Err(Reply::timed_out(request_id, self.function.timeout_seconds)),
            () = self.exhausted() => Err(self.killed(request_id)),
            () = stop.cancelled() => Err(self.killed(request_id)),
        };
        match came_up {
            Ok(()) => {
                self.init = Some(self.started.elapsed());
                self.is_initialised = true;
                Ok(())
            }
            Err(reply) => {
                self.kill();
                Err(reply)
            }
        }
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.function.timeout_seconds.into())
    }

    fn offer(&self, invocation: &Invocation, request_id: &str) -> oneshot::Receiver<Reply> {
        let (reply, answered) = oneshot::channel();
        let deadline = SystemTime::now() + self.timeout();
        self.session.offer(Event {
            request_id: request_id.to_owned(),
            payload: invocation.payload.clone(),
            deadline_ms: deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis(),
            function_arn: self.arn.clone(),
            trace_id: trace_id(),
            client_context: invocation.client_context.clone(),
            reply,
        });
        answered
    }

    async fn answer(
        &mut self,
        answered: oneshot::Receiver<Reply>,
        request_id: &str,
        stop: &CancellationToken,
    ) -> Reply {
        let mut exited = self.exited.clone();
        let reply = tokio::select! {
            // What was answered before the process ended counts.
            biased;
            Ok(reply) = answered => return reply,
            status = exited.wait_for(Option::is_some) => {
                exit_reply(request_id, status.ok().and_then(|it| *it))
            }
            () = sleep(self.timeout()) => {
                let seconds = self.function.timeout_seconds;
                self.say(&format!("{} {request_id} Task timed out after {seconds}.00 seconds\n", millis(Timestamp::now())));
                Reply::timed_out(request_id, seconds)
            }
            () = self.exhausted() => self.killed(request_id),
            () = stop.cancelled() => self.killed(request_id),
        };
        self.kill();
        reply
    }

    /// Returns once its processes have more memory than they may.
    async fn exhausted(&self) {
        let bytes_max = u64::from(self.function.memory_mb) << 20;
        loop {
            sleep(MEMORY_EVERY).await;
            if usage::resident_bytes(self.pid) > bytes_max {
                return;
            }
        }
    }

    fn killed(&self, request_id: &str) -> Reply {
        self.kill();
        Reply::exited(request_id, Some("signal: killed"))
    }

    /// Ends it, with all that it started.
    fn kill(&self) {
        self.ended.cancel();
    }

    async fn concluded(&mut self, request_id: &str, reply: Reply, took: Duration) -> Invoked {
        let used_mb = usage::resident_bytes(self.pid) >> 20;
        self.last_words(&reply).await;
        if let Some(problem) = reply.error_type.as_deref().filter(|it| is_of_lambda(it)) {
            self.say(&format!("RequestId: {request_id} Error: {problem}\n"));
        }
        let dropped = self.tail().dropped();
        if dropped > 0 {
            self.say(&format!(
                "[stepwell] {dropped} bytes beyond the share of one invocation were dropped\n"
            ));
        }
        self.say(&self.report(request_id, took, used_mb));
        self.init = None;
        self.idle_since = Instant::now();
        Invoked {
            request_id: request_id.to_owned(),
            payload: reply.payload,
            error_type: reply.error_type,
            log_tail: std::mem::take(&mut *self.tail()).into_bytes(),
        }
    }

    /// Lets the readers come to the end of what the process has written.
    async fn last_words(&mut self, reply: &Reply) {
        if reply.error_type.is_none() || self.exited.borrow().is_none() {
            tokio::task::yield_now().await;
            return;
        }
        for reader in &mut self.readers {
            let _ = timeout(LAST_WORDS, reader).await;
        }
        self.readers.clear();
    }

    fn report(&self, request_id: &str, took: Duration, used_mb: u64) -> String {
        let init = self.init.map_or_else(String::new, |init| {
            format!("Init Duration: {:.2} ms\t", init.as_secs_f64() * 1000.0)
        });
        format!(
            "END RequestId: {request_id}\nREPORT RequestId: {request_id}\tDuration: {:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {used_mb} MB\t{init}\n",
            took.as_secs_f64() * 1000.0,
            took.as_millis() + 1,
            self.function.memory_mb,
        )
    }

    fn say(&self, line: &str) {
        write(&self.log, &self.tail, line.as_bytes(), true);
    }

    fn tail(&self) -> std::sync::MutexGuard<'_, Tail> {
        self.tail.lock().expect("no holder of the lock panics")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits for the end of a process and tells it. Whatever it started ends when the pipe of its standard input does.
async fn care(mut child: Child, ended: CancellationToken, tell: watch::Sender<Option<ExitStatus>>) {
    let stdin = child.stdin.take();
    let status = tokio::select! {
        status = child.wait() => status,
        () = ended.cancelled() => {
            drop(stdin);
            let _ = child.start_kill();
            child.wait().await
        }
    };
    let _ = tell.send(Some(status.unwrap_or_default()));
}

fn is_of_lambda(error_type: &str) -> bool {
    error_type.starts_with("Runtime.") || error_type.starts_with("Sandbox.")
}

fn exit_reply(request_id: &str, status: Option<ExitStatus>) -> Reply {
    Reply::exited(request_id, status.and_then(how).as_deref())
}

/// As Go says it, in which Lambda's own supervisor is written. The launcher gives a signal as its number and 128.
fn how(status: ExitStatus) -> Option<String> {
    let signal = status
        .signal()
        .or_else(|| status.code().filter(|code| (129..=159).contains(code)).map(|code| code - 128));
    let Some(signal) = signal else {
        return status.code().filter(|code| *code != 0).map(|code| format!("exit status {code}"));
    };
    Some(match signal {
        4 => "signal: illegal instruction".to_owned(),
        6 => "signal: aborted".to_owned(),
        9 => "signal: killed".to_owned(),
        11 => "signal: segmentation fault".to_owned(),
        15 => "signal: terminated".to_owned(),
        other => format!("signal: {other}"),
    })
}

fn write(log: &Log, tail: &Mutex<Tail>, piece: &[u8], is_ours: bool) {
    let mut tail = tail.lock().expect("no holder of the lock panics");
    let share = tail.take(piece);
    // The lines that frame an invocation are there whatever it wrote.
    log.write(if is_ours { piece } else { share }, Timestamp::now());
}

fn reader(
    mut stream: impl AsyncRead + Unpin + Send + 'static,
    log: Arc<Log>,
    tail: Arc<Mutex<Tail>>,
) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut piece = vec![0; 16 << 10];
        while let Ok(length @ 1..) = stream.read(&mut piece).await {
            write(&log, &tail, &piece[..length], false);
        }
    }))
}

/// `2026-11-30T06:43:07.123Z`
fn millis(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// Source: AWS X-Ray developer guide, "Tracing header".
fn trace_id() -> String {
    let id = Uuid::new_v4().simple().to_string();
    let seconds = Timestamp::now().as_second();
    format!("Root=1-{seconds:08x}-{};Parent={};Sampled=0", &id[..24], &id[16..])
}
