//! Topics of SNS.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::primitives::Blob;
use aws_sdk_sns::types::MessageAttributeValue;

use super::{Attribute, Error, Message, Structure, Topics, check};
use crate::aws::{CallError, Connection, classify};

/// Topics of SNS, in the account and region of the connection. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AwsTopics {
    client: Client,
    /// ARNs by name.
    found: Arc<Mutex<HashMap<String, String>>>,
}

impl AwsTopics {
    /// Connects nowhere yet.
    ///
    /// A topic that is given by its name and not by its ARN is made where it is missing: `sns:CreateTopic` is how SNS tells the ARN.
    pub fn new(connection: &Connection) -> Self {
        Self { client: connection.sns(), found: Arc::default() }
    }

    async fn arn(&self, topic: &str) -> Result<String, Error> {
        if topic.starts_with("arn:") {
            return Ok(topic.to_owned());
        }
        if let Some(arn) = self.known(topic) {
            return Ok(arn);
        }
        let answer = self.client.create_topic().name(topic).send().await;
        let answer = answer.map_err(|error| classify("sns:CreateTopic", &error))?;
        let no_such_topic = || Error::NoSuchTopic { topic: topic.to_owned() };
        let arn = answer.topic_arn.ok_or_else(no_such_topic)?;
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.insert(topic.to_owned(), arn.clone());
        Ok(arn)
    }

    fn known(&self, topic: &str) -> Option<String> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).get(topic).cloned()
    }
}

#[async_trait]
impl Topics for AwsTopics {
    async fn publish(&self, topic: &str, message: &Message) -> Result<String, Error> {
        check(topic, message)?;
        let attributes = message.attributes.iter();
        let attributes = attributes.map(|(name, value)| (name.clone(), wire(value))).collect();
        let structure = (message.structure == Structure::Json).then(|| "json".to_owned());
        let request = self
            .client
            .publish()
            .topic_arn(self.arn(topic).await?)
            .message(&message.text)
            .set_subject(message.subject.clone())
            .set_message_attributes(Some(attributes))
            .set_message_structure(structure);
        let answer = request.send().await.map_err(|error| refused(topic, &error))?;
        Ok(answer.message_id.unwrap_or_default())
    }
}

pub(super) fn wire(attribute: &Attribute) -> MessageAttributeValue {
    let (kind, text) = attribute.wire();
    let bytes = match attribute {
        Attribute::Binary(bytes) => Some(Blob::new(bytes.clone())),
        _ => None,
    };
    MessageAttributeValue::builder()
        .data_type(kind)
        .set_string_value(text)
        .set_binary_value(bytes)
        .build()
        .expect("the type is given")
}

/// SNS has errors of its own for a topic that is not there and for what it does not take.
fn refused<E>(topic: &str, error: &SdkError<E>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    match classify("sns:Publish", error) {
        CallError::Refused { code, .. } if code.starts_with("NotFound") => {
            Error::NoSuchTopic { topic: topic.to_owned() }
        }
        CallError::Refused { code, message, .. } if code.starts_with("InvalidParameter") => {
            Error::InvalidMessage { problem: message }
        }
        other => other.into(),
    }
}
