//! The process dies anywhere, calls are delivered twice: the tables hold the same, byte for byte.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::driver::{Driving, Ended};
use crate::support::{Bench, example, input, points, published};

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

/// Streams of two groups: one of each verdict, and one whose file is wrong.
fn bench_of_streams() -> Bench {
    let bench = Bench::new();
    let good = points(&[Some(10.0), Some(10.1), Some(10.2)]);
    for (stream, data) in
        [("buoys/good", Some(good)), ("buoys/bad", Some(example())), ("plants/gone", None)]
    {
        let uri = bench.path().join(format!("data/{stream}.jsonl"));
        let file = json!({
            "cadence_s": 600,
            "data": {"uri": uri},
            "process2": {"gross_range": {"fail": [0, 25], "suspect": [5, 13]}},
            "process3": {"rate_per_s": {"suspect": 0.005, "fail": 0.02}}
        });
        bench.write(&format!("streams/{stream}.json"), file.to_string());
        if let Some(data) = data {
            let lines = data.as_array().unwrap().iter().map(|it| format!("{it}\n"));
            bench.write(&format!("data/{stream}.jsonl"), lines.collect::<String>());
        }
    }
    bench.write("streams/plants/wrong.toml", "process2 = 3");
    bench
}

/// The end of a run of all streams and all that it left, without the name of the folder.
async fn left(bench: &Bench, ended: &Ended) -> (String, String, BTreeSet<String>) {
    let plain = |text: String| text.replace(&*bench.path().to_string_lossy(), "");
    let messages = published(bench).into_iter().map(|it| plain(format!("{it:?}"))).collect();
    (
        plain(format!("{:?}", ended.phase)),
        plain(format!("{:?}", bench.everything().await)),
        messages,
    )
}

async fn drive_all(driving: Driving) -> (Bench, Ended) {
    let bench = bench_of_streams();
    let ended = bench.drive("stream-qc-all", json!({}), driving).await;
    (bench, ended)
}

#[tokio::test]
async fn a_crash_after_any_call_of_a_run_of_all_streams_leaves_the_same_of_each() {
    let (bench, ended) = drive_all(Driving::default()).await;
    let expected = left(&bench, &ended).await;
    assert_eq!(expected.2.len(), 4, "each stream is told of: {:?}", expected.2);
    let statuses: BTreeSet<_> = bench.items("QCSummary").await.iter().map(status).collect();
    assert_eq!(
        statuses,
        BTreeSet::from(["CONFIG_ERROR", "ERROR", "FAILED", "PASSED"].map(str::to_owned))
    );
    for every in 2..=ended.calls.len() {
        let driving = Driving { crash_every: Some(every), ..Driving::default() };
        let (bench, ended) = drive_all(driving).await;
        assert_eq!(left(&bench, &ended).await, expected, "died every {every} calls");
    }
}

fn status(item: &Value) -> String {
    item["Status"]["S"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn calls_of_a_run_of_all_streams_that_are_delivered_twice_change_nothing() {
    let (calm, ended) = drive_all(Driving::default()).await;
    let expected = left(&calm, &ended).await;
    let (bench, ended) = drive_all(Driving { twice: true, ..Driving::default() }).await;
    assert_eq!(left(&bench, &ended).await, expected);
}
