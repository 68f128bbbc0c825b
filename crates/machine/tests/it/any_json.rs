//! Whatever data comes in, an execution ends or waits; nothing panics.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use stepwell_machine::{Input, Limits, Phase, TaskResult};

use crate::world::World;

/// States that read `$.a`, `$.b` and `$.c` in every way there is.
static STATES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let functions = [
        "States.Format('{} {}', $.a, $.b)",
        "States.StringToJson($.a)",
        "States.JsonToString($.a)",
        "States.Array($.a, $.b, $.c)",
        "States.ArrayPartition($.a, $.b)",
        "States.ArrayContains($.a, $.b)",
        "States.ArrayRange($.a, $.b, $.c)",
        "States.ArrayGetItem($.a, $.b)",
        "States.ArrayLength($.a)",
        "States.ArrayUnique($.a)",
        "States.Base64Encode($.a)",
        "States.Base64Decode($.a)",
        "States.Hash($.a, $.b)",
        "States.JsonMerge($.a, $.b, false)",
        "States.MathRandom($.a, $.b)",
        "States.MathAdd($.a, $.b)",
        "States.StringSplit($.a, $.b)",
    ];
    let paths =
        ["$.a.b", "$.a[0]", "$.a[-1]", "$.a[1:]", "$.a[*]", "$..b", "$.a[?(@.b > 1)]", "$$"];
    let expressions = functions.iter().chain(&paths);
    let mut states: Vec<Value> = expressions
        .map(|one| json!({ "Type": "Pass", "Parameters": { "r.$": one }, "End": true }))
        .collect();
    states.extend(comparisons());
    states.extend([
        json!({ "Type": "Pass", "InputPath": "$.a", "OutputPath": "$.b", "End": true }),
        json!({ "Type": "Pass", "InputPath": "$.b", "ResultPath": "$.a.x", "End": true }),
        json!({ "Type": "Pass", "ResultPath": "$.a[0].x", "End": true }),
        json!({ "Type": "Wait", "SecondsPath": "$.a", "End": true }),
        json!({ "Type": "Wait", "TimestampPath": "$.a", "End": true }),
        json!({ "Type": "Fail", "ErrorPath": "$.a", "CausePath": "$.b" }),
        map(),
        json!({
            "Type": "Task",
            "Resource": "arn:aws:lambda:us-east-1:111111111111:function:f",
            "InputPath": "$",
            "TimeoutSecondsPath": "$.a",
            "HeartbeatSecondsPath": "$.b",
            "ResultPath": "$.c.x",
            "End": true,
        }),
    ]);
    states
});

fn comparisons() -> Vec<Value> {
    let by_path = |kind: &str| format!("{kind}LessThanEqualsPath");
    let compared = ["String", "Numeric", "Timestamp"].map(by_path).into_iter();
    let compared =
        compared.chain(["BooleanEqualsPath".to_owned()]).map(|test| (test, json!("$.b")));
    let kinds = ["IsNull", "IsPresent", "IsNumeric", "IsString", "IsBoolean", "IsTimestamp"];
    let tested = kinds.iter().map(|test| ((*test).to_owned(), json!(true)));
    let matched = [("StringMatches".to_owned(), json!("*a*"))];
    let tests = compared.chain(tested).chain(matched);
    tests
        .map(|(test, value)| {
            let rule = json!({ "Variable": "$.a", test: value, "Next": "End" });
            json!({ "Type": "Choice", "Choices": [rule] })
        })
        .collect()
}

fn map() -> Value {
    let each = json!({ "Type": "Pass", "ResultPath": "$.x", "End": true });
    json!({
        "Type": "Map",
        "ItemsPath": "$.a",
        "MaxConcurrencyPath": "$.b",
        "ItemSelector": { "v.$": "$$.Map.Item.Value", "c.$": "$.c" },
        "ItemProcessor": { "StartAt": "Each", "States": { "Each": each } },
        "End": true,
    })
}

fn definition(state: &Value) -> String {
    let mut states = json!({ "State": state });
    if state["Type"] == "Choice" {
        states["End"] = json!({ "Type": "Succeed" });
    }
    json!({ "StartAt": "State", "States": states }).to_string()
}

fn any_json() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(|n| json!(n)),
        any::<u64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        (-3..20_i32).prop_map(|n| json!(n)),
    ];
    let text = prop_oneof![
        any::<String>(),
        Just("2024-07-15T12:00:00Z".to_owned()),
        Just("SHA-256".to_owned()),
        Just("[1, {\"b\": 2}]".to_owned()),
        Just("YWJj".to_owned()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number,
        text.prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let name = prop_oneof![Just("b".to_owned()), Just("x".to_owned()), any::<String>()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((name, inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_data_is_too_strange(
        state in (0..STATES.len()).prop_map(|index| &STATES[index]),
        (a, b, c) in (any_json(), any_json(), any_json()),
        output in any_json(),
    ) {
        let input = json!({ "a": a, "b": b, "c": c });
        let mut world = World::new(&definition(state), &input.to_string());
        let _ = world.decide(Input::Start { limits: Limits::None });
        if !world.run.outstanding().is_empty() {
            let outcome = TaskResult::Succeeded { output: output.into() };
            let started_at = world.now;
            let _ = world.decide(Input::TaskFinished { scheduled: 3, started_at, outcome });
        }
        let is_waiting = world.run.next_wakeup().is_some();
        prop_assert!(is_waiting || *world.run.phase() != Phase::Running);
    }
}
