//! The actions on the messages of a queue.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use rusqlite::params;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use stepwell_aws_wire::ServiceError;

use super::digest::{self, Attributes};
use super::service::{Done, EmbeddedQueues, Turn, name_of, seconds, settings as settings_of};
use super::settings::{MESSAGE_BYTES_MAX, Settings, invalid_value, missing};
use super::store::{
    Delivery, Grave, Outgoing, Received, Redrive, Sent, delete, forget_old_ids, insert,
    milliseconds, set_visibility, take, wait_for,
};
use super::{Receipt, Receive, is_fifo_id};
use crate::members::{Members, members_of};
use crate::service::{read, written};

/// Entries of a batch and messages of an answer.
const CALL_MAX: usize = 10;
const VISIBILITY_SECONDS_MAX: u64 = 43_200;
const DELAY_SECONDS_MAX: u64 = 900;
const WAIT_SECONDS_MAX: u64 = 20;

/// Expired messages that are forgotten at once.
const FORGOTTEN_MAX: u32 = 1_000;

/// What is sent, alone or in a batch.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SendMessage {
    queue_url: Option<String>,
    message_body: Option<String>,
    delay_seconds: Option<i64>,
    #[serde(default)]
    message_attributes: Attributes,
    #[serde(default)]
    message_system_attributes: Attributes,
    message_deduplication_id: Option<String>,
    message_group_id: Option<String>,
}

/// `SendMessage`
pub(super) async fn send(queues: &EmbeddedQueues, input: Value) -> Result<Value, ServiceError> {
    let message: SendMessage = read(input)?;
    if message.message_body.is_none() {
        return Err(missing("MessageBody"));
    }
    let name = name_of(message.queue_url.as_deref())?;
    let sent = queues
        .change_queue(name.clone(), move |turn, name, settings| {
            forget_old_ids(turn.transaction, name, turn.now)?;
            message.send(turn, name, &settings)
        })
        .await?;
    queues.arrivals.notify(&name);
    Ok(sent)
}

impl SendMessage {
    fn size(&self) -> usize {
        let attributes =
            self.message_attributes.iter().map(|(name, value)| name.len() + value.size());
        self.message_body.as_ref().map_or(0, String::len) + attributes.sum::<usize>()
    }

    fn send(&self, turn: &Turn<'_>, queue: &str, settings: &Settings) -> Done<Value> {
        let checked = self.check(settings).and_then(|()| self.due(turn.now, settings));
        let (visible_ms, deduplication_id) =
            match checked.and_then(|due| Ok((due, self.deduplication_id(settings)?))) {
                Ok(checked) => checked,
                Err(error) => return Ok(Err(error)),
            };
        let body = self.message_body.as_deref().unwrap_or_default();
        let attributes = (!self.message_attributes.is_empty())
            .then(|| json!(self.message_attributes).to_string());
        let trace_header = self
            .message_system_attributes
            .get("AWSTraceHeader")
            .and_then(|it| it.string_value.as_deref());
        let sent = insert(
            turn.transaction,
            queue,
            turn.now,
            &Outgoing {
                group: self.message_group_id.as_deref().filter(|_| settings.is_fifo()),
                fair_group: self.message_group_id.as_deref().filter(|_| !settings.is_fifo()),
                deduplication_id: deduplication_id.as_deref(),
                body,
                attributes: attributes.as_deref(),
                trace_header,
                visible_ms,
            },
        )?;
        Ok(Ok(self.answer(&sent, settings)))
    }

    fn answer(&self, sent: &Sent, settings: &Settings) -> Value {
        let mut answer = json!({"MD5OfMessageBody": digest::of_text(self.message_body.as_deref().unwrap_or_default())});
        if let Some(md5) = digest::of_attributes(&self.message_attributes) {
            answer["MD5OfMessageAttributes"] = json!(md5);
        }
        if let Some(md5) = digest::of_attributes(&self.message_system_attributes) {
            answer["MD5OfMessageSystemAttributes"] = json!(md5);
        }
        answer["MessageId"] = json!(sent.message_id);
        if settings.is_fifo() {
            answer["SequenceNumber"] = json!(sequence_number(sent.sequence));
        }
        answer
    }

