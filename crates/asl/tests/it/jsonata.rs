//! JSONata as Step Functions speaks it.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_asl::jsonata::{Bindings, Expression, Scope, Template, expression_in};

use crate::Counter;

/// Variables as a table.
pub(crate) struct Table(HashMap<String, Value>);

impl Table {
    /// `$states.input` and variables.
    pub(crate) fn new(input: Value, variables: Value) -> Self {
        let mut table: HashMap<String, Value> = serde_json::from_value(variables).unwrap();
        table.insert("states".to_owned(), json!({"input": input}));
        Self(table)
    }
}

impl Bindings for Table {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

const NOW: &str = "2026-11-21T05:06:07.089Z";

pub(crate) fn with_scope<T>(bindings: &dyn Bindings, act: impl FnOnce(&mut Scope<'_>) -> T) -> T {
    let now: Timestamp = NOW.parse().unwrap();
    act(&mut Scope { bindings, random: &mut Counter(1), now })
}

/// What `source` gives with this `$states.input`; its error as text.
#[track_caller]
fn evaluate(source: &str, input: &Value) -> Result<Option<Value>, String> {
    let expression = Expression::parse(source).expect(source);
    with_scope(&Table::new(input.clone(), json!({})), |scope| {
        expression.evaluate(scope).map_err(|error| error.to_string())
    })
}

#[track_caller]
fn value(source: &str) -> Value {
    evaluate(source, &json!({})).expect(source).expect(source)
}

#[track_caller]
fn error(source: &str) -> String {
    evaluate(source, &json!({})).expect_err(source)
}

#[test]
fn an_expression_fills_the_whole_text() {
    assert_eq!(expression_in("{%$x%}"), Some("$x"));
    assert_eq!(expression_in("{%\n $x \n%}"), Some("$x"));
    assert_eq!(expression_in("{%%}"), Some(""));
    for text in ["", "{%", "{%}", "$x", " {% $x %}", "{% $x %} ", "a {% $x %}"] {
        assert_eq!(expression_in(text), None, "{text:?}");
    }
}

#[test]
fn field_errors_are_told_in_awss_words() {
    let table = Table::new(json!({"FunctionInput": {"fst": 1}}), json!({}));
    let cause = |source: &str, field: &str| {
        let expression = Expression::parse(source).expect(source);
        with_scope(&table, |scope| expression.evaluate_field(field, scope)).expect_err(source).cause
    };
    assert_eq!(
        cause("$doesNotExist", "Output/result"),
        "The JSONata expression '$doesNotExist' specified for the field 'Output/result' returned \
         nothing (undefined)."
    );
    assert_eq!(
        cause("$randomSeeded($states.input.FunctionInput.fst)", "Output/FunctionResult"),
        "The JSONata expression '$randomSeeded($states.input.FunctionInput.fst)' specified for \
         the field 'Output/FunctionResult' threw an error during evaluation. T1006: Attempted to \
         invoke a non-function"
    );
    assert_eq!(
        cause("$range(1, 100000000, 1)", "Items"),
        "The JSONata expression '$range(1, 100000000, 1)' specified for the field 'Items' threw an \
         error during evaluation: Expression evaluation memory limit exceeded: Check for excessive \
         memory usage"
    );
}

#[test]
fn templates_name_the_field_that_failed() {
    let template =
        Template::parse(&json!({"a": {"b": [1, {"c": "{% $nothing %}"}]}, "d": "{% 1 %}"}))
            .unwrap();
    let error = with_scope(&Table::new(json!({}), json!({})), |scope| {
        template.evaluate("Output", scope).expect_err("undefined")
    });
    assert_eq!(error.location, "Output/a/b[1]/c");
}

#[test]
fn templates_take_whole_texts_and_leave_names_alone() {
    let template =
        json!({"{% 1 %}": " {% 1 %}", "a.$": "$.a", "n": null, "x": ["{% $x.y %}", 0.1]});
    let template = Template::parse(&template).unwrap();
    let table = Table::new(json!({}), json!({"x": {"y": [true]}}));
    assert_eq!(
        with_scope(&table, |scope| template.evaluate("Output", scope)).unwrap(),
        json!({"{% 1 %}": " {% 1 %}", "a.$": "$.a", "n": null, "x": [[true], 0.1]})
    );
}

#[test]
fn all_that_is_wrong_with_a_template_is_told() {
    let errors =
        Template::parse(&json!({"a": "{% 1 + %}", "b": ["{% ) %}", "{% 1 %}"]})).unwrap_err();
    assert_eq!(errors.len(), 2);
    assert_eq!(errors[0].problem.code.as_deref(), Some("S0207"));
    assert_eq!(errors[0].problem.message, "Unexpected end of expression");
}

#[test]
fn variables_are_those_that_are_read_and_not_bound_within() {
    for (source, variables) in [
        ("$states.input.a + $x", vec!["states", "x"]),
        ("($a := $b; $a + $c)", vec!["b", "c"]),
        ("(($a := 1); $a)", vec!["a"]),
        ("$map($list, function($v, $i) { $v + $i + $k })", vec!["list", "k"]),
        ("($f := function($n) { $n < 1 ? 1 : $n * $f($n - 1) }; $f($n))", vec!["n"]),
        ("$list@$l.x[$l.y = $z]", vec!["list", "z"]),
        ("$list#$i[$i < $max]", vec!["list", "max"]),
        ("$x ~> |a|{'b': $y}|", vec!["x", "y"]),
        ("$x^($y){$z: $w[$p]}", vec!["x", "y", "z", "w", "p"]),
        ("$ & $$", vec![]),
        ("[1..$n]", vec!["n"]),
    ] {
        let expression = Expression::parse(source).expect(source);
        assert_eq!(expression.variables().collect::<Vec<_>>(), variables, "{source}");
    }
}

#[test]
fn awss_functions_answer_as_on_aws() {
    for (source, expected) in [
        ("$partition([1,2,3,4], 3)", json!([[1, 2, 3], [4]])),
        ("$partition([0], 4)", json!([[0]])),
        ("$range(0, 6, 2)", json!([0, 2, 4, 6])),
        ("$range(1, 9, 9)", json!(1)),
        ("$range(5, 1, -2)", json!([5, 3, 1])),
        ("$hash('input', 'SHA-1')", json!("140f86aae51ab9e1cda9b4254fe98a74eb54c1a1")),
        ("$random(42)", json!(0.727_563_680_032_868_1)),
        ("$random(42) = $random(42)", json!(true)),
        ("$parse('{\"a\": [1, -0]}')", json!({"a": [1, 0]})),
        ("$parse('1.1')", json!(1.1)),
        ("$now()", json!(NOW)),
        ("$now('[Y0001]-[M01]')", json!("2026-11")),
        ("$millis()", json!(1_795_237_567_089_i64)),
        (
            "$map(['a', 'b'], function($x) { $hash($x, 'MD5') })[0]",
            json!("0cc175b9c0f1b6a831c399e269772661"),
        ),
        ("$map(['1', '[2]'], $parse)", json!([1, [2]])),
        ("$f := $hash; $exists($f)", json!(true)),
    ] {
        let source = format!("({source})");
        assert_eq!(value(&source), expected, "{source}");
    }
}

#[test]
fn randomness_comes_from_the_caller_alone() {
    let source = "[$random(), $random(), $uuid(), $shuffle([1..20])]";
    assert_eq!(value(source), value(source));
    assert_eq!(value("$random() = $random()"), json!(false));
    assert_eq!(
        value("$distinct($shuffle([1..20])) ~> $sort()"),
        json!((1..21).collect::<Vec<_>>())
    );
    assert_eq!(
        value("$uuid() ~> $match(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]/) ~> $count()"),
        json!(1)
    );
}

#[test]
fn there_is_no_eval() {
    assert_eq!(error("$eval('1')"), "T1006: Attempted to invoke a non-function");
    assert_eq!(error("($e := $eval; $e('1'))"), "T1006: Attempted to invoke a non-function");
    assert_eq!(error("$map(['1'], $eval)"), "T1006: Attempted to invoke a non-function");
}
