//! What the lake publishes, read by others: pyarrow, DuckDB and pandas find the types, the values and the partitions.
//!
//! `STEPWELL_LAKE_PYTHON` is an interpreter that has them; `cargo xtask test` provides one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::aws::{Moto, provided};
use crate::bench::Bench;

mod guide;

const FLAT: &[&str] = &[
    "id bigint not null",
    "line int",
    "name string",
    "ok boolean",
    "amount decimal(38,9)",
    "price decimal(10,2)",
    "ratio double",
    "day date",
    "at timestamp",
    "raw binary",
    "doc json",
];
const NESTED: &[&str] = &["tags array<string>", "place struct<city:string,zip:int>"];

fn settings(columns: &[&str], format: &str) -> String {
    let columns: Vec<_> = columns.iter().map(|it| format!("'{it}'")).collect();
    format!(
        "[tables.orders]
source = 'files'
path = 'in/*.jsonl'
columns = [{}, 'region string']
key = ['id']
partition_by = ['day(at)', 'region']
part_rows = 100
unknown_fields = 'ignore'
format = '{format}'
",
        columns.join(", ")
    )
}

/// Numbers without a pattern, the same ones each time.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn of<'a>(&mut self, values: &[&'a str]) -> &'a str {
        values[self.below(values.len() as u64) as usize]
    }
}

/// Records of a source; a null now and then in every column but the key.
fn records(count: u64) -> Vec<Map<String, Value>> {
    let mut draw = Draw(7);
    let record = |id: u64| {
        let sign = draw.of(&["", "-"]);
        let record = json!({
            "id": id as i64 - 3,
            "line": draw.below(u64::from(u32::MAX)) as i64 - i64::from(i32::MAX),
            "name": format!("{} {id}", draw.of(&["a,b", "\"q\"", "two\nlines", "ü€😀", " x "])),
            "ok": draw.below(2) == 0,
            "amount": format!("{sign}{}{:09}.{:09}", draw.below(1 << 30) + 1, draw.below(1_000_000_000), draw.below(1_000_000_000)),
            "price": format!("{sign}{}.{:02}", draw.below(100_000_000) + 1, draw.below(100)),
            "ratio": f64::from(draw.below(1 << 30) as u32) / 3.0,
            "day": format!("{}-{:02}-28", draw.of(&["1582", "1969", "2024", "9999"]), draw.below(12) + 1),
            "at": format!("2026-03-0{}T{:02}:59:59.{:06}Z", draw.below(3) + 1, draw.below(24), draw.below(1_000_000)),
            "raw": draw.of(&["AAH/", "", "//79"]),
            "doc": {"b": [draw.below(9)], "k": draw.of(&["x", "ü"])},
            "tags": [draw.of(&["a", "b"]), null_or(draw.below(3), "c")],
            "place": {"city": draw.of(&["Bern", "Zürich"]), "zip": null_or(draw.below(3), 8000)},
            "region": draw.of(&["eu", "a b/c=d%", "ü", "us"])
        });
        let Value::Object(mut record) = record else { unreachable!("it is one") };
        for (name, value) in &mut record {
            if name != "id" && draw.below(7) == 0 {
                *value = Value::Null;
            }
        }
        record
    };
    (0..count).map(record).collect()
}

fn null_or(draw: u64, value: impl Into<Value>) -> Value {
    if draw == 0 { Value::Null } else { value.into() }
}

/// A lake with the records, in one format.
async fn lake(bench: &Bench, count: u64) -> Vec<Map<String, Value>> {
    let records = records(count);
    let mut lines = String::new();
    for record in &records {
        writeln!(lines, "{}", json!(record)).unwrap();
    }
    bench.write("in/orders.jsonl", lines);
    let summary = bench.succeed().await;
    assert_eq!((&summary["rows"], &summary["rejected"]), (&json!(count), &json!(0)));
    records
}

/// A record as a reader should tell it, with its partitions.
fn truth(record: &Map<String, Value>, columns: &[&str], doc: fn(&Value) -> Value) -> Value {
    let names = columns.iter().map(|it| it.split(' ').next().unwrap());
    let mut row: Map<_, _> = names.map(|name| (name.to_owned(), record[name].clone())).collect();
    row["doc"] = doc(&record["doc"]);
    row.insert("region".to_owned(), record["region"].clone());
    row.insert("dt".to_owned(), record["at"].as_str().map_or(Value::Null, |at| at[..10].into()));
    row.into()
}

/// JSON in its canonical text, as it lies in Parquet and CSV.
fn as_text(doc: &Value) -> Value {
    if doc.is_null() { Value::Null } else { doc.to_string().into() }
}

/// Rows of each partition, as the script names them.
fn partitions(rows: &[Value]) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for row in rows {
        let text = |name: &str| row[name].to_string();
        *found.entry(format!("[{}, {}]", text("dt"), text("region"))).or_default() += 1;
    }
    found
}

