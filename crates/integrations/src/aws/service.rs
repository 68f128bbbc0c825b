//! Services of AWS itself behind the same trait as the embedded ones.

use async_trait::async_trait;
use serde_json::Value;
use stepwell_aws_wire::ServiceError;

use super::{CallError, Connection, JsonClient, json};
use crate::service::{Facts, Origin, Protocol, Service};

/// A service of AWS that speaks JSON: `AwsService::new(connection, &sqs::FACTS)`.
///
/// What it can do is what the facts name; the members of a call go to AWS as they are.
#[derive(Debug, Clone)]
pub struct AwsService {
    facts: &'static Facts,
    client: JsonClient,
}

impl AwsService {
    /// Connects nowhere yet; none for a service that speaks another protocol.
    pub fn new(connection: &Connection, facts: &'static Facts) -> Option<Self> {
        let Protocol::Json { target_prefix, version, .. } = facts.protocol else { return None };
        let service = json::Service {
            id: facts.sdk_name,
            signing_name: facts.name,
            target_prefix,
            json_version: version,
        };
        Some(Self { facts, client: JsonClient::new(connection, service) })
    }
}

#[async_trait]
impl Service for AwsService {
    fn facts(&self) -> &'static Facts {
        self.facts
    }

    async fn call(
        &self,
        action: &str,
        input: Value,
        _origin: &Origin,
    ) -> Result<Value, ServiceError> {
        let action = self.facts.actions.iter().find(|it| **it == action);
        let action = action.ok_or_else(|| ServiceError::unsupported(self.facts.name, "this"))?;
        let answer = self.client.call(action, &input).await?;
        if answer.is_empty() {
            return Ok(serde_json::json!({}));
        }
        serde_json::from_slice(&answer).map_err(|_| ServiceError::internal())
    }
}

impl From<CallError> for ServiceError {
    fn from(error: CallError) -> Self {
        let message = error.to_string();
        match error {
            CallError::Refused { code, message, .. } => Self::sender(code, message),
            CallError::AccessDenied { message, .. } => {
                Self::sender("AccessDeniedException", message).with_status(403)
            }
            CallError::Throttled { message, .. } => Self::sender("ThrottlingException", message),
            CallError::Unavailable { .. } | CallError::Misconfigured { .. } => {
                Self { status: 503, ..Self::sender("ServiceUnavailable", message) }
            }
        }
    }
}
