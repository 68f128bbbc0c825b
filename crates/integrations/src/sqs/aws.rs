//! The queue of AWS: a FIFO queue of SQS and its dead-letter queue.
//!
//! SQS itself moves a message that was received too often, by the queue's redrive policy. A message that a consumer gives up is sent to
//! the same dead-letter queue in a group of its own, with the attributes below, and deleted from the queue.
//!
//! Limits: listing dead letters shows at most ten of a group among those that SQS moved itself (the others of a group are blocked
//! meanwhile), and hides what it shows from other readers for [`LISTING_VISIBILITY`].

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, DeleteMessageBatchRequestEntry, Message as SdkMessage,
    MessageAttributeValue, MessageSystemAttributeName as System, QueueAttributeName,
    SendMessageBatchRequestEntry,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    DeadLetter, Depth, Entry, Error, FIFO_SUFFIX, Message, NotDeleted, NotSent, Queue, Receipt,
    Receive, check, reason_of_receives,
};
use crate::aws::{CallError, Connection, classify};

/// Entries and messages of one call. Source: SQS API reference.
const CALL_MAX: usize = 10;

/// How long dead letters are hidden while they are listed or redriven.
const LISTING_VISIBILITY: Duration = Duration::from_secs(30);

/// Attributes of a message that was given up.
const REASON: &str = "stepwell.reason";
const GROUP: &str = "stepwell.group";
const DEDUPLICATION_ID: &str = "stepwell.deduplication-id";

/// A FIFO queue of SQS. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AwsQueue {
    client: Client,
    url: String,
    dead_letter_url: Option<String>,
}

impl AwsQueue {
    /// Finds the queue by its URL or name, and its dead-letter queue: the one that is named, or that of its redrive policy.
    ///
    /// # Errors
    /// [`Error::NoSuchQueue`], also for a queue that is no FIFO one; [`Error::Call`]
    pub async fn connect(
        connection: &Connection,
        queue: &str,
        dead_letter_queue: Option<&str>,
    ) -> Result<Self, Error> {
        let client = connection.sqs();
        let url = find(&client, queue).await?;
        let redrive_target = redrive_target(&client, &url, queue).await?;
        let dead_letter_url = match (dead_letter_queue, redrive_target) {
            (Some(named), _) => Some(find(&client, named).await?),
            (None, Some(target)) => Some(find(&client, &target).await?),
            (None, None) => None,
        };
        Ok(Self { client, url, dead_letter_url })
    }

    /// As [`AwsQueue::connect`]; a queue that is given by name and does not exist is made, and so is its dead-letter queue:
    /// the one that is named, or `NAME-dead.fifo` for `NAME.fifo`. What is received `max_receive_count` times goes there.
    ///
    /// # Errors
    /// As [`AwsQueue::connect`], also where the caller may not make queues.
    pub async fn connect_or_create(
        connection: &Connection,
        queue: &str,
        dead_letter_queue: Option<&str>,
        max_receive_count: u32,
    ) -> Result<Self, Error> {
        match Self::connect(connection, queue, dead_letter_queue).await {
            Err(Error::NoSuchQueue { queue: missing })
                if missing == queue && is_fifo_name(queue) =>
            {
                let client = connection.sqs();
                match create(&client, queue, dead_letter_queue, max_receive_count).await {
                    Err(Error::Call(CallError::AccessDenied { .. })) => {
                        return Err(Error::NoSuchQueue { queue: missing });
                    }
                    created => created?,
                }
                Self::connect(connection, queue, dead_letter_queue).await
            }
            connected => connected,
        }
    }

    fn dead_letter_url(&self) -> Result<&str, Error> {
        let missing = || Error::NoDeadLetterQueue { queue: self.url.clone() };
        self.dead_letter_url.as_deref().ok_or_else(missing)
    }

