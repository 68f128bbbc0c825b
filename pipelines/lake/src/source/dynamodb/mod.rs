//! DynamoDB: a table as it is now (`scan`), from its exports to S3 (`export`), or by its changes (`stream`).
//!
//! Whichever way items come, they become rows in `decode`: straight from the bytes of DynamoDB JSON, exact.

mod attribute;
mod builder;
mod cell;
mod decode;
mod export;
mod number;
mod proof;
mod scan;
mod stream;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde::Deserialize;
use stepwell_integrations::Clock;
use stepwell_pipeline::settings::Problem;
use stepwell_pipeline::{AnyFunction, HandlerError};
use stepwell_services::Opener;
use stepwell_tabular::{ColumnType, Location, Stores};
use tokio::sync::OnceCell;

use super::Source;
use crate::dataset::{CHANGED_AT, DELETED, Dataset, Mode};
use crate::reconcile::lake::Against;
use crate::world::World;
use decode::{Marks, Shape};
use export::Exports;
use proof::ScannedNow;
use scan::TableScan;
use stream::{
    ApplyChanges, ChangedRows, ConsumeChanges, Inbox, Rules, Start, Streams, Tables, stream_name,
};

/// Segments of a scan, if none are given.
const SEGMENTS: u32 = 4;
/// The most that DynamoDB takes.
const SEGMENTS_MAX: u32 = 1_000_000;
/// Records of one call of Kinesis, which has 10,000 at most.
const BATCH_SIZE: usize = 1_000;
const BATCH_SIZE_MAX: usize = 10_000;
/// Lambda's own default is to try until the record expires, while its shard waits.
const RETRY_ATTEMPTS: i32 = 5;
/// Changes so much before an export are told although they are in it.
const EXPORT_OVERLAP_SECONDS: u32 = 900;

/// `[pipelines.lake.dynamodb]`: how change streams are read. The words are those of Lambda's event source mappings.
///
/// ```toml
/// [pipelines.lake.dynamodb]
/// starting_position = "TRIM_HORIZON"      # where a new stream begins: also "LATEST", or a time: "2026-03-01T00:00:00Z"
/// batch_size = 1000                       # 1 to 10,000
/// maximum_retry_attempts = 5              # then a record is given up, with its payload; -1: never
/// maximum_record_age_seconds = -1         # older records are given up; -1: none
/// landing = "s3://landing/changes"        # where `stepwell-lake-apply-changes` lays what Lambda gives it
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    starting_position: Option<String>,
    batch_size: Option<usize>,
    maximum_retry_attempts: Option<i32>,
    maximum_record_age_seconds: Option<i64>,
    landing: Option<Location>,
}

/// The keys of a dataset with `source = "dynamodb"`.
///
/// ```toml
/// source = "dynamodb"
/// read = "scan"                           # or "export", "stream"
/// table = "orders"
/// # read = "scan"
/// segments = 4                            # read side by side
/// consistent = true                       # ConsistentRead
/// # read = "export", and the beginning of read = "stream"
/// export = "s3://exports/orders/AWSDynamoDB"   # the folder of one export, or of many
/// incremental = false                     # true: the changes of incremental exports
/// # read = "stream"
/// stream = "orders-changes"               # name or ARN; without it changes come by Lambda, through a `landing`
/// export_overlap_seconds = 900
/// prove_against = "scan"                  # or "export": the newest full one that lies in `export`
/// # any
/// nulls = "null_names"                    # a declared string column for the names of attributes that are NULL
/// deleted_by = "deleted_by"               # a declared string column that gets `ttl`
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "`table` is what a configuration writes")]
pub struct Table {
    read: Option<Way>,
    table: Option<String>,
    segments: Option<u32>,
    consistent: Option<bool>,
    export: Option<Location>,
    incremental: Option<bool>,
    stream: Option<String>,
    export_overlap_seconds: Option<u32>,
    prove_against: Option<ProvenBy>,
    nulls: Option<String>,
    deleted_by: Option<String>,
}

/// The three ways to read a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// As it is now.
    Scan,
    /// From its exports to S3.
    Export,
    /// By its changes.
    Stream,
}

/// What the log of a table's changes is proven against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ProvenBy {
    /// The table as it is now.
    Scan,
    /// Its newest full export.
    Export,
}

