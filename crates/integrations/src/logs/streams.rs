//! Log streams.

use rusqlite::params;
use serde::Deserialize;
use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;

use super::events::EVENT_BYTES;
use super::{
    EmbeddedLogs, add_stored_bytes, broken, check_group_name, check_stream_name, invalid, limit,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Named {
    log_group_name: String,
    log_stream_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Describe {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    descending: Option<bool>,
    next_token: Option<String>,
    limit: Option<i64>,
}

struct Stream {
    name: String,
    created: i64,
    ingested: Option<i64>,
    first: Option<i64>,
    last: Option<i64>,
}

impl Stream {
    fn shown(self, group_arn: &str) -> Value {
        let Self { name, created, ingested, first, last } = self;
        let arn = format!("{group_arn}:log-stream:{name}");
        let mut shown = json!({
            "logStreamName": name,
            "creationTime": created,
            "arn": arn,
            // AWS counts no bytes of streams any more.
            "storedBytes": 0,
        });
        let times = [
            ("firstEventTimestamp", first),
            ("lastEventTimestamp", last),
            ("lastIngestionTime", ingested),
        ];
        for (member, time) in times {
            if let Some(time) = time {
                shown[member] = json!(time);
            }
        }
        shown
    }
}

impl EmbeddedLogs {
    pub(super) async fn create_stream(&self, request: Named) -> Result<Value, ServiceError> {
        let Named { log_group_name: group, log_stream_name: name } = request;
        check_group_name(&group)?;
        check_stream_name(&name)?;
        let now = self.now();
        let created = self.in_group(group, move |transaction, group| {
            let sql = "INSERT OR IGNORE INTO log_stream (log_group, name, created_ms)
                VALUES (?1, ?2, ?3)";
            Ok(Ok(transaction.execute(sql, params![group.id, name, now])?))
        });
        if created.await? == 0 {
            let message = "The specified log stream already exists";
            return Err(ServiceError::sender("ResourceAlreadyExistsException", message));
        }
        Ok(json!({}))
    }

    pub(super) async fn delete_stream(&self, request: Named) -> Result<Value, ServiceError> {
        let Named { log_group_name: group, log_stream_name: name } = request;
        check_group_name(&group)?;
        let deleted = self.in_group(group, move |transaction, group| {
            let stream = match group.stream(transaction, &name)? {
                Ok(stream) => stream,
                Err(error) => return Ok(Err(error)),
            };
            let sql = "SELECT coalesce(sum(octet_length(message) + ?2), 0) FROM log_event
                WHERE log_stream = ?1";
            let values = params![stream, EVENT_BYTES];
            let bytes: i64 = transaction.query_row(sql, values, |row| row.get(0))?;
            add_stored_bytes(transaction, group.id, -bytes)?;
            transaction.execute("DELETE FROM log_event WHERE log_stream = ?1", [stream])?;
            transaction.execute("DELETE FROM log_stream WHERE id = ?1", [stream])?;
            Ok(Ok(()))
        });
        deleted.await.map(|()| json!({}))
    }

    /// The token is the number of streams before.
    pub(super) async fn describe_streams(&self, request: Describe) -> Result<Value, ServiceError> {
        let order = request.order_by.as_deref().unwrap_or("LogStreamName");
        let (by_time, prefix) = (order == "LastEventTime", request.log_stream_name_prefix);
        if !["LogStreamName", "LastEventTime"].contains(&order) {
            let must = "satisfy enum value set: [LogStreamName, LastEventTime]";
            return Err(broken("orderBy", order, must));
        }
        if by_time && prefix.is_some() {
            return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
        }
        let most = limit(request.limit, 50)?;
        let skip = match request.next_token {
            Some(token) => {
                token.parse().map_err(|_| invalid("The specified nextToken is invalid."))?
            }
            None => 0,
        };
        let name = self.group_name(request.log_group_name, request.log_group_identifier)?;
        let arn = self.arn(&name);
        let mut streams = self.streams(name, prefix.unwrap_or_default()).await?;
        if by_time {
            streams.sort_by_key(|stream| stream.last);
        }
        if request.descending == Some(true) {
            streams.reverse();
        }
        let is_last = streams.len() <= skip + most;
        let page = streams.into_iter().skip(skip).take(most);
        let shown: Vec<Value> = page.map(|stream| stream.shown(&arn)).collect();
        let mut answer = json!({ "logStreams": shown });
        if !is_last {
            answer["nextToken"] = json!((skip + most).to_string());
        }
        Ok(answer)
    }

    /// By name.
    async fn streams(&self, group: String, prefix: String) -> Result<Vec<Stream>, ServiceError> {
        let now = self.now();
        let found = self.read_group(group, move |transaction, group| {
            let sql = "SELECT name, created_ms, ingested_ms,
                    (SELECT min(at_ms) FROM log_event AS it WHERE it.log_stream = log_stream.id AND at_ms >= ?3),
                    (SELECT max(at_ms) FROM log_event AS it WHERE it.log_stream = log_stream.id AND at_ms >= ?3)
                FROM log_stream
                WHERE log_group = ?1 AND substr(name, 1, length(?2)) = ?2 ORDER BY name";
            let mut statement = transaction.prepare(sql)?;
            let rows = statement.query_map(params![group.id, prefix, group.oldest(now)], |row| {
                Ok(Stream {
                    name: row.get(0)?,
                    created: row.get(1)?,
                    ingested: row.get(2)?,
                    first: row.get(3)?,
                    last: row.get(4)?,
                })
            });
            Ok(Ok(rows?.collect::<rusqlite::Result<Vec<_>>>()?))
        });
        found.await
    }
}
