//! Intrinsic functions through the expressions that call them.

use serde_json::{Value, json};
use stepwell_asl::eval::{Expression, StatesError};

use crate::evaluate;

fn input() -> Value {
    json!({
        "s": "text", "n": 7, "f": 1.5, "t": true, "nil": null, "a": [1, 2, 3], "o": {"x": 1, "y": [true, "z"]},
        "template": "<{}> \\{\\}", "words": "a,b;;c", "big": 12_345_678.9,
    })
}

fn evaluate_with(text: &str, seed: u64) -> Result<Value, StatesError> {
    let expression = Expression::parse("field.$", text).unwrap_or_else(|e| panic!("{text}: {e}"));
    let context = json!({"Execution": {"Name": "run-1"}});
    evaluate(&context, seed, |scope| expression.evaluate(&input(), scope))
}

#[track_caller]
fn check(text: &str, expected: Value) {
    assert_eq!(evaluate_with(text, 1), Ok(expected), "{text}");
}

/// The failure's text behind `The function '...' had the following error: `.
#[track_caller]
fn check_refused(text: &str, reason: &str) {
    let error = evaluate_with(text, 1).expect_err(text);
    let expected =
        format!("The function '{text}' had the following error: Invalid arguments in {reason}");
    assert_eq!((error.error, error.cause), ("States.IntrinsicFailure", expected));
}

#[test]
fn format_writes_values_as_java_does() {
    check("States.Format('Hello {}!', $.s)", json!("Hello text!"));
    check("States.Format('{}|{}|{}|{}', $.n, $.f, $.t, $.nil)", json!("7|1.5|true|null"));
    check("States.Format('{} {}', $.a, $.o)", json!("[1, 2, 3] {x=1, y=[true, z]}"));
    check("States.Format('{}', $.big)", json!("1.23456789E7"));
    check("States.Format('{}', 0.0001)", json!("1.0E-4"));
    check("States.Format('{}', 1000000)", json!("1000000"));
    check("States.Format('\\{\\} \\' \\\\')", json!("{} ' \\"));
    check("States.Format($.template, 'x')", json!("<x> {}"));
    check("States.Format('{}', $$.Execution.Name)", json!("run-1"));
    check("States.Format('plain')", json!("plain"));
    check_refused(
        "States.Format($.template)",
        "States.Format: number of arguments do not match the occurrences of {}.",
    );
    check_refused("States.Format($.n)", "States.Format: argument 1 must be a string");
}

#[test]
fn json_functions() {
    check("States.StringToJson('{\"a\": [1, \"x\\\\n\"]}')", json!({"a": [1, "x\n"]}));
    check("States.StringToJson(' ')", json!(null));
    check("States.JsonToString($.o)", json!("{\"x\":1,\"y\":[true,\"z\"]}"));
    check(
        "States.JsonMerge($.o, States.StringToJson('{\"x\":{\"n\":2}}'), false)",
        json!({"x": {"n": 2}, "y": [true, "z"]}),
    );
    check_refused("States.StringToJson($.n)", "States.StringToJson: argument 1 must be a string");
    check_refused(
        "States.JsonMerge($.o, $.o, true)",
        "States.JsonMerge: only the shallow merge mode (false) is supported",
    );
    check_refused(
        "States.JsonMerge($.o, $.a, false)",
        "States.JsonMerge: argument 2 must be a JSON object",
    );
    check_refused(
        "States.JsonMerge($.o, $.o, 'false')",
        "States.JsonMerge: argument 3 must be a boolean",
    );
    let error = evaluate_with("States.StringToJson('{')", 1).unwrap_err();
    assert_eq!(error.error, "States.IntrinsicFailure");
}

