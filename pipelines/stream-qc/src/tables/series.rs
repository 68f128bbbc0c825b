//! `QCSeries`: the flags of all points of a run, a bounded choice of its points, and its last ones.
//!
//! ```text
//! Part 0                  Points  [[row, seconds since 1970, value], …] as JSON
//!                         Last    [{"time":…,"value":…}, …] as JSON
//! Part p·1,000 + k        Flags   of process p, runs of equal flags: flag, length as LEB128; k = 0, 1, …
//! ```
//!
//! An item of DynamoDB has 400 KB at most: longer flags go on in the next part.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stepwell_integrations::dynamodb::{AttributeValue, Item, Query, RangeCondition};
use stepwell_pipeline::HandlerError;
use stepwell_services::ToHandlerError as _;

use super::{Records, n, number_of, s, text_of};
use crate::input::Point;
use crate::packed::Packed;
use crate::verdict::Run;

/// Bytes of flags in one item.
const CHUNK: usize = 350_000;
/// Parts of each process.
const PARTS: u64 = 1_000;

/// What is kept of a series, the same whichever process looked at it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sample {
    /// For the page.
    pub(crate) points: Vec<Kept>,
    /// For the next run.
    pub(crate) last: Vec<Point>,
}

/// A point that is kept: its row in the data, its time in seconds since 1970, its value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept(pub(crate) u64, pub(crate) f64, pub(crate) Option<f64>);

impl Records {
    /// Writes the flags of a process, and the sample. All processes write the same one.
    pub(crate) async fn put_series(
        &self,
        run: &Run,
        process: u8,
        flags: &Packed,
        sample: &Sample,
    ) -> Result<(), HandlerError> {
        let first = u64::from(process) * PARTS;
        let packed = flags.bytes();
        let chunks: Vec<&[u8]> =
            if packed.is_empty() { vec![&[]] } else { packed.chunks(CHUNK).collect() };
        if chunks.len() as u64 > PARTS {
            return Err(HandlerError::Data("the flags are too many to be kept".to_owned()));
        }
        let parts = chunks.len() as u64;
        let mut items: Vec<_> = chunks
            .into_iter()
            .zip(first..)
            .map(|(chunk, part)| {
                let mut item = key(run, part);
                item.extend([n("Parts", parts), n("Rows", flags.rows())]);
                item.insert("Flags".to_owned(), AttributeValue::B(chunk.to_vec()));
                item
            })
            .collect();
        let mut kept = key(run, 0);
        kept.extend([
            s("Points", json!(sample.points).to_string()),
            s("Last", json!(sample.last).to_string()),
        ]);
        items.push(kept);
        let put = self.tables.batch_put(&self.names.series, &items).await;
        put.map_err(|error| error.to_handler_error())
    }

    /// The flags of a process; nothing if it has written none.
    pub(crate) async fn flags(
        &self,
        run: &Run,
        process: u8,
    ) -> Result<Option<Packed>, HandlerError> {
        let first = u64::from(process) * PARTS;
        let number = |number: u64| AttributeValue::N(number.to_string());
        let between = RangeCondition::Between(number(first), number(first + PARTS - 1));
        let all = Query::new(&self.names.series, "QCPID", AttributeValue::S(run.id.clone()));
        let query = Query { range: Some(("Part".to_owned(), between)), ..all };
        let items =
            self.tables.query_all(&query).await.map_err(|error| error.to_handler_error())?;
        let Some(parts) = items.first().and_then(|item| number_of(item, "Parts")) else {
            return Ok(None);
        };
        // An earlier attempt may have written more.
        let packed: Vec<u8> =
            items.iter().take(parts as usize).filter_map(bytes).flatten().copied().collect();
        Ok(Some(Packed::of_bytes(packed)))
    }

    /// What is kept of the series of a run; nothing of a run that has not come so far.
    pub(crate) async fn sample(&self, run: &Run) -> Result<Sample, HandlerError> {
        let found = self.tables.get(&self.names.series, &key(run, 0)).await;
        let found = found.map_err(|error| error.to_handler_error())?.unwrap_or_default();
        Ok(Sample { points: read(&found, "Points"), last: read(&found, "Last") })
    }
}

/// A list that is kept as JSON.
fn read<T: DeserializeOwned>(item: &Item, name: &str) -> Vec<T> {
    text_of(item, name).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn key(run: &Run, part: u64) -> Item {
    Item::from([s("QCPID", &run.id), n("Part", part)])
}

fn bytes(item: &Item) -> Option<&Vec<u8>> {
    match item.get("Flags")? {
        AttributeValue::B(bytes) => Some(bytes),
        _ => None,
    }
}
