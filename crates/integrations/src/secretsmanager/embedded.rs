//! Secrets Manager over the secrets of this installation.
//!
//! A secret is its current text: there are no versions, stages, rotation or recovery. What is asked for beyond that is refused by name.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;

use crate::members::{Members, members_of};
use crate::service::{Conventions, Facts, Origin, Place, Protocol, Service, read, read_only};
use crate::vault::Vault;

/// What Secrets Manager is called where.
pub const FACTS: Facts = Facts {
    name: "secretsmanager",
    error_prefix: "SecretsManager",
    legacy_name: "AWSSecretsManager",
    sdk_name: "SecretsManager",
    protocol: Protocol::Json {
        target_prefix: "secretsmanager",
        version: "1.1",
        error_namespace: "com.amazonaws.secretsmanager",
    },
    actions: &[
        "CreateSecret",
        "DeleteSecret",
        "DescribeSecret",
        "GetSecretValue",
        "ListSecrets",
        "PutSecretValue",
        "UpdateSecret",
    ],
    optimised: &[],
    members,
    modelled_errors: &[
        "InvalidNextTokenException",
        "InvalidParameterException",
        "InvalidRequestException",
        "ResourceExistsException",
        "ResourceNotFoundException",
    ],
    conventions: Conventions::USUAL,
};

/// Names with this begin belong to parameters.
pub(crate) const PARAMETER_PREFIX: &str = "ssm:";

/// Whether a name in the vault belongs to another service: no secret can be called so.
fn is_of_others(name: &str) -> bool {
    name.contains(':')
}

/// The secrets of this installation. Cheap to clone.
#[derive(Clone)]
pub struct EmbeddedSecrets {
    vault: Arc<dyn Vault>,
    place: Place,
}

impl std::fmt::Debug for EmbeddedSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedSecrets").field("place", &self.place).finish_non_exhaustive()
    }
}

/// The members that the actions have, each as far as it makes sense for it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Request {
    #[serde(alias = "Name")]
    secret_id: Option<String>,
    secret_string: Option<String>,
    version_stage: Option<String>,
    force_delete_without_recovery: Option<bool>,
    /// Makes a repeated request harmless, which it is here: the same text is put again.
    #[serde(rename = "ClientRequestToken")]
    _client_request_token: Option<String>,
}

/// Secrets on a page. Source: API reference, `ListSecrets`.
const PAGE_MAX: usize = 100;

