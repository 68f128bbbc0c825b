//! Against exports as DynamoDB writes them, made here.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use arrow::array::AsArray as _;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest as _, Md5};
use serde_json::json;
use stepwell_pipeline::Context;
use stepwell_tabular::NoBuckets;
use stepwell_tabular::rows::Unknown;
use tempfile::TempDir;

use super::*;
use crate::source::dynamodb::decode::Marks;

/// An export that is written into a folder, file by file.
struct Writer {
    folder: PathBuf,
    summary: Value,
    files: Vec<Value>,
}

impl Writer {
    fn full(root: &Path, id: &str) -> Self {
        let folder = root.join(id);
        std::fs::create_dir_all(folder.join("data")).unwrap();
        std::fs::write(folder.join("_started"), "").unwrap();
        let arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders";
        let summary = json!({"version": "2020-06-30", "exportArn": format!("{arn}/export/{id}"), "tableArn": arn,
            "startTime": "2026-03-01T00:05:00.000Z", "endTime": "2026-03-01T00:10:00.000Z", "tableId": "t", "s3Bucket": "b",
            "exportTime": "2026-03-01T00:00:00.000Z", "billedSizeBytes": 1, "itemCount": 0, "outputFormat": "DYNAMODB_JSON"});
        Self { folder, summary, files: Vec::new() }
    }

    fn incremental(root: &Path, id: &str, to: &str) -> Self {
        let mut writer = Self::full(root, id);
        writer.summary["exportTime"] = Value::Null;
        writer.summary["exportType"] = json!("INCREMENTAL_EXPORT");
        writer.summary["exportFromTime"] = json!("2026-03-01T00:00:00Z");
        writer.summary["exportToTime"] = json!(to);
        writer
    }

    fn file(mut self, name: &str, lines: &[String]) -> Self {
        let bytes = pack(lines, Compression::fast());
        let key = format!(
            "exports/AWSDynamoDB/{}/data/{name}",
            self.folder.file_name().unwrap().display()
        );
        let items = lines.iter().filter(|it| *it != "$ion_1_0").count();
        self.summary["itemCount"] =
            json!(self.summary["itemCount"].as_u64().unwrap() + items as u64);
        self.files.push(json!({"itemCount": items, "md5Checksum": BASE64.encode(Md5::digest(&bytes)), "etag": "e-1", "dataFileS3Key": key}));
        std::fs::write(self.folder.join("data").join(name), bytes).unwrap();
        self
    }

    fn finish(self) -> PathBuf {
        let lines = text_of(&self.files);
        for (name, text) in
            [("manifest-summary", self.summary.to_string()), ("manifest-files", lines)]
        {
            std::fs::write(
                self.folder.join(format!("{name}.checksum")),
                BASE64.encode(Md5::digest(&text)),
            )
            .unwrap();
            std::fs::write(self.folder.join(format!("{name}.json")), text).unwrap();
        }
        self.folder
    }
}

/// A line each.
fn text_of(lines: &[impl std::fmt::Display]) -> String {
    let mut text = String::new();
    for it in lines {
        writeln!(text, "{it}").unwrap();
    }
    text
}

