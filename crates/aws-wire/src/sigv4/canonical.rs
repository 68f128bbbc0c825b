//! The text that is signed.

use std::borrow::Cow;
use std::fmt::Write as _;

use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::Refusal;
use super::claim::{Claim, SIGNATURE};

/// What AWS leaves as it is in names and values.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The canonical request of a claim.
pub(super) fn request(request: &Parts, claim: &Claim, body_hash: &str) -> Result<String, Refusal> {
    let signed = &claim.signed_headers;
    let mut text = format!(
        "{}\n{}\n{}\n",
        request.method,
        path(request.uri.path(), claim.is_of_s3()),
        query(request.uri.query().unwrap_or_default())
    );
    for name in signed.split(';') {
        let values = request.headers.get_all(name).iter();
        let values: Vec<_> = values.map(|it| trimmed(&as_text(it.as_bytes()))).collect();
        if values.is_empty() {
            return Err(Refusal::incomplete(format!("The signed header '{name}' is not there.")));
        }
        let _ = writeln!(text, "{name}:{}", values.join(","));
    }
    let _ = write!(text, "\n{signed}\n{body_hash}");
    Ok(text)
}

/// A value as its signer had it. Those who have no text in UTF-8 on the wire signed its characters all the same: an HTTP client of
/// Python sends text as ISO 8859-1, and signs it as UTF-8.
fn as_text(value: &[u8]) -> Cow<'_, str> {
    let latin = || value.iter().map(|byte| char::from(*byte)).collect::<String>();
    std::str::from_utf8(value).map_or_else(|_| Cow::Owned(latin()), Cow::Borrowed)
}

/// Without spaces at its ends and with single ones inside.
fn trimmed(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// Encoded once more than it is, as all services but S3 have it.
fn path(path: &str, is_of_s3: bool) -> String {
    let encode = |part: &str| {
        if is_of_s3 {
            decoded_and_encoded(part)
        } else {
            utf8_percent_encode(part, ENCODED).to_string()
        }
    };
    let encoded: Vec<_> = path.split('/').map(encode).collect();
    if path.is_empty() { "/".to_owned() } else { encoded.join("/") }
}

fn decoded_and_encoded(text: &str) -> String {
    let decoded = percent_decode_str(text).collect::<Vec<u8>>();
    percent_encoding::percent_encode(&decoded, ENCODED).to_string()
}

/// All pairs but the signature itself.
fn query(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<_> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| *name != SIGNATURE)
        .map(|(name, value)| (decoded_and_encoded(name), decoded_and_encoded(value)))
        .collect();
    pairs.sort();
    let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}
