//! Services of AWS itself behind the same trait as the embedded ones.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;
use stepwell_aws_wire::ServiceError;

use super::catalogue::{self, Model};
use super::{CallError, Connection, JsonClient};
use crate::service::{Conventions, Facts, Origin, Protocol, Service};

/// A service of AWS that speaks JSON: `AwsService::new(connection, aws::facts("kms")?)`.
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
        let model = catalogue::find(&facts.sdk_service())?;
        Some(Self { facts, client: JsonClient::of_catalogue(connection, model)? })
    }
}

/// What can be called at AWS of a service with this name in resources, `kms`; none if it speaks no JSON.
pub fn facts(service: &str) -> Option<&'static Facts> {
    kept(service, || {
        let model = catalogue::find(service).filter(|model| model.json.is_some())?;
        let client: &'static str = model.client_name().leak();
        Some(at_aws(model, Facts { name: model.name, ..plain(client) }))
    })
}

/// What can be called at AWS of a service that can be embedded, too: everything that it has; none if it speaks no JSON.
pub fn facts_of(embedded: &'static Facts) -> Option<&'static Facts> {
    kept(embedded.name, || {
        let model = catalogue::find(&embedded.sdk_service()).filter(|it| it.json.is_some())?;
        Some(at_aws(model, *embedded))
    })
}

/// Facts are made once for each service and live as long as the process, like those of embedded services.
fn kept(name: &str, make: impl FnOnce() -> Option<Facts>) -> Option<&'static Facts> {
    static KEPT: Mutex<BTreeMap<String, &Facts>> = Mutex::new(BTreeMap::new());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(facts) = kept.get(name) {
        return Some(facts);
    }
    let facts: &'static Facts = Box::leak(Box::new(make()?));
    kept.insert(name.to_owned(), facts);
    Some(facts)
}

fn at_aws(model: &'static Model, facts: Facts) -> Facts {
    let actions: Vec<_> = model.actions.keys().copied().collect();
    Facts { actions: actions.leak(), modelled_errors: &model.errors, members: |_| None, ..facts }
}

/// Of a service that has no integrations of its own here.
fn plain(client: &'static str) -> Facts {
    Facts {
        name: client,
        error_prefix: client,
        legacy_name: client,
        sdk_name: client,
        protocol: Protocol::Json { target_prefix: "", version: "1.1", error_namespace: "" },
        actions: &[],
        optimised: &[],
        members: |_| None,
        modelled_errors: &[],
        conventions: Conventions::USUAL,
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
        match serde_json::from_slice(&answer).map_err(|_| ServiceError::internal())? {
            Value::Null => Ok(serde_json::json!({})),
            answer => Ok(answer),
        }
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
