//! Datasets of DynamoDB, over embedded tables and over AWS's own protocols against its double.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use arrow::array::AsArray as _;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_integrations::aws::JsonClient;
use stepwell_integrations::dynamodb::{Item, KeyAttribute, Table as Keys};
use stepwell_integrations::kinesis::{NewRecord, SERVICE as KINESIS};
use stepwell_pipeline::surroundings::{Aws, Provider, Services};
use stepwell_pipeline::testing::Keys as NoSecrets;
use stepwell_pipeline::{Context, Surroundings, http};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::config::TableSettings;
use crate::source::{Chunk, Read, Split, Stop, Window};

const COLUMNS: &str = "columns = ['pk string not null', 'qty bigint', 'by string']\nkey = ['pk']\n";
/// When the clock of the functions stands still.
const NOW: &str = "2026-03-01T12:00:00Z";

struct Bench {
    folder: TempDir,
    services: Services,
}

impl Bench {
    fn embedded() -> Self {
        Self { folder: TempDir::new().unwrap(), services: Services::default() }
    }

    /// AWS at this address.
    fn aws(url: &str) -> Self {
        let aws = Aws {
            region: Some("eu-central-1".to_owned()),
            endpoint_url: Some(url.to_owned()),
            access_key_id: Some("AKIAIOSFODNN7EXAMPLE".to_owned().into()),
            secret_access_key: Some("x".to_owned().into()),
            ..Aws::default()
        };
        let services = Services {
            dynamodb: Provider::Aws,
            kinesis: Provider::Aws,
            aws,
            ..Services::default()
        };
        Self { services, ..Self::embedded() }
    }

    /// The double of AWS. Nothing is tested without it, unless everything must be.
    fn moto() -> Option<Self> {
        if let Ok(url) = std::env::var("STEPWELL_TEST_MOTO") {
            return Some(Self::aws(&url));
        }
        let is_needed = std::env::var_os("STEPWELL_TEST_ALL").is_some();
        assert!(!is_needed, "`STEPWELL_TEST_MOTO` is not set");
        // Not `eprintln!`, which the test harness keeps to itself.
        let _ = writeln!(std::io::stderr(), "\nSKIPPED: `STEPWELL_TEST_MOTO` is not set\n");
        None
    }

    fn client(&self, settings: &str) -> Arc<Client> {
        let secrets = Arc::new(NoSecrets::none());
        let surroundings = Surroundings {
            services: self.services.clone(),
            ..Surroundings::embedded(secrets, self.folder.path().join(".stepwell"))
        };
        let now: Timestamp = NOW.parse().unwrap();
        let http = http::client(Duration::from_secs(5)).unwrap();
        let world = Arc::new(World::new(surroundings, http, Arc::new(move || now)));
        Arc::new(Client::new(&toml::from_str(settings).unwrap(), &world))
    }

    async fn fill(&self, table: &str, items: &[Value]) {
        let client = self.client("");
        let tables = client.opener.tables().await.unwrap();
        let keys = Keys { name: table.to_owned(), hash: KeyAttribute::text("pk"), range: None };
        tables.ensure_table(&keys).await.unwrap();
        let items: Vec<Item> =
            items.iter().map(|it| serde_json::from_value(it.clone()).unwrap()).collect();
        tables.batch_put(table, &items).await.unwrap();
    }
}

