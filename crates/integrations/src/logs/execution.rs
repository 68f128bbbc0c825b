//! Execution logs in log groups, here or on AWS.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;
use stepwell_task::{ExecutionLogs, LogLine, LogsUnavailable};

use super::events::{BYTES_MAX, EVENT_BYTES, EVENTS_MAX};
use crate::service::{Origin, Service};

/// Writes what executions log to the groups of a service with [`FACTS`](super::FACTS): the embedded one, or that of AWS.
#[derive(Clone)]
pub struct ServiceLogs {
    /// CloudWatch Logs.
    pub logs: Arc<dyn Service>,
}

impl ServiceLogs {
    async fn call(&self, action: &str, input: Value) -> Result<Value, ServiceError> {
        // No answer here names an address.
        self.logs.call(action, input, &Origin { base_url: String::new() }).await
    }

    /// Puts lines into a stream, which is made if it is not there.
    async fn put(&self, group: &str, stream: &str, lines: &[LogLine]) -> Result<(), ServiceError> {
        let events: Vec<Value> = lines.iter().map(event).collect();
        let stream = json!({ "logGroupName": group, "logStreamName": stream });
        let mut request = stream.clone();
        request["logEvents"] = Value::Array(events);
        match self.call("PutLogEvents", request.clone()).await {
            Err(error) if error.code == "ResourceNotFoundException" => {}
            put => return put.map(drop),
        }
        match self.call("CreateLogStream", stream).await {
            Err(error) if error.code != "ResourceAlreadyExistsException" => return Err(error),
            Ok(_) | Err(_) => {}
        }
        self.call("PutLogEvents", request).await.map(drop)
    }
}

#[async_trait]
impl ExecutionLogs for ServiceLogs {
    async fn has_group(&self, arn: &str) -> Result<bool, LogsUnavailable> {
        let Some(name) = name(arn) else { return Ok(false) };
        let request = json!({ "logGroupNamePrefix": name });
        let mut token = Value::Null;
        loop {
            let mut request = request.clone();
            if !token.is_null() {
                request["nextToken"] = token;
            }
            let mut found = match self.call("DescribeLogGroups", request).await {
                Ok(found) => found,
                // What is no name of a group is the name of none.
                Err(error) if error.code == "InvalidParameterException" => return Ok(false),
                Err(error) => return Err(unavailable(&error)),
            };
            let mut groups = found["logGroups"].as_array().into_iter().flatten();
            if groups.any(|group| group["arn"] == arn) {
                return Ok(true);
            }
            token = found["nextToken"].take();
            if token.is_null() {
                return Ok(false);
            }
        }
    }

    async fn append(
        &self,
        group_arn: &str,
        stream: &str,
        mut lines: Vec<LogLine>,
    ) -> Result<(), LogsUnavailable> {
        let group = name(group_arn).unwrap_or_default();
        lines.sort_by_key(|line| line.at);
        let mut rest = lines.as_slice();
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(batch(rest));
            self.put(group, stream, batch).await.map_err(|error| unavailable(&error))?;
            rest = later;
        }
        Ok(())
    }
}

/// How many lines one request takes, one at least.
fn batch(lines: &[LogLine]) -> usize {
    let mut bytes = 0;
    let fits = |line: &&LogLine| {
        bytes += line.message.len() + EVENT_BYTES;
        bytes <= BYTES_MAX
    };
    lines.iter().take(EVENTS_MAX).take_while(fits).count().max(1)
}

fn event(line: &LogLine) -> Value {
    let at = line.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    json!({ "timestamp": at, "message": line.message })
}

/// The name in `arn:aws:logs:<region>:<account>:log-group:<name>:*`.
fn name(arn: &str) -> Option<&str> {
    arn.strip_suffix(":*")?.splitn(7, ':').nth(6)
}

fn unavailable(error: &ServiceError) -> LogsUnavailable {
    LogsUnavailable(error.to_string())
}