    /// Up to ten entries, the first of which has this index.
    async fn send(&self, first: usize, entries: &[Entry]) -> Result<(), Vec<NotSent>> {
        let request = self.client.send_message_batch().queue_url(&self.url);
        let request =
            request.set_entries(Some(entries.iter().enumerate().map(send_entry).collect()));
        let answer = request.send().await.map_err(|error| {
            let reason = classify("sqs:SendMessage", &error).to_string();
            not_sent(first..first + entries.len(), &reason)
        })?;
        let mut failed: Vec<_> = answer.failed.iter().map(|it| failed_entry(first, it)).collect();
        failed.sort_by_key(|it| it.index);
        if failed.is_empty() { Ok(()) } else { Err(failed) }
    }

    async fn receive_from(
        &self,
        url: &str,
        max: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<SdkMessage>, Error> {
        let request = self
            .client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(i32::try_from(max).unwrap_or(i32::MAX))
            .visibility_timeout(whole_seconds(visibility))
            .wait_time_seconds(whole_seconds(wait).min(20))
            .message_system_attribute_names(System::All)
            .message_attribute_names("All");
        let answer =
            request.send().await.map_err(|error| classify("sqs:ReceiveMessage", &error))?;
        Ok(answer.messages.unwrap_or_default())
    }

    /// All dead letters that can be seen at once, hidden for a while.
    async fn hide_dead_letters(&self) -> Result<Vec<SdkMessage>, Error> {
        let url = self.dead_letter_url()?;
        let mut letters = Vec::new();
        loop {
            let more = self.receive_from(url, CALL_MAX, LISTING_VISIBILITY, Duration::ZERO).await?;
            if more.is_empty() {
                return Ok(letters);
            }
            letters.extend(more);
        }
    }

    /// Makes hidden dead letters visible again. They would become so by themselves a little later.
    async fn show_again(&self, letters: &[SdkMessage]) -> Result<(), Error> {
        let url = self.dead_letter_url()?;
        for letter in letters {
            let receipt = letter.receipt_handle.as_deref().unwrap_or_default();
            self.set_visibility(url, receipt, Duration::ZERO).await?;
        }
        Ok(())
    }

    async fn set_visibility(
        &self,
        url: &str,
        receipt: &str,
        from_now: Duration,
    ) -> Result<(), Error> {
        let request = self.client.change_message_visibility().queue_url(url);
        let request = request.receipt_handle(receipt).visibility_timeout(whole_seconds(from_now));
        let answer = request.send().await;
        answer.map(drop).map_err(|error| expired_or("sqs:ChangeMessageVisibility", &error))
    }

    async fn delete_one(&self, url: &str, receipt: &str) -> Result<(), Error> {
        let request = self.client.delete_message().queue_url(url).receipt_handle(receipt);
        request.send().await.map(drop).map_err(|error| expired_or("sqs:DeleteMessage", &error))
    }

    /// Repeatable: the deduplication id is that of the dead letter, so that a second try within five minutes adds nothing.
    async fn revive(&self, letter: &SdkMessage) -> Result<(), Error> {
        let DeadLetter { id, group, body, .. } = read_dead_letter(letter);
        let request = self.client.send_message().queue_url(&self.url).message_body(body);
        let request = request.message_group_id(group).message_deduplication_id(id);
        request.send().await.map_err(|error| classify("sqs:SendMessage", &error))?;
        let receipt = letter.receipt_handle.as_deref().unwrap_or_default();
        self.delete_one(self.dead_letter_url()?, receipt).await
    }

    async fn counts(&self, url: &str) -> Result<(u64, u64), Error> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let request = self.client.get_queue_attributes().queue_url(url);
        let request = request.set_attribute_names(Some(names.to_vec()));
        let answer =
            request.send().await.map_err(|error| classify("sqs:GetQueueAttributes", &error))?;
        let attributes = answer.attributes.unwrap_or_default();
        let count = |name| attributes.get(name).and_then(|text| text.parse().ok()).unwrap_or(0);
        Ok((count(&names[0]), count(&names[1])))
    }
}