fn dataset(keys: &str) -> Dataset {
    let settings: TableSettings =
        toml::from_str(&format!("source = 'dynamodb'\n{COLUMNS}{keys}")).unwrap();
    settings.dataset("orders").unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn problems(keys: &str) -> Vec<String> {
    let settings: TableSettings =
        toml::from_str(&format!("source = 'dynamodb'\n{COLUMNS}{keys}")).unwrap();
    settings.dataset("orders").unwrap_err()
}

fn table_of(dataset: &Dataset) -> &Table {
    match &dataset.source {
        crate::source::SourceTable::Dynamodb(table) => table,
        other => panic!("{other:?}"),
    }
}

fn item(key: &str, qty: i64) -> Value {
    json!({"pk": {"S": key}, "qty": {"N": qty.to_string()}})
}

async fn read(
    source: &dyn Source,
    window: &Window,
    split: &str,
    after: Option<&Value>,
) -> Result<Vec<Chunk>, Stop> {
    let split = Split::new(split);
    let ctx = Context::starting_now("test", Duration::ZERO);
    source.read(Read { window, split: &split, after, run: "test", ctx: &ctx }).try_collect().await
}

async fn read_all(source: &dyn Source, window: &Window) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    for split in source.splits(window).await.unwrap() {
        chunks.extend(read(source, window, &split.name, None).await.unwrap());
    }
    chunks
}

fn everything() -> Window {
    Window { from: None, to: NOW.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(1) }
}

/// Quantities by key.
fn quantities(chunks: &[Chunk]) -> BTreeMap<String, Option<i64>> {
    let rows = chunks.iter().flat_map(|it| {
        let keys = it.rows["pk"].as_string::<i32>().iter().map(|it| it.unwrap().to_owned());
        keys.zip(it.rows["qty"].as_primitive::<Int64Type>().iter()).collect::<Vec<_>>()
    });
    rows.collect()
}

#[track_caller]
fn check_problem(keys: &str, problem: &str) {
    let found = problems(keys);
    assert!(found.iter().any(|it| it.contains(problem)), "{found:?}");
}

#[test]
fn what_is_wrong_with_a_dataset_is_told_by_name() {
    check_problem("", "the key `read` is missing");
    check_problem("read = 'scan'", "the key `table` is missing");
    check_problem("read = 'stream'", "the key `table` is missing");
    check_problem("read = 'export'", "the key `export` is missing");
    check_problem(
        "read = 'scan'\ntable = 't'\nstream = 's'",
        "`stream` says nothing with `read = \"scan\"`",
    );
    check_problem("read = 'scan'\ntable = 't'\nsegments = 0", "`segments` takes 1 to 1000000");
    check_problem("read = 'scan'\ntable = 't'\nmode = 'append'", "write `mode = \"overwrite\"`");
    check_problem("read = 'stream'\ntable = 't'\nmode = 'overwrite'", "write `mode = \"append\"`");
    check_problem(
        "read = 'stream'\ntable = 't'\nnulls = 'qty'",
        "`nulls` names `qty`, which is no column `qty string`",
    );
    check_problem(
        "read = 'stream'\ntable = 't'\nmode = 'append'\nexport = 'e'\nsince = '2026-03-01T00:00:00Z'",
        "`since` would pass over the `export`",
    );
}

#[test]
fn what_is_wrong_with_the_settings_is_told_by_key() {
    let settings: Settings = toml::from_str(
        "starting_position = 'SOMEWHERE'\nbatch_size = 0\nmaximum_retry_attempts = -2\nmaximum_record_age_seconds = 59",
    )
    .unwrap();
    let keys: Vec<_> = settings.problems().into_iter().map(|it| it.key).collect();
    let all =
        ["starting_position", "batch_size", "maximum_retry_attempts", "maximum_record_age_seconds"];
    assert_eq!(keys, all.map(|it| format!("dynamodb.{it}")));
    assert!(toml::from_str::<Settings>("batchsize = 1").is_err());
}

#[tokio::test]
async fn a_table_that_is_not_there_is_an_error_of_the_configuration() {
    let bench = Bench::embedded();
    let dataset = dataset("read = 'scan'\ntable = 'nothing'\nmode = 'overwrite'");
    let source = open(&bench.client(""), table_of(&dataset), &dataset);
    let error = read(source.as_ref(), &everything(), "segment-0", None).await.unwrap_err();
    assert!(
        matches!(&error, Stop::Failed(HandlerError::Config(it)) if it.contains("`nothing`")),
        "{error:?}"
    );
}

