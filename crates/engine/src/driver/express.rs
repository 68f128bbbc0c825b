//! Runs Express executions: each in memory, as a task of tokio of its own, with the same interpreter and the same
//! dispatcher as all others.
//!
//! Nothing of them is on disk but the logs that they are told to write, so that nothing is left of those that run when the
//! process ends (ADR 0015). Left to others: what runs (the kernel), handlers (the dispatcher).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use stepwell_machine::{Command, DecideContext, Decision, Input, Limits, Phase, Run, decide};
use tokio::runtime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::reports::{Inbox, Inboxes};
use super::{Dispatcher, LogDriver};
use crate::clock::{Clock, Entropy, ManualEntropy};
use crate::configuration::Logging;
use crate::error::Error;
use crate::execution_log::LogOrder;
use crate::kernel::{ExpressOrder, ExpressReply, Reply, TaskOrder, status};
use crate::limits::EXPRESS_SLEEP_MAX;
use crate::meters::Meters;
use crate::record::{Started, Status, SyncExecution};

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Express(Arc<Shared>);

/// What all executions share.
pub(crate) struct Shared {
    pub(crate) dispatcher: Dispatcher,
    pub(crate) inboxes: Inboxes,
    pub(crate) logs: LogDriver,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) runtime: runtime::Handle,
    /// Told when a clock was moved by hand.
    pub(crate) nudged: Arc<Notify>,
    /// Cancelled when those that run are to end.
    pub(crate) stop: CancellationToken,
    pub(crate) executions_max: usize,
}

impl Express {
    pub(crate) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// Runs an execution, unless there are too many already.
    pub(crate) fn run(&self, order: ExpressOrder) {
        if self.0.stop.is_cancelled() {
            return order.reply.refuse(Error::ShuttingDown);
        }
        let limit = self.0.executions_max;
        let Some(inbox) = self.0.inboxes.open(limit) else {
            return order.reply.refuse(Error::TooManyExecutions { limit });
        };
        self.0.runtime.spawn(Execution::new(Arc::clone(&self.0), inbox, order).run());
    }

    /// Lets those that run come to their end, but no longer than `grace`; stops the rest.
    pub(crate) async fn drain(&self, grace: Duration) {
        // The result tells whether the grace was over; either way the next line is right.
        let _ = tokio::time::timeout(grace, self.0.inboxes.all_closed()).await;
        self.0.stop.cancel();
        self.0.inboxes.all_closed().await;
    }
}

/// One execution.
struct Execution {
    shared: Arc<Shared>,
    inbox: Inbox,
    run: Run,
    entropy: ManualEntropy,
    limits: Limits,
    logging: Logging,
    arn: Arc<str>,
    /// Set if somebody waits for the end.
    ending: Option<Ending>,
}

/// What is answered at the end of an execution that somebody waits for.
struct Ending {
    reply: Reply<SyncExecution>,
    so_far: SyncExecution,
}

impl Execution {
    fn new(shared: Arc<Shared>, inbox: Inbox, order: ExpressOrder) -> Self {
        let ExpressOrder { start, limits, logging, seed, reply } = order;
        let arn = Arc::clone(&start.context.execution_arn);
        let started_at = start.context.start_time;
        let (run, ending) = match reply {
            ExpressReply::Started(reply) => {
                let started = Started { execution_arn: arn.as_ref().to_owned(), started_at };
                // Whoever asked may have gone; the execution goes on.
                let _ = reply.send(Ok(started));
                (Run::new(start), None)
            }
            ExpressReply::Ended(reply) => {
                let so_far = SyncExecution {
                    execution_arn: arn.as_ref().to_owned(),
                    state_machine_arn: start.context.state_machine_arn.as_ref().to_owned(),
                    name: start.context.execution_name.as_ref().to_owned(),
                    input: start.input.text(),
                    status: Status::Running,
                    output: None,
                    error: None,
                    cause: None,
                    started_at,
                    stopped_at: started_at,
                };
                (Run::of_sync(start), Some(Ending { reply, so_far }))
            }
        };
        shared.meters.announced(Status::Running);
        let entropy = ManualEntropy::new(seed);
        Self { shared, inbox, run, entropy, limits, logging, arn, ending }
    }

