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
    pub(crate) fn new(input: &Value, variables: Value) -> Self {
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
    with_scope(&Table::new(input, json!({})), |scope| {
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
    let table = Table::new(&json!({"FunctionInput": {"fst": 1}}), json!({}));
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
    let error = with_scope(&Table::new(&json!({}), json!({})), |scope| {
        template.evaluate("Output", scope).expect_err("undefined")
    });
    assert_eq!(error.location, "Output/a/b[1]/c");
}

#[test]
fn templates_take_whole_texts_and_leave_names_alone() {
    let template =
        json!({"{% 1 %}": " {% 1 %}", "a.$": "$.a", "n": null, "x": ["{% $x.y %}", 0.1]});
    let template = Template::parse(&template).unwrap();
    let table = Table::new(&json!({}), json!({"x": {"y": [true]}}));
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

#[test]
fn errors_have_the_references_codes_and_texts() {
    for (source, expected) in [
        ("$abs('a')", r#"T0410: Argument 1 of function "abs" does not match function signature"#),
        ("$type()", r#"T0410: Argument 1 of function "type" does not match function signature"#),
        ("$map([1])", r#"T0410: Argument 2 of function "map" does not match function signature"#),
        (
            "$string($sum(['a', $count([1])]))",
            r#"T0412: Argument 1 of function "sum" must be an array of "numbers""#,
        ),
        (
            "$join(['a'], 1)",
            r#"T0410: Argument 2 of function "join" does not match function signature"#,
        ),
        ("$join([1])", r#"T0412: Argument 1 of function "join" must be an array of "strings""#),
        ("1 + 'a'", r#"T2002: The right side of the "+" operator must evaluate to a number"#),
        ("'a' * 1", r#"T2001: The left side of the "*" operator must evaluate to a number"#),
        (
            "1 < 'a'",
            r#"T2009: The values 1 and "a" either side of operator "<" must be of the same data type"#,
        ),
        (
            "[1, 2][true >= 1]",
            r#"T2010: The expressions either side of operator ">=" must evaluate to numeric or string values"#,
        ),
        ("$number('abc')", r#"D3030: Unable to cast value to a number: "abc""#),
        (
            "$replace('a', '', 'b')",
            "D3010: Second argument of replace function cannot be an empty string",
        ),
        ("{'a': 1, 'a': 2}", r#"D1009: Multiple key definitions evaluate to same key: "a""#),
        ("{1: 2}", "T1003: Key in object structure must evaluate to a string; got: 1"),
        ("['a'..2]", "T2003: The left side of the range operator (..) must evaluate to an integer"),
        ("sum([1])", "T1005: Attempted to invoke a non-function. Did you mean $sum?"),
        ("$foo(1)", "T1006: Attempted to invoke a non-function"),
        (
            "1 ~> 2",
            "T2006: The right side of the function application operator ~> must be a function",
        ),
        ("$error('boom')", "D3137: boom"),
        ("$assert(false, 'no')", "D3141: no"),
        (
            "$single([1, 2])",
            "D3138: The $single() function expected exactly 1 matching result.  Instead it matched more.",
        ),
        (
            "$formatNumber(1, 'x')",
            "D3086: The sub-picture must not contain a passive character that is preceded by an active \
             character and that is followed by another active character",
        ),
        (
            "$partition([1], 0)",
            r#"T0410: Argument 2 of function "partition" does not match function signature"#,
        ),
        (
            "$range(1, 2)",
            r#"T0410: Argument 3 of function "range" does not match function signature"#,
        ),
        (
            "$range(1, 2, 0)",
            r#"T0410: Argument 3 of function "range" does not match function signature"#,
        ),
        (
            "$hash(1, 'MD5')",
            r#"T0410: Argument 1 of function "hash" does not match function signature"#,
        ),
        (
            "$hash('a', 'CRC')",
            r#"T0410: Argument 2 of function "hash" does not match function signature"#,
        ),
        (
            "$random('a')",
            r#"T0410: Argument 1 of function "random" does not match function signature"#,
        ),
    ] {
        assert_eq!(error(source), expected, "{source}");
    }
}

#[test]
fn what_is_no_expression_is_told_with_the_references_code_and_text() {
    for (source, code, message) in [
        ("", "S0207", "Unexpected end of expression"),
        ("1 +", "S0207", "Unexpected end of expression"),
        ("\"unterminated", "S0101", "String literal must be terminated by a matching quote"),
        ("a[1,2)", "S0202", r#"Expected "]", got ",""#),
        ("[1", "S0203", r#"Expected "]" before end of expression"#),
        ("{\"a\":}", "S0211", r#"The symbol "}" cannot be used as a unary operator"#),
        ("!a", "S0204", r#"Unknown operator: "!""#),
        ("a b", "S0201", r#"Syntax error: "b""#),
        ("1 1", "S0201", "Syntax error: 1"),
        ("/*", "S0106", "Comment has no closing tag"),
        ("a.7", "S0213", "The literal value 7 cannot be used as a step within a path expression"),
        ("10e1000", "S0102", "Number out of range: 10e1000"),
        ("$match('a', /abc", "S0302", "No terminating / in regular expression"),
        ("$match('a', //)", "S0301", "Empty regular expressions are not allowed"),
        ("1 := 2", "S0212", "The left side of := must be a variable name (start with $)"),
        ("$a ?? 1", "S0211", r#"The symbol "?" cannot be used as a unary operator"#),
        ("$a ?: 1", "S0211", r#"The symbol ":" cannot be used as a unary operator"#),
    ] {
        let error = Expression::parse(source).expect_err(source);
        assert_eq!(
            (error.code.as_deref(), error.message.as_str()),
            (Some(code), message),
            "{source}"
        );
    }
}

#[test]
fn results_are_json() {
    for (source, expected) in [
        ("0.1 + 0.2", json!(0.300_000_000_000_000_04)),
        ("5 / 2", json!(2.5)),
        ("4 / 2", json!(2)),
        ("-0", json!(0)),
        ("$string(1/3)", json!("0.333333333333333")),
        ("$string(1e20)", json!("100000000000000000000")),
        ("1 / 0", json!("Infinity")),
        ("[-1 / 0]", json!(["-Infinity"])),
        ("{'z': 1, 'a': $nothing, 'b': null}", json!({"z": 1, "b": null})),
        ("{'f': $sum, 'g': function() { 1 }}", json!({})),
    ] {
        assert_eq!(value(source).to_string(), expected.to_string(), "{source}");
    }
    for source in ["$sum", "function() { 1 }", "$states.input.missing", "$max([])"] {
        assert_eq!(evaluate(source, &json!({})), Ok(None), "{source}");
    }
}

#[test]
fn regular_expressions_that_cannot_be_used_are_refused_when_parsed() {
    let error = Expression::parse("$match($x, /(?=a)/)").unwrap_err();
    assert_eq!(
        error.message,
        "the regular expression /(?=a)/ cannot be used: look-around, including look-ahead and \
         look-behind, is not supported"
    );
}

#[test]
fn references_to_a_context_are_known() {
    for (source, references) in [
        ("phone.number", vec!["phone"]),
        ("`phone`", vec!["phone"]),
        ("'a' & b & c.b & b", vec!["b", "c"]),
        ("$sum(items.price)", vec!["items"]),
        ("$", vec!["$"]),
        ("$.a", vec!["$"]),
        ("$$", vec!["$$"]),
        ("$x[a = $$.b]", vec!["$$"]),
        ("*", vec!["*"]),
        ("**.a", vec!["**"]),
        ("{'k': v}", vec!["v"]),
        ("[a, (b; c)]", vec!["a", "b", "c"]),
        ("a ? b : c", vec!["a", "b", "c"]),
        ("(a).b[c]^(d){e: f}", vec!["a"]),
        ("$states.input.a[$ = b].*.(c & $)", vec![]),
        ("$x^(a){b: c}", vec![]),
        ("$x ~> |a|{'b': c}|", vec![]),
        ("$map($x, function($v) { $v.a })", vec![]),
    ] {
        let expression = Expression::parse(source).expect(source);
        assert_eq!(expression.top_level_references().collect::<Vec<_>>(), references, "{source}");
    }
}

#[test]
fn large_identifiers_pass_through() {
    let input = json!({"id": 9_007_199_254_740_993_i64, "x": 1.0, "ids": [u64::MAX, 3]});
    for (source, expected) in [
        ("$states.input.id", json!(9_007_199_254_740_993_i64)),
        ("$states.input", input.clone()),
        ("{'id': $states.input.id}", json!({"id": 9_007_199_254_740_993_i64})),
        ("$states.input.ids[0]", json!(u64::MAX)),
        ("$states.input.x", json!(1.0)),
    ] {
        assert_eq!(evaluate(source, &input), Ok(Some(expected)), "{source}");
    }
    // These share a float: none of them is given for another.
    let input = json!({"a": 9_007_199_254_740_993_i64, "b": 9_007_199_254_740_992_i64});
    assert_eq!(evaluate("[$states.input.a]", &input), Ok(Some(json!([9_007_199_254_740_993_i64]))));
    assert_eq!(
        evaluate("[$states.input.a, $states.input.b]", &input),
        Ok(Some(json!([9_007_199_254_740_992_i64, 9_007_199_254_740_992_i64])))
    );
}

#[test]
fn what_never_ends_or_takes_all_memory_ends() {
    let memory = "Expression evaluation memory limit exceeded: Check for excessive memory usage";
    let stack = "Stack overflow error: Check for non-terminating recursive function. Consider \
                 rewriting as tail-recursive.";
    for (source, expected) in [
        ("($f := function($n) { 1 + $f($n + 1) }; $f(1))", stack),
        ("$range(1, 100000000, 1)", memory),
        ("$count([1..2000000])", memory),
        ("$pad('x', 2000000000)", memory),
        ("$pad('x', -1 / 0)", memory),
        ("($x := $pad('x', 100000); $join([1..100000].($x)))", memory),
        ("($x := $pad('x', 100000); $join([1..100000].(''), $x))", memory),
        ("($x := $pad('x', 100000); $replace($x, 'x', $x))", memory),
        ("$reduce([1..64], function($s, $i) { $s & $s }, 'x')", memory),
        (
            "($double := function($s, $n) { $n = 0 ? $s : $double($s & $s, $n - 1) }; $double('x', 64))",
            memory,
        ),
        (
            "($x := $pad('x', 100000); $l := [1..100000].(''); $join([$join(['', ''], 'a')], $join($l, $x)))",
            memory,
        ),
        (
            "($x := $pad('x', 100000); $replace($x, /./, $join([$x, ''], $join(['', ''], 'a'))))",
            memory,
        ),
        ("($x := $pad('x', 100000); [1..100000].('') ~> $join($x))", memory),
        ("($x := $pad('x', 100000); [1..100000].($x) ~> $join)", memory),
        ("($x := $pad('x', 100000); [1..100000].($x) ~> $join())", memory),
        ("($x := $pad('x', 100000); $x ~> $replace(/./, $x))", memory),
        ("($x := $pad('x', 100000); $x.$replace(/./, $x))", memory),
        ("($x := $pad('x', 100000); $replace($x, /./, function() { $x }))", memory),
        ("($x := $pad('x', 1000000); [1..100000].($x & $string($)))", memory),
        ("($x := $pad('x', 1000000); [1..100000].$join([$x, 'a']))", memory),
        ("($x := $pad('x', 1000000); [1..100000].($x ~> $string()))", memory),
        (
            "($f := function($n, $a) { $n = 0 ? $a : $f($n - 1, {'a': $a, 'b': $a}) }; $string($f(40, 1)))",
            memory,
        ),
        (
            "($f := function($n, $a) { $n = 0 ? $a : $f($n - 1, {'a': $a, 'b': $a}) }; '' & $f(40, 1))",
            memory,
        ),
        (
            "($f := function($n, $a) { $n = 0 ? $a : $f($n - 1, {'a': $a, 'b': $a}) }; $f(40, 1) ~> $string())",
            memory,
        ),
        (
            "($f := function($n, $a) { $n = 0 ? $a : $f($n - 1, {'a': $a, 'b': $a}) }; $f(40, 1) = $f(40, 1))",
            memory,
        ),
        ("($f := $reduce; $f([1..64], function($s, $i) { $s & $s }, 'x'))", memory),
        ("($x := $pad('x', 100000); $j := $join; $j([1..100000].($x)))", memory),
        ("($x := $pad('x', 100000); $f := $join(?, $x); $f([1..100000].('')))", memory),
        ("($x := $pad('x', 100000); $r := $replace; $r($x, 'x', $x))", memory),
        ("($x := $pad('x', 100000); $map([$x], $replace(?, /x/, $x)))", memory),
        ("function($f, $s) { $f($f, $s & $s) }(function($f, $s) { $f($f, $s & $s) }, 'x')", memory),
    ] {
        assert_eq!(error(source), expected, "{source}");
    }
    // The reference's bound on ranges comes first.
    assert!(error("[1..100000000]").starts_with("D2014: "));
    // What is nested deeper than JSON is read is no result.
    assert_eq!(
        error("$reduce([1..200], function($value, $i) { [[$value], 1] }, 1)"),
        "the result is nested more than 128 levels deep"
    );
    assert!(Expression::parse(&"(".repeat(100_000)).is_err());
    assert!(Expression::parse(&format!("1{}", "+1".repeat(100_000))).is_err());
}

/// A value of 40 objects or arrays, each of which holds the next one twice, has 2^40 parts to who walks it.
#[test]
fn what_shares_its_parts_is_not_walked_without_end() {
    let memory = "Expression evaluation memory limit exceeded: Check for excessive memory usage";
    let function =
        |result| format!("$f := function($n, $a) {{ $n = 0 ? $a : $f($n - 1, {result}) }}");
    let objects = function("{'a': $a, 'b': $a}");
    for walk in [
        "$f(40, 1).**",
        "$f(40, 1).*.*.*.**",
        "$f(40, 1) ~> |**|{'c': 1}|",
        "$map([$f(40, 1)], $string)",
        "[$f(40, 1)] ~> $map($string)",
        "$distinct([$f(40, 1), $f(40, 1)])",
        "$d := $distinct; $d([$f(40, 1), $f(40, 1)])",
    ] {
        assert_eq!(error(&format!("({objects}; {walk})")), memory, "{walk}");
    }
    let arrays = function("[[$a], [$a]]");
    for walk in [
        "$boolean($f(40, 0))",
        "$f(40, 0) ? 1 : 2",
        "$f(40, 0) and true",
        "$not($f(40, 0))",
        "[1, 2][$f(40, 0)]",
        "$filter([1], function() { $f(40, 0) })",
        "$lookup($f(40, 0), 'k')",
        "$f(40, 0).k",
        "$keys($f(40, 0))",
    ] {
        assert_eq!(error(&format!("({arrays}; {walk})")), memory, "{walk}");
    }
    for source in [
        "$reduce([1..64], function($a, $i) { {'a': $a, 'b': $a} }, 1).**",
        "($d := function($a, $i) { {'a': $a, 'b': $a} }; $reduce([1..64], $d, 1).**)",
        &format!("($a := [1]; {}$a.**)", "$a := $zip($a, $a); ".repeat(40)),
        &format!("[1]{}.**", ".({'a': $, 'b': $})".repeat(40)),
        &format!("[1]{}.**", ".{'a': $, 'b': $}".repeat(40)),
        &format!("[1]{}.k", ".[[$], [$]]".repeat(40)),
    ] {
        assert_eq!(error(source), memory, "{source}");
    }
}

#[test]
fn many_operators_are_no_runaway() {
    assert_eq!(value(&format!("1{}", "+1".repeat(200))), json!(201));
    assert_eq!(
        value("($s := function($n) { $n = 0 ? 0 : 1 + $s($n - 1) }; $s(1000))"),
        json!(1000)
    );
}

#[test]
fn mistakes_have_a_place() {
    for (source, before) in [
        ("1 +", "1 +"),
        ("$f(1))", "$f(1)"),
        ("$a + ) + 1", "$a + "),
        ("$a[1,2) + 3", "$a[1"),
        ("('é' & ] & 1)", "('é' & "),
        ("$a $b + 1", "$a $"),
    ] {
        let error = Expression::parse(source).expect_err(source);
        assert_eq!(&source[..error.at], before, "{source}: {error}");
    }
}

#[test]
fn a_step_that_names_no_field_has_its_context() {
    let input = json!({"name": "Ada Lovelace", "price": 2, "names": ["a", "b"]});
    for (path, expected) in [
        ("name.$substringBefore(' ')", json!("Ada")),
        ("name.$contains('a')", json!(true)),
        ("name.$split(' ')", json!(["Ada", "Lovelace"])),
        ("price.$formatNumber('0.00')", json!("2.00")),
        ("name.('x')", json!("x")),
        ("name.{'k': 1}", json!({"k": 1})),
        ("names.('x')", json!(["x", "x"])),
        ("names.$pad(3)", json!(["a  ", "b  "])),
        ("names.$pad(-2, '#')", json!(["#a", "#b"])),
        ("($count := $lookup; $states.input.$count('price'))", json!(2)),
    ] {
        let source =
            if path.starts_with('(') { path.to_owned() } else { format!("$states.input.{path}") };
        assert_eq!(evaluate(&source, &input), Ok(Some(expected)), "{source}");
    }
}

#[test]
fn pad_takes_its_text_from_everywhere() {
    assert_eq!(value("'a' ~> $pad(3)"), json!("a  "));
    assert_eq!(value("$map(['a', 'b'], $pad(?, 2))"), json!(["a ", "b "]));
    assert_eq!(value("($p := $pad; $p('a', 2))"), json!("a "));
    assert_eq!(value("($pad := function($x) { $x + 1 }; $pad(1))"), json!(2));
    assert_eq!(evaluate("$pad($states.input.none, 2)", &json!({})), Ok(None));
    assert!(error("$states.input.$pad(2)").starts_with("T0411: Context value"));
    assert!(error("$pad(1, 2, 'a')").starts_with("T0410: Argument 1 of function \"pad\""));
}

/// Such a path is not evaluated; with a filter that lets everything through it is, and gives the same.
#[test]
fn an_item_of_a_list_is_selected_as_it_is_evaluated() {
    let input = json!({
        "list": [{"name": "a", "n": 9_007_199_254_740_993_u64}, {"name": "b"}, null, [1, [2]]],
        "one": {"name": "c"},
        "none": [],
    });
    for index in ["0", "1", "2", "3", "4", "-1", "-2", "-4", "-5", "0.9", "-0.1"] {
        for path in ["list", "one", "none", "missing"] {
            for rest in ["", ".name"] {
                let selected = format!("$states.input.{path}[{index}]{rest}");
                let evaluated = format!("$states.input.({path}[{index}]){rest}");
                assert_eq!(evaluate(&selected, &input), evaluate(&evaluated, &input), "{selected}");
            }
        }
    }
    let large = evaluate("$states.input.list[0].n", &input);
    assert_eq!(large, Ok(Some(json!(9_007_199_254_740_993_u64))));
}

/// The time of the evaluation is 2026-11-21T05:06:07.089Z.
#[test]
fn a_picture_without_a_year_is_of_the_year_of_the_evaluation() {
    for (source, expected) in [
        ("$toMillis('13:45', '[H]:[m]')", "2026-11-21T13:45:00.000Z"),
        ("$toMillis('03-04', '[M]-[D]')", "2026-03-04T00:00:00.000Z"),
        ("$toMillis('4', '[D]')", "2026-11-04T00:00:00.000Z"),
        ("$toMillis('7', '[m]')", "2026-11-21T05:07:00.000Z"),
        ("'1 pm' ~> $toMillis('[h] [P]')", "2026-11-21T13:00:00.000Z"),
        ("$map(['13'], $toMillis(?, '[H]'))", "2026-11-21T13:00:00.000Z"),
        ("($t := $toMillis; $t('13', '[H]'))", "2026-11-21T13:00:00.000Z"),
        ("$toMillis('1999-12-31', '[Y]-[M]-[D]')", "1999-12-31T00:00:00.000Z"),
        ("$map(['1999-12-31'], $toMillis)", "1999-12-31T00:00:00.000Z"),
        ("['1999-12-31'].$toMillis()", "1999-12-31T00:00:00.000Z"),
    ] {
        assert_eq!(value(&format!("{source} ~> $fromMillis()")), json!(expected), "{source}");
    }
    assert!(error("$toMillis('3 13', '[M] [H]')").starts_with("D3136"));
    assert!(error("$toMillis(1, '[H]')").starts_with("T0410"));
}

#[test]
fn what_must_be_whole_is_rounded_down() {
    assert_eq!(value("$partition([1, 2, 3], 2.9)"), json!([[1, 2], [3]]));
    assert_eq!(value("$range(0.9, 3.9, 1.5)"), json!([0, 1, 2, 3]));
    assert_eq!(value("$random(-0.5)"), value("$random(-1)"));
    for source in
        ["$partition([1], 0/0)", "$partition([1], 0.5)", "$range(0, 1, 0/0)", "$random(1/0)"]
    {
        assert!(error(source).starts_with("T0410"), "{source}");
    }
}

#[test]
fn a_function_behind_a_chain_is_named() {
    for (source, expected) in [
        ("'a' ~> $abs()", "Argument 1 of function \"abs\" does not match function signature"),
        ("['a'] ~> $sum()", "Argument 1 of function \"sum\" must be an array of \"numbers\""),
    ] {
        assert!(error(source).ends_with(expected), "{source}: {}", error(source));
    }
}

#[test]
fn what_is_bounded_gives_what_it_did() {
    for (source, expected) in [
        ("($x := 'b'; $join(['a', 'c'], $x) & $string(1))", json!("abc1")),
        ("($x := 'b'; ['a', 'c'] ~> $join($x))", json!("abc")),
        ("($x := ['a', 'c']; $x ~> $join)", json!("ac")),
        ("($x := ['a', 'c']; $x ~> $join())", json!("ac")),
        ("($x := 'abc'; $x ~> $replace('b', $join(['x', 'y'], '-')))", json!("ax-yc")),
        ("($x := 'abcb'; $x.$replace('b', 'x', 1))", json!("axcb")),
        ("$replace('abc', /b/, function($m) { $uppercase($m.match) })", json!("aBc")),
        ("($up := $uppercase; $map(['abc'], $replace(?, 'b', 'x')))", json!("axc")),
        (
            "($x := {'a': [1]}; [$x = $x, [1] in [[1]], $string($x), $x ~> $string()])",
            json!([true, false, "{\"a\":[1]}", "{\"a\":[1]}"]),
        ),
        ("($x := [1, 1]; $distinct($x))", json!([1])),
        ("[1, 2].$string()", json!(["1", "2"])),
        ("$map([1, {'a': 2}], $string)", json!(["1", "{\"a\":2}"])),
        ("($s := $string; $s([1], true))", json!("[\n  1\n]")),
        ("($j := $join; $j(['a', 'b'], '-'))", json!("a-b")),
        ("($j := $join(?, '-'); $j(['a', 'b']))", json!("a-b")),
        (
            "($r := $replace; [$r('abab', 'b', 'x', 1), $r('abab', /b/, '<$0>')])",
            json!(["axab", "a<b>a<b>"]),
        ),
        ("($d := $distinct; $d([1, 1, 2]))", json!([1, 2])),
        ("($string := function($x) { 'mine' }; $map([1], $string))", json!("mine")),
        ("($twice := function($x) { $x = $x ? [$x, $x] : 0 }; $twice(1))", json!([1, 1])),
        (
            "($sum := function($n, $acc) { $n = 0 ? $acc + $acc : $sum($n - 1, $acc + $n) }; $sum(20000, 0))",
            json!(400_020_000),
        ),
    ] {
        assert_eq!(value(source), expected, "{source}");
    }
}

#[test]
fn parsed_numbers_keep_their_digits() {
    assert_eq!(value("$parse('[9007199254740993]')"), json!([9_007_199_254_740_993_u64]));
}