impl Settings {
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut tell =
            |key, message: String, help: &str| problems.push(Problem::wrong(key, message, help));
        if let Err(message) = self.start() {
            tell(
                "dynamodb.starting_position",
                message,
                "write TRIM_HORIZON, LATEST or a time, as 2026-03-01T00:00:00Z",
            );
        }
        if let Some(size) = self.batch_size.filter(|it| !(1..=BATCH_SIZE_MAX).contains(it)) {
            tell("dynamodb.batch_size", format!("it is {size}"), "write 1 to 10000");
        }
        if let Some(attempts) = self.maximum_retry_attempts.filter(|it| !(-1..=10_000).contains(it))
        {
            tell(
                "dynamodb.maximum_retry_attempts",
                format!("it is {attempts}"),
                "write -1 (never give up) to 10000",
            );
        }
        if let Some(age) =
            self.maximum_record_age_seconds.filter(|it| *it != -1 && !(60..=604_800).contains(it))
        {
            tell(
                "dynamodb.maximum_record_age_seconds",
                format!("it is {age}"),
                "write -1 (no limit), or 60 to 604800",
            );
        }
        if let Some(Location::Http(url)) = &self.landing {
            tell(
                "dynamodb.landing",
                format!("{url} is on a web server, which can only be read"),
                "write `s3://bucket/key`, or a folder",
            );
        }
        problems
    }

    fn start(&self) -> Result<Start, String> {
        match self.starting_position.as_deref() {
            None | Some("TRIM_HORIZON") => Ok(Start::Oldest),
            Some("LATEST") => Ok(Start::Latest),
            Some(time) => time
                .parse()
                .map(Start::At)
                .map_err(|_| format!("`{time}` is no position in a stream")),
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            start: self.start().expect("a wrong one is a problem"),
            batch_size: self.batch_size.unwrap_or(BATCH_SIZE),
            maximum_retry_attempts: u32::try_from(
                self.maximum_retry_attempts.unwrap_or(RETRY_ATTEMPTS),
            )
            .ok(),
            maximum_record_age: self
                .maximum_record_age_seconds
                .filter(|it| *it >= 0)
                .map(SignedDuration::from_secs),
        }
    }
}

impl Table {
    pub(crate) fn problems(&self, dataset: &Dataset) -> Vec<String> {
        let mut problems = self.misplaced();
        let missing = |key: &str, what: &str| format!("the key `{key}` is missing; {what}");
        match self.read {
            None => problems.push(missing("read", "write `scan`, `export` or `stream`")),
            Some(Way::Export) if self.export.is_none() => {
                problems.push(missing(
                    "export",
                    "name the folder of an export, or the one that exports lie in",
                ));
            }
            Some(Way::Scan | Way::Stream) if self.table.is_none() => {
                problems.push(missing("table", "name the table in DynamoDB"));
            }
            Some(_) => {}
        }
        if self.prove_against == Some(ProvenBy::Export) && self.export.is_none() {
            problems.push(missing("export", "`prove_against = \"export\"` reads it"));
        }
        if self.segments.is_some_and(|it| !(1..=SEGMENTS_MAX).contains(&it)) {
            problems.push(format!("`segments` takes 1 to {SEGMENTS_MAX}"));
        }
        if self.has_deletes() {
            let of = "the rows of changes";
            if dataset.key.is_empty() {
                problems.push(format!("{of} need a `key`; name the columns of the table's key"));
            }
            if dataset.mode != Mode::Append {
                problems.push(format!("{of} are a log; write `mode = \"append\"`"));
            }
            if dataset.event_time.is_some() {
                problems.push(format!(
                    "{of} come by arrival; take `event_time` out and partition by `_changed_at`"
                ));
            }
            if self.export.is_some() && self.read == Some(Way::Stream) && dataset.since.is_some() {
                problems.push(
                    "`since` would pass over the `export` to begin with; take one of them out"
                        .to_owned(),
                );
            }
        } else if dataset.mode != Mode::Overwrite {
            problems.push("rows are the table as a whole; write `mode = \"overwrite\"`".to_owned());
        }
        problems.extend(self.wrong_marks(dataset));
        problems
    }

