//! Log events: put into a stream, read from one, or looked for in all of a group.
//!
//! Events have an order: by time, and those of one time as they came. A token of a page is a place in it.

use rusqlite::types::Value as Sql;
use rusqlite::{Row, Transaction, params, params_from_iter};
use serde::Deserialize;
use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;

use super::pattern::Pattern;
use super::{
    DAY_MS, EmbeddedLogs, Group, broken, check_group_name, check_stream_name, invalid, limit,
};

/// Events of one request, put or read. Source: API reference, `PutLogEvents`, `GetLogEvents`.
pub(super) const EVENTS_MAX: usize = 10_000;

/// Bytes of one request, put or read, where every event counts for some more than its text. Source: the same.
pub(super) const BYTES_MAX: usize = 1_048_576;

/// What an event counts for beside its text. Source: the same.
pub(super) const EVENT_BYTES: usize = 26;

/// Events older than this, or further in the future, are not taken. Source: the same.
const OLDEST_MS: i64 = 14 * DAY_MS;
const NEWEST_MS: i64 = 2 * 60 * 60 * 1000;

/// Events that are over, deleted with each request that puts some.
const FORGOTTEN_MAX: i64 = 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Put {
    log_group_name: String,
    log_stream_name: String,
    log_events: Vec<NewEvent>,
    /// AWS takes any since 2023.
    #[serde(rename = "sequenceToken")]
    _sequence_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewEvent {
    timestamp: i64,
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Get {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: String,
    start_time: Option<i64>,
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<i64>,
    start_from_head: Option<bool>,
    /// Nothing is masked here.
    #[serde(rename = "unmask")]
    _unmask: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Filter {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    #[serde(default)]
    log_stream_names: Vec<String>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    #[serde(rename = "filterPattern")]
    pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
    /// AWS takes any and interleaves always.
    #[serde(rename = "interleaved")]
    _interleaved: Option<bool>,
    #[serde(rename = "unmask")]
    _unmask: Option<bool>,
}

/// A place in the order of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    at_ms: i64,
    id: i64,
}

impl Place {
    const START: Self = Self { at_ms: 0, id: 0 };
    const END: Self = Self { at_ms: i64::MAX, id: i64::MAX };

    /// 56 digits, as AWS's event ids and tokens have them.
    fn digits(self) -> String {
        format!("{:028}{:028}", self.at_ms, self.id)
    }

    fn parse(digits: &str) -> Option<Self> {
        let (at_ms, id) = digits.split_at_checked(28)?;
        Some(Self { at_ms: at_ms.parse().ok()?, id: id.parse().ok()? })
    }
}

struct Stored {
    place: Place,
    ingested: i64,
    message: String,
    stream: String,
}

impl Stored {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let place = Place { at_ms: row.get(0)?, id: row.get(1)? };
        Ok(Self { place, ingested: row.get(2)?, message: row.get(3)?, stream: row.get(4)? })
    }

    fn size(&self) -> usize {
        self.message.len() + EVENT_BYTES
    }

    fn shown(self) -> Value {
        let (at, ingested) = (self.place.at_ms, self.ingested);
        json!({ "timestamp": at, "message": self.message, "ingestionTime": ingested })
    }

    fn found(self) -> Value {
        let (name, id) = (self.stream.clone(), self.place.digits());
        let mut shown = self.shown();
        shown["logStreamName"] = json!(name);
        shown["eventId"] = json!(id);
        shown
    }
}

/// Which way a stream is read, and from where.
enum From {
    After(Place),
    Before(Place),
}

impl From {
    fn of(request: &Get) -> Result<Self, ServiceError> {
        let invalid = || invalid("The specified nextToken is invalid.");
        let Some(token) = &request.next_token else {
            let is_head = request.start_from_head == Some(true);
            return Ok(if is_head { Self::After(Place::START) } else { Self::Before(Place::END) });
        };
        let (way, digits) = token.split_once('/').ok_or_else(invalid)?;
        let place = Place::parse(digits).ok_or_else(invalid)?;
        match way {
            "f" => Ok(Self::After(place)),
            "b" => Ok(Self::Before(place)),
            _ => Err(invalid()),
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::After(place) | Self::Before(place) => *place,
        }
    }
}

impl EmbeddedLogs {
    /// Those that are too old or too new are left out and told, as on AWS; the rest is taken.
    pub(super) async fn put_events(&self, request: Put) -> Result<Value, ServiceError> {
        let Put { log_group_name: group, log_stream_name: name, log_events: events, .. } = request;
        check_group_name(&group)?;
        check_stream_name(&name)?;
        check_batch(&events)?;
        let now = self.now();
        let put = self.in_group(group, move |transaction, group| {
            let stream = match group.stream(transaction, &name)? {
                Ok(stream) => stream,
                Err(error) => return Ok(Err(error)),
            };
            let sorted = Sorted::new(&events, group, now);
            insert(transaction, stream, sorted.accepted(&events), now)?;
            forget(transaction, group, now)?;
            Ok(Ok(sorted.answer()))
        });
        put.await
    }

    pub(super) async fn get_events(&self, request: Get) -> Result<Value, ServiceError> {
        let most = limit(request.limit, EVENTS_MAX as i64)?;
        let from = From::of(&request)?;
        let name =
            self.group_name(request.log_group_name.clone(), request.log_group_identifier.clone())?;
        let now = self.now();
        let found = self.in_group(name, move |transaction, group| {
            let stream = match group.stream(transaction, &request.log_stream_name)? {
                Ok(stream) => stream,
                Err(error) => return Ok(Err(error)),
            };
            let start = request.start_time.unwrap_or(0).max(group.oldest(now));
            let end = request.end_time.unwrap_or(i64::MAX);
            page(transaction, stream, (start, end), &from, most).map(|found| Ok((found, from)))
        });
        let (events, from) = found.await?;
        let place = from.place();
        let first = events.first().map_or(place, |event| event.place);
        let last = events.last().map_or(place, |event| event.place);
        let shown: Vec<Value> = events.into_iter().map(Stored::shown).collect();
        Ok(json!({
            "events": shown,
            "nextForwardToken": format!("f/{}", last.digits()),
            "nextBackwardToken": format!("b/{}", first.digits()),
        }))
    }

    pub(super) async fn filter_events(&self, request: Filter) -> Result<Value, ServiceError> {
        let most = limit(request.limit, EVENTS_MAX as i64)?;
        let pattern = Pattern::parse(request.pattern.as_deref().unwrap_or_default())?;
        let prefix = request.log_stream_name_prefix;
        if prefix.is_some() && !request.log_stream_names.is_empty() {
            return Err(invalid("logStreamNamePrefix and logStreamNames are mutually exclusive."));
        }
        let after = match &request.next_token {
            Some(token) => {
                Place::parse(token).ok_or_else(|| invalid("The specified nextToken is invalid."))?
            }
            None => Place::START,
        };
        let name = self.group_name(request.log_group_name, request.log_group_identifier)?;
        let (now, streams) = (self.now(), request.log_stream_names);
        let times = (request.start_time.unwrap_or(0), request.end_time.unwrap_or(i64::MAX));
        let search = Search { streams, prefix: prefix.unwrap_or_default(), times, after, pattern };
        let found = self.in_group(name, move |transaction, group| {
            search.run(transaction, group, now, most).map(Ok)
        });
        let (events, next) = found.await?;
        let shown: Vec<Value> = events.into_iter().map(Stored::found).collect();
        let mut answer = json!({ "events": shown, "searchedLogStreams": [] });
        if let Some(next) = next {
            answer["nextToken"] = json!(next.digits());
        }
        Ok(answer)
    }
}

fn check_batch(events: &[NewEvent]) -> Result<(), ServiceError> {
    if events.is_empty() {
        return Err(broken("logEvents", "[]", "have length greater than or equal to 1"));
    }
    if events.len() > EVENTS_MAX {
        let (count, must) = (events.len(), "have length less than or equal to 10000");
        return Err(broken("logEvents", &format!("[{count} events]"), must));
    }
    if events.iter().any(|event| event.message.is_empty()) {
        let must = "have length greater than or equal to 1";
        return Err(broken("logEvents.1.member.message", "", must));
    }
    let bytes: usize = events.iter().map(|event| event.message.len() + EVENT_BYTES).sum();
    if bytes > BYTES_MAX {
        let message = format!("Upload too large: {bytes} bytes exceeds limit of {BYTES_MAX}");
        return Err(invalid(message));
    }
    if !events.is_sorted_by_key(|event| event.timestamp) {
        return Err(invalid(
            "Log events in a single PutLogEvents request must be in chronological order.",
        ));
    }
    let span = events[events.len() - 1].timestamp.saturating_sub(events[0].timestamp);
    if span > DAY_MS {
        return Err(invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ));
    }
    Ok(())
}

