//! All formats say the same: the truth, read back from each of them.

use std::collections::BTreeMap;

use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Value, json};
use stepwell_sandbox::dap::{Advance, Awkward, Options};

use super::support::{Fixture, NOW, options};

/// A record by header; null is none.
type Record = BTreeMap<String, Option<String>>;

async fn awkward_fixture() -> Fixture {
    let rows = [("new_quizzes.type_samples".to_owned(), 400)].into();
    Fixture::start(Options { awkward: Awkward::all(), rows, ..options() }).await
}

/// The truth as a tabular format shows it: text, null where there is none.
fn expected(truth: &[Value], key: &str) -> Vec<Record> {
    let cell = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let record = |row: &Value| {
        let columns = row.as_object().unwrap().iter();
        columns
            .map(|(name, value)| {
                let section = if name == key { "key" } else { "value" };
                (format!("{section}.{name}"), cell(value))
            })
            .collect()
    };
    truth.iter().map(record).collect()
}

fn without_meta(records: Vec<Record>) -> Vec<Record> {
    let strip = |record: Record| {
        record.into_iter().filter(|(name, _)| !name.starts_with("meta.")).collect()
    };
    records.into_iter().map(strip).collect()
}

#[tokio::test]
async fn condensed_tsv_and_csv_read_back_as_the_truth() {
    let fixture = awkward_fixture().await;
    let table = "new_quizzes.type_samples";
    let truth = expected(&fixture.truth(table), "id");
    for (format, read) in [("tsv", read_tsv as fn(&str) -> Vec<Record>), ("csv", read_csv)] {
        let job = fixture.complete_job(table, json!({"format": format, "mode": "condensed"})).await;
        let text = fixture.texts(&job).await.concat();
        let records = without_meta(read(&text));
        assert_eq!(records.len(), truth.len(), "{format}");
        for (record, row) in records.iter().zip(&truth) {
            assert_eq!(record, row, "{format}");
        }
    }
}

#[tokio::test]
async fn expanded_objects_become_columns() {
    let fixture = awkward_fixture().await;
    let table = "new_quizzes.type_samples";
    let truth = fixture.truth(table);
    let job = fixture.complete_job(table, json!({"format": "tsv"})).await;
    let records = read_tsv(&fixture.texts(&job).await.concat());
    assert!(truth.iter().any(|row| row["an_object"]["text"].is_string()));
    for (record, row) in records.iter().zip(&truth) {
        assert!(!record.contains_key("value.an_object"));
        let text = row["an_object"].get("text").and_then(Value::as_str);
        assert_eq!(record["value.an_object.text"].as_deref(), text);
    }
}

#[tokio::test]
async fn parquet_reads_back_as_the_truth() {
    let fixture = awkward_fixture().await;
    let table = "new_quizzes.type_samples";
    let truth = fixture.truth(table);
    let job = fixture.complete_job(table, json!({"format": "parquet", "mode": "condensed"})).await;
    let file = Bytes::from(fixture.files(&job).await.remove(0));
    let reader = SerializedFileReader::new(file).unwrap();
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), truth.len());
    for (row, expected) in rows.iter().zip(&truth) {
        for (name, field) in row.get_column_iter() {
            let Some((_, column)) = name.split_once('.').filter(|(section, _)| *section != "meta")
            else {
                continue;
            };
            assert_field(field, &expected[column], name);
        }
    }
}

#[track_caller]
fn assert_field(field: &Field, expected: &Value, name: &str) {
    match field {
        Field::Null => assert!(expected.is_null(), "{name}"),
        Field::Bool(value) => assert_eq!(expected, value, "{name}"),
        Field::Short(value) => assert_eq!(expected, value, "{name}"),
        Field::Int(value) => assert_eq!(expected, value, "{name}"),
        Field::Long(value) => assert_eq!(expected, value, "{name}"),
        Field::Str(value) => assert_eq!(
            expected.as_str().map_or(expected.to_string(), str::to_owned),
            *value,
            "{name}"
        ),
        // Their text is the library's own; the other formats check it.
        Field::Float(_)
        | Field::Double(_)
        | Field::Date(_)
        | Field::TimestampMicros(_)
        | Field::Decimal(_) => {
            assert!(!expected.is_null(), "{name}");
        }
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test]
async fn deletes_have_a_key_and_nothing_else_in_every_format() {
    let fixture = awkward_fixture().await;
    fixture.move_clock(60);
    let table = "new_quizzes.type_samples";
    fixture
        .sandbox
        .advance(&Advance { seed: 1, changes: 60, tables: vec![table.to_owned()] })
        .unwrap();
    for (format, read) in [("tsv", read_tsv as fn(&str) -> Vec<Record>), ("csv", read_csv)] {
        let job = fixture.complete_job(table, json!({"format": format, "since": NOW})).await;
        let records = read(&fixture.texts(&job).await.concat());
        let deletes: Vec<&Record> =
            records.iter().filter(|record| record["meta.action"].as_deref() == Some("D")).collect();
        assert!(!deletes.is_empty());
        for record in deletes {
            let given: Vec<&String> =
                record.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name).collect();
            assert_eq!(given, ["key.id", "meta.action", "meta.ts"], "{format}");
        }
    }
}

fn read_tsv(text: &str) -> Vec<Record> {
    let mut lines = text.split('\n');
    let headers: Vec<&str> = lines.next().unwrap().split('\t').collect();
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            headers
                .iter()
                .map(|name| (*name).to_owned())
                .zip(line.split('\t').map(unescape))
                .collect()
        })
        .collect()
}

fn unescape(field: &str) -> Option<String> {
    if field == "\\N" {
        return None;
    }
    let mut out = String::new();
    let mut chars = field.chars();
    while let Some(char) = chars.next() {
        out.push(match (char, char == '\\') {
            (_, true) => match chars.next().unwrap() {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'v' => '\u{b}',
                other => other,
            },
            (char, false) => char,
        });
    }
    Some(out)
}

fn read_csv(text: &str) -> Vec<Record> {
    let mut records = csv_records(text).into_iter();
    let headers: Vec<String> = records.next().unwrap().into_iter().map(Option::unwrap).collect();
    records.map(|record| headers.iter().cloned().zip(record).collect()).collect()
}

/// RFC 4180, where an unquoted `NULL` and an unquoted nothing are null.
fn csv_records(text: &str) -> Vec<Vec<Option<String>>> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut inside) = (false, false);
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if inside && chars.peek() == Some(&'"') => field.push(chars.next().unwrap()),
            '"' => (quoted, inside) = (true, !inside),
            ',' | '\r' if !inside => {
                let null = !quoted && (field.is_empty() || field == "NULL");
                record.push((!null).then(|| std::mem::take(&mut field)));
                (field, quoted) = (String::new(), false);
            }
            '\n' if !inside => records.push(std::mem::take(&mut record)),
            other => field.push(other),
        }
    }
    records
}
