//! Pages of lists. A token says how many items came before it: lists that change meanwhile shift.

use axum::Json;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::Error;

/// What clients may ask for at most; source: the API's documentation.
const PAGE_SIZE_MAX: usize = 100;

/// `?pageToken=...&pageSize=...`
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Wanted {
    page_token: Option<String>,
    page_size: Option<usize>,
}

/// How the last page says that it is the last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastPage {
    /// `"nextPageToken": ""`
    #[default]
    Empty,
    /// `"nextPageToken": null`
    Null,
    /// No `nextPageToken`.
    Missing,
}

/// `{"nextPageToken": "...", "result": [...]}`; a page has `default` items, or fewer if the client wants fewer.
pub(crate) fn page(
    items: Vec<Value>,
    wanted: &Wanted,
    default: usize,
    last: LastPage,
) -> Result<Json<Value>, Error> {
    let size = match wanted.page_size {
        None | Some(0) => default,
        Some(size) if size > PAGE_SIZE_MAX => {
            return Err(Error::invalid(format!("pageSize must not exceed {PAGE_SIZE_MAX}")));
        }
        Some(size) => size.min(default),
    };
    let token = wanted.page_token.as_deref().filter(|token| !token.is_empty());
    let start = token.map_or(Ok(0), decode)?;
    let end = start.saturating_add(size.max(1));
    let is_last = end >= items.len();
    let result: Vec<Value> = items.into_iter().skip(start).take(size.max(1)).collect();
    let mut page = json!({"result": result});
    match (is_last, last) {
        (false, _) => page["nextPageToken"] = json!(encode(end)),
        (true, LastPage::Empty) => page["nextPageToken"] = json!(""),
        (true, LastPage::Null) => page["nextPageToken"] = Value::Null,
        (true, LastPage::Missing) => {}
    }
    Ok(Json(page))
}

fn encode(start: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("after {start}"))
}

fn decode(token: &str) -> Result<usize, Error> {
    let text = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let start = text.as_deref().and_then(|text| text.strip_prefix("after ")?.parse().ok());
    start.ok_or_else(|| Error::invalid("invalid pageToken"))
}
