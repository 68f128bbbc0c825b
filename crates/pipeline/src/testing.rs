//! The standard tests of a pipeline. Every pipeline's test binary calls [`check`].

use std::collections::BTreeSet;

use serde_json::Value;
use stepwell_asl::Severity;

use crate::Pipeline;

/// Checks what holds for every pipeline: its definition validates, every function that the definition names
/// exists, every function is named by the definition, and names follow `stepwell-<pipeline>-<what it does>`.
///
/// # Panics
/// With all that is wrong.
#[track_caller]
pub fn check(pipeline: &Pipeline) {
    let mut wrong = definition_errors(pipeline);
    wrong.extend(function_errors(pipeline));
    assert!(wrong.is_empty(), "the pipeline `{}`:\n{}", pipeline.name, wrong.join("\n"));
}

/// Checks that none of the secrets stands in `text`: an output, a log, a history.
///
/// # Panics
/// With the place, but not the secret.
#[track_caller]
pub fn check_no_secret(text: &str, secrets: &[&str]) {
    for (index, secret) in secrets.iter().enumerate() {
        let place = text.find(secret);
        assert_eq!(place, None, "secret number {index} stands in the text at this byte");
    }
}

fn definition_errors(pipeline: &Pipeline) -> Vec<String> {
    let (_, diagnostics) = stepwell_asl::parse(pipeline.definition);
    diagnostics
        .iter()
        .filter(|found| found.severity == Severity::Error)
        .map(|found| format!("{} at {}: {}", found.code, found.pointer, found.message))
        .collect()
}

fn function_errors(pipeline: &Pipeline) -> Vec<String> {
    let prefix = format!("stepwell-{}-", pipeline.name);
    let named = named_functions(pipeline.definition);
    let existing: BTreeSet<String> =
        pipeline.functions.iter().map(|f| f.name().to_owned()).collect();
    let missing =
        named.difference(&existing).map(|name| format!("`{name}` is named but does not exist"));
    let idle =
        existing.difference(&named).map(|name| format!("`{name}` exists but is never named"));
    let misnamed = existing
        .iter()
        .filter(|name| !name.starts_with(&prefix))
        .map(|name| format!("`{name}` does not start with `{prefix}`"));
    missing.chain(idle).chain(misnamed).collect()
}

/// The value of every `FunctionName` in the definition.
fn named_functions(definition: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if let Ok(value) = serde_json::from_str(definition) {
        collect(&value, &mut found);
    }
    found
}

fn collect(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("FunctionName").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}
