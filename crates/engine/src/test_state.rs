//! `TestState`: one state beside every execution. A task that is not mocked is really done.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use stepwell_machine::test_state::{Begun, Names, Report, Test, Tested};
use stepwell_machine::{DecideContext, Limits, ScheduledTask, TaskResult};
use stepwell_task::{
    IdempotencyKey, Job, Pulse, TaskFailure, TaskHandler, TaskOutcome, TaskRequest, TaskRouter,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::arn::Arns;
use crate::clock::Clock;
use crate::error::Error;
use crate::limits::TEST_STATE_MAX;

pub(crate) async fn run(
    router: &dyn TaskRouter,
    clock: &dyn Clock,
    places: &Semaphore,
    arns: &Arns,
    limits: Limits,
    test: Test,
    mock: Option<TaskResult>,
) -> Result<Report, Error> {
    let (names, seed) = draw(arns);
    let now = clock.now();
    let context = DecideContext { now, seed, ..DecideContext::default() };
    let (tested, task) = match Tested::begin(test, &names, limits, context, mock.as_ref()) {
        Begun::Done(report) => return Ok(*report),
        Begun::Task(tested, task) => (tested, task),
    };
    if let Some(mock) = mock {
        return Ok(tested.finish(mock));
    }
    let handler = router
        .route(&task.resource)
        .map_err(|unsupported| Error::UnsupportedResource { unsupported: vec![unsupported] })?;
    let _place = places.acquire().await.expect("the places are never closed");
    let execution_arn = Arc::from(names.execution_arn);
    Ok(match perform(handler, execution_arn, *task, now).await {
        Some(outcome) => tested.finish(outcome),
        None => tested.time_out(),
    })
}

/// Names that nothing else has, and a seed.
#[expect(clippy::disallowed_methods, reason = "a test is never repeated from a journal")]
fn draw(arns: &Arns) -> (Names, u64) {
    let (machine, name) = (Uuid::new_v4().to_string(), Uuid::new_v4());
    let (seed, _) = name.as_u64_pair();
    let name = name.to_string();
    let names = Names {
        execution_arn: arns.tested(&machine, &name),
        state_machine_arn: arns.state_machine(&machine),
        execution_name: name,
        state_machine_name: machine,
    };
    (names, seed)
}

/// What becomes of a task; nothing if its time was over.
async fn perform(
    handler: Arc<dyn TaskHandler>,
    execution_arn: Arc<str>,
    task: ScheduledTask,
    now: Timestamp,
) -> Option<TaskResult> {
    let time = time_of(&task, now);
    // Whoever asked may stop waiting: the handler is told so.
    let token = CancellationToken::new();
    let request = TaskRequest {
        key: IdempotencyKey::new(&execution_arn, task.scheduled),
        execution_arn,
        state_name: task.state_name,
        resource: task.resource,
        parameters: task.parameters,
        deadline: now.checked_add(time).ok().map(Into::into),
        heartbeat: task.heartbeat,
        pulse: Pulse::silent(),
        job: Job::new(None, token.clone(), |_| {}),
    };
    let _stop = token.clone().drop_guard();
    let work = tokio::spawn(async move { handler.handle(request, token).await });
    let outcome = tokio::time::timeout(time, work).await.ok()?;
    Some(match outcome {
        Ok(TaskOutcome::Succeeded(output)) => TaskResult::Succeeded { output },
        Ok(TaskOutcome::Failed(TaskFailure { error, cause })) => {
            TaskResult::Failed { error, cause }
        }
        Err(_) => TaskResult::Failed {
            error: "States.TaskFailed".to_owned(),
            cause: Some("the handler panicked".to_owned()),
        },
    })
}

/// How long a task may take.
fn time_of(task: &ScheduledTask, now: Timestamp) -> Duration {
    let own = task.deadline.and_then(|deadline| deadline.duration_since(now).try_into().ok());
    own.map_or(TEST_STATE_MAX, |own: Duration| own.min(TEST_STATE_MAX))
}