    /// Keys that say nothing in the way that is chosen.
    fn misplaced(&self) -> Vec<String> {
        let Some(way) = self.read else { return Vec::new() };
        let is_scanned = way == Way::Scan || self.prove_against == Some(ProvenBy::Scan);
        let is_stream = way == Way::Stream;
        let keys = [
            ("segments", self.segments.is_some(), is_scanned),
            ("consistent", self.consistent.is_some(), is_scanned),
            ("export", self.export.is_some(), way != Way::Scan),
            ("incremental", self.incremental.is_some(), way == Way::Export),
            ("stream", self.stream.is_some(), is_stream),
            ("export_overlap_seconds", self.export_overlap_seconds.is_some(), is_stream),
            ("prove_against", self.prove_against.is_some(), is_stream),
        ];
        let name = format!("{way:?}").to_lowercase();
        let misplaced = keys.iter().filter(|(_, is_given, is_used)| *is_given && !is_used);
        misplaced
            .map(|(key, ..)| format!("`{key}` says nothing with `read = \"{name}\"`; take it out"))
            .collect()
    }

    fn wrong_marks(&self, dataset: &Dataset) -> Vec<String> {
        let marks = [("nulls", &self.nulls), ("deleted_by", &self.deleted_by)];
        let is_wrong = |name: &String| {
            dataset.column(name).is_none_or(|it| it.kind != ColumnType::String || it.required)
        };
        let wrong = marks
            .iter()
            .filter_map(|(key, name)| Some((key, name.as_ref()?)))
            .filter(|(_, name)| is_wrong(name));
        wrong
            .map(|(key, name)| {
                format!("`{key}` names `{name}`, which is no column `{name} string`; declare it")
            })
            .collect()
    }

    /// Whether rows tell of deletions.
    pub(crate) fn has_deletes(&self) -> bool {
        match self.read {
            Some(Way::Stream) => true,
            Some(Way::Export) => self.incremental == Some(true),
            Some(Way::Scan) | None => false,
        }
    }

    /// What a proof compares the lake with.
    pub(crate) fn proven_against(&self) -> Against {
        match (self.read, self.prove_against) {
            (Some(Way::Stream), None) => Against::Inbox,
            (Some(Way::Stream), Some(ProvenBy::Scan)) => Against::Scan,
            (Some(Way::Stream), Some(ProvenBy::Export)) => Against::Export,
            (Some(Way::Export), _) => Against::Arrivals,
            (Some(Way::Scan) | None, _) => Against::Source,
        }
    }

    /// The table whose changes a dataset reads, and its stream.
    fn changed_table(&self) -> Option<(String, Option<String>)> {
        let is_stream = self.read == Some(Way::Stream);
        let stream = || self.stream.as_deref().map(|it| stream_name(it).to_owned());
        self.table.clone().filter(|_| is_stream).map(|table| (table, stream()))
    }
}

/// The inbox of changes, in the folder for what is remembered.
const INBOX: &str = "lake-changes.db";

/// What all datasets and functions of DynamoDB share.
pub(crate) struct Client {
    opener: Opener,
    stores: Stores,
    clock: Clock,
    rules: Rules,
    landing: Option<Location>,
    inbox: OnceCell<Inbox>,
}

impl Client {
    /// Contacts nobody yet.
    pub(crate) fn new(settings: &Settings, world: &Arc<World>) -> Self {
        let of_time = Arc::clone(world);
        Self {
            opener: Opener::new(world.surroundings.clone()),
            stores: world.stores.clone(),
            clock: Arc::new(move || of_time.now()),
            rules: settings.rules(),
            landing: settings.landing.clone(),
            inbox: OnceCell::new(),
        }
    }

    async fn inbox(&self) -> Result<&Inbox, HandlerError> {
        let open = async || Ok(Inbox::open(&self.opener.file(INBOX)?)?);
        self.inbox.get_or_try_init(open).await
    }
}

/// The source of a dataset. Contacts nobody.
pub(crate) fn open(client: &Arc<Client>, table: &Table, dataset: &Dataset) -> Arc<dyn Source> {
    let shape = shape(table, dataset);
    match table.read.expect("a missing one is a problem") {
        Way::Scan => Arc::new(scan(client, table, shape)),
        Way::Export => {
            let exports = exports(table, &shape, &client.stores);
            let exports = exports.expect("a missing one is a problem");
            Arc::new(Exports { since: dataset.since, ..exports })
        }
        Way::Stream => {
            let export = exports(table, &shape, &client.stores);
            Arc::new(changes(client, table, dataset, shape, export))
        }
    }
}

