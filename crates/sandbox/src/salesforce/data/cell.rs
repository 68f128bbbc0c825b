//! A value of a record, and how REST and CSV write it.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Text(String),
    Bool(bool),
    /// A number as it is written, exactly.
    Number(String),
    Date(Date),
    /// Milliseconds since 1970.
    Time(i64),
    /// A compound value: an address, a location.
    Compound(Value),
}

impl Cell {
    /// As it stands in an answer in JSON.
    pub(crate) fn to_json(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Text(text) => Value::from(text.as_str()).to_string(),
            Self::Bool(flag) => flag.to_string(),
            Self::Number(number) => number.clone(),
            Self::Date(date) => format!("\"{date}\""),
            Self::Time(millis) => format!("\"{}+0000\"", civil(*millis)),
            Self::Compound(value) => value.to_string(),
        }
    }

    /// As it stands in a result of the Bulk API, without quotes. Zero comes as `0.0`, as it does for many integers.
    pub(crate) fn to_csv(&self) -> String {
        match self {
            Self::Null | Self::Compound(_) => String::new(),
            Self::Text(text) => text.clone(),
            Self::Bool(flag) => flag.to_string(),
            Self::Number(number) if number == "0" => "0.0".to_owned(),
            Self::Number(number) => number.clone(),
            Self::Date(date) => date.to_string(),
            Self::Time(millis) => format!("{}Z", civil(*millis)),
        }
    }

    /// The truth in words: numbers as they are written, times in RFC 3339; none if there is no value.
    pub(crate) fn told(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Number(number) => Some(number.clone()),
            Self::Time(millis) => Some(format!("{}Z", civil(*millis))),
            Self::Compound(value) => Some(value.to_string()),
            Self::Text(_) | Self::Bool(_) | Self::Date(_) => Some(self.to_csv()),
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        *self == Self::Null
    }

    /// The order of two values of one field; none if one is null or of another kind. Numbers are compared as doubles, which is what
    /// the service holds them in.
    pub(crate) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Date(a), Self::Date(b)) => Some(a.cmp(b)),
            (Self::Time(a), Self::Time(b)) => Some(a.cmp(b)),
            (Self::Number(a), Self::Number(b)) => {
                a.parse::<f64>().ok()?.partial_cmp(&b.parse::<f64>().ok()?)
            }
            _ => None,
        }
    }
}

/// `2026-03-01T10:00:00.000`
fn civil(millis: i64) -> String {
    let time = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX);
    format!("{time:.3}").trim_end_matches('Z').to_owned()
}
