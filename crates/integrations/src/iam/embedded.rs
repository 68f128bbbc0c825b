//! The embedded access ledger: role policies in a SQLite file, held to IAM's own rules.
//!
//! It grants nothing by itself: its policies are exported as JSON files, for whoever applies them.
//!
//! Unless roles are strict, every well-formed role name is a role without policies, and comes into being when it is first granted
//! something: an installation without AWS has no roles of its own to check against. Names are compared exactly.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::document::{check_document, counted_characters};
use super::export::{Exported, export};
use super::{
    Error, ROLE_POLICIES_CHARACTERS_MAX, Role, RolePolicies, RoleWithPolicies, check_policy_name,
    check_role_name,
};
use crate::Clock;
use crate::sqlite::{Database, Format};

const FORMAT: Format = Format {
    name: "an access ledger",
    application_id: 0x5357_4131, // "SWA1"
    migrations: &["
        CREATE TABLE role (
            name TEXT PRIMARY KEY,
            path TEXT NOT NULL,
            permissions_boundary TEXT,
            created_ms INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE policy (
            role TEXT NOT NULL REFERENCES role (name) ON DELETE CASCADE,
            name TEXT NOT NULL,
            document TEXT NOT NULL,
            characters INTEGER NOT NULL,
            updated_ms INTEGER NOT NULL,
            PRIMARY KEY (role, name)
        ) STRICT, WITHOUT ROWID;
    "],
};

/// What the ledger is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedOptions {
    /// The partition in the ARNs of its roles: `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// The account in the ARNs of its roles.
    pub account: String,
    /// Whether there are only roles that [`EmbeddedRolePolicies::create_role`] made.
    pub strict_roles: bool,
    /// The boundary of every role that comes into being by itself.
    pub permissions_boundary: Option<String>,
}

impl Default for EmbeddedOptions {
    /// An account of zeros, roles that come into being by themselves, no boundary.
    fn default() -> Self {
        Self {
            partition: "aws".to_owned(),
            account: "000000000000".to_owned(),
            strict_roles: false,
            permissions_boundary: None,
        }
    }
}

/// A role to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRole {
    /// See [`check_role_name`].
    pub name: String,
    /// `/`, or `/teams/billing/`
    pub path: String,
    /// The ARN of a policy.
    pub permissions_boundary: Option<String>,
}

/// The embedded access ledger. Cheap to clone.
#[derive(Clone)]
pub struct EmbeddedRolePolicies {
    database: Database,
    options: Arc<EmbeddedOptions>,
    clock: Clock,
}

impl std::fmt::Debug for EmbeddedRolePolicies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedRolePolicies")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl EmbeddedRolePolicies {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// [`Error::Store`]
    pub fn open(path: &Path, options: EmbeddedOptions, clock: Clock) -> Result<Self, Error> {
        Ok(Self { database: Database::open(path, FORMAT)?, options: Arc::new(options), clock })
    }

    /// Makes a role, or gives an existing one this path and boundary. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::Store`]
    pub async fn create_role(&self, role: &NewRole) -> Result<(), Error> {
        check_role_name(&role.name)?;
        let role = role.clone();
        self.change(move |transaction, _, now| {
            let sql = "INSERT INTO role VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name) DO UPDATE
                SET path = excluded.path, permissions_boundary = excluded.permissions_boundary";
            transaction
                .execute(sql, params![role.name, role.path, role.permissions_boundary, now])?;
            Ok(Ok(()))
        })
        .await
    }

    /// Deletes a role with its policies. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::Store`]
    pub async fn delete_role(&self, role: &str) -> Result<(), Error> {
        let role = role.to_owned();
        self.change(move |transaction, _, _| {
            transaction.execute("DELETE FROM policy WHERE role = ?1", [&role])?;
            transaction.execute("DELETE FROM role WHERE name = ?1", [&role])?;
            Ok(Ok(()))
        })
        .await
    }

    /// Writes every policy to `FOLDER/roles/ROLE/POLICY.json` and returns how many there are.
    ///
    /// Equal ledgers make equal files: the document as it was put, laid out by lines. Files of an earlier export whose policy is
    /// gone are removed; no other file is touched. `FOLDER/manifest.json` lists the files. Safe to repeat.
    ///
    /// # Errors
    /// [`Error::Store`]
    pub async fn export(&self, folder: &Path) -> Result<usize, Error> {
        let folder = PathBuf::from(folder);
        self.change(move |transaction, _, _| {
            let mut statement = transaction
                .prepare("SELECT role, name, document FROM policy ORDER BY role, name")?;
            let rows = statement.query_map([], |row| {
                Ok(Exported { role: row.get(0)?, policy: row.get(1)?, document: row.get(2)? })
            })?;
            let policies = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(export(&folder, &policies).map_err(Error::from))
        })
        .await
    }

    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &EmbeddedOptions, i64) -> rusqlite::Result<Result<T, Error>>
        + Send
        + 'static,
    ) -> Result<T, Error> {
        let (options, now) = (Arc::clone(&self.options), (self.clock)().as_millisecond());
        self.database.change(move |transaction| work(transaction, &options, now)).await
    }
}