#[async_trait]
impl Queue for AwsQueue {
    async fn send_batch(&self, entries: &[Entry]) -> Result<(), Error> {
        check(entries)?;
        for (call, chunk) in entries.chunks(CALL_MAX).enumerate() {
            let first = call * CALL_MAX;
            if let Err(mut failed) = self.send(first, chunk).await {
                // The order within a group would be lost if later entries went on.
                let untried = first + chunk.len()..entries.len();
                failed.extend(not_sent(untried, "not tried after an earlier one failed"));
                return Err(Error::NotSent { failed });
            }
        }
        Ok(())
    }

    async fn receive(&self, wanted: &Receive) -> Result<Vec<Message>, Error> {
        let mut messages = Vec::new();
        let mut wait = wanted.wait;
        while messages.len() < wanted.max {
            let max = (wanted.max - messages.len()).min(CALL_MAX);
            let received = self.receive_from(&self.url, max, wanted.visibility, wait).await;
            let more = match received {
                // What has been received is delivered; the next call tells of the trouble.
                Err(_) if !messages.is_empty() => break,
                received => received?,
            };
            let is_last = more.len() < max;
            messages.extend(more.into_iter().map(read_message));
            if is_last {
                break;
            }
            wait = Duration::ZERO;
        }
        Ok(messages)
    }

    async fn delete_batch(&self, receipts: &[Receipt]) -> Result<Vec<NotDeleted>, Error> {
        let mut not_deleted = Vec::new();
        for chunk in receipts.chunks(CALL_MAX) {
            let request = self.client.delete_message_batch().queue_url(&self.url);
            let request =
                request.set_entries(Some(chunk.iter().enumerate().map(delete_entry).collect()));
            let answer =
                request.send().await.map_err(|error| classify("sqs:DeleteMessage", &error))?;
            not_deleted.extend(answer.failed.iter().filter_map(|failed| {
                let receipt = chunk.get(failed.id.parse::<usize>().ok()?)?.clone();
                Some(NotDeleted { receipt, reason: reason_of(failed) })
            }));
        }
        Ok(not_deleted)
    }

    async fn change_visibility(&self, receipt: &Receipt, from_now: Duration) -> Result<(), Error> {
        self.set_visibility(&self.url, receipt.as_str(), from_now).await
    }

    async fn dead_letter(&self, message: &Message, reason: &str) -> Result<(), Error> {
        let attributes = HashMap::from([
            (REASON.to_owned(), text_attribute(reason)),
            (GROUP.to_owned(), text_attribute(&message.group)),
            (DEDUPLICATION_ID.to_owned(), text_attribute(&message.deduplication_id)),
        ]);
        let request = self
            .client
            .send_message()
            .queue_url(self.dead_letter_url()?)
            .message_body(&message.body)
            // A group of its own, so that listing is not blocked by another; the same id, so that repeating adds nothing.
            .message_group_id(&message.id)
            .message_deduplication_id(&message.id)
            .set_message_attributes(Some(attributes));
        request.send().await.map_err(|error| classify("sqs:SendMessage", &error))?;
        self.delete_one(&self.url, message.receipt.as_str()).await
    }

    async fn dead_letters(&self) -> Result<Vec<DeadLetter>, Error> {
        let hidden = self.hide_dead_letters().await?;
        self.show_again(&hidden).await?;
        let mut letters: Vec<_> = hidden.iter().map(read_dead_letter).collect();
        letters.sort_by_key(|letter| letter.dead_since);
        Ok(letters)
    }

    async fn redrive(&self, ids: Option<&[String]>) -> Result<usize, Error> {
        let hidden = self.hide_dead_letters().await?;
        let is_wanted = |letter: &SdkMessage| {
            let id = letter.message_id.as_deref().unwrap_or_default();
            ids.is_none_or(|ids| ids.iter().any(|wanted| wanted == id))
        };
        let (wanted, others): (Vec<_>, Vec<_>) = hidden.into_iter().partition(is_wanted);
        for letter in &wanted {
            self.revive(letter).await?;
        }
        self.show_again(&others).await?;
        Ok(wanted.len())
    }

    async fn depth(&self) -> Result<Depth, Error> {
        let (waiting, in_flight) = self.counts(&self.url).await?;
        let dead = match &self.dead_letter_url {
            Some(url) => {
                let (waiting, hidden) = self.counts(url).await?;
                waiting + hidden
            }
            None => 0,
        };
        Ok(Depth { waiting, in_flight, dead })
    }
}

