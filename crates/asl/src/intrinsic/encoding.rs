//! `States.Base64Encode`, `Base64Decode`, `Hash`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde_json::Value;
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::Failure;
use super::arguments::Arguments;

/// What these functions take, in characters.
const TEXT_MAX: usize = 10_000;

pub(super) fn base64_encode(args: Arguments<'_>) -> Result<Value, Failure> {
    Ok(Value::String(STANDARD.encode(args.short_text(0, TEXT_MAX)?)))
}

pub(super) fn base64_decode(args: Arguments<'_>) -> Result<Value, Failure> {
    let encoded = args.short_text(0, TEXT_MAX)?;
    let bytes =
        STANDARD.decode(encoded).map_err(|error| args.refuse(format!("not Base64: {error}")))?;
    let text =
        String::from_utf8(bytes).map_err(|_| args.refuse("the decoded bytes are no UTF-8"))?;
    Ok(Value::String(text))
}

/// The hash of a text, or of the JSON of anything else, in lower-case hexadecimal.
pub(super) fn hash(args: Arguments<'_>) -> Result<Value, Failure> {
    let data = match args.value(0) {
        Value::String(_) => args.short_text(0, TEXT_MAX)?.to_owned(),
        other => other.to_string(),
    };
    let digest = match args.text(1)? {
        "MD5" => hex::encode(Md5::digest(data)),
        "SHA-1" => hex::encode(Sha1::digest(data)),
        "SHA-256" => hex::encode(Sha256::digest(data)),
        "SHA-384" => hex::encode(Sha384::digest(data)),
        "SHA-512" => hex::encode(Sha512::digest(data)),
        other => {
            let known = "MD5, SHA-1, SHA-256, SHA-384, SHA-512";
            return Err(args.refuse(format!("`{other}` is none of the algorithms {known}")));
        }
    };
    Ok(Value::String(digest))
}
