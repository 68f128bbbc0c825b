//! A lake in S3 with its catalog in Glue, on the double of AWS: the same lake as in a folder.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::time::Duration;
use stepwell_integrations::dynamodb::{Item, KeyAttribute, Table as Keys};
use stepwell_integrations::kinesis::{NewRecord, SERVICE as KINESIS};
use stepwell_lake::published::Table;
use stepwell_machine::Phase;
use stepwell_tabular::Location;

use crate::aws::Moto;
use crate::bench::{Bench, Driving};

const SETTINGS: &str = "
grace_seconds = 0
compact_files = 4
[tables.orders]
source = 'files'
path = 'in/*.csv'
columns = ['id bigint not null', 'amount decimal(10,2)', 'region string', 'modified timestamp']
key = ['id']
partition_by = ['day(modified)', 'region']
settle_seconds = 0
";

const HEADER: &str = "id,amount,region,modified\n";

fn settings(keys: &str) -> String {
    format!("{SETTINGS}{keys}\n")
}

/// Two deliveries with a minute between them: days and regions that stay, change, come and go.
async fn two_runs(bench: &Bench) {
    let day_1 = "1,1.00,eu,2026-03-01T10:00:00Z\n2,2.00,a b/c,2026-03-02T10:00:00Z\n3,3.00,,\n";
    bench.deliver("in/a.csv", format!("{HEADER}{day_1}"));
    bench.succeed().await;
    let day_2 = "2,2.50,a b/c,2026-03-02T10:00:00Z\n4,4.00,us,2026-03-03T10:00:00Z\n";
    bench.deliver("in/a.csv", format!("{HEADER}{day_2}"));
    bench.succeed().await;
}

/// What is published, without the names of runs.
fn state(table: &Table) -> Value {
    let partition = |(name, it): (&String, &stepwell_lake::published::PublishedPartition)| {
        let files: Vec<_> = it.files.iter().map(|file| json!([file.rows, file.bytes])).collect();
        json!({"name": name, "rows": it.rows, "files": files, "runs": it.runs.len()})
    };
    let columns: Vec<_> = table.columns.iter().map(ToString::to_string).collect();
    json!({"columns": columns, "partitions": table.partitions.iter().map(partition).collect::<Vec<_>>()})
}

/// A place of the catalog as it is below the database: without the lake's own place, and the names of runs.
fn below(location: &str, database: &str) -> String {
    let (_, below) = location.split_once(&format!("/{database}/")).unwrap();
    let levels =
        below.split('/').map(|level| if level.starts_with("run=") { "run=" } else { level });
    levels.collect::<Vec<_>>().join("/")
}

/// What the catalog says of the table.
async fn catalog(bench: &Bench) -> Value {
    let service = bench.service();
    let database = &service.config.target.database;
    let local = bench.path().join("lake");
    let catalog = service.world.opener.catalog(&local).await.unwrap();
    let table = catalog.get_table(database, "orders").await.unwrap().unwrap();
    let partitions = catalog.partitions(database, "orders").await.unwrap();
    let place = |location: &str| below(location, database);
    let partition = |it: &stepwell_integrations::glue::Partition| {
        let mut storage = json!(it.storage);
        storage["Location"] = place(&it.storage.location).into();
        json!({"values": it.values, "storage": storage})
    };
    let mut storage = json!(table.storage);
    storage["Location"] = place(&table.storage.location).into();
    json!({"keys": table.partition_keys, "parameters": table.parameters, "storage": storage,
        "type": table.table_type, "partitions": partitions.iter().map(partition).collect::<Vec<_>>()})
}

/// The files of the table's folder, published or not.
async fn files(bench: &Bench) -> usize {
    let service = bench.service();
    let folder = service.config.target.table("orders");
    service.world.stores.list(&folder).await.unwrap().len()
}

async fn check_same(keys: &str, story: impl AsyncFn(&Bench)) {
    let Some(moto) = Moto::find().await else { return };
    let on_aws = Bench::on(moto.services(), &moto.settings(&settings(keys)));
    let local = Bench::new(&settings(keys));
    story(&on_aws).await;
    story(&local).await;
    assert_eq!(on_aws.rows("orders").await, local.rows("orders").await);
    assert_eq!(state(&on_aws.table("orders").await), state(&local.table("orders").await));
    assert_eq!(on_aws.bytes("orders").await, local.bytes("orders").await);
    assert_eq!(catalog(&on_aws).await, catalog(&local).await);
    assert_eq!(files(&on_aws).await, files(&local).await, "nothing that is not published stays");
}

