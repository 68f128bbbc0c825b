//! Topics with the semantics of SNS: a message that is published once goes to every subscription whose filter lets it pass.
//!
//! At least once: publishing again after an error may publish twice, and subscribers may see a message twice.

mod aws;
mod aws_service;
mod delivery;
mod embedded;
mod filter;
mod service;
mod store;
mod subscriptions;

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::StoreError;
use crate::aws::CallError;

pub use aws::AwsTopics;
pub use aws_service::{AwsSns, FACTS as AWS_FACTS};
pub use embedded::{Delivery, EmbeddedTopics, Endpoint, State, Subscription};
pub(crate) use filter::Condition;
pub use filter::{FilterPolicy, InvalidFilter};
pub use service::{EmbeddedSns, FACTS};

/// Bytes of a message, attributes included.
///
/// Source: SNS API reference, `Publish`.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;

/// Source: SNS API reference, `Publish`: "less than 100 characters long".
const SUBJECT_CHARACTERS_MAX: usize = 99;

/// Source: Amazon SNS Developer Guide, "Message attribute items and validation"; the type counts, too.
const ATTRIBUTE_NAME_CHARACTERS_MAX: usize = 256;

const FIFO_SUFFIX: &str = ".fifo";

/// Topics that messages are published to.
#[async_trait]
pub trait Topics: fmt::Debug + Send + Sync {
    /// Publishes a message and returns its id. When this returns, it is durably accepted for every subscription.
    ///
    /// # Errors
    /// [`Error::InvalidMessage`], [`Error::NoSuchTopic`]
    async fn publish(&self, topic: &str, message: &Message) -> Result<String, Error>;
}

/// What is published.
///
/// ```
/// use stepwell_integrations::sns::{Attribute, Message};
///
/// let message = Message::new("3 of 120 tests failed")
///     .with_subject("buoy-17: FAILED")
///     .with_attribute("severity", Attribute::String("FAILED".to_owned()));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The text, not empty; with [`Structure::Json`] an object of texts by protocol.
    pub text: String,
    /// Up to 99 characters without line breaks and control characters.
    pub subject: Option<String>,
    /// What filter policies look at.
    pub attributes: BTreeMap<String, Attribute>,
    /// Whether all subscriptions get the same text.
    pub structure: Structure,
    /// Of a FIFO topic: within it the order holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Of a FIFO topic: an id that was published within the last five minutes adds nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deduplication_id: Option<String>,
}

impl Message {
    /// A text for all subscriptions.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// With a subject.
    #[must_use]
    pub fn with_subject(self, subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..self }
    }

    /// With one more attribute.
    #[must_use]
    pub fn with_attribute(mut self, name: impl Into<String>, value: Attribute) -> Self {
        self.attributes.insert(name.into(), value);
        self
    }

    /// The text for a protocol, `sqs` or `https`.
    fn text_for(&self, protocol: &str) -> String {
        if self.structure == Structure::Plain {
            return self.text.clone();
        }
        let texts: BTreeMap<String, Value> = serde_json::from_str(&self.text).unwrap_or_default();
        let text = texts.get(protocol).or_else(|| texts.get("default"));
        text.and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// What [`Message::text`] is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Structure {
    /// The text that all subscriptions get.
    #[default]
    Plain,
    /// `{"default": "for all others", "https": "...", "sqs": "..."}`
    Json,
}

/// The value of a message's attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attribute {
    /// A text that is not empty.
    String(String),
    /// A number, as text.
    Number(String),
    /// Texts, numbers, truths and nulls.
    StringArray(Vec<Value>),
    /// Bytes; no filter policy looks at them.
    Binary(Vec<u8>),
}

impl Attribute {
    /// Its type on the wire, and its value where that is text.
    fn wire(&self) -> (&'static str, Option<String>) {
        match self {
            Self::String(text) => ("String", Some(text.clone())),
            Self::Number(text) => ("Number", Some(text.clone())),
            Self::StringArray(all) => ("String.Array", Some(Value::Array(all.clone()).to_string())),
            Self::Binary(_) => ("Binary", None),
        }
    }

    fn size(&self) -> usize {
        let (kind, text) = self.wire();
        let value = match self {
            Self::Binary(bytes) => bytes.len(),
            _ => text.map_or(0, |text| text.len()),
        };
        kind.len() + value
    }

    fn problem(&self) -> Option<String> {
        match self {
            Self::String(text) if text.is_empty() => Some("is empty".to_owned()),
            Self::Binary(bytes) if bytes.is_empty() => Some("is empty".to_owned()),
            Self::Number(text) if !text.parse::<f64>().is_ok_and(f64::is_finite) => {
                Some(format!("is no number: `{text}`"))
            }
            Self::StringArray(all) if all.iter().any(|it| it.is_array() || it.is_object()) => {
                Some("has lists or objects in its list".to_owned())
            }
            _ => None,
        }
    }
}

/// What a topic can fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `InvalidParameter`: a message that SNS does not take; nothing was published.
    #[error("the message cannot be published: {problem}")]
    InvalidMessage {
        /// What is wrong with it.
        problem: String,
    },
    /// `NotFound`: there is no such topic.
    #[error(
        "there is no topic `{topic}` in this account and region; create it or correct its name"
    )]
    NoSuchTopic {
        /// As it was named.
        topic: String,
    },
    /// AWS could not be used.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The embedded file could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// Whether the same may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Call(error) => error.is_retryable(),
            Self::Store(error) => error.is_retryable(),
            Self::InvalidMessage { .. } | Self::NoSuchTopic { .. } => false,
        }
    }
}

