//! A table by its changes: what DynamoDB writes to a Kinesis stream is taken into an inbox, by a function that Lambda
//! calls or by a consumer of our own, and goes from there into the lake.
//!
//! ```text
//! Kinesis --Lambda event--> apply-changes --(landing)--+
//!        \--GetRecords----> consume-changes -----------+--> inbox --windows by arrival--> lake
//! ```
//!
//! A change belongs to the window in which it arrived, whenever it happened: nothing that comes late is lost. When it
//! happened is in `_changed_at`, and the newest of an item's rows is its state.

mod change;
mod consumer;
mod inbox;
mod kinesis;
mod lambda;
mod landing;
mod resolve;
mod take;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::{try_join, try_join_all};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;
use stepwell_integrations::dynamodb;
use stepwell_pipeline::{Context, Function, HandlerError};
use stepwell_services::ToHandlerError as _;

use super::Client;
use super::attribute::Item;
use super::decode::{Change, Decoder, Shape};
use super::export::Exports;
use crate::source::{Chunk, Read, Source, Split, Stop, Window};
use change::Image;
use consumer::{Consumed, Consumer};
pub(super) use inbox::Inbox;
use inbox::{Arrival, Content};
use kinesis::KinesisLog;
use landing::Landing;
use take::Changes;

pub(super) use consumer::{Rules, Start};
pub(super) use lambda::ApplyChanges;
pub(super) use take::Tables;

/// Rows of a chunk.
const CHUNK_ROWS: usize = 8_192;
/// Items that are read anew in one slice.
const REREADS_MAX: usize = 1_000;

/// What the functions of change streams work with.
pub(super) struct Streams {
    client: Arc<Client>,
    tables: Tables,
}

impl Streams {
    pub(super) fn new(client: Arc<Client>, tables: Tables) -> Self {
        Self { client, tables }
    }

    fn check(&self) -> Result<(), HandlerError> {
        if self.tables.0.is_empty() {
            return Err(HandlerError::Config(
                "no dataset reads the changes of a table; write `read = \"stream\"` in one with `source = \"dynamodb\"`".to_owned(),
            ));
        }
        Ok(())
    }

    async fn changes(&self) -> Result<Changes, HandlerError> {
        self.check()?;
        let inbox = self.client.inbox().await?.clone();
        Ok(Changes { inbox, tables: self.tables.clone(), clock: Arc::clone(&self.client.clock) })
    }

    /// Where a function at AWS lays what it is given.
    fn landing(&self) -> Option<Landing> {
        let folder = self.client.landing.clone()?;
        Some(Landing { stores: self.client.stores.clone(), folder })
    }

    /// Takes in what landed, and reads all streams that datasets name, until everything is read or the slice is over.
    async fn consume(&self, ctx: &Context) -> Result<Consumed, HandlerError> {
        let changes = self.changes().await?;
        let (landing, streams) = (self.landing(), self.tables.streams());
        if streams.is_empty() && landing.is_none() {
            return Err(HandlerError::Config(
                "no dataset names the `stream` with the changes of its table, and there is no `landing` for those that come by Lambda".to_owned(),
            ));
        }
        let landed = async {
            match landing {
                Some(landing) => landing.take(&changes, ctx).await,
                None => Ok(Consumed::default()),
            }
        };
        let (landed, streamed) =
            try_join(landed, self.consume_streams(&streams, &changes, ctx)).await?;
        let mut all = landed;
        for it in streamed {
            all.join(it);
        }
        self.reread(&changes.inbox).await;
        Ok(all)
    }

    async fn consume_streams(
        &self,
        streams: &BTreeSet<&str>,
        changes: &Changes,
        ctx: &Context,
    ) -> Result<Vec<Consumed>, HandlerError> {
        if streams.is_empty() {
            return Ok(Vec::new());
        }
        let kinesis = self.client.opener.kinesis().await?;
        try_join_all(streams.iter().map(|stream| {
            let log = KinesisLog { kinesis: kinesis.clone(), stream: (*stream).to_owned() };
            let (inbox, clock, rules) = (&changes.inbox, &changes.clock, &self.client.rules);
            async move {
                Consumer { stream, log: &log, take: changes, inbox, rules, clock }.run(ctx).await
            }
        }))
        .await
    }

    /// Reads doubtful items from their tables. Where that fails they stay doubtful, and it is tried again next time.
    async fn reread(&self, inbox: &Inbox) {
        for table in self.tables.0.keys() {
            if let Err(error) = self.reread_table(inbox, table).await {
                tracing::warn!(table, %error, "doubtful items were not read from their table");
            }
        }
    }

    async fn reread_table(&self, inbox: &Inbox, table: &str) -> Result<(), HandlerError> {
        let doubtful = inbox.doubtful(table, REREADS_MAX).await?;
        if doubtful.is_empty() {
            return Ok(());
        }
        let tables = self.client.opener.tables().await?;
        for (key, told_at) in doubtful {
            let wanted: dynamodb::Item = serde_json::from_str(&key)
                .map_err(|error| HandlerError::Fatal(error.to_string()))?;
            let found =
                tables.get(table, &wanted).await.map_err(|error| error.to_handler_error())?;
            let state =
                found.map_or(Ok(Image::Absent), |item| canonical(&item).map(Image::Present))?;
            inbox.settle(table, &key, told_at, state, (self.client.clock)()).await?;
        }
        Ok(())
    }
}

fn canonical(item: &dynamodb::Item) -> Result<String, HandlerError> {
    let text = json!(item).to_string();
    let item: Item<'_> =
        serde_json::from_str(&text).map_err(|error| HandlerError::Fatal(error.to_string()))?;
    Ok(item.typed_json())
}