/// How the events of a request, in the order of their times, fall apart.
struct Sorted {
    /// The first that is not too old.
    too_old: usize,
    /// The first that is within the retention of the group.
    expired: usize,
    /// The first that is too far in the future.
    too_new: usize,
    count: usize,
}

impl Sorted {
    fn new(events: &[NewEvent], group: &Group, now: i64) -> Self {
        let before = |time: i64| events.partition_point(|event| event.timestamp < time);
        Self {
            too_old: before(now - OLDEST_MS),
            expired: before(group.oldest(now)),
            too_new: before(now + NEWEST_MS + 1),
            count: events.len(),
        }
    }

    fn accepted<'e>(&self, events: &'e [NewEvent]) -> &'e [NewEvent] {
        &events[self.too_old.max(self.expired).min(self.too_new)..self.too_new]
    }

    fn answer(&self) -> Value {
        let mut rejected = json!({});
        if self.too_old > 0 {
            rejected["tooOldLogEventEndIndex"] = json!(self.too_old);
        }
        if self.expired > 0 {
            rejected["expiredLogEventEndIndex"] = json!(self.expired);
        }
        if self.too_new < self.count {
            rejected["tooNewLogEventStartIndex"] = json!(self.too_new);
        }
        let mut answer = json!({ "nextSequenceToken": Place::START.digits() });
        if rejected != json!({}) {
            answer["rejectedLogEventsInfo"] = rejected;
        }
        answer
    }
}

