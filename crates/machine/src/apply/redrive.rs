//! How an execution that ended without success goes on.
//!
//! | Where a frame stood | Where it goes on |
//! | --- | --- |
//! | about to enter a state or to select its item | there |
//! | in a Fail state | enters it again |
//! | in a Parallel or inline Map state with frames of its own | with those that did not succeed; the results of the others are kept |
//! | in a Distributed Map whose Map run was started | the Map run is redriven |
//! | in any other state, or before it had frames or a Map run | does again what the state does, without entering it again |
//! | at its end | there |
//!
//! The frames of a state that failed with `States.DataLimitExceeded` are started anew, successful ones included; the Map
//! run as well, also after `States.Runtime`. Retriers count from the beginning.
//!
//! Who names a state or an input goes on there, in the root frame alone. Its variables stay, but at the first state, where
//! nothing is assigned yet.
//!
//! Source: Developer Guide, "Restarting state machine executions with redrive" and "Redriving Map Runs". That nothing is
//! entered again follows from "reschedules"; "reenters" is said of the Fail state alone.

use std::sync::Arc;

use stepwell_asl::model::{StateId, StateKind};
use stepwell_asl::variable::Assigned;

use super::Fold;
use crate::event::{EventId, RedriveFrom};
use crate::frame::{Fork, Frame, OpenMapRun, ROOT, Step, later};
use crate::redrive::TOKENS_MAX;
use crate::run::Phase;

/// The error after which a state with frames of its own is run anew.
const TOO_MUCH_DATA: &str = "States.DataLimitExceeded";

/// After this one as well, a Map run is.
const RUNTIME: &str = "States.Runtime";

impl Fold<'_> {
    pub(super) fn execution_redriven(
        &mut self,
        count: u32,
        token: Option<&Arc<str>>,
        from: Option<&RedriveFrom>,
    ) -> Option<()> {
        (self.folded.redrives + 1 == count).then_some(())?;
        let had_too_much = self.folded.phase.error() == Some(TOO_MUCH_DATA);
        let laid_up = std::mem::take(&mut self.folded.laid_up);
        for (id, frame) in laid_up {
            let frame = match from {
                Some(from) if id == ROOT => self.elsewhere(frame, from)?,
                Some(_) => continue,
                None => self.again(frame, had_too_much)?,
            };
            self.folded.take_up(id, frame);
        }
        self.folded.frame(ROOT)?;
        self.count_redrive(count, token);
        Some(())
    }

    fn count_redrive(&mut self, count: u32, token: Option<&Arc<str>>) {
        let at = self.entry.at;
        let folded = &mut *self.folded;
        folded.phase = Phase::Running;
        folded.deadline = self.machine.timeout.and_then(|timeout| later(at, timeout));
        folded.redrives = count;
        folded.redriven_at = Some(at);
        if let Some(token) = token {
            folded.redrive_tokens.push_back((Arc::clone(token), at));
            if folded.redrive_tokens.len() > TOKENS_MAX {
                folded.redrive_tokens.pop_front();
            }
        }
    }

    /// The root frame, about to enter another state, or the same with another input.
    fn elsewhere(&self, frame: Frame, from: &RedriveFrom) -> Option<Frame> {
        self.machine.get(from.state)?;
        let is_first = from.state == self.machine.start_at;
        Some(Frame {
            variables: if is_first { Assigned::new() } else { frame.variables },
            state: from.state,
            input: from.input.clone(),
            cursor: self.id,
            retries: Vec::new(),
            step: Step::Enter,
            ..frame
        })
    }

    /// A frame, going on where it stood.
    fn again(&self, frame: Frame, had_too_much: bool) -> Option<Frame> {
        let is_fail = matches!(self.state_of(frame.state)?, StateKind::Fail(_));
        let step = match frame.step {
            Step::Work if is_fail => Step::Enter,
            Step::Enter | Step::EnterItem | Step::Ended => frame.step,
            Step::Fork(fork) | Step::ForkFailed(fork) => forked(*fork, self.id, had_too_much),
            Step::MapRun(run) => map_run(run),
            Step::MapRunFailed(run, failure) => match failure.error.as_deref() {
                Some(TOO_MUCH_DATA | RUNTIME) => Step::Work,
                Some(_) | None => map_run(run),
            },
            Step::Work
            | Step::Task(_)
            | Step::TaskSucceeded(_)
            | Step::TaskFailed(_)
            | Step::Waiting(_)
            | Step::Backoff(_) => Step::Work,
        };
        Some(Frame { cursor: self.id, retries: Vec::new(), step, ..frame })
    }

    fn state_of(&self, id: StateId) -> Option<&StateKind> {
        self.machine.get(id).map(|state| &state.kind)
    }
}

/// A state with frames of its own. One whose frames all ended failed because of what they gave.
fn forked(fork: Fork, redriven: EventId, had_too_much: bool) -> Step {
    if fork.is_complete() && had_too_much {
        return Step::Work;
    }
    Step::Fork(Box::new(Fork { previous: redriven, ..fork }))
}

fn map_run(mut run: Box<OpenMapRun>) -> Step {
    if let Some(started) = run.started.take() {
        run.stopped = Some(started);
    }
    Step::MapRun(run)
}
