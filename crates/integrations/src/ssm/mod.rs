//! Parameters of Systems Manager: texts in a SQLite file, those of the type `SecureString` among the secrets.
//!
//! Of each parameter there is the newest version; labels, policies and tiers are refused by name.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, Row, params};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;

use crate::members::{Members, members_of};
use crate::secretsmanager::PARAMETER_PREFIX;
use crate::service::{Conventions, Facts, Origin, Place, Protocol, Service, read, read_only};
use crate::sqlite::{Database, Format};
use crate::vault::Vault;
use crate::{Clock, StoreError};

/// What Systems Manager is called where.
pub const FACTS: Facts = Facts {
    name: "ssm",
    error_prefix: "Ssm",
    legacy_name: "AWSSimpleSystemsManagement",
    sdk_name: "Ssm",
    protocol: Protocol::Json {
        target_prefix: "AmazonSSM",
        version: "1.1",
        error_namespace: "com.amazonaws.ssm",
    },
    actions: &[
        "DeleteParameter",
        "GetParameter",
        "GetParameters",
        "GetParametersByPath",
        "PutParameter",
    ],
    optimised: &[],
    members,
    modelled_errors: &["ParameterAlreadyExists", "ParameterNotFound"],
    conventions: Conventions::USUAL,
};

const FORMAT: Format = Format {
    name: "a file of parameters",
    application_id: 0x5357_5031, // "SWP1"
    migrations: &["
        CREATE TABLE parameter (
            name TEXT PRIMARY KEY,
            type TEXT NOT NULL,
            value TEXT,
            version INTEGER NOT NULL,
            modified_ms INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
    "],
};

/// Bytes of a value. Source: API reference, `PutParameter`.
const VALUE_BYTES_MAX: usize = 4096;

/// Parameters of one answer. Source: API reference, `GetParameters`, `GetParametersByPath`.
const PAGE_MAX: usize = 10;

const DECRYPTED: &str = "WithDecryption";

const OF_DELETE: &[&str] = &["Name"];
const OF_GET: &[&str] = &["Name", DECRYPTED];
const OF_GET_ALL: &[&str] = &["Names", DECRYPTED];
const OF_PATH: &[&str] = &["Path", "Recursive", DECRYPTED, "MaxResults", "NextToken"];

const SECURE: &str = "SecureString";

/// The parameters of this installation. Cheap to clone.
#[derive(Clone)]
pub struct EmbeddedParameters {
    database: Database,
    vault: Arc<dyn Vault>,
    place: Place,
    clock: Clock,
    /// One change at a time: each is one in the file and one among the secrets.
    changes: Arc<tokio::sync::Mutex<()>>,
}

impl std::fmt::Debug for EmbeddedParameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedParameters").field("place", &self.place).finish_non_exhaustive()
    }
}

struct Stored {
    name: String,
    kind: String,
    /// None of one that is secret.
    value: Option<String>,
    version: i64,
    modified_ms: i64,
}

impl Stored {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (name, kind, value) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Self { name, kind, value, version: row.get(3)?, modified_ms: row.get(4)? })
    }
}

