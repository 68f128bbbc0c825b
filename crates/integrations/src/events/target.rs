//! Targets of rules: who takes an event, and what of it.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;

use super::transform::{InputTransformer, Path, Told};

/// Takes events for state machines and functions.
#[async_trait]
pub trait Starter: Send + Sync {
    /// Why this target cannot be started here, if so: a state machine or a function, by its ARN.
    fn refusal(&self, arn: &str) -> Option<String>;

    /// Starts an execution, or leaves the event for a function, which is invoked later. It is on disk when this returns.
    ///
    /// # Errors
    /// With a status of 500 or more the event may be taken later.
    async fn start(&self, arn: &str, event_id: &str, input: String) -> Result<(), ServiceError>;
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
    Starter,
}

impl Target {
    pub(super) fn taker(&self) -> Option<Taker> {
        let mut parts = self.arn.splitn(7, ':');
        let is_arn = parts.next() == Some("arn");
        let service = parts.nth(1).filter(|_| is_arn)?;
        let resource = parts.nth(2)?;
        match (service, resource) {
            ("sqs", _) => Some(Taker::Queue),
            ("states", "stateMachine") | ("lambda", "function") => Some(Taker::Starter),
            _ => None,
        }
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
            let path = Path::parse(path).expect("the path was looked at when it came");
            path.find(told.event).unwrap_or_default()
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

    pub(super) fn problem(&self, starter: &dyn Starter) -> Option<String> {
        let Self { id, arn, .. } = self;
        let taker = self.taker();
        if taker.is_none() {
            return Some(format!(
                "Target {arn} is not supported by stepwell: queues of SQS, state machines of Step Functions and functions of Lambda are."
            ));
        }
        let is_queue = taker == Some(Taker::Queue);
        if !is_queue && self.sqs_parameters.is_some() {
            return Some(format!("Parameter(s) SqsParameters not valid for target {id}."));
        }
        let refusal = || if is_queue { None } else { starter.refusal(arn) };
        refusal().or_else(|| self.input_problem())
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
        let problem = input_transformer.as_ref().and_then(InputTransformer::problem)?;
        Some(format!("Invalid InputTransformer for target {id}: {problem}."))
    }
}
