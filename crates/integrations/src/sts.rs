//! The identity service: who is calling. Everybody who may call is the owner of this installation.

use async_trait::async_trait;
use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;

use crate::service::{Conventions, Facts, Origin, Place, Protocol, Service};

/// What STS is called where.
pub const FACTS: Facts = Facts {
    name: "sts",
    error_prefix: "Sts",
    legacy_name: "AWSSecurityTokenService",
    sdk_name: "Sts",
    protocol: Protocol::Query { namespace: "https://sts.amazonaws.com/doc/2011-06-15/", maps: &[] },
    actions: &["GetCallerIdentity"],
    optimised: &[],
    members: |_| Some(Vec::new()),
    modelled_errors: &[],
    conventions: Conventions::USUAL,
};

/// Answers `GetCallerIdentity`.
#[derive(Debug, Clone)]
pub struct EmbeddedSts {
    place: Place,
}

impl EmbeddedSts {
    /// The owner of this account.
    pub fn new(place: Place) -> Self {
        Self { place }
    }
}

#[async_trait]
impl Service for EmbeddedSts {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    async fn call(
        &self,
        action: &str,
        _input: Value,
        _origin: &Origin,
    ) -> Result<Value, ServiceError> {
        let account = &self.place.account;
        match action {
            "GetCallerIdentity" => Ok(json!({
                "Arn": format!("arn:aws:iam::{account}:root"), "UserId": account, "Account": account,
            })),
            other => Err(ServiceError::unsupported("sts", other)),
        }
    }
}
