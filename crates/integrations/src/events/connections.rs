//! Connections: how an HTTP Task proves who it is. What is secret of them is in the vault, and nowhere else.
//!
//! An OAuth server is asked when a connection is used for the first time, not when it is made.

use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;

use super::{EmbeddedEvents, check_limit};
use crate::members::{Members, members_of};
use crate::service::{read, read_only, written};

/// Before the names of connections in the vault.
const IN_VAULT: &str = "connection:";

/// How a connection proves who it is, secrets among it:
/// `{"ApiKeyAuthParameters": {"ApiKeyName": "x-api-key", "ApiKeyValue": "..."}}`.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthParameters {
    #[serde(rename = "BasicAuthParameters", skip_serializing_if = "Option::is_none")]
    pub(crate) basic: Option<Basic>,
    #[serde(rename = "ApiKeyAuthParameters", skip_serializing_if = "Option::is_none")]
    pub(crate) api_key: Option<ApiKey>,
    #[serde(rename = "OAuthParameters", skip_serializing_if = "Option::is_none")]
    pub(crate) oauth: Option<OAuth>,
    #[serde(rename = "InvocationHttpParameters", skip_serializing_if = "Option::is_none")]
    pub(crate) http: Option<HttpParameters>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Basic {
    pub(crate) username: String,
    pub(crate) password: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ApiKey {
    pub(crate) api_key_name: String,
    pub(crate) api_key_value: String,
}

/// Client credentials.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct OAuth {
    pub(crate) client_parameters: Client,
    pub(crate) authorization_endpoint: String,
    pub(crate) http_method: String,
    #[serde(rename = "OAuthHttpParameters", default)]
    pub(crate) http_parameters: HttpParameters,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Client {
    #[serde(rename = "ClientID")]
    pub(crate) id: String,
    #[serde(rename = "ClientSecret")]
    pub(crate) secret: String,
}

/// What goes with each request.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HttpParameters {
    #[serde(rename = "HeaderParameters", skip_serializing_if = "Vec::is_empty")]
    pub(crate) headers: Vec<Parameter>,
    #[serde(rename = "QueryStringParameters", skip_serializing_if = "Vec::is_empty")]
    pub(crate) query: Vec<Parameter>,
    #[serde(rename = "BodyParameters", skip_serializing_if = "Vec::is_empty")]
    pub(crate) body: Vec<Parameter>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Parameter {
    pub(crate) key: String,
    pub(crate) value: String,
    #[serde(default)]
    is_value_secret: bool,
}

impl AuthParameters {
    /// Whether it is complete for a type of authorization.
    fn check(&self, kind: &str) -> Result<(), ServiceError> {
        let is_complete = match kind {
            "API_KEY" => self.api_key.is_some(),
            "BASIC" => self.basic.is_some(),
            "OAUTH_CLIENT_CREDENTIALS" => self.oauth.is_some(),
            other => {
                return Err(validation(format!(
                    "1 validation error detected: Value '{other}' at 'authorizationType' failed to satisfy constraint: \
                    Member must satisfy enum value set: [BASIC, OAUTH_CLIENT_CREDENTIALS, API_KEY]"
                )));
            }
        };
        if !is_complete {
            return Err(validation(format!("AuthParameters has nothing for the type {kind}.")));
        }
        let method = self.oauth.as_ref().map(|it| it.http_method.as_str());
        if method.is_some_and(|method| !["GET", "POST", "PUT"].contains(&method)) {
            return Err(validation("HttpMethod must be one of GET, POST, PUT."));
        }
        Ok(())
    }

    /// Without what is secret.
    fn shown(&self) -> Value {
        let mut shown = json!({});
        if let Some(basic) = &self.basic {
            shown["BasicAuthParameters"] = json!({"Username": basic.username});
        }
        if let Some(key) = &self.api_key {
            shown["ApiKeyAuthParameters"] = json!({"ApiKeyName": key.api_key_name});
        }
        if let Some(oauth) = &self.oauth {
            shown["OAuthParameters"] = json!({
                "ClientParameters": {"ClientID": oauth.client_parameters.id},
                "AuthorizationEndpoint": oauth.authorization_endpoint,
                "HttpMethod": oauth.http_method,
                "OAuthHttpParameters": oauth.http_parameters.shown(),
            });
        }
        if let Some(http) = &self.http {
            shown["InvocationHttpParameters"] = http.shown();
        }
        shown
    }
}

impl HttpParameters {
    fn shown(&self) -> Value {
        let one = |it: &Parameter| {
            let mut shown = json!({"Key": it.key, "IsValueSecret": it.is_value_secret});
            if !it.is_value_secret {
                shown["Value"] = json!(it.value);
            }
            shown
        };
        let mut shown = json!({});
        for (name, parameters) in [
            ("HeaderParameters", &self.headers),
            ("QueryStringParameters", &self.query),
            ("BodyParameters", &self.body),
        ] {
            if !parameters.is_empty() {
                shown[name] = parameters.iter().map(one).collect();
            }
        }
        shown
    }
}

/// A connection as it is in the file.
struct Stored {
    name: String,
    /// The last part of its ARN.
    id: String,
    kind: String,
    description: Option<String>,
    /// What may be seen of its parameters.
    shown: String,
    created_ms: i64,
    modified_ms: i64,
}

const COLUMNS: &str =
    "SELECT name, id, kind, description, shown, created_ms, modified_ms FROM connection";

impl Stored {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (name, id, kind, description) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let (shown, created_ms, modified_ms) = (row.get(4)?, row.get(5)?, row.get(6)?);
        Ok(Self { name, id, kind, description, shown, created_ms, modified_ms })
    }

    fn write(&self, transaction: &Transaction<'_>) -> rusqlite::Result<usize> {
        let sql = "INSERT OR REPLACE INTO connection VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let Self { name, id, kind, description, shown, created_ms, modified_ms } = self;
        let values = params![name, id, kind, description, shown, created_ms, modified_ms];
        transaction.execute(sql, values)
    }

    fn arn(&self, events: &EmbeddedEvents) -> String {
        events.place.arn("events", &format!("connection/{}/{}", self.name, self.id))
    }

    /// What each answer has.
    fn told(&self, events: &EmbeddedEvents) -> Value {
        json!({
            "ConnectionArn": self.arn(events),
            "ConnectionState": "AUTHORIZED",
            "CreationTime": self.created_ms as f64 / 1000.0,
            "LastModifiedTime": self.modified_ms as f64 / 1000.0,
            "LastAuthorizedTime": self.modified_ms as f64 / 1000.0,
        })
    }

    fn listed(&self, events: &EmbeddedEvents) -> Value {
        let mut listed = self.told(events);
        listed["Name"] = json!(self.name);
        listed["AuthorizationType"] = json!(self.kind);
        listed
    }
}

