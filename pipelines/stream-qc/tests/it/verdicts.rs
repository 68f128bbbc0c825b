//! What a run concludes, and what the tables hold of it.

use serde_json::{Value, json};
use stepwell_pipeline::HandlerError;

use crate::driver::Driving;
use crate::support::{Bench, example, input, points};

/// As in the worked example, with limits that let nothing pass.
fn config() -> Value {
    json!({
        "cadence_s": 600,
        "process1": {"required": ["time", "value"], "completeness": {"value": {"warn": 0.5, "fail": 0.2}}},
        "process2": {"gross_range": {"fail": [0, 25], "suspect": [5, 13]}},
        "process3": {"rate_per_s": {"suspect": 0.005, "fail": 0.02}}
    })
}

#[tokio::test]
async fn bad_data_fail_and_every_finding_is_kept() {
    let bench = Bench::new();
    let output = bench.verdict(input(example(), config())).await;
    assert_eq!(output["Status"], "FAILED", "{output:#}");
    assert_eq!(output["TotalPass"], 0);
    assert_eq!(output["Processes"], json!({"1": 1, "2": 0, "3": 0}), "{output:#}");
    assert_eq!(output["Rows"], 10);
    let counts: u64 =
        output["Counts"].as_object().unwrap().values().map(|it| it.as_u64().unwrap()).sum();
    assert_eq!(counts, 10, "{output:#}");
    assert_eq!(output["Counts"]["4"], 2, "{output:#}");
    assert_eq!(bench.flagged("gross_range").await, [3, 8]);
    let summary = &bench.items("QCSummary").await[0];
    assert_eq!(summary["Status"]["S"], "FAILED");
    let id = output["QCPID"].as_str().unwrap();
    assert_eq!(summary["StartTime"]["S"], format!("2026-03-01T12:00:00.123000Z#{id}"));
    for (process, pass) in [("Process1Pass", "1"), ("Process2Pass", "0"), ("TotalPass", "0")] {
        assert_eq!(summary[process]["N"], pass, "{process}");
    }
    let details = bench.items("QCDetails").await;
    let worst =
        details.iter().find(|it| it["Index"]["N"] == "8" && it["Process"]["N"] == "2").unwrap();
    assert_eq!((&worst["Flag"]["N"], &worst["Value"]["S"]), (&json!("4"), &json!("30")));
    assert!(worst["ErrorNumber"]["N"].as_str().unwrap().starts_with("200000"), "{worst:#}");
    assert!(details.iter().all(|it| !["1", "9"].contains(&it["Flag"]["N"].as_str().unwrap())));
}

#[tokio::test]
async fn good_data_pass() {
    let bench = Bench::new();
    let values: Vec<_> = (0..20).map(|at| Some(10.0 + f64::from(at % 3) * 0.1)).collect();
    let output = bench.verdict(input(points(&values), config())).await;
    assert_eq!(
        (&output["Status"], &output["TotalPass"]),
        (&json!("PASSED"), &json!(1)),
        "{output:#}"
    );
    assert_eq!(
        output["Counts"]["1"].as_u64().unwrap() + output["Counts"]["2"].as_u64().unwrap_or(0),
        20
    );
    assert_eq!(bench.items("QCDetails").await, Vec::<Value>::new());
}

/// Empty, one point, all missing, unsorted, all at one time: a verdict each time, never a crash, never a pass of nothing.
#[tokio::test]
async fn odd_series_have_a_defined_verdict() {
    for (name, values, passes) in [
        ("empty", json!([]), Some(false)),
        ("all missing", points(&[None; 10]), Some(false)),
        ("one point", points(&[Some(10.0)]), None),
        ("two points", points(&[Some(10.0), Some(10.1)]), None),
    ] {
        let bench = Bench::new();
        let output = bench.verdict(input(values, config())).await;
        let is_pass = output["Status"] == "PASSED";
        assert!(
            ["PASSED", "FAILED"].contains(&output["Status"].as_str().unwrap()),
            "{name}: {output:#}"
        );
        assert!(passes.is_none_or(|it| it == is_pass), "{name}: {output:#}");
    }
}

#[tokio::test]
async fn an_unsorted_series_is_flagged_as_the_sorted_one_is() {
    let config = json!({"cadence_s": 600, "process2": {"gross_range": {"fail": [0, 25]}}});
    let sorted = Bench::new();
    sorted.verdict(input(example(), config.clone())).await;
    let bench = Bench::new();
    let mut points = example().as_array().unwrap().clone();
    points.reverse();
    bench.verdict(input(points.into(), config)).await;
    assert_eq!(sorted.flagged("gross_range").await, [8]);
    assert_eq!(bench.flagged("gross_range").await, [1]);
}

/// A process that fails is a verdict: could not check.
#[tokio::test]
async fn a_process_that_fails_is_an_error_and_the_others_are_heard() {
    for function in ["process1", "process2", "process3"] {
        let bench = Bench::new();
        let failing = Some((function, HandlerError::Fatal("out of luck".into()), 1));
        let driving = Driving { failing, ..Driving::default() };
        let ended = bench.drive("stream-qc", input(example(), config()), driving).await;
        let output = ended.output();
        assert_eq!(output["Status"], "ERROR", "{output:#}");
        assert_eq!(output["TotalPass"], 0);
        assert_eq!(output["Counts"], Value::Null, "a part is no roll-up");
        let error = &output["ProcessErrors"][0];
        assert_eq!(function, format!("process{}", error["Process"]));
        assert_eq!(error["Error"], "Fatal");
        assert!(error["Cause"].as_str().unwrap().contains("out of luck"));
        assert_eq!(ended.count("notify"), 1, "it is told");
        let summary = &bench.items("QCSummary").await[0];
        assert_eq!(summary["Status"]["S"], "ERROR");
        assert!(summary["Error"]["S"].as_str().unwrap().contains("out of luck"));
    }
}

