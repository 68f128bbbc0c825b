//! What somebody with a task token says.

use stepwell_machine::{EventId, Input, Report};

use super::Kernel;
use super::event::Reply;
use super::executions::{Failed, Holder};
use super::slot::{Letter, Life, Receipt};
use crate::error::{Error, Halted};
use crate::store::ExecutionId;

/// A request with a task token.
#[derive(Debug)]
pub struct TokenRequest {
    /// The name of the state machine that the token names, with the label of a child.
    pub state_machine: String,
    /// The name of the execution.
    pub name: String,
    /// The id of the task's scheduled event.
    pub scheduled: EventId,
    /// The token itself: it must be the one that is recorded.
    pub token: String,
    /// How the task ended; nothing for a heartbeat.
    pub report: Option<Report>,
}

impl Kernel {
    /// Passes on what is said of a task, if the token is the recorded one and the task is open.
    pub(super) fn hear(&mut self, request: TokenRequest, reply: Reply<()>) -> Result<(), Halted> {
        match self.holder_of(&request) {
            Ok(id) => {
                let scheduled = request.scheduled;
                let input = match request.report {
                    Some(report) => Input::TaskReported { scheduled, report },
                    None => Input::TaskHeartbeat { scheduled },
                };
                self.deliver(id, Letter::with_receipt(input, Receipt::Heard(reply)));
                Ok(())
            }
            Err(failed) => self.fail(reply, failed),
        }
    }

    /// The execution whose open task has this very token.
    fn holder_of(&mut self, request: &TokenRequest) -> Result<ExecutionId, Failed> {
        let id = match self.find_by_arn(&request.state_machine, &request.name)? {
            Holder::Slot(id) => id,
            Holder::Archived(_) => return Err(Error::TaskTimedOut.into()),
            Holder::Nobody => return Err(Error::TaskDoesNotExist.into()),
        };
        let was_dormant = self.slots.get(&id).is_some_and(|it| matches!(it.life, Life::Dormant));
        self.wake(id)?;
        let found = match self.slots.get(&id).map(|slot| &slot.life) {
            Some(Life::Awake(awake)) => awake.run.has_token(request.scheduled, &request.token),
            Some(Life::Unreadable { reason }) => {
                return Err(Error::Store { reason: reason.to_string() }.into());
            }
            Some(Life::Ended { .. } | Life::Dormant) | None => None,
        };
        match found {
            Some(true) => return Ok(id),
            Some(false) | None if was_dormant => self.rest_again(id),
            Some(false) | None => {}
        }
        Err(if found.is_some() { Error::InvalidTaskToken } else { Error::TaskTimedOut }.into())
    }

    /// Lets an execution that was folded for nothing leave memory again.
    pub(super) fn rest_again(&mut self, id: ExecutionId) {
        if let Some(slot) = self.slots.get_mut(&id).filter(|slot| !slot.queued) {
            slot.life = Life::Dormant;
        }
    }
}
