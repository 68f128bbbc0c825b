//! The inline role policies of AWS IAM.

use async_trait::async_trait;
use aws_sdk_iam::Client;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_iam::types::{EntityType, RoleDetail};
use percent_encoding::percent_decode_str;

use super::{Error, Role, RolePolicies, RoleWithPolicies, check_policy_name, check_role_name};
use crate::aws::{CallError, Connection, classify};

/// Roles in one answer. Source: IAM API reference, `GetAccountAuthorizationDetails`.
const PAGE_MAX: i32 = 1_000;

/// The role policies of an account. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AwsRolePolicies {
    client: Client,
}

impl AwsRolePolicies {
    /// Asks nothing yet.
    pub fn new(connection: &Connection) -> Self {
        Self { client: connection.iam() }
    }

    /// IAM says `NoSuchEntity` of role and policy alike; its words tell which, and if they do not, the role does.
    async fn missing(&self, role: &str, policy: &str, message: &str) -> Error {
        let no_such_role = || Error::NoSuchRole { role: role.to_owned() };
        let no_such_policy =
            || Error::NoSuchPolicy { role: role.to_owned(), policy: policy.to_owned() };
        if message.starts_with("The role policy with name") {
            return no_such_policy();
        }
        if message.starts_with("The role with name") {
            return no_such_role();
        }
        self.get_role(role).await.map_or_else(|error| error, |_| no_such_policy())
    }

    /// The ARNs of the managed policies of a role; none where the caller may not see them.
    async fn attached_policies(&self, role: &str) -> Result<Vec<String>, Error> {
        let request = self.client.list_attached_role_policies().role_name(role);
        let pages = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        match pages.map_err(|error| explain_role("iam:ListAttachedRolePolicies", role, &error)) {
            Ok(policies) => Ok(sorted(policies.into_iter().filter_map(|it| it.policy_arn))),
            Err(Error::Call(CallError::AccessDenied { .. })) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// The meaning of a failed call about a policy.
    async fn explain<E>(
        &self,
        operation: &'static str,
        role: &str,
        policy: &str,
        error: &SdkError<E>,
    ) -> Error
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        match classify(operation, error) {
            CallError::Refused { code, message, .. } if code == "NoSuchEntity" => {
                self.missing(role, policy, &message).await
            }
            CallError::Refused { code, message, .. } if code == "LimitExceeded" => {
                Error::LimitExceeded { role: role.to_owned(), message }
            }
            CallError::Refused { code, message, .. } if code == "MalformedPolicyDocument" => {
                Error::MalformedPolicyDocument { policy: policy.to_owned(), message }
            }
            CallError::Refused { code, .. } if code == "UnmodifiableEntity" => {
                Error::Unmodifiable { role: role.to_owned() }
            }
            other => other.into(),
        }
    }
}

#[async_trait]
impl RolePolicies for AwsRolePolicies {
    async fn get_role(&self, role: &str) -> Result<Role, Error> {
        check_role_name(role)?;
        let answer = self.client.get_role().role_name(role).send().await;
        let answer = answer.map_err(|error| explain_role("iam:GetRole", role, &error))?;
        let found = answer.role.ok_or_else(|| Error::NoSuchRole { role: role.to_owned() })?;
        Ok(Role {
            attached_policies: self.attached_policies(role).await?,
            name: found.role_name,
            arn: found.arn,
            path: found.path,
            permissions_boundary: found
                .permissions_boundary
                .and_then(|boundary| boundary.permissions_boundary_arn),
        })
    }

    async fn list_roles(&self, path_prefix: &str) -> Result<Vec<String>, Error> {
        let pages = self.client.list_roles().path_prefix(path_prefix).into_paginator().items();
        let roles = pages.send().collect::<Result<Vec<_>, _>>().await;
        let roles = roles.map_err(|error| classify("iam:ListRoles", &error))?;
        Ok(sorted(roles.into_iter().map(|role| role.role_name)))
    }