/// Neither a URL nor an ARN.
fn is_fifo_name(queue: &str) -> bool {
    queue.ends_with(FIFO_SUFFIX) && !queue.contains(':')
}

/// Makes a queue and the queue of its dead letters, where that is missing too.
async fn create(
    client: &Client,
    queue: &str,
    dead_letter_queue: Option<&str>,
    max_receive_count: u32,
) -> Result<(), Error> {
    let stem = queue.strip_suffix(FIFO_SUFFIX).unwrap_or(queue);
    let own_name = format!("{stem}-dead{FIFO_SUFFIX}");
    let dead_letters = dead_letter_queue.unwrap_or(&own_name);
    let url = match find(client, dead_letters).await {
        Err(Error::NoSuchQueue { .. }) if is_fifo_name(dead_letters) => {
            create_one(client, dead_letters, None).await?
        }
        found => found?,
    };
    let request = client.get_queue_attributes().queue_url(&url);
    let answer = request.attribute_names(QueueAttributeName::QueueArn).send().await;
    let answer = answer.map_err(|error| classify("sqs:GetQueueAttributes", &error))?;
    let arn = answer.attributes.and_then(|mut it| it.remove(&QueueAttributeName::QueueArn));
    let arn = arn.ok_or_else(|| Error::NoSuchQueue { queue: dead_letters.to_owned() })?;
    let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": max_receive_count});
    create_one(client, queue, Some(policy.to_string())).await.map(drop)
}

async fn create_one(
    client: &Client,
    queue: &str,
    redrive_policy: Option<String>,
) -> Result<String, Error> {
    let request = client.create_queue().queue_name(queue);
    let request = request.attributes(QueueAttributeName::FifoQueue, "true");
    let request = match redrive_policy {
        Some(policy) => request.attributes(QueueAttributeName::RedrivePolicy, policy),
        None => request,
    };
    let answer = request.send().await.map_err(|error| classify("sqs:CreateQueue", &error))?;
    answer.queue_url.ok_or_else(|| Error::NoSuchQueue { queue: queue.to_owned() })
}

/// The URL of a queue that is given by URL, ARN or name.
async fn find(client: &Client, queue: &str) -> Result<String, Error> {
    let no_such_queue = || Error::NoSuchQueue { queue: queue.to_owned() };
    if !queue.ends_with(FIFO_SUFFIX) {
        return Err(no_such_queue());
    }
    if queue.starts_with("https://") || queue.starts_with("http://") {
        return Ok(queue.to_owned());
    }
    let mut parts = queue.rsplit(':');
    let name = parts.next().unwrap_or_default();
    let request = client.get_queue_url().queue_name(name);
    let request = request.set_queue_owner_aws_account_id(parts.next().map(str::to_owned));
    let answer = request.send().await;
    let answer = answer.map_err(|error| missing_or("sqs:GetQueueUrl", queue, &error))?;
    answer.queue_url.ok_or_else(no_such_queue)
}

/// The ARN of the dead-letter queue that the redrive policy names.
async fn redrive_target(client: &Client, url: &str, queue: &str) -> Result<Option<String>, Error> {
    let request = client.get_queue_attributes().queue_url(url);
    let answer = request.attribute_names(QueueAttributeName::RedrivePolicy).send().await;
    let answer = answer.map_err(|error| missing_or("sqs:GetQueueAttributes", queue, &error))?;
    let policy = answer.attributes.and_then(|mut it| it.remove(&QueueAttributeName::RedrivePolicy));
    let policy: Option<Value> = policy.and_then(|text| serde_json::from_str(&text).ok());
    Ok(policy.and_then(|it| Some(it.get("deadLetterTargetArn")?.as_str()?.to_owned())))
}

fn send_entry((index, entry): (usize, &Entry)) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(&entry.body)
        .message_group_id(&entry.group)
        .message_deduplication_id(&entry.deduplication_id)
        .build()
        .expect("id and body are given")
}