    fn check(&self, settings: &Settings) -> Result<(), ServiceError> {
        let body = self.message_body.as_deref().unwrap_or_default();
        if body.is_empty() {
            return Err(missing("MessageBody"));
        }
        let is_allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
        if !body.chars().all(is_allowed) {
            let message = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD \
                | #x10000 to #x10FFFF";
            return Err(ServiceError::sender("InvalidMessageContents", message));
        }
        let max = settings.message_bytes_max();
        if self.size() > max {
            return Err(invalid_value(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {max} bytes."
            )));
        }
        digest::check(&self.message_attributes)?;
        digest::check(&self.message_system_attributes)?;
        if let Some(other) =
            self.message_system_attributes.keys().find(|name| *name != "AWSTraceHeader")
        {
            return Err(invalid_value(format!(
                "Message system attribute name '{other}' is invalid."
            )));
        }
        self.check_fifo(settings)
    }

    fn check_fifo(&self, settings: &Settings) -> Result<(), ServiceError> {
        let ids = [
            ("MessageGroupId", &self.message_group_id),
            ("MessageDeduplicationId", &self.message_deduplication_id),
        ];
        for (parameter, id) in ids {
            if let Some(id) = id.as_ref().filter(|id| !is_fifo_id(id)) {
                return Err(invalid_value(format!(
                    "Value {id} for parameter {parameter} is invalid. Reason: {parameter} can only include alphanumeric and \
                     punctuation characters. 1 to 128 in length."
                )));
            }
        }
        if settings.is_fifo() && self.message_group_id.is_none() {
            return Err(missing("MessageGroupId"));
        }
        if !settings.is_fifo() && self.message_deduplication_id.is_some() {
            let id = self.message_deduplication_id.as_deref().unwrap_or_default();
            return Err(invalid_value(format!(
                "Value {id} for parameter MessageDeduplicationId is invalid. Reason: The request includes a parameter that is not \
                 valid for this queue type."
            )));
        }
        Ok(())
    }

    fn deduplication_id(&self, settings: &Settings) -> Result<Option<String>, ServiceError> {
        match &self.message_deduplication_id {
            _ if !settings.is_fifo() => Ok(None),
            Some(id) => Ok(Some(id.clone())),
            None if settings.is_content_based() => {
                let body = self.message_body.as_deref().unwrap_or_default();
                Ok(Some(hex::encode(Sha256::digest(body))))
            }
            None => Err(invalid_value(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
            )),
        }
    }

    /// Until when it is kept back.
    fn due(&self, now: i64, settings: &Settings) -> Result<i64, ServiceError> {
        if let Some(delay) = self.delay_seconds.filter(|delay| settings.is_fifo() && *delay != 0) {
            return Err(invalid_value(format!(
                "Value {delay} for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for \
                 this queue type."
            )));
        }
        let delay =
            seconds("DelaySeconds", self.delay_seconds, DELAY_SECONDS_MAX, settings.delay())?;
        Ok(if delay.is_zero() { 0 } else { now + milliseconds(delay) })
    }
}

/// Twenty digits, larger for what was sent later.
fn sequence_number(sequence: i64) -> String {
    format!("1885{sequence:016}")
}

/// A batch of entries, each with an `Id`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Batch {
    queue_url: Option<String>,
    #[serde(default)]
    entries: Vec<Value>,
}

impl Batch {
    /// The name of the queue, and the entries with their ids.
    fn read<T: serde::de::DeserializeOwned>(
        input: Value,
        kind: &str,
    ) -> Result<(String, Vec<(String, T)>), ServiceError> {
        let Self { queue_url, entries } = read(input)?;
        let name = name_of(queue_url.as_deref())?;
        check_ids(&entries, kind)?;
        let entry = |mut value: Value| -> Result<_, ServiceError> {
            let id = value["Id"].take().as_str().unwrap_or_default().to_owned();
            value.as_object_mut().map(|members| members.remove("Id"));
            Ok((id, read(value)?))
        };
        Ok((name, entries.into_iter().map(entry).collect::<Result<_, _>>()?))
    }
}

fn check_ids(entries: &[Value], kind: &str) -> Result<(), ServiceError> {
    let error = |code: &'static str, query: &'static str, message: String| {
        Err(ServiceError::sender(code, message).with_query_code(query))
    };
    if entries.is_empty() {
        let message = format!("There should be at least one {kind} in the request.");
        return error("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", message);
    }
    if entries.len() > CALL_MAX {
        let message = format!(
            "Maximum number of entries per request are 10. You have sent {}.",
            entries.len()
        );
        return error(
            "TooManyEntriesInBatchRequest",
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            message,
        );
    }
    let mut seen = HashSet::new();
    for entry in entries {
        let id = entry["Id"].as_str().ok_or_else(|| missing(&format!("{kind}.1.Id")))?;
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        if !(1..=80).contains(&id.len()) || !id.chars().all(is_allowed) {
            let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 \
                letters long.";
            return error(
                "InvalidBatchEntryId",
                "AWS.SimpleQueueService.InvalidBatchEntryId",
                message.to_owned(),
            );
        }
        if !seen.insert(id) {
            return error(
                "BatchEntryIdsNotDistinct",
                "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
                format!("Id {id} repeated."),
            );
        }
    }
    Ok(())
}

