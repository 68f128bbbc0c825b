//! Slices, stops and restarts: the work goes on inside the table, inside the part.

use std::time::Duration;

use serde_json::{Value, json};
use stepwell_pipeline::Context;
use stepwell_sandbox::dap::{Advance, Endpoint, Evolution, Fault, FaultRule, JobTiming, Options};

use crate::support::Bench;

/// Parts of several batches, which are some 2,000 rows of `users` each.
fn options() -> Options {
    let rows = [("canvas.users".to_owned(), 12_000)].into();
    Options { rows, total_rows: 1_000, rows_per_part: 8_000, ..Options::default() }
}

#[tokio::test]
async fn slices_of_a_few_rows_come_to_the_same_end() {
    let bench = Bench::start(options()).await;
    let report = bench.run_in_slices(json!({"tables": ["users"]}), Duration::from_millis(1)).await;
    assert_eq!(report.summary["failed"], 0, "{:#}", report.summary);
    assert!(report.invocations > 5, "{} invocations", report.invocations);
    bench.assert_in_step(&["users"]);
    bench
        .sandbox
        .advance(&Advance { seed: 1, changes: 500, tables: vec!["canvas.users".into()] })
        .unwrap();
    bench.run_in_slices(json!({"tables": ["users"]}), Duration::from_millis(1)).await;
    bench.assert_in_step(&["users"]);
}

/// The rows are published, and the proof is under way: from here on the service is not needed any more.
#[tokio::test]
async fn a_proof_that_outlasts_its_slice_goes_on_in_the_next() {
    let mut bench = Bench::start(options()).await;
    let mut state = json!({"namespace": "canvas", "table": "users"});
    let slice = Duration::from_millis(1);
    while state["run"]["checkpoint"]["proving"].is_null() {
        state["run"] = bench.call("init-table", &state, slice).await.unwrap();
        assert_eq!(state["run"]["status"], "IN_PROGRESS", "{state:#}");
    }
    assert_eq!(state["run"]["checkpoint"]["proving"]["proven"], false);
    let asked = bench.sandbox.requests();
    bench.restart();
    while state["run"]["status"] != "COMPLETE" {
        state["run"] = bench.call("init-table", &state, slice).await.unwrap();
    }
    assert_eq!(bench.sandbox.requests(), asked);
    let result = &state["run"]["result"];
    assert_eq!((&result["proven"], &result["compared"]), (&json!(true), &json!(12_000)));
    assert!(result["seconds"].as_f64() >= result["proof_seconds"].as_f64(), "{result:#}");
    bench.assert_in_step(&["users"]);
}

#[tokio::test]
async fn a_restart_goes_on_inside_the_part_with_the_same_job() {
    let mut bench = Bench::start(options()).await;
    let mut state = json!({"namespace": "canvas", "table": "users"});
    let slice = Duration::from_millis(1);
    state["run"] = bench.call("sync-table", &state, slice).await.unwrap();
    assert_eq!(state["run"]["status"], "INIT_NEEDED");
    // Until rows are staged: a job, then the first batch of its first part.
    while staged(&bench) == 0 {
        state["run"] = bench.call("init-table", &state, slice).await.unwrap();
        assert_eq!(state["run"]["status"], "IN_PROGRESS");
    }
    let before = staged(&bench);
    assert!(before < 8_000, "inside the first part, not at its end: {before}");
    bench.restart();
    state["run"] = bench.call("init-table", &state, slice).await.unwrap();
    assert!(staged(&bench) > before, "went on where it was");
    // The same delivery again, as after a crash before its outcome was recorded.
    bench.restart();
    while state["run"]["status"] != "COMPLETE" {
        state["run"] = bench.call("init-table", &state, slice).await.unwrap();
    }
    bench.assert_in_step(&["users"]);
    assert_eq!(bench.sandbox.requests()[&Endpoint::CreateJob], 1);
}

/// Loads `users` in slices of one batch each; gives where in the file each download began.
async fn starts(options: Options) -> (Bench, Vec<u64>) {
    let bench = Bench::start(Options { rows_per_part: 20_000, ..options }).await;
    let input = json!({"tables": ["users"]});
    let report = bench.run_in_slices(input, Duration::from_millis(1)).await;
    assert_eq!(report.summary["failed"], 0, "{:#}", report.summary);
    bench.assert_in_step(&["users"]);
    let starts = bench.sandbox.downloads().into_iter().map(|range| range.start).collect();
    (bench, starts)
}

#[tokio::test]
async fn a_slice_begins_at_the_gzip_member_where_the_one_before_ended() {
    let (_, starts) = starts(Options { rows_per_gzip_member: Some(100), ..options() }).await;
    assert!(starts.len() > 3, "{starts:?}");
    assert!(starts.is_sorted_by(|one, next| one < next), "{starts:?}");
}

#[tokio::test]
async fn a_file_of_one_member_is_read_from_its_beginning_in_every_slice() {
    let (_, starts) = starts(options()).await;
    assert!(starts.len() > 3 && starts.iter().all(|start| *start == 0), "{starts:?}");
}

#[tokio::test]
async fn a_download_that_breaks_off_goes_on_at_a_gzip_member() {
    let rule = FaultRule::new(Endpoint::Download, Fault::BreakBody).once();
    let rows_per_gzip_member = Some(100);
    let bench = Bench::start(Options {
        faults: vec![rule],
        rows_per_part: 20_000,
        rows_per_gzip_member,
        ..options()
    });
    let bench = bench.await;
    bench.sync(&["users"]).await;
    bench.assert_in_step(&["users"]);
    let starts: Vec<_> = bench.sandbox.downloads().into_iter().map(|range| range.start).collect();
    assert!(starts.len() == 2 && starts[1] > 0, "{starts:?}");
}

