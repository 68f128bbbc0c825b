//! What every embedded service is to its callers: actions with JSON in and out, by AWS's names.
//!
//! ```text
//!   HTTP (http.rs), AWS JSON or query protocol --\
//!   Task states (task.rs), parameters ------------+--> Service::call("SendMessage", {...}) --> {...} | ServiceError
//!   other embedded services ---------------------/
//! ```

use async_trait::async_trait;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Deserializer, Serialize};
use serde_json::Value;
use stepwell_aws_wire::ServiceError;

use crate::http::RestService;
use crate::members::Members;

/// One service of AWS, embedded or real.
#[async_trait]
pub trait Service: Send + Sync {
    /// What it is called where.
    fn facts(&self) -> &'static Facts;

    /// Performs one of [`Facts::actions`]. When it returns, what it changed is on disk.
    ///
    /// # Errors
    /// Those of the action, with AWS's code and words; nothing has changed then.
    async fn call(
        &self,
        action: &str,
        input: Value,
        origin: &Origin,
    ) -> Result<Value, ServiceError>;

    /// Why nothing of it can be called here, if so: definitions that do are refused.
    fn absence(&self) -> Option<&'static str> {
        None
    }

    /// The service over HTTP, if its protocol is [`Protocol::RestXml`].
    fn rest(&self) -> Option<&dyn RestService> {
        None
    }
}

/// How Step Functions tells of answers and errors.
#[derive(Debug, Clone, Copy)]
pub struct Conventions {
    /// Whether errors of `aws-sdk` integrations end with `(SDK Attempt Count: 1)`.
    pub tells_attempts: bool,
    /// Whether they name the extended request id too.
    pub has_extended_id: bool,
    /// The class of errors that have none of their own, where it is not named after the service: `AmazonDynamoDBException`.
    pub base_exception: Option<&'static str>,
    /// Whether answers come from a server that says so, with a checksum: those of DynamoDB.
    pub names_server: bool,
}

impl Conventions {
    /// Those of most services.
    pub const USUAL: Self = Self {
        tells_attempts: true,
        has_extended_id: false,
        base_exception: None,
        names_server: false,
    };
}

/// What a service is called where.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// In resources of tasks, in what is signed, and in ARNs: `sqs`.
    pub name: &'static str,
    /// Before the names of its errors in optimised integrations: `SQS`.
    pub error_prefix: &'static str,
    /// In the texts of optimised integrations: `AmazonSQS`.
    pub legacy_name: &'static str,
    /// In those of `aws-sdk` integrations: `Sqs`.
    pub sdk_name: &'static str,
    /// How it speaks.
    pub protocol: Protocol,
    /// What can be called, as AWS writes it: `SendMessage`.
    pub actions: &'static [&'static str],
    /// What has an integration of its own, `arn:aws:states:::sqs:sendMessage`, and the parameters of it.
    pub optimised: &'static [Optimised],
    /// The members of an action that are served, as they are on the wire; nothing if all are, or they are told when it runs.
    pub members: fn(&str) -> Option<Members>,
    /// Errors that AWS's SDK for Java has a class for; any other is `SQS.AmazonSQSException`.
    pub modelled_errors: &'static [&'static str],
    /// How Step Functions tells of its answers and errors.
    pub conventions: Conventions,
}

impl Facts {
    /// In resources of `aws-sdk` integrations: `sqs`, `cloudwatchlogs`.
    pub fn sdk_service(&self) -> String {
        self.sdk_name.to_ascii_lowercase()
    }
}

/// An action that has an integration of its own.
#[derive(Debug, Clone, Copy)]
pub struct Optimised {
    /// `SendMessage`
    pub action: &'static str,
    /// The parameters that Step Functions takes.
    pub parameters: &'static [&'static str],
    /// Those without which it refuses the definition.
    pub required: &'static [&'static str],
    /// Whether the result tells of the HTTP answer.
    pub has_metadata: bool,
}

/// How a service speaks.
#[derive(Debug, Clone, Copy)]
pub enum Protocol {
    /// AWS JSON.
    Json {
        /// `AmazonSQS`
        target_prefix: &'static str,
        /// `1.0`
        version: &'static str,
        /// Before the names of errors: `com.amazonaws.sqs`
        error_namespace: &'static str,
    },
    /// Forms and XML.
    Query {
        /// `http://sns.amazonaws.com/doc/2010-03-31/`
        namespace: &'static str,
        /// Members that are maps, and not structures: `Attributes`.
        maps: &'static [&'static str],
    },
    /// Paths, queries, headers and XML: S3. It answers by itself, as [`RestService`].
    RestXml,
}

/// Where a call came in, for answers that name addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `http://127.0.0.1:4566`
    pub base_url: String,
}

/// Account and region of everything embedded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Twelve digits.
    pub account: String,
    /// `us-east-1`
    pub region: String,
}

impl Place {
    /// `arn:aws:sqs:us-east-1:111111111111:jobs`
    pub fn arn(&self, service: &str, name: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{name}", self.region, self.account)
    }
}

/// Reads the input of an action; a member that is not known is refused by its name.
pub(crate) fn read<T: DeserializeOwned>(input: Value) -> Result<T, ServiceError> {
    serde_json::from_value(input)
        .map_err(|error| ServiceError::sender("SerializationException", error.to_string()))
}

/// Members that are null are not given.
pub(crate) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.into_iter().filter(|(_, value)| !value.is_null()).collect())
        }
        other => other,
    }
}

/// As [`read`], for actions that share a type of input and differ in their members.
pub(crate) fn read_only<T: DeserializeOwned>(
    input: Value,
    members: &[&str],
) -> Result<T, ServiceError> {
    let given = input.as_object().into_iter().flat_map(serde_json::Map::keys);
    if let Some(other) = given.into_iter().find(|name| !members.contains(&name.as_str())) {
        let message = format!("unknown field `{other}`, expected one of {}", members.join(", "));
        return Err(ServiceError::sender("SerializationException", message));
    }
    read(input)
}

/// `2026-03-01T09:00:00Z`
pub(crate) fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A list in the query protocol, in which an empty one is an empty text.
pub(crate) fn list_of_form<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Value>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Array(items) => Ok(items),
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        other => Err(serde::de::Error::custom(format!("expected a list, not {other}"))),
    }
}

pub(crate) fn written(output: &impl Serialize) -> Value {
    serde_json::to_value(output).expect("answers are plain data with text keys")
}
