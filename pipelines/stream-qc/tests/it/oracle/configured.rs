//! A check as a configuration of the mode `ioos_qc_3_0` gives it.

use stepwell_stream_qc::config::{Config, Format, StreamConfig};
use toml::Value;

/// A table with the keys that are given.
pub(crate) fn table<const N: usize>(keys: [(&str, Option<Value>); N]) -> Value {
    let given = keys.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Table(given.collect())
}

/// A list of numbers.
pub(crate) fn list<const N: usize>(numbers: [f64; N]) -> Value {
    numbers.map(Value::from).to_vec().into()
}

/// What a stream has that says this of one check; nothing if it is refused.
pub(crate) fn configured(process: &str, check: &str, said: Value) -> Option<StreamConfig> {
    let columns = ["depth", "lon", "lat"].map(|name| (name, Some(name.into())));
    let document = table([
        ("mode", Some("ioos_qc_3_0".into())),
        ("columns", Some(table(columns))),
        (process, Some(table([(check, Some(said))]))),
    ]);
    let text = toml::to_string(&document).expect("a table can be written");
    let config = Config::parse(&text, Format::Toml).ok()?;
    Some(config.stream("any", "any").expect("it names no stream").clone())
}
