//! `Publish` at AWS itself. The other actions of SNS are not served there: its protocol is none of JSON.

use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::operation::publish::builders::PublishFluentBuilder;
use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;

use super::aws::wire;
use super::service;
use super::service::{Publish, invalid};
use crate::aws::{Connection, classify};
use crate::service::{Facts, Origin, Service, read};

/// What SNS of AWS is asked for here.
pub const FACTS: Facts = Facts { actions: &["Publish"], ..service::FACTS };

/// SNS of AWS. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AwsSns {
    client: Client,
}

impl AwsSns {
    /// Connects nowhere yet.
    pub fn new(connection: &Connection) -> Self {
        Self { client: connection.sns() }
    }

    fn request(&self, input: Value) -> Result<PublishFluentBuilder, ServiceError> {
        let publish: Publish = read(input)?;
        let mut request = self
            .client
            .publish()
            .set_topic_arn(publish.topic_arn)
            .set_target_arn(publish.target_arn)
            .set_message(Some(publish.message.ok_or_else(|| invalid("Empty message"))?))
            .set_subject(publish.subject)
            .set_message_structure(publish.message_structure)
            .set_message_group_id(publish.message_group_id)
            .set_message_deduplication_id(publish.message_deduplication_id);
        for (name, value) in publish.message_attributes {
            let value = wire(&value.meant(&name)?);
            request = request.message_attributes(name, value);
        }
        Ok(request)
    }
}

#[async_trait]
impl Service for AwsSns {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    async fn call(
        &self,
        action: &str,
        input: Value,
        _origin: &Origin,
    ) -> Result<Value, ServiceError> {
        if action != "Publish" {
            return Err(ServiceError::unsupported("sns", action));
        }
        let answer = self.request(input)?.send().await;
        let answer = answer.map_err(|error| ServiceError::from(classify("sns:Publish", &error)))?;
        let mut shown = json!({"MessageId": answer.message_id});
        if let Some(sequence) = answer.sequence_number {
            shown["SequenceNumber"] = json!(sequence);
        }
        Ok(shown)
    }
}
