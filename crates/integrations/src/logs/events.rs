//! Log events: put into a stream, read from one, or looked for in all of a group.
//!
//! Events have an order: by time, and those of one time as they came. A token of a page is a place in it.

use rusqlite::{Row, Transaction, params};
use serde::Deserialize;
use serde_json::{Value, json};
use stepwell_aws_wire::ServiceError;

use super::pattern::Pattern;
use super::search::{Found, Search, Streams};
use super::{
    DAY_MS, EmbeddedLogs, Group, add_stored_bytes, broken, check_group_name, check_stream_name,
    invalid, limit,
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

impl NewEvent {
    fn size(&self) -> usize {
        self.message.len() + EVENT_BYTES
    }
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
pub(super) struct Place {
    pub(super) at_ms: i64,
    pub(super) id: i64,
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

pub(super) struct Stored {
    pub(super) place: Place,
    ingested: i64,
    pub(super) message: String,
    pub(super) stream: String,
}

impl Stored {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let place = Place { at_ms: row.get(0)?, id: row.get(1)? };
        Ok(Self { place, ingested: row.get(2)?, message: row.get(3)?, stream: row.get(4)? })
    }

    pub(super) fn size(&self) -> usize {
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
            insert(transaction, (group.id, stream), sorted.accepted(&events), now)?;
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
        let found = self.read_group(name, move |transaction, group| {
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
        let streams = Streams::of(request.log_stream_names, request.log_stream_name_prefix)?;
        let after = match &request.next_token {
            Some(token) => {
                Place::parse(token).ok_or_else(|| invalid("The specified nextToken is invalid."))?
            }
            None => Place::START,
        };
        let name = self.group_name(request.log_group_name, request.log_group_identifier)?;
        let now = self.now();
        let times = (request.start_time.unwrap_or(0), request.end_time.unwrap_or(i64::MAX));
        let search = Search { streams, times, after, pattern, most };
        let found =
            self.read_group(name, move |transaction, group| search.run(transaction, group, now));
        let Found { events, next, .. } = found.await?;
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
    let bytes: usize = events.iter().map(NewEvent::size).sum();
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
    (group, stream): (i64, i64),
    events: &[NewEvent],
    now: i64,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO log_event (log_group, log_stream, at_ms, ingested_ms, message)
        VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut statement = transaction.prepare_cached(sql)?;
    for event in events {
        statement.execute(params![group, stream, event.timestamp, now, event.message])?;
    }
    let sql = "UPDATE log_stream SET ingested_ms = ?2 WHERE id = ?1";
    transaction.execute(sql, params![stream, now])?;
    let bytes: usize = events.iter().map(NewEvent::size).sum();
    add_stored_bytes(transaction, group, bytes as i64)
}

/// Deletes some events that are over.
fn forget(transaction: &Transaction<'_>, group: &Group, now: i64) -> rusqlite::Result<()> {
    if group.retention_days.is_none() {
        return Ok(());
    }
    let sql = "DELETE FROM log_event WHERE id IN (
            SELECT id FROM log_event WHERE log_group = ?1 AND at_ms < ?2 ORDER BY at_ms, id LIMIT ?3)
        RETURNING octet_length(message) + ?4";
    let mut statement = transaction.prepare_cached(sql)?;
    let values = params![group.id, group.oldest(now), FORGOTTEN_MAX, EVENT_BYTES];
    let sizes = statement.query_map(values, |row| row.get::<_, i64>(0))?;
    let bytes: i64 = sizes.sum::<rusqlite::Result<_>>()?;
    add_stored_bytes(transaction, group.id, -bytes)
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
