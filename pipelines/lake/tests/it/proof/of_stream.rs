//! The proof of the log of a DynamoDB table's changes: against the inbox, a scan, an export.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use stepwell_integrations::dynamodb::{EmbeddedTables, Item, KeyAttribute, Table, Tables};

use crate::bench::Bench;
use crate::dynamodb::{SETTINGS, change, send};

/// What the table has of some keys; and the changes that made it so.
fn items() -> [(&'static str, &'static str); 3] {
    [("a", "12.50"), ("b", "1"), ("c", "7")]
}

fn settings(more: &str) -> String {
    SETTINGS.replace("unknown_fields = 'catch'\n", "") + more
}

async fn table(bench: &Bench) -> EmbeddedTables {
    let state = bench.path().join(".stepwell");
    std::fs::create_dir_all(&state).unwrap();
    let tables = EmbeddedTables::open(&state.join("dynamodb.db")).unwrap();
    let keys = Table { name: "orders".into(), hash: KeyAttribute::text("pk"), range: None };
    tables.ensure_table(&keys).await.unwrap();
    let item = |(key, total): (&str, &str)| -> Item {
        serde_json::from_value(json!({"pk": {"S": key}, "total": {"N": total}})).unwrap()
    };
    tables.batch_put("orders", &items().map(item)).await.unwrap();
    tables
}

/// The lake has all changes.
async fn filled(more: &str) -> (Bench, EmbeddedTables) {
    let bench = Bench::new(&settings(more));
    let tables = table(&bench).await;
    let changes = items().map(|(key, total)| change(key, "2026-03-01T10:00:00Z", Some(total)));
    send(&bench, &changes).await;
    bench.succeed().await;
    (bench, tables)
}

async fn lose(tables: &EmbeddedTables, key: &str) {
    let key: Item = serde_json::from_value(json!({"pk": {"S": key}})).unwrap();
    tables.delete("orders", &key).await.unwrap();
}

fn proof(summary: &Value) -> &Value {
    &summary["datasets"][0]
}

#[tokio::test]
async fn without_anything_better_it_is_the_inbox_and_the_verdict_says_so() {
    let (bench, tables) = filled("").await;
    lose(&tables, "b").await;
    let summary = bench.prove(&json!({})).await;
    assert_eq!(
        (&proof(&summary)["status"], &proof(&summary)["source_rows"]),
        (&json!("equal"), &json!(3)),
        "{summary:#}"
    );
    let note = proof(&summary)["note"].as_str().unwrap();
    assert!(note.contains("against the inbox of changes, not the table"), "{note}");
}

#[tokio::test]
async fn against_a_scan_a_change_that_never_came_is_found() {
    let (bench, tables) = filled("prove_against = 'scan'\n").await;
    let summary = bench.prove(&json!({})).await;
    assert_eq!(proof(&summary)["status"], "equal", "{summary:#}");
    assert!(proof(&summary)["note"].as_str().unwrap().contains("against a scan"), "{summary:#}");
    lose(&tables, "b").await;
    let summary = bench.prove(&json!({})).await;
    assert_eq!(
        (&proof(&summary)["extra"], &proof(&summary)["source_rows"]),
        (&json!(1), &json!(2)),
        "{summary:#}"
    );
}

#[tokio::test]
async fn against_a_scan_a_change_that_waits_in_the_inbox_is_no_difference() {
    let (bench, tables) = filled("prove_against = 'scan'\n").await;
    lose(&tables, "b").await;
    send(&bench, &[change("b", "2026-03-05T10:00:00Z", None)]).await;
    let summary = bench.prove(&json!({})).await;
    assert_eq!(
        (&proof(&summary)["status"], &proof(&summary)["lake_rows"]),
        (&json!("equal"), &json!(2)),
        "{summary:#}"
    );
    let note = proof(&summary)["note"].as_str().unwrap();
    assert!(note.contains("1 key left out"), "{note}");
    bench.succeed().await;
    let summary = bench.prove(&json!({})).await;
    assert_eq!(
        (&proof(&summary)["status"], &proof(&summary)["lake_rows"]),
        (&json!("equal"), &json!(2)),
        "{summary:#}"
    );
}

