//! Inline policies of IAM roles.
//!
//! A role's inline policies together may have 10,240 characters, white space not counted. Names and documents are checked by the
//! same functions whoever serves: the embedded ledger because nobody else would, a pipeline before it asks IAM.

mod aws;
mod document;
mod embedded;
mod export;

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;

use crate::StoreError;
use crate::aws::CallError;

pub use aws::AwsRolePolicies;
pub use document::{check_document, counted_characters};
pub use embedded::{EmbeddedOptions, EmbeddedRolePolicies, NewRole};

/// Characters of all inline policies of one role, white space not counted.
///
/// Source: IAM User Guide, "IAM and AWS STS quotas".
pub const ROLE_POLICIES_CHARACTERS_MAX: usize = 10_240;

/// Source: IAM API reference, `CreateRole`.
const ROLE_NAME_CHARACTERS_MAX: usize = 64;

/// Source: IAM API reference, `PutRolePolicy`.
const POLICY_NAME_CHARACTERS_MAX: usize = 128;

/// The inline policies of roles. IAM is eventually consistent: what was put may not be read back at once.
#[async_trait]
pub trait RolePolicies: fmt::Debug + Send + Sync {
    /// What a role is.
    ///
    /// # Errors
    /// [`Error::NoSuchRole`]
    async fn get_role(&self, role: &str) -> Result<Role, Error>;

    /// The names of the roles whose path begins so, sorted; `/` for all.
    ///
    /// # Errors
    /// [`Error::Call`], [`Error::Store`]
    async fn list_roles(&self, path_prefix: &str) -> Result<Vec<String>, Error>;

    /// Every role with its inline policies, sorted by name: a thousand roles with one call.
    ///
    /// # Errors
    /// [`Error::Call`], [`Error::Store`]. On AWS this is `iam:GetAccountAuthorizationDetails`, which fewer callers may use than the
    /// calls about single roles: those say the same where this is refused.
    async fn roles_with_policies(&self) -> Result<Vec<RoleWithPolicies>, Error>;

    /// The names of a role's inline policies, sorted.
    ///
    /// # Errors
    /// [`Error::NoSuchRole`]
    async fn list_role_policies(&self, role: &str) -> Result<Vec<String>, Error>;

    /// A policy's document: JSON text, as it was put.
    ///
    /// # Errors
    /// [`Error::NoSuchRole`], [`Error::NoSuchPolicy`]
    async fn get_role_policy(&self, role: &str, policy: &str) -> Result<String, Error>;

    /// Makes or replaces a policy. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::NoSuchRole`], [`Error::LimitExceeded`], [`Error::MalformedPolicyDocument`], [`Error::InvalidName`],
    /// [`Error::Unmodifiable`]; nothing has changed then.
    async fn put_role_policy(&self, role: &str, policy: &str, document: &str) -> Result<(), Error>;

    /// Deletes a policy. Safe to repeat, with [`Error::NoSuchPolicy`] for what is gone already.
    ///
    /// # Errors
    /// [`Error::NoSuchRole`], [`Error::NoSuchPolicy`], [`Error::Unmodifiable`]
    async fn delete_role_policy(&self, role: &str, policy: &str) -> Result<(), Error>;
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// `payments-consumer`
    pub name: String,
    /// `arn:aws:iam::123456789012:role/payments-consumer`
    pub arn: String,
    /// `/`, or `/teams/billing/`
    pub path: String,
    /// The ARN of the policy that bounds it, if any.
    pub permissions_boundary: Option<String>,
    /// The ARNs of the managed policies that are attached to it; none where the caller may not see them.
    pub attached_policies: Vec<String>,
}

/// A role with all its inline policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleWithPolicies {
    /// The role.
    pub role: Role,
    /// Documents by the names of their policies: JSON text, as it was put.
    pub policies: BTreeMap<String, String>,
}

/// What role policies can fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// IAM's `NoSuchEntity` for the role.
    #[error("there is no role `{role}`; create it, or correct its name")]
    NoSuchRole {
        /// Its name.
        role: String,
    },
    /// IAM's `NoSuchEntity` for the policy.
    #[error("role `{role}` has no inline policy `{policy}`")]
    NoSuchPolicy {
        /// The role's name.
        role: String,
        /// The policy's name.
        policy: String,
    },
    /// IAM's `LimitExceeded`.
    #[error(
        "the inline policies of role `{role}` would exceed IAM's limit: {message}; merge statements or use another role"
    )]
    LimitExceeded {
        /// The role's name.
        role: String,
        /// The limit.
        message: String,
    },
    /// IAM's `MalformedPolicyDocument`.
    #[error("the document of policy `{policy}` is malformed: {message}")]
    MalformedPolicyDocument {
        /// The policy's name.
        policy: String,
        /// What is wrong with it.
        message: String,
    },
    /// A name that IAM does not take.
    #[error("`{name}` is no name of a {kind}: {problem}")]
    InvalidName {
        /// `role` or `policy`
        kind: &'static str,
        /// The name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// IAM's `UnmodifiableEntity`: the role belongs to an AWS service.
    #[error("role `{role}` belongs to an AWS service and cannot be changed; name another role")]
    Unmodifiable {
        /// Its name.
        role: String,
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
            Self::NoSuchRole { .. }
            | Self::NoSuchPolicy { .. }
            | Self::LimitExceeded { .. }
            | Self::MalformedPolicyDocument { .. }
            | Self::InvalidName { .. }
            | Self::Unmodifiable { .. } => false,
        }
    }
}

/// Checks the name of a role: 1 to 64 of letters, digits and `_+=,.@-`, all of ASCII.
///
/// # Errors
/// [`Error::InvalidName`]
pub fn check_role_name(name: &str) -> Result<(), Error> {
    check_name("role", name, ROLE_NAME_CHARACTERS_MAX)
}

/// Checks the name of a policy: 1 to 128 of letters, digits and `_+=,.@-`, all of ASCII.
///
/// # Errors
/// [`Error::InvalidName`]
pub fn check_policy_name(name: &str) -> Result<(), Error> {
    check_name("policy", name, POLICY_NAME_CHARACTERS_MAX)
}

fn check_name(kind: &'static str, name: &str, characters_max: usize) -> Result<(), Error> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let problem = if name.is_empty() {
        "it is empty"
    } else if name.chars().count() > characters_max {
        "it is too long"
    } else if !name.chars().all(is_allowed) {
        "only letters, digits and `_+=,.@-` may be in it"
    } else {
        return Ok(());
    };
    Err(Error::InvalidName { kind, name: name.to_owned(), problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_iams_grammar() {
        check_role_name(&"r".repeat(64)).unwrap();
        check_policy_name("DMM_DataUsageAgreement_acc-17").unwrap();
        for name in ["", "a b", "a/b", "ä", &"r".repeat(65)] {
            assert!(check_role_name(name).is_err(), "{name}");
        }
        check_policy_name(&"p".repeat(129)).unwrap_err();
    }
}