#[tokio::test]
async fn a_table_that_is_written_anew() {
    check_same("", two_runs).await;
}

#[tokio::test]
async fn a_table_whose_partitions_are_written_anew() {
    let keys = "mode = 'overwrite_partitions'\nevent_time = 'modified'\nsince = '2026-03-01T00:00:00Z'\noverlap_seconds = 1000000";
    check_same(keys, two_runs).await;
}

#[tokio::test]
async fn a_log_that_grows() {
    check_same("mode = 'append'\nevent_time = 'modified'", two_runs).await;
}

#[tokio::test]
async fn a_log_whose_small_files_are_put_together() {
    let story = async |bench: &Bench| {
        for run in 0..5 {
            let row = format!("{run},1.00,eu,2026-03-01T10:00:00Z\n");
            bench.deliver(&format!("in/{run}.csv"), format!("{HEADER}{row}"));
            bench.succeed().await;
        }
        let table = bench.table("orders").await;
        let files = table.partitions.values().flat_map(|it| &it.files);
        assert!(files.clone().any(|it| it.name.contains("merged")), "{table:?}");
        assert!(files.count() < 5, "{table:?}");
    };
    check_same("mode = 'append'", story).await;
}

#[tokio::test]
async fn a_crash_after_any_call_ends_with_the_same_bytes() {
    let Some(moto) = Moto::find().await else { return };
    let bench = |folder: &str| {
        let settings = moto.settings(&settings("part_rows = 2"));
        let bench = Bench::on(moto.services(), &settings.replace("/lake'", &format!("/{folder}'")));
        let rows: Vec<_> = (0..9)
            .map(|row| format!("{row},{row}.25,eu,2026-03-0{}T10:00:00Z\n", row % 3 + 1))
            .collect();
        bench.write("in/a.csv", format!("{HEADER}{}", rows.concat()));
        bench
    };
    let clean = bench("clean");
    clean.succeed().await;
    let (expected, written) = (clean.bytes("orders").await, files(&clean).await);
    for crash_after in 1.. {
        let bench = bench(&format!("died-{crash_after}"));
        let crashing = Driving { crash_after, twice: true, slice: Duration::ZERO };
        let is_over = bench.drive(crashing).await.phase != Phase::Running;
        if !is_over {
            bench.succeed().await;
        }
        assert_eq!(bench.bytes("orders").await, expected, "died after {crash_after} calls");
        assert_eq!(files(&bench).await, written, "died after {crash_after} calls");
        if is_over {
            break;
        }
    }
}

fn item(key: &str, qty: &str) -> Value {
    json!({"pk": {"S": key}, "qty": {"N": qty}})
}

#[tokio::test]
async fn a_table_of_dynamodb_and_its_export_in_s3() {
    let Some(moto) = Moto::find().await else { return };
    let table = format!("orders-{}", moto.bucket);
    let bench = Bench::on(
        moto.services(),
        &moto.settings(&format!(
            "[tables.scanned]
source = 'dynamodb'
read = 'scan'
table = '{table}'
segments = 2
columns = ['pk string not null', 'qty decimal(20,3)']
key = ['pk']
[tables.exported]
source = 'dynamodb'
read = 'export'
export = 's3://{}/exports/AWSDynamoDB/01-a'
columns = ['pk string not null', 'qty decimal(20,3)']
key = ['pk']
",
            moto.bucket
        )),
    );
    let items: Vec<_> =
        (0..40).map(|it| item(&format!("o#{it:02}"), &format!("{it}.125"))).collect();
    let service = bench.service();
    let tables = service.world.opener.tables().await.unwrap();
    let keys = Keys { name: table.clone(), hash: KeyAttribute::text("pk"), range: None };
    tables.ensure_table(&keys).await.unwrap();
    let typed: Vec<Item> =
        items.iter().map(|it| serde_json::from_value(it.clone()).unwrap()).collect();
    tables.batch_put(&table, &typed).await.unwrap();
    export(&moto, &bench, &items).await;
    bench.catch_up();
    bench.succeed().await;
    let sorted = async |table: &str| {
        let rows = bench.rows(table).await;
        let mut rows: Vec<_> = rows.lines().map(str::to_owned).collect();
        rows.sort();
        rows
    };
    let scanned = sorted("scanned").await;
    assert!(scanned.contains(&"| o#39 | 39.125 |".to_owned()), "{scanned:?}");
    assert_eq!(bench.table("scanned").await.rows(), 40);
    assert_eq!(sorted("exported").await, scanned);
}