fn read(python: &str, arguments: &[&str]) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/readers/read.py");
    let output = Command::new(python).arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn check(reader: &str, found: &Value, expected: &[Value]) {
    let rows = found["rows"].as_array().unwrap();
    assert_eq!(rows.len(), expected.len(), "{reader}");
    for (row, expected) in rows.iter().zip(expected) {
        assert_eq!(row, expected, "{reader}");
    }
    assert_eq!(found["partitions"], json!(partitions(expected)), "{reader}");
}

fn folder(bench: &Bench) -> String {
    bench.path().join("lake/datalake_raw/orders").display().to_string()
}

#[tokio::test]
async fn parquet_has_its_types_values_and_partitions_for_every_reader() {
    let Some(python) = provided("STEPWELL_LAKE_PYTHON") else { return };
    let columns = [FLAT, NESTED].concat();
    let bench = Bench::new(&settings(&columns, "parquet"));
    let records = lake(&bench, 300).await;
    let found = read(&python, &["parquet", &folder(&bench)]);
    let types = json!({
        "id": "int64", "line": "int32", "name": "string", "ok": "bool", "amount": "decimal128(38, 9)",
        "price": "decimal128(10, 2)", "ratio": "double", "day": "date32[day]", "at": "timestamp[us, tz=UTC]",
        "raw": "binary", "doc": "string", "tags": "list<element: string>",
        "place": "struct<city: string, zip: int32>", "dt": "string", "region": "string", "run": "string"
    });
    assert_eq!(found["pyarrow"]["schema"], types);
    let types = json!({
        "id": "BIGINT", "line": "INTEGER", "name": "VARCHAR", "ok": "BOOLEAN", "amount": "DECIMAL(38,9)",
        "price": "DECIMAL(10,2)", "ratio": "DOUBLE", "day": "DATE", "at": "TIMESTAMP WITH TIME ZONE",
        "raw": "BLOB", "doc": "VARCHAR", "tags": "VARCHAR[]", "place": "STRUCT(city VARCHAR, zip INTEGER)",
        "dt": "DATE", "region": "VARCHAR", "run": "VARCHAR"
    });
    assert_eq!(found["duckdb"]["schema"], types);
    let expected: Vec<_> = records.iter().map(|it| truth(it, &columns, as_text)).collect();
    assert!(partitions(&expected).contains_key("[null, null]"), "partitions without a value");
    check("pyarrow", &found["pyarrow"], &expected);
    check("duckdb", &found["duckdb"], &expected);
    let cents = |it: &Value| it["price"].as_str().map(|text| text.replace('.', "").parse::<i64>());
    let cents: i64 = expected.iter().filter_map(cents).map(Result::unwrap).sum();
    let sum = format!(
        "{}{}.{:02}",
        if cents < 0 { "-" } else { "" },
        cents.abs() / 100,
        cents.abs() % 100
    );
    assert_eq!(found["pandas"], json!({"rows": 300, "sum": sum}));
    assert_eq!(found["compression"], json!(["ZSTD"]));
    assert_eq!(found["created_by"], json!(["stepwell"]));
}

#[tokio::test]
async fn csv_has_its_values_and_partitions_for_every_reader() {
    let Some(python) = provided("STEPWELL_LAKE_PYTHON") else { return };
    let bench = Bench::new(&settings(FLAT, "csv"));
    let records = lake(&bench, 300).await;
    let found = read(&python, &["csv", &folder(&bench)]);
    let row = |record| {
        let mut row = truth(record, FLAT, as_text);
        // CSV knows no empty text.
        if row["raw"] == "" {
            row["raw"] = Value::Null;
        }
        row
    };
    let expected: Vec<_> = records.iter().map(row).collect();
    check("pyarrow", &found["pyarrow"], &expected);
    check("duckdb", &found["duckdb"], &expected);
}

#[tokio::test]
async fn json_lines_have_their_values_and_partitions_for_every_reader() {
    let Some(python) = provided("STEPWELL_LAKE_PYTHON") else { return };
    let columns = [FLAT, NESTED].concat();
    let bench = Bench::new(&settings(&columns, "jsonl"));
    let records = lake(&bench, 300).await;
    let found = read(&python, &["jsonl", &folder(&bench)]);
    let expected: Vec<_> = records.iter().map(|it| truth(it, &columns, Value::clone)).collect();
    check("pyarrow", &found["pyarrow"], &expected);
    // DuckDB's JSON is a text.
    let expected: Vec<_> = records.iter().map(|it| truth(it, &columns, as_text)).collect();
    check("duckdb", &found["duckdb"], &expected);
}

#[tokio::test]
async fn parquet_in_s3_is_read_by_pyarrow_where_it_lies() {
    let Some(python) = provided("STEPWELL_LAKE_PYTHON") else { return };
    let Some(moto) = Moto::find().await else { return };
    let columns = [FLAT, NESTED].concat();
    let bench = Bench::on(moto.services(), &moto.settings(&settings(&columns, "parquet")));
    let records = lake(&bench, 120).await;
    let folder = format!("{}/lake/{}/orders", moto.bucket, moto.database());
    let found = read(&python, &["s3", &folder, &moto.url]);
    let expected: Vec<_> = records.iter().map(|it| truth(it, &columns, as_text)).collect();
    check("pyarrow", &found["pyarrow"], &expected);
}
