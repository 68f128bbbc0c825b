//! Against a double of DynamoDB and SNS, over their real protocols; the tables are read by the AWS SDK for Python.

use std::io::Write as _;
use std::process::Command;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_integrations::aws::{Connection, Credentials, Settings};
use stepwell_integrations::dynamodb::AwsTables;
use stepwell_pipeline::surroundings::{Aws, Provider, Services};

use crate::support::{Bench, example, input, items};

const REGION: &str = "eu-central-1";

/// What a reader in Python sees of a run.
const READER: &str = "
import boto3, json, sys
from boto3.dynamodb.conditions import Key
url, region, mark = sys.argv[1:]
aws = dict(endpoint_url=url, region_name=region, aws_access_key_id='test', aws_secret_access_key='aws-secret-key')
tables = boto3.resource('dynamodb', **aws)
runs = tables.Table(f'QCSummary-{mark}').query(KeyConditionExpression=Key('GroupID').eq('buoys'))['Items']
details = tables.Table(f'QCDetails-{mark}').query(KeyConditionExpression=Key('QCPID').eq(runs[0]['QCPID']))['Items']
print(json.dumps({'runs': runs, 'details': details}, default=int))
";

/// A topic with a queue behind it: made before a run, and read after it.
const TOPIC: &str = "
import boto3, json, sys
url, region, mark, step = sys.argv[1:]
aws = dict(endpoint_url=url, region_name=region, aws_access_key_id='test', aws_secret_access_key='aws-secret-key')
sns, sqs = boto3.client('sns', **aws), boto3.client('sqs', **aws)
queue = sqs.create_queue(QueueName=f'told-{mark}')['QueueUrl']
if step == 'make':
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
    sns.subscribe(TopicArn=sns.create_topic(Name=f'qc-{mark}')['TopicArn'], Protocol='sqs', Endpoint=arn)
else:
    found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get('Messages', [])
    print(json.dumps([json.loads(message['Body']) for message in found]))
";

fn variable(name: &str) -> Option<String> {
    let value = std::env::var(name).ok();
    if value.is_none() {
        assert!(std::env::var_os("STEPWELL_TEST_ALL").is_none(), "`{name}` is not set");
        // Not `eprintln!`, which the test harness keeps to itself.
        let _ = writeln!(std::io::stderr(), "\nSKIPPED: `{name}` is not set\n");
    }
    value
}

fn services(url: &str) -> Services {
    let aws = Aws {
        region: Some(REGION.to_owned()),
        endpoint_url: Some(url.to_owned()),
        access_key_id: Some("test".to_owned().into()),
        secret_access_key: Some("secret:aws".to_owned().into()),
        ..Aws::default()
    };
    Services { dynamodb: Provider::Aws, sns: Provider::Aws, aws, ..Services::default() }
}

/// A bench whose tables are this test's own.
fn bench(url: &str, mark: &str, topic: &str) -> Bench {
    let settings = json!({
        "summary_table": format!("QCSummary-{mark}"),
        "details_table": format!("QCDetails-{mark}"),
        "series_table": format!("QCSeries-{mark}"),
        "streams_table": format!("QCStreams-{mark}"),
        "topic": topic
    });
    Bench::on(settings, services(url))
}

fn given() -> Value {
    let config = json!({
        "cadence_s": 600,
        "process2": {"gross_range": {"fail": [0, 25], "suspect": [5, 13]}}
    });
    input(example(), config)
}

async fn connection(url: &str) -> Connection {
    let credentials = Credentials {
        access_key_id: "test".to_owned(),
        secret_access_key: "aws-secret-key".into(),
        session_token: None,
    };
    Connection::new(Settings {
        region: Some(REGION.to_owned()),
        endpoint_url: Some(url.to_owned()),
        credentials: Some(credentials),
        ..Settings::default()
    })
    .await
}

#[tokio::test]
async fn tables_of_dynamodb_hold_what_the_embedded_ones_hold() {
    let Some(url) = variable("STEPWELL_TEST_MOTO") else { return };
    let mark = format!("a{}", Timestamp::now().as_millisecond());
    let bench = bench(&url, &mark, "");
    let output = bench.verdict(given()).await;
    assert_eq!(output["Status"], "FAILED", "{output:#}");
    let embedded = Bench::new();
    embedded.verdict(given()).await;
    let tables = Arc::new(AwsTables::new(&connection(&url).await));
    for table in crate::support::TABLES {
        let found = items(tables.as_ref(), &format!("{table}-{mark}")).await;
        assert_eq!(found, embedded.items(table).await, "{table}");
    }
}

#[tokio::test]
async fn the_sdk_for_python_reads_runs_and_details() {
    let Some(url) = variable("STEPWELL_TEST_MOTO") else { return };
    let Some(python) = variable("STEPWELL_PYTHON") else { return };
    let mark = format!("b{}", Timestamp::now().as_millisecond());
    let output = bench(&url, &mark, "").verdict(given()).await;
    let read = Command::new(python).args(["-c", READER, &url, REGION, &mark]).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let read: Value = serde_json::from_slice(&read.stdout).unwrap();
    let run = &read["runs"][0];
    for name in
        ["GroupID", "StreamID", "QCPID", "StartTime", "Status", "TotalPass", "Rows", "Counts"]
    {
        assert_eq!(run[name], output[name], "{name}");
    }
    assert_eq!(run["Process2Pass"], 0);
    let numbers: Vec<_> =
        read["details"].as_array().unwrap().iter().map(|it| &it["ErrorNumber"]).collect();
    assert_eq!(numbers, [&json!(2_000_001), &json!(2_000_002)]);
}

#[tokio::test]
async fn a_subscriber_of_the_topic_gets_the_summary() {
    let Some(url) = variable("STEPWELL_TEST_MOTO") else { return };
    let Some(python) = variable("STEPWELL_PYTHON") else { return };
    let mark = format!("d{}", Timestamp::now().as_millisecond());
    let script = |step: &str| {
        let run = Command::new(&python).args(["-c", TOPIC, &url, REGION, &mark, step]).output();
        let run = run.unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        run.stdout
    };
    script("make");
    let output = bench(&url, &mark, &format!("qc-{mark}")).verdict(given()).await;
    let got: Value = serde_json::from_slice(&script("read")).unwrap();
    assert_eq!(got.as_array().map(Vec::len), Some(1), "{got:#}");
    assert_eq!(got[0]["Subject"], "QC FAILED buoys/7-temp 2026-03-01T12:00Z");
    assert_eq!(got[0]["MessageAttributes"]["Status"]["Value"], "FAILED");
    let text: Value = serde_json::from_str(got[0]["Message"].as_str().unwrap()).unwrap();
    assert_eq!((&text["QCPID"], &text["Counts"]), (&output["QCPID"], &output["Counts"]));
}

#[tokio::test]
async fn a_topic_that_is_not_there_is_told_and_the_verdict_stands() {
    let Some(url) = variable("STEPWELL_TEST_MOTO") else { return };
    let mark = format!("c{}", Timestamp::now().as_millisecond());
    // A name would be made.
    let topic = format!("arn:aws:sns:{REGION}:123456789012:nobody-{mark}");
    let bench = bench(&url, &mark, &topic);
    let output = bench.verdict(given()).await;
    assert_eq!(output["Status"], "FAILED");
    let cause = output["NotificationFailure"]["Cause"].as_str().unwrap();
    assert!(cause.contains(&topic), "{cause}");
}
