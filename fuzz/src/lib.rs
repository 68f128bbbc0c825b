//! What the targets have in common: how bytes become a text and a value, and a source of randomness.

use serde_json::{Value, json};
use stepwell_asl::eval::Random;

/// The text on the first line, and the JSON value behind it; without one, a value with a bit of everything.
pub fn text_and_value(data: &[u8]) -> Option<(&str, Value)> {
    let data = std::str::from_utf8(data).ok()?;
    let (text, rest) = data.split_once('\n').unwrap_or((data, ""));
    Some((text, serde_json::from_str(rest).unwrap_or_else(|_| everything())))
}

fn everything() -> Value {
    json!({
        "a": [1, -2.5, 1e300, "text", "ö", true, null, [], {}],
        "b": { "c": [{ "d": 1, "e": "x" }, { "d": 2, "e": "y" }], "'": "\\" },
        "n": 9_007_199_254_740_993_i64,
        "t": "2016-08-18T17:33:00Z",
        "j": "{\"k\": [1]}",
        "6": "YWJj",
    })
}

/// Counts instead of drawing, so that a finding can be repeated.
#[derive(Debug, Default)]
pub struct Counter(u64);

impl Random for Counter {
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0
    }
}
