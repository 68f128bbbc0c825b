//! The door to a running engine.

use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::broadcast;

use crate::error::{Error, StoreError};
use crate::record::{
    ExecutionRecord, ExecutionSummary, Page, Paged, Started, StateMachineRecord,
    StateMachineSummary, Stats, Status, StatusChange,
};

/// What `CreateStateMachine` takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateStateMachine {
    /// Its name.
    pub name: String,
    /// The definition.
    pub definition: String,
    /// The role that `$$.Execution.RoleArn` shows; a default if there is none.
    pub role_arn: Option<String>,
}

/// What `UpdateStateMachine` takes; what is missing stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateStateMachine {
    /// The new definition.
    pub definition: Option<String>,
    /// The new role.
    pub role_arn: Option<String>,
}

/// What `StartExecution` takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartExecution {
    /// The state machine.
    pub state_machine_arn: String,
    /// A name, unique among the executions of the state machine; a UUID if there is none.
    pub name: Option<String>,
    /// The input: JSON.
    pub input: String,
}

/// Which executions `ListExecutions` shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecutionFilter {
    /// Those of this state machine only.
    pub state_machine_arn: Option<String>,
    /// Those with this status only.
    pub status: Option<Status>,
}

/// The door to a running engine. Cheap to clone.
///
/// Every method may be cancelled at any `.await`: a request that was sent takes its effect regardless.
#[derive(Debug, Clone)]
pub struct Handle {}

impl Handle {
    /// Creates a state machine. Idempotent: the same name with the same definition and role again gives what
    /// exists.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::InvalidDefinition`] with all findings,
    /// [`Error::UnsupportedResource`], [`Error::StateMachineAlreadyExists`].
    pub async fn create_state_machine(
        &self,
        request: CreateStateMachine,
    ) -> Result<StateMachineRecord, Error> {
        let _ = request;
        todo!()
    }

    /// Changes the definition or role. Running executions keep what they started with.
    ///
    /// # Errors
    /// [`Error::StateMachineDoesNotExist`] and those of [`create_state_machine`](Self::create_state_machine).
    pub async fn update_state_machine(
        &self,
        arn: &str,
        change: UpdateStateMachine,
    ) -> Result<StateMachineRecord, Error> {
        let _ = (arn, change);
        todo!()
    }

    /// Shows a state machine.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::StateMachineDoesNotExist`].
    pub async fn describe_state_machine(&self, arn: &str) -> Result<StateMachineRecord, Error> {
        let _ = arn;
        todo!()
    }

    /// Shows the state machine as an execution runs it: with the definition and role of its revision.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::ExecutionDoesNotExist`].
    pub async fn describe_state_machine_for_execution(
        &self,
        execution_arn: &str,
    ) -> Result<StateMachineRecord, Error> {
        let _ = execution_arn;
        todo!()
    }

    /// Lists the state machines, by name.
    ///
    /// # Errors
    /// [`Error::InvalidToken`].
    pub async fn list_state_machines(
        &self,
        page: Page,
    ) -> Result<Paged<StateMachineSummary>, Error> {
        let _ = page;
        todo!()
    }

    /// Deletes a state machine: it takes no new executions; those that run go on to their end, and its
    /// history stays until its retention is over. One that does not exist is no error, as in AWS.
    ///
    /// # Errors
    /// [`Error::InvalidArn`].
    pub async fn delete_state_machine(&self, arn: &str) -> Result<(), Error> {
        let _ = arn;
        todo!()
    }

    /// Starts an execution; answers once `ExecutionStarted` is on disk. The same name and input again while
    /// it runs gives the same answer.
    ///
    /// # Errors
    /// [`Error::StateMachineDoesNotExist`], [`Error::InvalidName`], [`Error::InvalidExecutionInput`],
    /// [`Error::ExecutionAlreadyExists`] if the name is taken by an execution with another input or one that
    /// ended.
    pub async fn start_execution(&self, request: StartExecution) -> Result<Started, Error> {
        let _ = request;
        todo!()
    }

    /// Stops an execution and gives the time of its end; one that ended already keeps its end.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::ExecutionDoesNotExist`].
    pub async fn stop_execution(
        &self,
        arn: &str,
        error: Option<String>,
        cause: Option<String>,
    ) -> Result<Timestamp, Error> {
        let _ = (arn, error, cause);
        todo!()
    }

    /// Shows an execution.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::ExecutionDoesNotExist`].
    pub async fn describe_execution(&self, arn: &str) -> Result<ExecutionRecord, Error> {
        let _ = arn;
        todo!()
    }

    /// Lists executions, newest first.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::StateMachineDoesNotExist`], [`Error::InvalidToken`].
    pub async fn list_executions(
        &self,
        filter: ExecutionFilter,
        page: Page,
    ) -> Result<Paged<ExecutionSummary>, Error> {
        let _ = (filter, page);
        todo!()
    }

    /// The history events of an execution in the shape of `GetExecutionHistory`, oldest first unless
    /// `reverse`.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::ExecutionDoesNotExist`], [`Error::InvalidToken`].
    pub async fn history(
        &self,
        arn: &str,
        reverse: bool,
        page: Page,
    ) -> Result<Paged<Value>, Error> {
        let _ = (arn, reverse, page);
        todo!()
    }

    /// Waits until an execution ended, and shows it.
    ///
    /// # Errors
    /// [`Error::InvalidArn`], [`Error::ExecutionDoesNotExist`], [`Error::ShuttingDown`].
    pub async fn wait(&self, arn: &str) -> Result<ExecutionRecord, Error> {
        let _ = arn;
        todo!()
    }

    /// Tells of every execution that starts or ends from now on. A subscriber that lags loses the oldest.
    pub fn subscribe(&self) -> broadcast::Receiver<StatusChange> {
        todo!()
    }

    /// What the engine is doing.
    pub fn stats(&self) -> Stats {
        todo!()
    }

    /// Copies the store, as it is at this moment, to a new file, while the engine goes on.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if there is a file; [`StoreError::Sqlite`] if it cannot be written.
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let _ = to;
        todo!()
    }

    /// Makes the engine look at its clock: for clocks that are moved by hand.
    pub fn nudge(&self) {
        todo!()
    }
}
