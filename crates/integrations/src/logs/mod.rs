//! CloudWatch Logs: groups of streams of events, in a SQLite file. What executions log goes there, and what functions put.
//!
//! ```text
//! group /aws/vendedlogs/states/orders     retention, tags
//!   stream states/orders/2026-03-01-09-00/5b1f0c2e
//!     event {"timestamp": 1772355600000, "message": "{\"id\":\"1\",\"type\":\"ExecutionStarted\",...}"}
//! ```
//!
//! What is older than the retention of its group is not shown, and is deleted when something is put into the group. Keys,
//! linked accounts, classes but `STANDARD`, metric filters, subscriptions and Insights are refused by name.

mod events;
mod execution;
mod groups;
mod pattern;
mod search;
mod streams;

use std::path::Path;

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, Transaction};
use serde_json::Value;
use stepwell_aws_wire::ServiceError;

pub use execution::ServiceLogs;

use crate::members::{Members, members_of};
use crate::service::{Conventions, Facts, Origin, Place, Protocol, Service, read};
use crate::sqlite::{Database, Format};
use crate::{Clock, StoreError};

/// What CloudWatch Logs is called where.
pub const FACTS: Facts = Facts {
    name: "logs",
    error_prefix: "CloudWatchLogs",
    legacy_name: "AWSLogs",
    sdk_name: "CloudWatchLogs",
    protocol: Protocol::Json {
        target_prefix: "Logs_20140328",
        version: "1.1",
        error_namespace: "com.amazonaws.logs",
    },
    actions: &[
        "CreateLogGroup",
        "CreateLogStream",
        "DeleteLogGroup",
        "DeleteLogStream",
        "DeleteRetentionPolicy",
        "DescribeLogGroups",
        "DescribeLogStreams",
        "FilterLogEvents",
        "GetLogEvents",
        "ListTagsForResource",
        "PutLogEvents",
        "PutRetentionPolicy",
        "TagResource",
        "UntagResource",
    ],
    optimised: &[],
    members,
    modelled_errors: &[
        "InvalidParameterException",
        "LimitExceededException",
        "OperationAbortedException",
        "ResourceAlreadyExistsException",
        "ResourceNotFoundException",
        "TooManyTagsException",
    ],
    conventions: Conventions::USUAL,
};

const FORMAT: Format = Format {
    name: "a file of logs",
    application_id: 0x5357_4c47, // "SWLG"
    migrations: &[
        "
        CREATE TABLE log_group (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            created_ms INTEGER NOT NULL,
            retention_days INTEGER,
            tags TEXT NOT NULL
        ) STRICT;
        CREATE TABLE log_stream (
            id INTEGER PRIMARY KEY,
            log_group INTEGER NOT NULL,
            name TEXT NOT NULL,
            created_ms INTEGER NOT NULL,
            ingested_ms INTEGER,
            UNIQUE (log_group, name)
        ) STRICT;
        CREATE TABLE log_event (
            id INTEGER PRIMARY KEY,
            log_stream INTEGER NOT NULL,
            at_ms INTEGER NOT NULL,
            ingested_ms INTEGER NOT NULL,
            message TEXT NOT NULL
        ) STRICT;
        CREATE INDEX log_event_time ON log_event (log_stream, at_ms, id);
    ",
        "
        ALTER TABLE log_event ADD COLUMN log_group INTEGER NOT NULL DEFAULT 0;
        UPDATE log_event SET log_group =
            (SELECT log_group FROM log_stream WHERE log_stream.id = log_event.log_stream);
        CREATE INDEX log_event_order ON log_event (log_group, at_ms, id);
        ALTER TABLE log_group ADD COLUMN stored_bytes INTEGER NOT NULL DEFAULT 0;
        UPDATE log_group SET stored_bytes = (SELECT coalesce(sum(octet_length(message) + 26), 0)
            FROM log_event WHERE log_event.log_group = log_group.id);
    ",
    ],
};

/// The log groups of this installation. Cheap to clone.
#[derive(Clone)]
pub struct EmbeddedLogs {
    database: Database,
    place: Place,
    clock: Clock,
}

impl std::fmt::Debug for EmbeddedLogs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedLogs").field("place", &self.place).finish_non_exhaustive()
    }
}

/// What a change of the file comes to.
type Outcome<T> = rusqlite::Result<Result<T, ServiceError>>;

impl EmbeddedLogs {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn open(path: &Path, place: Place, clock: Clock) -> Result<Self, StoreError> {
        Ok(Self { database: Database::open(path, FORMAT)?, place, clock })
    }

