//! The actions on queues themselves.

use std::collections::BTreeMap;

use rusqlite::params;
use serde::Deserialize;
use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;

use super::FIFO_SUFFIX;
use super::service::{EmbeddedQueues, Turn, name_of, no_such_queue, settings};
use super::settings::{Settings, invalid_value, missing};
use crate::members::{Members, members_of};
use crate::service::{Origin, read, written};

/// How long a purged queue refuses to be purged again.
const PURGE_PAUSE_MS: i64 = 60_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CreateQueue {
    queue_name: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default, rename = "tags", alias = "Tags")]
    tags: BTreeMap<String, String>,
}

/// `CreateQueue`: the same queue again is no error.
pub(super) async fn create(
    queues: &EmbeddedQueues,
    input: Value,
    origin: &Origin,
) -> Result<Value, ServiceError> {
    let CreateQueue { queue_name, attributes, tags } = read(input)?;
    let name = queue_name.ok_or_else(|| missing("QueueName"))?;
    check_name(&name)?;
    let wanted = Settings::of_new(&name, attributes)?;
    let answer = json!({"QueueUrl": url(queues, origin, &name)});
    queues
        .change(move |turn| {
            if let Some(error) = check_target(turn, &wanted)? {
                return Ok(Err(error));
            }
            match settings(turn, &name)? {
                Some(found) => Ok(same(&found, &wanted)),
                None => insert(turn, &name, &wanted, &tags).map(Ok),
            }
        })
        .await?;
    Ok(answer)
}

fn check_name(name: &str) -> Result<(), ServiceError> {
    let stem = name.strip_suffix(FIFO_SUFFIX).unwrap_or(name);
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    if (1..=80).contains(&name.len()) && !stem.is_empty() && stem.chars().all(is_allowed) {
        return Ok(());
    }
    Err(invalid_value(
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
    ))
}

/// What is wrong with the dead-letter queue that is named.
fn check_target(turn: &Turn<'_>, wanted: &Settings) -> rusqlite::Result<Option<ServiceError>> {
    let Some((target, _)) = wanted.redrive() else { return Ok(None) };
    let policy = &wanted.0["RedrivePolicy"];
    let invalid = |reason| {
        invalid_value(format!(
            "Value {policy} for parameter RedrivePolicy is invalid. Reason: {reason}"
        ))
    };
    Ok(match settings(turn, &target)? {
        None => Some(invalid("Dead letter target does not exist.")),
        Some(found) if found.is_fifo() != wanted.is_fifo() => {
            Some(invalid("Dead-letter queue must be same type of queue as the source."))
        }
        Some(_) => None,
    })
}

fn same(found: &Settings, wanted: &Settings) -> Result<(), ServiceError> {
    let shown = found.shown();
    let differing = wanted.0.iter().find(|(name, value)| shown.get(*name) != Some(value));
    differing.map_or(Ok(()), |(name, _)| {
        let message = format!(
            "A queue already exists with the same name and a different value for attribute {name}"
        );
        Err(ServiceError::sender("QueueNameExists", message).with_query_code("QueueAlreadyExists"))
    })
}

fn insert(
    turn: &Turn<'_>,
    name: &str,
    wanted: &Settings,
    tags: &BTreeMap<String, String>,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO queue (name, attributes, tags, created_ms, modified_ms) VALUES (?1, ?2, ?3, ?4, ?4)";
    let values = params![name, json!(wanted).to_string(), json!(tags).to_string(), turn.now];
    turn.transaction.execute(sql, values).map(drop)
}