fn validation(problem: impl Into<String>) -> ServiceError {
    ServiceError::sender("ValidationException", problem)
}

fn missing(name: &str) -> ServiceError {
    let message =
        format!("Failed to describe the connection(s). Connection '{name}' does not exist.");
    ServiceError::sender("ResourceNotFoundException", message)
}

fn check_name(name: &str) -> Result<(), ServiceError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if (1..=64).contains(&name.len()) && name.chars().all(is_allowed) {
        return Ok(());
    }
    Err(validation(format!(
        "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: \
        Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+"
    )))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Change {
    name: String,
    description: Option<String>,
    authorization_type: Option<String>,
    auth_parameters: Option<Value>,
}

/// `CreateConnection`
pub(super) async fn create(events: &EmbeddedEvents, input: Value) -> Result<Value, ServiceError> {
    let Change { name, description, authorization_type, auth_parameters } = read(input)?;
    check_name(&name)?;
    let kind = authorization_type.ok_or_else(|| validation("AuthorizationType is required."))?;
    let parameters: AuthParameters = read(auth_parameters.unwrap_or_else(|| json!({})))?;
    parameters.check(&kind)?;
    let _change = events.connecting.lock().await;
    if stored(events, &name).await?.is_some() {
        let message = format!("Connection {name} already exists.");
        return Err(ServiceError::sender("ResourceAlreadyExistsException", message));
    }
    let now = (events.clock)().as_millisecond();
    #[expect(clippy::disallowed_methods, reason = "a connection has its id from here on")]
    let id = uuid::Uuid::new_v4().to_string();
    let stored = Stored {
        name,
        id,
        kind,
        description,
        shown: parameters.shown().to_string(),
        created_ms: now,
        modified_ms: now,
    };
    keep(events, stored, &parameters).await
}

/// `UpdateConnection`: what is not named stays.
pub(super) async fn update(events: &EmbeddedEvents, input: Value) -> Result<Value, ServiceError> {
    let Change { name, description, authorization_type, auth_parameters } = read(input)?;
    let _change = events.connecting.lock().await;
    let mut connection = stored(events, &name).await?.ok_or_else(|| missing(&name))?;
    let mut all = written(&parameters(events, &name).await?);
    merge(&mut all, auth_parameters.unwrap_or_else(|| json!({})));
    let parameters: AuthParameters = read(all)?;
    connection.kind = authorization_type.unwrap_or(connection.kind);
    connection.description = description.or(connection.description);
    parameters.check(&connection.kind)?;
    connection.shown = parameters.shown().to_string();
    connection.modified_ms = (events.clock)().as_millisecond();
    keep(events, connection, &parameters).await
}

/// Puts the members of one object into another, from the inside out.
fn merge(all: &mut Value, given: Value) {
    match (all, given) {
        (Value::Object(all), Value::Object(given)) => {
            for (name, value) in given {
                merge(all.entry(name).or_insert(Value::Null), value);
            }
        }
        (place, given) => *place = given,
    }
}

