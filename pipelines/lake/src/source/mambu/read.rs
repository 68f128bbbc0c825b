//! The reading of a window.
//!
//! Records change while they are read, and each change moves one to another place. What is read is therefore never trusted
//! to a place alone:
//!
//! - A **search** goes by time, ascending. The next page begins at the time of the last record; what was read of that time is left
//!   out. A record that changes meanwhile moves beyond the window and comes with the next one.
//! - A **list** has pages that overlap by a record. If the first record of a page was not on the one before, records have shifted:
//!   an earlier page is read again.
//! - A **cursor** stands behind a record, wherever that is.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use stepwell_pipeline::HandlerError;
use stepwell_tabular::rows::{Cell, Rows};

use super::Mambu;
use super::client::{Api, Call, Page};
use super::progress::{Checkpoint, Keyset, Offset, Progress};
use super::record::Record;
use super::seen::Seen;
use super::tables::{List, Search, Span, Spec, Way};
use crate::dataset::{CHANGED_AT, DELETED, Mode};
use crate::source::rest::{Answer, Error};
use crate::source::{Chunk, Read, Stop};

/// Searches reach a little beyond both ends, since it is not said which of them belong to a span; the rest is left out here.
const MARGIN: SignedDuration = SignedDuration::from_secs(1);
/// As many days, where only dates are understood: the tenant's days are not those of UTC.
const MARGIN_DAYS: SignedDuration = SignedDuration::from_hours(48);
/// Instalments are asked for from here to there if the dataset does not say it.
const DUE: [&str; 2] = ["1970-01-01", "2199-12-31"];
/// So often records may shift out of the overlap of a list's pages.
const SHIFTS_MAX: u32 = 50;
/// So many events are asked for at once, and at most.
const EVENTS: usize = 10_000;
const EVENTS_MAX: usize = 50_000;
/// So many records are asked for by key at once: what a tenant gives if nothing is said.
const KEYS: usize = 50;
/// So many parents are read before what hangs on them.
const PARENTS: u64 = 50;

/// A window that is being read.
pub(super) struct Reading<'a> {
    source: &'a Mambu,
    read: Read<'a>,
    /// The table whose pages are read: the dataset's, or that of the parents.
    spec: &'static Spec,
    progress: Progress,
    /// How many events are asked for at once.
    events: usize,
    /// In a table that is written anew, records that were read: one that changes meanwhile comes again.
    seen: Option<Seen>,
    /// So many records had the largest page.
    largest_page: u64,
}

#[derive(Deserialize)]
struct Schedule {
    installments: Vec<Box<RawValue>>,
    currency: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "as Mambu names them")]
struct Events {
    events: Vec<Box<RawValue>>,
    #[serde(default)]
    has_more: bool,
    next_start_time: Option<String>,
}

impl<'a> Reading<'a> {
    pub(super) fn begin(source: &'a Mambu, read: Read<'a>) -> Result<Self, Stop> {
        let spec = source.paged();
        let checkpoint = match read.after {
            Some(after) => serde_json::from_value(after.clone()).map_err(|error| {
                HandlerError::Fatal(format!("the checkpoint is of another version: {error}"))
            })?,
            None => Checkpoint { next: beginning(spec, read.window.from), seen: 0 },
        };
        let progress = checkpoint.next;
        let is_open = source.dataset.mode == Mode::Overwrite && progress != Progress::Done;
        let seen = is_open.then(|| source.seen_file(read.window, read.split));
        let seen = seen.map(|path| Seen::open(&path, checkpoint.seen)).transpose()?;
        Ok(Self { source, read, spec, progress, events: EVENTS, seen, largest_page: 0 })
    }

