//! The attributes of a queue: which there are, what they may be, and what they are without being set.
//!
//! Source: SQS API reference, `CreateQueue` and `SetQueueAttributes`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_aws_wire::ServiceError;

use super::FIFO_SUFFIX;

/// Those with a number, its default and its range.
const NUMBERS: &[(&str, u32, RangeInclusive<u32>)] = &[
    ("DelaySeconds", 0, 0..=900),
    ("MaximumMessageSize", MESSAGE_BYTES_MAX, 1_024..=MESSAGE_BYTES_MAX),
    ("MessageRetentionPeriod", 345_600, 60..=1_209_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 0..=20),
    ("VisibilityTimeout", 30, 0..=43_200),
];

/// Bytes of a message, and of all messages of a call.
pub(super) const MESSAGE_BYTES_MAX: u32 = 1_048_576;

/// Kept and shown; who may do what is not decided by them here, for one installation has one owner.
const POLICIES: &[&str] = &["Policy", "RedriveAllowPolicy"];

/// What somebody set on a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Settings(pub(super) BTreeMap<String, String>);

/// `{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:111111111111:dead", "maxReceiveCount": 3}`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RedrivePolicy {
    dead_letter_target_arn: String,
    max_receive_count: Value,
}

impl Settings {
    /// What a new queue was asked to have.
    pub(super) fn of_new(
        name: &str,
        attributes: BTreeMap<String, String>,
    ) -> Result<Self, ServiceError> {
        let is_fifo = attributes.get("FifoQueue").is_some_and(|it| it == "true");
        if is_fifo != name.ends_with(FIFO_SUFFIX) {
            let problem = if is_fifo {
                "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with \
                 .fifo suffix and be 1 to 80 in length."
            } else {
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
            };
            return Err(invalid_value(problem));
        }
        let mut settings = Self::default();
        settings.set(attributes, is_fifo)?;
        Ok(settings)
    }

    /// Takes attributes over; one with an empty value is unset.
    pub(super) fn set(
        &mut self,
        attributes: BTreeMap<String, String>,
        is_fifo: bool,
    ) -> Result<(), ServiceError> {
        for (name, value) in &attributes {
            check(name, value, is_fifo)?;
        }
        for (name, value) in attributes {
            if value.is_empty() {
                self.0.remove(&name)
            } else {
                self.0.insert(name, value)
            };
        }
        Ok(())
    }

    fn number(&self, name: &str) -> u32 {
        let given = self.0.get(name).and_then(|text| text.parse().ok());
        let default = || NUMBERS.iter().find(|(known, ..)| *known == name).map(|it| it.1);
        given.or_else(default).unwrap_or_default()
    }

    pub(super) fn visibility(&self) -> Duration {
        self.seconds("VisibilityTimeout")
    }

    pub(super) fn delay(&self) -> Duration {
        self.seconds("DelaySeconds")
    }

    pub(super) fn wait(&self) -> Duration {
        self.seconds("ReceiveMessageWaitTimeSeconds")
    }

    pub(super) fn retention(&self) -> Duration {
        self.seconds("MessageRetentionPeriod")
    }

    fn seconds(&self, name: &str) -> Duration {
        Duration::from_secs(self.number(name).into())
    }

    pub(super) fn message_bytes_max(&self) -> usize {
        self.number("MaximumMessageSize") as usize
    }

    pub(super) fn is_fifo(&self) -> bool {
        self.is_true("FifoQueue")
    }

    pub(super) fn is_content_based(&self) -> bool {
        self.is_true("ContentBasedDeduplication")
    }

    fn is_true(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|it| it == "true")
    }

    /// The name of the dead-letter queue, and after how many receives a message goes there.
    pub(super) fn redrive(&self) -> Option<(String, u32)> {
        redrive_policy(self.0.get("RedrivePolicy")?)
    }

    /// All that can be asked for, set or not.
    pub(super) fn shown(&self) -> BTreeMap<String, String> {
        let numbers = NUMBERS.iter().map(|(name, default, _)| (*name, default.to_string()));
        let mut shown: BTreeMap<_, _> =
            numbers.map(|(name, default)| (name.to_owned(), default)).collect();
        shown.insert("SqsManagedSseEnabled".to_owned(), "true".to_owned());
        if self.is_fifo() {
            for (name, default) in [
                ("ContentBasedDeduplication", "false"),
                ("DeduplicationScope", "queue"),
                ("FifoThroughputLimit", "perQueue"),
            ] {
                shown.insert(name.to_owned(), default.to_owned());
            }
        }
        shown.extend(self.0.clone());
        shown
    }
}

fn check(name: &str, value: &str, is_fifo: bool) -> Result<(), ServiceError> {
    let wrong = || {
        let message = format!("Invalid value for the parameter {name}.");
        ServiceError::sender("InvalidAttributeValue", message)
    };
    let is_number = NUMBERS.iter().find(|(known, ..)| *known == name);
    let is_fine = match (name, is_number) {
        (_, Some((.., range))) => value.parse().is_ok_and(|number: u32| range.contains(&number)),
        ("FifoQueue", _) => value == "true",
        ("ContentBasedDeduplication", _) if is_fifo => matches!(value, "true" | "false"),
        ("DeduplicationScope", _) if is_fifo => value == "queue",
        ("FifoThroughputLimit", _) if is_fifo => value == "perQueue",
        ("SqsManagedSseEnabled", _) => matches!(value, "true" | "false"),
        ("RedrivePolicy", _) => value.is_empty() || redrive_policy(value).is_some(),
        _ if POLICIES.contains(&name) => {
            value.is_empty() || serde_json::from_str::<Value>(value).is_ok_and(|it| it.is_object())
        }
        _ => {
            let message = format!("Unknown Attribute {name}.");
            return Err(ServiceError::sender("InvalidAttributeName", message));
        }
    };
    if is_fine { Ok(()) } else { Err(wrong()) }
}

/// The count is written as a number or as text.
fn redrive_policy(text: &str) -> Option<(String, u32)> {
    let policy: RedrivePolicy = serde_json::from_str(text).ok()?;
    let count = match &policy.max_receive_count {
        Value::String(text) => text.parse().ok()?,
        number => u32::try_from(number.as_u64()?).ok()?,
    };
    let name = policy.dead_letter_target_arn.strip_prefix("arn:")?.rsplit(':').next()?.to_owned();
    (1..=1000).contains(&count).then_some((name, count))
}

pub(super) fn invalid_value(message: impl Into<String>) -> ServiceError {
    ServiceError::sender("InvalidParameterValueException", message)
        .with_query_code("InvalidParameterValue")
}

pub(super) fn missing(parameter: &str) -> ServiceError {
    let message = format!("The request must contain the parameter {parameter}.");
    ServiceError::sender("MissingRequiredParameterException", message)
        .with_query_code("MissingParameter")
}
