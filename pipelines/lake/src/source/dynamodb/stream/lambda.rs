//! `stepwell-lake-apply-changes`: the function that Lambda calls with a batch of a Kinesis stream.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stepwell_pipeline::{Context, Function, HandlerError};

use super::Streams;
use super::take::{Record, ShardOf, take_in_order};

/// Takes the records of a Kinesis event in.
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KinesisPart {
    sequence_number: String,
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
        let changes = self.streams.changes().await?;
        let mut failed: Option<String> = None;
        for (shard, records) in by_shard(event) {
            if let Err(failure) = take_in_order(&changes, &shard, &records, false).await {
                let sequence = records[failure.index].sequence.clone();
                tracing::error!(stream = shard.stream, shard = shard.shard, sequence, error = %failure.error, "records were not taken in");
                if let error @ HandlerError::Config(_) = failure.error {
                    return Err(error);
                }
                failed = Some(failed.map_or(sequence.clone(), |other| lower(other, sequence)));
            }
        }
        let failures = failed.into_iter().map(|item_identifier| ItemFailure { item_identifier });
        Ok(Outcome { batch_item_failures: failures.collect() })
    }
}

/// The records of each shard, in their order. A batch has one shard; nothing is lost if it has more.
fn by_shard(event: Event) -> Vec<(ShardOf, Vec<Record>)> {
    let mut shards: Vec<(ShardOf, Vec<Record>)> = Vec::new();
    for record in event.records {
        let stream = super::stream_name(&record.event_source_arn).to_owned();
        let shard = record.event_id.split_once(':').map_or("", |(shard, _)| shard).to_owned();
        let shard = ShardOf { stream, shard };
        let record = record.kinesis.into_record();
        match shards.iter_mut().find(|(it, _)| *it == shard) {
            Some((_, records)) => records.push(record),
            None => shards.push((shard, vec![record])),
        }
    }
    shards
}

impl KinesisPart {
    fn into_record(self) -> Record {
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
