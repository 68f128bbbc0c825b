//! Searches: criteria, order, and which records they find.

use std::cmp::Ordering;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde::Deserialize;
use serde_json::Value;

use super::data::{Json, Row, Table};
use super::problem::Problem;

/// The body of a search: `{"filterCriteria": [{"field": "id", "operator": "IN", "values": ["1"]}], "sortingCriteria": {"field": "id", "order": "ASC"}}`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Search {
    pub(crate) filter_criteria: Vec<Criterion>,
    pub(crate) sorting_criteria: Option<Sorting>,
}

/// A condition; all of a search hold.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Criterion {
    pub(crate) field: String,
    pub(crate) operator: String,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    second_value: Value,
    #[serde(default)]
    values: Vec<Value>,
}

/// The order; descending if nothing is said.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Sorting {
    pub(crate) field: String,
    pub(crate) order: Option<String>,
}

impl Sorting {
    /// Of `sortBy=lastModifiedDate:ASC`.
    pub(crate) fn of(text: &str) -> Self {
        let (field, order) = text.split_once(':').unwrap_or((text, "ASC"));
        Self { field: field.to_owned(), order: Some(order.to_owned()) }
    }

    pub(crate) fn is_ascending(&self) -> bool {
        self.order.as_deref().is_some_and(|order| order.eq_ignore_ascii_case("ASC"))
    }
}

/// What a search finds and how, besides the records.
pub(crate) struct Terms<'z> {
    pub(crate) zone: &'z TimeZone,
    pub(crate) now: Timestamp,
    /// Times are not understood here, dates are.
    pub(crate) dates_only: bool,
}

/// The records that a search finds, in its order.
pub(crate) fn find<'t>(
    table: &'t Table,
    search: &Search,
    terms: &Terms<'_>,
) -> Result<Vec<&'t Row>, Problem> {
    search.filter_criteria.iter().try_for_each(|criterion| criterion.check(table, terms))?;
    let meets = |row: &&Row| search.filter_criteria.iter().all(|it| it.holds(row, terms));
    let mut rows: Vec<_> = table.rows.iter().filter(meets).collect();
    let sorting = search.sorting_criteria.clone().unwrap_or_default();
    let field = if sorting.field.is_empty() { "creationDate" } else { sorting.field.as_str() };
    rows.sort_by(|a, b| {
        let order = compare(a, b, field);
        if sorting.is_ascending() { order } else { order.reverse() }
    });
    Ok(rows)
}

/// By a field, and then by key. What has no value comes first.
pub(crate) fn compare(a: &Row, b: &Row, field: &str) -> Ordering {
    let by_field = match (a.value.get(field), b.value.get(field)) {
        (Some(a), Some(b)) => a.order(b).unwrap_or(Ordering::Equal),
        (a, b) => a.is_some().cmp(&b.is_some()),
    };
    by_field.then_with(|| a.text("encodedKey").cmp(b.text("encodedKey")))
}

impl Criterion {
    fn check(&self, table: &Table, terms: &Terms<'_>) -> Result<(), Problem> {
        let wrong = || Problem::parameters("filterCriteria");
        let sample = table.rows.iter().find_map(|row| row.value.get(&self.field));
        let is_time = matches!(sample, Some(Json::Time(_) | Json::Date(_)));
        let is_number = matches!(sample, Some(Json::Number(_) | Json::Money(_)));
        let is_text = matches!(sample, Some(Json::Text(_)));
        let fits = sample.is_none()
            || match self.operator.as_str() {
                "EQUALS" | "EQUALS_CASE_SENSITIVE" => !self.value.is_null(),
                "MORE_THAN" | "LESS_THAN" => is_number,
                "BETWEEN" => (is_number || is_time) && !self.second_value.is_null(),
                "ON" | "AFTER" | "BEFORE" | "BEFORE_INCLUSIVE" | "TODAY" | "LAST_DAYS" => is_time,
                "STARTS_WITH" | "STARTS_WITH_CASE_SENSITIVE" => is_text,
                "IN" => is_text && !self.values.is_empty(),
                "EMPTY" | "NOT_EMPTY" => true,
                _ => false,
            };
        let operands = [&self.value, &self.second_value];
        let is_understood = |value: &&&Value| {
            let Some(span) = value.as_str().map(|text| Span::of(text, terms.zone)) else {
                return value.is_null();
            };
            span.is_some_and(|span| !terms.dates_only || span.is_day)
        };
        if !fits || (is_time && !operands.iter().all(|value| is_understood(&value))) {
            return Err(wrong());
        }
        Ok(())
    }

