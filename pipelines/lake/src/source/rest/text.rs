//! Values of records as they came: JSON that keeps the digits of its numbers.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;
use stepwell_tabular::rows::Cell;

/// A record: its members as they are written.
pub(crate) type Raw = BTreeMap<String, Box<RawValue>>;

/// The text of a JSON value as a cell; `text` holds what has to be unescaped.
pub(crate) fn cell<'r>(raw: &'r str, text: &'r mut String) -> Cell<'r> {
    match raw.as_bytes().first() {
        Some(b'"') => {
            *text = serde_json::from_str::<Cow<'_, str>>(raw).unwrap_or_default().into_owned();
            Cell::Text(text)
        }
        Some(b'{' | b'[') => Cell::Json(raw),
        Some(b't') => Cell::Bool(true),
        Some(b'f') => Cell::Bool(false),
        Some(b'n') | None => Cell::Null,
        Some(_) => Cell::Number(raw),
    }
}
