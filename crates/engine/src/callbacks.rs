//! What workers and others outside ask of the engine: to take tasks of activities, and to say how tasks went whose tokens
//! they have.

use std::time::Duration;

use stepwell_machine::{Payload, Reason, Report, TaskToken};
use tokio::sync::oneshot;

use crate::arn::check_name;
use crate::configuration::Tag;
use crate::error::Error;
use crate::handle::Handle;
use crate::kernel::{Event, HandOut, TokenRequest};
use crate::record::{ActivityRecord, Page, Paged};

/// How long `GetActivityTask` waits for a task. Source: API reference, "GetActivityTask".
pub const ACTIVITY_PATIENCE: Duration = Duration::from_mins(1);

/// What `SendTaskSuccess`, `SendTaskFailure` and `SendTaskHeartbeat` say of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskReport {
    /// It succeeded.
    Succeeded {
        /// JSON.
        output: String,
    },
    /// It failed.
    Failed {
        /// The error name.
        error: Option<String>,
        /// The text for people.
        cause: Option<String>,
    },
    /// It is alive: its `HeartbeatSeconds` count anew.
    Heartbeat,
}

/// A task that a worker of an activity was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityTask {
    /// With which the worker says how the task ended.
    pub token: String,
    /// JSON.
    pub input: String,
}

impl Handle {
    /// Says how the task of a token ended, or that it is alive; answers once that is on disk.
    ///
    /// # Errors
    /// [`Error::InvalidTaskToken`] if no task ever had this token, [`Error::TaskTimedOut`] if its task is over,
    /// [`Error::TaskDoesNotExist`] if nothing is known of its execution any more, [`Error::InvalidOutput`] if the output is
    /// no JSON.
    pub async fn report_task(&self, token: &str, report: TaskReport) -> Result<(), Error> {
        // As recorded, what is wrong with the token is told first.
        let TaskToken { execution, scheduled } =
            TaskToken::parse(token).ok_or(Error::InvalidTaskToken)?;
        let (state_machine, name) = execution.split_once(':').ok_or(Error::InvalidTaskToken)?;
        let report = checked(report)?;
        let request = TokenRequest {
            state_machine: state_machine.to_owned(),
            name: name.to_owned(),
            scheduled,
            token: token.to_owned(),
            report,
        };
        self.ask(|reply| Event::Report { request, reply }).await
    }

    /// Creates an activity. One with this name that exists is given as it is, with the tags that it has.
    ///
    /// # Errors
    /// [`Error::InvalidName`].
    pub async fn create_activity(
        &self,
        name: String,
        tags: Vec<Tag>,
    ) -> Result<ActivityRecord, Error> {
        check_name(&name)?;
        self.ask(|reply| Event::CreateActivity { name, tags, reply }).await
    }

    /// Deletes an activity. One that does not exist is no error, as in AWS.
    ///
    /// # Errors
    /// [`Error::InvalidArn`].
    pub async fn delete_activity(&self, arn: &str) -> Result<(), Error> {
        let Some(name) = self.arns().parse_activity(arn)?.map(str::to_owned) else { return Ok(()) };
        self.ask(|reply| Event::DeleteActivity { name, reply }).await
    }

    /// Shows an activity.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::ActivityDoesNotExist`].
    pub async fn describe_activity(&self, arn: &str) -> Result<ActivityRecord, Error> {
        let arn = arn.to_owned();
        self.read(move |reader| reader.describe_activity(&arn)).await
    }

    /// Lists the activities, by name.
    ///
    /// # Errors
    /// [`Error::InvalidToken`].
    pub async fn list_activities(&self, page: Page) -> Result<Paged<ActivityRecord>, Error> {
        self.read(move |reader| reader.list_activities(&page)).await
    }

    /// Waits for a task of an activity, no longer than `patience`; nothing if there was none. Whoever stops waiting takes no
    /// task away: it goes to the next worker.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::ActivityDoesNotExist`], [`Error::ShuttingDown`].
    pub async fn activity_task(
        &self,
        arn: &str,
        worker: Option<String>,
        patience: Duration,
    ) -> Result<Option<ActivityTask>, Error> {
        let missing = || Error::ActivityDoesNotExist { arn: arn.to_owned() };
        let activity = self.arns().parse_activity(arn)?.ok_or_else(missing)?.to_owned();
        let worker = worker.map(Into::into);
        let (reply, mut answer) = oneshot::channel();
        // Not through `ask`: who waits for a minute must not hold a place that others need.
        self.tell(Event::PollActivity { activity, worker, reply })?;
        if let Ok(received) = tokio::time::timeout(patience, &mut answer).await {
            return received.map_err(|_| self.gone())?.map(task).map(Some);
        }
        // A task that was on its way at this very moment is still taken.
        answer.close();
        answer.try_recv().ok().transpose().map(|hand_out| hand_out.map(task))
    }
}

fn task(hand_out: HandOut) -> ActivityTask {
    let order = hand_out.take();
    ActivityTask {
        token: order.task.token.as_deref().unwrap_or_default().to_owned(),
        input: order.task.parameters.to_string(),
    }
}

/// What is reported, with the output parsed.
fn checked(report: TaskReport) -> Result<Option<Report>, Error> {
    Ok(match report {
        TaskReport::Succeeded { output } => {
            let output = Payload::parse(&output)
                .map_err(|error| Error::InvalidOutput { reason: error.to_string() })?;
            Some(Report::Succeeded(output.data().clone()))
        }
        TaskReport::Failed { error, cause } => Some(Report::Failed(Reason { error, cause })),
        TaskReport::Heartbeat => None,
    })
}