/// What DynamoDB writes when a table is exported.
async fn export(moto: &Moto, bench: &Bench, items: &[Value]) {
    let lines: Vec<_> = items.iter().map(|it| format!("{}\n", json!({"Item": it}))).collect();
    let lines = lines.concat();
    let md5 = BASE64.encode(<md5::Md5 as md5::Digest>::digest(&lines));
    let key = "exports/AWSDynamoDB/01-a/data/a.json";
    let file = json!({"itemCount": items.len(), "md5Checksum": md5, "dataFileS3Key": key});
    let summary = json!({"tableArn": "arn:aws:dynamodb:eu-central-1:1:table/orders", "s3Bucket": moto.bucket,
        "itemCount": items.len(), "exportTime": "2026-03-01T00:00:00Z", "outputFormat": "DYNAMODB_JSON"});
    let stores = &bench.service().world.stores;
    for (key, text) in [
        (key, lines),
        ("exports/AWSDynamoDB/01-a/manifest-files.json", format!("{file}\n")),
        ("exports/AWSDynamoDB/01-a/manifest-summary.json", summary.to_string()),
    ] {
        let at = Location::S3 { bucket: moto.bucket.clone(), key: key.to_owned() };
        stores.put(&at, Bytes::from(text)).await.unwrap();
    }
}

#[tokio::test]
async fn changes_of_dynamodb_come_from_kinesis_into_s3() {
    let Some(moto) = Moto::find().await else { return };
    let stream = format!("changes-{}", moto.bucket);
    let bench = Bench::on(
        moto.services(),
        &moto.settings(&format!(
            "[tables.orders]
source = 'dynamodb'
read = 'stream'
table = 'orders'
stream = '{stream}'
columns = ['pk string not null', 'qty bigint']
key = ['pk']
mode = 'append'
partition_by = ['day(_changed_at)']
settle_seconds = 0
"
        )),
    );
    let shards = json!({"StreamName": stream, "ShardCount": 2});
    moto.call(KINESIS, "kinesis:CreateStream", &shards).await;
    let change = |key: &str, day: &str, qty: Option<&str>| {
        let at: jiff::Timestamp = format!("{day}T10:00:00Z").parse().unwrap();
        let image = qty.map(|qty| item(key, qty));
        let name = if image.is_some() { "INSERT" } else { "REMOVE" };
        json!({"eventID": format!("{key}{day}"), "eventName": name, "tableName": "orders", "dynamodb": {
            "ApproximateCreationDateTime": at.as_millisecond(), "Keys": {"pk": {"S": key}}, "NewImage": image}})
    };
    let changes = [
        change("a", "2026-03-01", Some("1")),
        change("b", "2026-03-01", Some("2")),
        change("b", "2026-03-02", None),
    ];
    let record = |it: &Value| NewRecord {
        partition_key: it["dynamodb"]["Keys"].to_string(),
        data: it.to_string().into(),
    };
    let records: Vec<_> = changes.iter().map(record).collect();
    let kinesis = bench.service().world.opener.kinesis().await.unwrap();
    kinesis.put_records(&stream, &records).await.unwrap();
    // Twice: what was taken in comes once, and of two changes of one key that came together the newer one.
    for _ in 0..2 {
        let ended = bench.drive_machine("lake-stream", &json!({}), Driving::default()).await;
        assert!(matches!(ended.phase, Phase::Succeeded { .. }), "{:?}", ended.phase);
        bench.pass(SignedDuration::from_mins(1));
        bench.succeed().await;
    }
    let expected = [("dt=2026-03-01".to_owned(), 1), ("dt=2026-03-02".to_owned(), 1)];
    assert_eq!(bench.partitions("orders").await, expected);
    assert!(bench.rows("orders").await.contains("| b  |     | true "));
}
