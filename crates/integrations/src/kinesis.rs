//! Streams of Kinesis, for who consumes them: shards, iterators, records.
//!
//! There is no embedded stream. Reading is limited to five calls a second and 2 MB a second for each shard; what exceeds it is
//! tried again and then [`CallError::Throttled`].

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::{CallError, Connection, JsonClient, Service};

/// For operations that [`Kinesis`] does not have.
pub const SERVICE: Service = Service {
    id: "Kinesis",
    signing_name: "kinesis",
    target_prefix: "Kinesis_20131202",
    json_version: "1.1",
};

/// Records of one answer at most. Source: Kinesis API reference, `GetRecords`.
pub const RECORDS_MAX: usize = 10_000;

/// Records of one call. Source: Kinesis API reference, `PutRecords`.
const PUT_MAX: usize = 500;

/// The streams of one account and region, each by its name or ARN. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Kinesis {
    client: JsonClient,
}

/// A stream as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Stream {
    /// `arn:aws:kinesis:eu-central-1:123456789012:stream/orders`
    #[serde(rename = "StreamARN")]
    pub arn: String,
    /// `CREATING`, `DELETING`, `ACTIVE`, `UPDATING`
    #[serde(rename = "StreamStatus")]
    pub status: String,
    /// How long records are kept.
    pub retention_period_hours: u32,
}

/// A part of a stream, in which order holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Shard {
    /// `shardId-000000000006`
    #[serde(rename = "ShardId")]
    pub id: String,
    /// The shard it was split off or merged into it: to be read to its end first.
    #[serde(rename = "ParentShardId")]
    pub parent: Option<String>,
    /// The other one of a merge.
    #[serde(rename = "AdjacentParentShardId")]
    pub adjacent_parent: Option<String>,
    /// Its first and, once it is closed, its last sequence number.
    #[serde(rename = "SequenceNumberRange")]
    pub sequence_numbers: SequenceNumbers,
}

impl Shard {
    /// The shards that were split or merged to make this one.
    pub fn parents(&self) -> impl Iterator<Item = &str> {
        self.parent.iter().chain(&self.adjacent_parent).map(String::as_str)
    }

    /// Whether nothing is added to it any more.
    pub fn is_closed(&self) -> bool {
        self.sequence_numbers.ending_sequence_number.is_some()
    }
}

/// From which to which record, decimal numbers of up to 128 bits as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SequenceNumbers {
    /// The first.
    pub starting_sequence_number: String,
    /// The last, once the shard is closed.
    pub ending_sequence_number: Option<String>,
}

/// Where reading a shard starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// With the oldest record that is kept.
    TrimHorizon,
    /// With the next one that comes.
    Latest,
    /// With the first that came at this time or later.
    AtTimestamp(Timestamp),
    /// With this record.
    AtSequenceNumber(String),
    /// Behind this record.
    AfterSequenceNumber(String),
}

/// What one call of a shard gives.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Records {
    /// In their order; perhaps none, which does not mean that there are no more.
    pub records: Vec<Record>,
    /// For the next call; none at the end of a closed shard.
    #[serde(rename = "NextShardIterator")]
    pub next: Option<String>,
    /// How far behind the newest record this answer is: 0 if there is nothing more now.
    #[serde(rename = "MillisBehindLatest", default)]
    pub milliseconds_behind: u64,
}

/// A record of a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Record {
    /// A decimal number as text, growing within the shard.
    pub sequence_number: String,
    /// What decided on the shard.
    pub partition_key: String,
    /// When the stream got it, in seconds since 1970 with fractions.
    #[serde(rename = "ApproximateArrivalTimestamp", default)]
    pub arrived_at_seconds: f64,
    /// What was put.
    #[serde(with = "crate::base64_text")]
    pub data: Vec<u8>,
}

/// What is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// 1 to 256 characters; records with one key go to one shard, in order.
    pub partition_key: String,
    /// Up to 1 MiB, key included.
    pub data: Vec<u8>,
}

