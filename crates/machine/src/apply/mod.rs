//! The fold: what one journal entry does to a run. The only place that changes a [`Run`].
//!
//! Every entry is checked against the step that its frame is in, so that a damaged journal is refused
//! instead of leading somewhere else.
//!
//! Left to others: which entry comes next (`decide`).

mod fork;
mod redrive;
mod state;
mod task;

use std::sync::Arc;

use stepwell_asl::StateMachine;
use stepwell_asl::model::State;

use crate::event::{Entry, Event, EventId, Reason};
use crate::frame::{Frame, ROOT, Step};
use crate::run::{Folded, Phase, Run};

/// An entry that cannot follow the ones before it: the journal is damaged, or this is a bug.
#[derive(Debug, thiserror::Error)]
#[error("illegal journal entry: {0}")]
pub struct IllegalEntry(pub String);

/// Folds one entry into the run.
///
/// # Errors
/// [`IllegalEntry`] if the entry cannot follow the ones before it. The run is of no use then.
pub fn apply(run: &mut Run, entry: &Entry) -> Result<(), IllegalEntry> {
    check_order(&run.folded, entry)?;
    let id = entry.id.unwrap_or_default();
    if id > 0 {
        run.folded.last_event = id;
    }
    let mut fold = Fold { folded: &mut run.folded, machine: &run.start.definition, entry, id };
    fold.event().ok_or_else(|| illegal(entry, "its frame is not where it belongs"))
}

/// Ids count without gaps, the start comes first, and nothing follows the end.
fn check_order(folded: &Folded, entry: &Entry) -> Result<(), IllegalEntry> {
    let expected = (!entry.event.is_hidden()).then_some(folded.last_event + 1);
    let is_start = matches!(entry.event, Event::ExecutionStarted { .. });
    if entry.id != expected {
        return Err(illegal(entry, "its id is out of order"));
    }
    if is_start != (folded.last_event == 0) {
        return Err(illegal(entry, "the start belongs first, and nowhere else"));
    }
    let is_redrive = matches!(entry.event, Event::ExecutionRedriven { .. });
    if is_redrive != folded.phase.is_redrivable() {
        return Err(illegal(entry, "only a redrive follows the end"));
    }
    if folded.phase != Phase::Running && !is_redrive {
        return Err(illegal(entry, "the execution has ended"));
    }
    Ok(())
}

/// Names the entry without its data, which belongs into no message.
fn illegal(entry: &Entry, why: &str) -> IllegalEntry {
    let event = format!("{:?}", entry.event);
    let name = event.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    IllegalEntry(format!("{why}: {name} {:?} of frame {}", entry.id, entry.frame))
}

/// One entry being folded. Its functions give nothing if the entry does not fit: its frame is not in the
/// step that the event belongs to, or the definition has no such state.
struct Fold<'a> {
    folded: &'a mut Folded,
    machine: &'a StateMachine,
    entry: &'a Entry,
    /// The id of the entry; 0 for a hidden fact.
    id: EventId,
}

impl<'a> Fold<'a> {
    fn event(&mut self) -> Option<()> {
        match &self.entry.event {
            Event::ExecutionStarted { input, limits, .. } => self.execution_started(input, *limits),
            Event::ExecutionSucceeded { output } => {
                self.end(Phase::Succeeded { output: Arc::clone(output) })
            }
            Event::ExecutionFailed(Reason { error, cause }) => {
                self.end(Phase::Failed { error: error.clone(), cause: cause.clone() })
            }
            // AWS names `States.Timeout` in the event alone, not as the error of the execution.
            Event::ExecutionTimedOut(_) => self.end(Phase::TimedOut { error: None, cause: None }),
            Event::ExecutionAborted(Reason { error, cause }) => {
                self.end(Phase::Aborted { error: error.clone(), cause: cause.clone() })
            }
            Event::ExecutionRedriven { count, token, from } => {
                self.execution_redriven(*count, token.as_ref(), from.as_ref())
            }
            Event::StateEntered { state, name, input, .. } => {
                self.state_entered(*state, name, input)
            }
            Event::StateExited { name, output, assigned, next, .. } => {
                self.state_exited(name, output, assigned, *next)
            }
            Event::EvaluationFailed { .. } => self.evaluation_failed(),
            Event::WaitStarted { until } => self.begin(|frame| frame.step = Step::Waiting(*until)),
            Event::RetryScheduled { retrier, due } => self.retry_scheduled(*retrier, *due),
            Event::TaskScheduled { .. } => self.task_scheduled(),
            Event::TaskStarted { .. } => self.task_started(),
            Event::TaskHeartbeat => self.task_heartbeat(),
            Event::TaskGivenBack => self.task_given_back(),
            Event::TaskTakenAgain => self.task_taken_again(),
            Event::TaskSubmitted { output, .. } => self.task_submitted(output),
            Event::TaskReported(report) => self.task_reported(report),
            Event::TaskSucceeded { output, .. } => {
                self.task_ended(Step::TaskSucceeded(Arc::clone(output)))
            }
            Event::TaskFailed { reason, .. } => self.task_failed(reason),
            Event::TaskTimedOut { limit, .. } => self.task_timed_out(*limit),
            Event::ParallelStateStarted { input } => self.branches_started(input.as_ref()),
            Event::MapStateStarted { .. } => self.map_started(),
            Event::MapRunStarted { arn, plan } => self.map_run_started(arn, plan),
            Event::MapRunRedriven { count, arn } => self.map_run_redriven(arn, *count),
            Event::MapRunSucceeded { output } => self.map_run_succeeded(output),
            Event::MapRunFailed(reason) => self.map_run_failed(reason),
            Event::MapIterationStarted(iteration) => self.iteration_started(iteration.index),
            Event::MapIterationSucceeded(iteration) => self.iteration_succeeded(iteration.index),
            Event::MapIterationFailed(_) => self.iteration_failed(),
            Event::ParallelStateFailed | Event::MapStateFailed => self.fork_failed(),
            Event::ParallelStateSucceeded
            | Event::MapStateSucceeded
            | Event::StateAborted { .. }
            | Event::MapIterationAborted(_) => Some(()),
        }
    }

    fn end(&mut self, phase: Phase) -> Option<()> {
        self.folded.frame(ROOT)?;
        self.folded.end(phase);
        Some(())
    }

    /// The frame of the entry.
    fn frame(&self) -> Option<&Frame> {
        self.folded.frame(self.entry.frame)
    }

    /// The state that the frame is in.
    fn state(&self) -> Option<&'a State> {
        self.machine.get(self.frame()?.state)
    }

    /// Changes the frame of the entry.
    fn update<T>(&mut self, change: impl FnOnce(&mut Frame) -> T) -> Option<T> {
        self.folded.update(self.entry.frame, change)
    }
}