#[tokio::test]
async fn without_an_export_before_the_lakes_cursor_nothing_is_known() {
    let (mut bench, _) = filled("").await;
    std::fs::create_dir_all(bench.path().join("exports")).unwrap();
    bench.set(&settings("prove_against = 'export'\nexport = 'exports'\n"));
    let summary = bench.prove(&json!({})).await;
    assert_eq!(proof(&summary)["status"], "not comparable", "{summary:#}");
    assert!(proof(&summary)["note"].as_str().unwrap().contains("no full export"), "{summary:#}");
}

/// An export of the table as it was on the 2nd of March, delivered now.
fn export(bench: &Bench, items: &[(&str, &str)]) {
    write_export(bench, &[items]);
}

/// As [`export`], in several files.
pub(crate) fn write_export(bench: &Bench, files: &[&[(&str, &str)]]) {
    let count: usize = files.iter().map(|items| items.len()).sum();
    let manifest =
        files.iter().zip(1..).map(|(items, number)| write_file(bench, items, number) + "\n");
    let manifest: String = manifest.collect();
    let arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders";
    let summary = json!({"version": "2020-06-30", "exportArn": format!("{arn}/export/01"), "tableArn": arn,
        "startTime": "2026-03-02T00:05:00.000Z", "endTime": "2026-03-02T00:10:00.000Z", "tableId": "t", "s3Bucket": "b",
        "exportTime": "2026-03-02T00:00:00.000Z", "billedSizeBytes": 1, "itemCount": count,
        "outputFormat": "DYNAMODB_JSON"});
    for (name, text) in [("manifest-files", manifest), ("manifest-summary", summary.to_string())] {
        bench.deliver(&format!("exports/01/{name}.checksum"), digest(text.as_bytes()));
        bench.deliver(&format!("exports/01/{name}.json"), text);
    }
}

/// A file of an export; its line in the manifest.
fn write_file(bench: &Bench, items: &[(&str, &str)], number: usize) -> String {
    let lines = items.iter().map(|(key, total)| {
        json!({"Item": {"pk": {"S": key}, "total": {"N": total}}}).to_string() + "\n"
    });
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(lines.collect::<String>().as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let line = json!({"itemCount": items.len(), "md5Checksum": digest(&packed), "etag": "e-1",
        "dataFileS3Key": format!("exports/AWSDynamoDB/01/data/{number}.json.gz")});
    bench.deliver(&format!("exports/01/data/{number}.json.gz"), packed);
    line.to_string()
}

fn digest(bytes: &[u8]) -> String {
    BASE64.encode(Md5::digest(bytes))
}

#[tokio::test]
async fn against_an_export_the_log_is_taken_as_it_was_when_that_was_made() {
    let (mut bench, _) = filled("").await;
    export(&bench, &items());
    // What happened since is not in the export.
    let later =
        [change("d", "2026-03-03T10:00:00Z", Some("9")), change("a", "2026-03-03T10:00:00Z", None)];
    send(&bench, &later).await;
    bench.set(&settings("prove_against = 'export'\nexport = 'exports'\n"));
    bench.succeed().await;
    let summary = bench.prove(&json!({})).await;
    assert_eq!(
        (&proof(&summary)["status"], &proof(&summary)["lake_rows"]),
        (&json!("equal"), &json!(3)),
        "{summary:#}"
    );
    assert_eq!(proof(&summary)["counted"], json!({"source": 3, "lake": 3}));
    assert_eq!(proof(&summary)["cutoff"], "2026-03-02T00:00:00Z");
    let lost = ("lost", "5");
    export(&bench, &[items().as_slice(), &[lost]].concat());
    bench.succeed().await;
    assert_eq!(proof(&bench.prove(&json!({})).await)["missing"], 1);
}
