//! Whatever comes in: no panic, and what is accepted can be used.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use stepwell_asl::eval::Expression;
use stepwell_asl::intrinsic::Call;
use stepwell_asl::jsonpath::{Path, ReferencePath};
use stepwell_asl::template::Template;
use stepwell_asl::timestamp;
use stepwell_asl::{json, jsonata};

use crate::jsonata::{Table, with_scope};

/// Any JSON, with names that are likely to be met by paths.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-c$*'\\\\{} é-]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec(("[a-c]|[a-c]\\.\\$", inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Texts that look like paths, most of them good ones.
fn path_like() -> impl Strategy<Value = String> {
    let step = prop_oneof![
        "\\.[a-c]",
        "\\[[0-3]\\]",
        "\\[-[1-3]\\]",
        "\\['[a-c]'\\]",
        "\\[\\*\\]",
        "\\.\\*",
        "\\.\\.[a-c]",
        "\\[[0-2]?:[0-3]\\]",
        "\\['a','b'\\]",
        "\\[0,1\\]",
        "\\[\\?\\(@\\.[a-c] (==|!=|<|>=) [0-9]\\)\\]",
        "\\[\\?\\(@\\.[a-c] && !@\\.[a-c]\\)\\]",
        "\\.(length|min|sum|keys)\\(\\)",
        "[.\\[\\]()@?'\\\\ ,$]{0,2}",
    ];
    (prop_oneof![Just("$"), Just("$$")], prop::collection::vec(step, 0..5))
        .prop_map(|(root, steps)| root.to_owned() + &steps.concat())
}

/// Texts that look like calls of intrinsic functions.
fn call_like() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "Format",
        "StringToJson",
        "JsonToString",
        "Array",
        "ArrayPartition",
        "ArrayContains",
        "ArrayRange",
        "ArrayGetItem",
        "ArrayLength",
        "ArrayUnique",
        "Base64Encode",
        "Base64Decode",
        "Hash",
        "JsonMerge",
        "MathRandom",
        "MathAdd",
        "StringSplit",
        "UUID",
    ]);
    let argument = prop_oneof![
        path_like(),
        "-?[0-9]{1,3}",
        "'[a-c{}\\\\ ,]{0,5}'",
        Just("'SHA-256'".to_owned()),
        Just("false".to_owned()),
        Just("null".to_owned()),
        Just("States.Array(1, $.a)".to_owned()),
        Just("1e308".to_owned()),
    ];
    (name, prop::collection::vec(argument, 0..4))
        .prop_map(|(name, arguments)| format!("States.{name}({})", arguments.join(", ")))
}

/// Definitions with anything in the place of anything.
fn definition_like() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "Type",
        "Next",
        "End",
        "Resource",
        "Parameters",
        "ResultPath",
        "Retry",
        "Catch",
        "Choices",
        "Default",
        "Branches",
        "ItemProcessor",
        "States",
        "StartAt",
        "Seconds",
        "ErrorEquals",
        "Variable",
        "And",
        "Not",
        "NumericEquals",
        "a.$",
        "QueryLanguage",
        "ItemsPath",
        "ErrorPath",
        "MaxConcurrency",
        "a",
    ]);
    let leaf = prop_oneof![
        any_json(),
        prop::sample::select(vec![
            "Pass",
            "Task",
            "Choice",
            "Wait",
            "Succeed",
            "Fail",
            "Parallel",
            "Map",
            "a",
            "$.a",
            "States.ALL",
            "arn:aws:states:::lambda:invoke",
            "States.UUID()",
        ])
        .prop_map(Value::from),
        Just(json!(true)),
        Just(json!(1)),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec((names.clone(), inner.clone()), 0..6).prop_map(|fields| {
                let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
                Value::Object(fields.collect::<Map<_, _>>())
            }),
            prop::collection::vec(inner, 0..3).prop_map(Value::Array),
        ]
    })
}

/// A document in which most paths of `a`, `b` and `c` find something.
fn rows() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(json!(0)), Just(json!(1)), Just(json!("a")), Just(json!([1]))];
    let row = (leaf.clone(), leaf.clone(), leaf)
        .prop_map(|(x, y, z)| json!({"a": x, "b": {"a": y, "c": z}, "c": [{"a": z, "b": x}]}));
    let list = prop::collection::vec(row, 0..4);
    (list.clone(), list).prop_map(|(a, b)| json!({"a": a, "b": b, "c": {"a": a, "b": b}}))
}