#[tokio::test]
async fn another_file_in_the_place_of_a_part_is_staged_afresh() {
    for rows_per_gzip_member in [None, Some(100)] {
        let rule = |fault| FaultRule::new(Endpoint::Download, fault);
        let faults = vec![rule(Fault::BreakBody).once(), rule(Fault::AnotherFile).times(2)];
        let rows_per_part = 20_000;
        let options = Options { faults, rows_per_part, rows_per_gzip_member, ..options() };
        let bench = Bench::start(options).await;
        bench.sync(&["users"]).await;
        bench.assert_in_step(&["users"]);
        let starts: Vec<_> =
            bench.sandbox.downloads().into_iter().map(|range| range.start).collect();
        assert_eq!(starts, [0, 0], "broken off, refused, whole");
    }
}

#[tokio::test]
async fn another_file_is_noticed_where_nobody_heeds_the_condition() {
    for rows_per_gzip_member in [None, Some(100)] {
        let rule = |fault| FaultRule::new(Endpoint::Download, fault).once();
        let faults = vec![rule(Fault::BreakBody), rule(Fault::AnotherFileUnasked)];
        let rows_per_part = 20_000;
        let options = Options { faults, rows_per_part, rows_per_gzip_member, ..options() };
        let bench = Bench::start(options).await;
        bench.sync(&["users"]).await;
        bench.assert_in_step(&["users"]);
        let starts: Vec<_> =
            bench.sandbox.downloads().into_iter().map(|range| range.start).collect();
        assert_eq!((starts.len(), starts[2]), (3, 0), "broken off, another, whole");
    }
}

#[tokio::test]
async fn a_schema_that_changes_while_its_table_loads() {
    for restart in [false, true] {
        let mut bench = Bench::start(options()).await;
        let mut state = json!({"namespace": "canvas", "table": "users"});
        let slice = Duration::from_millis(1);
        while staged(&bench) == 0 {
            state["run"] = bench.call("init-table", &state, slice).await.unwrap();
        }
        let column = Evolution::AddColumn { column: "late".into(), r#type: "s255".into() };
        bench.sandbox.evolve("canvas.users", &column).unwrap();
        if restart {
            bench.restart();
        }
        while state["run"]["status"] != "COMPLETE" {
            state["run"] = bench.call("init-table", &state, Duration::from_mins(1)).await.unwrap();
        }
        bench.sync(&["users"]).await;
        bench.assert_in_step(&["users"]);
    }
}

#[tokio::test]
async fn an_outcome_that_was_lost_is_given_again() {
    let bench = Bench::start(Options { total_rows: 1_000, ..Options::default() }).await;
    let minute = Duration::from_mins(1);
    let mut state = json!({"namespace": "canvas", "table": "users"});
    state["run"] = bench.call("sync-table", &state, minute).await.unwrap();
    let mut delivered = state.clone();
    while state["run"]["status"] != "COMPLETE" {
        delivered = state.clone();
        state["run"] = bench.call("init-table", &state, minute).await.unwrap();
    }
    let again = bench.call("init-table", &delivered, minute).await.unwrap();
    for member in ["rows", "inserted", "updated", "deleted", "cursor", "proven"] {
        assert_eq!(again["result"][member], state["run"]["result"][member], "{member}");
    }
    bench.assert_in_step(&["users"]);
}

#[tokio::test]
async fn a_stop_ends_the_invocation_with_a_checkpoint() {
    let job_timing = JobTiming { running: Duration::from_mins(1), ..JobTiming::default() };
    let bench = Bench::start(Options { job_timing, ..options() }).await;
    let state = json!({"namespace": "canvas", "table": "users"});
    let first = bench.call("init-table", &state, Duration::from_mins(1)).await.unwrap();
    assert_eq!(first["status"], "IN_PROGRESS", "the job is recorded before it is waited for");
    let ctx = Context::starting_now("test", Duration::from_mins(10));
    ctx.stop.cancel();
    let state = json!({"namespace": "canvas", "table": "users", "run": first});
    let stopped = bench.call_with("init-table", &state, &ctx).await.unwrap();
    assert_eq!(stopped["status"], "IN_PROGRESS");
    assert_eq!(stopped["checkpoint"]["job"], first["checkpoint"]["job"]);
}

#[tokio::test]
async fn a_job_that_runs_for_ever_ends_in_an_error() {
    let job_timing = JobTiming { running: Duration::from_hours(1), ..JobTiming::default() };
    let bench = Bench::start(Options { job_timing, ..options() }).await;
    let mut state = json!({"namespace": "canvas", "table": "users"});
    state["run"] = bench.call("init-table", &state, Duration::from_secs(1)).await.unwrap();
    state["run"]["checkpoint"]["job_asked_at"] = json!("2026-01-01T00:00:00Z");
    let error = bench.call("init-table", &state, Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(error.name(), "Retryable");
    assert!(error.to_string().contains("canvas.users"), "{error}");
}

/// Rows that the staged load of `users` has checkpointed.
fn staged(bench: &Bench) -> u64 {
    let connection = rusqlite::Connection::open(bench.database()).unwrap();
    let staged: Option<String> =
        connection.query_row("SELECT staged FROM stepwell_loads", [], |row| row.get(0)).ok();
    let staged: Value = staged.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
    staged["parts"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(_, part)| part["rows"].as_u64())
        .sum()
}