/// Every segment, and behind each of its chunks the same rest.
async fn check_scan(bench: &Bench, table: &str, count: usize, filler: &str) {
    let row = |index: usize| {
        let mut item = item(&format!("o#{index}"), index as i64);
        item["filler"] = json!({"S": filler});
        item
    };
    let items: Vec<_> = (0..count).map(row).collect();
    bench.fill(table, &items).await;
    let dataset = dataset(&format!(
        "read = 'scan'\ntable = '{table}'\nsegments = 3\nconsistent = true\nmode = 'overwrite'"
    ));
    let source = open(&bench.client(""), table_of(&dataset), &dataset);
    let window = everything();
    let expected = (0..count).map(|it| (format!("o#{it}"), Some(it as i64))).collect();
    assert_eq!(quantities(&read_all(source.as_ref(), &window).await), expected);
    for split in source.splits(&window).await.unwrap() {
        let chunks = read(source.as_ref(), &window, &split.name, None).await.unwrap();
        for (index, chunk) in chunks.iter().enumerate() {
            let rest =
                read(source.as_ref(), &window, &split.name, Some(&chunk.checkpoint)).await.unwrap();
            assert_eq!(quantities(&rest), quantities(&chunks[index + 1..]));
        }
    }
}

#[tokio::test]
async fn an_embedded_table_is_scanned_by_segments_and_pages() {
    check_scan(&Bench::embedded(), "orders", 60, &"x".repeat(100_000)).await;
}

#[tokio::test]
async fn a_table_on_aws_is_scanned_by_segments_and_pages() {
    let Some(bench) = Bench::moto() else { return };
    check_scan(&bench, &unique("orders"), 40, &"x".repeat(100_000)).await;
}

/// Each test has its own names.
fn unique(name: &str) -> String {
    format!("{name}-{}", Timestamp::now().as_microsecond())
}

#[tokio::test]
async fn throttling_ends_the_slice_and_nothing_else() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let body = r#"{"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException", "message": "slow down"}"#;
        let answer = format!(
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        while let Ok((mut connection, _)) = listener.accept().await {
            let _ = connection.read(&mut [0; 8192]).await;
            let _ = connection.write_all(answer.as_bytes()).await;
        }
    });
    let dataset = dataset("read = 'scan'\ntable = 'orders'\nmode = 'overwrite'");
    let source = open(&Bench::aws(&url).client(""), table_of(&dataset), &dataset);
    let stop = read(source.as_ref(), &everything(), "segment-0", None).await.unwrap_err();
    assert_eq!(stop, Stop::NotNow { wait: Duration::from_secs(1), checkpoint: None });
}

/// A change at second `at` of the day.
fn change(key: &str, at: i64, before: Option<i64>, after: Option<i64>) -> Value {
    let time = "2026-03-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(at);
    let name = match (before, after) {
        (None, _) => "INSERT",
        (Some(_), Some(_)) => "MODIFY",
        (Some(_), None) => "REMOVE",
    };
    json!({"eventID": format!("{key}-{at}-{after:?}"), "eventName": name, "tableName": "orders", "dynamodb": {
        "ApproximateCreationDateTime": time.as_millisecond(), "Keys": {"pk": {"S": key}},
        "OldImage": before.map(|it| item(key, it)), "NewImage": after.map(|it| item(key, it))}})
}

fn event(changes: &[Value]) -> Value {
    let record = |(index, change): (usize, &Value)| {
        json!({"kinesis": {"kinesisSchemaVersion": "1.0", "partitionKey": "p", "sequenceNumber": (100 + index).to_string(),
            "data": BASE64.encode(change.to_string()), "approximateArrivalTimestamp": 1_700_000_000.5},
            "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventName": "aws:kinesis:record", "awsRegion": "eu-west-1",
            "eventID": format!("shardId-000000000006:{}", 100 + index),
            "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/orders-changes"})
    };
    json!({"Records": changes.iter().enumerate().map(record).collect::<Vec<_>>()})
}

