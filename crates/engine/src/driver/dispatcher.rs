//! Hands tasks to their handlers on tokio and reports what became of them.
//!
//! Not durable and not meant to be: what it forgets in a crash is outstanding on disk.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use stepwell_machine::{EventId, TaskResult};
use stepwell_task::{Job, Pulse, TaskFailure, TaskHandler, TaskOutcome, TaskRequest, TaskRouter};
use tokio::runtime;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::Reports;
use crate::clock::Clock;
use crate::kernel::{Event, TaskOrder};
use crate::limits::TASK_STARTED_AFTER;
use crate::meters::Meters;
use crate::store::ExecutionId;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Dispatcher(Arc<Shared>);

struct Shared {
    router: Arc<dyn TaskRouter>,
    clock: Arc<dyn Clock>,
    reports: Reports,
    runtime: runtime::Handle,
    meters: Arc<Meters>,
    tasks_max: usize,
    state: Mutex<State>,
    /// Told when the last task has ended.
    idle: Notify,
}

/// Names a task within this process.
type TaskId = (ExecutionId, EventId);

#[derive(Default)]
struct State {
    running: HashMap<TaskId, Running>,
    /// How many of them hold a place.
    places: usize,
    waiting: VecDeque<TaskOrder>,
    draining: bool,
}

struct Running {
    /// Not once its job is submitted: then it only waits, maybe for tasks that want a place.
    holds_place: bool,
    stop: CancellationToken,
    /// Cancelled if nobody wants the outcome, not at a shutdown.
    given_up: CancellationToken,
    abort: AbortHandle,
}

impl Dispatcher {
    /// Must be called within a tokio runtime, where tasks will run.
    pub(crate) fn new(
        router: Arc<dyn TaskRouter>,
        clock: Arc<dyn Clock>,
        reports: Reports,
        meters: Arc<Meters>,
        tasks_max: usize,
    ) -> Self {
        Self(Arc::new(Shared {
            router,
            clock,
            reports,
            runtime: runtime::Handle::current(),
            meters,
            tasks_max,
            state: Mutex::default(),
            idle: Notify::new(),
        }))
    }

    /// Starts a task, or lets it wait for a free place.
    pub(crate) fn dispatch(&self, order: TaskOrder) {
        let mut state = self.0.state();
        if state.draining {
            return;
        }
        if order.task.submitted.is_some() {
            self.0.begin(&mut state, order, false);
            return self.0.count(&state);
        }
        state.waiting.push_back(order);
        self.0.fill(&mut state);
        // First come, first served: if any waits, it does.
        if !state.waiting.is_empty() {
            self.0.meters.throttled();
        }
    }

    /// Asks a task to stop; its outcome is dropped.
    pub(crate) fn cancel(&self, execution: ExecutionId, scheduled: EventId) {
        let mut state = self.0.state();
        match state.running.get(&(execution, scheduled)) {
            Some(task) => {
                task.given_up.cancel();
                task.stop.cancel();
            }
            None => state.waiting.retain(|order| id(order) != (execution, scheduled)),
        }
        self.0.count(&state);
    }

    /// Asks all tasks to stop and waits until they have, but no longer than `grace`; aborts the rest. What
    /// they had still to do is outstanding on disk.
    pub(crate) async fn drain(&self, grace: Duration) {
        {
            let mut state = self.0.state();
            state.draining = true;
            state.waiting.clear();
            state.running.values().for_each(|task| task.stop.cancel());
        }
        let all_ended = async {
            loop {
                let idle = self.0.idle.notified();
                if self.0.state().running.is_empty() {
                    return;
                }
                idle.await;
            }
        };
        // The result tells whether the grace was over; either way the next line is right.
        let _ = tokio::time::timeout(grace, all_ended).await;
        self.0.state().running.values().for_each(|task| task.abort.abort());
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the dispatcher")
    }

    /// Starts tasks that wait, as long as there are places.
    fn fill(self: &Arc<Self>, state: &mut State) {
        while state.places < self.tasks_max {
            let Some(order) = state.waiting.pop_front() else { break };
            self.begin(state, order, true);
        }
        self.count(state);
    }

