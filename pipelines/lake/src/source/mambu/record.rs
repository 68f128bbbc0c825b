//! Records as they came, with what is to be known of them before they become rows.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;

use super::tables::{Search, Spec, Way};
use crate::source::rest::Raw;

/// A record.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// One JSON object, as it is written.
    pub(super) text: String,
    /// What names it; a digest of all of it where nothing does.
    pub(super) key: String,
    /// The name that people give it, where it has one.
    pub(super) id: Option<String>,
    /// Its time in the table's own sense.
    pub(super) time: Option<Timestamp>,
    /// The other time at which it may have changed.
    pub(super) also: Option<Timestamp>,
    /// The record that this one changed.
    pub(super) adjusts: Option<String>,
    /// When it counts as changed, if not by its own times.
    pub(super) changed_at: Option<Timestamp>,
    /// Why it becomes no row.
    pub(super) problem: Option<String>,
}

impl Record {
    /// # Errors
    /// In words, if it is no object.
    pub(super) fn of(raw: &RawValue, spec: &Spec) -> Result<Self, String> {
        let text = raw.get().to_owned();
        let members: Raw = serde_json::from_str(&text).map_err(|_| "a record is no object")?;
        let plain = |name: &str| members.get(name).and_then(|raw| plain(raw.get()));
        let search = match spec.way {
            Way::Search(search) => search,
            _ => Search::default(),
        };
        let mut problem = None;
        let mut time = |name: Option<&str>| {
            let text = name.and_then(plain)?;
            let time = time_of(&text);
            if time.is_none() {
                problem = Some(format!("`{}`: `{text}` is no time", name.unwrap_or_default()));
            }
            time
        };
        let (own, also) = (time(spec.time), time(search.also));
        let id = plain("id");
        let key = spec.key.and_then(plain).or_else(|| plain("encodedKey")).or_else(|| id.clone());
        Ok(Self {
            key: key.unwrap_or_else(|| digest(&text)),
            id,
            time: own,
            also,
            problem,
            adjusts: search.adjusts.and_then(plain),
            changed_at: None,
            text,
        })
    }

    /// The same record with another member.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        let text = self.text.trim_end();
        let end = text.strip_suffix('}').unwrap_or(text).len();
        let comma = if self.text[..end].trim_end().ends_with('{') { "" } else { "," };
        self.text.truncate(end);
        let _ = write!(self.text, "{comma}{}:{value}}}", Value::from(name));
        self
    }

    /// When it changed last, as far as it tells.
    pub(super) fn changed_at(&self) -> Option<Timestamp> {
        self.changed_at.or(self.time.max(self.also))
    }
}

/// A text or a number without its quotes.
fn plain(raw: &str) -> Option<String> {
    match raw.as_bytes().first()? {
        b'"' => serde_json::from_str(raw).ok(),
        b'0'..=b'9' | b'-' => Some(raw.to_owned()),
        _ => None,
    }
}

/// With the tenant's offset: `2026-03-01T10:00:00+01:00`; in the first version `+0100`.
fn time_of(text: &str) -> Option<Timestamp> {
    let with_colon = |place: usize| format!("{}:{}", &text[..place], &text[place..]);
    let parsed = text.parse().ok();
    parsed.or_else(|| {
        with_colon(text.len().checked_sub(2).filter(|it| text.is_char_boundary(*it))?).parse().ok()
    })
}

fn digest(text: &str) -> String {
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::mambu::tables::spec_of;

    #[test]
    fn a_record_keeps_its_text_and_tells_its_key_and_times() {
        let text = r#"{"encodedKey":"8a","amount":1.5000000000,"creationDate":"2026-03-01T10:00:00+01:00","originalTransactionKey":"8b"}"#;
        let raw: Box<RawValue> = serde_json::from_str(text).unwrap();
        let record = Record::of(&raw, spec_of("loan_transactions").unwrap()).unwrap();
        assert_eq!((record.key.as_str(), record.adjusts.as_deref()), ("8a", Some("8b")));
        assert_eq!(record.time, Some("2026-03-01T09:00:00Z".parse().unwrap()));
        assert!(record.with("x", "1").text.ends_with(r#""8b","x":1}"#));
        let raw: Box<RawValue> = serde_json::from_str(&text.replace("+01:00", " noon")).unwrap();
        let record = Record::of(&raw, spec_of("loan_transactions").unwrap()).unwrap();
        assert_eq!((record.key.as_str(), record.time), ("8a", None));
        assert!(record.problem.is_some_and(|it| it.contains("`creationDate`")));
        assert_eq!(
            time_of("2026-03-01T10:00:00+0100"),
            Some("2026-03-01T09:00:00Z".parse().unwrap())
        );
    }
}
