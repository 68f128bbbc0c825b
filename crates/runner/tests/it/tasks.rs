//! Functions behind the port of the engine, as recorded from AWS.

use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_runner::Functions;
use stepwell_task::{
    IdempotencyKey, Job, Pulse, TaskFailure, TaskHandler, TaskOutcome, TaskRequest,
};
use tokio_util::sync::CancellationToken;

use crate::support::{ECHO, Fixture};

const INVOKE: &str = "arn:aws:states:::lambda:invoke";

async fn task(fixture: &Fixture, resource: &str, parameters: Value) -> TaskOutcome {
    let request = TaskRequest {
        execution_arn: "arn:e".into(),
        state_name: "State".into(),
        resource: resource.into(),
        parameters: Arc::new(parameters),
        key: IdempotencyKey::new("arn:e", 1),
        deadline: None,
        heartbeat: None,
        pulse: Pulse::silent(),
        job: Job::detached(),
    };
    Functions::new(fixture.runner.clone()).handle(request, CancellationToken::new()).await
}

async fn result(fixture: &Fixture, resource: &str, parameters: Value) -> Value {
    match task(fixture, resource, parameters).await {
        TaskOutcome::Succeeded(result) => Value::clone(&result),
        TaskOutcome::Failed(failure) => panic!("{failure:?}"),
    }
}

async fn failure(fixture: &Fixture, resource: &str, parameters: Value) -> TaskFailure {
    match task(fixture, resource, parameters).await {
        TaskOutcome::Succeeded(result) => panic!("{result}"),
        TaskOutcome::Failed(failure) => failure,
    }
}

async fn with_echo() -> Fixture {
    let fixture = Fixture::new().await;
    fixture.python("echo", ECHO).await;
    fixture
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn an_invocation_is_told_with_all_around_it() {
    let fixture = with_echo().await;
    let parameters = json!({"FunctionName": "echo", "Payload": {"body": "string body"}});
    let result = result(&fixture, INVOKE, parameters).await;
    let members =
        ["ExecutedVersion", "Payload", "SdkHttpMetadata", "SdkResponseMetadata", "StatusCode"];
    assert_eq!(keys(&result), members);
    assert_eq!(result["Payload"], json!({"body": "string body"}));
    let http = &result["SdkHttpMetadata"];
    let headers = [
        "Connection",
        "Content-Length",
        "Content-Type",
        "Date",
        "X-Amz-Executed-Version",
        "X-Amzn-Trace-Id",
        "x-amzn-Remapped-Content-Length",
        "x-amzn-RequestId",
    ];
    assert_eq!(keys(&http["HttpHeaders"]), headers);
    assert_eq!(keys(&http["AllHttpHeaders"]), headers);
    assert_eq!(http["HttpHeaders"]["Content-Length"], "23");
    assert_eq!(http["HttpStatusCode"], 200);
}

#[tokio::test]
async fn the_log_is_told_if_asked_for() {
    let fixture = with_echo().await;
    let parameters = json!({"FunctionName": "echo", "Payload": null, "LogType": "Tail"});
    let result = result(&fixture, INVOKE, parameters).await;
    assert_eq!(result["Payload"], json!({}));
    assert!(result["LogResult"].as_str().unwrap().starts_with("U1RBUlQg"));
    assert_eq!(result["SdkHttpMetadata"]["HttpHeaders"]["X-Amz-Log-Result"], result["LogResult"]);
}

#[tokio::test]
async fn an_arn_gives_the_payload_alone() {
    let fixture = with_echo().await;
    let arn = fixture.runner.arn("echo");
    for payload in [json!(0.0), json!("HelloWorld"), json!({"a": [1]}), json!(true)] {
        assert_eq!(result(&fixture, &arn, payload.clone()).await, payload);
    }
}

#[tokio::test]
async fn an_error_of_the_function_is_the_error_of_the_task() {
    let fixture = Fixture::new().await;
    let source =
        "def handler(event, context):\n    raise Exception('Some exception was raised.')\n";
    fixture.python("raises", source).await;
    let failed = failure(&fixture, INVOKE, json!({"FunctionName": "raises"})).await;
    assert_eq!(failed.error, "Exception");
    let cause: Value = serde_json::from_str(failed.cause.as_deref().unwrap()).unwrap();
    let members: Vec<_> = cause.as_object().unwrap().keys().collect();
    assert_eq!(members, ["errorMessage", "errorType", "requestId", "stackTrace"]);
}

#[tokio::test]
async fn an_error_of_lambda_is_told_as_by_its_sdk() {
    let fixture = with_echo().await;
    let failed = failure(&fixture, INVOKE, json!({"FunctionName": "no_such:$LATEST"})).await;
    assert_eq!(failed.error, "Lambda.ResourceNotFoundException");
    let cause = failed.cause.unwrap();
    let begins = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:no_such:$LATEST (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: ";
    assert!(cause.starts_with(begins) && cause.ends_with("; Proxy: null)"), "{cause}");
}

#[tokio::test]
async fn what_is_not_served_is_refused_by_name() {
    let fixture = with_echo().await;
    for (parameters, named) in [
        (json!({"FunctionName": "echo", "TenantId": "x"}), "`TenantId`"),
        (json!({"Payload": 1}), "`FunctionName`"),
        (json!({"FunctionName": "echo", "InvocationType": "DryRun"}), "`DryRun`"),
    ] {
        let failed = failure(&fixture, INVOKE, parameters).await;
        assert!(failed.cause.as_deref().unwrap().contains(named), "{failed:?}");
    }
}
