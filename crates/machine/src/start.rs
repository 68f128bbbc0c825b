//! What an execution starts with.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stepwell_asl::StateMachine;

use crate::event::Payload;

/// What an execution starts with.
#[derive(Debug, Clone)]
pub struct Start {
    /// The checked definition.
    pub definition: Arc<StateMachine>,
    /// Names, ARNs and the start time, as the context object shows them.
    pub context: ExecutionContext,
    /// The input; history shows its text as the caller sent it ([`Payload::parse`]).
    pub input: Payload,
}

/// The fixed part of the context object (`$$.Execution`, `$$.StateMachine`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionContext {
    /// `$$.Execution.Id`
    pub execution_arn: Arc<str>,
    /// `$$.Execution.Name`
    pub execution_name: Arc<str>,
    /// `$$.Execution.RoleArn`
    pub role_arn: Arc<str>,
    /// `$$.Execution.StartTime`
    pub start_time: Timestamp,
    /// `$$.StateMachine.Id`
    pub state_machine_arn: Arc<str>,
    /// `$$.StateMachine.Name`
    pub state_machine_name: Arc<str>,
}

impl ExecutionContext {
    /// The region of the execution ARN, as `TaskScheduled` shows it.
    pub(crate) fn region(&self) -> &str {
        self.execution_arn.split(':').nth(3).unwrap_or_default()
    }
}
