//! `QCStreams`: what is remembered of each stream between its runs.
//!
//! ```json
//! {"GroupID":"buoys","StreamID":"7-temp","QCPID":"0d8f…","StartTime":"2026-03-01T00:00:00.000000Z#0d8f…",
//!  "Status":"FAILED","Known":"FAILED","Last":"[{\"time\":\"2026-03-01T01:30:00Z\",\"value\":10.3}]"}
//! ```

use stepwell_integrations::dynamodb::{AttributeValue, Item};
use stepwell_pipeline::HandlerError;
use stepwell_services::ToHandlerError as _;

use super::{Records, s, text_of};
use crate::input::Point;
use crate::verdict::{Run, Status};

/// What is remembered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Remembered {
    /// The last run.
    pub(crate) run: Run,
    pub(crate) status: Status,
    /// The last points of the last run that had any.
    pub(crate) last: Vec<Point>,
}

impl Records {
    /// What is remembered of a stream.
    pub(crate) async fn remembered(
        &self,
        group: &str,
        stream: &str,
    ) -> Result<Option<Remembered>, HandlerError> {
        let found = self.tables.get(&self.names.streams, &key(group, stream)).await;
        Ok(found.map_err(|error| error.to_handler_error())?.as_ref().and_then(Remembered::read))
    }

    /// Remembers a run, unless a later one is remembered.
    pub(crate) async fn remember(&self, new: &Remembered) -> Result<(), HandlerError> {
        let Run { group, stream, id, start_time } = &new.run;
        let attributes = Item::from([
            s("QCPID", id),
            s("StartTime", start_time),
            s("Status", new.status.name()),
            s("Last", serde_json::json!(new.last).to_string()),
        ]);
        let key = key(group, stream);
        let updated = self.tables.update(&self.names.streams, &key, &attributes).await;
        updated.map_err(|error| error.to_handler_error())
    }

    /// The verdict that the group of a stream knows: the last one that was told, or needed not be told.
    pub(crate) async fn known(
        &self,
        group: &str,
        stream: &str,
    ) -> Result<Option<Status>, HandlerError> {
        let found = self.tables.get(&self.names.streams, &key(group, stream)).await;
        let found = found.map_err(|error| error.to_handler_error())?.unwrap_or_default();
        Ok(text_of(&found, "Known").and_then(Status::of))
    }

    /// Keeps what the group of a stream knows.
    pub(crate) async fn is_known(
        &self,
        group: &str,
        stream: &str,
        status: Status,
    ) -> Result<(), HandlerError> {
        let attributes = Item::from([s("Known", status.name())]);
        let key = key(group, stream);
        let updated = self.tables.update(&self.names.streams, &key, &attributes).await;
        updated.map_err(|error| error.to_handler_error())
    }
}

impl Remembered {
    fn read(item: &Item) -> Option<Self> {
        let text = |name| text_of(item, name).map(str::to_owned);
        let last = text_of(item, "Last").and_then(|last| serde_json::from_str(last).ok());
        Some(Self {
            run: Run {
                group: text("GroupID")?,
                stream: text("StreamID")?,
                id: text("QCPID")?,
                start_time: text("StartTime")?,
            },
            status: text_of(item, "Status").and_then(Status::of)?,
            last: last.unwrap_or_default(),
        })
    }
}

fn key(group: &str, stream: &str) -> Item {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    Item::from([("GroupID".to_owned(), text(group)), ("StreamID".to_owned(), text(stream))])
}