#[test]
fn array_functions() {
    check("States.Array()", json!([]));
    check(
        "States.Array($.n, 'x', null, -1.5, States.Array(true))",
        json!([7, "x", null, -1.5, [true]]),
    );
    check("States.ArrayPartition($.a, 2)", json!([[1, 2], [3]]));
    check("States.ArrayPartition($.a, 1.5)", json!([[1, 2], [3]]));
    check("States.ArrayContains($.a, 2.0)", json!(true));
    check("States.ArrayContains($.a, '2')", json!(false));
    check("States.ArrayContains($.o.y, 'z')", json!(true));
    check("States.ArrayRange(1, 9, 2)", json!([1, 3, 5, 7, 9]));
    check("States.ArrayRange(3, -4, -3)", json!([3, 0, -3]));
    check("States.ArrayRange(1, 9, -2)", json!([]));
    check("States.ArrayRange(2, 1, 1)", json!([]));
    check("States.ArrayRange(5, 5, 1)", json!([5]));
    check("States.ArrayGetItem($.a, 2)", json!(3));
    check("States.ArrayLength($.a[1:])", json!(2));
    check(
        "States.ArrayUnique(States.Array(1, 1.0, '1', null, null, $.a, $.a))",
        json!([1, "1", null, [1, 2, 3]]),
    );
    check("States.ArrayUnique(States.Array(1e300, 1e301, 1e300))", json!([1e300, 1e301]));
    check("States.ArrayUnique(States.Array(0, -0.0, 0.0))", json!([0]));
    check_refused(
        "States.ArrayPartition($.a, 0)",
        "States.ArrayPartition: the chunk size must be a positive integer",
    );
    check_refused(
        "States.ArrayPartition($.s, 1)",
        "States.ArrayPartition: argument 1 must be an array",
    );
    check_refused("States.ArrayRange(1, 9, 0)", "States.ArrayRange: the step must not be 0");
    check_refused(
        "States.ArrayRange(0, 1000, 1)",
        "States.ArrayRange: the array would have more than 1000 items",
    );
    check_refused("States.ArrayRange('0', 1, 1)", "States.ArrayRange: argument 1 must be a number");
    check_refused(
        "States.ArrayGetItem($.a, 3)",
        "States.ArrayGetItem: index 3 is out of bounds for an array of length 3",
    );
    check_refused(
        "States.ArrayGetItem($.a, -1)",
        "States.ArrayGetItem: index -1 is out of bounds for an array of length 3",
    );
    check_refused("States.ArrayLength($.o)", "States.ArrayLength: argument 1 must be an array");
}

#[test]
fn encoding_functions() {
    check("States.Base64Encode('Data to encode')", json!("RGF0YSB0byBlbmNvZGU="));
    check("States.Base64Decode('RGF0YSB0byBlbmNvZGU=')", json!("Data to encode"));
    check("States.Hash('input data', 'SHA-1')", json!("aaff4a450a104cd177d28d18d74485e8cae074b7"));
    check("States.Hash('input data', 'MD5')", json!("812f45842bc6d66ee14572ce20db8e86"));
    check_refused(
        "States.Hash('x', 'sha1')",
        "States.Hash: `sha1` is none of the algorithms MD5, SHA-1, SHA-256, SHA-384, SHA-512",
    );
    check_refused(
        "States.Base64Decode('/////w==')",
        "States.Base64Decode: the decoded bytes are no UTF-8",
    );
    let long = format!("States.Base64Encode('{}')", "ä".repeat(10_001));
    check_refused(&long, "States.Base64Encode: the string is longer than 10000 characters");
    let longest = format!("States.Base64Encode('{}')", "ä".repeat(10_000));
    assert!(evaluate_with(&longest, 1).is_ok());
}

#[test]
fn math_functions_round_half_up() {
    check("States.MathAdd(111, -1)", json!(110));
    check("States.MathAdd(-0.5, 0.5)", json!(1));
    check("States.MathAdd(-2.5, 0.49999999999999994)", json!(-2));
    check_refused(
        "States.MathAdd(2147483647, 1)",
        "States.MathAdd: the sum is out of the range of an integer",
    );
    check_refused(
        "States.MathAdd(2147483648, 0)",
        "States.MathAdd: 2147483648 is out of the range of an integer",
    );
    check_refused("States.MathAdd('1', 0)", "States.MathAdd: argument 1 must be a number");
}

