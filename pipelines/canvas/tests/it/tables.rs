//! Tables come in step and stay in step.

use std::time::Duration;

use serde_json::json;
use stepwell_sandbox::dap::{Advance, Awkward, Endpoint, Evolution, Fault, FaultRule, Options};

use crate::support::Bench;

const TABLES: [&str; 4] = ["users", "courses", "enrollments", "submissions"];

fn options() -> Options {
    Options { total_rows: 3_000, rows_per_part: 200, ..Options::default() }
}

fn changes(seed: u64, tables: &[&str]) -> Advance {
    let tables = tables.iter().map(|table| format!("canvas.{table}")).collect();
    Advance { seed, changes: 400, tables }
}

#[tokio::test]
async fn a_first_load_an_increment_and_nothing_new() {
    let bench = Bench::start(options()).await;
    let first = bench.sync(&TABLES).await;
    bench.assert_in_step(&TABLES);
    assert_eq!(first.summary["proven"], 4);
    assert!(first.summary["results"].as_array().unwrap().iter().all(|it| it["mode"] == "snapshot"));

    let moved = bench.sandbox.advance(&changes(7, &TABLES)).unwrap();
    let second = bench.sync(&TABLES).await;
    bench.assert_in_step(&TABLES);
    assert!(moved.values().map(|it| it.inserted).sum::<u64>() > 0);
    assert!(second.summary["inserted"].as_u64().unwrap() > 0, "{:#}", second.summary);
    assert!(second.summary["deleted"].as_u64().unwrap() > 0);

    let before = std::fs::read(bench.database()).unwrap();
    let third = bench.sync(&TABLES).await;
    assert_eq!(third.summary["unchanged"], 4, "{:#}", third.summary);
    assert_eq!((&third.summary["proven"], &third.summary["proven_before"]), (&json!(0), &json!(4)));
    assert_eq!(std::fs::read(bench.database()).unwrap().len(), before.len());
    bench.assert_in_step(&TABLES);
}

#[tokio::test]
async fn awkward_values_keep_their_value() {
    let bench = Bench::start(Options { awkward: Awkward::all(), ..options() }).await;
    bench.sync(&TABLES).await;
    bench.assert_in_step(&TABLES);
    bench.sandbox.advance(&changes(3, &TABLES)).unwrap();
    bench.sync(&TABLES).await;
    bench.assert_in_step(&TABLES);
}

#[tokio::test]
async fn files_of_many_gzip_members_are_read_whole() {
    let bench = Bench::start(Options { rows_per_gzip_member: Some(7), ..options() }).await;
    bench.sync(&["users"]).await;
    bench.assert_in_step(&["users"]);
}

#[tokio::test]
async fn rows_that_come_again_at_the_boundary_are_harmless() {
    let bench = Bench::start(Options { repeat_boundary: true, ..options() }).await;
    bench.sync(&["users"]).await;
    for seed in 1..4 {
        bench.sandbox.advance(&changes(seed, &["users"])).unwrap();
        bench.sync(&["users"]).await;
        bench.assert_in_step(&["users"]);
    }
}

/// The time of day decides how much earlier a query begins that must not be taken for one from before, up to 87 ms. What is
/// asked for is then after the first of all changes at any time of day.
fn begin_of_changes_passes(bench: &Bench) {
    bench.sandbox.move_clock(Duration::from_secs(1));
}