const COLUMNS: &str = "SELECT name, type, value, version, modified_ms FROM parameter";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Put {
    name: String,
    value: String,
    r#type: Option<String>,
    overwrite: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Get {
    name: Option<String>,
    #[serde(default)]
    names: Vec<String>,
    path: Option<String>,
    recursive: Option<bool>,
    with_decryption: Option<bool>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

fn not_found(name: &str) -> ServiceError {
    ServiceError::sender("ParameterNotFound", format!("Parameter {name} not found."))
}

impl EmbeddedParameters {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn open(
        path: &Path,
        vault: Arc<dyn Vault>,
        place: Place,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            database: Database::open(path, FORMAT)?,
            vault,
            place,
            clock,
            changes: Arc::default(),
        })
    }

    /// What is secret is in the vault before its name is in the file, and goes from there once the file says otherwise.
    async fn put(&self, request: Put) -> Result<Value, ServiceError> {
        let Put { name, value, r#type, overwrite } = request;
        check_name(&name)?;
        if value.is_empty() || value.len() > VALUE_BYTES_MAX {
            let message = format!(
                "Standard tier parameters support a maximum parameter value of {VALUE_BYTES_MAX} characters."
            );
            return Err(ServiceError::sender("ValidationException", message));
        }
        let _change = self.changes.lock().await;
        let known = self.stored(name.clone()).await?;
        if known.is_some() && overwrite != Some(true) {
            let message = "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.";
            return Err(ServiceError::sender("ParameterAlreadyExists", message));
        }
        let was_secure = known.as_ref().is_some_and(|it| it.kind == SECURE);
        let kind = r#type.or(known.map(|it| it.kind)).ok_or_else(|| {
            ServiceError::sender(
                "ValidationException",
                "A parameter type is required when you create a parameter.",
            )
        })?;
        if !["String", "StringList", SECURE].contains(&&*kind) {
            let message = format!("The parameter type {kind} is not supported.");
            return Err(ServiceError::sender("UnsupportedParameterType", message));
        }
        let in_vault = format!("{PARAMETER_PREFIX}{name}");
        let is_secure = kind == SECURE;
        let plain = if is_secure {
            self.vault.put(&in_vault, SecretString::from(value)).await?;
            None
        } else {
            Some(value)
        };
        let now = (self.clock)().as_millisecond();
        let version = self.database.change(move |transaction| {
            let sql = "INSERT INTO parameter VALUES (?1, ?2, ?3, 1, ?4) ON CONFLICT (name) DO UPDATE SET type = excluded.type,
                value = excluded.value, version = version + 1, modified_ms = excluded.modified_ms RETURNING version";
            let version = transaction.query_row(sql, params![name, kind, plain, now], |row| row.get::<_, i64>(0))?;
            Ok(Ok::<_, ServiceError>(version))
        });
        let version = version.await?;
        if was_secure && !is_secure {
            self.vault.remove(&in_vault).await?;
        }
        Ok(json!({"Version": version, "Tier": "Standard"}))
    }

    /// By its name or its ARN; that of `a` and that of `/a` are the same.
    async fn stored(&self, name: String) -> Result<Option<Stored>, ServiceError> {
        let found = self.database.read(move |transaction| {
            let (name, other) = match of_arn(&name) {
                Some(path) => (path, path.trim_start_matches('/')),
                None => (name.as_str(), name.as_str()),
            };
            let sql = format!("{COLUMNS} WHERE name IN (?1, ?2) ORDER BY name LIMIT 1");
            let found = transaction.query_row(&sql, [name, other], Stored::read);
            found.optional().map(Ok::<_, ServiceError>)
        });
        found.await
    }

    /// A secret value is shown as it is only if it is asked for so.
    async fn shown(&self, stored: Stored, is_decrypted: bool) -> Result<Value, ServiceError> {
        let value = match stored.value {
            Some(value) => value,
            None if is_decrypted => {
                let secret = self.vault.get(&format!("{PARAMETER_PREFIX}{}", stored.name)).await?;
                secret.ok_or_else(|| not_found(&stored.name))?.expose_secret().to_owned()
            }
            None => "kms:stepwell".to_owned(),
        };
        let path = stored.name.trim_start_matches('/');
        Ok(json!({
            "Name": stored.name,
            "Type": stored.kind,
            "Value": value,
            "Version": stored.version,
            "LastModifiedDate": stored.modified_ms as f64 / 1000.0,
            "ARN": self.place.arn("ssm", &format!("parameter/{path}")),
            "DataType": "text",
        }))
    }

    async fn get(&self, request: Get) -> Result<Value, ServiceError> {
        let name = request.name.unwrap_or_default();
        let stored = self.stored(name.clone()).await?.ok_or_else(|| not_found(&name))?;
        let parameter = self.shown(stored, request.with_decryption == Some(true)).await?;
        Ok(json!({"Parameter": parameter}))
    }

    async fn get_all(&self, request: Get) -> Result<Value, ServiceError> {
        let given = request.names.len();
        if !(1..=PAGE_MAX).contains(&given) {
            let (relation, limit) = if given == 0 { ("greater", 1) } else { ("less", PAGE_MAX) };
            return Err(constraint(&format!(
                "Value '[{}]' at 'names' failed to satisfy constraint: Member must have length {relation} than or equal to {limit}",
                request.names.join(", ")
            )));
        }
        let (mut parameters, mut invalid) = (Vec::new(), Vec::new());
        for name in request.names {
            match self.stored(name.clone()).await? {
                Some(stored) => parameters
                    .push(self.shown(stored, request.with_decryption == Some(true)).await?),
                None => invalid.push(name),
            }
        }
        Ok(json!({"Parameters": parameters, "InvalidParameters": invalid}))
    }

    /// By name; the token is the last name of the page before.
    async fn by_path(&self, request: Get) -> Result<Value, ServiceError> {
        let path = request.path.filter(|path| path.starts_with('/')).ok_or_else(|| {
            ServiceError::sender(
                "ValidationException",
                "The parameter doesn't meet the parameter name requirements.",
            )
        })?;
        let max = request.max_results.unwrap_or(PAGE_MAX);
        if !(1..=PAGE_MAX).contains(&max) {
            let (relation, limit) = if max == 0 { ("greater", 1) } else { ("less", PAGE_MAX) };
            return Err(constraint(&format!(
                "Value '{max}' at 'maxResults' failed to satisfy constraint: Member must have value {relation} than or equal to {limit}"
            )));
        }
        let (prefix, is_recursive) =
            (format!("{}/", path.trim_end_matches('/')), request.recursive == Some(true));
        let after = request.next_token.unwrap_or_default();
        let found = self.database.change(move |transaction| {
            let mut statement =
                transaction.prepare(&format!("{COLUMNS} WHERE name > ?1 ORDER BY name"))?;
            let all = statement
                .query_map([after], Stored::read)?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            let is_below = |it: &Stored| {
                it.name
                    .strip_prefix(&prefix)
                    .is_some_and(|rest| is_recursive || !rest.contains('/'))
            };
            Ok(Ok::<_, ServiceError>(all.into_iter().filter(is_below).collect::<Vec<_>>()))
        });
        let mut found = found.await?;
        let is_last = found.len() <= max;
        found.truncate(max);
        let token = found.last().filter(|_| !is_last).map(|it| it.name.clone());
        let mut parameters = Vec::new();
        for stored in found {
            parameters.push(self.shown(stored, request.with_decryption == Some(true)).await?);
        }
        let mut answer = json!({"Parameters": parameters});
        if let Some(token) = token {
            answer["NextToken"] = json!(token);
        }
        Ok(answer)
    }

    async fn delete(&self, request: Get) -> Result<Value, ServiceError> {
        let _change = self.changes.lock().await;
        let asked = request.name.unwrap_or_default();
        let found = self.stored(asked.clone()).await?.ok_or_else(|| not_found(&asked))?;
        let name = found.name.clone();
        let deleted = self.database.change(move |transaction| {
            transaction
                .execute("DELETE FROM parameter WHERE name = ?1", [name])
                .map(Ok::<_, ServiceError>)
        });
        deleted.await?;
        self.vault.remove(&format!("{PARAMETER_PREFIX}{}", found.name)).await?;
        Ok(json!({}))
    }
}

