//! The engine as a service: owns its parts, runs until told to stop.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::SignedDuration;
use stepwell_task::TaskRouter;
use tokio::runtime;
use tokio::sync::{Notify, broadcast, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::arn::Arns;
use crate::clock::{Clock, Entropy};
use crate::driver::{
    Committer, DataDriver, Dispatcher, EngineLoop, Express, ExpressShared, Inboxes, Job, LogDriver,
    Reports, Retention,
};
use crate::error::{Halted, StoreError};
use crate::handle::{Handle, World};
use crate::kernel::{Event, Kernel};
use crate::limits::{LOG_GRACE, RETENTION_PERIOD, SUBSCRIBER_LAG_MAX};
use crate::meters::Meters;
use crate::options::Options;
use crate::reader::Reader;
use crate::record::StatusChange;
use crate::store::{Durability, Store};

/// An opened engine.
pub struct Service {
    options: Options,
    store: Store,
    kernel: Kernel,
    router: Arc<dyn TaskRouter>,
    clock: Arc<dyn Clock>,
    meters: Arc<Meters>,
    events: (Sender<Event>, Receiver<Event>),
    changes: broadcast::Sender<StatusChange>,
    halted: Arc<OnceLock<Halted>>,
    nudged: Arc<Notify>,
    handle: Handle,
}

impl Service {
    pub(crate) fn open(
        options: Options,
        router: Arc<dyn TaskRouter>,
        clock: Arc<dyn Clock>,
        entropy: Box<dyn Entropy>,
    ) -> Result<Self, StoreError> {
        let store = Store::open(&options.store, Durability::Full)?;
        let arns = Arns::new(&options.region, &options.account);
        let retention = options.retention().and_then(|it| SignedDuration::try_from(it).ok());
        let kernel = Kernel::open(arns.clone(), store.archive()?, entropy)?.keeping_for(retention);
        let (meters, halted) = (Arc::new(Meters::new()), Arc::new(OnceLock::new()));
        let (changes, _) = broadcast::channel(SUBSCRIBER_LAG_MAX);
        let (events, nudged) = (channel(), Arc::new(Notify::new()));
        let handle = Handle::new(
            events.0.clone(),
            World {
                router: Arc::clone(&router),
                clock: Arc::clone(&clock),
                nudged: Arc::clone(&nudged),
            },
            Reader::new(store.archive()?, arns),
            changes.clone(),
            Arc::clone(&meters),
            Arc::clone(&halted),
            options.limits(),
        );
        Ok(Self {
            options,
            store,
            kernel,
            router,
            clock,
            meters,
            events,
            changes,
            halted,
            nudged,
            handle,
        })
    }

    /// The door to it. Requests wait until [`run`](Self::run) runs.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs the engine until `shutdown` is cancelled or a commit fails.
    ///
    /// A shutdown is graceful: nothing new is accepted, the handlers are asked to stop and get a grace
    /// period to return; what is then still open goes on at the next start. If this future is dropped, the
    /// engine goes on in its threads until the process ends.
    ///
    /// # Errors
    /// [`Halted`] if the store could not be written or read.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), Halted> {
        let Running {
            jobs,
            events,
            dispatcher,
            express,
            logs,
            mut engine,
            committer,
            clock,
            options,
        } = self.start();
        let committer = committer.shared();
        let result = tokio::select! {
            result = &mut engine => result,
            () = forget_regularly(&jobs, &*clock, options.retention()) => unreachable!("it never ends"),
            _ = committer.clone() => {
                // It ends before the kernel when a commit failed, which the kernel knows by now, or by a panic.
                let reason = "the thread that writes the store ended".to_owned();
                let _ = events.send(Event::CommitFailed { reason });
                engine.await
            }
            () = shutdown.cancelled() => {
                // If the kernel has gone, `engine` says why.
                let _ = events.send(Event::Drain);
                let end = Instant::now() + options.shutdown_grace();
                // The other half is for the tasks of Standard executions, which save what they have come to.
                express.drain(options.shutdown_grace() / 2).await;
                dispatcher.drain(end.saturating_duration_since(Instant::now())).await;
                let _ = events.send(Event::Close);
                engine.await
            }
        };
        express.drain(Duration::ZERO).await;
        dispatcher.drain(Duration::ZERO).await;
        drop(jobs);
        // The committer gives no result: a failed commit comes through the kernel, a panic through its end.
        let _ = committer.await;
        logs.flush(LOG_GRACE).await;
        result.unwrap_or_else(|_| {
            Err(Halted { reason: "a thread of the engine panicked".to_owned() })
        })
    }

    /// Starts the threads.
    fn start(self) -> Running {
        let Self {
            options,
            store,
            kernel,
            router,
            clock,
            meters,
            events,
            changes,
            halted,
            nudged,
            handle: _,
        } = self;
        let (events, inbox) = events;
        let (jobs, job_queue) = channel();
        let map_data = DataDriver::new(
            router.map_data(),
            events.clone(),
            options.store.clone(),
            Arns::new(&options.region, &options.account),
        );
        let logs = LogDriver::new(router.execution_logs(), clock.now(), Arc::clone(&meters));
        let inboxes = Inboxes::new(Arc::clone(&meters));
        let dispatcher = Dispatcher::new(
            router,
            Arc::clone(&clock),
            Reports { kernel: events.clone(), express: inboxes.clone() },
            Arc::clone(&meters),
            options.tasks_max,
        );
        let express = Express::new(ExpressShared {
            dispatcher: dispatcher.clone(),
            inboxes,
            logs: logs.clone(),
            clock: Arc::clone(&clock),
            meters: Arc::clone(&meters),
            runtime: runtime::Handle::current(),
            nudged,
            stop: CancellationToken::new(),
            executions_max: options.express_executions_max,
        });
        let engine_loop = EngineLoop {
            kernel,
            events: inbox,
            jobs: jobs.clone(),
            clock: Arc::clone(&clock),
            meters: Arc::clone(&meters),
            halted: Arc::clone(&halted),
        };
        let committer = Committer {
            store,
            jobs: job_queue,
            events: events.clone(),
            dispatcher: dispatcher.clone(),
            express: express.clone(),
            logs: logs.clone(),
            map_data,
            changes,
            meters,
            halted,
            retention: Retention::default(),
        };
        Running {
            engine: spawn("stepwell-engine", move || engine_loop.run()),
            committer: spawn("stepwell-committer", move || committer.run()),
            jobs,
            events,
            dispatcher,
            express,
            logs,
            clock,
            options,
        }
    }
}