    /// The next chunk; none when everything is read.
    pub(super) async fn next(&mut self) -> Result<Option<Chunk>, Stop> {
        while self.progress != Progress::Done {
            let outcome = match (self.progress.clone(), self.spec.way) {
                (Progress::Search(keyset), Way::Search(search)) => {
                    self.search(keyset, search).await
                }
                (Progress::Cursor(cursor), Way::Search(search)) => {
                    self.cursor(&cursor, search).await
                }
                (Progress::List(offset), Way::List(list)) => self.list(offset, list).await,
                (Progress::Events { from, read }, _) => self.events(from, read).await,
                _ => {
                    Err(HandlerError::Fatal("the checkpoint is of another table".to_owned()).into())
                }
            };
            match outcome {
                Ok(mut records) => {
                    if let Some(seen) = &mut self.seen {
                        seen.retain_new(&mut records, |it| &it.key)?;
                    }
                    if !records.is_empty() {
                        return Ok(Some(self.chunk(records).await?));
                    }
                }
                Err(error) => return Err(self.stop(error)),
            }
        }
        if let Some(seen) = self.seen.take() {
            seen.remove();
        }
        Ok(None)
    }

    fn checkpoint(&self) -> Value {
        let seen = self.seen.as_ref().map_or(0, Seen::count);
        json!(Checkpoint { next: self.progress.clone(), seen })
    }

    fn stop(&self, error: Error) -> Stop {
        match error {
            Error::NotNow(not_now) => {
                Stop::NotNow { wait: not_now.wait, checkpoint: Some(self.checkpoint()) }
            }
            error => error.into(),
        }
    }

    /// The whole table is what counts, whatever changed a moment ago.
    fn is_whole(&self) -> bool {
        self.source.dataset.mode == Mode::Overwrite
    }

    /// A record whose time cannot be read is told of, wherever it belongs.
    fn is_wanted(&self, record: &Record, time: Option<Timestamp>) -> bool {
        record.problem.is_some() || self.is_in(time)
    }

    fn is_in(&self, time: Option<Timestamp>) -> bool {
        let window = self.read.window;
        match time {
            None => window.from.is_none(),
            Some(time) => {
                window.from.is_none_or(|from| from <= time) && (self.is_whole() || time < window.to)
            }
        }
    }

    // Searches by time.

    async fn search(&mut self, mut keyset: Keyset, search: Search) -> Result<Vec<Record>, Error> {
        let time = if keyset.pass == 0 { self.spec.time } else { search.also };
        let time = time.unwrap_or_default();
        let order = search.dates_by.unwrap_or(time);
        let lower = if search.dates_by.is_some() {
            self.read.window.from
        } else {
            keyset.bound.or(self.read.window.from)
        };
        let criteria = self.criteria(time, lower, search);
        let body = if search.bare_criteria {
            json!(criteria)
        } else {
            json!({"filterCriteria": criteria, "sortingCriteria": {"field": order, "order": "ASC"}})
        };
        let limit = self.limit();
        let query = vec![
            ("offset", keyset.offset.to_string()),
            ("limit", limit.to_string()),
            ("detailsLevel", "FULL".to_owned()),
        ];
        let page = self.page(query, Some(body)).await?;
        let count = page.records.len() as u64;
        let mut records = self.records(&page)?;
        if search.bare_criteria || search.dates_by.is_some() {
            return self.overlapping(keyset, records, count);
        }
        let time_of = |record: &Record| if keyset.pass == 0 { record.time } else { record.also };
        if keyset.offset > 0 && !records.first().is_some_and(|it| is_read(&keyset, it, time_of(it)))
        {
            // What stood here has moved on: a page earlier there is a record that was read.
            keyset.offset = keyset.offset.saturating_sub(limit);
            self.progress = Progress::Search(keyset);
            return Ok(Vec::new());
        }
        records.retain(|record| !is_read(&keyset, record, time_of(record)));
        let last = records.iter().filter_map(time_of).max();
        let next = advanced(&keyset, &records, last, time_of, count);
        let is_last = self.is_last(count, records.len());
        let is_beyond = !self.is_whole() && last.is_some_and(|last| last >= self.read.window.to);
        self.progress = match (is_last || is_beyond, search.also) {
            (false, _) => Progress::Search(next),
            (true, Some(_)) if keyset.pass == 0 && self.read.window.from.is_some() => {
                Progress::Search(Keyset { pass: 1, ..Keyset::default() })
            }
            (true, _) => Progress::Done,
        };
        // The second pass is for those that the first one does not give.
        records.retain(|it| {
            self.is_wanted(it, time_of(it)) && (keyset.pass == 0 || !self.is_in(it.time))
        });
        Ok(records)
    }