fn insert(
    transaction: &Transaction<'_>,
    stream: i64,
    events: &[NewEvent],
    now: i64,
) -> rusqlite::Result<()> {
    let sql =
        "INSERT INTO log_event (log_stream, at_ms, ingested_ms, message) VALUES (?1, ?2, ?3, ?4)";
    let mut statement = transaction.prepare_cached(sql)?;
    for event in events {
        statement.execute(params![stream, event.timestamp, now, event.message])?;
    }
    let sql = "UPDATE log_stream SET ingested_ms = ?2 WHERE id = ?1";
    transaction.execute(sql, params![stream, now]).map(drop)
}

/// Deletes some events that are over.
fn forget(transaction: &Transaction<'_>, group: &Group, now: i64) -> rusqlite::Result<()> {
    if group.retention_days.is_none() {
        return Ok(());
    }
    let sql = "DELETE FROM log_event WHERE id IN (
        SELECT log_event.id FROM log_stream JOIN log_event ON log_event.log_stream = log_stream.id
        WHERE log_stream.log_group = ?1 AND log_event.at_ms < ?2 LIMIT ?3)";
    transaction.execute(sql, params![group.id, group.oldest(now), FORGOTTEN_MAX]).map(drop)
}

/// A page of one stream, oldest first.
fn page(
    transaction: &Transaction<'_>,
    stream: i64,
    (start, end): (i64, i64),
    from: &From,
    most: usize,
) -> rusqlite::Result<Vec<Stored>> {
    let (comparison, order) = match from {
        From::After(_) => (">", "ASC"),
        From::Before(_) => ("<", "DESC"),
    };
    let sql = format!(
        "SELECT at_ms, id, ingested_ms, message, '' FROM log_event
         WHERE log_stream = ?1 AND at_ms >= ?2 AND at_ms < ?3 AND (at_ms, id) {comparison} (?4, ?5)
         ORDER BY at_ms {order}, id {order} LIMIT ?6"
    );
    let mut statement = transaction.prepare_cached(&sql)?;
    let Place { at_ms, id } = from.place();
    let mut rows = statement.query(params![stream, start, end, at_ms, id, most])?;
    let (mut events, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let event = Stored::read(row)?;
        bytes += event.size();
        if bytes > BYTES_MAX && !events.is_empty() {
            break;
        }
        events.push(event);
    }
    if matches!(from, From::Before(_)) {
        events.reverse();
    }
    Ok(events)
}

/// A search in the streams of a group.
struct Search {
    streams: Vec<String>,
    prefix: String,
    times: (i64, i64),
    after: Place,
    pattern: Pattern,
}

impl Search {
    /// A page of what is found, oldest first, and where the next one goes on.
    fn run(
        &self,
        transaction: &Transaction<'_>,
        group: &Group,
        now: i64,
        most: usize,
    ) -> rusqlite::Result<(Vec<Stored>, Option<Place>)> {
        let places = vec!["?"; self.streams.len()].join(", ");
        let named = if self.streams.is_empty() {
            String::new()
        } else {
            format!("AND log_stream.name IN ({places})")
        };
        let sql = format!(
            "SELECT at_ms, log_event.id, log_event.ingested_ms, message, log_stream.name
             FROM log_stream JOIN log_event ON log_event.log_stream = log_stream.id
             WHERE log_group = ? AND at_ms >= ? AND at_ms <= ? AND (at_ms, log_event.id) > (?, ?)
                AND substr(log_stream.name, 1, ?) = ? {named}
             ORDER BY at_ms, log_event.id"
        );
        let (start, end) = self.times;
        let numbers = [
            group.id,
            start.max(group.oldest(now)),
            end,
            self.after.at_ms,
            self.after.id,
            self.prefix.chars().count() as i64,
        ];
        let texts = [&self.prefix].into_iter().chain(&self.streams);
        let numbers = numbers.into_iter().map(Sql::Integer);
        let values = numbers.chain(texts.map(|text| Sql::Text(text.clone())));
        let mut statement = transaction.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let (mut events, mut bytes) = (Vec::<Stored>::new(), 0);
        while let Some(row) = rows.next()? {
            let event = Stored::read(row)?;
            if !self.pattern.matches(&event.message) {
                continue;
            }
            bytes += event.size();
            if events.len() == most || (bytes > BYTES_MAX && !events.is_empty()) {
                let next = events.last().map(|last| last.place);
                return Ok((events, next));
            }
            events.push(event);
        }
        Ok((events, None))
    }
}
