//! What an answer becomes: a result, or an error by its status.

use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Map, Value, json};
use stepwell_aws_wire::ServiceError;

use super::{fails, runtime, socket};

/// Bytes of an answer.
const BYTES_MAX: usize = 262_144;

/// Asks a server for no more than is read.
pub(super) fn range() -> HeaderValue {
    HeaderValue::from_static("bytes=0-262144")
}

/// Reads an answer.
///
/// # Errors
/// `States.Http.StatusCode.NNN` for what is not 2xx, with the body as its cause; `States.Runtime` for a body that is no text;
/// `States.DataLimitExceeded`; `States.Http.Socket`.
pub(super) async fn read(response: Response) -> Result<Value, ServiceError> {
    let (status, headers) = (response.status(), response.headers().clone());
    let body = body(response).await?.ok_or_else(|| {
        let cause = format!("The response has more than {BYTES_MAX} bytes.");
        fails("States.DataLimitExceeded", cause)
    })?;
    let reason = status.canonical_reason().unwrap_or_default();
    if !status.is_success() {
        let body = String::from_utf8_lossy(&body).into_owned();
        let cause = if body.is_empty() { reason.to_owned() } else { body };
        return Err(fails(format!("States.Http.StatusCode.{}", status.as_u16()), cause));
    }
    Ok(json!({
        "StatusCode": status.as_u16(),
        "StatusText": reason,
        "Headers": shown(&headers),
        "ResponseBody": content(&headers, body)?,
    }))
}

/// All bytes of an answer; none if there are too many.
pub(super) async fn body(mut response: Response) -> Result<Option<Vec<u8>>, ServiceError> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(socket)? {
        if body.len() + piece.len() > BYTES_MAX {
            return Ok(None);
        }
        body.extend_from_slice(&piece);
    }
    Ok(Some(body))
}

fn shown(headers: &HeaderMap) -> Map<String, Value> {
    let values =
        |name| headers.get_all(name).iter().map(|it| String::from_utf8_lossy(it.as_bytes()));
    headers.keys().map(|name| (name.to_string(), values(name).collect())).collect()
}

/// JSON as what it says, other text as text.
fn content(headers: &HeaderMap, body: Vec<u8>) -> Result<Value, ServiceError> {
    let kind = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let kind = kind.to_ascii_lowercase();
    let is_binary = ["application/octet-stream", "audio/", "image/", "video/"];
    if is_binary.iter().any(|it| kind.starts_with(it)) {
        return Err(runtime(format!("A response of the type {kind} is not supported.")));
    }
    let text = String::from_utf8(body).map_err(|_| runtime("The response is no text in UTF-8."))?;
    let parsed = kind.contains("json").then(|| serde_json::from_str(&text).ok()).flatten();
    Ok(parsed.unwrap_or(Value::String(text)))
}