    fn criteria(&self, field: &str, lower: Option<Timestamp>, search: Search) -> Vec<Value> {
        let upper = (!self.is_whole()).then_some(self.read.window.to);
        let told = |time: Timestamp, margin: SignedDuration| {
            if search.dates_by.is_some() {
                let margin = if margin.is_negative() { -MARGIN_DAYS } else { MARGIN_DAYS };
                (time + margin).strftime("%Y-%m-%d").to_string()
            } else {
                (time + margin).to_string()
            }
        };
        let after = lower
            .map(|it| json!({"field": field, "operator": "AFTER", "value": told(it, -MARGIN)}));
        let before = upper
            .map(|it| json!({"field": field, "operator": "BEFORE", "value": told(it, MARGIN)}));
        after.into_iter().chain(before).collect()
    }

    /// Pages of records that never change, in an order of the service's own: each overlaps the one before.
    fn overlapping(
        &mut self,
        keyset: Keyset,
        records: Vec<Record>,
        count: u64,
    ) -> Result<Vec<Record>, Error> {
        let before = Offset { offset: keyset.offset, before: keyset.at_bound, shifts: 0 };
        let (next, mut records) = self.overlap(before, records, count)?;
        // What is asked for reaches beyond the window, and both ends of a search may be in it.
        records.retain(|record| self.is_wanted(record, record.time));
        self.progress = match next {
            Some(next) => {
                let Offset { offset, before, .. } = next;
                Progress::Search(Keyset { offset, at_bound: before, ..Keyset::default() })
            }
            None => Progress::Done,
        };
        Ok(records)
    }

    // Searches by cursor.

    async fn cursor(&mut self, cursor: &str, search: Search) -> Result<Vec<Record>, Error> {
        let order = search.cursor.or(search.cursor_between).unwrap_or_default();
        let mut body = json!({"sortingCriteria": {"field": order, "order": "ASC"}});
        if search.cursor_between.is_some() {
            body["filterCriteria"] = json!([self.between(self.spec.time.unwrap_or_default())]);
        }
        let query = vec![
            ("cursor", cursor.to_owned()),
            ("limit", self.limit().to_string()),
            ("detailsLevel", "FULL".to_owned()),
        ];
        let page = match self.page(query, Some(body)).await {
            // Not every tenant has cursors; a search by time always works.
            Err(Error::Refused { status: 400, told, .. }) if cursor == "_" => {
                tracing::info!(table = self.spec.name, told, "no cursor is to be had");
                self.progress = Progress::Search(Keyset::default());
                return Ok(Vec::new());
            }
            page => page?,
        };
        let mut records = self.records(&page)?;
        let is_beyond = search.cursor.is_some()
            && !self.is_whole()
            && records.last().is_some_and(|last| last.time >= Some(self.read.window.to));
        self.progress = match page.next_cursor {
            Some(next) if !is_beyond => Progress::Cursor(next),
            _ => Progress::Done,
        };
        records.retain(|record| self.is_wanted(record, record.time));
        Ok(records)
    }

    /// The span of a window, both ends a little beyond.
    fn between(&self, field: &str) -> Value {
        let from = self.read.window.from.unwrap_or(Timestamp::UNIX_EPOCH);
        let to = self.read.window.to + MARGIN;
        json!({"field": field, "operator": "BETWEEN", "value": (from - MARGIN).to_string(), "secondValue": to.to_string()})
    }

    // Lists.

    async fn list(&mut self, offset: Offset, list: List) -> Result<Vec<Record>, Error> {
        let mut query = Vec::new();
        if !list.is_whole {
            query.push(("offset", offset.offset.to_string()));
            query.push(("limit", self.limit().to_string()));
        }
        query.push(("detailsLevel", "FULL".to_owned()));
        query.extend(list.sort.map(|sort| ("sortBy", sort.to_owned())));
        query.extend(self.span(list.span));
        if !list.types.is_empty() {
            query.push(("type", self.read.split.name.to_uppercase()));
        }
        let page = self.page(query, None).await?;
        let count = page.records.len() as u64;
        let records = self.records(&page)?;
        let (next, mut records) =
            if list.is_whole { (None, records) } else { self.overlap(offset, records, count)? };
        self.progress = next.map_or(Progress::Done, Progress::List);
        records.retain(|record| self.spec.time.is_none() || self.is_wanted(record, record.time));
        Ok(records)
    }

