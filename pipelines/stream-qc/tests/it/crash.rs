//! The process dies anywhere, calls are delivered twice: the tables hold the same, byte for byte.

use serde_json::json;

use crate::driver::Driving;
use crate::support::{Bench, example, input};

fn given() -> serde_json::Value {
    let config = json!({
        "cadence_s": 600,
        "process2": {"gross_range": {"fail": [0, 25], "suspect": [5, 13]}},
        "process3": {"rate_per_s": {"suspect": 0.005, "fail": 0.02}}
    });
    input(example(), config)
}

#[tokio::test]
async fn a_crash_after_any_call_leaves_the_same_in_the_tables() {
    let calm = Bench::new();
    let output = calm.verdict(given()).await;
    let expected = calm.everything().await;
    for every in 2..=9 {
        let bench = Bench::new();
        let driving = Driving { crash_every: Some(every), ..Driving::default() };
        let ended = bench.drive("stream-qc", given(), driving).await;
        assert_eq!(ended.output(), output, "died every {every} calls");
        assert_eq!(bench.everything().await, expected, "died every {every} calls");
    }
}

#[tokio::test]
async fn calls_that_are_delivered_twice_change_nothing() {
    let calm = Bench::new();
    let output = calm.verdict(given()).await;
    let bench = Bench::new();
    let twice = Driving { twice: true, ..Driving::default() };
    assert_eq!(bench.drive("stream-qc", given(), twice).await.output(), output);
    assert_eq!(bench.everything().await, calm.everything().await);
}

/// The second attempt sees other data, with fewer findings: none of the first attempt's are left.
#[tokio::test]
async fn an_attempt_replaces_what_the_one_before_it_wrote() {
    let bench = Bench::new();
    bench.verdict(given()).await;
    assert!(!bench.items("QCDetails").await.is_empty());
    let mut good = given();
    good["Data"]["inline"].as_array_mut().unwrap().truncate(3);
    bench.verdict(good).await;
    assert_eq!(bench.items("QCDetails").await, Vec::<serde_json::Value>::new());
}
