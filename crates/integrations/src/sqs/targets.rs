//! Queues as targets of topics and rules, which name them by their ARNs: the embedded ones, or those of AWS.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;

use crate::service::{Origin, Service, read};

/// Messages of one batch. Source: SQS API reference, `SendMessageBatch`.
const BATCH_MAX: usize = 10;

/// Bytes of the texts of a batch of more than one message; SQS takes four times as many.
const BATCH_BYTES_MAX: usize = 262_144;

/// The queues of one service. Cheap to clone.
#[derive(Clone)]
pub struct Targets {
    queues: Arc<dyn Service>,
    /// The addresses of those of AWS that were asked for, by their ARNs; embedded ones are addressed by their names.
    addresses: Option<Arc<Mutex<HashMap<String, String>>>>,
}

impl fmt::Debug for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Targets")
    }
}

/// The answer to `SendMessageBatch`.
#[derive(Deserialize)]
struct Sent {
    #[serde(rename = "Failed", default)]
    failed: Vec<Failed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    id: String,
    code: String,
    message: Option<String>,
    sender_fault: bool,
}

/// The answer to `GetQueueUrl`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    queue_url: String,
}

impl Failed {
    fn error(self) -> ServiceError {
        let error = ServiceError::sender(self.code, self.message.unwrap_or_default());
        if self.sender_fault { error } else { error.with_status(503) }
    }
}

impl Targets {
    /// Those of this installation, whatever account and region an ARN names.
    pub fn embedded(queues: Arc<dyn Service>) -> Self {
        Self { queues, addresses: None }
    }

    /// Those of SQS itself, in the region of the service.
    pub fn at_aws(queues: Arc<dyn Service>) -> Self {
        Self { queues, addresses: Some(Arc::default()) }
    }

    /// Sends a message: the parameters of `SendMessage` without `QueueUrl`.
    ///
    /// # Errors
    /// Those of SQS; with a status of 500 or more the same message may be taken later.
    pub(crate) async fn send(&self, arn: &str, mut message: Value) -> Result<(), ServiceError> {
        message["QueueUrl"] = json!(self.address(arn).await?);
        self.call("SendMessage", message).await.map(drop)
    }

    /// Sends messages in their order, ten at a time, and tells what became of each. Errors are those of [`Targets::send`].
    pub(crate) async fn send_all(
        &self,
        arn: &str,
        messages: Vec<Value>,
    ) -> Vec<Result<(), ServiceError>> {
        let mut outcomes = Vec::with_capacity(messages.len());
        for batch in batches(&messages) {
            match self.send_batch(arn, batch).await {
                Ok(sent) => outcomes.extend(sent),
                Err(error) => outcomes.extend(batch.iter().map(|_| Err(error.clone()))),
            }
        }
        outcomes
    }

    async fn send_batch(
        &self,
        arn: &str,
        messages: &[Value],
    ) -> Result<Vec<Result<(), ServiceError>>, ServiceError> {
        let numbered = messages.iter().enumerate().map(|(number, message)| {
            let mut entry = message.clone();
            entry["Id"] = json!(number.to_string());
            entry
        });
        let batch = json!({
            "QueueUrl": self.address(arn).await?,
            "Entries": numbered.collect::<Vec<_>>(),
        });
        let Sent { failed } = serde_json::from_value(self.call("SendMessageBatch", batch).await?)
            .map_err(|_| ServiceError::internal())?;
        let mut outcomes: Vec<_> = messages.iter().map(|_| Ok(())).collect();
        for failed in failed {
            let number = failed.id.parse().ok();
            if let Some(outcome) = number.and_then(|it: usize| outcomes.get_mut(it)) {
                *outcome = Err(failed.error());
            }
        }
        Ok(outcomes)
    }

    async fn call(&self, action: &str, input: Value) -> Result<Value, ServiceError> {
        // No answer to a target names an address.
        let nowhere = Origin { base_url: String::new() };
        self.queues.call(action, input, &nowhere).await.map_err(|error| match &*error.code {
            "ThrottlingException" => error.with_status(503),
            _ => error,
        })
    }

    async fn address(&self, arn: &str) -> Result<String, ServiceError> {
        let parts: Vec<_> = arn.splitn(6, ':').collect();
        let ["arn", _, "sqs", region, account, name] = parts[..] else {
            return Err(no_such_queue(arn));
        };
        let Some(addresses) = &self.addresses else { return Ok(name.to_owned()) };
        let known = addresses.lock().unwrap_or_else(PoisonError::into_inner).get(arn).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let asked = json!({"QueueName": name, "QueueOwnerAWSAccountId": account});
        let Found { queue_url } = read(self.call("GetQueueUrl", asked).await?)?;
        if !is_in(&queue_url, region) {
            return Err(no_such_queue(arn));
        }
        let mut all = addresses.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(arn.to_owned(), queue_url.clone());
        Ok(queue_url)
    }
}

/// Whether the queue with an address of AWS is in a region: a queue of this name is asked for in the region of the service alone.
fn is_in(url: &str, region: &str) -> bool {
    !url.contains(".amazonaws.com") || url.contains(&format!(".{region}."))
}

fn no_such_queue(arn: &str) -> ServiceError {
    let message = format!("The queue {arn} cannot be reached from here.");
    ServiceError::sender("QueueDoesNotExist", message)
}

/// Messages that go together, in their order.
fn batches(messages: &[Value]) -> Vec<&[Value]> {
    let size = |message: &Value| message["MessageBody"].as_str().map_or(0, str::len);
    let (mut batches, mut rest) = (Vec::new(), messages);
    while !rest.is_empty() {
        let sums = rest.iter().scan(0, |sum, message| {
            *sum += size(message);
            Some(*sum)
        });
        let fitting = sums.take(BATCH_MAX).take_while(|sum| *sum <= BATCH_BYTES_MAX).count();
        let (batch, behind) = rest.split_at(fitting.max(1));
        batches.push(batch);
        rest = behind;
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_have_ten_messages_and_so_many_bytes_and_no_message_is_too_long_for_its_own() {
        let of = |sizes: &[usize]| {
            let messages: Vec<_> =
                sizes.iter().map(|size| json!({"MessageBody": "x".repeat(*size)})).collect();
            batches(&messages).iter().map(|batch| batch.len()).collect::<Vec<_>>()
        };
        assert_eq!(of(&[1; 23]), [10, 10, 3]);
        assert_eq!(of(&[262_144, 1, 262_143, 1, 300_000, 1]), [1, 2, 1, 1, 1]);
        assert_eq!(of(&[]), [0; 0]);
    }

    #[test]
    fn a_queue_of_another_region_is_not_taken_for_one_of_this() {
        let url = "https://sqs.eu-central-1.amazonaws.com/111111111111/jobs";
        assert!(is_in(url, "eu-central-1") && !is_in(url, "eu-central-2"));
        assert!(is_in("http://127.0.0.1:5000/111111111111/jobs", "eu-central-1"));
    }
}