#[tokio::test]
async fn the_schema_changes_without_a_new_snapshot() {
    let bench = Bench::with(options(), json!({"backfill_new_columns": false})).await;
    bench.sync(&["users"]).await;
    let column = || "nickname".to_owned();
    let added = Evolution::AddColumn { column: column(), r#type: "s255".into() };
    bench.sandbox.evolve("canvas.users", &added).unwrap();
    begin_of_changes_passes(&bench);
    bench.sandbox.advance(&changes(1, &["users"])).unwrap();
    let report = bench.sync(&["users"]).await;
    assert_eq!(report.summary["results"][0]["mode"], "increment");
    assert_ne!(report.summary["results"][0]["schema_changes"], json!([]));
    let warnings = report.summary["results"][0]["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].as_str().unwrap().contains("`nickname` is new and was not back-filled"));
    bench.assert_in_step(&["users"]);
    let report = bench.sync(&["users"]).await;
    assert_eq!(report.summary["results"][0]["warnings"], json!([]));

    bench.sandbox.move_clock(Duration::from_hours(3));
    bench.sandbox.evolve("canvas.users", &Evolution::DropColumn { column: column() }).unwrap();
    bench.sandbox.advance(&changes(2, &["users"])).unwrap();
    bench.sync(&["users"]).await;
    bench.assert_in_step(&["users"]);
}

fn filled(column: &str) -> Evolution {
    Evolution::AddFilledColumn { column: column.into(), r#type: "s255".into() }
}

#[tokio::test]
async fn new_columns_are_filled_in_rows_that_do_not_change() {
    let bench = Bench::start(options()).await;
    bench.sync(&["users"]).await;
    bench.sandbox.evolve("canvas.users", &filled("nickname")).unwrap();
    bench.sandbox.evolve("canvas.users", &filled("motto")).unwrap();
    bench.sandbox.advance(&changes(1, &["users"])).unwrap();
    let report = bench.sync(&["users"]).await;
    bench.assert_in_step(&["users"]);
    let result = &report.summary["results"][0];
    assert_eq!(result["mode"], "snapshot", "{result:#}");
    let reason = result["resnapshot"].as_str().unwrap();
    assert!(reason.contains("`nickname`, `motto`"), "{reason}");
    assert_eq!(result["schema_changes"].as_array().unwrap().len(), 2, "{result:#}");
    assert_eq!(bench.sync(&["users"]).await.summary["unchanged"], 1);
}

/// Nothing is missing where there are no rows, or where a default stands in them.
#[tokio::test]
async fn new_columns_without_values_need_no_snapshot() {
    let rows = [("canvas.users".to_owned(), 0)].into();
    let bench = Bench::start(Options { rows, ..options() }).await;
    bench.sync(&["users", "courses"]).await;
    bench.sandbox.evolve("canvas.users", &filled("nickname")).unwrap();
    let required = Evolution::AddRequiredColumn {
        column: "level".into(),
        r#type: "int32".into(),
        default: json!(7),
    };
    bench.sandbox.evolve("canvas.courses", &required).unwrap();
    let report = bench.sync(&["users", "courses"]).await;
    bench.assert_in_step(&["users", "courses"]);
    for result in report.summary["results"].as_array().unwrap() {
        assert_eq!((&result["mode"], &result["warnings"]), (&json!("unchanged"), &json!([])));
        assert_ne!(result["schema_changes"], json!([]), "{result:#}");
    }
}

/// What the service does not have any more stays, and what may be missing is told.
#[tokio::test]
async fn a_new_snapshot_of_logs_is_merged() {
    let bench = Bench::start(options()).await;
    let input = json!({"namespace": "canvas_logs"});
    let count = || rows(&bench, "SELECT count(*) FROM canvas_logs__web_logs");
    assert_eq!(bench.run(input.clone()).await.summary["proven"], 1);
    let before = count();
    bench.sandbox.move_clock(Duration::from_hours(40 * 24));
    bench.sandbox.reload("canvas_logs.web_logs").unwrap();
    let report = bench.run(input).await;
    let result = &report.summary["results"][0];
    assert_eq!((&result["mode"], &result["proven"]), (&json!("snapshot"), &json!(true)));
    assert_eq!(result["deleted"], 0, "{result:#}");
    assert_eq!(count(), before, "the reload has lost rows, the replica none");
    let warning = result["warnings"][0].as_str().unwrap();
    assert!(warning.contains("may lack rows from") && warning.contains("30 days"), "{warning}");
}

/// A snapshot of logs is merged: it would not replace the values either.
#[tokio::test]
async fn logs_whose_values_cannot_be_kept_fail_by_name_at_once() {
    let bench = Bench::start(options()).await;
    let input = json!({"namespace": "canvas_logs"});
    bench.run(input.clone()).await;
    let created = || bench.sandbox.requests()[&Endpoint::CreateJob];
    let retyped = Evolution::ChangeType { column: "url".into(), r#type: "int64".into() };
    bench.sandbox.evolve("canvas_logs.web_logs", &retyped).unwrap();
    let before = created();
    let failure = bench.run(input.clone()).await.summary["failures"][0].take();
    assert_eq!(failure["error"], "Data", "{failure:#}");
    let cause = failure["cause"].as_str().unwrap();
    assert!(cause.contains("`url`") && cause.contains("rename the old column"), "{cause}");
    assert_eq!(created() - before, 1, "no snapshot was asked for");

    let connection = rusqlite::Connection::open(bench.database()).unwrap();
    let rename = "ALTER TABLE canvas_logs__web_logs RENAME COLUMN url TO old_url";
    connection.execute_batch(rename).unwrap();
    let report = bench.run(input).await;
    assert_eq!(report.summary["failed"], 0, "{:#}", report.summary);
}

/// Older rows are nowhere to be had with the new column.
#[tokio::test]
async fn older_logs_are_told_to_lack_new_columns() {
    let bench = Bench::start(options()).await;
    let input = json!({"namespace": "canvas_logs"});
    bench.run(input.clone()).await;
    bench.sandbox.move_clock(Duration::from_hours(25));
    bench.sandbox.evolve("canvas_logs.web_logs", &filled("motto")).unwrap();
    let report = bench.run(input.clone()).await;
    let result = &report.summary["results"][0];
    assert_eq!(result["mode"], "snapshot", "{:#}", report.summary);
    let warnings = result["warnings"].to_string();
    assert!(
        warnings.contains("from before") && warnings.contains("keep null in `motto`"),
        "{warnings}"
    );
    let again = bench.run(input).await;
    assert_eq!(again.summary["results"][0]["warnings"], json!([]), "{:#}", again.summary);
}

/// What the increment brought stands, and is told.
#[tokio::test]
async fn a_snapshot_that_fails_to_fill_does_not_hide_the_increment() {
    // The snapshot and the increment before are the first two jobs.
    let fault = Fault::FailJob { message: "no room".into() };
    let rule = FaultRule::new(Endpoint::CreateJob, fault).about("canvas.users").after(2);
    let bench = Bench::start(Options { faults: vec![rule], ..options() }).await;
    bench.sync(&["users"]).await;
    bench.sandbox.move_clock(Duration::from_hours(25));
    bench.sandbox.evolve("canvas.users", &filled("nickname")).unwrap();
    bench.sandbox.advance(&changes(1, &["users"])).unwrap();
    let report = bench.sync(&["users"]).await;
    let result = &report.summary["results"][0];
    assert_eq!((&result["mode"], &result["proven"]), (&json!("increment"), &json!(true)));
    let warning = result["warnings"][0].as_str().unwrap();
    assert!(warning.contains("`nickname`") && warning.contains("but it failed"), "{warning}");
}

/// The service remembers a snapshot for a day, and there are two formats to ask for one in.
#[tokio::test]
async fn a_snapshot_from_before_the_new_column_does_not_fill_it() {
    let bench = Bench::start(options()).await;
    bench.sync(&["courses"]).await;
    bench.sandbox.evolve("canvas.courses", &filled("motto")).unwrap();
    bench.sandbox.advance(&changes(9, &["courses"])).unwrap();
    let report = bench.sync(&["courses"]).await;
    assert_eq!(report.summary["results"][0]["mode"], "snapshot", "{:#}", report.summary);
    bench.assert_in_step(&["courses"]);

    bench.sandbox.evolve("canvas.courses", &filled("crest")).unwrap();
    for seed in 1..3 {
        bench.sandbox.move_clock(Duration::from_hours(1));
        bench.sandbox.advance(&changes(seed, &["courses"])).unwrap();
        let report = bench.sync(&["courses"]).await;
        let result = &report.summary["results"][0];
        assert_eq!(result["mode"], "increment", "{result:#}");
        assert!(result["inserted"].as_u64().unwrap() > 0, "{result:#}");
        let warning = result["warnings"][0].as_str().unwrap();
        assert!(warning.contains("`crest`") && warning.contains("not to be had yet"), "{warning}");
    }
    bench.sandbox.move_clock(Duration::from_hours(24));
    let report = bench.sync(&["courses"]).await;
    assert_eq!(report.summary["results"][0]["mode"], "snapshot", "{:#}", report.summary);
    bench.assert_in_step(&["courses"]);
}

#[tokio::test]
async fn a_reloaded_table_gets_a_new_snapshot_and_the_summary_says_so() {
    let tables = ["users", "enrollments"];
    let bench = Bench::start(options()).await;
    bench.sync(&tables).await;
    bench.sandbox.reload("canvas.users").unwrap();
    bench.sandbox.advance(&changes(1, &["enrollments"])).unwrap();
    bench.sandbox.forget_history("canvas.enrollments").unwrap();
    let report = bench.sync(&tables).await;
    bench.assert_in_step(&tables);
    for result in report.summary["results"].as_array().unwrap() {
        assert_eq!(result["mode"], "snapshot", "{result:#}");
        assert!(result["resnapshot"].as_str().unwrap().contains("snapshot is required"));
    }
}

#[tokio::test]
async fn a_proof_that_did_not_hold_is_not_forgotten() {
    let bench = Bench::start(options()).await;
    bench.sync(&["users"]).await;
    let connection = rusqlite::Connection::open(bench.database()).unwrap();
    connection
        .execute("DELETE FROM canvas__users WHERE id IN (SELECT min(id) FROM canvas__users)", [])
        .unwrap();
    bench.sandbox.advance(&changes(1, &["users"])).unwrap();
    let failure = bench.run(json!({"tables": ["users"]})).await.summary["failures"][0].take();
    assert_eq!(failure["error"], "Data", "{failure:#}");
    let report = bench.sync(&["users"]).await;
    let result = &report.summary["results"][0];
    assert_eq!((&result["mode"], &result["proven"]), (&json!("snapshot"), &json!(true)));
    assert!(
        result["resnapshot"].as_str().unwrap().contains("differs from what the source delivered")
    );
    bench.assert_in_step(&["users"]);
    assert_eq!(bench.sync(&["users"]).await.summary["unchanged"], 1);
}

#[tokio::test]
async fn a_proof_that_was_never_made_is_made_up_for() {
    let bench = Bench::start(options()).await;
    bench.sync(&["users"]).await;
    let connection = rusqlite::Connection::open(bench.database()).unwrap();
    let never = "UPDATE stepwell_tables SET receipt = json_set(receipt, '$.proven', json('false'))";
    connection.execute(never, []).unwrap();
    assert_eq!(bench.sync(&["users"]).await.summary["unchanged"], 1);
    let proven = "SELECT receipt ->> '$.proven' FROM stepwell_tables";
    assert!(connection.query_row(proven, [], |row| row.get::<_, bool>(0)).unwrap());
}

/// DAP answers an equal query with the job from before: the second snapshot of a day comes in another format.
#[tokio::test]
async fn a_second_snapshot_within_a_day_holds_the_same_values() {
    let tables = ["courses", "users"];
    let bench = Bench::start(Options { awkward: Awkward::all(), ..options() }).await;
    bench.sync(&tables).await;
    let columns =
        "SELECT id, settings, syllabus_body, workflow_state FROM canvas__courses ORDER BY id";
    let before = rows(&bench, columns);
    let connection = rusqlite::Connection::open(bench.database()).unwrap();
    let spoil = "UPDATE stepwell_tables SET receipt = json_set(receipt, '$.proven', json('false'));
        DELETE FROM canvas__courses WHERE id = 2; DELETE FROM canvas__users WHERE id = 2";
    connection.execute_batch(spoil).unwrap();
    let report = bench.sync(&tables).await;
    assert_eq!(report.summary["proven"], 2, "{:#}", report.summary);
    assert!(
        report.summary["results"].as_array().unwrap().iter().all(|it| it["mode"] == "snapshot")
    );
    assert_eq!(rows(&bench, columns), before, "spelled the same, too");
    bench.assert_in_step(&tables);
    bench.sandbox.advance(&changes(5, &tables)).unwrap();
    bench.sync(&tables).await;
    bench.assert_in_step(&tables);
}

fn rows(bench: &Bench, sql: &str) -> Vec<String> {
    let connection = rusqlite::Connection::open(bench.database()).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let width = statement.column_count();
    let show = |row: &rusqlite::Row<'_>| {
        let values: Result<Vec<rusqlite::types::Value>, _> =
            (0..width).map(|index| row.get(index)).collect();
        values.map(|values| format!("{values:?}"))
    };
    statement.query_map([], show).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_snapshot_from_before_the_reload_is_not_taken_for_the_new_one() {
    let bench = Bench::start(options()).await;
    bench.sync(&["courses"]).await;
    bench.sandbox.reload("canvas.courses").unwrap();
    bench.sync(&["courses"]).await;
    bench.assert_in_step(&["courses"]);
    bench.sandbox.move_clock(Duration::from_hours(1));
    bench.sandbox.reload("canvas.courses").unwrap();
    let report = bench.run(json!({"tables": ["courses"]})).await;
    let failure = &report.summary["failures"][0];
    assert_eq!(failure["error"], "Retryable", "{:#}", report.summary);
    assert!(failure["cause"].as_str().unwrap().contains("needs a new snapshot"), "{failure:#}");
    bench.sandbox.move_clock(Duration::from_hours(24));
    bench.sync(&["courses"]).await;
    bench.assert_in_step(&["courses"]);
}

#[tokio::test]
async fn an_old_cached_job_is_not_taken_for_the_news() {
    let bench = Bench::start(options()).await;
    bench.sync(&["users"]).await;
    begin_of_changes_passes(&bench);
    bench.sandbox.advance(&changes(1, &["users"])).unwrap();
    bench.sync(&["users"]).await;
    bench.sync(&["users"]).await;
    bench.sandbox.move_clock(Duration::from_hours(3));
    bench.sandbox.advance(&changes(2, &["users"])).unwrap();
    bench.sync(&["users"]).await;
    bench.assert_in_step(&["users"]);
}

#[tokio::test]
async fn a_snapshot_that_is_about_to_expire_is_waited_out() {
    let bench = Bench::start(options()).await;
    bench.sync(&["users"]).await;
    std::fs::remove_file(bench.database()).unwrap();
    let mut bench = bench;
    bench.restart();
    bench.sandbox.move_clock(Duration::from_secs(24 * 60 * 60 - 2));
    bench.sandbox.advance(&changes(1, &["users"])).unwrap();
    bench.sync(&["users"]).await;
    bench.assert_in_step(&["users"]);
}

#[tokio::test]
async fn a_token_that_expires_is_renewed() {
    let bench = Bench::start(options()).await;
    bench.sync(&["users"]).await;
    bench.sandbox.move_clock(Duration::from_hours(2));
    bench.sandbox.advance(&changes(1, &["users"])).unwrap();
    bench.sync(&["users"]).await;
    bench.assert_in_step(&["users"]);
    assert_eq!(bench.sandbox.requests()[&Endpoint::Login], 2);
}