/// Calls a function of a dataset's changes.
async fn call(
    client: &Arc<Client>,
    dataset: &Dataset,
    name: &str,
    input: &Value,
) -> Result<Value, HandlerError> {
    let functions = functions(client, [table_of(dataset)].into_iter());
    let function = functions.iter().find(|it| it.name() == name).unwrap();
    function.call_json(input, &Context::starting_now("test", Duration::from_mins(1))).await
}

const APPLY: &str = "stepwell-lake-apply-changes";
const CONSUME: &str = "stepwell-lake-consume-changes";

fn stream_dataset(keys: &str) -> Dataset {
    dataset(&format!("read = 'stream'\ntable = 'orders'\nmode = 'append'\n{keys}"))
}

/// Key, quantity, deleted and second of the day of each row.
fn log(chunks: &[Chunk]) -> Vec<(String, Option<i64>, bool, i64)> {
    let midnight = "2026-03-01T00:00:00Z".parse::<Timestamp>().unwrap().as_microsecond();
    let of_chunk = |chunk: &Chunk| {
        let rows = &chunk.rows;
        let (keys, quantities) =
            (rows["pk"].as_string::<i32>(), rows["qty"].as_primitive::<Int64Type>());
        let (deleted, times) = (
            rows["_deleted"].as_boolean(),
            rows["_changed_at"].as_primitive::<TimestampMicrosecondType>(),
        );
        let seconds = |row| (times.value(row) - midnight).div_euclid(1_000_000);
        let row = |row| {
            let quantity = quantities.iter().nth(row).flatten();
            (keys.value(row).to_owned(), quantity, deleted.value(row), seconds(row))
        };
        (0..rows.num_rows()).map(row).collect::<Vec<_>>()
    };
    chunks.iter().flat_map(of_chunk).collect()
}

#[tokio::test]
async fn an_event_without_what_lambda_sends_is_refused() {
    let (bench, dataset) = (Bench::embedded(), stream_dataset(""));
    let client = bench.client("");
    for input in [json!({}), json!({"Records": [{"kinesis": {"data": ""}}]}), json!([])] {
        let error = call(&client, &dataset, APPLY, &input).await.unwrap_err();
        assert!(matches!(error, HandlerError::Config(_)), "{error:?}");
    }
    let scan = dataset_of_scan();
    let error = call(&client, &scan, APPLY, &event(&[])).await.unwrap_err();
    assert!(error.to_string().contains("no dataset reads the changes of a table"), "{error}");
}

fn dataset_of_scan() -> Dataset {
    dataset("read = 'scan'\ntable = 'orders'\nmode = 'overwrite'")
}

#[tokio::test]
async fn what_cannot_be_made_durable_is_reported_from_its_first_record_on() {
    let (bench, dataset) = (Bench::embedded(), stream_dataset(""));
    let client = bench.client("");
    let changes = [change("a", 1, None, Some(1)), change("b", 2, None, Some(2))];
    assert_eq!(
        call(&client, &dataset, APPLY, &event(&[])).await.unwrap(),
        json!({"batchItemFailures": []})
    );
    let file =
        rusqlite::Connection::open(bench.folder.path().join(".stepwell").join(INBOX)).unwrap();
    file.execute_batch("ALTER TABLE latest RENAME TO elsewhere").unwrap();
    let outcome = call(&client, &dataset, APPLY, &event(&changes)).await.unwrap();
    assert_eq!(outcome, json!({"batchItemFailures": [{"itemIdentifier": "100"}]}));
    file.execute_batch("ALTER TABLE elsewhere RENAME TO latest").unwrap();
    let outcome = call(&client, &dataset, APPLY, &event(&changes)).await.unwrap();
    assert_eq!(outcome, json!({"batchItemFailures": []}));
    let source = open(&client, table_of(&dataset), &dataset);
    assert_eq!(log(&read_all(source.as_ref(), &everything()).await).len(), 2);
}