/// `stepwell-lake-consume-changes`: our own consumer, one slice of it.
pub(super) struct ConsumeChanges {
    pub(super) streams: Arc<Streams>,
}

/// `{}`
#[derive(Deserialize)]
pub(super) struct Nothing {}

#[async_trait]
impl Function for ConsumeChanges {
    type Input = Nothing;
    type Output = Consumed;

    fn name(&self) -> &'static str {
        "stepwell-lake-consume-changes"
    }

    async fn call(&self, _input: Nothing, ctx: &Context) -> Result<Consumed, HandlerError> {
        self.streams.consume(ctx).await
    }
}

/// The name of a stream that may be given by its ARN.
pub(super) fn stream_name(arn: &str) -> &str {
    arn.rsplit_once(":stream/").map_or(arn, |(_, name)| name)
}

/// What arrived in the inbox for a table, behind the full export that it begins with, where there is one.
pub(super) struct ChangedRows {
    pub(super) table: String,
    /// Whose rows they become.
    pub(super) dataset: String,
    pub(super) export: Option<Exports>,
    /// Changes that were so much earlier than the export are in it.
    pub(super) export_overlap: SignedDuration,
    pub(super) shape: Shape,
    pub(super) client: Arc<Client>,
}

pub(super) const ARRIVALS: &str = "arrivals";
const EXPORT: &str = "export-";

/// What `_changed_at` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stamp {
    /// When the item changed.
    Change,
    /// When that arrived.
    Arrival,
}

#[async_trait]
impl Source for ChangedRows {
    async fn splits(&self, window: &Window) -> Result<Vec<Split>, HandlerError> {
        let inbox = self.client.inbox().await?;
        inbox.begin(&self.table, &self.dataset).await?;
        // From now on nothing arrives in it.
        inbox.close_window(window.to).await?;
        let mut splits = vec![Split::new(ARRIVALS)];
        if let Some(export) = self.export_of(window) {
            let parts = export.splits(window).await?;
            splits.extend(parts.iter().map(|it| Split::new(format!("{EXPORT}{}", it.name))));
        }
        Ok(splits)
    }

    fn read<'a>(&'a self, read: Read<'a>) -> BoxStream<'a, Result<Chunk, Stop>> {
        if let (Some(part), Some(export)) =
            (read.split.name.strip_prefix(EXPORT), self.export_of(read.window))
        {
            return export.read_part(read, part.to_owned());
        }
        self.rows(read, read.window.to.as_microsecond(), Stamp::Change)
    }

    async fn published(&self, window: &Window) -> Result<(), HandlerError> {
        self.client.inbox().await?.published(&self.table, &self.dataset, window.to).await
    }
}

impl ChangedRows {
    /// What has arrived from the beginning of a window until now, with its arrival in the place of its change.
    pub(super) fn arrived<'a>(&'a self, read: Read<'a>) -> BoxStream<'a, Result<Chunk, Stop>> {
        self.rows(read, i64::MAX, Stamp::Arrival)
    }

    fn rows<'a>(
        &'a self,
        read: Read<'a>,
        before: i64,
        stamp: Stamp,
    ) -> BoxStream<'a, Result<Chunk, Stop>> {
        let after = read.after.and_then(|it| it["arrival"].as_i64());
        let from = read.window.from.map_or(0, Timestamp::as_microsecond);
        let after = after.unwrap_or(from - 1);
        let chunks = move |oldest| {
            let start = (after, Decoder::new(&self.shape));
            stream::try_unfold(start, move |(after, decoder)| async move {
                let arrivals =
                    self.client.inbox().await?.read(&self.table, after, before, CHUNK_ROWS).await?;
                Ok(chunk(arrivals, decoder, oldest, stamp))
            })
        };
        let oldest = async move { self.oldest(read.window).await.map_err(Stop::from) };
        stream::once(oldest).map_ok(chunks).try_flatten().boxed()
    }

    /// The first window begins with the export.
    fn export_of(&self, window: &Window) -> Option<&Exports> {
        self.export.as_ref().filter(|_| window.from.is_none())
    }

    /// What happened before it is in the export.
    async fn oldest(&self, window: &Window) -> Result<i64, HandlerError> {
        let Some(export) = self.export_of(window) else { return Ok(i64::MIN) };
        let state_at = export.state_at(window).await?;
        Ok(state_at
            .map_or(i64::MIN, |it| it.as_microsecond() - self.export_overlap.as_micros() as i64))
    }
}

/// The arrivals as a chunk, with the last of them; nothing if there are none.
fn chunk(
    arrivals: Vec<Arrival>,
    mut decoder: Decoder,
    oldest: i64,
    stamp: Stamp,
) -> Option<(Chunk, (i64, Decoder))> {
    let last = arrivals.last()?.arrival;
    for arrival in arrivals {
        push(&mut decoder, arrival, oldest, stamp);
    }
    let chunk = decoder.finish(json!({"arrival": last}));
    Some((chunk, (last, decoder)))
}

fn push(decoder: &mut Decoder, arrival: Arrival, oldest: i64, stamp: Stamp) {
    match arrival.content {
        Content::Rejected { place, reason, record } => decoder.reject(&place, reason, record),
        Content::State { changed_at, .. } if changed_at < oldest => {}
        Content::State { item, changed_at, deleted, expired } => {
            let place = format_args!("change {}", arrival.arrival);
            let stamp = if stamp == Stamp::Change { changed_at } else { arrival.arrival };
            let change = Change { changed_at: Some(stamp), deleted, expired };
            match serde_json::from_str::<Item<'_>>(&item) {
                Ok(read) => decoder.push(&read, change, &place, || item.clone()),
                Err(error) => decoder.reject(&place, error.to_string(), item.clone()),
            }
        }
    }
}

#[cfg(test)]
mod tests;