#[async_trait]
impl RolePolicies for EmbeddedRolePolicies {
    async fn get_role(&self, role: &str) -> Result<Role, Error> {
        check_role_name(role)?;
        let role = role.to_owned();
        self.change(move |transaction, options, _| find_role(transaction, options, role)).await
    }

    async fn list_roles(&self, path_prefix: &str) -> Result<Vec<String>, Error> {
        let prefix = path_prefix.to_owned();
        self.change(move |transaction, _, _| {
            let sql = "SELECT name FROM role WHERE substr(path, 1, length(?1)) = ?1 ORDER BY name";
            names(transaction, sql, &prefix).map(Ok)
        })
        .await
    }

    async fn roles_with_policies(&self) -> Result<Vec<RoleWithPolicies>, Error> {
        self.change(|transaction, options, _| roles_with_policies(transaction, options).map(Ok))
            .await
    }

    async fn list_role_policies(&self, role: &str) -> Result<Vec<String>, Error> {
        check_role_name(role)?;
        let role = role.to_owned();
        self.change(move |transaction, options, _| {
            let found = find_role(transaction, options, role)?;
            let sql = "SELECT name FROM policy WHERE role = ?1 ORDER BY name";
            found
                .map_or_else(|error| Ok(Err(error)), |it| names(transaction, sql, &it.name).map(Ok))
        })
        .await
    }

    async fn get_role_policy(&self, role: &str, policy: &str) -> Result<String, Error> {
        check_role_name(role)?;
        check_policy_name(policy)?;
        let (role, policy) = (role.to_owned(), policy.to_owned());
        self.change(move |transaction, options, _| {
            let sql = "SELECT document FROM policy WHERE role = ?1 AND name = ?2";
            let document: Option<String> =
                transaction.query_row(sql, params![role, policy], |row| row.get(0)).optional()?;
            match document {
                Some(document) => Ok(Ok(document)),
                None => absent(transaction, options, role, policy),
            }
        })
        .await
    }

    async fn put_role_policy(&self, role: &str, policy: &str, document: &str) -> Result<(), Error> {
        check_role_name(role)?;
        check_policy_name(policy)?;
        check_document(policy, document)?;
        let (role, policy, document) = (role.to_owned(), policy.to_owned(), document.to_owned());
        self.change(move |transaction, options, now| {
            let role = match find_role(transaction, options, role)? {
                Ok(role) => role,
                Err(error) => return Ok(Err(error)),
            };
            let characters = counted_characters(&document);
            if let Err(error) = check_limit(transaction, &role.name, &policy, characters)? {
                return Ok(Err(error));
            }
            let sql = "INSERT INTO role VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
            transaction
                .execute(sql, params![role.name, role.path, role.permissions_boundary, now])?;
            let sql = "INSERT OR REPLACE INTO policy VALUES (?1, ?2, ?3, ?4, ?5)";
            transaction.execute(sql, params![role.name, policy, document, characters, now])?;
            Ok(Ok(()))
        })
        .await
    }

