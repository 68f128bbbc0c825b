//! Nested records: by path, flattened, arrays as tables of their own.

use arrow::util::pretty::pretty_format_batches;
use futures_util::TryStreamExt;
use serde_json::json;

use crate::bench::Bench;

#[tokio::test]
async fn a_record_whose_array_does_not_fit_is_rejected_and_hides_no_other() {
    let bench = Bench::new(
        "[tables.orders]
source = 'files'
path = 'in/orders.jsonl'
columns = ['id bigint not null']
key = ['id']
[tables.orders.children.lines]
columns = ['qty int']
",
    );
    let records = r#"{"id":1,"lines":[{"qty":1}]}
{"id":2,"lines":[{"qty":1},{"qty":"x"}]}
{"id":3,"lines":{"qty":1}}
{"id":4,"lines":[7]}
{"id":5,"lines":[null]}
{"id":6}
"#;
    bench.write("in/orders.jsonl", records);
    let summary = bench.succeed().await;
    assert_eq!((&summary["rows"], &summary["rejected"]), (&json!(2), &json!(4)), "{summary:#}");
    assert_eq!(bench.table("orders_lines").await.rows(), 1);
    let quarantine = bench.files("orders");
    let quarantine = quarantine.iter().find(|it| it.to_string_lossy().contains("_quarantine"));
    let told = std::fs::read_to_string(quarantine.unwrap()).unwrap();
    assert!(told.contains("`lines`, item 1: `qty`"), "{told}");
    assert!(told.contains(r#"\"id\":3"#), "{told}");
}

/// Orders of one id in two regions came in the same run; one of them was changed later.
#[tokio::test]
async fn children_go_with_the_parent_of_their_own_partition() {
    let bench = Bench::new(
        "[tables.orders]
source = 'files'
path = 'in/*.jsonl'
columns = ['id bigint not null', 'region string', 'at timestamp']
key = ['region', 'id']
mode = 'append'
event_time = 'at'
partition_by = ['region']
settle_seconds = 0
[tables.orders.children.lines]
columns = ['sku string']
",
    );
    let first = r#"{"id":1,"region":"eu","at":"2026-03-01T00:00:00Z","lines":[{"sku":"old"}]}
{"id":1,"region":"us","at":"2026-03-01T00:00:00Z","lines":[{"sku":"us"}]}
"#;
    bench.deliver("in/1.jsonl", first);
    bench.succeed().await;
    let second = r#"{"id":1,"region":"eu","at":"2026-03-02T00:00:00Z","lines":[]}"#;
    bench.deliver("in/2.jsonl", second);
    bench.succeed().await;
    let rows = bench.service().lake().query("SELECT region, sku FROM orders_lines_latest").await;
    let batches: Vec<_> = rows.unwrap().batches.try_collect().await.unwrap();
    let told = pretty_format_batches(&batches).unwrap().to_string();
    assert!(told.contains("| us     | us  |") && !told.contains("old"), "{told}");
}

const RECORDS: &str = r#"{"id":1,"address":{"city":"Bern","geo":{"lat":46.948}},"lines":[{"sku":"a","price":1.50},{"sku":"b"}]}
{"id":2,"address":null,"lines":[]}
{"id":3,"lines":null,"more":{"x":[1,2.50]}}
"#;

#[tokio::test]
async fn a_flattened_dataset_has_columns_by_joined_names_and_a_table_for_its_array() {
    let bench = Bench::new(
        "[tables.orders]
source = 'files'
path = 'in/orders.jsonl'
columns = ['id bigint not null', 'address_city string', 'address_geo_lat decimal(9,6)']
key = ['id']
flatten = { separator = '_' }
unknown_fields = 'catch'
[tables.orders.children.lines]
columns = ['sku string', 'price decimal(10,2)']
",
    );
    bench.write("in/orders.jsonl", RECORDS);
    let summary = bench.succeed().await;
    assert_eq!(summary["rows"], 3);
    let rows = bench.rows("orders").await;
    for row in [
        "| 1  | Bern         | 46.948000       |                     |",
        "| 2  |              |                 |                     |",
        r#"| 3  |              |                 | {"more_x":[1,2.50]} |"#,
    ] {
        assert!(rows.contains(row), "{rows}");
    }
    let lines = bench.rows("orders_lines").await;
    let expected = "
+----+--------+-----+-------+
| id | _index | sku | price |
+----+--------+-----+-------+
| 1  | 0      | a   | 1.50  |
| 1  | 1      | b   |       |
+----+--------+-----+-------+";
    assert_eq!(lines, expected.trim());
}

#[test]
fn two_columns_from_one_value_are_refused() {
    for (columns, is_fine) in [
        ("['id bigint', 'a string from x', 'b int from x']", false),
        ("['id bigint', 'x json', 'z int from x.z']", false),
        ("['id bigint', 'a string from x.a', 'b int from x.b', 'xa int']", true),
    ] {
        let bench = Bench::new(&format!(
            "[tables.orders]\nsource = 'files'\npath = 'in/a.jsonl'\nkey = ['id']\ncolumns = {columns}\n"
        ));
        let error = bench.pipeline().err().map(|error| error.to_string());
        assert_eq!(error.is_none(), is_fine, "{columns}: {error:?}");
        assert!(error.is_none_or(|it| it.contains("two columns come from `x`")), "{columns}");
    }
}