/// What an ARN names: `arn:aws:ssm:us-east-1:111111111111:parameter/a/b` is `/a/b`.
fn of_arn(name: &str) -> Option<&str> {
    let (arn, _) = name.split_once(":parameter/").filter(|(arn, _)| arn.starts_with("arn:"))?;
    Some(&name[arn.len() + ":parameter".len()..])
}

fn constraint(problem: &str) -> ServiceError {
    let message = format!("1 validation error detected: {problem}");
    ServiceError::sender("ValidationException", message)
}

fn check_name(name: &str) -> Result<(), ServiceError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "/_.-".contains(c);
    let is_path = !name.contains('/') || name.starts_with('/');
    let is_reserved =
        ["aws", "ssm"].iter().any(|of| name.trim_start_matches('/').to_lowercase().starts_with(of));
    if (1..=1011).contains(&name.len()) && name.chars().all(is_allowed) && is_path && !is_reserved {
        return Ok(());
    }
    let message = "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive), must be fully qualified if it is a \
        path, and can only include letters, digits and the symbols . - _ /";
    Err(ServiceError::sender("ValidationException", message))
}

#[async_trait]
impl Service for EmbeddedParameters {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    async fn call(
        &self,
        action: &str,
        input: Value,
        _origin: &Origin,
    ) -> Result<Value, ServiceError> {
        match action {
            "DeleteParameter" => self.delete(read_only(input, OF_DELETE)?).await,
            "GetParameter" => self.get(read_only(input, OF_GET)?).await,
            "GetParameters" => self.get_all(read_only(input, OF_GET_ALL)?).await,
            "GetParametersByPath" => self.by_path(read_only(input, OF_PATH)?).await,
            "PutParameter" => self.put(read(input)?).await,
            other => Err(ServiceError::unsupported("ssm", other)),
        }
    }
}

/// The members of its actions.
fn members(action: &str) -> Option<Members> {
    Some(match action {
        "DeleteParameter" => OF_DELETE.to_vec(),
        "GetParameter" => OF_GET.to_vec(),
        "GetParameters" => OF_GET_ALL.to_vec(),
        "GetParametersByPath" => OF_PATH.to_vec(),
        "PutParameter" => members_of::<Put>(),
        _ => return None,
    })
}
