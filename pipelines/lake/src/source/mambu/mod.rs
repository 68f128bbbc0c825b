//! Mambu as a source: all tables of its API, version 2, and the two that only version 1 and the audit trail have.
//!
//! ```text
//!   Table (dataset's keys) --> Mambu --> Reading --> search by time | cursor | list | events --> Client --> rest::Server
//! ```
//!
//! Nothing in Mambu tells of deletions: what is gone is found by a comparison.

mod client;
mod progress;
mod read;
mod record;
mod seen;
mod settings;
mod tables;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use stepwell_pipeline::{Context, HandlerError};

use super::{Chunk, Read, Source, Split, Stop, Window};
use crate::dataset::{Dataset, Mode};

pub(crate) use client::Client;
pub use settings::Settings;

use client::{Api, Call};
use read::Reading;
use tables::{List, SPECS, Search, Spec, Way, spec_of};

/// How long a count may take.
const COUNT_TAKES_MAX: Duration = Duration::from_mins(5);

/// The keys of a dataset with `source = "mambu"`.
///
/// ```toml
/// source = "mambu"
/// table = "loan_accounts"
/// due_from = "2020-01-01"            # of installments
/// due_to = "2035-12-31"              # of installments
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "as the dataset's keys are named")]
pub struct Table {
    /// `clients`, `loan_accounts`, `loan_transactions`, ...
    table: Option<String>,
    /// Instalments that are due before are not read.
    due_from: Option<Date>,
    /// Instalments that are due later are not read.
    due_to: Option<Date>,
}

impl Table {
    fn spec(&self) -> Option<&'static Spec> {
        spec_of(self.table.as_deref()?)
    }

    /// Rows of some tables change without the time moving by which they are found: they carry `_changed_at`.
    pub(crate) fn has_deletes(&self) -> bool {
        self.spec().is_some_and(Spec::changes_unseen)
    }

    pub(crate) fn problems(&self, dataset: &Dataset) -> Vec<String> {
        let names = SPECS.iter().map(|spec| spec.name);
        let Some(spec) = self.spec() else {
            let told = match &self.table {
                None => "the key `table` is missing".to_owned(),
                Some(name) => match stepwell_pipeline::suggest::closest(name, names.clone()) {
                    Some(meant) => format!("`{name}` is no table; did you mean `{meant}`?"),
                    None => format!("`{name}` is no table"),
                },
            };
            return vec![format!("{told} (there are {})", names.collect::<Vec<_>>().join(", "))];
        };
        let mut problems = Vec::new();
        if (self.due_from.is_some() || self.due_to.is_some()) && spec.name != "installments" {
            problems
                .push("`due_from` and `due_to` are for the table `installments` alone".to_owned());
        }
        if spec.changes_unseen() && dataset.mode == Mode::OverwritePartitions {
            problems.push(format!(
                "single rows of {} change long after their day: let `mode` be `append` or `overwrite`",
                spec.name
            ));
        }
        problems
    }
}

/// The source of one dataset.
pub struct Mambu {
    client: Arc<Client>,
    dataset: Dataset,
    table: Table,
    spec: &'static Spec,
}

impl Mambu {
    pub(crate) fn new(client: &Arc<Client>, table: &Table, dataset: &Dataset) -> Self {
        Self {
            client: Arc::clone(client),
            dataset: dataset.clone(),
            table: table.clone(),
            spec: table.spec().expect("a missing or unknown one is a problem"),
        }
    }

    /// Where the keys lie that were read of a table that is written anew.
    fn seen_file(&self, window: &Window, split: &Split) -> PathBuf {
        let name = format!("{}-{}-{}", self.dataset.name, window.to.as_second(), split.name);
        self.client.state.join("lake-seen").join(name)
    }