/// `{"Successful": [{"Id": "a", ..}], "Failed": [{"Id": "b", "Code": "..", "Message": "..", "SenderFault": true}]}`
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct BatchAnswer {
    successful: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<Value>,
}

impl BatchAnswer {
    fn push(&mut self, id: &str, outcome: Result<Value, ServiceError>) {
        match outcome {
            Ok(answer) => {
                let mut entry = Map::from_iter([("Id".to_owned(), json!(id))]);
                entry.extend(answer.as_object().cloned().unwrap_or_default());
                self.successful.push(Value::Object(entry));
            }
            Err(error) => self.failed.push(json!({
                "Id": id, "Code": error.query_code(), "Message": error.message, "SenderFault": error.status < 500,
            })),
        }
    }
}

/// `SendMessageBatch`
pub(super) async fn send_batch(
    queues: &EmbeddedQueues,
    input: Value,
) -> Result<Value, ServiceError> {
    let (name, entries) = Batch::read::<SendMessage>(input, "SendMessageBatchRequestEntry")?;
    let bytes: usize = entries.iter().map(|(_, entry)| entry.size()).sum();
    if bytes > MESSAGE_BYTES_MAX as usize {
        let message = format!(
            "Batch requests cannot be longer than {MESSAGE_BYTES_MAX} bytes. You have sent {bytes} bytes."
        );
        let error = ServiceError::sender("BatchRequestTooLong", message);
        return Err(error.with_query_code("AWS.SimpleQueueService.BatchRequestTooLong"));
    }
    let answer = queues
        .change_queue(name.clone(), move |turn, name, settings| {
            forget_old_ids(turn.transaction, name, turn.now)?;
            each(&entries, |entry| entry.send(turn, name, &settings))
        })
        .await?;
    queues.arrivals.notify(&name);
    Ok(answer)
}

fn each<T>(entries: &[(String, T)], mut act: impl FnMut(&T) -> Done<Value>) -> Done<Value> {
    let mut answer = BatchAnswer::default();
    for (id, entry) in entries {
        answer.push(id, act(entry)?);
    }
    Ok(Ok(written(&answer)))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ReceiveMessage {
    queue_url: Option<String>,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
}

/// `ReceiveMessage`, also with a long poll.
pub(super) async fn receive(queues: &EmbeddedQueues, input: Value) -> Result<Value, ServiceError> {
    let request: ReceiveMessage = read(input)?;
    let name = name_of(request.queue_url.as_deref())?;
    let settings = queues.change_queue(name.clone(), |_, _, settings| Ok(Ok(settings))).await?;
    let max = request.max_number_of_messages.unwrap_or(1);
    let max = usize::try_from(max).ok().filter(|max| (1..=CALL_MAX).contains(max)).ok_or_else(|| {
        invalid_value(format!(
            "Value {max} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
        ))
    })?;
    let wanted = Receive {
        max,
        visibility: seconds(
            "VisibilityTimeout",
            request.visibility_timeout,
            VISIBILITY_SECONDS_MAX,
            settings.visibility(),
        )?,
        wait: seconds(
            "WaitTimeSeconds",
            request.wait_time_seconds,
            WAIT_SECONDS_MAX,
            settings.wait(),
        )?,
    };
    let arrived = queues.arrivals.of(&name);
    let look = async || {
        if !queues.has_deliverable(name.clone()).await? {
            return Ok(Vec::new());
        }
        queues
            .change_queue(name.clone(), move |turn, name, settings| {
                receive_now(turn, name, &settings, wanted)
            })
            .await
    };
    let found = wait_for(&arrived, wanted.wait, look).await?;
    let messages: Vec<_> =
        found.iter().map(|message| request.shown(queues, message, &settings)).collect();
    Ok(if messages.is_empty() { json!({}) } else { json!({"Messages": messages}) })
}

fn receive_now(
    turn: &Turn<'_>,
    queue: &str,
    settings: &Settings,
    wanted: Receive,
) -> Done<Vec<Received>> {
    forget_expired(turn, queue, settings.retention())?;
    let redrive = match settings.redrive() {
        // A dead-letter queue that was deleted takes nothing: messages stay where they are.
        Some((name, max_receive_count)) => settings_of(turn, &name)?.map(|_| Redrive {
            max_receive_count,
            to: Grave::Queue { name, keeps_age: !settings.is_fifo() },
        }),
        None => None,
    };
    take(turn.transaction, queue, turn.now, wanted, redrive.as_ref()).map(Ok)
}

/// The oldest ones, as far as their time is over.
fn forget_expired(turn: &Turn<'_>, queue: &str, retention: Duration) -> rusqlite::Result<usize> {
    let sql = "DELETE FROM message WHERE sent_ms <= ?1 AND sequence IN (
        SELECT sequence FROM message WHERE queue = ?2 ORDER BY sequence LIMIT ?3)";
    let until = turn.now - milliseconds(retention);
    turn.transaction.prepare_cached(sql)?.execute(params![until, queue, FORGOTTEN_MAX])
}

