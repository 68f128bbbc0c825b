//! Targets of rules: who takes an event, and what of it.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;
use uuid::Uuid;

use super::transform::{InputTransformer, Path, Told};
use crate::service::Place;

/// Takes events for state machines and functions.
#[async_trait]
pub trait Starter: Send + Sync {
    /// Why rules invoke no functions here, if so.
    fn lack_of_functions(&self) -> Option<&'static str>;

    /// Starts an execution of a state machine, or of a version or alias of one. A Standard one is on disk when this returns.
    ///
    /// # Errors
    /// With a status of 500 or more it may start later.
    async fn start_execution(
        &self,
        arn: &str,
        name: String,
        input: String,
    ) -> Result<(), ServiceError>;

    /// Leaves an event for a function, which is invoked later, with `id` as the id of its request. It is on disk when this returns.
    ///
    /// # Errors
    /// With a status of 500 or more it may be taken later.
    async fn invoke(&self, arn: &str, id: Uuid, event: String) -> Result<(), ServiceError>;
}

/// `{"Id": "1", "Arn": "arn:aws:sqs:us-east-1:111111111111:jobs", "SqsParameters": {"MessageGroupId": "g"}}`
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Target {
    pub(super) id: String,
    pub(super) arn: String,
    /// Kept and shown; nothing is assumed here.
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    /// JSON that is sent instead of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    /// What of the event is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    input_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_transformer: Option<InputTransformer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sqs_parameters: Option<SqsParameters>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SqsParameters {
    message_group_id: String,
}

/// Who takes what a target is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Taker {
    Queue,
    StateMachine,
    Function,
}

impl Target {
    pub(super) fn taker(&self) -> Option<Taker> {
        let parts: Vec<_> = self.arn.splitn(7, ':').collect();
        let is_name = |name: &str| !name.is_empty() && !name.starts_with(':');
        match parts[..] {
            ["arn", _, "sqs", _, _, name] if is_name(name) => Some(Taker::Queue),
            ["arn", _, "states", _, _, "stateMachine", name] if is_name(name) => {
                Some(Taker::StateMachine)
            }
            ["arn", _, "lambda", _, _, "function", name] if is_name(name) => Some(Taker::Function),
            _ => None,
        }
    }

    /// Whether the ARN is of this region and account.
    fn is_of(&self, place: &Place) -> bool {
        let mut parts = self.arn.split(':').skip(3);
        parts.next() == Some(&place.region) && parts.next() == Some(&place.account)
    }

    /// What is sent of an event.
    pub(super) fn input(&self, told: &Told<'_>) -> String {
        if let Some(input) = &self.input {
            return input.clone();
        }
        if let Some(transformer) = &self.input_transformer {
            return transformer.apply(told);
        }
        let part = self.input_path.as_ref().map(|path| {
            let found = Path::parse(path).and_then(|path| path.find(told.event));
            found.unwrap_or_default()
        });
        part.as_ref().unwrap_or(told.event).to_string()
    }

    /// What is sent to a queue.
    pub(super) fn message(&self, told: &Told<'_>) -> Value {
        let mut message = json!({"MessageBody": self.input(told)});
        if let Some(SqsParameters { message_group_id }) = &self.sqs_parameters {
            message["MessageGroupId"] = json!(message_group_id);
        }
        message
    }

    /// Why there cannot be such a target here.
    pub(super) fn problem(&self, place: &Place, starter: &dyn Starter) -> Option<String> {
        let Self { id, arn, .. } = self;
        let Some(taker) = self.taker() else {
            return Some(format!(
                "Target {arn} is not supported by stepwell: queues of SQS, state machines of Step Functions and functions of Lambda are."
            ));
        };
        if taker != Taker::Queue && self.sqs_parameters.is_some() {
            return Some(format!("Parameter(s) SqsParameters not valid for target {id}."));
        }
        if taker != Taker::Queue && !self.is_of(place) {
            let Place { region, account } = place;
            return Some(format!(
                "Target {arn} is not of the region {region} and the account {account}, which are those of stepwell."
            ));
        }
        let lack = (taker == Taker::Function).then(|| starter.lack_of_functions()).flatten();
        let lack = lack.map(|why| format!("Target {arn} is not supported by stepwell: {why}."));
        lack.or_else(|| self.input_problem())
    }

    fn input_problem(&self) -> Option<String> {
        let Self { id, input, input_path, input_transformer, .. } = self;
        let given =
            [input.is_some(), input_path.is_some(), input_transformer.is_some()].map(usize::from);
        if given.iter().sum::<usize>() > 1 {
            return Some(format!(
                "Only one of Input, InputPath, or InputTransformer must be provided for target {id}."
            ));
        }
        if input.as_ref().is_some_and(|text| serde_json::from_str::<Value>(text).is_err()) {
            return Some("JSON syntax error in input for target.".to_owned());
        }
        if let Some(path) = input_path.as_ref().filter(|path| Path::parse(path).is_none()) {
            return Some(format!("Invalid InputPath for target {id}: {path}."));
        }
        input_transformer.as_ref().and_then(|transformer| transformer.problem(id))
    }
}
