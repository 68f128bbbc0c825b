//! A table as it is now, by a parallel scan: each segment is a split, each page a chunk, the key that a page ends with
//! the checkpoint.
//!
//! A scan is no snapshot: what changes meanwhile is in it or not. Against throttling it waits, longer each time.
//!
//! Source: Amazon DynamoDB API reference, `Scan`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stepwell_integrations::aws::{CallError, JsonClient};
use stepwell_integrations::dynamodb::{self, SERVICE, Segment, Tables};
use stepwell_pipeline::surroundings::Provider;
use stepwell_pipeline::{Context, HandlerError};
use stepwell_services::{Opener, ToHandlerError as _};
use tokio::sync::OnceCell;

use super::Client;
use super::attribute::Item;
use super::decode::{Change, Decoder, Shape};
use crate::source::{Chunk, Read, Source, Split, Stop, Window};

/// The first wait when DynamoDB throttles; each next one is twice as long.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(32);

/// The scan of a table.
pub(super) struct TableScan {
    pub(super) table: String,
    pub(super) segments: u32,
    pub(super) consistent: bool,
    pub(super) shape: Shape,
    pub(super) client: Arc<Client>,
    pub(super) pages: OnceCell<Pages>,
}

/// Where pages come from.
pub(super) enum Pages {
    Aws(JsonClient),
    Embedded(Arc<dyn Tables>),
}

impl Pages {
    async fn open(opener: &Opener) -> Result<Self, HandlerError> {
        match opener.surroundings().services.dynamodb {
            Provider::Aws => Ok(Self::Aws(JsonClient::new(opener.connection().await?, SERVICE))),
            Provider::Embedded => Ok(Self::Embedded(opener.tables().await?)),
        }
    }
}

/// Where a segment goes on: `{"last_key": {"pk": {"S": "o#1"}}}`, or `{"last_key": null}` once it is read to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Checkpoint {
    last_key: Option<Value>,
}

/// `{"Items": […], "LastEvaluatedKey": {…}}`
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page<'a> {
    #[serde(borrow)]
    items: Vec<Item<'a>>,
    last_evaluated_key: Option<Value>,
}

#[async_trait]
impl Source for TableScan {
    async fn splits(&self, _window: &Window) -> Result<Vec<Split>, HandlerError> {
        Ok((0..self.segments).map(|number| Split::new(format!("segment-{number}"))).collect())
    }

    fn read<'a>(&'a self, read: Read<'a>) -> BoxStream<'a, Result<Chunk, Stop>> {
        let start = match Segments::start(self, read) {
            Ok(start) => start,
            Err(error) => return stream::once(async { Err(error.into()) }).boxed(),
        };
        stream::try_unfold(start, Segments::next).boxed()
    }
}

/// A segment while it is read.
struct Segments<'a> {
    scan: &'a TableScan,
    ctx: &'a Context,
    number: u32,
    /// None: the segment is read to its end.
    next: Option<Start>,
    decoder: Decoder,
    page: u64,
}

/// Where a page begins.
enum Start {
    Beginning,
    After(Value),
}

impl<'a> Segments<'a> {
    fn start(scan: &'a TableScan, read: Read<'a>) -> Result<Self, HandlerError> {
        let fatal = |what: &str, value: &dyn std::fmt::Display| {
            HandlerError::Fatal(format!("a scan of `{}` has no {what} `{value}`", scan.table))
        };
        let number = read.split.name.strip_prefix("segment-").and_then(|it| it.parse().ok());
        let number = number.ok_or_else(|| fatal("split", &read.split.name))?;
        let next = match read.after {
            None => Some(Start::Beginning),
            Some(after) => {
                let checkpoint =
                    Checkpoint::deserialize(after).map_err(|_| fatal("checkpoint", after))?;
                checkpoint.last_key.map(Start::After)
            }
        };
        let decoder = Decoder::new(&scan.shape);
        Ok(Self { scan, ctx: read.ctx, number, next, decoder, page: 0 })
    }