#[test]
fn random_numbers_come_from_the_scope_or_the_seed() {
    for seed in 0..200 {
        let drawn = evaluate_with("States.MathRandom(-3, 3)", seed).unwrap();
        assert!((-3..3).contains(&drawn.as_i64().unwrap()), "{drawn}");
    }
    let draws: Vec<_> =
        (0..4).map(|seed| evaluate_with("States.MathRandom(0, 1000000)", seed)).collect();
    assert!(draws.windows(2).any(|pair| pair[0] != pair[1]), "{draws:?}");
    let seeded = "States.MathRandom(0, 1000000, 42)";
    assert_eq!(evaluate_with(seeded, 1), evaluate_with(seeded, 2));
    check_refused(
        "States.MathRandom(3, 3)",
        "States.MathRandom: the start must be less than the end",
    );
}

#[test]
fn uuids_are_of_version_4() {
    let uuid = evaluate_with("States.UUID()", 7).unwrap();
    let parts: Vec<_> = uuid.as_str().unwrap().split('-').collect();
    assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    assert!(parts[2].starts_with('4') && "89ab".contains(&parts[3][..1]), "{uuid}");
    assert_eq!(Ok(uuid), evaluate_with("States.UUID()", 7));
}

#[test]
fn split_takes_each_character_as_separator() {
    check("States.StringSplit($.words, ',;')", json!(["a", "b", "c"]));
    check("States.StringSplit($.words, '')", json!(["a,b;;c"]));
    check("States.StringSplit('', ',')", json!([]));
    check_refused(
        "States.StringSplit($.words, 1)",
        "States.StringSplit: argument 2 must be a string",
    );
}

#[test]
fn arguments_end_where_their_own_brackets_and_quotes_do() {
    check("States.Array( $.o['x'] , $['a'][?(@ > 1 && (@ < 3))] )", json!([1, [2]]));
    check("States.Array('it\\'s, (so)', $.s)", json!(["it's, (so)", "text"]));
    check("States.ArrayLength($.a[?(@ in [1,2])])", json!(2));
    check(" States.Array ( 1 ) ", json!([1]));
}

#[test]
fn a_missing_path_is_a_runtime_error_that_names_the_whole_call() {
    let text = "States.Format('{}', States.JsonToString($.nope))";
    let error = evaluate_with(text, 1).unwrap_err();
    assert_eq!(error.error, "States.Runtime");
    assert_eq!(
        error.cause,
        format!(
            "The function '{text}' had the following error: The JsonPath argument for the field '$.nope' \
             could not be found in the input '{}'",
            input()
        )
    );
}

#[test]
fn calls_nest_ten_deep_and_no_deeper() {
    let nested = |depth: usize| format!("{}{}", "States.Array(".repeat(depth), ")".repeat(depth));
    assert!(Expression::parse("f.$", &nested(10)).is_ok());
    assert!(Expression::parse("f.$", &nested(11)).is_err());
    assert!(Expression::parse("f.$", &nested(100_000)).is_err());
}

#[test]
fn what_is_no_call_is_refused() {
    for text in [
        "States.",
        "States.Array",
        "States.Array(",
        "States.Array(1",
        "States.Array(1,",
        "States.Array(1 2)",
        "States.Array(,)",
        "States.Array(x)",
        "States.Array('a)",
        "States.Array(\"a\")",
        "States.Nope()",
        "States.UUID(1)",
        "States.MathAdd(1)",
        "States.MathRandom(1,2,3,4)",
        "States.Format()",
        "States.Format('{}')",
        "States.Format('{')",
        "States.Format('}')",
        "States.Format('\\",
        "States.Format('a\\n')",
        "States.Array('C:\\temp')",
        "States.StringToJson('{\"a\": \"\\\"\"}')",
        "States.UUID()x",
        "UUID()",
        "text",
        "",
    ] {
        assert!(Expression::parse("f.$", text).is_err(), "{text}");
    }
}
