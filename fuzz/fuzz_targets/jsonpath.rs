//! Any text as a path: what it prints is itself, it finds or it does not, and what is set is found.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use stepwell_asl::jsonpath::{Path, ReferencePath};
use stepwell_fuzz::text_and_value;

fuzz_target!(|data: &[u8]| {
    let Some((text, mut value)) = text_and_value(data) else { return };
    let Ok(path) = Path::parse(text) else { return };
    let printed = path.to_string();
    let again = Path::parse(&printed).expect("what is printed is a path");
    assert_eq!(format!("{path:?}"), format!("{again:?}"));
    if path.find(&value).is_none() {
        let _ = path.explain_missing(&value);
    }
    let Some(reference) = ReferencePath::new(path.clone()) else { return };
    if reference.set(&mut value, json!("new")).is_ok() {
        assert_eq!(path.find(&value).as_deref(), Some(&json!("new")));
    }
});