    async fn run(mut self) {
        let mut input = Input::Start { limits: self.limits };
        loop {
            let now = self.now(&input);
            let decision = self.decide(input, now);
            let more = decision.more;
            self.perform(decision);
            if !matches!(self.run.phase(), Phase::Running) {
                return self.end(now);
            }
            input = self.next(more).await;
        }
    }

    /// The first event is part of the start: `startDate` and the time of `ExecutionStarted` are one instant.
    fn now(&self, input: &Input) -> Timestamp {
        match input {
            Input::Start { .. } => self.run.started_at(),
            _ => self.shared.clock.now(),
        }
    }

    fn decide(&mut self, input: Input, now: Timestamp) -> Decision {
        let ctx = DecideContext {
            now,
            seed: self.entropy.next_u64(),
            secret: self.entropy.secret(),
            ..DecideContext::default()
        };
        decide(&mut self.run, input, &ctx)
    }

    fn perform(&self, decision: Decision) {
        if let Some(order) = LogOrder::of(&self.logging, &self.arn, 0, &decision.entries) {
            self.shared.logs.write(order);
        }
        for command in decision.commands {
            match command {
                Command::ScheduleTask(task) => self.shared.dispatcher.dispatch(TaskOrder {
                    execution: self.inbox.id,
                    execution_arn: Arc::clone(&self.arn),
                    task,
                    life: None,
                }),
                Command::CancelTask { scheduled } => {
                    self.shared.dispatcher.cancel(self.inbox.id, scheduled);
                }
                Command::StartMapRun(_) => {
                    unreachable!("no Express definition has a Distributed Map")
                }
            }
        }
    }

    /// What happens next. One with more to do lets others have their turn before.
    async fn next(&mut self, more: bool) -> Input {
        let stop = self.shared.stop.clone();
        let wakeup = self.run.next_wakeup();
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            biased;
            () = stop.cancelled() => Input::Stop { error: None, cause: None },
            Some(input) = self.inbox.letters.recv() => input,
            () = tokio::task::yield_now(), if more => Input::Continue,
            () = shared.until(wakeup), if !more => Input::TimerFired,
        }
    }

    fn end(self, now: Timestamp) {
        let Self { shared, inbox, run, ending, .. } = self;
        // Whoever hears of the end may start another one in its place.
        drop(inbox);
        let status = status(run.phase());
        shared.meters.announced(status);
        let Some(Ending { reply, so_far }) = ending else { return };
        let ended = SyncExecution { status, stopped_at: now, ..so_far };
        let answer = match run.phase().clone() {
            Phase::Succeeded { output } => {
                Ok(SyncExecution { output: Some(output.to_string()), ..ended })
            }
            Phase::Failed { error, cause } | Phase::TimedOut { error, cause } => {
                Ok(SyncExecution { error, cause, ..ended })
            }
            // Nobody can stop it but a shutdown.
            Phase::Aborted { .. } | Phase::Running => Err(Error::ShuttingDown),
        };
        // Whoever waited may have gone.
        let _ = reply.send(answer);
    }
}

impl Shared {
    /// Waits until it is time, by the engine's clock; for ever if there is no time.
    async fn until(&self, wakeup: Option<Timestamp>) {
        let Some(wakeup) = wakeup else { return std::future::pending().await };
        loop {
            let nudged = self.nudged.notified();
            tokio::pin!(nudged);
            // Before the clock is read: a nudge that comes then is not missed.
            nudged.as_mut().enable();
            let left = wakeup.duration_since(self.clock.now());
            let left = Duration::try_from(left).unwrap_or_default();
            if left.is_zero() {
                return;
            }
            // Either way the clock is looked at again.
            let _ = tokio::time::timeout(left.min(EXPRESS_SLEEP_MAX), nudged).await;
        }
    }
}