    /// Starts a task.
    fn begin(self: &Arc<Self>, state: &mut State, order: TaskOrder, holds_place: bool) {
        let (id, stop, given_up) = (id(&order), CancellationToken::new(), CancellationToken::new());
        let span = tracing::debug_span!(
            "task",
            execution = %order.execution_arn,
            state = %order.task.state_name,
            event = order.task.scheduled,
        );
        let work = Arc::clone(self).run(order, stop.clone(), given_up.clone()).instrument(span);
        let abort = self.runtime.spawn(work).abort_handle();
        state.places += usize::from(holds_place);
        state.running.insert(id, Running { holds_place, stop, given_up, abort });
    }

    /// Gives the place of a task to those that wait.
    fn give_place_back(self: &Arc<Self>, id: TaskId) {
        let mut state = self.state();
        let Some(task) = state.running.get_mut(&id) else { return };
        if std::mem::take(&mut task.holds_place) {
            state.places -= 1;
            self.fill(&mut state);
        }
    }

    fn count(&self, state: &State) {
        self.meters.tasks(state.running.len(), state.waiting.len());
    }

    async fn run(
        self: Arc<Self>,
        order: TaskOrder,
        stop: CancellationToken,
        given_up: CancellationToken,
    ) {
        let id = id(&order);
        let started_at = self.clock.now();
        let outcome = match self.router.route(&order.task.resource) {
            Ok(handler) => {
                let request = self.request(order, started_at, given_up);
                self.call(handler, request, id, stop.clone()).await
            }
            Err(unsupported) => failed(unsupported.to_string()),
        };
        let (execution, scheduled) = id;
        // A handler that was asked to stop fails because of that: the failure is not the task's.
        if !(stop.is_cancelled() && matches!(outcome, TaskResult::Failed { .. })) {
            self.tell(Event::TaskFinished { execution, scheduled, started_at, outcome });
        }
        let mut state = self.state();
        let ended = state.running.remove(&id);
        state.places -= usize::from(ended.is_some_and(|task| task.holds_place));
        self.fill(&mut state);
        if state.running.is_empty() {
            self.idle.notify_waiters();
        }
    }

    /// Calls a handler; reports that it started if it takes a while.
    async fn call(
        self: &Arc<Self>,
        handler: Arc<dyn TaskHandler>,
        request: TaskRequest,
        (execution, scheduled): TaskId,
        stop: CancellationToken,
    ) -> TaskResult {
        let at = self.clock.now();
        let work = AssertUnwindSafe(handler.handle(request, stop)).catch_unwind();
        tokio::pin!(work);
        let quick = tokio::time::timeout(TASK_STARTED_AFTER, &mut work).await;
        let outcome = if let Ok(outcome) = quick {
            outcome
        } else {
            self.tell(Event::TaskStarted { execution, scheduled, at });
            work.await
        };
        match outcome {
            Ok(TaskOutcome::Succeeded(output)) => TaskResult::Succeeded { output },
            Ok(TaskOutcome::Failed(TaskFailure { error, cause })) => {
                TaskResult::Failed { error, cause }
            }
            Err(panic) => failed(format!("the handler panicked: {}", panic_text(&*panic))),
        }
    }

    fn request(
        self: &Arc<Self>,
        order: TaskOrder,
        started_at: Timestamp,
        given_up: CancellationToken,
    ) -> TaskRequest {
        let ((execution, scheduled), key) = (id(&order), order.key());
        let shared = Arc::clone(self);
        let pulse = match order.task.heartbeat {
            Some(_) => {
                Pulse::new(move || shared.tell(Event::TaskHeartbeat { execution, scheduled }))
            }
            None => Pulse::silent(),
        };
        let shared = Arc::clone(self);
        let job = Job::new(order.task.submitted, given_up, move |output| {
            shared.tell(Event::TaskSubmitted { execution, scheduled, started_at, output });
            shared.give_place_back((execution, scheduled));
        });
        TaskRequest {
            key,
            execution_arn: order.execution_arn,
            state_name: order.task.state_name,
            resource: order.task.resource,
            parameters: order.task.parameters,
            deadline: order.task.deadline.map(Into::into),
            heartbeat: order.task.heartbeat,
            pulse,
            job,
        }
    }

    fn tell(&self, event: Event) {
        self.reports.tell(event);
    }
}

fn id(order: &TaskOrder) -> TaskId {
    (order.execution, order.task.scheduled)
}

fn failed(cause: String) -> TaskResult {
    TaskResult::Failed { error: "States.TaskFailed".to_owned(), cause: Some(cause) }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a text")
}