fn url(queues: &EmbeddedQueues, origin: &Origin, name: &str) -> String {
    format!("{}/{}/{name}", origin.base_url, queues.place.account)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OfQueue {
    queue_url: Option<String>,
}

/// `DeleteQueue`, with all its messages.
pub(super) async fn delete(queues: &EmbeddedQueues, input: Value) -> Result<Value, ServiceError> {
    let name = name_of(read::<OfQueue>(input)?.queue_url.as_deref())?;
    queues
        .change_queue(name, |turn, name, _| {
            for sql in [
                "DELETE FROM message WHERE queue = ?1",
                "DELETE FROM deduplication WHERE queue = ?1",
                "DELETE FROM queue WHERE name = ?1",
            ] {
                turn.transaction.execute(sql, [name])?;
            }
            Ok(Ok(json!({})))
        })
        .await
}

/// `PurgeQueue`
pub(super) async fn purge(queues: &EmbeddedQueues, input: Value) -> Result<Value, ServiceError> {
    let name = name_of(read::<OfQueue>(input)?.queue_url.as_deref())?;
    queues
        .change_queue(name, |turn, name, _| {
            let sql = "UPDATE queue SET purged_ms = ?1 WHERE name = ?2 AND coalesce(purged_ms, 0) <= ?1 - ?3";
            let changed = turn.transaction.execute(sql, params![turn.now, name, PURGE_PAUSE_MS])?;
            if changed == 0 {
                let message = format!("Only one PurgeQueue operation on {name} is allowed every 60 seconds.");
                let error = ServiceError::sender("PurgeQueueInProgress", message);
                return Ok(Err(error.with_query_code("AWS.SimpleQueueService.PurgeQueueInProgress")));
            }
            turn.transaction.execute("DELETE FROM message WHERE queue = ?1", [name])?;
            Ok(Ok(json!({})))
        })
        .await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetQueueUrl {
    queue_name: Option<String>,
    #[serde(rename = "QueueOwnerAWSAccountId")]
    owner: Option<String>,
}

/// `GetQueueUrl`
pub(super) async fn get_url(
    queues: &EmbeddedQueues,
    input: Value,
    origin: &Origin,
) -> Result<Value, ServiceError> {
    let GetQueueUrl { queue_name, owner } = read(input)?;
    let name = queue_name.ok_or_else(|| missing("QueueName"))?;
    if owner.is_some_and(|owner| owner != queues.place.account) {
        return Err(no_such_queue());
    }
    let answer = json!({"QueueUrl": url(queues, origin, &name)});
    queues.change_queue(name, |_, _, _| Ok(Ok(()))).await?;
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListQueues {
    queue_name_prefix: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

/// `ListQueues`, by name. The token is the last name of the page before.
pub(super) async fn list(
    queues: &EmbeddedQueues,
    input: Value,
    origin: &Origin,
) -> Result<Value, ServiceError> {
    let ListQueues { queue_name_prefix, max_results, next_token } = read(input)?;
    let max = page(max_results)?;
    let prefix = queue_name_prefix.unwrap_or_default();
    let after = next_token.unwrap_or_default();
    let names = queues.change(move |turn| names(turn).map(Ok)).await?;
    let found = names.into_iter().filter(|name| name.starts_with(&prefix) && *name > after);
    Ok(page_of("QueueUrls", found.collect(), max, max_results.is_some(), |name| {
        url(queues, origin, name)
    }))
}

fn page(max_results: Option<i64>) -> Result<usize, ServiceError> {
    let max = max_results.unwrap_or(1000);
    usize::try_from(max)
        .ok()
        .filter(|it| (1..=1000).contains(it))
        .ok_or_else(|| invalid_value("MaxResults must be an integer between 1 and 1000."))
}

/// A page of names, and the token for the next one if pages were asked for.
fn page_of(
    member: &str,
    mut names: Vec<String>,
    max: usize,
    is_paged: bool,
    url: impl Fn(&str) -> String,
) -> Value {
    let is_last = names.len() <= max;
    names.truncate(max);
    let urls: Vec<_> = names.iter().map(|name| url(name)).collect();
    let mut answer =
        if urls.is_empty() && member == "QueueUrls" { json!({}) } else { json!({member: urls}) };
    if let (false, true, Some(last)) = (is_last, is_paged, names.last()) {
        answer["NextToken"] = json!(last);
    }
    answer
}

fn names(turn: &Turn<'_>) -> rusqlite::Result<Vec<String>> {
    let mut statement = turn.transaction.prepare_cached("SELECT name FROM queue ORDER BY name")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListSources {
    queue_url: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

/// `ListDeadLetterSourceQueues`
pub(super) async fn list_sources(
    queues: &EmbeddedQueues,
    input: Value,
    origin: &Origin,
) -> Result<Value, ServiceError> {
    let ListSources { queue_url, max_results, next_token } = read(input)?;
    let (max, after) = (page(max_results)?, next_token.unwrap_or_default());
    let found = queues
        .change_queue(name_of(queue_url.as_deref())?, move |turn, target, _| {
            let mut found = Vec::new();
            for name in names(turn)?.into_iter().filter(|name| *name > after) {
                let redrive = settings(turn, &name)?.and_then(|it| it.redrive());
                if redrive.is_some_and(|(to, _)| to == target) {
                    found.push(name);
                }
            }
            Ok(Ok(found))
        })
        .await?;
    Ok(page_of("queueUrls", found, max, max_results.is_some(), |name| url(queues, origin, name)))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetQueueAttributes {
    queue_url: Option<String>,
    #[serde(default)]
    attribute_names: Vec<String>,
}

/// `GetQueueAttributes`
pub(super) async fn get_attributes(
    queues: &EmbeddedQueues,
    input: Value,
) -> Result<Value, ServiceError> {
    let GetQueueAttributes { queue_url, attribute_names } = read(input)?;
    let name = name_of(queue_url.as_deref())?;
    let arn = queues.place.arn("sqs", &name);
    let mut all = queues
        .change_queue(name, |turn, name, settings| {
            let mut all = settings.shown();
            all.extend(counts(turn, name)?);
            Ok(Ok(all))
        })
        .await?;
    all.insert("QueueArn".to_owned(), arn);
    if let Some(unknown) = attribute_names.iter().find(|name| !is_attribute(name)) {
        let message = format!("Unknown Attribute {unknown}.");
        return Err(ServiceError::sender("InvalidAttributeName", message));
    }
    let wants_all = attribute_names.iter().any(|name| name == "All");
    all.retain(|name, _| wants_all || attribute_names.contains(name));
    Ok(if all.is_empty() { json!({}) } else { json!({"Attributes": all}) })
}

fn is_attribute(name: &str) -> bool {
    const OTHERS: &[&str] = &[
        "All",
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesDelayed",
        "ApproximateNumberOfMessagesNotVisible",
        "ContentBasedDeduplication",
        "CreatedTimestamp",
        "DeduplicationScope",
        "FifoQueue",
        "FifoThroughputLimit",
        "KmsDataKeyReusePeriodSeconds",
        "KmsMasterKeyId",
        "LastModifiedTimestamp",
        "Policy",
        "QueueArn",
        "RedriveAllowPolicy",
        "RedrivePolicy",
    ];
    OTHERS.contains(&name) || Settings::default().shown().contains_key(name)
}

fn counts(turn: &Turn<'_>, name: &str) -> rusqlite::Result<Vec<(String, String)>> {
    let sql = "SELECT count(*) FILTER (WHERE visible_ms <= ?2),
        count(*) FILTER (WHERE visible_ms > ?2 AND receive_count = 0),
        count(*) FILTER (WHERE visible_ms > ?2 AND receive_count > 0),
        (SELECT created_ms / 1000 FROM queue WHERE name = ?1),
        (SELECT modified_ms / 1000 FROM queue WHERE name = ?1)
        FROM message WHERE queue = ?1";
    let names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesDelayed",
        "ApproximateNumberOfMessagesNotVisible",
        "CreatedTimestamp",
        "LastModifiedTimestamp",
    ];
    turn.transaction.query_row(sql, params![name, turn.now], |row| {
        let value = |(index, name): (usize, &str)| {
            Ok((name.to_owned(), row.get::<_, i64>(index)?.to_string()))
        };
        names.into_iter().enumerate().map(value).collect()
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SetQueueAttributes {
    queue_url: Option<String>,
    attributes: BTreeMap<String, String>,
}

/// `SetQueueAttributes`
pub(super) async fn set_attributes(
    queues: &EmbeddedQueues,
    input: Value,
) -> Result<Value, ServiceError> {
    let SetQueueAttributes { queue_url, attributes } = read(input)?;
    queues
        .change_queue(name_of(queue_url.as_deref())?, move |turn, name, mut settings| {
            let is_fifo = settings.is_fifo();
            if !is_fifo && attributes.contains_key("FifoQueue") {
                let message = "Unknown Attribute FifoQueue.";
                return Ok(Err(ServiceError::sender("InvalidAttributeName", message)));
            }
            if let Err(error) = settings.set(attributes, is_fifo) {
                return Ok(Err(error));
            }
            if let Some(error) = check_target(turn, &settings)? {
                return Ok(Err(error));
            }
            let sql = "UPDATE queue SET attributes = ?1, modified_ms = ?2 WHERE name = ?3";
            turn.transaction.execute(sql, params![json!(settings).to_string(), turn.now, name])?;
            Ok(Ok(json!({})))
        })
        .await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TagQueue {
    queue_url: Option<String>,
    tags: BTreeMap<String, String>,
}

/// `TagQueue`
pub(super) async fn tag(queues: &EmbeddedQueues, input: Value) -> Result<Value, ServiceError> {
    let TagQueue { queue_url, tags } = read(input)?;
    change_tags(queues, name_of(queue_url.as_deref())?, |all| all.extend(tags)).await?;
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct UntagQueue {
    queue_url: Option<String>,
    tag_keys: Vec<String>,
}

/// `UntagQueue`
pub(super) async fn untag(queues: &EmbeddedQueues, input: Value) -> Result<Value, ServiceError> {
    let UntagQueue { queue_url, tag_keys } = read(input)?;
    let name = name_of(queue_url.as_deref())?;
    change_tags(queues, name, move |all| all.retain(|key, _| !tag_keys.contains(key))).await?;
    Ok(json!({}))
}

/// `ListQueueTags`
pub(super) async fn list_tags(
    queues: &EmbeddedQueues,
    input: Value,
) -> Result<Value, ServiceError> {
    let name = name_of(read::<OfQueue>(input)?.queue_url.as_deref())?;
    let tags = change_tags(queues, name, |_| {}).await?;
    Ok(if tags.is_empty() { json!({}) } else { json!({"Tags": written(&tags)}) })
}

async fn change_tags(
    queues: &EmbeddedQueues,
    name: String,
    change: impl FnOnce(&mut BTreeMap<String, String>) + Send + 'static,
) -> Result<BTreeMap<String, String>, ServiceError> {
    queues
        .change_queue(name, move |turn, name, _| {
            let sql = "SELECT tags FROM queue WHERE name = ?1";
            let text: String = turn.transaction.query_row(sql, [name], |row| row.get(0))?;
            let mut tags = serde_json::from_str(&text).unwrap_or_default();
            change(&mut tags);
            let sql = "UPDATE queue SET tags = ?1 WHERE name = ?2";
            turn.transaction.execute(sql, params![json!(tags).to_string(), name])?;
            Ok(Ok(tags))
        })
        .await
}

/// The members of its actions.
pub(super) fn members(action: &str) -> Option<Members> {
    Some(match action {
        "CreateQueue" => members_of::<CreateQueue>(),
        "DeleteQueue" | "PurgeQueue" | "ListQueueTags" => members_of::<OfQueue>(),
        "GetQueueUrl" => members_of::<GetQueueUrl>(),
        "ListQueues" => members_of::<ListQueues>(),
        "ListDeadLetterSourceQueues" => members_of::<ListSources>(),
        "GetQueueAttributes" => members_of::<GetQueueAttributes>(),
        "SetQueueAttributes" => members_of::<SetQueueAttributes>(),
        "TagQueue" => members_of::<TagQueue>(),
        "UntagQueue" => members_of::<UntagQueue>(),
        _ => return None,
    })
}