    fn holds(&self, row: &Row, terms: &Terms<'_>) -> bool {
        let found = row.value.get(&self.field);
        match (self.operator.as_str(), found) {
            ("EMPTY", found) => found.is_none(),
            ("NOT_EMPTY", found) => found.is_some(),
            (_, None) => false,
            (_, Some(Json::Time(time))) => self.holds_for_time(*time, terms),
            (_, Some(Json::Date(date))) => {
                let noon = date.at(12, 0, 0, 0).to_zoned(terms.zone.clone());
                noon.is_ok_and(|noon| self.holds_for_time(noon.timestamp(), terms))
            }
            (_, Some(Json::Text(text))) => self.holds_for_text(text),
            (_, Some(found)) => self.holds_for_number(found),
        }
    }

    /// AFTER and BEFORE leave out the time itself, or the whole day; BETWEEN takes both ends in.
    fn holds_for_time(&self, time: Timestamp, terms: &Terms<'_>) -> bool {
        let span = |value: &Value| Span::of(value.as_str()?, terms.zone);
        let today = || Span::of_day(terms.now.to_zoned(terms.zone.clone()).date(), terms.zone);
        let (first, second) = (span(&self.value), span(&self.second_value));
        match (self.operator.as_str(), first) {
            ("TODAY", _) => today().is_some_and(|today| today.has(time)),
            ("LAST_DAYS", _) => {
                let days = self.value.as_i64().unwrap_or(0);
                time > terms.now - SignedDuration::from_hours(24 * days)
            }
            ("ON" | "EQUALS" | "EQUALS_CASE_SENSITIVE", Some(span)) => span.has(time),
            ("AFTER", Some(span)) => time > span.last,
            ("BEFORE", Some(span)) => time < span.first,
            ("BEFORE_INCLUSIVE", Some(span)) => time <= span.last,
            ("BETWEEN", Some(from)) => {
                second.is_some_and(|to| from.first <= time && time <= to.last)
            }
            _ => false,
        }
    }

    fn holds_for_text(&self, text: &str) -> bool {
        let value = self.value.as_str().unwrap_or_default();
        let starts =
            |text: &str, start: &str| text.get(..start.len()).is_some_and(|it| it == start);
        match self.operator.as_str() {
            "EQUALS" => text.eq_ignore_ascii_case(value),
            "EQUALS_CASE_SENSITIVE" => text == value,
            "STARTS_WITH" => starts(&text.to_lowercase(), &value.to_lowercase()),
            "STARTS_WITH_CASE_SENSITIVE" => starts(text, value),
            "IN" => self.values.iter().any(|value| value == text),
            _ => false,
        }
    }

    fn holds_for_number(&self, found: &Json) -> bool {
        let number = |value: &Value| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            found.order(&Json::Money(text))
        };
        let (first, second) = (number(&self.value), number(&self.second_value));
        match self.operator.as_str() {
            "EQUALS" | "EQUALS_CASE_SENSITIVE" => match (found, &self.value) {
                (Json::Bool(flag), value) => value.as_bool() == Some(*flag),
                _ => first == Some(Ordering::Equal),
            },
            "MORE_THAN" => first == Some(Ordering::Greater),
            "LESS_THAN" => first == Some(Ordering::Less),
            "BETWEEN" => first.is_some_and(Ordering::is_ge) && second.is_some_and(Ordering::is_le),
            _ => false,
        }
    }
}

/// A time, or a day of the tenant from its first to its last instant.
struct Span {
    first: Timestamp,
    last: Timestamp,
    is_day: bool,
}

impl Span {
    fn of(text: &str, zone: &TimeZone) -> Option<Self> {
        if let Ok(time) = text.parse::<Timestamp>() {
            return Some(Self { first: time, last: time, is_day: false });
        }
        if text.len() == 10 { Self::of_day(text.parse().ok()?, zone) } else { None }
    }

    fn of_day(date: Date, zone: &TimeZone) -> Option<Self> {
        let start = |date: Date| Some(date.to_zoned(zone.clone()).ok()?.timestamp());
        let next = start(date.checked_add(1.day()).ok()?)?;
        let last = next - SignedDuration::from_nanos(1);
        Some(Self { first: start(date)?, last, is_day: true })
    }

    fn has(&self, time: Timestamp) -> bool {
        self.first <= time && time <= self.last
    }
}