impl ReceiveMessage {
    fn shown(&self, queues: &EmbeddedQueues, message: &Received, settings: &Settings) -> Value {
        let mut shown = json!({
            "MessageId": message.message_id,
            "ReceiptHandle": handle(&message.receipt()),
            "MD5OfBody": digest::of_text(&message.body),
            "Body": message.body,
        });
        let system: BTreeMap<_, _> = system_attributes(queues, message, settings)
            .into_iter()
            .filter(|(name, _)| self.wants_system(name))
            .collect();
        if !system.is_empty() {
            shown["Attributes"] = written(&system);
        }
        let attributes = message
            .attributes
            .as_deref()
            .and_then(|text| serde_json::from_str::<Attributes>(text).ok());
        let attributes: Attributes = attributes
            .unwrap_or_default()
            .into_iter()
            .filter(|(name, _)| self.wants(name))
            .collect();
        if let Some(md5) = digest::of_attributes(&attributes) {
            shown["MD5OfMessageAttributes"] = json!(md5);
            shown["MessageAttributes"] = written(&attributes);
        }
        shown
    }

    fn wants_system(&self, name: &str) -> bool {
        let names = self.attribute_names.iter().chain(&self.message_system_attribute_names);
        names.into_iter().any(|wanted| wanted == "All" || wanted == name)
    }

    /// By name, by all names, or by what they begin with: `foo.*`.
    fn wants(&self, name: &str) -> bool {
        self.message_attribute_names.iter().any(|wanted| match wanted.strip_suffix(".*") {
            Some(prefix) => name.starts_with(prefix),
            None => wanted == "All" || wanted == ".*" || wanted == name,
        })
    }
}

fn system_attributes(
    queues: &EmbeddedQueues,
    message: &Received,
    settings: &Settings,
) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("SenderId", queues.place.account.clone()),
        ("SentTimestamp", message.sent_at.as_millisecond().to_string()),
        ("ApproximateReceiveCount", message.receive_count.to_string()),
        (
            "ApproximateFirstReceiveTimestamp",
            message.first_received_ms.unwrap_or_default().to_string(),
        ),
    ];
    if settings.is_fifo() {
        all.push(("MessageGroupId", message.group.clone()));
        all.push(("MessageDeduplicationId", message.deduplication_id.clone()));
        all.push(("SequenceNumber", sequence_number(message.sequence)));
    }
    if let Some(group) = &message.fair_group {
        all.push(("MessageGroupId", group.clone()));
    }
    if let Some(header) = &message.trace_header {
        all.push(("AWSTraceHeader", header.clone()));
    }
    if let Some(source) = &message.dead_letter_source {
        all.push(("DeadLetterQueueSourceArn", queues.place.arn("sqs", source)));
    }
    all
}

/// What callers see of a receipt; nothing that they should take apart.
fn handle(receipt: &Receipt) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(receipt.as_str())
}

fn receipt(handle: Option<&str>) -> Result<Receipt, ServiceError> {
    use base64::Engine as _;
    let handle = handle.ok_or_else(|| missing("ReceiptHandle"))?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(handle).ok();
    let receipt = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).map(Receipt::from);
    receipt.filter(|it| Delivery::of(it).is_some()).ok_or_else(|| {
        ServiceError::sender(
            "ReceiptHandleIsInvalid",
            format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
        )
    })
}

