//! What groups are told: the message, from which verdict on, only of changes.

use serde_json::{Value, json};

use crate::support::{Bench, example, input, points, published};

fn config() -> Value {
    json!({"cadence_s": 600, "process2": {"gross_range": {"fail": [0, 25]}}})
}

fn good() -> Value {
    let values: Vec<_> = (0..20).map(|at| Some(10.0 + f64::from(at % 3))).collect();
    input(points(&values), config())
}

fn bad() -> Value {
    input(example(), config())
}

#[tokio::test]
async fn a_message_has_the_fields_of_the_reference_and_more() {
    let bench = Bench::new();
    let output = bench.verdict(bad()).await;
    let told = published(&bench);
    let (topic, message) = &told[0];
    assert_eq!(topic, "stream-qc");
    assert_eq!(message["subject"], "QC FAILED buoys/7-temp 2026-03-01T12:00Z");
    let text: Value = serde_json::from_str(message["text"].as_str().unwrap()).unwrap();
    for field in
        ["GroupID", "StreamID", "TotalPass", "StartTime", "QCPID", "Status", "Processes", "Counts"]
    {
        assert_eq!(text[field], output[field], "{field}");
    }
    assert_eq!(text["DetailsKey"], "QCPID");
    assert_eq!(text["Top"][0]["Test"], "gross_range");
    assert!(message["attributes"].to_string().contains("FAILED"), "{message:#}");
    assert!(message["attributes"].to_string().contains("buoys"));
}

#[tokio::test]
async fn a_group_can_be_told_of_changes_only() {
    let bench = Bench::with(json!({"only_on_change": true}));
    for (number, given) in [good(), good(), bad(), bad(), good()].into_iter().enumerate() {
        bench.verdict_of(number as i64, given).await;
    }
    let statuses: Vec<_> = published(&bench)
        .iter()
        .map(|(_, it)| it["subject"].as_str().unwrap()[..9].to_owned())
        .collect();
    assert_eq!(statuses, ["QC PASSED", "QC FAILED", "QC PASSED"]);
}

#[tokio::test]
async fn a_group_can_be_told_from_a_verdict_on_with_a_text_of_its_own() {
    let bench = Bench::with(json!({
        "topic": "all",
        "groups": {"buoys": {"topic": "buoys", "severity": "failed", "template": "{Status} {GroupID}/{StreamID}: {TotalPass}"}}
    }));
    bench.verdict_of(0, good()).await;
    bench.verdict_of(1, bad()).await;
    let mut other = good();
    other["GroupID"] = "plants".into();
    bench.verdict_of(2, other).await;
    let told = published(&bench);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert_eq!(
        (told[0].0.as_str(), &told[0].1["text"]),
        ("buoys", &json!("FAILED buoys/7-temp: 0"))
    );
    assert_eq!(told[1].0, "all");
}

#[tokio::test]
async fn no_topic_is_told_nothing() {
    let bench = Bench::with(json!({"topic": ""}));
    bench.verdict(bad()).await;
    assert_eq!(published(&bench), []);
}

#[test]
fn a_wrong_template_is_refused_before_anything_runs() {
    let settings = json!({"streams": "streams", "template": "{Verdict}"});
    let settings: stepwell_stream_qc::Settings = serde_json::from_value(settings).unwrap();
    let problems = stepwell_pipeline::Settings::problems(&settings, &|_| None);
    assert!(problems[0].message.contains("{Verdict}") && problems[0].help.contains("{Status}"));
}

/// A configuration that is broken, stays so and is mended: two messages.
#[tokio::test]
async fn a_run_that_breaks_off_is_a_change_too_and_so_is_its_recovery() {
    let bench = Bench::with(json!({"only_on_change": true}));
    let mut broken = good();
    broken["Config"] = json!({"process2": {"gross_rang": {}}});
    for (number, given) in [good(), broken.clone(), broken, good()].into_iter().enumerate() {
        let now = crate::support::now() + jiff::SignedDuration::from_hours(number as i64);
        let driving = crate::driver::Driving::default();
        bench.drive_at("stream-qc", &format!("run-{number}"), given, now, driving).await;
    }
    let subjects: Vec<_> = published(&bench)
        .iter()
        .map(|(_, it)| it["subject"].as_str().unwrap()[3..9].to_owned())
        .collect();
    assert_eq!(subjects, ["PASSED", "CONFIG", "PASSED"]);
}