/// Holds a message and the name of its topic to SNS's rules.
///
/// Source: SNS API reference, `Publish` and `CreateTopic`; Amazon SNS Developer Guide, "Amazon SNS message attributes".
fn check(topic: &str, message: &Message) -> Result<(), Error> {
    let name = topic.rsplit(':').next().unwrap_or_default();
    if name.ends_with(FIFO_SUFFIX) {
        let problem = format!("`{name}` is a FIFO topic; only standard topics are supported");
        return Err(Error::InvalidMessage { problem });
    }
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    if !(1..=256).contains(&name.len()) || !name.chars().all(is_allowed) {
        return Err(Error::NoSuchTopic { topic: topic.to_owned() });
    }
    problem_of(message).map_or(Ok(()), |problem| Err(Error::InvalidMessage { problem }))
}

/// What SNS does not take of a message.
fn problem_of(message: &Message) -> Option<String> {
    let problem = text_problem(message).or_else(|| {
        let subject = message.subject.as_ref().and_then(|subject| subject_problem(subject));
        subject.or_else(|| message.attributes.iter().find_map(attribute_problem))
    });
    problem.or_else(|| {
        let attributes = message.attributes.iter().map(|(name, value)| name.len() + value.size());
        let bytes = message.text.len() + attributes.sum::<usize>();
        let is_long = bytes > MESSAGE_BYTES_MAX;
        is_long.then(|| format!("it has {bytes} bytes, {MESSAGE_BYTES_MAX} are the most"))
    })
}

fn text_problem(message: &Message) -> Option<String> {
    if message.text.is_empty() {
        return Some("its text is empty".to_owned());
    }
    if message.structure == Structure::Plain {
        return None;
    }
    match serde_json::from_str::<BTreeMap<String, Value>>(&message.text) {
        Err(_) => Some("its text is to be a JSON object by protocol, and is none".to_owned()),
        Ok(texts) if !texts.get("default").is_some_and(Value::is_string) => {
            Some("its JSON has no text `default`".to_owned())
        }
        Ok(_) => None,
    }
}

fn subject_problem(subject: &str) -> Option<String> {
    let characters = subject.chars().count();
    if subject.chars().any(char::is_control) {
        Some("its subject has line breaks or control characters".to_owned())
    } else if !(1..=SUBJECT_CHARACTERS_MAX).contains(&characters) {
        Some(format!("its subject has {characters} characters, not 1 to {SUBJECT_CHARACTERS_MAX}"))
    } else {
        None
    }
}

fn attribute_problem((name, value): (&String, &Attribute)) -> Option<String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let is_name = (1..=ATTRIBUTE_NAME_CHARACTERS_MAX).contains(&name.len())
        && name.chars().all(is_allowed)
        && !(name.starts_with('.') || name.ends_with('.') || name.contains(".."))
        && !["aws.", "amazon."].iter().any(|of| name.to_lowercase().starts_with(of));
    if !is_name {
        return Some(format!("`{name}` is no name of an attribute"));
    }
    value.problem().map(|problem| format!("its attribute `{name}` {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(message: &Message) -> String {
        match check("alerts", message) {
            Err(Error::InvalidMessage { problem }) => problem,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_sns_does_not_take_is_named() {
        let message = || Message::new("text");
        let attribute = |name: &str, value| message().with_attribute(name, value);
        let json = |text: &str| Message { structure: Structure::Json, ..Message::new(text) };
        assert!(problem(&Message::new("")).contains("text is empty"));
        assert!(problem(&message().with_subject("a\nb")).contains("line breaks"));
        assert!(problem(&message().with_subject("ü".repeat(100))).contains("100 characters"));
        assert!(problem(&message().with_subject("")).contains("0 characters"));
        assert!(problem(&json("[]")).contains("JSON object"));
        assert!(problem(&json(r#"{"sqs": "x"}"#)).contains("`default`"));
        assert!(problem(&attribute("AWS.x", Attribute::String("a".into()))).contains("no name"));
        assert!(problem(&attribute("a b", Attribute::String("a".into()))).contains("no name"));
        assert!(problem(&attribute("a", Attribute::String(String::new()))).contains("is empty"));
        assert!(problem(&attribute("a", Attribute::Number("NaN".into()))).contains("no number"));
        assert!(problem(&Message::new("x".repeat(MESSAGE_BYTES_MAX + 1))).contains("bytes"));
        let all_but = |bytes| Message::new("x".repeat(MESSAGE_BYTES_MAX - bytes));
        let full = all_but(8).with_attribute("a", Attribute::String("b".into()));
        check("alerts", &full).unwrap();
        assert!(problem(&full.with_attribute("b", Attribute::Binary(vec![0]))).contains("bytes"));
    }

    #[test]
    fn topics_are_named_as_sns_names_them() {
        let message = Message::new("text");
        check("arn:aws:sns:eu-central-1:123456789012:alerts", &message).unwrap();
        for bad in ["", "a b", "arn:aws:sns:eu-central-1:123456789012:"] {
            assert!(matches!(check(bad, &message), Err(Error::NoSuchTopic { .. })), "{bad}");
        }
        let error = check("alerts.fifo", &message).unwrap_err();
        assert!(error.to_string().contains("FIFO"), "{error}");
    }

    #[test]
    fn a_text_by_protocol() {
        let text = r#"{"default": "a", "sqs": "b"}"#;
        let message = Message { structure: Structure::Json, ..Message::new(text) };
        assert_eq!((message.text_for("sqs"), message.text_for("https")), ("b".into(), "a".into()));
    }
}