    /// What is new on a page, and where the next one begins: at the last record of this one.
    fn overlap(
        &mut self,
        before: Offset,
        records: Vec<Record>,
        count: u64,
    ) -> Result<(Option<Offset>, Vec<Record>), Error> {
        let is_known = |record: &Record| before.before.contains(&record.key);
        if before.offset > 0 && !records.first().is_some_and(is_known) {
            // Records before this page are gone: an earlier page begins with one that was read.
            if before.shifts >= SHIFTS_MAX {
                let message =
                    format!("the records of {} shift faster than they can be read", self.spec.name);
                return Err(HandlerError::retryable(message).into());
            }
            let offset = before.offset.saturating_sub(self.limit() / 2);
            return Ok((Some(Offset { offset, shifts: before.shifts + 1, ..before }), Vec::new()));
        }
        let keys = records.iter().map(|record| record.key.clone()).collect();
        let next = Offset {
            offset: before.offset + count.saturating_sub(1),
            before: keys,
            shifts: before.shifts,
        };
        let new: Vec<_> = records.into_iter().filter(|record| !is_known(record)).collect();
        let is_last = self.is_last(count, new.len());
        Ok(((!is_last).then_some(next), new))
    }

    /// Whether nothing lies behind a page. A page with fewer records than were asked for does not say it: a tenant may give
    /// fewer at once. One with nothing new does, if there were larger ones.
    fn is_last(&mut self, count: u64, new: usize) -> bool {
        self.largest_page = self.largest_page.max(count);
        count == 0 || (new == 0 && (count == 1 || count < self.largest_page))
    }

    /// The days that a list wants to be told.
    fn span(&self, span: Span) -> Vec<(&'static str, String)> {
        let day = |time: Timestamp| time.strftime("%Y-%m-%d").to_string();
        match span {
            Span::None => Vec::new(),
            Span::Due => {
                let (from, to) = (self.source.table.due_from, self.source.table.due_to);
                let told = |date: Option<jiff::civil::Date>, default: &str| {
                    date.map_or(default.to_owned(), |date| date.to_string())
                };
                vec![("dueFrom", told(from, DUE[0])), ("dueTo", told(to, DUE[1]))]
            }
            Span::Window => {
                let window = self.read.window;
                let from = window.from.map_or(DUE[0].to_owned(), |from| day(from - MARGIN_DAYS));
                vec![("from", from), ("to", day(window.to + MARGIN_DAYS))]
            }
        }
    }

    // The audit trail.

    async fn events(
        &mut self,
        from: Option<Timestamp>,
        read: Vec<String>,
    ) -> Result<Vec<Record>, Error> {
        let path = self.source.client.config.audit_path.clone();
        let begin = from.unwrap_or(Timestamp::UNIX_EPOCH);
        let query = vec![
            ("occurred_at[gte]", begin.to_string()),
            ("occurred_at[lte]", self.read.window.to.to_string()),
            ("sort_order", "asc".to_owned()),
            ("size", self.events.to_string()),
        ];
        let call = Call { path: &path, query, body: None, api: Api::Audit };
        let found: Events = self.source.client.call(&call, Answer::json, self.read.ctx).await?;
        let page = Page { records: found.events, next_cursor: None, total: None };
        let mut records = self.records(&page)?;
        let next = found.next_start_time.as_deref().filter(|_| found.has_more);
        let next: Option<Timestamp> = next.and_then(|text| text.parse().ok());
        let same: Vec<_> =
            records.iter().filter(|it| it.time == next).map(|it| it.key.clone()).collect();
        records.retain(|record| !read.contains(&record.key));
        self.progress = match next {
            None if found.has_more => {
                return Err(self
                    .source
                    .client
                    .malformed(&path, "there is more, and nothing tells where"));
            }
            None => Progress::Done,
            Some(next) if Some(next) == from && records.is_empty() => {
                // More events of one instant than fit a page.
                if self.events >= EVENTS_MAX {
                    return Err(self.source.client.malformed(
                        &path,
                        format!("more than {EVENTS_MAX} events happened at {next}"),
                    ));
                }
                self.events = (self.events * 2).min(EVENTS_MAX);
                Progress::Events { from, read }
            }
            Some(next) if Some(next) == from => {
                Progress::Events { from, read: read.into_iter().chain(same).collect() }
            }
            Some(next) => Progress::Events { from: Some(next), read: same },
        };
        records.retain(|record| self.is_wanted(record, record.time));
        Ok(records)
    }