/// What the lake's dataset is compared with. Contacts nobody.
pub(crate) fn open_for_proof(
    client: &Arc<Client>,
    table: &Table,
    dataset: &Dataset,
) -> Arc<dyn Source> {
    let shape = shape(table, dataset);
    match table.proven_against() {
        Against::Inbox => Arc::new(changes(client, table, dataset, shape, None)),
        Against::Scan => {
            let mut of_scan = shape.clone();
            // An item of a scan does not say when it changed.
            of_scan.columns.retain(|it| it.name != DELETED && it.name != CHANGED_AT);
            Arc::new(ScannedNow {
                scan: scan(client, table, of_scan),
                changes: changes(client, table, dataset, shape, None),
            })
        }
        Against::Export => {
            Arc::new(exports(table, &shape, &client.stores).expect("a missing one is a problem"))
        }
        Against::Source | Against::Arrivals => open(client, table, dataset),
    }
}

fn shape(table: &Table, dataset: &Dataset) -> Shape {
    Shape {
        columns: dataset.read_columns(),
        key: dataset.key.clone(),
        marks: Marks { deleted_by: table.deleted_by.clone(), nulls: table.nulls.clone() },
        separator: dataset.flatten.as_ref().map(|it| it.separator.clone()),
        unknown_fields: dataset.unknown_fields,
    }
}

fn scan(client: &Arc<Client>, table: &Table, shape: Shape) -> TableScan {
    TableScan {
        table: table.table.clone().expect("a missing one is a problem"),
        segments: table.segments.unwrap_or(SEGMENTS),
        consistent: table.consistent.unwrap_or(false),
        shape,
        client: Arc::clone(client),
        pages: OnceCell::new(),
    }
}

fn changes(
    client: &Arc<Client>,
    table: &Table,
    dataset: &Dataset,
    shape: Shape,
    export: Option<Exports>,
) -> ChangedRows {
    ChangedRows {
        table: table.table.clone().expect("a missing one is a problem"),
        dataset: dataset.name.clone(),
        export,
        export_overlap: SignedDuration::from_secs(
            table.export_overlap_seconds.unwrap_or(EXPORT_OVERLAP_SECONDS).into(),
        ),
        shape,
        client: Arc::clone(client),
    }
}

fn exports(table: &Table, shape: &Shape, stores: &Stores) -> Option<Exports> {
    Some(Exports {
        stores: stores.clone(),
        folder: table.export.clone()?,
        table: table.table.clone(),
        incremental: table.incremental.unwrap_or(false),
        since: None,
        shape: Arc::new(shape.clone()),
    })
}

/// Datasets that read the changes of one table read them from one stream.
pub(crate) fn stream_problems<'t>(tables: impl Iterator<Item = &'t Table>) -> Vec<Problem> {
    let mut streams: BTreeMap<String, String> = BTreeMap::new();
    let mut problems = Vec::new();
    for (table, stream) in tables.filter_map(Table::changed_table) {
        let Some(stream) = stream else { continue };
        let known = streams.entry(table.clone()).or_insert_with(|| stream.clone());
        if *known != stream {
            problems.push(Problem::wrong(
                "tables",
                format!(
                    "the changes of the table `{table}` are to come from `{known}` and `{stream}`"
                ),
                "name one `stream` for a table",
            ));
        }
    }
    problems
}

/// The functions of change streams, for the datasets that read them.
pub(crate) fn functions<'t>(
    client: &Arc<Client>,
    tables: impl Iterator<Item = &'t Table>,
) -> Vec<Arc<dyn AnyFunction>> {
    let mut named = BTreeMap::new();
    for (table, stream) in tables.filter_map(Table::changed_table) {
        let known: &mut Option<String> = named.entry(table).or_default();
        *known = stream.or(known.take());
    }
    let tables = Tables(named);
    let streams = Arc::new(Streams::new(Arc::clone(client), tables));
    vec![
        Arc::new(ApplyChanges { streams: Arc::clone(&streams) }),
        Arc::new(ConsumeChanges { streams }),
    ]
}

#[cfg(test)]
mod tests;