/// Steps of JSONata paths that read parts of what they are given.
fn jsonata_step() -> impl Strategy<Value = String> {
    let condition = prop::sample::select(vec![
        "0",
        "-1",
        "a",
        "a = b",
        "$exists(b) and c",
        "$ = 1",
        "*",
        "$count(a) > 0",
        "$string() = 'a'",
        "a[b = c]",
        "$not($lookup('a'))",
        "a.b",
        "b ~> $exists()",
        "$type(a) = 'string'",
        "%.a = 1",
    ]);
    prop_oneof![
        4 => "\\.[a-c]",
        2 => condition.prop_map(|condition| format!("[{condition}]")),
        1 => prop::sample::select(vec![
            ".{'x': a, 'y': b.c}", ".(a)", ".($)", ".*", ".**", "^(a)", "{'k': b}", ".[a, b]", ".%", "@$v.a",
            "#$i[$i = 0]", ".$string()", ".(b; c)", ".{'x': function() { a }()}", "[]", ".$keys($)", " ~> $keys",
            ".(a ? b : c)", ".$map([1], function($x) { a })", ".$contains('a')", ".('x')", ".{'k': 1}",
            ".$split(',')", ".$substringBefore(' ')", ".$formatNumber('0.00')", ".$pad(3)", ".[1]", ".$lookup('a')",
            ".($count := $lookup; $count('a'))", ".($lookup)('b')", ".('a' ~> $lookup)", ".(a; 1)", ".$exists(1)",
            ".$replace('a', b)", ".{'x': $count(a)}", ".'x'", ".true",
        ]).prop_map(str::to_owned),
    ]
}

/// Texts that look like JSONata expressions, most of them good ones.
fn jsonata_like() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "\\$states\\.input(\\.[a-c]){0,3}",
        "\\$[a-c]",
        "-?[0-9]{1,2}(\\.5)?",
        "'[a-c ]{0,3}'",
        prop::sample::select(vec!["true", "null", "$", "/a+/", "$sum", "[]", "{}", "$x", "1e308"])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let operator = prop::sample::select(vec![
            "+", "-", "*", "/", "%", "&", "=", "!=", "<", ">=", "and", "or", "in", "..", "~>", ".",
            ":=",
        ]);
        let function = prop::sample::select(vec![
            "string",
            "length",
            "substring",
            "split",
            "join",
            "replace",
            "match",
            "number",
            "round",
            "power",
            "sum",
            "max",
            "average",
            "count",
            "append",
            "sort",
            "reverse",
            "distinct",
            "zip",
            "keys",
            "lookup",
            "spread",
            "merge",
            "each",
            "sift",
            "map",
            "filter",
            "reduce",
            "single",
            "type",
            "partition",
            "range",
            "hash",
            "parse",
            "uuid",
            "random",
            "shuffle",
            "now",
            "pad",
            "formatNumber",
            "formatBase",
            "formatInteger",
            "fromMillis",
            "toMillis",
            "error",
            "assert",
        ]);
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            (inner.clone(), operator, inner.clone())
                .prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (function, prop::collection::vec(inner.clone(), 0..3))
                .prop_map(|(name, arguments)| format!("${name}({})", arguments.join(", "))),
            pair.clone().prop_map(|(a, b)| format!("{a}[{b}]")),
            pair.clone().prop_map(|(a, b)| format!("{a}.({b})")),
            pair.clone().prop_map(|(a, b)| format!("{a}^({b})")),
            pair.clone().prop_map(|(a, b)| format!("{{{a}: {b}}}")),
            pair.clone().prop_map(|(a, b)| format!("{a}{{'k': {b}}}")),
            pair.clone().prop_map(|(a, b)| format!("[{a}, {b}]")),
            pair.clone().prop_map(|(a, b)| format!("({a}; {b})")),
            pair.clone().prop_map(|(a, b)| format!("({a} ? {b} : 1)")),
            pair.prop_map(|(a, b)| format!("$map({a}, function($x, $i) {{ {b} }})")),
            inner.prop_map(|a| format!("({a}).*")),
        ]
    })
}

