//! Inputs and configurations that are missing or wrong: refused by name, told, and never a pass.

use serde_json::{Value, json};
use stepwell_pipeline::Settings as _;
use stepwell_stream_qc::Settings;

use crate::driver::Driving;
use crate::support::{Bench, example, input};

fn range() -> Value {
    json!({"process2": {"gross_range": {"fail": [0, 25]}}})
}

#[tokio::test]
async fn an_input_is_refused_by_the_name_of_its_field() {
    let bench = Bench::new();
    for (given, field) in [
        (json!({}), "GroupID"),
        (json!({"GroupID": "g"}), "StreamID"),
        (
            json!({"GroupID": "g", "StreamID": "s", "Data": {"uri": "a.doc"}, "Config": range()}),
            "Data.format",
        ),
        (json!({"GroupID": "g", "StreamID": "s", "Dta": 1}), "Dta"),
    ] {
        let (error, cause) = bench.refused(given.clone()).await;
        assert_eq!(error, "Config", "{cause}");
        assert!(cause.contains(&format!("`{field}`")), "{field}: {cause}");
        let checked = Settings::check_input("stream-qc", &given);
        assert_eq!(checked.unwrap_err().field, field, "before anything starts");
    }
    assert_eq!(bench.items("QCSummary").await, Vec::<Value>::new(), "there was no run");
}

#[tokio::test]
async fn an_input_that_is_no_object_is_refused_and_told_as_every_other() {
    let bench = Bench::new();
    for machine in ["stream-qc", "stream-qc-all"] {
        for given in [json!([]), json!([{"GroupID": "g"}]), json!("GroupID"), json!(3), Value::Null]
        {
            let ended = bench.drive(machine, given.clone(), Driving::default()).await;
            let (error, cause) = ended.failure();
            assert_eq!(error, "Config", "{machine} with {given}: {cause}");
            assert!(cause.contains("no JSON object"), "{machine} with {given}: {cause}");
            // All streams are told of once there is a list of them.
            let told = usize::from(machine == "stream-qc");
            assert_eq!(ended.count("tell"), told, "{machine} with {given}");
        }
    }
    assert_eq!(bench.items("QCSummary").await, Vec::<Value>::new(), "there was no run");
}

#[tokio::test]
async fn a_run_without_data_or_configuration_is_refused_by_name_and_recorded() {
    let bench = Bench::new();
    for (given, expected) in [
        (json!({"GroupID": "g", "StreamID": "s", "Config": range()}), "`Data`"),
        (json!({"GroupID": "g", "StreamID": "s", "Data": {"inline": []}}), "`Config`"),
        (json!({"GroupID": "g", "StreamID": "s", "ConfigRef": "none.toml"}), "none.toml"),
    ] {
        let (error, cause) = bench.refused(given).await;
        assert_eq!(error, "Config");
        assert!(cause.contains(expected), "{expected}: {cause}");
    }
    let recorded = bench.items("QCSummary").await;
    assert_eq!(recorded[0]["Status"]["S"], "CONFIG_ERROR");
}

#[tokio::test]
async fn a_bad_configuration_is_an_error_of_the_run_and_told() {
    let bench = Bench::new();
    bench.write(
        "streams/buoys/7-temp.toml",
        "[process2.gross_range]\nfail = [0, 25]\nsuspect = [-5, 13]\n",
    );
    let given = json!({"GroupID": "buoys", "StreamID": "7-temp", "Data": {"inline": example()}});
    let ended = bench.drive("stream-qc", given, Driving::default()).await;
    let (error, cause) = ended.failure();
    assert_eq!((error.as_str(), ended.count("notify"), ended.count("process1")), ("Config", 1, 0));
    assert!(cause.contains("7-temp.toml") && cause.contains("gross_range"), "{cause}");
    let recorded = &bench.items("QCSummary").await[0];
    assert_eq!(recorded["Status"]["S"], "CONFIG_ERROR");
    assert!(recorded["Error"]["S"].as_str().unwrap().contains("gross_range"));
}

#[tokio::test]
async fn the_file_of_a_stream_says_where_the_data_are_and_what_is_checked() {
    for (name, text) in [
        (
            "streams/buoys/7-temp.toml",
            "[data]\nuri = \"DATA\"\n[process2.gross_range]\nfail = [0, 25]\n",
        ),
        (
            "streams/buoys/7-temp.yaml",
            "data: {uri: DATA}\nprocess2: {gross_range: {fail: [0, 25]}}\n",
        ),
        (
            "streams/all.toml",
            "[groups.buoys.streams.7-temp]\ndata = {uri = \"DATA\"}\nprocess2.gross_range.fail = [0, 25]\n",
        ),
    ] {
        let bench = Bench::new();
        let data = bench.path().join("7.csv");
        bench.write("7.csv", "time,value\n2026-03-01T11:50:00Z,10\n2026-03-01T12:00:00Z,30\n");
        bench.write(name, text.replace("DATA", data.to_str().unwrap()));
        let output = bench.verdict(json!({"GroupID": "buoys", "StreamID": "7-temp"})).await;
        assert_eq!(output["Rows"], 2, "{name}: {output:#}");
        assert_eq!(bench.flagged("gross_range").await, [1], "{name}");
    }
}

#[tokio::test]
async fn an_input_overrides_what_the_file_says() {
    let bench = Bench::new();
    bench.write("streams/buoys/7-temp.toml", "[process2.gross_range]\nfail = [0, 1]\n");
    bench.verdict(input(example(), range())).await;
    assert_eq!(bench.flagged("gross_range").await, [8]);
}