    /// Changes something of a group, in one transaction.
    async fn in_group<T: Send + 'static>(
        &self,
        name: String,
        work: impl FnOnce(&Transaction<'_>, &Group) -> Outcome<T> + Send + 'static,
    ) -> Result<T, ServiceError> {
        self.database.change(move |transaction| with_group(transaction, &name, work)).await
    }

    /// Reads something of a group, beside who changes it.
    async fn read_group<T: Send + 'static>(
        &self,
        name: String,
        work: impl FnOnce(&Transaction<'_>, &Group) -> Outcome<T> + Send + 'static,
    ) -> Result<T, ServiceError> {
        self.database.read(move |transaction| with_group(transaction, &name, work)).await
    }

    fn now(&self) -> i64 {
        (self.clock)().as_millisecond()
    }

    /// `arn:aws:logs:us-east-1:111111111111:log-group:jobs`
    fn arn(&self, group: &str) -> String {
        self.place.arn("logs", &format!("log-group:{group}"))
    }

    /// The name of the group that a request means: by its name, or by name or ARN as an identifier.
    fn group_name(
        &self,
        name: Option<String>,
        identifier: Option<String>,
    ) -> Result<String, ServiceError> {
        let name = match (name, identifier) {
            (Some(name), None) => name,
            (None, Some(identifier)) => self.named(&identifier).to_owned(),
            (Some(_), Some(_)) => {
                return Err(invalid(
                    "Only one of logGroupName and logGroupIdentifier can be given.",
                ));
            }
            (None, None) => {
                return Err(invalid("Either logGroupName or logGroupIdentifier must be given."));
            }
        };
        check_group_name(&name)?;
        Ok(name)
    }

    /// The name in the ARN of a group; what is no ARN of one here is taken as a name.
    fn named<'a>(&self, identifier: &'a str) -> &'a str {
        let name = identifier.strip_prefix(&self.arn("")).unwrap_or(identifier);
        name.strip_suffix(":*").unwrap_or(name)
    }
}

fn with_group<T>(
    transaction: &Transaction<'_>,
    name: &str,
    work: impl FnOnce(&Transaction<'_>, &Group) -> Outcome<T>,
) -> Outcome<T> {
    match Group::find(transaction, name)? {
        Ok(group) => work(transaction, &group),
        Err(error) => Ok(Err(error)),
    }
}

/// Counts what came into a group, or went.
fn add_stored_bytes(transaction: &Transaction<'_>, group: i64, bytes: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE log_group SET stored_bytes = stored_bytes + ?2 WHERE id = ?1";
    transaction.prepare_cached(sql)?.execute([group, bytes]).map(drop)
}

/// A group as the file has it.
struct Group {
    id: i64,
    retention_days: Option<i64>,
}

impl Group {
    fn find(transaction: &Transaction<'_>, name: &str) -> Outcome<Self> {
        let found = transaction.query_row(
            "SELECT id, retention_days FROM log_group WHERE name = ?1",
            [name],
            |row| Ok(Self { id: row.get(0)?, retention_days: row.get(1)? }),
        );
        Ok(found.optional()?.ok_or_else(|| missing("The specified log group does not exist.")))
    }

    /// What is older is over.
    fn oldest(&self, now: i64) -> i64 {
        self.retention_days.map_or(i64::MIN, |days| now - days * DAY_MS)
    }

    /// The id of one of its streams.
    fn stream(&self, transaction: &Transaction<'_>, name: &str) -> Outcome<i64> {
        let sql = "SELECT id FROM log_stream WHERE log_group = ?1 AND name = ?2";
        let found = transaction.query_row(sql, (self.id, name), |row| row.get(0));
        Ok(found.optional()?.ok_or_else(|| missing("The specified log stream does not exist.")))
    }
}

const DAY_MS: i64 = 86_400_000;

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::sender("InvalidParameterException", message)
}

fn missing(message: &str) -> ServiceError {
    ServiceError::sender("ResourceNotFoundException", message)
}

/// `InvalidParameterException` about one member, in AWS's words.
fn broken(member: &str, value: &str, must: &str) -> ServiceError {
    invalid(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: \
         Member must {must}"
    ))
}

fn check_group_name(name: &str) -> Result<(), ServiceError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || ".-_/#".contains(c);
    if name.is_empty() || !name.chars().all(is_allowed) {
        let must = r"satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+";
        return Err(broken("logGroupName", name, must));
    }
    check_length("logGroupName", name)
}

