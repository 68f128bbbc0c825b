//! Redrives: who may go on after its end, and the request.
//!
//! Left to others: where an execution goes on (`stepwell_machine`), how that is made durable (`kernel::redrive`).
//!
//! Source: Developer Guide, "Restarting state machine executions with redrive".

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use stepwell_machine::Payload;

use crate::error::Error;
use crate::handle::Handle;
use crate::kernel::{Event, RedriveRequest, RedriveStart};
use crate::record::{ExecutionRecord, Status};

/// How long after its end an execution may be redriven. Source: as above.
const REDRIVABLE_FOR: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How long an execution may be open, from its start. Source: Developer Guide, "Quotas related to state machine
/// executions".
const OPEN_FOR_MAX: SignedDuration = SignedDuration::from_hours(365 * 24);

/// Why an execution cannot be redriven. `Display` gives AWS's words.
///
/// Source: API reference, "DescribeExecution", `redriveStatusReason`; those of a running and of a successful execution as
/// recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum NotRedrivable {
    #[error("Execution is {0} and cannot be redriven")]
    Status(Status),
    #[error("State machine is in DELETING status")]
    StateMachineDeleted,
    #[error("Execution history event limit exceeded")]
    HistoryFull,
    #[error("Execution has exceeded the max execution time")]
    OpenTooLong,
    #[error("Execution redrivable period exceeded")]
    EndedLongAgo,
    /// Not AWS's words, which are not recorded: it names the status `REDRIVABLE_BY_MAP_RUN`.
    #[error("Execution is a child of a Map Run and is redriven with it")]
    ChildOfMapRun,
}

/// Whether the times of an execution allow a redrive.
pub(crate) fn check_times(
    started_at: Timestamp,
    stopped_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), NotRedrivable> {
    if now.duration_since(started_at) > OPEN_FOR_MAX {
        return Err(NotRedrivable::OpenTooLong);
    }
    if stopped_at.is_some_and(|at| now.duration_since(at) > REDRIVABLE_FOR) {
        return Err(NotRedrivable::EndedLongAgo);
    }
    Ok(())
}

impl ExecutionRecord {
    /// Whether `RedriveExecution` would be accepted.
    ///
    /// # Errors
    /// Why not.
    pub fn redrivable(&self, now: Timestamp) -> Result<(), NotRedrivable> {
        let summary = &self.summary;
        if !summary.status.is_unsuccessful() {
            return Err(NotRedrivable::Status(summary.status));
        }
        if self.is_deleting {
            return Err(NotRedrivable::StateMachineDeleted);
        }
        if self.has_full_history {
            return Err(NotRedrivable::HistoryFull);
        }
        check_times(summary.started_at, summary.stopped_at, now)?;
        if summary.child_of.is_some() {
            return Err(NotRedrivable::ChildOfMapRun);
        }
        Ok(())
    }
}

/// What `RedriveExecution` takes, and more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RedriveExecution {
    /// The execution.
    pub execution_arn: String,
    /// With the same token again within 15 minutes, the answer is that of the first request.
    pub client_token: Option<String>,
    /// More than AWS has: the state to go on from, one that is in no other state; nothing for where it failed.
    pub from: Option<String>,
    /// More than AWS has: the raw input of that state, or of the one where it failed; nothing for the input that it had.
    pub input: Option<String>,
    /// More than AWS has: however long ago it started or ended.
    pub at_any_age: bool,
}

impl Handle {
    /// Lets an execution go on that ended without success, in the same history and with the definition that it was
    /// started with. Gives the time of the redrive.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::ExecutionDoesNotExist`], [`Error::ExecutionNotRedrivable`],
    /// [`Error::InvalidExecutionInput`]; [`Error::Invalid`] for a state that it cannot go on from.
    pub async fn redrive_execution(&self, request: RedriveExecution) -> Result<Timestamp, Error> {
        let (state_machine, name) = self.arns().parse_execution(&request.execution_arn)?;
        let (state_machine, name) = (state_machine.to_owned(), name.to_owned());
        let invalid = |reason: String| Error::InvalidExecutionInput { reason };
        let parse = |text: String| Payload::parse(&text).map_err(|it| invalid(it.to_string()));
        let input = request.input.map(parse).transpose()?;
        let is_elsewhere = request.from.is_some() || input.is_some();
        let request = RedriveRequest {
            state_machine,
            name,
            token: request.client_token.map(Arc::from),
            start: is_elsewhere.then_some(RedriveStart { state: request.from, input }),
            at_any_age: request.at_any_age,
        };
        self.ask(|reply| Event::Redrive { request, reply }).await
    }

    /// The time, as the engine has it.
    pub fn now(&self) -> Timestamp {
        self.clock().now()
    }
}
