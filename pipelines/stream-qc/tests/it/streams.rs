//! Twenty streams with planted faults: all are found, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use stepwell_sandbox::streams::{Stream, generate};

use crate::driver::Driving;
use crate::support::{Bench, now};

/// What every stream is checked by.
const CHECKS: &str = "
cadence_s = 600
[process1]
required = [\"time\", \"value\"]
completeness = { value = { warn = 0.98, fail = 0.9 } }
freshness_h = 1
row_count = { tolerance = 0.1 }
[process2]
gross_range = { fail = [0, 25], suspect = [3, 17] }
[process3]
gap_h = 1
spike = { method = \"differential\", suspect = 1, fail = 3 }
rate_per_s = { suspect = 0.003, fail = 0.01 }
flat_line = { suspect_s = 3600, fail_s = 7200, tolerance = 0.005 }
attenuated_signal = { suspect = 0.1, fail = 0.005, period_s = 21600, min_obs = 30 }
";

/// A bench with files of all streams.
fn bench(streams: &[Stream]) -> Bench {
    let bench = Bench::new();
    for stream in streams {
        stream.write(&bench.path().join("data")).unwrap();
        let data = bench.path().join("data").join(stream.file_name());
        let text = format!("{CHECKS}\n[data]\nuri = \"{}\"\n", data.display());
        bench.write(&format!("streams/{}/{}.toml", stream.group, stream.name), text);
    }
    bench
}

/// What each test flagged of each run; a stream as a whole is an empty list.
async fn flagged(bench: &Bench) -> BTreeMap<String, BTreeMap<String, BTreeSet<usize>>> {
    let mut found = BTreeMap::<String, BTreeMap<String, BTreeSet<usize>>>::new();
    for item in bench.items("QCDetails").await {
        if !["3", "4"].contains(&item["Flag"]["N"].as_str().unwrap()) {
            continue;
        }
        let test = item["Test"]["S"].as_str().unwrap().split(':').next().unwrap().to_owned();
        let of_run = found.entry(item["QCPID"]["S"].as_str().unwrap().to_owned()).or_default();
        let rows = of_run.entry(test).or_default();
        rows.extend(item["Index"]["N"].as_str().map(|it| it.parse::<usize>().unwrap()));
    }
    found
}

#[tokio::test]
async fn all_that_is_planted_is_found_and_nothing_else() {
    for seed in [1, 2, 3] {
        let streams = generate(seed, now());
        let bench = bench(&streams);
        let ended = bench.drive("stream-qc-all", json!({}), Driving::default()).await;
        let output = ended.output();
        assert_eq!(
            (&output["Streams"], &output["NotChecked"]),
            (&json!(20), &json!(0)),
            "{output:#}"
        );
        let flagged = flagged(&bench).await;
        for result in output["Results"].as_array().unwrap() {
            let name = result["StreamID"].as_str().unwrap();
            let stream = streams.iter().find(|it| it.name == name).unwrap();
            let found = flagged.get(result["QCPID"].as_str().unwrap()).cloned().unwrap_or_default();
            check(stream, &found);
            assert!(!stream.planted.is_empty() || result["Status"] == "PASSED", "{result}");
        }
    }
}

#[track_caller]
fn check(stream: &Stream, found: &BTreeMap<String, BTreeSet<usize>>) {
    let name = &stream.name;
    let tests: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    let planted: BTreeSet<&str> = stream.planted.iter().map(|it| it.test).collect();
    assert_eq!(tests, planted, "{name}: {found:?}");
    for planted in &stream.planted {
        let rows = &found[planted.test];
        let missed: Vec<_> = planted.must.iter().filter(|it| !rows.contains(it)).collect();
        assert!(missed.is_empty(), "{name}: {} missed {missed:?} in {rows:?}", planted.test);
        let is_false = |it: &&usize| !planted.must.contains(it) && !planted.may.contains(it);
        let wrong: Vec<_> = rows.iter().filter(is_false).collect();
        assert!(wrong.is_empty(), "{name}: {} flags {wrong:?}", planted.test);
    }
}

/// One wrong file hides nobody: its stream could not be checked, and the run says so.
#[tokio::test]
async fn a_stream_with_a_wrong_file_hides_no_other() {
    let streams: Vec<_> = generate(1, now()).into_iter().take(3).collect();
    let bench = bench(&streams);
    bench.write("streams/buoys/wrong.toml", "process2 = 3");
    let ended = bench.drive("stream-qc-all", json!({}), Driving::default()).await;
    let (error, cause) = ended.failure();
    assert_eq!(error, "StreamsNotChecked");
    assert!(cause.contains("QC CONFIG_ERROR buoys/wrong: "), "{cause}");
    assert!(cause.contains("wrong.toml"), "{cause}");
    let statuses: Vec<_> =
        bench.items("QCSummary").await.iter().map(|it| it["Status"]["S"].clone()).collect();
    assert_eq!(statuses.len(), 4);
    assert_eq!(statuses.iter().filter(|it| **it == json!("CONFIG_ERROR")).count(), 1);
}

#[tokio::test]
async fn one_group_can_be_run_and_no_stream_is_refused() {
    let streams: Vec<_> = generate(1, now()).into_iter().take(6).collect();
    let bench = bench(&streams);
    let ended =
        bench.drive("stream-qc-all", json!({"GroupID": "plants"}), Driving::default()).await;
    assert_eq!(ended.output()["Streams"], 2);
    for (input, expected) in
        [(json!({"GroupID": "none"}), "`none`"), (json!({"Group": "x"}), "GroupID")]
    {
        let ended = bench.drive("stream-qc-all", input, Driving::default()).await;
        let (error, cause) = ended.failure();
        assert_eq!(error, "Config");
        assert!(cause.contains(expected), "{cause}");
    }
    assert_eq!(
        Bench::new()
            .drive("stream-qc-all", Value::Object(Map::default()), Driving::default())
            .await
            .failure()
            .0,
        "Config"
    );
}
