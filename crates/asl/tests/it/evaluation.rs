//! Templates, data flow, Choice rules and the `...Path` fields, with the texts that AWS gives when they fail.

use std::cell::{Cell, LazyCell};
use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_asl::eval::{Scope, StatesError};
use stepwell_asl::jsonpath::{Path, ReferencePath};
use stepwell_asl::model::{ResultPath, Selector, StateKind};
use stepwell_asl::template::Template;
use stepwell_asl::{StateMachine, dataflow};

use crate::evaluate;

fn with_scope<T>(act: impl FnOnce(&mut Scope<'_>) -> T) -> T {
    let context = json!({"Execution": {"Name": "run-1"}, "Map": {"Item": {"Value": {"id": 3}}}});
    evaluate(&context, 1, act)
}

fn runtime(cause: &str) -> StatesError {
    StatesError::runtime(cause)
}

#[track_caller]
fn machine(definition: &Value) -> StateMachine {
    let (machine, findings) = stepwell_asl::parse(&definition.to_string());
    machine.unwrap_or_else(|| panic!("{findings:#?}"))
}

fn fill(template: &Value, input: &Value) -> Result<Value, StatesError> {
    let template = Template::parse(template).expect("a template");
    with_scope(|scope| template.evaluate(input, scope))
}

#[test]
fn templates_keep_constants_and_fill_in_expressions_at_any_depth() {
    let template = json!({
        "constant": {"a": [1, {"b": null}]},
        "x.$": "$.x",
        "deep": [{"id.$": "$$.Map.Item.Value.id"}, ["y", {"n.$": "States.MathAdd($.x, 1)"}]],
        "literal": "$.x",
        "all.$": "$",
        "none.$": "$.rows[*]",
    });
    assert_eq!(
        fill(&template, &json!({"x": 1})),
        Ok(json!({
            "constant": {"a": [1, {"b": null}]},
            "x": 1,
            "deep": [{"id": 3}, ["y", {"n": 2}]],
            "literal": "$.x",
            "all": {"x": 1},
            "none": [],
        }))
    );
}

#[test]
fn a_template_names_the_field_whose_path_is_missing() {
    assert_eq!(
        fill(&json!({"a": {"missing.$": "$.nope.deep"}}), &json!({"other": 1})),
        Err(runtime(
            "The JSONPath '$.nope.deep' specified for the field 'missing.$' could not be found in the input \
             '{\"other\":1}'"
        ))
    );
}

#[test]
fn input_and_output_paths_select() {
    let data = Arc::new(json!({"a": {"b": 1}}));
    let select = |path: &str| {
        let selector = Selector::Path(Path::parse(path).unwrap());
        with_scope(|scope| dataflow::select(&selector, &data, scope))
    };
    assert!(Arc::ptr_eq(&select("$").unwrap(), &data), "the whole input is not copied");
    assert_eq!(*select("$.a").unwrap(), json!({"b": 1}));
    assert_eq!(*select("$$.Execution.Name").unwrap(), json!("run-1"));
    assert_eq!(select("$.x"), Err(runtime("Invalid path '$.x' : No results for path: $['x']")));
    assert_eq!(
        select("$.x.y"),
        Err(runtime("Invalid path '$.x.y' : Missing property in path $['x']"))
    );
    let discarded = with_scope(|scope| dataflow::select(&Selector::Discard, &data, scope));
    assert_eq!(*discarded.unwrap(), json!({}));
}

#[test]
fn results_are_placed() {
    let raw = Arc::new(json!({"a": 1}));
    let result = Arc::new(json!([2]));
    let at = |path: &str| ResultPath::Path(ReferencePath::new(Path::parse(path).unwrap()).unwrap());
    let whole = dataflow::place(&at("$"), &raw, Arc::clone(&result)).unwrap();
    assert!(Arc::ptr_eq(&whole, &result));
    let dropped = dataflow::place(&ResultPath::Discard, &raw, Arc::clone(&result)).unwrap();
    assert!(Arc::ptr_eq(&dropped, &raw));
    let beside = dataflow::place(&at("$.r.s"), &raw, Arc::clone(&result)).unwrap();
    assert_eq!(*beside, json!({"a": 1, "r": {"s": [2]}}));
    assert_eq!(
        dataflow::place(&at("$.a.b"), &raw, result),
        Err(StatesError::new(
            "States.ResultPathMatchFailure",
            "Unable to apply ReferencePath $.a.b to input {\"a\":1}",
        ))
    );
}

#[test]
fn the_items_of_a_map_are_an_array() {
    let data = Arc::new(json!({"rows": [1, 2], "n": 1}));
    let items = |path: &str| {
        let path = Path::parse(path).unwrap();
        with_scope(|scope| dataflow::items(&path, &data, scope))
    };
    assert_eq!(items("$.rows"), Ok(vec![json!(1), json!(2)]));
    assert_eq!(items("$.n"), Err(runtime("Reference path \"$.n\" must point to array.")));
    assert_eq!(items("$$"), Err(runtime("Reference path \"$\" must point to array.")));
    assert_eq!(items("$.x"), Err(runtime("Invalid path '$.x' : No results for path: $['x']")));
}

#[test]
fn the_context_object_is_built_only_for_those_who_read_it() {
    let built = Cell::new(0);
    let context = LazyCell::new(|| {
        built.set(built.get() + 1);
        json!({"Execution": {"Name": "lazy"}})
    });
    let read = |scope: &mut Scope<'_>, path: &str| {
        let template = Template::parse(&json!({"v.$": path})).unwrap();
        template.evaluate(&json!({"x": 1}), scope).unwrap()
    };
    evaluate(&context, 1, |scope| {
        assert_eq!(read(scope, "$.x"), json!({"v": 1}));
        assert_eq!(built.get(), 0);
        assert_eq!(read(scope, "$$.Execution.Name"), json!({"v": "lazy"}));
        assert_eq!(read(scope, "$$.Execution.Name"), json!({"v": "lazy"}));
        assert_eq!(built.get(), 1);
    });
}

