//! Paths as people write them, over a document like the one of Jayway's manual.

use serde_json::{Value, json};
use stepwell_asl::jsonpath::{Path, ReferencePath};

fn store() -> Value {
    json!({
        "store": {
            "book": [
                {"category": "reference", "author": "Nigel Rees", "title": "Sayings", "price": 8.95},
                {"category": "fiction", "author": "Evelyn Waugh", "title": "Sword", "price": 12.99},
                {"category": "fiction", "author": "Herman Melville", "title": "Moby", "isbn": "0-553", "price": 8.99},
                {"category": "fiction", "author": "Tolkien", "title": "Rings", "isbn": "0-395", "price": 22.99},
            ],
            "bicycle": {"color": "red", "price": 19.95},
        },
        "expensive": 10,
        "tags": [],
        "none": null,
    })
}

#[track_caller]
fn find(path: &str, root: &Value) -> Option<Value> {
    let path = Path::parse(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    path.find(root).map(std::borrow::Cow::into_owned)
}

#[track_caller]
fn check(path: &str, expected: Value) {
    assert_eq!(find(path, &store()), Some(expected), "{path}");
}

#[test]
fn definite_paths_give_the_value_itself() {
    check("$.expensive", json!(10));
    check("$['expensive']", json!(10));
    check("$[\"store\"]['bicycle'].color", json!("red"));
    check("$.store.book[0].title", json!("Sayings"));
    check("$.store.book[-1].title", json!("Rings"));
    check("$.none", json!(null));
    check("$", store());
    check("  $.expensive ", json!(10));
}

#[test]
fn definite_paths_that_miss_give_nothing() {
    for path in [
        "$.absent",
        "$.absent.deeper",
        "$.expensive.deeper",
        "$.none.deeper",
        "$.store.book[4]",
        "$.store.book[-5]",
        "$.store.book.title",
        "$.store[0]",
    ] {
        assert_eq!(find(path, &store()), None, "{path}");
    }
}

#[test]
fn other_paths_give_an_array_empty_if_nothing_is_found() {
    let all = json!(["Sayings", "Sword", "Moby", "Rings"]);
    check("$.store.book[*].title", all.clone());
    check("$..title", all.clone());
    check("$.store..title", all);
    check("$.absent[*]", json!([]));
    check("$.absent.deeper[1:]", json!([]));
    check("$.expensive[*]", json!([]));
    check("$..absent", json!([]));
    check("$.store.bicycle.*", json!(["red", 19.95]));
}

#[test]
fn slices_and_unions() {
    let titles = |from, to| json!(&["Sayings", "Sword", "Moby", "Rings"][from..to]);
    check("$.store.book[1:3].title", titles(1, 3));
    check("$.store.book[:2].title", titles(0, 2));
    check("$.store.book[2:].title", titles(2, 4));
    check("$.store.book[-2:].title", titles(2, 4));
    check("$.store.book[:-3].title", titles(0, 1));
    check("$.store.book[3:1].title", json!([]));
    check("$.store.book[-9:9].title", titles(0, 4));
    check("$.store.book[0,3,9].title", json!(["Sayings", "Rings"]));
    check("$.store.book[0]['title', 'price']", json!({"title": "Sayings", "price": 8.95}));
    check("$.store.book[:1]['title','isbn']", json!([{"title": "Sayings"}]));
    check("$['expensive','tags'].length()", json!(2));
}

#[test]
fn deep_scans_go_through_the_document_in_order() {
    check("$..price", json!([8.95, 12.99, 8.99, 22.99, 19.95]));
    check("$..book[0].title", json!(["Sayings"]));
    check("$..book[?(@.isbn)].title", json!(["Moby", "Rings"]));
    check("$..[?(@.color)].price", json!([19.95]));
    check("$..['isbn']", json!(["0-553", "0-395"]));
    assert_eq!(
        find("$..*", &json!({"a": [1, {"b": 2}]})),
        Some(json!([[1, {"b": 2}], 1, {"b": 2}, 2]))
    );
}

#[test]
fn filters() {
    let cases = [
        ("@.isbn", json!(["Moby", "Rings"])),
        ("!@.isbn", json!(["Sayings", "Sword"])),
        ("!(@.isbn)", json!(["Sayings", "Sword"])),
        ("@.price < 10", json!(["Sayings", "Moby"])),
        ("@.price<=8.95", json!(["Sayings"])),
        ("@.price > $.expensive", json!(["Sword", "Rings"])),
        ("@.price >= 22.99", json!(["Rings"])),
        ("10 > @.price", json!(["Sayings", "Moby"])),
        ("@.category == 'fiction'", json!(["Sword", "Moby", "Rings"])),
        ("@.category != \"fiction\"", json!(["Sayings"])),
        ("@['category'] == 'reference'", json!(["Sayings"])),
        ("@.category == 'fiction' && @.price < 10", json!(["Moby"])),
        ("@.price < 8.96 || @.isbn", json!(["Sayings", "Moby", "Rings"])),
        ("(@.price < 8.96 || @.isbn) && !(@.price > 20)", json!(["Sayings", "Moby"])),
        ("@.author =~ /.*REES/i", json!(["Sayings"])),
        ("@.author =~ /rees/i", json!([])),
        ("@.title in ['Sword', 'Rings']", json!(["Sword", "Rings"])),
        ("@.title nin ['Sword', 'Rings']", json!(["Sayings", "Moby"])),
        ("@.title size 4", json!(["Moby"])),
        ("@.author.length() > 12", json!(["Herman Melville"])),
        ("@.title empty false", json!(["Sayings", "Sword", "Moby", "Rings"])),
        ("@.title contains 'in'", json!(["Sayings", "Rings"])),
        ("@.absent != 1", json!(["Sayings", "Sword", "Moby", "Rings"])),
        ("@.absent == null", json!([])),
        ("@.absent < 1", json!([])),
        ("@.title > 1", json!([])),
        ("@.price == '8.95'", json!(["Sayings"])),
    ];
    for (filter, expected) in cases {
        let last = if filter.contains("length") { "author" } else { "title" };
        check(&format!("$.store.book[?({filter})].{last}"), expected);
    }
}

#[test]
fn filters_look_at_elements_of_arrays_and_at_objects_themselves() {
    assert_eq!(find("$[?(@ > 1)]", &json!([1, 2, 3])), Some(json!([2, 3])));
    assert_eq!(
        find("$.[?(@.year < 1999)].name", &json!({"year": 1997, "name": "a"})),
        Some(json!(["a"]))
    );
    assert_eq!(
        find("$[?(@.a == @.b)]", &json!([{"a": 1, "b": 1.0}, {"a": 1, "b": 2}])),
        Some(json!([{"a": 1, "b": 1.0}]))
    );
    assert_eq!(
        find("$[?(@.a[?(@ > 1)].length() > 0)]", &json!([{"a": [2]}, {"a": [1]}])),
        Some(json!([{"a": [2]}]))
    );
    assert_eq!(find("$[?(@ == null)]", &json!([null, 0])), Some(json!([null])));
    assert_eq!(
        find("$[?(@.x == {\"y\": [1]})].n", &json!([{"x": {"y": [1]}, "n": 7}])),
        Some(json!([7]))
    );
}

#[test]
fn functions() {
    let numbers = json!({"n": [3, 1, 2, "x"], "o": {"a": 1, "b": 2}, "s": "four", "e": []});
    for (path, expected) in [
        ("$.n.length()", json!(4)),
        ("$.n.min()", json!(1.0)),
        ("$.n.max()", json!(3.0)),
        ("$.n.sum()", json!(6.0)),
        ("$.n.avg()", json!(2.0)),
        ("$.n[0:2].stddev()", json!(1.0)),
        ("$.o.keys()", json!(["a", "b"])),
        ("$.o.length()", json!(2)),
        ("$.s.length()", json!(4)),
        ("$..absent.length()", json!(0)),
        ("$.length()", json!(4)),
    ] {
        assert_eq!(find(path, &numbers), Some(expected), "{path}");
    }
    for path in ["$.e.max()", "$.s.sum()", "$.s.keys()", "$.absent.length()"] {
        assert_eq!(find(path, &numbers), None, "{path}");
    }
}

#[test]
fn names_hold_nearly_anything() {
    let document = json!({
        "delivery-partner": 1, "1st": 2, "unit price": 3, "a.b": 4, "foo@bar": 5, "it's": 6,
        "q\"q": 7, "ж中": 8, "x[0]": 9, "$": 10, "tab\there": 11,
    });
    for (path, expected) in [
        ("$.delivery-partner", 1),
        ("$.1st", 2),
        ("$.unit price", 3),
        ("$['unit price']", 3),
        ("$['a.b']", 4),
        ("$.a\\.b", 4),
        ("$.foo\\@bar", 5),
        ("$.f\\oo@bar", 5),
        ("$['it\\'s']", 6),
        ("$[\"it's\"]", 6),
        ("$['q\"q']", 7),
        ("$.ж中", 8),
        ("$['\\u0436中']", 8),
        ("$.x\\[0]", 9),
        ("$.$", 10),
        ("$['tab\\there']", 11),
    ] {
        assert_eq!(find(path, &document), Some(json!(expected)), "{path}");
    }
}

#[test]
fn what_is_no_path_is_refused_with_its_place() {
    for path in [
        "",
        "a",
        "@",
        "@.a",
        "$.",
        "$..",
        "$.a.",
        "$[",
        "$[]",
        "$['a",
        "$['a'",
        "$[a]",
        "$[1.5]",
        "$[1:2:3]",
        "$[:]",
        "$[?@.a]",
        "$[?()]",
        "$[?(@.a =)]",
        "$[?(@.a like 1)]",
        "$[?(1)]",
        "$[?(@.a == )]",
        "$[?(@.a in [@.b])]",
        "$[?(@.a =~ /(/)]",
        "$[?(@.a =~ /x]",
        "$.a()",
        "$.length(",
        "$.length().a",
        "$.a b[",
        "$..a..b..c..d",
        "$['\\u12']",
        "$.a\\",
        "$]",
    ] {
        let error = Path::parse(path).expect_err(path);
        assert!(error.at <= path.len(), "{path}: {error}");
    }
}

#[test]
fn hostile_paths_and_documents_cannot_exhaust_the_stack() {
    let deep_filter = format!("${}@.a{}", "[?(".repeat(5_000), ")]".repeat(5_000));
    assert!(Path::parse(&deep_filter).is_err());
    let parentheses = format!("$[?({}@.a{})]", "(".repeat(50_000), ")".repeat(50_000));
    assert!(Path::parse(&parentheses).is_err());
    let nots = format!("$[?({}@.a)]", "!".repeat(50_000));
    assert!(Path::parse(&nots).is_err());
    let lists = format!("$[?(@.a in {}{})]", "[".repeat(50_000), "]".repeat(50_000));
    assert!(Path::parse(&lists).is_err());
    let long = format!("${}", ".a".repeat(100_000));
    assert_eq!(find(&long, &json!({"a": {"a": 1}})), None);
    let long = format!("$[*]{}", ".a".repeat(100_000));
    assert_eq!(find(&long, &json!([1])), Some(json!([])));
}

#[test]
fn reasons_for_a_miss_are_jayways() {
    let document = json!({"a": {"s": "x", "l": [1], "n": null}, "i": 1});
    for (path, reason) in [
        ("$.x", "No results for path: $['x']"),
        ("$.a.x", "No results for path: $['a']['x']"),
        ("$.x.y", "Missing property in path $['x']"),
        ("$.a.l[5]", "No results for path: $['a']['l'][5]"),
        (
            "$.a[0]",
            "Filter: [0] can only be applied to arrays. Current context is: {\"s\":\"x\",\"l\":[1],\"n\":null}",
        ),
        (
            "$.a.s.t",
            "Expected to find an object with property ['t'] in path $['a']['s'] but found \
             'java.lang.String'. This is not a json object according to the JsonProvider: \
             'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.",
        ),
    ] {
        let path = Path::parse(path).unwrap();
        assert_eq!(path.find(&document), None);
        assert_eq!(path.explain_missing(&document), reason);
    }
}

fn reference(path: &str) -> ReferencePath {
    ReferencePath::new(Path::parse(path).unwrap()).unwrap_or_else(|| panic!("{path}"))
}

#[test]
fn reference_paths_name_one_place() {
    for path in ["$", "$.a", "$.a[0].b", "$['a b'][0]"] {
        assert!(ReferencePath::new(Path::parse(path).unwrap()).is_some(), "{path}");
    }
    for path in [
        "$.*",
        "$..a",
        "$[0:1]",
        "$[0,1]",
        "$['a','b']",
        "$[?(@.a)]",
        "$[-1]",
        "$$.a",
        "$.length()",
    ] {
        assert!(ReferencePath::new(Path::parse(path).unwrap()).is_none(), "{path}");
    }
}

#[test]
fn setting_creates_objects_on_the_way_and_leaves_the_rest_alone() {
    for (path, before, after) in [
        ("$", json!({"a": 1}), json!("new")),
        ("$.b", json!({"a": 1}), json!({"a": 1, "b": "new"})),
        ("$.a", json!({"a": {"x": 1}}), json!({"a": "new"})),
        ("$.b.c.d", json!({"a": 1}), json!({"a": 1, "b": {"c": {"d": "new"}}})),
        ("$.a[1]", json!({"a": [1, 2]}), json!({"a": [1, "new"]})),
        ("$[0].b", json!([{}]), json!([{"b": "new"}])),
    ] {
        let mut target = before;
        reference(path).set(&mut target, json!("new")).unwrap();
        assert_eq!(target, after, "{path}");
    }
}

#[test]
fn setting_what_does_not_fit_is_refused() {
    for (path, target) in [
        ("$.a", json!([])),
        ("$.a", json!("text")),
        ("$.a", json!(null)),
        ("$.a.b", json!({"a": 1})),
        ("$.a[1]", json!({"a": [1]})),
        ("$.a[0]", json!({})),
        ("$[0]", json!({})),
    ] {
        let mut target = target;
        assert!(reference(path).set(&mut target, json!("new")).is_err(), "{path} on {target}");
    }
}

#[test]
fn deep_scans_of_a_deep_document_stay_bounded() {
    let deep = (0..50).fold(json!(1), |inner, _| json!([inner]));
    let found = find("$..*..*..*", &deep).and_then(|found| found.as_array().map(Vec::len));
    assert_eq!(found, Some(50 * 49 * 48 / 6));
}
