//! `stepwell-lake-apply-changes`: the function that Lambda calls with a batch of a Kinesis stream.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stepwell_pipeline::{Context, Function, HandlerError};

use super::Streams;
use super::landing::Landing;
use super::take::{Record, ShardOf, take_in_order};

/// Takes the records of a Kinesis event in: into the inbox, or, where there is a landing, as a batch into that.
///
/// Its event source mapping has `ReportBatchItemFailures`. A record that is no change is kept in quarantine and not
/// reported: it would fail again.
pub(in super::super) struct ApplyChanges {
    pub(in super::super) streams: Arc<Streams>,
}

/// `{"Records": [{"kinesis": {"sequenceNumber": "4959…", "data": "<base64>", "approximateArrivalTimestamp": 1700000000.5},
/// "eventID": "shardId-000000000006:4959…", "eventSourceARN": "arn:…:stream/orders"}]}`
///
/// Source: AWS Lambda developer guide, "Using Lambda to process records from Amazon Kinesis Data Streams".
#[derive(Deserialize)]
pub(in super::super) struct Event {
    #[serde(rename = "Records")]
    records: Vec<EventRecord>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventRecord {
    kinesis: KinesisPart,
    #[serde(rename = "eventID", default)]
    event_id: String,
    #[serde(rename = "eventSourceARN", default)]
    event_source_arn: String,
}

/// `{"sequenceNumber": "4959…", "data": "<base64>", "approximateArrivalTimestamp": 1700000000.5}`
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KinesisPart {
    pub(super) sequence_number: String,
    data: String,
    approximate_arrival_timestamp: Option<f64>,
}

/// `{"batchItemFailures": [{"itemIdentifier": "4959…"}]}`: the record from which on Lambda sends again; empty if there is
/// none.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct Outcome {
    batch_item_failures: Vec<ItemFailure>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemFailure {
    item_identifier: String,
}

#[async_trait]
impl Function for ApplyChanges {
    type Input = Event;
    type Output = Outcome;

    fn name(&self) -> &'static str {
        "stepwell-lake-apply-changes"
    }

    async fn call(&self, event: Event, _ctx: &Context) -> Result<Outcome, HandlerError> {
        self.streams.check()?;
        let failed = match self.streams.landing() {
            Some(landing) => laid(&landing, event).await?,
            None => self.taken_in(event).await?,
        };
        let failures = failed.into_iter().map(|item_identifier| ItemFailure { item_identifier });
        Ok(Outcome { batch_item_failures: failures.collect() })
    }
}

impl ApplyChanges {
    /// Takes the records into the inbox, and gives the first that was not.
    async fn taken_in(&self, event: Event) -> Result<Option<String>, HandlerError> {
        let changes = self.streams.changes().await?;
        let mut failed = None;
        for (shard, records) in by_shard(event) {
            let records: Vec<_> = records.into_iter().map(KinesisPart::into_record).collect();
            if let Err(failure) = take_in_order(&changes, &shard, &records, false).await {
                let sequence = records[failure.index].sequence.clone();
                failed = Some(reported(failed, &shard, sequence, failure.error)?);
            }
        }
        self.streams.reread(&changes.inbox).await;
        Ok(failed)
    }
}

/// Lays the records for the consumer, and gives the first that was not.
async fn laid(landing: &Landing, event: Event) -> Result<Option<String>, HandlerError> {
    let mut failed = None;
    for (shard, records) in by_shard(event) {
        if let Err(error) = landing.lay(&shard, &records).await {
            let sequence = records[0].sequence_number.clone();
            failed = Some(reported(failed, &shard, sequence, error)?);
        }
    }
    Ok(failed)
}

/// Tells a failure, and gives the record from which on Lambda sends again. What a repeat does not mend fails the whole
/// invocation.
fn reported(
    earlier: Option<String>,
    shard: &ShardOf,
    sequence: String,
    error: HandlerError,
) -> Result<String, HandlerError> {
    let ShardOf { stream, shard } = shard;
    tracing::error!(stream, shard, sequence, %error, "records were not taken in");
    if let HandlerError::Config(_) = error {
        return Err(error);
    }
    Ok(earlier.map_or(sequence.clone(), |other| lower(other, sequence)))
}

/// The records of each shard, in their order. A batch has one shard; nothing is lost if it has more.
fn by_shard(event: Event) -> Vec<(ShardOf, Vec<KinesisPart>)> {
    let mut shards: Vec<(ShardOf, Vec<KinesisPart>)> = Vec::new();
    for record in event.records {
        let stream = super::stream_name(&record.event_source_arn).to_owned();
        let shard = record.event_id.split_once(':').map_or("", |(shard, _)| shard).to_owned();
        let shard = ShardOf { stream, shard };
        let record = record.kinesis;
        match shards.iter_mut().find(|(it, _)| *it == shard) {
            Some((_, records)) => records.push(record),
            None => shards.push((shard, vec![record])),
        }
    }
    shards
}

impl KinesisPart {
    pub(super) fn into_record(self) -> Record {
        let arrived_at = self.approximate_arrival_timestamp.map(|seconds| (seconds * 1e6) as i64);
        Record {
            sequence: self.sequence_number,
            data: BASE64.decode(&self.data).map_err(|_| self.data),
            arrived_at: arrived_at.and_then(|it| Timestamp::from_microsecond(it).ok()),
        }
    }
}

/// Sequence numbers are long integers.
fn lower(one: String, other: String) -> String {
    if (one.len(), &one) <= (other.len(), &other) { one } else { other }
}
