//! What is kept of runs, in four tables of DynamoDB's model, embedded or of AWS.
//!
//! | Table | Key | Holds |
//! | --- | --- | --- |
//! | `QCSummary` | `GroupID`, `StartTime` | one item a run: its status, the processes' verdicts, counts |
//! | `QCDetails` | `QCPID`, `ErrorNumber` | one item for each flag that is neither good nor missing |
//! | `QCSeries` | `QCPID`, `Part` | the flags of all points, and the points that the page draws |
//! | `QCStreams` | `GroupID`, `StreamID` | of each stream: the last run, its verdict, its last points |
//!
//! Every write is one that may be repeated: keys and contents come of the run alone.

pub(crate) mod details;
pub(crate) mod series;
pub(crate) mod streams;
pub(crate) mod summary;

use std::sync::Arc;

use stepwell_integrations::dynamodb::{AttributeValue, Item, KeyAttribute, Table, Tables};
use stepwell_pipeline::HandlerError;
use stepwell_services::ToHandlerError as _;

use crate::settings::TableNames;

/// The tables of the pipeline.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    tables: Arc<dyn Tables>,
    names: TableNames,
}

impl Records {
    /// The tables; those that are not there are made.
    ///
    /// # Errors
    /// By class, as every call here.
    pub(crate) async fn open(
        tables: Arc<dyn Tables>,
        names: TableNames,
    ) -> Result<Self, HandlerError> {
        let (text, number) =
            (|name: &str| KeyAttribute::text(name), |name: &str| KeyAttribute::number(name));
        let keys = [
            (&names.summary, text("GroupID"), text("StartTime")),
            (&names.details, text("QCPID"), number("ErrorNumber")),
            (&names.series, text("QCPID"), number("Part")),
            (&names.streams, text("GroupID"), text("StreamID")),
        ];
        for (name, hash, range) in keys {
            let table = Table { name: name.clone(), hash, range: Some(range) };
            tables.ensure_table(&table).await.map_err(|error| error.to_handler_error())?;
        }
        Ok(Self { tables, names })
    }
}

/// An attribute with a text.
fn s(name: &str, value: impl Into<String>) -> (String, AttributeValue) {
    (name.to_owned(), AttributeValue::S(value.into()))
}

/// An attribute with a number.
fn n(name: &str, value: impl Into<u64>) -> (String, AttributeValue) {
    (name.to_owned(), AttributeValue::N(value.into().to_string()))
}

/// The text of an attribute.
fn text_of<'i>(item: &'i Item, name: &str) -> Option<&'i str> {
    match item.get(name)? {
        AttributeValue::S(text) => Some(text),
        _ => None,
    }
}

/// The whole number of an attribute.
fn number_of(item: &Item, name: &str) -> Option<u64> {
    match item.get(name)? {
        AttributeValue::N(number) => number.parse().ok(),
        _ => None,
    }
}
