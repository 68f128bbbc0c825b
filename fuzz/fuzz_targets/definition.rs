//! Any text as a definition: it is read or refused, and every finding points into it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use stepwell_asl::Severity;
use stepwell_asl::diagnostic::Code;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (machine, findings) = stepwell_asl::parse(text);
    let is_refused = findings.iter().any(|finding| finding.severity == Severity::Error);
    assert_eq!(machine.is_none(), is_refused, "{findings:?}");
    // Of two fields with one name the document keeps the last; a finding may point into the first.
    let is_double = |code| matches!(code, Code::DuplicateField | Code::DuplicateState);
    let is_plain = !findings.iter().any(|finding| is_double(finding.code));
    let document: Option<Value> = serde_json::from_str(text).ok().filter(|_| is_plain);
    for finding in &findings {
        assert!(text.get(finding.span.start..finding.span.end).is_some(), "{finding:?}");
        if let Some(document) = &document {
            assert!(document.pointer(&finding.pointer).is_some(), "{finding:?}");
        }
    }
});
