//! The fold: what one journal entry does to a run. The only place that changes a [`Run`].
//!
//! Left to others: which entry comes next (`decide`).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use stepwell_asl::Data;
use stepwell_asl::model::{StateId, StateKind};

use crate::event::{Entry, Event, EventId, Payload, Reason, TaskResource};
use crate::failure::Failure;
use crate::frame::{Fork, Frame, FrameId, OpenTask, Step, later};
use crate::run::{Folded, Phase, Run};

/// An entry that cannot follow the ones before it: the journal is damaged, or this is a bug.
#[derive(Debug, thiserror::Error)]
#[error("illegal journal entry: {0}")]
pub struct IllegalEntry(pub String);

/// Folds one entry into the run.
///
/// # Errors
/// [`IllegalEntry`] if the entry cannot follow the ones before it.
pub fn apply(run: &mut Run, entry: &Entry) -> Result<(), IllegalEntry> {
    check_order(run, entry)?;
    if let Some(id) = entry.id {
        run.folded.last_event = id;
    }
    fold(run, entry).ok_or_else(|| illegal(entry, "its frame is not where it belongs"))
}

/// Ids count without gaps, the start comes first, and nothing follows the end.
fn check_order(run: &Run, entry: &Entry) -> Result<(), IllegalEntry> {
    let folded = &run.folded;
    let expected = (!entry.event.is_hidden()).then_some(folded.last_event + 1);
    let is_start = matches!(entry.event, Event::ExecutionStarted { .. });
    if entry.id != expected {
        return Err(illegal(entry, "its id is out of order"));
    }
    if is_start != (folded.last_event == 0) {
        return Err(illegal(entry, "the start belongs first, and nowhere else"));
    }
    if folded.phase != Phase::Running {
        return Err(illegal(entry, "the execution has ended"));
    }
    Ok(())
}

fn illegal(entry: &Entry, why: &str) -> IllegalEntry {
    let Entry { id, frame, event, .. } = entry;
    IllegalEntry(format!("{why}: event {id:?} of frame {frame}: {event:?}"))
}

/// Nothing if the frame of the entry is not in the step that the event belongs to.
fn fold(run: &mut Run, entry: &Entry) -> Option<()> {
    let folded = &mut run.folded;
    let frame = entry.frame;
    match &entry.event {
        Event::ExecutionStarted { input, .. } => start(run, entry.at, input),
        Event::ExecutionSucceeded { output } => {
            folded.end(Phase::Succeeded { output: Arc::clone(output) });
        }
        Event::ExecutionFailed(Reason { error, cause }) => {
            folded.end(Phase::Failed { error: error.clone(), cause: cause.clone() });
        }
        // AWS names `States.Timeout` in the event alone, not as the error of the execution.
        Event::ExecutionTimedOut(_) => folded.end(Phase::TimedOut { error: None, cause: None }),
        Event::ExecutionAborted(Reason { error, cause }) => {
            folded.end(Phase::Aborted { error: error.clone(), cause: cause.clone() });
        }
        Event::StateEntered { state, input, .. } => enter(folded, entry, *state, input)?,
        Event::StateExited { output, next, .. } => match next {
            Some(next) => go_on(folded, entry, *next, output)?,
            None => end_frame(run, entry, output)?,
        },
        Event::TaskScheduled { .. } => schedule_task(folded, entry)?,
        Event::TaskStarted { .. } => task_started(folded, entry)?,
        Event::TaskHeartbeat => {
            update_task(folded, frame, |task| task.alive_at = Some(entry.at))?;
        }
        Event::TaskSucceeded { output, .. } => {
            end_task(folded, entry, Step::TaskSucceeded(Arc::clone(output)))?;
        }
        Event::TaskFailed { reason: Reason { error, cause }, .. } => {
            let failure = Failure::reported(error.clone(), cause.clone());
            end_task(folded, entry, Step::TaskFailed(failure))?;
        }
        Event::TaskTimedOut { limit, .. } => {
            end_task(folded, entry, Step::TaskFailed(Failure::timeout(*limit)))?;
        }
        Event::WaitStarted { until } => set_step(folded, frame, Step::Waiting(*until))?,
        Event::RetryScheduled { retrier, due } => back_off(folded, entry, *retrier, *due)?,
        Event::ParallelStateStarted { input } => fork_branches(run, entry, input.as_ref())?,
        Event::MapStateStarted { length, items, input, max_concurrency } => {
            let fork = |raw: Data| Fork {
                input: input.clone().unwrap_or_else(|| Arc::clone(&raw)),
                items: Some(items.clone().unwrap_or(raw)),
                max_concurrency: *max_concurrency as usize,
                ..empty_fork(*length, id(entry))
            };
            set_fork(folded, entry, fork)?;
        }
        Event::MapIterationStarted(iteration) => start_iteration(run, entry, iteration.index)?,
        Event::MapIterationSucceeded(iteration) => {
            end_iteration(folded, entry, iteration.index)?;
        }
        Event::MapIterationFailed(_) => {
            let (parent, _) = folded.frame(frame)?.parent?;
            folded.update(parent, |parent| parent.cursor = entry.previous)?;
        }
        Event::ParallelStateFailed | Event::MapStateFailed => {
            close_fork(folded, frame)?;
            folded.update(frame, |frame| frame.cursor = id(entry))?;
        }
        Event::ParallelStateSucceeded
        | Event::MapStateSucceeded
        | Event::StateAborted { .. }
        | Event::MapIterationAborted(_) => {}
    }
    Some(())
}

