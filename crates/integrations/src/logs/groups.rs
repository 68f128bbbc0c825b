//! Log groups, with their retention and tags.

use std::collections::BTreeMap;

use rusqlite::params;
use serde::Deserialize;
use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;

use super::{EmbeddedLogs, broken, check_group_name, invalid, limit};

/// The days that a retention can have. Source: API reference, `PutRetentionPolicy`.
const RETENTION_DAYS: [i64; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// Tags of one group at most. Source: API reference, `TagResource`.
const TAGS_MAX: usize = 50;

type Tags = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Create {
    log_group_name: String,
    #[serde(default)]
    tags: Tags,
    log_group_class: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Named {
    log_group_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Describe {
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutRetention {
    log_group_name: String,
    retention_in_days: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Tagging {
    resource_arn: String,
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    tag_keys: Vec<String>,
}

impl EmbeddedLogs {
    pub(super) async fn create_group(&self, request: Create) -> Result<Value, ServiceError> {
        let Create { log_group_name: name, tags, log_group_class } = request;
        check_group_name(&name)?;
        if log_group_class.is_some_and(|class| class != "STANDARD") {
            return Err(invalid("stepwell has log groups of the class STANDARD only."));
        }
        let (tags, now) = (json!(tags).to_string(), self.now());
        let created = self.database.change(move |transaction| {
            let sql =
                "INSERT OR IGNORE INTO log_group (name, created_ms, tags) VALUES (?1, ?2, ?3)";
            Ok(Ok::<_, ServiceError>(transaction.execute(sql, params![name, now, tags])?))
        });
        if created.await? == 0 {
            let message = "The specified log group already exists";
            return Err(ServiceError::sender("ResourceAlreadyExistsException", message));
        }
        Ok(json!({}))
    }

    /// By name; the token is the last name of the page before.
    pub(super) async fn describe_groups(&self, request: Describe) -> Result<Value, ServiceError> {
        let Describe { log_group_name_prefix: prefix, log_group_name_pattern: pattern, .. } =
            request;
        if prefix.is_some() && pattern.is_some() {
            return Err(invalid(
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
            ));
        }
        let most = limit(request.limit, 50)?;
        let after = request.next_token.unwrap_or_default();
        let (prefix, pattern) = (prefix.unwrap_or_default(), pattern.unwrap_or_default());
        let this = self.clone();
        let found = self.database.read(move |transaction| {
            let sql = "SELECT name, created_ms, retention_days, stored_bytes FROM log_group
                WHERE name > ?1 AND substr(name, 1, length(?2)) = ?2 AND instr(lower(name), lower(?3))
                ORDER BY name LIMIT ?4";
            let mut statement = transaction.prepare(sql)?;
            let rows = statement.query_map(params![after, prefix, pattern, most + 1], |row| {
                let name: String = row.get(0)?;
                let mut group = json!({
                    "creationTime": row.get::<_, i64>(1)?,
                    "metricFilterCount": 0,
                    "arn": format!("{}:*", this.arn(&name)),
                    "logGroupArn": this.arn(&name),
                    "storedBytes": row.get::<_, i64>(3)?,
                    "logGroupClass": "STANDARD",
                    "logGroupName": name,
                });
                if let Some(days) = row.get::<_, Option<i64>>(2)? {
                    group["retentionInDays"] = json!(days);
                }
                Ok(group)
            });
            Ok(Ok::<_, ServiceError>(rows?.collect::<rusqlite::Result<Vec<_>>>()?))
        });
        let mut groups = found.await?;
        let is_last = groups.len() <= most;
        groups.truncate(most);
        let token = groups.last().filter(|_| !is_last).map(|last| last["logGroupName"].clone());
        let mut answer = json!({ "logGroups": groups });
        if let Some(token) = token {
            answer["nextToken"] = token;
        }
        Ok(answer)
    }

    pub(super) async fn delete_group(&self, request: Named) -> Result<Value, ServiceError> {
        check_group_name(&request.log_group_name)?;
        let deleted = self.in_group(request.log_group_name, |transaction, group| {
            transaction.execute("DELETE FROM log_event WHERE log_group = ?1", [group.id])?;
            transaction.execute("DELETE FROM log_stream WHERE log_group = ?1", [group.id])?;
            transaction.execute("DELETE FROM log_group WHERE id = ?1", [group.id])?;
            Ok(Ok(()))
        });
        deleted.await.map(|()| json!({}))
    }

    pub(super) async fn put_retention(&self, request: PutRetention) -> Result<Value, ServiceError> {
        let days = request.retention_in_days;
        if !RETENTION_DAYS.contains(&days) {
            let must = format!("satisfy enum value set: {RETENTION_DAYS:?}");
            return Err(broken("retentionInDays", &days.to_string(), &must));
        }
        self.set_retention(request.log_group_name, Some(days)).await
    }

    pub(super) async fn delete_retention(&self, request: Named) -> Result<Value, ServiceError> {
        self.set_retention(request.log_group_name, None).await
    }

    async fn set_retention(&self, name: String, days: Option<i64>) -> Result<Value, ServiceError> {
        check_group_name(&name)?;
        let set = self.in_group(name, move |transaction, group| {
            let sql = "UPDATE log_group SET retention_days = ?2 WHERE id = ?1";
            transaction.execute(sql, params![group.id, days]).map(Ok)
        });
        set.await.map(|_| json!({}))
    }

    pub(super) async fn list_tags(&self, request: Tagging) -> Result<Value, ServiceError> {
        let tags = self.change_tags(request.resource_arn, |_| Ok(())).await?;
        Ok(json!({ "tags": tags }))
    }

    pub(super) async fn tag(&self, request: Tagging) -> Result<Value, ServiceError> {
        let added = request.tags;
        self.change_tags(request.resource_arn, |tags| {
            tags.extend(added);
            if tags.len() <= TAGS_MAX {
                return Ok(());
            }
            let message = format!("A resource can have no more than {TAGS_MAX} tags.");
            Err(ServiceError::sender("TooManyTagsException", message))
        })
        .await
        .map(|_| json!({}))
    }

    pub(super) async fn untag(&self, request: Tagging) -> Result<Value, ServiceError> {
        let gone = request.tag_keys;
        let remove = move |tags: &mut Tags| {
            tags.retain(|key, _| !gone.contains(key));
            Ok(())
        };
        self.change_tags(request.resource_arn, remove).await.map(|_| json!({}))
    }

    /// Changes the tags of the group with an ARN and gives what it has then.
    async fn change_tags(
        &self,
        arn: String,
        change: impl FnOnce(&mut Tags) -> Result<(), ServiceError> + Send + 'static,
    ) -> Result<Tags, ServiceError> {
        let name = self.named(&arn).to_owned();
        let changed = self.in_group(name, move |transaction, group| {
            let sql = "SELECT tags FROM log_group WHERE id = ?1";
            let text: String = transaction.query_row(sql, [group.id], |row| row.get(0))?;
            let mut tags: Tags = serde_json::from_str(&text).unwrap_or_default();
            if let Err(error) = change(&mut tags) {
                return Ok(Err(error));
            }
            let sql = "UPDATE log_group SET tags = ?2 WHERE id = ?1";
            transaction.execute(sql, params![group.id, json!(tags).to_string()])?;
            Ok(Ok(tags))
        });
        changed.await
    }
}