fn pack(lines: &[String], compression: Compression) -> Vec<u8> {
    let text = text_of(lines);
    let mut packed = GzEncoder::new(Vec::new(), compression);
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

fn item(key: &str, qty: usize) -> String {
    json!({"Item": {"pk": {"S": key}, "qty": {"N": qty.to_string()}}}).to_string()
}

fn items(count: usize) -> Vec<String> {
    (0..count).map(|it| item(&format!("o#{it}"), it)).collect()
}

fn exports(folder: &Path, incremental: bool) -> Exports {
    let mut columns = vec!["pk string not null", "qty bigint"];
    if incremental {
        columns.extend(["_deleted boolean not null", "_changed_at timestamp not null"]);
    }
    let shape = Shape {
        columns: columns.iter().map(|it| it.parse().unwrap()).collect(),
        key: vec!["pk".into()],
        marks: Marks::default(),
        separator: None,
        unknown_fields: Unknown::Report,
    };
    Exports {
        stores: Stores::new(
            folder.to_owned(),
            Arc::new(NoBuckets),
            stepwell_pipeline::http::client(Duration::from_secs(1)).unwrap(),
        ),
        folder: Location::Path(folder.to_owned()),
        table: Some("orders".into()),
        incremental,
        since: None,
        shape: Arc::new(shape),
    }
}

fn everything() -> Window {
    Window { from: None, to: Timestamp::MAX }
}

async fn read(exports: &Exports, split: &Split, after: Option<&Value>) -> Result<Vec<Chunk>, Stop> {
    let ctx = Context::starting_now("test", Duration::from_mins(1));
    let window = everything();
    exports.read(Read { window: &window, split, after, run: "test", ctx: &ctx }).try_collect().await
}

async fn read_all(exports: &Exports) -> Result<Vec<Chunk>, Stop> {
    let mut chunks = Vec::new();
    for split in exports.splits(&everything()).await? {
        chunks.extend(read(exports, &split, None).await?);
    }
    Ok(chunks)
}

/// Key, quantity, and for changes whether it was deleted and when it changed.
fn rows(chunks: &[Chunk]) -> Vec<(String, Option<i64>, bool, i64)> {
    let of_chunk = |chunk: &Chunk| {
        let rows = chunk.rows.clone();
        let row = move |index: usize| {
            let quantity = rows["qty"].as_primitive::<Int64Type>();
            let deleted =
                rows.column_by_name("_deleted").is_some_and(|it| it.as_boolean().value(index));
            let changed_at = rows
                .column_by_name("_changed_at")
                .map_or(0, |it| it.as_primitive::<TimestampMicrosecondType>().value(index));
            let quantity = quantity.iter().nth(index).flatten();
            (rows["pk"].as_string::<i32>().value(index).to_owned(), quantity, deleted, changed_at)
        };
        (0..chunk.rows.num_rows()).map(row).collect::<Vec<_>>()
    };
    chunks.iter().flat_map(of_chunk).collect()
}

#[track_caller]
fn check_failure(result: Result<Vec<Chunk>, Stop>, reason: &str) {
    let Err(Stop::Failed(error)) = result else { panic!("it was read: {result:?}") };
    assert!(error.to_string().contains(reason), "{error}");
    assert!(matches!(error, HandlerError::Data(_) | HandlerError::Config(_)), "{error:?}");
}

/// An export that was right, and what somebody did to it.
async fn check_damage(damage: impl FnOnce(&Path), reason: &str) {
    let root = TempDir::new().unwrap();
    let folder = Writer::full(root.path(), "01").file("a.json.gz", &items(3)).finish();
    damage(&folder);
    check_failure(read_all(&exports(&folder, false)).await, reason);
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

fn without_checksums(folder: &Path) {
    for name in ["manifest-summary", "manifest-files"] {
        std::fs::remove_file(folder.join(format!("{name}.checksum"))).unwrap();
    }
}

#[tokio::test]
async fn a_damaged_export_is_not_read() {
    check_damage(
        |it| edit(&it.join("manifest-files.json"), "e-1", "e-2"),
        "manifest-files.checksum`: is not the digest",
    )
    .await;
    check_damage(
        |it| std::fs::remove_file(it.join("manifest-files.json")).unwrap(),
        "manifest-files.json` is missing",
    )
    .await;
    check_damage(
        |it| std::fs::remove_file(it.join("data/a.json.gz")).unwrap(),
        "data/a.json.gz` is missing",
    )
    .await;
    check_damage(|it| std::fs::write(it.join("data/a.json.gz"), "").unwrap(), "cannot be unpacked")
        .await;
    let packed_again = |it: &Path| {
        std::fs::write(it.join("data/a.json.gz"), pack(&items(3), Compression::none())).unwrap();
    };
    check_damage(packed_again, "has not the MD5").await;
    check_damage(
        |it| {
            let path = it.join("data/a.json.gz");
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        },
        "cannot be unpacked",
    )
    .await;
    check_damage(
        |it| {
            without_checksums(it);
            edit(&it.join("manifest-summary.json"), "\"itemCount\":3", "\"itemCount\":4");
        },
        "says 4 items, the files of manifest-files.json have 3",
    )
    .await;
    check_damage(
        |it| {
            without_checksums(it);
            edit(&it.join("manifest-summary.json"), "\"itemCount\":3", "\"itemCount\":4");
            edit(&it.join("manifest-files.json"), "\"itemCount\":3", "\"itemCount\":4");
        },
        "has 3 items, its manifest says 4",
    )
    .await;
    check_damage(
        |it| edit(&it.join("manifest-summary.checksum"), "=", "!"),
        "is no MD5 and no SHA-256",
    )
    .await;
}

#[tokio::test]
async fn another_export_than_the_dataset_means_is_refused() {
    let root = TempDir::new().unwrap();
    let folder = Writer::full(root.path(), "01").file("a.json.gz", &items(1)).finish();
    check_failure(read_all(&exports(&folder, true)).await, "is no incremental export of `orders`");
    let other = Exports { table: Some("customers".into()), ..exports(&folder, false) };
    check_failure(read_all(&other).await, "is no full export of `customers`");
    check_failure(
        read_all(&exports(&root.path().join("nothing"), false)).await,
        "no full export of the table has been in",
    );
}

#[tokio::test]
async fn a_full_export_is_read_whole_with_empty_files() {
    let root = TempDir::new().unwrap();
    let folder = Writer::full(root.path(), "01")
        .file("a.json.gz", &items(2))
        .file("empty.json.gz", &[])
        .file("b.json.gz", &[item("last", 9)])
        .finish();
    let exports = exports(&folder, false);
    let chunks = read_all(&exports).await.unwrap();
    let keys: Vec<_> = rows(&chunks).into_iter().map(|it| (it.0, it.1)).collect();
    assert_eq!(keys, [("o#0".into(), Some(0)), ("o#1".into(), Some(1)), ("last".into(), Some(9))]);
    assert_eq!(exports.count(&everything()).await.unwrap(), Some(3));
}

#[tokio::test]
async fn a_line_that_is_no_item_is_rejected_with_its_place() {
    let root = TempDir::new().unwrap();
    let lines = [
        item("a", 1),
        "{\"Item\": {\"pk\"".into(),
        json!({"Item": {"pk": {"S": "b"}, "qty": {"S": "x"}}}).to_string(),
    ];
    let folder = Writer::full(root.path(), "01").file("a.json.gz", &lines).finish();
    let chunks = read_all(&exports(&folder, false)).await.unwrap();
    let told: Vec<_> = chunks[0].rejected.iter().map(|it| (&it.place, &it.record)).collect();
    let place = |line: u32| format!("{}, line {line}", folder.join("data/a.json.gz").display());
    assert_eq!(told, [(&place(2), &lines[1]), (&place(3), &lines[2])]);
    assert_eq!(rows(&chunks).len(), 1);
}

#[tokio::test]
async fn reading_goes_on_behind_any_chunk_with_the_same_chunks() {
    let root = TempDir::new().unwrap();
    let folder = Writer::full(root.path(), "01").file("a.json.gz", &items(40_000)).finish();
    let exports = exports(&folder, false);
    let split = &exports.splits(&everything()).await.unwrap()[0];
    let chunks = read(&exports, split, None).await.unwrap();
    let sizes: Vec<_> = chunks.iter().map(|it| it.rows.num_rows()).collect();
    assert_eq!(sizes, [16_384, 16_384, 7_232]);
    for done in 0..chunks.len() {
        let rest = read(&exports, split, Some(&chunks[done].checkpoint)).await.unwrap();
        let rest: Vec<_> = rest.into_iter().map(|it| (it.rows, it.checkpoint)).collect();
        let expected: Vec<_> =
            chunks[done + 1..].iter().map(|it| (it.rows.clone(), it.checkpoint.clone())).collect();
        assert_eq!(rest, expected);
    }
}

#[tokio::test]
async fn an_incremental_export_has_changes_and_deletions() {
    let root = TempDir::new().unwrap();
    let keys = json!({"pk": {"S": "a"}});
    let lines = [
        json!({"Metadata": {"WriteTimestampMicros": {"N": "5"}}, "Keys": keys, "NewImage": {"pk": {"S": "a"}, "qty": {"N": "1"}}}),
        json!({"Metadata": {"WriteTimestampMicros": 6}, "Keys": {"pk": {"S": "b"}}, "OldImage": {"pk": {"S": "b"}, "qty": {"N": "2"}}}),
        json!({"Metadata": {"WriteTimestampMicros": {"N": "soon"}}, "Keys": keys}),
    ];
    let lines = lines.map(|it| it.to_string());
    let folder = Writer::incremental(root.path(), "02", "2026-03-01T01:00:00Z")
        .file("a.json.gz", &lines)
        .finish();
    // The files of incremental exports lie beside their folders.
    std::fs::rename(folder.join("data"), root.path().join("data")).unwrap();
    let chunks = read_all(&exports(&folder, true)).await.unwrap();
    assert_eq!(rows(&chunks), [("a".into(), Some(1), false, 5), ("b".into(), None, true, 6)]);
    assert!(chunks[0].rejected[0].reason.contains("`soon`"));
}

#[tokio::test]
async fn ion_says_the_same_as_json() {
    let root = TempDir::new().unwrap();
    let mut full = Writer::full(root.path(), "01");
    full.summary["outputFormat"] = json!("ION");
    let folder = full
        .file(
            "a.ion.gz",
            &[
                "$ion_1_0".into(),
                "{Item:{pk:\"a\",qty:1.}}".into(),
                "$ion_1_0 {Item:{pk:\"b\",qty:2d1}}".into(),
            ],
        )
        .finish();
    let chunks = read_all(&exports(&folder, false)).await.unwrap();
    assert_eq!(rows(&chunks), [("a".into(), Some(1), false, 0), ("b".into(), Some(20), false, 0)]);

    let mut incremental = Writer::incremental(root.path(), "02", "2026-03-01T01:00:00Z");
    incremental.summary["outputFormat"] = json!("ION");
    let lines = [
        "$ion_1_0",
        "{Metadata:{WriteTimestampMicros:5.},Keys:{pk:\"a\"},NewImage:{pk:\"a\",qty:1.}}",
        "{Metadata:{WriteTimestampMicros:6.},Keys:{pk:\"b\"}}",
    ];
    let folder = incremental.file("a.ion.gz", &lines.map(str::to_owned)).finish();
    let chunks = read_all(&exports(&folder, true)).await.unwrap();
    assert_eq!(rows(&chunks), [("a".into(), Some(1), false, 5), ("b".into(), None, true, 6)]);
}

#[tokio::test]
async fn of_many_exports_the_newest_full_one_counts_and_every_incremental_one_in_order() {
    let root = TempDir::new().unwrap();
    let change = |key: &str| {
        json!({"Metadata": {"WriteTimestampMicros": 1}, "Keys": {"pk": {"S": key}}}).to_string()
    };
    Writer::incremental(root.path(), "z", "2026-03-01T01:00:00Z")
        .file("1.json.gz", &[change("first")])
        .finish();
    Writer::incremental(root.path(), "a", "2026-03-01T02:00:00Z")
        .file("2.json.gz", &[change("second")])
        .finish();
    Writer::full(root.path(), "y").file("a.json.gz", &[item("old", 1)]).finish();
    let mut newest = Writer::full(root.path(), "b");
    newest.summary["exportTime"] = json!("2026-03-02T00:00:00Z");
    newest.file("a.json.gz", &[item("new", 1)]).finish();
    let mut other = Writer::full(root.path(), "c");
    other.summary["tableArn"] = json!("arn:aws:dynamodb:eu-west-1:123456789012:table/customers");
    other.file("a.json.gz", &[item("other", 1)]).finish();

    let keys = |chunks: Vec<Chunk>| rows(&chunks).into_iter().map(|it| it.0).collect::<Vec<_>>();
    assert_eq!(keys(read_all(&exports(root.path(), false)).await.unwrap()), ["new"]);
    assert_eq!(keys(read_all(&exports(root.path(), true)).await.unwrap()), ["first", "second"]);
}

#[tokio::test]
async fn a_window_has_what_is_complete_by_its_end_however_old_it_is() {
    let root = TempDir::new().unwrap();
    let mut late = Writer::incremental(root.path(), "01", "2026-03-01T01:00:00Z");
    // Complete long after what it covers, and after it was written here.
    late.summary["endTime"] = json!("2100-01-01T00:00:00Z");
    late.file("a.json.gz", &[]).finish();
    let exports = exports(root.path(), true);
    let at = |from: &str, to: &str| Window {
        from: Some(from.parse().unwrap()),
        to: to.parse().unwrap(),
    };
    let before = at("2026-01-01T00:00:00Z", "2100-01-01T00:00:00Z");
    let after = at("2100-01-02T00:00:00Z", "2100-01-03T00:00:00Z");
    assert_eq!(exports.splits(&before).await.unwrap(), []);
    assert_eq!(exports.splits(&after).await.unwrap().len(), 1);
    let since = Some("2100-01-02T00:00:00Z".parse().unwrap());
    assert_eq!(Exports { since, ..exports }.splits(&after).await.unwrap(), []);
}

#[tokio::test]
async fn an_export_that_comes_while_another_one_is_read_takes_nothing_from_it() {
    let root = TempDir::new().unwrap();
    let changes = |from: usize, count: usize| {
        let change = |it: usize| json!({"Metadata": {"WriteTimestampMicros": 1}, "Keys": {"pk": {"S": format!("o#{it}")}}});
        (from..from + count).map(|it| change(it).to_string()).collect::<Vec<_>>()
    };
    Writer::incremental(root.path(), "b", "2026-03-01T02:00:00Z")
        .file("b.json.gz", &changes(0, 20_000))
        .finish();
    let exports = exports(root.path(), true);
    let split = exports.splits(&everything()).await.unwrap().remove(0);
    let first = read(&exports, &split, None).await.unwrap().remove(0);
    // It tells of an earlier time, so that it comes first in the order.
    Writer::incremental(root.path(), "a", "2026-03-01T01:00:00Z")
        .file("a.json.gz", &changes(30_000, 1))
        .finish();
    let rest = read(&exports, &split, Some(&first.checkpoint)).await.unwrap();
    let keys: BTreeSet<_> =
        rows(&[vec![first], rest].concat()).into_iter().map(|it| it.0).collect();
    assert_eq!(keys.len(), 20_000);
    assert!(!keys.contains("o#30000"));
}
