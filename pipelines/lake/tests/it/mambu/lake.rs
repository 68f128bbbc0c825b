//! From the tenant to Parquet and to the proof, through both state machines.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;
use stepwell_sandbox::mambu::{Churn, Options, Sandbox, TimeSource};

use super::settings;
use crate::bench::Bench;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const TABLE: &str = "loan_accounts";

/// A tenant whose clock is the bench's.
async fn sandbox(churn: Option<Churn>) -> Sandbox {
    let time = TimeSource::Manual("2026-03-05T12:00:00Z".parse().unwrap());
    Sandbox::start(Options { time, churn, ..Options::default() }).await.unwrap()
}

fn bench(sandbox: &Sandbox) -> Bench {
    let columns = [
        "key string not null from encodedKey",
        "amount decimal(38,10) from loanAmount",
        "modified timestamp from lastModifiedDate",
    ];
    let keys =
        "key = ['key']\nmode = 'append'\nevent_time = 'modified'\npartition_by = ['day(modified)']";
    let settings = settings(sandbox, "page_records = 7", TABLE, &columns, keys);
    Bench::new(&format!("grace_seconds = 0\n{settings}"))
}

fn keys(sandbox: &Sandbox) -> BTreeSet<String> {
    let records = sandbox.records(TABLE);
    records.iter().map(|it| it["encodedKey"].as_str().unwrap().to_owned()).collect()
}

/// The keys of a published table.
async fn published(bench: &Bench) -> BTreeSet<String> {
    let rows = bench.rows("t").await;
    let keys = rows.lines().skip(3).filter_map(|row| row.split('|').nth(1));
    keys.map(|key| key.trim().to_owned()).collect()
}

#[tokio::test]
async fn records_that_shift_between_pages_come_and_the_proof_is_equal() {
    let churn = Churn { pages: 1_000, changed: 3, inserted: 1, ..Churn::default() };
    let sandbox = sandbox(Some(churn)).await;
    let bench = bench(&sandbox);
    bench.succeed().await;
    let missed = keys(&sandbox).difference(&published(&bench).await).count();
    assert!(missed > 3, "records moved out of the window: {missed}");
    sandbox.set_churn(None);
    bench.pass(HOUR);
    bench.succeed().await;
    assert_eq!(published(&bench).await, keys(&sandbox));
    let proof = bench.proof().await;
    assert_eq!(proof["status"], "equal", "{proof:#}");
    assert_eq!(proof["source_rows"], keys(&sandbox).len());
}

#[tokio::test]
async fn the_next_run_reads_what_has_changed_since_with_its_time() {
    let sandbox = sandbox(None).await;
    let bench = bench(&sandbox);
    assert_eq!(bench.succeed().await["rows"], sandbox.records(TABLE).len());
    sandbox.move_clock(Duration::from_mins(10));
    let changed = keys(&sandbox).into_iter().next().unwrap();
    assert!(sandbox.change(TABLE, &changed));
    bench.pass(HOUR);
    assert_eq!(bench.succeed().await["rows"], 1);
    let rows = bench.rows("t").await;
    let versions: Vec<_> = rows.lines().filter(|row| row.contains(&changed)).collect();
    assert_eq!(versions.len(), 2, "{versions:?}");
    let last = versions.iter().filter(|row| row.matches("2026-03-05T12:10:00Z").count() == 2);
    assert_eq!(last.count(), 1, "`modified` and `_changed_at`: {versions:?}");
    let proof = bench.proof().await;
    assert_eq!(proof["status"], "equal", "{proof:#}");
}

#[tokio::test]
async fn a_record_that_comes_behind_the_cursor_is_found_by_its_key() {
    let sandbox = sandbox(None).await;
    let bench = bench(&sandbox);
    bench.pass(HOUR);
    bench.succeed().await;
    let lost = sandbox.insert(TABLE).unwrap();
    bench.pass(HOUR);
    assert_eq!(bench.succeed().await["rows"], 0);
    let proof = bench.proof().await;
    let counts = ["status", "missing", "extra", "different"].map(|name| proof[name].clone());
    assert_eq!(counts, [json!("different"), json!(1), json!(0), json!(0)], "{proof:#}");
    let differences = bench.rows("reconciliation_differences").await;
    assert!(differences.contains(&format!(r#"{{"key":"{lost}"}}"#)), "{differences}");
}
