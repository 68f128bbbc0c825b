//! How frames go from state to state.

use std::sync::Arc;

use jiff::Timestamp;
use stepwell_asl::Data;
use stepwell_asl::model::{StateId, StateKind};
use stepwell_asl::variable::Assigned;

use super::Fold;
use crate::event::Payload;
use crate::frame::{Frame, ROOT, Step, later};
use crate::limits::Limits;
use crate::retry;

impl Fold<'_> {
    pub(super) fn execution_started(&mut self, input: &Payload, limits: Limits) -> Option<()> {
        let at = self.entry.at;
        self.folded.limits = limits;
        self.folded.deadline = self.machine.timeout.and_then(|timeout| later(at, timeout));
        let state = self.machine.start_at;
        let root = self.folded.open(Frame::new(None, state, input.clone(), Step::Enter, 0, at));
        (root == ROOT).then_some(())
    }

    pub(super) fn state_entered(
        &mut self,
        state: StateId,
        name: &str,
        input: &Payload,
    ) -> Option<()> {
        let frame = self.frame()?;
        let is_at_the_door = matches!(frame.step, Step::Enter | Step::EnterItem);
        let is_known = self.state().is_some_and(|known| known.id == state && *known.name == *name);
        (is_at_the_door && is_known).then_some(())?;
        let (id, before, at) = (self.id, self.entry.previous, self.entry.at);
        self.update(|frame| {
            frame.input = input.clone();
            frame.cursor = id;
            frame.before = before;
            frame.entered = id;
            frame.entered_at = at;
            frame.retries.clear();
            frame.step = Step::Work;
        })
    }

    pub(super) fn state_exited(
        &mut self,
        name: &str,
        output: &Data,
        assigned: &Assigned,
        next: Option<StateId>,
    ) -> Option<()> {
        let is_known = self.state().is_some_and(|known| *known.name == *name);
        (is_known && self.frame()?.step.may_be_left()).then_some(())?;
        if let Some(next) = next {
            self.machine.get(next)?;
        }
        let id = self.id;
        let left = self.update(|frame| {
            frame.input = Arc::clone(output).into();
            frame.variables.extend(assigned.clone());
            frame.cursor = id;
            frame.state = next.unwrap_or(frame.state);
            let step = if next.is_some() { Step::Enter } else { Step::Ended };
            std::mem::replace(&mut frame.step, step)
        })?;
        self.folded.close_those_of(&left);
        if next.is_none() && self.is_branch()? { self.join(id) } else { Some(()) }
    }

    /// What fails does so within a state, or at the door of a Map iteration.
    pub(super) fn evaluation_failed(&mut self) -> Option<()> {
        let step = &self.frame()?.step;
        (step.is_inside() || *step == Step::EnterItem).then_some(())?;
        let id = self.id;
        self.update(|frame| frame.cursor = id)
    }

    /// Whether the frame is the branch of a Parallel state, whose end has no event of its own.
    fn is_branch(&self) -> Option<bool> {
        let Some((parent, _)) = self.frame()?.parent else { return Some(false) };
        let state = self.machine.get(self.folded.frame(parent)?.state)?;
        Some(matches!(state.kind, StateKind::Parallel(_)))
    }

    /// The frame begins to do what its state does, for the first time or as a retry.
    pub(super) fn begin(&mut self, change: impl FnOnce(&mut Frame)) -> Option<()> {
        self.update(|frame| {
            matches!(frame.step, Step::Work | Step::Backoff(_)).then_some(())?;
            change(frame);
            Some(())
        })?
    }

    /// The state will be tried again; what it had under way is gone.
    pub(super) fn retry_scheduled(&mut self, retrier: usize, due: Timestamp) -> Option<()> {
        retry::retriers(&self.state()?.kind).get(retrier)?;
        self.frame()?.step.is_inside().then_some(())?;
        self.close_fork()?;
        let previous = self.entry.previous;
        self.update(|frame| {
            frame.cursor = previous;
            if frame.retries.len() <= retrier {
                frame.retries.resize(retrier + 1, 0);
            }
            frame.retries[retrier] += 1;
            frame.step = Step::Backoff(due);
        })
    }
}