/// A receipt, alone or in a batch.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OfMessage {
    queue_url: Option<String>,
    receipt_handle: Option<String>,
    visibility_timeout: Option<i64>,
}

impl OfMessage {
    fn delete(&self, turn: &Turn<'_>, queue: &str, settings: &Settings) -> Done<Value> {
        let handle = self.receipt_handle.as_deref();
        let receipt = match receipt(handle) {
            Ok(receipt) => receipt,
            Err(error) => return Ok(Err(error)),
        };
        let in_flight_at = settings.is_fifo().then_some(turn.now);
        let is_gone = delete(turn.transaction, queue, in_flight_at, &receipt)?;
        // A standard queue takes an old receipt for good and keeps the message.
        if is_gone || !settings.is_fifo() {
            return Ok(Ok(json!({})));
        }
        Ok(Err(invalid_value(format!(
            "Value {} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
            handle.unwrap_or_default()
        ))))
    }

    fn change_visibility(&self, turn: &Turn<'_>, queue: &str) -> Done<Value> {
        let handle = self.receipt_handle.as_deref();
        let timeout = self.visibility_timeout.ok_or_else(|| missing("VisibilityTimeout"));
        let timeout = timeout.and_then(|timeout| {
            seconds("VisibilityTimeout", Some(timeout), VISIBILITY_SECONDS_MAX, Duration::ZERO)
        });
        let (receipt, timeout) = match receipt(handle).and_then(|receipt| Ok((receipt, timeout?))) {
            Ok(checked) => checked,
            Err(error) => return Ok(Err(error)),
        };
        if set_visibility(turn.transaction, queue, turn.now, &receipt, timeout)? {
            return Ok(Ok(json!({})));
        }
        Ok(Err(invalid_value(format!(
            "Value {} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility \
             timeout change.",
            handle.unwrap_or_default()
        ))))
    }
}

/// `DeleteMessage`
pub(super) async fn delete_message(
    queues: &EmbeddedQueues,
    input: Value,
) -> Result<Value, ServiceError> {
    let request: OfMessage = read(input)?;
    let name = name_of(request.queue_url.as_deref())?;
    let done = queues
        .change_queue(name.clone(), move |turn, name, settings| {
            request.delete(turn, name, &settings)
        })
        .await;
    queues.arrivals.notify(&name);
    done
}

/// `DeleteMessageBatch`
pub(super) async fn delete_message_batch(
    queues: &EmbeddedQueues,
    input: Value,
) -> Result<Value, ServiceError> {
    let (name, entries) = Batch::read::<OfMessage>(input, "DeleteMessageBatchRequestEntry")?;
    let done = queues.change_queue(name.clone(), move |turn, name, settings| {
        each(&entries, |entry| entry.delete(turn, name, &settings))
    });
    let done = done.await;
    queues.arrivals.notify(&name);
    done
}

/// `ChangeMessageVisibility`
pub(super) async fn change_visibility(
    queues: &EmbeddedQueues,
    input: Value,
) -> Result<Value, ServiceError> {
    let request: OfMessage = read(input)?;
    let name = name_of(request.queue_url.as_deref())?;
    let done = queues
        .change_queue(name.clone(), move |turn, name, _| request.change_visibility(turn, name))
        .await;
    queues.arrivals.notify(&name);
    done
}

/// `ChangeMessageVisibilityBatch`
pub(super) async fn change_visibility_batch(
    queues: &EmbeddedQueues,
    input: Value,
) -> Result<Value, ServiceError> {
    let (name, entries) =
        Batch::read::<OfMessage>(input, "ChangeMessageVisibilityBatchRequestEntry")?;
    let done = queues.change_queue(name.clone(), move |turn, name, _| {
        each(&entries, |entry| entry.change_visibility(turn, name))
    });
    let done = done.await;
    queues.arrivals.notify(&name);
    done
}

/// The members of its actions.
pub(super) fn members(action: &str) -> Option<Members> {
    Some(match action {
        "SendMessage" => members_of::<SendMessage>(),
        "SendMessageBatch" | "DeleteMessageBatch" | "ChangeMessageVisibilityBatch" => {
            members_of::<Batch>()
        }
        "ReceiveMessage" => members_of::<ReceiveMessage>(),
        "DeleteMessage" | "ChangeMessageVisibility" => members_of::<OfMessage>(),
        _ => return None,
    })
}