/// The id of an entry that has one.
fn id(entry: &Entry) -> EventId {
    entry.id.unwrap_or_default()
}

fn start(run: &mut Run, at: Timestamp, input: &Payload) {
    let machine = &run.start.definition;
    run.folded.deadline = machine.timeout.and_then(|timeout| later(at, timeout));
    let root = Frame::new(None, machine.start_at, input.clone(), Step::Enter, 0, at);
    run.folded.open(root);
}

fn enter(folded: &mut Folded, entry: &Entry, state: StateId, input: &Payload) -> Option<()> {
    folded.update(entry.frame, |frame| {
        frame.state = state;
        frame.input = input.clone();
        frame.cursor = id(entry);
        frame.entered = id(entry);
        frame.entered_at = entry.at;
        frame.retries.clear();
        frame.step = Step::Work;
    })
}

/// The frame goes on to another state.
fn go_on(folded: &mut Folded, entry: &Entry, next: StateId, output: &Data) -> Option<()> {
    folded.update(entry.frame, |frame| {
        frame.state = next;
        frame.input = Arc::clone(output).into();
        frame.cursor = id(entry);
        frame.step = Step::Enter;
    })
}

/// The frame comes to its end. A branch of a Parallel state has no event of its own for that.
fn end_frame(run: &mut Run, entry: &Entry, output: &Data) -> Option<()> {
    let folded = &mut run.folded;
    folded.update(entry.frame, |frame| {
        frame.input = Arc::clone(output).into();
        frame.cursor = id(entry);
        frame.step = Step::Ended;
    })?;
    let Some((parent, index)) = folded.frame(entry.frame)?.parent else { return Some(()) };
    let parent_state = folded.frame(parent)?.state;
    let is_branch = matches!(run.start.definition.state(parent_state).kind, StateKind::Parallel(_));
    if is_branch { join(folded, entry.frame, index, id(entry)) } else { Some(()) }
}

/// Hands the output of an ended frame to the one that opened it.
fn join(folded: &mut Folded, child: FrameId, index: usize, cursor: EventId) -> Option<()> {
    let ended = folded.frame(child)?;
    let (parent, _) = ended.parent?;
    let output = ended.data();
    folded.close(child);
    folded.update(parent, |parent| {
        parent.cursor = cursor;
        let Step::Fork(fork) = &mut parent.step else { return None };
        fork.running.remove(&child);
        *fork.results.get_mut(index)? = Some(output);
        Some(())
    })?
}

fn end_iteration(folded: &mut Folded, entry: &Entry, index: usize) -> Option<()> {
    let (parent, _) = folded.frame(entry.frame)?.parent?;
    join(folded, entry.frame, index, id(entry))?;
    folded.update(parent, |parent| {
        let Step::Fork(fork) = &mut parent.step else { return None };
        fork.previous = entry.previous;
        Some(())
    })?
}

fn set_step(folded: &mut Folded, frame: FrameId, step: Step) -> Option<()> {
    folded.update(frame, |frame| frame.step = step)
}

