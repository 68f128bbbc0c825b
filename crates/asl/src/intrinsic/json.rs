//! `States.StringToJson`, `JsonToString`, `JsonMerge`, `StringSplit`.

use serde_json::Value;

use super::Failure;
use super::arguments::Arguments;

/// A blank text is `null`.
pub(super) fn from_string(args: Arguments<'_>) -> Result<Value, Failure> {
    let text = args.text(0)?;
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(text).map_err(|error| args.refuse(format!("not JSON: {error}")))
}

pub(super) fn to_string(args: Arguments<'_>) -> Value {
    Value::String(args.value(0).to_string())
}

/// The fields of both objects; the second wins. The third argument must be `false`: there is no deep merge.
pub(super) fn merge(args: Arguments<'_>) -> Result<Value, Failure> {
    if args.boolean(2)? {
        return Err(args.refuse("only the shallow merge mode (false) is supported"));
    }
    let mut merged = args.object(0)?.clone();
    for (name, value) in args.object(1)? {
        merged.insert(name.clone(), value.clone());
    }
    Ok(Value::Object(merged))
}

/// Each character of the second text separates; empty pieces are dropped.
pub(super) fn split(args: Arguments<'_>) -> Result<Value, Failure> {
    let text = args.text(0)?;
    let separators: Vec<char> = args.text(1)?.chars().collect();
    let pieces = text.split(separators.as_slice()).filter(|piece| !piece.is_empty());
    Ok(pieces.map(Value::from).collect())
}
