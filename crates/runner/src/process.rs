//! One process of a function: its life, and its invocations one after the other.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use tempfile::TempDir;
use tokio::process::Child;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::care::{Care, Life, how};
use crate::function::Function;
use crate::invocation::{Invocation, Invoked, Reply};
use crate::logs::Log;
use crate::output::Output;
use crate::places::{Place, START_MAX};
use crate::runtime_api::{Event, Session};
use crate::usage;

/// What Lambda gives a process to come up; what it needs longer counts as time of its first invocation.
const INIT_MAX: Duration = Duration::from_secs(10);
/// A process that is there for invocations. It ends, with all that it started, when this is dropped.
pub(crate) struct Process {
    pub(crate) function: Arc<Function>,
    pub(crate) idle_since: Instant,
    arn: String,
    session: Arc<Session>,
    _api: AbortOnDropHandle<()>,
    life: Life,
    output: Output,
    started: Instant,
    /// How long it took to come up; nothing once that was told.
    init: Option<Duration>,
    is_initialised: bool,
    /// The place in which it comes up.
    starting: Option<Place>,
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
    pub(crate) starting: Place,
}

impl Process {
    /// Takes a process into care.
    pub(crate) fn of(started: Started) -> Self {
        let Started { function, arn, session, api, mut child, log, private, starting } = started;
        let output = Output::of(&mut child, log);
        let bytes_max = u64::from(function.memory_mb) << 20;
        Self {
            function,
            idle_since: Instant::now(),
            arn,
            session,
            _api: api,
            life: Care { child, bytes_max, private }.begin(),
            output,
            started: Instant::now(),
            init: None,
            is_initialised: false,
            starting: Some(starting),
        }
    }

    /// Whether it can take another invocation.
    pub(crate) fn is_alive(&self) -> bool {
        self.is_initialised && self.life.goes_on()
    }

    /// Lets it do one invocation. Gives the invocation back if the process, already used, was gone before it took it.
    pub(crate) async fn invoke(
        &mut self,
        invocation: &Invocation,
        request_id: &str,
        stop: &CancellationToken,
    ) -> Option<Invoked> {
        let _busy = self.life.busy();
        let was_used = self.is_initialised;
        self.output.begin();
        if let Err(reply) = self.come_up(request_id, stop).await {
            return Some(self.concluded(request_id, reply, Duration::ZERO).await);
        }
        self.output.say(&format!("START RequestId: {request_id} Version: $LATEST\n"));
        let began = Instant::now();
        let answered = self.offer(invocation, request_id);
        let reply = self.answer(answered, request_id, stop).await;
        if was_used && self.session.take_back().is_some() && self.life.exited().borrow().is_some() {
            return None;
        }
        Some(self.concluded(request_id, reply, began.elapsed()).await)
    }

    async fn come_up(&mut self, request_id: &str, stop: &CancellationToken) -> Result<(), Reply> {
        if self.is_initialised {
            return Ok(());
        }
        let place = self.starting.take();
        let came_up = self.initialised(request_id, stop);
        let late = async {
            sleep(START_MAX).await;
            drop(place);
            std::future::pending().await
        };
        let came_up = tokio::select! {
            came_up = came_up => came_up,
            never = late => never,
        };
        match came_up {
            Ok(()) => {
                self.init = Some(self.started.elapsed());
                self.is_initialised = true;
                Ok(())
            }
            Err(reply) => {
                self.life.end();
                Err(reply)
            }
        }
    }

    /// Waits until it asks for its first invocation.
    async fn initialised(&self, request_id: &str, stop: &CancellationToken) -> Result<(), Reply> {
        let patience = INIT_MAX + self.timeout();
        let mut exited = self.life.exited();
        tokio::select! {
            came_up = self.session.initialised() => came_up,
            status = exited.wait_for(Option::is_some) => {
                Err(exit_reply(request_id, status.ok().and_then(|it| *it)))
            }
            () = sleep(patience) => Err(Reply::timed_out(request_id, self.function.timeout_seconds)),
            () = stop.cancelled() => Err(self.killed(request_id)),
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
        let mut exited = self.life.exited();
        let reply = tokio::select! {
            // What was answered before the process ended counts.
            biased;
            Ok(reply) = answered => return reply,
            status = exited.wait_for(Option::is_some) => {
                exit_reply(request_id, status.ok().and_then(|it| *it))
            }
            () = sleep(self.timeout()) => {
                let seconds = self.function.timeout_seconds;
                self.output.say(&format!("{} {request_id} Task timed out after {seconds}.00 seconds\n", millis(Timestamp::now())));
                Reply::timed_out(request_id, seconds)
            }
            () = stop.cancelled() => self.killed(request_id),
        };
        self.life.end();
        reply
    }

    fn killed(&self, request_id: &str) -> Reply {
        self.life.end();
        Reply::exited(request_id, Some("signal: killed"))
    }

    async fn concluded(&mut self, request_id: &str, reply: Reply, took: Duration) -> Invoked {
        let used_mb = usage::resident_bytes(self.life.pid()) >> 20;
        let has_exited = self.life.exited().borrow().is_some();
        self.output.last_words(has_exited).await;
        if let Some(problem) = reply.error_type.as_deref().filter(|it| is_of_lambda(it)) {
            self.output.say(&format!("RequestId: {request_id} Error: {problem}\n"));
        }
        let dropped = self.output.dropped();
        if dropped > 0 {
            self.output.say(&format!(
                "[stepwell] {dropped} bytes beyond the share of one invocation were dropped\n"
            ));
        }
        self.output.say(&self.report(request_id, took, used_mb));
        self.init = None;
        self.idle_since = Instant::now();
        Invoked {
            request_id: request_id.to_owned(),
            payload: reply.payload,
            error_type: reply.error_type,
            log_tail: self.output.take_tail(),
        }
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
}

fn is_of_lambda(error_type: &str) -> bool {
    error_type.starts_with("Runtime.") || error_type.starts_with("Sandbox.")
}

fn exit_reply(request_id: &str, status: Option<ExitStatus>) -> Reply {
    Reply::exited(request_id, status.and_then(how).as_deref())
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