/// What a stream can fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `ResourceNotFoundException`
    #[error(
        "there is no stream or shard `{name}` in this account and region; create it or correct its name"
    )]
    NotFound {
        /// As it was named.
        name: String,
    },
    /// `ExpiredIteratorException`: more than five minutes have passed. Get one behind the last record that was read.
    #[error("the shard iterator has expired; get a new one behind the last record that was read")]
    ExpiredIterator,
    /// Some records were not put.
    #[error("{failed} of the records were not put, one of them because of {reason}; put all again")]
    NotPut {
        /// How many.
        failed: usize,
        /// Of the first of them.
        reason: String,
    },
    /// AWS could not be used.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Error {
    /// Whether the same may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Call(error) => error.is_retryable(),
            Self::NotPut { .. } => true,
            Self::NotFound { .. } | Self::ExpiredIterator => false,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Shards {
    shards: Vec<Shard>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FirstIterator {
    shard_iterator: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    stream_description_summary: Stream,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    failed_record_count: usize,
    records: Vec<PutResult>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutResult {
    error_code: Option<String>,
}

impl Kinesis {
    /// Connects nowhere yet.
    pub fn new(connection: &Connection) -> Self {
        Self { client: JsonClient::new(connection, SERVICE) }
    }

    /// What a stream is like.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Call`]
    pub async fn describe(&self, stream: &str) -> Result<Stream, Error> {
        let input = named(stream);
        let answer: Summary = self.call("kinesis:DescribeStreamSummary", stream, &input).await?;
        Ok(answer.stream_description_summary)
    }

    /// All shards of a stream whose records are not all forgotten, closed ones included.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Call`]
    pub async fn list_shards(&self, stream: &str) -> Result<Vec<Shard>, Error> {
        let mut shards = Vec::new();
        let mut input = named(stream);
        loop {
            let page: Shards = self.call("kinesis:ListShards", stream, &input).await?;
            shards.extend(page.shards);
            match page.next_token {
                // The token stands for the stream; both together are refused.
                Some(token) => input = json!({"NextToken": token}),
                None => return Ok(shards),
            }
        }
    }

    /// Where reading a shard starts, for [`Kinesis::get_records`]; good for five minutes.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Call`]
    pub async fn shard_iterator(
        &self,
        stream: &str,
        shard: &str,
        position: &Position,
    ) -> Result<String, Error> {
        let mut input = named(stream);
        input["ShardId"] = json!(shard);
        let kind = match position {
            Position::TrimHorizon => "TRIM_HORIZON",
            Position::Latest => "LATEST",
            Position::AtTimestamp(at) => {
                input["Timestamp"] = json!(at.as_millisecond() as f64 / 1000.0);
                "AT_TIMESTAMP"
            }
            Position::AtSequenceNumber(number) => {
                input["StartingSequenceNumber"] = json!(number);
                "AT_SEQUENCE_NUMBER"
            }
            Position::AfterSequenceNumber(number) => {
                input["StartingSequenceNumber"] = json!(number);
                "AFTER_SEQUENCE_NUMBER"
            }
        };
        input["ShardIteratorType"] = json!(kind);
        let answer: FirstIterator = self.call("kinesis:GetShardIterator", shard, &input).await?;
        Ok(answer.shard_iterator)
    }

    /// The next records, up to `limit` ([`RECORDS_MAX`]) and 10 MB.
    ///
    /// # Errors
    /// [`Error::ExpiredIterator`], [`Error::Call`]; nothing is lost, the same iterator can be used again.
    pub async fn get_records(&self, iterator: &str, limit: usize) -> Result<Records, Error> {
        let input = json!({"ShardIterator": iterator, "Limit": limit.clamp(1, RECORDS_MAX)});
        self.call("kinesis:GetRecords", "of the iterator", &input).await
    }

    /// Puts any number of records; the order of those with one key is that of the list.
    ///
    /// # Errors
    /// [`Error::NotPut`]: some are put, and putting all again puts them twice. [`Error::NotFound`], [`Error::Call`].
    pub async fn put_records(&self, stream: &str, records: &[NewRecord]) -> Result<(), Error> {
        for chunk in records.chunks(PUT_MAX) {
            let entries: Vec<_> = chunk.iter().map(entry).collect();
            let mut input = named(stream);
            input["Records"] = json!(entries);
            let answer: Put = self.call("kinesis:PutRecords", stream, &input).await?;
            if answer.failed_record_count > 0 {
                let reason = answer.records.into_iter().find_map(|record| record.error_code);
                let (failed, reason) = (answer.failed_record_count, reason.unwrap_or_default());
                return Err(Error::NotPut { failed, reason });
            }
        }
        Ok(())
    }

    async fn call<T: serde::de::DeserializeOwned>(
        &self,
        operation: &'static str,
        name: &str,
        input: &Value,
    ) -> Result<T, Error> {
        self.client.call_as(operation, input).await.map_err(|error| match error {
            CallError::Refused { code, .. } if code == "ResourceNotFoundException" => {
                Error::NotFound { name: name.to_owned() }
            }
            CallError::Refused { code, .. } if code == "ExpiredIteratorException" => {
                Error::ExpiredIterator
            }
            // Here it is the rate of calls that is limited.
            CallError::Refused { operation, code, message } if code == "LimitExceededException" => {
                CallError::Throttled { operation, message }.into()
            }
            other => other.into(),
        })
    }
}

/// A stream by its name or ARN.
fn named(stream: &str) -> Value {
    if stream.starts_with("arn:") {
        json!({"StreamARN": stream})
    } else {
        json!({"StreamName": stream})
    }
}

fn entry(record: &NewRecord) -> Value {
    use base64::Engine as _;
    let data = base64::engine::general_purpose::STANDARD.encode(&record.data);
    json!({"PartitionKey": record.partition_key, "Data": data})
}
