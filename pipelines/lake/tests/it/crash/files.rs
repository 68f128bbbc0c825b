//! The process dies anywhere, slices are as short as can be, calls come twice: the same bytes.

use std::fmt::Write as _;
use std::time::Duration;

use stepwell_machine::Phase;

use crate::bench::{Bench, Driving};

const SETTINGS: &str = "
grace_seconds = 0
[tables.orders]
source = 'files'
path = 'in/*.csv'
columns = ['id bigint not null', 'amount decimal(20,4)', 'modified timestamp']
key = ['id']
partition_by = ['day(modified)']
settle_seconds = 0
part_rows = 10000
";

fn bench() -> Bench {
    let bench = Bench::new(SETTINGS);
    for file in 0..2 {
        let mut text = "id,amount,modified\n".to_owned();
        for row in 0..18_000 {
            let id = file * 100_000 + row;
            let wrong = if row % 9973 == 0 { "x" } else { "" };
            writeln!(text, "{id},{row}.25{wrong},2026-03-{:02}T10:00:00Z", row / 6000 + 1).unwrap();
        }
        bench.write(&format!("in/{file}.csv"), text);
    }
    bench
}

const SHORT: Duration = Duration::ZERO;

#[tokio::test]
async fn a_crash_after_any_call_ends_with_the_same_bytes() {
    let clean = bench();
    clean.succeed().await;
    let expected = clean.bytes("orders").await;
    assert_eq!(expected.len(), 3);
    let mut calls = 1;
    loop {
        let bench = bench();
        let ended = bench.drive(Driving { crash_after: calls, slice: SHORT, twice: false }).await;
        let is_over = ended.phase != Phase::Running;
        if !is_over {
            let again = bench.drive(Driving { slice: SHORT, ..Driving::default() }).await;
            assert!(matches!(again.phase, Phase::Succeeded { .. }), "{:#}", again.summary);
        }
        assert_eq!(bench.bytes("orders").await, expected, "died after {calls} calls");
        let files = bench.files("orders");
        let written =
            files.iter().filter(|it| it.extension().is_some_and(|it| it == "parquet")).count();
        assert_eq!(written, expected.values().map(Vec::len).sum::<usize>(), "{files:?}");
        if is_over {
            break;
        }
        calls += 1;
    }
    assert!(calls > 8, "{calls}");
}

#[tokio::test]
async fn calls_that_are_delivered_twice_change_nothing() {
    let clean = bench();
    clean.succeed().await;
    let twice = bench();
    let ended = twice.drive(Driving { twice: true, slice: SHORT, ..Driving::default() }).await;
    assert!(matches!(ended.phase, Phase::Succeeded { .. }), "{:#}", ended.summary);
    assert_eq!(twice.bytes("orders").await, clean.bytes("orders").await);
}

#[tokio::test]
async fn a_file_that_lost_rows_after_it_was_written_is_not_published() {
    let bench = bench();
    // Dies when everything is extracted and nothing published.
    bench.drive(Driving { crash_after: 3, ..Driving::default() }).await;
    let files = bench.files("orders");
    let parts: Vec<_> =
        files.iter().filter(|it| it.to_string_lossy().ends_with(".parquet")).collect();
    std::fs::copy(parts[0], parts[1]).unwrap();
    let summary = bench.fail().await;
    assert!(summary["message"].as_str().unwrap().contains("nothing was published"), "{summary:#}");
}
