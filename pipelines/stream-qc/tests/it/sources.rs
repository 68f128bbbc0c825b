//! Every place that data can be, and what happens if they are not there.

use std::io::Write as _;

use jiff::SignedDuration;
use serde_json::{Value, json};
use stepwell_integrations::dynamodb::{AttributeValue, Item, KeyAttribute, Table, Tables};
use stepwell_sandbox::streams::{
    CADENCE_SECONDS, Endpoint, FaultRule, Format, HttpFault, Sandbox, Stream, generate,
};

use crate::driver::Driving;
use crate::support::{Bench, now};

fn config() -> Value {
    json!({"cadence_s": CADENCE_SECONDS, "process2": {"gross_range": {"fail": [0, 25]}}})
}

fn ask(data: Value) -> Value {
    json!({"GroupID": "g", "StreamID": "s", "Data": data, "Config": config()})
}

/// One stream with a value out of range at its hundredth row.
fn stream(format: Format) -> Stream {
    let streams = generate(1, now());
    let bad = streams.into_iter().find(|it| it.name == "out-of-range").unwrap();
    Stream { format, ..bad }
}

#[tokio::test]
async fn files_of_every_format_are_read() {
    for format in [Format::Csv, Format::CsvGzip, Format::Jsonl, Format::Parquet] {
        let (bench, stream) = (Bench::new(), stream(format));
        stream.write(bench.path()).unwrap();
        let path = bench.path().join(stream.file_name());
        for uri in [path.display().to_string(), format!("file://{}", path.display())] {
            let output = bench.verdict(ask(json!({ "uri": uri }))).await;
            assert_eq!(output["Rows"], 432, "{format:?}: {output:#}");
            assert_eq!(bench.flagged("gross_range").await, [100], "{format:?}");
        }
    }
}

#[tokio::test]
async fn a_bucket_is_read() {
    let (bench, stream) = (Bench::new(), stream(Format::Parquet));
    bench.write("state/s3/measurements/buoys/7.parquet", stream.file());
    let output = bench.verdict(ask(json!({"uri": "s3://measurements/buoys/7.parquet"}))).await;
    assert_eq!(output["Rows"], 432, "{output:#}");
}

#[tokio::test]
async fn a_url_is_read_and_tried_again() {
    let (bench, stream) = (Bench::new(), stream(Format::CsvGzip));
    let sandbox = Sandbox::start(std::slice::from_ref(&stream)).await.unwrap();
    sandbox.add_fault(FaultRule::new(Endpoint::File, HttpFault::status(503)).times(2));
    let output = bench.verdict(ask(json!({"uri": sandbox.url(&stream)}))).await;
    assert_eq!(output["Rows"], 432, "{output:#}");
    assert_eq!(sandbox.requests().len(), 5, "each process reads, two requests are repeated");
}

#[tokio::test]
async fn a_format_that_is_said_goes_before_the_name() {
    let (bench, stream) = (Bench::new(), stream(Format::Csv));
    bench.write("export.txt", stream.file());
    let uri = bench.path().join("export.txt");
    let output = bench.verdict(ask(json!({"uri": uri, "format": "csv"}))).await;
    assert_eq!(output["Rows"], 432, "{output:#}");
}

/// Could not check, with the reason; never a pass.
#[tokio::test]
async fn data_that_are_not_there_or_not_readable_are_an_error() {
    let bench = Bench::with(json!({"max_download_mb": 1}));
    bench.write("empty.parquet", "");
    bench.write("other.csv", "when,what\n2026-03-01T00:00:00Z,1\n");
    let stream = stream(Format::Csv);
    let sandbox = Sandbox::start(std::slice::from_ref(&stream)).await.unwrap();
    let at = |name: &str| json!({"uri": bench.path().join(name)});
    for (data, expected) in [
        (at("none.csv"), "does not exist"),
        (at("empty.parquet"), "empty.parquet"),
        (at("other.csv"), "`time`"),
        (json!({"uri": "s3://nowhere/a.csv"}), "nowhere"),
        (json!({"uri": sandbox.url(&stream).replace("out-of", "none-of")}), "404"),
        (
            json!({"dynamodb": {"table": "Nothing", "partition": {"sensor": "7"}, "time": "at"}}),
            "Nothing",
        ),
    ] {
        let output = bench.verdict(ask(data.clone())).await;
        assert_eq!(output["Status"], "ERROR", "{data}: {output:#}");
        for error in output["ProcessErrors"].as_array().unwrap() {
            let cause = error["Cause"].as_str().unwrap();
            assert!(cause.contains(expected), "{expected}: {cause}");
        }
        assert_eq!(output["ProcessErrors"].as_array().unwrap().len(), 3);
    }
}