/// `{"Filters": [{"Key": "name", "Values": ["prod/"]}], "MaxResults": 20, "SortOrder": "desc"}`
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct List {
    #[serde(default)]
    filters: Vec<Filter>,
    max_results: Option<usize>,
    next_token: Option<String>,
    sort_order: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Filter {
    key: String,
    values: Vec<String>,
}

impl Filter {
    fn check(&self) -> Result<(), ServiceError> {
        if self.key == "name" {
            return Ok(());
        }
        let message =
            format!("The filter key {} is not supported by stepwell: only name is.", self.key);
        Err(invalid(&message))
    }

    /// One of the values begins the name; with `!` before it, it must not.
    fn lets_through(&self, name: &str) -> bool {
        self.values.iter().any(|value| match value.strip_prefix('!') {
            Some(value) => !name.starts_with(value),
            None => name.starts_with(value.as_str()),
        })
    }
}

fn invalid_token() -> ServiceError {
    ServiceError::sender("InvalidNextTokenException", "The NextToken value is invalid.")
}

/// The members of an action.
fn members(action: &str) -> Option<Members> {
    Some(match action {
        "CreateSecret" => vec!["Name", "SecretString", "ClientRequestToken"],
        "DeleteSecret" => vec!["SecretId", "ForceDeleteWithoutRecovery"],
        "DescribeSecret" => vec!["SecretId"],
        "GetSecretValue" => vec!["SecretId", "VersionStage"],
        "ListSecrets" => members_of::<List>(),
        "PutSecretValue" | "UpdateSecret" => vec!["SecretId", "SecretString", "ClientRequestToken"],
        _ => return None,
    })
}

fn not_found() -> ServiceError {
    let message = "Secrets Manager can't find the specified secret.";
    ServiceError::sender("ResourceNotFoundException", message)
}

fn invalid(message: &str) -> ServiceError {
    ServiceError::sender("InvalidParameterException", message)
}

impl EmbeddedSecrets {
    /// Over a store that is given.
    pub fn new(vault: Arc<dyn Vault>, place: Place) -> Self {
        Self { vault, place }
    }

    /// A name, or the ARN that was told for it.
    fn name(&self, request: &Request) -> Result<String, ServiceError> {
        let id = request.secret_id.as_deref().filter(|id| !id.is_empty());
        let id =
            id.ok_or_else(|| invalid("You must provide a value for the SecretId parameter."))?;
        let name = id.strip_prefix(&self.place.arn("secretsmanager", "secret:")).unwrap_or(id);
        if is_of_others(name) {
            return Err(not_found());
        }
        Ok(name.to_owned())
    }

    fn described(&self, name: &str) -> Value {
        json!({"ARN": self.place.arn("secretsmanager", &format!("secret:{name}")), "Name": name})
    }

    async fn value(&self, name: &str) -> Result<SecretString, ServiceError> {
        self.vault.get(name).await?.ok_or_else(not_found)
    }

    async fn put(&self, name: &str, request: Request) -> Result<Value, ServiceError> {
        let text = request.secret_string;
        let text = text
            .ok_or_else(|| invalid("You must provide a value for the SecretString parameter."))?;
        self.vault.put(name, SecretString::from(text)).await?;
        Ok(self.described(name))
    }

    async fn create(&self, name: &str, request: Request) -> Result<Value, ServiceError> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
        if !(1..=512).contains(&name.len()) || !name.chars().all(is_allowed) {
            return Err(ServiceError::sender(
                "ValidationException",
                "Invalid name. Must be a valid name containing alphanumeric \
                characters, or any of the following: -/_+=.@!",
            ));
        }
        if self.vault.get(name).await?.is_some() {
            let message = format!("The operation failed because the secret {name} already exists.");
            return Err(ServiceError::sender("ResourceExistsException", message));
        }
        self.put(name, request).await
    }

    async fn delete(&self, name: &str, request: &Request) -> Result<Value, ServiceError> {
        if request.force_delete_without_recovery != Some(true) {
            return Err(invalid(
                "A recovery window is not supported by stepwell: use ForceDeleteWithoutRecovery.",
            ));
        }
        // One that is not there is no error when it is forced. Source: API reference, `DeleteSecret`.
        self.vault.remove(name).await?;
        Ok(self.described(name))
    }

    /// By name; the token is the last name of the page before.
    async fn list(&self, request: List) -> Result<Value, ServiceError> {
        let most = request.max_results.unwrap_or(PAGE_MAX);
        if !(1..=PAGE_MAX).contains(&most) {
            return Err(invalid("MaxResults must be between 1 and 100."));
        }
        let mut names = self.vault.names().await?;
        names.retain(|name| !is_of_others(name));
        for filter in &request.filters {
            filter.check()?;
            names.retain(|name| filter.lets_through(name));
        }
        names.sort();
        if request.sort_order.as_deref() == Some("desc") {
            names.reverse();
        }
        let start = match &request.next_token {
            None => 0,
            Some(last) => {
                let found = names.iter().position(|name| name == last);
                found.ok_or_else(invalid_token)? + 1
            }
        };
        let page: Vec<_> = names[start..].iter().take(most).collect();
        let is_last = start + page.len() == names.len();
        let shown: Vec<_> = page.iter().map(|name| self.described(name)).collect();
        let mut answer = json!({"SecretList": shown});
        if let Some(last) = page.last().filter(|_| !is_last) {
            answer["NextToken"] = json!(last);
        }
        Ok(answer)
    }
}

#[async_trait]
impl Service for EmbeddedSecrets {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    async fn call(
        &self,
        action: &str,
        input: Value,
        _origin: &Origin,
    ) -> Result<Value, ServiceError> {
        if action == "ListSecrets" {
            return self.list(read(input)?).await;
        }
        let request: Request = read_only(input, &members(action).unwrap_or_default())?;
        if request.version_stage.as_deref().is_some_and(|stage| stage != "AWSCURRENT") {
            return Err(not_found());
        }
        let name = self.name(&request)?;
        match action {
            "CreateSecret" => self.create(&name, request).await,
            "DeleteSecret" => self.delete(&name, &request).await,
            "DescribeSecret" => self.value(&name).await.map(|_| self.described(&name)),
            "GetSecretValue" => {
                let value = self.value(&name).await?;
                let mut answer = self.described(&name);
                answer["SecretString"] = json!(value.expose_secret());
                answer["VersionStages"] = json!(["AWSCURRENT"]);
                Ok(answer)
            }
            "PutSecretValue" | "UpdateSecret" => {
                self.value(&name).await?;
                self.put(&name, request).await
            }
            other => Err(ServiceError::unsupported("secretsmanager", other)),
        }
    }
}
