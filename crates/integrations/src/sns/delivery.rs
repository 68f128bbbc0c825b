//! One delivery to one endpoint: what is sent, and what an answer means.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use super::{Attribute, Endpoint, FIFO_SUFFIX, Message};
use crate::service::Place;
use crate::sqs::{Entry, Error as QueueError, fifo_id};

/// Longer than anybody needs to take a message in; SNS waits 15 s.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(15);

const USER_AGENT: &str = "Amazon Simple Notification Service Agent";

/// A message on its way.
#[derive(Debug, Clone)]
pub(super) struct Notification {
    pub(super) id: String,
    pub(super) topic: String,
    pub(super) place: Place,
    pub(super) published_at: jiff::Timestamp,
    pub(super) message: Message,
}

/// Why a delivery failed; `is_final` if another attempt would be in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) reason: String,
    pub(super) is_final: bool,
}

impl Failure {
    pub(super) fn passing(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_final: false }
    }

    pub(super) fn last(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_final: true }
    }
}

impl Notification {
    /// `arn:aws:sns:us-east-1:111111111111:alerts`
    fn topic_arn(&self) -> String {
        self.place.arn("sns", &self.topic)
    }

    /// What SNS sends to HTTP endpoints and queues, without the signature, which only AWS can make.
    ///
    /// Source: Amazon SNS Developer Guide, "HTTP/HTTPS notification JSON format".
    fn envelope(&self, protocol: &str) -> String {
        let mut envelope = json!({
            "Type": "Notification",
            "MessageId": self.id,
            "TopicArn": self.topic_arn(),
            "Message": self.message.text_for(protocol),
            "Timestamp": format!("{:.3}", self.published_at),
        });
        if let Some(subject) = &self.message.subject {
            envelope["Subject"] = json!(subject);
        }
        if !self.message.attributes.is_empty() {
            let attributes = self.message.attributes.iter();
            let attributes: Map<_, _> = attributes.map(|(k, v)| (k.clone(), wire(v))).collect();
            envelope["MessageAttributes"] = Value::Object(attributes);
        }
        envelope.to_string()
    }

    pub(super) async fn send(&self, to: &Endpoint, http: &reqwest::Client) -> Result<(), Failure> {
        match to {
            Endpoint::Webhook { url, is_raw } => self.post(url, *is_raw, http).await,
            Endpoint::Sqs { queues, arn, is_raw } => {
                let sent = queues.send(arn, self.sqs_message(arn, *is_raw)).await;
                sent.map_err(|error| Failure {
                    is_final: error.status < 500,
                    reason: error.to_string(),
                })
            }
            Endpoint::Queue(queue) => {
                let entry = Entry {
                    group: fifo_id(&self.topic),
                    deduplication_id: self.id.clone(),
                    body: self.envelope("sqs"),
                };
                let sent = queue.send_batch(&[entry]).await;
                sent.map_err(|error| Failure {
                    is_final: is_final(&error),
                    reason: error.to_string(),
                })
            }
            Endpoint::Log => {
                let (topic, subject) = (&self.topic, self.message.subject.as_deref().unwrap_or(""));
                let text = self.message.text_for("log");
                tracing::info!(topic, id = self.id, subject, text, "a message was published");
                Ok(())
            }
        }
    }

    /// What is sent to a queue. Raw, the attributes are those of the message; otherwise they are in the envelope.
    fn sqs_message(&self, arn: &str, is_raw: bool) -> Value {
        let body = if is_raw { self.message.text_for("sqs") } else { self.envelope("sqs") };
        let mut parameters = json!({"MessageBody": body});
        if is_raw {
            let attributes = self.message.attributes.iter();
            let attributes: Map<_, _> =
                attributes.map(|(name, value)| (name.clone(), of_sqs(value))).collect();
            parameters["MessageAttributes"] = Value::Object(attributes);
        }
        if let Some(group) = &self.message.group {
            parameters["MessageGroupId"] = json!(group);
        }
        if arn.ends_with(FIFO_SUFFIX) {
            let id = self.message.deduplication_id.as_ref().unwrap_or(&self.id);
            parameters["MessageDeduplicationId"] = json!(id);
        }
        parameters
    }

    async fn post(
        &self,
        url: &SecretString,
        is_raw: bool,
        http: &reqwest::Client,
    ) -> Result<(), Failure> {
        let body = if is_raw { self.message.text_for("https") } else { self.envelope("https") };
        let request = http
            .post(url.expose_secret())
            .timeout(WEBHOOK_TIMEOUT)
            .header("content-type", "text/plain; charset=UTF-8")
            .header("user-agent", USER_AGENT)
            .header("x-amz-sns-message-type", "Notification")
            .header("x-amz-sns-message-id", &self.id)
            .header("x-amz-sns-topic-arn", self.topic_arn())
            .body(body);
        let request =
            if is_raw { request.header("x-amz-sns-rawdelivery", "true") } else { request };
        // The address may be a secret, and the client quotes it.
        let answer = request.send().await.map_err(|error| {
            let reason = crate::aws::chain(&error.without_url());
            Failure::passing(format!("the webhook did not answer: {reason}"))
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let reason = format!("the webhook answered {status}");
        let may_pass = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
        Err(if may_pass { Failure::passing(reason) } else { Failure::last(reason) })
    }
}

/// A list goes as text, which SQS has no other type for.
fn of_sqs(attribute: &Attribute) -> Value {
    use base64::Engine as _;
    let (kind, text) = attribute.wire();
    match attribute {
        Attribute::Binary(bytes) => {
            let text = base64::engine::general_purpose::STANDARD.encode(bytes);
            json!({"DataType": kind, "BinaryValue": text})
        }
        _ => json!({"DataType": kind, "StringValue": text}),
    }
}

fn is_final(error: &QueueError) -> bool {
    !error.is_retryable()
}

fn wire(attribute: &Attribute) -> Value {
    use base64::Engine as _;
    let (kind, text) = attribute.wire();
    let value = text.unwrap_or_else(|| match attribute {
        Attribute::Binary(bytes) => base64::engine::general_purpose::STANDARD.encode(bytes),
        _ => String::new(),
    });
    json!({"Type": kind, "Value": value})
}
