//! Rules and their targets.

use rusqlite::Error::FromSqlConversionFailure;
use rusqlite::types::Type;
use rusqlite::{Row, Transaction, params};
use serde::Deserialize;
use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;

use super::target::Target;
use super::{EmbeddedEvents, EventPattern, check_bus, check_limit, parse_pattern};
use crate::members::{Members, members_of};
use crate::service::{read, read_only, written};

/// Source: EventBridge quotas, targets of a rule.
const TARGETS_MAX: usize = 5;

/// A rule that is asked of every event.
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) pattern: EventPattern,
    pub(super) targets: Vec<Target>,
}

fn validation(problem: impl Into<String>) -> ServiceError {
    ServiceError::sender("ValidationException", problem)
}

fn missing(name: &str) -> ServiceError {
    let message = format!("Rule {name} does not exist on EventBus default.");
    ServiceError::sender("ResourceNotFoundException", message)
}

impl EmbeddedEvents {
    pub(super) async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Result<T, ServiceError>>
        + Send
        + 'static,
    ) -> Result<T, ServiceError> {
        self.database.change(work).await
    }

    fn rule_arn(&self, name: &str) -> String {
        self.place.arn("events", &format!("rule/{name}"))
    }
}

/// All rules that are on, with their targets.
pub(super) async fn enabled(events: &EmbeddedEvents) -> Result<Vec<Rule>, ServiceError> {
    let rows = events.database.read(|transaction| {
        let mut statement =
            transaction.prepare("SELECT name, pattern FROM rule WHERE is_enabled = 1")?;
        let rows = statement
            .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        let mut all = Vec::new();
        for row in rows.collect::<rusqlite::Result<Vec<_>>>()? {
            let targets = targets_of(transaction, &row.0)?;
            all.push((row.0, row.1, targets));
        }
        Ok(Ok::<_, ServiceError>(all))
    });
    let rule = |(name, pattern, targets): (String, String, _)| {
        let (arn, pattern) = (events.rule_arn(&name), parse_pattern(&pattern)?);
        Ok(Rule { name, arn, pattern, targets })
    };
    rows.await?.into_iter().map(rule).collect()
}

fn targets_of(transaction: &Transaction<'_>, rule: &str) -> rusqlite::Result<Vec<Target>> {
    let mut statement =
        transaction.prepare_cached("SELECT target FROM target WHERE rule = ?1 ORDER BY id")?;
    let target = |row: &Row<'_>| {
        let text: String = row.get(0)?;
        serde_json::from_str(&text)
            .map_err(|error| FromSqlConversionFailure(0, Type::Text, Box::new(error)))
    };
    statement.query_map([rule], target)?.collect()
}

