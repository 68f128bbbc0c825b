//! Two executions, two projects, a ledger that is lost: what one has done the other does not do again, or undo.

use std::time::Duration;

use jiff::SignedDuration;
use stepwell_machine::Phase;

use crate::bench::{Bench, Driving};

const SETTINGS: &str = "
grace_seconds = 0
[tables.orders]
source = 'files'
path = 'in/*.jsonl'
columns = ['id bigint not null']
key = ['id']
mode = 'append'
settle_seconds = 0
[tables.orders.children.lines]
columns = ['sku string']
";

fn bench() -> Bench {
    let bench = Bench::new(SETTINGS);
    bench.deliver("in/1.jsonl", r#"{"id":1,"lines":[{"sku":"a"}]}"#);
    bench
}

fn interrupted(crash_after: usize) -> Driving {
    Driving { crash_after, slice: Duration::ZERO, ..Driving::default() }
}

#[track_caller]
fn check_told(summary: &serde_json::Value, text: &str) {
    assert!(summary["message"].as_str().unwrap().contains(text), "{summary:#}");
}

#[tokio::test]
async fn an_execution_waits_for_another_one_that_works_on_the_dataset() {
    let bench = bench();
    assert_eq!(bench.drive(interrupted(3)).await.phase, Phase::Running);
    bench.stop_interrupted();
    check_told(&bench.fail().await, "works on `orders`");
    bench.pass(SignedDuration::from_mins(2));
    bench.succeed().await;
    assert_eq!(bench.table("orders").await.rows(), 1);
    assert_eq!(bench.table("orders_lines").await.rows(), 1);
}

#[tokio::test]
async fn without_its_ledger_a_log_is_not_read_again_beside_what_is_there() {
    let bench = bench();
    bench.succeed().await;
    let ledger = bench.path().join(".stepwell/lake.db");
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", ledger.display()));
    }
    bench.pass(SignedDuration::from_mins(1));
    let summary = bench.fail().await;
    check_told(&summary, "the table `orders` is read up to 2026-03-05T12:01:00Z");
    check_told(&summary, "knows up to nothing");
    assert_eq!(bench.table("orders").await.rows(), 1);
    for table in ["orders", "orders_lines"] {
        std::fs::remove_dir_all(bench.path().join("lake/datalake_raw").join(table)).unwrap();
    }
    bench.succeed().await;
    assert_eq!(bench.table("orders").await.rows(), 1);
}

#[tokio::test]
async fn another_lake_has_the_whole_history_and_going_back_is_told() {
    let mut bench = bench();
    bench.succeed().await;
    bench.set(&format!("target = 'other'\n{SETTINGS}"));
    bench.deliver("in/2.jsonl", r#"{"id":2,"lines":[]}"#);
    assert_eq!(bench.succeed().await["rows"], 2);
    assert_eq!(bench.table("orders").await.rows(), 2);
    bench.set(SETTINGS);
    bench.pass(SignedDuration::from_mins(1));
    check_told(&bench.fail().await, "another project writes it");
    assert_eq!(bench.table("orders").await.rows(), 1);
}

#[tokio::test]
async fn a_run_that_was_switched_before_the_settings_changed_is_not_read_again() {
    // Dies behind the switch of the pointer and before the ledger knows it.
    let mut bench = bench();
    assert_eq!(bench.drive(interrupted(4)).await.phase, Phase::Running);
    let before = std::fs::read(bench.path().join(".stepwell/lake.db")).unwrap();
    bench.succeed().await;
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(bench.path().join(format!(".stepwell/lake.db{end}")));
    }
    bench.write(".stepwell/lake.db", before);
    bench.set(&SETTINGS.replace("'id bigint not null'", "'id bigint not null', 'colour string'"));
    bench.pass(SignedDuration::from_mins(2));
    bench.succeed().await;
    assert_eq!(bench.table("orders").await.rows(), 1);
    assert_eq!(bench.table("orders_lines").await.rows(), 1);
}

#[tokio::test]
async fn a_table_that_cannot_be_published_keeps_its_children_from_it() {
    let mut bench = bench();
    bench.succeed().await;
    bench.set(&SETTINGS.replace("'id bigint not null'", "'id bigint not null', 'n int'"));
    bench.deliver("in/2.jsonl", r#"{"id":2,"n":1,"lines":[{"sku":"b"}]}"#);
    bench.succeed().await;
    bench.set(&SETTINGS.replace("'id bigint not null'", "'id bigint not null', 'n bigint'"));
    bench.deliver("in/3.jsonl", r#"{"id":3,"n":1,"lines":[{"sku":"c"}]}"#);
    check_told(&bench.fail().await, "`n int`, which is bigint now");
    bench.set(&SETTINGS.replace("'id bigint not null'", "'id bigint not null', 'n int', 'm int'"));
    bench.pass(SignedDuration::from_mins(2));
    bench.succeed().await;
    assert_eq!(bench.table("orders").await.rows(), 3);
    assert_eq!(bench.table("orders_lines").await.rows(), 3);
}

#[tokio::test]
async fn nothing_is_left_of_pauses() {
    let bench = Bench::new(
        &SETTINGS
            .replace("jsonl", "csv")
            .replace("[tables.orders.children.lines]\ncolumns = ['sku string']\n", ""),
    );
    let rows = (0..40_000).map(|id| format!("{id}\n")).collect::<Vec<_>>().concat();
    bench.deliver("in/1.csv", format!("id\n{rows}"));
    let slices = Driving { slice: Duration::ZERO, ..Driving::default() };
    assert!(bench.drive(slices).await.calls > 8);
    let spool = bench.path().join(".stepwell/lake-spool/orders");
    assert_eq!(std::fs::read_dir(spool).unwrap().count(), 0);
    let interrupted = interrupted(5);
    bench.deliver("in/2.csv", format!("id\n{rows}"));
    assert_eq!(bench.drive(interrupted).await.phase, Phase::Running);
    let runs = std::fs::read_dir(bench.path().join(".stepwell/lake-spool/orders")).unwrap();
    let files: usize =
        runs.map(|run| std::fs::read_dir(run.unwrap().path()).unwrap().count()).sum();
    assert_eq!(files, 1);
}