#[tokio::test]
async fn what_passes_by_itself_is_tried_again() {
    let bench = Bench::new();
    let busy = HandlerError::Retryable("the source is busy".into());
    for function in ["start", "process2", "end", "notify"] {
        let driving = Driving { failing: Some((function, busy.clone(), 2)), ..Driving::default() };
        let ended = bench.drive("stream-qc", input(example(), config()), driving).await;
        assert_eq!(ended.output()["Status"], "FAILED");
        assert_eq!(ended.count(function), 3, "{function}");
    }
    assert_eq!(bench.items("QCSummary").await.len(), 1, "it is one run");
}

/// The tables do not answer at the end: the run fails, and that is told.
#[tokio::test]
async fn an_end_that_fails_is_told_and_recorded() {
    let bench = Bench::new();
    let failing = Some(("end", HandlerError::Fatal("no tables".into()), 1));
    let driving = Driving { failing, ..Driving::default() };
    let ended = bench.drive("stream-qc", input(example(), config()), driving).await;
    let (error, cause) = ended.failure();
    assert_eq!((error.as_str(), ended.count("notify")), ("Fatal", 1));
    assert!(cause.contains("no tables"), "{cause}");
    assert_eq!(bench.items("QCSummary").await[0]["Status"]["S"], "ERROR");
}

/// A stuck sensor that was stuck in the last run too is known at once, and one that is not is not blamed.
#[tokio::test]
async fn the_next_run_knows_the_last_points_of_the_one_before() {
    let config =
        json!({"cadence_s": 600, "process3": {"rate_per_s": {"suspect": 0.001, "fail": 0.01}}});
    let point = |minute: i64, value: f64| {
        let time = crate::support::now() + jiff::SignedDuration::from_mins(minute);
        json!({"time": time.to_string(), "value": value})
    };
    let bench = Bench::new();
    bench.verdict_of(0, input(json!([point(0, 1.0), point(10, 1.1)]), config.clone())).await;
    bench.verdict_of(1, input(json!([point(20, 50.0), point(30, 50.1)]), config.clone())).await;
    assert_eq!(bench.flagged("rate_of_change").await, [0], "a jump between two runs");
    // A context that the input gives goes before what is remembered.
    let mut given = input(json!([point(40, 1.0), point(50, 1.1)]), config);
    given["Context"] = json!({"last": [point(30, 1.0)]});
    bench.verdict_of(2, given).await;
    assert_eq!(bench.flagged("rate_of_change").await, [0]);
}

#[tokio::test]
async fn two_streams_of_a_group_at_the_same_instant_are_two_runs() {
    let bench = Bench::new();
    let mut other = input(example(), config());
    other["StreamID"] = "8-temp".into();
    bench.verdict(input(example(), config())).await;
    bench.verdict(other).await;
    assert_eq!(bench.items("QCSummary").await.len(), 2);
    assert_eq!(bench.items("QCStreams").await.len(), 2);
}

#[tokio::test]
async fn only_points_within_the_window_are_looked_at() {
    let bench = Bench::new();
    let mut given = input(example(), config());
    given["Window"] = json!({"from": "2026-03-01T11:00:00.123Z", "to": "2026-03-01T11:50:00.123Z"});
    let output = bench.verdict(given).await;
    assert_eq!(output["Rows"], 5, "{output:#}");
    assert_eq!(bench.flagged("gross_range").await, [0], "the one at 11:00");
}

#[tokio::test]
async fn a_series_that_is_too_long_is_refused() {
    let bench = Bench::with(json!({"max_points": 9}));
    let output = bench.verdict(input(example(), config())).await;
    assert_eq!(output["Status"], "ERROR");
    assert!(
        output["ProcessErrors"][0]["Cause"].as_str().unwrap().contains("max_points"),
        "{output:#}"
    );
}

#[tokio::test]
async fn a_column_that_is_not_there_is_not_checked_and_says_so() {
    let bench = Bench::new();
    let config = json!({"process2": {"validity": {"status": {"values": ["ok"]}}}});
    let output = bench.verdict(input(example(), config)).await;
    assert_eq!(output["Status"], "ERROR", "{output:#}");
    let message = output["message"].as_str().unwrap();
    assert!(message.contains("no column `status`"), "{message}");
    let error = bench.items("QCSummary").await[0]["Error"]["S"].to_string();
    assert!(error.contains("no column `status`"), "{error}");
}

#[tokio::test]
async fn why_too_little_was_judged_is_told() {
    let bench = Bench::new();
    let config = json!({"process1": {"required": ["time"]}});
    let output = bench.verdict(input(example(), config)).await;
    assert_eq!(output["Status"], "FAILED", "{output:#}");
    let message = output["message"].as_str().unwrap();
    assert!(message.contains("judged nothing"), "{message}");
}

/// The library knows nothing of an earlier call, and neither does its mode.
#[tokio::test]
async fn the_mode_of_the_library_takes_no_context_of_its_own() {
    let config = json!({
        "mode": "ioos_qc_3_0",
        "process3": {"rate_per_s": {"suspect": 0.001, "fail": 0.01}}
    });
    let point = |minute: i64, value: f64| {
        let time = crate::support::now() + jiff::SignedDuration::from_mins(minute);
        json!({"time": time.to_string(), "value": value})
    };
    let bench = Bench::new();
    bench.verdict_of(0, input(json!([point(0, 1.0), point(10, 1.1)]), config.clone())).await;
    bench.verdict_of(1, input(json!([point(20, 50.0), point(30, 50.1)]), config)).await;
    assert_eq!(bench.flagged("rate_of_change").await, Vec::<u64>::new());
}