fn exists(transaction: &Transaction<'_>, rule: &str) -> rusqlite::Result<bool> {
    transaction.prepare_cached("SELECT 1 FROM rule WHERE name = ?1")?.exists([rule])
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutRule {
    name: String,
    event_pattern: Option<String>,
    description: Option<String>,
    state: Option<String>,
    event_bus_name: Option<String>,
}

/// `PutRule`: makes or replaces a rule, and leaves its targets.
pub(super) async fn put(events: &EmbeddedEvents, input: Value) -> Result<Value, ServiceError> {
    let PutRule { name, event_pattern, description, state, event_bus_name } = read(input)?;
    check_bus(event_bus_name.as_deref())?;
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !(1..=64).contains(&name.len()) || !name.chars().all(is_allowed) {
        return Err(validation(format!(
            "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: \
            Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+"
        )));
    }
    let pattern = event_pattern.ok_or_else(|| {
        validation("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    })?;
    parse_pattern(&pattern)?;
    let is_enabled = match state.as_deref() {
        None | Some("ENABLED") => true,
        Some("DISABLED") => false,
        Some(other) => {
            return Err(validation(format!("The state {other} is not supported by stepwell.")));
        }
    };
    let answer = json!({"RuleArn": events.rule_arn(&name)});
    events
        .change(move |transaction| {
            let sql = "INSERT INTO rule VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name) DO UPDATE
                SET pattern = excluded.pattern, description = excluded.description, is_enabled = excluded.is_enabled";
            transaction.execute(sql, params![name, pattern, description, is_enabled])?;
            Ok(Ok(answer))
        })
        .await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OfRule {
    #[serde(alias = "Rule")]
    name: String,
    event_bus_name: Option<String>,
    #[serde(default)]
    targets: Vec<Value>,
    #[serde(default)]
    ids: Vec<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

impl OfRule {
    fn read(input: Value, members: &[&str]) -> Result<Self, ServiceError> {
        let members = [members, &["EventBusName"]].concat();
        let this: Self = read_only(input, &members)?;
        check_bus(this.event_bus_name.as_deref())?;
        Ok(this)
    }
}

/// `DeleteRule`; one that has targets stays, one that is not there is no error.
pub(super) async fn delete(events: &EmbeddedEvents, input: Value) -> Result<Value, ServiceError> {
    let OfRule { name, .. } = OfRule::read(input, &["Name"])?;
    events
        .change(move |transaction| {
            if !targets_of(transaction, &name)?.is_empty() {
                return Ok(Err(validation("Rule can't be deleted since it has targets.")));
            }
            transaction.execute("DELETE FROM rule WHERE name = ?1", [name])?;
            Ok(Ok(json!({})))
        })
        .await
}

/// `EnableRule`, `DisableRule`
pub(super) async fn enable(
    events: &EmbeddedEvents,
    input: Value,
    is_enabled: bool,
) -> Result<Value, ServiceError> {
    let OfRule { name, .. } = OfRule::read(input, &["Name"])?;
    events
        .change(move |transaction| {
            let sql = "UPDATE rule SET is_enabled = ?1 WHERE name = ?2";
            let changed = transaction.execute(sql, params![is_enabled, name])?;
            Ok(if changed == 1 { Ok(json!({})) } else { Err(missing(&name)) })
        })
        .await
}

/// `DescribeRule`
pub(super) async fn describe(events: &EmbeddedEvents, input: Value) -> Result<Value, ServiceError> {
    let OfRule { name, .. } = OfRule::read(input, &["Name"])?;
    let wanted = name.clone();
    let found = rows(events).await?.into_iter().find(|rule| rule["Name"] == wanted);
    found.ok_or_else(|| missing(&name))
}

async fn rows(events: &EmbeddedEvents) -> Result<Vec<Value>, ServiceError> {
    let this = events.clone();
    events
        .change(move |transaction| {
            let mut statement =
                transaction.prepare("SELECT name, pattern, description, is_enabled FROM rule ORDER BY name")?;
            let rows = statement.query_map([], |row| {
                let name: String = row.get(0)?;
                let state = if row.get(3)? { "ENABLED" } else { "DISABLED" };
                let mut rule = json!({
                    "Name": name, "Arn": this.rule_arn(&name), "EventPattern": row.get::<_, String>(1)?,
                    "State": state, "EventBusName": "default",
                });
                if let Some(description) = row.get::<_, Option<String>>(2)? {
                    rule["Description"] = json!(description);
                }
                Ok(rule)
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>().map(Ok)
        })
        .await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListRules {
    name_prefix: Option<String>,
    event_bus_name: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

/// `ListRules`, by name.
pub(super) async fn list(events: &EmbeddedEvents, input: Value) -> Result<Value, ServiceError> {
    let ListRules { name_prefix, event_bus_name, next_token, limit } = read(input)?;
    check_bus(event_bus_name.as_deref())?;
    let prefix = name_prefix.unwrap_or_default();
    let mut rules = rows(events).await?;
    rules.retain(|rule| rule["Name"].as_str().is_some_and(|name| name.starts_with(&prefix)));
    page("Rules", "Name", rules, next_token, limit)
}

/// A page of what is in the order of `key`; the token is the last one of the page before.
fn page(
    member: &str,
    key: &str,
    mut all: Vec<Value>,
    next_token: Option<String>,
    limit: Option<usize>,
) -> Result<Value, ServiceError> {
    let limit = check_limit(limit)?;
    if let Some(after) = next_token {
        all.retain(|it| it[key].as_str().is_some_and(|key| key > after.as_str()));
    }
    let is_last = all.len() <= limit;
    all.truncate(limit);
    let last = all.last().filter(|_| !is_last).map(|it| it[key].clone());
    let mut answer = json!({ member: all });
    if let Some(last) = last {
        answer["NextToken"] = last;
    }
    Ok(answer)
}

/// `PutTargets`
pub(super) async fn put_targets(
    events: &EmbeddedEvents,
    input: Value,
) -> Result<Value, ServiceError> {
    let OfRule { name, targets, .. } = OfRule::read(input, &["Rule", "Targets"])?;
    let targets: Vec<Target> = targets.into_iter().map(read).collect::<Result<_, _>>()?;
    if let Some(problem) =
        targets.iter().find_map(|target| target.problem(&events.place, &*events.starter))
    {
        return Err(validation(problem));
    }
    events
        .change(move |transaction| {
            if !exists(transaction, &name)? {
                return Ok(Err(missing(&name)));
            }
            for target in &targets {
                let sql = "INSERT INTO target VALUES (?1, ?2, ?3) ON CONFLICT (rule, id) DO UPDATE SET target = excluded.target";
                transaction.execute(sql, params![name, target.id, written(target).to_string()])?;
            }
            if targets_of(transaction, &name)?.len() > TARGETS_MAX {
                let message = "The requested resource exceeds the maximum number allowed.";
                return Ok(Err(ServiceError::sender("LimitExceededException", message)));
            }
            Ok(Ok(json!({"FailedEntryCount": 0, "FailedEntries": []})))
        })
        .await
}

/// `RemoveTargets`
pub(super) async fn remove_targets(
    events: &EmbeddedEvents,
    input: Value,
) -> Result<Value, ServiceError> {
    let OfRule { name, ids, .. } = OfRule::read(input, &["Rule", "Ids"])?;
    events
        .change(move |transaction| {
            if !exists(transaction, &name)? {
                return Ok(Err(missing(&name)));
            }
            for id in &ids {
                transaction
                    .execute("DELETE FROM target WHERE rule = ?1 AND id = ?2", params![name, id])?;
            }
            Ok(Ok(json!({"FailedEntryCount": 0, "FailedEntries": []})))
        })
        .await
}

/// `ListTargetsByRule`
pub(super) async fn list_targets(
    events: &EmbeddedEvents,
    input: Value,
) -> Result<Value, ServiceError> {
    let members = ["Rule", "NextToken", "Limit"];
    let OfRule { name, next_token, limit, .. } = OfRule::read(input, &members)?;
    let targets = events.change(move |transaction| {
        Ok(if exists(transaction, &name)? {
            Ok(targets_of(transaction, &name)?)
        } else {
            Err(missing(&name))
        })
    });
    let targets = targets.await?.iter().map(written).collect();
    page("Targets", "Id", targets, next_token, limit)
}

/// The members of its actions.
pub(super) fn members(action: &str) -> Option<Members> {
    Some(match action {
        "PutRule" => members_of::<PutRule>(),
        "DeleteRule" | "DescribeRule" | "EnableRule" | "DisableRule" => {
            vec!["Name", "EventBusName"]
        }
        "ListRules" => members_of::<ListRules>(),
        "PutTargets" => vec!["Rule", "Targets", "EventBusName"],
        "RemoveTargets" => vec!["Rule", "Ids", "EventBusName"],
        "ListTargetsByRule" => vec!["Rule", "EventBusName", "NextToken", "Limit"],
        _ => return None,
    })
}