    async fn roles_with_policies(&self) -> Result<Vec<RoleWithPolicies>, Error> {
        let request = self.client.get_account_authorization_details().filter(EntityType::Role);
        let pages = request.into_paginator().page_size(PAGE_MAX).send();
        let pages = pages.collect::<Result<Vec<_>, _>>().await;
        let pages =
            pages.map_err(|error| classify("iam:GetAccountAuthorizationDetails", &error))?;
        let details = pages.into_iter().flat_map(|page| page.role_detail_list.unwrap_or_default());
        let mut roles: Vec<_> = details.map(read_role).collect();
        roles.sort_by(|a, b| a.role.name.cmp(&b.role.name));
        Ok(roles)
    }

    async fn list_role_policies(&self, role: &str) -> Result<Vec<String>, Error> {
        check_role_name(role)?;
        let pages = self.client.list_role_policies().role_name(role).into_paginator().items();
        let names = pages.send().collect::<Result<Vec<_>, _>>().await;
        let names = names.map_err(|error| explain_role("iam:ListRolePolicies", role, &error))?;
        Ok(sorted(names))
    }

    async fn get_role_policy(&self, role: &str, policy: &str) -> Result<String, Error> {
        check_role_name(role)?;
        check_policy_name(policy)?;
        let request = self.client.get_role_policy().role_name(role).policy_name(policy);
        match request.send().await {
            Ok(answer) => Ok(decode(&answer.policy_document)),
            Err(error) => Err(self.explain("iam:GetRolePolicy", role, policy, &error).await),
        }
    }

    async fn put_role_policy(&self, role: &str, policy: &str, document: &str) -> Result<(), Error> {
        check_role_name(role)?;
        check_policy_name(policy)?;
        let request = self.client.put_role_policy().role_name(role).policy_name(policy);
        match request.policy_document(document).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.explain("iam:PutRolePolicy", role, policy, &error).await),
        }
    }

    async fn delete_role_policy(&self, role: &str, policy: &str) -> Result<(), Error> {
        check_role_name(role)?;
        check_policy_name(policy)?;
        let request = self.client.delete_role_policy().role_name(role).policy_name(policy);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.explain("iam:DeleteRolePolicy", role, policy, &error).await),
        }
    }
}

fn read_role(detail: RoleDetail) -> RoleWithPolicies {
    let attached = detail.attached_managed_policies.unwrap_or_default();
    let role = Role {
        name: detail.role_name.unwrap_or_default(),
        arn: detail.arn.unwrap_or_default(),
        path: detail.path.unwrap_or_default(),
        permissions_boundary: detail
            .permissions_boundary
            .and_then(|it| it.permissions_boundary_arn),
        attached_policies: sorted(attached.into_iter().filter_map(|it| it.policy_arn)),
    };
    let policies = detail.role_policy_list.unwrap_or_default().into_iter();
    let policies = policies.filter_map(|it| Some((it.policy_name?, decode(&it.policy_document?))));
    RoleWithPolicies { role, policies: policies.collect() }
}

/// The meaning of a failed call that names nothing but a role.
fn explain_role<E>(operation: &'static str, role: &str, error: &SdkError<E>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    match classify(operation, error) {
        CallError::Refused { code, .. } if code == "NoSuchEntity" => {
            Error::NoSuchRole { role: role.to_owned() }
        }
        other => other.into(),
    }
}

/// IAM answers with the document percent-encoded; what already begins as JSON is not encoded.
fn decode(document: &str) -> String {
    if document.trim_start().starts_with('{') {
        return document.to_owned();
    }
    percent_decode_str(document).decode_utf8_lossy().into_owned()
}

fn sorted(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_decoded_once() {
        let plain = r#"{"Statement": ["a%2Fb", "a+b"]}"#;
        assert_eq!(decode(plain), plain);
        assert_eq!(
            decode("%7B%22Statement%22%3A%5B%22a%252Fb%22%2C%22a%2Bb%22%5D%7D"),
            r#"{"Statement":["a%2Fb","a+b"]}"#
        );
    }
}
