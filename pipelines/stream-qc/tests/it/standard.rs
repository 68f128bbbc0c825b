//! What holds for every pipeline, that both definitions are the same, and that no secret is left anywhere.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use stepwell_pipeline::{Settings as _, testing};
use stepwell_stream_qc::{ALL_DEFINITION, DEFINITION, Settings};

use crate::support::{Bench, SECRET};

#[test]
fn the_definitions_and_the_functions_fit() {
    testing::check(&Bench::new().pipeline());
}

/// The iterations of `stream-qc-all` do what `stream-qc` does.
#[test]
fn both_definitions_check_a_stream_the_same_way() {
    let one: Value = serde_json::from_str(DEFINITION).unwrap();
    let all: Value = serde_json::from_str(ALL_DEFINITION).unwrap();
    let of_each = &all["States"]["Each"]["ItemProcessor"]["States"];
    for state in ["Start", "Process", "End", "Summarise"] {
        assert_eq!(one["States"][state], of_each[state], "{state}");
    }
    // Only what follows is another state.
    let told = one["States"]["Notify"].to_string().replace("Tell", "Told");
    assert_eq!(told, of_each["Notify"].to_string().replace("NotTold", "Told"));
}

#[test]
fn nothing_waits_for_consistency() {
    for definition in [DEFINITION, ALL_DEFINITION] {
        assert!(!definition.contains("\"Wait\""));
    }
}

/// A database that cannot be reached is told without its password, everywhere.
#[tokio::test]
async fn no_secret_is_left_in_any_file_or_output() {
    let bench = Bench::with(json!({"notify": [{"file": "last-run.json"}]}));
    let given = json!({
        "GroupID": "g",
        "StreamID": "s",
        "Data": {"postgres": {"url": "secret:plant", "query": "SELECT 1 AS time, 2 AS value"}},
        "Config": {"process2": {"gross_range": {"fail": [0, 25]}}}
    });
    let _ = fs::remove_file("last-run.json");
    let output = bench.verdict(given).await;
    let told = fs::read_to_string("last-run.json").unwrap();
    fs::remove_file("last-run.json").unwrap();
    assert_eq!(output["Status"], "ERROR");
    let password = "hunter2";
    assert!(SECRET.contains(password));
    for text in [output.to_string(), told] {
        testing::check_no_secret(&text, &[password]);
    }
    let mut files = 0;
    each_file(bench.path(), &mut |path| {
        files += 1;
        let bytes = fs::read(path).unwrap();
        testing::check_no_secret(&String::from_utf8_lossy(&bytes), &[password]);
    });
    assert!(files > 0);
}

#[test]
fn the_template_has_every_setting() {
    let template = Settings::TEMPLATE;
    for key in [
        "streams",
        "summary_table",
        "details_table",
        "series_table",
        "streams_table",
        "points_kept",
        "context_points",
        "max_points",
        "max_download_mb",
        "topic",
        "severity",
        "only_on_change",
        "template",
        "groups",
        "max_concurrency",
        "silence_seconds",
        "slice_seconds",
        "notify",
    ] {
        assert!(template.contains(key), "{key}");
        let unknown = json!({ key: Value::Null });
        let error = serde_json::from_value::<Settings>(unknown);
        let is_known =
            error.map_or_else(|error| !error.to_string().contains("unknown field"), |_| true);
        assert!(is_known, "{key}");
    }
}

#[test]
fn settings_out_of_range_are_told_all_at_once() {
    let settings = json!({
        "summary_table": "a b",
        "details_table": "same",
        "series_table": "same",
        "points_kept": 1_000_000,
        "max_concurrency": 0
    });
    let settings: Settings = serde_json::from_value(settings).unwrap();
    let problems = settings.problems(&|_| None);
    let keys: Vec<_> = problems.iter().map(|it| it.key).collect();
    assert_eq!(
        keys,
        ["streams", "summary_table", "series_table", "points_kept", "max_concurrency"]
    );
}

fn each_file(folder: &Path, seen: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { each_file(&path, seen) } else { seen(&path) }
    }
}