#[tokio::test]
async fn changes_become_rows_once_with_deletions_and_what_is_no_change_is_rejected() {
    let (bench, dataset) = (Bench::embedded(), stream_dataset("deleted_by = 'by'"));
    let client = bench.client("");
    let mut expired = change("c", 9, Some(3), None);
    expired["userIdentity"] = json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"});
    let changes = [
        change("a", 2, Some(1), Some(2)),
        change("a", 1, None, Some(1)),
        change("b", 3, Some(1), None),
        json!("?"),
        expired,
    ];
    for _ in 0..2 {
        let outcome = call(&client, &dataset, APPLY, &event(&changes)).await.unwrap();
        assert_eq!(outcome, json!({"batchItemFailures": []}));
    }
    let source = open(&client, table_of(&dataset), &dataset);
    let chunks = read_all(source.as_ref(), &everything()).await;
    let rows =
        [("a".into(), Some(2), false, 2), ("b".into(), None, true, 3), ("c".into(), None, true, 9)];
    assert_eq!(log(&chunks), rows);
    let by: Vec<_> = chunks[0].rows["by"].as_string::<i32>().iter().collect();
    assert_eq!(by, [None, None, Some("ttl")]);
    let rejected: Vec<_> =
        chunks[0].rejected.iter().map(|it| (it.place.as_str(), it.record.as_str())).collect();
    assert_eq!(rejected, [("stream orders-changes, shardId-000000000006, record 103", "\"?\"")]);
    assert_eq!(source.count(&everything()).await.unwrap(), None, "changes are no rows");
    // The next window has what arrived after the first was read.
    call(&client, &dataset, APPLY, &event(&[change("a", 4, Some(2), Some(4))])).await.unwrap();
    let next = Window { from: Some(everything().to), to: Timestamp::MAX };
    let chunks = read_all(source.as_ref(), &next).await;
    assert_eq!(log(&chunks), [("a".into(), Some(4), false, 4)]);
    let rest = read(source.as_ref(), &next, "arrivals", Some(&chunks[0].checkpoint)).await.unwrap();
    assert_eq!(rest.len(), 0);
}

#[tokio::test]
async fn a_stream_begins_with_a_full_export_and_goes_on_with_what_came_after_it() {
    let bench = Bench::embedded();
    // The state at second 1,000.
    let folder = bench.folder.path().join("export");
    std::fs::create_dir_all(folder.join("data")).unwrap();
    let line = format!("{}\n", json!({"Item": item("a", 1)}));
    std::fs::write(folder.join("data/a.json"), &line).unwrap();
    let md5 = BASE64.encode(<md5::Md5 as md5::Digest>::digest(&line));
    let file = json!({"itemCount": 1, "md5Checksum": md5, "dataFileS3Key": "data/a.json"});
    std::fs::write(folder.join("manifest-files.json"), file.to_string()).unwrap();
    let summary = json!({"tableArn": "arn:aws:dynamodb:eu-west-1:1:table/orders", "itemCount": 1,
        "exportTime": "2026-03-01T00:16:40Z", "outputFormat": "DYNAMODB_JSON"});
    std::fs::write(folder.join("manifest-summary.json"), summary.to_string()).unwrap();

    let dataset = stream_dataset(&format!("export = {folder:?}\nexport_overlap_seconds = 100"));
    let client = bench.client("");
    let changes = [
        change("long before", 800, None, Some(0)),
        change("shortly before", 950, None, Some(2)),
        change("a", 1_000, Some(1), Some(3)),
    ];
    call(&client, &dataset, APPLY, &event(&changes)).await.unwrap();
    let source = open(&client, table_of(&dataset), &dataset);
    // It was written here just now.
    let window = Window { from: None, to: Timestamp::MAX };
    let mut rows = log(&read_all(source.as_ref(), &window).await);
    rows.sort_by_key(|it| it.3);
    let expected = [
        ("shortly before".into(), Some(2), false, 950),
        ("a".into(), Some(1), false, 999),
        ("a".into(), Some(3), false, 1_000),
    ];
    assert_eq!(rows, expected);
    let later = Window { from: Some(NOW.parse().unwrap()), to: Timestamp::MAX };
    assert_eq!(source.splits(&later).await.unwrap().len(), 1);
}

