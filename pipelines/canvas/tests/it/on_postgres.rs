//! The pipeline into PostgreSQL. Needs `STEPWELL_TEST_POSTGRES`, like the tests of the target.

use std::time::Duration;

use serde_json::{Value, json};
use stepwell_canvas::target::Layout;
use stepwell_sandbox::dap::{Advance, Awkward, Endpoint, Evolution, Fault, FaultRule, Options};

use crate::support::{Bench, Replica};
use crate::target::postgres::Fixture;

const TABLES: [&str; 4] = ["users", "courses", "enrollments", "submissions"];

fn options() -> Options {
    Options { total_rows: 3_000, rows_per_part: 200, ..Options::default() }
}

async fn bench(fixture: &Fixture, options: Options) -> Bench {
    Bench::with(options, json!({"target": fixture.dsn})).await
}

async fn assert_in_step(bench: &Bench, fixture: &Fixture, tables: &[&str]) {
    for table in tables {
        let rows = fixture.text(&format!("SELECT to_jsonb(it) FROM canvas.{table} it")).await;
        let rows = rows.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let keyed = |row: Value| {
            let Value::Object(row) = row else { panic!("{row}") };
            (row["id"].to_string(), row)
        };
        bench.assert_equal(table, rows.map(keyed).collect::<Replica>());
    }
}

#[tokio::test]
async fn a_first_load_increments_and_a_new_column() {
    let Some(fixture) = Fixture::new(Layout::Stepwell).await else { return };
    let bench = bench(&fixture, options()).await;
    bench.sync(&TABLES).await;
    assert_in_step(&bench, &fixture, &TABLES).await;
    for seed in 1..3 {
        // The service remembers a snapshot for a day, and there are two ways to ask for one.
        bench.sandbox.move_clock(Duration::from_hours(25));
        let column =
            Evolution::AddFilledColumn { column: format!("new_{seed}"), r#type: "s255".into() };
        bench.sandbox.evolve("canvas.users", &column).unwrap();
        bench.sandbox.advance(&Advance { seed, changes: 400, tables: vec![] }).unwrap();
        let report = bench.sync(&TABLES).await;
        assert_eq!(report.summary["proven"], 4, "{:#}", report.summary);
        assert_in_step(&bench, &fixture, &TABLES).await;
    }
    let report = bench.sync(&TABLES).await;
    assert_eq!(report.summary["unchanged"], 4);
    fixture.done().await;
}

#[tokio::test]
async fn a_second_snapshot_within_a_day_is_proven() {
    for (name, layout) in [("stepwell", Layout::Stepwell), ("instructure", Layout::Instructure)] {
        let Some(fixture) = Fixture::new(layout).await else { return };
        let settings = json!({"target": fixture.dsn, "layout": name});
        let options = Options { awkward: Awkward::all(), ..options() };
        let bench = Bench::with(options, settings).await;
        bench.sync(&TABLES).await;
        let nested = "SELECT id, settings, tab_configuration FROM canvas.courses ORDER BY id";
        let before = fixture.text(nested).await;
        for table in TABLES {
            fixture.run(&format!("DELETE FROM canvas.{table} WHERE id = 2")).await;
        }
        let unproven = "jsonb_set(receipt::jsonb, '{proven}', 'false')";
        fixture.run(&format!("UPDATE stepwell.tables SET receipt = {unproven}")).await;
        let report = bench.sync(&TABLES).await;
        assert_eq!(report.summary["proven"], 4, "{:#}", report.summary);
        assert_eq!(report.summary["results"][0]["mode"], "snapshot");
        assert_eq!(fixture.text(nested).await, before);
        fixture.done().await;
    }
}

#[tokio::test]
async fn a_type_that_no_value_can_be_converted_to() {
    let Some(fixture) = Fixture::new(Layout::Stepwell).await else { return };
    let bench = bench(&fixture, options()).await;
    bench.sync(&["users"]).await;
    let retyped = Evolution::ChangeType { column: "locale".into(), r#type: "int64".into() };
    bench.sandbox.evolve("canvas.users", &retyped).unwrap();
    bench.sandbox.advance(&Advance { seed: 1, changes: 400, tables: vec![] }).unwrap();
    let report = bench.sync(&["users"]).await;
    assert_in_step(&bench, &fixture, &["users"]).await;
    let result = &report.summary["results"][0];
    assert_eq!((&result["mode"], &result["proven"]), (&json!("snapshot"), &json!(true)));
    let reason = result["resnapshot"].as_str().unwrap();
    assert!(reason.contains("canvas.users cannot follow its schema"), "{reason}");
    fixture.done().await;
}

#[tokio::test]
async fn slices_faults_and_restarts() {
    let Some(fixture) = Fixture::new(Layout::Stepwell).await else { return };
    let faults =
        [Fault::BreakBody, Fault::TruncateBody, Fault::CorruptChecksum, Fault::ExpiredLink];
    let faults = faults.into_iter().enumerate();
    let faults = faults
        .map(|(skip, fault)| FaultRule::new(Endpoint::Download, fault).once().after(skip as u64));
    let rows = [("canvas.users".to_owned(), 20_000)].into();
    let options = Options {
        rows,
        faults: faults.collect(),
        rows_per_part: 12_000,
        rows_per_gzip_member: Some(300),
        ..options()
    };
    let mut bench = bench(&fixture, options).await;
    let slice = Duration::from_millis(1);
    let input = json!({"tables": ["users"]});
    bench.call("list-tables", &input, slice).await.unwrap();
    let mut state = json!({"namespace": "canvas", "table": "users"});
    state["run"] = bench.call("sync-table", &state, slice).await.unwrap();
    while state["run"]["status"] != "COMPLETE" {
        bench.restart();
        state["run"] = bench.call("init-table", &state, slice).await.unwrap();
    }
    assert_in_step(&bench, &fixture, &["users"]).await;
    fixture.done().await;
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_one_clear_error() {
    let options = Options { total_rows: 100, ..Options::default() };
    let target = json!({"target": "postgres://canvas:eyJhush@127.0.0.1:9/cd2"});
    let bench = Bench::with(options, target).await;
    let report = bench.run(json!({})).await;
    let failure = &report.summary["failures"][0];
    assert_eq!(failure["error"], "Retryable", "{failure:#}");
    assert!(failure["cause"].as_str().unwrap().contains("127.0.0.1:9"), "{failure:#}");
}