fn schedule_task(folded: &mut Folded, entry: &Entry) -> Option<()> {
    let Event::TaskScheduled { resource, parameters, timeout_seconds, heartbeat_seconds, .. } =
        &entry.event
    else {
        return None;
    };
    let is_activity = matches!(resource, TaskResource::Activity(_));
    let since = (!is_activity).then_some(entry.at);
    let task = OpenTask {
        scheduled: id(entry),
        resource: resource.clone(),
        parameters: Arc::clone(parameters),
        started: false,
        timeout: timeout_seconds.map(Duration::from_secs),
        heartbeat: heartbeat_seconds.map(Duration::from_secs),
        running_since: since,
        alive_at: since,
    };
    folded.update(entry.frame, |frame| {
        frame.cursor = id(entry);
        frame.step = Step::Task(Box::new(task));
    })
}

fn task_started(folded: &mut Folded, entry: &Entry) -> Option<()> {
    folded.update(entry.frame, |frame| frame.cursor = id(entry))?;
    update_task(folded, entry.frame, |task| {
        task.started = true;
        task.running_since.get_or_insert(entry.at);
        task.alive_at.get_or_insert(entry.at);
    })
}

fn update_task(
    folded: &mut Folded,
    frame: FrameId,
    change: impl FnOnce(&mut OpenTask),
) -> Option<()> {
    folded.update(frame, |frame| {
        let Step::Task(task) = &mut frame.step else { return None };
        change(task);
        Some(())
    })?
}

fn end_task(folded: &mut Folded, entry: &Entry, step: Step) -> Option<()> {
    folded.update(entry.frame, |frame| {
        let is_open = matches!(frame.step, Step::Task(_));
        frame.cursor = id(entry);
        frame.step = step;
        is_open.then_some(())
    })?
}

/// The state will be tried again; what it had under way is gone.
fn back_off(folded: &mut Folded, entry: &Entry, retrier: usize, due: Timestamp) -> Option<()> {
    close_fork(folded, entry.frame)?;
    folded.update(entry.frame, |frame| {
        frame.cursor = entry.previous;
        if frame.retries.len() <= retrier {
            frame.retries.resize(retrier + 1, 0);
        }
        frame.retries[retrier] += 1;
        frame.step = Step::Backoff(due);
    })
}

/// Closes the frames that a frame opened; its own step is [`Step::Work`] then.
fn close_fork(folded: &mut Folded, frame: FrameId) -> Option<()> {
    let step = folded.update(frame, |frame| std::mem::replace(&mut frame.step, Step::Work))?;
    if let Step::Fork(fork) = step {
        fork.running.into_iter().for_each(|child| folded.close(child));
    }
    Some(())
}

fn empty_fork(length: usize, previous: EventId) -> Fork {
    Fork {
        input: Data::default(),
        items: None,
        max_concurrency: 0,
        started: 0,
        running: std::collections::BTreeSet::new(),
        results: vec![None; length],
        previous,
    }
}

fn set_fork(folded: &mut Folded, entry: &Entry, fork: impl FnOnce(Data) -> Fork) -> Option<()> {
    folded.update(entry.frame, |frame| {
        frame.cursor = id(entry);
        frame.step = Step::Fork(Box::new(fork(frame.data())));
    })
}

/// Opens a frame for every branch of a Parallel state.
fn fork_branches(run: &mut Run, entry: &Entry, input: Option<&Data>) -> Option<()> {
    let folded = &mut run.folded;
    let frame = folded.frame(entry.frame)?;
    let StateKind::Parallel(parallel) = &run.start.definition.state(frame.state).kind else {
        return None;
    };
    let input = input.map_or_else(|| frame.data(), Arc::clone);
    let open = |(index, branch): (usize, &StateId)| {
        let parent = Some((entry.frame, index));
        let input = Arc::clone(&input).into();
        folded.open(Frame::new(parent, *branch, input, Step::Enter, id(entry), entry.at))
    };
    let running = parallel.branches.iter().enumerate().map(open).collect();
    let length = parallel.branches.len();
    let fork = Fork { input, started: length, running, ..empty_fork(length, id(entry)) };
    set_fork(folded, entry, |_| fork)
}

/// Opens the frame of a Map iteration.
fn start_iteration(run: &mut Run, entry: &Entry, index: usize) -> Option<()> {
    let folded = &mut run.folded;
    let state = folded.frame(entry.frame)?.state;
    let StateKind::Map(map) = &run.start.definition.state(state).kind else { return None };
    let parent = Some((entry.frame, index));
    let input = Data::default().into();
    let child = Frame::new(parent, map.start_at, input, Step::EnterItem, id(entry), entry.at);
    let child = folded.open(child);
    folded.update(entry.frame, |frame| {
        let Step::Fork(fork) = &mut frame.step else { return None };
        fork.started += 1;
        fork.running.insert(child);
        Some(())
    })?
}
