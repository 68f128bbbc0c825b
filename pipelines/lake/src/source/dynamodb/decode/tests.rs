use arrow::array::{
    Array as _, AsArray as _, BinaryArray, BooleanArray, Decimal128Array, Float64Array, Int64Array,
    StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Decimal128Type, Int32Type};
use serde_json::json;

use super::*;

fn decoder(columns: &[&str]) -> Decoder {
    let columns: Vec<Column> = columns.iter().map(|it| it.parse().unwrap()).collect();
    let marks = Marks { deleted_by: Some("deleted_by".into()), nulls: Some("nulls".into()) };
    let shape = Shape {
        columns,
        key: vec!["pk".into()],
        marks,
        separator: None,
        unknown_fields: Unknown::Catch,
    };
    Decoder::new(&shape)
}

fn push(decoder: &mut Decoder, json: &str, change: Change) {
    let item: Item<'_> = serde_json::from_str(json).unwrap();
    let place = decoder.records();
    decoder.push(&item, change, &format_args!("record {place}"), || json.to_owned());
}

/// All items as one chunk.
fn decode(columns: &[&str], items: &[&str]) -> Chunk {
    let mut decoder = decoder(columns);
    for it in items {
        push(&mut decoder, it, Change::default());
    }
    decoder.finish(Value::Null)
}

/// The texts of a string column.
fn texts<'c>(chunk: &'c Chunk, column: &str) -> Vec<Option<&'c str>> {
    chunk.rows[column].as_string::<i32>().iter().collect()
}

