//! What AWS accepted, we accept, and what it answered, we answer: the recorded corpus, if it is at hand.
//!
//! `STEPWELL_CONFORMANCE_DIR` names the folder with the `*.jsonl` files. Executions that need more than the
//! language are the interpreter's to repeat.

use serde_json::Value;

use crate::interpreter::{End, run};

/// The cases of one group that are written in what is supported, or nothing where there is no corpus.
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
        .filter_map(|case| {
            let definition = case["definition"]
                .to_string()
                .replace("[[partition]]", "aws")
                .replace("[[region]]", "us-east-1");
            let unsupported = ["JSONata", "Assign", "DISTRIBUTED", "Credentials"];
            let supported = !unsupported.iter().any(|feature| definition.contains(feature));
            supported.then_some((definition, case))
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
        "error-handling",
        "intrinsics",
        "lambda",
        "map",
        "parallel",
        "wait",
    ];
    for group in groups {
        for (definition, case) in cases(group) {
            let (machine, findings) = stepwell_asl::parse(&definition);
            assert!(machine.is_some(), "{}: {findings:#?}", case["id"]);
        }
    }
}

#[test]
fn recorded_executions_give_the_recorded_output() {
    for group in ["choice", "dataflow", "error-handling", "intrinsics"] {
        for (definition, case) in cases(group) {
            let (machine, _) = stepwell_asl::parse(&definition);
            let machine = machine.expect("tested above");
            let expected = &case["expected"];
            if varies(&case) {
                continue;
            }
            match run(&machine, &case["input"]) {
                None => {}
                Some(End::Succeeded(output)) => {
                    assert!(same(&expected["output"], &output), "{}: {output}", case["id"]);
                }
                Some(End::Failed { error, cause }) => {
                    let error_as_recorded = expected["error"].as_str() == error.as_deref();
                    assert!(error_as_recorded, "{}: {error:?} {cause:?}", case["id"]);
                    check_cause(expected["cause"].as_str(), cause.as_deref(), &case["id"]);
                }
            }
        }
    }
}

/// Outputs with names, times or random values in them, and outputs bounded by AWS's limits.
fn varies(case: &Value) -> bool {
    let expected = &case["expected"];
    let output = expected["output"].to_string();
    let placeholders = case["wildcards"].as_object().into_iter().flatten();
    placeholders.map(|(name, _)| name).any(|name| output.contains(name.as_str()))
        || expected["error"] == "States.DataLimitExceeded"
}

/// Equal, numbers by value; a text may have been recorded for the JSON that it holds.
fn same(recorded: &Value, actual: &Value) -> bool {
    match (recorded, actual) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(k, v)| b.get(k).is_some_and(|other| same(v, other)))
        }
        (Value::Object(_), Value::String(text)) => {
            serde_json::from_str(text).is_ok_and(|decoded| same(recorded, &decoded))
        }
        _ => recorded == actual,
    }
}

/// The recorded cause ends with ours: the interpreter puts the state's name before it.
#[track_caller]
fn check_cause(recorded: Option<&str>, actual: Option<&str>, id: &Value) {
    let (Some(recorded), Some(actual)) = (recorded, actual) else {
        assert_eq!(recorded, actual, "{id}");
        return;
    };
    // The input is recorded as a placeholder.
    let fixed = recorded.split_once("'<json-input").map_or(recorded, |(fixed, _)| fixed);
    let own = fixed.split_once("). ").map_or(fixed, |(_, own)| own);
    assert!(actual.starts_with(own), "{id}: {recorded} / {actual}");
}
