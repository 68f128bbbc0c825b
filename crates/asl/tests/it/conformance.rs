//! What AWS accepted, we accept, and what it answered, we answer: the recorded corpus, if it is at hand.
//!
//! `STEPWELL_CONFORMANCE_DIR` names the folder with the `*.jsonl` files. Executions that need more than the
//! language are the interpreter's to repeat.

use serde_json::{Value, json};
use stepwell_asl::diagnostic::Code;
use stepwell_asl::{Diagnostic, Severity, WorkflowType};

/// The cases of one group, or nothing where there is no corpus.
fn cases(group: &str) -> Vec<(String, Value)> {
    let Some(folder) = std::env::var_os("STEPWELL_CONFORMANCE_DIR") else {
        #[expect(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!("skipped: STEPWELL_CONFORMANCE_DIR is not set");
        }
        return Vec::new();
    };
    let path = std::path::Path::new(&folder).join(format!("{group}.jsonl"));
    let text = std::fs::read_to_string(&path).expect("the corpus has this group");
    let cases = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    cases
        .map(|case| {
            let definition = case["definition"]
                .to_string()
                .replace("[[partition]]", "aws")
                .replace("[[region]]", "us-east-1");
            (definition, case)
        })
        .collect()
}

#[test]
fn recorded_definitions_are_accepted() {
    let groups = [
        "activity",
        "callback",
        "choice",
        "dataflow",
        "distributed-map",
        "error-handling",
        "intrinsics",
        "jsonata",
        "lambda",
        "map",
        "parallel",
        "variables",
        "wait",
    ];
    for group in groups {
        for (definition, case) in cases(group) {
            let (machine, findings) = stepwell_asl::parse(&definition);
            assert!(machine.is_some(), "{}: {findings:#?}", case["id"]);
        }
    }
}

/// What AWS said about definitions, where it depends on nothing else.
#[test]
fn recorded_definitions_are_judged_as_recorded() {
    for (_, case) in cases("validation") {
        for call in case["calls"].as_array().expect("calls") {
            let (request, id) = (&call["request"], &case["id"]);
            let text = request["definition"].as_str().expect("a definition");
            let express = request["type"] == "EXPRESS";
            let workflow = if express { WorkflowType::Express } else { WorkflowType::Standard };
            let (_, findings) = stepwell_asl::parse_as(&whole(text), workflow);
            let errors = findings.iter().filter(|one| one.severity == Severity::Error);
            let errors: Vec<Value> = errors.map(as_aws).collect();
            match call["error"]["message"].as_str() {
                Some(message) => {
                    let first = errors.first().unwrap_or_else(|| panic!("{id}: accepted"));
                    assert_eq!(sentence(first), message, "{id}");
                }
                None => assert_eq!(json!(errors), call["response"]["diagnostics"], "{id}"),
            }
        }
    }
}

/// A state alone stands in a machine of its own.
fn whole(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(state) if state.get("Type").is_some() => {
            json!({"StartAt": "StateName", "States": {"StateName": state}}).to_string()
        }
        _ => text.to_owned(),
    }
}

fn as_aws(found: &Diagnostic) -> Value {
    let message = match (found.code, &found.location) {
        (Code::InvalidJson, Some(place)) => format!("{}\n at {place}", found.message),
        _ => found.message.clone(),
    };
    let mut value = json!({"severity": "ERROR", "code": found.code.aws(), "message": message});
    if let Some(location) = &found.location {
        value["location"] = json!(location);
    }
    value
}

/// The message of `InvalidDefinition`.
fn sentence(finding: &Value) -> String {
    let text = |field: &str| finding[field].as_str().unwrap_or_default().to_owned();
    let (code, message, location) = (text("code"), text("message"), text("location"));
    format!("Invalid State Machine Definition: '{code}: {message} at {location}'")
}
