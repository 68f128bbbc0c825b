//! Data jobs: what they refuse, how they go on, what they share and how long they last.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use stepwell_sandbox::dap::{Advance, Endpoint, Fault, FaultRule, JobTiming, Options};

use super::support::{Fixture, NOW, options};

fn advance(fixture: &Fixture, table: &str) {
    let wanted = Advance { seed: 1, changes: 20, tables: vec![table.to_owned()] };
    fixture.sandbox.advance(&wanted).unwrap();
}

#[tokio::test]
async fn bad_requests_are_refused_with_their_place() {
    let fixture = Fixture::small().await;
    for body in [
        json!({}),
        json!({"format": "xml"}),
        json!({"format": "tsv", "limit": 5}),
        json!({"format": "tsv", "until": NOW}),
        json!({"format": "jsonl", "mode": "condensed"}),
        json!({"format": "tsv", "since": "2026-02-15T09:00:00"}),
        json!([]),
    ] {
        let error =
            fixture.create_job("canvas.users", body).await.expect_error(StatusCode::BAD_REQUEST);
        assert_eq!(error["type"], "ValidationError");
        let place: Vec<&String> = error["location"].as_object().unwrap().keys().collect();
        assert_eq!(place, ["line", "column", "character"]);
    }
    let error = fixture
        .create_job("canvas.usrs", json!({"format": "tsv"}))
        .await
        .expect_error(StatusCode::NOT_FOUND);
    assert_eq!(error["kind"], "table");
}

#[tokio::test]
async fn a_range_before_the_data_is_refused_with_the_range_that_is_there() {
    let fixture = Fixture::small().await;
    let query = json!({"format": "tsv", "since": "2026-02-15T08:59:59Z"});
    let error = fixture
        .create_job("canvas.users", query.clone())
        .await
        .expect_error(StatusCode::BAD_REQUEST);
    assert_eq!((&error["type"], &error["since"]), (&json!("OutOfRangeError"), &json!(NOW)));

    let future = json!({"format": "tsv", "since": NOW, "until": "2026-02-15T09:00:01Z"});
    let error =
        fixture.create_job("canvas.users", future).await.expect_error(StatusCode::BAD_REQUEST);
    assert_eq!((&error["type"], &error["until"]), (&json!("OutOfRangeError"), &json!(NOW)));
}

#[tokio::test]
async fn after_a_reload_only_a_snapshot_goes_on() {
    let fixture = Fixture::small().await;
    fixture.move_clock(60);
    fixture.sandbox.reload("canvas.users").unwrap();
    let query = json!({"format": "tsv", "since": NOW});
    let error = fixture
        .create_job("canvas.users", query.clone())
        .await
        .expect_error(StatusCode::BAD_REQUEST);
    assert_eq!(
        (&error["type"], &error["since"]),
        (&json!("SnapshotRequiredError"), &json!("2026-02-15T09:01:00Z"))
    );
    fixture.create_job("canvas.courses", query).await.expect(StatusCode::OK);

    let job = fixture.complete_job("canvas.users", json!({"format": "tsv"})).await;
    assert_eq!(job["at"], "2026-02-15T09:01:00Z");
}

#[tokio::test]
async fn forgotten_history_is_out_of_range() {
    let fixture = Fixture::small().await;
    fixture.move_clock(60);
    advance(&fixture, "canvas.users");
    fixture.sandbox.forget_history("canvas.users").unwrap();
    let query = json!({"format": "tsv", "since": NOW});
    let error =
        fixture.create_job("canvas.users", query).await.expect_error(StatusCode::BAD_REQUEST);
    assert_eq!(error["type"], "OutOfRangeError");
}

