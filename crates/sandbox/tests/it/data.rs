//! The data: the same for the same seed, and whole when snapshot and increments are put together.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stepwell_sandbox::dap::{Advance, Awkward, Evolution, Options, SourceError};

use super::support::{Fixture, NOW, Replica, apply, by_key, options};

fn all_changes(seed: u64, changes: u64) -> Advance {
    Advance { seed, changes, tables: vec![] }
}

#[tokio::test]
async fn the_seed_decides_everything() {
    let history = async |seed| {
        let fixture = Fixture::start(Options { seed, awkward: Awkward::all(), ..options() }).await;
        fixture.sandbox.advance(&all_changes(5, 500)).unwrap();
        let tables = fixture.sandbox.tables();
        tables.iter().map(|table| fixture.truth(table)).collect::<Vec<_>>()
    };
    let first = history(7).await;
    assert_eq!(history(7).await, first);
    assert_ne!(history(8).await, first);
}

#[tokio::test]
async fn files_are_the_same_for_the_same_seed() {
    let file = async || {
        let fixture = Fixture::small().await;
        let job = fixture.complete_job("canvas.submissions", json!({"format": "tsv"})).await;
        fixture.files(&job).await
    };
    assert_eq!(file().await, file().await);
}

#[tokio::test]
async fn rows_are_spread_as_asked() {
    let rows = [("canvas.users".to_owned(), 77), ("canvas.roles".to_owned(), 0)].into();
    let fixture = Fixture::start(Options { rows, ..options() }).await;
    assert_eq!(fixture.truth("canvas.users").len(), 77);
    assert_eq!(fixture.truth("canvas.roles").len(), 0);
    assert!(fixture.truth("canvas.submissions").len() > fixture.truth("canvas.courses").len());
}

#[tokio::test]
async fn unknown_tables_are_named_and_nothing_changes() {
    let fixture = Fixture::small().await;
    let wanted = Advance {
        seed: 1,
        changes: 10,
        tables: vec!["canvas.users".to_owned(), "canvas.x".to_owned()],
    };
    let before = fixture.truth("canvas.users");
    assert_eq!(
        fixture.sandbox.advance(&wanted),
        Err(SourceError::NoSuchTable("canvas.x".to_owned()))
    );
    assert_eq!(fixture.truth("canvas.users"), before);
    assert!(fixture.sandbox.rows("canvas.x").is_err());
}

#[tokio::test]
async fn an_advance_makes_every_kind_of_change() {
    let fixture = Fixture::small().await;
    let wanted = Advance { seed: 3, changes: 400, tables: vec!["canvas.users".to_owned()] };
    let made = fixture.sandbox.advance(&wanted).unwrap()["canvas.users"];
    let kinds = [made.inserted, made.updated, made.soft_deleted, made.deleted, made.deleted_unseen];
    assert!(kinds.iter().all(|count| *count > 0), "{made:?}");
    assert_eq!(kinds.iter().sum::<u64>(), 400);

    let (_, lines) = fixture.lines("canvas.users", json!({"format": "jsonl", "since": NOW})).await;
    let of = |action: &str| lines.iter().filter(|line| line["meta"]["action"] == action).count();
    assert!(of("U") > 0 && of("D") > 0);
    assert!(lines.iter().any(|line| line["value"]["workflow_state"] == "deleted"
        && line["value"]["deleted_at"].is_string()));
}

/// Snapshot and increments, put together, are the truth: over changes of rows and schemas, and for every table.
#[tokio::test]
async fn snapshot_and_increments_make_the_truth() {
    for repeat_boundary in [false, true] {
        let options =
            Options { repeat_boundary, awkward: Awkward::all(), rows_per_part: 100, ..options() };
        let fixture = Fixture::start(options).await;
        for table in fixture.sandbox.tables() {
            let (job, lines) = fixture.lines(&table, json!({"format": "jsonl"})).await;
            let mut since = job["at"].clone();
            let mut replica = Replica::new();
            apply(&mut replica, &lines, &by_key(fixture.truth(&table)).1);
            assert_eq!(replica, by_key(fixture.truth(&table)).0, "{table}");

            for seed in 1..=3 {
                fixture.move_clock(1);
                let changes = Advance { seed, changes: 40, tables: vec![table.clone()] };
                fixture.sandbox.advance(&changes).unwrap();
                let (job, lines) =
                    fixture.lines(&table, json!({"format": "jsonl", "since": since})).await;
                since = job["until"].clone();
                let (truth, columns) = by_key(fixture.truth(&table));
                apply(&mut replica, &lines, &columns);
                assert_eq!(replica, truth, "{table} after advance {seed}");
            }
        }
    }
}

