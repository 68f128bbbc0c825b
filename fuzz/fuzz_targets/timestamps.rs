//! Any text as a timestamp: what is read prints as a timestamp of the same instant.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwell_asl::timestamp::parse;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(instant) = parse(text) else { return };
    let printed = instant.to_string();
    // An offset may lead out of the four digits of a year.
    if !printed.starts_with('-') {
        assert_eq!(parse(&printed), Some(instant), "{text} {printed}");
    }
});