fn check_stream_name(name: &str) -> Result<(), ServiceError> {
    if name.contains([':', '*']) {
        return Err(broken("logStreamName", name, "satisfy regular expression pattern: [^:*]*"));
    }
    if name.is_empty() {
        return Err(broken("logStreamName", name, "have length greater than or equal to 1"));
    }
    check_length("logStreamName", name)
}

fn check_length(member: &str, name: &str) -> Result<(), ServiceError> {
    if name.chars().count() > 512 {
        return Err(broken(member, name, "have length less than or equal to 512"));
    }
    Ok(())
}

/// How many items are wanted, of those that there can be.
fn limit(wanted: Option<i64>, largest: i64) -> Result<usize, ServiceError> {
    let limit = wanted.unwrap_or(largest);
    if limit < 1 {
        let must = "have value greater than or equal to 1";
        return Err(broken("limit", &limit.to_string(), must));
    }
    if limit > largest {
        let must = format!("have value less than or equal to {largest}");
        return Err(broken("limit", &limit.to_string(), &must));
    }
    Ok(limit as usize)
}

#[async_trait]
impl Service for EmbeddedLogs {
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
            "CreateLogGroup" => self.create_group(read(input)?).await,
            "DescribeLogGroups" => self.describe_groups(read(input)?).await,
            "DeleteLogGroup" => self.delete_group(read(input)?).await,
            "PutRetentionPolicy" => self.put_retention(read(input)?).await,
            "DeleteRetentionPolicy" => self.delete_retention(read(input)?).await,
            "ListTagsForResource" => self.list_tags(read(input)?).await,
            "TagResource" => self.tag(read(input)?).await,
            "UntagResource" => self.untag(read(input)?).await,
            "CreateLogStream" => self.create_stream(read(input)?).await,
            "DeleteLogStream" => self.delete_stream(read(input)?).await,
            "DescribeLogStreams" => self.describe_streams(read(input)?).await,
            "PutLogEvents" => self.put_events(read(input)?).await,
            "GetLogEvents" => self.get_events(read(input)?).await,
            "FilterLogEvents" => self.filter_events(read(input)?).await,
            other => Err(ServiceError::unsupported("logs", other)),
        }
    }
}

/// The members of its actions.
fn members(action: &str) -> Option<Members> {
    Some(match action {
        "CreateLogGroup" => members_of::<groups::Create>(),
        "DescribeLogGroups" => members_of::<groups::Describe>(),
        "DeleteLogGroup" | "DeleteRetentionPolicy" => members_of::<groups::Named>(),
        "PutRetentionPolicy" => members_of::<groups::PutRetention>(),
        "ListTagsForResource" | "TagResource" | "UntagResource" => members_of::<groups::Tagging>(),
        "CreateLogStream" | "DeleteLogStream" => members_of::<streams::Named>(),
        "DescribeLogStreams" => members_of::<streams::Describe>(),
        "PutLogEvents" => members_of::<events::Put>(),
        "GetLogEvents" => members_of::<events::Get>(),
        "FilterLogEvents" => members_of::<events::Filter>(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What the first format had is found and counted by the second.
    #[tokio::test]
    async fn events_of_an_older_file_are_found_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs.db");
        let older = Database::open(&path, Format { migrations: &FORMAT.migrations[..1], ..FORMAT });
        let written = older.unwrap().change_here::<_, StoreError>(|transaction| {
            let sql = "INSERT INTO log_group VALUES (7, 'jobs', 1, NULL, '{}');
                INSERT INTO log_stream VALUES (1, 7, 'a', 1, 1), (2, 7, 'b', 1, 1);
                INSERT INTO log_event VALUES (1, 1, 20, 1, 'ü second'), (2, 2, 10, 1, 'first');";
            transaction.execute_batch(sql).map(Ok)
        });
        written.unwrap();
        let place = Place { account: "111111111111".to_owned(), region: "us-east-1".to_owned() };
        let clock = std::sync::Arc::new(|| jiff::Timestamp::UNIX_EPOCH);
        let logs = EmbeddedLogs::open(&path, place, clock).unwrap();
        let call = async |action: &str, input: Value| {
            let origin = Origin { base_url: String::new() };
            logs.call(action, input, &origin).await.unwrap()
        };
        let all = call("FilterLogEvents", json!({"logGroupName": "jobs"})).await;
        let messages: Vec<_> = all["events"].as_array().unwrap().iter().collect();
        assert_eq!(
            (&messages[0]["message"], &messages[1]["message"]),
            (&json!("first"), &json!("ü second"))
        );
        let groups = call("DescribeLogGroups", json!({})).await;
        assert_eq!(groups["logGroups"][0]["storedBytes"], 5 + 9 + 2 * 26);
    }
}