    async fn next(mut self) -> Result<Option<(Chunk, Self)>, Stop> {
        let Some(start) = self.next.take() else { return Ok(None) };
        let bytes = self.fetch(&start).await?;
        let unreadable = |error: serde_json::Error| {
            HandlerError::retryable(format!(
                "the answer of DynamoDB to a scan of `{}` cannot be read: {error}",
                self.scan.table
            ))
        };
        let page: Page<'_> = serde_json::from_slice(&bytes).map_err(unreadable)?;
        for (index, item) in page.items.iter().enumerate() {
            let place = format_args!("segment {}, page {}, item {index}", self.number, self.page);
            self.decoder.push(item, Change::default(), &place, || item.typed_json());
        }
        let checkpoint = json!(Checkpoint { last_key: page.last_evaluated_key.clone() });
        self.next = page.last_evaluated_key.map(Start::After);
        self.page += 1;
        Ok(Some((self.decoder.finish(checkpoint), self)))
    }

    /// A page, however long DynamoDB throttles, as long as the slice lasts.
    async fn fetch(&self, start: &Start) -> Result<Bytes, Stop> {
        let mut pause = PAUSE;
        loop {
            match self.scan.page(self.number, start).await {
                Err(Failure::Throttled) => {}
                Err(Failure::Other(error)) => return Err(error.into()),
                Ok(bytes) => return Ok(bytes),
            }
            if let Err(not_now) = self.ctx.sleep(pause).await {
                return Err(Stop::NotNow { wait: not_now.wait.max(pause), checkpoint: None });
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

enum Failure {
    Throttled,
    Other(HandlerError),
}

impl TableScan {
    async fn page(&self, segment: u32, start: &Start) -> Result<Bytes, Failure> {
        let pages = self
            .pages
            .get_or_try_init(|| Pages::open(&self.client.opener))
            .await
            .map_err(Failure::Other)?;
        match pages {
            Pages::Aws(client) => self.of_aws(client, segment, start).await,
            Pages::Embedded(tables) => self.of_embedded(tables.as_ref(), segment, start).await,
        }
    }

    async fn of_aws(
        &self,
        client: &JsonClient,
        segment: u32,
        start: &Start,
    ) -> Result<Bytes, Failure> {
        let mut input = json!({
            "TableName": self.table, "Segment": segment, "TotalSegments": self.segments, "ConsistentRead": self.consistent,
        });
        if let Start::After(key) = start {
            input["ExclusiveStartKey"] = key.clone();
        }
        client.call("dynamodb:Scan", &input).await.map_err(|error| match error {
            CallError::Throttled { .. } => Failure::Throttled,
            CallError::Refused { ref code, .. } if code == "ResourceNotFoundException" => {
                Failure::Other(HandlerError::Config(format!(
                    "there is no table `{}` in this account and region",
                    self.table
                )))
            }
            error => Failure::Other(error.to_handler_error()),
        })
    }

    /// The same page, of the embedded table.
    async fn of_embedded(
        &self,
        tables: &dyn Tables,
        segment: u32,
        start: &Start,
    ) -> Result<Bytes, Failure> {
        let start = match start {
            Start::Beginning => None,
            Start::After(key) => Some(dynamodb::Item::deserialize(key).map_err(|error| {
                Failure::Other(HandlerError::Fatal(format!(
                    "the checkpoint `{key}` is no key: {error}"
                )))
            })?),
        };
        let segment = Some(Segment { number: segment, total: self.segments });
        let scan = dynamodb::Scan { table: self.table.clone(), segment, limit: None, start };
        let page =
            tables.scan(&scan).await.map_err(|error| Failure::Other(error.to_handler_error()))?;
        let page = json!({"Items": page.items, "LastEvaluatedKey": page.last_key});
        Ok(page.to_string().into())
    }
}
