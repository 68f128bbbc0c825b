//! `qc check`: a series, its flags, and how it ends.

use serde_json::{Value, json};

use crate::moto::Moto;
use crate::support::{Project, runtime};

const CONFIG: &str = r#"
cadence_s = 600
process1.required = ["time", "value"]
process2.gross_range = { fail = [0, 25], suspect = [5, 13] }
process3.rate_per_s = { suspect = 0.005, fail = 0.02 }
"#;

const SERIES: &str = "time,value
2026-03-01T00:00:00Z,10
2026-03-01T00:10:00Z,10.1
2026-03-01T00:20:00Z,
2026-03-01T00:30:00Z,10.2
2026-03-01T00:40:00Z,30
";

fn project() -> Project {
    let project = Project::new();
    project.write("qc.toml", CONFIG);
    project.write("series.csv", SERIES);
    project
}

fn check(project: &Project, more: &[&str]) -> Value {
    let arguments = [&["qc", "check", "--config", "qc.toml", "--json"], more].concat();
    serde_json::from_str(&project.run(&arguments).stdout).expect("it prints JSON")
}

fn flags<'a>(document: &'a Value, test: &str) -> &'a Value {
    let processes = document["processes"].as_array().expect("processes");
    let mut tests = processes.iter().flat_map(|it| it["tests"].as_array().expect("tests"));
    &tests.find(|it| it["test"] == test).expect("the test ran")["flags"]
}

#[test]
fn flags_of_every_point_are_printed_in_both_modes() {
    let project = project();
    let strict = check(&project, &["--data", "series.csv"]);
    assert_eq!((&strict["pass"], &strict["mode"]), (&json!(false), &json!("strict")));
    assert_eq!(flags(&strict, "gross_range"), &json!([1, 1, 9, 1, 4]));
    assert_eq!(flags(&strict, "rate_of_change"), &json!([2, 1, 9, 2, 4]));
    assert_eq!(strict["rollup"]["flags"], json!([1, 1, 9, 1, 4]));
    let library = check(&project, &["--data", "series.csv", "--mode", "ioos_qc_3_0"]);
    assert_eq!(flags(&library, "rate_of_change"), &json!([1, 1, 9, 1, 4]));
}

#[test]
fn people_see_the_points_that_were_flagged() {
    let project = project();
    let ended = project.run(&["qc", "check", "--config", "qc.toml", "--data", "series.csv"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("2026-03-01T00:40:00Z"), "{}", ended.stdout);
    assert!(ended.stdout.contains("gross_range, rate_of_change"), "{}", ended.stdout);
    assert!(ended.stdout.contains("QCProcess2 does not pass"), "{}", ended.stdout);
}

#[test]
fn a_series_without_a_point_is_no_error() {
    let project = project();
    project.write("empty.csv", "time,value\n");
    let document = check(&project, &["--data", "empty.csv"]);
    assert_eq!((&document["points"], &document["pass"]), (&json!(0), &json!(false)));
}

#[test]
fn numbers_of_time_and_other_columns_are_read_as_configured() {
    let project = project();
    let columns = "columns = { time = \"t\", value = \"v\", time_unit = \"ms\" }\n";
    let config = CONFIG.replace(r#"["time", "value"]"#, r#"["t", "v"]"#);
    project.write("qc.toml", &format!("{columns}{config}"));
    let line =
        |at: i64| format!("{}\n", json!({ "t": 1_772_323_200_000_i64 + at * 600_000, "v": 10.0 }));
    project.write("series.jsonl", &(0..5).map(line).collect::<String>());
    let document = check(&project, &["--data", "series.jsonl"]);
    assert_eq!(document["pass"], json!(true), "{document}");
}

#[test]
fn what_is_wrong_is_refused_by_name_with_the_exit_code_for_it() {
    let project = project();
    let says = |code, arguments: &[&str]| project.fails(code, arguments);
    let one = ["qc", "check", "--config", "qc.toml", "--data"];
    let missing = says(3, &[&one[..], &["nowhere.csv"]].concat());
    assert!(missing.contains("nowhere.csv does not exist"), "{missing}");
    project.write("other.csv", "time,valeu\n2026-03-01,1\n");
    let column = says(3, &[&one[..], &["other.csv"]].concat());
    assert!(column.contains("did you mean `valeu`?"), "{column}");
    project.write("qc.toml", "process2.gross_rang = {}\n");
    let config = says(2, &[&one[..], &["series.csv"]].concat());
    assert!(
        config.contains("`process2.gross_rang`: the key is unknown; did you mean `gross_range`?"),
        "{config}"
    );
    project.write("qc.toml", "[groups.g.streams]\na = {}\nb = {}\n");
    let several = says(2, &[&one[..], &["series.csv"]].concat());
    assert!(
        several.contains("hint: say which one: --group g --stream a, or --group g --stream b"),
        "{several}"
    );
    let unknown = says(3, &[&one[..], &["series.csv", "--group", "g", "--stream", "c"]].concat());
    assert!(unknown.contains("no stream `c` in the group `g`"), "{unknown}");
}

#[test]
fn a_series_in_a_bucket_is_read_as_the_services_say() {
    let project = project();
    let data = ["qc", "check", "--config", "qc.toml", "--data", "s3://raw/buoys/7.csv"];
    let missing = project.fails(3, &data);
    assert!(missing.contains("s3://raw/buoys/7.csv"), "{missing}");
    std::fs::create_dir_all(project.path().join(".stepwell/s3/raw/buoys")).unwrap();
    project.write(".stepwell/s3/raw/buoys/7.csv", SERIES);
    let embedded = check(&project, &data[4..]);
    assert_eq!(embedded["rollup"]["flags"], json!([1, 1, 9, 1, 4]));
}

#[test]
fn a_series_in_a_bucket_of_aws_is_read() {
    let Some(moto) = Moto::find() else { return };
    let mut project = project();
    project.variable("STEPWELL_SECRET_AWS_KEY", "aws-secret-key");
    project.write(
        "stepwell.toml",
        &format!(
            "[services]\ns3 = \"aws\"\n[services.aws]\nregion = \"{}\"\nendpoint_url = \"{}\"\n\
             access_key_id = \"me\"\nsecret_access_key = \"secret:aws/key\"\n",
            Moto::REGION,
            moto.url
        ),
    );
    let bucket = format!("qc-{}", std::process::id());
    runtime().block_on(moto.put_object(&bucket, "7.csv", SERIES));
    let found = check(&project, &["--data", &format!("s3://{bucket}/7.csv")]);
    assert_eq!(found["rollup"]["flags"], json!([1, 1, 9, 1, 4]));
}

#[test]
fn a_series_beyond_what_is_kept_in_memory_has_all_its_flags() {
    let project = project();
    project.write("qc.toml", "process2.gross_range = { fail = [0, 25] }\n");
    let points = 300_000;
    let point = |at: i64| {
        let value = if at % 100_000 == 7 { 30 } else { 10 };
        format!("{},{value}\n", 1_772_323_200 + at * 600)
    };
    let series: Vec<_> = (0..points).map(point).collect();
    project.write("series.csv", &format!("time,value\n{}", series.concat()));
    let document = check(&project, &["--data", "series.csv"]);
    assert_eq!(document["points"], points);
    let found = flags(&document, "gross_range").as_array().expect("flags");
    assert_eq!(found.len(), points as usize);
    let failed: Vec<_> = (0..found.len()).filter(|at| found[*at] == 4).collect();
    assert_eq!(failed, [7, 100_007, 200_007]);
}