#[tokio::test]
async fn web_logs_are_kept_for_thirty_days() {
    let fixture = Fixture::start(Options { token_lifetime: Duration::MAX / 4, ..options() }).await;
    fixture.move_clock(30 * 24 * 60 * 60 + 1);
    let query = json!({"format": "tsv", "since": NOW});
    let error = fixture
        .create_job("canvas_logs.web_logs", query.clone())
        .await
        .expect_error(StatusCode::BAD_REQUEST);
    assert_eq!(
        (&error["type"], &error["since"]),
        (&json!("OutOfRangeError"), &json!("2026-02-15T09:00:01Z"))
    );
    fixture.create_job("canvas.users", query).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_job_waits_runs_and_completes() {
    let job_timing =
        JobTiming { waiting: Duration::from_secs(5), running: Duration::from_secs(10) };
    let fixture = Fixture::start(Options { job_timing, ..options() }).await;
    let job = fixture
        .create_job("canvas.users", json!({"format": "tsv"}))
        .await
        .expect(StatusCode::ACCEPTED);
    assert_eq!(job["status"], "waiting");
    assert_eq!(job["expires_at"], "2026-02-16T09:00:00Z");
    let path = format!("/dap/job/{}", job["id"].as_str().unwrap());

    fixture.move_clock(5);
    let job = fixture.get(&path).await.expect(StatusCode::ACCEPTED);
    assert_eq!(job["status"], "running");
    assert!(job.get("objects").is_none());

    fixture.move_clock(10);
    let job = fixture.complete_job("canvas.users", json!({"format": "tsv"})).await;
    assert_eq!((&job["schema_version"], &job["at"]), (&json!(1), &json!(NOW)));
    assert_eq!(job["objects"].as_array().unwrap().len(), 1);
    assert_eq!(fixture.get(&path).await.expect(StatusCode::OK), job);
}

#[tokio::test]
async fn an_incremental_job_says_its_window_and_ends_with_the_latest_commit() {
    let fixture = Fixture::small().await;
    fixture.move_clock(60);
    advance(&fixture, "canvas.users");
    fixture.move_clock(60);
    let job = fixture.complete_job("canvas.users", json!({"format": "tsv", "since": NOW})).await;
    assert_eq!((&job["since"], &job["until"]), (&json!(NOW), &json!("2026-02-15T09:01:00Z")));
    assert!(job.get("at").is_none());
}

#[tokio::test]
async fn a_query_without_changes_has_no_objects() {
    let fixture = Fixture::small().await;
    let job = fixture.complete_job("canvas.users", json!({"format": "tsv", "since": NOW})).await;
    assert_eq!((&job["objects"], &job["until"]), (&json!([]), &json!(NOW)));
}

#[tokio::test]
async fn commits_come_after_every_until_that_was_promised() {
    let fixture = Fixture::small().await;
    fixture.move_clock(60);
    let until = "2026-02-15T09:01:00Z";
    fixture
        .complete_job("canvas.users", json!({"format": "jsonl", "since": NOW, "until": until}))
        .await;
    advance(&fixture, "canvas.users");
    let (_, lines) =
        fixture.lines("canvas.users", json!({"format": "jsonl", "since": until})).await;
    assert!(!lines.is_empty());
}

#[tokio::test]
async fn the_same_parameters_give_the_same_job_for_a_day() {
    let mut fixture = Fixture::small().await;
    fixture.move_clock(60);
    let query = json!({"format": "tsv", "since": NOW});
    let first = fixture.complete_job("canvas.users", query.clone()).await;
    advance(&fixture, "canvas.users");
    fixture.move_clock(24 * 60 * 60 - 1);
    fixture.log_in().await;
    assert_eq!(fixture.complete_job("canvas.users", query.clone()).await, first);
    assert_ne!(
        fixture.complete_job("canvas.users", json!({"format": "csv", "since": NOW})).await["id"],
        first["id"]
    );

    fixture.move_clock(1);
    let second = fixture.complete_job("canvas.users", query).await;
    assert_ne!(second["id"], first["id"]);
    assert_ne!(second["until"], first["until"]);
}

#[tokio::test]
async fn jobs_are_not_shared_when_that_is_switched_off() {
    let fixture = Fixture::start(Options { deduplicate_jobs: false, ..options() }).await;
    let query = json!({"format": "tsv"});
    let first = fixture.complete_job("canvas.users", query.clone()).await;
    assert_ne!(fixture.complete_job("canvas.users", query).await["id"], first["id"]);
}

#[tokio::test]
async fn a_failed_job_is_not_shared() {
    let fixture = Fixture::small().await;
    fixture.sandbox.add_fault(
        FaultRule::new(Endpoint::CreateJob, Fault::FailJob { message: String::new() }).once(),
    );
    let failed =
        fixture.create_job("canvas.users", json!({"format": "tsv"})).await.expect(StatusCode::OK);
    assert_eq!(failed["status"], "failed");
    let next = fixture.complete_job("canvas.users", json!({"format": "tsv"})).await;
    assert_ne!(next["id"], failed["id"]);
}

#[tokio::test]
async fn jobs_and_objects_are_gone_after_a_day() {
    let mut fixture = Fixture::small().await;
    let job = fixture.complete_job("canvas.users", json!({"format": "tsv"})).await;
    let object = &job["objects"][0];
    fixture.move_clock(24 * 60 * 60);
    fixture.log_in().await;
    let error = fixture.get(&format!("/dap/job/{}", job["id"].as_str().unwrap())).await;
    let error = error.expect_error(StatusCode::NOT_FOUND);
    assert_eq!((&error["kind"], &error["id"]), (&json!("job"), &job["id"]));
    let error =
        fixture.post("/dap/object/url", &json!([object])).await.expect_error(StatusCode::NOT_FOUND);
    assert_eq!((&error["kind"], &error["id"]), (&json!("object"), &object["id"]));
}

#[tokio::test]
async fn a_job_shows_the_state_of_its_creation() {
    let job_timing = JobTiming { waiting: Duration::ZERO, running: Duration::from_secs(10) };
    let fixture = Fixture::start(Options { job_timing, ..options() }).await;
    let before = fixture.truth("canvas.users");
    fixture
        .create_job("canvas.users", json!({"format": "jsonl"}))
        .await
        .expect(StatusCode::ACCEPTED);
    fixture.move_clock(10);
    advance(&fixture, "canvas.users");
    let (_, lines) = fixture.lines("canvas.users", json!({"format": "jsonl"})).await;
    let keys = |rows: &[Value], pointer: &str| -> Vec<Value> {
        rows.iter().map(|row| row.pointer(pointer).unwrap().clone()).collect()
    };
    assert_eq!(keys(&lines, "/key/id"), keys(&before, "/id"));
}