    /// The table whose pages are read.
    fn paged(&self) -> &'static Spec {
        match self.spec.way {
            Way::Children { of, .. } => spec_of(of).expect("the parents' table is in the list"),
            _ => self.spec,
        }
    }

    /// The number of records that meet criteria.
    async fn total(
        &self,
        criteria: &[Value],
        kind: Option<&str>,
        ctx: &Context,
    ) -> Result<Option<u64>, HandlerError> {
        let mut query = vec![
            ("offset", "0".to_owned()),
            ("limit", "1".to_owned()),
            ("paginationDetails", "ON".to_owned()),
        ];
        query.extend(kind.map(|kind| ("type", kind.to_owned())));
        let body = match self.spec.way {
            Way::Search(search) if search.bare_criteria => Some(json!(criteria)),
            Way::Search(_) => Some(json!({"filterCriteria": criteria})),
            _ => None,
        };
        let call = Call { path: self.spec.path, query, body, api: Api::Second };
        Ok(self.client.page(&call, ctx).await?.total)
    }

    /// Records of the window; where there is a second time, those with only that one in it too.
    async fn count_found(
        &self,
        search: Search,
        window: &Window,
        ctx: &Context,
    ) -> Result<Option<u64>, HandlerError> {
        let time = self.spec.time.unwrap_or_default();
        let Some(first) = self.total(&span(time, window), None, ctx).await? else {
            return Ok(None);
        };
        let by_event_time = self.dataset.event_time.is_some();
        let (Some(also), Some(from), false) = (search.also, window.from, by_event_time) else {
            return Ok(Some(first));
        };
        let mut total = first;
        let before = json!({"field": time, "operator": "BEFORE", "value": from.to_string()});
        let since =
            json!({"field": time, "operator": "AFTER", "value": (window.to - INSTANT).to_string()});
        for outside in [before, since] {
            let mut criteria = span(also, window);
            criteria.push(outside);
            let Some(more) = self.total(&criteria, None, ctx).await? else { return Ok(None) };
            total += more;
        }
        Ok(Some(total))
    }
}

/// No two times are closer together; spans have both ends in them.
const INSTANT: SignedDuration = SignedDuration::from_millis(1);

fn span(field: &str, window: &Window) -> Vec<Value> {
    let last: Timestamp = window.to - INSTANT;
    vec![match window.from {
        None => json!({"field": field, "operator": "BEFORE", "value": window.to.to_string()}),
        Some(from) => {
            json!({"field": field, "operator": "BETWEEN", "value": from.to_string(), "secondValue": last.to_string()})
        }
    }]
}

#[async_trait]
impl Source for Mambu {
    async fn splits(&self, _window: &Window) -> Result<Vec<Split>, HandlerError> {
        let names = match self.spec.way {
            Way::List(List { types, .. }) if !types.is_empty() => {
                types.iter().map(|it| it.to_lowercase()).collect::<Vec<_>>()
            }
            _ => vec!["all".to_owned()],
        };
        Ok(names.into_iter().map(Split::new).collect())
    }

    fn read<'a>(&'a self, read: Read<'a>) -> BoxStream<'a, Result<Chunk, Stop>> {
        let chunks = |reading| {
            stream::try_unfold(reading, |mut reading: Reading<'a>| async move {
                Ok(reading.next().await?.map(|chunk| (chunk, reading)))
            })
        };
        stream::once(async move { Reading::begin(self, read) }).map_ok(chunks).try_flatten().boxed()
    }

    /// By `Items-Total`, which costs the service much: for a comparison, not for every run. None by an event time that
    /// windows do not go by.
    async fn count(&self, window: &Window) -> Result<Option<u64>, HandlerError> {
        let event_time = self.dataset.event_time.as_ref().and_then(|it| self.dataset.column(it));
        if event_time.is_some_and(|it| Some(it.place()) != self.spec.time) {
            return Ok(None);
        }
        let ctx = Context::starting_now("count", COUNT_TAKES_MAX);
        match self.spec.way {
            Way::Search(search) if search.dates_by.is_none() => {
                self.count_found(search, window, &ctx).await
            }
            Way::List(list)
                if window.from.is_none()
                    && list.api == Api::Second
                    && list.span == tables::Span::None =>
            {
                if list.types.is_empty() {
                    return self.total(&[], None, &ctx).await;
                }
                let mut total = 0;
                for kind in list.types {
                    let Some(count) = self.total(&[], Some(kind), &ctx).await? else {
                        return Ok(None);
                    };
                    total += count;
                }
                Ok(Some(total))
            }
            _ => Ok(None),
        }
    }
}
