//! Nested records: by path, flattened, arrays as tables of their own.

use crate::bench::Bench;

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