#[tokio::test]
async fn a_window_holds_what_changed_in_it_and_not_after_it() {
    let fixture = Fixture::small().await;
    let change = |seed| {
        fixture.move_clock(60);
        fixture
            .sandbox
            .advance(&Advance { seed, changes: 60, tables: vec!["canvas.users".to_owned()] })
            .unwrap();
    };
    change(1);
    let middle = "2026-02-15T09:01:00Z";
    change(2);
    let keys = async |query: Value| -> BTreeSet<i64> {
        let (_, lines) = fixture.lines("canvas.users", query).await;
        lines.iter().map(|line| line["key"]["id"].as_i64().unwrap()).collect()
    };
    let early = keys(json!({"format": "jsonl", "since": NOW, "until": middle})).await;
    let late = keys(json!({"format": "jsonl", "since": middle})).await;
    let both = keys(json!({"format": "jsonl", "since": NOW})).await;
    assert!(early.is_disjoint(&late));
    assert_eq!(early.union(&late).copied().collect::<BTreeSet<_>>(), both);
}

#[tokio::test]
async fn the_boundary_is_repeated_when_asked() {
    let keys_at_boundary = async |repeat_boundary| {
        let fixture = Fixture::start(Options { repeat_boundary, ..options() }).await;
        fixture.move_clock(60);
        fixture.sandbox.advance(&all_changes(1, 300)).unwrap();
        let (_, lines) = fixture
            .lines("canvas.users", json!({"format": "jsonl", "since": "2026-02-15T09:01:00Z"}))
            .await;
        lines.len()
    };
    assert_eq!(keys_at_boundary(false).await, 0);
    assert!(keys_at_boundary(true).await > 0);
}

#[tokio::test]
async fn new_columns_are_filled_as_rows_change() {
    let fixture = Fixture::small().await;
    let evolve = |change: Value| {
        let change: Evolution = serde_json::from_value(change).unwrap();
        fixture.sandbox.evolve("canvas.users", &change).unwrap();
    };
    evolve(json!({"kind": "add_column", "column": "nickname", "type": "s64"}));
    evolve(
        json!({"kind": "add_required_column", "column": "level", "type": "int32", "default": 7}),
    );
    let unchanged = |row: &Value| row["nickname"].is_null() && row["level"] == 7;
    assert!(fixture.truth("canvas.users").iter().all(unchanged));

    fixture.move_clock(60);
    fixture
        .sandbox
        .advance(&Advance { seed: 1, changes: 100, tables: vec!["canvas.users".to_owned()] })
        .unwrap();
    let rows = fixture.truth("canvas.users");
    assert!(rows.iter().any(|row| row["nickname"].is_string() && row["level"] != 7));
    assert!(rows.iter().any(unchanged));
}

#[tokio::test]
async fn a_reload_changes_rows_and_drops_some() {
    let fixture = Fixture::small().await;
    let (before, _) = by_key(fixture.truth("canvas.submissions"));
    fixture.sandbox.reload("canvas.submissions").unwrap();
    let (after, _) = by_key(fixture.truth("canvas.submissions"));
    assert!(after.len() < before.len());
    assert!(after.keys().all(|key| before.contains_key(key)));
    assert!(after.iter().all(|(key, row)| before[key] != *row));
}

#[tokio::test]
async fn web_logs_come_at_least_once() {
    let fixture = Fixture::start(Options {
        rows: [("canvas_logs.web_logs".to_owned(), 100)].into(),
        ..options()
    })
    .await;
    let (_, lines) = fixture.lines("canvas_logs.web_logs", json!({"format": "jsonl"})).await;
    let keys: BTreeSet<&str> =
        lines.iter().map(|line| line["key"]["id"].as_str().unwrap()).collect();
    assert_eq!((keys.len(), lines.len()), (100, 105));
}

#[tokio::test]
async fn every_awkward_value_turns_up_when_asked_and_only_then() {
    let rows = |awkward| Options {
        awkward,
        rows: [
            ("canvas.submissions".to_owned(), 3_000),
            ("new_quizzes.type_samples".to_owned(), 500),
        ]
        .into(),
        ..options()
    };
    let text = async |awkward| {
        let fixture = Fixture::start(rows(awkward)).await;
        let tables = ["canvas.submissions", "new_quizzes.type_samples"];
        let rows: Vec<Value> = tables.iter().flat_map(|table| fixture.truth(table)).collect();
        Value::from(rows).to_string()
    };
    let signs: [(Awkward, &str); 12] = [
        (Awkward::EmptyText, r#":"""#),
        (Awkward::ControlText, r#""tab\there""#),
        (Awkward::Emoji, "🎓"),
        (Awkward::NullWord, r#""NULL""#),
        (Awkward::LongText, "long long long long"),
        (Awkward::NulInJson, r"a\u0000b"),
        (Awkward::NonFiniteFloat, r#""-Infinity""#),
        (Awkward::FarTimestamp, r#""+1"#),
        (Awkward::AncientTimestamp, r#""-1"#),
        (Awkward::OpenEnumOutsider, "outsider-"),
        (Awkward::UnspecifiedEnum, "__dap_unspecified__"),
        (Awkward::OversizedSentinel, "__dap_oversized_truncated__"),
    ];
    let ordinary = text(BTreeSet::new()).await;
    for (awkward, sign) in signs {
        assert!(text([awkward].into()).await.contains(sign), "{awkward:?}");
        assert!(!ordinary.contains(sign), "{awkward:?}");
    }
}