fn check_findings(text: &str) -> Result<(), TestCaseError> {
    let (_, findings) = stepwell_asl::parse(text);
    let document: Option<Value> = serde_json::from_str(text).ok();
    for finding in &findings {
        prop_assert!(text.get(finding.span.start..finding.span.end).is_some(), "{finding:?}");
        if let Some(document) = &document {
            prop_assert!(document.pointer(&finding.pointer).is_some(), "{finding:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parse_takes_any_text(text in "\\PC{0,200}") {
        check_findings(&text)?;
    }

    #[test]
    fn parse_takes_any_definition_and_findings_point_at_something(definition in definition_like()) {
        check_findings(&definition.to_string())?;
        check_findings(&serde_json::to_string_pretty(&definition).unwrap())?;
        let wrapped = json!({"StartAt": "a", "States": {"a": definition}});
        check_findings(&wrapped.to_string())?;
    }

    #[test]
    fn broken_json_gets_a_reason_and_a_place(value in any_json(), at in any::<prop::sample::Index>(), with in "[\\[\\]{}:,\"x1 \\n-]{0,2}") {
        let mut text = value.to_string();
        let starts: Vec<usize> = text.char_indices().map(|(start, _)| start).collect();
        let start = starts[at.index(starts.len())];
        let width = text[start..].chars().next().map_or(0, char::len_utf8);
        text.replace_range(start..start + width, &with);
        match (json::parse(&text), serde_json::from_str::<Value>(&text)) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
            (Err(error), Err(_)) => {
                prop_assert!(text.get(error.span.start..error.span.end).is_some(), "{error:?}");
                prop_assert!(error.line >= 1 && error.column >= 1, "{error:?}");
            }
            (ours, theirs) => prop_assert!(false, "{ours:?} {theirs:?}"),
        }
        check_findings(&text)?;
    }

    #[test]
    fn paths_take_any_text(text in "\\PC{0,60}") {
        let _ = Path::parse(&text);
        let _ = Path::parse(&format!("${text}"));
    }

    #[test]
    fn paths_take_any_value(text in path_like(), value in any_json()) {
        if let Ok(path) = Path::parse(&text) {
            prop_assert_eq!(path.as_str(), text.trim());
            if path.find(&value).is_none() {
                let _ = path.explain_missing(&value);
            }
        }
    }

    #[test]
    fn a_path_is_what_it_prints(text in path_like(), value in any_json()) {
        if let Ok(path) = Path::parse(&text) {
            let again = Path::parse(&path.to_string()).expect("what is printed is a path");
            prop_assert_eq!(format!("{again:?}"), format!("{path:?}"));
            prop_assert_eq!(again.find(&value), path.find(&value));
        }
    }

    #[test]
    fn a_call_is_what_it_prints(text in call_like()) {
        if let Ok(call) = Call::parse(&text) {
            let again = Call::parse(&call.to_string()).expect("what is printed is a call");
            prop_assert_eq!(format!("{again:?}"), format!("{call:?}"));
        }
    }

    #[test]
    fn a_timestamp_is_the_instant_that_is_printed(
        text in "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])",
    ) {
        let instant = timestamp::parse(&text);
        if let Some(printed) = instant.map(|instant| instant.to_string()) {
            // An offset may lead out of the four digits of a year.
            prop_assert!(timestamp::parse(&printed) == instant || printed.starts_with('-'), "{printed}");
        } else {
            // Only the days of February, and the last hours that there are, are too many.
            prop_assert!(text[4..].starts_with("-02-29") || text.starts_with("9999-12-"), "{text}");
        }
    }

    #[test]
    fn what_is_set_is_found(text in path_like(), mut value in any_json(), new in any_json()) {
        let path = Path::parse(&text).ok();
        if let Some(reference) = path.clone().and_then(ReferencePath::new)
            && reference.set(&mut value, new.clone()).is_ok()
        {
            let found = path.expect("as above").find(&value).map(std::borrow::Cow::into_owned);
            prop_assert_eq!(found, Some(new));
        }
    }

    #[test]
    fn intrinsic_functions_take_any_value(text in call_like(), value in any_json()) {
        let context = json!({"a": value});
        if let Ok(expression) = Expression::parse("f.$", &text) {
            let _ = crate::evaluate(&context, 1, |scope| expression.evaluate(&value, scope));
        }
    }

    #[test]
    fn what_is_unique_is_what_is_not_contained_before(items in prop::collection::vec(any_json(), 0..6)) {
        let context = json!({});
        let evaluate = |text: &str, input: &Value| {
            let expression = Expression::parse("f.$", text).expect("a call");
            crate::evaluate(&context, 1, |scope| expression.evaluate(input, scope))
        };
        let items: Vec<Value> = items.iter().chain(&items).cloned().collect();
        let mut expected: Vec<Value> = Vec::new();
        for item in &items {
            let input = json!({"kept": expected, "item": item});
            if evaluate("States.ArrayContains($.kept, $.item)", &input) == Ok(json!(false)) {
                expected.push(item.clone());
            }
        }
        prop_assert_eq!(evaluate("States.ArrayUnique($)", &json!(items)), Ok(json!(expected)));
    }

    #[test]
    fn templates_take_any_value(template in any_json(), value in any_json()) {
        let context = json!({});
        if let Ok(template) = Template::parse(&template) {
            let _ = crate::evaluate(&context, 1, |scope| template.evaluate(&value, scope));
        }
    }

    #[test]
    fn templates_without_expressions_are_themselves(value in any_json()) {
        if value.to_string().contains(".$\"") {
            return Ok(());
        }
        let template = Template::parse(&value).expect("nothing to refuse");
        let context = json!({});
        let filled = crate::evaluate(&context, 1, |scope| template.evaluate(&json!({}), scope));
        prop_assert_eq!(filled, Ok(value));
    }

    #[test]
    fn jsonata_takes_any_text(text in "\\PC{0,60}") {
        let _ = jsonata::Expression::parse(&text);
    }

    #[test]
    fn jsonata_takes_any_value_and_gives_the_same_each_time(text in jsonata_like(), value in any_json()) {
        if let Ok(expression) = jsonata::Expression::parse(&text) {
            let table = Table::new(&value, json!({"a": value}));
            let evaluate = || with_scope(&table, |scope| expression.evaluate(scope));
            prop_assert_eq!(evaluate(), evaluate());
        }
    }

    #[test]
    fn what_is_not_read_does_not_matter(
        path in prop::collection::vec(jsonata_step(), 1..4),
        value in prop_oneof![any_json(), rows()],
    ) {
        let table = Table::new(&value, json!({}));
        let evaluate = |source: String| match jsonata::Expression::parse(&source) {
            Ok(expression) => with_scope(&table, |scope| expression.evaluate(scope)),
            Err(_) => Ok(None),
        };
        let path = path.concat();
        let masked = evaluate(format!("[1, $states.input{path}]"));
        let whole = evaluate(format!("($s := $states; [1, $s.input{path}])"));
        prop_assert_eq!(masked, whole, "{}", path);
    }

    #[test]
    fn a_selection_is_what_evaluation_gives(path in "(\\.[a-c]){0,4}", value in any_json()) {
        let table = Table::new(&value, json!({}));
        let evaluate = |source: String| {
            let expression = jsonata::Expression::parse(&source).expect("a path");
            with_scope(&table, |scope| expression.evaluate(scope)).expect("a path never fails")
        };
        let selected = evaluate(format!("$states.input{path}"));
        let evaluated = evaluate(format!("($states.input{path}; $states.input{path})"));
        // Evaluation knows numbers as floats, and none that ends in `.0`.
        let floats = |value: Option<Value>| value.map(|value| as_floats(&value));
        prop_assert_eq!(floats(selected), floats(evaluated));
    }
}

/// Numbers as floats.
fn as_floats(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(as_floats).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), as_floats(value))).collect()
        }
        other => other.clone(),
    }
}

/// Found by fuzzing: a width of 64 digits is zero in the arithmetic of the library, and it divides by it.
#[test]
fn a_picture_that_the_library_cannot_take_is_an_error() {
    let source = format!("$fromMillis(0, '[Y{}]')", "0".repeat(64));
    let expression = jsonata::Expression::parse(&source).expect("an expression");
    let outcome =
        with_scope(&Table::new(&json!({}), json!({})), |scope| expression.evaluate(scope));
    assert!(outcome.is_err(), "{outcome:?}");
}
