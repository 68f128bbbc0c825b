//! Salesforce as a source: every object that can be queried, by REST or by the Bulk API 2.0.
//!
//! ```text
//!   Table (dataset's keys) --> Salesforce --> Reading --> query | bulk | deleted --> Client (session, quota) --> rest::Server
//!                                               |
//!                                               +--> Mapping: records to rows
//! ```
//!
//! Records come in the order of (`SystemModstamp`, `Id`) within half-open windows. Those in the recycle bin come as tombstones, and so do
//! those that only the list of deleted records tells of.

mod bulk;
mod client;
mod csv;
mod describe;
mod progress;
mod query;
mod read;
mod records;
mod settings;
mod soql;
mod token;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use serde::Deserialize;
use stepwell_pipeline::{Context, HandlerError};
use stepwell_tabular::Column;

use super::{Chunk, Read, Source, Split, Stop, Window};
use crate::dataset::{Dataset, Mode};

pub(crate) use client::Client;
pub use settings::Settings;

use progress::{BEGINNING, middle};
use read::{Reading, is_too_long};
use soql::Query;

/// How long a count may take.
const COUNT_TAKES_MAX: Duration = Duration::from_mins(10);

/// The keys of a dataset with `source = "salesforce"`.
///
/// ```toml
/// source = "salesforce"
/// object = "Account"
/// deletes = true                     # rows of deleted records, with `_deleted` and `_changed_at`
/// api = "auto"                       # "rest" | "bulk"
/// filter = "Type = 'Customer'"       # a condition of SOQL
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Table {
    /// The object's API name.
    object: Option<String>,
    /// Whether deleted records are told; true if nothing is said.
    deletes: Option<bool>,
    /// Which API is read.
    api: Api,
    /// A condition of SOQL that every record meets.
    filter: Option<String>,
}

/// Which API is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Api {
    /// REST for few records and for what the Bulk API does not give.
    #[default]
    Auto,
    /// REST alone.
    Rest,
    /// The Bulk API for everything that it gives.
    Bulk,
}

impl Table {
    pub(crate) fn has_deletes(&self) -> bool {
        self.deletes.unwrap_or(true)
    }

    pub(crate) fn problems(&self, dataset: &Dataset) -> Vec<String> {
        let mut problems = Vec::new();
        let is_name = |name: &String| {
            !name.is_empty() && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_')
        };
        match &self.object {
            None => problems.push("the key `object` is missing; name the object, for instance `Account`".to_owned()),
            Some(name) if !is_name(name) => problems
                .push(format!("`{name}` is no name of an object; write its API name, such as `Account` or `Invoice__c`")),
            Some(_) => {}
        }
        let is_id = |name: &String| {
            dataset.column(name).is_some_and(|column| column.place().eq_ignore_ascii_case("Id"))
        };
        if self.deletes == Some(true) && dataset.mode != Mode::Append {
            problems.push(
                "deletions are kept in the mode `append` alone: take `deletes` out".to_owned(),
            );
        }
        if dataset.has_deletes() && !(dataset.key.len() == 1 && dataset.key.iter().all(is_id)) {
            problems.push(
                "deleted records are told by their ids: let `key` be the column of `Id` alone, or set `deletes = false`".to_owned(),
            );
        }
        if dataset.flatten.is_some() || !dataset.children.is_empty() {
            problems.push(
                "records of Salesforce are flat: take `flatten` out and write `from BillingAddress.city` for parts of addresses".to_owned(),
            );
        }
        problems
    }
}

/// The source of one dataset.
pub struct Salesforce {
    client: Arc<Client>,
    dataset: Dataset,
    object: String,
    deletes: bool,
    api: Api,
    filter: Option<String>,
}

impl Salesforce {
    pub(crate) fn new(client: &Arc<Client>, table: &Table, dataset: &Dataset) -> Self {
        Self {
            client: Arc::clone(client),
            dataset: dataset.clone(),
            object: table.object.clone().expect("a missing one is a problem"),
            deletes: dataset.has_deletes(),
            api: table.api,
            filter: table.filter.clone(),
        }
    }
}

#[async_trait]
impl Source for Salesforce {
    async fn splits(&self, _window: &Window) -> Result<Vec<Split>, HandlerError> {
        Ok(vec![Split::new("all")])
    }

    fn read<'a>(&'a self, read: Read<'a>) -> BoxStream<'a, Result<Chunk, Stop>> {
        let chunks = |reading| {
            stream::try_unfold(reading, |mut reading: Reading<'a>| async move {
                Ok(reading.next().await?.map(|chunk| (chunk, reading)))
            })
        };
        stream::once(Reading::begin(self, read)).map_ok(chunks).try_flatten().boxed()
    }

    /// Records that are not deleted. None by an event time that windows do not go by.
    async fn count(&self, window: &Window) -> Result<Option<u64>, HandlerError> {
        let ctx = Context::starting_now("count", COUNT_TAKES_MAX);
        let object = self.client.describe(&self.object, &ctx).await?;
        let event_time = self.dataset.event_time.as_ref().and_then(|it| self.dataset.column(it));
        if event_time.is_some_and(|it| Some(it.place()) != object.stamp()) {
            return Ok(None);
        }
        let has_deleted = object.field("IsDeleted").is_some();
        let what = format!("count {}", object.name);
        let mut parts = vec![(window.from, window.to)];
        let mut total = 0;
        while let Some((from, to)) = parts.pop() {
            let filter = self.filter.as_deref();
            let query = Query {
                object: &object.name,
                stamp: object.stamp(),
                filter,
                from,
                to: Some(to),
                limit: None,
            };
            match self.client.query_all(&what, &query.count(has_deleted), &ctx).await {
                Ok(page) => total += page.total_size,
                Err(error) if is_too_long(&error) => {
                    let from = from.unwrap_or(BEGINNING);
                    let half = middle(from, to).ok_or(error)?;
                    parts.extend([(Some(from), half), (Some(half), to)]);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(total))
    }

    /// Those that describe tells: decimals from precision and scale, never a float.
    async fn columns(&self) -> Result<Option<Vec<Column>>, HandlerError> {
        let ctx = Context::starting_now("columns", COUNT_TAKES_MAX);
        Ok(Some(self.client.describe(&self.object, &ctx).await?.columns()))
    }
}