#[tokio::test]
async fn a_text_that_is_no_number_is_a_missing_value() {
    let bench = Bench::new();
    let value =
        |minute: u32| if minute == 7 { "ERR".to_owned() } else { (10 + minute % 3).to_string() };
    let line = |minute: u32| format!("2026-03-01T10:{minute:02}:00Z,{}", value(minute));
    let text = ["time,value".to_owned()].into_iter().chain((0..30).map(line));
    let text = text.collect::<Vec<_>>().join("\n");
    bench.write("a.csv", text);
    let output = bench.verdict(ask(json!({"uri": bench.path().join("a.csv")}))).await;
    assert_eq!(output["Counts"]["9"], 1, "{output:#}");
}

async fn table_of_measurements(bench: &Bench) {
    std::fs::create_dir_all(bench.path().join("state")).unwrap();
    let tables = bench.tables();
    let (hash, range) = (KeyAttribute::text("sensor"), KeyAttribute::text("time"));
    let table = Table { name: "Measurements".to_owned(), hash, range: Some(range) };
    tables.ensure_table(&table).await.unwrap();
    let item = |at: i64| {
        let time = now() - SignedDuration::from_mins(10 * (19 - at));
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let value = if at == 12 { "99" } else { "10" };
        Item::from([
            ("sensor".to_owned(), text("7")),
            ("time".to_owned(), text(&time.to_string())),
            ("value".to_owned(), AttributeValue::N(value.to_owned())),
        ])
    };
    let items: Vec<_> = (0..20).map(item).collect();
    tables.batch_put("Measurements", &items).await.unwrap();
}

#[tokio::test]
async fn a_partition_of_a_table_is_read_within_the_window() {
    let bench = Bench::new();
    table_of_measurements(&bench).await;
    let data = json!({"dynamodb": {"table": "Measurements", "partition": {"sensor": "7"}, "time": "time"}});
    let output = bench.verdict(ask(data.clone())).await;
    assert_eq!(output["Rows"], 20, "{output:#}");
    assert_eq!(bench.flagged("gross_range").await, [12]);
    let mut windowed = ask(data.clone());
    windowed["Window"] = json!({
        "from": (now() - SignedDuration::from_mins(80)).to_string(),
        "to": now().to_string()
    });
    let output = bench.verdict(windowed).await;
    assert_eq!(output["Rows"], 8, "half open: {output:#}");
    assert_eq!(bench.flagged("gross_range").await, [1]);
    let other = json!({"dynamodb": {"table": "Measurements", "partition": {"sensor": "8"}, "time": "time"}});
    let output = bench.verdict(ask(other)).await;
    assert_eq!((&output["Status"], &output["Rows"]), (&json!("FAILED"), &json!(0)), "{output:#}");
}

#[tokio::test]
async fn a_query_is_read_within_the_window_and_cannot_write() {
    let Ok(url) = std::env::var("STEPWELL_TEST_POSTGRES") else {
        assert!(
            std::env::var_os("STEPWELL_TEST_ALL").is_none(),
            "`STEPWELL_TEST_POSTGRES` is not set"
        );
        let _ = writeln!(std::io::stderr(), "\nSKIPPED: `STEPWELL_TEST_POSTGRES` is not set\n");
        return;
    };
    let mut bench = Bench::new();
    bench.secret("database", &url);
    let rows = "SELECT '2026-03-01T10:00:00Z'::timestamptz + n * interval '10 minutes' AS time,
            CASE WHEN n = 4 THEN 99 ELSE 10 + n % 3 END::numeric AS value, 'a;b' AS \"odd\"\"name\"
        FROM generate_series(0, 11) n";
    let data = |query: &str| json!({"postgres": {"url": "secret:database", "query": query}});
    let output = bench.verdict(ask(data(rows))).await;
    assert_eq!(output["Rows"], 12, "{output:#}");
    assert_eq!(bench.flagged("gross_range").await, [4]);
    let query = format!("SELECT * FROM ({rows}) q WHERE time >= $1 AND time < $2 ORDER BY time;");
    let mut windowed = ask(data(&query));
    let ended = bench.drive("stream-qc", windowed.clone(), Driving::default()).await;
    assert!(ended.output()["ProcessErrors"][0]["Cause"].as_str().unwrap().contains("`Window`"));
    windowed["Window"] = json!({"from": "2026-03-01T10:30:00Z", "to": "2026-03-01T11:00:00Z"});
    assert_eq!(bench.verdict(windowed).await["Rows"], 3);
    for (query, expected) in [
        ("SELECT 1 AS time, nextval('nothing') AS value", "nothing"),
        ("CREATE TABLE x (a int)", "syntax"),
        ("SELECT now() AS time, 1 AS value; DROP TABLE x", "multiple commands"),
    ] {
        let output = bench.verdict(ask(data(query))).await;
        let cause = output["ProcessErrors"][0]["Cause"].as_str().unwrap_or_default().to_owned();
        assert!(cause.contains(expected), "{query}: {output:#}");
    }
}
