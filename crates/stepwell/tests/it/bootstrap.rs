//! The program itself as a function of the runtime `provided.al2023`, which it also runs.

use std::fs;

use serde_json::{Value, json};

use crate::serve::Server;
use crate::support::{Project, poll};

const FUNCTION: &str = "
[functions.changes]
runtime = \"provided.al2023\"
handler = \"HANDLER\"
code = \"package\"
timeout_seconds = 60
";

const LAKE: &str = r#"
[pipelines.lake]
target = "lake"
grace_seconds = 0

[pipelines.lake.dynamodb]
landing = "s3://landing/changes"

[pipelines.lake.tables.orders]
source = "dynamodb"
read = "stream"
table = "orders"
mode = "append"
key = ["pk"]
partition_by = ["day(_changed_at)"]
settle_seconds = 0
columns = ["pk string not null", "total decimal(10,2)"]
"#;

/// A project whose function is this program, with this `stepwell.toml` in its package.
fn project(handler: &str, here: &str, package: &str) -> Project {
    let project = Project::configured(&format!("{here}{}", FUNCTION.replace("HANDLER", handler)));
    fs::create_dir(project.path().join("package")).unwrap();
    let (program, bootstrap) =
        (env!("CARGO_BIN_EXE_stepwell"), project.path().join("package/bootstrap"));
    // Not a symbolic one: a function has a `/tmp` of its own, where the program may lie.
    if fs::hard_link(program, &bootstrap).is_err() {
        fs::copy(program, bootstrap).unwrap();
    }
    project.write("package/stepwell.toml", package);
    project
}

fn machine(states: &Value) -> String {
    json!({"StartAt": "A", "States": states}).to_string()
}

fn invoke(payload: &Value) -> Value {
    json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "changes", "Payload": payload},
        "OutputPath": "$.Payload",
        "End": true,
    })
}

/// What the event source mapping of a Kinesis stream sends.
fn event() -> Value {
    // {"eventID":"1","eventName":"INSERT","tableName":"orders","dynamodb":{"ApproximateCreationDateTime":1772359200000,
    //  "Keys":{"pk":{"S":"a"}},"NewImage":{"pk":{"S":"a"},"total":{"N":"12.5"}}}}
    let data = "eyJldmVudElEIjoiMSIsImV2ZW50TmFtZSI6IklOU0VSVCIsInRhYmxlTmFtZSI6Im9yZGVycyIsImR5bmFtb2RiIjp7IkFwcHJveGltYXRlQ3JlYXRpb25EYXRlVGltZSI6MTc3MjM1OTIwMDAwMCwiS2V5cyI6eyJwayI6eyJTIjoiYSJ9fSwiTmV3SW1hZ2UiOnsicGsiOnsiUyI6ImEifSwidG90YWwiOnsiTiI6IjEyLjUifX19fQ==";
    let kinesis = json!({"sequenceNumber": "4959", "data": data, "approximateArrivalTimestamp": 1_772_359_201.5});
    json!({"Records": [{
        "kinesis": kinesis,
        "eventID": "shardId-000000000000:4959",
        "eventSource": "aws:kinesis",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/orders-changes",
    }]})
}

#[test]
fn changes_that_lambda_is_sent_come_through_a_bucket_into_the_lake() {
    // What another pipeline misses there is none of the function's business.
    let package = format!("[services]\ns3 = \"aws\"\n[pipelines.canvas]\n{LAKE}");
    let project = project("stepwell-lake-apply-changes", LAKE, &package);
    let bucket = json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:createBucket",
        "Parameters": {"Bucket": "landing"},
        "Next": "Send",
    });
    project.write("send.asl.json", &machine(&json!({"A": bucket, "Send": invoke(&event())})));
    let server = Server::start(&project, &[]);
    let sent = project.json(&["run", "send.asl.json"]);
    assert_eq!(sent["output"], json!({"batchItemFailures": []}), "{:?}", project.read("serve.log"));
    let kept = fs::read_dir(project.path().join("package")).unwrap();
    assert_eq!(kept.count(), 2, "the function keeps nothing in its package");
    let consumed = project.json(&["run", "lake-stream"]);
    assert_eq!(consumed["output"]["changes"], 1, "{consumed:#}");
    // What arrived in this second has settled with the next one.
    let row = poll("the row in the lake", || {
        project.ok(&["run", "lake"]);
        let rows = project.ok(&["lake", "query", "SELECT pk, total FROM orders", "--json"]);
        (!rows.is_empty()).then_some(rows)
    });
    assert_eq!(row, "{\"pk\":\"a\",\"total\":12.50}\n");
    server.stop();
}

#[test]
fn an_error_has_the_name_that_retry_and_catch_match() {
    let project = project("stepwell-lake-apply-changes", "", LAKE);
    project.write("send.asl.json", &machine(&json!({"A": invoke(&json!({"Records": 1}))})));
    let ended = project.run(&["run", "send.asl.json", "--json"]);
    let ended: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(ended["error"], "Config", "{ended:#}");
    let cause: Value = serde_json::from_str(ended["cause"].as_str().unwrap()).unwrap();
    assert!(cause["errorMessage"].as_str().unwrap().contains("Records"), "{cause}");
}

#[test]
fn a_handler_that_is_none_and_settings_that_are_missing_are_told_in_the_log() {
    for (handler, package, told) in [
        ("stepwell-lake-aply-changes", LAKE, "did you mean `stepwell-lake-apply-changes`?"),
        ("index.handler", LAKE, "`stepwell-lake-...`"),
        ("stepwell-lake-apply-changes", "", "pipelines.lake"),
    ] {
        let project = project(handler, "", package);
        assert_ne!(project.run(&["function", "invoke", "changes"]).code, Some(0));
        let log = project.ok(&["function", "logs", "changes"]);
        assert!(log.contains(told), "{handler}: {log}");
    }
}