    async fn delete_role_policy(&self, role: &str, policy: &str) -> Result<(), Error> {
        check_role_name(role)?;
        check_policy_name(policy)?;
        let (role, policy) = (role.to_owned(), policy.to_owned());
        self.change(move |transaction, options, _| {
            let sql = "DELETE FROM policy WHERE role = ?1 AND name = ?2";
            let deleted = transaction.execute(sql, params![role, policy])?;
            if deleted == 1 { Ok(Ok(())) } else { absent(transaction, options, role, policy) }
        })
        .await
    }
}

fn find_role(
    transaction: &Transaction<'_>,
    options: &EmbeddedOptions,
    name: String,
) -> rusqlite::Result<Result<Role, Error>> {
    let sql = "SELECT path, permissions_boundary FROM role WHERE name = ?1";
    let found =
        transaction.query_row(sql, [&name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (path, boundary) = match found {
        Some(found) => found,
        None if options.strict_roles => return Ok(Err(Error::NoSuchRole { role: name })),
        None => ("/".to_owned(), options.permissions_boundary.clone()),
    };
    Ok(Ok(role(options, name, path, boundary)))
}

fn role(
    options: &EmbeddedOptions,
    name: String,
    path: String,
    permissions_boundary: Option<String>,
) -> Role {
    let EmbeddedOptions { partition, account, .. } = options;
    let arn = format!("arn:{partition}:iam::{account}:role{path}{name}");
    Role { name, arn, path, permissions_boundary, attached_policies: Vec::new() }
}

fn roles_with_policies(
    transaction: &Transaction<'_>,
    options: &EmbeddedOptions,
) -> rusqlite::Result<Vec<RoleWithPolicies>> {
    let mut statement =
        transaction.prepare("SELECT name, path, permissions_boundary FROM role ORDER BY name")?;
    let mut policies = transaction.prepare("SELECT name, document FROM policy WHERE role = ?1")?;
    let roles =
        statement.query_map([], |row| Ok(role(options, row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let with_policies = |role: Role| {
        let found = policies.query_map([&role.name], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let policies = found.collect::<rusqlite::Result<BTreeMap<_, _>>>()?;
        Ok(RoleWithPolicies { role, policies })
    };
    roles.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().map(with_policies).collect()
}

/// Why there is no such policy.
fn absent<T>(
    transaction: &Transaction<'_>,
    options: &EmbeddedOptions,
    role: String,
    policy: String,
) -> rusqlite::Result<Result<T, Error>> {
    let found = find_role(transaction, options, role)?;
    Ok(found.and_then(|role| Err(Error::NoSuchPolicy { role: role.name, policy })))
}

/// The policy replaces one of its own name, so that one does not count.
fn check_limit(
    transaction: &Transaction<'_>,
    role: &str,
    policy: &str,
    characters: usize,
) -> rusqlite::Result<Result<(), Error>> {
    let sql = "SELECT coalesce(sum(characters), 0) FROM policy WHERE role = ?1 AND name <> ?2";
    let others: usize = transaction.query_row(sql, params![role, policy], |row| row.get(0))?;
    if others + characters <= ROLE_POLICIES_CHARACTERS_MAX {
        return Ok(Ok(()));
    }
    let message = format!(
        "{others} characters are there, {characters} more are too many for {ROLE_POLICIES_CHARACTERS_MAX}"
    );
    Ok(Err(Error::LimitExceeded { role: role.to_owned(), message }))
}

fn names(
    transaction: &Transaction<'_>,
    sql: &str,
    parameter: &str,
) -> rusqlite::Result<Vec<String>> {
    let mut statement = transaction.prepare_cached(sql)?;
    let rows = statement.query_map([parameter], |row| row.get(0))?;
    rows.collect()
}
