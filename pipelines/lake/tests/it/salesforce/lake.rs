//! From the organization to Parquet and to the proof, through both state machines.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;
use stepwell_sandbox::salesforce::{Endpoint, FaultRule, HttpFault, Options, Sandbox, TimeSource};

use super::settings;
use crate::bench::Bench;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// An organization whose clock is the bench's.
async fn sandbox() -> Sandbox {
    let time = TimeSource::Manual("2026-03-05T12:00:00Z".parse().unwrap());
    Sandbox::start(Options { records: 150, time, ..Options::default() }).await.unwrap()
}

fn bench(sandbox: &Sandbox, connection: &str) -> Bench {
    Bench::new(&format!("grace_seconds = 0\n{}", settings(sandbox, connection, "mode = 'append'")))
}

/// An hour for the lake, and as much for the organization that it is not behind.
fn pass(sandbox: &Sandbox, bench: &Bench) {
    bench.pass(HOUR);
    sandbox.move_clock(Duration::from_hours(2));
}

/// Ids of records that are not deleted.
fn live(sandbox: &Sandbox) -> Vec<String> {
    let records = sandbox.records("Account").into_iter();
    records.filter(|it| !it.is_deleted).map(|it| it.id).collect()
}

/// The rows of a table that have this text.
async fn rows_with(bench: &Bench, table: &str, text: &str) -> Vec<String> {
    let rows = bench.rows(table).await;
    let rows = rows.lines().filter(|row| row.contains(text));
    rows.map(|row| row.replace(' ', "")).collect()
}

#[tokio::test]
async fn jobs_and_rest_where_there_are_no_jobs_publish_the_same_bytes() {
    let by_jobs = "rest_records_max = 0\nbulk_page_records = 40";
    let body = json!([{"message": "no Bulk API", "errorCode": "FEATURENOTENABLED"}]);
    let refusal = HttpFault::Status { status: 400, retry_after: None, body: Some(body) };
    let mut published = Vec::new();
    for has_jobs in [true, false] {
        let sandbox = sandbox().await;
        if !has_jobs {
            sandbox.add_fault(FaultRule::new(Endpoint::CreateJob, refusal.clone()));
        }
        let bench = bench(&sandbox, by_jobs);
        bench.succeed().await;
        let requests = sandbox.requests();
        assert_eq!(requests[&Endpoint::CreateJob], 1, "{requests:?}");
        assert_eq!(requests.contains_key(&Endpoint::Results), has_jobs, "{requests:?}");
        let live = live(&sandbox);
        let proof = bench.proof().await;
        assert_eq!(
            (&proof["status"], &proof["source_rows"]),
            (&json!("equal"), &json!(live.len()))
        );
        published.push((bench.rows("accounts").await, bench.bytes("accounts").await));
    }
    assert!(published[0].1.len() > 1, "several days");
    assert_eq!(published[0].0, published[1].0);
    assert!(published[0].1 == published[1].1, "the same rows in other bytes");
}

#[tokio::test]
async fn the_next_run_reads_what_has_happened_since_deletions_with_their_time() {
    let sandbox = sandbox().await;
    let bench = bench(&sandbox, "");
    let first = bench.succeed().await;
    assert_eq!(first["rows"], sandbox.records("Account").len());

    sandbox.move_clock(Duration::from_mins(10));
    let live = live(&sandbox);
    assert!(sandbox.delete("Account", &live[0]) && sandbox.hard_delete("Account", &live[1]));
    assert!(sandbox.change("Account", &live[2]));
    let new = sandbox.insert("Account").unwrap();
    pass(&sandbox, &bench);
    sandbox.forget_requests();
    assert_eq!(bench.succeed().await["rows"], 4);
    let asked = sandbox.log().into_iter().filter(|it| it.endpoint == Endpoint::Query);
    let asked: Vec<_> = asked.map(|it| it.path).collect();
    assert!(
        asked.iter().any(|it| it.contains("2026-03-05T11%3A55%3A00")),
        "from the cursor: {asked:?}"
    );

    for id in &live[..2] {
        let rows = rows_with(&bench, "accounts", id).await;
        assert_eq!(rows.len(), 2, "as it was, and gone: {rows:?}");
        let gone = rows.iter().filter(|row| row.contains("|true|2026-03-05T12:10:00Z|"));
        assert_eq!(gone.count(), 1, "{rows:?}");
    }
    assert_eq!(rows_with(&bench, "accounts", &live[2]).await.len(), 2, "both versions");
    assert_eq!(rows_with(&bench, "accounts", &new).await.len(), 1);
    let proof = bench.proof().await;
    assert_eq!(
        (&proof["status"], &proof["source_rows"]),
        (&json!("equal"), &json!(live.len() - 1))
    );
}

#[tokio::test]
async fn a_record_that_commits_behind_the_cursor_is_found_by_its_id() {
    let sandbox = sandbox().await;
    let bench = bench(&sandbox, "");
    bench.pass(HOUR);
    bench.succeed().await;
    // Its stamp lies before the cursor, as that of a transaction that took long.
    let lost = sandbox.insert("Account").unwrap();
    pass(&sandbox, &bench);
    assert_eq!(bench.succeed().await["rows"], 0);
    let proof = bench.proof().await;
    let counts = ["status", "missing", "extra", "different"].map(|name| proof[name].clone());
    assert_eq!(counts, [json!("different"), json!(1), json!(0), json!(0)], "{proof:#}");
    let found = rows_with(&bench, "reconciliation_differences", "missing").await;
    assert_eq!(found.len(), 1);
    assert!(found[0].contains(&format!(r#"{{"id":"{lost}"}}"#)), "{found:?}");
}
