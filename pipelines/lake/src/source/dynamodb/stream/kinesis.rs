//! Kinesis as a [`Log`].

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use stepwell_integrations::kinesis::{Error, Kinesis, Position};
use stepwell_pipeline::HandlerError;
use stepwell_services::ToHandlerError as _;

use super::consumer::{From, Listed, Log, Page};
use super::take::Record;

/// A stream of Kinesis.
pub(super) struct KinesisLog {
    pub(super) kinesis: Kinesis,
    pub(super) stream: String,
}

#[async_trait]
impl Log for KinesisLog {
    async fn shards(&self) -> Result<Vec<Listed>, HandlerError> {
        let shards =
            self.kinesis.list_shards(&self.stream).await.map_err(|error| of_kinesis(&error))?;
        let listed = shards.iter().map(|it| Listed {
            name: it.id.clone(),
            parents: it.parents().map(str::to_owned).collect(),
        });
        Ok(listed.collect())
    }

    async fn page(&self, shard: &str, from: From<'_>, limit: usize) -> Result<Page, HandlerError> {
        let position = match from {
            From::Iterator(iterator) => match self.kinesis.get_records(iterator, limit).await {
                Ok(records) => return Ok(page(records)),
                Err(error) => return Err(of_kinesis(&error)),
            },
            From::After(sequence) => Position::AfterSequenceNumber(sequence.to_owned()),
            From::Oldest => Position::TrimHorizon,
            From::At(time) => Position::AtTimestamp(time),
        };
        let iterator = self.kinesis.shard_iterator(&self.stream, shard, &position).await;
        let iterator = iterator.map_err(|error| of_kinesis(&error))?;
        self.kinesis
            .get_records(&iterator, limit)
            .await
            .map(page)
            .map_err(|error| of_kinesis(&error))
    }
}

fn page(records: stepwell_integrations::kinesis::Records) -> Page {
    let record = |it: stepwell_integrations::kinesis::Record| Record {
        sequence: it.sequence_number,
        data: Ok(it.data),
        arrived_at: Timestamp::from_microsecond((it.arrived_at_seconds * 1e6) as i64).ok(),
    };
    Page {
        records: records.records.into_iter().map(record).collect(),
        next: records.next,
        behind: Duration::from_millis(records.milliseconds_behind),
    }
}

/// An iterator that has expired is got anew.
fn of_kinesis(error: &Error) -> HandlerError {
    match error {
        Error::ExpiredIterator => HandlerError::Retryable(error.to_string()),
        error => error.to_handler_error(),
    }
}