fn chosen(rule: &Value, input: &Value) -> Result<bool, StatesError> {
    let mut rule = rule.clone();
    rule["Next"] = json!("Yes");
    let machine = machine(&json!({
        "StartAt": "Choose",
        "States": {
            "Choose": {"Type": "Choice", "Choices": [rule], "Default": "No"},
            "Yes": {"Type": "Pass", "Result": true, "End": true},
            "No": {"Type": "Pass", "Result": false, "End": true},
        },
    }));
    let StateKind::Choice(choice) = &machine.state(machine.start_at).kind else {
        panic!("a Choice state")
    };
    with_scope(|scope| choice.choices[0].condition.holds(input, scope))
}

#[test]
fn choice_rules_compare_by_type() {
    let input = json!({
        "s": "b", "n": 2, "f": 2.0, "t": true, "nil": null, "at": "2016-08-18T17:33:00Z",
        "later": "2016-08-18T19:33:01+02:00", "log": "log-a.txt",
    });
    for (rule, expected) in [
        (json!({"Variable": "$.s", "StringEquals": "b"}), true),
        (json!({"Variable": "$.s", "StringLessThan": "c"}), true),
        (json!({"Variable": "$.s", "StringGreaterThanEquals": "c"}), false),
        (json!({"Variable": "$.s", "StringEqualsPath": "$.s"}), true),
        (json!({"Variable": "$.s", "StringMatches": "*"}), true),
        (json!({"Variable": "$.log", "StringMatches": "log-*.txt"}), true),
        (json!({"Variable": "$.n", "StringMatches": "*"}), false),
        (json!({"Variable": "$.n", "NumericEquals": 2.0}), true),
        (json!({"Variable": "$.n", "NumericEqualsPath": "$.f"}), true),
        (json!({"Variable": "$.f", "NumericGreaterThan": 1}), true),
        (json!({"Variable": "$.n", "NumericLessThanEqualsPath": "$.s"}), false),
        (json!({"Variable": "$.s", "NumericEquals": 2}), false),
        (json!({"Variable": "$.t", "BooleanEquals": true}), true),
        (json!({"Variable": "$.t", "BooleanEqualsPath": "$.nil"}), false),
        (json!({"Variable": "$.at", "TimestampLessThan": "2016-08-18T17:33:00.001Z"}), true),
        (json!({"Variable": "$.later", "TimestampGreaterThanPath": "$.at"}), true),
        (json!({"Variable": "$.s", "TimestampEquals": "2016-08-18T17:33:00Z"}), false),
        (json!({"Variable": "$.nil", "IsNull": true}), true),
        (json!({"Variable": "$.nil", "IsPresent": true}), true),
        (json!({"Variable": "$.gone", "IsPresent": false}), true),
        (json!({"Variable": "$.n", "IsNumeric": true}), true),
        (json!({"Variable": "$.n", "IsString": false}), true),
        (json!({"Variable": "$.t", "IsBoolean": true}), true),
        (json!({"Variable": "$.later", "IsTimestamp": true}), true),
        (json!({"Variable": "$.s", "IsTimestamp": true}), false),
        (json!({"Variable": "$$.Execution.Name", "StringEquals": "run-1"}), true),
    ] {
        assert_eq!(chosen(&rule, &input), Ok(expected), "{rule}");
    }
}

#[test]
fn combined_rules_stop_at_the_first_that_decides() {
    let input = json!({"a": 1});
    let absent = json!({"Variable": "$.gone", "IsNull": true});
    let present = json!({"Variable": "$.gone", "IsPresent": true});
    let one = json!({"Variable": "$.a", "NumericEquals": 1});
    assert_eq!(chosen(&json!({"And": [present, absent]}), &input), Ok(false));
    assert_eq!(chosen(&json!({"Or": [one, absent]}), &input), Ok(true));
    assert_eq!(chosen(&json!({"Not": present}), &input), Ok(true));
    assert_eq!(
        chosen(&json!({"Or": [present, {"Not": absent}]}), &input),
        Err(runtime(
            "Invalid path '$.gone': The choice state's condition path references an invalid value."
        ))
    );
}