#[track_caller]
fn check_refusal(column: &str, attribute: &str, reason: &str) {
    let item = format!(r#"{{"pk": {{"S": "1"}}, "a": {attribute}}}"#);
    let chunk = decode(
        &["pk string not null", column],
        &[&item, r#"{"pk": {"S": "2"}, "a": {"NULL": true}}"#],
    );
    let told: Vec<_> = chunk.rejected.iter().map(|it| it.reason.as_str()).collect();
    assert_eq!(told, [reason]);
    assert_eq!((chunk.rejected[0].place.as_str(), &chunk.rejected[0].record), ("record 0", &item));
    assert_eq!(texts(&chunk, "pk"), [Some("2")], "nothing is left of a rejected record");
}

#[test]
fn what_does_not_fit_is_rejected_with_column_and_reason() {
    check_refusal(
        "a decimal(5,2)",
        r#"{"N": "0.125"}"#,
        "column `a`: the number `0.125` is more precise than 2 decimal places",
    );
    check_refusal(
        "a decimal(5,2)",
        r#"{"N": "1000"}"#,
        "column `a`: the number `1000` is too large",
    );
    check_refusal(
        "a bigint",
        r#"{"N": "1.5"}"#,
        "column `a`: the number `1.5` is not a whole number",
    );
    check_refusal(
        "a int",
        r#"{"N": "2147483648"}"#,
        "column `a`: the number `2147483648` is too large",
    );
    check_refusal("a double", r#"{"N": "NaN"}"#, "column `a`: the number `NaN` is not a number");
    check_refusal(
        "a date",
        r#"{"S": "1st of May"}"#,
        "column `a`: the text `1st of May` is no date, as `2026-03-01`",
    );
    check_refusal(
        "a timestamp",
        r#"{"N": "1700000000"}"#,
        "column `a`: a timestamp cannot hold `N`; declare `bigint`, the number does not say its unit",
    );
    check_refusal(
        "a boolean",
        r#"{"S": "true"}"#,
        "column `a`: a boolean cannot hold `S`; declare `string` for an attribute of several types",
    );
    check_refusal(
        "a binary",
        r#"{"B": "?"}"#,
        "column `a`: not base64: Invalid symbol 63, offset 0.",
    );
    check_refusal(
        "a array<struct<n:int>>",
        r#"{"L": [{"M": {"n": {"N": "1"}}}, {"M": {"n": {"N": "1.5"}}}]}"#,
        "column `a[1].n`: the number `1.5` is not a whole number",
    );
}

#[test]
fn a_record_without_a_required_attribute_is_rejected() {
    let chunk = decode(&["pk string not null"], &["{}", r#"{"pk": {"NULL": true}}"#]);
    let told: Vec<_> = chunk.rejected.iter().map(|it| it.reason.as_str()).collect();
    assert_eq!(
        told,
        [
            "column `pk`: required, and the record has no such attribute",
            "column `pk`: required, and `NULL` in the record"
        ]
    );
    assert_eq!(chunk.rows.num_rows(), 0);
}

#[test]
fn scalars_are_exact() {
    let longest = "12345678901234567890123456789012345678";
    let item = format!(
        r#"{{"s": {{"S": "Grüße 👋\n"}}, "n": {{"N": "{longest}"}}, "i": {{"N": "-9223372036854775808"}}, "d": {{"N": "1.5E+3"}},
        "b": {{"B": "AP8="}}, "t": {{"BOOL": true}}, "w": {{"S": "2026-03-01T12:00:00.000001+01:00"}}}}"#
    );
    let columns = [
        "s string",
        "n decimal(38,0)",
        "i bigint",
        "d double",
        "b binary",
        "t boolean",
        "w timestamp",
    ];
    let chunk = decode(&columns, &[&item]);
    assert_eq!(chunk.rejected, []);
    let rows = &chunk.rows;
    assert_eq!(
        rows["s"].as_ref(),
        &StringArray::from(vec!["Grüße 👋\n"]) as &dyn arrow::array::Array
    );
    let number = Decimal128Array::from(vec![longest.parse::<i128>().unwrap()])
        .with_precision_and_scale(38, 0)
        .unwrap();
    assert_eq!(rows["n"].as_primitive::<Decimal128Type>(), &number);
    assert_eq!(rows["i"].as_primitive(), &Int64Array::from(vec![i64::MIN]));
    assert_eq!(rows["d"].as_primitive(), &Float64Array::from(vec![1500.0]));
    assert_eq!(rows["b"].as_binary(), &BinaryArray::from_vec(vec![&[0, 255]]));
    assert_eq!(rows["t"].as_boolean(), &BooleanArray::from(vec![true]));
    let time = TimestampMicrosecondArray::from(vec![1_772_362_800_000_001]).with_timezone("UTC");
    assert_eq!(rows["w"].as_primitive(), &time);
}

#[test]
fn sets_are_sorted_and_may_be_empty() {
    let items = [
        r#"{"a": {"NS": ["10", "9", "-1"]}}"#,
        r#"{"a": {"NS": []}}"#,
        r#"{"a": {"L": [{"N": "2"}, {"NULL": true}]}}"#,
        "{}",
    ];
    let chunk = decode(&["a array<int>"], &items);
    let lists = chunk.rows["a"].as_list::<i32>();
    let list = |row: usize| lists.value(row).as_primitive::<Int32Type>().iter().collect::<Vec<_>>();
    assert_eq!(list(0), [Some(-1), Some(9), Some(10)]);
    assert_eq!(list(1), []);
    assert_eq!(list(2), [Some(2), None]);
    assert!(lists.is_null(3) && !lists.is_null(1));
}

#[test]
fn declared_structs_and_paths_reach_into_maps() {
    let item = r#"{"home": {"M": {"city": {"S": "Oslo"}, "geo": {"M": {"lat": {"N": "59.9"}}}}}, "a.b": {"S": "dotted"}}"#;
    let columns = [
        "home struct<city:string,geo:struct<lat:decimal(4,1)>>",
        "city string from home.city",
        "a string from a.b",
    ];
    let chunk = decode(&columns, &[item, r#"{"home": {"NULL": true}}"#]);
    assert_eq!(chunk.rejected, []);
    assert_eq!(texts(&chunk, "city"), [Some("Oslo"), None]);
    assert_eq!(texts(&chunk, "a"), [Some("dotted"), None]);
    let home = chunk.rows["home"].as_struct();
    let latitude = home.column(1).as_struct().column(0).as_primitive::<Decimal128Type>().value(0);
    assert_eq!((latitude, home.is_null(1)), (599, true));
    assert!(chunk.unknown.is_empty(), "{:?}", chunk.unknown);
}

#[test]
fn names_lead_into_maps_where_a_dataset_is_flattened() {
    let columns: Vec<Column> = ["home_city string", "old_home_city string", "first_name string"]
        .map(|it| it.parse().unwrap())
        .into();
    let mut decoder =
        Decoder::new(&Shape { columns, separator: Some("_".into()), ..Shape::default() });
    let item = r#"{"home": {"M": {"city": {"S": "Oslo"}}}, "old_home": {"M": {"city": {"S": "Rome"}}}, "first_name": {"S": "Ada"}}"#;
    push(&mut decoder, item, Change::default());
    let chunk = decoder.finish(Value::Null);
    let row = ["home_city", "old_home_city", "first_name"].map(|it| texts(&chunk, it)[0]);
    assert_eq!(row, [Some("Oslo"), Some("Rome"), Some("Ada")]);
    assert!(chunk.unknown.is_empty(), "{:?}", chunk.unknown);
}

#[test]
fn what_no_column_takes_is_kept_and_told() {
    let items = [
        r#"{"pk": {"S": "1"}, "size": {"N": "42.0"}, "color": {"SS": ["b", "a"]}}"#,
        r#"{"pk": {"S": "2"}}"#,
        r#"{"home": {"M": {"city": {"S": "Oslo"}, "floor": {"N": "3"}}}, "list": {"L": [{"M": {"x": {"N": "1"}}}]}, "pk": {"S": "3"}}"#,
    ];
    let columns = [
        "pk string not null",
        "city string from home.city",
        "list array<struct<y:int>>",
        "_unknown json",
    ];
    let chunk = decode(&columns, &items);
    assert_eq!(
        texts(&chunk, "_unknown"),
        [
            Some(r#"{"color":["a","b"],"size":42}"#),
            None,
            Some(r#"{"home":{"city":"Oslo","floor":3},"list":[{"x":1}]}"#)
        ]
    );
    let names: Vec<_> = chunk.unknown.iter().map(String::as_str).collect();
    assert_eq!(names, ["color", "home", "list", "size"]);
}

#[test]
fn an_attribute_of_several_types_is_typed_json_and_told() {
    let items = [
        r#"{"a": {"S": "5"}}"#,
        r#"{"a": {"N": "5.0"}}"#,
        r#"{"a": {"BOOL": true}}"#,
        r#"{"a": {"NULL": true}}"#,
        r#"{"a": {"M": {"k": {"N": "1"}}}}"#,
    ];
    let chunk = decode(&["a string", "pk string"], &items);
    assert_eq!(
        texts(&chunk, "a"),
        [Some("5"), Some(r#"{"N":"5"}"#), Some(r#"{"BOOL":true}"#), None, Some(r#"{"k":1}"#)]
    );
    let told: Vec<_> = chunk.unknown.iter().map(String::as_str).collect();
    assert_eq!(told, ["a (S and N and BOOL and M)"]);
}

#[test]
fn null_is_told_from_absent_where_a_column_asks_for_it() {
    let items = [r#"{"b": {"NULL": true}, "a": {"NULL": true}}"#, "{}"];
    assert_eq!(
        texts(&decode(&["a string", "b int", "nulls string"], &items), "nulls"),
        [Some(r#"["a","b"]"#), None]
    );
}

#[test]
fn a_tombstone_has_its_key_and_when_it_came() {
    let columns = [
        "pk string not null",
        "qty int not null",
        "deleted_by string",
        "_deleted boolean",
        "_changed_at timestamp",
    ];
    let mut decoder = decoder(&columns);
    let changed = |deleted, expired| Change { changed_at: Some(7), deleted, expired };
    push(&mut decoder, r#"{"pk": {"S": "1"}, "qty": {"N": "1"}}"#, changed(true, true));
    push(&mut decoder, r#"{"pk": {"S": "2"}, "qty": {"N": "2"}}"#, changed(false, false));
    push(&mut decoder, r#"{"qty": {"N": "3"}}"#, changed(true, false));
    push(&mut decoder, r#"{"pk": {"S": "4"}, "qty": {"N": "4"}}"#, Change::default());
    let chunk = decoder.finish(json!(1));
    assert_eq!(texts(&chunk, "pk"), [Some("1"), Some("2")]);
    assert_eq!(texts(&chunk, "deleted_by"), [Some("ttl"), None]);
    assert_eq!(
        chunk.rows["qty"].as_primitive::<Int32Type>().iter().collect::<Vec<_>>(),
        [None, Some(2)]
    );
    assert_eq!(chunk.rows["_deleted"].as_boolean(), &BooleanArray::from(vec![true, false]));
    let told: Vec<_> = chunk.rejected.iter().map(|it| it.reason.as_str()).collect();
    assert_eq!(
        told,
        [
            "column `pk`: required, and the record has no such attribute",
            "column `_changed_at`: the record has no time of change"
        ]
    );
}

#[test]
fn a_decoder_starts_anew_with_each_chunk() {
    let mut decoder = decoder(&["pk string", "l array<string>", "s struct<a:int>"]);
    let item = r#"{"pk": {"S": "1"}, "l": {"SS": ["x"]}, "s": {"M": {"a": {"N": "1"}}}}"#;
    push(&mut decoder, item, Change::default());
    let first = decoder.finish(json!(1));
    assert_eq!(decoder.records(), 0);
    push(&mut decoder, item, Change::default());
    let second = decoder.finish(json!(1));
    assert_eq!(first.rows, second.rows);
}
