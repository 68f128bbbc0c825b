//! A value of a record, and how the service writes it.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

/// A value. Numbers keep the digits that they are written with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Text(String),
    Bool(bool),
    Number(i64),
    /// An amount, as it is written; a number or a text on the wire.
    Money(String),
    /// With the tenant's offset on the wire.
    Time(Timestamp),
    Date(Date),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// How a tenant writes.
pub(crate) struct Style<'s> {
    pub(crate) zone: &'s TimeZone,
    pub(crate) money_as_text: bool,
    /// Lists and custom field sets are there only at full detail.
    pub(crate) full: bool,
    /// The first version of the API writes `+0100`, not `+01:00`.
    pub(crate) first_version: bool,
}

impl Json {
    /// What stands at a path such as `balances.principalBalance`.
    pub(crate) fn get(&self, path: &str) -> Option<&Self> {
        let (name, rest) =
            path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let Self::Object(members) = self else { return None };
        let (_, value) = members.iter().find(|(member, _)| member == name)?;
        rest.map_or(Some(value), |rest| value.get(rest))
    }

    /// Sets a member of an object.
    pub(crate) fn set(&mut self, name: &str, value: Self) {
        let Self::Object(members) = self else { return };
        match members.iter_mut().find(|(member, _)| member == name) {
            Some((_, found)) => *found = value,
            None => members.push((name.to_owned(), value)),
        }
    }

    pub(crate) fn write(&self, style: &Style<'_>, out: &mut String) {
        match self {
            Self::Text(text) => out.push_str(&Value::from(text.as_str()).to_string()),
            Self::Bool(flag) => out.push_str(&flag.to_string()),
            Self::Number(number) => out.push_str(&number.to_string()),
            Self::Money(amount) if style.money_as_text => quoted(amount, out),
            Self::Money(amount) => out.push_str(amount),
            Self::Time(time) => quoted(&style.time(*time), out),
            Self::Date(date) => quoted(&date.to_string(), out),
            Self::List(items) => {
                separated(out, '[', ']', items.iter(), |item, out| item.write(style, out));
            }
            Self::Object(members) => {
                let members = members.iter().filter(|(name, value)| style.shows(name, value));
                separated(out, '{', '}', members, |(name, value), out| {
                    quoted(name, out);
                    out.push(':');
                    value.write(style, out);
                });
            }
        }
    }

    /// The truth: amounts as text, times in UTC.
    pub(crate) fn told(&self) -> Value {
        match self {
            Self::Text(text) | Self::Money(text) => Value::from(text.as_str()),
            Self::Bool(flag) => Value::from(*flag),
            Self::Number(number) => Value::from(*number),
            Self::Time(time) => Value::from(time.to_string()),
            Self::Date(date) => Value::from(date.to_string()),
            Self::List(items) => items.iter().map(Self::told).collect(),
            Self::Object(members) => {
                let members = members.iter().map(|(name, value)| (name.clone(), value.told()));
                Value::Object(members.collect())
            }
        }
    }

    /// The order of two values of one field; none if they are of different kinds.
    pub(crate) fn order(&self, other: &Self) -> Option<Ordering> {
        let number = |it: &Self| match it {
            Self::Number(number) => Some(*number as f64),
            Self::Money(amount) => amount.parse().ok(),
            _ => None,
        };
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Time(a), Self::Time(b)) => Some(a.cmp(b)),
            (Self::Date(a), Self::Date(b)) => Some(a.cmp(b)),
            (a, b) => number(a)?.partial_cmp(&number(b)?),
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Style<'_> {
    fn time(&self, time: Timestamp) -> String {
        let zoned = time.to_zoned(self.zone.clone());
        let form = if self.first_version { "%Y-%m-%dT%H:%M:%S%z" } else { "%Y-%m-%dT%H:%M:%S%:z" };
        zoned.strftime(form).to_string()
    }

    fn shows(&self, name: &str, value: &Json) -> bool {
        self.full || !(name.starts_with('_') || matches!(value, Json::List(_)))
    }
}

/// For what needs no escapes.
fn quoted(text: &str, out: &mut String) {
    out.push('"');
    out.push_str(text);
    out.push('"');
}

fn separated<T>(
    out: &mut String,
    open: char,
    close: char,
    items: impl Iterator<Item = T>,
    write: impl Fn(T, &mut String),
) {
    out.push(open);
    for (place, item) in items.enumerate() {
        if place > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(close);
}
