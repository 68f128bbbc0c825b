//! The official test suite of JSONata, as far as AWS's dialect goes.

use std::collections::HashMap;

use jsonata_core::value::JValue;
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use super::value::Exact;
use super::{Bindings, Expression, Scope, engine};
use crate::number::equal_values;

#[derive(Deserialize)]
struct Dataset {
    name: String,
    data: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    id: String,
    expr: String,
    #[serde(default, deserialize_with = "given")]
    data: Option<Value>,
    dataset: Option<String>,
    #[serde(default)]
    bindings: HashMap<String, Value>,
    #[serde(default, deserialize_with = "given")]
    result: Option<Value>,
    #[serde(rename = "result_re")]
    result_pattern: Option<String>,
    undefined_result: Option<bool>,
    code: Option<String>,
    #[serde(default)]
    unordered: bool,
    /// The limits of the reference's own runs. Ours are fixed.
    #[serde(rename = "timelimit")]
    _timelimit: Option<u64>,
    #[serde(rename = "depth")]
    _depth: Option<u64>,
}

/// `null` is a value.
fn given<'de, D: serde::Deserializer<'de>>(source: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(source).map(Some)
}

impl Bindings for Case {
    fn get(&self, name: &str) -> Option<&Value> {
        self.bindings.get(name)
    }
}

struct Bits(u64);

impl crate::eval::Random for Bits {
    fn next_u64(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

fn lines<T: serde::de::DeserializeOwned>(text: &str) -> impl Iterator<Item = T> {
    text.lines().map(|line| serde_json::from_str(line).expect(line))
}

/// Evaluates to a value, or the code of the error.
fn run(case: &Case, input: Option<&Value>) -> Result<Option<Value>, String> {
    let code = |code: Option<String>, text: String| code.unwrap_or(text);
    let expression = Expression::parse(&case.expr)
        .map_err(|error| code(error.code.clone(), error.to_string()))?;
    let input = input.map_or(JValue::Undefined, |input| Exact::default().copy_in(input));
    let now = "2026-11-21T05:06:07.089Z".parse().expect("a timestamp");
    let mut scope = Scope { bindings: case, random: &mut Bits(1), now };
    // A busy machine is no reason to fail.
    let limits = engine::limits(60_000);
    engine::evaluate_within(limits, &expression.parsed, &input, &mut scope)
        .map_err(|error| code(error.code.clone(), error.to_string()))
}

/// What is wrong with the outcome; nothing if it is as it should be.
fn judge(case: &Case, outcome: &Result<Option<Value>, String>) -> Option<String> {
    let right = match outcome {
        Err(code) => {
            let limit = LIMITS.iter().find(|(_, text)| code.starts_with(text));
            case.code.as_deref() == Some(limit.map_or(code.as_str(), |(code, _)| code))
        }
        Ok(None) => case.undefined_result.is_some(),
        Ok(Some(value)) => match (&case.result, &case.result_pattern) {
            (Some(expected), _) if case.unordered => same_items(expected, value),
            (Some(expected), _) => equal_values(expected, value),
            (None, Some(pattern)) => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                Regex::new(pattern).expect(pattern).is_match(&text)
            }
            (None, None) => false,
        },
    };
    (!right).then(|| format!("{} `{}`: {outcome:?}", case.id, case.expr))
}

fn same_items(expected: &Value, value: &Value) -> bool {
    let sorted = |list: &Value| {
        let mut items: Vec<_> =
            list.as_array().into_iter().flatten().map(crate::number::canonical).collect();
        items.sort_unstable();
        items
    };
    sorted(expected) == sorted(value)
}

/// Groups and cases that do not apply, with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("function-eval/", "there is no $eval on AWS"),
    ("function-string/case002", "the publisher's own number format; the reference writes 1e+100"),
    ("function-string/case007", "the publisher's own number format; the reference writes 1e+21"),
    ("range-operator/case021", "ten million items are more than AWS or we allow"),
    ("range-operator/case024", "ten million items are more than AWS or we allow"),
    (
        "tail-recursion/case002",
        "expects the depth of 302 that the case asks for to be exceeded; ours is fixed",
    ),
    ("tail-recursion/case006", "never ends: the limit of time has a test of its own"),
];

/// Codes of the reference for limits that have none on AWS.
const LIMITS: &[(&str, &str)] = &[("U1001", "Stack overflow error")];

#[test]
fn every_case_of_the_dialect_passes() {
    let datasets: HashMap<String, Value> =
        lines(include_str!("../../tests/jsonata-suite/datasets.jsonl"))
            .map(|dataset: Dataset| (dataset.name, dataset.data))
            .collect();
    let (mut passed, mut failures) = (0, Vec::new());
    for case in lines::<Case>(include_str!("../../tests/jsonata-suite/cases.jsonl")) {
        if EXCEPTIONS.iter().any(|(id, _)| case.id.starts_with(id)) {
            continue;
        }
        let input = case.data.as_ref().or_else(|| datasets.get(case.dataset.as_ref()?));
        match judge(&case, &run(&case, input)) {
            None => passed += 1,
            Some(failure) => failures.push(failure),
        }
    }
    assert!(
        failures.is_empty(),
        "{passed} passed, {} failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