fn delete_entry((index, receipt): (usize, &Receipt)) -> DeleteMessageBatchRequestEntry {
    DeleteMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .receipt_handle(receipt.as_str())
        .build()
        .expect("id and receipt are given")
}

fn text_attribute(text: &str) -> MessageAttributeValue {
    // SQS refuses an empty text.
    let text = if text.is_empty() { "-" } else { text };
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(text)
        .build()
        .expect("the type is given")
}

fn failed_entry(first: usize, failed: &BatchResultErrorEntry) -> NotSent {
    let index = failed.id.parse::<usize>().unwrap_or_default();
    NotSent { index: first + index, reason: reason_of(failed) }
}

fn reason_of(failed: &BatchResultErrorEntry) -> String {
    format!("{}: {}", failed.code, failed.message.as_deref().unwrap_or("no message"))
}

fn not_sent(indices: std::ops::Range<usize>, reason: &str) -> Vec<NotSent> {
    indices.map(|index| NotSent { index, reason: reason.to_owned() }).collect()
}

/// SQS has two codes for a queue that is not there: of its JSON protocol and of the older one.
fn missing_or<E>(operation: &'static str, queue: &str, error: &SdkError<E>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    match classify(operation, error) {
        CallError::Refused { code, .. }
            if code.ends_with("QueueDoesNotExist") || code.ends_with("NonExistentQueue") =>
        {
            Error::NoSuchQueue { queue: queue.to_owned() }
        }
        other => other.into(),
    }
}

/// SQS says in several ways that a receipt is of an earlier delivery.
fn expired_or<E>(operation: &'static str, error: &SdkError<E>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    match classify(operation, error) {
        CallError::Refused { code, message, .. }
            if code.ends_with("ReceiptHandleIsInvalid")
                || code.ends_with("MessageNotInflight")
                || message.to_lowercase().contains("receipt handle") =>
        {
            Error::ReceiptExpired
        }
        other => other.into(),
    }
}

fn read_message(message: SdkMessage) -> Message {
    let system = |name| system_attribute(&message, &name).unwrap_or_default().to_owned();
    Message {
        group: system(System::MessageGroupId),
        deduplication_id: system(System::MessageDeduplicationId),
        receive_count: receive_count(&message),
        sent_at: instant(&message, &System::SentTimestamp),
        id: message.message_id.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        receipt: Receipt(message.receipt_handle.unwrap_or_default()),
    }
}

fn read_dead_letter(message: &SdkMessage) -> DeadLetter {
    let given = |name: &str| {
        let attributes = message.message_attributes.as_ref()?;
        attributes.get(name)?.string_value.clone()
    };
    let system = |name| system_attribute(message, &name).unwrap_or_default().to_owned();
    DeadLetter {
        id: message.message_id.clone().unwrap_or_default(),
        group: given(GROUP).unwrap_or_else(|| system(System::MessageGroupId)),
        deduplication_id: given(DEDUPLICATION_ID)
            .unwrap_or_else(|| system(System::MessageDeduplicationId)),
        body: message.body.clone().unwrap_or_default(),
        // Listing counts as receiving, so this can only say that it was received too often.
        reason: given(REASON).unwrap_or_else(|| reason_of_receives(receive_count(message))),
        dead_since: instant(message, &System::SentTimestamp),
    }
}

fn receive_count(message: &SdkMessage) -> u32 {
    let text = system_attribute(message, &System::ApproximateReceiveCount);
    text.and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn instant(message: &SdkMessage, name: &System) -> Timestamp {
    let ms = system_attribute(message, name).and_then(|text| text.parse().ok()).unwrap_or_default();
    Timestamp::from_millisecond(ms).unwrap_or_default()
}

fn system_attribute<'a>(message: &'a SdkMessage, name: &System) -> Option<&'a str> {
    message.attributes.as_ref()?.get(name).map(String::as_str)
}

/// Rounded up: a time-out that ends early would deliver a message twice.
fn whole_seconds(duration: Duration) -> i32 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    i32::try_from(seconds).unwrap_or(i32::MAX)
}
