//! The queues of the torture, as a client of SQS uses them.

use anyhow::Result;
use serde_json::{Value, json};

use crate::sfn::{Client, Error};

/// A queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Queue {
    pub(super) name: &'static str,
    pub(super) is_fifo: bool,
    /// How long a message is in flight. Where the answer to a receive is lost with the server, that long it is kept back.
    pub(super) visibility_seconds: u64,
}

/// Messages with task tokens.
pub(super) const CALLBACKS: Queue =
    Queue { name: "torture-callbacks", is_fifo: false, visibility_seconds: 3 };

/// Everything that tasks did outside of the table.
pub(super) const EFFECTS: Queue =
    Queue { name: "torture-effects", is_fifo: false, visibility_seconds: 60 };

/// Numbered messages from outside.
pub(super) const NUMBERED: Queue =
    Queue { name: "torture-numbered", is_fifo: false, visibility_seconds: 3 };
/// The same, in order.
pub(super) const ORDERED: Queue =
    Queue { name: "torture-ordered.fifo", is_fifo: true, visibility_seconds: 3 };

pub(super) const QUEUES: [Queue; 4] = [CALLBACKS, EFFECTS, NUMBERED, ORDERED];

/// A message that was received.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) body: String,
    pub(super) receipt: String,
}

impl Queue {
    /// Of a URL only the name at its end counts, wherever the server listens.
    pub(super) fn url(self) -> String {
        format!("http://localhost/000000000000/{}", self.name)
    }

    pub(super) fn arn(self) -> String {
        format!("arn:aws:sqs:us-east-1:000000000000:{}", self.name)
    }

    pub(super) fn create(self, client: &mut Client) -> Result<()> {
        let mut attributes = json!({"VisibilityTimeout": self.visibility_seconds.to_string()});
        if self.is_fifo {
            attributes["FifoQueue"] = json!("true");
        }
        let request = json!({"QueueName": self.name, "Attributes": attributes});
        client.call_service("AmazonSQS", "CreateQueue", &request)?;
        Ok(())
    }

    /// Up to so many messages, ten at most; waits up to a second for the first.
    pub(super) fn receive(self, client: &mut Client, max: u64) -> Result<Vec<Message>, Error> {
        let wanted = json!({"MaxNumberOfMessages": max, "WaitTimeSeconds": 1});
        let mut answer = self.call(client, "ReceiveMessage", wanted)?;
        let messages = answer["Messages"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let message = |it: Value| Message {
            id: text(&it["MessageId"]),
            body: text(&it["Body"]),
            receipt: text(&it["ReceiptHandle"]),
        };
        Ok(messages.into_iter().map(message).collect())
    }

    pub(super) fn delete(self, client: &mut Client, message: &Message) -> Result<(), Error> {
        self.call(client, "DeleteMessage", json!({"ReceiptHandle": message.receipt})).map(drop)
    }

    /// How many messages it holds, in flight or not.
    pub(super) fn len(self, client: &mut Client) -> Result<u64, Error> {
        let wanted = json!({"AttributeNames": ["All"]});
        let answer = self.call(client, "GetQueueAttributes", wanted)?;
        let count = |name: &str| -> u64 {
            let text = answer["Attributes"][name].as_str();
            text.and_then(|text| text.parse().ok()).unwrap_or_default()
        };
        Ok(count("ApproximateNumberOfMessages") + count("ApproximateNumberOfMessagesNotVisible"))
    }

    /// Calls an operation on the queue.
    pub(super) fn call(
        self,
        client: &mut Client,
        operation: &str,
        mut request: Value,
    ) -> Result<Value, Error> {
        request["QueueUrl"] = json!(self.url());
        client.call_service("AmazonSQS", operation, &request)
    }
}