/// The secrets first: what the file names is there.
async fn keep(
    events: &EmbeddedEvents,
    stored: Stored,
    parameters: &AuthParameters,
) -> Result<Value, ServiceError> {
    let secret = SecretString::from(written(parameters).to_string());
    events.vault.put(&format!("{IN_VAULT}{}", stored.name), secret).await?;
    let told = stored.told(events);
    events.change(move |transaction| stored.write(transaction).map(Ok)).await?;
    Ok(told)
}

async fn stored(events: &EmbeddedEvents, name: &str) -> Result<Option<Stored>, ServiceError> {
    let name = name.to_owned();
    events
        .change(move |transaction| {
            let sql = format!("{COLUMNS} WHERE name = ?1");
            transaction.query_row(&sql, [name], Stored::read).optional().map(Ok)
        })
        .await
}

async fn parameters(events: &EmbeddedEvents, name: &str) -> Result<AuthParameters, ServiceError> {
    let secret = events.vault.get(&format!("{IN_VAULT}{name}")).await?;
    let secret = secret.ok_or_else(ServiceError::internal)?;
    // The text of the error could repeat what is secret.
    serde_json::from_str(secret.expose_secret()).map_err(|_| ServiceError::internal())
}

/// How the connection of an ARN proves who it is; none if there is no such connection.
pub(crate) async fn of_arn(
    events: &EmbeddedEvents,
    arn: &str,
) -> Result<Option<AuthParameters>, ServiceError> {
    let path = arn.split_once(":connection/").map(|(_, path)| path);
    let Some((name, id)) = path.and_then(|path| path.split_once('/')) else { return Ok(None) };
    match stored(events, name).await? {
        Some(found) if found.id == id => parameters(events, name).await.map(Some),
        _ => Ok(None),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    name: String,
}

/// `DeleteConnection`
pub(super) async fn delete(events: &EmbeddedEvents, input: Value) -> Result<Value, ServiceError> {
    let Named { name } = read_only(input, &["Name"])?;
    let _change = events.connecting.lock().await;
    let found = stored(events, &name).await?.ok_or_else(|| missing(&name))?;
    let gone = name.clone();
    events
        .change(move |transaction| {
            transaction.execute("DELETE FROM connection WHERE name = ?1", [gone]).map(Ok)
        })
        .await?;
    events.vault.remove(&format!("{IN_VAULT}{name}")).await?;
    let mut told = found.told(events);
    told["ConnectionState"] = json!("DELETING");
    Ok(told)
}

/// `DescribeConnection`, without what is secret.
pub(super) async fn describe(events: &EmbeddedEvents, input: Value) -> Result<Value, ServiceError> {
    let Named { name } = read_only(input, &["Name"])?;
    let found = stored(events, &name).await?.ok_or_else(|| missing(&name))?;
    let mut described = found.listed(events);
    described["AuthParameters"] = serde_json::from_str(&found.shown).unwrap_or_default();
    if let Some(description) = found.description {
        described["Description"] = json!(description);
    }
    Ok(described)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct List {
    name_prefix: Option<String>,
    connection_state: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

/// `ListConnections`, by name; the token is the last name of the page before.
pub(super) async fn list(events: &EmbeddedEvents, input: Value) -> Result<Value, ServiceError> {
    let List { name_prefix, connection_state, next_token, limit } = read(input)?;
    let limit = check_limit(limit)?;
    let (prefix, after) = (name_prefix.unwrap_or_default(), next_token.unwrap_or_default());
    let mut found = events
        .change(move |transaction| {
            let mut statement =
                transaction.prepare(&format!("{COLUMNS} WHERE name > ?1 ORDER BY name"))?;
            let all = statement.query_map([after], Stored::read)?;
            all.collect::<rusqlite::Result<Vec<_>>>().map(Ok)
        })
        .await?;
    let is_wanted = connection_state.is_none_or(|state| state == "AUTHORIZED");
    found.retain(|it| is_wanted && it.name.starts_with(&prefix));
    let is_last = found.len() <= limit;
    found.truncate(limit);
    let listed: Vec<_> = found.iter().map(|it| it.listed(events)).collect();
    let mut answer = json!({"Connections": listed});
    if let Some(last) = found.last().filter(|_| !is_last) {
        answer["NextToken"] = json!(last.name);
    }
    Ok(answer)
}

/// The members of its actions.
pub(super) fn members(action: &str) -> Option<Members> {
    Some(match action {
        "CreateConnection" | "UpdateConnection" => members_of::<Change>(),
        "DeleteConnection" | "DescribeConnection" => vec!["Name"],
        "ListConnections" => members_of::<List>(),
        _ => return None,
    })
}
