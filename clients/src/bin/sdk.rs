//! Drives the Step Functions API at the address that is given through the AWS SDK for Rust; panics at what it does not expect.

use aws_sdk_sfn::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sfn::error::ProvideErrorMetadata as _;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::{ExecutionStatus, HistoryEventType};
use aws_sdk_sfn::{Client, Config};
use aws_smithy_http_client::Builder;
use serde_json::json;

const ROLE: &str = "arn:aws:iam::000000000000:role/any";
const MISSING: &str = "arn:aws:states:us-east-1:000000000000:execution:none:e";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let address = std::env::args().nth(1).expect("the address is an argument");
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(address)
        .credentials_provider(Credentials::new("any", "any", None, None, "test"))
        .http_client(Builder::new().build_http());
    let client = Client::from_conf(config.build());
    errors(&client).await;
    let machine = create(&client).await;
    execution(&client, &machine).await;
    pages(&client, &machine).await;
}

async fn errors(client: &Client) {
    let missing = client.describe_execution().execution_arn(MISSING).send().await;
    let error = missing.unwrap_err().into_service_error();
    assert!(error.is_execution_does_not_exist(), "{error:?}");
    let refused =
        client.create_state_machine().name("sdk").role_arn(ROLE).definition("{}").send().await;
    assert_eq!(refused.unwrap_err().into_service_error().code(), Some("InvalidDefinition"));
}

async fn create(client: &Client) -> String {
    let state = json!({"Type": "Pass", "Result": {"n": 1.5}, "End": true});
    let definition = json!({"StartAt": "A", "States": {"A": state}}).to_string();
    let create = client.create_state_machine().name("sdk").role_arn(ROLE).definition(definition);
    create.send().await.unwrap().state_machine_arn
}

async fn execution(client: &Client, machine: &str) {
    let start = client.start_execution().state_machine_arn(machine).input(r#"{"a":1}"#);
    let started = start.send().await.unwrap();
    let ended = ended(client, started.execution_arn()).await;
    assert_eq!(ended.status(), &ExecutionStatus::Succeeded);
    assert_eq!(ended.output(), Some(r#"{"n":1.5}"#));
    assert_eq!(ended.start_date(), started.start_date());
    let history = client.get_execution_history().execution_arn(started.execution_arn());
    let events = history.max_results(1).into_paginator().items().send();
    let events = events.collect::<Result<Vec<_>, _>>().await.unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event.r#type().clone()).collect();
    let expected = [
        HistoryEventType::ExecutionStarted,
        HistoryEventType::PassStateEntered,
        HistoryEventType::PassStateExited,
        HistoryEventType::ExecutionSucceeded,
    ];
    assert_eq!(kinds, expected);
}

async fn ended(client: &Client, execution: &str) -> DescribeExecutionOutput {
    loop {
        let shown = client.describe_execution().execution_arn(execution).send().await.unwrap();
        if *shown.status() != ExecutionStatus::Running {
            return shown;
        }
    }
}

async fn pages(client: &Client, machine: &str) {
    for _ in 0..4 {
        client.start_execution().state_machine_arn(machine).send().await.unwrap();
    }
    let list = client.list_executions().state_machine_arn(machine).max_results(2);
    let listed = list.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
    assert_eq!(listed.len(), 5);
}