#[tokio::test]
async fn without_kinesis_the_consumer_says_what_is_missing() {
    let bench = Bench::embedded();
    let error =
        call(&bench.client(""), &stream_dataset(""), CONSUME, &json!({})).await.unwrap_err();
    assert!(error.to_string().contains("no dataset names the `stream`"), "{error}");
    let named = stream_dataset("stream = 'orders-changes'");
    let error = call(&bench.client(""), &named, CONSUME, &json!({})).await.unwrap_err();
    assert!(matches!(error, HandlerError::Config(_)), "{error:?}");
}

/// A stream of Kinesis that splits, and an item that only its table can tell.
#[tokio::test]
async fn a_stream_on_aws_is_consumed_across_a_split() {
    let Some(bench) = Bench::moto() else { return };
    let stream = unique("orders-changes");
    let client = bench.client("batch_size = 2");
    let connection = client.opener.connection().await.unwrap();
    let kinesis = client.opener.kinesis().await.unwrap();
    let admin = JsonClient::new(connection, KINESIS);
    admin
        .call("kinesis:CreateStream", &json!({"StreamName": stream, "ShardCount": 1}))
        .await
        .unwrap();
    let put = async |changes: &[Value]| {
        let record = |it: &Value| NewRecord {
            partition_key: it["eventID"].to_string(),
            data: it.to_string().into(),
        };
        kinesis
            .put_records(&stream, &changes.iter().map(record).collect::<Vec<_>>())
            .await
            .unwrap();
    };
    put(&[
        change("a", 1, None, Some(1)),
        change("a", 2, Some(1), Some(2)),
        change("b", 3, None, Some(3)),
    ])
    .await;
    let middle = (u128::MAX / 2).to_string();
    let split = json!({"StreamName": stream, "ShardToSplit": "shardId-000000000000", "NewStartingHashKey": middle});
    admin.call("kinesis:SplitShard", &split).await.unwrap();
    put(&[
        change("a", 4, Some(2), Some(5)),
        change("b", 5, Some(3), None),
        json!({"no": "change"}),
    ])
    .await;
    // Two changes at one time that no chain joins; what is so stands in the table.
    put(&[change("d", 6, Some(1), Some(2)), change("d", 6, Some(8), Some(9))]).await;
    bench.fill("orders", &[item("d", 9)]).await;

    let dataset =
        stream_dataset(&format!("stream = 'arn:aws:kinesis:eu-central-1:1:stream/{stream}'"));
    let consumed = call(&client, &dataset, CONSUME, &json!({})).await.unwrap();
    assert_eq!(
        (&consumed["status"], &consumed["rejected"]),
        (&json!("UP_TO_DATE"), &json!(1)),
        "{consumed}"
    );
    let source = open(&client, table_of(&dataset), &dataset);
    let mut newest: BTreeMap<String, (i64, Option<i64>)> = BTreeMap::new();
    for (key, quantity, _, at) in log(&read_all(source.as_ref(), &everything()).await) {
        let entry = newest.entry(key).or_insert((at, quantity));
        if entry.0 <= at {
            *entry = (at, quantity);
        }
    }
    let states: Vec<_> = newest.into_iter().map(|(key, (_, quantity))| (key, quantity)).collect();
    assert_eq!(states, [("a".into(), Some(5)), ("b".into(), None), ("d".into(), Some(9))]);
    let again = call(&client, &dataset, CONSUME, &json!({})).await.unwrap();
    assert_eq!((&again["changes"], &again["rejected"]), (&json!(0), &json!(0)), "{again}");
}