    // What all of them share.

    fn limit(&self) -> u64 {
        let records = self.source.client.config.page_records;
        if matches!(self.source.spec.way, Way::Children { .. }) {
            records.min(PARENTS)
        } else {
            records
        }
    }

    async fn page(
        &self,
        query: Vec<(&'static str, String)>,
        body: Option<Value>,
    ) -> Result<Page, Error> {
        let api = match self.spec.way {
            Way::List(list) => list.api,
            _ => Api::Second,
        };
        let call = Call { path: self.spec.path, query, body, api };
        self.source.client.page(&call, self.read.ctx).await
    }

    fn records(&self, page: &Page) -> Result<Vec<Record>, Error> {
        let wrapped = match self.spec.way {
            Way::List(list) => list.wrapped,
            _ => None,
        };
        let record = |raw: &RawValue| match wrapped {
            None => Record::of(raw, self.spec),
            Some(member) => Record::of(&unwrapped(raw, member)?, self.spec),
        };
        let records = page.records.iter().map(|raw| record(raw)).collect::<Result<_, _>>();
        records.map_err(|problem: String| self.source.client.malformed(self.spec.path, problem))
    }

    /// Records as rows, with those that they changed or that hang on them.
    async fn chunk(&self, records: Vec<Record>) -> Result<Chunk, Stop> {
        let records = match self.source.spec.way {
            Way::Children { of: _, name, parent_as } => {
                self.children(&records, name, parent_as).await
            }
            Way::Search(search) if search.adjusts.is_some() => self.with_adjusted(records).await,
            _ => Ok(records),
        };
        let records = records.map_err(Self::stop_before)?;
        let mut rows = self.source.dataset.rows();
        for record in &records {
            self.add(&mut rows, record);
        }
        let batch = rows.finish();
        let checkpoint = self.checkpoint();
        Ok(Chunk { rows: batch.rows, rejected: batch.rejected, unknown: batch.unknown, checkpoint })
    }

    /// The page is read again: what hangs on it is missing.
    fn stop_before(error: Error) -> Stop {
        match error {
            Error::NotNow(not_now) => Stop::NotNow { wait: not_now.wait, checkpoint: None },
            error => error.into(),
        }
    }

    fn add(&self, rows: &mut Rows, record: &Record) {
        rows.fields(&record.text);
        if let (Some(deleted), Some(changed_at)) = (rows.column(DELETED), rows.column(CHANGED_AT)) {
            let at = record.changed_at().unwrap_or(self.read.window.to).to_string();
            rows.set(deleted, Cell::Bool(false));
            rows.set(changed_at, Cell::Text(&at));
        }
        if let Some(problem) = &record.problem {
            rows.reject(problem.clone());
        }
        let place = format!("{} {}", self.source.spec.name, record.key);
        rows.end_row(&place, || record.text.clone());
    }

    /// A transaction that takes another one back changes it, although that one's date stays: it is read again.
    async fn with_adjusted(&self, mut records: Vec<Record>) -> Result<Vec<Record>, Error> {
        let changed = |key: &str| {
            records
                .iter()
                .filter(|it| it.adjusts.as_deref() == Some(key))
                .filter_map(|it| it.time)
                .max()
        };
        let keys: BTreeSet<_> = records.iter().filter_map(|it| it.adjusts.clone()).collect();
        let keys: Vec<_> = keys.into_iter().map(|key| (changed(&key), key)).collect();
        for keys in keys.chunks(KEYS) {
            let named: Vec<_> = keys.iter().map(|(_, key)| key).collect();
            let body = json!({"filterCriteria": [{"field": "encodedKey", "operator": "IN", "values": named}]});
            let query = vec![
                ("offset", "0".to_owned()),
                ("limit", KEYS.to_string()),
                ("detailsLevel", "FULL".to_owned()),
            ];
            let page = self.page(query, Some(body)).await?;
            for mut record in self.records(&page)? {
                let at = keys.iter().find(|(_, key)| *key == record.key).and_then(|(at, _)| *at);
                record.changed_at = at;
                // Those of the window come by themselves, as they are now.
                if !self.is_in(record.time) {
                    records.push(record);
                }
            }
        }
        Ok(records)
    }

    async fn children(
        &self,
        parents: &[Record],
        name: &str,
        parent_as: Option<&str>,
    ) -> Result<Vec<Record>, Error> {
        let (spec, mut all) = (self.source.spec, Vec::new());
        for parent in parents {
            let path = format!("{}/{}/{name}", spec.path, parent.key);
            let call = Call { path: &path, query: Vec::new(), body: None, api: Api::Second };
            let record = |raw: &RawValue| {
                Record::of(raw, spec)
                    .map_err(|problem| self.source.client.malformed(&path, problem))
            };
            let found = if name == "schedule" {
                self.source.client.call(&call, Answer::json, self.read.ctx).await
            } else {
                let page = self.source.client.page(&call, self.read.ctx).await;
                page.map(|page| Schedule { installments: page.records, currency: None })
            };
            let found = match found {
                // Gone between its page and now.
                Err(Error::Refused { status: 404, .. }) => continue,
                found => found?,
            };
            for raw in &found.installments {
                let mut record = record(raw)?;
                if let Some(currency) = &found.currency {
                    record = record.with("currency", currency.get());
                }
                if let Some(member) = parent_as {
                    record = record.with(member, &json!(parent.id).to_string());
                }
                record.changed_at = parent.changed_at();
                all.push(record);
            }
        }
        Ok(all)
    }
}

/// Where a table's reading begins.
fn beginning(spec: &Spec, from: Option<Timestamp>) -> Progress {
    match spec.way {
        Way::Search(search)
            if search.cursor_between.is_some() || (search.cursor.is_some() && from.is_none()) =>
        {
            Progress::Cursor("_".to_owned())
        }
        Way::Search(_) => Progress::Search(Keyset::default()),
        Way::List(_) | Way::Children { .. } => Progress::List(Offset::default()),
        Way::Events => Progress::Events { from, read: Vec::new() },
    }
}

/// Whether a search has given this record before.
fn is_read(keyset: &Keyset, record: &Record, time: Option<Timestamp>) -> bool {
    match (keyset.bound, time) {
        (Some(bound), Some(time)) => {
            time < bound || (time == bound && keyset.at_bound.contains(&record.key))
        }
        // Those without a time come first.
        (None, None) => keyset.at_bound.contains(&record.key),
        _ => false,
    }
}

/// Where the next page of a search begins.
fn advanced(
    keyset: &Keyset,
    new: &[Record],
    last: Option<Timestamp>,
    time_of: impl Fn(&Record) -> Option<Timestamp>,
    count: u64,
) -> Keyset {
    let of_last = new.iter().filter(|it| time_of(it) == last).map(|it| it.key.clone());
    match last {
        Some(last) if keyset.bound != Some(last) => {
            Keyset { pass: keyset.pass, bound: Some(last), at_bound: of_last.collect(), offset: 0 }
        }
        // A page of records of one time: the next one overlaps it by a record.
        _ => Keyset {
            at_bound: keyset.at_bound.iter().cloned().chain(of_last).collect(),
            offset: keyset.offset + count.saturating_sub(1),
            ..keyset.clone()
        },
    }
}

fn unwrapped(raw: &RawValue, member: &str) -> Result<Box<RawValue>, String> {
    let members: crate::source::rest::Raw =
        serde_json::from_str(raw.get()).map_err(|_| "a record is no object".to_owned())?;
    let found = members.into_iter().find(|(name, _)| name == member);
    found.map(|(_, value)| value).ok_or_else(|| format!("a record has no `{member}`"))
}