/// What [`Service::run`] holds while the threads run.
struct Running {
    jobs: Sender<Job>,
    events: Sender<Event>,
    dispatcher: Dispatcher,
    express: Express,
    logs: LogDriver,
    engine: oneshot::Receiver<Result<(), Halted>>,
    committer: oneshot::Receiver<()>,
    clock: Arc<dyn Clock>,
    options: Options,
}

/// Runs `work` in a thread; the receiver fails if the thread panics.
fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> oneshot::Receiver<T> {
    let (done, result) = oneshot::channel();
    let run = move || {
        // Whoever ran the service may have stopped waiting.
        let _ = done.send(work());
    };
    thread::Builder::new().name(name.to_owned()).spawn(run).expect("the system starts threads");
    result
}

/// Starts a retention pass now and then, for ever.
async fn forget_regularly(jobs: &Sender<Job>, clock: &dyn Clock, retention: Option<Duration>) {
    loop {
        if let Some(retention) = retention {
            let age = SignedDuration::try_from(retention).unwrap_or(SignedDuration::MAX);
            if let Ok(cutoff) = clock.now().checked_sub(age) {
                // If the committer has gone, the engine is about to end.
                let _ = jobs.send(Job::Forget { cutoff });
            }
        }
        tokio::time::sleep(RETENTION_PERIOD).await;
    }
}
